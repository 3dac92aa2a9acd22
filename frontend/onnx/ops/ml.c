/* Of the domain ai.onnx.ml, what is no tree, map or string. */
#include "frontend/onnx/call.h"

bool onnx_op_binarizer(OnnxCall *c)
{
    Value x = onnx_operand(c, 0);
    if (!x.node) return false;
    Dtype dtype = value_type(x)->dtype;
    Value threshold = onnx_number(c, dtype, onnx_float(c, "threshold", 0));
    return onnx_result(c, 0, onnx_cast(c, onnx_make2(c, OP_less, threshold, x), dtype));
}

/* Columns of the last axis; of a vector they are one row. */
bool onnx_op_array_feature_extractor(OnnxCall *c)
{
    Value x = onnx_operand(c, 0), index = onnx_operand(c, 1);
    if (!x.node || !index.node) return false;
    const Type *type = value_type(x);
    int rank = type->rank;
    int64_t dims[MAX_RANK] = {1, 1}, count = type_elements(value_type(index));
    if (!rank) return onnx_wrong(c, "expected a tensor with features, found a number");
    for (int i = 0; i < rank - 1; i++) dims[i] = type->dim[i].high;
    dims[rank > 1 ? rank - 1 : 1] = count;
    Value flat = onnx_reshape(c, index, 1, &count);
    Value found = onnx_make(c, OP_gather, &(GatherAttrs){.axis = rank - 1}, 2, (Value[]){x, flat});
    return onnx_result(c, 0, onnx_reshape(c, found, rank > 1 ? rank : 2, dims));
}
