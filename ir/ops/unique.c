/* What a tensor holds more than once, once each: slices are sorted, so that equal ones lie side by side, and those that
 * differ from the one before begin a group. */
#include "ir/ops/kept.h"
#include "ir/ops/make_scan.h"
#include "ir/signal.h"
#include "ir/top.h"

enum { VALUES, INDICES, INVERSE, COUNTS };

static int axis_of(const Node *node)
{
    int64_t axis = ((const UniqueAttrs *)node->attrs)->axis;
    return (int)(axis < 0 ? axis + operand_type(node, 0)->rank : axis);
}

static bool infer_unique(const Node *node, Type *out, Diag *diag)
{
    const Type *x = operand_type(node, 0);
    int axis;
    Dim found;
    if (!need_fixed(node, 0, diag) || !need_dtype(node, 0, ACCEPT_COMPUTED, diag)) return false;
    if (!need_axis(node, ((const UniqueAttrs *)node->attrs)->axis, x->rank, &axis, diag)) return false;
    int64_t size = x->dim[axis].high;
    if (!count_dim(node, size, &found, diag)) return false;
    out[VALUES] = *x;
    out[VALUES].dim[axis] = found;
    out[INVERSE] = out[INDICES] = type_tensor(I64, 1, &size);
    out[INDICES].dim[0] = found;
    out[COUNTS] = out[INDICES];
    return true;
}

/* ---- the order of slices ---- */

/* All that stand at one place of the slices, in rows; the last place first. */
static Value make_places(const Maker *m, int axis)
{
    Value x = m->node->inputs[0];
    const Type *type = value_type(x);
    const int64_t size = type->dim[axis].high, places[] = {type_elements(type) / size, size};
    TransposeAttrs attrs = {.permute = {.count = type->rank}};
    for (int i = 0; i < type->rank; i++) attrs.permute.at[i] = i < axis ? i : i + 1;
    attrs.permute.at[type->rank - 1] = axis;
    Value rows = make_reshape(m, make(m, OP_transpose, &attrs, 1, &x), 2, places);
    return make(m, OP_reverse, &(ReverseAttrs){.axes = {1, {0}}}, 1, &rows);
}

static Value make_order(const Maker *m, Value line)
{
    if (!line.node) return line;
    const TopAttrs all = {.k = value_type(line)->dim[0].high, .axis = 0, .largest = false};
    return make(m, OP_top_indices, &all, 1, &line);
}

/* Which slice comes first, which second ...: sorted by one place after the other from the last to the first, each time
 * keeping those that are equal as they are; so by the first place in which they differ, then by where they are. */
static Value make_slice_order(const Maker *m, int axis)
{
    const Type *x = operand_type(m->node, 0);
    const int64_t size = x->dim[axis].high, whole[] = {size};
    if (type_elements(x) == size) return make_order(m, make_reshape(m, m->node->inputs[0], 1, whole));
    Value places = make_places(m, axis), as_they_are = make_coordinates(m, I64, 1, 0, x->dim[axis]);
    if (!places.node || !as_they_are.node) return (Value){NULL, 0};
    Value operands[] = {places, as_they_are};
    ScanMaker s = make_scan(m, &(ScanAttrs){.axes = {1, {0}}}, 2, operands, (const char *const[]){"place", "order"});
    if (!s.scan) return (Value){NULL, 0};
    Value order = make_order(&s.turn, make_gather(&s.turn, s.inputs[0], s.inputs[1], 0));
    make_scan_next(&s, make_gather(&s.turn, s.inputs[1], order, 0));
    return make_scan_end(&s);
}

/* Numbers are equal as they compare, and one NaN is another. */
static Value make_differ(const Maker *m, Value a, Value b)
{
    Value differ = make_unary(m, OP_logical_not, make_binary(m, OP_equal, a, b));
    if (!a.node || !dtype_is_float(value_type(a)->dtype)) return differ;
    Value a_is_none = make_unary(m, OP_is_nan, a), b_is_none = make_unary(m, OP_is_nan, b);
    Value both = make_binary(m, OP_logical_and, a_is_none, b_is_none);
    return make_binary(m, OP_logical_and, differ, make_unary(m, OP_logical_not, both));
}

/* Whether a slice, in order, is another than the one before; the first one is: bool[size]. */
static Value make_begins(const Maker *m, Value order, int axis)
{
    const Type *x = operand_type(m->node, 0);
    const int64_t size = x->dim[axis].high;
    Value sorted = make_gather(m, m->node->inputs[0], order, axis);
    Value after = make_slice(m, sorted, axis, 1, size), before = make_slice(m, sorted, axis, 0, size - 1);
    Value differ = make_differ(m, after, before);
    ReduceAttrs others = {.axes = {.count = 0}};
    for (int i = 0; i < x->rank; i++)
        if (i != axis) others.axes.at[others.axes.count++] = i;
    if (others.axes.count) {
        Value as_number = make_cast(m, differ, I32);
        differ = make_cast(m, make(m, OP_reduce_max, &others, 1, &as_number), BOOL);
    }
    Value parts[] = {make_reals(m, BOOL, 1, (const int64_t[]){1}, (const double[]){1}), differ};
    return make(m, OP_concat, &(ConcatAttrs){.axis = 0}, 2, parts);
}

