#include "ir/exprkernel.h"

#include "ir/fma.h"

#include <math.h>
#include <string.h>

/* A kernel of up to three operands x, y, z of type T that gives an R; what it does not name it does not read. */
#define KERNEL1(name, R, T, value)                                                                                     \
    static void name(void *out, const void *a, const void *b, const void *c, int64_t count)                            \
    {                                                                                                                  \
        R *restrict to = out;                                                                                          \
        const T *xs = a;                                                                                               \
        (void)b;                                                                                                       \
        (void)c;                                                                                                       \
        for (int64_t i = 0; i < count; i++) {                                                                          \
            T x = xs[i];                                                                                               \
            to[i] = (value);                                                                                           \
        }                                                                                                              \
    }
#define KERNEL2(name, R, T, value)                                                                                     \
    static void name(void *out, const void *a, const void *b, const void *c, int64_t count)                            \
    {                                                                                                                  \
        R *restrict to = out;                                                                                          \
        const T *xs = a, *ys = b;                                                                                      \
        (void)c;                                                                                                       \
        for (int64_t i = 0; i < count; i++) {                                                                          \
            T x = xs[i], y = ys[i];                                                                                    \
            to[i] = (value);                                                                                           \
        }                                                                                                              \
    }

#define COMPARE_KERNELS(T)                                                                                             \
    KERNEL2(eq_##T, uint8_t, T, x == y)                                                                                \
    KERNEL2(ne_##T, uint8_t, T, x != y)                                                                                \
    KERNEL2(lt_##T, uint8_t, T, x < y)                                                                                 \
    KERNEL2(le_##T, uint8_t, T, x <= y)
#define COMPARE_ROW(T) [EXPR_EQ] = eq_##T, [EXPR_NE] = ne_##T, [EXPR_LT] = lt_##T, [EXPR_LE] = le_##T

/* ---- floats ---- */

/* NaN of either operand; of equal numbers, which are the same but for the sign of zero, the one that `pick` says. */
#define FLOAT_EXTREME(name, T, before, pick)                                                                           \
    static inline T name##_of_##T(T x, T y)                                                                            \
    {                                                                                                                  \
        if (x != x) return x;                                                                                          \
        if (x == y) return (pick) ? x : y;                                                                             \
        return x before y ? x : y;                                                                                     \
    }

/* 2^first, then 2^(n - first): 2^n alone need not be a normal number; only the second product may round. */
#define SCALE_OF(T, S, U, bias, fraction)                                                                              \
    static inline T scale_of_##T(T x, T n)                                                                             \
    {                                                                                                                  \
        S whole = n == n ? (S)n : 0, first = whole >> 1;                                                               \
        U bits[2] = {(U)(first + (bias)) << (fraction), (U)(whole - first + (bias)) << (fraction)};                    \
        T power[2];                                                                                                    \
        memcpy(power, bits, sizeof power);                                                                             \
        return x * power[0] * power[1];                                                                                \
    }
SCALE_OF(float, int32_t, uint32_t, 127, 23)
SCALE_OF(double, int64_t, uint64_t, 1023, 52)

#define FLOAT_KERNELS(T, suffix)                                                                                       \
    FLOAT_EXTREME(min, T, <, signbit(x))                                                                               \
    FLOAT_EXTREME(max, T, >, signbit(y))                                                                               \
    KERNEL2(add_##T, T, T, x + y)                                                                                      \
    KERNEL2(sub_##T, T, T, x - y)                                                                                      \
    KERNEL2(mul_##T, T, T, x *y)                                                                                       \
    KERNEL2(div_##T, T, T, x / y)                                                                                      \
    KERNEL1(neg_##T, T, T, -x)                                                                                         \
    KERNEL1(abs_##T, T, T, fabs##suffix(x))                                                                            \
    KERNEL2(min_##T, T, T, min_of_##T(x, y))                                                                           \
    KERNEL2(max_##T, T, T, max_of_##T(x, y))                                                                           \
    KERNEL1(sqrt_##T, T, T, sqrt##suffix(x))                                                                           \
    KERNEL1(floor_##T, T, T, floor##suffix(x))                                                                         \
    KERNEL1(ceil_##T, T, T, ceil##suffix(x))                                                                           \
    KERNEL1(rint_##T, T, T, rint##suffix(x))                                                                           \
    KERNEL2(scale_##T, T, T, scale_of_##T(x, y))                                                                       \
    COMPARE_KERNELS(T)
#define FLOAT_ROW(T)                                                                                                   \
    [EXPR_ADD] = add_##T, [EXPR_SUB] = sub_##T, [EXPR_MUL] = mul_##T, [EXPR_DIV] = div_##T, [EXPR_NEG] = neg_##T,      \
    [EXPR_ABS] = abs_##T, [EXPR_MIN] = min_##T, [EXPR_MAX] = max_##T, [EXPR_SQRT] = sqrt_##T,                          \
    [EXPR_FLOOR] = floor_##T, [EXPR_CEIL] = ceil_##T, [EXPR_RINT] = rint_##T, [EXPR_FMA] = fma_##T,                    \
    [EXPR_SCALE] = scale_##T, COMPARE_ROW(T)

FLOAT_KERNELS(float, f)
FLOAT_KERNELS(double, )

static void fma_float(void *out, const void *a, const void *b, const void *c, int64_t count)
{
    fma_each(out, a, b, c, count);
}

static void fma_double(void *out, const void *a, const void *b, const void *c, int64_t count)
{
    fma_each_double(out, a, b, c, count);
}

/* ---- integers: all arithmetic in uint64_t, whose low bits are those of every width ---- */

/* What C leaves undefined is defined here: x / 0 is 0, the lowest value / -1 is itself. */
static inline uint64_t divide_signed(int64_t x, int64_t y)
{
    if (y == 0) return 0;
    if (y == -1) return 0 - (uint64_t)x;
    return (uint64_t)(x / y);
}
static inline uint64_t divide_unsigned(uint64_t x, uint64_t y) { return y ? x / y : 0; }

#define WIDE(x) ((uint64_t)(x))
#define INTEGER_KERNELS(T, divide, wide)                                                                               \
    KERNEL2(add_##T, T, T, (T)(WIDE(x) + WIDE(y)))                                                                     \
    KERNEL2(sub_##T, T, T, (T)(WIDE(x) - WIDE(y)))                                                                     \
    KERNEL2(mul_##T, T, T, (T)(WIDE(x) * WIDE(y)))                                                                     \
    KERNEL2(div_##T, T, T, (T)divide((wide)x, (wide)y))                                                                \
    KERNEL1(neg_##T, T, T, (T)(0 - WIDE(x)))                                                                           \
    KERNEL1(abs_##T, T, T, (T)((wide)x < (wide)1 ? 0 - WIDE(x) : WIDE(x)))                                             \
    KERNEL2(min_##T, T, T, x < y ? x : y)                                                                              \
    KERNEL2(max_##T, T, T, x > y ? x : y)                                                                              \
    KERNEL2(and_##T, T, T, (T)(x & y))                                                                                 \
    KERNEL2(or_##T, T, T, (T)(x | y))                                                                                  \
    KERNEL2(xor_##T, T, T, (T)(x ^ y))                                                                                 \
    KERNEL2(shl_##T, T, T, (T)(WIDE(x) << ((uint64_t)y & (8 * sizeof(T) - 1))))                                        \
    KERNEL2(shr_##T, T, T, (T)(x >> ((uint64_t)y & (8 * sizeof(T) - 1))))                                              \
    COMPARE_KERNELS(T)
#define INTEGER_ROW(T)                                                                                                 \
    [EXPR_ADD] = add_##T, [EXPR_SUB] = sub_##T, [EXPR_MUL] = mul_##T, [EXPR_DIV] = div_##T, [EXPR_NEG] = neg_##T,      \
    [EXPR_ABS] = abs_##T, [EXPR_MIN] = min_##T, [EXPR_MAX] = max_##T, [EXPR_AND] = and_##T, [EXPR_OR] = or_##T,        \
    [EXPR_XOR] = xor_##T, [EXPR_SHL] = shl_##T, [EXPR_SHR] = shr_##T, COMPARE_ROW(T)

INTEGER_KERNELS(int8_t, divide_signed, int64_t)
INTEGER_KERNELS(int16_t, divide_signed, int64_t)
INTEGER_KERNELS(int32_t, divide_signed, int64_t)
INTEGER_KERNELS(int64_t, divide_signed, int64_t)
INTEGER_KERNELS(uint8_t, divide_unsigned, uint64_t)
INTEGER_KERNELS(uint16_t, divide_unsigned, uint64_t)
INTEGER_KERNELS(uint32_t, divide_unsigned, uint64_t)
INTEGER_KERNELS(uint64_t, divide_unsigned, uint64_t)

static ExprKernel *const kernels[DTYPE_COUNT][EXPR_KIND_COUNT] = {
    [F32] = {FLOAT_ROW(float)},
    [F64] = {FLOAT_ROW(double)},
    [I8] = {INTEGER_ROW(int8_t)},
    [I16] = {INTEGER_ROW(int16_t)},
    [I32] = {INTEGER_ROW(int32_t)},
    [I64] = {INTEGER_ROW(int64_t)},
    [U8] = {INTEGER_ROW(uint8_t)},
    [U16] = {INTEGER_ROW(uint16_t)},
    [U32] = {INTEGER_ROW(uint32_t)},
    [U64] = {INTEGER_ROW(uint64_t)},
    [BOOL] = {[EXPR_AND] = and_uint8_t,
              [EXPR_OR] = or_uint8_t,
              [EXPR_XOR] = xor_uint8_t,
              [EXPR_MIN] = and_uint8_t,
              [EXPR_MAX] = or_uint8_t,
              COMPARE_ROW(uint8_t)},
};

ExprKernel *expr_kernel(ExprKind kind, Dtype dtype) { return kernels[dtype][kind]; }

/* ---- select: by width, whatever the bits mean ---- */

#define SELECT_KERNEL(T)                                                                                               \
    static void select_##T(void *out, const void *a, const void *b, const void *c, int64_t count)                      \
    {                                                                                                                  \
        T *restrict to = out;                                                                                          \
        const uint8_t *conditions = a;                                                                                 \
        const T *yes = b, *no = c;                                                                                     \
        for (int64_t i = 0; i < count; i++) to[i] = conditions[i] ? yes[i] : no[i];                                    \
    }
SELECT_KERNEL(uint8_t)
SELECT_KERNEL(uint16_t)
SELECT_KERNEL(uint32_t)
SELECT_KERNEL(uint64_t)

ExprKernel *expr_kernel_select(Dtype dtype)
{
    int bits = dtype_bits(dtype);
    return bits == 8 ? select_uint8_t : bits == 16 ? select_uint16_t : bits == 32 ? select_uint32_t : select_uint64_t;
}
