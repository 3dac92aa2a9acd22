/* Computed coordinates of KIND_INDEX nodes and the like, as offsets into a buffer. */
#ifndef BACKEND_LOWER_INDEX_H
#define BACKEND_LOWER_INDEX_H

#include "backend/lower/nest.h"

/* Elements that the node's indices add to the address in operand 0 that its other coordinates make: one for all lanes
 * of the nest or one a lane, by a name that loop_bound knows the bound of.  maps[i] says how coordinates of operand i
 * follow from the nest's. */
const LoopExpr *index_offset(Nest *nest, const Node *node, const IndexMap *maps);

#endif
