/* Results made of boxes: each box is a nest of its own that writes into its place. */
#include "backend/lower/nest.h"
#include "ir/bounded.h"

#include <assert.h>

typedef struct Pieces {
    Lowering *lowering;
    const Node *anchor;
    Piece piece;
    Dim begin[MAX_RANK], size[MAX_RANK];
    NestMap map;   /* of the piece */
    Value operand; /* no node: zeros */
} Pieces;

static const LoopExpr *piece_value(const Pieces *p, Nest *nest)
{
    Scalar zero = {0};
    if (p->operand.node) return nest_value(nest, p->operand, &p->map);
    return lower_constant(&p->lowering->builder, p->anchor->types[0].dtype, zero, nest->lanes);
}

static void store_elements(Nest *nest, void *context)
{
    const Pieces *p = context;
    Lowering *lowering = p->lowering;
    Value result = value_of((Node *)lowering->group.node);
    const Type *type = value_type(result);
    const LoopExpr *value = piece_value(p, nest);
    Nest out = *nest;
    out.memo = NULL;
    NestKnown known = {.node = p->anchor, .value = value};
    out.known = &known;
    for (int axis = 0; axis < type->rank; axis++)
        out.at[axis] = affine_add(nest->at[axis], lower_extent(lowering, &p->begin[axis]).actual);
    if (lowering->group.body->results[0].value.node != p->anchor)
        known.value = loop_let(&lowering->builder, "piece", value);
    NestMap identity = nest_identity(type);
    value = nest_value(&out, lowering->group.body->results[0].value, &identity);
    int64_t step = out.lanes > 1 ? result.node->places[0].stride[out.vector] : 1;
    nest_store_at(&out, lower_buffer(lowering, result), lower_address(result, out.at), NULL, value, step);
}

static void lower_piece(Pieces *p)
{
    Lowering *lowering = p->lowering;
    Value result = value_of((Node *)lowering->group.node);
    Type box = *value_type(result);
    for (int axis = 0; axis < box.rank; axis++) box.dim[axis] = p->size[axis];
    p->operand = (Value){NULL, 0};
    if (p->piece.operand >= 0) p->operand = p->anchor->inputs[p->piece.operand];
    NestMap identity = nest_identity(&box);
    AccessList accesses = {.arena = lowering->builder.arena};
    access_add(&accesses, result, &identity);
    if (p->operand.node) nest_accesses(lowering, p->operand, &p->map, &accesses);
    nest_accesses(lowering, lowering->group.body->results[0].value, &identity, &accesses);
    Axes axes = axes_collapse(lowering, &box, NULL, &accesses);
    Nest nest = {.lowering = lowering, .rank = box.rank, .lanes = 1, .active = 1};
    NestLoops loops = nest_open(&nest, &axes, 1);
    nest_innermost(&nest, &axes, store_elements, p);
    nest_close(&nest, &loops);
}

void lower_pieces(Lowering *lowering)
{
    Pieces p = {.lowering = lowering, .anchor = lowering->group.anchor};
    lower_fill_ring(lowering);
    for (int64_t i = 0; node_def(p.anchor)->piece(p.anchor, i, &p.piece); i++) {
        SizedNumber from[MAX_RANK];
        bool known = node_piece_dims(p.anchor, i, p.begin, p.size, from);
        assert(known); /* says lower_can_bound */
        p.map = nest_map(&p.piece.map);
        for (int axis = 0; known && axis < MAX_RANK; axis++) p.map.offset[axis] = nest_number(lowering, &from[axis]);
        if (known && !lower_is_in_place(lowering, &p.piece)) lower_piece(&p);
    }
}
