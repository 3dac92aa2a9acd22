#include "backend/lower/index.h"
#include "ir/bounded.h"

#include <assert.h>
#include <string.h>

struct NestMemo {
    NestMemo *next;
    Value value;
    NestMap map;
    const LoopExpr *expr;
};

/* ---- index maps ---- */

NestMap nest_identity(const Type *type)
{
    NestMap map = {0};
    for (int axis = 0; axis < type->rank; axis++) map.stride[axis][axis] = 1;
    return map;
}

NestMap nest_map(const IndexMap *map)
{
    NestMap out = {0};
    for (int axis = 0; axis < MAX_RANK; axis++) out.offset[axis].base = map->offset[axis];
    memcpy(out.stride, map->stride, sizeof out.stride);
    return out;
}

Affine nest_number(Lowering *lowering, const SizedNumber *number)
{
    if (!number->factor) return affine(number->base);
    const Extent size = lower_extent(lowering, &number->size);
    return affine_plus(affine_scale(size.actual, number->factor), number->base);
}

/* Adds `factor` times coordinate `from` of the map `of` to coordinate `axis` of `out`. */
static void add_coordinate(NestMap *out, int axis, const NestMap *of, int from, int64_t factor)
{
    out->offset[axis] = affine_add(out->offset[axis], affine_scale(of->offset[from], factor));
    for (int i = 0; i < MAX_RANK; i++) out->stride[axis][i] += factor * of->stride[from][i];
}

NestMap nest_broadcast(const Type *result, const Type *operand, const NestMap *map)
{
    NestMap out = {0};
    int missing = result->rank - operand->rank;
    for (int axis = 0; axis < operand->rank; axis++) {
        bool still = operand->dim[axis].high == 1 && result->dim[axis + missing].high != 1;
        if (!still) add_coordinate(&out, axis, map, axis + missing, 1);
    }
    return out;
}

/* Of what is read at computed places: the coordinates that are not computed. */
static void indexed_map(const Node *node, const NestMap *map, NestMap *out)
{
    Indexing indexing;
    node_def(node)->index(node, &indexing);
    for (int axis = 0; axis < indexing.rank; axis++)
        if (indexing.axis[axis] >= 0) add_coordinate(out, axis, map, indexing.axis[axis], 1);
}

/* How coordinates of an operand follow from the nest's when those of the node's result do by `map`. */
static NestMap operand_map(Lowering *lowering, const Node *node, int operand, const NestMap *map)
{
    const Type *result = &node->types[0], *type = value_type(node->inputs[operand]);
    NestMap out = {0};
    IndexMap view = {0};
    SizedNumber offset[MAX_RANK];
    OpKind kind = node_def(node)->kind;
    if (kind == KIND_INDEX && operand == 0) {
        indexed_map(node, map, &out);
        return out;
    }
    if (kind == KIND_MAP || kind == KIND_INDEX) return nest_broadcast(result, type, map);
    assert(node_def(node)->kind == KIND_VIEW);
    bool viewed = node_def(node)->view(node, &view) && node_view_offsets(node, offset);
    assert(viewed && !view.linear); /* reshapes stand between groups, says the verifier */
    (void)viewed;
    for (int axis = 0; axis < type->rank; axis++) {
        out.offset[axis] = nest_number(lowering, &offset[axis]);
        for (int r = 0; r < result->rank; r++) add_coordinate(&out, axis, map, r, view.stride[axis][r]);
    }
    return out;
}

/* ---- lanes in use ---- */

void nest_store_at(const Nest *nest, const LoopBuffer *buffer, Affine index, const LoopExpr *offset,
                   const LoopExpr *value, int64_t step)
{
    LoopBuilder *b = &nest->lowering->builder;
    if (nest->limited && nest->lanes > 1)
        loop_store_below(b, buffer, index, offset, value, step, nest->limit);
    else
        loop_store_at(b, buffer, index, offset, value, step, nest->active);
}

