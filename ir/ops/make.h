/* What expansions are often made of.  A value without node as operand gives one again, as in make(). */
#ifndef IR_OPS_MAKE_H
#define IR_OPS_MAKE_H

#include "ir/ops/common.h"

Value make_reshape(const Maker *m, Value x, int rank, const int64_t *dims);
Value make_reshape_to(const Maker *m, Value x, int rank,
                      const Dim *dims); /* where numbers do not tell what is bounded */
/* As attributes keep them: their bounds in `list`, and a copy of the dims where one is bounded, else NULL. */
const Dim *make_dims(const Maker *m, int rank, const Dim *dims, IntList *list);
Value make_broadcast_to(const Maker *m, Value x, int rank, const Dim *dims);
Value make_cast(const Maker *m, Value x, Dtype to);
/* Elements from `begin` below `end` of one axis, all of the others. */
Value make_slice(const Maker *m, Value x, int axis, int64_t begin, int64_t end);
/* One reduction over one axis, which stays with size 1. */
Value make_reduce(const Maker *m, Op op, Value x, int axis);
/* Coordinates along one axis: [1, .., size, .., 1] of `rank` axes, which broadcasts. */
Value make_coordinates(const Maker *m, Dtype dtype, int rank, int axis, Dim size);
Value make_where(const Maker *m, Value condition, Value yes, Value no);
/* x beside a number of its dtype. */
Value make_with_number(const Maker *m, Op op, Value x, double number);

extern const char *const meeting_words[];
#define ATTR_MEETING(Struct)                                                                                           \
    ATTR(Struct, reduce, .kind = ATTR_ENUM, .words = meeting_words, .doc = "what becomes of an element and an update")

/* A constant tensor of these numbers, row-major, each rounded to the dtype. */
Value make_reals(const Maker *m, Dtype dtype, int rank, const int64_t *dims, const double *values);

/* E0301 unless all dims of the operand are fixed. */
bool need_fixed(const Node *node, int index, Diag *diag);
/* E0302 unless the operand's elements can be indices: integers of at most 63 bits. */
bool need_indices(const Node *node, int index, Diag *diag);

/* The product of the sizes of some dims as a number of that dtype: a constant when they are fixed. */
Value make_extent(const Maker *m, Dtype dtype, int count, const Dim *dims);

#endif
