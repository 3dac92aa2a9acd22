/* Activations that are formulas over others. */
#include "ir/ops/map.h"

#define COMPOSITE(id, count, infer_, text, ...)                                                                        \
    const OpDef op_##id = {.name = #id,                                                                                \
                           .doc = text,                                                                                \
                           .kind = KIND_COMPOSITE,                                                                     \
                           .noperands = count,                                                                         \
                           .operands = map_operands,                                                                   \
                           .infer = infer_,                                                                            \
                           .expand = expand_##id,                                                                      \
                           __VA_ARGS__}
#define ALPHA(value, text)                                                                                             \
    ATTRS(AlphaAttrs, ATTR(AlphaAttrs, alpha, .kind = ATTR_FLOAT, .fallback = value, .doc = text))

static Value x_of(const Maker *m) { return map_operand(m, 0); }
static Value times(const Maker *m, Value x, double factor) { return make_binary(m, OP_mul, x, map_number(m, factor)); }

static Value choose(const Maker *m, Value condition, Value yes, Value no)
{
    return make(m, OP_where, NULL, 3, (const Value[]){condition, yes, no});
}

/* `below` where x < 0, else `above`. */
static Value by_sign(const Maker *m, Value below, Value above)
{
    return choose(m, make_binary(m, OP_less, x_of(m), map_number(m, 0)), below, above);
}

static double alpha_of(const Maker *m) { return ((const AlphaAttrs *)m->node->attrs)->alpha; }

static bool expand_elu(const Maker *m, Value *out)
{
    out[0] = by_sign(m, times(m, make_unary(m, OP_expm1, x_of(m)), alpha_of(m)), x_of(m));
    return out[0].node != NULL;
}

static bool expand_celu(const Maker *m, Value *out)
{
    Value scaled = make_binary(m, OP_div, x_of(m), map_number(m, alpha_of(m)));
    out[0] = by_sign(m, times(m, make_unary(m, OP_expm1, scaled), alpha_of(m)), x_of(m));
    return out[0].node != NULL;
}

static bool expand_selu(const Maker *m, Value *out)
{
    const SeluAttrs *attrs = m->node->attrs;
    Value below = times(m, make_unary(m, OP_expm1, x_of(m)), attrs->alpha);
    out[0] = times(m, by_sign(m, below, x_of(m)), attrs->gamma);
    return out[0].node != NULL;
}

static bool expand_thresholded_relu(const Maker *m, Value *out)
{
    Value above = make_binary(m, OP_less, map_number(m, alpha_of(m)), x_of(m));
    out[0] = choose(m, above, x_of(m), map_number(m, 0));
    return out[0].node != NULL;
}

static bool expand_shrink(const Maker *m, Value *out)
{
    const ShrinkAttrs *attrs = m->node->attrs;
    Value x = x_of(m), bias = map_number(m, attrs->bias);
    Value above = make_binary(m, OP_less, map_number(m, attrs->limit), x);
    Value below = make_binary(m, OP_less, x, map_number(m, -attrs->limit));
    Value zero = map_number(m, 0), inner = choose(m, above, make_binary(m, OP_sub, x, bias), zero);
    out[0] = choose(m, below, make_binary(m, OP_add, x, bias), inner);
    return out[0].node != NULL;
}

static bool expand_prelu(const Maker *m, Value *out)
{
    out[0] = by_sign(m, make_binary(m, OP_mul, map_operand(m, 1), x_of(m)), x_of(m));
    return out[0].node != NULL;
}

/* log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), which overflows nowhere. */
static Value softplus(const Maker *m)
{
    Value small = make_unary(m, OP_exp, make_unary(m, OP_neg, make_unary(m, OP_abs, x_of(m))));
    Value log = make_unary(m, OP_log1p, small);
    return make_binary(m, OP_add, make_unary(m, OP_relu, x_of(m)), log);
}

static bool expand_softplus(const Maker *m, Value *out)
{
    out[0] = softplus(m);
    return out[0].node != NULL;
}

static bool expand_mish(const Maker *m, Value *out)
{
    out[0] = make_binary(m, OP_mul, x_of(m), make_unary(m, OP_tanh, softplus(m)));
    return out[0].node != NULL;
}

static bool expand_softsign(const Maker *m, Value *out)
{
    Value one = map_number(m, 1);
    out[0] = make_binary(m, OP_div, x_of(m), make_binary(m, OP_add, make_unary(m, OP_abs, x_of(m)), one));
    return out[0].node != NULL;
}

COMPOSITE(elu, 1, infer_map_floats, "alpha * (exp(x) - 1) below 0, else x.",
          .attrs = ALPHA(1, "what it tends to below, times -1"), .tflite = "ELU");
COMPOSITE(celu, 1, infer_map_floats, "alpha * (exp(x / alpha) - 1) below 0, else x.",
          .attrs = ALPHA(1, "what it tends to below, times -1"));
COMPOSITE(selu, 1, infer_map_floats, "gamma * (alpha * (exp(x) - 1) below 0, else x).",
          .attrs = ATTRS(SeluAttrs,
                         ATTR(SeluAttrs, alpha, .kind = ATTR_FLOAT, .fallback = 1.67326319217681884765625,
                              .doc = "what it tends to below, times -1 / gamma"),
                         ATTR(SeluAttrs, gamma, .kind = ATTR_FLOAT, .fallback = 1.05070102214813232421875,
                              .doc = "slope above 0")));
COMPOSITE(thresholded_relu, 1, infer_map_floats, "x above alpha, else 0.", .attrs = ALPHA(1, "the threshold"));
COMPOSITE(shrink, 1, infer_map_floats, "x + bias below -limit, x - bias above limit, 0 between.",
          .attrs = ATTRS(ShrinkAttrs,
                         ATTR(ShrinkAttrs, bias, .kind = ATTR_FLOAT, .doc = "how far what stays moves to 0"),
                         ATTR(ShrinkAttrs, limit, .kind = ATTR_FLOAT, .fallback = 0.5, .doc = "what becomes 0")));
COMPOSITE(prelu, 2, infer_map_numbers, "y * x below 0, else x; y is the slope.", .tflite = "PRELU");
COMPOSITE(softplus, 1, infer_map_floats, "log(1 + exp(x)), computed as max(x, 0) + log(1 + exp(-|x|)).",
          .onnx = "Softplus");
COMPOSITE(softsign, 1, infer_map_floats, "x / (1 + |x|).", .onnx = "Softsign");
COMPOSITE(mish, 1, infer_map_floats, "x * tanh(softplus(x)).", .onnx = "Mish");
