#include "ir/tensor.h"

#include "ir/storage.h"

#include <assert.h>
#include <math.h>
#include <string.h>

Tensor tensor_new(Arena *arena, Type type)
{
    return (Tensor){.type = type, .data = arena_alloc(arena, (size_t)type_bytes(&type))};
}

/* ---- 16-bit floats ---- */

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* bits >> shift, rounded to nearest even; shift from 1 to 31. */
static uint32_t shift_round(uint32_t bits, int shift)
{
    uint32_t half = (uint32_t)1 << (shift - 1), rest = bits & (2 * half - 1), kept = bits >> shift;
    return kept + (rest > half || (rest == half && (kept & 1)));
}

uint16_t f16_from_float(float value)
{
    uint32_t bits = float_bits(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    uint32_t result;
    if (magnitude > 0x7f800000)
        result = 0x7e00 | (magnitude >> 13 & 0x1ff); /* NaN stays quiet, payload cut */
    else if (magnitude >= 0x477ff000)
        result = 0x7c00; /* rounds to 65536 or more */
    else if (magnitude >= 0x38800000)
        result = shift_round(magnitude - 0x38000000, 13);
    else if (magnitude < 0x33000000)
        result = 0; /* below half of the least subnormal */
    else
        result = shift_round((magnitude & 0x7fffff) | 0x800000, 126 - (int)(magnitude >> 23));
    return (uint16_t)(sign | result);
}

float f16_to_float(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 0x3ff;
    if (exponent == 31) return bits_float(sign | 0x7f800000 | fraction << 13);
    if (exponent) return bits_float(sign | (exponent + 112) << 23 | fraction << 13);
    float magnitude = (float)fraction * 0x1p-24f;
    return sign ? -magnitude : magnitude;
}

uint16_t bf16_from_float(float value)
{
    uint32_t bits = float_bits(value);
    if (isnan(value)) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)shift_round(bits, 16);
}

float bf16_to_float(uint16_t bits) { return bits_float((uint32_t)bits << 16); }

/* A double to a 16-bit float rounds once: to odd in f32 first, which keeps what the second rounding must see. */
static float round_to_odd(double value)
{
    float near = (float)value;
    if (isnan(value) || isinf(near) || (double)near == value) return near;
    uint32_t bits = float_bits(near);
    if (fabs((double)near) > fabs(value)) bits--; /* towards zero */
    return bits_float(bits | 1);
}

/* ---- elements ---- */

Scalar tensor_get(const Tensor *tensor, int64_t index)
{
    const void *data = tensor->data;
    switch (tensor->type.dtype) {
    case F32: return (Scalar){.real = (double)((const float *)data)[index]};
    case F64: return (Scalar){.real = ((const double *)data)[index]};
    case F16: return (Scalar){.real = (double)f16_to_float(((const uint16_t *)data)[index])};
    case BF16: return (Scalar){.real = (double)bf16_to_float(((const uint16_t *)data)[index])};
    case I8: return (Scalar){.integer = ((const int8_t *)data)[index]};
    case I16: return (Scalar){.integer = ((const int16_t *)data)[index]};
    case I32: return (Scalar){.integer = ((const int32_t *)data)[index]};
    case I64: return (Scalar){.integer = ((const int64_t *)data)[index]};
    case U8: return (Scalar){.integer = ((const uint8_t *)data)[index]};
    case U16: return (Scalar){.integer = ((const uint16_t *)data)[index]};
    case U32: return (Scalar){.integer = ((const uint32_t *)data)[index]};
    case U64: return (Scalar){.integer = (int64_t)((const uint64_t *)data)[index]};
    case BOOL: return (Scalar){.integer = ((const uint8_t *)data)[index] != 0};
    default: break;
    }
    assert(dtype_is_storage(tensor->type.dtype));
    return storage_get(tensor->type.dtype, ((const uint8_t *)data)[index]);
}

void tensor_set(Tensor *tensor, int64_t index, Scalar value)
{
    void *data = tensor->data;
    switch (tensor->type.dtype) {
    case F32: ((float *)data)[index] = (float)value.real; break;
    case F64: ((double *)data)[index] = value.real; break;
    case F16: ((uint16_t *)data)[index] = f16_from_float(round_to_odd(value.real)); break;
    case BF16: ((uint16_t *)data)[index] = bf16_from_float(round_to_odd(value.real)); break;
    case I8: ((int8_t *)data)[index] = (int8_t)value.integer; break;
    case I16: ((int16_t *)data)[index] = (int16_t)value.integer; break;
    case I32: ((int32_t *)data)[index] = (int32_t)value.integer; break;
    case I64: ((int64_t *)data)[index] = value.integer; break;
    case U8: ((uint8_t *)data)[index] = (uint8_t)value.integer; break;
    case U16: ((uint16_t *)data)[index] = (uint16_t)value.integer; break;
    case U32: ((uint32_t *)data)[index] = (uint32_t)value.integer; break;
    case U64: ((uint64_t *)data)[index] = (uint64_t)value.integer; break;
    case BOOL: ((uint8_t *)data)[index] = value.integer != 0; break;
    default: ((uint8_t *)data)[index] = storage_set(tensor->type.dtype, value); break;
    }
}

