/* Convolutions: [N, C, ...] with weights [M, C / group, ...] there, channels last here.  Over three axes they are sums
 * of convolutions over two. */
#include "frontend/onnx/ops/conv.h"

/* ---- pieces of values ---- */

/* `count` indices of an axis from `begin` on, `step` apart. */
static Value along(OnnxCall *c, Value a, int axis, int64_t begin, int64_t count, int64_t step)
{
    if (!a.node) return a;
    const Type *type = value_type(a);
    SliceAttrs attrs = {.begin.count = axis + 1, .end.count = axis + 1, .step.count = axis + 1};
    for (int i = 0; i <= axis; i++) {
        attrs.end.at[i] = type->dim[i].high;
        attrs.step.at[i] = 1;
    }
    if (begin == 0 && step == 1 && count == type->dim[axis].high) return a;
    attrs.begin.at[axis] = begin;
    attrs.step.at[axis] = step;
    attrs.end.at[axis] = begin + (count - 1) * step + (step > 0 ? 1 : -1);
    if (attrs.end.at[axis] < 0) attrs.end.at[axis] -= type->dim[axis].high; /* in front of the first */
    return onnx_make(c, OP_slice, &attrs, 1, &a);
}

/* The shape of `a` with the axes [from, to) as one. */
static Value joined(OnnxCall *c, Value a, int from, int to)
{
    if (!a.node) return a;
    const Type *type = value_type(a);
    int64_t dims[MAX_RANK] = {0};
    int rank = 0;
    for (int i = 0; i < type->rank; i++) {
        if (i > from && i < to)
            dims[rank - 1] *= type->dim[i].high;
        else
            dims[rank++] = type->dim[i].high;
    }
    return onnx_reshape(c, a, rank, dims);
}

/* ---- convolutions of values that are channels-last, weights [..., C / group, M] ---- */

static Value as_kernel_image(OnnxCall *c, Value weight)
{
    if (!weight.node || value_type(weight)->rank != 3) return weight;
    const Type *type = value_type(weight);
    return onnx_reshape(c, weight, 4, (const int64_t[]){1, type->dim[0].high, type->dim[1].high, type->dim[2].high});
}

static Value on_image(OnnxCall *c, const OnnxWindow *w, int64_t groups, Value x, Value weight, Value bias)
{
    ConvAttrs attrs;
    IntList kernel;
    attr_set_defaults(&op_conv2d.attrs, &attrs);
    attrs.groups = groups;
    onnx_window_lists(w, &kernel, &attrs.stride, &attrs.dilation, &attrs.pad);
    Value in[] = {onnx_as_image(c, x), as_kernel_image(c, weight), bias};
    return onnx_from_image(c, w, onnx_make(c, OP_conv2d, &attrs, 3, in));
}

/* Each plane of the kernel over the planes that it meets. */
static Value on_volume(OnnxCall *c, const OnnxWindow *w, int64_t groups, Value x, Value weight, Value bias)
{
    PadAttrs pad = {.begin = {2, {0, w->begin[0]}}, .end = {2, {0, w->end[0]}}};
    OnnxWindow plane = {.axes = 2};
    Value sum = {NULL, 0}, none = {NULL, 0};
    for (int i = 0; i < 2; i++) {
        plane.kernel[i] = w->kernel[i + 1];
        plane.stride[i] = w->stride[i + 1];
        plane.dilation[i] = w->dilation[i + 1];
        plane.begin[i] = w->begin[i + 1];
        plane.end[i] = w->end[i + 1];
    }
    if (w->begin[0] || w->end[0]) x = onnx_make(c, OP_pad, &pad, 1, &x);
    for (int64_t k = 0; k < w->kernel[0]; k++) {
        Value planes = joined(c, along(c, x, 1, k * w->dilation[0], w->out[0], w->stride[0]), 0, 2);
        Value kernel = joined(c, along(c, weight, 0, k, 1, 1), 0, 2);
        Value part = on_image(c, &plane, groups, planes, kernel, k ? none : bias);
        sum = k ? onnx_make2(c, OP_add, sum, part) : part;
    }
    if (!sum.node || !x.node) return none;
    const Type *type = value_type(sum);
    return onnx_reshape(c, sum, 5,
                        (const int64_t[]){value_type(x)->dim[0].high, w->out[0], type->dim[1].high, type->dim[2].high,
                                          type->dim[3].high});
}

Value onnx_convolve(OnnxCall *c, const OnnxWindow *w, int64_t groups, Value x, Value weight, Value bias)
{
    if (!x.node || !weight.node) return (Value){NULL, 0};
    return w->axes == 3 ? on_volume(c, w, groups, x, weight, bias) : on_image(c, w, groups, x, weight, bias);
}

