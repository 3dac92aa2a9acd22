/* Operators that cut, join and regroup: what they read of lists is known when compiling. */
#include "frontend/onnx/sizes.h"

#include <math.h>
#include <string.h>

static int64_t dim_of(const Type *type, int axis) { return type->dim[axis].high; }

static Value slice_axis(OnnxCall *c, Value x, int axis, int64_t begin, int64_t end)
{
    SliceAttrs attrs = {.begin = {.count = axis + 1}, .end = {.count = axis + 1}};
    if (!x.node || (begin == 0 && end == dim_of(value_type(x), axis))) return x;
    for (int i = 0; i < axis; i++) attrs.end.at[i] = dim_of(value_type(x), i);
    attrs.begin.at[axis] = begin;
    attrs.end.at[axis] = end;
    return onnx_make(c, OP_slice, &attrs, 1, &x);
}

/* ---- pad ---- */

static int pad_mode(const char *mode)
{
    static const struct {
        const char *name;
        PadFill fill;
    } modes[] = {{"constant", PAD_CONSTANT}, {"edge", PAD_EDGE}, {"reflect", PAD_REFLECT}, {"wrap", PAD_WRAP}};
    for (int i = 0; i < 4; i++)
        if (!strcmp(mode, modes[i].name)) return (int)modes[i].fill;
    return -1;
}

/* Begins and ends by axis; what is negative is cut off first. */
static bool pad_sizes(OnnxCall *c, const IntList *pads, const IntList *axes, Value *x, PadAttrs *out)
{
    int rank = value_type(*x)->rank, count = axes->count ? axes->count : rank;
    if (pads->count != 2 * count) return onnx_wrong(c, "%d pads for %d axes", pads->count, count);
    out->begin.count = out->end.count = rank;
    for (int i = 0; i < count; i++) {
        int axis;
        if (!onnx_axis(c, axes->count ? axes->at[i] : i, rank, &axis)) return false;
        int64_t begin = pads->at[i], end = pads->at[i + count], size = dim_of(value_type(*x), axis);
        if (begin < 0 || end < 0) {
            int64_t low = begin < 0 ? -begin : 0, high = end < 0 ? size + end : size;
            if (low > high) return onnx_wrong(c, "more of axis %d is cut off than there is", axis);
            *x = slice_axis(c, *x, axis, low, high);
        }
        out->begin.at[axis] = begin < 0 ? 0 : begin;
        out->end.at[axis] = end < 0 ? 0 : end;
    }
    return x->node != NULL;
}

bool onnx_op_pad(OnnxCall *c)
{
    IntList pads, axes = {0};
    PadAttrs attrs = {.mode = pad_mode(onnx_string(c, "mode", "constant"))};
    const char *name = c->opset < 2 ? "paddings" : "pads";
    double value = c->opset < 11 ? onnx_float(c, "value", 0) : 0;
    if (attrs.mode < 0) return onnx_wrong(c, "there is no such mode");
    if (!onnx_ints_either(c, name, 11, 1, &pads)) return false;
    if (onnx_has(c, 3) && !onnx_known_ints(c, 3, "axes", &axes)) return false;
    Value operands[2] = {onnx_operand(c, 0), {NULL, 0}};
    if (!pad_sizes(c, &pads, &axes, &operands[0], &attrs)) return false;
    if (attrs.mode == PAD_CONSTANT && c->opset >= 11 && onnx_has(c, 2))
        operands[1] = onnx_reshape(c, onnx_operand(c, 2), 0, NULL);
    else if (attrs.mode == PAD_CONSTANT)
        operands[1] = onnx_number(c, value_type(operands[0])->dtype, value);
    return onnx_result(c, 0, onnx_make(c, OP_pad, &attrs, 1 + (operands[1].node != NULL), operands));
}

