/* The command line of a standalone binary, from one table of options. */
#ifndef RUNNER_ARGUMENTS_H
#define RUNNER_ARGUMENTS_H

#include "runtime/model.h"

#include <stdbool.h>

enum { MAX_FILES = 32 };

/* --input NAME=FILE; without a NAME it is the only port. */
typedef struct PortFile {
    int port;
    const char *path;
} PortFile;

typedef struct Arguments {
    const LepModel *model;
    const char *program;
    int ninputs, noutputs;
    PortFile inputs[MAX_FILES], outputs[MAX_FILES];
    const char *labels, *weights, *check;
    bool json, profile, info, help;
    bool stream; /* rows follow one another: what the model keeps is not reset between them */
    bool bench;
    long runs;    /* of --bench and --profile, 0: chosen by time */
    long top;     /* classes that are printed */
    long threads; /* 0: what the code was made for */
    int nfiles;
    char **files; /* the positional ones */
} Arguments;

/* RUNNER_OK or RUNNER_USAGE, after a message.  Moves positional arguments to the front of argv. */
int arguments_parse(Arguments *out, const LepModel *model, int argc, char **argv);
void arguments_help(const Arguments *arguments);

#endif
