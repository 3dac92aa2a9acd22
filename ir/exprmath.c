/* Elementary functions as straight lines of float operations: reduction to a small interval, a polynomial (Chebyshev
 * interpolation of the function, coefficients rounded to the format), reconstruction by bits.  f32 and f64 take the
 * same steps with their own numbers.  tests/test_math.c measures the errors. */
#include "ir/expr.h"

#include <assert.h>
#include <math.h>

enum { MAX_TERMS = 24 };

/* c[0] + c[1] x + ...; of what each is, see where it is used. */
typedef struct Polynomial {
    int count;
    double c[MAX_TERMS];
} Polynomial;

typedef struct Format {
    Dtype dtype, bits;  /* the float and the integer of its width */
    int fraction, bias; /* bits of the fraction, of the exponent's zero */
    double magic;       /* 1.5 * 2^fraction: x + magic has round(x) in its low bits */
    double ln2_high, ln2_low;
    double exp_low, exp_high; /* beyond these exp is 0 and infinity */
    double least_normal;
    int64_t two_thirds; /* bits of 2/3 */
    double tanh_small, erf_small, erf_large, erf_center;
    Polynomial exp, log, tanh, erf, erfc;
} Format;

static const Format single = {
    .dtype = F32,
    .bits = I32,
    .fraction = 23,
    .bias = 127,
    .magic = 0x1.8p23,
    .ln2_high = 0x1.62e43p-1,
    .ln2_low = -0x1.05c61p-29,
    .exp_low = -104,
    .exp_high = 89,
    .least_normal = 0x1p-126,
    .two_thirds = 0x3f2aaaab,
    .tanh_small = 0.59,
    .erf_small = 0.92,
    .erf_large = 4,
    .erf_center = 0,
    .exp = {5, {0x1p-1, 0x1.5554dcp-3, 0x1.555518p-5, 0x1.120c62p-7, 0x1.6d11fep-10}},
    .log = {9,
            {0x1.555556p-2, -0x1.ffffb4p-3, 0x1.999954p-3, -0x1.55783ep-3, 0x1.24b296p-3, -0x1.f756a2p-4, 0x1.bf192p-4,
             -0x1.fcdbfep-4, 0x1.d0250ap-4}},
    .tanh = {5, {-0x1.555554p-2, 0x1.110f18p-3, -0x1.b9644ep-5, 0x1.5a78bep-6, -0x1.9ea1bcp-8}},
    .erf = {6, {0x1.06eba6p-3, -0x1.8126ecp-2, 0x1.ce1b6ap-4, -0x1.b698cep-6, 0x1.478686p-8, -0x1.3b3b2ap-11}},
    .erfc = {9,
             {-0x1.5001dep-12, 0x1.21574p+0, 0x1.437d32p-1, 0x1.c2f26ep-4, -0x1.b10bbap-6, 0x1.382f88p-8,
              -0x1.3963c6p-11, 0x1.835e5p-15, -0x1.b9314p-20}},
};

