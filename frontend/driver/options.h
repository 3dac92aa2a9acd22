/* The command line of lepc: one table of commands, one of options. */
#ifndef DRIVER_OPTIONS_H
#define DRIVER_OPTIONS_H

#include "frontend/frontend.h"

/* DESIGN's exit codes. */
enum {
    STATUS_FINE = 0,
    STATUS_INPUT = 1, /* the input is wrong */
    STATUS_USAGE = 2,
    STATUS_DIFFERS = 3, /* a comparison failed */
    STATUS_LIMIT = 4,   /* over a limit */
    STATUS_OURS = 70,   /* a fault of lepc */
    STATUS_SYSTEM = 74, /* disk, memory or a missing tool */
    STATUS_INTERRUPTED = 130
};

typedef struct Command Command;

enum { MAX_OPTION_LIST = 32 };

typedef struct TextList {
    int count;
    const char *at[MAX_OPTION_LIST + 1]; /* NULL-ended */
} TextList;

typedef struct DimList {
    int count;
    DimBinding at[MAX_OPTION_LIST];
} DimList;

typedef enum FpMode { FP_FAST, FP_STRICT } FpMode;

typedef enum DiagnosticsFormat { DIAGNOSTICS_TEXT, DIAGNOSTICS_JSON } DiagnosticsFormat;

typedef struct Options {
    const Command *command;
    const char *model;  /* the first positional argument after the command */
    TextList arguments; /* the others */
    TextList pass_on;   /* what `run` hands to the runner */
    TextList emit;      /* KIND or KIND=PATH */
    DimList dims;
    TextList disabled, metrics, reports;
    TextList expect;                     /* NAME=FILE: what values should be, for compare */
    TextList fix;                        /* NAME=FILE: inputs of imported models that are constants */
    TextList externs;                    /* files that define what the model calls */
    TextList quantize, prune, calibrate; /* rows of flags that beat a deploy block */
    const char *deploy, *calibrate_method, *calibrate_samples, *limit_ram, *limit_flash, *run_threads;
    const char *output, *target, *cpu, *features, *passes, *stop_after, *schedule, *linker, *layer, *data, *labels;
    int level; /* -O0 .. -O3 */
    bool small, debug, time_passes, verbose, quiet, version, help, markdown, reference, origins, diff, per_class;
    int fp;          /* an FpMode */
    int weights;     /* a WeightsStore */
    int diagnostics; /* a DiagnosticsFormat */
    int warnings_are_errors;
} Options;

/* E0801 for each thing that is wrong; what `lepc` said before belongs to `arena`. */
bool options_parse(Options *out, int argc, char **argv, Arena *arena, Diag *diag);
/* Of one command, or of lepc when NULL. */
void options_help(const Command *command, FILE *out);

#endif
