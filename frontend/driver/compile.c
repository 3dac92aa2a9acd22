#include "frontend/driver/externs.h"

#include "frontend/driver/policy.h"
#include "frontend/driver/weights.h"
#include "frontend/schedules.h"
#include "ir/op.h"
#include "passes/pass.h"
#include "passes/report_memory.h"

#include <string.h>
#include <time.h>

/* Text of a model: weights are in files of their own. */
static const size_t largest_text = 64 << 20;

Compilation compilation_new(Driver *driver)
{
    return (Compilation){.driver = driver, .arena = driver->arena, .diag = &driver->diag, .options = &driver->options};
}

bool has_suffix(const char *path, const char *suffix)
{
    size_t a = strlen(path), b = strlen(suffix);
    return a >= b && strcmp(path + a - b, suffix) == 0;
}

bool compile_parse(Compilation *c, const char *path)
{
    if (has_suffix(path, ".tflite"))
        return diag_error(c->diag, E0801, (Span){.name = path}, "this version of lepc reads .lep and .onnx only");
    if (has_suffix(path, ".onnx")) { /* no text: no deploy blocks, no stage */
        c->source = source_from_text(c->arena, path, "");
        c->ast = ARENA_NEW(c->arena, Ast);
        c->ast->source = c->source;
        return true;
    }
    c->source = source_read(c->arena, path, largest_text, c->diag);
    if (c->source) c->ast = ast_parse(c->arena, c->source, c->diag);
    return c->ast != NULL;
}

