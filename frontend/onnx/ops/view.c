/* Constants, shapes, and the same elements in other shapes. */
#include "frontend/onnx/sizes.h"

/* ---- constants ---- */

static Tensor *new_tensor(OnnxCall *c, Dtype dtype, int rank, int64_t count)
{
    Tensor *tensor = ARENA_NEW(c->arena, Tensor);
    *tensor = tensor_new(c->arena, type_tensor(dtype, rank, &count));
    return tensor;
}

bool onnx_op_constant(OnnxCall *c)
{
    const Onnx__AttributeProto *attr;
    Tensor *tensor = NULL;
    if ((attr = onnx_attr(c, "value")) && attr->t) {
        tensor = ARENA_NEW(c->arena, Tensor);
        if (!onnx_tensor(c->arena, attr->t, c->at, tensor, c->diag)) return false;
    } else if ((attr = onnx_attr(c, "value_float"))) {
        tensor_set_real(tensor = new_tensor(c, F32, 0, 1), 0, (double)attr->f);
    } else if ((attr = onnx_attr(c, "value_int"))) {
        tensor_set(tensor = new_tensor(c, I64, 0, 1), 0, (Scalar){.integer = attr->i});
    } else if ((attr = onnx_attr(c, "value_floats")) && attr->n_floats) {
        tensor = new_tensor(c, F32, 1, (int64_t)attr->n_floats);
        for (size_t i = 0; i < attr->n_floats; i++) tensor_set_real(tensor, (int64_t)i, (double)attr->floats[i]);
    } else if ((attr = onnx_attr(c, "value_ints")) && attr->n_ints) {
        tensor = new_tensor(c, I64, 1, (int64_t)attr->n_ints);
        for (size_t i = 0; i < attr->n_ints; i++) tensor_set(tensor, (int64_t)i, (Scalar){.integer = attr->ints[i]});
    }
    if (!tensor) return onnx_refuse(c, "", "make it a dense tensor of numbers", "a constant without numbers");
    return onnx_result(c, 0, onnx_make_constant(c, tensor));
}

bool onnx_need_fixed(OnnxCall *c, const Type *type)
{
    for (int i = 0; i < type->rank; i++)
        if (!dim_is_fixed(&type->dim[i]))
            return onnx_refuse(c, "", "give the dim a fixed size with --dim", "axis %d has no fixed size", i);
    return true;
}

bool onnx_op_shape(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    int64_t from = onnx_int(c, "start", 0), to = onnx_int(c, "end", type->rank);
    from = from < 0 ? from + type->rank : from;
    to = to < 0 ? to + type->rank : to;
    from = from < 0 ? 0 : from > type->rank ? type->rank : from;
    to = to < 0 ? 0 : to > type->rank ? type->rank : to;
    if (to < from) to = from;
    DimList dims = {.count = (int)(to - from)};
    for (int i = 0; i < dims.count; i++) dims.at[i] = type->dim[from + i];
    return onnx_result(c, 0, onnx_make_dims(c, &dims));
}

bool onnx_op_size(OnnxCall *c)
{
    DimList dims = dims_of(onnx_operand_type(c, 0));
    return onnx_result(c, 0, onnx_make_extent(c, &dims));
}

/* ---- other shapes ---- */

/* Elements that a shape of fixed dims has, and which of them is -1; false when that cannot be. */
static bool count_elements(OnnxCall *c, const Type *type, const DimList *shape)
{
    int64_t known = 1, all = type_elements(type);
    bool fits = true, open = false;
    for (int i = 0; i < shape->count; i++) {
        int64_t size = shape->at[i].high;
        if (size == -1 && !open)
            open = true;
        else
            fits = fits && size >= 0 && !__builtin_mul_overflow(known, size, &known);
    }
    if (!fits || (open ? known == 0 || all % known : known != all))
        return onnx_wrong(c, "the shape does not fit %s", type_text(c->arena, type));
    return true;
}

/* -1 is what is left: of fixed dims that is written out. */
static void close_dim(const Type *type, DimList *shape)
{
    int64_t known = 1;
    for (int i = 0; i < shape->count; i++)
        if (shape->at[i].high != -1) known *= shape->at[i].high;
    for (int i = 0; i < shape->count; i++)
        if (shape->at[i].high == -1) shape->at[i] = dim_fixed(type_elements(type) / known);
}

