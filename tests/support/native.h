/* Graphs made in a test, compiled and run in this process beside the reference. */
#ifndef TESTS_SUPPORT_NATIVE_H
#define TESTS_SUPPORT_NATIVE_H

#include "ir/op.h"
#include "passes/pass.h"

/* A graph being made by a test. */
typedef struct Sketch {
    Arena *arena;
    Diag *diag;
    Graph *graph;
} Sketch;

Sketch sketch_new(Arena *arena, const char *name);
Value sketch_input(Sketch *s, Dtype dtype, int rank, const int64_t *dims);
/* A param of values that are drawn from its name. */
Value sketch_param(Sketch *s, Dtype dtype, int rank, const int64_t *dims);
Value sketch_number(Sketch *s, Dtype dtype, double value);
/* attrs NULL: the defaults.  Stops the test when the operator is refused. */
Value sketch_op(Sketch *s, Op op, const void *attrs, int ninputs, const Value *inputs);
void sketch_output(Sketch *s, Value value);

#define DIMS(...)                                                                                                      \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]) { __VA_ARGS__ }
#define OPERANDS(...)                                                                                                  \
    (int)(sizeof((Value[]){__VA_ARGS__}) / sizeof(Value)), (const Value[]) { __VA_ARGS__ }

/* Elements small enough that nothing overflows, with zeros of both signs among floats. */
void fill_tensor(Tensor *tensor, uint32_t seed);

/* Whether this machine runs code of "x86-64-v3", "x86-64-v4", ... */
bool native_runs(const char *cpu);
/* A copy of the graph compiled for `cpu` with the passes of the level under strict, run on drawn inputs: whether every
 * result has the bits of eval's.  Says on stderr what differs. */
bool native_agrees(const Graph *graph, const char *cpu, int level);
/* Fails the test unless it agrees on each of "x86-64-v3" and "x86-64-v4" that runs here, at -O0 and -O2. */
void sketch_check(const Sketch *s);

#endif
