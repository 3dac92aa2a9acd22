/* The recurrence of an LSTM.
 *
 * Of each step, for some rows of the batch and some vectors of units at once, the sums of all four gates stay in
 * registers while the state's products are added in the order of the units; the gates are then joined and their unit's
 * new state is stored, without another pass.  The states live in the buffers of the last ones: c is written over unit
 * by unit, h row by row after its step, for all of it is read until then. */
#include "backend/lower/part.h"

#include "ir/recurrent.h"

enum { SHARES, STATE_H, STATE_C, WEIGHT, BIAS };
enum { ALL, LAST_H, LAST_C };

typedef struct Lstm {
    Lowering *lowering;
    Dtype dtype;
    int64_t batch, steps, units;
    Extent sequences;                            /* of the batch, where it is bounded */
    Extent times;                                /* of the steps */
    int64_t lanes, rows, vectors, unroll, panel; /* from the schedule */
    const LoopBuffer *shares, *weight, *bias, *all, *h, *c;
} Lstm;

/* Some vectors of units of some rows of the batch, at one step. */
typedef struct Tile {
    const Lstm *lstm;
    Affine n, step;
    int64_t rows;
    Affine unit;    /* the first */
    Affine panel;   /* that it lies in */
    int64_t within; /* its place there, when `sub` is not in use */
    Affine sub;     /* the part of a panel that the tile covers, when it is narrower */
    int vectors, active;
    const LoopRegister *sums, *state;
} Tile;

static LoopBuilder *builder(const Lstm *l) { return &l->lowering->builder; }

/* ---- addresses ---- */

/* Gate `gate` of vector `v`, in row `k` of `rows` rows of gates; a panel never straddles vectors. */
static Affine gates_address(const Tile *t, int64_t rows, Affine k, Affine gate, int v)
{
    const Lstm *l = t->lstm;
    int64_t first = t->within + v * l->lanes;
    if (!l->panel) {
        Affine at = affine_add(affine_scale(k, LSTM_GATES * l->units), affine_scale(gate, l->units));
        return affine_plus(affine_add(at, t->unit), v * l->lanes);
    }
    Affine at = affine_scale(affine_plus(t->panel, first / l->panel), rows * LSTM_GATES * l->panel);
    at = affine_add(at, affine_add(affine_scale(k, LSTM_GATES * l->panel), affine_scale(gate, l->panel)));
    return affine_plus(affine_add(at, t->sub), first % l->panel);
}

/* Element `unit` of row n of a state. */
static Affine state_address(const Lstm *l, Affine n, Affine unit)
{
    return affine_add(affine_scale(n, l->units), unit);
}

/* Element `at` of step `step` of row n, `width` elements a step. */
static Affine step_address(const Lstm *l, Affine n, Affine step, int64_t width, Affine at)
{
    return affine_add(affine_scale(affine_add(affine_scale(n, l->steps), step), width), at);
}

static int active_lanes(const Tile *t, int v) { return v == t->vectors - 1 ? t->active : (int)t->lstm->lanes; }

static Affine sum_index(const Tile *t, Affine row, Affine gate, int v)
{
    Affine at = affine_add(affine_scale(row, LSTM_GATES), gate);
    return affine_plus(affine_scale(at, t->vectors), v);
}

/* ---- the state's share of the gates ---- */

static const LoopExpr *load_gates(const Tile *t, const LoopBuffer *from, Affine at, int v)
{
    const Lstm *l = t->lstm;
    return loop_load(builder(l), from, at, (int)l->lanes, 1, l->panel ? (int)l->lanes : active_lanes(t, v));
}

static void start_sums(const Tile *t)
{
    const Lstm *l = t->lstm;
    LoopBuilder *b = builder(l);
    LoopScope gate = loop_for(b, "gate", 0, LSTM_GATES, 1, MODE_UNROLL);
    for (int v = 0; v < t->vectors; v++) {
        const LoopExpr *first = loop_const(b, l->dtype, (int)l->lanes, 0);
        if (l->bias) first = loop_let(b, "bias", load_gates(t, l->bias, gates_address(t, 1, affine(0), gate.at, v), v));
        LoopScope row = loop_range(b, "row", 0, t->rows, 1, MODE_UNROLL);
        loop_assign(b, t->sums, sum_index(t, row.at, gate.at, v), first);
        loop_end(b, row);
    }
    loop_end(b, gate);
}

/* The products with unit `k` of the state. */
static void add_products(const Tile *t, Affine k)
{
    const Lstm *l = t->lstm;
    LoopBuilder *b = builder(l);
    LoopScope row = loop_range(b, "row", 0, t->rows, 1, MODE_UNROLL);
    const LoopExpr *one = loop_load(b, l->h, state_address(l, affine_add(t->n, row.at), k), 1, 1, 1);
    loop_assign(b, t->state, row.at, loop_splat(b, one, (int)l->lanes));
    loop_end(b, row);
    LoopScope gate = loop_for(b, "gate", 0, LSTM_GATES, 1, MODE_UNROLL);
    for (int v = 0; v < t->vectors; v++) {
        Affine from = gates_address(t, l->units, k, gate.at, v);
        const LoopExpr *weight = loop_let(b, "weight", load_gates(t, l->weight, from, v));
        row = loop_range(b, "row", 0, t->rows, 1, MODE_UNROLL);
        Affine at = sum_index(t, row.at, gate.at, v);
        const LoopExpr *state = loop_reg(b, t->state, row.at), *sum = loop_reg(b, t->sums, at);
        loop_assign(b, t->sums, at, loop_op(b, EXPR_FMA, l->dtype, state, weight, sum));
        loop_end(b, row);
    }
    loop_end(b, gate);
}

