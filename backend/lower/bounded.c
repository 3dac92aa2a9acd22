/* Where bounded dims may be.  Memory is laid out for the bounds, with constant strides: an axis that ends early leaves
 * a gap, which nobody reads.  The caller's tensors have none; copies stand between.  Some operators' code still takes
 * operands for one dense run: there a bounded axis is the first that is longer than 1. */
#include "ir/bounded.h"
#include "backend/lower.h"
#include "ir/scan.h"

#include <string.h>

static bool refuse(const Node *node, const Type *type, Diag *diag)
{
    const Dim *dim = NULL;
    for (int axis = type->rank - 1; axis >= 0; axis--)
        if (!dim_is_fixed(&type->dim[axis])) dim = &type->dim[axis];
    diag_error(diag, E0308, node_span(node), "%s: no code for the bounded dim %s of %s", node_def(node)->name,
               dim_text(diag->arena, dim), type_text(diag->arena, type));
    return diag_help(diag,
                     "fix it, as in --dim %s=%lld; this operator may know bounded dims along the first axis that is "
                     "longer than 1",
                     dim->name, (long long)dim->high);
}

static bool axes_are_fixed(const Type *type, int first, int last)
{
    bool fixed = true;
    for (int axis = first < 0 ? 0 : first; axis < last && axis < type->rank; axis++)
        fixed = fixed && dim_is_fixed(&type->dim[axis]);
    return fixed;
}

/* Of images all but their channels; kernels are fixed, and read the same around an image of any size. */
static bool contracts_fixed(const Node *node)
{
    const Type *x = value_type(node->inputs[0]), *weight = value_type(node->inputs[1]);
    Contraction shape;
    node_def(node)->contract(node, &shape);
    if (!contraction_is_image(&shape, node)) return true;
    return axes_are_fixed(x, 3, 4) && type_is_fixed(weight) && node_is_uniform(node);
}

static bool pieces_are_able(const Node *node)
{
    Dim begin[MAX_RANK], size[MAX_RANK];
    SizedNumber from[MAX_RANK];
    Piece piece;
    bool able = true;
    for (int64_t i = 0; able && node_def(node)->piece(node, i, &piece); i++)
        able = node_piece_dims(node, i, begin, size, from);
    return able;
}

static bool has_gaps(const Node *node)
{
    bool gaps = false;
    for (int i = 0; i < node->ninputs; i++) gaps |= node->inputs[i].node && type_has_gaps(value_type(node->inputs[i]));
    for (int i = 0; i < node->nresults; i++) gaps |= type_has_gaps(&node->types[i]);
    return gaps;
}

static const NestBounds nest_bounds[OP_COUNT] = {
#define NEST(op, bounds) [OP_##op] = bounds,
#include "ir/nests.def"
};

static bool nest_is_able(const Node *node)
{
    const Type *x = value_type(node->inputs[0]), *result = &node->types[0];
    bool rows = axes_are_fixed(x, x->rank - 1, x->rank) && axes_are_fixed(result, result->rank - 1, result->rank);
    switch (nest_bounds[node->op]) {
    case BOUNDED_ROWS: return rows;
    case BOUNDED_LINES: return rows && !has_gaps(node);
    case BOUNDED_ANYWHERE: return true;
    default: return false;
    }
}

/* Of the axes first .. last - 1 only the first that is longer than 1 is bounded. */
static bool run_is_dense(const Type *type, int first, int last)
{
    Type run = {.rank = last - first};
    memcpy(run.dim, type->dim + first, (size_t)run.rank * sizeof *run.dim);
    return !type_has_gaps(&run);
}

/* Both sides of a reshape have strides of the bounds.  They are the same memory where their axes fall apart into runs
 * of as many elements, of which each is dense: a bounded axis begins a run on both sides. */
static bool is_alias(const Type *from, const Type *to)
{
    for (int i = 0, j = 0; i < from->rank || j < to->rank;) {
        int first[] = {i, j};
        int64_t left = i < from->rank ? from->dim[i++].high : 1, right = j < to->rank ? to->dim[j++].high : 1;
        while (left != right && (left < right ? i < from->rank : j < to->rank)) {
            if (left < right)
                left *= from->dim[i++].high;
            else
                right *= to->dim[j++].high;
        }
        if (left != right || !run_is_dense(from, first[0], i) || !run_is_dense(to, first[1], j)) return false;
    }
    return true;
}

static bool view_is_able(const Node *node)
{
    IndexMap map;
    SizedNumber offset[MAX_RANK];
    if (!node_is_uniform(node)) return false;
    if (!node_def(node)->view(node, &map)) return true;
    return map.linear ? is_alias(value_type(node->inputs[0]), &node->types[0]) : node_view_offsets(node, offset);
}

/* What a scan carries is copied as one run. */
static bool carries_lines(const Node *scan)
{
    bool lines = true;
    for (int i = scan_gathered(scan); i < scan->nresults; i++) lines = lines && !type_has_gaps(&scan->types[i]);
    return lines;
}

/* Nests of these count on what is at most one to be there. */
static bool perhaps_one(const Node *node)
{
    bool perhaps = false;
    for (int i = 0; i <= node->ninputs; i++) {
        const Type *type = i == node->ninputs     ? &node->types[0]
                           : node->inputs[i].node ? value_type(node->inputs[i])
                                                  : NULL;
        for (int axis = 0; type && axis < type->rank; axis++)
            perhaps |= type->dim[axis].high == 1 && type->dim[axis].low == 0;
    }
    return perhaps;
}

