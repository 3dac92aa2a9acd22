/* Transposed convolution: each input pixel paints its kernel, scaled, into the result.
 *
 * Result rows that are as far from a multiple of the stride see the same rows of the kernel.  So the whole is one
 * convolution of stride 1, which gives a block of stride x stride results a pixel, and an interleaving of these (Shi et
 * al. 2016): no product with the zeros that a stride would put between the input's pixels. */
#include "ir/ops/make.h"

enum { X, WEIGHT, BIAS };

/* Along height and width.  `taps`: of the convolution; `begin`: what is cut off in front of the interleaved rows. */
typedef struct Sizes {
    int64_t in[2], kernel[2], stride[2], taps[2], begin[2], out[2];
} Sizes;

static bool refuse_pad(const Node *node, const char *help, Diag *diag)
{
    diag_error(diag, E0404, node_span(node), "conv_transpose2d: the padding leaves nothing of %s",
               operand_text(node, X, diag->arena));
    return diag_help(diag, "%s", help);
}

static bool resolve(const Node *node, Sizes *s, Diag *diag)
{
    const ConvTransposeAttrs *attrs = node->attrs;
    const IntList *pad = &attrs->pad.sizes;
    if (attrs->pad.mode == PAD_EXPLICIT && pad->count != 1 && pad->count != 4) {
        diag_error(diag, E0404, node_span(node), "conv_transpose2d: expected 1 or 4 numbers in `pad`, found %d",
                   pad->count);
        return diag_help(diag, "write valid, same, one number, or [top, left, bottom, right]");
    }
    for (int i = 0; i < 2; i++) {
        s->in[i] = operand_type(node, X)->dim[1 + i].high;
        s->kernel[i] = operand_type(node, WEIGHT)->dim[i].high;
        s->stride[i] = attrs->stride.at[i];
        int64_t stride = s->stride[i], more = attrs->extra.at[i];
        int64_t all = (s->in[i] - 1) * stride + s->kernel[i], cut = 0;
        if (attrs->pad.mode == PAD_SAME) {
            s->out[i] = s->in[i] * stride;
            s->begin[i] = s->kernel[i] > stride ? (s->kernel[i] - stride) / 2 : 0;
        } else {
            if (attrs->pad.mode == PAD_EXPLICIT) {
                s->begin[i] = pad->at[pad->count == 4 ? i : 0];
                cut = s->begin[i] + pad->at[pad->count == 4 ? i + 2 : 0];
            }
            s->out[i] = all - cut + more;
        }
        if (s->out[i] < 1) return refuse_pad(node, "pad: takes away from the result: make it smaller", diag);
        int64_t end = s->begin[i] + s->out[i]; /* of the rows that are needed, from the first painted on */
        s->taps[i] = (s->kernel[i] + stride - 1) / stride;
        while ((s->in[i] + s->taps[i] - 1) * stride < end) s->taps[i]++;
    }
    return true;
}

static bool check_numbers(const Node *node, Diag *diag)
{
    const ConvTransposeAttrs *attrs = node->attrs;
    const int64_t most = 1 << 12;
    for (int i = 0; i < 2; i++) {
        bool fits = attrs->stride.at[i] >= 1 && attrs->stride.at[i] <= most && attrs->extra.at[i] >= 0;
        if (!fits || attrs->extra.at[i] >= attrs->stride.at[i]) {
            diag_error(diag, E0404, node_span(node),
                       "conv_transpose2d: expected strides from 1 to %lld and `extra` below them, found %lld and %lld",
                       (long long)most, (long long)attrs->stride.at[i], (long long)attrs->extra.at[i]);
            return diag_help(diag, "extra rows lie behind what the kernel reaches, as PyTorch's output_padding");
        }
    }
    if (attrs->pad.mode != PAD_SAME || (!attrs->extra.at[0] && !attrs->extra.at[1])) {
        for (int i = 0; i < attrs->pad.sizes.count; i++)
            if (attrs->pad.sizes.at[i] < 0 || attrs->pad.sizes.at[i] > 1 << 24)
                return refuse_pad(node, "pad: expects numbers of 0 or more", diag);
        return true;
    }
    diag_error(diag, E0404, node_span(node),
               "conv_transpose2d: pad: same says the size of the result, and so does `extra`");
    return diag_help(diag, "leave out `extra`");
}

