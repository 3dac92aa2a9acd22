/* Operators that work element by element and are not one of ours with the same operands. */
#include "frontend/onnx/call.h"

bool onnx_op_identity(OnnxCall *c) { return onnx_map(c, OP_copy, NULL); }

/* In inference nothing is dropped. */
bool onnx_op_dropout(OnnxCall *c)
{
    static const char *const training[] = {"ratio", "is_test", "seed", "consumed_inputs"};
    for (int i = 0; i < 4; i++) onnx_ignore(c, training[i]);
    if (onnx_has(c, 2)) {
        int64_t train;
        if (!onnx_known_int(c, 2, "training_mode", &train)) return false;
        if (train) return onnx_refuse(c, "training_mode", "export the model for inference", "dropout is for training");
    }
    if (onnx_wants(c, 1)) return onnx_refuse(c, "mask", "export the model for inference", "the mask is for training");
    Value in;
    bool last = onnx_same_layout(c, 1, &in);
    Value out = onnx_make1(c, OP_copy, in);
    return last ? onnx_result_last(c, 0, out) : onnx_result(c, 0, out);
}

bool onnx_op_cast(OnnxCall *c)
{
    int64_t to = onnx_int(c, "to", 0);
    Dtype dtype = onnx_dtype((int32_t)to);
    onnx_ignore(c, "saturate"); /* float8 only, which is refused as a dtype */
    if (dtype == DTYPE_COUNT)
        return onnx_refuse(c, "to", "lepc has numbers and booleans", "a cast to %s", onnx_dtype_name((int32_t)to));
    return onnx_map(c, OP_cast, &(CastAttrs){.to = (int)dtype});
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

bool onnx_op_leaky_relu(OnnxCall *c)
{
    onnx_ignore(c, "consumed_inputs");
    return onnx_map(c, OP_leaky_relu, &(LeakyReluAttrs){.alpha = onnx_float(c, "alpha", 0.01)});
}
