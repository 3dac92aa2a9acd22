#include "runtime/runner/element.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
    const char *descr;
} dtypes[] = {
    [LEP_F32] = {"f32", 4, "<f4"},
    [LEP_F64] = {"f64", 8, "<f8"},
    [LEP_F16] = {"f16", 2, "<f2"},
    [LEP_BF16] = {"bf16", 2, "<u2"},
    [LEP_I8] = {"i8", 1, "|i1"},
    [LEP_I16] = {"i16", 2, "<i2"},
    [LEP_I32] = {"i32", 4, "<i4"},
    [LEP_I64] = {"i64", 8, "<i8"},
    [LEP_U8] = {"u8", 1, "|u1"},
    [LEP_U16] = {"u16", 2, "<u2"},
    [LEP_U32] = {"u32", 4, "<u4"},
    [LEP_U64] = {"u64", 8, "<u8"},
    [LEP_BOOL] = {"bool", 1, "|b1"},
    /* a byte each, as NumPy has no word for them */
    [LEP_F8E4M3FN] = {"f8e4m3fn", 1, "|u1"},
    [LEP_F8E4M3FNUZ] = {"f8e4m3fnuz", 1, "|u1"},
    [LEP_F8E5M2] = {"f8e5m2", 1, "|u1"},
    [LEP_F8E5M2FNUZ] = {"f8e5m2fnuz", 1, "|u1"},
    [LEP_F8E8M0] = {"f8e8m0", 1, "|u1"},
    [LEP_F4E2M1] = {"f4e2m1", 1, "|u1"},
    [LEP_I4] = {"i4", 1, "|i1"},
    [LEP_U4] = {"u4", 1, "|u1"},
    [LEP_I2] = {"i2", 1, "|i1"},
    [LEP_U2] = {"u2", 1, "|u1"},
};

const char *element_name(int dtype) { return dtypes[dtype].name; }
const char *element_descr(int dtype) { return dtypes[dtype].descr; }
size_t element_bytes(int dtype) { return dtypes[dtype].bytes; }

unsigned element_mask(int dtype)
{
    switch ((enum lep_dtype)dtype) {
    case LEP_BOOL:
    case LEP_I2: return 1;
    case LEP_U2: return 3;
    case LEP_I4: return 7;
    case LEP_U4:
    case LEP_F4E2M1: return 15;
    default: return 255;
    }
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float half_value(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits & 0x8000u) << 16, exponent = bits >> 10 & 31u, fraction = bits & 1023u;
    if (exponent == 31) return float_of_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent) return float_of_bits(sign | (exponent + 112u) << 23 | fraction << 13);
    float small = (float)fraction * 0x1p-24f;
    return sign ? -small : small;
}

/* A float of 8 bits or less; codes above `largest` are infinity where it ends in zeros, else NaN. */
static double small_value(unsigned code, int exponent, int fraction, int bias, unsigned largest, bool one_zero)
{
    unsigned sign = 1u << (exponent + fraction), magnitude = code & (sign - 1), high = magnitude >> fraction;
    if (one_zero ? code == sign : magnitude > largest)
        return !one_zero && magnitude == largest + 1 && fraction < 3
                   ? (code & sign ? -(double)INFINITY : (double)INFINITY)
                   : (double)NAN;
    uint32_t bits = (high ? high : 1u) + 127u - (unsigned)bias - (unsigned)fraction;
    unsigned units = high ? (magnitude & ((1u << fraction) - 1)) | 1u << fraction : magnitude;
    double value = (double)units * (double)float_of_bits(bits << 23);
    return code & sign ? -value : value;
}

/* One case a dtype: reads what the name says. */
double element_value(int dtype, const void *data, size_t index)
{
    const unsigned char *at = (const unsigned char *)data + index * element_bytes(dtype);
#define READ(Type)                                                                                                     \
    {                                                                                                                  \
        Type value;                                                                                                    \
        memcpy(&value, at, sizeof value);                                                                              \
        return (double)value;                                                                                          \
    }
    switch ((enum lep_dtype)dtype) {
    case LEP_F32: READ(float)
    case LEP_F64: READ(double)
    case LEP_I2:
    case LEP_I4:
    case LEP_I8: READ(int8_t)
    case LEP_I16: READ(int16_t)
    case LEP_I32: READ(int32_t)
    case LEP_I64: READ(int64_t)
    case LEP_U16: READ(uint16_t)
    case LEP_U32: READ(uint32_t)
    case LEP_U64: READ(uint64_t)
    case LEP_U2:
    case LEP_U4:
    case LEP_U8:
    case LEP_BOOL: return *at;
    case LEP_F8E4M3FN: return small_value(*at, 4, 3, 7, 0x7e, false);
    case LEP_F8E4M3FNUZ: return small_value(*at, 4, 3, 8, 0x7f, true);
    case LEP_F8E5M2: return small_value(*at, 5, 2, 15, 0x7b, false);
    case LEP_F8E5M2FNUZ: return small_value(*at, 5, 2, 16, 0x7f, true);
    case LEP_F4E2M1: return small_value(*at, 2, 1, 1, 7, false);
    case LEP_F8E8M0: return *at == 255 ? (double)NAN : (double)float_of_bits(*at ? (uint32_t)*at << 23 : 0x400000u);
    case LEP_F16:
    case LEP_BF16: break;
    }
#undef READ
    uint16_t bits;
    memcpy(&bits, at, sizeof bits);
    return dtype == LEP_F16 ? (double)half_value(bits) : (double)float_of_bits((uint32_t)bits << 16);
}

size_t port_row_elements(const LepPort *port)
{
    size_t count = port->rank == 0 || port->dim[0] != 0;
    for (int i = 1; i < port->rank; i++) count *= (size_t)port->dim[i];
    return count;
}

size_t port_row_bytes(const LepPort *port) { return port_row_elements(port) * element_bytes(port->dtype); }

int64_t port_batch(const LepPort *port) { return port->rank > 0 && port->dim[0] > 0 ? port->dim[0] : 1; }

const char *shape_text(char out[SHAPE_TEXT], int dtype, int rank, const int64_t *dim)
{
    int used = snprintf(out, SHAPE_TEXT, "%s", element_name(dtype));
    for (int i = 0; i < rank && used < SHAPE_TEXT; i++)
        used += snprintf(out + used, (size_t)(SHAPE_TEXT - used), "%s%lld", i ? ", " : "[", (long long)dim[i]);
    if (rank && used < SHAPE_TEXT) snprintf(out + used, (size_t)(SHAPE_TEXT - used), "]");
    return out;
}

const char *port_text(char out[SHAPE_TEXT], const LepPort *port)
{
    return shape_text(out, port->dtype, port->rank, port->dim);
}
