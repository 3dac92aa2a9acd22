/* The step of the pass `strips` that tests take by themselves. */
#ifndef PASSES_STRIPS_H
#define PASSES_STRIPS_H

#include "ir/strips.h"
#include "passes/pass.h"

/* Makes the members, scheduled groups of the graph's top level that fit, one group of strips, with the tiles that are
 * best for as many rows; of as many parts as a member had. */
bool strips_merge(Graph *graph, const Target *target, const Strips *strips, Diag *diag);
/* The same of members that keep the schedules they have, by `schedule`, but for its scratch, which follows.  NULL when
 * the members do not fit, with what is wrong in `why`, or after an error, without.  verify_strips has the rest. */
Node *strips_merge_as(Graph *graph, const Group *members, int count, const Schedule *schedule, const char **why,
                      Diag *diag);

#endif
