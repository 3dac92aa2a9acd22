/* Pooling: a combiner over a sliding window, lanes over channels.  Taps outside the input are skipped: each
 * output row and column at a border has code of its own with the taps that it has; all the others share one. */
#include "backend/lower/nest.h"
#include "backend/lower/positive.h"

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
    Dtype bits;  /* what maxima are taken in: unsigned where that is the same, at a fraction of the cost */
    Affine n, y, x;
    const Segment *rows, *columns; /* of the region at hand */
} Pool;

static LoopBuilder *builder(const Pool *p) { return &p->lowering->builder; }

/* The tap (ky, kx) of the window at hand, widened to the dtype of the sums. */
static const LoopExpr *tap_value(const Pool *p, const Nest *nest, Affine ky, Affine kx)
{
    LoopBuilder *b = builder(p);
    const Window *w = &p->pooling.window;
    Nest tap = *nest;
    tap.at[0] = p->n;
    tap.at[1] = affine_add(affine_scale(p->y, w->stride[0]), affine_scale(ky, w->dilation[0]));
    tap.at[2] = affine_add(affine_scale(p->x, w->stride[1]), affine_scale(kx, w->dilation[1]));
    for (int i = 0; i < 2; i++) tap.at[1 + i] = affine_plus(tap.at[1 + i], -w->pad_begin[i]);
    tap.memo = NULL;
    IndexMap identity = nest_identity(value_type(p->anchor->inputs[0]));
    return lower_cast(b, p->dtype, nest_value(&tap, p->anchor->inputs[0], &identity));
}

static int64_t taps(const Segment *s) { return s->end_tap > s->first_tap ? s->end_tap - s->first_tap : 0; }

static const LoopExpr *bits_as(const Pool *p, Dtype dtype, const LoopExpr *x)
{
    return x->dtype == dtype ? x : loop_op(builder(p), EXPR_BITCAST, dtype, x, NULL, NULL);
}

/* Taps first .. first+count-1 in halves.  Only for combiners that give the same bits in every order. */
static const LoopExpr *combine_halves(const Pool *p, const Nest *nest, int64_t first, int64_t count)
{
    int64_t columns = taps(p->columns), half = count / 2;
    Affine ky = affine(p->rows->first_tap + first / columns), kx = affine(p->columns->first_tap + first % columns);
    if (count == 1) return bits_as(p, p->bits, tap_value(p, nest, ky, kx));
    const LoopExpr *low = combine_halves(p, nest, first, half);
    const LoopExpr *high = combine_halves(p, nest, first + half, count - half);
    return loop_op(builder(p), combiner_expr(p->pooling.combiner), p->bits, low, high, NULL);
}

/* All taps in order, from the identity on. */
static const LoopExpr *combine_in_order(const Pool *p, const Nest *nest)
{
    LoopBuilder *b = builder(p);
    int64_t count = taps(p->rows) * taps(p->columns);
    Scalar identity = combiner_identity(p->pooling.combiner, p->dtype);
    const LoopRegister *sum = loop_register(b, "pooled", p->dtype, nest->lanes, 1);
    loop_assign(b, sum, affine(0), lower_constant(b, p->dtype, identity, nest->lanes));
    if (!count) return loop_reg(b, sum, affine(0));
    LoopMode mode = count <= MOST_TAPS ? MODE_UNROLL : MODE_SERIAL;
    LoopScope ky = loop_for(b, "ky", p->rows->first_tap, p->rows->end_tap, 1, mode);
    LoopScope kx = loop_for(b, "kx", p->columns->first_tap, p->columns->end_tap, 1, mode);
    const LoopExpr *tap = tap_value(p, nest, affine_of(ky.var, 1), affine_of(kx.var, 1));
    ExprKind combine = combiner_expr(p->pooling.combiner);
    loop_assign(b, sum, affine(0), loop_op(b, combine, p->dtype, loop_reg(b, sum, affine(0)), tap, NULL));
    loop_end(b, kx);
    loop_end(b, ky);
    return loop_reg(b, sum, affine(0));
}

static const LoopExpr *pooled_value(const Pool *p, const Nest *nest)
{
    LoopBuilder *b = builder(p);
    int64_t count = taps(p->rows) * taps(p->columns);
    bool any_order = p->pooling.combiner == COMBINE_MAX || p->pooling.combiner == COMBINE_MIN;
    if (any_order && count > 0 && count <= MOST_TAPS) return bits_as(p, p->dtype, combine_halves(p, nest, 0, count));
    const LoopExpr *sum = combine_in_order(p, nest);
    if (!p->pooling.mean) return sum;
    return loop_op(b, EXPR_DIV, p->dtype, sum, loop_const(b, p->dtype, nest->lanes, (double)count), NULL);
}

static void pool_channels(Nest *nest, void *context)
{
    Pool *p = context;
    LoopBuilder *b = builder(p);
    Value result = value_of((Node *)p->lowering->group.node);
    Nest out = {.lowering = p->lowering,
                .rank = 4,
                .at = {p->n, p->y, p->x, nest->at[3]},
                .vector = 3,
                .lanes = nest->lanes,
                .active = nest->active,
                .known = p->anchor,
                .known_value = loop_let(b, "result", lower_cast(b, p->anchor->types[0].dtype, pooled_value(p, nest)))};
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
    Pool p = {.lowering = lowering, .anchor = anchor, .dtype = dtype_wide(out->dtype)};
    node_def(anchor)->pool(anchor, &p.pooling);
    p.bits = p.dtype;
    if (p.dtype == F32 && p.pooling.combiner == COMBINE_MAX && value_is_positive(anchor->inputs[0])) p.bits = U32;
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
