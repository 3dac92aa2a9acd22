/* Reductions.  The numeric contract: 16 partial results, of the elements whose flat index over the reduced
 * axes has the same remainder mod 16, each started from the identity; then halves of 8, 4, 2 and 1 combine. */
#include "backend/lower/reduce.h"

#include <assert.h>

enum { PARTIALS = 16, MOST_COPIES = 64, MOST_CHAINS = 4 };

static LoopBuilder *builder(const Rows *r) { return &r->lowering->builder; }

static const LoopExpr *combine(const Rows *r, const Reducer *reducer, const LoopExpr *a, const LoopExpr *b)
{
    return loop_op(builder(r), reducer->combine, reducer->dtype, a, b, NULL);
}

/* The reduced operand, after the prologue, at the nest's coordinates. */
static const LoopExpr *element(const Rows *r, const Reducer *reducer, Nest *nest)
{
    NestMap identity = nest_identity(&r->sweeps.type);
    return lower_cast(builder(r), reducer->dtype, nest_value(nest, reducer->node->inputs[0], &identity));
}

static void start(const Rows *r, Reducer *reducer, const char *name, int lanes, int count)
{
    LoopBuilder *b = builder(r);
    Scalar identity = combiner_identity(node_combiner(reducer->node), reducer->dtype);
    reducer->sums = loop_register(b, name, reducer->dtype, lanes, count);
    const LoopExpr *first = lower_constant(b, reducer->dtype, identity, lanes);
    for (int i = 0; i < count; i++) loop_assign(b, reducer->sums, affine(i), first);
}

/* ---- lanes along a kept axis: a vector for each partial result ---- */

static void add_element(const Rows *r, Nest *nest, int partial)
{
    Affine at = affine(partial % PARTIALS);
    rows_begin_element(r, nest);
    for (int i = 0; i < r->nreducers; i++) {
        const LoopRegister *sums = r->reducers[i].sums;
        const LoopExpr *value = element(r, &r->reducers[i], nest);
        loop_assign(builder(r), sums, at, combine(r, &r->reducers[i], loop_reg(builder(r), sums, at), value));
    }
}

/* After how many steps, each of `inner` elements, the partials come round. */
static int64_t period(int64_t inner)
{
    int64_t steps = 1;
    while (inner * steps % PARTIALS) steps *= 2;
    return steps;
}

static int64_t inner_size(const Rows *r, int level)
{
    int64_t size = 1;
    for (int i = level + 1; i < r->reduced.count; i++) size *= r->reduced.size[i];
    return size;
}

/* The only reduced axis, when it is bounded: 16 steps at a time, then those that are left ask whether they are there.
 */
static void add_bounded(const Rows *r, Nest *nest)
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

static bool is_bounded(const Rows *r)
{
    bool bounded = false;
    for (int i = 0; i < r->reduced.count; i++) bounded |= r->reduced.extent[i].bounded;
    return bounded;
}

/* Flat indices of elements whose rows end when the code runs are counted. */
static void start_count(Rows *r)
{
    LoopBuilder *b = builder(r);
    r->count = loop_register(b, "count", I32, 1, 1);
    loop_assign(b, r->count, affine(0), loop_const(b, I32, 1, 0));
}

static const LoopExpr *next_count(const Rows *r)
{
    LoopBuilder *b = builder(r);
    const LoopExpr *count = loop_let(b, "at", loop_reg(b, r->count, affine(0)));
    loop_assign(b, r->count, affine(0), loop_op(b, EXPR_ADD, I32, count, loop_const(b, I32, 1, 1), NULL));
    return count;
}

/* All partial results of a reducer on the stack. */
static const LoopBuffer *stack_partials(const Rows *r, const Reducer *reducer, int lanes)
{
    LoopBuilder *b = builder(r);
    const LoopBuffer *partials = loop_buffer(b, &(LoopBuffer){.name = "partials",
                                                              .dtype = reducer->dtype,
                                                              .space = SPACE_NONE,
                                                              .elements = (int64_t)PARTIALS * lanes,
                                                              .align = 64,
                                                              .writable = true});
    Scalar identity = combiner_identity(node_combiner(reducer->node), reducer->dtype);
    loop_fill_scalar(b, partials, affine(0), (int64_t)r->partials * lanes, identity);
    return partials;
}

/* Several axes, of which some are bounded: which partial result an element belongs to turns out when the code runs, so
 * they lie on the stack. */
