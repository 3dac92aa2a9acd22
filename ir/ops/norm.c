/* Normalisations. */
#include "ir/ops/common.h"

#include <math.h>

enum { X, SCALE, OFFSET, MEAN, VARIANCE, OPERANDS };

static bool need_channels(const Node *node, Diag *diag)
{
    const Type *x = operand_type(node, X);
    if (!need_dtype(node, X, ACCEPT_FLOATS, diag)) return false;
    if (x->rank >= 1 && dim_is_fixed(&x->dim[x->rank - 1])) return true;
    diag_error(diag, E0301, node_span(node), "batch_norm: expected a last axis of fixed size, found %s",
               type_text(diag->arena, x));
    return diag_help(diag, "the last axis is the channels");
}

static bool infer_batch_norm(const Node *node, Type *out, Diag *diag)
{
    double epsilon = ((const BatchNormAttrs *)node->attrs)->epsilon;
    if (!need_channels(node, diag)) return false;
    if (!(epsilon >= 0 && epsilon < INFINITY)) {
        diag_error(diag, E0404, node_span(node), "batch_norm: expected an epsilon of 0 or more, found %g", epsilon);
        return diag_help(diag, "it keeps the root of a small variance from being 0, as 0.001 does");
    }
    const Type *x = operand_type(node, X);
    for (int i = SCALE; i < OPERANDS; i++) {
        if (!need_same_dtype(node, i, diag)) return false;
        if (!need_shape(node, i, 1, &x->dim[x->rank - 1].high, "one a channel, the last axis", diag)) return false;
    }
    *out = *x;
    out->quant = NULL;
    return true;
}

static bool param_batch_norm(const Node *node, int index, Type *out, Diag *diag)
{
    (void)index;
    if (!need_channels(node, diag)) return false;
    const Type *x = operand_type(node, X);
    *out = type_tensor(x->dtype, 1, &x->dim[x->rank - 1].high);
    return true;
}

static bool expand_batch_norm(const Maker *m, Value *out)
{
    const Value *in = m->node->inputs;
    Value epsilon = make_number(m, value_type(in[X])->dtype, ((const BatchNormAttrs *)m->node->attrs)->epsilon);
    Value deviation = make_unary(m, OP_sqrt, make_binary(m, OP_add, in[VARIANCE], epsilon));
    Value factor = make_binary(m, OP_div, in[SCALE], deviation);
    Value centred = make_binary(m, OP_sub, in[X], in[MEAN]);
    out[0] = make_binary(m, OP_add, make_binary(m, OP_mul, centred, factor), in[OFFSET]);
    return out[0].node != NULL;
}

const OpDef op_batch_norm = {
    .name = "batch_norm",
    .doc = "(x - mean) * (scale / sqrt(variance + epsilon)) + offset, channel by channel of the last axis.",
    .kind = KIND_COMPOSITE,
    .noperands = OPERANDS,
    .operands = (const Operand[]){{.name = "x", .doc = "[..., C]"},
                                  {.name = "scale", .flags = OPERAND_PARAM, .doc = "[C], gamma in Keras"},
                                  {.name = "offset", .flags = OPERAND_PARAM, .doc = "[C], beta in Keras"},
                                  {.name = "mean", .flags = OPERAND_PARAM, .doc = "[C], moving_mean in Keras"},
                                  {.name = "variance", .flags = OPERAND_PARAM, .doc = "[C], moving_variance in Keras"}},
    .attrs = ATTRS(BatchNormAttrs, ATTR(BatchNormAttrs, epsilon, .kind = ATTR_FLOAT, .fallback = 1e-3,
                                        .doc = "added to the variance; 0.001 as in Keras, PyTorch has 0.00001")),
    .infer = infer_batch_norm,
    .param = param_batch_norm,
    .expand = expand_batch_norm,
};
