/* Reductions.  The numeric contract: 16 partial results, of the elements whose flat index over the reduced
 * axes has the same remainder mod 16, each started from the identity; then halves of 8, 4, 2 and 1 combine. */
#include "backend/lower/nest.h"

#include <assert.h>

enum { PARTIALS = 16, MOST_COPIES = 64 };

typedef struct Reduce {
    Lowering *lowering;
    const Node *anchor;
    Value operand;
    ExprKind combine;
    Scalar identity;
    Dtype dtype; /* of the sums */
    Reduction reduction;
    Axes kept, reduced;
    bool vector_kept; /* lanes run along the last kept axis */
    int partials;     /* vectors that hold partial results, when lanes run along a kept axis */
    const LoopRegister *sums;
    const LoopRegister *count; /* elements so far, where their flat index is no affine one */
} Reduce;

static LoopBuilder *builder(const Reduce *r) { return &r->lowering->builder; }

static const LoopExpr *combine(const Reduce *r, const LoopExpr *a, const LoopExpr *b)
{
    return loop_op(builder(r), r->combine, r->dtype, a, b, NULL);
}

/* The reduced operand, after the prologue, at the nest's coordinates. */
static const LoopExpr *element(const Reduce *r, Nest *nest)
{
    IndexMap identity = nest_identity(value_type(r->operand));
    nest->memo = NULL;
    return lower_cast(builder(r), r->dtype, nest_value(nest, r->operand, &identity));
}

/* ---- the result ---- */

/* Stores what the epilogue makes of the reduction. */
static void store_result(const Reduce *r, const Nest *nest, const LoopExpr *reduced)
{
    Lowering *lowering = r->lowering;
    Value result = value_of((Node *)lowering->group.node);
    const Type *type = value_type(result);
    Nest out = {.lowering = lowering,
                .rank = type->rank,
                .lanes = nest->lanes,
                .active = nest->active,
                .limited = nest->limited,
                .limit = nest->limit,
                .known = r->anchor,
                .known_value = loop_let(&lowering->builder, "reduced",
                                        lower_cast(&lowering->builder, r->anchor->types[0].dtype, reduced))};
    int axis = 0;
    for (int from = 0; from < nest->rank; from++) {
        if (r->reduction.axis[from] && !r->reduction.keep) continue;
        out.at[axis] = r->reduction.axis[from] ? affine(0) : nest->at[from];
        if (from == nest->vector) out.vector = axis;
        axis++;
    }
    assert(axis == type->rank);
    IndexMap identity = nest_identity(type);
    const LoopExpr *value = nest_value(&out, lowering->group.body->results[0].value, &identity);
    int64_t step = out.lanes > 1 ? result.node->places[0].stride[out.vector] : 1;
    nest_store_at(&out, lower_buffer(lowering, result), lower_address(result, out.at), NULL, value, step);
}

/* ---- lanes along a kept axis: a vector for each partial result ---- */

static void add_element(const Reduce *r, Nest *nest, int partial)
{
    Affine at = affine(partial % PARTIALS);
    loop_assign(builder(r), r->sums, at, combine(r, loop_reg(builder(r), r->sums, at), element(r, nest)));
}

/* After how many steps, each of `inner` elements, the partials come round. */
static int64_t period(int64_t inner)
{
    int64_t steps = 1;
    while (inner * steps % PARTIALS) steps *= 2;
    return steps;
}

static int64_t inner_size(const Reduce *r, int level)
{
    int64_t size = 1;
    for (int i = level + 1; i < r->reduced.count; i++) size *= r->reduced.size[i];
    return size;
}

/* The only reduced axis, when it is bounded: 16 steps at a time, then those that are left ask whether they are there.
 */
