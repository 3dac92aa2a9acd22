/* Which weights of a scheduled graph are zero, and what became of it, as a table for people. */
#ifndef PASSES_REPORT_SPARSITY_H
#define PASSES_REPORT_SPARSITY_H

#include "passes/pass.h"

#include <stdio.h>

/* Of a planned graph: each contraction's zeros, the pattern they have, its bytes, and the cycles that were predicted
 * for the code that multiplies by them and for that which does not. */
void report_sparsity(const Graph *graph, const PassContext *context, FILE *out);

#endif
