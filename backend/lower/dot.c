/* Convolution, dense and matrix product of 8-bit integers: the register tile of contract.c, whose step multiplies and
 * adds 2, 4 or 16 neighbouring inputs at once; 16 to sums apart, for they fill a vector.  Runs of inputs that no such
 * steps fill are filled up with weights of zero; the input's bytes behind them are read where its buffer has such
 * slack, and left out where not. */
#include "backend/lower/contract.h"
#include "ir/packing.h"

typedef struct Dot {
    const Tile *tile;
    int lanes;     /* of a sum */
    int channels;  /* numbers of sums of a pixel */
    int64_t run;   /* neighbouring inputs */
    int64_t steps; /* of `products`, that cover one run */
    int64_t runs;
    bool rows; /* a run is a whole kernel row */
} Dot;

static LoopBuilder *builder(const Dot *d) { return &d->tile->contract->lowering->builder; }

static const Place *place_of(Value value) { return &value.node->places[value.slot]; }

/* The weights of sum `v` of the tile's channels at step `k` of all of the reduction's. */
static Affine weight_address(const Dot *d, Affine k, int v)
{
    const Contract *c = d->tile->contract;
    const Channels *ch = &d->tile->channels;
    int64_t first = ch->within + v * d->lanes;
    Affine at = affine_scale(affine_plus(ch->panel, first / c->panel), d->runs * d->steps * c->panel);
    at = affine_add(at, affine_scale(k, c->panel));
    at = affine_plus(affine_add(at, ch->sub), first % c->panel);
    return affine_scale(at, c->products);
}

/* The `active` inputs from channel `ic` on of each pixel, for every lane. */
static void add_step(const Dot *d, Affine k, Affine ky, Affine kx, Affine ic, int active)
{
    const Tile *tile = d->tile;
    const Contract *c = tile->contract;
    LoopBuilder *b = builder(d);
    int bytes = d->lanes * (int)c->products;
    for (int v = 0; v < d->channels; v++) {
        Affine at = weight_address(d, k, v);
        loop_assign(b, tile->weights, affine(v), loop_load(b, c->weight.buffer, at, bytes, 1, bytes));
        if (c->prefetch) loop_prefetch(b, c->weight.buffer, affine_plus(at, c->prefetch));
    }
    LoopScope row = loop_range(b, "row", 0, tile->rows, 1, MODE_UNROLL);
    LoopScope column = loop_range(b, "column", 0, tile->columns, 1, MODE_UNROLL);
    Affine from = tile_input(tile, affine_add(tile->y, row.at), affine_add(tile->x, column.at), ky, kx, ic);
    const LoopExpr *some = loop_load(b, c->input.buffer, from, (int)c->products, 1, active);
    const LoopExpr *input = loop_let(b, "input", loop_splat(b, some, bytes));
    for (int v = 0; v < d->channels; v++) {
        Affine at = affine_plus(tile_sum(tile, row.at, column.at, affine(0)), v);
        const LoopExpr *weight = loop_reg(b, tile->weights, affine(v)), *sum = loop_reg(b, tile->sums, at);
        loop_assign(b, tile->sums, at, loop_dot(b, sum, input, weight));
    }
    loop_end(b, column);
    loop_end(b, row);
}

/* Steps first .. end-1 of a run that begins at step `k`, some of them written out. */
static void add_steps(const Dot *d, int64_t first, int64_t end, Affine k, Affine ky, Affine kx, int active)
{
    const Contract *c = d->tile->contract;
    LoopBuilder *b = builder(d);
    int64_t unroll = c->unroll < end - first ? c->unroll : end - first;
    for (int64_t at = first, to; at < end; at = to) {
        to = at == first ? first + (end - first) / unroll * unroll : end;
        int64_t step = at == first ? unroll : end - at;
        LoopScope q = loop_range(b, "q", at, to, step, MODE_SERIAL);
        LoopScope u = loop_range(b, "u", 0, step, 1, MODE_UNROLL);
        Affine i = affine_add(q.at, u.at);
        add_step(d, affine_add(k, i), ky, kx, affine_scale(i, c->products), active);
        loop_end(b, u);
        loop_end(b, q);
    }
}

/* One run; `k` is its first step.  Its last step may not read behind the run when the buffer could end there. */
static void add_run(const Dot *d, Affine k, Affine ky, Affine kx)
{
    const Contract *c = d->tile->contract;
    int64_t products = c->products, rest = d->run % products;
    bool whole = rest == 0 || c->slack >= products - rest;
    int64_t steps = whole ? d->steps : d->steps - 1;
    if (steps) add_steps(d, 0, steps, k, ky, kx, (int)products);
    if (!whole) add_steps(d, steps, d->steps, k, ky, kx, (int)rest);
}

static void reduce_dot(const Tile *tile)
{
    const Contract *c = tile->contract;
    const Window *w = &c->shape.window;
    Dot d = {.tile = tile, .rows = packing_is_of_rows(place_of(c->lowering->group.anchor->inputs[1]))};
    d.lanes = c->apart ? 1 : (int)c->lanes;
    d.channels = tile->channels.vectors * (int)c->lanes / d.lanes;
    d.run = d.rows ? w->kernel[1] * c->inner : c->inner;
    d.steps = (d.run + c->products - 1) / c->products;
    d.runs = w->kernel[0] * (d.rows ? 1 : w->kernel[1]);
    int64_t columns = d.rows ? 1 : w->kernel[1], row_steps = columns * d.steps;
    bool written_out = w->kernel[0] * row_steps <= c->unroll;
    LoopScope ky = loop_range(builder(&d), "ky", 0, w->kernel[0], 1, written_out ? MODE_UNROLL : MODE_SERIAL);
    LoopScope kx = loop_range(builder(&d), "kx", 0, columns, 1, row_steps <= c->unroll ? MODE_UNROLL : MODE_SERIAL);
    Affine k = affine_add(affine_scale(ky.at, row_steps), affine_scale(kx.at, d.steps));
    add_run(&d, k, ky.at, kx.at);
    loop_end(builder(&d), kx);
    loop_end(builder(&d), ky);
}

void contract_use_dots(Contract *c)
{
    c->products = c->lowering->schedule->products;
    c->apart = c->products == 16;
    c->multiplied = I8;
    c->reduce = reduce_dot;
}

void lower_dot(Lowering *lowering)
{
    Contract c = contract_new(lowering);
    contract_use_dots(&c);
    contract_cover(&c);
}
