/* One of the official ONNX tests, through native code. */
#ifndef TESTS_CONFORMANCE_CASE_H
#define TESTS_CONFORMANCE_CASE_H

#include "ir/arena.h"

#include <stdbool.h>

typedef struct Case {
    const char *suite, *name; /* "node", "test_abs" */
    const char *folder;       /* of the model and its data; NULL: one file, its output beside it, inputs by a formula */
    const char *model;
} Case;

typedef enum Outcome { OUTCOME_NONE, OUTCOME_PASSED, OUTCOME_REFUSED, OUTCOME_WRONG, OUTCOME_CRASHED } Outcome;

enum { REASON_LENGTH = 240 };

/* Lies in memory that processes share. */
typedef struct Verdict {
    Outcome outcome;
    double error;               /* the largest difference to what is expected, of all results */
    char reason[REASON_LENGTH]; /* why not; or which inputs had to be known when compiling */
} Verdict;

typedef struct CaseOptions {
    const char *cpu;
    int level;
    bool fast, verbose;
    bool texts; /* and what is written of the graph becomes the same code */
} CaseOptions;

void case_run(const Case *test, const CaseOptions *options, Verdict *out);

#endif
