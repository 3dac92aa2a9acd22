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

static bool expand_compress(const Maker *m, Value *out)
{
    Kept kept;
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

static bool expand_nonzero(const Maker *m, Value *out)
{
    const int64_t flat[] = {-1};
    Kept kept;
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
