/* Convolution, dense and matrix product by one register tile.
 *
 * rows x columns output pixels times some vectors of output channels stay in registers while the
 * reduction runs over (ky, kx, ic) in the order of the numeric contract; lanes run over output
 * channels.  A step loads a vector of weights for each vector of the tile, spreads one input element
 * for each pixel, and multiplies and adds.  A depthwise convolution is the same tile with a vector of
 * input channels in place of the spread element.  What the group does with the sums - bias,
 * activation, residual, pooling - happens before they leave the registers. */
#include "backend/lower/contract.h"

#include <assert.h>

/* ---- where a tile reads and writes ---- */

static LoopBuilder *builder(const Tile *tile) { return &tile->contract->lowering->builder; }

Affine tile_input(const Tile *tile, Affine row, Affine column, Affine ky, Affine kx, Affine channel)
{
    const Contract *c = tile->contract;
    const Window *w = &c->shape.window;
    Affine y = affine_add(affine_scale(row, w->stride[0]), affine_scale(ky, w->dilation[0]));
    Affine x = affine_add(affine_scale(column, w->stride[1]), affine_scale(kx, w->dilation[1]));
    y = affine_plus(y, -w->pad_begin[0]);
    x = affine_plus(x, -w->pad_begin[1]);
    return site_address(&c->input, tile->n, y, x, channel);
}

/* Element of the weights at reduction index `k` for vector `v` of the tile. */
static Affine weight_address(const Tile *tile, Affine k, int v)
{
    const Contract *c = tile->contract;
    const Channels *ch = &tile->channels;
    int64_t first = ch->within + v * c->lanes;
    if (!c->panel) {
        Affine at = affine_add(affine_scale(k, c->weight.x), affine_plus(ch->oc, v * c->lanes));
        return affine_plus(affine_add(at, affine_scale(tile->n, c->weight.n)), c->weight.base);
    }
    Affine at = affine_scale(affine_plus(ch->panel, first / c->panel), c->reduction * c->panel);
    at = affine_add(at, affine_scale(k, c->panel));
    at = affine_add(affine_add(at, ch->sub), affine_scale(tile->n, c->weight.n));
    return affine_plus(at, first % c->panel);
}

Affine tile_sum(const Tile *tile, Affine row, Affine column, Affine v)
{
    Affine pixel = affine_add(affine_scale(row, tile->columns), column);
    Affine at = affine_add(affine_scale(pixel, tile->channels.vectors), v);
    return affine_scale(at, tile->contract->apart ? tile->contract->lanes : 1);
}

/* ---- the sums ---- */

static int active_lanes(const Tile *tile, int v)
{
    return v == tile->channels.vectors - 1 ? tile->channels.active : (int)tile->contract->lanes;
}

const LoopExpr *tile_load(const Tile *tile, const LoopBuffer *buffer, Affine at, int lanes, int active)
{
    LoopBuilder *b = builder(tile);
    const Channels *ch = &tile->channels;
    const LoopExpr *value = ch->limited && lanes > 1 ? loop_load_below(b, buffer, at, NULL, lanes, 1, ch->limit)
                                                     : loop_load(b, buffer, at, lanes, 1, active);
    return lower_cast(b, tile->contract->sum, value);
}

/* The sums of `lanes` channels from `channel` of the tile on: each starts as its bias. */
static void start_sum(const Tile *tile, int64_t channel, int lanes, int active)
{
    const Contract *c = tile->contract;
    LoopBuilder *b = builder(tile);
    const LoopExpr *first = loop_const(b, c->sum, lanes, 0);
    if (c->bias.buffer && active > 0) {
        Affine at = affine_plus(tile->channels.oc, c->bias.base + channel);
        first = loop_let(b, "bias", tile_load(tile, c->bias.buffer, at, lanes, active));
    }
    LoopScope pixel = loop_range(b, "pixel", 0, tile->rows * tile->columns, 1, MODE_UNROLL);
    int64_t each = tile->channels.vectors * c->lanes / lanes;
    loop_assign(b, tile->sums, affine_plus(affine_scale(pixel.at, each), channel / lanes), first);
    loop_end(b, pixel);
}

