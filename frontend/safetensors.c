/* https://github.com/huggingface/safetensors: 8 bytes of header length, little endian; a JSON header; the data. */
#include "frontend/safetensors.h"

#include "frontend/weight_file.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8, MAX_HEADER = 100000000 }; /* the format's own limit */

typedef struct DtypeName {
    const char *name;
    Dtype dtype;
} DtypeName;

static const DtypeName dtype_names[] = {
    {"F32", F32},
    {"F64", F64},
    {"F16", F16},
    {"BF16", BF16},
    {"I8", I8},
    {"I16", I16},
    {"I32", I32},
    {"I64", I64},
    {"U8", U8},
    {"U16", U16},
    {"U32", U32},
    {"U64", U64},
    {"BOOL", BOOL},
    {"F8_E4M3", F8E4M3FN},
    {"F8_E5M2", F8E5M2},
    {"F8_E8M0", F8E8M0},
    {"F8_E4M3FNUZ", F8E4M3FNUZ},
    {"F8_E5M2FNUZ", F8E5M2FNUZ},
};

const char *safetensors_dtype(Dtype dtype)
{
    for (size_t i = 0; i < sizeof dtype_names / sizeof *dtype_names; i++)
        if (dtype_names[i].dtype == dtype) return dtype_names[i].name;
    return "U8";
}

/* Bytes [begin, end) of the data. */
typedef struct Extent {
    int64_t begin, end;
    const char *key;
} Extent;

typedef struct Reader {
    Arena *arena;
    Diag *diag;
    Span at;
    const unsigned char *data;
    int64_t size;
    WeightFile *file;
    Extent *extents;
    size_t count, capacity;
} Reader;

static bool damaged(Reader *r, const char *key, const char *what)
{
    return diag_error(r->diag, E0504, r->at, "tensor `%s` %s", key, what);
}

/* An integer that a double holds exactly; -1 when it is none. */
static int64_t integer_of(const cJSON *item)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > 0x1p53) return -1;
    int64_t value = (int64_t)item->valuedouble;
    return (double)value == item->valuedouble ? value : -1;
}

static bool read_dtype(Reader *r, const cJSON *entry, const char *key, Dtype *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, "dtype");
    if (!cJSON_IsString(item)) return damaged(r, key, "has no dtype");
    for (size_t i = 0; i < sizeof dtype_names / sizeof *dtype_names; i++) {
        if (strcmp(dtype_names[i].name, item->valuestring) != 0) continue;
        *out = dtype_names[i].dtype;
        return true;
    }
    damaged(r, key, arena_printf(r->arena, "has dtype `%.20s`, which is not known", item->valuestring));
    return diag_help(r->diag,
                     "known are F32, F64, F16, BF16, F8_*, I8 to I64, U8 to U64 and BOOL; convert and save again");
}

static bool read_type(Reader *r, const cJSON *entry, const char *key, Type *type)
{
    *type = type_scalar(F32);
    if (!read_dtype(r, entry, key, &type->dtype)) return false;
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(entry, "shape"), *item;
    if (!cJSON_IsArray(shape)) return damaged(r, key, "has no shape");
    cJSON_ArrayForEach(item, shape)
    {
        int64_t size = integer_of(item);
        if (size < 0) return damaged(r, key, "has a dim that is not a whole number");
        if (type->rank == MAX_RANK) return damaged(r, key, arena_printf(r->arena, "has more than %d dims", MAX_RANK));
        type->dim[type->rank++] = dim_fixed(size);
    }
    if (type_is_sane(type)) return true;
    return damaged(r, key, "is larger than 2^40 bytes");
}

static bool read_extent(Reader *r, const cJSON *entry, const char *key, Extent *out)
{
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    if (!cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2)
        return damaged(r, key, "has no data_offsets [begin, end]");
    *out = (Extent){integer_of(offsets->child), integer_of(offsets->child->next), key};
    if (out->begin < 0 || out->end < out->begin)
        return damaged(r, key, "has data_offsets that are not two rising whole numbers");
    if (out->end <= r->size) return true;
    damaged(r, key,
            arena_printf(r->arena, "ends at byte %lld of the data, found %lld bytes", (long long)out->end,
                         (long long)r->size));
    return diag_help(r->diag, "the file may have been cut short: copy or download it again");
}

