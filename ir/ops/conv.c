/* Convolution over [N, H, W, C] with weights [kernel height, kernel width, input channels / groups, output channels].
 */
#include "ir/ops/common.h"

enum { X, WEIGHT, BIAS };

static WindowAttrs window_attrs(const ConvAttrs *attrs, const IntList *kernel)
{
    return (WindowAttrs){.kernel = kernel,
                         .stride = &attrs->stride,
                         .dilation = &attrs->dilation,
                         .pad = &attrs->pad,
                         .groups = attrs->groups};
}

static bool need_channels(const Node *node, Diag *diag)
{
    const Type *x = operand_type(node, X);
    if (dim_is_fixed(&x->dim[3])) return true;
    diag_error(diag, E0301, node_span(node), "conv2d: expected a fixed number of channels, found %s",
               type_text(diag->arena, x));
    return diag_help(diag, "give the dim a fixed size, as with --dim");
}

static bool check_groups(const Node *node, int64_t channels, int64_t out, Diag *diag)
{
    int64_t groups = ((const ConvAttrs *)node->attrs)->groups;
    if (groups >= 1 && channels % groups == 0 && out % groups == 0) return true;
    diag_error(diag, E0404, node_span(node), "conv2d: %lld groups do not divide %lld input and %lld output channels",
               (long long)groups, (long long)channels, (long long)out);
    return diag_help(diag, "groups must divide both numbers of channels");
}

/* Only stored numbers have another one than 0 that means nothing. */
static bool check_pad_value(const Node *node, Diag *diag)
{
    int64_t value = ((const ConvAttrs *)node->attrs)->pad_value;
    Dtype dtype = operand_type(node, X)->dtype;
    int64_t low = dtype == I8 ? -128 : 0, high = dtype == I8 ? 127 : dtype == U8 ? 255 : 0;
    if (value >= low && value <= high) return true;
    diag_error(diag, E0404, node_span(node), "conv2d: expected a `pad_value` from %lld to %lld for %s, found %lld",
               (long long)low, (long long)high, dtype_name(dtype), (long long)value);
    return diag_help(diag, "it is the zero point of 8-bit operands; floats are padded with 0");
}

static bool check_operands(const Node *node, Diag *diag)
{
    if (!need_rank(node, X, 4, "[N, H, W, C]", diag) || !need_channels(node, diag)) return false;
    if (!need_rank(node, WEIGHT, 4, "[kernel height, kernel width, channels / groups, out]", diag)) return false;
    const Type *weight = operand_type(node, WEIGHT);
    int64_t channels = operand_type(node, X)->dim[3].high, out = weight->dim[3].high;
    if (!check_groups(node, channels, out, diag)) return false;
    int64_t dims[] = {weight->dim[0].high, weight->dim[1].high, channels / ((const ConvAttrs *)node->attrs)->groups,
                      out};
    if (!need_shape(node, WEIGHT, 4, dims, "from the input's channels and groups", diag)) return false;
    /* dims of a weight that is a sane tensor */
    if (!need_products(node, dims[0] * dims[1] * dims[2], BIAS, diag) || !check_pad_value(node, diag)) return false;
    return !operand_present(node, BIAS) || need_shape(node, BIAS, 1, &out, "one an output channel", diag);
}

static IntList kernel_of(const Node *node)
{
    const Type *weight = operand_type(node, WEIGHT);
    return (IntList){2, {weight->dim[0].high, weight->dim[1].high}};
}

static void spatial(const Type *x, int64_t *out)
{
    out[0] = x->dim[1].high;
    out[1] = x->dim[2].high;
}

static bool infer_conv(const Node *node, Type *out, Diag *diag)
{
    if (!check_operands(node, diag)) return false;
    const ConvAttrs *attrs = node->attrs;
    const Type *x = operand_type(node, X);
    IntList kernel = kernel_of(node);
    WindowAttrs window_attributes = window_attrs(attrs, &kernel);
    Window window;
    int64_t in[2], size[2];
    spatial(x, in);
    if (!window_resolve(node, &window_attributes, in, &window, size, diag)) return false;
    *out = type_tensor(dtype_of_sums(x->dtype), 4,
                       (const int64_t[]){1, size[0], size[1], operand_type(node, WEIGHT)->dim[3].high});
    out->dim[0] = x->dim[0];
    return need_sane(node, out, diag);
}

static bool need_layer_number(const Node *node, const char *name, int64_t value, const char *example, Diag *diag)
{
    if (value >= 1 && value <= 1 << 24) return true;
    diag_error(diag, value ? E0404 : E0403, node_span(node), "conv2d: expected `%s` of 1 or more, found %s", name,
               value ? arena_printf(diag->arena, "%lld", (long long)value) : "none");
    return diag_help(diag, "write conv2d(x, %s)", example);
}