static void add_bounded(const Reduce *r, Nest *nest)
{
    LoopBuilder *b = builder(r);
    const Extent *extent = &r->reduced.extent[0];
    int axis = r->reduced.axis[0];
    if (extent->most >= PARTIALS) {
        PartScope whole = part_steps(b, NULL, "r", extent, PARTIALS);
        for (int step = 0; step < PARTIALS; step++) {
            nest->at[axis] = affine_plus(whole.at, step);
            add_element(r, nest, step);
        }
        part_range_end(b, &whole);
    }
    LoopEdge from = {extent->actual, PARTIALS}, to = {affine_plus(extent->actual, PARTIALS - 1), 1};
    LoopScope rest = loop_for_size(b, "r", extent->most + PARTIALS - 1, PARTIALS, 1, &from, 1, &to);
    for (int step = 0; step < PARTIALS - 1 && step < extent->most; step++) {
        Affine left = affine_plus(affine_add(extent->actual, affine_scale(rest.at, -1)), -1 - step);
        LoopScope inside = loop_if(b, 1, &left);
        nest->at[axis] = affine_plus(rest.at, step);
        add_element(r, nest, step);
        loop_end(b, inside);
    }
    loop_end(b, rest);
}

static bool is_bounded(const Reduce *r)
{
    bool bounded = false;
    for (int i = 0; i < r->reduced.count; i++) bounded |= r->reduced.extent[i].bounded;
    return bounded;
}

/* Flat indices of elements whose rows end when the code runs are counted. */
static void start_count(Reduce *r)
{
    LoopBuilder *b = builder(r);
    r->count = loop_register(b, "count", I32, 1, 1);
    loop_assign(b, r->count, affine(0), loop_const(b, I32, 1, 0));
}

static const LoopExpr *next_count(const Reduce *r)
{
    LoopBuilder *b = builder(r);
    const LoopExpr *count = loop_let(b, "at", loop_reg(b, r->count, affine(0)));
    loop_assign(b, r->count, affine(0), loop_op(b, EXPR_ADD, I32, count, loop_const(b, I32, 1, 1), NULL));
    return count;
}

/* Several axes, of which some are bounded: which partial result an element belongs to turns out when the code runs, so
 * they lie on the stack. */
static void add_counted(Reduce *r, Nest *nest)
{
    LoopBuilder *b = builder(r);
    int lanes = nest->lanes;
    const LoopBuffer *partials = loop_buffer(b, &(LoopBuffer){.name = "partials",
                                                              .dtype = r->dtype,
                                                              .space = SPACE_NONE,
                                                              .elements = (int64_t)PARTIALS * lanes,
                                                              .align = 64,
                                                              .writable = true});
    loop_fill_scalar(b, partials, affine(0), (int64_t)r->partials * lanes, r->identity);
    start_count(r);
    Nest one = *nest;
    NestLoops loops = nest_open(&one, &r->reduced, 0);
    const LoopExpr *at = loop_op(b, EXPR_AND, I32, next_count(r), loop_const(b, I32, 1, r->partials - 1), NULL);
    at = loop_let(b, "partial", loop_op(b, EXPR_MUL, I32, at, loop_const(b, I32, 1, lanes), NULL));
    const LoopExpr *old = loop_load_at(b, partials, affine(0), at, lanes, 1, lanes);
    loop_store_at(b, partials, affine(0), at, combine(r, old, element(r, &one)), 1, lanes);
    nest_close(&one, &loops);
    for (int i = 0; i < r->partials; i++)
        loop_assign(b, r->sums, affine(i), loop_load(b, partials, affine((int64_t)i * lanes), lanes, 1, lanes));
}

/* Steps written out so that every element knows its partial at compile time; `phase` is the first one's. */
static void add_level(const Reduce *r, Nest *nest, int level, int64_t phase)
{
    if (level == r->reduced.count) {
        add_element(r, nest, (int)(phase % PARTIALS));
        return;
    }
    LoopBuilder *b = builder(r);
    int axis = r->reduced.axis[level];
    int64_t inner = inner_size(r, level), steps = period(inner), size = r->reduced.size[level];
    int64_t whole = size / steps * steps;
    if (whole) {
        LoopScope scope = loop_for(b, "r", 0, whole, steps, MODE_SERIAL);
        for (int64_t step = 0; step < steps; step++) {
            nest->at[axis] = affine_plus(affine_of(scope.var, 1), step);
            add_level(r, nest, level + 1, phase + step * inner);
        }
        loop_end(b, scope);
    }
    for (int64_t step = whole; step < size; step++) {
        nest->at[axis] = affine(step);
        add_level(r, nest, level + 1, phase + step * inner);
    }
}

