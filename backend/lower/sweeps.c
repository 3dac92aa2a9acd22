/* Rows, one after the other or one a lane: of each all sweeps, between which its numbers are in registers and what is
 * dear to compute again lies in scratch. */
#include "backend/lower/reduce.h"

#include <assert.h>

enum { PARTIALS = 16 };

static LoopBuilder *builder(const Rows *r) { return &r->lowering->builder; }

static bool is_first_sweep(const SweepValue *value, int sweep)
{
    unsigned before = (1U << sweep) - 1;
    return (value->wanted >> sweep & 1) && !(value->wanted & before);
}

/* ---- what is known ---- */

static void know(Rows *r, const NestKnown *what)
{
    NestKnown *known = ARENA_NEW(builder(r)->arena, NestKnown);
    *known = *what;
    known->next = r->known;
    r->known = known;
}

static void know_scratch(Rows *r)
{
    const Sweeps *s = &r->sweeps;
    int64_t elements = sweeps_run_across(s) ? r->lowering->schedule->lanes : 1;
    for (int axis = 0; axis < s->type.rank; axis++) elements *= s->axis[axis] ? s->type.dim[axis].high : 1;
    for (int i = 0; i < s->nvalues; i++) {
        const SweepValue *value = &s->values[i];
        if (!value->kept) continue;
        LoopBuffer like = {.name = value->node->name,
                           .dtype = value->node->types[0].dtype,
                           .space = SPACE_SCRATCH,
                           .offset = value->offset,
                           .elements = elements,
                           .align = 64,
                           .writable = true};
        NestKnown known = {.node = value->node, .buffer = loop_buffer(builder(r), &like)};
        for (int axis = 0; axis < s->type.rank; axis++) known.stride[axis] = s->axis[axis] ? s->stride[axis] : 0;
        know(r, &known);
    }
}

/* What is in scratch is known from the sweep behind that which computes it. */
static NestKnown *known_in(const Rows *r, int sweep)
{
    NestKnown *all = NULL;
    for (NestKnown *known = r->known; known; known = (NestKnown *)known->next) {
        if (known->buffer && is_first_sweep(sweeps_find(&r->sweeps, known->node), sweep)) continue;
        NestKnown *copy = ARENA_NEW(builder(r)->arena, NestKnown);
        *copy = *known;
        copy->next = all;
        all = copy;
    }
    return all;
}

void rows_begin_element(const Rows *r, Nest *nest)
{
    NestMap identity = nest_identity(&r->sweeps.type);
    nest->memo = NULL;
    for (int i = 0; i < r->sweeps.nvalues; i++) {
        const SweepValue *value = &r->sweeps.values[i];
        if (!value->kept || !is_first_sweep(value, r->sweep)) continue;
        const NestKnown *known = r->known;
        while (known->node != value->node) known = known->next;
        const LoopExpr *expr = nest_value(nest, value_of((Node *)value->node), &identity);
        nest_store_known(nest, known, expr);
    }
}

/* ---- sweeps ---- */

static void store_row(const Rows *r, const Nest *nest, const LoopExpr *value)
{
    Value result = value_of((Node *)r->lowering->group.node);
    const Type *type = value_type(result);
    const IndexMap map = sweeps_row_map(&r->sweeps, type);
    Affine at[MAX_RANK];
    int64_t step = 0;
    for (int axis = 0; axis < type->rank; axis++) {
        at[axis] = affine(0);
        for (int i = 0; i < nest->rank; i++)
            at[axis] = affine_add(at[axis], affine_scale(nest->at[i], map.stride[axis][i]));
        if (nest->lanes > 1) step += map.stride[axis][nest->vector] * result.node->places[0].stride[axis];
    }
    nest_store_at(nest, lower_buffer(r->lowering, result), lower_address(result, at), NULL, value,
                  nest->lanes > 1 ? step : 1);
}

/* Numbers of the row that are known once `depth` sweeps are over; `found` is what the reducers of the last found. */
static void know_numbers(Rows *r, Nest *nest, int depth, const LoopExpr *const *found)
{
    LoopBuilder *b = builder(r);
    const Graph *body = r->lowering->group.body;
    for (int i = 0, reducer = 0; i < r->sweeps.nvalues; i++) {
        const SweepValue *value = &r->sweeps.values[i];
        if (value->form != SWEEP_ROW || value->depth != depth) continue;
        const Type *type = &value->node->types[0];
        Value own = value_of((Node *)value->node);
        bool reduced = node_def(value->node)->kind == KIND_REDUCE, last = value_equal(own, body->results[0].value);
        const IndexMap row = sweeps_row_map(&r->sweeps, type);
        const NestMap map = nest_map(&row);
        nest->known = r->known;
        nest->memo = NULL;
        const LoopExpr *number = reduced ? lower_cast(b, type->dtype, found[reducer++]) : nest_value(nest, own, &map);
        if (reduced || !last) number = loop_let(b, reduced ? "reduced" : "row", number);
        know(r, &(NestKnown){.node = value->node, .value = number});
        if (last) store_row(r, nest, number);
    }
}