static bool param_conv(const Node *node, int index, Type *out, Diag *diag)
{
    const ConvAttrs *attrs = node->attrs;
    const Type *x = operand_type(node, X);
    if (!need_rank(node, X, 4, "[N, H, W, C]", diag) || !need_factor(node, X, diag)) return false;
    if (!need_layer_number(node, "out", attrs->out, "out: 32, kernel: 3", diag)) return false;
    if (index == BIAS) {
        *out = type_tensor(dtype_of_sums(x->dtype), 1, &attrs->out);
        if (!attrs->bias) out->dtype = DTYPE_COUNT;
        return true;
    }
    for (int i = 0; i < 2; i++)
        if (!need_layer_number(node, "kernel", attrs->kernel.at[i], "out: 32, kernel: 3", diag)) return false;
    if (!need_channels(node, diag) || !check_groups(node, x->dim[3].high, attrs->out, diag)) return false;
    *out = type_tensor(
        dtype_of_weights(x->dtype), 4,
        (const int64_t[]){attrs->kernel.at[0], attrs->kernel.at[1], x->dim[3].high / attrs->groups, attrs->out});
    return need_sane(node, out, diag);
}

static void layer_conv(const Node *node, void *attrs)
{
    ConvAttrs *conv = attrs;
    conv->out = operand_type(node, WEIGHT)->dim[3].high;
    conv->kernel = kernel_of(node);
}

static void contract_conv(const Node *node, Contraction *out)
{
    const Type *x = operand_type(node, X), *result = &node->types[0];
    IntList kernel = kernel_of(node);
    WindowAttrs attrs = window_attrs(node->attrs, &kernel);
    int64_t in[2], size[2];
    spatial(x, in);
    *out = (Contraction){
        .window = window_of(node, &attrs, in, size),
        .batch = x->dim[0].high,
        .in_height = in[0],
        .in_width = in[1],
        .in_channels = x->dim[3].high,
        .out_height = size[0],
        .out_width = size[1],
        .out_channels = result->dim[3].high,
        .constant_weight = node->inputs[WEIGHT].node->data != NULL,
        .bias = operand_present(node, BIAS) ? BIAS : -1,
        .pad_value = ((const ConvAttrs *)node->attrs)->pad_value,
    };
}

const OpDef op_conv2d = {
    .name = "conv2d",
    .doc =
        "The sum of bias[o] and x[n, y * stride + ky * dilation - pad, ..., i] * weight[ky, kx, i, o], by fused "
        "multiply-adds in the order (ky, kx, i); padding is pad_value. Of i8 or u8 times i8 the bias and the sum are "
        "i32, of 65535 products at most.",
    .kind = KIND_CONTRACT,
    .noperands = 3,
    .operands =
        (const Operand[]){
            {.name = "x", .doc = "[N, H, W, C]"},
            {.name = "weight", .flags = OPERAND_PARAM, .doc = "[kernel height, kernel width, C / groups, out]"},
            {.name = "bias", .flags = OPERAND_PARAM | OPERAND_OPTIONAL, .doc = "[out]"}},
    .attrs = ATTRS(
        ConvAttrs,
        ATTR(ConvAttrs, out, .kind = ATTR_INT, .low = 1, .high = 1 << 24, .flags = ATTR_LAYER,
             .doc = "output channels"),
        ATTR(ConvAttrs, kernel, .kind = ATTR_INTS, .fixed = 2, .low = 1, .high = 1 << 24, .flags = ATTR_LAYER,
             .doc = "height and width of the kernel"),
        ATTR(ConvAttrs, bias, .kind = ATTR_BOOL, .fallback = 1, .flags = ATTR_LAYER, .doc = "whether there is a bias"),
        ATTR(ConvAttrs, stride, .kind = ATTR_INTS, .fallback = 1, .fixed = 2, .low = 1, .high = 1 << 24,
             .doc = "input pixels a step, down and across"),
        ATTR(ConvAttrs, dilation, .kind = ATTR_INTS, .fallback = 1, .fixed = 2, .low = 1, .high = 1 << 24,
             .doc = "input pixels between taps"),
        ATTR(ConvAttrs, groups, .kind = ATTR_INT, .fallback = 1, .low = 1, .high = 1 << 24,
             .doc = "parts of the channels that are convolved apart"),
        ATTR(ConvAttrs, pad, .kind = ATTR_PAD, .words = pad_words,
             .doc = "valid (none), same (keeps ceil(size / stride); the odd one at the end), a number, or "
                    "[top, left, bottom, right]"),
        ATTR(ConvAttrs, pad_value, .kind = ATTR_INT, .low = -128, .high = 255,
             .doc = "what padding reads: the zero point of 8-bit operands")),
    .infer = infer_conv,
    .param = param_conv,
    .layer = layer_conv,
    .contract = contract_conv,
};
