/* How far machine code may be from the reference: DESIGN 6, layer by layer on the same inputs. */
#ifndef DRIVER_BOUND_H
#define DRIVER_BOUND_H

#include "ir/graph.h"
#include "ir/node_map.h"

/* What the reference says of one step, a group or a scan.  An element is right that is within `bound` of `expected` or
 * has the bits of `exact`. */
typedef struct Judgement {
    Tensor exact;    /* of the result's dtype; no data when it is of f32 and judged in f64 */
    Tensor expected; /* F64; no data when strict */
    Tensor bound;    /* F64, the error allowed of each element */
} Judgement;

/* What machine code made so far: the tensors of each top-level node's results. */
typedef struct Known {
    NodeMap *tensors; /* of `const Tensor *`, one a slot */
} Known;

/* Runs the step's nodes one by one on what machine code made before it, for result `slot`. */
Judgement judge_step(const Node *group, int slot, const Known *known, bool strict, Arena *arena);

#endif
