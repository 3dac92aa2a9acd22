/* Activations; the composite ones are expanded into arithmetic. */
#include "ir/ops/common.h"

#include <math.h>

static const Operand operands[] = {{.name = "x", .doc = "any shape"}};

static bool infer_floats(const Node *node, Type *out, Diag *diag)
{
    return need_dtype(node, 0, ACCEPT_FLOATS, diag) && infer_broadcast(node, out, diag);
}
static bool infer_numbers(const Node *node, Type *out, Diag *diag)
{
    return need_dtype(node, 0, ACCEPT_NUMBERS, diag) && infer_broadcast(node, out, diag);
}

static int compute_tanh(Expr *e, const Node *node, const int *a)
{
    (void)node;
    return expr_tanh(e, a[0]);
}
static void map_tanh(const Node *node, Expr *e, const int *args) { map_widened(node, e, args, compute_tanh); }

const OpDef op_tanh = {
    .name = "tanh",
    .doc = "The hyperbolic tangent, 1 - 2 / (exp(2x) + 1).",
    .kind = KIND_MAP,
    .noperands = 1,
    .operands = operands,
    .infer = infer_floats,
    .map = map_tanh,
    .onnx = "Tanh",
    .tflite = "TANH",
};

static int compute_sigmoid(Expr *e, const Node *node, const int *a)
{
    (void)node;
    return expr_sigmoid(e, a[0]);
}
static void map_sigmoid(const Node *node, Expr *e, const int *args) { map_widened(node, e, args, compute_sigmoid); }

const OpDef op_sigmoid = {
    .name = "sigmoid",
    .doc = "1 / (1 + exp(-x)).",
    .kind = KIND_MAP,
    .noperands = 1,
    .operands = operands,
    .infer = infer_floats,
    .map = map_sigmoid,
    .onnx = "Sigmoid",
    .tflite = "LOGISTIC",
};

static int compute_relu(Expr *e, const Node *node, const int *a)
{
    (void)node;
    return expr_binary(e, EXPR_MAX, a[0], expr_number(e, e->ops[a[0]].dtype, 0));
}
static void map_relu(const Node *node, Expr *e, const int *args) { map_widened(node, e, args, compute_relu); }

const OpDef op_relu = {
    .name = "relu",
    .doc = "max(x, 0); NaN stays.",
    .kind = KIND_MAP,
    .noperands = 1,
    .operands = operands,
    .infer = infer_numbers,
    .map = map_relu,
    .onnx = "Relu",
    .tflite = "RELU",
};

/* ---- with attributes ---- */

static bool infer_clamp(const Node *node, Type *out, Diag *diag)
{
    const ClampAttrs *attrs = node->attrs;
    if (attrs->low <= attrs->high) return infer_numbers(node, out, diag);
    diag_error(diag, E0404, node_span(node), "clamp: expected low <= high, found low %g and high %g", attrs->low,
               attrs->high);
    return diag_help(diag, "exchange the two");
}

static int compute_clamp(Expr *e, const Node *node, const int *a)
{
    const ClampAttrs *attrs = node->attrs;
    Dtype dtype = e->ops[a[0]].dtype;
    int low = expr_binary(e, EXPR_MAX, a[0], expr_number(e, dtype, attrs->low));
    return expr_binary(e, EXPR_MIN, low, expr_number(e, dtype, attrs->high));
}
static void map_clamp(const Node *node, Expr *e, const int *args) { map_widened(node, e, args, compute_clamp); }

const OpDef op_clamp = {
    .name = "clamp",
    .doc = "min(max(x, low), high); NaN stays.",
    .kind = KIND_MAP,
    .noperands = 1,
    .operands = operands,
    .attrs =
        ATTRS(ClampAttrs, ATTR(ClampAttrs, low, .kind = ATTR_FLOAT, .fallback = -INFINITY, .doc = "the least result"),
              ATTR(ClampAttrs, high, .kind = ATTR_FLOAT, .fallback = INFINITY, .doc = "the greatest result")),
    .infer = infer_clamp,
    .map = map_clamp,
};

static int compute_leaky_relu(Expr *e, const Node *node, const int *a)
{
    const LeakyReluAttrs *attrs = node->attrs;
    Dtype dtype = e->ops[a[0]].dtype;
    int negative = expr_binary(e, EXPR_LT, a[0], expr_real(e, dtype, 0));
    return expr_select(e, negative, expr_binary(e, EXPR_MUL, a[0], expr_real(e, dtype, attrs->alpha)), a[0]);
}
static void map_leaky_relu(const Node *node, Expr *e, const int *args)
{
    map_widened(node, e, args, compute_leaky_relu);
}

