/* Elementary functions, powers and remainders; ULPs of the functions in tests/test_math.c. */
#include "ir/ops/map.h"

#include <math.h>

static int sign_of(Expr *e, int x)
{
    Dtype dtype = e->ops[x].dtype;
    int zero = expr_number(e, dtype, 0), one = expr_number(e, dtype, 1);
    int result = expr_select(e, expr_binary(e, EXPR_LT, zero, x), one, x);
    if (dtype_kind(dtype) == DTYPE_UNSIGNED) return result;
    return expr_select(e, expr_binary(e, EXPR_LT, x, zero), expr_number(e, dtype, -1), result);
}

UNARY(sign, sign_of, infer_map_numbers, "-1 below 0, 1 above, else x: 0 or NaN.", .onnx = "Sign", .tflite = "SIGN");
UNARY(expm1, expr_expm1, infer_map_floats, "exp(x) - 1, which near 0 loses nothing.", .onnx = NULL);
UNARY(log1p, expr_log1p, infer_map_floats, "log(1 + x), which near 0 loses nothing.", .onnx = NULL);
UNARY(sin, expr_sin, infer_map_floats, "The sine of an angle in radians; an f64 up to 2^40.", .onnx = "Sin",
      .tflite = "SIN");
UNARY(cos, expr_cos, infer_map_floats, "The cosine of an angle in radians; an f64 up to 2^40.", .onnx = "Cos",
      .tflite = "COS");
UNARY(tan, expr_tan, infer_map_floats, "The tangent of an angle in radians; an f64 up to 2^40.", .onnx = "Tan");
UNARY(asin, expr_asin, infer_map_floats, "The angle whose sine is x, NaN beyond -1 and 1.", .onnx = "Asin");
UNARY(acos, expr_acos, infer_map_floats, "The angle whose cosine is x, NaN beyond -1 and 1.", .onnx = "Acos");
UNARY(atan, expr_atan, infer_map_floats, "The angle between -pi/2 and pi/2 whose tangent is x.", .onnx = "Atan");
UNARY(sinh, expr_sinh, infer_map_floats, "(exp(x) - exp(-x)) / 2.", .onnx = "Sinh");
UNARY(cosh, expr_cosh, infer_map_floats, "(exp(x) + exp(-x)) / 2.", .onnx = "Cosh");
UNARY(asinh, expr_asinh, infer_map_floats, "The number whose hyperbolic sine is x.", .onnx = "Asinh");
UNARY(acosh, expr_acosh, infer_map_floats, "The number from 0 up whose hyperbolic cosine is x, NaN below 1.",
      .onnx = "Acosh");
UNARY(atanh, expr_atanh, infer_map_floats, "The number whose hyperbolic tangent is x, NaN beyond -1 and 1.",
      .onnx = "Atanh");

static bool expand_reciprocal(const Maker *m, Value *out)
{
    out[0] = make_binary(m, OP_div, map_number(m, 1), map_operand(m, 0));
    return out[0].node != NULL;
}

const OpDef op_reciprocal = {
    .name = "reciprocal",
    .doc = "1 / x.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = map_operands,
    .infer = infer_map_floats,
    .expand = expand_reciprocal,
    .onnx = "Reciprocal",
};

/* ---- powers ---- */

static bool infer_pow(const Node *node, Type *out, Diag *diag)
{
    const Type *x = operand_type(node, 0), *y = operand_type(node, 1);
    if (!need_dtype(node, 0, ACCEPT_NUMBERS, diag) || !need_dtype(node, 1, ACCEPT_NUMBERS, diag)) return false;
    if (!shape_broadcast(x, y, out)) {
        diag_error(diag, E0301, node_span(node), "pow: the shapes of %s and %s do not fit each other",
                   operand_text(node, 0, diag->arena), operand_text(node, 1, diag->arena));
        return diag_help(diag, "counted from the last, dims must be equal, or 1 or missing");
    }
    out->dtype = x->dtype;
    return need_sane(node, out, diag);
}

/* The squares of x that the bits of y name; of a y below 0, 1 / x^-y, which truncates. */
static int whole_power(Expr *e, int x, int y)
{
    Dtype dtype = e->ops[x].dtype, exponent = e->ops[y].dtype;
    bool has_sign = dtype_kind(exponent) == DTYPE_SIGNED;
    int zero = expr_integer(e, exponent, 0), one = expr_integer(e, dtype, 1), result = one, square = x;
    int n = has_sign ? expr_unary(e, EXPR_ABS, y) : y, bits = dtype_width(exponent) - has_sign;
    for (int i = 0; i < bits; i++) {
        int bit = expr_binary(e, EXPR_AND, n, expr_integer(e, exponent, (int64_t)((uint64_t)1 << i)));
        int with = expr_binary(e, EXPR_MUL, result, square);
        result = expr_select(e, expr_binary(e, EXPR_EQ, bit, zero), result, with);
        if (i + 1 < bits) square = expr_binary(e, EXPR_MUL, square, square);
    }
    if (!has_sign) return result;
    return expr_select(e, expr_binary(e, EXPR_LT, y, zero), expr_binary(e, EXPR_DIV, one, result), result);
}

