/* Normalisations. */
#include "ir/ops/common.h"

#include <math.h>

enum { X, SCALE, OFFSET, MEAN, VARIANCE, OPERANDS };

static bool need_channels(const Node *node, Diag *diag)
{
    const Type *x = operand_type(node, X);
    if (!need_dtype(node, X, ACCEPT_FLOATS, diag)) return false;
    if (x->rank >= 1 && dim_is_fixed(&x->dim[x->rank - 1])) return true;
    diag_error(diag, E0301, node_span(node), "%s: expected a last axis of fixed size, found %s", node_def(node)->name,
               type_text(diag->arena, x));
    return diag_help(diag, "the last axis is the channels");
}

/* x, an epsilon and parameters of one element a channel, `operands` with x. */
static bool infer_norm(const Node *node, double epsilon, int operands, Type *out, Diag *diag)
{
    if (!need_channels(node, diag)) return false;
    if (!(epsilon >= 0 && epsilon < INFINITY)) {
        diag_error(diag, E0404, node_span(node), "%s: expected an epsilon of 0 or more, found %g", node_def(node)->name,
                   epsilon);
        return diag_help(diag, "it keeps the root of a small variance from being 0, as 0.001 does");
    }
    const Type *x = operand_type(node, X);
    for (int i = SCALE; i < operands; i++) {
        if (!need_same_dtype(node, i, diag)) return false;
        if (!need_shape(node, i, 1, &x->dim[x->rank - 1].high, "one a channel, the last axis", diag)) return false;
    }
    *out = *x;
    return true;
}

static bool infer_batch_norm(const Node *node, Type *out, Diag *diag)
{
    return infer_norm(node, ((const BatchNormAttrs *)node->attrs)->epsilon, OPERANDS, out, diag);
}

static bool param_norm(const Node *node, int index, Type *out, Diag *diag)
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
    .param = param_norm,
    .expand = expand_batch_norm,
};

/* ---- layer norm ---- */

enum { LAYER_OPERANDS = OFFSET + 1 };

static bool infer_layer_norm(const Node *node, Type *out, Diag *diag)
{
    return infer_norm(node, ((const LayerNormAttrs *)node->attrs)->epsilon, LAYER_OPERANDS, out, diag);
}

static Value row_mean(const Maker *m, Value x)
{
    ReduceAttrs attrs = {.axes = {1, {-1}}, .keep = true};
    return make(m, OP_reduce_mean, &attrs, 1, &x);
}

static bool expand_layer_norm(const Maker *m, Value *out)
{
    const Value *in = m->node->inputs;
    Dtype dtype = value_type(in[X])->dtype;
    Value epsilon = make_number(m, dtype, ((const LayerNormAttrs *)m->node->attrs)->epsilon);
    Value distance = make_binary(m, OP_sub, in[X], row_mean(m, in[X]));
    Value variance = row_mean(m, make_binary(m, OP_mul, distance, distance));
    Value deviation = make_unary(m, OP_sqrt, make_binary(m, OP_add, variance, epsilon));
    Value factor = make_binary(m, OP_div, make_number(m, dtype, 1), deviation);
    Value scaled = make_binary(m, OP_mul, make_binary(m, OP_mul, distance, factor), in[SCALE]);
    out[0] = make_binary(m, OP_add, scaled, in[OFFSET]);
    return out[0].node != NULL;
}

static bool whole_layer_norm(const Node *node)
{
    Dtype dtype = node->types[0].dtype;
    return dtype == F32 || dtype == F64;
}

const OpDef op_layer_norm = {
    .name = "layer_norm",
    .doc = "d * (1 / sqrt(mean(d * d) + epsilon)) * scale + offset with d = x - mean(x), means along the last axis.",
    .kind = KIND_ROW,
    .noperands = LAYER_OPERANDS,
    .operands = (const Operand[]){{.name = "x", .doc = "[..., C]"},
                                  {.name = "scale", .flags = OPERAND_PARAM, .doc = "[C], gamma in Keras"},
                                  {.name = "offset", .flags = OPERAND_PARAM, .doc = "[C], beta in Keras"}},
    .attrs = ATTRS(LayerNormAttrs, ATTR(LayerNormAttrs, epsilon, .kind = ATTR_FLOAT, .fallback = 1e-5,
                                        .doc = "added to the variance; 0.00001 as in PyTorch, Keras has 0.001")),
    .infer = infer_layer_norm,
    .param = param_norm,
    .expand = expand_layer_norm,
    .whole = whole_layer_norm,
};
