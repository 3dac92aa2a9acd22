/* Element-wise work inside a nest of loops: what maps and index maps of a group compute, as expressions of
 * loads from the buffers outside.  Every index is linear in the axes of the nest, so index maps cost nothing. */
#ifndef BACKEND_LOWER_NEST_H
#define BACKEND_LOWER_NEST_H

#include "backend/lower/part.h"
#include "ir/bounded.h"

typedef struct NestMemo NestMemo;

/* An IndexMap that holds at all sizes: coordinates begin at an offset that may follow sizes. */
typedef struct NestMap {
    Affine offset[MAX_RANK]; /* of variables of sizes */
    int64_t stride[MAX_RANK][MAX_RANK];
} NestMap;

/* A node that is not to be computed here. */
typedef struct NestKnown {
    const struct NestKnown *next;
    const Node *node;
    const LoopExpr *value;    /* one for all lanes, or one a lane; or NULL: */
    const LoopBuffer *buffer; /* an element lies here for each step along each axis, */
    int64_t stride[MAX_RANK]; /* so many elements further; 0: each lane has its own, side by side */
} NestKnown;

/* The axes are those of one tensor in or at the edge of the group. */
typedef struct Nest {
    Lowering *lowering;
    int rank;
    Affine at[MAX_RANK]; /* the coordinates of lane 0 */
    int vector;          /* the axis that lanes run along, by 1 */
    int lanes, active;
    bool limited; /* the lanes that are in use are those below `limit` */
    Affine limit;
    const NestKnown *known; /* what is computed already at these coordinates, or NULL */
    NestMemo *memo;
    const Part *part; /* of the outermost of the loops that nest_open and nest_vectors make, or NULL */
} Nest;

/* Each axis of the nest is an axis of a tensor of this type. */
NestMap nest_identity(const Type *type);
/* What holds at all sizes alike. */
NestMap nest_map(const IndexMap *map);
/* The number when the code runs. */
Affine nest_number(Lowering *lowering, const SizedNumber *number);
/* Coordinates of an operand that is broadcast to `result`, from the nest's when the result's follow from them by `map`:
 * axes align at the end, those of size 1 stand still. */
NestMap nest_broadcast(const Type *result, const Type *operand, const NestMap *map);
/* The value at the nest's coordinates; `map` says how its coordinates follow from the nest's. */
const LoopExpr *nest_value(Nest *nest, Value value, const NestMap *map);
/* Puts the element at the nest's coordinates where it is known from then on. */
void nest_store_known(Nest *nest, const NestKnown *known, const LoopExpr *value);

/* Stores the nest's lanes in use, `step` elements apart, `offset` elements further when that is not NULL. */
void nest_store_at(const Nest *nest, const LoopBuffer *buffer, Affine index, const LoopExpr *offset,
                   const LoopExpr *value, int64_t step);
/* The same lanes of what lies from `index` on. */
const LoopExpr *nest_load_at(const Nest *nest, const LoopBuffer *buffer, Affine index, const LoopExpr *offset,
                             int64_t step);
/* Which lanes are in use; NULL: all of them. */
const LoopExpr *nest_mask(const Nest *nest);

/* How one buffer is walked: elements that one step along each axis of the nest goes. */
typedef struct Access {
    Value value;
    int64_t stride[MAX_RANK];
} Access;

typedef struct AccessList {
    Arena *arena;
    Access *items;
    size_t count, capacity;
} AccessList;

/* Every access that nest_value of the value makes, as far as what anchors of the group make, which is known. */
void nest_accesses(Lowering *lowering, Value value, const NestMap *map, AccessList *out);
void access_add(AccessList *list, Value value, const NestMap *map);
/* Of memory that is no value's. */
void access_add_strides(AccessList *list, const int64_t *stride, int rank);

/* Axes that are run through together: neighbours are one loop where every access walks them as one.  Axes that are 1
 * are left out. */
typedef struct Axes {
    int count;
    int axis[MAX_RANK]; /* the innermost of those that are one: its coordinate runs, the others' stay 0 */
    int64_t size[MAX_RANK];
    Extent extent[MAX_RANK];
} Axes;

/* Of the axes of the type that are chosen (NULL: all). */
Axes axes_collapse(Lowering *lowering, const Type *type, const bool *chosen, const AccessList *accesses);

/* Loops over all axes but the last `inner`, which set nest->at. */
typedef struct NestLoops {
    PartScope scope[MAX_RANK];
    int count;
} NestLoops;
/* Cuts the outermost axis as the schedule says; steps of `lanes` where it is the axis that vectors run along. */
Part nest_part(Lowering *lowering, const Axes *axes, int inner, int64_t lanes);
NestLoops nest_open(Nest *nest, const Axes *axes, int inner);
void nest_close(Nest *nest, const NestLoops *loops);

/* Calls body() for all steps along an axis by vectors of up to `lanes`: a loop of whole vectors, then what is left
 * by masked vectors where the target has them and by narrower ones where not. Of a bounded axis what is left is known
 * when the code runs. */
typedef void NestBody(Nest *nest, void *context);
void nest_vectors(Nest *nest, int axis, const Extent *extent, int64_t lanes, NestBody *body, void *context);

/* The same along the innermost of the axes, the one that nest_open left to it; without any, one step. */
void nest_innermost(Nest *nest, const Axes *axes, NestBody *body, void *context);

/* Writes all of a value of the result's shape into the group's result. */
void nest_store_all(Lowering *lowering, Value value);

#endif
