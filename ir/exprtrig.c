/* Sines, tangents and their inverses. */
#include "ir/exprmath.h"

#include <math.h>

/* x = (4 j + quarter) pi/2 + high + low, |high| <= pi/4 or hardly more; quarter in the low two bits. */
typedef struct Angle {
    int quarter, high, low;
} Angle;

static int word(Expr *e, int64_t value) { return expr_integer(e, U32, value); }
static int bits_of(Expr *e, ExprKind kind, int a, int64_t b) { return expr_binary(e, kind, a, word(e, b)); }

/* Four words of 2/pi, of whose bits the first is that of weight 2^-`skip`; `skip` from -31 to 128, as skip + 32. */
static void window_of_two_over_pi(Expr *e, int skip, int out[3])
{
    static const uint32_t two_over_pi[] = {0,          0xa2f9836e, 0x4e441529, 0xfc2757d1,
                                           0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};
    enum { WORDS = 4, STARTS = 5 };
    int first = bits_of(e, EXPR_SHR, skip, 5), by = bits_of(e, EXPR_AND, skip, 31), back = bits_of(e, EXPR_XOR, by, 31);
    int words[WORDS], starts[STARTS];
    for (int i = 1; i < STARTS; i++) starts[i] = expr_binary(e, EXPR_EQ, first, word(e, i));
    for (int w = 0; w < WORDS; w++) {
        words[w] = word(e, two_over_pi[w]);
        for (int i = 1; i < STARTS; i++) words[w] = expr_select(e, starts[i], word(e, two_over_pi[w + i]), words[w]);
    }
    for (int w = 0; w < WORDS - 1; w++) {
        int rest = expr_binary(e, EXPR_SHR, bits_of(e, EXPR_SHR, words[w + 1], 1), back);
        out[w] = expr_binary(e, EXPR_OR, expr_binary(e, EXPR_SHL, words[w], by), rest);
    }
}

static int wide_product(Expr *e, int a, int b)
{
    return expr_binary(e, EXPR_MUL, expr_cast(e, U64, a), expr_cast(e, U64, b));
}

/* Payne and Hanek, "Radian reduction for trigonometric functions" (1983): x = m 2^s, and of m 2/pi only the bits matter
 * that are below 4 and not too small.  Integers, so that it is exact wherever there is no fma. */
static Angle reduce_single(Expr *e, int x)
{
    int64_t fraction = 0x7fffff;
    int bits = bits_of(e, EXPR_AND, expr_bitcast(e, U32, x), 0x7fffffff), exponent = bits_of(e, EXPR_SHR, bits, 23);
    int mantissa = bits_of(e, EXPR_OR, bits_of(e, EXPR_AND, bits, fraction), fraction + 1);
    /* below 1/2 there is nothing to reduce; the exponent of infinities is not looked at */
    int least = word(e, 126), most = word(e, 254);
    exponent = expr_binary(e, EXPR_MIN, expr_binary(e, EXPR_MAX, exponent, least), most);
    int window[3];
    window_of_two_over_pi(e, bits_of(e, EXPR_SUB, exponent, 150 + 2 - 32), window);
    /* in units of 2^-62 quarters, modulo 4 quarters */
    int high = expr_binary(e, EXPR_SHL, wide_product(e, mantissa, window[0]), expr_integer(e, U64, 32));
    int low = expr_binary(e, EXPR_SHR, wide_product(e, mantissa, window[2]), expr_integer(e, U64, 32));
    int turns = math_add(e, math_add(e, high, wide_product(e, mantissa, window[1])), low);
    int top = expr_cast(e, U32, expr_binary(e, EXPR_SHR, turns, expr_integer(e, U64, 32)));
    int quarter = bits_of(e, EXPR_SHR, bits_of(e, EXPR_ADD, top, 0x20000000), 30);
    int signed_top = expr_bitcast(e, I32, math_sub(e, top, bits_of(e, EXPR_SHL, quarter, 30)));
    /* the upper 24 bits are a float; all below are another */
    int upper = expr_binary(e, EXPR_AND, signed_top, expr_integer(e, I32, -256));
    int lower = math_sub(e, signed_top, upper);
    int rest = expr_cast(e, F32, bits_of(e, EXPR_SHR, expr_cast(e, U32, turns), 8));
    int a = math_mul(e, expr_cast(e, F32, upper), expr_real(e, F32, 0x1p-30));
    int b = expr_fma(e, rest, expr_real(e, F32, 0x1p-54),
                     math_mul(e, expr_cast(e, F32, lower), expr_real(e, F32, 0x1p-30)));
    int half_pi = expr_real(e, F32, 0x1.921fb6p+0), sum = math_add(e, a, b);
    b = math_sub(e, b, math_sub(e, sum, a));
    int product = math_mul(e, sum, half_pi), lost = expr_fma(e, sum, half_pi, math_neg(e, product));
    lost = expr_fma(e, sum, expr_real(e, F32, -0x1.777a5cp-25), expr_fma(e, b, half_pi, lost));
    int inside = math_less(e, expr_unary(e, EXPR_ABS, x), expr_real(e, F32, 0.5));
    int negative = math_less(e, x, expr_real(e, F32, 0));
    Angle angle = {expr_select(e, inside, word(e, 0), quarter), 0, 0};
    int minus_quarter = math_sub(e, word(e, 0), angle.quarter);
    angle.quarter = expr_bitcast(e, I32, expr_select(e, negative, minus_quarter, angle.quarter));
    product = expr_select(e, negative, math_neg(e, product), product);
    lost = expr_select(e, negative, math_neg(e, lost), lost);
    angle.high = expr_select(e, inside, x, product);
    angle.low = expr_select(e, inside, expr_real(e, F32, 0), lost);
    return angle;
}