static void reduce(const Tile *t)
{
    const Lstm *l = t->lstm;
    LoopBuilder *b = builder(l);
    int64_t unroll = l->unroll < l->units ? l->unroll : l->units, whole = l->units / unroll * unroll;
    for (int64_t first = 0, end; first < l->units; first = end) {
        end = first ? l->units : whole;
        int64_t step = first ? l->units - whole : unroll;
        LoopScope k = loop_range(b, "k", first, end, step, MODE_SERIAL);
        LoopScope u = loop_range(b, "u", 0, step, 1, MODE_UNROLL);
        add_products(t, affine_add(k.at, u.at));
        loop_end(b, u);
        loop_end(b, k);
    }
}

/* ---- the new states ---- */

static void update_vector(const Tile *t, Affine row, int v)
{
    const Lstm *l = t->lstm;
    LoopBuilder *b = builder(l);
    const LoopExpr *args[LSTM_ARGUMENTS];
    int lanes = (int)l->lanes, active = active_lanes(t, v);
    Affine n = affine_add(t->n, row), unit = affine_plus(t->unit, v * l->lanes), at = state_address(l, n, unit);
    for (int gate = 0; gate < LSTM_GATES; gate++) {
        Affine from = affine_plus(step_address(l, n, t->step, LSTM_GATES * l->units, unit), gate * l->units);
        args[LSTM_SHARES + 2 * gate] = loop_load(b, l->shares, from, lanes, 1, active);
        args[LSTM_SHARES + 2 * gate + 1] = loop_reg(b, t->sums, sum_index(t, row, affine(gate), v));
    }
    args[LSTM_STATE] = loop_load(b, l->c, at, lanes, 1, active);
    Expr *state = expr_new(b->arena), *output = expr_new(b->arena);
    lstm_state_expr(state, l->dtype);
    lstm_output_expr(output, l->dtype);
    args[LSTM_STATE] = loop_let(b, "state", loop_expr(b, state, args, lanes));
    loop_store(b, l->c, at, args[LSTM_STATE], 1, active);
    loop_store(b, l->all, step_address(l, n, t->step, l->units, unit), loop_expr(b, output, args, lanes), 1, active);
}

static void emit_tile(Tile *t)
{
    const Lstm *l = t->lstm;
    LoopBuilder *b = builder(l);
    int count = (int)t->rows * LSTM_GATES * t->vectors;
    t->sums = loop_register(b, "sum", l->dtype, (int)l->lanes, count);
    t->state = loop_register(b, "h", l->dtype, (int)l->lanes, (int)t->rows);
    start_sums(t);
    reduce(t);
    LoopScope row = loop_range(b, "row", 0, t->rows, 1, MODE_UNROLL);
    for (int v = 0; v < t->vectors; v++) update_vector(t, row.at, v);
    loop_end(b, row);
}

/* ---- all tiles of a step ---- */

/* Whole tiles, then what they leave row by row. */
static void cover_bounded_batch(Tile t)
{
    const Lstm *l = t.lstm;
    LoopBuilder *b = builder(l);
    for (t.rows = l->rows; t.rows; t.rows = t.rows > 1 ? 1 : 0) {
        PartScope n = t.rows == l->rows ? part_steps(b, NULL, "n", &l->sequences, t.rows)
                                        : part_rest(b, NULL, "n", &l->sequences, l->rows, t.rows);
        t.n = n.at;
        emit_tile(&t);
        part_range_end(b, &n);
    }
}

static void cover_batch(Tile t)
{
    const Lstm *l = t.lstm;
    LoopBuilder *b = builder(l);
    int64_t whole = l->batch / l->rows * l->rows;
    if (l->sequences.bounded) {
        cover_bounded_batch(t);
        return;
    }
    for (int64_t first = 0, end; first < l->batch; first = end) {
        end = first ? l->batch : whole;
        t.rows = first ? l->batch - whole : l->rows;
        LoopScope n = loop_range(b, "n", first, end, t.rows, MODE_SERIAL);
        t.n = n.at;
        emit_tile(&t);
        loop_end(b, n);
    }
}

