/* Updates written over a tensor at computed places.
 *
 * Updates that meet in one element come in their order.  They differ in axes that are no coordinate of the element, so
 * only those keep their order among the loops; along all other axes, lanes are elements apart. */
#include "backend/lower/index.h"

enum { DATA, UPDATE, FIRST_INDEX };

typedef struct Puts {
    Lowering *lowering;
    const Node *anchor;
    Scatter scatter;
    Value result;
    NestMap maps[MAX_RANK + FIRST_INDEX]; /* of the operands, from the updates' coordinates */
    bool hoisted;                         /* the offset is the same in all inner loops, and known: */
    const LoopExpr *offset, *inside;
} Puts;

/* ---- what the updates are written over ---- */

static void copy_data(const Puts *p)
{
    Lowering *lowering = p->lowering;
    Value data = p->anchor->inputs[DATA];
    const LoopBuffer *buffer = lower_buffer(lowering, p->result);
    const LoopExpr *number = lower_number(lowering, data, 1);
    bool inside = group_is_inside(&lowering->group, data);
    bool dense = type_is_fixed(value_type(p->result)) && !place_has_halo(&p->result.node->places[0]);
    if (number && dense)
        loop_fill_scalar(&lowering->builder, buffer, affine(0), buffer->elements, number->value);
    else if (number || inside || !place_equal(&data.node->places[data.slot], &p->result.node->places[0]))
        nest_store_all(lowering, data);
}

/* ---- updates ---- */

static const LoopExpr *new_value(const Puts *p, const LoopExpr *old, const LoopExpr *update)
{
    LoopBuilder *b = &p->lowering->builder;
    if (p->scatter.combines) {
        Dtype wide = dtype_wide(update->dtype);
        const LoopExpr *x = lower_cast(b, wide, old), *y = lower_cast(b, wide, update);
        update = lower_cast(b, update->dtype, loop_op(b, combiner_expr(p->scatter.combiner), wide, x, y, NULL));
    }
    if (!p->inside) return update;
    return loop_op(b, EXPR_SELECT, update->dtype, loop_splat(b, p->inside, update->lanes), update, old);
}

static void put_elements(Nest *nest, void *context)
{
    Puts p = *(const Puts *)context;
    LoopBuilder *b = &p.lowering->builder;
    const Place *place = &p.result.node->places[0];
    const LoopBuffer *buffer = lower_buffer(p.lowering, p.result);
    Affine at[MAX_RANK];
    int64_t step = nest->lanes > 1 ? 0 : 1;
    if (!p.hoisted) p.offset = scatter_offset(nest, p.anchor, p.maps, &p.inside);
    for (int axis = 0; axis < p.scatter.place.rank; axis++) {
        int from = p.scatter.place.axis[axis];
        at[axis] = from < 0 ? affine(0) : nest->at[from];
        if (nest->lanes > 1 && from == nest->vector) step = place->stride[axis];
    }
    Affine index = lower_address(p.result, at);
    const LoopExpr *update = nest_value(nest, p.anchor->inputs[UPDATE], &p.maps[UPDATE]), *old = NULL;
    if (p.inside || p.scatter.combines) old = loop_let(b, "old", nest_load_at(nest, buffer, index, p.offset, step));
    nest_store_at(nest, buffer, index, p.offset, new_value(&p, old, update), step);
}

static bool is_coordinate(const Puts *p, int axis)
{
    for (int i = 0; i < p->scatter.place.rank; i++)
        if (p->scatter.place.axis[i] == axis) return true;
    return false;
}

/* Does an index change along the axis of the updates? */
static bool is_indexed(const Puts *p, int axis)
{
    for (int i = FIRST_INDEX; i < p->anchor->ninputs; i++)
        if (value_type(p->anchor->inputs[i])->dim[axis].high > 1) return true;
    return false;
}

/* Which axes of the updates are those of inner loops: coordinates, along which no index changes; without any, the last
 * when it is a coordinate: lanes then have an offset each. */
static bool choose_inner(const Puts *p, const Type *type, bool *inner)
{
    bool some = false;
    int last = type->rank - 1;
    for (int axis = 0; axis < type->rank; axis++) {
        inner[axis] = type->dim[axis].high > 1 && is_coordinate(p, axis) && !is_indexed(p, axis);
        some |= inner[axis];
    }
    if (!some && type->rank && is_coordinate(p, last)) inner[last] = true;
    return some;
}

static void list_accesses(const Puts *p, AccessList *accesses)
{
    int64_t stride[MAX_RANK] = {0};
    const Place *place = &p->result.node->places[0];
    for (int i = 0; i < p->scatter.place.rank; i++)
        if (p->scatter.place.axis[i] >= 0) stride[p->scatter.place.axis[i]] = place->stride[i];
    access_add_strides(accesses, stride, MAX_RANK);
    for (int i = UPDATE; i < p->anchor->ninputs; i++)
        nest_accesses(p->lowering, p->anchor->inputs[i], &p->maps[i], accesses);
}

/* Where the result may have no elements, nothing is written to it then. */
static LoopScope open_if_any(const Puts *p)
{
    const Type *type = value_type(p->result);
    Affine conditions[MAX_RANK];
    int count = 0;
    for (int axis = 0; axis < type->rank; axis++)
        if (!type->dim[axis].low)
            conditions[count++] = affine_plus(lower_extent(p->lowering, &type->dim[axis]).actual, -1);
    return count ? loop_if(&p->lowering->builder, count, conditions) : (LoopScope){.outer = NULL};
}

static void put_all(Puts *p)
{
    Lowering *lowering = p->lowering;
    const Type *type = value_type(p->anchor->inputs[UPDATE]);
    bool inner[MAX_RANK] = {false}, outer[MAX_RANK] = {false};
    AccessList accesses = {.arena = lowering->builder.arena};
    list_accesses(p, &accesses);
    p->hoisted = choose_inner(p, type, inner);
    for (int axis = 0; axis < type->rank; axis++) outer[axis] = !inner[axis];
    Axes around = axes_collapse(lowering, type, outer, &accesses),
         within = axes_collapse(lowering, type, inner, &accesses);
    Nest nest = {.lowering = lowering, .rank = type->rank, .lanes = 1, .active = 1};
    NestLoops loops = nest_open(&nest, &around, 0);
    if (p->hoisted) p->offset = scatter_offset(&nest, p->anchor, p->maps, &p->inside);
    NestLoops rows = nest_open(&nest, &within, 1);
    nest_innermost(&nest, &within, put_elements, p);
    nest_close(&nest, &rows);
    nest_close(&nest, &loops);
}

void lower_scatter(Lowering *lowering)
{
    const Node *anchor = lowering->group.anchor;
    const Type *type = value_type(anchor->inputs[UPDATE]);
    Puts p = {.lowering = lowering, .anchor = anchor, .result = value_of((Node *)lowering->group.node)};
    NestMap identity = nest_identity(type);
    node_def(anchor)->scatter(anchor, &p.scatter);
    for (int i = UPDATE; i < anchor->ninputs; i++)
        p.maps[i] = nest_broadcast(type, value_type(anchor->inputs[i]), &identity);
    lower_fill_ring(lowering);
    copy_data(&p);
    LoopScope any = open_if_any(&p);
    put_all(&p);
    if (any.outer) loop_end(&lowering->builder, any);
}
