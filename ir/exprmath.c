/* Elementary functions as straight lines of float operations: reduction to a small interval, a polynomial (Chebyshev
 * interpolation of the function, coefficients rounded to the format), reconstruction by bits.  f32 and f64 take the
 * same steps with their own numbers.  tests/test_math.c measures the errors. */
#include "ir/exprmath.h"

#include <math.h>

/* x, but `limit` beyond it; NaN stays.  The forms that x86's min and max instructions have. */
static int at_most(Expr *e, int x, int limit) { return expr_select(e, expr_binary(e, EXPR_LT, limit, x), limit, x); }
static int at_least(Expr *e, int x, int limit) { return expr_select(e, expr_binary(e, EXPR_LT, x, limit), limit, x); }

/* 2^k of an integer k whose power is a normal number. */
static int power_of_two(Expr *e, const Format *f, int k)
{
    int biased = math_add(e, k, math_whole(e, f, f->bias));
    return expr_bitcast(e, f->dtype, expr_binary(e, EXPR_SHL, biased, math_whole(e, f, f->fraction)));
}

/* exp(x) = 2^n exp(r), |r| <= ln(2)/2, exp(r) = 1 + r + r^2 p(r). */
int math_exp(Expr *e, const Format *f, int x, int low, int down)
{
    int magic = math_real(e, f, f->magic), one = math_real(e, f, 1);
    x = at_least(e, at_most(e, x, math_real(e, f, f->exp_high + down)), math_real(e, f, f->exp_low));
    int shifted = expr_fma(e, x, math_real(e, f, 0x1.71547652b82fep0), magic);
    int n = math_sub(e, shifted, magic);
    int r = expr_fma(e, n, math_real(e, f, -f->ln2_high), x);
    r = expr_fma(e, n, math_real(e, f, -f->ln2_low), r);
    if (low >= 0) r = math_add(e, r, low);
    int sum = math_add(e, one, expr_fma(e, math_mul(e, r, r), math_horner(e, f, &f->exp, r), r));
    return expr_binary(e, EXPR_SCALE, sum, down ? math_sub(e, n, math_real(e, f, down)) : n);
}

int expr_exp(Expr *e, int x) { return math_exp(e, math_format(e, x), x, -1, 0); }

/* exp(r) - 1 = q, so (1 + q) 2^k - 1 = 2 (q 2^(k-1) + (2^(k-1) - 1/2)): halves, since 2^k alone may overflow. */
int expr_expm1(Expr *e, int x)
{
    const Format *f = math_format(e, x);
    int magic = math_real(e, f, f->magic), high = math_real(e, f, f->exp_high);
    int bounded = at_least(e, at_most(e, x, high), math_real(e, f, f->exp_least));
    int shifted = expr_fma(e, bounded, math_real(e, f, 0x1.71547652b82fep0), magic);
    int k = math_sub(e, expr_bitcast(e, f->bits, shifted), expr_bitcast(e, f->bits, magic));
    int n = math_sub(e, shifted, magic);
    int r = expr_fma(e, n, math_real(e, f, -f->ln2_high), bounded);
    r = expr_fma(e, n, math_real(e, f, -f->ln2_low), r);
    int q = expr_fma(e, math_mul(e, r, r), math_horner(e, f, &f->exp, r), r);
    int half = power_of_two(e, f, math_sub(e, k, math_whole(e, f, 1)));
    int sum = expr_fma(e, q, half, math_sub(e, half, math_real(e, f, 0.5)));
    sum = math_add(e, sum, sum);
    sum = expr_select(e, expr_binary(e, EXPR_EQ, n, math_real(e, f, 0)), q, sum);
    sum = expr_select(e, math_less(e, high, x), math_real(e, f, INFINITY), sum);
    return expr_select(e, expr_binary(e, EXPR_EQ, x, math_real(e, f, 0)), x, sum);
}

/* log(u + c) + more * ln(2) of a normal u and a c that u lost when it was rounded; or -1: none.
 * u = 2^k (1 + m), 2/3 <= 1 + m < 4/3; log(1 + m) = m - m^2/2 + m^3 p(m). */
