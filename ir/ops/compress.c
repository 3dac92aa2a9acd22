/* What a mask chooses, as much as there is. */
#include "ir/ops/kept.h"

/* ---- compress ---- */

enum { DATA, CONDITION };

static const Operand chosen[] = {
    {.name = "x", .doc = "any shape"},
    {.name = "condition", .flags = OPERAND_CONDITION, .doc = "bool[n], n no greater than the axis of x"}};

static int axis_of(const Node *node)
{
    int64_t axis = ((const CompressAttrs *)node->attrs)->axis;
    return (int)(axis < 0 ? axis + operand_type(node, DATA)->rank : axis);
}

static bool infer_compress(const Node *node, Type *out, Diag *diag)
{
    const Type *x = operand_type(node, DATA), *condition = operand_type(node, CONDITION);
    int axis;
    if (!need_axis(node, ((const CompressAttrs *)node->attrs)->axis, x->rank, &axis, diag)) return false;
    if (!need_dtype(node, CONDITION, ACCEPT_BOOL, diag) || !need_rank(node, CONDITION, 1, "[n]", diag)) return false;
    *out = *x;
    if (condition->dim[0].high <= x->dim[axis].high)
        return count_dim(node, condition->dim[0].high, &out->dim[axis], diag);
    diag_error(diag, E0301, node_span(node), "compress: %s is longer than axis %d of %s",
               operand_text(node, CONDITION, diag->arena), axis, operand_text(node, DATA, diag->arena));
    return diag_help(diag, "a condition has one element for each index along the axis");
}

/* Slices of x, of which there may be fewer than fit, go where they belong one after the other: none is looked for at
 * a place that is known only when running. */
static Value make_moved(const Maker *m, Kept *kept)
{
    Value x = m->node->inputs[DATA];
    const Type *type = value_type(x);
    int axis = axis_of(m->node);
    BroadcastAttrs room = {.shape = {.count = type->rank}};
    PutAttrs attrs = {.from = {.count = type->rank}};
    Dim *dims = ARENA_ARRAY(m->graph->arena, Dim, type->rank), along[MAX_RANK];
    Value place = make_destinations(m, m->node->inputs[CONDITION], kept);
    for (int i = 0; i < type->rank; i++) {
        dims[i] = i == axis ? dim_fixed(kept_room(m, kept)) : type->dim[i];
        along[i] = i == axis ? type->dim[i] : dim_fixed(1);
        room.shape.at[i] = dims[i].high;
        if (!dim_is_fixed(&dims[i])) room.shape_dims = dims;
        attrs.from.at[i] = i == axis ? -1 : i;
    }
    Value nothing = make_number(m, type->dtype, 0), empty = make(m, OP_broadcast, &room, 1, &nothing);
    Value operands[] = {empty, x, make_reshape_to(m, place, type->rank, along)};
    return make_shortened(m, make(m, OP_put, &attrs, 3, operands), kept, axis);
}

static bool expand_compress(const Maker *m, Value *out)
{
    Kept kept;
    const Dim *found = &operand_type(m->node, CONDITION)->dim[0];
    const Dim *dim = &operand_type(m->node, DATA)->dim[axis_of(m->node)];
    if (!dim_is_fixed(dim) && dim_equal(dim, found)) {
        out[0] = make_moved(m, &kept);
        return out[0].node != NULL;
    }
    Value index = make_kept(m, m->node->inputs[CONDITION], &kept);
    out[0] = make_gather(m, m->node->inputs[DATA], index, axis_of(m->node));
    return out[0].node != NULL;
}

static bool fitting_condition(int index, const Type *first, int64_t number, Type *out)
{
    if (index != CONDITION || !first->rank) return false;
    *out = type_tensor(BOOL, 1, &first->dim[number % first->rank].high);
    return true;
}

