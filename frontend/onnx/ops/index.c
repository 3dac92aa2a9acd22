/* Reads at computed places, and what coordinates are compared with. */
#include "frontend/onnx/sizes.h"
#include "ir/top.h"

static bool import_gather(OnnxCall *c, Op op)
{
    GatherAttrs attrs = {.axis = onnx_int(c, "axis", 0)};
    return onnx_result(c, 0, onnx_make(c, op, &attrs, 2, (Value[]){onnx_operand(c, 0), onnx_operand(c, 1)}));
}

bool onnx_op_gather(OnnxCall *c) { return import_gather(c, OP_gather); }
bool onnx_op_gather_elements(OnnxCall *c) { return import_gather(c, OP_gather_elements); }

bool onnx_op_gather_nd(OnnxCall *c)
{
    GatherNdAttrs attrs = {.batch = onnx_int(c, "batch_dims", 0)};
    return onnx_result(c, 0, onnx_make(c, OP_gather_nd, &attrs, 2, (Value[]){onnx_operand(c, 0), onnx_operand(c, 1)}));
}

bool onnx_op_one_hot(OnnxCall *c)
{
    OneHotAttrs attrs = {.axis = onnx_int(c, "axis", -1), .to = F32};
    double depth;
    if (!onnx_known_real(c, 1, "depth", &depth)) return false;
    attrs.depth = depth >= 0 && depth < 0x1p40 ? (int64_t)depth : -1;
    Value operands[] = {onnx_cast(c, onnx_operand(c, 0), I64), onnx_operand(c, 2)};
    return onnx_result(c, 0, onnx_make(c, OP_one_hot, &attrs, 2, operands));
}

bool onnx_op_trilu(OnnxCall *c)
{
    TriangleAttrs attrs = {.upper = onnx_int(c, "upper", 1) != 0};
    if (onnx_has(c, 1) && !onnx_known_int(c, 1, "k", &attrs.diagonal)) return false;
    if (attrs.diagonal > 1000000000) attrs.diagonal = 1000000000;
    if (attrs.diagonal < -1000000000) attrs.diagonal = -1000000000;
    return onnx_result(c, 0, onnx_make(c, OP_triangle, &attrs, 1, (Value[]){onnx_operand(c, 0)}));
}

static Value where(OnnxCall *c, Value condition, Value yes, Value no)
{
    return onnx_make(c, OP_where, NULL, 3, (Value[]){condition, yes, no});
}

/* The first `length` steps of each batch the other way round: read where the length less the step is. */
bool onnx_op_reverse_sequence(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    int batch, time;
    if (!onnx_axis(c, onnx_int(c, "batch_axis", 1), type->rank, &batch)) return false;
    if (!onnx_axis(c, onnx_int(c, "time_axis", 0), type->rank, &time)) return false;
    if (batch == time) return onnx_wrong(c, "batch and time are one axis");
    DimList dims = {.count = type->rank}, along = dims;
    IotaAttrs steps = {.axis = time, .to = I64};
    TakeAttrs take = {.from = {.count = type->rank}};
    for (int i = 0; i < type->rank; i++) {
        dims.at[i] = i == batch ? type->dim[i] : dim_fixed(1);
        along.at[i] = i == time ? type->dim[i] : dim_fixed(1);
        take.from.at[i] = i == time ? -1 : i;
    }
    steps.shape_dims = dims_split(c, &along, &steps.shape);
    Value length = onnx_cast(c, onnx_reshape_dims(c, onnx_operand(c, 1), &dims), I64);
    Value step = onnx_make(c, OP_iota, &steps, 0, NULL);
    Value back = onnx_make2(c, OP_sub, onnx_make2(c, OP_sub, length, onnx_number(c, I64, 1)), step);
    Value index = where(c, onnx_make2(c, OP_less, step, length), back, step);
    return onnx_result(c, 0, onnx_make(c, OP_take, &take, 2, (Value[]){onnx_operand(c, 0), index}));
}

