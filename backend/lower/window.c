/* Pooling: a combiner over a sliding window, lanes over channels.  Taps outside the input are skipped: each
 * output row and column at a border has code of its own with the taps that it has; all the others share one. */
#include "backend/lower/nest.h"

#include <assert.h>

enum { MOST_TAPS = 32 };

/* Output positions along one axis that have the same taps. */
typedef struct Segment {
    int64_t start, count;
    int64_t first_tap, end_tap;
} Segment;

typedef struct Pool {
    Lowering *lowering;
    const Node *anchor;
    Pooling pooling;
    Dtype dtype; /* of the sums */
    Affine n, y, x;
    const Segment *rows, *columns; /* of the region at hand */
    const LoopRegister *sum;
} Pool;

static LoopBuilder *builder(const Pool *p) { return &p->lowering->builder; }

/* Combines the tap at input pixel (y, x) into the sum. */
static void add_tap(const Pool *p, const Nest *nest, Affine y, Affine x)
{
    LoopBuilder *b = builder(p);
    Nest tap = *nest;
    tap.at[0] = p->n;
    tap.at[1] = y;
    tap.at[2] = x;
    tap.memo = NULL;
    IndexMap identity = nest_identity(value_type(p->anchor->inputs[0]));
    const LoopExpr *value = nest_value(&tap, p->anchor->inputs[0], &identity);
    const LoopExpr *old = loop_reg(b, p->sum, affine(0));
    ExprKind combine = combiner_expr(p->pooling.combiner);
    loop_assign(b, p->sum, affine(0), loop_op(b, combine, p->dtype, old, lower_cast(b, p->dtype, value), NULL));
}

static int64_t taps(const Segment *s) { return s->end_tap > s->first_tap ? s->end_tap - s->first_tap : 0; }

static void add_taps(const Pool *p, const Nest *nest)
{
    LoopBuilder *b = builder(p);
    const Window *w = &p->pooling.window;
    int64_t count = taps(p->rows) * taps(p->columns);
    if (!count) return;
    LoopMode mode = count <= MOST_TAPS ? MODE_UNROLL : MODE_SERIAL;
    LoopScope ky = loop_for(b, "ky", p->rows->first_tap, p->rows->end_tap, 1, mode);
    LoopScope kx = loop_for(b, "kx", p->columns->first_tap, p->columns->end_tap, 1, mode);
    Affine y = affine_add(affine_scale(p->y, w->stride[0]), affine_of(ky.var, w->dilation[0]));
    Affine x = affine_add(affine_scale(p->x, w->stride[1]), affine_of(kx.var, w->dilation[1]));
    add_tap(p, nest, affine_plus(y, -w->pad_begin[0]), affine_plus(x, -w->pad_begin[1]));
    loop_end(b, kx);
    loop_end(b, ky);
}

static const LoopExpr *pooled_value(const Pool *p, int lanes)
{
    LoopBuilder *b = builder(p);
    const LoopExpr *sum = loop_reg(b, p->sum, affine(0));
    if (!p->pooling.mean) return sum;
    const LoopExpr *count = loop_const(b, p->dtype, lanes, (double)(taps(p->rows) * taps(p->columns)));
    return loop_op(b, EXPR_DIV, p->dtype, sum, count, NULL);
}

static void pool_channels(Nest *nest, void *context)
{
    Pool *p = context;
    LoopBuilder *b = builder(p);
    Scalar identity = combiner_identity(p->pooling.combiner, p->dtype);
    p->sum = loop_register(b, "pooled", p->dtype, nest->lanes, 1);
    loop_assign(b, p->sum, affine(0), lower_constant(b, p->dtype, identity, nest->lanes));
    add_taps(p, nest);
    Value result = value_of((Node *)p->lowering->group.node);
    Nest out = {.lowering = p->lowering,
                .rank = 4,
                .at = {p->n, p->y, p->x, nest->at[3]},
                .vector = 3,
                .lanes = nest->lanes,
                .active = nest->active,
                .known = p->anchor,
                .known_value =
                    loop_let(b, "result", lower_cast(b, p->anchor->types[0].dtype, pooled_value(p, nest->lanes)))};
    IndexMap map = nest_identity(value_type(result));
    const LoopExpr *value = nest_value(&out, p->lowering->group.body->results[0].value, &map);
    loop_store(b, lower_buffer(p->lowering, result), lower_address(result, out.at), value,
               result.node->places[0].stride[3], out.active);
}