/* How many elements add_level writes out. */
static int64_t copies(const Reduce *r)
{
    int64_t total = 1;
    for (int level = 0; level < r->reduced.count; level++) {
        int64_t steps = period(inner_size(r, level)), size = r->reduced.size[level];
        total *= size < steps ? size : steps + size % steps;
        if (total > MOST_COPIES) break;
    }
    return total;
}

static void reduce_beside(Nest *nest, void *context)
{
    Reduce *r = context;
    LoopBuilder *b = builder(r);
    r->sums = loop_register(b, "partial", r->dtype, nest->lanes, r->partials);
    const LoopExpr *start = lower_constant(b, r->dtype, r->identity, nest->lanes);
    for (int i = 0; i < r->partials; i++) loop_assign(b, r->sums, affine(i), start);
    if (is_bounded(r) && r->reduced.count == 1)
        add_bounded(r, nest);
    else if (is_bounded(r))
        add_counted(r, nest);
    else
        add_level(r, nest, 0, 0);
    for (int half = r->partials / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) {
            const LoopExpr *low = loop_reg(b, r->sums, affine(i)), *high = loop_reg(b, r->sums, affine(i + half));
            loop_assign(b, r->sums, affine(i), combine(r, low, high));
        }
    store_result(r, nest, loop_reg(b, r->sums, affine(0)));
}

/* ---- lanes along the reduced elements: a lane for each partial result ---- */

/* Combines `value` into those lanes where `mask` holds. */
static void add_lanes(const Reduce *r, const LoopExpr *mask, const LoopExpr *value)
{
    LoopBuilder *b = builder(r);
    const LoopExpr *old = loop_reg(b, r->sums, affine(0)), *sum = combine(r, old, value);
    if (mask) sum = loop_op(b, EXPR_SELECT, r->dtype, mask, sum, old);
    loop_assign(b, r->sums, affine(0), sum);
}

/* 16 neighbours at a time; only the last run may be shorter, so that every lane keeps its remainder. */
static void add_runs(const Reduce *r, Nest *nest)
{
    LoopBuilder *b = builder(r);
    Nest run = *nest;
    NestLoops loops = nest_open(&run, &r->reduced, 1);
    int last = r->reduced.count - 1, axis = r->reduced.axis[last];
    const Extent *extent = &r->reduced.extent[last];
    int64_t size = r->reduced.size[last], whole = size / PARTIALS * PARTIALS;
    run.vector = axis;
    run.lanes = PARTIALS;
    run.active = PARTIALS;
    if (whole) {
        PartScope scope = part_steps(b, NULL, "r", extent, PARTIALS);
        run.at[axis] = scope.at;
        add_lanes(r, NULL, element(r, &run));
        part_range_end(b, &scope);
    }
    if (extent->bounded) {
        PartScope scope = part_tail(b, NULL, "r", extent, PARTIALS);
        run.at[axis] = scope.at;
        run.limited = true;
        run.limit = affine_add(extent->actual, affine_scale(scope.at, -1));
        add_lanes(r, nest_mask(&run), element(r, &run));
        part_range_end(b, &scope);
    } else if (whole < size) {
        run.at[axis] = affine(whole);
        run.active = (int)(size - whole);
        add_lanes(r, nest_mask(&run), element(r, &run));
    }
    nest_close(&run, &loops);
}

