/* Making groups: used by fuse, and by schedule where a value must be copied. */
#ifndef PASSES_GROUP_H
#define PASSES_GROUP_H

#include "ir/op.h"

/* A group before `before` that copies `value` of its graph into a buffer of its own; NULL after an error. */
Node *group_copy(Graph *graph, Value value, Node *before, Diag *diag);

#endif
