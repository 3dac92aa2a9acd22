/* Losses.  The classes lie along axis 1, which is the last of values in channels-last form. */
#include "frontend/onnx/call.h"

#include <string.h>

enum { X, TARGET, WEIGHT };

static bool read_loss(OnnxCall *c, LossAttrs *out)
{
    static const char *const words[] = {[LOSS_MEAN] = "mean", [LOSS_SUM] = "sum", [LOSS_NONE] = "none"};
    const char *word = onnx_string(c, "reduction", "mean");
    /* Without an index to ignore all targets are classes, which -100 is not. */
    *out = (LossAttrs){.axis = onnx_is_last(c, X) ? -1 : 1, .ignore = onnx_int(c, "ignore_index", -100)};
    for (out->reduction = 0; out->reduction < 3; out->reduction++)
        if (!strcmp(word, words[out->reduction])) return true;
    return onnx_wrong(c, "the reduction '%s' is none of mean, sum and none", word);
}

static bool import_loss(OnnxCall *c, Op op, const LossAttrs *attrs, Value x)
{
    Value in[] = {x, onnx_operand(c, TARGET), onnx_operand(c, WEIGHT)};
    return onnx_result(c, 0, onnx_make(c, op, attrs, 3, in));
}

static Value operand_x(OnnxCall *c) { return onnx_is_last(c, X) ? onnx_operand_last(c, X) : onnx_operand(c, X); }

bool onnx_op_nll_loss(OnnxCall *c)
{
    LossAttrs attrs;
    return read_loss(c, &attrs) && import_loss(c, OP_nll_loss, &attrs, operand_x(c));
}

bool onnx_op_cross_entropy(OnnxCall *c)
{
    LossAttrs attrs;
    if (!read_loss(c, &attrs)) return false;
    Value x = operand_x(c);
    if (!onnx_wants(c, 1)) return import_loss(c, OP_cross_entropy, &attrs, x);
    bool last = onnx_is_last(c, X);
    Value log = onnx_make(c, OP_log_softmax, &(SoftmaxAttrs){.axis = attrs.axis}, 1, &x);
    if (!(last ? onnx_result_last(c, 1, log) : onnx_result(c, 1, log))) return false;
    return import_loss(c, OP_nll_loss, &attrs, log);
}
