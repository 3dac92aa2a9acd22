#include "frontend/onnx/window.h"

#include <string.h>

static bool read_lists(OnnxCall *c, const int64_t *kernel, OnnxWindow *w)
{
    IntList size, stride, dilation, pads;
    if (!onnx_ints(c, "kernel_shape", &size)) return false;
    if (!size.count && kernel) {
        size.count = w->axes;
        for (int i = 0; i < w->axes; i++) size.at[i] = kernel[i];
    }
    if (size.count != w->axes)
        return onnx_wrong(c, "expected kernel_shape of %d numbers, found %d", w->axes, size.count);
    if (!onnx_ints_of(c, "strides", w->axes, 1, &stride) || !onnx_ints_of(c, "dilations", w->axes, 1, &dilation) ||
        !onnx_ints_of(c, "pads", 2 * w->axes, 0, &pads))
        return false;
    for (int i = 0; i < w->axes; i++) {
        w->kernel[i] = size.at[i];
        w->stride[i] = stride.at[i];
        w->dilation[i] = dilation.at[i];
        w->begin[i] = pads.at[i];
        w->end[i] = pads.at[w->axes + i];
        if (kernel && kernel[i] != size.at[i]) return onnx_wrong(c, "kernel_shape is not that of the weights");
    }
    return true;
}

static bool numbers_are_sane(OnnxCall *c, const OnnxWindow *w)
{
    const int64_t most = 1 << 24;
    for (int i = 0; i < w->axes; i++) {
        bool positive = w->kernel[i] >= 1 && w->stride[i] >= 1 && w->dilation[i] >= 1;
        bool small = w->kernel[i] <= most && w->stride[i] <= most && w->dilation[i] <= most;
        bool padded = w->begin[i] >= 0 && w->end[i] >= 0 && w->begin[i] <= most && w->end[i] <= most;
        if (!positive || !small || !padded) return onnx_wrong(c, "the window's numbers are out of range");
    }
    return true;
}

/* SAME: as many windows as strides fit, the odd tap of padding at the end (UPPER) or the beginning (LOWER). */
static void pad_same(OnnxWindow *w, bool upper)
{
    for (int i = 0; i < w->axes; i++) {
        int64_t out = (w->in[i] + w->stride[i] - 1) / w->stride[i];
        int64_t all = (out - 1) * w->stride[i] + (w->kernel[i] - 1) * w->dilation[i] + 1 - w->in[i];
        if (all < 0) all = 0;
        w->begin[i] = upper ? all / 2 : all - all / 2;
        w->end[i] = all - w->begin[i];
    }
}

static bool find_out(OnnxCall *c, bool ceil, OnnxWindow *w)
{
    for (int i = 0; i < w->axes; i++) {
        int64_t reach = (w->kernel[i] - 1) * w->dilation[i] + 1;
        int64_t room = w->in[i] + w->begin[i] + w->end[i] - reach;
        if (room < 0) return onnx_wrong(c, "the window is larger than the padded input");
        w->out[i] = (ceil ? room + w->stride[i] - 1 : room) / w->stride[i] + 1;
        /* no window begins in the padding at the end */
        if (ceil && (w->out[i] - 1) * w->stride[i] >= w->in[i] + w->begin[i]) w->out[i]--;
        w->said_end[i] = w->end[i];
        int64_t needed = (w->out[i] - 1) * w->stride[i] + reach - w->in[i] - w->begin[i];
        if (needed > w->end[i]) w->end[i] = needed;
    }
    return true;
}

bool onnx_window_lists_of(OnnxCall *c, const Type *x, const int64_t *kernel, OnnxWindow *out)
{
    *out = (OnnxWindow){.axes = x->rank - 2};
    if (out->axes < 1 || out->axes > MAX_SPATIAL)
        return onnx_refuse(c, "X", "lepc slides windows over up to 3 axes", "the operand is %s",
                           type_text(c->arena, x));
    for (int i = 0; i < out->axes; i++) out->in[i] = x->dim[2 + i].high;
    return read_lists(c, kernel, out) && numbers_are_sane(c, out);
}

bool onnx_window(OnnxCall *c, const Type *x, const int64_t *kernel, OnnxWindow *out)
{
    if (!onnx_window_lists_of(c, x, kernel, out)) return false;
    const char *mode = onnx_string(c, "auto_pad", "NOTSET");
    bool upper = !strcmp(mode, "SAME_UPPER"), lower = !strcmp(mode, "SAME_LOWER"), valid = !strcmp(mode, "VALID");
    if (!upper && !lower && !valid && strcmp(mode, "NOTSET")) return onnx_wrong(c, "auto_pad is '%s'", mode);
    if (upper || lower) pad_same(out, upper);
    for (int i = 0; i < out->axes && valid; i++) out->begin[i] = out->end[i] = 0;
    return find_out(c, onnx_int(c, "ceil_mode", 0) != 0, out);
}

void onnx_window_lists(const OnnxWindow *w, IntList *kernel, IntList *stride, IntList *dilation, Pad *pad)
{
    int first = w->axes == 2 ? 0 : 1;
    *kernel = *stride = *dilation = (IntList){2, {1, 1}};
    *pad = (Pad){.mode = PAD_EXPLICIT, .sizes = {.count = 4}};
    for (int i = first; i < 2; i++) {
        kernel->at[i] = w->kernel[i - first];
        stride->at[i] = w->stride[i - first];
        dilation->at[i] = w->dilation[i - first];
        pad->sizes.at[i] = w->begin[i - first];
        pad->sizes.at[2 + i] = w->end[i - first];
    }
    const int64_t *sizes = pad->sizes.at;
    if (!sizes[0] && !sizes[1] && !sizes[2] && !sizes[3]) *pad = (Pad){.mode = PAD_VALID};
}

Value onnx_as_image(OnnxCall *c, Value last)
{
    if (!last.node || value_type(last)->rank != 3) return last;
    const Type *type = value_type(last);
    return onnx_reshape(c, last, 4, (const int64_t[]){type->dim[0].high, 1, type->dim[1].high, type->dim[2].high});
}

Value onnx_from_image(OnnxCall *c, const OnnxWindow *window, Value image)
{
    if (!image.node || window->axes != 1) return image;
    const Type *type = value_type(image);
    return onnx_reshape(c, image, 3, (const int64_t[]){type->dim[0].high, type->dim[2].high, type->dim[3].high});
}