static void add_counted(Rows *r, Nest *nest)
{
    LoopBuilder *b = builder(r);
    int lanes = nest->lanes;
    const LoopBuffer **partials = ARENA_ARRAY(b->arena, const LoopBuffer *, r->nreducers);
    for (int i = 0; i < r->nreducers; i++) partials[i] = stack_partials(r, &r->reducers[i], lanes);
    start_count(r);
    Nest one = *nest;
    NestLoops loops = nest_open(&one, &r->reduced, 0);
    const LoopExpr *at = loop_op(b, EXPR_AND, I32, next_count(r), loop_const(b, I32, 1, r->partials - 1), NULL);
    at = loop_let(b, "partial", loop_op(b, EXPR_MUL, I32, at, loop_const(b, I32, 1, lanes), NULL));
    rows_begin_element(r, &one);
    for (int i = 0; i < r->nreducers; i++) {
        const LoopExpr *old = loop_load_at(b, partials[i], affine(0), at, lanes, 1, lanes);
        const LoopExpr *value = element(r, &r->reducers[i], &one);
        loop_store_at(b, partials[i], affine(0), at, combine(r, &r->reducers[i], old, value), 1, lanes);
    }
    nest_close(&one, &loops);
    for (int k = 0; k < r->nreducers; k++)
        for (int i = 0; i < r->partials; i++)
            loop_assign(b, r->reducers[k].sums, affine(i),
                        loop_load(b, partials[k], affine((int64_t)i * lanes), lanes, 1, lanes));
}

/* Steps written out so that every element knows its partial at compile time; `phase` is the first one's. */
static void add_level(const Rows *r, Nest *nest, int level, int64_t phase)
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
static int64_t copies(const Rows *r)
{
    int64_t total = 1;
    for (int level = 0; level < r->reduced.count; level++) {
        int64_t steps = period(inner_size(r, level)), size = r->reduced.size[level];
        total *= size < steps ? size : steps + size % steps;
        if (total > MOST_COPIES) break;
    }
    return total;
}

bool rows_fit_across(const Rows *r) { return is_bounded(r) || copies(r) <= MOST_COPIES; }

static const LoopExpr *halves(const Rows *r, const Reducer *reducer)
{
    LoopBuilder *b = builder(r);
    for (int half = r->partials / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) {
            const LoopExpr *low = loop_reg(b, reducer->sums, affine(i));
            const LoopExpr *high = loop_reg(b, reducer->sums, affine(i + half));
            loop_assign(b, reducer->sums, affine(i), combine(r, reducer, low, high));
        }
    return loop_reg(b, reducer->sums, affine(0));
}

static void reduce_beside(Rows *r, Nest *nest, const LoopExpr **found)
{
    for (int i = 0; i < r->nreducers; i++) start(r, &r->reducers[i], "partial", nest->lanes, r->partials);
    if (is_bounded(r) && r->reduced.count == 1)
        add_bounded(r, nest);
    else if (is_bounded(r))
        add_counted(r, nest);
    else
        add_level(r, nest, 0, 0);
    for (int i = 0; i < r->nreducers; i++) found[i] = halves(r, &r->reducers[i]);
}

/* ---- lanes along the reduced elements: a lane for each partial result ---- */

/* The greatest and least of some are the same in any order, and integers wrap. */
static bool has_any_order(const Reducer *reducer)
{
    bool extreme = reducer->combine == EXPR_MAX || reducer->combine == EXPR_MIN;
    return extreme || !dtype_is_float(reducer->dtype);
}

/* Combines an element, as many of it as there are lanes, into those where `mask` holds. */
static void add_lanes(const Rows *r, const LoopExpr *mask, Nest *nest, int chain)
{
    LoopBuilder *b = builder(r);
    rows_begin_element(r, nest);
    for (int i = 0; i < r->nreducers; i++) {
        const Reducer *reducer = &r->reducers[i];
        const LoopExpr *value = element(r, reducer, nest);
        if (nest->lanes == 1) value = loop_splat(b, value, PARTIALS);
        Affine at = affine(chain % reducer->chains);
        const LoopExpr *old = loop_reg(b, reducer->sums, at), *sum = combine(r, reducer, old, value);
        if (mask) sum = loop_op(b, EXPR_SELECT, reducer->dtype, mask, sum, old);
        loop_assign(b, reducer->sums, at, sum);
    }
}

