/* What is said of one row: on a terminal, and as JSON. */
#ifndef RUNNER_RESULTS_H
#define RUNNER_RESULTS_H

#include "runtime/runner/session.h"

/* Index of the largest of the row's elements, the first of equals; NaN is never the largest. */
int64_t row_best(const LepPort *port, const void *row);
/* The outputs of row `row` of the batch that was just run; `input` names where it came from. */
int results_print(const Session *session, const char *input, int64_t row);

#endif
