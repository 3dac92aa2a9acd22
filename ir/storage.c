#include "ir/storage.h"

#include <assert.h>
#include <math.h>

/* Codes of equal sign are ordered as their values, one after the other: rounding up is adding one. */
typedef struct SmallFloat {
    int exponent, fraction, bias; /* bits, bits, the code of exponent 0 */
    int largest;                  /* code of the largest finite number */
    int infinity;                 /* what is larger, when not saturated: -1 NaN */
    int nan;
    bool one_zero; /* no -0, and NaN has no sign */
} SmallFloat;

enum { E8M0_NAN = 255, E8M0_LARGEST = 254, E8M0_BIAS = 127 };

static const SmallFloat *format_of(Dtype dtype)
{
    static const SmallFloat formats[DTYPE_COUNT] = {
        [F8E4M3FN] = {4, 3, 7, 0x7e, -1, 0x7f, false},  [F8E4M3FNUZ] = {4, 3, 8, 0x7f, -1, 0x80, true},
        [F8E5M2] = {5, 2, 15, 0x7b, 0x7c, 0x7e, false}, [F8E5M2FNUZ] = {5, 2, 16, 0x7f, -1, 0x80, true},
        [F4E2M1] = {2, 1, 1, 7, 7, 8, false}, /* neither NaN nor infinity: NaN becomes -0 */
    };
    assert(formats[dtype].exponent);
    return &formats[dtype];
}

static int sign_bit(const SmallFloat *f) { return 1 << (f->exponent + f->fraction); }

/* ---- one element ---- */

static double small_value(const SmallFloat *f, int code)
{
    int magnitude = code & (sign_bit(f) - 1), exponent = magnitude >> f->fraction;
    double units = (double)(exponent ? (magnitude & ((1 << f->fraction) - 1)) | 1 << f->fraction : magnitude);
    double value = ldexp(units, (exponent ? exponent : 1) - f->bias - f->fraction);
    if (f->one_zero && code == f->nan) return (double)NAN;
    if (magnitude > f->largest) value = magnitude == f->infinity ? (double)INFINITY : (double)NAN;
    return code & sign_bit(f) ? -value : value;
}

static int small_magnitude(const SmallFloat *f, double value)
{
    if (isinf(value)) return f->largest;
    int exponent = value > 0 ? ilogb(value) : 0, least = 1 - f->bias;
    if (value <= 0 || exponent < least) exponent = least;
    if (exponent > f->bias + 1) return f->largest;
    int code = (int)rint(ldexp(value, f->fraction - exponent)) + ((exponent - least) << f->fraction);
    return code < f->largest ? code : f->largest;
}

static int small_code(const SmallFloat *f, double value)
{
    if (isnan(value)) return f->nan;
    int magnitude = small_magnitude(f, fabs(value));
    bool negative = signbit(value) && !(f->one_zero && magnitude == 0);
    return negative ? magnitude | sign_bit(f) : magnitude;
}

static int power_code(double value)
{
    int exponent;
    if (!(value >= 0) || isinf(value)) return value > 0 ? E8M0_LARGEST : E8M0_NAN;
    if (value <= 0x1p-127) return 0;
    double fraction = frexp(value, &exponent);
    int code = exponent + E8M0_BIAS - (fraction <= 0.5);
    return code < E8M0_LARGEST ? code : E8M0_LARGEST;
}

Scalar storage_get(Dtype dtype, uint8_t bits)
{
    if (dtype == F8E8M0) return (Scalar){.real = bits == E8M0_NAN ? (double)NAN : ldexp(1, (int)bits - E8M0_BIAS)};
    if (dtype_is_float(dtype)) return (Scalar){.real = small_value(format_of(dtype), bits)};
    int width = dtype_width(dtype), value = bits & ((1 << width) - 1);
    bool negative = dtype_kind(dtype) == DTYPE_SIGNED && value >> (width - 1);
    return (Scalar){.integer = negative ? value - (1 << width) : value};
}

uint8_t storage_set(Dtype dtype, Scalar value)
{
    if (dtype == F8E8M0) return (uint8_t)power_code(value.real);
    if (dtype_is_float(dtype)) return (uint8_t)small_code(format_of(dtype), value.real);
    uint8_t bits = (uint8_t)((uint64_t)value.integer & (((uint64_t)1 << dtype_width(dtype)) - 1));
    /* in memory an i4 is the i8 of its value */
    return dtype_kind(dtype) == DTYPE_SIGNED ? (uint8_t)storage_get(dtype, bits).integer : bits;
}

/* ---- expressions ---- */

static int number(Expr *e, int64_t value) { return expr_integer(e, I32, value); }
static int binary(Expr *e, ExprKind kind, int a, int64_t b) { return expr_binary(e, kind, a, number(e, b)); }
static int choose(Expr *e, int condition, int yes, int no) { return expr_select(e, condition, yes, no); }

