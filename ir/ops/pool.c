/* Pooling over [N, H, W, C]: taps in the padding do not count. */
#include "ir/ops/common.h"

static const Operand operands[] = {{.name = "x", .doc = "[N, H, W, C]"}};

static IntList stride_of(const PoolAttrs *attrs)
{
    IntList stride = attrs->stride;
    stride.count = 2;
    for (int i = 0; i < 2; i++)
        if (stride.at[i] == 0) stride.at[i] = attrs->size.at[i];
    return stride;
}

static IntList dilation_of(const PoolAttrs *attrs)
{
    IntList dilation = attrs->dilation;
    dilation.count = 2;
    for (int i = 0; i < 2; i++)
        if (dilation.at[i] == 0) dilation.at[i] = 1;
    return dilation;
}

/* Whether each window has a tap inside the input. */
static bool windows_have_taps(const Window *w, int axis, int64_t in, int64_t out)
{
    int64_t step = w->dilation[axis];
    for (int64_t i = 0; i < out; i++) {
        int64_t first = i * w->stride[axis] - w->pad_begin[axis];
        int64_t tap = first < 0 ? (step - 1 - first) / step : 0; /* the first that is not in front of the input */
        if (tap >= w->kernel[axis] || first + tap * step >= in) return false;
    }
    return true;
}

static bool infer_pool(const Node *node, Type *out, Diag *diag)
{
    const PoolAttrs *attrs = node->attrs;
    if (!need_rank(node, 0, 4, "[N, H, W, C]", diag)) return false;
    const Type *x = operand_type(node, 0);
    if (!dim_is_fixed(&x->dim[1]) || !dim_is_fixed(&x->dim[2])) {
        diag_error(diag, E0301, node_span(node), "%s: expected fixed height and width, found %s", node_def(node)->name,
                   type_text(diag->arena, x));
        return diag_help(diag, "give the dim a fixed size, as with --dim");
    }
    IntList stride = stride_of(attrs);
    IntList dilation = dilation_of(attrs);
    WindowAttrs window_attrs = {&attrs->size, &stride, &dilation, &attrs->pad, 1};
    Window window;
    int64_t in[] = {x->dim[1].high, x->dim[2].high}, size[2];
    if (!window_resolve(node, &window_attrs, in, &window, size, diag)) return false;
    for (int i = 0; i < 2; i++) {
        if (windows_have_taps(&window, i, in[i], size[i])) continue;
        diag_error(diag, E0404, node_span(node), "%s: padding as wide as the window leaves windows without any input",
                   node_def(node)->name);
        return diag_help(diag, "pad less than the size");
    }
    *out = *x;
    out->dim[1] = dim_fixed(size[0]);
    out->dim[2] = dim_fixed(size[1]);
    return need_sane(node, out, diag);
}

static bool infer_max(const Node *node, Type *out, Diag *diag)
{
    return need_dtype(node, 0, ACCEPT_NUMBERS, diag) && infer_pool(node, out, diag);
}
static bool infer_average(const Node *node, Type *out, Diag *diag)
{
    return need_dtype(node, 0, ACCEPT_FLOATS, diag) && infer_pool(node, out, diag);
}

static void describe(const Node *node, Combiner combiner, bool mean, Pooling *out)
{
    const PoolAttrs *attrs = node->attrs;
    const Type *x = operand_type(node, 0);
    IntList stride = stride_of(attrs);
    IntList dilation = dilation_of(attrs);
    WindowAttrs window_attrs = {&attrs->size, &stride, &dilation, &attrs->pad, 1};
    int64_t in[] = {x->dim[1].high, x->dim[2].high}, size[2];
    *out = (Pooling){.window = window_of(node, &window_attrs, in, size), .combiner = combiner, .mean = mean};
}
static void pool_max(const Node *node, Pooling *out) { describe(node, COMBINE_MAX, false, out); }
static void pool_average(const Node *node, Pooling *out) { describe(node, COMBINE_SUM, true, out); }

#define POOL_ATTRS                                                                                                     \
    ATTRS(PoolAttrs,                                                                                                   \
          ATTR(PoolAttrs, size, .kind = ATTR_INTS, .fixed = 2, .low = 1, .high = 1 << 24, .flags = ATTR_REQUIRED,      \
               .doc = "height and width of the window"),                                                               \
          ATTR(PoolAttrs, stride, .kind = ATTR_INTS, .fixed = 2, .low = 1, .high = 1 << 24,                            \
               .doc = "input pixels a step; left out: the size"),                                                      \
          ATTR(PoolAttrs, dilation, .kind = ATTR_INTS, .fallback = 1, .fixed = 2, .low = 1, .high = 1 << 24,           \
               .doc = "input pixels between taps"),                                                                    \
          ATTR(PoolAttrs, pad, .kind = ATTR_PAD, .words = pad_words,                                                   \
               .doc = "valid (none), same (keeps ceil(size / stride)), a number, or [top, left, bottom, right]"))

const OpDef op_max_pool = {
    .name = "max_pool",
    .doc = "The greatest element of each window, channel by channel, over the taps inside the input; NaN if there is "
           "one.",
    .kind = KIND_WINDOW,
    .noperands = 1,
    .operands = operands,
    .attrs = POOL_ATTRS,
    .infer = infer_max,
    .pool = pool_max,
    .tflite = "MAX_POOL_2D",
};

const OpDef op_average_pool = {
    .name = "average_pool",
    .doc = "The sum of each window's taps inside the input, in order, divided by their number; padding is not counted.",
    .kind = KIND_WINDOW,
    .noperands = 1,
    .operands = operands,
    .attrs = POOL_ATTRS,
    .infer = infer_average,
    .pool = pool_average,
    .tflite = "AVERAGE_POOL_2D",
};

/* ---- global ---- */

static ReduceAttrs spatial_axes(const Node *node)
{
    return (ReduceAttrs){.axes = {2, {1, 2}}, .keep = ((const GlobalPoolAttrs *)node->attrs)->keep};
}

static bool infer_global(const Node *node, Type *out, Diag *diag)
{
    if (!need_rank(node, 0, 4, "[N, H, W, C]", diag)) return false;
    ReduceAttrs attrs = spatial_axes(node);
    Node mean = *node;
    mean.attrs = &attrs;
    return op_reduce_mean.infer(&mean, out, diag);
}

static bool expand_global(const Maker *m, Value *out)
{
    ReduceAttrs attrs = spatial_axes(m->node);
    out[0] = make(m, OP_reduce_mean, &attrs, 1, &m->node->inputs[0]);
    return out[0].node != NULL;
}

const OpDef op_global_average_pool = {
    .name = "global_average_pool",
    .doc = "The mean over height and width: [N, H, W, C] becomes [N, C].",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = operands,
    .attrs =
        ATTRS(GlobalPoolAttrs, ATTR(GlobalPoolAttrs, keep, .kind = ATTR_BOOL, .doc = "keep the axes: [N, 1, 1, C]")),
    .infer = infer_global,
    .expand = expand_global,
};
