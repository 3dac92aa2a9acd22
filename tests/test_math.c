/* Elementary functions against MPFR, which rounds correctly: the worst error found, in units of the last place of the
 * result (subnormal ones: of the least subnormal), over random bits and random numbers of the interesting range. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <mpfr.h>

#include "tests/support/trial.h"

enum { PRECISION = 160, RANDOM = 30000, BLOCK = 1000 };

typedef int Exact(mpfr_t out, const mpfr_t x, mpfr_rnd_t round);

typedef struct Function {
    const char *name;
    int (*build)(Expr *e, int x);
    Exact *exact;
    double low[2], high[2]; /* where it is not constant: f32, f64 */
    double bound[2];
} Function;

static int exact_sigmoid(mpfr_t out, const mpfr_t x, mpfr_rnd_t round)
{
    mpfr_t t;
    mpfr_init2(t, PRECISION);
    mpfr_neg(t, x, round);
    mpfr_exp(t, t, round);
    mpfr_add_ui(t, t, 1, round);
    int inexact = mpfr_ui_div(out, 1, t, round);
    mpfr_clear(t);
    return inexact;
}

/* Of an f64 beyond 2^40 ours are NaN, which no f32 comes to. */
static int in_range(mpfr_t out, const mpfr_t x, mpfr_rnd_t round, Exact *exact)
{
    bool single = mpfr_fits_sint_p(x, round) || mpfr_get_d(x, round) == (double)(float)mpfr_get_d(x, round);
    if (single || fabs(mpfr_get_d(x, round)) < 0x1p40) return exact(out, x, round);
    mpfr_set_nan(out);
    return 0;
}
static int exact_sin(mpfr_t out, const mpfr_t x, mpfr_rnd_t round) { return in_range(out, x, round, mpfr_sin); }
static int exact_cos(mpfr_t out, const mpfr_t x, mpfr_rnd_t round) { return in_range(out, x, round, mpfr_cos); }
static int exact_tan(mpfr_t out, const mpfr_t x, mpfr_rnd_t round) { return in_range(out, x, round, mpfr_tan); }

static const Function functions[] = {
    {"exp", expr_exp, mpfr_exp, {-104, -746}, {89, 710}, {1.1, 1.1}},
    {"log", expr_log, mpfr_log, {0, 0}, {8, 8}, {1, 1}},
    {"tanh", expr_tanh, mpfr_tanh, {-10, -20}, {10, 20}, {1.5, 1.5}},
    {"sigmoid", expr_sigmoid, exact_sigmoid, {-104, -746}, {20, 40}, {2.4, 2.4}},
    {"erf", expr_erf, mpfr_erf, {-4.5, -6.5}, {4.5, 6.5}, {1.3, 2}},
    {"expm1", expr_expm1, mpfr_expm1, {-20, -40}, {89, 710}, {1.6, 1.9}},
    {"log1p", expr_log1p, mpfr_log1p, {-1, -1}, {8, 8}, {1.7, 1.7}},
    {"sinh", expr_sinh, mpfr_sinh, {-90, -711}, {90, 711}, {1.7, 1.6}},
    {"cosh", expr_cosh, mpfr_cosh, {-90, -711}, {90, 711}, {1.6, 1.5}},
    {"asinh", expr_asinh, mpfr_asinh, {-8, -8}, {8, 8}, {2, 2}},
    {"acosh", expr_acosh, mpfr_acosh, {1, 1}, {8, 8}, {2, 2}},
    {"atanh", expr_atanh, mpfr_atanh, {-1, -1}, {1, 1}, {2.1, 2}},
    {"sin", expr_sin, exact_sin, {-100, -100}, {100, 100}, {1.1, 1.1}},
    {"cos", expr_cos, exact_cos, {-100, -100}, {100, 100}, {1.1, 1.1}},
    {"tan", expr_tan, exact_tan, {-100, -100}, {100, 100}, {2.4, 2.4}},
    {"asin", expr_asin, mpfr_asin, {-1, -1}, {1, 1}, {2.4, 2.2}},
    {"acos", expr_acos, mpfr_acos, {-1, -1}, {1, 1}, {1.2, 1.2}},
    {"atan", expr_atan, mpfr_atan, {-5, -5}, {5, 5}, {2, 2}},
};

/* ---- one result ---- */

static double last_place(double value, bool twice)
{
    int exponent = twice ? -1021 : -125;
    if (value != 0 && !isinf(value) && ilogb(value) + 1 > exponent) exponent = ilogb(value) + 1;
    return ldexp(1, exponent - (twice ? 53 : 24));
}

static double rounded(const mpfr_t exact, bool twice)
{
    return twice ? mpfr_get_d(exact, MPFR_RNDN) : (double)mpfr_get_flt(exact, MPFR_RNDN);
}

