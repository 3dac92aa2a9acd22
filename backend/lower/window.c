/* Pooling: a combiner over a sliding window, lanes over channels.  Taps outside the input are skipped: each
 * output row and column at a border has code of its own with the taps that it has; all the others share one.
 * Where that would be too much code, taps at the borders ask whether they are inside. */
#include "backend/lower/nest.h"
#include "backend/lower/part.h"
#include "backend/lower/positive.h"

#include <assert.h>

enum { MOST_TAPS = 32, MOST_REGIONS = 128 };

/* Output positions along one axis that have the same taps; or, when `clipped`, some of these.  Of a bounded axis all
 * positions that there are when the code runs. */
typedef struct Segment {
    int64_t start, count;
    int64_t first_tap, end_tap;
    bool clipped;
    Extent bounded;
} Segment;

typedef struct Segments {
    Segment *list;
    int count;
} Segments;

typedef struct Pool {
    Lowering *lowering;
    const Node *anchor;
    Pooling pooling;
    Dtype dtype; /* of the sums */
    Dtype bits;  /* what maxima are taken in: unsigned where that is the same, at a fraction of the cost */
    Affine n, y, x;
    const Segment *rows, *columns;    /* of the region at hand */
    Extent in[2], out[2];             /* height and width */
    const LoopRegister *sum, *inside; /* so far, and how many taps that was */
    Part image_part, row_part;        /* one of them may be cut */
} Pool;

static LoopBuilder *builder(const Pool *p) { return &p->lowering->builder; }

/* Row or column of the input that a tap reads. */
static Affine tap_at(const Pool *p, int axis, Affine out, Affine k)
{
    const Window *w = &p->pooling.window;
    Affine at = affine_add(affine_scale(out, w->stride[axis]), affine_scale(k, w->dilation[axis]));
    return affine_plus(at, -w->pad_begin[axis]);
}

