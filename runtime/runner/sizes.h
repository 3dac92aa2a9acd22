/* Bounded dims while a program runs: a model whose ports are as large as the data at hand. */
#ifndef RUNNER_SIZES_H
#define RUNNER_SIZES_H

#include "runtime/runner/read.h"

typedef struct RunSizes {
    const LepModel *built;
    LepModel model;            /* the same; the ports' dims and bytes are those of the sizes in `at` */
    LepPort *inputs, *outputs; /* of `model` */
    int64_t *at;               /* of each bounded dim; its bound until a file tells */
    bool *known;               /* a file did */
    int64_t batch;             /* the dim that counts rows: each run has as many as are left; -1: none */
} RunSizes;

/* Does an axis of the port follow what a run counts? */
bool port_is_counted(const LepModel *model, const LepPort *port);
/* After a run: outputs are as large as its table says. */
void sizes_count(const RunSizes *sizes, const int64_t *table);
/* RUNNER_OK, or RUNNER_SYSTEM after a message. */
int sizes_open(RunSizes *out, const LepModel *built);
void sizes_close(RunSizes *sizes);
/* What the shape of an array for an input, or the bytes of a raw file, say of the dims that the input follows, its rows
 * aside.  RUNNER_INPUT after a message when one is out of its bounds, or not what another file said. */
int sizes_learn(RunSizes *sizes, int64_t input, const Array *array, const char *path);
int sizes_learn_raw(RunSizes *sizes, int64_t input, const File *file);
/* The rows of a file for one input, as large as the model at hand takes them, which they may decide. */
int rows_read_sized(Rows *out, const char *path, RunSizes *sizes, int64_t input);
/* The same of one file of several, which may hold fewer rows than the model takes at a time; or of a whole folder.
 * `sizes` NULL: of a port without bounded dims. */
int rows_read_part(Rows *out, const char *path, const LepPort *port, RunSizes *sizes, int64_t input);
int folder_read(Rows *out, const char *path, const LepPort *port, RunSizes *sizes, int64_t input);
/* Before files that have nothing to do with those before. */
void sizes_forget(RunSizes *sizes);

#endif
