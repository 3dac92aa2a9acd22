/* Between real numbers and 8-bit ones: real = scale * (stored - zero).  All are element-wise, so that they are fused
 * into what makes or reads the values; the last axis may have a scale for each channel. */
#include "ir/ops/common.h"

enum { X, SCALE, STEP };

/* ---- operands ---- */

static bool is_stored(Dtype dtype) { return dtype == I8 || dtype == U8; }
static bool is_real(Dtype dtype) { return dtype == F32 || dtype == F64; }
static int64_t lowest(Dtype dtype) { return dtype == I8 ? -128 : 0; }
static int64_t highest(Dtype dtype) { return dtype == I8 ? 127 : 255; }

static bool need_one_of(const Node *node, int index, bool good, const char *what, Diag *diag)
{
    if (good) return true;
    diag_error(diag, E0302, node_span(node), "%s: expected `%s` of %s, found %s", node_def(node)->name,
               node_def(node)->operands[index].name, what, operand_text(node, index, diag->arena));
    return diag_help(diag, "see `lepc ops` for what %s converts", node_def(node)->name);
}

/* One number, or one an element of x's last axis. */
static bool need_channels(const Node *node, int index, Diag *diag)
{
    const Type *x = operand_type(node, X);
    Type both;
    if (shape_broadcast(x, operand_type(node, index), &both) && type_same_shape(x, &both)) return true;
    diag_error(diag, E0301, node_span(node), "%s: expected `%s` of a shape that broadcasts to %s, found %s",
               node_def(node)->name, node_def(node)->operands[index].name, type_text(diag->arena, x),
               operand_text(node, index, diag->arena));
    return diag_help(diag, "give one number, or one for each index of the last axis");
}

static bool need_stored(const Node *node, int to, Diag *diag)
{
    if (to == I8 || to == U8) return true;
    diag_error(diag, to == DTYPE_COUNT ? E0403 : E0404, node_span(node), "%s: expected `to` of i8 or u8, found %s",
               node_def(node)->name, to == DTYPE_COUNT ? "none" : dtype_name((Dtype)to));
    return diag_help(diag, "write %s(x, scale, to: i8)", node_def(node)->name);
}

static bool need_zero(const Node *node, int64_t zero, Dtype dtype, Diag *diag)
{
    if (!is_stored(dtype) || (zero >= lowest(dtype) && zero <= highest(dtype))) return true;
    diag_error(diag, E0404, node_span(node), "%s: expected a `zero` that %s can hold, found %lld", node_def(node)->name,
               dtype_name(dtype), (long long)zero);
    return diag_help(diag, "%s goes from %lld to %lld", dtype_name(dtype), (long long)lowest(dtype),
                     (long long)highest(dtype));
}

/* ---- to 8 bits ---- */

/* The stored range: low and high as far as the dtype goes. */
typedef struct Range {
    Dtype to;
    int64_t zero, low, high;
} Range;

static int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

static Range range_of(int to, int64_t zero, int64_t low, int64_t high)
{
    Dtype dtype = (Dtype)to;
    return (Range){dtype, zero, greater(low, lowest(dtype)), lesser(high, highest(dtype))};
}

static bool need_range(const Node *node, const Range *range, Diag *diag)
{
    if (range->low <= range->high) return true;
    diag_error(diag, E0404, node_span(node), "%s: no number of %s lies between low %lld and high %lld",
               node_def(node)->name, dtype_name(range->to), (long long)range->low, (long long)range->high);
    return diag_help(diag, "low and high are stored numbers; a relu is low: the zero point");
}

static Type stored_type(const Type *x, int to)
{
    Type out = *x;
    out.dtype = (Dtype)to;
    return out;
}

/* rint(real) + zero within the range.  The clamp comes first, on what is still a float, so that nothing wraps: rounding
 * keeps the order, so the result is the same.  NaN becomes 0 of the real numbers, which is `zero`. */
