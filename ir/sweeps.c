#include "ir/sweeps.h"

/* A store and a load are worth this many operations. */
enum { KEEPING_COST = 2, ALIGN = 64 };

/* ---- shapes ---- */

/* The row's shape with the reduced axes, of size 1, or without them. */
static Type row_shape(const Type *type, const bool *axis, bool keep)
{
    Type row = {.dtype = type->dtype};
    for (int i = 0; i < type->rank; i++) {
        if (axis[i] && !keep) continue;
        row.dim[row.rank++] = axis[i] ? dim_fixed(1) : type->dim[i];
    }
    return row;
}

bool sweeps_is_row_shape(const Type *type, const bool *axis, const Type *row)
{
    const Type kept = row_shape(type, axis, true), dropped = row_shape(type, axis, false);
    return type_same_shape(row, &kept) || type_same_shape(row, &dropped);
}

IndexMap sweeps_row_map(const Sweeps *s, const Type *row)
{
    IndexMap map = {0};
    int at = 0;
    for (int axis = 0; axis < s->type.rank; axis++) {
        if (s->axis[axis] && row->rank != s->type.rank) continue;
        map.stride[at++][axis] = !s->axis[axis];
    }
    return map;
}

bool sweeps_row_meets(const Type *type, const bool *axis, const Type *row)
{
    bool leading = true;
    for (int i = type->rank - row->rank; i < type->rank; i++) leading = leading && !axis[i];
    return row->rank == type->rank || leading;
}

bool sweeps_run_across(const Sweeps *s)
{
    int last = -1;
    for (int axis = 0; axis < s->type.rank; axis++)
        if (s->type.dim[axis].high != 1) last = axis;
    return last >= 0 && !s->axis[last];
}

/* ---- forms ---- */

const SweepValue *sweeps_find(const Sweeps *s, const Node *node)
{
    const int64_t *number = node_map_find(s->numbers, node);
    return number ? &s->values[*number - 1] : NULL;
}

static SweepValue *find(const Sweeps *s, const Node *node) { return (SweepValue *)sweeps_find(s, node); }

static const char *form_of_reduction(const Sweeps *s, SweepValue *value)
{
    const Node *node = value->node;
    const SweepValue *operand = sweeps_find(s, node->inputs[0].node);
    Reduction reduction;
    node_def(node)->reduce(node, &reduction);
    if (!type_same_shape(value_type(node->inputs[0]), &s->type)) return "its reductions are not of one shape";
    for (int axis = 0; axis < s->type.rank; axis++)
        if (reduction.axis[axis] != s->axis[axis]) return "its reductions are not over the same axes";
    if (operand && operand->form == SWEEP_ROW) return "it reduces what is a number of the row";
    value->form = SWEEP_ROW;
    value->depth = operand ? operand->depth + 1 : 1;
    return value->depth <= MOST_SWEEPS ? NULL : "it goes over rows too often";
}

static const char *form_of_map(const Sweeps *s, SweepValue *value)
{
    const Type *type = &value->node->types[0];
    for (int i = 0; i < value->node->ninputs; i++) {
        const SweepValue *operand = sweeps_find(s, value->node->inputs[i].node);
        if (operand && operand->depth > value->depth) value->depth = operand->depth;
    }
    if (!value->depth) return NULL;
    if (node_def(value->node)->kind != KIND_MAP) return "something else than element-wise work follows a reduction";
    value->form = type_same_shape(type, &s->type) ? SWEEP_ELEMENT : SWEEP_ROW;
    if (value->form == SWEEP_ROW && !sweeps_is_row_shape(&s->type, s->axis, type))
        return "what follows a reduction has neither its shape nor that of what it reduces";
    for (int i = 0; i < value->node->ninputs; i++) {
        const SweepValue *operand = sweeps_find(s, value->node->inputs[i].node);
        if (!operand || operand->form == SWEEP_BEFORE) continue;
        bool same = type_same_shape(&operand->node->types[0], type);
        if (!same && (value->form == SWEEP_ROW || operand->form == SWEEP_ELEMENT ||
                      !sweeps_row_meets(&s->type, s->axis, &operand->node->types[0])))
            return "a number of the row does not meet what it is combined with";
    }
    return NULL;
}

static const char *find_forms(Arena *arena, const Group *group, Sweeps *s)
{
    for (const Node *node = group->body->first; node; node = node->next) s->nvalues++;
    s->values = ARENA_ARRAY(arena, SweepValue, s->nvalues);
    s->numbers = node_map_new(arena);
    int count = 0;
    for (const Node *node = group->body->first; node; node = node->next) {
        SweepValue *value = &s->values[count];
        value->node = node;
        const char *why = node_def(node)->kind == KIND_REDUCE ? form_of_reduction(s, value) : form_of_map(s, value);
        if (why) return why;
        *node_map_cell(s->numbers, node) = ++count;
        if (node_def(node)->kind == KIND_REDUCE && value->depth > s->count) s->count = value->depth;
    }
    return NULL;
}