const LoopExpr *nest_load_at(const Nest *nest, const LoopBuffer *buffer, Affine index, const LoopExpr *offset,
                             int64_t step)
{
    LoopBuilder *b = &nest->lowering->builder;
    if (nest->limited && nest->lanes > 1)
        return loop_load_below(b, buffer, index, offset, nest->lanes, step, nest->limit);
    return loop_load_at(b, buffer, index, offset, nest->lanes, step, nest->active);
}

const LoopExpr *nest_mask(const Nest *nest)
{
    LoopBuilder *b = &nest->lowering->builder;
    const LoopExpr *count = loop_const(b, I32, nest->lanes, nest->active);
    if (!nest->limited && nest->active == nest->lanes) return NULL;
    if (nest->limited) count = loop_splat(b, loop_index(b, nest->limit, I32), nest->lanes);
    return loop_op(b, EXPR_LT, BOOL, loop_lane(b, I32, nest->lanes), count, NULL);
}

/* ---- values ---- */

/* `offset`: elements more that are computed, or NULL. */
static const LoopExpr *load(Nest *nest, Value value, const NestMap *map, const LoopExpr *offset)
{
    Lowering *lowering = nest->lowering;
    LoopBuilder *b = &lowering->builder;
    const LoopExpr *number = lower_number(lowering, value, nest->lanes);
    if (number) return number;
    const Place *place = &value.node->places[value.slot];
    Affine at[MAX_RANK];
    int64_t step = 0;
    for (int axis = 0; axis < value_type(value)->rank; axis++) {
        at[axis] = map->offset[axis];
        for (int i = 0; i < nest->rank; i++)
            at[axis] = affine_add(at[axis], affine_scale(nest->at[i], map->stride[axis][i]));
        if (nest->lanes > 1) step += place->stride[axis] * map->stride[axis][nest->vector];
    }
    const LoopBuffer *buffer = lower_buffer(lowering, value);
    Affine index = lower_address(value, at);
    bool same = !step && (!offset || offset->lanes == 1);
    if (nest->lanes > 1 && same) return loop_splat(b, loop_load_at(b, buffer, index, offset, 1, 1, 1), nest->lanes);
    return nest_load_at(nest, buffer, index, offset, nest->lanes > 1 ? step : 1);
}

/* An element of the operand at the places that the indices hold. */
static const LoopExpr *load_indexed(Nest *nest, const Node *node, const NestMap *map)
{
    NestMap maps[MAX_RANK + 1];
    for (int i = 0; i < node->ninputs; i++) maps[i] = operand_map(nest->lowering, node, i, map);
    return load(nest, node->inputs[0], &maps[0], index_offset(nest, node, maps));
}

/* A product of sizes, which may be more than an index holds. */
static const LoopExpr *extent_value(Nest *nest, const Node *node)
{
    LoopBuilder *b = &nest->lowering->builder;
    const ExtentAttrs *attrs = node->attrs;
    const LoopExpr *product = loop_const(b, I64, 1, 1);
    for (int i = 0; i < attrs->of.count; i++) {
        const Extent one =
            attrs->of_dims ? lower_extent(nest->lowering, &attrs->of_dims[i]) : extent_of(attrs->of.at[i]);
        product = loop_op(b, EXPR_MUL, I64, product, loop_index(b, one.actual, I64), NULL);
    }
    return loop_splat(b, lower_cast(b, node->types[0].dtype, product), nest->lanes);
}

/* The nest's coordinate that a KIND_IOTA node counts, lane by lane. */
static const LoopExpr *coordinate(Nest *nest, const Node *node, const NestMap *map)
{
    LoopBuilder *b = &nest->lowering->builder;
    int axis = iota_axis(node);
    if (axis < 0) return extent_value(nest, node);
    Dtype dtype = node->types[0].dtype, counted = node->types[0].dim[axis].high > INT32_MAX ? I64 : I32;
    Affine at = map->offset[axis];
    for (int i = 0; i < nest->rank; i++) at = affine_add(at, affine_scale(nest->at[i], map->stride[axis][i]));
    const LoopExpr *first = loop_index(b, at, counted);
    if (nest->lanes == 1) return lower_cast(b, dtype, first);
    int64_t step = map->stride[axis][nest->vector];
    first = loop_splat(b, first, nest->lanes);
    if (!step) return lower_cast(b, dtype, first);
    const LoopExpr *lane = loop_lane(b, counted, nest->lanes);
    if (step != 1) lane = loop_op(b, EXPR_MUL, counted, lane, loop_const(b, counted, nest->lanes, (double)step), NULL);
    return lower_cast(b, dtype, loop_op(b, EXPR_ADD, counted, first, lane, NULL));
}

