/* A model with its buffers: each exactly as large as its port, and an aligned arena. */
#ifndef RUNNER_SESSION_H
#define RUNNER_SESSION_H

#include "runtime/runner/arguments.h"
#include "runtime/runner/read.h"
#include "runtime/runner/runner.h"
#include "runtime/runner/sizes.h"
#include "runtime/weights.h"

typedef struct Session {
    const LepModel *model;
    const RunnerEngine *engine; /* NULL: the model's own code */
    const Arguments *arguments;
    void **bases;               /* inputs, outputs, arena, weights, context, sizes */
    void *arena, *context;      /* as malloc gave them */
    struct lep_pool *pool;      /* NULL: one thread */
    struct lep_weights weights; /* mapped ones, or zeros */
    RunSizes sizes;             /* `model` is theirs: a session stays where it was opened */
    int64_t *table;             /* the sizes of the run at hand, as the model reads them */
    bool batched;               /* every port's first dim counts rows, and is the same */
    int64_t batch;
} Session;

int session_open(Session *out, const LepModel *model, const RunnerEngine *engine, const Arguments *arguments);
void session_close(Session *session);
const void *session_output(const Session *session, int64_t index);

/* What the model keeps becomes what it was at first. */
int session_reset(const Session *session);
/* Copies rows [first, first + batch) of each input into its buffer; past the end they are zero.
 * rows[] holds one of each input; one without data leaves the buffer as it is. */
void session_load(const Session *session, const Rows *rows, int64_t first);
/* Seeded values for an input that no file was given for: bytes of any value, or numbers in [-1, 1). */
void session_fill(const Session *session, int64_t input);
int session_run(const Session *session);

/* The last base, where the model wants one. */
int session_load_weights(Session *session);

/* Refuses code for a processor that this one is not: better than an illegal instruction. */
int cpu_check(const LepModel *model);

#endif
