/* Schedules that somebody wrote down, by hand or by tuning, in place of those that pass_schedule would choose. */
#ifndef PASSES_GIVEN_H
#define PASSES_GIVEN_H

#include "passes/pass.h"

/* A group of a graph with schedules: gives it the one that was written for it, if there is one.  False after E0609, at
 * what was written, when the group cannot have it; the help says which it could. */
bool given_apply(Node *node, const PassContext *context, Diag *diag);
/* After that, of the outermost graph: makes the strips that were written down.  False after E0609, also for each that
 * is of no group. */
bool given_strips(Graph *graph, const PassContext *context, Diag *diag);

#endif
