/* A folder is the rows of its files, in the order of their names. */
#include "runtime/runner/element.h"
#include "runtime/runner/message.h"
#include "runtime/runner/sizes.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool folder_is(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static int shown(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

typedef struct Reading {
    const LepPort *port;
    RunSizes *sizes;
    int64_t input;
} Reading;

static int no_memory(const char *path) { return message(RUNNER_SYSTEM, "%s: out of memory", path); }

/* Room for `count` rows more: false when memory is out. */
static bool grow(Rows *out, size_t *room, int64_t count, size_t row)
{
    size_t needed = (size_t)(out->count + count);
    if (needed <= *room) return true;
    size_t more = needed > 2 * *room ? needed : 2 * *room;
    unsigned char *bytes = realloc(out->file.bytes, more * row);
    if (bytes) out->file.bytes = bytes;
    char **names = bytes ? realloc(out->names, more * sizeof *names) : NULL;
    if (!names) return false;
    out->names = names;
    *room = more;
    return true;
}

/* The rows of one file; those of all must be equally large. */
static int add_file(Rows *out, size_t *room, const char *path, const Reading *r)
{
    Rows rows;
    int status = rows_read_part(&rows, path, r->port, r->sizes, r->input);
    if (status) return status;
    size_t row = port_row_bytes(r->port), length = strlen(path) + 32;
    if (!grow(out, room, rows.count, row)) status = no_memory(path);
    for (int64_t i = 0; i < rows.count && !status; i++) {
        char *name = malloc(length);
        if (!name) {
            status = no_memory(path);
            break;
        }
        if (rows.count == 1)
            snprintf(name, length, "%s", path);
        else
            snprintf(name, length, "%s[%lld]", path, (long long)i);
        memcpy(out->file.bytes + (size_t)out->count * row, rows.data + (size_t)i * row, row);
        out->names[out->count++] = name;
    }
    rows_free(&rows);
    return status;
}

int folder_read(Rows *out, const char *path, const LepPort *port, RunSizes *sizes, int64_t input)
{
    const Reading reading = {port, sizes, input};
    struct dirent **entries;
    int count = scandir(path, &entries, shown, by_name), status = RUNNER_OK;
    size_t room = 0;
    if (count < 0) return message(RUNNER_INPUT, "%s: %s", path, strerror(errno));
    const char *slash = *path && path[strlen(path) - 1] == '/' ? "" : "/";
    for (int i = 0; i < count; i++) {
        size_t length = strlen(path) + strlen(entries[i]->d_name) + 2;
        char *name = status ? NULL : malloc(length);
        if (name) snprintf(name, length, "%s%s%s", path, slash, entries[i]->d_name);
        if (!name && !status) status = no_memory(path);
        if (!status && !folder_is(name)) status = add_file(out, &room, name, &reading);
        free(name);
        free(entries[i]);
    }
    free(entries);
    if (!status && !out->count) status = message(RUNNER_INPUT, "%s: the folder holds no files", path);
    out->data = out->file.bytes;
    return status;
}
