/* Fused multiply-adds of many elements, always rounded once: the hardware's where this machine has them, else the
 * C library's, which give the same bits. */
#ifndef IR_FMA_H
#define IR_FMA_H

#include <stdint.h>

/* out[i] = a[i] * b[i] + c[i] */
void fma_each(float *out, const float *a, const float *b, const float *c, int64_t count);
void fma_each_double(double *out, const double *a, const double *b, const double *c, int64_t count);

/* For k = 0 .. depth-1 in this order: sum[j] = fma(x[k * step], w[k * stride + j], sum[j]) for every j < width. */
void fma_rows(float *sum, int64_t width, const float *x, int64_t step, const float *w, int64_t stride, int64_t depth);
void fma_rows_double(double *sum, int64_t width, const double *x, int64_t step, const double *w, int64_t stride,
                     int64_t depth);

#endif
