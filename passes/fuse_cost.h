/* What fusion weighs: operations of element-wise work, against bytes that go through memory. */
#ifndef PASSES_FUSE_COST_H
#define PASSES_FUSE_COST_H

#include "ir/op.h"

/* Operations that a KIND_MAP node takes for one element: arithmetic and comparisons are one each, divisions and roots
 * DIVISION_COST; elementary functions are what their expressions take. */
enum { DIVISION_COST = 4 };
int fuse_map_cost(const Node *node);

#endif