/* 0 keeps the operand's dim, unless allowzero. */
bool onnx_op_reshape(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    DimList shape;
    onnx_ignore(c, "consumed_inputs");
    if (!onnx_dims_either(c, "shape", 5, 1, &shape)) return false;
    bool zero = onnx_int(c, "allowzero", 0) != 0;
    for (int i = 0; i < shape.count; i++)
        if (shape.at[i].high == 0 && !zero && i < type->rank) shape.at[i] = type->dim[i];
    if (type_is_fixed(type) && dims_are_fixed(&shape)) {
        if (!count_elements(c, type, &shape)) return false;
        close_dim(type, &shape);
    }
    return onnx_result(c, 0, onnx_reshape_dims(c, onnx_operand(c, 0), &shape));
}

bool onnx_op_flatten(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    int64_t axis = onnx_int(c, "axis", 1);
    axis = axis < 0 ? axis + type->rank : axis;
    if (axis < 0 || axis > type->rank) return onnx_wrong(c, "axis %lld is none of %d", (long long)axis, type->rank);
    DimList shape = onnx_matrix_dims(c, type, (int)axis);
    return onnx_result(c, 0, onnx_reshape_dims(c, onnx_operand(c, 0), &shape));
}

bool onnx_op_transpose(OnnxCall *c)
{
    TransposeAttrs attrs;
    if (!onnx_ints(c, "perm", &attrs.permute)) return false;
    return onnx_result(c, 0, onnx_make(c, OP_transpose, &attrs, 1, (Value[]){onnx_operand(c, 0)}));
}

/* Marks the axes of a list, counted in `rank`. */
static bool mark_axes(OnnxCall *c, const IntList *axes, int rank, bool *marked)
{
    for (int i = 0; i < axes->count; i++) {
        int axis;
        if (!onnx_axis(c, axes->at[i], rank, &axis)) return false;
        if (marked[axis]) return onnx_wrong(c, "axis %d is given twice", axis);
        marked[axis] = true;
    }
    return true;
}

bool onnx_op_squeeze(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    IntList axes;
    DimList dims = {0};
    bool gone[MAX_RANK] = {false};
    if (!onnx_ints_either(c, "axes", 13, 1, &axes) || !mark_axes(c, &axes, type->rank, gone)) return false;
    for (int i = 0; i < type->rank; i++) {
        bool one = type->dim[i].high == 1 && type->dim[i].low == 1;
        if (gone[i] && !one) return onnx_wrong(c, "axis %d of %s is not 1", i, type_text(c->arena, type));
        if (axes.count ? !gone[i] : !one) dims.at[dims.count++] = type->dim[i];
    }
    return onnx_result(c, 0, onnx_reshape_dims(c, onnx_operand(c, 0), &dims));
}

bool onnx_op_unsqueeze(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    IntList axes;
    DimList dims = {0};
    bool new[MAX_RANK] = {false};
    if (!onnx_ints_either(c, "axes", 13, 1, &axes)) return false;
    dims.count = type->rank + axes.count;
    if (dims.count > MAX_RANK)
        return onnx_refuse(c, "axes", "lepc has tensors of up to 8 axes", "there would be %d axes", dims.count);
    if (!mark_axes(c, &axes, dims.count, new)) return false;
    for (int i = 0, from = 0; i < dims.count; i++) dims.at[i] = new[i] ? dim_fixed(1) : type->dim[from++];
    return onnx_result(c, 0, onnx_reshape_dims(c, onnx_operand(c, 0), &dims));
}

/* The shape broadcasts both ways. */
bool onnx_op_expand(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    DimList shape;
    if (!onnx_known_dims(c, 1, "shape", &shape)) return false;
    Type wanted = {.kind = TYPE_TENSOR, .dtype = type->dtype, .rank = shape.count}, both;
    for (int i = 0; i < shape.count; i++) wanted.dim[i] = shape.at[i];
    if (!shape_broadcast(type, &wanted, &both))
        return onnx_wrong(c, "%s does not stretch to the shape", type_text(c->arena, type));
    DimList dims = dims_of(&both);
    return onnx_result(c, 0, onnx_broadcast_dims(c, onnx_operand(c, 0), &dims));
}