/* ---- what is kept ---- */

/* Has it an element for each of the row's, and are these computed? */
static bool may_be_kept(const Sweeps *s, const SweepValue *value)
{
    return node_def(value->node)->kind == KIND_MAP && value->form != SWEEP_ROW &&
           type_same_shape(&value->node->types[0], &s->type);
}

/* An element's operations, with those of all that it is made of, and loads of what has an element for each. */
static void find_cost(const Sweeps *s, SweepValue *value)
{
    OpKind kind = node_def(value->node)->kind;
    if (kind == KIND_REDUCE) return;
    value->cost = kind == KIND_MAP ? node_map_cost(value->node) : 1;
    for (int i = 0; i < value->node->ninputs; i++) {
        const SweepValue *operand = sweeps_find(s, value->node->inputs[i].node);
        if (operand && operand->form != SWEEP_ROW) value->cost += operand->kept ? 1 : operand->cost;
        if (!operand && type_elements(value_type(value->node->inputs[i])) > 1) value->cost++;
    }
}

static bool is_power_of_two(unsigned n) { return (n & (n - 1)) == 0; }

/* From the last value on: what a sweep computes needs what it is made of, unless that is kept from an earlier one. */
static void find_wanted(Sweeps *s, Value result)
{
    for (int i = 0; i < s->nvalues; i++) s->values[i].wanted = 0;
    if (s->writes) find(s, result.node)->wanted = 1U << s->count;
    for (int i = s->nvalues; i-- > 0;) {
        SweepValue *value = &s->values[i];
        if (value->form == SWEEP_ROW) value->wanted = 1U << (value->depth - 1);
        if (value->form == SWEEP_ROW && node_def(value->node)->kind != KIND_REDUCE) continue;
        unsigned own = value->kept ? value->wanted & (0U - value->wanted) : value->wanted;
        for (int j = 0; j < value->node->ninputs; j++) {
            SweepValue *operand = find(s, value->node->inputs[j].node);
            if (operand && operand->form != SWEEP_ROW) operand->wanted |= own;
        }
    }
}

static void choose_kept(Sweeps *s, Value result, int64_t row_bytes)
{
    find_wanted(s, result);
    for (int i = 0; i < s->nvalues; i++) {
        SweepValue *value = &s->values[i];
        find_cost(s, value);
        bool again = !is_power_of_two(value->wanted) && row_bytes <= MOST_ROW_BYTES;
        value->kept = again && may_be_kept(s, value) && value->cost > KEEPING_COST;
    }
    find_wanted(s, result);
    for (int i = 0; i < s->nvalues; i++)
        if (is_power_of_two(s->values[i].wanted)) s->values[i].kept = false;
}

/* A row lies dense in scratch, and of each of its elements as many as there are lanes that have rows of their own. */
static int64_t set_strides(Sweeps *s, int64_t lanes)
{
    int64_t elements = sweeps_run_across(s) ? lanes : 1;
    for (int axis = s->type.rank - 1; axis >= 0; axis--) {
        if (!s->axis[axis]) continue;
        s->stride[axis] = elements;
        elements *= s->type.dim[axis].high;
    }
    return elements;
}

static void set_scratch(Sweeps *s, int64_t elements)
{
    for (int i = 0; i < s->nvalues; i++) {
        SweepValue *value = &s->values[i];
        if (!value->kept) continue;
        value->offset = s->scratch;
        s->scratch += (dtype_bytes(value->node->types[0].dtype, elements) + ALIGN - 1) / ALIGN * ALIGN;
    }
}

bool sweeps_of(Arena *arena, const Group *group, int64_t lanes, Sweeps *out, const char **why)
{
    Reduction reduction;
    node_def(group->anchor)->reduce(group->anchor, &reduction);
    *out = (Sweeps){.type = *value_type(group->anchor->inputs[0])};
    for (int axis = 0; axis < out->type.rank; axis++) out->axis[axis] = reduction.axis[axis];
    *why = find_forms(arena, group, out);
    if (*why) return false;
    Value result = group->body->results[0].value;
    const SweepValue *last = sweeps_find(out, result.node);
    if (!last || last->form == SWEEP_BEFORE) *why = "its result has nothing to do with its reductions";
    if (last && last->depth < out->count) *why = "a reduction is not part of its result";
    if (*why) return false;
    out->writes = last->form == SWEEP_ELEMENT;
    int64_t elements = set_strides(out, lanes);
    choose_kept(out, result, dtype_bytes(out->type.dtype, elements));
    set_scratch(out, elements);
    return true;
}
