/* Pieces of values: concatenating, slicing, splitting; constants of a shape. */
#include "frontend/onnx/sizes.h"

/* ---- Concat ---- */

/* An axis of [N, C, ...] in [N, ..., C]. */
static int axis_in_last(int axis, int rank) { return axis == 0 ? 0 : axis == 1 ? rank - 1 : axis - 1; }

bool onnx_op_concat(OnnxCall *c)
{
    int count = onnx_operands(c), axis;
    if (count < 1) return onnx_wrong(c, "expected an operand");
    Value *in = ARENA_ARRAY(c->arena, Value, count);
    bool last = onnx_same_layout(c, count, in);
    if (!in[0].node) return false;
    int rank = value_type(in[0])->rank;
    if (!onnx_axis(c, onnx_int(c, "axis", 1), rank, &axis)) return false;
    ConcatAttrs attrs = {.axis = last ? axis_in_last(axis, rank) : axis};
    Value out = count == 1 ? onnx_make1(c, OP_copy, in[0]) : onnx_make(c, OP_concat, &attrs, count, in);
    return last ? onnx_result_last(c, 0, out) : onnx_result(c, 0, out);
}

/* ---- Slice ---- */

static int64_t clamped(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* numpy's begin:end:step of one axis. */
static void cut_axis(SliceAttrs *attrs, int axis, int64_t begin, int64_t end, int64_t step, int64_t size)
{
    int64_t edge = step < 0 ? -1 : 0;
    begin = clamped(begin < 0 ? (begin < -size ? edge : begin + size) : begin, edge, size + edge);
    end = clamped(end < 0 ? (end < -size ? edge : end + size) : end, edge, size + edge);
    bool nothing = step > 0 ? begin >= end : begin <= end;
    attrs->begin.at[axis] = nothing ? 0 : begin;
    attrs->end.at[axis] = nothing ? 0 : end < 0 ? -size - 1 : end;
    attrs->step.at[axis] = nothing ? 1 : clamped(step, -size, size);
}

static SliceAttrs whole(const Type *type)
{
    SliceAttrs attrs = {.begin.count = type->rank, .end.count = type->rank, .step.count = type->rank};
    for (int i = 0; i < type->rank; i++) {
        attrs.end.at[i] = type->dim[i].high;
        attrs.step.at[i] = 1;
    }
    return attrs;
}

/* The same where the axis is bounded, or an index follows from what is: slice counts from the end of the call's size,
 * and stops there. */
static Dim index_within(const Dim *index, const Dim *size)
{
    return dim_is_fixed(index) ? dim_fixed(clamped(index->high, -size->high - 1, size->high)) : *index;
}

typedef struct Cuts {
    DimList begin, end;
    IntList axes, step;
} Cuts;

static bool read_cuts(OnnxCall *c, Cuts *out)
{
    *out = (Cuts){.step = {0}};
    if (!onnx_dims_either(c, "starts", 10, 1, &out->begin) || !onnx_dims_either(c, "ends", 10, 2, &out->end) ||
        !onnx_ints_either(c, "axes", 10, 3, &out->axes) ||
        (c->opset >= 10 && onnx_has(c, 4) && !onnx_known_ints(c, 4, "steps", &out->step)))
        return false;
    int count = out->begin.count;
    for (int i = 0; i < count && !out->axes.count; i++) out->axes.at[i] = i;
    if (out->end.count != count || (out->axes.count && out->axes.count != count) ||
        (out->step.count && out->step.count != count))
        return onnx_wrong(c, "starts, ends, axes and steps are not as many");
    return true;
}

bool onnx_op_slice(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    Cuts cuts;
    if (!read_cuts(c, &cuts)) return false;
    SliceAttrs attrs = whole(type);
    DimList begins = {.count = type->rank}, ends = dims_of(type);
    for (int i = 0; i < type->rank; i++) ends.at[i] = dim_fixed(type->dim[i].high);
    for (int i = 0; i < cuts.begin.count; i++) {
        const Dim *begin = &cuts.begin.at[i], *end = &cuts.end.at[i];
        int axis;
        int64_t by = cuts.step.count ? cuts.step.at[i] : 1;
        if (!onnx_axis(c, cuts.axes.at[i], type->rank, &axis)) return false;
        if (!by) return onnx_wrong(c, "a step is 0");
        const Dim *size = &type->dim[axis];
        begins.at[axis] = index_within(begin, size);
        ends.at[axis] = index_within(end, size);
        attrs.step.at[axis] = clamped(by, -size->high, size->high);
        if (!dim_is_fixed(size) || !dim_is_fixed(begin) || !dim_is_fixed(end)) continue;
        cut_axis(&attrs, axis, begin->high, end->high, by, size->high);
        begins.at[axis] = dim_fixed(attrs.begin.at[axis]);
        ends.at[axis] = dim_fixed(attrs.end.at[axis]);
    }
    attrs.begin_dims = dims_split(c, &begins, &attrs.begin);
    attrs.end_dims = dims_split(c, &ends, &attrs.end);
    Value x = onnx_operand(c, 0);
    return onnx_result(c, 0, onnx_make(c, OP_slice, &attrs, 1, &x));
}

/* ---- Split ---- */

/* The sizes of the parts: as said, or equal with a smaller last one. */
static bool part_sizes(OnnxCall *c, int64_t size, int64_t *parts, int count)
{
    const Onnx__AttributeProto *said = c->opset < 13 ? onnx_attr(c, "split") : NULL;
    const Tensor *known = NULL;
    if (c->opset >= 13 && onnx_has(c, 1) && !(known = onnx_known(c, 1, "split"))) return false;
    int64_t given = said ? (int64_t)said->n_ints : known ? type_elements(&known->type) : 0;
    int64_t parts_wanted = onnx_int(c, "num_outputs", count), each = (size + count - 1) / count, sum = 0;
    if ((given && given != count) || parts_wanted != count) return onnx_wrong(c, "there are %d results", count);
    for (int i = 0; i < count; i++) {
        parts[i] = said ? said->ints[i] : known ? tensor_get(known, i).integer : each;
        if (!given && sum + parts[i] > size) parts[i] = size - sum;
        if (parts[i] < 0 || parts[i] > size - sum) return onnx_wrong(c, "part %d does not fit", i);
        sum += parts[i];
    }
    return sum == size || onnx_wrong(c, "the parts are %lld of %lld", (long long)sum, (long long)size);
}

bool onnx_op_split(OnnxCall *c)
{
    Value x = onnx_operand(c, 0);
    const Type *type = value_type(x);
    int axis, count = (int)c->node->n_output;
    if (count < 1 || !onnx_axis(c, onnx_int(c, "axis", 0), type->rank, &axis)) return count < 1;
    int64_t *parts = ARENA_ARRAY(c->arena, int64_t, count), begin = 0;
    if (!part_sizes(c, type->dim[axis].high, parts, count)) return false;
    SliceAttrs attrs = whole(type);
    for (int i = 0; i < count; i++) {
        attrs.begin.at[axis] = begin;
        attrs.end.at[axis] = begin += parts[i];
        if (onnx_wants(c, i) && !onnx_result(c, i, onnx_make(c, OP_slice, &attrs, 1, &x))) return false;
    }
    return true;
}

/* ---- ConstantOfShape ---- */

bool onnx_op_constant_of_shape(OnnxCall *c)
{
    static const int64_t most_written = 1 << 16;
    DimList shape;
    const Onnx__AttributeProto *value = onnx_attr(c, "value");
    Tensor one = tensor_new(c->arena, type_scalar(F32)), *tensor = ARENA_NEW(c->arena, Tensor);
    if (!onnx_known_dims(c, 0, "shape", &shape)) return false;
    if (value && value->t && !onnx_tensor(c->arena, value->t, c->at, &one, c->diag)) return false;
    if (type_elements(&one.type) != 1) return onnx_wrong(c, "the value is not one number");
    Type type = {.kind = TYPE_TENSOR, .dtype = one.type.dtype, .rank = shape.count};
    for (int i = 0; i < shape.count; i++) type.dim[i] = shape.at[i];
    if (!type_is_sane(&type))
        return onnx_wrong(c, "%s has a negative dim, or is too large", type_text(c->arena, &type));
    Scalar element = tensor_get(&one, 0);
    int64_t count = type_elements(&type);
    if (count > most_written ||
        !type_is_fixed(&type)) { /* said, not written: a file of a few bytes may ask for gigabytes */
        *tensor = tensor_new(c->arena, type_scalar(one.type.dtype));
        tensor_set(tensor, 0, element);
        return onnx_result(c, 0, onnx_broadcast_dims(c, onnx_make_constant(c, tensor), &shape));
    }
    *tensor = tensor_new(c->arena, type);
    for (int64_t i = 0; i < count; i++) tensor_set(tensor, i, element);
    return onnx_result(c, 0, onnx_make_constant(c, tensor));
}