double tensor_real(const Tensor *tensor, int64_t index)
{
    Scalar value = tensor_get(tensor, index);
    if (dtype_is_float(tensor->type.dtype)) return value.real;
    return tensor->type.dtype == U64 ? (double)(uint64_t)value.integer : (double)value.integer;
}

/* Truncates and wraps to 64 bits; what is out of range of double's integers is 0 modulo 2^64 or has no value. */
static int64_t wrap(double value)
{
    if (!isfinite(value)) return 0;
    double whole = fmod(trunc(value), 0x1p64);
    if (whole < 0) whole += 0x1p64;
    if (whole >= 0x1p64) return 0; /* a sum that rounded up */
    return (int64_t)(uint64_t)whole;
}

void tensor_set_real(Tensor *tensor, int64_t index, double value)
{
    DtypeKind kind = dtype_kind(tensor->type.dtype);
    Scalar scalar = {.real = value};
    if (kind == DTYPE_BOOLEAN)
        scalar.integer = value != 0;
    else if (kind != DTYPE_FLOAT)
        scalar.integer = value < 0 ? (int64_t)(0 - (uint64_t)wrap(-value)) : wrap(value);
    tensor_set(tensor, index, scalar);
}

/* ---- comparisons ---- */

bool tensor_identical(const Tensor *a, const Tensor *b)
{
    return type_equal(&a->type, &b->type) && memcmp(a->data, b->data, (size_t)type_bytes(&a->type)) == 0;
}

bool tensor_same_bits(const Tensor *a, const Tensor *b)
{
    if (!type_equal(&a->type, &b->type)) return false;
    if (memcmp(a->data, b->data, (size_t)type_bytes(&a->type)) == 0) return true;
    if (!dtype_is_float(a->type.dtype)) return false;
    int64_t count = type_elements(&a->type);
    for (int64_t i = 0; i < count; i++) {
        double x = tensor_get(a, i).real, y = tensor_get(b, i).real;
        if (!(isnan(x) && isnan(y)) && memcmp(&x, &y, sizeof x) != 0) return false;
    }
    return true;
}

bool tensor_is_splat(const Tensor *tensor, double *value)
{
    size_t size = (size_t)dtype_bits(tensor->type.dtype) / 8, bytes = (size_t)type_bytes(&tensor->type);
    const char *data = tensor->data;
    *value = 0;
    if (!bytes) return true;
    if (bytes > size && memcmp(data, data + size, bytes - size) != 0) return false;
    double first = tensor_real(tensor, 0);
    uint64_t again;
    Tensor copy = {.type = type_scalar(tensor->type.dtype), .data = &again};
    tensor_set_real(&copy, 0, isnan(first) ? (double)NAN : first);
    *value = first;
    return memcmp(&again, data, size) == 0;
}

/* ---- layout ---- */

Tensor tensor_transpose(Arena *arena, const Tensor *from, const int *permutation)
{
    int rank = from->type.rank;
    Type type = from->type;
    int64_t dense[MAX_RANK + 1], stride[MAX_RANK], at[MAX_RANK] = {0};
    dense[rank] = 1;
    for (int i = rank - 1; i >= 0; i--) dense[i] = dense[i + 1] * from->type.dim[i].high;
    for (int i = 0; i < rank; i++) {
        type.dim[i] = from->type.dim[permutation[i]];
        stride[i] = dense[permutation[i] + 1];
    }
    Tensor out = tensor_new(arena, type);
    int64_t count = type_elements(&type), source = 0;
    size_t size = (size_t)dtype_bits(type.dtype) / 8;
    for (int64_t i = 0; i < count; i++) {
        memcpy((char *)out.data + (size_t)i * size, (const char *)from->data + (size_t)source * size, size);
        for (int axis = rank - 1; axis >= 0; axis--) {
            source += stride[axis];
            if (++at[axis] < type.dim[axis].high) break;
            source -= stride[axis] * at[axis];
            at[axis] = 0;
        }
    }
    return out;
}

Tensor tensor_take(Arena *arena, const Tensor *from, int count, const int64_t *indices)
{
    Type type = from->type;
    size_t block = (size_t)(type_bytes(&type) / type.dim[0].high);
    type.dim[0] = dim_fixed(count);
    Tensor to = tensor_new(arena, type);
    for (int i = 0; i < count; i++)
        memcpy((char *)to.data + (size_t)i * block, (const char *)from->data + (size_t)indices[i] * block, block);
    return to;
}