static void start_sums(const Tile *tile)
{
    const Contract *c = tile->contract;
    int lanes = c->apart ? 1 : (int)c->lanes;
    for (int64_t channel = 0; channel < tile->channels.vectors * c->lanes; channel += lanes) {
        int active =
            c->bias_is_padded ? lanes : active_lanes(tile, (int)(channel / c->lanes)) - (int)(channel % c->lanes);
        start_sum(tile, channel, lanes, active < lanes ? active : lanes);
    }
}

/* Integers have no rounding that fusing would save. */
static const LoopExpr *multiply_add(const Tile *tile, const LoopExpr *x, const LoopExpr *y, const LoopExpr *sum)
{
    LoopBuilder *b = builder(tile);
    Dtype dtype = tile->contract->sum;
    if (dtype_is_float(dtype)) return loop_op(b, EXPR_FMA, dtype, x, y, sum);
    return loop_op(b, EXPR_ADD, dtype, loop_op(b, EXPR_MUL, dtype, x, y, NULL), sum, NULL);
}

/* One step of the reduction for every sum of the tile; `k` counts weights, the rest say which input. */
static void add_products(const Tile *tile, Affine k, Affine ky, Affine kx, Affine ic)
{
    const Contract *c = tile->contract;
    LoopBuilder *b = builder(tile);
    int vectors = tile->channels.vectors, lanes = (int)c->lanes;
    for (int v = 0; v < vectors; v++) {
        int active = c->panel ? lanes : active_lanes(tile, v);
        Affine at = weight_address(tile, k, v);
        loop_assign(b, tile->weights, affine(v), tile_load(tile, c->weight.buffer, at, lanes, active));
        if (c->prefetch)
            loop_prefetch(b, c->weight.buffer, affine_plus(at, c->prefetch * 8 / dtype_bits(c->weight.buffer->dtype)));
    }
    LoopScope row = loop_range(b, "row", 0, tile->rows, 1, MODE_UNROLL);
    LoopScope column = loop_range(b, "column", 0, tile->columns, 1, MODE_UNROLL);
    Affine y = affine_add(tile->y, row.at), x = affine_add(tile->x, column.at);
    Affine from = tile_input(tile, y, x, ky, kx, affine_add(ic, tile->channels.ic));
    const LoopExpr *spread = NULL;
    if (!c->depthwise)
        spread = loop_let(b, "input", loop_splat(b, tile_load(tile, c->input.buffer, from, 1, 1), lanes));
    for (int v = 0; v < vectors; v++) {
        const LoopExpr *input = spread;
        if (c->depthwise)
            input = tile_load(tile, c->input.buffer, affine_plus(from, v * lanes), lanes, active_lanes(tile, v));
        Affine at = tile_sum(tile, row.at, column.at, affine(v));
        const LoopExpr *weight = loop_reg(b, tile->weights, affine(v)), *sum = loop_reg(b, tile->sums, at);
        loop_assign(b, tile->sums, at, multiply_add(tile, input, weight, sum));
    }
    loop_end(b, column);
    loop_end(b, row);
}

/* A loop that is written out when it is short enough, so that its variable is a constant. */
static LoopScope reduction_loop(const Tile *tile, const char *name, int64_t count, bool unroll)
{
    return loop_range(builder(tile), name, 0, count, 1, unroll ? MODE_UNROLL : MODE_SERIAL);
}

/* As many inputs as there are when the code runs: some steps written out, then one by one. */
static void reduce_bounded(const Tile *tile, Affine ky, Affine kx)
{
    const Contract *c = tile->contract;
    LoopBuilder *b = builder(tile);
    int64_t unroll = c->unroll < c->inner ? c->unroll : c->inner;
    PartScope q = part_steps(b, NULL, "q", &c->deep, unroll);
    LoopScope u = loop_range(b, "u", 0, unroll, 1, MODE_UNROLL);
    add_products(tile, affine_add(q.at, u.at), ky, kx, affine_add(q.at, u.at));
    loop_end(b, u);
    part_range_end(b, &q);
    if (unroll == 1) return;
    q = part_rest(b, NULL, "q", &c->deep, unroll, 1);
    add_products(tile, q.at, ky, kx, q.at);
    part_range_end(b, &q);
}