static void store_element(Nest *nest, void *context)
{
    Rows *r = context;
    Value result = value_of((Node *)r->lowering->group.node);
    NestMap identity = nest_identity(&r->sweeps.type);
    rows_begin_element(r, nest);
    const LoopExpr *value = nest_value(nest, r->lowering->group.body->results[0].value, &identity);
    int64_t step = nest->lanes > 1 ? result.node->places[0].stride[nest->vector] : 1;
    nest_store_at(nest, lower_buffer(r->lowering, result), lower_address(result, nest->at), NULL, value, step);
}

/* The last sweep, of an element for each of the row's. */
static void write_row(Rows *r, const Nest *nest)
{
    Nest run = *nest;
    r->sweep = r->sweeps.count;
    run.known = known_in(r, r->sweep);
    NestLoops loops = nest_open(&run, &r->reduced, r->vector_kept ? 0 : 1);
    if (r->vector_kept)
        store_element(&run, r);
    else
        nest_innermost(&run, &r->reduced, store_element, r);
    nest_close(&run, &loops);
}

static int find_reducers(Rows *r, int sweep)
{
    int count = 0;
    for (int i = 0; i < r->sweeps.nvalues; i++) {
        const SweepValue *value = &r->sweeps.values[i];
        if (node_def(value->node)->kind != KIND_REDUCE || value->depth != sweep + 1) continue;
        r->reducers[count++] = (Reducer){.node = value->node,
                                         .combine = combiner_expr(node_combiner(value->node)),
                                         .dtype = dtype_wide(value->node->types[0].dtype)};
    }
    return count;
}

static void run_sweeps(Nest *nest, void *context)
{
    Rows *r = context;
    const LoopExpr **found = ARENA_ARRAY(builder(r)->arena, const LoopExpr *, r->sweeps.nvalues);
    NestKnown *outer = r->known;
    for (int sweep = 0; sweep < r->sweeps.count; sweep++) {
        Nest run = *nest;
        r->sweep = sweep;
        r->nreducers = find_reducers(r, sweep);
        run.known = known_in(r, sweep);
        rows_reduce(r, &run, found);
        know_numbers(r, nest, sweep + 1, found);
    }
    if (r->sweeps.writes) write_row(r, nest);
    r->known = outer;
}

/* ---- the group ---- */

static int partials_of(const Rows *r)
{
    int64_t elements = 1;
    int partials = 1;
    for (int i = 0; i < r->reduced.count; i++) elements *= r->reduced.size[i];
    /* a partial that no element reaches changes nothing: it is left out */
    while (partials < PARTIALS && partials < elements) partials *= 2;
    return partials;
}

/* Everything that is read and written at elements of rows. */
static AccessList find_accesses(const Rows *r)
{
    Lowering *lowering = r->lowering;
    AccessList accesses = {.arena = lowering->builder.arena};
    NestMap map = nest_identity(&r->sweeps.type);
    for (int i = 0; i < r->sweeps.nvalues; i++) {
        const Node *node = r->sweeps.values[i].node;
        if (node_def(node)->kind == KIND_REDUCE) nest_accesses(lowering, node->inputs[0], &map, &accesses);
    }
    if (!r->sweeps.writes) return accesses;
    access_add(&accesses, value_of((Node *)lowering->group.node), &map);
    nest_accesses(lowering, lowering->group.body->results[0].value, &map, &accesses);
    return accesses;
}

static Rows rows_new(Lowering *lowering)
{
    Rows r = {.lowering = lowering};
    const char *why;
    bool good = sweeps_of(lowering->builder.arena, &lowering->group, lowering->schedule->lanes, &r.sweeps, &why);
    assert(good);
    (void)good;
    const Type *type = &r.sweeps.type;
    AccessList accesses = find_accesses(&r);
    r.reducers = ARENA_ARRAY(lowering->builder.arena, Reducer, r.sweeps.nvalues);
    r.reduced = axes_collapse(lowering, type, r.sweeps.axis, &accesses);
    for (int axis = 0; axis < type->rank; axis++) {
        if (r.sweeps.axis[axis] || (type->dim[axis].high == 1 && dim_is_fixed(&type->dim[axis]))) continue;
        r.kept.axis[r.kept.count] = axis;
        r.kept.extent[r.kept.count] = lower_extent(lowering, &type->dim[axis]);
        r.kept.size[r.kept.count++] = type->dim[axis].high;
    }
    r.partials = partials_of(&r);
    r.vector_kept = sweeps_run_across(&r.sweeps) && rows_fit_across(&r);
    return r;
}

void lower_reduce(Lowering *lowering)
{
    Rows r = rows_new(lowering);
    int inner = r.vector_kept ? 1 : 0;
    know_scratch(&r);
    lower_fill_ring(lowering);
    Part part = nest_part(lowering, &r.kept, inner, lowering->schedule->lanes);
    Nest nest = {.lowering = lowering, .rank = r.sweeps.type.rank, .lanes = 1, .active = 1, .part = &part};
    NestLoops loops = nest_open(&nest, &r.kept, inner);
    if (r.vector_kept)
        nest_innermost(&nest, &r.kept, run_sweeps, &r);
    else
        run_sweeps(&nest, &r);
    nest_close(&nest, &loops);
    part_close(&lowering->builder, &part);
}
