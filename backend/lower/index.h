/* Computed coordinates of KIND_INDEX nodes and the like, as offsets into a buffer. */
#ifndef BACKEND_LOWER_INDEX_H
#define BACKEND_LOWER_INDEX_H

#include "backend/lower/nest.h"

/* Elements that the node's indices add to the address in operand 0 that its other coordinates make: one for all lanes
 * of the nest or one a lane, by a name that loop_bound knows the bound of.  maps[i] says how coordinates of operand i
 * follow from the nest's. */
const LoopExpr *index_offset(Nest *nest, const Node *node, const NestMap *maps);
/* The same of a KIND_SCATTER node's indices in the group's result; NULL when there are none.  Whether all of them are
 * inside goes to *inside, with as many lanes or one; NULL when that is known. */
const LoopExpr *scatter_offset(Nest *nest, const Node *node, const NestMap *maps, const LoopExpr **inside);

#endif
