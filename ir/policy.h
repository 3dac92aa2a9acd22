/* What a `deploy` block, or the flags that beat it, ask of a build: data that the front end fills and the passes
 * read.  A layer is named by its path; it means the layer with parameters that is called so, or all below that path. */
#ifndef IR_POLICY_H
#define IR_POLICY_H

#include "ir/diag.h"
#include "ir/tensor.h"

/* quantize: LAYER to: DTYPE(per: channel | tensor).  Later rows beat earlier ones; "all" is every layer. */
typedef struct QuantRow {
    const char *layer;
    Dtype to; /* I8, or F32: this layer stays as it is */
    bool per_channel;
    Span at;
} QuantRow;

/* calibrate: how an activation's range follows from what the calibration data showed. */
typedef enum CalibrationMethod { CALIBRATE_MIN_MAX, CALIBRATE_PERCENTILE } CalibrationMethod;

/* prune: LAYER sparsity: 75% block: 1x4, or keep: 2 of: 4 (the `keep` largest of each `of` along the reduction). */
typedef struct PruneRow {
    const char *layer;
    double sparsity;                   /* share of zeros, 0 .. 1; of patterns 1 - keep / of */
    int64_t block_rows, block_columns; /* inputs x outputs that are kept or dropped together; 1x1: each by itself */
    int64_t keep, of;                  /* N:M, 0 when unstructured or in blocks */
    Span at;
} PruneRow;

/* calibrate: a file, a folder or a pattern, resolved; the rows in it are values of one input. */
typedef struct CalibrateRow {
    const char *input; /* NULL: the only one */
    const char *path;
    Span at;
} CalibrateRow;

typedef enum LimitPart {
#define LIMIT(id, name, all, doc) LIMIT_##id,
#include "ir/limits.def"
    LIMIT_COUNT
} LimitPart;

/* limit: ram: 64KiB on "dtcm" */
typedef struct LimitRow {
    int64_t bytes;      /* 0 is no limit */
    const char *region; /* of the target's memory, where it is put; NULL: not said */
    Span at;
} LimitRow;

typedef struct Limits {
    LimitRow part[LIMIT_COUNT];
    double accuracy_drop;      /* share of the images, 0.005 for 0.5pt */
    const char *data, *labels; /* what accuracy is judged on, resolved */
    Span at;
} Limits;

typedef struct Policy {
    const char *name; /* of the deploy block, or NULL */
    Span at;
    const char *target, *cpu, *features;
    int nquant, nprune, ncalibrate;
    const QuantRow *quant;
    const PruneRow *prune;
    const CalibrateRow *calibrate;
    int64_t samples; /* rows of the calibration data that are used at most */
    CalibrationMethod method;
    double percentile; /* 99.99 */
    Limits limit;
} Policy;

enum { DEFAULT_SAMPLES = 500 };

/* Inputs to run the model on, `count` times all of its inputs in order: elements[i * ninputs + input]. */
typedef struct Samples {
    int64_t count;
    int ninputs;
    const Tensor *tensors;
} Samples;

#endif