static void store_rounded(Expr *e, int real, const Range *r)
{
    Dtype dtype = e->ops[real].dtype;
    int rounded = expr_unary(e, EXPR_RINT, real);
    int least = expr_binary(e, EXPR_MAX, rounded, expr_number(e, dtype, (double)(r->low - r->zero)));
    int clamped = expr_binary(e, EXPR_MIN, least, expr_number(e, dtype, (double)(r->high - r->zero)));
    int whole = expr_cast(e, I32, clamped);
    e->result = expr_cast(e, r->to, expr_binary(e, EXPR_ADD, whole, expr_integer(e, I32, r->zero)));
}

/* The same of an i32. */
static void store_integer(Expr *e, int value, const Range *r)
{
    int least = expr_binary(e, EXPR_MAX, value, expr_integer(e, I32, r->low - r->zero));
    int clamped = expr_binary(e, EXPR_MIN, least, expr_integer(e, I32, r->high - r->zero));
    e->result = expr_cast(e, r->to, expr_binary(e, EXPR_ADD, clamped, expr_integer(e, I32, r->zero)));
}

#define STORED_ATTRS(Struct)                                                                                           \
    ATTR(Struct, to, .kind = ATTR_DTYPE, .fallback = DTYPE_COUNT, .flags = ATTR_REQUIRED, .doc = "i8 or u8"),          \
        ATTR(Struct, zero, .kind = ATTR_INT, .low = -128, .high = 255, .doc = "the stored number that means 0"),       \
        ATTR(Struct, low, .kind = ATTR_INT, .fallback = -128, .low = -128, .high = 255,                                \
             .doc = "the least stored number, as far as the dtype goes"),                                              \
        ATTR(Struct, high, .kind = ATTR_INT, .fallback = 255, .low = -128, .high = 255,                                \
             .doc = "the greatest stored number, as far as the dtype goes")

/* ---- quantize ---- */

static Range quantize_range(const Node *node)
{
    const QuantizeAttrs *attrs = node->attrs;
    return range_of(attrs->to, attrs->zero, attrs->low, attrs->high);
}

static bool infer_quantize(const Node *node, Type *out, Diag *diag)
{
    const QuantizeAttrs *attrs = node->attrs;
    if (!need_one_of(node, X, is_real(operand_type(node, X)->dtype), "f32 or f64", diag)) return false;
    if (!need_same_dtype(node, SCALE, diag) || !need_channels(node, SCALE, diag)) return false;
    if (!need_stored(node, attrs->to, diag) || !need_zero(node, attrs->zero, (Dtype)attrs->to, diag)) return false;
    Range range = quantize_range(node);
    if (!need_range(node, &range, diag)) return false;
    *out = stored_type(operand_type(node, X), attrs->to);
    return true;
}

static void map_quantize(const Node *node, Expr *e, const int *args)
{
    Range range = quantize_range(node);
    store_rounded(e, expr_binary(e, EXPR_DIV, args[X], args[SCALE]), &range);
}

const OpDef op_quantize = {
    .name = "quantize",
    .doc = "x / scale, rounded to nearest even, plus zero, clamped to low and high and to the dtype; NaN becomes zero. "
           "What is stored means scale * (stored - zero).",
    .kind = KIND_MAP,
    .noperands = 2,
    .operands =
        (const Operand[]){
            {.name = "x", .doc = "f32 or f64, any shape"},
            {.name = "scale", .flags = OPERAND_REAL, .doc = "x's dtype; one number, or one an index of the last axis"}},
    .attrs = ATTRS(QuantizeAttrs, STORED_ATTRS(QuantizeAttrs)),
    .infer = infer_quantize,
    .map = map_quantize,
};

/* ---- dequantize ---- */

static bool infer_dequantize(const Node *node, Type *out, Diag *diag)
{
    const DequantizeAttrs *attrs = node->attrs;
    Dtype dtype = operand_type(node, X)->dtype;
    if (!need_one_of(node, X, is_stored(dtype) || dtype == I32, "i8, u8 or i32", diag)) return false;
    if (!need_one_of(node, SCALE, is_real(operand_type(node, SCALE)->dtype), "f32 or f64", diag)) return false;
    if (!need_channels(node, SCALE, diag) || !need_zero(node, attrs->zero, dtype, diag)) return false;
    *out = stored_type(operand_type(node, X), (int)operand_type(node, SCALE)->dtype);
    return need_sane(node, out, diag);
}

