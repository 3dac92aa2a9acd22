/* Element-wise groups: one pass over the result. */
#include "backend/lower/nest.h"

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
    IndexMap identity = nest_identity(type);
    const LoopExpr *value = nest_value(nest, map->value, &identity);
    int64_t step = nest->lanes > 1 ? place->stride[nest->vector] : 1;
    loop_store(&nest->lowering->builder, map->buffer, lower_address(map->result, nest->at), value, step, nest->active);
}

void nest_store_all(Lowering *lowering, Value value)
{
    Value result = value_of((Node *)lowering->group.node);
    const Type *type = value_type(result);
    Map map = {value, result, lower_buffer(lowering, result)};
    IndexMap identity = nest_identity(type);
    AccessList accesses = {.arena = lowering->builder.arena};
    access_add(&accesses, result, &identity);
    nest_accesses(lowering, map.value, &identity, NULL, &accesses);
    Axes axes = axes_collapse(lowering, type, NULL, &accesses);
    Part part = nest_part(lowering, &axes, 1, lowering->schedule->lanes);
    Nest nest = {.lowering = lowering, .rank = type->rank, .lanes = 1, .active = 1, .part = &part};
    NestLoops loops = nest_open(&nest, &axes, 1);
    nest_innermost(&nest, &axes, store_elements, &map);
    nest_close(&nest, &loops);
    part_close(&lowering->builder, &part);
}

void lower_map(Lowering *lowering)
{
    lower_fill_ring(lowering);
    nest_store_all(lowering, lowering->group.body->results[0].value);
}
