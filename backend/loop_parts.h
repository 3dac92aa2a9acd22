/* Whether the parts of a parallel loop keep out of each other's way. */
#ifndef BACKEND_LOOP_PARTS_H
#define BACKEND_LOOP_PARTS_H

#include "backend/loop.h"

/* A buffer that one step of the loop writes where another step reads or writes, or that may be one because no proof
 * was found; NULL when there is none.  Proven is that the elements that a step touches lie, modulo the distance of
 * whole rows (what every larger factor is a multiple of), in an interval of its own.  The stack and scratch are each
 * step's own.  Indices are in bounds. */
const LoopBuffer *loop_parts_conflict(Arena *arena, const LoopFunction *function, const LoopStatement *loop);

#endif
