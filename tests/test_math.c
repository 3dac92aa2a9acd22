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

enum { PRECISION = 160, RANDOM = 60000, BLOCK = 1000 };

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

static const Function functions[] = {
    {"exp", expr_exp, mpfr_exp, {-104, -746}, {89, 710}, {1.1, 1.1}},
    {"log", expr_log, mpfr_log, {0, 0}, {8, 8}, {1, 1}},
    {"tanh", expr_tanh, mpfr_tanh, {-10, -20}, {10, 20}, {1.5, 1.5}},
    {"sigmoid", expr_sigmoid, exact_sigmoid, {-104, -746}, {20, 40}, {2.4, 2.4}},
    {"erf", expr_erf, mpfr_erf, {-4.5, -6.5}, {4.5, 6.5}, {1.3, 2}},
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
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