/* The error in units of the last place; infinite when what must be special is not. */
static double error_of(const Function *f, double x, double got, bool twice)
{
    mpfr_t exact, difference;
    mpfr_inits2(PRECISION, exact, difference, (mpfr_ptr)0);
    mpfr_set_d(exact, x, MPFR_RNDN);
    f->exact(exact, exact, MPFR_RNDN);
    double nearest = rounded(exact, twice), error;
    if (mpfr_nan_p(exact) || isnan(got))
        error = mpfr_nan_p(exact) && isnan(got) ? 0 : INFINITY;
    else if (isinf(nearest) || isinf(got))
        error = nearest == got ? 0 : INFINITY;
    else {
        mpfr_sub_d(difference, exact, got, MPFR_RNDN);
        error = fabs(mpfr_get_d(difference, MPFR_RNDN)) / last_place(nearest, twice);
    }
    mpfr_clears(exact, difference, (mpfr_ptr)0);
    return error;
}

/* ---- many ---- */

typedef struct Worst {
    double error, at;
} Worst;

static void try_block(const Function *f, const double *x, bool twice, Worst *worst)
{
    Trial t = trial_new();
    Dtype dtype = twice ? F64 : F32;
    Expr *e = expr_new(t.arena);
    f->build(e, expr_arg(e, 0, dtype));
    Tensor in = trial_tensor(&t, dtype, DIMS(BLOCK), x), out = trial_tensor(&t, dtype, DIMS(BLOCK), NULL);
    expr_run(e, (const void *const[]){in.data}, (const int64_t[]){1}, out.data, BLOCK);
    for (int i = 0; i < BLOCK; i++) {
        double value = tensor_real(&in, i), error = error_of(f, value, tensor_real(&out, i), twice);
        if (error > worst->error) *worst = (Worst){error, value};
    }
    trial_free(&t);
}

static double any_bits(uint64_t bits, bool twice)
{
    double value;
    if (twice) {
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    uint32_t low = (uint32_t)bits;
    float single;
    memcpy(&single, &low, sizeof single);
    return (double)single;
}

static Worst worst_of(const Function *f, bool twice)
{
    Worst worst = {0, 0};
    double x[BLOCK];
    uint64_t seed = 1;
    for (int done = 0; done < RANDOM; done += BLOCK) {
        for (int i = 0; i < BLOCK; i++) {
            uint64_t bits = trial_next(&seed);
            double unit = (double)(bits >> 11) * 0x1p-53;
            x[i] = i % 3 == 0 ? any_bits(bits, twice) : f->low[twice] + (f->high[twice] - f->low[twice]) * unit;
            if (i % 3 == 1) x[i] = x[i] / 16; /* around 0, where the polynomials meet */
        }
        try_block(f, x, twice, &worst);
    }
    return worst;
}

static void errors_are_bounded(void **state)
{
    printf("function  dtype  worst error [ulp]  at\n");
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        for (int twice = 0; twice < 2; twice++) {
            const Function *f = &functions[i];
            Worst worst = worst_of(f, twice);
            printf("%-8s  %s    %17.3f  %a\n", f->name, twice ? "f64" : "f32", worst.error, worst.at);
            assert_true(worst.error <= f->bound[twice]);
        }
}

/* exp leaves the finite and the normal numbers where it should. */
static void edges_of_exp(void **state)
{
    double x[BLOCK] = {88.722839, 88.72284, 88.8, -87.33654, -87.33655, -103.27, -103.97, -103.98, -0x1p-149, 0x1p-149};
    double twice[BLOCK] = {709.782712893384, 709.7827128933841, 709.8, -708.3964, -708.3965, -744.44, -745.13, -745.14};
    Worst worst = {0, 0};
    try_block(&functions[0], x, false, &worst);
    try_block(&functions[0], twice, true, &worst);
    assert_true(worst.error <= 1.1);
}

/* The f32 numbers that come nearest to multiples of pi/2, and f64 ones: nearly all digits cancel. */
static void edges_of_sin(void **state)
{
    double x[BLOCK] = {0x1.f37aacp+95,
                       0x1.921fb6p+0,
                       0x1.921fb4p+0,
                       0x1.921fb6p+1,
                       0x1.2d97c8p+1,
                       0x1.fffffep+127,
                       0x1.ddebdep+43,
                       0x1.47d0fep+34,
                       -0x1.f37aacp+95,
                       0.5,
                       0.49999997,
                       0x1p-149,
                       -0.0};
    double twice[BLOCK] = {0x1.921fb54442d18p+0,
                           0x1.921fb54442d18p+1,
                           0x1.2d97c7f3321d2p+2,
                           0x1.6ac5b262ca1ffp+39,
                           0x1.921fb54442d18p+39,
                           0x1.5fdbbe9bba775p+35,
                           1e12,
                           -0.0,
                           0x1p-1074};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        Worst worst = {0, 0};
        const Function *f = &functions[i];
        if (f->build != expr_sin && f->build != expr_cos && f->build != expr_tan) continue;
        try_block(f, x, false, &worst);
        try_block(f, twice, true, &worst);
        assert_true(worst.error <= f->bound[0]);
    }
}