/* Cody and Waite with pi/2 in three parts, each product exact or with its error beside it; up to 2^40, where x 2/pi
 * still says which quarter is the nearest. */
static Angle reduce_double(Expr *e, const Format *f, int x)
{
    int limit = math_real(e, f, 0x1p40), inside = math_less(e, expr_unary(e, EXPR_ABS, x), limit);
    x = expr_select(e, inside, x, math_real(e, f, NAN));
    int n = expr_unary(e, EXPR_RINT, math_mul(e, x, math_real(e, f, 0x1.45f306dc9c883p-1))), minus = math_neg(e, n);
    int first = expr_fma(e, minus, math_real(e, f, f->half_pi[0]), x), part = math_real(e, f, f->half_pi[1]);
    int product = math_mul(e, n, part), error = expr_fma(e, n, part, math_neg(e, product));
    /* first - product - error - n part3, the first difference by Knuth's sum of two */
    int high = math_sub(e, first, product), back = math_sub(e, high, first);
    int lost = math_sub(e, math_sub(e, first, math_sub(e, high, back)), math_add(e, product, back));
    int low = math_sub(e, lost, expr_fma(e, n, math_real(e, f, f->half_pi[2]), error));
    int sum = math_add(e, high, low);
    low = math_sub(e, low, math_sub(e, sum, high));
    /* n mod 4, exactly */
    int fourth = expr_unary(e, EXPR_FLOOR, math_mul(e, n, math_real(e, f, 0.25)));
    int quarter = expr_cast(e, I32, expr_fma(e, fourth, math_real(e, f, -4), n));
    int zero = expr_binary(e, EXPR_EQ, n, math_real(e, f, 0)); /* -0 stays */
    return (Angle){quarter, expr_select(e, zero, x, sum), expr_select(e, zero, math_real(e, f, 0), low)};
}

static Angle reduce(Expr *e, const Format *f, int x)
{
    return f->dtype == F32 ? reduce_single(e, x) : reduce_double(e, f, x);
}

/* sin and cos between -pi/4 and pi/4 */
static int near_sin(Expr *e, const Format *f, const Angle *a, int square)
{
    int cube = math_mul(e, a->high, square);
    int tail = expr_fma(e, cube, math_horner(e, f, &f->sin, square), a->low);
    return math_add(e, a->high, tail);
}

static int near_cos(Expr *e, const Format *f, const Angle *a, int square)
{
    int one = math_real(e, f, 1), half = math_mul(e, square, math_real(e, f, 0.5)), top = math_sub(e, one, half);
    int lost = math_sub(e, math_sub(e, one, top), half);
    int tail = expr_fma(e, math_mul(e, square, square), math_horner(e, f, &f->cos, square), lost);
    return math_add(e, top, expr_fma(e, math_neg(e, a->high), a->low, tail));
}

static int has_bit(Expr *e, int quarter, int64_t bit)
{
    int zero = expr_integer(e, I32, 0);
    return expr_binary(e, EXPR_NE, expr_binary(e, EXPR_AND, quarter, expr_integer(e, I32, bit)), zero);
}

/* NaN of infinities; sin(x + pi/2 quarters) of the angle. */
static int wave(Expr *e, int x, int64_t quarters)
{
    const Format *f = math_format(e, x);
    Angle a = reduce(e, f, x);
    int square = math_mul(e, a.high, a.high), turned = math_add(e, a.quarter, expr_integer(e, I32, quarters));
    int value = expr_select(e, has_bit(e, turned, 1), near_cos(e, f, &a, square), near_sin(e, f, &a, square));
    value = expr_select(e, has_bit(e, turned, 2), math_neg(e, value), value);
    int finite = math_less(e, expr_unary(e, EXPR_ABS, x), math_real(e, f, INFINITY));
    return expr_select(e, finite, value, math_real(e, f, NAN));
}

