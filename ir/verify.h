/* Parts of graph_verify: for ir/verify*.c, and for what a user wrote of a schedule (passes/given.h). */
#ifndef IR_VERIFY_H
#define IR_VERIFY_H

#include "ir/graph.h"

/* A group is of a form that code can be made of. */
bool verify_group(const Node *node, Diag *diag);
/* The schedule of a group: what code can be made of, whatever a dump or a user says. */
bool verify_schedule(const Node *node, Diag *diag);
/* A group of groups: its members are such as can run in strips, and its schedule has what they take. */
bool verify_strips(const Node *node, Diag *diag);
/* The planned stage: the constants that a group reads lie in the panels that its schedule asks for, and padding finds
 * around its operand what it is to read. */
bool verify_panels(const Node *node, Diag *diag);
/* The planned stage: every value that is used has a place, and no two live buffers overlap.  Lifetimes are computed
 * here anew, so that the planner is not believed. */
bool verify_plan(const Graph *graph, Diag *diag);

#endif
