/* The main program of standalone binaries in a process of its own, on models written by hand, and what it said. */
#ifndef TESTS_SUPPORT_RUNNER_H
#define TESTS_SUPPORT_RUNNER_H

#include "runtime/runner/runner.h"

typedef struct RunnerSaid {
    int status;
    char out[8192], err[8192];
} RunnerSaid;

/* In the current folder, with the file `from` as standard input; fails the test when a sanitizer spoke. */
RunnerSaid runner_say(const LepModel *model, const char *from, char **argv);

#endif
