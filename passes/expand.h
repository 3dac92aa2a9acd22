/* What expanding composites shares with the rules for bounded dims. */
#ifndef PASSES_EXPAND_H
#define PASSES_EXPAND_H

#include "ir/graph.h"

/* E0308 when the node's expansion holds numbers that follow from the size of a bounded dim. */
bool expansion_is_uniform(const Node *node, Diag *diag);

#endif