/* ---- the place of the largest or smallest ---- */

Value onnx_extreme_place(OnnxCall *c, Value x, Op reduce, int axis, bool last)
{
    if (!x.node) return x;
    const Type *type = value_type(x);
    int64_t size = type->dim[axis].high;
    ReduceAttrs along = {.axes = {1, {axis}}, .keep = true};
    IotaAttrs count = {.shape = {.count = type->rank}, .axis = axis, .to = size < 1 << 30 ? I32 : I64};
    for (int i = 0; i < type->rank; i++) count.shape.at[i] = i == axis ? size : 1;
    Value place = onnx_make(c, OP_iota, &count, 0, NULL),
          none = onnx_number(c, (Dtype)count.to, last ? -1 : (double)size);
    Value found = onnx_make2(c, OP_equal, x, onnx_make(c, reduce, &along, 1, &x));
    Value at = where(c, found, place, none);
    if (dtype_is_float(type->dtype)) at = where(c, onnx_make2(c, OP_equal, x, x), at, place);
    return onnx_make(c, last ? OP_reduce_max : OP_reduce_min, &along, 1, &at);
}

static bool import_extreme(OnnxCall *c, Op reduce)
{
    const Type *type = onnx_operand_type(c, 0);
    int axis;
    if (!onnx_axis(c, onnx_int(c, "axis", 0), type->rank, &axis)) return false;
    bool keep = onnx_int(c, "keepdims", 1) != 0, last = onnx_int(c, "select_last_index", 0) != 0;
    Value at = onnx_extreme_place(c, onnx_operand(c, 0), reduce, axis, last);
    int64_t dims[MAX_RANK];
    int rank = 0;
    for (int i = 0; i < type->rank; i++)
        if (i != axis) dims[rank++] = type->dim[i].high;
    if (!keep) at = onnx_reshape(c, at, rank, dims);
    return onnx_result(c, 0, onnx_cast(c, at, I64));
}

bool onnx_op_arg_max(OnnxCall *c) { return import_extreme(c, OP_reduce_max); }
bool onnx_op_arg_min(OnnxCall *c) { return import_extreme(c, OP_reduce_min); }

bool onnx_op_hardmax(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    int axis;
    if (c->opset < 13)
        return onnx_refuse(c, "", "convert the model to opset 13 or later", "Hardmax of flattened matrices");
    if (!onnx_axis(c, onnx_int(c, "axis", -1), type->rank, &axis)) return false;
    Value at = onnx_extreme_place(c, onnx_operand(c, 0), OP_reduce_max, axis, false);
    if (!at.node) return false;
    IotaAttrs count = {.shape = {.count = type->rank}, .axis = axis, .to = (int)value_type(at)->dtype};
    for (int i = 0; i < type->rank; i++) count.shape.at[i] = i == axis ? type->dim[i].high : 1;
    Value here = onnx_make2(c, OP_equal, onnx_make(c, OP_iota, &count, 0, NULL), at);
    return onnx_result(c, 0, onnx_cast(c, here, type->dtype));
}

/* Sorted, also where the model would have them in any order. */
bool onnx_op_top_k(OnnxCall *c)
{
    TopAttrs attrs = {.axis = onnx_int(c, "axis", -1), .largest = onnx_int(c, "largest", 1) != 0};
    onnx_ignore(c, "sorted");
    if (c->opset < 10)
        attrs.k = onnx_int(c, "k", 1);
    else if (!onnx_known_int(c, 1, "K", &attrs.k))
        return false;
    GatherAttrs along = {.axis = attrs.axis};
    Value x = onnx_operand(c, 0), places = onnx_make(c, OP_top_indices, &attrs, 1, &x);
    if (!onnx_result(c, 1, places)) return false;
    return onnx_result(c, 0, onnx_make(c, OP_gather_elements, &along, 2, (Value[]){x, places}));
}