static void map_pow(const Node *node, Expr *e, const int *args)
{
    Dtype x = e->ops[args[0]].dtype, y = e->ops[args[1]].dtype, wide = dtype_wide(x);
    (void)node;
    if (!dtype_is_float(x) && !dtype_is_float(y)) {
        whole_power(e, args[0], args[1]);
        return;
    }
    if (!dtype_is_float(x) || y == F64) wide = F64;
    expr_cast(e, x, expr_pow(e, expr_cast(e, wide, args[0]), expr_cast(e, wide, args[1])));
}

const OpDef op_pow = {
    .name = "pow",
    .doc = "x to the power y, in x's dtype. Of two integers it wraps, and 1 / x^-y truncates; a float to an integer's "
           "power rounds the exponent to its own dtype; an integer to a float's is computed in f64, then truncated.",
    .kind = KIND_MAP,
    .noperands = 2,
    .operands = (const Operand[]){{.name = "x", .doc = "any shape"},
                                  {.name = "y", .doc = "a shape that broadcasts with x's, any number dtype"}},
    .infer = infer_pow,
    .map = map_pow,
    .onnx = "Pow",
    .tflite = "POW",
};

/* ---- remainders ---- */

/* |x| - n |y| step by step, n |y| below |x| 2^-bits in each: so n is exact but for 1, and so is the difference. */
static int float_remainder(Expr *e, int x, int y)
{
    Dtype dtype = e->ops[x].dtype;
    enum { MOST_STEPS = 42 };
    int bits = dtype == F32 ? 22 : 51, steps = dtype == F32 ? 13 : MOST_STEPS, parts[MOST_STEPS];
    int zero = expr_real(e, dtype, 0), rest = expr_unary(e, EXPR_ABS, x), divisor = expr_unary(e, EXPR_ABS, y);
    parts[0] = divisor;
    for (int i = 1; i < steps; i++)
        parts[i] = expr_binary(e, EXPR_MUL, parts[i - 1], expr_real(e, dtype, ldexp(1, bits)));
    for (int i = steps - 1; i >= 0; i--) {
        int part = parts[i];
        int n = expr_unary(e, EXPR_FLOOR, expr_binary(e, EXPR_DIV, rest, part));
        int less = expr_fma(e, expr_unary(e, EXPR_NEG, n), part, rest);
        less = expr_select(e, expr_binary(e, EXPR_LT, less, zero), expr_binary(e, EXPR_ADD, less, part), less);
        less = expr_select(e, expr_binary(e, EXPR_LE, part, less), expr_binary(e, EXPR_SUB, less, part), less);
        rest = expr_select(e, expr_binary(e, EXPR_LT, rest, part), rest, less);
    }
    /* x itself beside an infinite y; NaN of an infinite x, of y = 0 and of NaN */
    int infinity = expr_real(e, dtype, INFINITY), nan = expr_real(e, dtype, NAN);
    int defined = expr_binary(e, EXPR_AND, expr_binary(e, EXPR_LT, expr_unary(e, EXPR_ABS, x), infinity),
                              expr_binary(e, EXPR_LT, zero, divisor));
    rest = expr_select(e, defined, rest, nan);
    int negative = expr_binary(e, EXPR_LT, x, zero);
    rest = expr_select(e, negative, expr_unary(e, EXPR_NEG, rest), rest);
    return expr_select(e, expr_binary(e, EXPR_EQ, x, zero), expr_select(e, defined, x, nan), rest);
}

static int integer_remainder(Expr *e, int x, int y)
{
    return expr_binary(e, EXPR_SUB, x, expr_binary(e, EXPR_MUL, expr_binary(e, EXPR_DIV, x, y), y));
}

static int compute_mod(Expr *e, const Node *node, const int *a)
{
    const ModAttrs *attrs = node->attrs;
    Dtype dtype = e->ops[a[0]].dtype;
    int rest = dtype_is_float(dtype) ? float_remainder(e, a[0], a[1]) : integer_remainder(e, a[0], a[1]);
    if (attrs->truncate || dtype_kind(dtype) == DTYPE_UNSIGNED) return rest;
    int zero = expr_number(e, dtype, 0), some = expr_binary(e, EXPR_NE, rest, zero);
    int apart = expr_binary(e, EXPR_XOR, expr_binary(e, EXPR_LT, rest, zero), expr_binary(e, EXPR_LT, a[1], zero));
    return expr_select(e, expr_binary(e, EXPR_AND, some, apart), expr_binary(e, EXPR_ADD, rest, a[1]), rest);
}
static void map_mod(const Node *node, Expr *e, const int *args) { map_widened(node, e, args, compute_mod); }

const OpDef op_mod = {
    .name = "mod",
    .doc =
        "What is left of x by y: x - y floor(x / y), or with `truncate` as C's fmod, the sign of x. Integers mod 0 are "
        "themselves.",
    .kind = KIND_MAP,
    .noperands = 2,
    .operands = map_operands,
    .attrs = ATTRS(ModAttrs, ATTR(ModAttrs, truncate, .kind = ATTR_BOOL, .doc = "the sign of x, not that of y")),
    .infer = infer_map_numbers,
    .map = map_mod,
};
