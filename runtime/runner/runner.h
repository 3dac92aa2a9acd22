/* The main program of a standalone binary: command line, inputs, outputs,
 * measurements.  Also called by `lepc run` on code in memory. */
#ifndef RUNTIME_RUNNER_H
#define RUNTIME_RUNNER_H

#include "runtime/model.h"

/* Exit codes as lepc's: 0, 1 bad input, 2 usage, 74 disk or memory. */
int runner_main(const LepModel *model, int argc, char **argv);

#endif