Value onnx_kernel_last(OnnxCall *c, Value weight)
{
    int rank = value_type(weight)->rank;
    IntList permute = {.count = rank};
    for (int i = 0; i < rank; i++) permute.at[i] = i < rank - 2 ? i + 2 : rank - 1 - i;
    return onnx_transpose(c, weight, &permute);
}

bool onnx_conv_window(OnnxCall *c, const Type *x, const Type *weight, OnnxWindow *out)
{
    int64_t kernel[MAX_RANK] = {0};
    if (x->rank != weight->rank) return onnx_wrong(c, "the weights have other axes than the operand");
    for (int i = 2; i < weight->rank; i++) kernel[i - 2] = weight->dim[i].high;
    return onnx_window(c, x, kernel, out);
}

bool onnx_op_conv(OnnxCall *c)
{
    OnnxWindow window;
    int64_t groups = onnx_int(c, "group", 1);
    Value x = onnx_operand_last(c, 0), weight = onnx_operand(c, 1);
    if (!onnx_conv_window(c, onnx_operand_type(c, 0), value_type(weight), &window)) return false;
    return onnx_result_last(c, 0,
                            onnx_convolve(c, &window, groups, x, onnx_kernel_last(c, weight), onnx_operand(c, 2)));
}

/* ---- transposed: a convolution with the kernel turned round, over the input with zeros between its elements ---- */

typedef struct Spread {
    OnnxWindow window;                 /* as the operator says it */
    int64_t groups, size[MAX_SPATIAL]; /* of the result */
} Spread;

/* output_shape says how much padding there is; the odd one is at the end, or at the beginning for SAME_LOWER. */
static bool find_sizes(OnnxCall *c, Spread *s)
{
    OnnxWindow *w = &s->window;
    IntList more, shape;
    if (!onnx_ints_of(c, "output_padding", w->axes, 0, &more) || !onnx_ints(c, "output_shape", &shape)) return false;
    const char *mode = onnx_string(c, "auto_pad", "NOTSET");
    bool upper = !strcmp(mode, "SAME_UPPER"), same = upper || !strcmp(mode, "SAME_LOWER");
    if (shape.count && shape.count != w->axes) return onnx_wrong(c, "output_shape has %d numbers", shape.count);
    for (int i = 0; i < w->axes; i++) {
        int64_t all = (w->in[i] - 1) * w->stride[i] + more.at[i] + (w->kernel[i] - 1) * w->dilation[i] + 1;
        s->size[i] = shape.count ? shape.at[i] : same ? w->in[i] * w->stride[i] : all - w->begin[i] - w->end[i];
        if (shape.count || same) {
            int64_t pads = all > s->size[i] ? all - s->size[i] : 0;
            w->begin[i] = upper ? pads / 2 : pads - pads / 2;
            w->end[i] = all - s->size[i] - w->begin[i];
        }
        if (s->size[i] < 1) return onnx_wrong(c, "axis %d of the result is empty", i);
        if (more.at[i] < 0 || more.at[i] > 1 << 24) return onnx_wrong(c, "output_padding is out of range");
    }
    return true;
}

/* [N, H, W, C] as [N, (H - 1) * sh + 1, (W - 1) * sw + 1, C]. */
static Value with_zeros_between(OnnxCall *c, const OnnxWindow *w, Value x)
{
    const Type *type = value_type(x);
    int64_t dims[MAX_RANK] = {type->dim[0].high}, rank = 1;
    PadAttrs pad = {.end.count = 2 * w->axes + 1};
    bool apart = false;
    for (int i = 0; i < w->axes; i++) {
        dims[rank++] = w->in[i];
        pad.end.at[rank] = w->stride[i] - 1;
        dims[rank++] = 1;
        apart = apart || w->stride[i] > 1;
    }
    pad.begin.count = 0;
    dims[rank++] = type->dim[w->axes + 1].high;
    if (!apart) return x;
    Value split = onnx_reshape(c, x, (int)rank, dims);
    Value spread = split.node ? onnx_make(c, OP_pad, &pad, 1, &split) : split;
    for (int i = 0; i < w->axes; i++) {
        spread = joined(c, spread, 1 + i, 3 + i);
        spread = along(c, spread, 1 + i, 0, (w->in[i] - 1) * w->stride[i] + 1, 1);
    }
    return spread;
}