static int log_of_sum(Expr *e, const Format *f, int u, int c, int more)
{
    int bits = expr_bitcast(e, f->bits, u), fraction = math_whole(e, f, f->fraction);
    int k = expr_binary(e, EXPR_SHR, math_sub(e, bits, math_whole(e, f, f->two_thirds)), fraction);
    int moved = expr_binary(e, EXPR_SHL, k, fraction);
    int m = math_sub(e, expr_bitcast(e, f->dtype, math_sub(e, bits, moved)), math_real(e, f, 1));
    /* far above 1 c is 0, and 2^-k need not be a number */
    int near = expr_binary(e, EXPR_MIN, k, math_whole(e, f, f->fraction + 8));
    if (c >= 0) m = expr_fma(e, c, power_of_two(e, f, math_sub(e, math_whole(e, f, 0), near)), m);
    int n = expr_cast(e, f->dtype, k);
    if (more >= 0) n = math_add(e, n, more);
    int rest = expr_fma(e, m, math_horner(e, f, &f->log, m), math_real(e, f, -0.5));
    rest = expr_fma(e, n, math_real(e, f, f->ln2_low), math_mul(e, math_mul(e, m, m), rest));
    return expr_fma(e, n, math_real(e, f, f->ln2_high), math_add(e, m, rest));
}

/* Infinity and NaN as they are, -inf at 0, NaN below. */
static int log_special(Expr *e, const Format *f, int x, int log)
{
    int zero = math_real(e, f, 0);
    log = expr_select(e, math_less(e, x, math_real(e, f, INFINITY)), log, x);
    int pole = expr_select(e, expr_binary(e, EXPR_EQ, x, zero), math_real(e, f, -INFINITY), math_real(e, f, NAN));
    return expr_select(e, math_less(e, zero, x), log, pole);
}

int expr_log(Expr *e, int x)
{
    const Format *f = math_format(e, x);
    int small = math_less(e, x, math_real(e, f, f->least_normal));
    int normal = expr_select(e, small, math_mul(e, x, math_real(e, f, ldexp(1, f->fraction))), x);
    int less = expr_select(e, small, math_real(e, f, -f->fraction), math_real(e, f, 0));
    return log_special(e, f, x, log_of_sum(e, f, normal, -1, less));
}

/* log(1 + y) of a y from -1 up, or log(2y) where `doubled` holds, of a y so large that 1 is nothing beside it. */
static int log_above(Expr *e, const Format *f, int y, int doubled)
{
    int one = math_real(e, f, 1), zero = math_real(e, f, 0), u = math_add(e, y, one);
    /* the larger of 1 and y is taken from u first: that is exact */
    int by_y = math_sub(e, one, math_sub(e, u, y)), by_one = math_sub(e, y, math_sub(e, u, one));
    int lost = expr_select(e, math_less(e, one, y), by_y, by_one);
    int large = math_less(e, math_real(e, f, f->log_large), y);
    int more = doubled >= 0 ? expr_select(e, doubled, one, zero) : -1;
    return log_of_sum(e, f, u, expr_select(e, large, zero, lost), more);
}

int expr_log1p(Expr *e, int x)
{
    const Format *f = math_format(e, x);
    int log = log_special(e, f, math_add(e, x, math_real(e, f, 1)), log_above(e, f, x, -1));
    /* -0 */
    return expr_select(e, expr_binary(e, EXPR_EQ, x, math_real(e, f, 0)), x, log);
}

/* Of a = |x|: log(1 + a + a^2 / (1 + sqrt(1 + a^2))), whose argument is small when a is. */
int expr_asinh(Expr *e, int x)
{
    const Format *f = math_format(e, x);
    int one = math_real(e, f, 1), a = expr_unary(e, EXPR_ABS, x);
    int large = math_less(e, math_real(e, f, f->log_large), a);
    int bounded = expr_select(e, large, one, a), square = math_mul(e, bounded, bounded);
    int root = expr_unary(e, EXPR_SQRT, math_add(e, square, one));
    int y = math_add(e, a, math_div(e, square, math_add(e, root, one)));
    y = log_above(e, f, expr_select(e, large, a, y), large);
    y = expr_select(e, math_less(e, a, math_real(e, f, INFINITY)), y, a);
    return math_with_sign(e, f, y, x);
}

/* Of t = x - 1: log(1 + t + sqrt(t (t + 2))). */
int expr_acosh(Expr *e, int x)
{
    const Format *f = math_format(e, x);
    int one = math_real(e, f, 1), large = math_less(e, math_real(e, f, f->log_large), x);
    int t = math_sub(e, expr_select(e, large, one, x), one);
    int root = expr_unary(e, EXPR_SQRT, math_mul(e, t, math_add(e, t, math_real(e, f, 2))));
    int y = log_above(e, f, expr_select(e, large, x, math_add(e, t, root)), large);
    y = expr_select(e, math_less(e, x, math_real(e, f, INFINITY)), y, x);
    return expr_select(e, math_less(e, x, one), math_real(e, f, NAN), y);
}