/* How many runs a step has: as many as one of the reducers has chains. */
static int most_chains(const Rows *r)
{
    int most = 1;
    for (int i = 0; i < r->nreducers; i++) most = r->reducers[i].chains > most ? r->reducers[i].chains : most;
    return most;
}

/* Runs of 16 from `from` on, `chains` in a step. */
static void add_whole_runs(const Rows *r, Nest *run, int axis, int64_t from, int64_t to, int chains)
{
    if (from == to) return;
    LoopScope scope = loop_range(builder(r), "r", from, to, (int64_t)chains * PARTIALS, MODE_SERIAL);
    for (int chain = 0; chain < chains; chain++) {
        run->at[axis] = affine_plus(scope.at, (int64_t)chain * PARTIALS);
        add_lanes(r, NULL, run, chain);
    }
    if (scope.outer) loop_end(builder(r), scope);
}

/* The axis ends when the code runs. */
static void add_bounded_runs(const Rows *r, Nest *run, int axis, const Extent *extent)
{
    LoopBuilder *b = builder(r);
    if (extent->most >= PARTIALS) {
        PartScope whole = part_steps(b, NULL, "r", extent, PARTIALS);
        run->at[axis] = whole.at;
        add_lanes(r, NULL, run, 0);
        part_range_end(b, &whole);
    }
    PartScope rest = part_tail(b, NULL, "r", extent, PARTIALS);
    run->at[axis] = rest.at;
    run->limited = true;
    run->limit = affine_add(extent->actual, affine_scale(rest.at, -1));
    add_lanes(r, nest_mask(run), run, 0);
    part_range_end(b, &rest);
}

/* 16 neighbours at a time; only the last run may be shorter, so that every lane keeps its remainder. */
static void add_runs(const Rows *r, Nest *nest)
{
    Nest run = *nest;
    NestLoops loops = nest_open(&run, &r->reduced, 1);
    int last = r->reduced.count - 1, axis = r->reduced.axis[last], chains = most_chains(r);
    const Extent *extent = &r->reduced.extent[last];
    int64_t step = (int64_t)chains * PARTIALS, whole = extent->most / PARTIALS * PARTIALS;
    run.vector = axis;
    run.lanes = PARTIALS;
    run.active = PARTIALS;
    if (extent->bounded) {
        add_bounded_runs(r, &run, axis, extent);
    } else {
        add_whole_runs(r, &run, axis, 0, whole / step * step, chains);
        add_whole_runs(r, &run, axis, whole / step * step, whole, 1);
        run.at[axis] = affine(whole);
        run.active = (int)(extent->most - whole);
        if (run.active) add_lanes(r, nest_mask(&run), &run, 0);
    }
    nest_close(&run, &loops);
}

/* One element at a time, put into the lane of its remainder: right for every shape. */
static void add_singly(Rows *r, Nest *nest)
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
    add_lanes(r, loop_op(b, EXPR_EQ, BOOL, lane, loop_splat(b, remainder, PARTIALS), NULL), &one, 0);
    nest_close(&one, &loops);
}

static const LoopExpr *joined(const Rows *r, const Reducer *reducer)
{
    LoopBuilder *b = builder(r);
    const LoopExpr *all = loop_reg(b, reducer->sums, affine(0));
    for (int chain = 1; chain < reducer->chains; chain++)
        all = loop_let(b, "joined", combine(r, reducer, all, loop_reg(b, reducer->sums, affine(chain))));
    return loop_fold(b, reducer->combine, all);
}

static void reduce_along(Rows *r, Nest *nest, const LoopExpr **found)
{
    int last = r->reduced.count - 1;
    bool runs = last == 0 || (!is_bounded(r) && r->reduced.size[last] % PARTIALS == 0);
    bool many = runs && !is_bounded(r) && r->reduced.size[last] >= MOST_CHAINS * PARTIALS;
    for (int i = 0; i < r->nreducers; i++) {
        r->reducers[i].chains = many && has_any_order(&r->reducers[i]) ? MOST_CHAINS : 1;
        start(r, &r->reducers[i], "partials", PARTIALS, r->reducers[i].chains);
    }
    if (runs)
        add_runs(r, nest);
    else
        add_singly(r, nest);
    for (int i = 0; i < r->nreducers; i++) found[i] = joined(r, &r->reducers[i]);
}

void rows_reduce(Rows *r, Nest *nest, const LoopExpr **found)
{
    if (r->vector_kept || !r->reduced.count)
        reduce_beside(r, nest, found);
    else
        reduce_along(r, nest, found);
}