int expr_sin(Expr *e, int x) { return wave(e, x, 0); }
int expr_cos(Expr *e, int x) { return wave(e, x, 1); }

int expr_tan(Expr *e, int x)
{
    const Format *f = math_format(e, x);
    Angle a = reduce(e, f, x);
    int square = math_mul(e, a.high, a.high), odd = has_bit(e, a.quarter, 1);
    int s = near_sin(e, f, &a, square), c = near_cos(e, f, &a, square);
    int value = math_div(e, expr_select(e, odd, math_neg(e, c), s), expr_select(e, odd, s, c));
    int finite = math_less(e, expr_unary(e, EXPR_ABS, x), math_real(e, f, INFINITY));
    return expr_select(e, finite, value, math_real(e, f, NAN));
}

/* ---- inverses ---- */

/* Of a = |x|: pi/2 - atan(1 / a), pi/4 + atan((a - 1) / (a + 1)) or, up to tan(pi/8), itself. */
int expr_atan(Expr *e, int x)
{
    const Format *f = math_format(e, x);
    int one = math_real(e, f, 1), zero = math_real(e, f, 0), a = expr_unary(e, EXPR_ABS, x);
    int middle = math_less(e, math_real(e, f, 0.4142135623730950488), a);
    int far = math_less(e, math_real(e, f, 2.4142135623730950488), a);
    int top = expr_select(e, far, math_real(e, f, -1), expr_select(e, middle, math_sub(e, a, one), a));
    int bottom = expr_select(e, far, a, expr_select(e, middle, math_add(e, a, one), one));
    double half[] = {f->half_pi[0], f->half_pi[1]};
    int high = expr_select(e, middle, math_real(e, f, half[0] / 2), zero);
    int low = expr_select(e, middle, math_real(e, f, half[1] / 2), zero);
    high = expr_select(e, far, math_real(e, f, half[0]), high);
    low = expr_select(e, far, math_real(e, f, half[1]), low);
    int t = math_div(e, top, bottom), square = math_mul(e, t, t), cube = math_mul(e, t, square);
    int tail = expr_fma(e, cube, math_horner(e, f, &f->atan, square), low);
    int value = math_add(e, high, math_add(e, t, tail));
    return math_with_sign(e, f, expr_select(e, expr_binary(e, EXPR_NE, x, x), x, value), x);
}

/* Up to 1/2, a and a^2; above, the root of (1 - a) / 2 and its square: asin(a) = pi/2 - 2 asin(root). */
typedef struct Arc {
    int a, near, root, tail; /* asin(root) = root + tail */
} Arc;

static Arc arc_of(Expr *e, const Format *f, int x)
{
    Arc arc = {.a = expr_unary(e, EXPR_ABS, x)};
    int half = math_real(e, f, 0.5);
    arc.near = math_less(e, arc.a, half);
    int square = math_mul(e, math_sub(e, math_real(e, f, 1), arc.a), half);
    square = expr_select(e, arc.near, math_mul(e, arc.a, arc.a), square);
    arc.root = expr_select(e, arc.near, arc.a, expr_unary(e, EXPR_SQRT, square));
    arc.tail = math_mul(e, math_mul(e, arc.root, square), math_horner(e, f, &f->asin, square));
    return arc;
}

int expr_asin(Expr *e, int x)
{
    const Format *f = math_format(e, x);
    Arc arc = arc_of(e, f, x);
    int half_pi = math_real(e, f, f->half_pi[0]), two = math_real(e, f, -2), sum = math_add(e, arc.root, arc.tail);
    int far = math_add(e, half_pi, expr_fma(e, two, sum, math_real(e, f, f->half_pi[1])));
    return math_with_sign(e, f, expr_select(e, arc.near, sum, far), x);
}

int expr_acos(Expr *e, int x)
{
    const Format *f = math_format(e, x);
    Arc arc = arc_of(e, f, x);
    int half_pi = math_real(e, f, f->half_pi[0]), low = math_real(e, f, f->half_pi[1]), zero = math_real(e, f, 0);
    int sum = math_add(e, arc.root, arc.tail), negative = math_less(e, x, zero);
    int tail = expr_select(e, negative, math_neg(e, arc.tail), arc.tail);
    int near = math_sub(e, half_pi, math_add(e, x, math_sub(e, tail, low)));
    int far = math_add(e, sum, sum), pi = math_real(e, f, 2 * f->half_pi[0]);
    int other = math_sub(e, pi, math_sub(e, far, math_add(e, low, low)));
    return expr_select(e, arc.near, near, expr_select(e, negative, other, far));
}