static void map_dequantize(const Node *node, Expr *e, const int *args)
{
    const DequantizeAttrs *attrs = node->attrs;
    int whole = expr_cast(e, I32, args[X]);
    if (attrs->zero) whole = expr_binary(e, EXPR_SUB, whole, expr_integer(e, I32, attrs->zero));
    expr_binary(e, EXPR_MUL, expr_cast(e, e->ops[args[SCALE]].dtype, whole), args[SCALE]);
}

const OpDef op_dequantize = {
    .name = "dequantize",
    .doc = "(x - zero) * scale, the difference in i32, the product in the dtype of scale, rounded once each.",
    .kind = KIND_MAP,
    .noperands = 2,
    .operands = (const Operand[]){{.name = "x", .doc = "i8, u8 or i32, any shape"},
                                  {.name = "scale",
                                   .flags = OPERAND_REAL,
                                   .doc = "f32 or f64; one number, or one an index of the last axis"}},
    .attrs = ATTRS(DequantizeAttrs, ATTR(DequantizeAttrs, zero, .kind = ATTR_INT, .low = -128, .high = 255,
                                         .doc = "the stored number that means 0")),
    .infer = infer_dequantize,
    .map = map_dequantize,
};

/* ---- requantize ---- */

static Range requantize_range(const Node *node)
{
    const RequantizeAttrs *attrs = node->attrs;
    return range_of(attrs->to, attrs->zero, attrs->low, attrs->high);
}

static bool need_step(const Node *node, Diag *diag)
{
    bool wanted = ((const RequantizeAttrs *)node->attrs)->rule == REQUANT_ONNX, given = operand_present(node, STEP);
    if (wanted != given) {
        diag_error(diag, E0304, node_span(node), "requantize: expected %s with this rule",
                   wanted ? "a third operand, `step`," : "no operand `step`");
        return diag_help(diag, "rule: onnx divides by a step of its own, the others have all in the scale");
    }
    if (!given) return true;
    Dtype scale = operand_type(node, SCALE)->dtype;
    return need_one_of(node, STEP, operand_type(node, STEP)->dtype == scale, "the dtype of scale", diag) &&
           need_channels(node, STEP, diag);
}

static bool infer_requantize(const Node *node, Type *out, Diag *diag)
{
    const RequantizeAttrs *attrs = node->attrs;
    Dtype scale = operand_type(node, SCALE)->dtype;
    if (!need_one_of(node, X, operand_type(node, X)->dtype == I32, "i32", diag)) return false;
    if (attrs->rule == REQUANT_TFLITE && !need_one_of(node, SCALE, scale == F64, "f64 (rule: tflite)", diag))
        return false;
    if (!need_one_of(node, SCALE, is_real(scale), "f32 or f64", diag) || !need_channels(node, SCALE, diag))
        return false;
    if (!need_step(node, diag)) return false;
    if (!need_stored(node, attrs->to, diag) || !need_zero(node, attrs->zero, (Dtype)attrs->to, diag)) return false;
    Range range = requantize_range(node);
    if (!need_range(node, &range, diag)) return false;
    *out = stored_type(operand_type(node, X), attrs->to);
    return true;
}

static int wide(Expr *e, int64_t value) { return expr_integer(e, I64, value); }

/* A double as TFLite's pair: a multiplier of 31 bits, rounded to nearest, and the exponent beside it. */
typedef struct Multiplier {
    int value, exponent; /* scale = value * 2^(exponent - 31), 2^30 <= value < 2^31 */
} Multiplier;

static Multiplier multiplier_of(Expr *e, int scale)
{
    enum { FRACTION = 52, BIAS = 1022, SPARE = FRACTION + 1 - 31 };
    int bits = expr_bitcast(e, I64, scale);
    int fraction = expr_binary(e, EXPR_AND, bits, wide(e, ((int64_t)1 << FRACTION) - 1));
    fraction = expr_binary(e, EXPR_OR, fraction, wide(e, (int64_t)1 << FRACTION));
    int half = wide(e, (int64_t)1 << (SPARE - 1));
    int rounded = expr_binary(e, EXPR_SHR, expr_binary(e, EXPR_ADD, fraction, half), wide(e, SPARE));
    int carry = expr_binary(e, EXPR_SHR, rounded, wide(e, 31));
    int exponent = expr_binary(e, EXPR_SUB, expr_binary(e, EXPR_SHR, bits, wide(e, FRACTION)), wide(e, BIAS));
    return (Multiplier){expr_binary(e, EXPR_SHR, rounded, carry), expr_binary(e, EXPR_ADD, exponent, carry)};
}

