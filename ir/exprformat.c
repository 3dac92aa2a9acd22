/* The numbers of the elementary functions: polynomials are Chebyshev interpolations of the function, their coefficients
 * rounded to the format. */
#include "ir/exprmath.h"

#include <assert.h>

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
    .half_pi = {0x1.921fb6p+0, -0x1.777a5cp-25, -0x1.ee59dap-50},
    .third = {0x1.555556p-2, -0x1.555556p-27},
    .exp_least = -30,
    .log_large = 0x1p26,
    .sin = {4, {-0x1.555556p-3, 0x1.11110ep-7, -0x1.a013a6p-13, 0x1.6dbd82p-19}},
    .cos = {3, {0x1.555554p-5, -0x1.6c12d2p-10, 0x1.9bd812p-16}},
    .atan = {6, {-0x1.555556p-2, 0x1.99997ap-3, -0x1.248a1p-3, 0x1.c57a94p-4, -0x1.613c1cp-4, 0x1.9d60fap-5}},
    .asin = {7,
             {0x1.555556p-3, 0x1.33331ep-4, 0x1.6dc0f6p-5, 0x1.efed0cp-6, 0x1.82e318p-6, 0x1.5a41fcp-7, 0x1.fbaa7p-6}},
    .sinh = {4, {0x1.555556p-3, 0x1.11111ep-7, 0x1.a008fep-13, 0x1.78a73cp-19}},
    .atanh = {4, {0x1.99999ap-3, 0x1.2492fcp-3, 0x1.c66fbp-4, 0x1.8ee492p-4}},
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
    .half_pi = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110},
    .third = {0x1.5555555555555p-2, 0x1.5555555555555p-56},
    .exp_least = -60,
    .log_large = 0x1p56,
    .sin = {7,
            {-0x1.5555555555555p-3, 0x1.111111111111p-7, -0x1.a01a01a019933p-13, 0x1.71de3a54600cap-19,
             -0x1.ae645411d76a9p-26, 0x1.61217e4ef55f8p-33, -0x1.ab1764e7b2047p-41}},
    .cos = {7,
            {0x1.5555555555555p-5, -0x1.6c16c16c16c16p-10, 0x1.a01a01a019d08p-16, -0x1.27e4fb7712996p-22,
             0x1.1eed8deb2dd23p-29, -0x1.9394b9651e761p-37, 0x1.ab77f828b3725p-45}},
    .atan = {12,
             {-0x1.5555555555555p-2, 0x1.9999999999952p-3, -0x1.249249248d739p-3, 0x1.c71c71c2fc236p-4,
              -0x1.745d165c497f3p-4, 0x1.3b1392a9c2d8bp-4, -0x1.110e84aa36d9dp-4, 0x1.e199c62156609p-5,
              -0x1.ac7858539e493p-5, 0x1.74d3a7b43351ap-5, -0x1.1b1992aa413c9p-5, 0x1.0a997ba33c1dbp-6}},
    .asin = {14,
             {0x1.5555555555555p-3, 0x1.3333333333389p-4, 0x1.6db6db6dac0eap-5, 0x1.f1c71c7a5e151p-6,
              0x1.6e8ba121b9d5fp-6, 0x1.1c4efd20ebb99p-6, 0x1.c990a42b32b03p-7, 0x1.7b02ef007d23ep-7,
              0x1.3b462d121c5d2p-7, 0x1.31777489dfd29p-7, 0x1.8dcdf11997e0fp-9, 0x1.40c91fa8deb7ep-6,
              -0x1.3bd7e353ddbc2p-6, 0x1.e58a4f278e007p-6}},
    .sinh = {8,
             {0x1.5555555555555p-3, 0x1.1111111111111p-7, 0x1.a01a01a01a001p-13, 0x1.71de3a556f972p-19,
              0x1.ae64567929d6p-26, 0x1.612467cd33b6dp-33, 0x1.ae777bd0e83dfp-41, 0x1.99f09fd512ca7p-49}},
    .atanh = {8,
              {0x1.9999999999999p-3, 0x1.24924924929a2p-3, 0x1.c71c71c5d1859p-4, 0x1.745d1846f9df8p-4,
               0x1.3b134f48c7465p-4, 0x1.1125432cc63f7p-4, 0x1.dd4bc703ca43bp-5, 0x1.f390140ece71dp-5}},
};

const Format *math_format(const Expr *e, int x)
{
    Dtype dtype = e->ops[x].dtype;
    assert(dtype == F32 || dtype == F64);
    return dtype == F32 ? &single : &twice;
}

int math_horner(Expr *e, const Format *f, const Polynomial *p, int x)
{
    int sum = math_real(e, f, p->c[p->count - 1]);
    for (int i = p->count - 2; i >= 0; i--) sum = expr_fma(e, sum, x, math_real(e, f, p->c[i]));
    return sum;
}

int math_with_sign(Expr *e, const Format *f, int magnitude, int x)
{
    int mask = expr_binary(e, EXPR_SHL, math_whole(e, f, 1), math_whole(e, f, dtype_bits(f->dtype) - 1));
    int sign = expr_binary(e, EXPR_AND, expr_bitcast(e, f->bits, x), mask);
    return expr_bitcast(e, f->dtype, expr_binary(e, EXPR_OR, expr_bitcast(e, f->bits, magnitude), sign));
}
