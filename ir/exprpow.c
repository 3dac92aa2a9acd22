/* x to the power y: log(x) in two floats, so that y times it is known to less than the last place of exp. */
#include "ir/exprmath.h"

#include <math.h>

typedef struct Pair {
    int high, low;
} Pair;

/* a + b of |a| >= |b| or a = 0, exactly. */
static Pair sum_of(Expr *e, int a, int b)
{
    Pair sum = {.high = math_add(e, a, b)};
    sum.low = math_sub(e, b, math_sub(e, sum.high, a));
    return sum;
}

static Pair product_of(Expr *e, int a, int b)
{
    Pair product = {.high = math_mul(e, a, b)};
    product.low = expr_fma(e, a, b, math_neg(e, product.high));
    return product;
}

/* log((1 + m)) of -1/3 <= m < 1/3: with s = m / (2 + m) it is 2 (s + s^3/3 + s^5/5 + ...). */
static Pair log_near_one(Expr *e, const Format *f, int m)
{
    Pair bottom = sum_of(e, math_real(e, f, 2), m);
    int s = math_div(e, m, bottom.high), rest = expr_fma(e, math_neg(e, s), bottom.high, m);
    rest = expr_fma(e, math_neg(e, s), bottom.low, rest);
    int s_low = math_div(e, rest, bottom.high);
    Pair square = product_of(e, s, s);
    square.low = expr_fma(e, math_add(e, s, s), s_low, square.low);
    /* square / 3 + square^2 p(square) */
    int third = math_real(e, f, f->third[0]);
    Pair part = product_of(e, square.high, third);
    part.low = expr_fma(e, square.high, math_real(e, f, f->third[1]), expr_fma(e, square.low, third, part.low));
    int higher = math_mul(e, math_mul(e, square.high, square.high), math_horner(e, f, &f->atanh, square.high));
    part = sum_of(e, part.high, math_add(e, part.low, higher));
    Pair cube = product_of(e, s, part.high);
    cube.low = expr_fma(e, s, part.low, expr_fma(e, s_low, part.high, cube.low));
    Pair sum = sum_of(e, s, cube.high);
    int low = math_add(e, sum.low, math_add(e, s_low, cube.low));
    return (Pair){math_add(e, sum.high, sum.high), math_add(e, low, low)};
}

/* log(x) of x > 0: twice the precision of the format, but for a few bits. */
static Pair log_of(Expr *e, const Format *f, int x)
{
    int small = math_less(e, x, math_real(e, f, f->least_normal));
    int normal = expr_select(e, small, math_mul(e, x, math_real(e, f, ldexp(1, f->fraction))), x);
    int bits = expr_bitcast(e, f->bits, normal), fraction = math_whole(e, f, f->fraction);
    int k = expr_binary(e, EXPR_SHR, math_sub(e, bits, math_whole(e, f, f->two_thirds)), fraction);
    int moved = expr_binary(e, EXPR_SHL, k, fraction);
    int m = math_sub(e, expr_bitcast(e, f->dtype, math_sub(e, bits, moved)), math_real(e, f, 1));
    int n = expr_cast(e, f->dtype, k);
    n = math_sub(e, n, expr_select(e, small, math_real(e, f, f->fraction), math_real(e, f, 0)));
    Pair near = log_near_one(e, f, m), high = product_of(e, n, math_real(e, f, f->ln2_high));
    high.low = expr_fma(e, n, math_real(e, f, f->ln2_low), high.low);
    Pair sum = sum_of(e, high.high, near.high);
    return sum_of(e, sum.high, math_add(e, sum.low, math_add(e, high.low, near.low)));
}

/* exp(y log(a)) of a >= 0. */
static int magnitude(Expr *e, const Format *f, int a, int y)
{
    int zero = math_real(e, f, 0), infinity = math_real(e, f, INFINITY);
    Pair log = log_of(e, f, a);
    int some = expr_binary(e, EXPR_NE, a, zero), finite = math_less(e, a, infinity);
    int high = expr_select(e, finite, expr_select(e, some, log.high, math_real(e, f, -INFINITY)), a);
    int product = math_mul(e, y, high);
    int lost = expr_fma(e, y, log.low, expr_fma(e, y, log.high, math_neg(e, product)));
    int small = math_less(e, expr_unary(e, EXPR_ABS, product), math_real(e, f, f->exp_high - f->exp_low));
    return math_exp(e, f, product, expr_select(e, small, lost, zero), 0);
}

int expr_pow(Expr *e, int x, int y)
{
    const Format *f = math_format(e, x);
    int one = math_real(e, f, 1), zero = math_real(e, f, 0), a = expr_unary(e, EXPR_ABS, x);
    int value = magnitude(e, f, a, y);
    /* |x| = 1 is 1 whatever y is, but NaN */
    int nan = expr_binary(e, EXPR_NE, y, y);
    value = expr_select(e, expr_binary(e, EXPR_EQ, a, one), expr_select(e, nan, y, one), value);
    int half = math_mul(e, y, math_real(e, f, 0.5));
    int whole = expr_binary(e, EXPR_EQ, expr_unary(e, EXPR_RINT, y), y);
    int odd = expr_binary(e, EXPR_AND, whole, expr_binary(e, EXPR_NE, expr_unary(e, EXPR_RINT, half), half));
    value = expr_select(e, odd, math_with_sign(e, f, value, x), value);
    int root = expr_binary(e, EXPR_AND, math_less(e, x, zero), math_less(e, math_real(e, f, -INFINITY), x));
    root = expr_select(e, whole, expr_binary(e, EXPR_NE, zero, zero), root);
    value = expr_select(e, root, math_real(e, f, NAN), value);
    int always = expr_binary(e, EXPR_OR, expr_binary(e, EXPR_EQ, y, zero), expr_binary(e, EXPR_EQ, x, one));
    return expr_select(e, always, one, value);
}
