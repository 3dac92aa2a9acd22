#include "ir/fma.h"

#include <math.h>

/* The same loops twice: `clone` compiles them with fma instructions, chosen when the processor has them.  Sums of
 * up to 64 columns stay in registers over the whole depth. */
#define FMA_LOOPS(name, T, fused, attribute)                                                                           \
    attribute static void name##_each(T *restrict out, const T *a, const T *b, const T *c, int64_t count)              \
    {                                                                                                                  \
        for (int64_t i = 0; i < count; i++) out[i] = fused(a[i], b[i], c[i]);                                          \
    }                                                                                                                  \
    attribute static void name##_columns(T *restrict sum, int64_t width, const T *x, int64_t step, const T *w,         \
                                         int64_t stride, int64_t depth)                                                \
    {                                                                                                                  \
        for (int64_t k = 0; k < depth; k++)                                                                            \
            for (int64_t j = 0; j < width; j++) sum[j] = fused(x[k * step], w[k * stride + j], sum[j]);                \
    }

#define PLAIN
FMA_LOOPS(plain_float, float, fmaf, PLAIN)
FMA_LOOPS(plain_double, double, fma, PLAIN)

#ifdef __x86_64__
#include <immintrin.h>

#define FUSED __attribute__((target("avx2,fma")))
FMA_LOOPS(fused_float, float, __builtin_fmaf, FUSED)
FMA_LOOPS(fused_double, double, __builtin_fma, FUSED)

/* 8 * count columns in registers; inlined with count known. */
FUSED static inline __attribute__((always_inline)) void tile(int count, float *sum, const float *x, int64_t step,
                                                             const float *w, int64_t stride, int64_t depth)
{
    __m256 kept[8];
    for (int v = 0; v < count; v++) kept[v] = _mm256_loadu_ps(sum + 8 * v);
    for (int64_t k = 0; k < depth; k++) {
        __m256 value = _mm256_set1_ps(x[k * step]);
        for (int v = 0; v < count; v++)
            kept[v] = _mm256_fmadd_ps(value, _mm256_loadu_ps(w + k * stride + 8 * v), kept[v]);
    }
    for (int v = 0; v < count; v++) _mm256_storeu_ps(sum + 8 * v, kept[v]);
}

FUSED static void fused_rows(float *sum, int64_t width, const float *x, int64_t step, const float *w, int64_t stride,
                             int64_t depth)
{
    for (; width >= 64; width -= 64, sum += 64, w += 64) tile(8, sum, x, step, w, stride, depth);
    for (; width >= 32; width -= 32, sum += 32, w += 32) tile(4, sum, x, step, w, stride, depth);
    for (; width >= 8; width -= 8, sum += 8, w += 8) tile(1, sum, x, step, w, stride, depth);
    if (width > 0) fused_float_columns(sum, width, x, step, w, stride, depth);
}

static int has_fma(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#else
/* elsewhere the compiler's own target says whether fmaf is an instruction */
#define fused_float_each plain_float_each
#define fused_double_each plain_double_each
#define fused_double_columns plain_double_columns
#define fused_rows plain_float_columns
static int has_fma(void) { return 1; }
#endif

void fma_each(float *out, const float *a, const float *b, const float *c, int64_t count)
{
    (has_fma() ? fused_float_each : plain_float_each)(out, a, b, c, count);
}

void fma_each_double(double *out, const double *a, const double *b, const double *c, int64_t count)
{
    (has_fma() ? fused_double_each : plain_double_each)(out, a, b, c, count);
}

void fma_rows(float *sum, int64_t width, const float *x, int64_t step, const float *w, int64_t stride, int64_t depth)
{
    (has_fma() ? fused_rows : plain_float_columns)(sum, width, x, step, w, stride, depth);
}

void fma_rows_double(double *sum, int64_t width, const double *x, int64_t step, const double *w, int64_t stride,
                     int64_t depth)
{
    (has_fma() ? fused_double_columns : plain_double_columns)(sum, width, x, step, w, stride, depth);
}
