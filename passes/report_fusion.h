/* What was fused into each group of a scheduled graph, what that saves, and why the rest was not, for people. */
#ifndef PASSES_REPORT_FUSION_H
#define PASSES_REPORT_FUSION_H

#include "ir/graph.h"

#include <stdio.h>

/* Of a planned graph: each group with its members, the values that stay in registers or scratch, and the bytes that are
 * therefore neither written nor read; of each value that it reads from another group, why that is no part of it. */
void report_fusion(const Graph *graph, FILE *out);

#endif
