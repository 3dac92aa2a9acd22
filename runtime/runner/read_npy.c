/* NumPy's .npy: a dictionary in text, then the elements. */
#include "runtime/runner/element.h"
#include "runtime/runner/message.h"
#include "runtime/runner/read.h"

#include <stdlib.h>
#include <string.h>

bool npy_is(const File *file) { return file->size >= 6 && memcmp(file->bytes, "\x93NUMPY", 6) == 0; }

/* The text after `'key':` in the header, or NULL. */
static const char *find_key(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    if (!at) return NULL;
    at += strlen(key);
    while (*at == ' ' || *at == ':') at++;
    return at;
}

static int damaged(const File *file, const char *what)
{
    return message(RUNNER_INPUT, "%s: damaged .npy file: %s", file->path, what);
}

/* Bytes have no order, which some writers say by '|' and others not at all. */
static bool is_descr(const char *text, const char *descr)
{
    return strncmp(text, descr, 3) == 0 || (descr[0] == '|' && text[0] == '<' && strncmp(text + 1, descr + 1, 2) == 0);
}

static int parse_dtype(const File *file, const char *header, Array *out)
{
    const char *text = find_key(header, "'descr'");
    if (!text) return damaged(file, "no 'descr'");
    bool quoted = strlen(text) > 4 && text[0] == '\'' && text[4] == '\'';
    for (int dtype = 0; quoted && dtype <= LEP_BOOL; dtype++)
        if (dtype != LEP_BF16 && is_descr(text + 1, element_descr(dtype))) {
            out->dtype = dtype;
            return RUNNER_OK;
        }
    return message(RUNNER_INPUT,
                   "%s: dtype %.*s is not one that models take; store the array little-endian, as in "
                   "a.astype('<f4')",
                   file->path, (int)strcspn(text, ",}"), text);
}

static int parse_shape(const File *file, const char *header, Array *out)
{
    const char *at = find_key(header, "'shape'");
    if (!at || *at != '(') return damaged(file, "no 'shape'");
    at++;
    for (;;) {
        while (*at == ' ' || *at == ',') at++;
        if (*at == ')') return RUNNER_OK;
        if (*at < '0' || *at > '9') return damaged(file, "a dimension is no number");
        if (out->rank == LEP_MAX_RANK) return message(RUNNER_INPUT, "%s: more than 8 dimensions", file->path);
        int64_t size = 0;
        for (; *at >= '0' && *at <= '9'; at++) {
            if (size > INT64_MAX / 100) return damaged(file, "a dimension is too large");
            size = size * 10 + (*at - '0');
        }
        out->dim[out->rank++] = size;
    }
}

bool array_size(const Array *array, size_t *bytes)
{
    size_t total = element_bytes(array->dtype);
    for (int i = 0; i < array->rank; i++)
        if (array->dim[i] < 0 || __builtin_mul_overflow(total, (size_t)array->dim[i], &total)) return false;
    *bytes = total;
    return true;
}

static int parse_header(const File *file, const char *header, size_t start, Array *out)
{
    const char *order = find_key(header, "'fortran_order'");
    int status = parse_dtype(file, header, out);
    if (!status) status = parse_shape(file, header, out);
    if (status) return status;
    if (!order || strncmp(order, "False", 5) != 0)
        return message(RUNNER_INPUT, "%s: in Fortran order; store numpy.ascontiguousarray(a)", file->path);
    size_t bytes;
    if (!array_size(out, &bytes)) return damaged(file, "the shape is too large");
    if (bytes != file->size - start)
        return message(RUNNER_INPUT, "%s: damaged .npy file: expected %zu bytes of elements, found %zu", file->path,
                       bytes, file->size - start);
    out->data = file->bytes + start;
    out->bytes = bytes;
    return RUNNER_OK;
}

int npy_read(const File *file, Array *out)
{
    *out = (Array){0};
    const unsigned char *b = file->bytes;
    size_t fixed = file->size > 6 && b[6] == 1 ? 10 : 12;
    if (file->size < fixed) return damaged(file, "it ends in the header");
    size_t length = (size_t)b[8] | (size_t)b[9] << 8;
    if (fixed == 12) length |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
    if (length > file->size - fixed) return damaged(file, "it ends in the header");
    char *header = malloc(length + 1);
    if (!header) return message(RUNNER_SYSTEM, "%s: out of memory", file->path);
    memcpy(header, b + fixed, length);
    header[length] = 0;
    int status = parse_header(file, header, fixed + length, out);
    free(header);
    return status;
}
