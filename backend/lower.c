#include "backend/lower.h"

#include <assert.h>

static LowerGroup *const kind_table[] = {
    [KIND_MAP] = lower_map,       [KIND_REDUCE] = lower_reduce, [KIND_CONTRACT] = lower_contract,
    [KIND_WINDOW] = lower_window, [KIND_ROW] = lower_row,       [KIND_NEST] = lower_nest,
    [KIND_PIECES] = lower_pieces, [KIND_GROUP] = lower_strips,
};

static LowerGroup *const nest_table[OP_COUNT] = {
#define NEST(op) [OP_##op] = lower_##op,
#include "ir/nests.def"
};

void lower_nest(Lowering *lowering) { nest_table[lowering->group.anchor->op](lowering); }

static LowerGroup *const variant_table[] = {
#define VARIANT(id, name, doc) lower_##name,
#include "ir/variants.def"
};

void lower_direct(Lowering *lowering) { kind_table[lowering->group.kind](lowering); }

/* ---- buffers ---- */

static int64_t space_align(Space space) { return space == SPACE_INPUT || space == SPACE_OUTPUT ? 1 : 64; }

const LoopBuffer *lower_buffer(Lowering *lowering, Value value)
{
    const Place *place = &value.node->places[value.slot];
    const Type *type = value_type(value);
    LoopFunction *f = lowering->builder.function;
    LoopBuffer like = {.name = value_name(lowering->builder.arena, value),
                       .dtype = type->dtype,
                       .space = place->space,
                       .index = place->index,
                       .offset = place->offset,
                       .elements = place_bytes(place, type) / dtype_bytes(type->dtype, 1),
                       .align = space_align(place->space),
                       .writable = value.node == lowering->group.node};
    assert(like.space != SPACE_NONE);
    /* a result in place of an operand, and reshapes, are the same memory: one buffer, so that nobody believes that
     * they are apart */
    for (int i = 0; i < f->nbuffers; i++) {
        LoopBuffer *known = f->buffers[i];
        if (known->space != like.space || known->index != like.index || known->offset != like.offset) continue;
        assert(known->dtype == like.dtype && known->elements == like.elements);
        known->writable |= like.writable;
        return known;
    }
    return loop_buffer(&lowering->builder, &like);
}

Affine lower_address(Value value, const Affine *at)
{
    const Place *place = &value.node->places[value.slot];
    Affine index = affine(place_interior(place));
    for (int axis = 0; axis < value_type(value)->rank; axis++)
        index = affine_add(index, affine_scale(at[axis], place->stride[axis]));
    return index;
}

/* The ring of `axis` and of those inside it; `at` is where the axis begins, its ring included. */
static void fill_axis(Lowering *lowering, const LoopBuffer *buffer, int axis, Affine at)
{
    const Node *node = lowering->group.node;
    const Place *place = &node->places[0];
    int64_t size = node->types[0].dim[axis].high, stride = place->stride[axis], before = place->before[axis];
    Scalar ring = {.real = (double)place->ring, .integer = place->ring};
    LoopBuilder *b = &lowering->builder;
    if (before) loop_fill_scalar(b, buffer, at, before * stride, ring);
    if (place->after[axis])
        loop_fill_scalar(b, buffer, affine_plus(at, (before + size) * stride), place->after[axis] * stride, ring);
    bool inner = false;
    for (int i = axis + 1; i < node->types[0].rank; i++) inner |= place->before[i] || place->after[i];
    if (!inner) return;
    LoopScope scope = loop_for(b, "ring", 0, size, 1, MODE_SERIAL);
    at = affine_add(affine_plus(at, before * stride), affine_of(scope.var, stride));
    fill_axis(lowering, buffer, axis + 1, at);
    loop_end(b, scope);
}

void lower_fill_ring(Lowering *lowering)
{
    Value result = value_of((Node *)lowering->group.node);
    if (place_has_halo(&result.node->places[0])) fill_axis(lowering, lower_buffer(lowering, result), 0, affine(0));
}

/* ---- values ---- */

const LoopExpr *lower_constant(LoopBuilder *b, Dtype dtype, Scalar value, int lanes)
{
    Expr *e = expr_new(b->arena);
    e->result = dtype_is_float(dtype) ? expr_real(e, dtype, value.real) : expr_integer(e, dtype, value.integer);
    return loop_expr(b, e, NULL, lanes);
}

const LoopExpr *lower_number(Lowering *lowering, Value value, int lanes)
{
    const Node *node = value.node;
    Scalar element;
    while (node_def(node)->kind == KIND_VIEW) node = node->inputs[0].node;
    if (!node_is_splat(node, &element)) return NULL;
    return lower_constant(&lowering->builder, node->types[0].dtype, element, lanes);
}

const LoopExpr *lower_cast(LoopBuilder *b, Dtype to, const LoopExpr *x)
{
    return x->dtype == to ? x : loop_op(b, EXPR_CAST, to, x, NULL, NULL);
}

const LoopExpr *lower_map_value(Lowering *lowering, const Node *node, const LoopExpr *const *args, int lanes)
{
    Expr *e = expr_new(lowering->builder.arena);
    int operands[8];
    assert(node->ninputs <= 8);
    for (int i = 0; i < node->ninputs; i++) operands[i] = expr_arg(e, i, value_type(node->inputs[i])->dtype);
    node_def(node)->map(node, e, operands);
    return loop_expr(&lowering->builder, e, args, lanes);
}

/* ---- the graph ---- */

static void count_traffic(Lowering *lowering)
{
    LoopFunction *f = lowering->builder.function;
    Value *captures;
    int count = graph_captures(lowering->group.body, &captures);
    for (int i = 0; i < count; i++) {
        const Place *place = &captures[i].node->places[captures[i].slot];
        if (place->space != SPACE_NONE) f->bytes_read += (double)place_bytes(place, value_type(captures[i]));
    }
    const Node *node = lowering->group.node;
    for (int slot = 0; slot < node->nresults; slot++) f->bytes_written += (double)type_bytes(&node->types[slot]);
}

static LoopFunction *lower_group(const Node *node, const Target *target, Arena *arena, Diag *diag)
{
    LoopFunction *function = loop_function_new(arena, node->name, node->origin);
    function->scratch = node->schedule->scratch;
    function->scratch_offset = node->schedule->scratch_offset;
    Lowering lowering = {.builder = loop_builder(arena, function),
                         .group = group_of(node),
                         .schedule = node->schedule,
                         .target = target,
                         .diag = diag};
    variant_table[lowering.schedule->variant](&lowering);
    assert(function->parallel <= node->schedule->threads); /* what there is scratch for */
    count_traffic(&lowering);
    return function;
}

bool lower_graph(const Graph *graph, const Target *target, LoopProgram *out, Diag *diag)
{
    int steps = 0;
    for (const Node *node = graph->first; node; node = node->next) steps += node->op == OP_group;
    *out = (LoopProgram){.arena = graph->arena,
                         .graph = graph,
                         .steps = ARENA_ARRAY(graph->arena, LoopFunction *, steps),
                         .arena_bytes = graph_space_bytes(graph, SPACE_ARENA),
                         .constant_bytes = graph_space_bytes(graph, SPACE_CONSTANT),
                         .state_bytes = graph_space_bytes(graph, SPACE_STATE)};
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_group) continue;
        LoopFunction *function = lower_group(node, target, graph->arena, diag);
        if (!loop_verify(function, diag)) return false;
        out->steps[out->nsteps++] = function;
    }
    return true;
}
