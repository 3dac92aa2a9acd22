#include "frontend/driver/emit_kind.h"
#include "frontend/driver/report.h"

#include <string.h>
#include <sys/stat.h>

typedef struct Job {
    const EmitRow *row;
    const char *path;
    bool named; /* by --emit=KIND=PATH */
} Job;

enum { MAX_JOBS = 16 };

typedef struct Jobs {
    int count;
    Job at[MAX_JOBS];
} Jobs;

static const Span nowhere = {.name = "lepc"};

static bool is_folder(const char *path)
{
    struct stat info;
    size_t length = strlen(path);
    return (length && path[length - 1] == '/') || (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
}

/* models/mnist.lep -> mnist */
static const char *stem(Arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = strcspn(name, ".");
    return arena_copy_chars(arena, name, length ? length : strlen(name));
}

static bool unknown_kind(Compilation *c, const char *name)
{
    const char *names[16];
    for (int i = 0; i < emit_count; i++) names[i] = emit_table[i].name;
    const char *nearest = diag_nearest(name, names, (size_t)emit_count);
    const char *all = names[0];
    for (int i = 1; i < emit_count; i++)
        all = arena_printf(c->arena, "%s%s%s", all, i + 1 < emit_count ? ", " : " or ", names[i]);
    diag_error(c->diag, E0801, nowhere, "--emit=%s: expected %s", name, all);
    return nearest ? diag_help(c->diag, "did you mean --emit=%s?", nearest) : false;
}

static const char *in_folder(Arena *arena, const char *folder, const char *name, const char *suffix)
{
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    return arena_printf(arena, "%s%s%s%s", folder, slash, name, suffix);
}

/* Where a kind goes: where --emit says, into -o's folder, to -o itself, or to the folder we are in. */
static const char *job_path(const Compilation *c, const EmitRow *row, const char *said)
{
    const Options *o = c->options;
    if (said) return said;
    const char *name = stem(c->arena, o->model);
    if (o->output && is_folder(o->output)) return in_folder(c->arena, o->output, name, row->suffix);
    if (o->output) return o->output;
    return row->is_text ? "-" : arena_printf(c->arena, "%s%s", name, row->suffix);
}

static bool add_job(Compilation *c, Jobs *jobs, const char *text)
{
    const char *equals = strchr(text, '=');
    const char *name = equals ? arena_copy_chars(c->arena, text, (size_t)(equals - text)) : text;
    const EmitRow *row = emit_find(name);
    if (!row) return unknown_kind(c, name);
    if (jobs->count == MAX_JOBS) return diag_error(c->diag, E0801, nowhere, "more than %d kinds of output", MAX_JOBS);
    jobs->at[jobs->count++] = (Job){row, job_path(c, row, equals ? equals + 1 : NULL), equals != NULL};
    return true;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && S_ISREG(first.st_mode) && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

bool would_replace_model(Compilation *c, const char *path)
{
    if (!is_same_file(path, c->options->model)) return false;
    diag_error(c->diag, E0801, nowhere, "%s: the output is the model itself", path);
    return true;
}

static bool paths_are_apart(Compilation *c, const Jobs *jobs)
{
    for (int i = 0; i < jobs->count; i++) {
        if (would_replace_model(c, jobs->at[i].path)) return false;
        for (int k = 0; k < i; k++)
            if (strcmp(jobs->at[i].path, jobs->at[k].path) == 0 && strcmp(jobs->at[i].path, "-") != 0) {
                diag_error(c->diag, E0801, nowhere, "%s and %s would both be written to %s", jobs->at[k].row->name,
                           jobs->at[i].row->name, jobs->at[i].path);
                return diag_help(c->diag, "name a folder, -o OUT/, or a path for each, --emit=%s=PATH",
                                 jobs->at[i].row->name);
            }
    }
    return true;
}

static bool find_jobs(Compilation *c, Jobs *jobs)
{
    const Options *o = c->options;
    for (int i = 0; i < o->emit.count; i++)
        if (!add_job(c, jobs, o->emit.at[i])) return false;
    if (!o->emit.count) {
        const EmitRow *row = o->output && !is_folder(o->output) ? emit_of_path(o->output) : &emit_table[0];
        jobs->at[jobs->count++] = (Job){row, job_path(c, row, NULL), false};
    }
    return paths_are_apart(c, jobs);
}

static EmitNeeds needs_of(const Jobs *jobs)
{
    EmitNeeds most = NEEDS_GRAPH;
    for (int i = 0; i < jobs->count; i++)
        if (jobs->at[i].row->needs > most) most = jobs->at[i].row->needs;
    return most;
}

static bool check_stop(Compilation *c, EmitNeeds needs)
{
    if (!c->options->stop_after || needs == NEEDS_GRAPH) return true;
    return diag_error(c->diag, E0801, nowhere, "--stop-after is for --emit=lep and --emit=dot: code needs all passes");
}

/* --deploy=all, or FILE.lep:all, even when there is only one block */
static bool is_all(const Compilation *c)
{
    const char *chosen = c->options->deploy, *colon = chosen ? strrchr(chosen, ':') : NULL;
    return chosen && strcmp(colon ? colon + 1 : chosen, "all") == 0;
}

/* models/mnist.lep for `nano` -> out/mnist-nano.o */
static bool name_jobs(Compilation *c, const Jobs *jobs, Jobs *out)
{
    const char *folder = c->options->output;
    *out = *jobs;
    if (c->policies.count == 1 && !is_all(c)) return true;
    for (int i = 0; i < jobs->count; i++) {
        if (!folder || !is_folder(folder) || jobs->at[i].named) {
            diag_error(c->diag, E0801, nowhere, "--deploy=all builds several: name a folder");
            return diag_help(c->diag, "as in -o OUT/, and no --emit=KIND=PATH");
        }
        const char *name = arena_printf(c->arena, "%s-%s", stem(c->arena, c->options->model), c->policy->name);
        out->at[i].path = in_folder(c->arena, folder, name, jobs->at[i].row->suffix);
    }
    return paths_are_apart(c, out);
}

static int build_one(Compilation *c, const Jobs *jobs, const Reports *reports)
{
    const Options *o = c->options;
    EmitNeeds needs = needs_of(jobs);
    reports_keep(reports, c);
    if (!compile_passes(c, o->stop_after)) return STATUS_INPUT;
    if (needs == NEEDS_LOOPS && !compile_lower(c)) return STATUS_INPUT;
    int status = needs == NEEDS_LOOPS ? limits_check(c, true) : STATUS_FINE;
    if (status) return status;
    c->header = NULL;
    for (int i = 0; i < jobs->count && !c->header; i++) c->header = emit_header(c, jobs->at[i].row, jobs->at[i].path);
    for (int i = 0; i < jobs->count && !was_interrupted(); i++)
        if (!jobs->at[i].row->write(c, jobs->at[i].path)) return STATUS_INPUT;
    bool lowered = !reports->count || needs == NEEDS_LOOPS || compile_lower(c);
    if (!lowered || !reports_print(reports, c)) return STATUS_INPUT;
    if (needs == NEEDS_LOOPS) target_note(c);
    return STATUS_FINE;
}

int command_build(Driver *driver)
{
    Compilation c = compilation_new(driver);
    Jobs jobs = {0}, named;
    Reports reports;
    if (!find_jobs(&c, &jobs) || !reports_choose(&c, &driver->options.reports, &reports)) return STATUS_USAGE;
    if (!check_stop(&c, needs_of(&jobs))) return STATUS_USAGE;
    if (!compile_load_all(&c, driver->options.model)) return STATUS_INPUT;
    int status = STATUS_FINE;
    if (c.policies.count * jobs.count * 2 > MAX_OUTPUTS) {
        diag_error(c.diag, E0801, nowhere, "%d deploy blocks of %d kinds of output are too many", c.policies.count,
                   jobs.count);
        return STATUS_USAGE;
    }
    for (int i = 0; i < c.policies.count && !status; i++) {
        bool ready = compile_use(&c, &c.policies.at[i]) && name_jobs(&c, &jobs, &named);
        status = ready ? build_one(&c, &named, &reports) : STATUS_INPUT;
    }
    return status;
}

int command_fmt(Driver *driver)
{
    Compilation c = compilation_new(driver);
    if (!compile_parse(&c, driver->options.model)) return STATUS_INPUT;
    const char *path = driver->options.output ? driver->options.output : "-";
    FILE *file = output_open(&driver->outputs, c.arena, path, c.diag);
    if (!file) return STATUS_SYSTEM;
    ast_format(c.ast, file);
    return output_close(&driver->outputs, file, c.diag) ? STATUS_FINE : STATUS_SYSTEM;
}
