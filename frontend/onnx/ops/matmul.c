/* Matrix products. */
#include "frontend/onnx/sizes.h"

/* ---- Gemm: alpha * A * B + beta * C, A and B transposed when it says so ---- */

static Value transposed_if(OnnxCall *c, Value a, bool wanted)
{
    return wanted ? onnx_transpose(c, a, &(IntList){2, {1, 0}}) : a;
}

static Value scaled(OnnxCall *c, Value a, double by)
{
    if (!a.node || by == 1) return a;
    return onnx_make2(c, OP_mul, a, onnx_number(c, value_type(a)->dtype, by));
}

/* A bias for each column, for `dense`; no node when it is of another shape. */
static Value column_bias(OnnxCall *c, Value bias, int64_t columns)
{
    const Type *type = value_type(bias);
    bool row = type->rank == 1 || (type->rank == 2 && type->dim[0].high == 1);
    if (!row || type->dim[type->rank - 1].high != columns) return (Value){NULL, 0};
    return onnx_reshape(c, bias, 1, &columns);
}

bool onnx_op_gemm(OnnxCall *c)
{
    bool transpose_a = onnx_int(c, "transA", 0) != 0, transpose_b = onnx_int(c, "transB", 0) != 0;
    double alpha = onnx_float(c, "alpha", 1), beta = onnx_float(c, "beta", 1);
    onnx_ignore(c, "broadcast"); /* before opset 7; it is what broadcasting finds */
    if (onnx_operand_type(c, 0)->rank != 2 || onnx_operand_type(c, 1)->rank != 2)
        return onnx_wrong(c, "the operands must be matrices");
    Value a = transposed_if(c, onnx_operand(c, 0), transpose_a), b = transposed_if(c, onnx_operand(c, 1), transpose_b);
    Value bias = onnx_operand(c, 2);
    if (!a.node || !b.node) return false;
    Value columns = bias.node && alpha == 1 && beta == 1 ? column_bias(c, bias, value_type(b)->dim[1].high) : bias;
    if (bias.node && alpha == 1 && beta == 1 && columns.node)
        return onnx_result(c, 0, onnx_make(c, OP_dense, NULL, 3, (Value[]){a, b, columns}));
    Value product = scaled(c, onnx_make2(c, OP_matmul, a, b), alpha);
    return onnx_result(c, 0, bias.node ? onnx_make2(c, OP_add, product, scaled(c, bias, beta)) : product);
}

/* ---- MatMul: numpy's, leading axes broadcast ---- */

/* `a` with the leading axes of `batch` in front of its last two. */
static Value with_batch(OnnxCall *c, Value a, const Type *batch)
{
    const Type *type = value_type(a);
    DimList dims = {.count = batch->rank + 2};
    for (int i = 0; i < batch->rank; i++) dims.at[i] = batch->dim[i];
    for (int i = 0; i < 2; i++) dims.at[batch->rank + i] = type->dim[type->rank - 2 + i];
    return onnx_broadcast_dims(c, a, &dims);
}

static Type leading(const Type *type)
{
    Type out = *type;
    out.rank = type->rank > 2 ? type->rank - 2 : 0;
    return out;
}

/* A vector is one row on the left and one column on the right; that axis is gone from the result. */
static Value as_matrix(OnnxCall *c, Value a, bool left)
{
    const Type *type = value_type(a);
    if (type->rank != 1) return a;
    Dim one = dim_fixed(1), size = type->dim[0];
    return onnx_reshape_dims(c, a, left ? &(DimList){2, {one, size}} : &(DimList){2, {size, one}});
}

static Value without_axes(OnnxCall *c, Value product, bool row, bool column)
{
    const Type *type = value_type(product);
    DimList dims = {0};
    for (int i = 0; i < type->rank; i++)
        if (!(row && i == type->rank - 2) && !(column && i == type->rank - 1)) dims.at[dims.count++] = type->dim[i];
    return onnx_reshape_dims(c, product, &dims);
}

static Value refuse_product(OnnxCall *c, const char *why)
{
    onnx_wrong(c, "%s", why);
    return (Value){NULL, 0};
}

Value onnx_matrix_product(OnnxCall *c, Value a, Value b)
{
    if (!a.node || !b.node) return (Value){NULL, 0};
    bool row = value_type(a)->rank == 1, column = value_type(b)->rank == 1;
    if (!value_type(a)->rank || !value_type(b)->rank) return refuse_product(c, "an operand has no axes");
    a = as_matrix(c, a, true);
    b = as_matrix(c, b, false);
    if (!a.node || !b.node) return (Value){NULL, 0};
    Type before_a = leading(value_type(a)), before_b = leading(value_type(b)), batch;
    if (!shape_broadcast(&before_a, &before_b, &batch)) return refuse_product(c, "the leading axes do not fit");
    if (value_type(b)->rank > 2) {
        a = with_batch(c, a, &batch);
        b = with_batch(c, b, &batch);
    }
    Value product = onnx_make2(c, OP_matmul, a, b);
    return product.node ? without_axes(c, product, row, column) : product;
}

bool onnx_op_matmul(OnnxCall *c)
{
    return onnx_result(c, 0, onnx_matrix_product(c, onnx_operand(c, 0), onnx_operand(c, 1)));
}

bool onnx_op_einsum(OnnxCall *c)
{
    int count = onnx_operands(c);
    Value *in = ARENA_ARRAY(c->arena, Value, count);
    for (int i = 0; i < count; i++) in[i] = onnx_operand(c, i);
    EinsumAttrs attrs = {.equation = onnx_string(c, "equation", NULL)};
    return onnx_result(c, 0, onnx_make(c, OP_einsum, &attrs, count, in));
}

bool onnx_op_det(OnnxCall *c)
{
    Value x = onnx_operand(c, 0);
    return onnx_result(c, 0, onnx_make1(c, OP_det, x));
}
