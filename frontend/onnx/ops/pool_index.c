/* Where the greatest elements of windows are: every window is read again, and the first place that holds what the
 * pooling found is the least of those that do. */
#include "frontend/onnx/ops/pool.h"

typedef struct Places {
    OnnxCall *c;
    const OnnxWindow *w;
    int rank; /* of [N, windows along each axis, taps along each axis, C] */
} Places;

/* A constant along axis `at` of that shape, or along two. */
static Tensor *along(const Places *p, Dtype dtype, int at, int64_t size, int other, int64_t others)
{
    int64_t dims[MAX_RANK];
    Tensor *tensor = ARENA_NEW(p->c->arena, Tensor);
    for (int i = 0; i < p->rank; i++) dims[i] = i == at ? size : i == other ? others : 1;
    *tensor = tensor_new(p->c->arena, type_tensor(dtype, p->rank, dims));
    return tensor;
}

/* The coordinate of each tap along a spatial axis or, `inside`, whether there is one: others are clamped. */
static Value taps_along(const Places *p, int axis, bool inside)
{
    const OnnxWindow *w = p->w;
    int64_t windows = w->out[axis], taps = w->kernel[axis];
    Tensor *tensor = along(p, inside ? BOOL : I64, 1 + axis, windows, 1 + w->axes + axis, taps);
    if (!onnx_afford(p->c, &tensor->type)) return (Value){NULL, 0};
    for (int64_t i = 0; i < windows * taps; i++) {
        int64_t at = i / taps * w->stride[axis] - w->begin[axis] + i % taps * w->dilation[axis];
        bool in = at >= 0 && at < w->in[axis];
        int64_t clamped = at < 0 ? 0 : in ? at : w->in[axis] - 1;
        tensor_set(tensor, i, (Scalar){.integer = inside ? in : clamped});
    }
    return onnx_make_constant(p->c, tensor);
}

static Value counted(const Places *p, int axis, int64_t size)
{
    IotaAttrs attrs = {.shape = {.count = p->w->axes + 2}, .axis = axis, .to = I64};
    for (int i = 0; i < attrs.shape.count; i++) attrs.shape.at[i] = i == axis ? size : 1;
    return onnx_make(p->c, OP_iota, &attrs, 0, NULL);
}

static Value scaled(const Places *p, Value a, int64_t factor)
{
    return factor == 1 ? a : onnx_make2(p->c, OP_mul, a, onnx_number(p->c, I64, (double)factor));
}

/* Every tap of every window. */
static Value windows_of(const Places *p, Value x, const Value *coordinates)
{
    TakeAttrs attrs = {.from = {.count = p->w->axes + 2}};
    Value operands[1 + MAX_SPATIAL] = {x};
    attrs.from.at[1 + p->w->axes] = p->rank - 1;
    for (int i = 0; i < p->w->axes; i++) {
        attrs.from.at[1 + i] = -1;
        operands[1 + i] = coordinates[i];
    }
    return onnx_make(p->c, OP_take, &attrs, 1 + p->w->axes, operands);
}

/* Whether a tap is in the input and holds what was found: also NaN, which poolings pass on. */
static Value matches(const Places *p, Value windows, Value greatest)
{
    OnnxCall *c = p->c;
    const Type *type = value_type(greatest);
    int64_t dims[MAX_RANK];
    for (int i = 0; i < p->rank; i++)
        dims[i] = i <= p->w->axes ? type->dim[i].high : i == p->rank - 1 ? type->dim[type->rank - 1].high : 1;
    Value found = onnx_make2(c, OP_equal, windows, onnx_reshape(c, greatest, p->rank, dims));
    if (dtype_is_float(type->dtype)) {
        Value is_nan = onnx_make1(c, OP_logical_not, onnx_make2(c, OP_equal, windows, windows));
        found = onnx_make2(c, OP_logical_or, found, is_nan);
    }
    for (int i = 0; i < p->w->axes; i++)
        if (p->w->begin[i] || p->w->end[i]) found = onnx_make2(c, OP_logical_and, found, taps_along(p, i, true));
    return found;
}

/* Row by row, [N, windows, C]. */
static Value first_places(const Places *p, Value x, Value greatest)
{
    OnnxCall *c = p->c;
    Value coordinates[MAX_SPATIAL], place = {NULL, 0};
    ReduceAttrs taps = {.axes = {.count = p->w->axes}};
    int64_t all = 1;
    for (int i = 0; i < p->w->axes; i++) {
        coordinates[i] = taps_along(p, i, false);
        taps.axes.at[i] = 1 + p->w->axes + i;
        all *= p->w->in[i];
        place = i ? onnx_make2(c, OP_add, scaled(p, place, p->w->in[i]), coordinates[i]) : coordinates[i];
        if (!place.node) return place;
    }
    Value found = matches(p, windows_of(p, x, coordinates), greatest);
    place = onnx_make(c, OP_where, NULL, 3, (Value[]){found, place, onnx_number(c, I64, (double)all)});
    return onnx_make(c, OP_reduce_min, &taps, 1, &place);
}

/* Row by row to column by column: the coordinates in the other order. */
static Value by_columns(const Places *p, Value place)
{
    OnnxCall *c = p->c;
    Value out = {NULL, 0};
    for (int i = p->w->axes - 1; i >= 0; i--) {
        Value size = onnx_number(c, I64, (double)p->w->in[i]), at = i ? onnx_make2(c, OP_mod, place, size) : place;
        if (i) place = onnx_make2(c, OP_div, place, size);
        out = out.node ? onnx_make2(c, OP_add, scaled(p, out, p->w->in[i]), at) : at;
    }
    return out;
}

Value onnx_pool_places(OnnxCall *c, const OnnxWindow *w, Value last, Value greatest)
{
    if (!last.node || !greatest.node) return (Value){NULL, 0};
    const Places p = {c, w, 2 + 2 * w->axes};
    const Type *type = value_type(last);
    int64_t channels = type->dim[type->rank - 1].high, image = 1;
    for (int i = 0; i < w->axes; i++) image *= w->in[i];
    Value place = first_places(&p, last, greatest);
    if (place.node && onnx_int(c, "storage_order", 0)) place = by_columns(&p, place);
    if (!place.node) return place;
    Value channel = onnx_make2(c, OP_add, place, scaled(&p, counted(&p, w->axes + 1, channels), image));
    return onnx_make2(c, OP_add, channel, scaled(&p, counted(&p, 0, type->dim[0].high), channels * image));
}