/* ---- pow ---- */

static double error_of_pow(double x, double y, double got, bool twice)
{
    mpfr_t exact, power;
    mpfr_inits2(PRECISION, exact, power, (mpfr_ptr)0);
    mpfr_set_d(exact, x, MPFR_RNDN);
    mpfr_set_d(power, y, MPFR_RNDN);
    mpfr_pow(exact, exact, power, MPFR_RNDN);
    double nearest = rounded(exact, twice), error;
    if (isnan(nearest) || isnan(got))
        error = isnan(nearest) && isnan(got) ? 0 : INFINITY;
    else if (isinf(nearest) || isinf(got) || nearest == 0)
        error = nearest == got && signbit(nearest) == signbit(got) ? 0 : fabs(got) <= 0x1p-149 ? 0.5 : INFINITY;
    else {
        mpfr_sub_d(exact, exact, got, MPFR_RNDN);
        error = fabs(mpfr_get_d(exact, MPFR_RNDN)) / last_place(nearest, twice);
    }
    mpfr_clears(exact, power, (mpfr_ptr)0);
    return error;
}

static double worst_of_pow(Dtype dtype, const double *x, const double *y, double *at)
{
    Trial t = trial_new();
    double worst = 0;
    Expr *e = expr_new(t.arena);
    expr_pow(e, expr_arg(e, 0, dtype), expr_arg(e, 1, dtype));
    Tensor a = trial_tensor(&t, dtype, DIMS(BLOCK), x), b = trial_tensor(&t, dtype, DIMS(BLOCK), y);
    Tensor out = trial_tensor(&t, dtype, DIMS(BLOCK), NULL);
    expr_run(e, (const void *const[]){a.data, b.data}, (const int64_t[]){1, 1}, out.data, BLOCK);
    for (int i = 0; i < BLOCK; i++) {
        double error = error_of_pow(tensor_real(&a, i), tensor_real(&b, i), tensor_real(&out, i), dtype == F64);
        if (!(error <= worst)) {
            worst = error;
            at[0] = tensor_real(&a, i);
            at[1] = tensor_real(&b, i);
        }
    }
    trial_free(&t);
    return worst;
}

static void powers_are_bounded(void **state)
{
    static const double special[] = {0.0,      -0.0,
                                     1,        -1,
                                     2,        -2,
                                     3,        -3,
                                     0.5,      -0.5,
                                     2.5,      -2.5,
                                     0x1p24,   0x1.000002p24,
                                     INFINITY, -INFINITY,
                                     NAN,      1e-45,
                                     -1e-45,   0x1.fffffep127,
                                     1e300,    16777217};
    enum { SPECIAL = sizeof special / sizeof *special };
    for (int twice = 0; twice < 2; twice++) {
        double x[BLOCK], y[BLOCK], worst = 0, at[2] = {0, 0};
        uint64_t seed = 1;
        for (int done = 0; done < RANDOM; done += BLOCK) {
            for (int i = 0; i < BLOCK; i++) {
                double a = (double)(trial_next(&seed) >> 11) * 0x1p-53, b = (double)(trial_next(&seed) >> 11) * 0x1p-53;
                x[i] = i % 4 ? 4 * a : any_bits(trial_next(&seed), twice);
                y[i] = i % 4 == 1 ? rint(40 * b) - 20 : 200 * b - 100;
                if (i % 4 == 2) y[i] *= twice ? 6 : 0.5;
                if (i < SPECIAL * SPECIAL && done == 0) {
                    x[i] = special[i / SPECIAL];
                    y[i] = special[i % SPECIAL];
                }
            }
            double error = worst_of_pow(twice ? F64 : F32, x, y, at);
            if (!(error <= worst)) worst = error;
            if (!(worst <= 1.3)) fail_msg("pow(%a, %a) is off by %g", at[0], at[1], worst);
        }
        printf("%-8s  %s    %17.3f\n", "pow", twice ? "f64" : "f32", worst);
    }
}

static int end(void **state)
{
    mpfr_free_cache();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_bounded),
        cmocka_unit_test(edges_of_exp),
        cmocka_unit_test(edges_of_sin),
        cmocka_unit_test(powers_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
