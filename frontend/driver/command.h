/* What lepc can do: a row and a function each. */
#ifndef DRIVER_COMMAND_H
#define DRIVER_COMMAND_H

#include "frontend/driver/options.h"
#include "frontend/driver/output.h"

/* All that a command works with; lives as long as the process. */
typedef struct Driver {
    Arena *arena;
    Diag diag;
    Options options;
    OutputSet outputs;
    bool from_dump; /* the text was a graph of ours, perhaps edited: what does not fit in it is the user's */
} Driver;

typedef int CommandRun(Driver *driver); /* a STATUS_; diagnostics are printed after it */

/* Bits for the options' rows: which commands take one. */
enum {
    FOR_BUILD = 1,
    FOR_RUN = 2,
    FOR_COMPARE = 4,
    FOR_DUMP = 8,
    FOR_CHECK = 16,
    FOR_FMT = 32,
    FOR_LIST = 64,
    FOR_REPORT = 128,
    FOR_EVAL = 256,
    FOR_IMPORT = 512,
    FOR_COMPILERS = FOR_BUILD | FOR_RUN | FOR_COMPARE | FOR_DUMP | FOR_CHECK | FOR_REPORT | FOR_EVAL,
    FOR_ALL = 1023
};

struct Command {
    const char *name;
    unsigned bit;
    CommandRun *run;
    const char *usage, *doc;
    bool takes_model, takes_arguments;
    void (*more)(FILE *out); /* for --help, before the options; or NULL */
};

extern const Command command_table[];
extern const int command_count;
const Command *command_find(const char *name); /* NULL when there is none */

CommandRun command_build, command_run, command_profile, command_compare, command_dump, command_check, command_fmt,
    command_ops, command_passes, command_targets, command_report, command_explain, command_eval, command_import;

/* Each diagnostic as a line of JSON, in the order in which the text form has them.  Keys: severity, code, title,
 * message, file, line, column, length, name, help; those that a diagnostic has not are left out. */
void diagnostics_print_json(const Diag *diag, FILE *out);

#endif