const OpDef op_compress = {
    .name = "compress",
    .doc = "The slices of x along an axis for which the condition holds, in their order, as many as there are; no more "
           "than a dim that `count` names may be long.",
    .kind = KIND_COMPOSITE,
    .noperands = 2,
    .operands = chosen,
    .attrs = ATTRS(CompressAttrs, ATTR_COUNT(CompressAttrs),
                   ATTR(CompressAttrs, axis, .kind = ATTR_INT, .low = -MAX_RANK, .high = MAX_RANK - 1,
                        .doc = "negative from the end")),
    .infer = infer_compress,
    .expand = expand_compress,
    .fitting = fitting_condition,
    .counts = true,
};

/* ---- nonzero ---- */

static const Operand operands[] = {{.name = "x", .doc = "numbers or bool, at least one axis"}};

static bool infer_nonzero(const Node *node, Type *out, Diag *diag)
{
    const Type *x = operand_type(node, 0);
    if (!need_dtype(node, 0, ACCEPT_COMPUTED, diag)) return false;
    if (!x->rank) {
        diag_error(diag, E0301, node_span(node), "nonzero: expected at least one axis, found %s",
                   operand_text(node, 0, diag->arena));
        return diag_help(diag, "write reshape(x, shape: [1])");
    }
    const int64_t dims[] = {1, x->rank};
    *out = type_tensor(I64, 2, dims);
    return count_dim(node, type_elements(x), &out->dim[0], diag);
}

/* [.., T, rank] of x: [.., T]: each element's coordinates. */
static Value make_own_coordinates(const Maker *m, const Type *x)
{
    int rank = x->rank;
    Value own = make_axis_numbers(m, x, 0, rank + 1);
    Value column = make_coordinates(m, I64, rank + 1, rank, dim_fixed(rank));
    for (int axis = 1; axis < rank; axis++) {
        Value is_before = make_binary(m, OP_less, column, make_number(m, I64, axis));
        own = make_where(m, is_before, own, make_axis_numbers(m, x, axis, rank + 1));
    }
    return own;
}

/* Of what may be smaller: each row of coordinates goes where it belongs, for no number says which it is. */
static Value make_moved_coordinates(const Maker *m, Kept *kept)
{
    const Type *x = operand_type(m->node, 0);
    Value place = make_destinations(m, make_cast(m, m->node->inputs[0], BOOL), kept);
    Value own = make_own_coordinates(m, x);
    Tensor zeros = tensor_new(m->graph->arena, type_tensor(I64, 2, (const int64_t[]){kept_room(m, kept), x->rank}));
    Dim dims[MAX_RANK];
    for (int i = 0; i <= x->rank; i++) dims[i] = i < x->rank ? x->dim[i] : dim_fixed(1);
    Value room = make_tensor(m, &zeros);
    Value written[] = {room, own, make_reshape_to(m, place, x->rank + 1, dims)};
    const PutAttrs rows = {.from = {2, {-1, x->rank}}};
    return make_shortened(m, make(m, OP_put, &rows, 3, written), kept, 0);
}

static bool expand_nonzero(const Maker *m, Value *out)
{
    const int64_t flat[] = {-1};
    Kept kept;
    const Type *x = operand_type(m->node, 0);
    if ((!type_is_fixed(x) || m->sized) && x->rank < MAX_RANK) {
        out[0] = make_moved_coordinates(m, &kept);
        return out[0].node != NULL;
    }
    Value mask = make_cast(m, make_reshape(m, m->node->inputs[0], 1, flat), BOOL);
    out[0] = make_coordinates_of(m, make_kept(m, mask, &kept), operand_type(m->node, 0));
    return out[0].node != NULL;
}

const OpDef op_nonzero = {
    .name = "nonzero",
    .doc =
        "The coordinates of all elements that are not 0, a row for each, in the order in which they lie; no more rows "
        "than a dim that `count` names may be long.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = operands,
    .attrs = ATTRS(CountAttrs, ATTR_COUNT(CountAttrs)),
    .infer = infer_nonzero,
    .expand = expand_nonzero,
    .counts = true,
};
