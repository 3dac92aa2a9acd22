/* Operators that work element by element and are not one of ours with the same operands. */
#include "frontend/onnx/sizes.h"

#include <string.h>

bool onnx_op_identity(OnnxCall *c) { return onnx_map(c, OP_copy, NULL); }

/* The mask of a dropout that drops nothing: true, before opset 10 a 1, everywhere. */
static Value nothing_dropped(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    DimList dims = dims_of(type);
    return onnx_broadcast_dims(c, onnx_number(c, c->opset < 10 ? type->dtype : BOOL, 1), &dims);
}

/* In training, unless it is with a ratio of 0. */
static bool drops_elements(OnnxCall *c, bool *out)
{
    int64_t train;
    if (!onnx_known_int(c, 2, "training_mode", &train)) return false;
    *out = train != 0;
    if (!train || !onnx_has(c, 1)) return true;
    const Tensor *ratio = onnx_known(c, 1, "ratio");
    if (!ratio) return false;
    *out = type_elements(&ratio->type) != 1 || tensor_real(ratio, 0) != 0;
    return true;
}

/* In inference nothing is dropped. */
bool onnx_op_dropout(OnnxCall *c)
{
    static const char *const training[] = {"ratio", "is_test", "seed", "consumed_inputs"};
    for (int i = 0; i < 4; i++) onnx_ignore(c, training[i]);
    bool drops = false;
    if (onnx_has(c, 2) && !drops_elements(c, &drops)) return false;
    if (drops) return onnx_refuse(c, "training_mode", "export the model for inference", "dropout is for training");
    if (onnx_wants(c, 1) && !onnx_result(c, 1, nothing_dropped(c))) return false;
    Value in;
    bool last = onnx_same_layout(c, 1, &in);
    Value out = onnx_make1(c, OP_copy, in);
    return last ? onnx_result_last(c, 0, out) : onnx_result(c, 0, out);
}

/* What a cast to float8 does with large numbers and, to f8e8m0, how it rounds. */
static bool read_cast(OnnxCall *c, CastAttrs *out)
{
    static const char *const rounds[] = {"up", "down", "nearest"};
    const char *round = onnx_string(c, "round_mode", "up");
    out->overflow = onnx_int(c, "saturate", 1) ? CAST_SATURATE : CAST_SPECIAL;
    for (out->round = 0; out->round < 3; out->round++)
        if (!strcmp(round, rounds[out->round])) return true;
    return onnx_wrong(c, "the round_mode '%s' is none of up, down and nearest", round);
}

bool onnx_op_cast(OnnxCall *c)
{
    int64_t to = onnx_int(c, "to", 0);
    CastAttrs attrs = {.to = (int)onnx_dtype((int32_t)to)};
    if (attrs.to == DTYPE_COUNT)
        return onnx_refuse(c, "to", "lepc has numbers and booleans", "a cast to %s", onnx_dtype_name((int32_t)to));
    return read_cast(c, &attrs) && onnx_map(c, OP_cast, &attrs);
}

/* The operator on operand 0 alone. */
static bool map_first(OnnxCall *c, Op op, const void *attrs)
{
    Value in;
    bool last = onnx_same_layout(c, 1, &in);
    Value out = onnx_make(c, op, attrs, 1, &in);
    return last ? onnx_result_last(c, 0, out) : onnx_result(c, 0, out);
}

bool onnx_op_cast_like(OnnxCall *c)
{
    CastAttrs attrs = {.to = (int)onnx_operand_dtype(c, 1)};
    return read_cast(c, &attrs) && map_first(c, OP_cast, &attrs);
}

/* a, b, c, ...: two by two. */
static bool fold_operands(OnnxCall *c, Op op, Value *out, bool *last)
{
    int count = onnx_operands(c);
    if (count < 1) return onnx_wrong(c, "expected an operand");
    onnx_ignore(c, "consumed_inputs");
    Value *in = ARENA_ARRAY(c->arena, Value, count);
    *last = onnx_same_layout(c, count, in);
    *out = count == 1 ? onnx_make1(c, OP_copy, in[0]) : in[0];
    for (int i = 1; i < count; i++) *out = onnx_make2(c, op, *out, in[i]);
    return out->node != NULL;
}

static bool import_fold(OnnxCall *c, Op op)
{
    Value out;
    bool last;
    if (!fold_operands(c, op, &out, &last)) return false;
    return last ? onnx_result_last(c, 0, out) : onnx_result(c, 0, out);
}

bool onnx_op_max(OnnxCall *c) { return import_fold(c, OP_maximum); }
bool onnx_op_min(OnnxCall *c) { return import_fold(c, OP_minimum); }
bool onnx_op_sum(OnnxCall *c) { return import_fold(c, OP_add); }

bool onnx_op_mean(OnnxCall *c)
{
    Value sum;
    bool last;
    if (!fold_operands(c, OP_add, &sum, &last)) return false;
    Value out = onnx_make2(c, OP_div, sum, onnx_number(c, value_type(sum)->dtype, onnx_operands(c)));
    return last ? onnx_result_last(c, 0, out) : onnx_result(c, 0, out);
}

