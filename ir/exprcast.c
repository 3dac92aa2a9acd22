/* Casts from any dtype to any: float to integer truncates and saturates, NaN is 0; integers wrap; to a float rounds
 * once to nearest even; to bool is x != 0. */
#include "ir/exprkernel.h"

#include <math.h>
#include <string.h>

/* ---- float to integer ---- */

#define SATURATE(T, low, high)                                                                                         \
    static inline T saturate_##T(double x)                                                                             \
    {                                                                                                                  \
        if (x != x) return 0;                                                                                          \
        if (x <= (double)(low)) return (low);                                                                          \
        if (x >= (double)(high)) return (high);                                                                        \
        return (T)x;                                                                                                   \
    }
SATURATE(int8_t, INT8_MIN, INT8_MAX)
SATURATE(int16_t, INT16_MIN, INT16_MAX)
SATURATE(int32_t, INT32_MIN, INT32_MAX)
SATURATE(int64_t, INT64_MIN, INT64_MAX)
SATURATE(uint8_t, 0, UINT8_MAX)
SATURATE(uint16_t, 0, UINT16_MAX)
SATURATE(uint32_t, 0, UINT32_MAX)
SATURATE(uint64_t, 0, UINT64_MAX)

/* ---- to 16-bit floats: to odd in f32 first, so that the second rounding sees all that matters ---- */

static float float_to_odd(double value)
{
    float near = (float)value;
    if (isnan(value) || isinf(near) || (double)near == value) return near;
    uint32_t bits;
    memcpy(&bits, &near, sizeof bits);
    if (fabs((double)near) > fabs(value)) bits--;
    bits |= 1;
    memcpy(&near, &bits, sizeof near);
    return near;
}

/* 64 bits do not fit a double's 53: the lowest that do say whether any below was set. */
static double double_to_odd(uint64_t magnitude)
{
    if (magnitude < (uint64_t)1 << 53) return (double)magnitude;
    return (double)(magnitude >> 11 | ((magnitude & 0x7ff) != 0)) * 2048.0;
}
static double signed_to_odd(int64_t x) { return x < 0 ? -double_to_odd(0 - (uint64_t)x) : double_to_odd((uint64_t)x); }

typedef uint16_t half;
typedef uint16_t bfloat;
typedef uint8_t boolean;

#define EXACT(x) ((double)(x))
#define FROM_HALF(x) ((double)f16_to_float(x))
#define FROM_BFLOAT(x) ((double)bf16_to_float(x))

#define CAST(From, To, value)                                                                                          \
    static void From##_to_##To(void *out, const void *a, const void *b, const void *c, int64_t count)                  \
    {                                                                                                                  \
        To *restrict to = out;                                                                                         \
        const From *from = a;                                                                                          \
        (void)b;                                                                                                       \
        (void)c;                                                                                                       \
        for (int64_t i = 0; i < count; i++) {                                                                          \
            From x = from[i];                                                                                          \
            to[i] = (value);                                                                                           \
        }                                                                                                              \
    }

/* From a float that a double holds exactly. */
#define FLOAT_CASTS(From, exact)                                                                                       \
    CAST(From, float, (float)exact(x))                                                                                 \
    CAST(From, double, exact(x))                                                                                       \
    CAST(From, half, f16_from_float(float_to_odd(exact(x))))                                                           \
    CAST(From, bfloat, bf16_from_float(float_to_odd(exact(x))))                                                        \
    CAST(From, int8_t, saturate_int8_t(exact(x)))                                                                      \
    CAST(From, int16_t, saturate_int16_t(exact(x)))                                                                    \
    CAST(From, int32_t, saturate_int32_t(exact(x)))                                                                    \
    CAST(From, int64_t, saturate_int64_t(exact(x)))                                                                    \
    CAST(From, uint8_t, saturate_uint8_t(exact(x)))                                                                    \
    CAST(From, uint16_t, saturate_uint16_t(exact(x)))                                                                  \
    CAST(From, uint32_t, saturate_uint32_t(exact(x)))                                                                  \
    CAST(From, uint64_t, saturate_uint64_t(exact(x)))                                                                  \
    CAST(From, boolean, exact(x) != 0)
#define INTEGER_CASTS(From, odd)                                                                                       \
    CAST(From, float, (float)x)                                                                                        \
    CAST(From, double, (double)x)                                                                                      \
    CAST(From, half, f16_from_float(float_to_odd(odd(x))))                                                             \
    CAST(From, bfloat, bf16_from_float(float_to_odd(odd(x))))                                                          \
    CAST(From, int8_t, (int8_t)x)                                                                                      \
    CAST(From, int16_t, (int16_t)x)                                                                                    \
    CAST(From, int32_t, (int32_t)x)                                                                                    \
    CAST(From, int64_t, (int64_t)x)                                                                                    \
    CAST(From, uint8_t, (uint8_t)x)                                                                                    \
    CAST(From, uint16_t, (uint16_t)x)                                                                                  \
    CAST(From, uint32_t, (uint32_t)x)                                                                                  \
    CAST(From, uint64_t, (uint64_t)x)                                                                                  \
    CAST(From, boolean, x != 0)
#define ROW(From)                                                                                                      \
    {                                                                                                                  \
        [F32] = From##_to_float, [F64] = From##_to_double, [F16] = From##_to_half, [BF16] = From##_to_bfloat,          \
        [I8] = From##_to_int8_t, [I16] = From##_to_int16_t, [I32] = From##_to_int32_t, [I64] = From##_to_int64_t,      \
        [U8] = From##_to_uint8_t, [U16] = From##_to_uint16_t, [U32] = From##_to_uint32_t, [U64] = From##_to_uint64_t,  \
        [BOOL] = From##_to_boolean                                                                                     \
    }

FLOAT_CASTS(float, EXACT)
FLOAT_CASTS(double, EXACT)
FLOAT_CASTS(half, FROM_HALF)
FLOAT_CASTS(bfloat, FROM_BFLOAT)
INTEGER_CASTS(int8_t, EXACT)
INTEGER_CASTS(int16_t, EXACT)
INTEGER_CASTS(int32_t, EXACT)
INTEGER_CASTS(int64_t, signed_to_odd)
INTEGER_CASTS(uint8_t, EXACT)
INTEGER_CASTS(uint16_t, EXACT)
INTEGER_CASTS(uint32_t, EXACT)
INTEGER_CASTS(uint64_t, double_to_odd)
INTEGER_CASTS(boolean, EXACT)

static ExprKernel *const casts[DTYPE_COUNT][DTYPE_COUNT] = {
    [F32] = ROW(float),    [F64] = ROW(double),   [F16] = ROW(half),     [BF16] = ROW(bfloat), [I8] = ROW(int8_t),
    [I16] = ROW(int16_t),  [I32] = ROW(int32_t),  [I64] = ROW(int64_t),  [U8] = ROW(uint8_t),  [U16] = ROW(uint16_t),
    [U32] = ROW(uint32_t), [U64] = ROW(uint64_t), [BOOL] = ROW(boolean),
};

ExprKernel *expr_kernel_cast(Dtype from, Dtype to) { return casts[from][to]; }

void expr_cast_run(Dtype from, Dtype to, const void *in, void *out, int64_t count)
{
    casts[from][to](out, in, NULL, NULL, count);
}
