/* Constants, shapes, and the same elements in other shapes. */
#include "frontend/onnx/call.h"

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
    if (!onnx_need_fixed(c, type)) return false;
    IntList dims = {.count = (int)(to - from)};
    for (int i = 0; i < dims.count; i++) dims.at[i] = type->dim[from + i].high;
    return onnx_result(c, 0, onnx_make_ints(c, &dims));
}

bool onnx_op_size(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    if (!onnx_need_fixed(c, type)) return false;
    Tensor *tensor = new_tensor(c, I64, 0, 1);
    tensor_set(tensor, 0, (Scalar){.integer = type_elements(type)});
    return onnx_result(c, 0, onnx_make_constant(c, tensor));
}

/* ---- other shapes ---- */

/* 0 keeps the operand's dim, unless allowzero; -1 is what is left. */
bool onnx_op_reshape(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    IntList shape;
    onnx_ignore(c, "consumed_inputs");
    if (!onnx_ints_either(c, "shape", 5, 1, &shape)) return false;
    bool zero = onnx_int(c, "allowzero", 0) != 0;
    int open = -1;
    int64_t known = 1, all = type_elements(type);
    bool fits = true;
    for (int i = 0; i < shape.count; i++) {
        if (shape.at[i] == 0 && !zero && i < type->rank) shape.at[i] = type->dim[i].high;
        if (shape.at[i] == -1 && open < 0)
            open = i;
        else
            fits = fits && shape.at[i] >= 0 && !__builtin_mul_overflow(known, shape.at[i], &known);
    }
    if (!fits || (open < 0 ? known != all : known == 0))
        return onnx_wrong(c, "the shape does not fit %s", type_text(c->arena, type));
    if (open >= 0) shape.at[open] = all / known;
    return onnx_result(c, 0,
                       onnx_make(c, OP_reshape, &(ReshapeAttrs){.shape = shape}, 1, (Value[]){onnx_operand(c, 0)}));
}

bool onnx_op_flatten(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    int64_t axis = onnx_int(c, "axis", 1), dims[2] = {1, 1};
    axis = axis < 0 ? axis + type->rank : axis;
    if (axis < 0 || axis > type->rank) return onnx_wrong(c, "axis %lld is none of %d", (long long)axis, type->rank);
    for (int i = 0; i < type->rank; i++) dims[i >= axis] *= type->dim[i].high;
    IntList shape = {.count = 2, .at = {dims[0], dims[1]}};
    return onnx_result(c, 0,
                       onnx_make(c, OP_reshape, &(ReshapeAttrs){.shape = shape}, 1, (Value[]){onnx_operand(c, 0)}));
}

bool onnx_op_transpose(OnnxCall *c)
{
    TransposeAttrs attrs;
    if (!onnx_ints(c, "perm", &attrs.permute)) return false;
    return onnx_result(c, 0, onnx_make(c, OP_transpose, &attrs, 1, (Value[]){onnx_operand(c, 0)}));
}

static Value reshaped(OnnxCall *c, const IntList *dims)
{
    return onnx_make(c, OP_reshape, &(ReshapeAttrs){.shape = *dims}, 1, (Value[]){onnx_operand(c, 0)});
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
    IntList axes, dims = {0};
    bool gone[MAX_RANK] = {false};
    if (!onnx_ints_either(c, "axes", 13, 1, &axes) || !mark_axes(c, &axes, type->rank, gone)) return false;
    for (int i = 0; i < type->rank; i++) {
        bool one = type->dim[i].high == 1;
        if (gone[i] && !one) return onnx_wrong(c, "axis %d of %s is not 1", i, type_text(c->arena, type));
        if (axes.count ? !gone[i] : !one) dims.at[dims.count++] = type->dim[i].high;
    }
    return onnx_result(c, 0, reshaped(c, &dims));
}

bool onnx_op_unsqueeze(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    IntList axes, dims = {0};
    bool new[MAX_RANK] = {false};
    if (!onnx_ints_either(c, "axes", 13, 1, &axes)) return false;
    dims.count = type->rank + axes.count;
    if (dims.count > MAX_RANK)
        return onnx_refuse(c, "axes", "lepc has tensors of up to 8 axes", "there would be %d axes", dims.count);
    if (!mark_axes(c, &axes, dims.count, new)) return false;
    for (int i = 0, from = 0; i < dims.count; i++) dims.at[i] = new[i] ? 1 : type->dim[from++].high;
    return onnx_result(c, 0, reshaped(c, &dims));
}

/* The shape broadcasts both ways. */
bool onnx_op_expand(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    IntList shape;
    if (!onnx_known_ints(c, 1, "shape", &shape)) return false;
    Type wanted = type_tensor(type->dtype, shape.count, shape.at), both;
    if (!shape_broadcast(type, &wanted, &both))
        return onnx_wrong(c, "%s does not stretch to the shape", type_text(c->arena, type));
    BroadcastAttrs attrs = {.shape = {.count = both.rank}};
    for (int i = 0; i < both.rank; i++) attrs.shape.at[i] = both.dim[i].high;
    return onnx_result(c, 0, onnx_make(c, OP_broadcast, &attrs, 1, (Value[]){onnx_operand(c, 0)}));
}
