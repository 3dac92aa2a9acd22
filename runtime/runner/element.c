#include "runtime/runner/element.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
    const char *descr;
} dtypes[] = {
    [LEP_F32] = {"f32", 4, "<f4"},   [LEP_F64] = {"f64", 8, "<f8"}, [LEP_F16] = {"f16", 2, "<f2"},
    [LEP_BF16] = {"bf16", 2, "<u2"}, [LEP_I8] = {"i8", 1, "|i1"},   [LEP_I16] = {"i16", 2, "<i2"},
    [LEP_I32] = {"i32", 4, "<i4"},   [LEP_I64] = {"i64", 8, "<i8"}, [LEP_U8] = {"u8", 1, "|u1"},
    [LEP_U16] = {"u16", 2, "<u2"},   [LEP_U32] = {"u32", 4, "<u4"}, [LEP_U64] = {"u64", 8, "<u8"},
    [LEP_BOOL] = {"bool", 1, "|b1"},
};

const char *element_name(int dtype) { return dtypes[dtype].name; }
const char *element_descr(int dtype) { return dtypes[dtype].descr; }
size_t element_bytes(int dtype) { return dtypes[dtype].bytes; }

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
    case LEP_I8: READ(int8_t)
    case LEP_I16: READ(int16_t)
    case LEP_I32: READ(int32_t)
    case LEP_I64: READ(int64_t)
    case LEP_U16: READ(uint16_t)
    case LEP_U32: READ(uint32_t)
    case LEP_U64: READ(uint64_t)
    case LEP_U8:
    case LEP_BOOL: return *at;
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
    size_t count = 1;
    for (int i = 1; i < port->rank; i++) count *= (size_t)port->dim[i];
    return count;
}

size_t port_row_bytes(const LepPort *port) { return port_row_elements(port) * element_bytes(port->dtype); }

int64_t port_batch(const LepPort *port) { return port->rank > 0 ? port->dim[0] : 1; }

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