/* Each axis cut or padded with zeros around its middle. */
bool onnx_op_center_crop_pad(OnnxCall *c)
{
    IntList shape, axes;
    if (!onnx_known_ints(c, 1, "shape", &shape) || !onnx_ints(c, "axes", &axes)) return false;
    Value x = onnx_operand(c, 0);
    int rank = value_type(x)->rank;
    PadAttrs attrs = {.begin = {.count = rank}, .end = {.count = rank}};
    if (shape.count != (axes.count ? axes.count : rank)) return onnx_wrong(c, "%d sizes", shape.count);
    for (int i = 0; i < shape.count; i++) {
        int axis;
        if (!onnx_axis(c, axes.count ? axes.at[i] : i, rank, &axis)) return false;
        int64_t size = dim_of(value_type(x), axis), wanted = shape.at[i], more = wanted - size;
        if (wanted < 0) return onnx_wrong(c, "the size of axis %d is %lld", axis, (long long)wanted);
        if (more < 0) x = slice_axis(c, x, axis, -more / 2, -more / 2 + wanted);
        if (more > 0) attrs.begin.at[axis] = more / 2;
        if (more > 0) attrs.end.at[axis] = more - more / 2;
    }
    return onnx_result(c, 0, onnx_make(c, OP_pad, &attrs, 1, &x));
}

/* ---- repeats and blocks ---- */

/* What lies in front, the copies, what is copied: seen so, and given back the dims that it has then. */
static bool repeat_axis(OnnxCall *c, Value *x, int axis, const Dim *count)
{
    const Type *type = value_type(*x);
    DimList dims = dims_of(type), seen = {.count = 3};
    Dim pair[] = {type->dim[axis], *count};
    seen.at[1] = dim_fixed(1);
    bool fits = dims_product(c, axis, type->dim, &seen.at[0]) &&
                dims_product(c, type->rank - axis, type->dim + axis, &seen.at[2]) &&
                dims_product(c, 2, pair, &dims.at[axis]);
    if (!fits)
        return onnx_refuse(c, "repeats", "give the dim a fixed size with --dim", "axis %d has no fixed size", axis);
    *x = onnx_reshape_dims(c, *x, &seen);
    seen.at[1] = *count;
    if (x->node) *x = onnx_broadcast_dims(c, *x, &seen);
    if (x->node) *x = onnx_reshape_dims(c, *x, &dims);
    return x->node != NULL;
}

bool onnx_op_tile(OnnxCall *c)
{
    DimList repeats;
    Value x = onnx_operand(c, 0);
    if (c->opset < 6) return onnx_refuse(c, "", "convert the model to opset 6 or later", "Tile had another meaning");
    if (!onnx_known_dims(c, 1, "repeats", &repeats)) return false;
    int rank = value_type(x)->rank;
    if (repeats.count != rank) return onnx_wrong(c, "%d repeats for %d axes", repeats.count, rank);
    for (int axis = 0; axis < rank && x.node; axis++) {
        const Dim *count = &repeats.at[axis];
        if (count->low < 0) return onnx_wrong(c, "axis %d is repeated %s times", axis, dim_text(c->arena, count));
        if (!(dim_is_fixed(count) && count->high == 1) && !repeat_axis(c, &x, axis, count)) return false;
    }
    return onnx_result(c, 0, x);
}

static bool need_blocks(OnnxCall *c, int64_t block, bool to_space)
{
    const Type *type = onnx_operand_type(c, 0);
    bool fits = type->rank == 4 && block > 0 && block < 1 << 20;
    if (fits)
        fits = to_space ? dim_of(type, 1) % (block * block) == 0
                        : dim_of(type, 2) % block == 0 && dim_of(type, 3) % block == 0;
    return (fits || onnx_wrong(c, "%s is no image of blocks of %lld", type_text(c->arena, type), (long long)block)) &&
           onnx_need_fixed(c, type);
}

bool onnx_op_depth_to_space(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    int64_t b = onnx_int(c, "blocksize", 1);
    bool columns_first = !strcmp(onnx_string(c, "mode", "DCR"), "CRD");
    if (!need_blocks(c, b, true)) return false;
    int64_t n = dim_of(type, 0), depth = dim_of(type, 1) / b / b, h = dim_of(type, 2), w = dim_of(type, 3);
    const int64_t split_first[] = {n, b, b, depth, h, w}, split_last[] = {n, depth, b, b, h, w};
    const IntList order_first = {6, {0, 3, 4, 1, 5, 2}}, order_last = {6, {0, 1, 4, 2, 5, 3}};
    Value x = onnx_reshape(c, onnx_operand(c, 0), 6, columns_first ? split_last : split_first);
    x = onnx_transpose(c, x, columns_first ? &order_last : &order_first);
    return onnx_result(c, 0, onnx_reshape(c, x, 4, (const int64_t[]){n, depth, h * b, w * b}));
}

