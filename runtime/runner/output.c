#include "runtime/runner/output.h"

#include "runtime/runner/element.h"
#include "runtime/runner/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int out_of_memory(const Output *output, int64_t rows)
{
    return message(RUNNER_SYSTEM, "%s: out of memory for %lld rows", output->path, (long long)rows);
}

static bool make_room(Output *output, int64_t rows)
{
    size_t bytes;
    bool fits = !__builtin_mul_overflow((size_t)rows, output->row, &bytes);
    unsigned char *data = fits ? realloc(output->data, bytes ? bytes : 1) : NULL;
    if (!data) return false;
    output->data = data;
    output->room = rows;
    return true;
}

int npy_output_open(Output *out, const Session *session, const PortFile *file, int64_t rows)
{
    const LepPort *port = &session->model->outputs[file->port];
    bool counted = port_is_counted(session->model, port);
    *out = (Output){.port = port, .index = file->port, .path = file->path, .counted = counted};
    out->row = port_row_bytes(port);
    return make_room(out, counted ? 0 : rows) ? RUNNER_OK : out_of_memory(out, rows);
}

int npy_output_add(Output *output, const void *data, int64_t rows)
{
    int64_t all = output->rows + rows;
    size_t row = port_row_bytes(output->port);
    if (output->counted && !output->rows) output->row = row;
    if (output->row != row)
        return message(RUNNER_INPUT, "%s: the rows of one run are not as long as those of another", output->path);
    if (output->counted && all > output->room && !make_room(output, all < 2 * output->room ? 2 * output->room : all))
        return out_of_memory(output, all);
    if (rows > output->room - output->rows) rows = output->room - output->rows;
    if (rows && row) memcpy(output->data + (size_t)output->rows * row, data, (size_t)rows * row);
    output->rows += rows;
    return RUNNER_OK;
}

/* Version 1.0, padded so that the elements begin at a multiple of 64. */
static void write_header(const Output *output, FILE *file)
{
    char text[512], shape[256] = "";
    size_t used = 0;
    for (int i = 0; i < output->port->rank; i++)
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%lld, ",
                                 (long long)(i || !output->port->dim[0] ? output->port->dim[i] : output->rows));
    int length = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                          element_descr(output->port->dtype), shape);
    int padded = (10 + length + 1 + 63) / 64 * 64 - 10;
    fwrite("\x93NUMPY\x01\x00", 1, 8, file);
    fputc(padded & 255, file);
    fputc(padded >> 8, file);
    fprintf(file, "%s%*s\n", text, padded - length - 1, "");
}

static int cannot_write(const char *path)
{
    return message(RUNNER_SYSTEM, "%s: cannot be written: %s", path, strerror(errno));
}

static int write_file(const Output *output, const char *path)
{
    errno = 0;
    FILE *file = fopen(path, "wb");
    if (!file) return cannot_write(output->path);
    write_header(output, file);
    fwrite(output->data, port_row_bytes(output->port), (size_t)output->rows, file);
    bool failed = ferror(file) != 0;
    if (fclose(file) || failed) return cannot_write(output->path);
    return RUNNER_OK;
}

/* A device or a pipe is written in its place; a file beside it, under this name. */
static char *temporary_name(const char *path)
{
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) return NULL;
    size_t room = strlen(path) + 32;
    char *name = malloc(room);
    if (name) snprintf(name, room, "%s.tmp%ld", path, (long)getpid());
    return name;
}

int npy_outputs_write(Output *outputs, int count)
{
    char *names[MAX_FILES] = {0};
    int status = RUNNER_OK;
    for (int i = 0; i < count && !status; i++) {
        names[i] = temporary_name(outputs[i].path);
        status = write_file(&outputs[i], names[i] ? names[i] : outputs[i].path);
    }
    for (int i = 0; i < count && !status; i++)
        if (names[i] && rename(names[i], outputs[i].path)) status = cannot_write(outputs[i].path);
    for (int i = 0; i < count; i++) {
        if (names[i] && status) unlink(names[i]);
        free(names[i]);
    }
    return status;
}

void npy_outputs_free(Output *outputs, int count)
{
    for (int i = 0; i < count; i++) free(outputs[i].data);
}