const OpDef op_leaky_relu = {
    .name = "leaky_relu",
    .doc = "alpha * x below 0, else x.",
    .kind = KIND_MAP,
    .noperands = 1,
    .operands = operands,
    .attrs = ATTRS(LeakyReluAttrs,
                   ATTR(LeakyReluAttrs, alpha, .kind = ATTR_FLOAT, .fallback = 0.01, .doc = "slope below 0")),
    .infer = infer_floats,
    .map = map_leaky_relu,
    .onnx = "LeakyRelu",
    .tflite = "LEAKY_RELU",
};

/* ---- composites ---- */

static Value operand(const Maker *m) { return m->node->inputs[0]; }
static Value number(const Maker *m, double value) { return make_number(m, value_type(operand(m))->dtype, value); }

static bool expand_silu(const Maker *m, Value *out)
{
    double alpha = ((const AlphaAttrs *)m->node->attrs)->alpha;
    Value gate = alpha == 1 ? operand(m) : make_binary(m, OP_mul, operand(m), number(m, alpha));
    out[0] = make_binary(m, OP_mul, operand(m), make_unary(m, OP_sigmoid, gate));
    return out[0].node != NULL;
}

const OpDef op_silu = {
    .name = "silu",
    .doc = "x * sigmoid(alpha * x), also known as swish.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = operands,
    .attrs = ATTRS(AlphaAttrs, ATTR(AlphaAttrs, alpha, .kind = ATTR_FLOAT, .fallback = 1, .doc = "slope of the gate")),
    .infer = infer_floats,
    .expand = expand_silu,
};

static bool expand_hard_sigmoid(const Maker *m, Value *out)
{
    const HardSigmoidAttrs *attrs = m->node->attrs;
    Value scaled = make_binary(m, OP_mul, operand(m), number(m, attrs->alpha));
    Value moved = make_binary(m, OP_add, scaled, number(m, attrs->beta));
    out[0] = make(m, OP_clamp, &(ClampAttrs){.low = 0, .high = 1}, 1, &moved);
    return out[0].node != NULL;
}

const OpDef op_hard_sigmoid = {
    .name = "hard_sigmoid",
    .doc = "clamp(alpha * x + beta, 0, 1); by default as Keras and PyTorch define it.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = operands,
    .attrs = ATTRS(HardSigmoidAttrs,
                   ATTR(HardSigmoidAttrs, alpha, .kind = ATTR_FLOAT, .fallback = 1.0 / 6, .doc = "slope between"),
                   ATTR(HardSigmoidAttrs, beta, .kind = ATTR_FLOAT, .fallback = 0.5, .doc = "value at 0")),
    .infer = infer_floats,
    .expand = expand_hard_sigmoid,
};

static Value hard_gate(const Maker *m)
{
    Value moved = make_binary(m, OP_add, operand(m), number(m, 3));
    Value kept = make(m, OP_clamp, &(ClampAttrs){.low = 0, .high = 6}, 1, &moved);
    return make_binary(m, OP_div, kept, number(m, 6));
}

static bool expand_hard_swish(const Maker *m, Value *out)
{
    out[0] = make_binary(m, OP_mul, operand(m), hard_gate(m));
    return out[0].node != NULL;
}

const OpDef op_hard_swish = {
    .name = "hard_swish",
    .doc = "x * clamp(x + 3, 0, 6) / 6, the gate computed first.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = operands,
    .infer = infer_floats,
    .expand = expand_hard_swish,
    .onnx = "HardSwish",
    .tflite = "HARD_SWISH",
};

/* sqrt(2 / pi) * (x + 0.044715 x^3) */
static Value tanh_argument(const Maker *m)
{
    Value x = operand(m), square = make_binary(m, OP_mul, x, x);
    Value cube = make_binary(m, OP_mul, square, x);
    Value sum = make_binary(m, OP_add, x, make_binary(m, OP_mul, cube, number(m, 0.044715)));
    return make_binary(m, OP_mul, sum, number(m, 0.79788456080286535588));
}

static bool expand_gelu(const Maker *m, Value *out)
{
    const GeluAttrs *attrs = m->node->attrs;
    Value x = operand(m), gate;
    if (attrs->approximate)
        gate = make_unary(m, OP_tanh, tanh_argument(m));
    else
        gate = make_unary(m, OP_erf, make_binary(m, OP_mul, x, number(m, 0.70710678118654752440)));
    Value half = make_binary(m, OP_mul, x, number(m, 0.5));
    out[0] = make_binary(m, OP_mul, half, make_binary(m, OP_add, gate, number(m, 1)));
    return out[0].node != NULL;
}

const OpDef op_gelu = {
    .name = "gelu",
    .doc = "x / 2 * (1 + erf(x / sqrt(2))), or with tanh(sqrt(2 / pi) * (x + 0.044715 x^3)) in place of erf.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = operands,
    .attrs = ATTRS(GeluAttrs, ATTR(GeluAttrs, approximate, .kind = ATTR_ENUM,
                                   .words = (const char *const[]){"none", "tanh", NULL}, .doc = "which gate")),
    .infer = infer_floats,
    .expand = expand_gelu,
    .onnx = "Gelu",
    .tflite = "GELU",
};
