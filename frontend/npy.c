/* NumPy's .npy, versions 1 to 3: a magic, a Python dict of descr, fortran_order and shape, the data. */
#include "frontend/weight_file.h"

#include <string.h>

typedef struct DescrRow {
    const char *descr;
    Dtype dtype;
} DescrRow;

static const DescrRow descrs[] = {
    {"<f4", F32}, {"<f8", F64}, {"<f2", F16}, {"|i1", I8},  {"<i2", I16}, {"<i4", I32},
    {"<i8", I64}, {"|u1", U8},  {"<u2", U16}, {"<u4", U32}, {"<u8", U64}, {"|b1", BOOL},
};

static const unsigned char magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

/* ---- the dict ---- */

typedef struct Header {
    const char *at, *end;
    Arena *arena;
    Diag *diag;
    Span span;
    const char *descr;
    bool has_order, fortran, has_shape;
    Type type;
} Header;

static bool damaged(Header *h, const char *what) { return diag_error(h->diag, E0507, h->span, "%s", what); }

static void skip_blanks(Header *h)
{
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\n' || *h->at == '\t')) h->at++;
}

static bool take(Header *h, char c)
{
    skip_blanks(h);
    if (h->at == h->end || *h->at != c) return false;
    h->at++;
    return true;
}

static bool take_word(Header *h, const char *word)
{
    size_t length = strlen(word);
    skip_blanks(h);
    if ((size_t)(h->end - h->at) < length || memcmp(h->at, word, length) != 0) return false;
    h->at += length;
    return true;
}

/* A quoted string without escapes; NULL when there is none. */
static const char *take_string(Header *h)
{
    char quote = take(h, '\'') ? '\'' : take(h, '"') ? '"' : 0;
    if (!quote) return NULL;
    const char *start = h->at, *close = memchr(start, quote, (size_t)(h->end - start));
    if (!close || memchr(start, '\\', (size_t)(close - start)) || memchr(start, 0, (size_t)(close - start)))
        return NULL;
    h->at = close + 1;
    return arena_copy_chars(h->arena, start, (size_t)(close - start));
}

static bool take_size(Header *h, int64_t *out)
{
    skip_blanks(h);
    int64_t size = 0;
    const char *start = h->at;
    for (; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++) {
        if (size > INT64_MAX / 16) return damaged(h, "a dim is too large");
        size = size * 10 + (*h->at - '0');
    }
    *out = size;
    return h->at > start || damaged(h, "the shape is not a tuple of whole numbers");
}

static bool read_shape(Header *h)
{
    if (h->has_shape) return damaged(h, "shape is given twice");
    h->has_shape = true;
    if (!take(h, '(')) return damaged(h, "the shape is not a tuple");
    while (!take(h, ')')) {
        int64_t size = 0;
        if (h->type.rank == MAX_RANK) return damaged(h, "the array has more than 8 dims");
        if (!take_size(h, &size)) return false;
        h->type.dim[h->type.rank++] = dim_fixed(size);
        if (take(h, ',')) continue;
        if (!take(h, ')')) return damaged(h, "the shape is not a tuple of whole numbers");
        break;
    }
    return true;
}

static bool read_order(Header *h)
{
    if (h->has_order) return damaged(h, "fortran_order is given twice");
    h->has_order = true;
    h->fortran = take_word(h, "True");
    return h->fortran || take_word(h, "False") || damaged(h, "fortran_order is neither True nor False");
}

static bool read_descr(Header *h)
{
    if (h->descr) return damaged(h, "descr is given twice");
    h->descr = take_string(h);
    return h->descr || damaged(h, "descr is not a string: arrays of records are not read");
}

static bool read_field(Header *h)
{
    const char *key = take_string(h);
    if (!key || !take(h, ':')) return damaged(h, "the header is not a dict of strings");
    if (strcmp(key, "descr") == 0) return read_descr(h);
    if (strcmp(key, "fortran_order") == 0) return read_order(h);
    if (strcmp(key, "shape") == 0) return read_shape(h);
    return damaged(h, arena_printf(h->arena, "the header has an unknown key `%.40s`", key));
}

static bool read_dict(Header *h)
{
    if (!take(h, '{')) return damaged(h, "the header is not a dict");
    while (!take(h, '}')) {
        if (!read_field(h)) return false;
        if (take(h, ',')) continue;
        if (!take(h, '}')) return damaged(h, "the header is not a dict");
        break;
    }
    skip_blanks(h);
    if (h->at != h->end) return damaged(h, "there is more in the header than a dict");
    return (h->descr && h->has_order && h->has_shape) || damaged(h, "the header lacks descr, fortran_order or shape");
}

/* ---- the array ---- */

static bool same_descr(const char *found, const char *known)
{
    bool native = *found == '<' || *found == '=' || *found == '|';
    bool one_byte = known[0] == '|';
    return (native || (one_byte && *found == '>')) && strcmp(found + 1, known + 1) == 0;
}

static bool check_array(Header *h)
{
    size_t row = 0, rows = sizeof descrs / sizeof *descrs;
    while (row < rows && !same_descr(h->descr, descrs[row].descr)) row++;
    if (row == rows) {
        damaged(h, arena_printf(h->arena, "expected numbers of 1 to 8 bytes, little endian; found descr `%.20s`",
                                h->descr));
        return diag_help(h->diag,
                         "save it again after array.astype(\"<f4\") or another of f2, f4, f8, i1 to i8, u1 to u8");
    }
    h->type.dtype = descrs[row].dtype;
    if (h->fortran) {
        damaged(h, "expected rows first (C order), found fortran_order: True");
        return diag_help(h->diag, "save numpy.ascontiguousarray(array)");
    }
    return type_is_sane(&h->type) || damaged(h, "the array is larger than 2^40 bytes");
}

/* Where the dict starts and how long it is; false when this is no .npy. */
static bool find_dict(const unsigned char *bytes, size_t size, size_t *start, size_t *length)
{
    if (size < 10 || memcmp(bytes, magic, sizeof magic) != 0 || bytes[6] < 1 || bytes[6] > 3 || bytes[7]) return false;
    *start = bytes[6] == 1 ? 10 : 12;
    if (size < *start) return false;
    *length = bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] > 1) *length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    return true;
}

bool npy_parse(Arena *arena, const unsigned char *bytes, size_t size, const char *path, Tensor *out, Diag *diag)
{
    size_t start, length;
    Span span = {.name = path};
    if (!find_dict(bytes, size, &start, &length)) {
        diag_error(diag, E0507, span, "expected a .npy file of version 1, 2 or 3; it does not start as one");
        return diag_help(diag, "write it with numpy.save(path, array)");
    }
    if (length > size - start)
        return diag_error(diag, E0507, span, "expected a header of %zu bytes, found %zu", length, size - start);
    Header header = {.at = (const char *)bytes + start, .arena = arena, .diag = diag, .span = span};
    header.end = header.at + length;
    if (!read_dict(&header) || !check_array(&header)) return false;
    size_t found = size - start - length, expected = (size_t)type_bytes(&header.type);
    if (found != expected)
        return diag_error(diag, E0507, span, "%s takes %zu bytes, found %zu", type_text(arena, &header.type), expected,
                          found);
    *out = (Tensor){.type = header.type, .data = (void *)(uintptr_t)(bytes + start + length)};
    tensor_align(arena, out);
    return true;
}