/* One element at a time, put into the lane of its remainder: right for every shape. */
static void add_singly(Reduce *r, Nest *nest)
{
    LoopBuilder *b = builder(r);
    Nest one = *nest;
    if (is_bounded(r)) start_count(r);
    NestLoops loops = nest_open(&one, &r->reduced, 0);
    Affine flat = affine(0);
    for (int level = 0; level < r->reduced.count && !is_bounded(r); level++)
        flat = affine_add(flat, affine_scale(one.at[r->reduced.axis[level]], inner_size(r, level)));
    const LoopExpr *index = is_bounded(r) ? next_count(r) : loop_index(b, flat, I32);
    const LoopExpr *remainder = loop_op(b, EXPR_AND, I32, index, loop_const(b, I32, 1, PARTIALS - 1), NULL);
    const LoopExpr *lane = loop_lane(b, I32, PARTIALS);
    const LoopExpr *mask = loop_op(b, EXPR_EQ, BOOL, lane, loop_splat(b, remainder, PARTIALS), NULL);
    add_lanes(r, mask, loop_splat(b, element(r, &one), PARTIALS));
    nest_close(&one, &loops);
}

static void reduce_along(Nest *nest, void *context)
{
    Reduce *r = context;
    LoopBuilder *b = builder(r);
    r->sums = loop_register(b, "partials", r->dtype, PARTIALS, 1);
    loop_assign(b, r->sums, affine(0), lower_constant(b, r->dtype, r->identity, PARTIALS));
    int last = r->reduced.count - 1;
    if (last == 0 || (!is_bounded(r) && r->reduced.size[last] % PARTIALS == 0))
        add_runs(r, nest);
    else
        add_singly(r, nest);
    store_result(r, nest, loop_fold(b, r->combine, loop_reg(b, r->sums, affine(0))));
}

/* ---- the group ---- */

static int partials_of(const Reduce *r)
{
    int64_t elements = 1;
    int partials = 1;
    for (int i = 0; i < r->reduced.count; i++) elements *= r->reduced.size[i];
    /* a partial that no element reaches changes nothing: it is left out */
    while (partials < PARTIALS && partials < elements) partials *= 2;
    return partials;
}

static Reduce reduce_new(Lowering *lowering)
{
    const Node *anchor = lowering->group.anchor;
    Reduce r = {.lowering = lowering,
                .anchor = anchor,
                .operand = anchor->inputs[0],
                .dtype = dtype_wide(anchor->types[0].dtype)};
    node_def(anchor)->reduce(anchor, &r.reduction);
    r.combine = combiner_expr(r.reduction.combiner);
    r.identity = combiner_identity(r.reduction.combiner, r.dtype);
    const Type *type = value_type(r.operand);
    AccessList accesses = {.arena = lowering->builder.arena};
    IndexMap map = nest_identity(type);
    nest_accesses(lowering, r.operand, &map, NULL, &accesses);
    r.reduced = axes_collapse(lowering, type, r.reduction.axis, &accesses);
    for (int axis = 0; axis < type->rank; axis++) {
        if (r.reduction.axis[axis] || type->dim[axis].high == 1) continue;
        r.kept.axis[r.kept.count] = axis;
        r.kept.extent[r.kept.count] = lower_extent(lowering, &type->dim[axis]);
        r.kept.size[r.kept.count++] = type->dim[axis].high;
    }
    r.partials = partials_of(&r);
    int last_kept = r.kept.count ? r.kept.axis[r.kept.count - 1] : -1;
    int last_reduced = r.reduced.count ? r.reduced.axis[r.reduced.count - 1] : -1;
    r.vector_kept = last_kept > last_reduced && copies(&r) <= MOST_COPIES;
    if (is_bounded(&r)) r.vector_kept = last_kept > last_reduced;
    return r;
}

void lower_reduce(Lowering *lowering)
{
    Reduce r = reduce_new(lowering);
    int inner = r.vector_kept ? 1 : 0;
    lower_fill_ring(lowering);
    Part part = nest_part(lowering, &r.kept, inner, lowering->schedule->lanes);
    Nest nest = {.lowering = lowering, .rank = value_type(r.operand)->rank, .lanes = 1, .active = 1, .part = &part};
    NestLoops loops = nest_open(&nest, &r.kept, inner);
    if (r.vector_kept)
        nest_innermost(&nest, &r.kept, reduce_beside, &r);
    else if (r.reduced.count)
        reduce_along(&nest, &r);
    else
        reduce_beside(&nest, &r);
    nest_close(&nest, &loops);
    part_close(&lowering->builder, &part);
}