/* Of a = |x|: log(1 + 2a / (1 - a)) / 2. */
int expr_atanh(Expr *e, int x)
{
    const Format *f = math_format(e, x);
    int one = math_real(e, f, 1), a = expr_unary(e, EXPR_ABS, x);
    int inside = math_less(e, a, one), bounded = expr_select(e, inside, a, math_real(e, f, 0.5));
    int y = math_div(e, math_add(e, bounded, bounded), math_sub(e, one, bounded));
    y = math_mul(e, log_above(e, f, y, -1), math_real(e, f, 0.5));
    int outside = expr_select(e, expr_binary(e, EXPR_EQ, a, one), math_real(e, f, INFINITY), math_real(e, f, NAN));
    /* half of the least subnormal number would be lost */
    y = expr_select(e, math_less(e, a, math_real(e, f, f->least_normal)), a, y);
    return math_with_sign(e, f, expr_select(e, inside, y, outside), x);
}

/* With h = exp(|x|) / 2: (h - 1 / (4h)), below 1 a polynomial. */
int expr_sinh(Expr *e, int x)
{
    const Format *f = math_format(e, x);
    int a = expr_unary(e, EXPR_ABS, x), square = math_mul(e, a, a), half = math_exp(e, f, a, -1, 1);
    int near = expr_fma(e, math_mul(e, a, square), math_horner(e, f, &f->sinh, square), a);
    int far = math_sub(e, half, math_div(e, math_real(e, f, 0.25), half));
    return math_with_sign(e, f, expr_select(e, math_less(e, a, math_real(e, f, 1)), near, far), x);
}

int expr_cosh(Expr *e, int x)
{
    const Format *f = math_format(e, x);
    int half = math_exp(e, f, expr_unary(e, EXPR_ABS, x), -1, 1);
    return math_add(e, half, math_div(e, math_real(e, f, 0.25), half));
}

/* Of a = |x|: small, a + a a^2 p(a^2); else 1 - 2 / (exp(2a) + 1). */
int expr_tanh(Expr *e, int x)
{
    const Format *f = math_format(e, x);
    int one = math_real(e, f, 1), two = math_real(e, f, 2), a = expr_unary(e, EXPR_ABS, x);
    int square = math_mul(e, a, a);
    int near = expr_fma(e, math_mul(e, a, square), math_horner(e, f, &f->tanh, square), a);
    int grown = math_add(e, expr_exp(e, math_add(e, a, a)), one);
    int far = math_sub(e, one, expr_binary(e, EXPR_DIV, two, grown));
    int is_near = expr_binary(e, EXPR_LT, a, math_real(e, f, f->tanh_small));
    return math_with_sign(e, f, expr_select(e, is_near, near, far), x);
}

/* With t = exp(-|x|): t / (1 + t) below 0, 1 / (1 + t) else, so that small results keep their accuracy. */
int expr_sigmoid(Expr *e, int x)
{
    const Format *f = math_format(e, x);
    int one = math_real(e, f, 1), zero = math_real(e, f, 0);
    int t = expr_exp(e, expr_unary(e, EXPR_NEG, expr_unary(e, EXPR_ABS, x)));
    int top = expr_select(e, expr_binary(e, EXPR_LT, x, zero), t, one);
    return expr_binary(e, EXPR_DIV, top, math_add(e, one, t));
}

/* Of a = |x|: small, a + a p(a^2); else 1 - exp(-p(a - center)), p fits -log(1 - erf). */
int expr_erf(Expr *e, int x)
{
    const Format *f = math_format(e, x);
    int one = math_real(e, f, 1), a = expr_unary(e, EXPR_ABS, x);
    int near = expr_fma(e, a, math_horner(e, f, &f->erf, math_mul(e, a, a)), a);
    int moved = math_sub(e, at_most(e, a, math_real(e, f, f->erf_large)), math_real(e, f, f->erf_center));
    int rest = expr_exp(e, expr_unary(e, EXPR_NEG, math_horner(e, f, &f->erfc, moved)));
    int is_near = expr_binary(e, EXPR_LT, a, math_real(e, f, f->erf_small));
    return math_with_sign(e, f, expr_select(e, is_near, near, math_sub(e, one, rest)), x);
}
