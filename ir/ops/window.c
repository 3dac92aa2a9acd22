/* Sliding windows: padding resolved, sizes of results. */
#include "ir/ops/common.h"

#include <assert.h>

static const int64_t largest = 1 << 24;

static int64_t reach(const Window *w, int axis) { return (w->kernel[axis] - 1) * w->dilation[axis] + 1; }

static bool check_numbers(const Node *node, const Window *w, Diag *diag)
{
    for (int i = 0; i < 2; i++) {
        int64_t numbers[] = {w->kernel[i], w->stride[i], w->dilation[i], w->pad_begin[i] + 1, w->pad_end[i] + 1};
        for (int k = 0; k < 5; k++) {
            if (numbers[k] >= 1 && numbers[k] <= largest) continue;
            diag_error(diag, E0404, node_span(node), "%s: expected window sizes from %d to %lld, found %lld",
                       node_def(node)->name, k > 2 ? 0 : 1, (long long)largest - (k > 2),
                       (long long)numbers[k] - (k > 2));
            return diag_help(diag, "see `lepc ops` for what each attribute of %s means", node_def(node)->name);
        }
    }
    return true;
}

/* Keeps ceil(size / stride); what cannot be halved goes to the end. */
static void pad_same(Window *w, const int64_t *in)
{
    for (int i = 0; i < 2; i++) {
        int64_t steps = (in[i] + w->stride[i] - 1) / w->stride[i];
        int64_t total = (steps - 1) * w->stride[i] + reach(w, i) - in[i];
        if (total < 0) total = 0;
        w->pad_begin[i] = total / 2;
        w->pad_end[i] = total - total / 2;
    }
}

static bool set_padding(const Node *node, const Pad *pad, Window *w, Diag *diag)
{
    if (pad->mode != PAD_EXPLICIT) return true;
    const IntList *sizes = &pad->sizes;
    if (sizes->count != 4 && sizes->count != 1) {
        diag_error(diag, E0404, node_span(node), "%s: expected 1 or 4 numbers in `pad`, found %d", node_def(node)->name,
                   sizes->count);
        return diag_help(diag, "write valid, same, one number, or [top, left, bottom, right]");
    }
    for (int i = 0; i < 2; i++) {
        w->pad_begin[i] = sizes->at[sizes->count == 4 ? i : 0];
        w->pad_end[i] = sizes->at[sizes->count == 4 ? i + 2 : 0];
    }
    return true;
}

static bool refuse_fit(const Node *node, const Window *w, const int64_t *in, Diag *diag)
{
    bool dilated = w->dilation[0] > 1 || w->dilation[1] > 1;
    bool padded = w->pad_begin[0] + w->pad_end[0] + w->pad_begin[1] + w->pad_end[1] > 0;
    diag_error(diag, E0301, node_span(node), "%s: the %s %lldx%lld%s does not fit the %sinput %lldx%lld",
               node_def(node)->name, node_def(node)->kind == KIND_CONTRACT ? "kernel" : "window",
               (long long)reach(w, 0), (long long)reach(w, 1), dilated ? " (dilated)" : "", padded ? "padded " : "",
               (long long)(in[0] + w->pad_begin[0] + w->pad_end[0]),
               (long long)(in[1] + w->pad_begin[1] + w->pad_end[1]));
    return diag_help(diag, "use pad: same or a smaller %s", node_def(node)->kind == KIND_CONTRACT ? "kernel" : "size");
}

bool window_resolve(const Node *node, const WindowAttrs *attrs, const int64_t *in, Window *window, int64_t *out,
                    Diag *diag)
{
    Window w = {.groups = attrs->groups};
    for (int i = 0; i < 2; i++) {
        w.kernel[i] = attrs->kernel->at[i];
        w.stride[i] = attrs->stride->at[i];
        w.dilation[i] = attrs->dilation ? attrs->dilation->at[i] : 1;
    }
    if (!set_padding(node, attrs->pad, &w, diag) || !check_numbers(node, &w, diag)) return false;
    if (attrs->pad->mode == PAD_SAME) pad_same(&w, in);
    for (int i = 0; i < 2; i++) {
        int64_t room = in[i] + w.pad_begin[i] + w.pad_end[i] - reach(&w, i);
        if (room < 0) return refuse_fit(node, &w, in, diag);
        out[i] = room / w.stride[i] + 1;
    }
    *window = w;
    return true;
}

Window window_of(const Node *node, const WindowAttrs *attrs, const int64_t *in, int64_t *out)
{
    Window window;
    /* no diagnostics: infer has accepted the same attributes on the same operand */
    bool fits = window_resolve(node, attrs, in, &window, out, NULL);
    assert(fits);
    (void)fits;
    return window;
}
