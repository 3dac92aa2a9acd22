/* Combinations of all elements so far along one axis: a register that every step combines with.  Lanes run along any
 * other axis, for along this one each step waits for the last. */
#include "backend/lower/nest.h"

typedef struct Carry {
    Lowering *lowering;
    const Node *anchor;
    Value result;
    Prefix prefix;
    Dtype dtype; /* that it is carried in */
} Carry;

/* What is so far becomes what the group makes of it. */
static void store_result(const Carry *c, const Nest *nest, const LoopExpr *so_far)
{
    Lowering *lowering = c->lowering;
    LoopBuilder *b = &lowering->builder;
    const Type *type = value_type(c->result);
    Nest out = *nest;
    out.memo = NULL;
    NestKnown known = {.node = c->anchor, .value = lower_cast(b, c->anchor->types[0].dtype, so_far)};
    out.known = &known;
    if (lowering->group.body->results[0].value.node != c->anchor) known.value = loop_let(b, "prefix", known.value);
    NestMap identity = nest_identity(type);
    const LoopExpr *value = nest_value(&out, lowering->group.body->results[0].value, &identity);
    int64_t step = out.lanes > 1 ? c->result.node->places[0].stride[out.vector] : 1;
    nest_store_at(&out, lower_buffer(lowering, c->result), lower_address(c->result, out.at), NULL, value, step);
}

static void carry_along(Nest *nest, void *context)
{
    const Carry *c = context;
    LoopBuilder *b = &c->lowering->builder;
    const Type *type = value_type(c->result);
    const Extent extent = lower_extent(c->lowering, &type->dim[c->prefix.axis]);
    Scalar identity = combiner_identity(c->prefix.combiner, c->dtype);
    const LoopRegister *so_far = loop_register(b, "so_far", c->dtype, nest->lanes, 1);
    loop_assign(b, so_far, affine(0), lower_constant(b, c->dtype, identity, nest->lanes));
    PartScope scope = part_steps(b, NULL, "e", &extent, 1);
    Affine last = affine_plus(extent.actual, -1);
    Nest at = *nest;
    at.memo = NULL;
    at.at[c->prefix.axis] = c->prefix.reverse ? affine_add(last, affine_scale(scope.at, -1)) : scope.at;
    NestMap map = nest_identity(type);
    const LoopExpr *element = lower_cast(b, c->dtype, nest_value(&at, c->anchor->inputs[0], &map));
    element = loop_let(b, "element", element);
    const LoopExpr *before = loop_reg(b, so_far, affine(0));
    if (c->prefix.exclusive) store_result(c, &at, before);
    loop_assign(b, so_far, affine(0), loop_op(b, combiner_expr(c->prefix.combiner), c->dtype, before, element, NULL));
    if (!c->prefix.exclusive) store_result(c, &at, loop_reg(b, so_far, affine(0)));
    part_range_end(b, &scope);
}

void lower_prefix(Lowering *lowering)
{
    const Node *anchor = lowering->group.anchor;
    Carry c = {.lowering = lowering,
               .anchor = anchor,
               .result = value_of((Node *)lowering->group.node),
               .dtype = dtype_wide(anchor->types[0].dtype)};
    const Type *type = value_type(c.result);
    node_def(anchor)->prefix(anchor, &c.prefix);
    NestMap identity = nest_identity(type);
    AccessList accesses = {.arena = lowering->builder.arena};
    access_add(&accesses, c.result, &identity);
    nest_accesses(lowering, anchor->inputs[0], &identity, &accesses);
    nest_accesses(lowering, lowering->group.body->results[0].value, &identity, &accesses);
    bool others[MAX_RANK];
    for (int axis = 0; axis < type->rank; axis++) others[axis] = axis != c.prefix.axis;
    Axes axes = axes_collapse(lowering, type, others, &accesses);
    lower_fill_ring(lowering);
    Part part = nest_part(lowering, &axes, 1, lowering->schedule->lanes);
    Nest nest = {.lowering = lowering, .rank = type->rank, .lanes = 1, .active = 1, .part = &part};
    NestLoops loops = nest_open(&nest, &axes, 1);
    nest_innermost(&nest, &axes, carry_along, &c);
    nest_close(&nest, &loops);
    part_close(&lowering->builder, &part);
}
