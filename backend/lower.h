/* From a planned graph to loop nests: a function each group, by the kind of its
 * anchor.  Obeys the schedule, decides nothing. */
#ifndef BACKEND_LOWER_H
#define BACKEND_LOWER_H

#include "backend/loop.h"
#include "ir/schedule.h"
#include "ir/target.h"

/* Every group of the graph in order; each function is verified. */
bool lower_graph(const Graph *graph, const Target *target, LoopProgram *out, Diag *diag);

/* E0308 for each operator that has a bounded dim where its code knows none. */
bool lower_can_bound(const Graph *graph, Diag *diag);

/* What a lowering of one group works with. */
typedef struct Lowering {
    LoopBuilder builder;
    Group group;
    const Schedule *schedule;
    const Target *target;
    Diag *diag;
} Lowering;

/* One a kind, in backend/lower/<family>.c. */
typedef void LowerGroup(Lowering *lowering);
LowerGroup lower_map, lower_pieces, lower_scatter, lower_prefix, lower_size, lower_reduce, lower_contract, lower_window,
    lower_row, lower_nest, lower_strips;
/* One an operator of ir/nests.def, which is alone in its group. */
#define NEST(op, bounds) LowerGroup lower_##op;
#include "ir/nests.def"
/* One a variant of ir/variants.def, of which `direct` is the one above for the group's kind. */
#define VARIANT(id, name, doc) LowerGroup lower_##name;
#include "ir/variants.def"

/* How far an axis goes: `most` coordinates, for which memory is planned; when it is bounded as many as `actual` says
 * when the code runs, affine in the function's sizes. */
typedef struct Extent {
    int64_t most;
    bool bounded;
    Affine actual;
} Extent;

Extent extent_of(int64_t size);
Extent lower_extent(Lowering *lowering, const Dim *dim);
/* All that a body's types and index maps need, in front of all other variables, so that indices name them in one order.
 */
void lower_declare_sizes(Lowering *lowering, const Graph *body);
/* Of an axis and `times` coordinates that lie side by side for each of its own. */
Extent extent_times(const Extent *extent, int64_t times);
/* Of the axes first .. last - 1 of a type as one; only the first that is longer than 1 may be bounded. */
Extent lower_extent_of_axes(Lowering *lowering, const Type *type, int first, int last);

/* The loops that fill the ring of the group's result with what it holds; nothing when there is none. */
void lower_fill_ring(Lowering *lowering);
/* Does the operand of a box of the group's anchor lie where the box does: is there nothing to do? */
bool lower_is_in_place(const Lowering *lowering, const Piece *piece);
/* A constant of equal elements as an immediate; NULL when the value is something else. */
const LoopExpr *lower_number(Lowering *lowering, Value value, int lanes);
/* A constant of any dtype, in every lane. */
const LoopExpr *lower_constant(LoopBuilder *b, Dtype dtype, Scalar value, int lanes);
/* `x` itself when it is of that dtype. */
const LoopExpr *lower_cast(LoopBuilder *b, Dtype to, const LoopExpr *x);
/* What a KIND_MAP node computes of its operands args[], `lanes` at once. */
const LoopExpr *lower_map_value(Lowering *lowering, const Node *node, const LoopExpr *const *args, int lanes);

/* The buffer of a value of the outer graph or of the group's result; made at first use. */
const LoopBuffer *lower_buffer(Lowering *lowering, Value value);
/* Element index of coordinate `at[]` of a value in its place, halo and all. */
Affine lower_address(Value value, const Affine *at);

#endif
