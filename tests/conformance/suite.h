/* All tests of a folder, run side by side, and the table of what came out. */
#ifndef TESTS_CONFORMANCE_SUITE_H
#define TESTS_CONFORMANCE_SUITE_H

#include "tests/conformance/case.h"

#include <stdio.h>

typedef struct Suite {
    int count;
    Case *cases;       /* by suite, then name */
    Verdict *verdicts; /* shared with the processes that run tests */
} Suite;

typedef struct SuiteOptions {
    CaseOptions test;
    int jobs;
    unsigned seconds; /* for one test */
} SuiteOptions;

SuiteOptions suite_defaults(void);
/* False when there is none in `data`; `match`, or NULL, is a part of SUITE/NAME. */
bool suite_find(Suite *suite, const char *data, const char *match);
/* Keeps each so-manieth of them. */
void suite_sample(Suite *suite, int every);
void suite_run(Suite *suite, const SuiteOptions *options);
void suite_print(const Suite *suite, FILE *out);
/* docs/onnx-support.md: the same on every machine with fused multiply-adds. */
bool suite_write(const Suite *suite, const char *path);
/* Says which tests the table of that file has as passed and are not. */
bool suite_holds(const Suite *suite, const char *path);
void suite_free(Suite *suite);

#endif
