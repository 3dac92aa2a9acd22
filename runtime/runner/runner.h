/* The main program of a standalone binary: command line, inputs, outputs,
 * measurements.  Also called by `lepc run` on code in memory. */
#ifndef RUNTIME_RUNNER_H
#define RUNTIME_RUNNER_H

#include "runtime/model.h"

/* What computes the model, where it is not the model's own code: `lepc run --reference`; or where its weights are. */
typedef struct RunnerEngine {
    int (*run)(void *context, void *const *bases); /* as LepModel.run; NULL: the model's own code */
    void *context;
    const void *weights;                       /* a block of runtime/weights.h that is in memory, or NULL */
    int (*reset)(void *context, void *states); /* as LepModel.reset, of the context behind the arena */
} RunnerEngine;

/* Exit codes as lepc's: 0, 1 bad input, 2 usage, 74 disk or memory.
 * argv[0] is what messages and the help call the program. */
int runner_main(const LepModel *model, int argc, char **argv);
/* The same, computed by `engine`; --profile needs the model's own code and is refused. */
int runner_main_on(const LepModel *model, const RunnerEngine *engine, int argc, char **argv);

#endif