/* Operands whose elements are read: what else a view has only comes before it. */
static int count_read(const Node *node) { return node_def(node)->kind == KIND_VIEW ? 1 : node->ninputs; }

static const LoopExpr *compute(Nest *nest, const Node *node, const NestMap *map)
{
    const LoopExpr *args[8];
    if (node_def(node)->kind == KIND_IOTA) return coordinate(nest, node, map);
    if (node_def(node)->kind == KIND_INDEX) return load_indexed(nest, node, map);
    assert(node->ninputs <= 8 && node->ninputs > 0);
    for (int i = 0; i < count_read(node); i++) {
        NestMap operand = operand_map(nest->lowering, node, i, map);
        args[i] = nest_value(nest, node->inputs[i], &operand);
    }
    if (node_def(node)->kind == KIND_VIEW) return args[0];
    return lower_map_value(nest->lowering, node, args, nest->lanes);
}

/* ---- what is known ---- */

static const LoopExpr *in_lanes(Nest *nest, const LoopExpr *value)
{
    return value->lanes == nest->lanes ? value : loop_splat(&nest->lowering->builder, value, nest->lanes);
}

static Affine known_at(const Nest *nest, const NestKnown *known, int64_t *step)
{
    Affine at = affine(0);
    for (int i = 0; i < nest->rank; i++) at = affine_add(at, affine_scale(nest->at[i], known->stride[i]));
    *step = nest->lanes > 1 && known->stride[nest->vector] ? known->stride[nest->vector] : 1;
    return at;
}

static const LoopExpr *load_known(Nest *nest, const NestKnown *known)
{
    int64_t step;
    Affine at = known_at(nest, known, &step);
    return nest_load_at(nest, known->buffer, at, NULL, step);
}

void nest_store_known(Nest *nest, const NestKnown *known, const LoopExpr *value)
{
    int64_t step;
    Affine at = known_at(nest, known, &step);
    nest_store_at(nest, known->buffer, at, NULL, value, step);
}

const LoopExpr *nest_value(Nest *nest, Value value, const NestMap *map)
{
    Lowering *lowering = nest->lowering;
    const NestKnown *known = nest->known;
    while (known && known->node != value.node) known = known->next;
    if (known && known->value) return in_lanes(nest, known->value);
    for (const NestMemo *memo = nest->memo; memo; memo = memo->next)
        if (value_equal(memo->value, value) && !memcmp(&memo->map, map, sizeof *map)) return memo->expr;
    const LoopExpr *expr;
    if (known)
        expr = load_known(nest, known);
    else if (group_is_inside(&lowering->group, value))
        expr = compute(nest, value.node, map);
    else
        expr = load(nest, value, map, NULL);
    if (graph_uses(lowering->group.body, value) < 2) return expr;
    NestMemo *memo = ARENA_NEW(lowering->builder.arena, NestMemo);
    *memo = (NestMemo){nest->memo, value, *map, loop_let(&lowering->builder, "shared", expr)};
    nest->memo = memo;
    return memo->expr;
}

/* ---- accesses ---- */

void access_add(AccessList *list, Value value, const NestMap *map)
{
    const Place *place = &value.node->places[value.slot];
    list->items = arena_grow(list->arena, list->items, list->count, &list->capacity, sizeof *list->items);
    Access *access = &list->items[list->count++];
    *access = (Access){.value = value};
    for (int axis = 0; axis < value_type(value)->rank; axis++)
        for (int i = 0; i < MAX_RANK; i++) access->stride[i] += place->stride[axis] * map->stride[axis][i];
}

void access_add_strides(AccessList *list, const int64_t *stride, int rank)
{
    list->items = arena_grow(list->arena, list->items, list->count, &list->capacity, sizeof *list->items);
    Access *access = &list->items[list->count++];
    *access = (Access){.value = {NULL, 0}};
    memcpy(access->stride, stride, (size_t)rank * sizeof *stride);
}

