/* Parts of graph_verify; for ir/verify*.c only. */
#ifndef IR_VERIFY_H
#define IR_VERIFY_H

#include "ir/graph.h"

/* The planned stage: every value that is used has a place, and no two live buffers overlap.  Lifetimes are computed
 * here anew, so that the planner is not believed. */
bool verify_plan(const Graph *graph, Diag *diag);

#endif