/* The tap (ky, kx) of the window at hand, widened to the dtype of the sums. */
static const LoopExpr *tap_value(const Pool *p, const Nest *nest, Affine ky, Affine kx)
{
    LoopBuilder *b = builder(p);
    Nest tap = *nest;
    tap.at[0] = p->n;
    tap.at[1] = tap_at(p, 0, p->y, ky);
    tap.at[2] = tap_at(p, 1, p->x, kx);
    tap.memo = NULL;
    NestMap identity = nest_identity(value_type(p->anchor->inputs[0]));
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

static bool is_clipped(const Pool *p) { return p->rows->clipped || p->columns->clipped; }

static void add_tap(const Pool *p, const Nest *nest, Affine ky, Affine kx)
{
    LoopBuilder *b = builder(p);
    ExprKind combine = combiner_expr(p->pooling.combiner);
    const LoopExpr *sum = loop_reg(b, p->sum, affine(0)), *tap = tap_value(p, nest, ky, kx);
    loop_assign(b, p->sum, affine(0), loop_op(b, combine, p->dtype, sum, tap, NULL));
    if (!p->inside) return;
    const LoopExpr *count = loop_reg(b, p->inside, affine(0)), *one = loop_const(b, p->dtype, 1, 1);
    loop_assign(b, p->inside, affine(0), loop_op(b, EXPR_ADD, p->dtype, count, one, NULL));
}

static void add_tap_inside(const Pool *p, const Nest *nest, Affine ky, Affine kx)
{
    Affine y = tap_at(p, 0, p->y, ky), x = tap_at(p, 1, p->x, kx);
    Affine conditions[4] = {y, affine_plus(affine_add(p->in[0].actual, affine_scale(y, -1)), -1), x,
                            affine_plus(affine_add(p->in[1].actual, affine_scale(x, -1)), -1)};
    LoopScope scope = loop_if(builder(p), 4, conditions);
    add_tap(p, nest, ky, kx);
    loop_end(builder(p), scope);
}

/* All taps in order. */
static void add_taps(const Pool *p, const Nest *nest)
{
    LoopBuilder *b = builder(p);
    int64_t count = taps(p->rows) * taps(p->columns);
    LoopMode mode = count <= MOST_TAPS && !is_clipped(p) ? MODE_UNROLL : MODE_SERIAL;
    if (!count) return;
    LoopScope ky = loop_for(b, "ky", p->rows->first_tap, p->rows->end_tap, 1, mode);
    LoopScope kx = loop_for(b, "kx", p->columns->first_tap, p->columns->end_tap, 1, mode);
    if (is_clipped(p))
        add_tap_inside(p, nest, affine_of(ky.var, 1), affine_of(kx.var, 1));
    else
        add_tap(p, nest, affine_of(ky.var, 1), affine_of(kx.var, 1));
    loop_end(b, kx);
    loop_end(b, ky);
}

static const LoopExpr *pooled_value(Pool *p, const Nest *nest)
{
    LoopBuilder *b = builder(p);
    int lanes = nest->lanes;
    int64_t count = taps(p->rows) * taps(p->columns);
    bool any_order = p->pooling.combiner == COMBINE_MAX || p->pooling.combiner == COMBINE_MIN;
    if (any_order && !is_clipped(p) && count > 0 && count <= MOST_TAPS)
        return bits_as(p, p->dtype, combine_halves(p, nest, 0, count));
    Scalar identity = combiner_identity(p->pooling.combiner, p->dtype);
    p->sum = loop_register(b, "pooled", p->dtype, lanes, 1);
    p->inside = is_clipped(p) && p->pooling.mean ? loop_register(b, "inside", p->dtype, 1, 1) : NULL;
    loop_assign(b, p->sum, affine(0), lower_constant(b, p->dtype, identity, lanes));
    if (p->inside) loop_assign(b, p->inside, affine(0), loop_const(b, p->dtype, 1, 0));
    add_taps(p, nest);
    const LoopExpr *sum = loop_reg(b, p->sum, affine(0)), *divisor;
    if (!p->pooling.mean) return sum;
    divisor = p->inside ? loop_splat(b, loop_reg(b, p->inside, affine(0)), lanes)
                        : loop_const(b, p->dtype, lanes, (double)count);
    return loop_op(b, EXPR_DIV, p->dtype, sum, divisor, NULL);
}

static void pool_channels(Nest *nest, void *context)
{
    Pool *p = context;
    LoopBuilder *b = builder(p);
    Value result = value_of((Node *)p->lowering->group.node);
    const LoopExpr *pooled = lower_cast(b, p->anchor->types[0].dtype, pooled_value(p, nest));
    const NestKnown known = {.node = p->anchor, .value = loop_let(b, "result", pooled)};
    Nest out = {.lowering = p->lowering,
                .rank = 4,
                .at = {p->n, p->y, p->x, nest->at[3]},
                .vector = 3,
                .lanes = nest->lanes,
                .active = nest->active,
                .limited = nest->limited,
                .limit = nest->limit,
                .known = &known};
    NestMap map = nest_identity(value_type(result));
    const LoopExpr *value = nest_value(&out, p->lowering->group.body->results[0].value, &map);
    nest_store_at(&out, lower_buffer(p->lowering, result), lower_address(result, out.at), NULL, value,
                  result.node->places[0].stride[3]);
}

static PartScope segment_loop(LoopBuilder *b, const Part *part, const char *name, const Segment *s)
{
    if (s->bounded.bounded) return part_steps(b, part, name, &s->bounded, 1);
    if (part && part->width) return part_range(b, part, name, s->start, s->start + s->count, 1);
    LoopMode mode = s->count == 1 ? MODE_UNROLL : MODE_SERIAL;
    PartScope scope = {.loop = loop_for(b, name, s->start, s->start + s->count, 1, mode)};
    scope.at = scope.loop.at;
    return scope;
}

static void pool_region(Pool *p, const Segment *rows, const Segment *columns)
{
    LoopBuilder *b = builder(p);
    p->rows = rows;
    p->columns = columns;
    PartScope y = segment_loop(b, &p->row_part, "y", rows), x = segment_loop(b, NULL, "x", columns);
    p->y = y.at;
    p->x = x.at;
    Nest nest = {.lowering = p->lowering, .rank = 4, .lanes = 1, .active = 1};
    const Extent channels = lower_extent(p->lowering, &p->anchor->types[0].dim[3]);
    nest_vectors(&nest, 3, &channels, p->lowering->schedule->lanes, pool_channels, p);
    part_range_end(b, &x);
    part_range_end(b, &y);
}

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* The taps of one output position that are inside. */
static Segment single(const Window *w, int axis, int64_t in, int64_t at)
{
    int64_t first = at * w->stride[axis] - w->pad_begin[axis], end = w->kernel[axis];
    int64_t inside = in > first ? divide_up(in - first, w->dilation[axis]) : 0;
    return (Segment){
        at, 1, first < 0 ? divide_up(-first, w->dilation[axis]) : 0, inside < end ? inside : end, false, extent_of(1)};
}

static void add_border(Segments *s, const Window *w, int axis, int64_t in, int64_t from, int64_t to, bool clip)
{
    if (clip && from < to) s->list[s->count++] = (Segment){from, to - from, 0, w->kernel[axis], true, extent_of(1)};
    for (int64_t at = from; at < to && !clip; at++) s->list[s->count++] = single(w, axis, in, at);
}

/* Without padding every window is inside, with it each tap asks. */
static Segments bounded_segment(const Pool *p, int axis)
{
    const Window *w = &p->pooling.window;
    Segments s = {ARENA_ARRAY(builder(p)->arena, Segment, 1), 1};
    bool padded = w->pad_begin[axis] > 0 || w->pad_end[axis] > 0;
    s.list[0] = (Segment){0, p->out[axis].most, 0, w->kernel[axis], padded, p->out[axis]};
    return s;
}

/* Positions in the middle have all taps inside; those at the borders come one by one, or together when `clip`. */
static Segments segments(const Pool *p, int axis, bool clip)
{
    const Window *w = &p->pooling.window;
    int64_t out = p->out[axis].most;
    if (p->out[axis].bounded) return bounded_segment(p, axis);
    int64_t in = p->in[axis].most, last = in - 1 - (w->kernel[axis] - 1) * w->dilation[axis] + w->pad_begin[axis];
    int64_t low = divide_up(w->pad_begin[axis], w->stride[axis]), high = last < 0 ? 0 : last / w->stride[axis] + 1;
    if (high > out) high = out;
    if (low > high) low = high;
    Segments s = {ARENA_ARRAY(builder(p)->arena, Segment, out + 1), 0};
    add_border(&s, w, axis, in, 0, low, clip);
    if (low < high) s.list[s.count++] = (Segment){low, high - low, 0, w->kernel[axis], false, extent_of(1)};
    add_border(&s, w, axis, in, high, out, clip);
    return s;
}

static void pool_regions(Pool *p)
{
    Segments rows = segments(p, 0, false), columns = segments(p, 1, false);
    if ((int64_t)rows.count * columns.count > MOST_REGIONS) {
        rows = segments(p, 0, true);
        columns = segments(p, 1, true);
    }
    for (int i = 0; i < rows.count; i++)
        for (int j = 0; j < columns.count; j++) pool_region(p, &rows.list[i], &columns.list[j]);
}

void lower_window(Lowering *lowering)
{
    const Node *anchor = lowering->group.anchor;
    const Type *in = value_type(anchor->inputs[0]), *out = &anchor->types[0];
    LoopBuilder *b = &lowering->builder;
    assert(in->rank == 4);
    Pool p = {.lowering = lowering, .anchor = anchor, .dtype = dtype_wide(out->dtype)};
    for (int i = 0; i < 2; i++) {
        p.in[i] = lower_extent(lowering, &in->dim[1 + i]);
        p.out[i] = lower_extent(lowering, &out->dim[1 + i]);
    }
    node_def(anchor)->pool(anchor, &p.pooling);
    p.bits = p.dtype;
    if (p.dtype == F32 && p.pooling.combiner == COMBINE_MAX && value_is_positive(anchor->inputs[0])) p.bits = U32;
    lower_fill_ring(lowering);
    const Schedule *s = lowering->schedule;
    bool by_rows = s->split == SPLIT_ROWS;
    Part part = part_open(b, by_rows ? out->dim[1].high : in->dim[0].high, 1, s->threads);
    *(by_rows ? &p.row_part : &p.image_part) = part;
    const Extent images = lower_extent(lowering, &in->dim[0]);
    PartScope n = part_steps(b, &p.image_part, "n", &images, 1);
    p.n = n.at;
    pool_regions(&p);
    part_range_end(b, &n);
    part_close(b, &part);
}