static bool kind_is_able(const Node *node)
{
    const Type *x = node->ninputs && node->inputs[0].node ? value_type(node->inputs[0]) : NULL;
    switch (node_def(node)->kind) {
    case KIND_VIEW: return view_is_able(node);
    case KIND_WINDOW: return node_is_uniform(node) && axes_are_fixed(x, 3, 4) && !perhaps_one(node);
    case KIND_CONTRACT: return contracts_fixed(node) && !perhaps_one(node);
    case KIND_PIECES: return pieces_are_able(node);
    case KIND_NEST: return nest_is_able(node);
    case KIND_LOOP: return carries_lines(node);
    case KIND_BRANCH:
    case KIND_MAP:
    case KIND_INDEX:
    case KIND_SCATTER:
    case KIND_ROW:
    case KIND_REDUCE:
    case KIND_PREFIX:
    case KIND_IOTA:
    case KIND_SOURCE: return true;
    default: return false;
    }
}

static const Type *bounded_type(const Node *node)
{
    const Type *found = NULL;
    for (int i = 0; i < node->ninputs; i++)
        if (node->inputs[i].node && !type_is_fixed(value_type(node->inputs[i]))) found = value_type(node->inputs[i]);
    for (int i = 0; i < node->nresults; i++)
        if (!type_is_fixed(&node->types[i])) found = &node->types[i];
    return found;
}

static const Dim *may_be_empty(const Type *type)
{
    for (int axis = 0; axis < type->rank; axis++)
        if (type->dim[axis].low == 0) return &type->dim[axis];
    return NULL;
}

/* A nest of its own makes something of something: what of nothing is, other operators say. */
static bool check_nest(const Node *node, Diag *diag)
{
    for (int i = 0; i < node->ninputs; i++) {
        const Dim *dim = node->inputs[i].node ? may_be_empty(value_type(node->inputs[i])) : NULL;
        if (!dim || may_be_empty(&node->types[0])) continue;
        diag_error(diag, E0308, node_span(node), "%s: no code for %s without elements, which its result has even so",
                   node_def(node)->name, type_text(diag->arena, value_type(node->inputs[i])));
        return diag_help(diag, "let the dim begin at 1, as in --dim %s=1..%lld", dim->name, (long long)dim->high);
    }
    return true;
}

/* A dim that is 1 at some sizes only, where the result's is not: whether it is stretched is known when code runs. */
static const Dim *perhaps_stretched(const Type *from, const Type *to)
{
    int missing = to->rank - from->rank;
    for (int axis = 0; axis < from->rank; axis++) {
        const Dim *dim = &from->dim[axis];
        if (dim->low < 2 && dim->high > 1 && !dim_equal(dim, &to->dim[axis + missing])) return dim;
    }
    return NULL;
}

/* Maps stretch their operands to the result, reading at computed places its indices, writing them to the updates. */
static bool check_stretching(const Node *node, Diag *diag)
{
    OpKind kind = node_def(node)->kind;
    if (kind != KIND_MAP && kind != KIND_INDEX && kind != KIND_SCATTER) return true;
    const Type *to = kind == KIND_SCATTER ? value_type(node->inputs[1]) : &node->types[0];
    for (int i = kind == KIND_MAP ? 0 : 1; i < node->ninputs; i++) {
        const Dim *dim = node->inputs[i].node ? perhaps_stretched(value_type(node->inputs[i]), to) : NULL;
        if (!dim) continue;
        diag_error(diag, E0308, node_span(node), "%s: no code for %s, of which %s is stretched where it is 1",
                   node_def(node)->name, type_text(diag->arena, value_type(node->inputs[i])),
                   dim_text(diag->arena, dim));
        return diag_help(diag, "fix it, as in --dim %s=%lld", dim->name, (long long)dim->high);
    }
    return true;
}

static bool check_node(const Node *node, Diag *diag)
{
    const Type *found = bounded_type(node);
    if (!found) return true;
    if (!kind_is_able(node)) return refuse(node, found, diag);
    if (!check_stretching(node, diag)) return false;
    return node_def(node)->kind != KIND_NEST || check_nest(node, diag);
}

/* A dump may say that anybody reads the caller's tensors; code for that is only of copies. */
static bool check_ports(const Node *node, Diag *diag)
{
    Value *captures, from;
    int count = node_captures(node, &captures);
    bool copy = port_copy_of(node, &from), good = true;
    for (int i = 0; i < node->nresults && node->places; i++)
        good = good && (copy || node->places[i].space != SPACE_OUTPUT || !type_has_gaps(&node->types[i]));
    for (int i = 0; i < count; i++) {
        const Place *place = captures[i].node->places ? &captures[i].node->places[captures[i].slot] : NULL;
        bool users = place && (place->space == SPACE_INPUT || place->space == SPACE_OUTPUT);
        good = good && (copy || !users || !type_has_gaps(value_type(captures[i])));
    }
    return good || diag_error(diag, E0605, node_span(node),
                              "`%s` reads or writes a tensor of the caller that a copy must stand before", node->name);
}

bool lower_can_bound(const Graph *graph, Diag *diag)
{
    bool good = true;
    if (!graph_root(graph)->ndims) return true;
    for (const Node *node = graph->first; node; node = node->next) {
        if (node_def(node)->kind != KIND_GROUP) good = check_node(node, diag) && good;
        if (node_is_step(node)) good = check_ports(node, diag) && good;
        for (int i = 0; i < node->nregions; i++) good = lower_can_bound(node->regions[i], diag) && good;
    }
    return good;
}