/* Coordinates are no memory, but they have to be walked like it. */
static void add_coordinates(Value value, const NestMap *map, AccessList *out)
{
    int axis = iota_axis(value.node);
    if (axis >= 0) access_add_strides(out, map->stride[axis], MAX_RANK);
}

static bool is_pointwise(OpKind kind)
{
    return kind == KIND_MAP || kind == KIND_VIEW || kind == KIND_INDEX || kind == KIND_IOTA;
}

void nest_accesses(Lowering *lowering, Value value, const NestMap *map, AccessList *out)
{
    if (!group_is_inside(&lowering->group, value)) {
        if (value.node->places[value.slot].space != SPACE_NONE) access_add(out, value, map);
        return;
    }
    if (!is_pointwise(node_def(value.node)->kind)) return;
    if (node_def(value.node)->kind == KIND_IOTA) add_coordinates(value, map, out);
    for (int i = 0; i < count_read(value.node); i++) {
        NestMap operand = operand_map(lowering, value.node, i, map);
        nest_accesses(lowering, value.node->inputs[i], &operand, out);
    }
}

static bool walked_as_one(const AccessList *accesses, int outer, int inner, int64_t inner_size)
{
    for (size_t i = 0; i < accesses->count; i++)
        if (accesses->items[i].stride[outer] != accesses->items[i].stride[inner] * inner_size) return false;
    return true;
}

Axes axes_collapse(Lowering *lowering, const Type *type, const bool *chosen, const AccessList *accesses)
{
    Axes reversed = {0}, axes = {0};
    for (int axis = type->rank - 1; axis >= 0; axis--) {
        int64_t size = type->dim[axis].high;
        bool one = size == 1 && dim_is_fixed(&type->dim[axis]);
        if (one || (chosen && !chosen[axis])) continue;
        int last = reversed.count - 1;
        const Extent extent = lower_extent(lowering, &type->dim[axis]);
        bool fixed = last >= 0 && !reversed.extent[last].bounded;
        if (fixed && walked_as_one(accesses, axis, reversed.axis[last], reversed.size[last])) {
            reversed.extent[last] = extent_times(&extent, reversed.size[last]);
            reversed.size[last] *= size;
            continue;
        }
        reversed.axis[reversed.count] = axis;
        reversed.extent[reversed.count] = extent;
        reversed.size[reversed.count++] = size;
    }
    axes.count = reversed.count;
    for (int i = 0; i < axes.count; i++) {
        axes.axis[i] = reversed.axis[axes.count - 1 - i];
        axes.size[i] = reversed.size[axes.count - 1 - i];
        axes.extent[i] = reversed.extent[axes.count - 1 - i];
    }
    return axes;
}

/* ---- loops ---- */

Part nest_part(Lowering *lowering, const Axes *axes, int inner, int64_t lanes)
{
    if (!axes->count) return (Part){.width = 0};
    int64_t step = axes->count == inner ? lanes : 1;
    return part_open(&lowering->builder, axes->size[0], step, lowering->schedule->threads);
}

NestLoops nest_open(Nest *nest, const Axes *axes, int inner)
{
    NestLoops loops = {.count = 0};
    LoopBuilder *b = &nest->lowering->builder;
    for (int i = 0; i < axes->count - inner; i++) {
        PartScope scope = {.at = affine(0)};
        if (axes->extent[i].bounded || (i == 0 && nest->part && nest->part->width)) {
            scope = part_steps(b, i == 0 ? nest->part : NULL, "i", &axes->extent[i], 1);
        } else {
            scope.loop = loop_for(b, "i", 0, axes->size[i], 1, MODE_SERIAL);
            scope.at = scope.loop.at;
        }
        nest->at[axes->axis[i]] = scope.at;
        loops.scope[loops.count++] = scope;
    }
    if (loops.count) nest->part = NULL;
    return loops;
}

void nest_close(Nest *nest, const NestLoops *loops)
{
    for (int i = loops->count; i-- > 0;) part_range_end(&nest->lowering->builder, &loops->scope[i]);
}