bool onnx_op_space_to_depth(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    int64_t b = onnx_int(c, "blocksize", 1);
    if (!need_blocks(c, b, false)) return false;
    int64_t n = dim_of(type, 0), depth = dim_of(type, 1), h = dim_of(type, 2) / b, w = dim_of(type, 3) / b;
    Value x = onnx_reshape(c, onnx_operand(c, 0), 6, (const int64_t[]){n, depth, h, b, w, b});
    x = onnx_transpose(c, x, &(IntList){6, {0, 3, 5, 1, 2, 4}});
    return onnx_result(c, 0, onnx_reshape(c, x, 4, (const int64_t[]){n, depth * b * b, h, w}));
}

/* ---- constants by shape ---- */

static bool follows_dims(OnnxCall *c)
{
    for (int i = 0; i < 3; i++)
        if (onnx_follows_dims(c, i)) return true;
    return false;
}

/* Of as many numbers as a bounded dim says. */
static bool range_of_sizes(OnnxCall *c)
{
    DimList first, limit, step, count = {.count = 1};
    if (!onnx_known_dims(c, 0, "start", &first) || !onnx_known_dims(c, 1, "limit", &limit) ||
        !onnx_known_dims(c, 2, "delta", &step))
        return false;
    if (first.count != 1 || limit.count != 1 || step.count != 1) return onnx_wrong(c, "there is no such range");
    if (!dims_are_fixed(&step) || !dims_steps(c, &first.at[0], &limit.at[0], step.at[0].high, &count.at[0]))
        return onnx_refuse(c, "limit", "give the dim a fixed size with --dim", "how many there are does not follow");
    Dtype dtype = onnx_operand_dtype(c, 0);
    IotaAttrs attrs = {.to = (int)dtype};
    attrs.shape_dims = dims_split(c, &count, &attrs.shape);
    Value numbers = onnx_make(c, OP_iota, &attrs, 0, NULL);
    if (step.at[0].high != 1) numbers = onnx_make2(c, OP_mul, numbers, onnx_number(c, dtype, (double)step.at[0].high));
    Value from = onnx_operand(c, 0);
    bool zero = dim_is_fixed(&first.at[0]) && !first.at[0].high;
    return onnx_result(c, 0, zero ? numbers : onnx_make2(c, OP_add, numbers, onnx_reshape(c, from, 0, NULL)));
}

bool onnx_op_range(OnnxCall *c)
{
    double first, limit, step;
    if (follows_dims(c)) return range_of_sizes(c);
    if (!onnx_known_real(c, 0, "start", &first) || !onnx_known_real(c, 1, "limit", &limit) ||
        !onnx_known_real(c, 2, "delta", &step))
        return false;
    double count = ceil((limit - first) / step);
    if (count != count) return onnx_wrong(c, "there is no such range");
    if (count > 0x1p32) return onnx_refuse(c, "limit", "make it an input", "there are too many elements");
    Tensor *out = ARENA_NEW(c->arena, Tensor);
    int64_t size = count > 0 ? (int64_t)count : 0;
    Type type = type_tensor(onnx_operand_dtype(c, 0), 1, &size);
    if (!onnx_afford(c, &type)) return false;
    *out = tensor_new(c->arena, type);
    for (int64_t i = 0; i < size; i++) tensor_set_real(out, i, first + (double)i * step);
    return onnx_result(c, 0, onnx_make_constant(c, out));
}

bool onnx_op_eye_like(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    Dtype dtype = type->dtype;
    const Onnx__AttributeProto *attr = onnx_attr(c, "dtype");
    if (attr) dtype = onnx_dtype((int32_t)attr->i);
    if (dtype == DTYPE_COUNT) return onnx_wrong(c, "there is no such dtype");
    if (type->rank != 2) return onnx_wrong(c, "%s is no matrix", type_text(c->arena, type));
    if (!onnx_need_fixed(c, type)) return false;
    IotaAttrs row = {.shape = {2, {dim_of(type, 0), 1}}, .axis = 0, .to = I64};
    IotaAttrs column = {.shape = {2, {1, dim_of(type, 1)}}, .axis = 1, .to = I64};
    Value rows = onnx_make(c, OP_iota, &row, 0, NULL);
    Value shifted = onnx_make2(c, OP_add, rows, onnx_number(c, I64, (double)onnx_int(c, "k", 0)));
    return onnx_result(c, 0,
                       onnx_cast(c, onnx_make2(c, OP_equal, shifted, onnx_make(c, OP_iota, &column, 0, NULL)), dtype));
}
