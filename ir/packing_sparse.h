/* A weight without its zeros: of each panel of outputs, only the blocks of one input x the panel that hold anything.
 * Some panels lie abreast, so that code can go through them together; a group of them takes as many steps as the
 * fullest of its panels has blocks.  In the weights' section, each part at a multiple of 64 bytes:
 *
 *   i32 starts[groups + 1]           the step at which each group begins, and the end
 *   i32 offsets[steps][abreast]      where the other operand's element is, counted from the first tap's
 *   f32 values[steps][abreast][panel]
 *
 * Blocks are in the order of the reduction.  What a panel has too few are zeros at one of its own zeros. */
#ifndef IR_PACKING_SPARSE_H
#define IR_PACKING_SPARSE_H

#include "ir/packing.h"
#include "ir/schedule.h"

typedef struct SparseParts {
    int64_t groups;
    int64_t below;                          /* every offset is from 0 below this */
    int64_t starts, offsets, values, bytes; /* where the parts begin, and the whole, in bytes */
} SparseParts;

SparseParts sparse_parts(const Place *place, const Type *type);
bool sparse_place_is_sane(const Place *place, const Type *type);
/* f32 of rank 2, [reduction, outputs], or 4, [ky, kx, ic, oc], whose elements are known. */
bool sparse_can_hold(Value weight);
/* Blocks of 1 input x panel that are not zero, of each panel: count[outputs / panel rounded up]. */
void sparse_count(const Tensor *weight, int64_t panel, int64_t *count);
/* The steps of all groups of `abreast` panels. */
int64_t sparse_steps(const int64_t *count, int64_t panels, int64_t abreast);
/* How the weight of a group that has the variant sparse lies, all but space and offset; its input has its strides. */
void sparse_set_place(const Group *group, Place *place);
/* All of that is as in `place`, and an element belongs to each step. */
bool sparse_place_fits(const Group *group, const Place *place);

#endif