static void run_body(Nest *nest, int axis, Affine at, int lanes, int active, NestBody *body, void *context)
{
    nest->vector = axis;
    nest->at[axis] = at;
    nest->lanes = lanes;
    nest->active = active;
    nest->memo = NULL;
    body(nest, context);
}

/* What whole vectors leave, in the part that it belongs to. */
static void run_rest(Nest *nest, int axis, Affine at, int64_t rest, int64_t lanes, NestBody *body, void *context)
{
    int64_t width = lanes, left = rest;
    while (width > 1 && width / 2 >= rest) width /= 2;
    if (nest->lowering->target->has & FEATURE_MASKED) {
        run_body(nest, axis, at, (int)width, (int)rest, body, context);
        return;
    }
    for (; left > 0; width /= 2) {
        if (left < width) continue;
        run_body(nest, axis, affine_plus(at, rest - left), (int)width, (int)width, body, context);
        left -= width;
    }
}

/* Behind the whole vectors one of which as many lanes are in use as elements are left, if any. */
static void bounded_rest(Nest *nest, const Part *part, int axis, const Extent *extent, int64_t lanes, NestBody *body,
                         void *context)
{
    PartScope scope = part_tail(&nest->lowering->builder, part, "v", extent, lanes);
    nest->limited = true;
    nest->limit = affine_add(extent->actual, affine_scale(scope.at, -1));
    run_body(nest, axis, scope.at, (int)lanes, (int)lanes, body, context);
    nest->limited = false;
    part_range_end(&nest->lowering->builder, &scope);
}

/* Whole vectors, as many as there are; then, without masks, halves of them, which fit once or not at all. */
static void bounded_vectors(Nest *nest, const Part *part, int axis, const Extent *extent, int64_t lanes, NestBody *body,
                            void *context)
{
    LoopBuilder *b = &nest->lowering->builder;
    for (int64_t width = lanes; width > 0; width /= 2) {
        if (width < lanes && !extent_leaves(extent, 2 * width)) return;
        if (width > extent->most) continue;
        PartScope scope = width == lanes ? part_steps(b, part, "v", extent, width)
                                         : part_rest(b, part, "v", extent, 2 * width, width);
        run_body(nest, axis, scope.at, (int)width, (int)width, body, context);
        part_range_end(b, &scope);
        bool masked = width > 1 && nest->lowering->target->has & FEATURE_MASKED && extent_leaves(extent, width);
        if (masked) bounded_rest(nest, part, axis, extent, width, body, context);
        if (masked) return;
    }
}

void nest_vectors(Nest *nest, int axis, const Extent *extent, int64_t lanes, NestBody *body, void *context)
{
    LoopBuilder *b = &nest->lowering->builder;
    const Part *part = nest->part && nest->part->width ? nest->part : NULL;
    int64_t size = extent->most;
    if (extent->bounded) {
        nest->part = NULL;
        bounded_vectors(nest, part, axis, extent, lanes, body, context);
        return;
    }
    int64_t whole = size / lanes * lanes, rest = size - whole;
    nest->part = NULL;
    if (whole && part) {
        PartScope scope = part_range(b, part, "v", 0, whole, lanes);
        run_body(nest, axis, scope.at, (int)lanes, (int)lanes, body, context);
        part_range_end(b, &scope);
    } else if (whole) {
        LoopScope scope = loop_for(b, "v", 0, whole, lanes, MODE_SERIAL);
        run_body(nest, axis, affine_of(scope.var, 1), (int)lanes, (int)lanes, body, context);
        loop_end(b, scope);
    }
    if (!rest) return;
    PartScope scope = part_range(b, part, "v", whole, whole + lanes, lanes);
    run_rest(nest, axis, scope.at, rest, lanes, body, context);
    part_range_end(b, &scope);
}

void nest_innermost(Nest *nest, const Axes *axes, NestBody *body, void *context)
{
    int last = axes->count - 1;
    if (last < 0)
        body(nest, context);
    else
        nest_vectors(nest, axes->axis[last], &axes->extent[last], nest->lowering->schedule->lanes, body, context);
}
