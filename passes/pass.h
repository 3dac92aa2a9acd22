/* A pass changes a graph and keeps it true to graph_verify.  passes.def lists
 * them in the order in which a build runs them. */
#ifndef PASSES_PASS_H
#define PASSES_PASS_H

#include "ir/graph.h"
#include "ir/policy.h"
#include "ir/target.h"

typedef struct PassContext {
    const Target *target;
    bool fast;                        /* REASSOC rules and inexact schedules are allowed */
    int level;                        /* -O0 .. -O3: 0 runs only what is required */
    bool small;                       /* -Os */
    int threads;                      /* that run a model side by side at most; 0 and 1: no code for a pool */
    const char *const *disabled;      /* names of optional passes to leave out, NULL-ended, or NULL */
    const Policy *policy;             /* what to quantise and prune, or NULL */
    const Samples *samples;           /* calibration data, or NULL */
    struct GivenSchedules *schedules; /* to be obeyed (ir/schedule.h), or NULL */
} PassContext;

typedef bool PassRun(Graph *graph, const PassContext *context, Diag *diag);

typedef struct Pass {
    const char *name;
    Stage needs, leaves; /* runs on graphs of stage `needs`, which it makes `leaves` */
    bool required;
    PassRun *run;
    const char *doc;
} Pass;

extern const Pass pass_table[];
extern const int pass_count;

/* NULL when there is none of that name. */
const Pass *pass_find(const char *name);

/* Called after each pass: for --time-passes and dump. */
typedef void PassVisit(void *context, const Pass *pass, const Graph *graph, double seconds);

/* Required, or optional and neither below its level nor disabled. */
bool pass_is_wanted(const Pass *pass, const PassContext *context);
/* The rows of the table that fit the graph's stage and the context, in order, up to and with `last` (NULL: all). */
bool pass_pipeline(Graph *graph, const PassContext *context, const char *last, PassVisit *visit, void *visitor,
                   Diag *diag);
/* "simplify,dce": just these, in this order; "none": no pass.  E0802 with the nearest name. */
bool pass_list(Graph *graph, const char *names, const PassContext *context, PassVisit *visit, void *visitor,
               Diag *diag);

#define PASS(name, needs, leaves, required, doc) PassRun pass_##name;
#include "passes/passes.def"

#endif