/* The innermost loop over `count` neighbouring inputs, some steps of it written out. */
static void reduce_run(const Tile *tile, int64_t count, Affine k, Affine ky, Affine kx)
{
    const Contract *c = tile->contract;
    LoopBuilder *b = builder(tile);
    int64_t unroll = c->unroll < count ? c->unroll : count;
    int64_t whole = count / unroll * unroll;
    for (int64_t first = 0, end; first < count; first = end) {
        end = first ? count : whole;
        int64_t step = first ? count - whole : unroll;
        LoopScope q = loop_range(b, "q", first, end, step, MODE_SERIAL);
        LoopScope u = loop_range(b, "u", 0, step, 1, MODE_UNROLL);
        Affine at = affine_add(q.at, u.at);
        add_products(tile, affine_add(k, at), ky, kx, at);
        loop_end(b, u);
        loop_end(b, q);
    }
}

/* (ky, kx, ic) in order.  Where a kernel row is one run of memory, kx and ic are one loop. */
void tile_reduce(const Tile *tile)
{
    const Contract *c = tile->contract;
    const Window *w = &c->shape.window;
    int64_t row = w->kernel[1] * c->inner, total = w->kernel[0] * row;
    LoopScope ky = reduction_loop(tile, "ky", w->kernel[0], total <= c->unroll);
    Affine k = affine_scale(ky.at, row), y = ky.at;
    if (c->deep.bounded) {
        reduce_bounded(tile, y, affine(0));
    } else if (c->row_is_run) {
        reduce_run(tile, row, k, y, affine(0));
    } else {
        LoopScope kx = reduction_loop(tile, "kx", w->kernel[1], row <= c->unroll);
        reduce_run(tile, c->inner, affine_add(k, affine_scale(kx.at, c->inner)), y, kx.at);
        loop_end(builder(tile), kx);
    }
    loop_end(builder(tile), ky);
}

/* ---- what happens to the sums before they are stored ---- */

/* One result vector being computed: `row` and `column` count pixels of the tile before pooling. */
typedef struct Finish {
    const Tile *tile;
    Affine row, column, v;
    int active;
    bool pooled; /* above the pooling: coordinates of outer operands are those of pooled pixels */
} Finish;

static const LoopExpr *finish_value(const Finish *f, Value value);

/* An operand from outside the group, at the pixel and channels of the vector. */
static const LoopExpr *finish_outer(const Finish *f, Value value)
{
    const Contract *c = f->tile->contract;
    LoopBuilder *b = builder(f->tile);
    int lanes = (int)c->lanes;
    const LoopExpr *number = lower_number(c->lowering, value, lanes);
    if (number) return number;
    Site site = contract_site(c, value);
    const Window *pool = f->pooled ? &c->pool : NULL;
    Affine y = affine_add(f->tile->y, f->row), x = affine_add(f->tile->x, f->column);
    if (pool) {
        y = affine_divide(y, pool->kernel[0]);
        x = affine_divide(x, pool->kernel[1]);
    }
    Affine oc = affine_add(f->tile->channels.oc, affine_scale(f->v, c->lanes));
    Affine at = site_address(&site, f->tile->n, y, x, oc);
    const Channels *ch = &f->tile->channels;
    if (!site.c) return loop_splat(b, loop_load(b, site.buffer, at, 1, 1, 1), lanes);
    if (ch->limited && lanes > 1) return loop_load_below(b, site.buffer, at, NULL, lanes, 1, ch->limit);
    return loop_load(b, site.buffer, at, lanes, 1, f->active);
}

/* The combination over the taps of the pooling window, in (ky, kx) order. */
static const LoopExpr *finish_pool(const Finish *f, const Node *pool)
{
    const Contract *c = f->tile->contract;
    LoopBuilder *b = builder(f->tile);
    const LoopExpr *best = NULL;
    for (int64_t tap = 0; tap < c->pool.kernel[0] * c->pool.kernel[1]; tap++) {
        Finish at = *f;
        at.pooled = false;
        at.row = affine_plus(f->row, tap / c->pool.kernel[1]);
        at.column = affine_plus(f->column, tap % c->pool.kernel[1]);
        const LoopExpr *one = finish_value(&at, pool->inputs[0]);
        best = best ? loop_op(b, EXPR_MAX, one->dtype, best, one, NULL) : one;
    }
    return loop_let(b, "pooled", best);
}

