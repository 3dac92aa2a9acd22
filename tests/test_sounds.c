/* Frames, transforms and bands of sounds, beside their formulas in double precision. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ir/signal.h"
#include "tests/support/trial.h"

static const double TURN = 6.28318530717958647692;

static Tensor noise(Trial *t, Dtype dtype, int rank, const int64_t *dims)
{
    Tensor out = trial_tensor(t, dtype, rank, dims, NULL);
    uint64_t seed = 7;
    for (int64_t i = 0; i < type_elements(&out.type); i++)
        tensor_set_real(&out, i, (double)(trial_next(&seed) >> 40) / (1 << 23) - 1);
    return out;
}

static void expect_near(const Tensor *x, int64_t i, double wanted, double error)
{
    double found = tensor_real(x, i);
    if (!(fabs(found - wanted) <= error)) fail_msg("element %lld: expected %g, found %g", (long long)i, wanted, found);
}

static void frames_overlap(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, I16, DIMS(2, 6), VALUES(0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15));
    Tensor out = trial_eval(&t, OP_frames, &(FramesAttrs){.size = 3, .hop = 2}, 1, &x);
    assert_int_equal(out.type.rank, 3);
    EXPECT(&out, 0, 1, 2, 2, 3, 4, 10, 11, 12, 12, 13, 14);
    trial_free(&t);
}

static void windows_fade(void **state)
{
    Trial t = trial_new();
    Tensor out = trial_eval(&t, OP_window, &(WindowOpAttrs){.size = 4, .periodic = true, .to = F64}, 0, NULL);
    for (int i = 0; i < 4; i++) expect_near(&out, i, 0.5 - 0.5 * cos(TURN * i / 4), 1e-15);
    WindowOpAttrs blackman = {.size = 3, .shape = WINDOW_BLACKMAN, .to = F64};
    out = trial_eval(&t, OP_window, &blackman, 0, NULL);
    expect_near(&out, 0, 0, 1e-15);
    expect_near(&out, 1, 1, 1e-15);
    expect_near(&out, 2, 0, 1e-15);
    trial_free(&t);
}

/* Lengths that are one table, two and more factors, and primes; forth and back, of real numbers and of pairs. */
static void transforms_are_sums(void **state)
{
    static const int64_t lengths[] = {1, 2, 7, 32, 37, 48, 96, 128, 1100};
    for (int l = 0; l < 9; l++)
        for (int complex = 0; complex < 2; complex++) {
            Trial t = trial_new();
            int64_t n = lengths[l];
            const int64_t dims[] = {2, n, 2};
            Tensor x = noise(&t, F64, complex ? 3 : 2, dims);
            DftAttrs attrs = {.complex = complex, .inverse = complex};
            Tensor out = trial_eval(&t, OP_dft, &attrs, 1, &x);
            assert_int_equal(out.type.dim[1].high, n);
            for (int64_t k = 0; k<n; k += n> 40 ? 13 : 1) {
                double real = 0, imaginary = 0, sign = complex ? 1 : -1;
                for (int64_t i = 0; i < n; i++) {
                    double a = TURN * (double)(i * k % n) / (double)n;
                    double re = tensor_real(&x, complex ? 2 * (n + i) : n + i),
                           im = complex ? tensor_real(&x, 2 * (n + i) + 1) : 0;
                    real += re * cos(a) - sign * im * sin(a);
                    imaginary += sign * re * sin(a) + im * cos(a);
                }
                double scale = complex ? 1 / (double)n : 1;
                expect_near(&out, 2 * (n + k), real * scale, 1e-10);
                expect_near(&out, 2 * (n + k) + 1, imaginary * scale, 1e-10);
            }
            trial_free(&t);
        }
}

static void spectra_pad_and_square(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(1, 3), VALUES(1, 2, 3));
    Tensor out = trial_eval(&t, OP_spectrum, &(SpectrumAttrs){.size = 4, .power = true}, 1, &x);
    EXPECT(&out, 36, 8, 4); /* 6; (1 - 3) - 2i; 1 - 2 + 3 */
    out = trial_eval(&t, OP_spectrum, &(SpectrumAttrs){.size = 4}, 1, &x);
    expect_near(&out, 1, sqrt(8), 1e-6);
    x = trial_tensor(&t, F32, DIMS(1, 5), VALUES(1, 2, 3, 4, 9));
    out = trial_eval(&t, OP_spectrum, &(SpectrumAttrs){.size = 2, .power = true}, 1, &x);
    EXPECT(&out, 9, 1);
    trial_free(&t);
}

/* A tone is in the band around it, half of it in each of two neighbours whose edges it lies between. */
static void bands_are_triangles(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F64, DIMS(1, 801), NULL);
    MelAttrs attrs = {.bands = 3, .rate = 16000};
    double top = 2595 * log10(1 + 8000.0 / 700), middle = 700 * (pow(10, top / 2 / 2595) - 1);
    int64_t at = (int64_t)(middle / 10);
    tensor_set_real(&x, at, 1);
    Tensor out = trial_eval(&t, OP_mel, &attrs, 1, &x);
    double below = 700 * (pow(10, top / 4 / 2595) - 1);
    expect_near(&out, 1, ((double)at * 10 - below) / (middle - below), 1e-12);
    expect_near(&out, 2, 0, 1e-15);
    expect_near(&out, 0, 1 - tensor_real(&out, 1), 1e-12);
    trial_free(&t);
}

static void cosine_transforms_keep_lengths(void **state)
{
    Trial t = trial_new();
    Tensor x = noise(&t, F64, DIMS(1, 10));
    Tensor out = trial_eval(&t, OP_dct, &(DctAttrs){.out = 0}, 1, &x);
    double before = 0, after = 0, sum = 0;
    for (int i = 0; i < 10; i++) {
        before += tensor_real(&x, i) * tensor_real(&x, i);
        after += tensor_real(&out, i) * tensor_real(&out, i);
        sum += tensor_real(&x, i);
    }
    assert_true(fabs(before - after) < 1e-12);
    expect_near(&out, 0, sum / sqrt(10), 1e-12);
    trial_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_overlap),      cmocka_unit_test(windows_fade),
        cmocka_unit_test(transforms_are_sums), cmocka_unit_test(spectra_pad_and_square),
        cmocka_unit_test(bands_are_triangles), cmocka_unit_test(cosine_transforms_keep_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
