/* A file of any kind to the rows of one input: what it is is told by its first bytes. */
#include "runtime/runner/element.h"
#include "runtime/runner/message.h"
#include "runtime/runner/sizes.h"

#include <stdlib.h>
#include <string.h>

static bool has_suffix(const char *path, const char *suffix)
{
    size_t a = strlen(path), b = strlen(suffix);
    return a >= b && strcmp(path + a - b, suffix) == 0;
}

/* Are the dims, those of size 1 left out, the port's dims of a row? */
static bool same_row(const int64_t *dim, int rank, const LepPort *port)
{
    int i = 0;
    for (int k = 1; k < port->rank; k++) {
        if (port->dim[k] == 1) continue;
        while (i < rank && dim[i] == 1) i++;
        if (i == rank || dim[i++] != port->dim[k]) return false;
    }
    while (i < rank && dim[i] == 1) i++;
    return i == rank;
}

/* What has no rows is right only as it is. */
static bool is_nothing(const Array *array, const LepPort *port)
{
    return port->rank > 0 && port->dim[0] == 0 && array->rank == port->rank &&
           memcmp(array->dim, port->dim, (size_t)port->rank * sizeof *port->dim) == 0;
}

/* The rows of an array whose shape is [rows, ...] as the port's, or that is a single row. */
static int count_rows(const Array *array, const LepPort *port, const char *path, int64_t *count)
{
    char found[SHAPE_TEXT], expected[SHAPE_TEXT];
    bool fits = strcmp(element_descr(array->dtype), element_descr(port->dtype)) == 0;
    if (fits && is_nothing(array, port))
        *count = 1;
    else if (fits && array->rank > 0 && same_row(array->dim + 1, array->rank - 1, port))
        *count = array->dim[0];
    else if (fits && same_row(array->dim, array->rank, port))
        *count = 1;
    else
        fits = false;
    if (fits && *count > 0) return RUNNER_OK;
    shape_text(found, array->dtype, array->rank, array->dim);
    message(RUNNER_INPUT, "%s: found %s, but %s takes %s", path, found, port->name, port_text(expected, port));
    if (strcmp(element_descr(array->dtype), element_descr(port->dtype)) == 0) return RUNNER_INPUT;
    message_help("in NumPy, a.astype('%s') has that dtype", element_descr(port->dtype));
    return RUNNER_INPUT;
}

static int read_raw(const File *file, const LepPort *port, Rows *out)
{
    size_t row = port_row_bytes(port);
    char expected[SHAPE_TEXT];
    if (row == 0 && file->size == 0) {
        out->data = file->bytes;
        out->count = port_batch(port);
        return RUNNER_OK;
    }
    if (file->size == 0 || row == 0 || file->size % row)
        return message(RUNNER_INPUT,
                       "%s: found %zu bytes, but %s takes %s: expected %lld bytes, or another multiple of %zu",
                       file->path, file->size, port->name, port_text(expected, port), (long long)port->bytes, row);
    out->data = file->bytes;
    out->count = (int64_t)(file->size / row);
    return RUNNER_OK;
}

static int read_raw_rows(const File *file, const LepPort *port, RunSizes *sizes, int64_t input, Rows *out)
{
    int status = sizes ? sizes_learn_raw(sizes, input, file) : RUNNER_OK;
    return status ? status : read_raw(file, port, out);
}

static int unknown_kind(const File *file)
{
    if (file->size >= 2 && file->bytes[0] == 0x1f && file->bytes[1] == 0x8b)
        return message(RUNNER_INPUT, "%s: compressed; gunzip it first", file->path);
    return message(RUNNER_INPUT,
                   "%s: %s; expected .npy, IDX, PNG, JPEG, PGM, PPM or WAV, or a name that ends in .raw or .bin",
                   file->path, file->size ? "a file of no known kind" : "the file is empty");
}

/* A half-empty batch is run for the last rows of many only; fewer rows than one batch are a mistake. */
static int check_batch(const Rows *rows, const LepPort *port)
{
    int64_t batch = port_batch(port);
    if (rows->count >= batch) return RUNNER_OK;
    return message(RUNNER_INPUT, "%s: found %lld rows, but %s takes %lld at a time; compile with a smaller --dim",
                   rows->file.path, (long long)rows->count, port->name, (long long)batch);
}

static int read_sound(File *file, const LepPort *port, RunSizes *sizes, int64_t input, Rows *out)
{
    int status = wav_read(file, port);
    if (!status && sizes) status = sizes_learn_raw(sizes, input, file);
    return status ? status : wav_rows(file, port, out);
}

static int needs_nothing(const File *file, const LepPort *port)
{
    char expected[SHAPE_TEXT];
    return message(RUNNER_INPUT, "%s: %s takes %s, which has no elements; leave it out", file->path, port->name,
                   port_text(expected, port));
}

/* By the first bytes; what has none that are known is raw, where its name or the pipe says so. */
static int read_kind(const LepPort *port, RunSizes *sizes, int64_t input, Rows *out, Array *array)
{
    File *file = &out->file;
    bool pipe = strcmp(file->path, "-") == 0;
    if (has_suffix(file->path, ".raw") || has_suffix(file->path, ".bin"))
        return read_raw_rows(file, port, sizes, input, out);
    if (npy_is(file)) return npy_read(file, array);
    if (port_row_elements(port) == 0) return needs_nothing(file, port);
    if (image_is(file)) return image_read(file, port, array);
    if (wav_is(file)) return read_sound(file, port, sizes, input, out);
    if (idx_is(file)) return idx_read(file, array);
    return pipe ? read_raw_rows(file, port, sizes, input, out) : unknown_kind(file);
}

int rows_read_part(Rows *out, const char *path, const LepPort *port, RunSizes *sizes, int64_t input)
{
    *out = (Rows){0};
    int status = file_read(&out->file, path);
    if (status) return status;
    Array array = {0};
    out->picture = image_is(&out->file);
    status = read_kind(port, sizes, input, out, &array);
    if (!status && !out->data) {
        out->data = array.data;
        if (!out->picture && sizes) status = sizes_learn(sizes, input, &array, path);
        if (!status) status = out->picture ? (out->count = 1, RUNNER_OK) : count_rows(&array, port, path, &out->count);
    }
    if (status) rows_free(out);
    return status;
}

/* `sizes` NULL: of a port without bounded dims. */
static int read_rows(Rows *out, const char *path, const LepPort *port, RunSizes *sizes, int64_t input)
{
    *out = (Rows){.file.path = path};
    int status =
        folder_is(path) ? folder_read(out, path, port, sizes, input) : rows_read_part(out, path, port, sizes, input);
    if (!status && !out->picture && (!sizes || sizes->batch < 0)) status = check_batch(out, port);
    if (status) rows_free(out);
    return status;
}

int rows_read(Rows *out, const char *path, const LepPort *port) { return read_rows(out, path, port, NULL, 0); }

int rows_read_sized(Rows *out, const char *path, RunSizes *sizes, int64_t input)
{
    return read_rows(out, path, &sizes->inputs[input], sizes, input);
}

void rows_free(Rows *rows)
{
    for (int64_t i = 0; rows->names && i < rows->count; i++) free(rows->names[i]);
    free(rows->names);
    rows->names = NULL;
    file_free(&rows->file);
    rows->data = NULL;
}