/* An f32 by the bits of an i32. */
static int from_small(Expr *e, const SmallFloat *f, int code)
{
    int sign = binary(e, EXPR_SHL, binary(e, EXPR_AND, code, sign_bit(f)), 31 - f->exponent - f->fraction);
    int magnitude = binary(e, EXPR_AND, code, sign_bit(f) - 1);
    /* scaled by a product, which makes subnormal numbers normal */
    int moved = expr_bitcast(e, F32, binary(e, EXPR_SHL, magnitude, 23 - f->fraction));
    int scaled = expr_binary(e, EXPR_MUL, moved, expr_real(e, F32, ldexp(1, 127 - f->bias)));
    int bits = expr_bitcast(e, I32, scaled), nan = number(e, 0x7fc00000);
    if (f->one_zero)
        return expr_bitcast(e, F32,
                            choose(e, binary(e, EXPR_EQ, code, f->nan), nan, expr_binary(e, EXPR_OR, bits, sign)));
    if (f->infinity > f->largest)
        bits = choose(e, binary(e, EXPR_EQ, magnitude, f->infinity), number(e, 0x7f800000), bits);
    int last = f->infinity > f->largest ? f->infinity : f->largest;
    if (last < sign_bit(f) - 1) bits = choose(e, expr_binary(e, EXPR_LT, number(e, last), magnitude), nan, bits);
    return expr_bitcast(e, F32, expr_binary(e, EXPR_OR, bits, sign));
}

static int from_power(Expr *e, int code)
{
    int bits = choose(e, binary(e, EXPR_EQ, code, 0), number(e, 0x00400000), binary(e, EXPR_SHL, code, 23));
    return expr_bitcast(e, F32, choose(e, binary(e, EXPR_EQ, code, E8M0_NAN), number(e, 0x7fc00000), bits));
}

int expr_from_storage(Expr *e, int a)
{
    Dtype dtype = e->ops[a].dtype;
    if (!dtype_is_float(dtype)) return expr_bitcast(e, dtype_kind(dtype) == DTYPE_SIGNED ? I8 : U8, a);
    int code = expr_cast(e, I32, expr_bitcast(e, U8, a));
    return dtype == F8E8M0 ? from_power(e, code) : from_small(e, format_of(dtype), code);
}

/* What a float of `digits` bits holds: of larger integers the lowest bit kept says whether any below was set. */
static int whole_to_odd(Expr *e, int a, Dtype to, int digits)
{
    Dtype dtype = e->ops[a].dtype;
    int64_t last = (int64_t)1 << (dtype_bits(dtype) - digits);
    int rest = expr_binary(e, EXPR_AND, a, expr_integer(e, dtype, last - 1)), zero = expr_integer(e, dtype, 0);
    int high = expr_binary(e, EXPR_AND, a, expr_integer(e, dtype, -last)), some = expr_integer(e, dtype, last);
    high = expr_binary(e, EXPR_OR, high, choose(e, expr_binary(e, EXPR_EQ, rest, zero), zero, some));
    int magnitude = dtype_kind(dtype) == DTYPE_SIGNED ? expr_unary(e, EXPR_ABS, a) : a;
    int fits = expr_binary(e, EXPR_LT, magnitude, expr_integer(e, dtype, (int64_t)1 << digits));
    return expr_cast(e, to, choose(e, fits, a, high));
}

/* Any number as an f32 whose last bit says whether something was cut off, so that the rounding after it is the only
 * one. */
static int single_to_odd(Expr *e, int a)
{
    Dtype dtype = e->ops[a].dtype;
    if (dtype_is_float(dtype) ? dtype != F64 : dtype_bits(dtype) <= 16) return expr_cast(e, F32, a);
    if (dtype == I32 || dtype == U32) return whole_to_odd(e, a, F32, 24);
    int exact = dtype == F64 ? a : whole_to_odd(e, a, F64, 53);
    int near = expr_cast(e, F32, exact), back = expr_cast(e, F64, near);
    int bits = expr_bitcast(e, I32, near);
    int over = expr_binary(e, EXPR_LT, expr_unary(e, EXPR_ABS, exact), expr_unary(e, EXPR_ABS, back));
    bits = choose(e, over, binary(e, EXPR_SUB, bits, 1), bits);
    int odd = expr_bitcast(e, F32, binary(e, EXPR_OR, bits, 1));
    int kept = expr_binary(e, EXPR_OR, expr_binary(e, EXPR_EQ, back, exact), expr_binary(e, EXPR_NE, exact, exact));
    return choose(e, kept, near, odd);
}

