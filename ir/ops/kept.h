/* What operators that find things are made of: where a mask holds, as many as there are. */
#ifndef IR_OPS_KEPT_H
#define IR_OPS_KEPT_H

#include "ir/count.h"
#include "ir/ops/make.h"

#define ATTR_COUNT(Struct)                                                                                             \
    ATTR(Struct, count, .kind = ATTR_STRING, .doc = "the dim that is as long as what is found; none: one of its own")

typedef struct Kept {
    Value size;       /* i64[], how many there are */
    const char *name; /* of the dim that is so long */
} Kept;

/* How long the dim of m->node may be, at most. */
int64_t kept_room(const Maker *m, const Kept *kept);
/* For each element of mask, of any shape, where it goes: how many it has before it, in row-major order, or, of those
 * that are not kept, beyond the room. */
Value make_destinations(const Maker *m, Value mask, Kept *kept);
/* Of mask: bool[n] the indices at which it holds, in order, i64[dim]: no more than the dim may be long. */
Value make_kept(const Maker *m, Value mask, Kept *kept);
/* Coordinates in a tensor of that type, a row for each of number: [n], which count its elements in the order in which
 * they lie. */
Value make_coordinates_of(const Maker *m, Value number, const Type *of);
/* The first so many of x along the axis, which is as long as the dim may be. */
Value make_shortened(const Maker *m, Value x, const Kept *kept, int axis);
/* 0, 1, 2, ... of the shape of x: [n]. */
Value make_numbers(const Maker *m, Value x);
/* The same along an axis of a type, as [.., 1, n, 1, ..] of `rank` axes. */
Value make_axis_numbers(const Maker *m, const Type *type, int axis, int rank);
/* A tensor of zeros as long as the dim of m->node may be. */
Value make_room(const Maker *m, const Kept *kept);
/* Writes update[i] to x[index[i]]; what is outside is left out. */
Value make_put(const Maker *m, Value x, Value update, Value index, Meeting meeting);
/* x[index] along axis 0. */
Value make_gather(const Maker *m, Value x, Value index, int axis);
/* The sum so far; with `exclusive` without the element itself. */
Value make_running_sum(const Maker *m, Value x, bool exclusive);

#endif
