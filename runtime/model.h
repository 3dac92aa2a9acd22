/* The description of a compiled model that a standalone binary carries: what its
 * ports are called, and the steps that it runs.  backend/info.c writes it; this
 * header is the layout.  Read by runtime/runner, also inside `lepc run`. */
#ifndef RUNTIME_MODEL_H
#define RUNTIME_MODEL_H

#include "runtime/lep.h"

#include <stdint.h>

enum { LEP_MODEL_VERSION = 6, LEP_MAX_RANK = 8 };

/* Order of ir/dtype.def. */
enum lep_dtype {
    LEP_F32,
    LEP_F64,
    LEP_F16,
    LEP_BF16,
    LEP_I8,
    LEP_I16,
    LEP_I32,
    LEP_I64,
    LEP_U8,
    LEP_U16,
    LEP_U32,
    LEP_U64,
    LEP_BOOL,
    LEP_F8E4M3FN,
    LEP_F8E4M3FNUZ,
    LEP_F8E5M2,
    LEP_F8E5M2FNUZ,
    LEP_F8E8M0,
    LEP_F4E2M1,
    LEP_I4,
    LEP_U4,
    LEP_I2,
    LEP_U2
};

/* A bounded dim, whose size the caller chooses; or (counted not 0) that a run counts. */
typedef struct LepSize {
    const char *name;
    int64_t low, high, counted;
} LepSize;

/* How an axis follows one: (factor * sizes[size] + base) / divisor. */
typedef struct LepForm {
    int64_t size; /* -1: it is fixed */
    int64_t factor, base, divisor;
} LepForm;

typedef struct LepPort {
    const char *name;
    int32_t dtype, rank;
    int64_t dim[LEP_MAX_RANK]; /* at most; buffers are dense for the sizes of the run */
    int64_t bytes;             /* at most */
    const char *const *labels; /* of the last dim; NULL: none */
    int64_t nlabels;
    const LepForm *forms; /* one an axis; NULL: all are fixed */
} LepPort;

/* bases: the inputs' buffers, the outputs', the arena, the weights where they are not the code's own section, the
 * context where something is kept, and where dims are bounded the table of their sizes: int64_t[nsizes], those that a
 * run counts written by it. */
typedef void LepStepRun(void *const *bases, const struct lep_pool *pool);

/* A result of real numbers that a step leaves in memory. */
typedef struct LepResult {
    const char *name;
    int64_t base, offset; /* which of the bases, and bytes to the first element */
    int32_t dtype, rank;
    int64_t dim[LEP_MAX_RANK], stride[LEP_MAX_RANK]; /* stride: in elements */
} LepResult;

typedef struct LepStep {
    const char *name;   /* the layer's path */
    const char *source; /* "mnist.lep:9", may be "" */
    LepStepRun *run;
    double multiply_adds, bytes_read, bytes_written;
    int64_t nresults;
    const LepResult *results;
} LepStep;

typedef struct LepModel {
    int64_t version;
    /* doc: never NULL.  target: its name, then each feature that the code needs, as in "x86-64-v3 +avx2,+fma,+bmi2":
     * the runner refuses a processor that lacks one. */
    const char *name, *doc, *compiler, *target;
    int64_t ninputs, noutputs, nsteps;
    const LepPort *inputs, *outputs;
    const LepStep *steps;
    int64_t arena_bytes, arena_align, constant_bytes;
    int (*run)(void *const *bases, const struct lep_pool *pool); /* LEP_OK or an error */
    int64_t threads;                                             /* that have work at the same time at most */
    const void *weights; /* the last base, when it is in the program; else NULL */
    const char
        *weights_file;     /* a block of runtime/weights.h: a file beside the program, or "" for its own end; or NULL */
    uint64_t weights_hash; /* of that file */
    int64_t state_bytes;   /* of the context: what is kept from one run to the next; aligned as the arena is */
    int (*reset)(void *context); /* NULL when nothing is kept */
    int64_t nsizes;
    const LepSize *sizes;
} LepModel;

#endif