static const Format twice = {
    .dtype = F64,
    .bits = I64,
    .fraction = 52,
    .bias = 1023,
    .magic = 0x1.8p52,
    .ln2_high = 0x1.62e42fefa39efp-1,
    .ln2_low = 0x1.abc9e3b39803fp-56,
    .exp_low = -746,
    .exp_high = 710,
    .least_normal = 0x1p-1022,
    .two_thirds = 0x3fe5555555555555,
    .tanh_small = 0.625,
    .erf_small = 1,
    .erf_large = 6,
    .erf_center = 2.5,
    .exp = {11,
            {0x1.0000000000000p-1, 0x1.5555555555557p-3, 0x1.5555555555556p-5, 0x1.111111111009cp-7,
             0x1.6c16c16c162b0p-10, 0x1.a01a01ac0a9eep-13, 0x1.a01a01a6ec522p-16, 0x1.71de01c3fc936p-19,
             0x1.27e4db25ce3adp-22, 0x1.af4ecd2129492p-26, 0x1.1f7385560be05p-29}},
    .log = {20, {0x1.5555555555555p-2, -0x1.fffffffffffffp-3, 0x1.999999999a3e7p-3, -0x1.5555555555f39p-3,
                 0x1.24924923d3a5bp-3, -0x1.fffffffe91f68p-4, 0x1.c71c7271c6e5fp-4, -0x1.99999a3d7115bp-4,
                 0x1.745cf097010fdp-4, -0x1.55553032b6a68p-4, 0x1.3b18b56aefadbp-4, -0x1.249719e846b86p-4,
                 0x1.10ac475829e71p-4, -0x1.ff3e8193ff8dap-5, 0x1.eb93d36fa64ebp-5, -0x1.d06aacad0b3aap-5,
                 0x1.6868c63d0b79ap-5, -0x1.55b41b042eacdp-5, 0x1.4b1cdf9875808p-4, -0x1.3cb8f7ff13637p-4}},
    .tanh = {12,
             {-0x1.5555555555555p-2, 0x1.11111111110a8p-3, -0x1.ba1ba1ba0f126p-5, 0x1.664f487e0a749p-6,
              -0x1.226e3473dce5cp-7, 0x1.d6d39ae3905e2p-9, -0x1.7d9f6f23e8682p-10, 0x1.3526e9ed54da1p-11,
              -0x1.f243823c8c981p-13, 0x1.8445870f6fe41p-14, -0x1.05bbdae896297p-15, 0x1.b33642a122cddp-18}},
    .erf = {13,
            {0x1.06eba8214db69p-3, -0x1.812746b0379e6p-2, 0x1.ce2f21a042b30p-4, -0x1.b82ce31284e00p-6,
             0x1.565bcd0dbaa38p-8, -0x1.c02db3dac435fp-11, 0x1.f9a321d5b8e1ep-14, -0x1.f4d1e3183f7aep-17,
             0x1.b9df224ca4b97p-20, -0x1.5f1ecb6f0764cp-23, 0x1.f7b4bf3b13964p-27, -0x1.389d4f2641625p-30,
             0x1.05ffd737fb32ep-34}},
    .erfc = {24, {0x1.f3a2dc8691b91p+2,   0x1.56925248da93bp+2,   0x1.e3460a18c56b1p-1,   0x1.63cc1da7a344ap-7,
                  -0x1.1bd558ec8b972p-9,  0x1.b961395c816d9p-12,  -0x1.43173266c6487p-14, 0x1.ac03d2dac2ea3p-17,
                  -0x1.dadb8a157237ap-20, 0x1.4ef1498d48de1p-23,  0x1.b137dfe8274d4p-27,  -0x1.77aa7b4ee3a0cp-27,
                  0x1.e2da340a4ff66p-29,  -0x1.ce03c43642d6ep-31, 0x1.63d856ec18e57p-33,  -0x1.a29764fa0470fp-36,
                  0x1.d7dab790eba1bp-40,  0x1.1be8877f5a36ep-41,  -0x1.3dd27bc98d79fp-42, 0x1.6b644993c7028p-44,
                  -0x1.16243238c8b00p-46, 0x1.19841b5776660p-49,  -0x1.544aac86fee15p-53, 0x1.73c06fcddb4a5p-58}},
};

static const Format *format_of(const Expr *e, int x)
{
    Dtype dtype = e->ops[x].dtype;
    assert(dtype == F32 || dtype == F64);
    return dtype == F32 ? &single : &twice;
}

static int real(Expr *e, const Format *f, double value) { return expr_real(e, f->dtype, value); }
static int whole(Expr *e, const Format *f, int64_t value) { return expr_integer(e, f->bits, value); }
static int plus(Expr *e, int a, int b) { return expr_binary(e, EXPR_ADD, a, b); }
static int minus(Expr *e, int a, int b) { return expr_binary(e, EXPR_SUB, a, b); }
static int times(Expr *e, int a, int b) { return expr_binary(e, EXPR_MUL, a, b); }

static int horner(Expr *e, const Format *f, const Polynomial *p, int x)
{
    int sum = real(e, f, p->c[p->count - 1]);
    for (int i = p->count - 2; i >= 0; i--) sum = expr_fma(e, sum, x, real(e, f, p->c[i]));
    return sum;
}

/* x, but `limit` beyond it; NaN stays.  The forms that x86's min and max instructions have. */
static int at_most(Expr *e, int x, int limit) { return expr_select(e, expr_binary(e, EXPR_LT, limit, x), limit, x); }
static int at_least(Expr *e, int x, int limit) { return expr_select(e, expr_binary(e, EXPR_LT, x, limit), limit, x); }

/* 2^k of an integer k whose power is a normal number. */
static int power_of_two(Expr *e, const Format *f, int k)
{
    int biased = plus(e, k, whole(e, f, f->bias));
    return expr_bitcast(e, f->dtype, expr_binary(e, EXPR_SHL, biased, whole(e, f, f->fraction)));
}

/* exp(x) = 2^k exp(r), |r| <= ln(2)/2, exp(r) = 1 + r + r^2 p(r).  Two scalings, since 2^k alone may not be a normal
 * number when exp(x) is one or is subnormal; the second rounds, once. */
int expr_exp(Expr *e, int x)
{
    const Format *f = format_of(e, x);
    int magic = real(e, f, f->magic), one = real(e, f, 1);
    x = at_least(e, at_most(e, x, real(e, f, f->exp_high)), real(e, f, f->exp_low));
    int shifted = expr_fma(e, x, real(e, f, 0x1.71547652b82fep0), magic);
    int k = minus(e, expr_bitcast(e, f->bits, shifted), expr_bitcast(e, f->bits, magic));
    int n = minus(e, shifted, magic);
    int r = expr_fma(e, n, real(e, f, -f->ln2_high), x);
    r = expr_fma(e, n, real(e, f, -f->ln2_low), r);
    int sum = plus(e, one, expr_fma(e, times(e, r, r), horner(e, f, &f->exp, r), r));
    int first = expr_binary(e, EXPR_SHR, k, whole(e, f, 1));
    int second = minus(e, k, first);
    return times(e, times(e, sum, power_of_two(e, f, first)), power_of_two(e, f, second));
}

