/* lepc eval: how good a classifier is on data whose classes are known, by the code that a build makes. */
#include "frontend/driver/externs.h"
#include "frontend/driver/metrics.h"
#include "frontend/driver/weights.h"
#include "runtime/runner/element.h"
#include "runtime/runner/session.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_CLASSES = 4096 };

static const Span nowhere = {.name = "lepc"};

typedef struct Evaluation {
    Compilation *c;
    const LepModel *model;
    const LepPort *output;
    int64_t index; /* of the output */
    Session session;
    Confusion confusion;
    int64_t files;
} Evaluation;

/* The output with a number a class: the first of several elements a row. */
static bool find_output(Evaluation *e)
{
    const LepModel *model = e->model;
    for (e->index = 0; e->index < model->noutputs; e->index++) {
        e->output = &model->outputs[e->index];
        if (port_row_elements(e->output) > 1) break;
    }
    size_t classes = e->index < model->noutputs ? port_row_elements(e->output) : 0;
    if (classes && classes <= MOST_CLASSES && model->ninputs == 1 && e->session.batched) {
        e->confusion = confusion_new(e->c->arena, (int64_t)classes);
        return true;
    }
    diag_error(e->c->diag, E0801, nowhere, "'%s' cannot be judged as a classifier", model->name);
    return diag_help(e->c->diag, "it takes one input and gives a row of 2 to %d numbers for each of its rows",
                     MOST_CLASSES);
}

/* `right`: the class of each row; `stride` 0: one for all. */
static bool judge_rows(Evaluation *e, const Rows *rows, const int64_t *right, int64_t stride)
{
    size_t bytes = port_row_bytes(e->output);
    for (int64_t first = 0; first < rows->count; first += e->session.batch) {
        session_load(&e->session, rows, first / e->session.batch);
        if (session_reset(&e->session) || session_run(&e->session)) return false;
        const char *data = session_output(&e->session, e->index);
        for (int64_t i = 0; i < e->session.batch && first + i < rows->count; i++)
            confusion_add(&e->confusion, right[(first + i) * stride], e->output, data + (size_t)i * bytes);
    }
    return true;
}

static bool judge_file(Evaluation *e, const char *path, int64_t class)
{
    Rows rows = {.count = 0};
    if (rows_read_sized(&rows, path, &e->session.sizes, 0)) return false;
    bool done = judge_rows(e, &rows, &class, 0);
    rows_free(&rows);
    e->files++;
    return done;
}

/* ---- a folder a class ---- */

static int64_t find_class(const Evaluation *e, const char *name)
{
    for (int64_t i = 0; i < e->output->nlabels; i++)
        if (strcmp(e->output->labels[i], name) == 0) return i;
    char *end;
    long long value = strtoll(name, &end, 10);
    return end != name && !*end && value >= 0 && value < e->confusion.classes ? value : -1;
}

static int is_shown(const struct dirent *entry) { return entry->d_name[0] != '.'; }

typedef bool Visit(Evaluation *e, const char *path, const char *name, int64_t class);

/* All entries of a folder in the order of their names. */
static bool each_entry(Evaluation *e, const char *folder, int64_t class, Visit *visit)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_shown, alphasort);
    if (count < 0) return diag_error(e->c->diag, E0501, (Span){.name = folder}, "is not a folder that can be read");
    bool done = true;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        done = done && visit(e, arena_printf(e->c->arena, "%s/%s", folder, name), name, class);
        free(entries[i]);
    }
    free(entries);
    return done;
}

static bool visit_file(Evaluation *e, const char *path, const char *name, int64_t class)
{
    (void)name;
    return judge_file(e, path, class);
}

static bool visit_class(Evaluation *e, const char *path, const char *name, int64_t class)
{
    class = find_class(e, name);
    if (class >= 0) return each_entry(e, path, class, visit_file);
    diag_error(e->c->diag, E0507, (Span){.name = path}, "'%s' is no class of '%s'", name, e->output->name);
    return diag_help(e->c->diag, "folders are called like labels, or by the index of the class");
}

