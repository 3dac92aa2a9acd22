/* What quantising costs each layer, as a table for people. */
#ifndef PASSES_REPORT_QUANT_H
#define PASSES_REPORT_QUANT_H

#include "passes/pass.h"

#include <stdio.h>

/* Of a graph of stage core, by the policy and on the samples of the context: the grid of each layer's input and result,
 * and how its result compares with f32, in dB, when it alone is quantised and when all are; the worst is marked. */
bool report_quant(const Graph *graph, const PassContext *context, FILE *out, Diag *diag);

#endif
