/* Results that are as long as the data says. */
#include "ir/count.h"
#include "frontend/onnx/call.h"

#include <math.h>

/* What follows from constants alone has the size that it has. */
static Value as_known(OnnxCall *c, Value value)
{
    const Tensor *known = onnx_constant(c, value);
    return known ? onnx_make_constant(c, known) : value;
}

bool onnx_op_nonzero(OnnxCall *c)
{
    const int64_t one[] = {1};
    Value x = onnx_operand(c, 0);
    if (!onnx_operand_type(c, 0)->rank) x = onnx_reshape(c, x, 1, one);
    Value rows = as_known(c, onnx_make1(c, OP_nonzero, x));
    return onnx_result(c, 0, onnx_transpose(c, rows, &(IntList){2, {1, 0}}));
}

bool onnx_op_compress(OnnxCall *c)
{
    const int64_t flat[] = {-1};
    CompressAttrs attrs = {.axis = onnx_int(c, "axis", 0)};
    Value operands[] = {onnx_operand(c, 0), onnx_operand(c, 1)};
    if (!onnx_has_attr(c, "axis")) operands[0] = onnx_reshape(c, operands[0], 1, flat);
    return onnx_result(c, 0, as_known(c, onnx_make(c, OP_compress, &attrs, 2, operands)));
}

bool onnx_op_unique(OnnxCall *c)
{
    const int64_t flat[] = {-1};
    UniqueAttrs attrs = {.axis = onnx_int(c, "axis", 0), .sorted = onnx_int(c, "sorted", 1) != 0};
    Value x = onnx_operand(c, 0);
    if (!onnx_has_attr(c, "axis")) x = onnx_reshape(c, x, 1, flat);
    Value found = onnx_make(c, OP_unique, &attrs, 1, &x);
    for (int slot = 0; found.node && slot < found.node->nresults; slot++)
        if (!onnx_result(c, slot, as_known(c, (Value){found.node, slot}))) return false;
    return found.node != NULL;
}

/* Without `max_output_boxes_per_class` nothing is chosen. */
bool onnx_op_non_max_suppression(OnnxCall *c)
{
    enum { BOXES, SCORES, MOST, IOU, SCORE };
    NonMaxSuppressionAttrs attrs = {.score = -INFINITY, .center = onnx_int(c, "center_point_box", 0) != 0};
    if (onnx_has(c, MOST) && !onnx_known_int(c, MOST, "max_output_boxes_per_class", &attrs.max)) return false;
    if (onnx_has(c, IOU) && !onnx_known_real(c, IOU, "iou_threshold", &attrs.iou)) return false;
    if (onnx_has(c, SCORE) && !onnx_known_real(c, SCORE, "score_threshold", &attrs.score)) return false;
    if (attrs.max <= 0) {
        Tensor *none = ARENA_NEW(c->arena, Tensor);
        *none = tensor_new(c->arena, type_tensor(I64, 2, (const int64_t[]){0, 3}));
        return onnx_result(c, 0, onnx_make_constant(c, none));
    }
    Value operands[] = {onnx_operand(c, BOXES), onnx_operand(c, SCORES)};
    return onnx_result(c, 0, as_known(c, onnx_make(c, OP_non_max_suppression, &attrs, 2, operands)));
}
