#include "passes/pass.h"

#include <assert.h>
#include <string.h>
#include <time.h>

const Pass pass_table[] = {
#define PASS(name, needs, leaves, required, doc) {#name, needs, leaves, required, pass_##name, doc},
#include "passes/passes.def"
};
const int pass_count = (int)(sizeof pass_table / sizeof *pass_table);

const Pass *pass_find(const char *name)
{
    for (int i = 0; i < pass_count; i++)
        if (!strcmp(pass_table[i].name, name)) return &pass_table[i];
    return NULL;
}

static const Pass *find_or_report(const char *name, Diag *diag)
{
    const char *names[sizeof pass_table / sizeof *pass_table];
    const Pass *pass = pass_find(name);
    if (pass) return pass;
    for (int i = 0; i < pass_count; i++) names[i] = pass_table[i].name;
    diag_error(diag, E0802, (Span){0}, "there is no pass '%s'", name);
    const char *near = diag_nearest(name, names, (size_t)pass_count);
    if (near)
        diag_help(diag, "did you mean '%s'?", near);
    else
        diag_help(diag, "`lepc passes` lists them");
    return NULL;
}

static bool stage_misfit(const Pass *pass, const Graph *graph, Diag *diag)
{
    diag_error(diag, E0604, (Span){0}, "pass '%s' works on a graph of stage %s, this one is %s", pass->name,
               stage_name(pass->needs), stage_name(graph->stage));
    return pass->needs < graph->stage ? diag_help(diag, "it has been past that stage; start from an earlier dump")
                                      : diag_help(diag, "run the passes that lead there first; `lepc passes` has them "
                                                        "in order");
}

/* A core graph that nobody asked to quantise has the storage types that it will have. */
static bool stage_fits(const Pass *pass, const Graph *graph)
{
    return graph->stage == pass->needs || (graph->stage == STAGE_CORE && pass->needs == STAGE_QUANTISED);
}

/* One pass, then the verifier. */
static bool pass_apply(const Pass *pass, Graph *graph, const PassContext *context, Diag *diag)
{
    if (!stage_fits(pass, graph)) return stage_misfit(pass, graph, diag);
    if (!pass->run(graph, context, diag)) return false;
    graph->stage = pass->leaves;
    bool sound = graph_verify(graph, diag);
    if (!sound) { /* our fault: the graph was sound before */
        diag_print(diag, stderr, false);
        fprintf(stderr, "lepc: the graph is broken after pass '%s'\n", pass->name);
    }
    assert(sound);
    return true;
}

static double seconds_now(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool apply_timed(const Pass *pass, Graph *graph, const PassContext *context, PassVisit *visit, void *visitor,
                        Diag *diag)
{
    double start = seconds_now();
    bool ok = pass_apply(pass, graph, context, diag);
    if (ok && visit) visit(visitor, pass, graph, seconds_now() - start);
    return ok;
}

bool pass_is_wanted(const Pass *pass, const PassContext *context)
{
    if (pass->required) return true;
    if (context->level < 1) return false;
    for (const char *const *name = context->disabled; name && *name; name++)
        if (!strcmp(*name, pass->name)) return false;
    return true;
}

bool pass_pipeline(Graph *graph, const PassContext *context, const char *last, PassVisit *visit, void *visitor,
                   Diag *diag)
{
    const Pass *stop = last ? find_or_report(last, diag) : &pass_table[pass_count - 1];
    if (!stop) return false;
    if (last && stop->needs < graph->stage) return stage_misfit(stop, graph, diag);
    for (const Pass *pass = pass_table; pass <= stop; pass++)
        if (pass->needs == graph->stage && pass_is_wanted(pass, context) &&
            !apply_timed(pass, graph, context, visit, visitor, diag))
            return false;
    return true;
}

bool pass_list(Graph *graph, const char *names, const PassContext *context, PassVisit *visit, void *visitor, Diag *diag)
{
    if (strcmp(names, "none") == 0) return true;
    while (*names) {
        size_t length = strcspn(names, ",");
        const Pass *pass = find_or_report(arena_copy_chars(diag->arena, names, length), diag);
        if (!pass || !apply_timed(pass, graph, context, visit, visitor, diag)) return false;
        names += length + (names[length] == ',');
    }
    return true;
}