static void cover_units(const Lstm *l, Affine step)
{
    LoopBuilder *b = builder(l);
    int64_t width = l->vectors * l->lanes, block = width < l->panel ? l->panel : width;
    int64_t blocks = l->units / block;
    if (blocks) {
        LoopScope p = loop_range(b, "p", 0, blocks, 1, MODE_SERIAL);
        LoopScope part = loop_range(b, "part", 0, block / width, 1, MODE_SERIAL);
        Affine sub = affine_scale(part.at, width);
        Tile t = {.lstm = l, .step = step, .sub = sub, .vectors = (int)l->vectors, .active = (int)l->lanes};
        t.unit = affine_add(affine_scale(p.at, block), sub);
        if (l->panel) t.panel = affine_scale(p.at, block / l->panel);
        cover_batch(t);
        loop_end(b, part);
        loop_end(b, p);
    }
    for (int64_t unit = blocks * block; unit < l->units; unit += width) {
        int64_t left = l->units - unit < width ? l->units - unit : width;
        Tile t = {.lstm = l, .step = step, .unit = affine(unit)};
        t.vectors = (int)((left + l->lanes - 1) / l->lanes);
        t.active = (int)(left - (t.vectors - 1) * l->lanes);
        if (l->panel) t.panel = affine(unit / l->panel);
        if (l->panel) t.within = unit % l->panel;
        cover_batch(t);
    }
}

/* ---- states that move ---- */

/* `count` neighbours. */
static void copy_run(const Lstm *l, const LoopBuffer *from, Affine source, const LoopBuffer *to, Affine target,
                     int64_t count)
{
    LoopBuilder *b = builder(l);
    int lanes = (int)l->lanes;
    int64_t whole = count / lanes * lanes;
    if (whole) {
        LoopScope e = loop_range(b, "e", 0, whole, lanes, MODE_SERIAL);
        const LoopExpr *value = loop_load(b, from, affine_add(source, e.at), lanes, 1, lanes);
        loop_store(b, to, affine_add(target, e.at), value, 1, lanes);
        loop_end(b, e);
    }
    if (whole == count) return;
    int rest = (int)(count - whole);
    const LoopExpr *value = loop_load(b, from, affine_plus(source, whole), lanes, 1, rest);
    loop_store(b, to, affine_plus(target, whole), value, 1, rest);
}

static void start_state(const Lstm *l, int operand, const LoopBuffer *to)
{
    const Node *anchor = l->lowering->group.anchor;
    int64_t count = l->batch * l->units;
    if (l->sequences.bounded) {
        PartScope n = part_steps(builder(l), NULL, "n", &l->sequences, 1);
        Affine row = affine_scale(n.at, l->units);
        if (anchor->inputs[operand].node)
            copy_run(l, lower_buffer(l->lowering, anchor->inputs[operand]), row, to, row, l->units);
        else
            loop_fill(builder(l), to, row, l->units, 0);
        part_range_end(builder(l), &n);
        return;
    }
    if (anchor->inputs[operand].node)
        copy_run(l, lower_buffer(l->lowering, anchor->inputs[operand]), affine(0), to, affine(0), count);
    else
        loop_fill(builder(l), to, affine(0), count, 0);
}

static Lstm lstm_new(Lowering *lowering)
{
    const Node *anchor = lowering->group.anchor;
    const Schedule *s = lowering->schedule;
    const Type *all = &anchor->types[ALL], *state = &anchor->types[LAST_H];
    Node *group = (Node *)lowering->group.node;
    Lstm l = {.lowering = lowering,
              .dtype = all->dtype,
              .batch = state->dim[0].high,
              .steps = all->dim[all->rank - 2].high,
              .units = state->dim[1].high,
              .lanes = s->lanes,
              .rows = s->tile_columns,
              .vectors = s->tile_vectors,
              .unroll = s->unroll,
              .panel = s->panel};
    if (l.rows > l.batch) l.rows = l.batch;
    l.sequences = lower_extent(lowering, &state->dim[0]);
    l.times = lower_extent(lowering, &all->dim[all->rank - 2]);
    l.shares = lower_buffer(lowering, anchor->inputs[SHARES]);
    l.weight = lower_buffer(lowering, anchor->inputs[WEIGHT]);
    if (anchor->ninputs > BIAS && anchor->inputs[BIAS].node) l.bias = lower_buffer(lowering, anchor->inputs[BIAS]);
    l.all = lower_buffer(lowering, (Value){group, ALL});
    l.h = lower_buffer(lowering, (Value){group, LAST_H});
    l.c = lower_buffer(lowering, (Value){group, LAST_C});
    return l;
}

void lower_lstm_recurrence(Lowering *lowering)
{
    Lstm l = lstm_new(lowering);
    LoopBuilder *b = &lowering->builder;
    start_state(&l, STATE_H, l.h);
    start_state(&l, STATE_C, l.c);
    PartScope step = part_steps(b, NULL, "t", &l.times, 1);
    cover_units(&l, step.at);
    PartScope n = part_steps(b, NULL, "n", &l.sequences, 1);
    Affine from = step_address(&l, n.at, step.at, l.units, affine(0));
    copy_run(&l, l.all, from, l.h, state_address(&l, n.at, affine(0)), l.units);
    part_range_end(b, &n);
    part_range_end(b, &step);
    b->function->multiply_adds = (double)(l.batch * l.steps * l.units * l.units * LSTM_GATES);
}
