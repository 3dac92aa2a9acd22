/* --bench, --profile and --info. */
#ifndef RUNNER_MEASURE_H
#define RUNNER_MEASURE_H

#include "runtime/runner/session.h"

double clock_us(void);
/* Least time between two readings of the clock: what each measurement has too much. */
double clock_cost_us(void);

/* Inputs must be loaded. */
int bench_run(const Session *session);
int profile_run(const Session *session);
void info_print(const LepModel *model, bool json);

#endif
