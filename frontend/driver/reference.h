/* A graph as a LepModel that the reference interpreter runs. */
#ifndef DRIVER_REFERENCE_H
#define DRIVER_REFERENCE_H

#include "ir/graph.h"
#include "runtime/runner/runner.h"

typedef struct Reference {
    const Graph *graph;
    LepModel model;
    RunnerEngine engine;
} Reference;

/* In the graph's arena. */
Reference *reference_new(const Graph *graph);

#endif
