/* Groups as passes make and weigh them. */
#ifndef PASSES_GROUP_H
#define PASSES_GROUP_H

#include "ir/op.h"

/* A group before `before` that copies `value` of its graph into a buffer of its own; NULL after an error. */
Node *group_copy(Graph *graph, Value value, Node *before, Diag *diag);

/* Bytes of the group's results and of what it reads; once planned, parts of a concat that lie where they should are not
 * touched, and numbers in the code are no memory. */
int64_t group_bytes(const Node *node);

#endif