/* Rounded to nearest even; more than the largest code where there is no such number. */
static int small_rounded(Expr *e, const SmallFloat *f, int magnitude)
{
    int cut = 23 - f->fraction;
    int code = binary(e, EXPR_SUB, magnitude, (int64_t)(127 - f->bias) << 23);
    int odd = binary(e, EXPR_AND, binary(e, EXPR_SHR, code, cut), 1);
    code = expr_binary(e, EXPR_ADD, code, binary(e, EXPR_ADD, odd, ((int64_t)1 << (cut - 1)) - 1));
    code = binary(e, EXPR_SHR, code, cut);
    /* below the normal numbers adding what has the least of them as its last place rounds */
    int magic = expr_real(e, F32, ldexp(1, 23 + 1 - f->bias - f->fraction));
    int small = expr_binary(e, EXPR_ADD, expr_bitcast(e, F32, magnitude), magic);
    small = expr_binary(e, EXPR_SUB, expr_bitcast(e, I32, small), expr_bitcast(e, I32, magic));
    return choose(e, binary(e, EXPR_LT, magnitude, (int64_t)(128 - f->bias) << 23), small, code);
}

static int to_small(Expr *e, const SmallFloat *f, int single, CastOverflow overflow)
{
    int bits = expr_bitcast(e, I32, single), magnitude = binary(e, EXPR_AND, bits, 0x7fffffff);
    int code = small_rounded(e, f, magnitude), sign = binary(e, EXPR_SHR, bits, 31 - f->exponent - f->fraction);
    int beyond = overflow == CAST_SATURATE ? f->largest : f->infinity >= 0 ? f->infinity : f->nan;
    sign = binary(e, EXPR_AND, sign, sign_bit(f));
    int positive = code, is_over = expr_binary(e, EXPR_LT, number(e, f->largest), code);
    code = expr_binary(e, EXPR_OR, choose(e, is_over, number(e, beyond), code), sign);
    if (f->one_zero) {
        code = choose(e, binary(e, EXPR_EQ, positive, 0), number(e, 0), code);
        if (beyond == f->nan) code = choose(e, is_over, number(e, f->nan), code);
    }
    return choose(e, expr_binary(e, EXPR_LT, number(e, 0x7f800000), magnitude), number(e, f->nan), code);
}

static int to_power(Expr *e, int single, CastRule rule)
{
    static const int64_t added[] = {[CAST_UP] = 0x7fffff, [CAST_DOWN] = 0, [CAST_NEAREST] = 0x400000};
    static const int64_t first[] = {[CAST_UP] = 0x400001, [CAST_DOWN] = 0x800000, [CAST_NEAREST] = 0x600000};
    int bits = expr_bitcast(e, I32, single), magnitude = binary(e, EXPR_AND, bits, 0x7fffffff);
    int code = binary(e, EXPR_SHR, binary(e, EXPR_ADD, magnitude, added[rule.round]), 23);
    /* 2^-127 is not a normal f32 */
    code = choose(e, binary(e, EXPR_LT, magnitude, 0x800000), number(e, 1), code);
    code = choose(e, binary(e, EXPR_LT, magnitude, first[rule.round]), number(e, 0), code);
    int nan = number(e, E8M0_NAN);
    if (rule.overflow == CAST_SATURATE)
        code = binary(e, EXPR_MIN, code, E8M0_LARGEST);
    else
        code = choose(e, binary(e, EXPR_LT, magnitude, 0x400000), nan, code);
    code = choose(e, expr_binary(e, EXPR_LT, number(e, 0x7f800000), magnitude), nan, code);
    int negative = expr_binary(e, EXPR_LT, single, expr_real(e, F32, 0));
    return choose(e, negative, nan, code);
}

static int to_narrow(Expr *e, Dtype to, int a)
{
    int width = dtype_width(to);
    if (dtype_is_float(e->ops[a].dtype)) a = expr_cast(e, I32, a);
    if (dtype_kind(to) == DTYPE_UNSIGNED)
        return expr_binary(e, EXPR_AND, expr_cast(e, U8, a), expr_integer(e, U8, (1 << width) - 1));
    int spare = expr_integer(e, I8, 8 - width);
    return expr_binary(e, EXPR_SHR, expr_binary(e, EXPR_SHL, expr_cast(e, I8, a), spare), spare);
}

int expr_to_storage(Expr *e, Dtype to, int a, CastRule rule)
{
    if (!dtype_is_float(to)) return expr_bitcast(e, to, to_narrow(e, to, a));
    int single = single_to_odd(e, a);
    int code = to == F8E8M0 ? to_power(e, single, rule) : to_small(e, format_of(to), single, rule.overflow);
    return expr_bitcast(e, to, expr_cast(e, U8, code));
}
