/* Tensors without elements: nothing is computed of them, and code never sees them.  Once composites are expanded, they
 * are only what the model's interface says: inputs and outputs, and constants. */
#ifndef PASSES_EMPTY_H
#define PASSES_EMPTY_H

#include "passes/uses.h"

/* Whether a node that is no region's owner works with what has no elements. */
bool empty_is_met(const Node *node);
/* Puts what such a node means in its place, made before it: a constant for results without elements and for what is
 * combined over none, the operands of a concat that have some, the bias of a sum of no products, what is scattered
 * into.  A composite that gives more than that is left for its expansion: *gone says whether the node is. */
bool empty_replace(Node *node, Uses *uses, bool *gone, Diag *diag);
/* Bodies, branches and states carry nothing that has no elements: their operands, results and the values in bodies
 * that stand for them go, and with them what is left without a result; so do scans that have no turn. */
bool empty_leave_regions(Graph *graph, Diag *diag);

#endif
