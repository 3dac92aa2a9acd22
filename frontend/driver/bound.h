/* How far machine code may be from the reference: DESIGN 6, layer by layer on the same inputs. */
#ifndef DRIVER_BOUND_H
#define DRIVER_BOUND_H

#include "ir/graph.h"
#include "ir/node_map.h"

/* What the reference says of one group. */
typedef struct Judgement {
    Tensor expected; /* strict: of the result's dtype; fast: F64 */
    Tensor bound;    /* F64, the error allowed of each element; strict: no data */
} Judgement;

/* What machine code made so far: the tensor of each top-level node's result. */
typedef struct Known {
    NodeMap *tensors; /* of `const Tensor *` */
} Known;

/* Runs the group's nodes one by one on what machine code made before it. */
Judgement judge_group(const Node *group, const Known *known, bool strict, Arena *arena);

#endif