static bool read_tensor(Reader *r, const cJSON *entry, const char *key)
{
    Type type;
    Extent extent;
    if (!cJSON_IsObject(entry)) return damaged(r, key, "is not described by an object");
    if (cJSON_GetArraySize(entry) > 3) return damaged(r, key, "has more than dtype, shape and data_offsets, once each");
    if (!read_type(r, entry, key, &type) || !read_extent(r, entry, key, &extent)) return false;
    int64_t bytes = type_bytes(&type), found = extent.end - extent.begin;
    if (found != bytes)
        return damaged(r, key,
                       arena_printf(r->arena, "needs %lld bytes as %s, its data_offsets hold %lld", (long long)bytes,
                                    type_text(r->arena, &type), (long long)found));
    r->extents = arena_grow(r->arena, r->extents, r->count, &r->capacity, sizeof extent);
    r->extents[r->count++] = extent;
    /* the mapping is read-only, and nothing writes through a weight */
    Tensor tensor = {.type = type, .data = (void *)(uintptr_t)(r->data + extent.begin)};
    weight_file_add(r->file, key, &tensor);
    return true;
}

static int compare_extents(const void *a, const void *b)
{
    const Extent *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* The format has neither gaps nor overlaps: what is between tensors could be anything. */
static bool check_extents(Reader *r)
{
    int64_t at = 0;
    if (r->count) qsort(r->extents, r->count, sizeof *r->extents, compare_extents);
    for (size_t i = 0; i < r->count; i++) {
        const Extent *extent = &r->extents[i];
        if (extent->begin < at) return damaged(r, extent->key, "overlaps the one before");
        if (extent->begin > at) return damaged(r, extent->key, "leaves a gap before it");
        at = extent->end;
    }
    if (at == r->size) return true;
    return diag_error(r->diag, E0504, r->at, "tensors take %lld bytes, found %lld bytes of data", (long long)at,
                      (long long)r->size);
}

static bool read_tensors(Reader *r, const cJSON *header)
{
    const cJSON *entry;
    bool good = true;
    cJSON_ArrayForEach(entry, header)
    {
        if (strcmp(entry->string, "__metadata__") == 0) continue;
        good = read_tensor(r, entry, arena_copy_string(r->arena, entry->string)) && good;
    }
    return good && check_extents(r);
}

/* A name that goes on behind a zero would look like another. */
static bool has_zero(const char *text, size_t size)
{
    static const char escape[] = "\\u0000";
    const size_t length = sizeof escape - 1;
    if (memchr(text, 0, size)) return true;
    for (const char *c = text, *end = text + size; (c = memchr(c, '\\', (size_t)(end - c))); c++)
        if ((size_t)(end - c) >= length && memcmp(c, escape, length) == 0) return true;
    return false;
}

static bool read_header(Reader *r, const char *text, size_t size)
{
    const char *end = text;
    if (has_zero(text, size)) return diag_error(r->diag, E0504, r->at, "the header holds a zero character");
    errno = 0;
    cJSON *header = cJSON_ParseWithLengthOpts(text, size, &end, 0);
    if (!header && errno == ENOMEM) arena_exhausted(r->arena);
    if (!header)
        return diag_error(r->diag, E0504, r->at, "the header is not JSON, from its byte %ld on", (long)(end - text));
    size_t rest = (size_t)(end - text);
    while (rest < size && strchr(" \t\r\n", text[rest])) rest++;
    bool good = rest == size && *text == '{' && cJSON_IsObject(header);
    if (!good) diag_error(r->diag, E0504, r->at, "the header is not one JSON object");
    good = good && read_tensors(r, header);
    cJSON_Delete(header);
    return good;
}

static bool not_safetensors(const char *path, const char *what, Diag *diag)
{
    diag_error(diag, E0504, (Span){.name = path}, "%s", what);
    return diag_help(diag, "a .safetensors file starts with the 8-byte length of its JSON header");
}

bool safetensors_parse(Arena *arena, const unsigned char *bytes, size_t size, const char *path, WeightFile **out,
                       Diag *diag)
{
    uint64_t length = 0;
    if (size < LENGTH_BYTES)
        return not_safetensors(path, arena_printf(arena, "expected at least 8 bytes, found %zu", size), diag);
    for (int i = 0; i < LENGTH_BYTES; i++) length |= (uint64_t)bytes[i] << 8 * i;
    if (length > MAX_HEADER || length > size - LENGTH_BYTES)
        return not_safetensors(path,
                               arena_printf(arena, "expected a header of %llu bytes, found %zu",
                                            (unsigned long long)length, size - LENGTH_BYTES),
                               diag);
    Reader reader = {.arena = arena,
                     .diag = diag,
                     .at = {.name = path},
                     .data = bytes + LENGTH_BYTES + length,
                     .size = (int64_t)(size - LENGTH_BYTES - length),
                     .file = weight_file_new(arena)};
    if (!read_header(&reader, (const char *)bytes + LENGTH_BYTES, (size_t)length)) return false;
    *out = reader.file;
    return weight_file_finish(reader.file, path, diag);
}
