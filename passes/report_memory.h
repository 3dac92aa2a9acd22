/* What a planned graph needs of memory, as a table for people. */
#ifndef PASSES_REPORT_MEMORY_H
#define PASSES_REPORT_MEMORY_H

#include "ir/graph.h"

#include <stdio.h>

typedef struct MemoryTotals {
    int64_t arena;                        /* bytes that the caller hands in */
    int64_t live_peak;                    /* the most that is needed at one time: no layout takes less */
    int64_t constants;                    /* bytes of the weights' section */
    int64_t raw;                          /* of the same constants before packing */
    int64_t transformed, transformed_raw; /* of those that are not plain: as they lie there, and before */
} MemoryTotals;

/* Of a graph of stage planned. */
MemoryTotals memory_totals(const Graph *graph);
void report_memory(const Graph *graph, FILE *out);

#endif
