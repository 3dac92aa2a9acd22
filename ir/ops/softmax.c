#include "ir/ops/common.h"

static bool infer_softmax(const Node *node, Type *out, Diag *diag)
{
    const Type *x = operand_type(node, 0);
    int axis;
    if (!need_dtype(node, 0, ACCEPT_FLOATS, diag)) return false;
    if (!need_axis(node, ((const SoftmaxAttrs *)node->attrs)->axis, x->rank, &axis, diag)) return false;
    *out = *x;
    return true;
}

/* The code runs along the last axis only. */
static bool whole_softmax(const Node *node)
{
    int64_t axis = ((const SoftmaxAttrs *)node->attrs)->axis;
    return axis == -1 || axis == node->types[0].rank - 1;
}

static bool expand_softmax(const Maker *m, Value *out)
{
    Value x = m->node->inputs[0];
    ReduceAttrs attrs = {.axes = {1, {((const SoftmaxAttrs *)m->node->attrs)->axis}}, .keep = true};
    Value moved = make_binary(m, OP_sub, x, make(m, OP_reduce_max, &attrs, 1, &x));
    Value grown = make_unary(m, OP_exp, moved);
    out[0] = make_binary(m, OP_div, grown, make(m, OP_reduce_sum, &attrs, 1, &grown));
    return out[0].node != NULL;
}

static const Operand softmax_operands[] = {{.name = "x", .doc = "any shape"}};
#define SOFTMAX_ATTRS                                                                                                  \
    ATTRS(SoftmaxAttrs,                                                                                                \
          ATTR(SoftmaxAttrs, axis, .kind = ATTR_INT, .fallback = -1, .low = -MAX_RANK, .high = MAX_RANK - 1,           \
               .doc = "along which probabilities sum to 1; negative from the end"))

const OpDef op_softmax = {
    .name = "softmax",
    .doc = "exp(x - max) / sum(exp(x - max)), maximum and sum along one axis.",
    .kind = KIND_ROW,
    .noperands = 1,
    .operands = softmax_operands,
    .attrs = SOFTMAX_ATTRS,
    .infer = infer_softmax,
    .expand = expand_softmax,
    .whole = whole_softmax,
    .onnx = "Softmax",
};

/* ---- its logarithm ---- */

static bool expand_log_softmax(const Maker *m, Value *out)
{
    Value x = m->node->inputs[0];
    ReduceAttrs attrs = {.axes = {1, {((const SoftmaxAttrs *)m->node->attrs)->axis}}, .keep = true};
    Value moved = make_binary(m, OP_sub, x, make(m, OP_reduce_max, &attrs, 1, &x));
    Value grown = make_unary(m, OP_exp, moved);
    Value sum = make(m, OP_reduce_sum, &attrs, 1, &grown);
    out[0] = make_binary(m, OP_sub, moved, make_unary(m, OP_log, sum));
    return out[0].node != NULL;
}

const OpDef op_log_softmax = {
    .name = "log_softmax",
    .doc = "The logarithm of softmax, x - max - log(sum(exp(x - max))), which stays exact where softmax gets 0.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = softmax_operands,
    .attrs = SOFTMAX_ATTRS,
    .infer = infer_softmax,
    .expand = expand_log_softmax,
    .onnx = "LogSoftmax",
    .tflite = "LOG_SOFTMAX",
};
