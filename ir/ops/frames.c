/* Sound in pieces: overlapping frames, and what fades them in and out. */
#include "ir/ops/make.h"
#include "ir/signal.h"

#include <math.h>

/* ---- frames ---- */

static bool infer_frames(const Node *node, Type *out, Diag *diag)
{
    const FramesAttrs *attrs = node->attrs;
    const Type *x = operand_type(node, 0);
    int64_t samples = x->rank ? x->dim[x->rank - 1].high : 0;
    bool fits = x->rank >= 1 && x->rank < MAX_RANK && dim_is_fixed(&x->dim[x->rank - 1]);
    fits = fits && attrs->size >= 1 && attrs->size <= samples && attrs->hop >= 1;
    if (!fits) {
        diag_error(diag, E0404, node_span(node), "frames: expected [..., samples] with at least %lld samples, found %s",
                   (long long)attrs->size, operand_text(node, 0, diag->arena));
        return diag_help(diag, "write frames(x, size: 400, hop: 160); pad(x, ...) makes x longer");
    }
    *out = *x;
    out->dim[x->rank - 1] = dim_fixed((samples - attrs->size) / attrs->hop + 1);
    out->dim[out->rank++] = dim_fixed(attrs->size);
    return need_sane(node, out, diag);
}

static bool view_frames(const Node *node, IndexMap *out)
{
    int last = operand_type(node, 0)->rank - 1;
    bool one = node->types[0].dim[last].high == 1; /* nothing is stepped over */
    *out = (IndexMap){.linear = false};
    for (int i = 0; i < last; i++) out->stride[i][i] = 1;
    out->stride[last][last] = one ? 1 : ((const FramesAttrs *)node->attrs)->hop;
    out->stride[last][last + 1] = 1;
    return true;
}

const OpDef op_frames = {
    .name = "frames",
    .doc = "Pieces of the last axis, each `hop` behind the one before: [..., samples] becomes [..., frames, size]. "
           "Samples that fill no frame are left out.",
    .kind = KIND_VIEW,
    .noperands = 1,
    .operands = (const Operand[]){{.name = "x", .doc = "[..., samples]"}},
    .attrs = ATTRS(FramesAttrs,
                   ATTR(FramesAttrs, size, .kind = ATTR_INT, .flags = ATTR_REQUIRED, .low = 1, .high = INT64_MAX,
                        .doc = "samples of a frame"),
                   ATTR(FramesAttrs, hop, .kind = ATTR_INT, .flags = ATTR_REQUIRED, .low = 1, .high = INT64_MAX,
                        .doc = "samples from one frame's begin to the next one's")),
    .infer = infer_frames,
    .view = view_frames,
};

/* ---- window ---- */

enum { MOST_SAMPLES = 1 << 24 };

static bool infer_window(const Node *node, Type *out, Diag *diag)
{
    const WindowOpAttrs *attrs = node->attrs;
    bool fits = attrs->size >= 1 && attrs->size <= MOST_SAMPLES;
    if (!fits || !dtype_accepted(attrs->to < DTYPE_COUNT ? (Dtype)attrs->to : F32, ACCEPT_FLOATS)) {
        diag_error(diag, E0404, node_span(node), "window: expected 1 to 2^24 samples of a float dtype");
        return diag_help(diag, "write window(size: 400, shape: hann)");
    }
    *out = type_tensor(attrs->to < DTYPE_COUNT ? (Dtype)attrs->to : F32, 1, &attrs->size);
    return true;
}

/* a0 - a1 cos(t) + a2 cos(2 t), t once around in a period. */
static bool expand_window(const Maker *m, Value *out)
{
    static const double terms[][3] = {{0.5, 0.5, 0}, {25.0 / 46, 21.0 / 46, 0}, {0.42, 0.5, 0.08}};
    const WindowOpAttrs *attrs = m->node->attrs;
    const double *a = terms[attrs->shape];
    double period = (double)attrs->size - (attrs->periodic ? 0 : 1), pi = 3.14159265358979323846;
    double *values = ARENA_ARRAY(m->graph->arena, double, attrs->size);
    for (int64_t i = 0; i < attrs->size; i++) {
        double t = period > 0 ? 2 * pi * (double)i / period : pi;
        values[i] = a[0] - a[1] * cos(t) + a[2] * cos(2 * t);
    }
    out[0] = make_reals(m, m->node->types[0].dtype, 1, &attrs->size, values);
    return out[0].node != NULL;
}

static const char *const shapes[] = {"hann", "hamming", "blackman", NULL};

const OpDef op_window = {
    .name = "window",
    .doc = "Weights that fade the samples of a frame in and out: hann 0.5 - 0.5 cos, hamming 25/46 - 21/46 cos, "
           "blackman 0.42 - 0.5 cos + 0.08 cos of twice the angle.",
    .kind = KIND_COMPOSITE,
    .attrs = ATTRS(WindowOpAttrs,
                   ATTR(WindowOpAttrs, size, .kind = ATTR_INT, .flags = ATTR_REQUIRED, .low = 1, .high = MOST_SAMPLES,
                        .doc = "samples"),
                   ATTR(WindowOpAttrs, shape, .kind = ATTR_ENUM, .words = shapes, .doc = "which"),
                   ATTR(WindowOpAttrs, periodic, .kind = ATTR_BOOL, .fallback = 1,
                        .doc = "the sample behind the last would be the first again; no: the last is"),
                   ATTR(WindowOpAttrs, to, .kind = ATTR_DTYPE, .fallback = F32, .doc = "dtype of the result; f32")),
    .infer = infer_window,
    .expand = expand_window,
};