static bool infer_conv_transpose(const Node *node, Type *out, Diag *diag)
{
    if (!need_rank(node, X, 4, "[N, H, W, C]", diag) || !need_dtype(node, X, ACCEPT_FLOATS, diag)) return false;
    if (!need_rank(node, WEIGHT, 4, "[kernel height, kernel width, channels, out]", diag)) return false;
    if (!need_fixed(node, X, diag) || !need_fixed(node, WEIGHT, diag) || !need_same_dtype(node, WEIGHT, diag))
        return false;
    const Type *x = operand_type(node, X), *weight = operand_type(node, WEIGHT);
    int64_t dims[] = {weight->dim[0].high, weight->dim[1].high, x->dim[3].high, weight->dim[3].high};
    if (!need_shape(node, WEIGHT, 4, dims, "from the input's channels", diag) || !check_numbers(node, diag))
        return false;
    if (operand_present(node, BIAS) &&
        (!need_same_dtype(node, BIAS, diag) || !need_shape(node, BIAS, 1, &dims[3], "one an output channel", diag)))
        return false;
    Sizes s = {0};
    for (int i = 0; i < 2; i++) {
        if (x->dim[1 + i].high < 1 || dims[i] < 1 || x->dim[1 + i].high > 1 << 24 || dims[i] > 1 << 24)
            return refuse_pad(node, "height and width are from 1 to 2^24", diag);
    }
    if (!resolve(node, &s, diag)) return false;
    *out = type_tensor(x->dtype, 4, (const int64_t[]){x->dim[0].high, s.out[0], s.out[1], dims[3]});
    return need_sane(node, out, diag);
}

static bool need_layer_number(const Node *node, const char *name, int64_t value, Diag *diag)
{
    if (value >= 1 && value <= 1 << 24) return true;
    diag_error(diag, value ? E0404 : E0403, node_span(node), "conv_transpose2d: expected `%s` of 1 or more, found %s",
               name, value ? arena_printf(diag->arena, "%lld", (long long)value) : "none");
    return diag_help(diag, "write conv_transpose2d(x, out: 32, kernel: 4, stride: 2, pad: same)");
}

static bool param_conv_transpose(const Node *node, int index, Type *out, Diag *diag)
{
    const ConvTransposeAttrs *attrs = node->attrs;
    const Type *x = operand_type(node, X);
    if (!need_rank(node, X, 4, "[N, H, W, C]", diag) || !need_fixed(node, X, diag)) return false;
    if (!need_layer_number(node, "out", attrs->out, diag)) return false;
    if (index == BIAS) {
        *out = type_tensor(x->dtype, 1, &attrs->out);
        if (!attrs->bias) out->dtype = DTYPE_COUNT;
        return true;
    }
    for (int i = 0; i < 2; i++)
        if (!need_layer_number(node, "kernel", attrs->kernel.at[i], diag)) return false;
    *out = type_tensor(x->dtype, 4,
                       (const int64_t[]){attrs->kernel.at[0], attrs->kernel.at[1], x->dim[3].high, attrs->out});
    return need_sane(node, out, diag);
}

/* ---- one convolution and an interleaving ---- */

/* An axis of the kernel cut into `taps` runs of a stride each, the last run first. */
static Value turned(const Maker *m, Value weight, const Sizes *s)
{
    const Type *type = operand_type(m->node, WEIGHT);
    PadAttrs pad = {.end = {4, {s->taps[0] * s->stride[0] - s->kernel[0], s->taps[1] * s->stride[1] - s->kernel[1]}}};
    if (pad.end.at[0] || pad.end.at[1]) weight = make(m, OP_pad, &pad, 1, &weight);
    int64_t in = type->dim[2].high, out = type->dim[3].high;
    weight = make_reshape(m, weight, 6, (const int64_t[]){s->taps[0], s->stride[0], s->taps[1], s->stride[1], in, out});
    SliceAttrs back = {.begin = {3, {s->taps[0] - 1, 0, s->taps[1] - 1}},
                       .end = {3, {-s->taps[0] - 1, s->stride[0], -s->taps[1] - 1}},
                       .step = {3, {-1, 1, -1}}};
    weight = make(m, OP_slice, &back, 1, &weight);
    weight = make(m, OP_transpose, &(TransposeAttrs){.permute = {6, {0, 2, 4, 1, 3, 5}}}, 1, &weight);
    return make_reshape(m, weight, 4, (const int64_t[]){s->taps[0], s->taps[1], in, s->stride[0] * s->stride[1] * out});
}

static Value repeated(const Maker *m, Value bias, int64_t times, int64_t out)
{
    if (!bias.node) return bias;
    Value rows = make(m, OP_broadcast, &(BroadcastAttrs){.shape = {2, {times, out}}}, 1, &bias);
    return make_reshape(m, rows, 1, (const int64_t[]){times * out});
}

