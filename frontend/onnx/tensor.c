/* Elements of tensors, in any of the ways that ONNX has to write them down. */
#include "frontend/onnx/read.h"

#include <string.h>

/* By ONNX's number of the data type: its name there and in lepc, and the field that holds elements when they are not
 * raw bytes. */
typedef enum Field { FIELD_NONE, FIELD_FLOAT, FIELD_INT32, FIELD_INT64, FIELD_DOUBLE, FIELD_UINT64 } Field;

static const struct {
    const char *onnx, *name;
    Field field;
} dtypes[] = {
    {"undefined", "", FIELD_NONE},
    {"float", "f32", FIELD_FLOAT},
    {"uint8", "u8", FIELD_INT32},
    {"int8", "i8", FIELD_INT32},
    {"uint16", "u16", FIELD_INT32},
    {"int16", "i16", FIELD_INT32},
    {"int32", "i32", FIELD_INT32},
    {"int64", "i64", FIELD_INT64},
    {"string", "", FIELD_NONE},
    {"bool", "bool", FIELD_INT32},
    {"float16", "f16", FIELD_INT32},
    {"double", "f64", FIELD_DOUBLE},
    {"uint32", "u32", FIELD_UINT64},
    {"uint64", "u64", FIELD_UINT64},
    {"complex64", "", FIELD_NONE},
    {"complex128", "", FIELD_NONE},
    {"bfloat16", "bf16", FIELD_INT32},
    {"float8e4m3fn", "f8e4m3fn", FIELD_INT32},
    {"float8e4m3fnuz", "f8e4m3fnuz", FIELD_INT32},
    {"float8e5m2", "f8e5m2", FIELD_INT32},
    {"float8e5m2fnuz", "f8e5m2fnuz", FIELD_INT32},
    {"uint4", "u4", FIELD_INT32},
    {"int4", "i4", FIELD_INT32},
    {"float4e2m1", "f4e2m1", FIELD_INT32},
    {"float8e8m0", "f8e8m0", FIELD_INT32},
    {"uint2", "u2", FIELD_INT32},
    {"int2", "i2", FIELD_INT32},
};

enum { DTYPES = sizeof dtypes / sizeof *dtypes };

Dtype onnx_dtype(int32_t data_type)
{
    bool known = data_type > 0 && data_type < DTYPES && *dtypes[data_type].name;
    return known ? dtype_find(dtypes[data_type].name) : DTYPE_COUNT;
}

const char *onnx_dtype_name(int32_t data_type)
{
    return data_type >= 0 && data_type < DTYPES ? dtypes[data_type].onnx : "an unknown dtype";
}

/* ---- elements in fields: one a number, 16-bit floats as their bits, sub-byte ones as many as fill a byte ---- */

typedef struct Elements {
    const void *at;
    size_t count, size; /* of the field's own numbers */
} Elements;

static Elements elements_of(const Onnx__TensorProto *from)
{
    switch (dtypes[from->data_type].field) {
    case FIELD_FLOAT: return (Elements){from->float_data, from->n_float_data, sizeof(float)};
    case FIELD_INT32: return (Elements){from->int32_data, from->n_int32_data, sizeof(int32_t)};
    case FIELD_INT64: return (Elements){from->int64_data, from->n_int64_data, sizeof(int64_t)};
    case FIELD_DOUBLE: return (Elements){from->double_data, from->n_double_data, sizeof(double)};
    case FIELD_UINT64: return (Elements){from->uint64_data, from->n_uint64_data, sizeof(uint64_t)};
    case FIELD_NONE: break;
    }
    return (Elements){NULL, 0, 1};
}

/* Elements of less than a byte lie packed, the first in the lowest bits. */
static int64_t stored_bytes(const Type *type)
{
    int width = dtype_width(type->dtype);
    return width < 8 && dtype_is_storage(type->dtype) ? (type_elements(type) * width + 7) / 8 : type_bytes(type);
}

/* Each element has a byte of its own here. */
static void unpack(Tensor *out, const unsigned char *packed)
{
    int width = dtype_width(out->type.dtype);
    unsigned char *to = out->data;
    for (int64_t i = 0, count = type_elements(&out->type); i < count; i++) {
        unsigned bits = (unsigned)packed[i * width / 8] >> (i * width % 8) & ((1U << width) - 1);
        if (dtype_is_float(out->type.dtype))
            to[i] = (unsigned char)bits;
        else
            tensor_set(out, i, (Scalar){.integer = (int64_t)bits});
    }
}

/* The low bytes of each number are the element, or the byte of elements: hosts are little-endian. */
static bool take_field(const Onnx__TensorProto *from, unsigned char *out, size_t bytes, size_t each)
{
    Elements elements = elements_of(from);
    if (elements.count * each != bytes) return false;
    for (size_t i = 0; i < elements.count; i++)
        memcpy(out + i * each, (const char *)elements.at + i * elements.size, each);
    return true;
}

static bool take_elements(Arena *arena, const Onnx__TensorProto *from, Tensor *out)
{
    size_t bytes = (size_t)stored_bytes(&out->type), size = (size_t)dtype_bits(out->type.dtype) / 8;
    bool packed = bytes < (size_t)type_bytes(&out->type);
    unsigned char *to = packed ? arena_alloc(arena, bytes) : out->data;
    if (!from->has_raw_data) {
        if (!take_field(from, to, bytes, size)) return false;
    } else {
        if (from->raw_data.len != bytes) return false;
        if (bytes) memcpy(to, from->raw_data.data, bytes);
    }
    if (packed) unpack(out, to);
    return true;
}

/* ---- the whole ---- */

/* What there is no way to read. */
static bool refuse_kind(const Onnx__TensorProto *from, Span at, Diag *diag)
{
    const char *name = from->name ? from->name : "";
    if (from->data_location == 1 || from->n_external_data) {
        diag_error(diag, E0512, at, "tensor '%s' has its elements in another file", name);
        return diag_help(diag, "save the model with its data inside: onnx.save(model, path)");
    }
    if (onnx_dtype(from->data_type) == DTYPE_COUNT) {
        diag_error(diag, E0512, at, "tensor '%s' is of %s", name, onnx_dtype_name(from->data_type));
        return diag_help(diag, "lepc has numbers and booleans: convert it before the model is saved");
    }
    if (from->n_dims > MAX_RANK) {
        diag_error(diag, E0512, at, "tensor '%s' has %zu axes", name, from->n_dims);
        return diag_help(diag, "lepc has tensors of up to %d", MAX_RANK);
    }
    return true;
}

bool onnx_tensor(Arena *arena, const Onnx__TensorProto *from, Span at, Tensor *out, Diag *diag)
{
    if (!refuse_kind(from, at, diag)) return false;
    Type type = type_tensor(onnx_dtype(from->data_type), (int)from->n_dims, from->dims);
    const char *name = from->name ? from->name : "";
    if (!type_is_sane(&type)) {
        diag_error(diag, E0305, at, "tensor '%s' has a negative dim, or is too large", name);
        return diag_help(diag, "a tensor may take 2^40 bytes at most");
    }
    /* before memory is taken for what a few bytes claim */
    size_t most = from->has_raw_data ? from->raw_data.len : 8 * elements_of(from).count;
    if ((uint64_t)stored_bytes(&type) <= most) {
        *out = tensor_new(arena, type);
        if (take_elements(arena, from, out)) return true;
    }
    diag_error(diag, E0511, at, "the elements of tensor '%s' do not fill %s", name, type_text(diag->arena, &type));
    return diag_help(diag, "the file is damaged: save it again");
}