/* TFLite's MultiplyByQuantizedMultiplier: the doubled high half of a 64-bit product, rounded with ties upwards, then a
 * shift to the right, rounded with ties away from 0.  Shifts to the left come first and wrap. */
static int scale_twice_rounded(Expr *e, int x, int scale)
{
    Multiplier m = multiplier_of(e, scale);
    int none = wide(e, 0), one = wide(e, 1);
    int left = expr_binary(e, EXPR_MIN, expr_binary(e, EXPR_MAX, m.exponent, none), wide(e, 31));
    int right = expr_binary(e, EXPR_MAX, expr_unary(e, EXPR_NEG, m.exponent), none);
    right = expr_binary(e, EXPR_MIN, right, wide(e, 62));
    int shifted = expr_cast(e, I64, expr_binary(e, EXPR_SHL, x, expr_cast(e, I32, left)));
    int product = expr_binary(e, EXPR_ADD, expr_binary(e, EXPR_MUL, shifted, m.value), wide(e, 1 << 30));
    int high = expr_binary(e, EXPR_SHR, product, wide(e, 31));
    int half = expr_binary(e, EXPR_SHR, expr_binary(e, EXPR_SHL, one, right), one);
    int below = expr_cast(e, I64, expr_binary(e, EXPR_LT, high, none));
    below = expr_binary(e, EXPR_MIN, below, half); /* no shift, no rounding */
    int nudged = expr_binary(e, EXPR_SUB, expr_binary(e, EXPR_ADD, high, half), below);
    return expr_cast(e, I32, expr_binary(e, EXPR_SHR, nudged, right));
}

static void map_requantize(const Node *node, Expr *e, const int *args)
{
    const RequantizeAttrs *attrs = node->attrs;
    Range range = requantize_range(node);
    if (attrs->rule == REQUANT_TFLITE) {
        store_integer(e, scale_twice_rounded(e, args[X], args[SCALE]), &range);
        return;
    }
    int real = expr_binary(e, EXPR_MUL, expr_cast(e, e->ops[args[SCALE]].dtype, args[X]), args[SCALE]);
    if (attrs->rule == REQUANT_ONNX) real = expr_binary(e, EXPR_DIV, real, args[STEP]);
    store_rounded(e, real, &range);
}

const OpDef op_requantize = {
    .name = "requantize",
    .doc = "The sum x, times scale, rounded, plus zero, clamped to low and high and to the dtype. rule f32: "
           "rint(f32(x) * scale), in the dtype of scale; tflite: scale as a multiplier of 31 bits and a shift, the "
           "product rounded at 31 bits (ties upwards) and again after the shift (ties away from 0), in integers; onnx: "
           "rint(f32(x) * scale / step), DequantizeLinear and then QuantizeLinear.",
    .kind = KIND_MAP,
    .noperands = 3,
    .operands = (const Operand[]){{.name = "x", .doc = "i32, any shape: sums of 8-bit products"},
                                  {.name = "scale",
                                   .flags = OPERAND_REAL,
                                   .doc = "f32 (tflite: f64, above 2^-31, below 2^31); one number, or "
                                          "one an index of the last axis"},
                                  {.name = "step",
                                   .flags = OPERAND_OPTIONAL | OPERAND_REAL,
                                   .doc = "the result's own scale, only for "
                                          "rule onnx"}},
    .attrs = ATTRS(RequantizeAttrs, STORED_ATTRS(RequantizeAttrs),
                   ATTR(RequantizeAttrs, rule, .kind = ATTR_ENUM,
                        .words = (const char *const[]){"f32", "tflite", "onnx", NULL}, .doc = "how it is rounded")),
    .infer = infer_requantize,
    .map = map_requantize,
};