/* ---- rows in a file, answers in another ---- */

static bool judge_pair(Evaluation *e, const char *data, const char *labels)
{
    int64_t *right = NULL, count = 0;
    Rows rows = {.count = 0};
    bool read =
        !rows_read_sized(&rows, data, &e->session.sizes, 0) && !label_file_read(labels, e->output, &right, &count);
    if (read && count != rows.count)
        read = diag_error(e->c->diag, E0507, (Span){.name = labels}, "holds %lld answers for %lld rows",
                          (long long)count, (long long)rows.count);
    bool done = read && judge_rows(e, &rows, right, 1);
    rows_free(&rows);
    free(right);
    e->files++;
    return done;
}

static bool judge_data(Evaluation *e)
{
    const Options *o = e->c->options;
    struct stat info;
    if (stat(o->data, &info) != 0)
        return diag_error(e->c->diag, E0501, (Span){.name = o->data}, "cannot be read: %s", strerror(errno));
    bool folder = S_ISDIR(info.st_mode);
    if (folder == (o->labels != NULL)) {
        diag_error(e->c->diag, E0801, nowhere, folder ? "a folder's own folders are its labels" : "expected --labels");
        return diag_help(e->c->diag, "--data=FOLDER with a folder a class, or --data=FILE --labels=FILE");
    }
    bool done = folder ? each_entry(e, o->data, 0, visit_class) : judge_pair(e, o->data, o->labels);
    return done && (e->confusion.rows || diag_error(e->c->diag, E0507, (Span){.name = o->data}, "holds no data"));
}

/* ---- what is said ---- */

static bool metrics_are_known(Compilation *c)
{
    const char *names[16];
    for (int i = 0; i < metric_count; i++) names[i] = metric_table[i].name;
    for (int i = 0; i < c->options->metrics.count; i++) {
        const char *name = c->options->metrics.at[i];
        if (metric_find(name)) continue;
        const char *nearest = diag_nearest(name, names, (size_t)metric_count);
        diag_error(c->diag, E0801, nowhere, "there is no metric '%s'", name);
        return diag_help(c->diag, nearest ? "did you mean %s?" : "accuracy, top5, precision, recall or f1", nearest);
    }
    return c->options->data || diag_error(c->diag, E0801, nowhere, "expected --data=FOLDER, or FILE with --labels");
}

static void print_metrics(const Evaluation *e)
{
    const TextList *metrics = &e->c->options->metrics;
    printf("%lld rows of %lld files\n", (long long)e->confusion.rows, (long long)e->files);
    for (int i = 0; i < (metrics->count ? metrics->count : 1); i++) {
        const Metric *metric = metric_find(metrics->count ? metrics->at[i] : "accuracy");
        printf("%-12s %.2f %%\n", metric->name, 100 * metric->value(&e->confusion));
    }
    if (e->c->options->per_class) confusion_print(&e->confusion, e->output, stdout);
}

static int evaluate(Evaluation *e)
{
    const Arguments arguments = {.model = e->model};
    const RunnerEngine engine = {.weights = weights_in_memory(e->c)};
    if (session_open(&e->session, e->model, engine.weights ? &engine : NULL, &arguments)) return STATUS_SYSTEM;
    bool done = find_output(e) && judge_data(e);
    session_close(&e->session);
    if (done) print_metrics(e);
    return done ? STATUS_FINE : STATUS_INPUT;
}

int command_eval(Driver *driver)
{
    Compilation c = compilation_new(driver);
    Bytes object;
    if (!metrics_are_known(&c)) return STATUS_USAGE;
    if (!compile_object(&c, driver->options.model, &object)) return STATUS_INPUT;
    Jit *jit = externs_load(&c, &object);
    Evaluation e = {.c = &c, .model = jit ? jit_symbol(jit, "lep_model", c.diag) : NULL};
    int status = e.model ? evaluate(&e) : jit ? STATUS_OURS : STATUS_INPUT;
    if (jit) jit_free(jit);
    return status;
}
