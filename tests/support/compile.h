/* Machine code of a graph, in this process: the same object that `lepc build` writes. */
#ifndef TESTS_SUPPORT_COMPILE_H
#define TESTS_SUPPORT_COMPILE_H

#include "backend/jit.h"
#include "backend/lower.h"
#include "passes/pass.h"
#include "runtime/model.h"

typedef struct Compiled {
    Jit *jit;
    const LepModel *model;
    bool fuses; /* some operation is a fused multiply-add: on a target without it, results differ in bits */
} Compiled;

/* The graph of any stage, which is run through what is left of the pipeline; false after an error. */
bool compiled_new(Graph *graph, const PassContext *context, Arena *arena, Compiled *out, Diag *diag);
void compiled_free(Compiled *compiled);
enum { HOST_CPUS = 4 };
/* Which of "x86-64-v3", "x86-64-v4" and, with dot products of bytes, "cascadelake" and "alderlake" this machine runs;
 * how many. */
int host_cpus(const char *cpus[HOST_CPUS]);

#endif
