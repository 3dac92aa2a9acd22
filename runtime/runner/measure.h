/* --bench, --profile, --info and --check. */
#ifndef RUNNER_MEASURE_H
#define RUNNER_MEASURE_H

#include "runtime/runner/session.h"

double clock_us(void);
/* Least time between two readings of the clock: what each measurement has too much. */
double clock_cost_us(void);

/* Inputs must be loaded. */
int bench_run(const Session *session);
int profile_run(const Session *session);
/* One run in place of the model's own that stops at the first layer with a result that is not finite, and names it:
 * RUNNER_DIFFERS.  An input that is not finite is told, too. */
int finite_run(const Session *session);
void info_print(const LepModel *model, bool json);

#endif