static LoopScope segment_loop(LoopBuilder *b, const char *name, const Segment *s)
{
    return loop_for(b, name, s->start, s->start + s->count, 1, s->count == 1 ? MODE_UNROLL : MODE_SERIAL);
}

static void pool_region(Pool *p, const Segment *rows, const Segment *columns)
{
    LoopBuilder *b = builder(p);
    p->rows = rows;
    p->columns = columns;
    LoopScope y = segment_loop(b, "y", rows), x = segment_loop(b, "x", columns);
    p->y = affine_of(y.var, 1);
    p->x = affine_of(x.var, 1);
    Nest nest = {.lowering = p->lowering, .rank = 4, .lanes = 1, .active = 1};
    int64_t channels = p->anchor->types[0].dim[3].high;
    nest_vectors(&nest, 3, channels, p->lowering->schedule->lanes, pool_channels, p);
    loop_end(b, x);
    loop_end(b, y);
}

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* The taps of one output position that are inside. */
static Segment single(const Window *w, int axis, int64_t in, int64_t at)
{
    int64_t first = at * w->stride[axis] - w->pad_begin[axis], end = w->kernel[axis];
    int64_t inside = in > first ? divide_up(in - first, w->dilation[axis]) : 0;
    Segment s = {at, 1, first < 0 ? divide_up(-first, w->dilation[axis]) : 0, inside < end ? inside : end};
    return s;
}

/* Positions [low, high) have all taps inside; the others come one by one. */
static Segment *segments(Arena *arena, const Window *w, int axis, int64_t in, int64_t out, int *count)
{
    int64_t reach = (w->kernel[axis] - 1) * w->dilation[axis], last = in - 1 - reach + w->pad_begin[axis];
    int64_t low = divide_up(w->pad_begin[axis], w->stride[axis]), high = last < 0 ? 0 : last / w->stride[axis] + 1;
    if (high > out) high = out;
    if (low > high) low = high;
    Segment *list = ARENA_ARRAY(arena, Segment, out + 1);
    int n = 0;
    for (int64_t at = 0; at < low; at++) list[n++] = single(w, axis, in, at);
    if (low < high) list[n++] = (Segment){low, high - low, 0, w->kernel[axis]};
    for (int64_t at = high; at < out; at++) list[n++] = single(w, axis, in, at);
    *count = n;
    return list;
}

void lower_window(Lowering *lowering)
{
    const Node *anchor = lowering->group.anchor;
    const Type *in = value_type(anchor->inputs[0]), *out = &anchor->types[0];
    LoopBuilder *b = &lowering->builder;
    assert(in->rank == 4);
    Pool p = {.lowering = lowering, .anchor = anchor, .dtype = lower_wide(out->dtype)};
    node_def(anchor)->pool(anchor, &p.pooling);
    const Window *w = &p.pooling.window;
    int nrows, ncolumns;
    Segment *rows = segments(b->arena, w, 0, in->dim[1].high, out->dim[1].high, &nrows);
    Segment *columns = segments(b->arena, w, 1, in->dim[2].high, out->dim[2].high, &ncolumns);
    lower_fill_ring(lowering);
    LoopScope n = loop_for(b, "n", 0, in->dim[0].high, 1, MODE_SERIAL);
    p.n = affine_of(n.var, 1);
    for (int i = 0; i < nrows; i++)
        for (int j = 0; j < ncolumns; j++) pool_region(&p, &rows[i], &columns[j]);
    loop_end(b, n);
}