/* Bounds are attributes up to opset 10, then operands, which need not be known. */
bool onnx_op_clip(OnnxCall *c)
{
    Value out;
    bool last = onnx_same_layout(c, 1, &out);
    Dtype dtype = value_type(out)->dtype;
    static const char *const names[] = {"min", "max"};
    static const Op ops[] = {OP_maximum, OP_minimum};
    onnx_ignore(c, "consumed_inputs");
    bool bounded = false;
    for (int i = 0; i < 2; i++) {
        Value bound = {NULL, 0};
        if (c->opset >= 11 && onnx_has(c, 1 + i))
            bound = onnx_operand(c, 1 + i);
        else if (c->opset < 11 && onnx_has_attr(c, names[i]))
            bound = onnx_number(c, dtype, onnx_float(c, names[i], 0));
        if (!bound.node) continue;
        bounded = true;
        out = onnx_make2(c, ops[i], out, bound);
    }
    if (!bounded) out = onnx_make1(c, OP_copy, out);
    return last ? onnx_result_last(c, 0, out) : onnx_result(c, 0, out);
}

/* Before opset 7 the slopes were one a channel, or one for all; since then they broadcast. */
bool onnx_op_prelu(OnnxCall *c)
{
    const Type *slope = onnx_operand_type(c, 1);
    onnx_ignore(c, "consumed_inputs");
    if (c->opset >= 7 || slope->rank != 1 || slope->dim[0].high == 1) return onnx_map(c, OP_prelu, NULL);
    if (onnx_is_last(c, 0)) {
        Value in[] = {onnx_operand_last(c, 0), onnx_operand(c, 1)};
        return onnx_result_last(c, 0, onnx_make(c, OP_prelu, NULL, 2, in));
    }
    int rank = onnx_operand_type(c, 0)->rank;
    int64_t dims[MAX_RANK];
    for (int i = 0; i < rank; i++) dims[i] = i == 1 ? slope->dim[0].high : 1;
    Value slopes = rank > 2 ? onnx_reshape(c, onnx_operand(c, 1), rank, dims) : onnx_operand(c, 1);
    return onnx_result(c, 0, onnx_make2(c, OP_prelu, onnx_operand(c, 0), slopes));
}

bool onnx_op_leaky_relu(OnnxCall *c)
{
    onnx_ignore(c, "consumed_inputs");
    return onnx_map(c, OP_leaky_relu, &(LeakyReluAttrs){.alpha = onnx_float(c, "alpha", 0.01)});
}

static bool import_alpha(OnnxCall *c, Op op, double alpha)
{
    onnx_ignore(c, "consumed_inputs");
    return onnx_map(c, op, &(AlphaAttrs){.alpha = onnx_float(c, "alpha", alpha)});
}

bool onnx_op_elu(OnnxCall *c) { return import_alpha(c, OP_elu, 1); }
bool onnx_op_celu(OnnxCall *c) { return import_alpha(c, OP_celu, 1); }
bool onnx_op_thresholded_relu(OnnxCall *c) { return import_alpha(c, OP_thresholded_relu, 1); }
bool onnx_op_swish(OnnxCall *c) { return import_alpha(c, OP_silu, 1); }

bool onnx_op_selu(OnnxCall *c)
{
    /* up to opset 5 the fallbacks were rounded further */
    double alpha = c->opset < 6 ? 1.6732 : 1.67326319217681884765625;
    double gamma = c->opset < 6 ? 1.0507 : 1.05070102214813232421875;
    onnx_ignore(c, "consumed_inputs");
    SeluAttrs attrs = {.alpha = onnx_float(c, "alpha", alpha), .gamma = onnx_float(c, "gamma", gamma)};
    return onnx_map(c, OP_selu, &attrs);
}

bool onnx_op_shrink(OnnxCall *c)
{
    ShrinkAttrs attrs = {.bias = onnx_float(c, "bias", 0), .limit = onnx_float(c, "lambd", 0.5)};
    return onnx_map(c, OP_shrink, &attrs);
}

bool onnx_op_hard_sigmoid(OnnxCall *c)
{
    onnx_ignore(c, "consumed_inputs");
    HardSigmoidAttrs attrs = {.alpha = onnx_float(c, "alpha", 0.2), .beta = onnx_float(c, "beta", 0.5)};
    return onnx_map(c, OP_hard_sigmoid, &attrs);
}

bool onnx_op_gelu(OnnxCall *c)
{
    const char *approximate = onnx_string(c, "approximate", "none");
    bool is_tanh = !strcmp(approximate, "tanh");
    if (!is_tanh && strcmp(approximate, "none") != 0)
        return onnx_wrong(c, "approximate: '%s' is neither none nor tanh", approximate);
    return onnx_map(c, OP_gelu, &(GeluAttrs){.approximate = is_tanh});
}

bool onnx_op_is_inf(OnnxCall *c)
{
    IsInfAttrs attrs = {.negative = onnx_int(c, "detect_negative", 1) != 0,
                        .positive = onnx_int(c, "detect_positive", 1) != 0};
    return onnx_map(c, OP_is_inf, &attrs);
}

bool onnx_op_bit_shift(OnnxCall *c)
{
    const char *direction = onnx_string(c, "direction", "");
    bool right = !strcmp(direction, "RIGHT");
    if (!right && strcmp(direction, "LEFT") != 0)
        return onnx_wrong(c, "direction '%s' is neither LEFT nor RIGHT", direction);
    return onnx_map(c, OP_bit_shift, &(BitShiftAttrs){.direction = right});
}

bool onnx_op_mod(OnnxCall *c) { return onnx_map(c, OP_mod, &(ModAttrs){.truncate = onnx_int(c, "fmod", 0) != 0}); }