/* x = 2^k (1 + m), 2/3 <= 1 + m < 4/3; log(1 + m) = m - m^2/2 + m^3 p(m). */
int expr_log(Expr *e, int x)
{
    const Format *f = format_of(e, x);
    int zero = real(e, f, 0), small = expr_binary(e, EXPR_LT, x, real(e, f, f->least_normal));
    int normal = expr_select(e, small, times(e, x, real(e, f, ldexp(1, f->fraction))), x);
    int bits = expr_bitcast(e, f->bits, normal), fraction = whole(e, f, f->fraction);
    int k = expr_binary(e, EXPR_SHR, minus(e, bits, whole(e, f, f->two_thirds)), fraction);
    int mantissa = expr_bitcast(e, f->dtype, minus(e, bits, expr_binary(e, EXPR_SHL, k, fraction)));
    int m = minus(e, mantissa, real(e, f, 1));
    int n = expr_cast(e, f->dtype, k);
    n = minus(e, n, expr_select(e, small, real(e, f, f->fraction), zero));
    int rest = expr_fma(e, m, horner(e, f, &f->log, m), real(e, f, -0.5));
    rest = expr_fma(e, n, real(e, f, f->ln2_low), times(e, times(e, m, m), rest));
    int sum = expr_fma(e, n, real(e, f, f->ln2_high), plus(e, m, rest));
    sum = expr_select(e, expr_binary(e, EXPR_LT, x, real(e, f, INFINITY)), sum, x);
    int pole = expr_select(e, expr_binary(e, EXPR_EQ, x, zero), real(e, f, -INFINITY), real(e, f, NAN));
    return expr_select(e, expr_binary(e, EXPR_LT, zero, x), sum, pole);
}

/* The magnitude with the sign of x, zeros' too. */
static int with_sign(Expr *e, const Format *f, int magnitude, int x)
{
    int mask = expr_binary(e, EXPR_SHL, whole(e, f, 1), whole(e, f, dtype_bits(f->dtype) - 1));
    int sign = expr_binary(e, EXPR_AND, expr_bitcast(e, f->bits, x), mask);
    return expr_bitcast(e, f->dtype, expr_binary(e, EXPR_OR, expr_bitcast(e, f->bits, magnitude), sign));
}

/* Of a = |x|: small, a + a a^2 p(a^2); else 1 - 2 / (exp(2a) + 1). */
int expr_tanh(Expr *e, int x)
{
    const Format *f = format_of(e, x);
    int one = real(e, f, 1), two = real(e, f, 2), a = expr_unary(e, EXPR_ABS, x);
    int square = times(e, a, a);
    int near = expr_fma(e, times(e, a, square), horner(e, f, &f->tanh, square), a);
    int grown = plus(e, expr_exp(e, plus(e, a, a)), one);
    int far = minus(e, one, expr_binary(e, EXPR_DIV, two, grown));
    int is_near = expr_binary(e, EXPR_LT, a, real(e, f, f->tanh_small));
    return with_sign(e, f, expr_select(e, is_near, near, far), x);
}

/* With t = exp(-|x|): t / (1 + t) below 0, 1 / (1 + t) else, so that small results keep their accuracy. */
int expr_sigmoid(Expr *e, int x)
{
    const Format *f = format_of(e, x);
    int one = real(e, f, 1), zero = real(e, f, 0);
    int t = expr_exp(e, expr_unary(e, EXPR_NEG, expr_unary(e, EXPR_ABS, x)));
    int top = expr_select(e, expr_binary(e, EXPR_LT, x, zero), t, one);
    return expr_binary(e, EXPR_DIV, top, plus(e, one, t));
}

/* Of a = |x|: small, a + a p(a^2); else 1 - exp(-p(a - center)), p fits -log(1 - erf). */
int expr_erf(Expr *e, int x)
{
    const Format *f = format_of(e, x);
    int one = real(e, f, 1), a = expr_unary(e, EXPR_ABS, x);
    int near = expr_fma(e, a, horner(e, f, &f->erf, times(e, a, a)), a);
    int moved = minus(e, at_most(e, a, real(e, f, f->erf_large)), real(e, f, f->erf_center));
    int rest = expr_exp(e, expr_unary(e, EXPR_NEG, horner(e, f, &f->erfc, moved)));
    int is_near = expr_binary(e, EXPR_LT, a, real(e, f, f->erf_small));
    return with_sign(e, f, expr_select(e, is_near, near, minus(e, one, rest)), x);
}
