/* Whether what a build takes is more than it may. */
#include "frontend/driver/compile.h"
#include "frontend/driver/reference.h"
#include "runtime/runner/element.h"
#include "runtime/runner/results.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* ---- accuracy ---- */

/* Judged by the reference, whose bits the code of 8-bit layers has, on so many rows at most. */
enum { MOST_JUDGED = 1000 };

/* The output that labels are for: the first of several elements a row. */
static int64_t judged_output(const LepModel *model)
{
    for (int64_t i = 0; i < model->noutputs; i++)
        if (port_row_elements(&model->outputs[i]) > 1) return i;
    return 0;
}

/* How many of the first `count` rows the graph gets right; -1 after a message. */
static int64_t count_right(const Graph *graph, const Rows *rows, const int64_t *labels, int64_t count)
{
    const Reference *reference = reference_new(graph);
    const Arguments arguments = {.model = &reference->model};
    Session session;
    if (session_open(&session, &reference->model, &reference->engine, &arguments)) return -1;
    int64_t output = judged_output(&reference->model), right = 0, batch = port_batch(&reference->model.inputs[0]);
    const LepPort *port = &reference->model.outputs[output];
    for (int64_t first = 0; first + batch <= count && right >= 0; first += batch) {
        session_load(&session, rows, first / batch);
        if (session_reset(&session) || session_run(&session)) right = -1;
        const char *data = session_output(&session, output);
        for (int64_t i = 0; i < batch && right >= 0; i++)
            right += row_best(port, data + (size_t)i * port_row_bytes(port)) == labels[first + i];
    }
    session_close(&session);
    return right;
}

/* Right answers before and after, of so many rows. */
typedef struct Score {
    int64_t before, after, count;
} Score;

static bool add_score(const Compilation *c, const Rows *rows, const int64_t *labels, int64_t count, Score *score)
{
    int64_t before = count_right(c->loaded, rows, labels, count), after = count_right(c->graph, rows, labels, count);
    score->before += before;
    score->after += after;
    score->count += count;
    return before >= 0 && after >= 0;
}

static bool score_file(const Compilation *c, const LepModel *model, Score *score)
{
    const Limits *limit = &c->policy->limit;
    int64_t *labels = NULL, nlabels = 0;
    Rows rows = {.count = 0};
    bool read = limit->labels && !rows_read(&rows, limit->data, &model->inputs[0]) &&
                !label_file_read(limit->labels, &model->outputs[judged_output(model)], &labels, &nlabels);
    int64_t count = nlabels < rows.count ? nlabels : rows.count;
    read = read && add_score(c, &rows, labels, count < MOST_JUDGED ? count : MOST_JUDGED, score);
    rows_free(&rows);
    free(labels);
    return read;
}

/* ---- a folder a class, called like its label or by its index ---- */

static int64_t find_class(const LepPort *port, const char *name)
{
    char *end;
    for (int64_t i = 0; i < port->nlabels; i++)
        if (!strcmp(port->labels[i], name)) return i;
    long long index = strtoll(name, &end, 10);
    return end != name && !*end && index >= 0 && index < (long long)port_row_elements(port) ? index : -1;
}

/* As many rows of each class as make MOST_JUDGED together. */
static bool score_class(const Compilation *c, const LepModel *model, const char *name, int64_t most, Score *score)
{
    int64_t class = find_class(&model->outputs[judged_output(model)], name);
    Rows rows = {.count = 0};
    const char *path = arena_printf(c->arena, "%s/%s", c->policy->limit.data, name);
    bool read = class >= 0 && !rows_read(&rows, path, &model->inputs[0]);
    int64_t count = rows.count < most ? rows.count : most;
    int64_t *labels = ARENA_ARRAY(c->arena, int64_t, count + 1);
    for (int64_t i = 0; i < count; i++) labels[i] = class;
    read = read && add_score(c, &rows, labels, count, score);
    rows_free(&rows);
    return read;
}

static int is_shown(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static bool score_folder(const Compilation *c, const LepModel *model, Score *score)
{
    struct dirent **entries;
    int count = scandir(c->policy->limit.data, &entries, is_shown, alphasort);
    if (count < 0) return false;
    bool read = true;
    for (int i = 0; i < count; i++) {
        read = read && score_class(c, model, entries[i]->d_name, MOST_JUDGED / count + 1, score);
        free(entries[i]);
    }
    free(entries);
    return read;
}

static int judge(Compilation *c, const Score *score)
{
    const Limits *limit = &c->policy->limit;
    double drop = (double)(score->before - score->after) / (double)score->count;
    if (drop <= limit->accuracy_drop) return STATUS_FINE;
    diag_error(c->diag, E0703, limit->at, "accuracy: %lld of %lld right, %lld before: %.2f points lost, at most %.2f",
               (long long)score->after, (long long)score->count, (long long)score->before, 100 * drop,
               100 * limit->accuracy_drop);
    diag_help(c->diag, "keep the layers that lose most as they are: quantize: LAYER to: f32");
    return STATUS_LIMIT;
}

static int check_accuracy(Compilation *c)
{
    const Limits *limit = &c->policy->limit;
    const LepModel *model = &reference_new(c->loaded)->model;
    Score score = {.count = 0};
    if (!limit->data) return STATUS_FINE;
    bool folder = !limit->labels;
    bool read = model->ninputs == 1 && (folder ? score_folder : score_file)(c, model, &score) && score.count > 0;
    if (read) return judge(c, &score);
    diag_error(c->diag, E0507, limit->at, "accuracy_drop: the data cannot be used to judge '%s'", c->graph->name);
    diag_help(c->diag, "data: rows of the model's only input with labels: the right answer of each, or a folder with a "
                       "folder a class");
    return STATUS_INPUT;
}

int limits_check(Compilation *c, bool table)
{
    int bytes = c->policy ? limits_of_bytes(c, table) : STATUS_FINE,
        accuracy = c->policy ? check_accuracy(c) : STATUS_FINE;
    return bytes ? bytes : accuracy;
}