static const LoopExpr *finish_map(const Finish *f, const Node *node)
{
    const LoopExpr *args[4];
    assert(node->ninputs <= 4);
    for (int i = 0; i < node->ninputs; i++) args[i] = finish_value(f, node->inputs[i]);
    const LoopExpr *value = lower_map_value(f->tile->contract->lowering, node, args, (int)f->tile->contract->lanes);
    bool shared = graph_uses(node->graph, value_of((Node *)node)) > 1;
    return shared ? loop_let(builder(f->tile), "shared", value) : value;
}

static const LoopExpr *finish_value(const Finish *f, Value value)
{
    const Group *group = &f->tile->contract->lowering->group;
    const Node *node = value.node;
    if (!group_is_inside(group, value)) return finish_outer(f, value);
    if (node == group->anchor) {
        Affine at = tile_sum(f->tile, f->row, f->column, f->v);
        LoopBuilder *b = builder(f->tile);
        bool vector = f->tile->contract->apart && f->tile->contract->lanes > 1;
        const LoopExpr *sum = vector ? loop_reg_vector(b, f->tile->sums, at, (int)f->tile->contract->lanes)
                                     : loop_reg(b, f->tile->sums, at);
        return lower_cast(builder(f->tile), value_type(value)->dtype, sum);
    }
    return node == group->pool ? finish_pool(f, node) : finish_map(f, node);
}

void tile_finish(const Tile *tile, int first, int last, int active)
{
    const Contract *c = tile->contract;
    LoopBuilder *b = builder(tile);
    if (first == last) return;
    int64_t ph = c->pool.kernel[0], pw = c->pool.kernel[1];
    LoopScope row = loop_range(b, "row", 0, tile->rows / ph, 1, MODE_UNROLL);
    LoopScope column = loop_range(b, "column", 0, tile->columns / pw, 1, MODE_UNROLL);
    LoopScope v = loop_range(b, "v", first, last, 1, MODE_UNROLL);
    Finish f = {.tile = tile,
                .row = affine_scale(row.at, ph),
                .column = affine_scale(column.at, pw),
                .v = v.at,
                .active = active,
                .pooled = c->lowering->group.pool != NULL};
    const LoopExpr *value = finish_value(&f, c->lowering->group.body->results[0].value);
    Affine y = affine_divide(affine_add(tile->y, f.row), ph), x = affine_divide(affine_add(tile->x, f.column), pw);
    Affine oc = affine_add(tile->channels.oc, affine_scale(f.v, c->lanes));
    Affine at = site_address(&c->output, tile->n, y, x, oc);
    if (tile->channels.limited && value->lanes > 1)
        loop_store_below(b, c->output.buffer, at, NULL, value, 1, tile->channels.limit);
    else
        loop_store(b, c->output.buffer, at, value, 1, active);
    loop_end(b, v);
    loop_end(b, column);
    loop_end(b, row);
}

void tile_emit(Tile *tile)
{
    LoopBuilder *b = builder(tile);
    int vectors = tile->channels.vectors, lanes = (int)tile->contract->lanes, apart = tile->contract->apart ? lanes : 1;
    int sums = (int)(tile->rows * tile->columns) * vectors * apart, products = (int)tile->contract->products;
    tile->sums = loop_register(b, "sum", tile->contract->sum, lanes / apart, sums);
    tile->weights = loop_register(b, "weight", tile->contract->multiplied, lanes / apart * products, vectors * apart);
    start_sums(tile);
    tile->contract->reduce(tile);
    bool partial = tile->channels.active < lanes;
    tile->contract->store(tile, 0, vectors - partial, lanes);
    if (partial) tile->contract->store(tile, vectors - 1, vectors, tile->channels.active);
}
