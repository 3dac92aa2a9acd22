/* Outputs that were asked for: all rows in memory, written at the end, all or none. */
#ifndef RUNNER_OUTPUT_H
#define RUNNER_OUTPUT_H

#include "runtime/runner/session.h"

typedef struct Output {
    const LepPort *port;
    int64_t index;
    const char *path;
    unsigned char *data;
    int64_t rows, room; /* room: rows that data can hold */
    bool counted;       /* each run says how many rows it gives */
    size_t row;         /* bytes of one, the same of all */
} Output;

int npy_output_open(Output *out, const Session *session, const PortFile *file, int64_t rows);
/* RUNNER_INPUT after a message when what is counted are not rows, and differs from run to run. */
int npy_output_add(Output *output, const void *data, int64_t rows);
/* .npy files beside their targets, then renamed. */
int npy_outputs_write(Output *outputs, int count);
void npy_outputs_free(Output *outputs, int count);

#endif
