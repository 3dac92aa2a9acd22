/* The right answers for --labels. */
#include "runtime/runner/element.h"
#include "runtime/runner/message.h"
#include "runtime/runner/read.h"

#include <stdlib.h>
#include <string.h>

/* A line of text: the name of a class or its index; -1 when it is neither. */
static int64_t parse_label(const char *text, size_t length, const LepPort *port, int64_t classes)
{
    for (int64_t i = 0; i < port->nlabels; i++)
        if (strlen(port->labels[i]) == length && memcmp(port->labels[i], text, length) == 0) return i;
    int64_t value = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || value >= classes) return -1;
        value = value * 10 + (text[i] - '0');
    }
    return length && value < classes ? value : -1;
}

static int read_text(const File *file, const LepPort *port, int64_t classes, int64_t *out, int64_t *count)
{
    const char *at = (const char *)file->bytes, *end = at + file->size;
    for (*count = 0; at < end; ++*count) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
        size_t length = (size_t)(stop - at);
        if (length && at[length - 1] == '\r') length--;
        out[*count] = parse_label(at, length, port, classes);
        if (out[*count] < 0)
            return message(RUNNER_INPUT, "%s:%lld: expected a label of %s or an index below %lld, found '%.*s'",
                           file->path, (long long)*count + 1, port->name, (long long)classes,
                           length > 40 ? 40 : (int)length, at);
        at = stop + 1;
    }
    return RUNNER_OK;
}

static int read_array(const File *file, const Array *array, int64_t classes, int64_t *out, int64_t *count)
{
    if (array->dtype == LEP_F32 || array->dtype == LEP_F64 || array->dtype == LEP_F16)
        return message(RUNNER_INPUT, "%s: found %s elements; expected the index of a class for each row", file->path,
                       element_name(array->dtype));
    *count = (int64_t)(array->bytes / element_bytes(array->dtype));
    for (int64_t i = 0; i < *count; i++) {
        double value = element_value(array->dtype, array->data, (size_t)i);
        if (value < 0 || value >= (double)classes)
            return message(RUNNER_INPUT, "%s: label %lld is %.0f; expected an index below %lld", file->path,
                           (long long)i, value, (long long)classes);
        out[i] = (int64_t)value;
    }
    return RUNNER_OK;
}

int label_file_read(const char *path, const LepPort *port, int64_t **out, int64_t *count)
{
    File file;
    Array array;
    int status = file_read(&file, path);
    if (status) return status;
    int64_t classes = (int64_t)port_row_elements(port);
    *out = calloc(file.size + 1, sizeof **out); /* never more labels than bytes */
    if (!*out)
        status = message(RUNNER_SYSTEM, "%s: out of memory", path);
    else if (file.size >= 2 && file.bytes[0] == 0x1f && file.bytes[1] == 0x8b)
        status = message(RUNNER_INPUT, "%s: compressed; gunzip it first", path);
    else if (npy_is(&file) || idx_is(&file)) {
        status = npy_is(&file) ? npy_read(&file, &array) : idx_read(&file, &array);
        if (!status) status = read_array(&file, &array, classes, *out, count);
    } else
        status = read_text(&file, port, classes, *out, count);
    file_free(&file);
    if (status) {
        free(*out);
        *out = NULL;
    }
    return status;
}