/* [N, H, W, sh * sw * C] as [N, H * sh, W * sw, C], and of that the rows and columns that are the result. */
static Value interleaved(const Maker *m, Value blocks, const Sizes *s)
{
    if (!blocks.node) return blocks;
    const Type *type = value_type(blocks);
    int64_t n = type->dim[0].high, h = type->dim[1].high, w = type->dim[2].high, out = m->node->types[0].dim[3].high;
    Value x = make_reshape(m, blocks, 6, (const int64_t[]){n, h, w, s->stride[0], s->stride[1], out});
    x = make(m, OP_transpose, &(TransposeAttrs){.permute = {6, {0, 1, 3, 2, 4, 5}}}, 1, &x);
    x = make_reshape(m, x, 4, (const int64_t[]){n, h * s->stride[0], w * s->stride[1], out});
    SliceAttrs cut = {.begin = {3, {0, s->begin[0], s->begin[1]}},
                      .end = {3, {n, s->begin[0] + s->out[0], s->begin[1] + s->out[1]}}};
    return make(m, OP_slice, &cut, 1, &x);
}

static bool expand_conv_transpose(const Maker *m, Value *out)
{
    const Value *in = m->node->inputs;
    Sizes s = {0};
    if (!resolve(m->node, &s, m->diag)) return false;
    int64_t channels = m->node->types[0].dim[3].high;
    ConvAttrs conv;
    attr_set_defaults(&op_conv2d.attrs, &conv);
    conv.pad = (Pad){PAD_EXPLICIT, {4, {s.taps[0] - 1, s.taps[1] - 1, s.taps[0] - 1, s.taps[1] - 1}}};
    Value operands[3] = {in[X], {0}, {0}};
    operands[WEIGHT] = turned(m, in[WEIGHT], &s);
    if (operand_present(m->node, BIAS)) operands[BIAS] = repeated(m, in[BIAS], s.stride[0] * s.stride[1], channels);
    Value blocks = make(m, OP_conv2d, &conv, 3, operands);
    out[0] = interleaved(m, blocks, &s);
    return out[0].node != NULL;
}

const OpDef op_conv_transpose2d = {
    .name = "conv_transpose2d",
    .doc =
        "Each pixel x[n, y, x, i] adds x * weight[ky, kx, i, o] to the result at [n, y * stride + ky - pad, ..., o], "
        "which begins as the bias: what PyTorch calls ConvTranspose2d and Keras Conv2DTranspose. By fused "
        "multiply-adds, of each result from the last row and column of the kernel that reach it to the first, then "
        "in the order of i.",
    .kind = KIND_COMPOSITE,
    .noperands = 3,
    .operands =
        (const Operand[]){{.name = "x", .doc = "[N, H, W, C]"},
                          {.name = "weight", .flags = OPERAND_PARAM, .doc = "[kernel height, kernel width, C, out]"},
                          {.name = "bias", .flags = OPERAND_PARAM | OPERAND_OPTIONAL, .doc = "[out]"}},
    .attrs = ATTRS(ConvTransposeAttrs,
                   ATTR(ConvTransposeAttrs, out, .kind = ATTR_INT, .low = 1, .high = 1 << 24, .flags = ATTR_LAYER,
                        .doc = "output channels"),
                   ATTR(ConvTransposeAttrs, kernel, .kind = ATTR_INTS, .fixed = 2, .low = 1, .high = 1 << 24,
                        .flags = ATTR_LAYER, .doc = "height and width of the kernel"),
                   ATTR(ConvTransposeAttrs, bias, .kind = ATTR_BOOL, .fallback = 1, .flags = ATTR_LAYER,
                        .doc = "whether there is a bias"),
                   ATTR(ConvTransposeAttrs, stride, .kind = ATTR_INTS, .fallback = 1, .fixed = 2, .low = 1,
                        .high = 1 << 12, .doc = "result pixels a step of the input, down and across"),
                   ATTR(ConvTransposeAttrs, pad, .kind = ATTR_PAD, .words = pad_words,
                        .doc = "what is cut off the result: valid (nothing), same (what makes it input times stride; "
                               "the odd one at the end), a number, or [top, left, bottom, right]"),
                   ATTR(ConvTransposeAttrs, extra, .kind = ATTR_INTS, .fallback = 0, .fixed = 2, .low = 0,
                        .high = 1 << 12, .doc = "rows and columns more at the end, PyTorch's output_padding")),
    .infer = infer_conv_transpose,
    .param = param_conv_transpose,
    .expand = expand_conv_transpose,
};
