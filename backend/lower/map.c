/* Element-wise groups: one pass over the result. */
#include "backend/lower/nest.h"
#include "ir/bounded.h"

typedef struct Map {
    Value value;  /* of the body */
    Value result; /* of the group */
    const LoopBuffer *buffer;
} Map;

static void store_elements(Nest *nest, void *context)
{
    const Map *map = context;
    const Type *type = value_type(map->result);
    const Place *place = &map->result.node->places[0];
    NestMap identity = nest_identity(type);
    const LoopExpr *value = nest_value(nest, map->value, &identity);
    int64_t step = nest->lanes > 1 ? place->stride[nest->vector] : 1;
    nest_store_at(nest, map->buffer, lower_address(map->result, nest->at), NULL, value, step);
}

void nest_store_all(Lowering *lowering, Value value)
{
    Value result = value_of((Node *)lowering->group.node);
    const Type *type = value_type(result);
    Map map = {value, result, lower_buffer(lowering, result)};
    NestMap identity = nest_identity(type);
    AccessList accesses = {.arena = lowering->builder.arena};
    access_add(&accesses, result, &identity);
    nest_accesses(lowering, map.value, &identity, &accesses);
    Axes axes = axes_collapse(lowering, type, NULL, &accesses);
    Part part = nest_part(lowering, &axes, 1, lowering->schedule->lanes);
    Nest nest = {.lowering = lowering, .rank = type->rank, .lanes = 1, .active = 1, .part = &part};
    NestLoops loops = nest_open(&nest, &axes, 1);
    nest_innermost(&nest, &axes, store_elements, &map);
    nest_close(&nest, &loops);
    part_close(&lowering->builder, &part);
}

/* A tensor of the caller, dense for the sizes of the call, and a copy of it with the strides of the bounds. */
static void lower_port(Lowering *lowering, Value from, Value to)
{
    bool pack = to.node->places[to.slot].space == SPACE_OUTPUT;
    const Value strided = pack ? from : to;
    const Place *place = &strided.node->places[strided.slot];
    const Type *type = value_type(strided);
    LoopAxis axes[MAX_RANK];
    int first = MAX_RANK;
    for (int axis = type->rank - 1; axis >= 0; axis--) {
        const Extent extent = lower_extent(lowering, &type->dim[axis]);
        if (!extent.bounded && extent.most == 1) continue;
        const LoopAxis *inner = &axes[first];
        bool one = first < MAX_RANK && !inner->size.nterms && place->stride[axis] == inner->stride * inner->size.base;
        if (one)
            axes[first].size = affine_scale(extent.actual, inner->size.base);
        else
            axes[--first] = (LoopAxis){extent.actual, place->stride[axis]};
    }
    const LoopBuffer *buffer = lower_buffer(lowering, strided), *dense = lower_buffer(lowering, pack ? to : from);
    loop_pack(&lowering->builder, pack ? LOOP_PACK : LOOP_UNPACK, buffer, affine(place_interior(place)),
              MAX_RANK - first, axes + first, dense);
}

void lower_map(Lowering *lowering)
{
    lower_fill_ring(lowering);
    Value from, to = value_of((Node *)lowering->group.node);
    if (port_copy_of(to.node, &from)) {
        lower_port(lowering, from, to);
        return;
    }
    nest_store_all(lowering, lowering->group.body->results[0].value);
}
