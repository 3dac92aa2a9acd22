/* Calibration data: files, folders or patterns, read as the runner reads its inputs. */
#include "frontend/driver/policy.h"
#include "frontend/driver/reference.h"
#include "ir/op.h"
#include "runtime/runner/element.h"
#include "runtime/runner/read.h"

#include <dirent.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct Paths {
    const char **at;
    size_t count, room;
} Paths;

static void add_path(Arena *arena, Paths *paths, const char *path)
{
    paths->at = arena_grow(arena, paths->at, paths->count, &paths->room, sizeof *paths->at);
    paths->at[paths->count++] = arena_copy_string(arena, path);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_folder(Arena *arena, Paths *paths, const char *folder)
{
    DIR *dir = opendir(folder);
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            add_path(arena, paths, arena_printf(arena, "%s%s%s", folder, slash, entry->d_name));
    if (dir) closedir(dir);
}

static void add_pattern(Arena *arena, Paths *paths, const char *pattern)
{
    glob_t found;
    int status = glob(pattern, GLOB_NOSORT, NULL, &found);
    for (size_t i = 0; status == 0 && i < found.gl_pathc; i++) add_path(arena, paths, found.gl_pathv[i]);
    if (status == 0) globfree(&found);
    if (status == GLOB_NOSPACE) arena_exhausted(arena);
}

/* The files that a row names, in the order of their names. */
static bool find_files(Compilation *c, const CalibrateRow *row, Paths *paths)
{
    struct stat info;
    bool there = stat(row->path, &info) == 0, folder = there && S_ISDIR(info.st_mode);
    size_t before = paths->count;
    if (folder)
        add_folder(c->arena, paths, row->path);
    else if (!there && strpbrk(row->path, "*?["))
        add_pattern(c->arena, paths, row->path);
    else
        add_path(c->arena, paths, row->path);
    if (paths->count > before) {
        qsort(paths->at + before, paths->count - before, sizeof *paths->at, compare_paths);
        return true;
    }
    diag_error(c->diag, E0501, row->at, folder ? "the folder '%s' holds no files" : "no file matches '%s'", row->path);
    return diag_help(c->diag, "calibration data are inputs of the model: .npy, IDX, .raw or pictures");
}

/* Rows of one input. */
typedef struct Collected {
    unsigned char *data;
    int64_t rows;
    size_t used, room;
} Collected;

static void add_rows(Arena *arena, Collected *out, const Rows *rows, const LepPort *port, int64_t most)
{
    size_t bytes = port_row_bytes(port);
    int64_t take = rows->count < most ? rows->count : most;
    for (int64_t i = 0; i < take; i++) {
        const unsigned char *from = rows->data + (size_t)(rows->count * i / take) * bytes;
        while (!out->data || out->used + bytes > out->room) {
            size_t filled = out->room; /* arena_grow doubles what is full */
            out->data = arena_grow(arena, out->data, filled, &out->room, 1);
        }
        memcpy(out->data + out->used, from, bytes);
        out->used += bytes;
        out->rows++;
    }
}

/* Of many files, and of many rows in a file, some that are spread evenly: data often lie sorted by class. */
static bool read_files(Compilation *c, const Paths *paths, const LepPort *port, Span at, Collected *out)
{
    int64_t batch = port_batch(port), most = c->policy->samples;
    most = (most + batch - 1) / batch * batch;
    int64_t files = (int64_t)paths->count < most ? (int64_t)paths->count : most;
    for (int64_t i = 0; i < files && out->rows < most; i++) {
        const char *path = paths->at[(int64_t)paths->count * i / files];
        Rows rows;
        if (rows_read(&rows, path, port)) {
            diag_error(c->diag, E0507, at, "'%s' cannot be used to calibrate '%s'", path, port->name);
            return diag_help(c->diag, "it must be what `lepc run --input %s=FILE` takes", port->name);
        }
        int64_t room = most - out->rows, share = (most + files - 1) / files;
        add_rows(c->arena, out, &rows, port, share < room ? share : room);
        rows_free(&rows);
    }
    if (out->rows >= batch) return true;
    diag_error(c->diag, E0507, at, "%lld rows are too few to calibrate '%s', which takes %lld at a time",
               (long long)out->rows, port->name, (long long)batch);
    return diag_help(c->diag, "add data, or compile with a smaller --dim");
}

static bool read_input(Compilation *c, const LepPort *port, bool only, Collected *out)
{
    Paths paths = {0};
    const CalibrateRow *last = NULL;
    for (int i = 0; i < c->policy->ncalibrate; i++) {
        const CalibrateRow *row = &c->policy->calibrate[i];
        if (row->input ? strcmp(row->input, port->name) != 0 : !only) continue;
        if (!find_files(c, row, &paths)) return false;
        last = row;
    }
    if (!last && !port->bytes) return true;
    if (last) return read_files(c, &paths, port, last->at, out);
    diag_error(c->diag, E0403, c->policy->calibrate[0].at, "there is no calibration data of the input '%s'",
               port->name);
    return diag_help(c->diag, "name data of every input: \"data.npy\" input: %s", port->name);
}

static bool same_counts(Compilation *c, const LepModel *model, const Collected *inputs, int64_t *count)
{
    *count = inputs[0].rows / port_batch(&model->inputs[0]);
    for (int64_t i = 1; i < model->ninputs; i++) {
        if (!inputs[i].data) continue;
        if (inputs[i].rows / port_batch(&model->inputs[i]) == *count) continue;
        diag_error(c->diag, E0507, c->policy->calibrate[0].at,
                   "calibration data has %lld rows of '%s', but %lld of '%s'", (long long)inputs[0].rows,
                   model->inputs[0].name, (long long)inputs[i].rows, model->inputs[i].name);
        return diag_help(c->diag, "rows of all inputs belong together, one by one");
    }
    return true;
}

bool samples_read(Compilation *c)
{
    c->samples = NULL;
    if (!c->policy || !c->policy->ncalibrate || c->graph->stage > STAGE_CORE) return true;
    const LepModel *model = &reference_new(c->graph)->model;
    Collected *inputs = ARENA_ARRAY(c->arena, Collected, model->ninputs);
    int64_t count;
    for (int64_t i = 0; i < model->ninputs; i++)
        if (!read_input(c, &model->inputs[i], model->ninputs == 1, &inputs[i])) return false;
    if (!same_counts(c, model, inputs, &count)) return false;
    Samples *samples = ARENA_NEW(c->arena, Samples);
    Tensor *tensors = ARENA_ARRAY(c->arena, Tensor, count * model->ninputs);
    int input = 0;
    for (const Node *node = c->graph->first; node; node = node->next) {
        if (node->op != OP_input) continue;
        for (int64_t i = 0; i < count; i++)
            tensors[i * model->ninputs + input] =
                (Tensor){node->types[0], inputs[input].data + (size_t)(i * type_bytes(&node->types[0]))};
        input++;
    }
    *samples = (Samples){.count = count, .ninputs = input, .tensors = tensors};
    c->samples = samples;
    return true;
}