/* [C, M / g, ...] as [..., C / g, M], each axis of the kernel backwards. */
static Value turned_kernel(OnnxCall *c, Value weight, int64_t groups)
{
    const Type *type = value_type(weight);
    int rank = type->rank;
    int64_t dims[MAX_RANK] = {groups, type->dim[0].high / groups, type->dim[1].high};
    IntList permute = {.count = rank + 1};
    for (int i = 2; i < rank; i++) {
        dims[i + 1] = type->dim[i].high;
        permute.at[i - 2] = i + 1;
        weight = along(c, weight, i, type->dim[i].high - 1, type->dim[i].high, -1);
    }
    permute.at[rank - 2] = 1;
    permute.at[rank - 1] = 0;
    permute.at[rank] = 2;
    return joined(c, onnx_transpose(c, onnx_reshape(c, weight, rank + 1, dims), &permute), rank - 1, rank + 1);
}

/* The window over the spread input; what would be padding below 0 is cut off the result. */
static Value over_spread(OnnxCall *c, const Spread *s, Value x, Value weight, Value bias)
{
    OnnxWindow w = s->window;
    int64_t cut[MAX_SPATIAL] = {0};
    for (int i = 0; i < w.axes; i++) {
        int64_t reach = (w.kernel[i] - 1) * w.dilation[i], begin = reach - w.begin[i];
        w.in[i] = (w.in[i] - 1) * w.stride[i] + 1;
        w.stride[i] = 1;
        cut[i] = begin < 0 ? -begin : 0;
        w.begin[i] = begin < 0 ? 0 : begin;
        w.out[i] = s->size[i] + cut[i];
        w.end[i] = w.out[i] - 1 + reach + 1 - w.in[i] - w.begin[i];
        if (w.end[i] >= 0) continue;
        w.out[i] -= w.end[i];
        w.end[i] = 0;
    }
    Value out = onnx_convolve(c, &w, s->groups, x, weight, bias);
    for (int i = 0; i < w.axes; i++) out = along(c, out, 1 + i, cut[i], s->size[i], 1);
    return out;
}

/* Pictures without groups and dilation are our own operator, which multiplies with no zeros between pixels. */
static bool is_conv_transpose2d(const Spread *s, ConvTransposeAttrs *attrs)
{
    const OnnxWindow *w = &s->window;
    attr_set_defaults(&op_conv_transpose2d.attrs, attrs);
    attrs->pad = (Pad){PAD_EXPLICIT, {.count = 4}};
    bool fits = w->axes == 2 && s->groups == 1;
    for (int i = 0; fits && i < 2; i++) {
        int64_t end = (w->in[i] - 1) * w->stride[i] + w->kernel[i] - w->begin[i] - s->size[i];
        attrs->stride.at[i] = w->stride[i];
        attrs->pad.sizes.at[i] = w->begin[i];
        attrs->pad.sizes.at[2 + i] = end < 0 ? 0 : end;
        attrs->extra.at[i] = end < 0 ? -end : 0;
        fits = w->dilation[i] == 1 && w->begin[i] >= 0 && -end < w->stride[i] && w->stride[i] <= 1 << 12;
    }
    return fits;
}

bool onnx_op_conv_transpose(OnnxCall *c)
{
    Spread s = {.groups = onnx_int(c, "group", 1)};
    const Type *x = onnx_operand_type(c, 0), *w = onnx_operand_type(c, 1);
    if (x->rank != w->rank || x->rank < 3 || x->rank > 5) return onnx_wrong(c, "the weights do not fit the operand");
    if (s.groups < 1 || w->dim[0].high % s.groups || w->dim[0].high != x->dim[1].high)
        return onnx_wrong(c, "groups and channels do not fit");
    int64_t kernel[MAX_RANK] = {0};
    for (int i = 2; i < w->rank; i++) kernel[i - 2] = w->dim[i].high;
    if (!onnx_window_lists_of(c, x, kernel, &s.window) || !find_sizes(c, &s)) return false;
    ConvTransposeAttrs attrs;
    if (is_conv_transpose2d(&s, &attrs)) {
        Value operands[3] = {onnx_operand_last(c, 0), onnx_operand(c, 1), onnx_operand(c, 2)};
        operands[1] = onnx_transpose(c, operands[1], &(IntList){4, {2, 3, 0, 1}});
        return onnx_result_last(c, 0, onnx_make(c, OP_conv_transpose2d, &attrs, 3, operands));
    }
    Value spread = with_zeros_between(c, &s.window, onnx_operand_last(c, 0));
    Value turned = turned_kernel(c, onnx_operand(c, 1), s.groups);
    return onnx_result_last(c, 0, over_spread(c, &s, spread, turned, onnx_operand(c, 2)));
}