/* ---- what is found ---- */

typedef struct Groups {
    int64_t size;
    Value order;  /* of the slices: which comes first, which second ... */
    Value begins; /* in that order: whether a group begins */
    Value number; /* in that order: of its group, by the place in order */
} Groups;

static Value make_zeros(const Maker *m, Dtype dtype, int64_t size)
{
    Tensor zeros = tensor_new(m->graph->arena, type_tensor(dtype, 1, &size));
    return make_tensor(m, &zeros);
}

/* What stands in order, where the slices are. */
static Value make_back(const Maker *m, const Groups *g, Value in_order)
{
    if (!in_order.node) return in_order;
    return make_put(m, make_zeros(m, value_type(in_order)->dtype, g->size), in_order, g->order, MEET_NONE);
}

/* Groups as they come in order; each begins with the first of the slices that are equal. */
static void find_sorted(const Maker *m, Groups *g, Kept *kept, Value *out)
{
    Value at = make_kept(m, g->begins, kept);
    out[INDICES] = make_gather(m, g->order, at, 0);
}

/* Groups as their first slices come: numbered by how many of these there are before. */
static void find_first(const Maker *m, Groups *g, Kept *kept, Value *out)
{
    Value firsts = make_back(m, g, g->begins);
    out[INDICES] = make_kept(m, firsts, kept);
    Value before = make_running_sum(m, make_cast(m, firsts, I64), true);
    Value nowhere = make_number(m, I64, (double)g->size);
    Value to = make_where(m, g->begins, g->number, nowhere);
    Value first = make_put(m, make_zeros(m, I64, g->size), g->order, to, MEET_NONE);
    g->number = make_gather(m, before, make_gather(m, first, g->number, 0), 0);
}

/* Of each in order how many groups began before its own. */
static Value make_group_numbers(const Maker *m, Value begins)
{
    Value ones = make_cast(m, begins, I64), before = make_running_sum(m, ones, true);
    return make_binary(m, OP_add, before, make_with_number(m, OP_sub, ones, 1));
}

static bool expand_unique(const Maker *m, Value *out)
{
    int axis = axis_of(m->node);
    Groups g = {.size = operand_type(m->node, 0)->dim[axis].high, .order = make_slice_order(m, axis)};
    Kept kept;
    g.begins = make_begins(m, g.order, axis);
    if (!g.begins.node) return false;
    g.number = make_group_numbers(m, g.begins);
    if (((const UniqueAttrs *)m->node->attrs)->sorted)
        find_sorted(m, &g, &kept, out);
    else
        find_first(m, &g, &kept, out);
    out[VALUES] = make_gather(m, m->node->inputs[0], out[INDICES], axis);
    out[INVERSE] = make_back(m, &g, g.number);
    Value room = make_room(m, &kept), one = make_number(m, I64, 1);
    BroadcastAttrs each = {.shape = {1, {g.size}}};
    Value ones = make(m, OP_broadcast, &each, 1, &one);
    out[COUNTS] = make_shortened(m, make_put(m, room, ones, g.number, MEET_ADD), &kept, 0);
    return out[VALUES].node && out[INVERSE].node && out[COUNTS].node;
}

static const Operand operands[] = {{.name = "x", .doc = "numbers or bool, at least one axis, of fixed dims"}};
static const char *const results[] = {"values", "indices", "inverse", "counts"};

const OpDef op_unique = {
    .name = "unique",
    .doc = "The slices of x along an axis that differ, each once: `values`; where each comes first, `indices`; for "
           "each slice of x which of the values it is, `inverse`; and how often each comes, `counts`. In ascending "
           "order, by the first element that differs, NaN above all; or as they come first. NaNs are equal, as are 0 "
           "and -0. Where `count` names a dim, the values that it has no room for are left out, though `inverse` "
           "numbers them.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = operands,
    .nresults = 4,
    .results = results,
    .attrs = ATTRS(UniqueAttrs, ATTR_COUNT(UniqueAttrs),
                   ATTR(UniqueAttrs, axis, .kind = ATTR_INT, .low = -MAX_RANK, .high = MAX_RANK - 1,
                        .doc = "negative from the end"),
                   ATTR(UniqueAttrs, sorted, .kind = ATTR_BOOL, .fallback = 1, .doc = "or else as they come first")),
    .infer = infer_unique,
    .expand = expand_unique,
    .counts = true,
};