/* Those of --stop-after, --after and --disable-pass. */
static bool pass_names_are_right(const Compilation *c)
{
    const char *names[64];
    for (int i = 0; i < pass_count; i++) names[i] = pass_table[i].name;
    for (int i = -1; i < c->options->disabled.count; i++) {
        const char *name = i < 0 ? c->options->stop_after : c->options->disabled.at[i];
        const Pass *pass = name ? pass_find(name) : NULL;
        if (name && !pass) {
            const char *nearest = diag_nearest(name, names, (size_t)pass_count);
            diag_error(c->diag, E0802, (Span){.name = "lepc"}, "there is no pass '%s'", name);
            diag_help(c->diag, nearest ? "did you mean '%s'?" : "`lepc passes` lists them", nearest);
        } else if (i >= 0 && pass->required)
            diag_error(c->diag, E0802, (Span){.name = "lepc"}, "pass '%s' cannot be left out: code needs it", name);
    }
    return c->diag->errors == 0;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* A step beside the passes, for --time-passes. */
static bool timed(const Compilation *c, const char *step, double start, bool done)
{
    if (c->options->time_passes) fprintf(stderr, "%-12s %9.3f ms\n", step, 1e3 * (now() - start));
    return done;
}

/* Of --schedule; anew for each build, which marks what it used. */
static bool schedules_load(Compilation *c)
{
    const char *path = c->options->schedule;
    if (!path) return true;
    if (c->graph->stage >= STAGE_SCHEDULED) {
        diag_error(c->diag, E0604, (Span){.name = c->source->path}, "the schedules of this dump are chosen already");
        return diag_help(c->diag, "--schedule=FILE is for a model, or a dump from before the pass 'schedule'");
    }
    const Source *source = source_read(c->arena, path, largest_text, c->diag);
    const Ast *ast = source ? ast_parse(c->arena, source, c->diag) : NULL;
    c->schedules = ARENA_NEW(c->arena, GivenSchedules);
    c->driver->from_dump = true; /* what does not fit is the user's */
    return ast && schedules_read(c->arena, ast, c->schedules, c->diag);
}

bool compile_use(Compilation *c, const Policy *policy)
{
    c->policy = policy;
    if (c->policies.count > 1 || policy->limit.data) c->graph = graph_clone(c->arena, c->loaded);
    return target_choose(c) && regions_check(c) && samples_read(c) && schedules_load(c);
}

static Graph *read_graph(Compilation *c, const char *path)
{
    ElaborateOptions options = {.dims = c->options->dims.at, .ndims = c->options->dims.count};
    if (has_suffix(path, ".onnx"))
        compile_import(c, path);
    else
        c->graph = elaborate(c->arena, c->ast, &options, c->diag);
    return c->graph;
}

bool compile_load_all(Compilation *c, const char *path)
{
    double start = now();
    if (!pass_names_are_right(c)) return false;
    bool parsed = compile_parse(c, path), known = parsed && policies_read(c);
    if (!known || c->policies.count == 1) {
        c->policy = known ? c->policies.at : NULL;
        known = target_choose(c) && known; /* what is wrong with it is said beside what is wrong with the text */
    }
    if (!parsed) return false;
    c->driver->from_dump = c->ast->stage != NULL; /* also while it is read */
    c->loaded = read_graph(c, path);
    if (!c->graph || !policies_check(c) || c->diag->errors || !known) return false;
    return timed(c, "read", start, true);
}

bool compile_load(Compilation *c, const char *path)
{
    if (!compile_load_all(c, path)) return false;
    if (c->policies.count == 1) return compile_use(c, c->policies.at);
    return diag_error(c->diag, E0801, (Span){.name = "lepc"}, "--deploy=all is for `lepc build`: choose one block");
}

typedef struct PassTimes {
    double total;
} PassTimes;

static void print_time(void *context, const Pass *pass, const Graph *graph, double seconds)
{
    PassTimes *times = context;
    int nodes = 0;
    for (const Node *node = graph->first; node; node = node->next) nodes++;
    times->total += seconds;
    fprintf(stderr, "%-12s %9.3f ms  %5d nodes\n", pass->name, 1e3 * seconds, nodes);
}

PassContext compile_context(const Compilation *c)
{
    const Options *o = c->options;
    return (PassContext){.target = &c->target,
                         .fast = o->fp == FP_FAST,
                         .level = o->level,
                         .small = o->small,
                         .threads = policy_threads(c),
                         .policy = c->policy,
                         .samples = c->samples,
                         .schedules = c->schedules,
                         .disabled = o->disabled.count ? o->disabled.at : NULL};
}

bool compile_passes(Compilation *c, const char *last)
{
    const Options *o = c->options;
    bool interprets = c->policy && (c->policy->nquant || c->policy->limit.data);
    if (interprets && !externs_are_absent(c, "calibration")) return false;
    PassContext context = compile_context(c);
    PassTimes times = {0};
    PassVisit *visit = o->time_passes ? print_time : NULL;
    bool done = o->passes ? pass_list(c->graph, o->passes, &context, visit, &times, c->diag)
                          : pass_pipeline(c->graph, &context, last, visit, &times, c->diag);
    if (done && o->time_passes) fprintf(stderr, "%-12s %9.3f ms\n", "all passes", 1e3 * times.total);
    return done;
}

bool compile_lower(Compilation *c)
{
    if (c->graph->stage != STAGE_PLANNED) {
        diag_error(c->diag, E0604, (Span){.name = c->source->path}, "code needs a graph of stage planned, found %s",
                   stage_name(c->graph->stage));
        return diag_help(c->diag, "--passes must end with fuse,schedule,plan; or print the graph with --emit=lep");
    }
    double start = now();
    c->code.data = NULL;
    return timed(c, "lower", start, lower_graph(c->graph, &c->target, &c->program, c->diag));
}

static EmitOptions emit_options(const Compilation *c, bool runner)
{
    const Options *o = c->options;
    return (EmitOptions){
        .target = &c->target, .level = o->level, .small = o->small, .debug = o->debug, .runner = runner};
}

/* What code depends on besides the loop nests. */
static const char *weights_text(const Compilation *c)
{
    const LoopProgram *p = &c->program;
    return arena_printf(c->arena, "%d %s %llx", (int)p->weights, p->weights_file ? p->weights_file : "",
                        (unsigned long long)p->weights_hash);
}

/* The object of the program, without description and weights; generated once. */
static bool make_code(Compilation *c)
{
    EmitOptions options = emit_options(c, false);
    const char *weights = weights_text(c);
    if (c->code.data && !strcmp(c->code_weights, weights)) return true;
    c->code_weights = weights;
    if (emit_code(&c->program, &options, &c->code, &c->code_sizes, c->diag)) return true;
    c->code.data = NULL;
    return false;
}

static bool emit_object(Compilation *c, Bytes *out)
{
    EmitOptions options = emit_options(c, false);
    if (!make_code(c)) return false;
    *out = c->code;
    return emit_add_weights(&c->program, &options, out, c->diag);
}

bool compile_emit(Compilation *c, EmitKind kind, bool runner, Bytes *out)
{
    const Options *o = c->options;
    EmitOptions options = emit_options(c, runner);
    if (o->verbose)
        fprintf(stderr, "lepc: code for %s, vectors of %d bits\n", c->target.name, 8 * c->target.vector_bytes);
    double start = now();
    bool plain = kind == EMIT_OBJECT && !runner;
    bool done = plain ? emit_object(c, out) : emit_program(&c->program, &options, kind, out, c->diag);
    return timed(c, "code", start, done);
}

bool compile_measure(Compilation *c, Sizes *out)
{
    if (!make_code(c)) return false;
    MemoryTotals totals = memory_totals(c->graph);
    out->emitted = c->code_sizes;
    out->arena = totals.arena;
    out->constants = totals.constants;
    out->state = c->program.state_bytes;
    out->flash = out->constants + out->emitted.code + out->emitted.data;
    out->ram = out->arena + out->emitted.stack + out->state;
    return true;
}

bool compile_sizes(Compilation *c)
{
    Sizes sizes;
    if (!compile_measure(c, &sizes)) return false;
    sizes_print(c, &sizes, stdout);
    return true;
}

bool compile_object(Compilation *c, const char *path, Bytes *out)
{
    if (!compile_load(c, path) || !compile_passes(c, NULL) || !compile_lower(c)) return false;
    weights_choose(c, PLACE_MEMORY);
    return compile_emit(c, EMIT_OBJECT, true, out);
}
