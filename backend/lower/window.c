/* Pooling: a combiner over a sliding window, lanes over channels.  Where the whole window is inside the
 * input its taps are written out; at the borders each tap asks whether it is. */
#include "backend/lower/nest.h"

#include <assert.h>

enum { MOST_TAPS = 32 };

typedef struct Pool {
    Lowering *lowering;
    const Node *anchor;
    Pooling pooling;
    ExprKind combine;
    Dtype dtype;
    int64_t in[2], out[2];
    Affine n, y, x;
    bool border; /* taps may be outside here */
    const LoopRegister *sum, *taps;
} Pool;

static LoopBuilder *builder(const Pool *p) { return &p->lowering->builder; }

/* Combines the tap at (ky, kx) into the sum. */
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
    loop_assign(b, p->sum, affine(0), loop_op(b, p->combine, p->dtype, old, value, NULL));
    if (!p->border || !p->pooling.mean) return;
    const LoopExpr *count = loop_reg(b, p->taps, affine(0)), *one = loop_const(b, p->dtype, 1, 1);
    loop_assign(b, p->taps, affine(0), loop_op(b, EXPR_ADD, p->dtype, count, one, NULL));
}

static void add_taps(const Pool *p, const Nest *nest)
{
    LoopBuilder *b = builder(p);
    const Window *w = &p->pooling.window;
    LoopMode mode = !p->border && w->kernel[0] * w->kernel[1] <= MOST_TAPS ? MODE_UNROLL : MODE_SERIAL;
    LoopScope ky = loop_for(b, "ky", 0, w->kernel[0], 1, mode);
    LoopScope kx = loop_for(b, "kx", 0, w->kernel[1], 1, mode);
    Affine y = affine_add(affine_scale(p->y, w->stride[0]), affine_of(ky.var, w->dilation[0]));
    Affine x = affine_add(affine_scale(p->x, w->stride[1]), affine_of(kx.var, w->dilation[1]));
    y = affine_plus(y, -w->pad_begin[0]);
    x = affine_plus(x, -w->pad_begin[1]);
    if (p->border) {
        Affine inside[4] = {y, affine_plus(affine_scale(y, -1), p->in[0] - 1), x,
                            affine_plus(affine_scale(x, -1), p->in[1] - 1)};
        LoopScope scope = loop_if(b, 4, inside);
        add_tap(p, nest, y, x);
        loop_end(b, scope);
    } else {
        add_tap(p, nest, y, x);
    }
    loop_end(b, kx);
    loop_end(b, ky);
}

static const LoopExpr *mean_of(const Pool *p, int lanes)
{
    LoopBuilder *b = builder(p);
    const Window *w = &p->pooling.window;
    const LoopExpr *count = loop_const(b, p->dtype, lanes, (double)(w->kernel[0] * w->kernel[1]));
    if (p->border) count = loop_splat(b, loop_reg(b, p->taps, affine(0)), lanes);
    return loop_op(b, EXPR_DIV, p->dtype, loop_reg(b, p->sum, affine(0)), count, NULL);
}

static void pool_channels(Nest *nest, void *context)
{
    Pool *p = context;
    LoopBuilder *b = builder(p);
    Scalar identity = combiner_identity(p->pooling.combiner, p->dtype);
    p->sum = loop_register(b, "pooled", p->dtype, nest->lanes, 1);
    loop_assign(b, p->sum, affine(0), lower_constant(b, p->dtype, identity, nest->lanes));
    if (p->border && p->pooling.mean) {
        p->taps = loop_register(b, "taps", p->dtype, 1, 1);
        loop_assign(b, p->taps, affine(0), loop_const(b, p->dtype, 1, 0));
    }
    add_taps(p, nest);
    const LoopExpr *pooled = p->pooling.mean ? mean_of(p, nest->lanes) : loop_reg(b, p->sum, affine(0));
    Value result = value_of((Node *)p->lowering->group.node);
    Nest out = {.lowering = p->lowering,
                .rank = 4,
                .at = {p->n, p->y, p->x, nest->at[3]},
                .vector = 3,
                .lanes = nest->lanes,
                .active = nest->active,
                .known = p->anchor,
                .known_value = loop_let(b, "result", pooled)};
    IndexMap map = nest_identity(value_type(result));
    const LoopExpr *value = nest_value(&out, p->lowering->group.body->results[0].value, &map);
    loop_store(b, lower_buffer(p->lowering, result), lower_address(result, out.at), value,
               result.node->places[0].stride[3], out.active);
}

/* Output pixels [y0, y1) x [x0, x1). */
static void pool_region(Pool *p, int64_t y0, int64_t y1, int64_t x0, int64_t x1, bool border)
{
    LoopBuilder *b = builder(p);
    if (y0 >= y1 || x0 >= x1) return;
    p->border = border;
    LoopScope y = loop_for(b, "y", y0, y1, 1, MODE_SERIAL);
    LoopScope x = loop_for(b, "x", x0, x1, 1, MODE_SERIAL);
    p->y = affine_of(y.var, 1);
    p->x = affine_of(x.var, 1);
    Nest nest = {.lowering = p->lowering, .rank = 4, .lanes = 1, .active = 1};
    int64_t channels = p->anchor->types[0].dim[3].high;
    nest_vectors(&nest, 3, channels, p->lowering->schedule->lanes, pool_channels, p);
    loop_end(b, x);
    loop_end(b, y);
}

/* The output positions whose windows are wholly inside along one axis: [low, high). */
static void inner_range(const Pool *p, int axis, int64_t *low, int64_t *high)
{
    const Window *w = &p->pooling.window;
    int64_t reach = (w->kernel[axis] - 1) * w->dilation[axis], last = p->in[axis] - 1 - reach + w->pad_begin[axis];
    *low = (w->pad_begin[axis] + w->stride[axis] - 1) / w->stride[axis];
    *high = last < 0 ? 0 : last / w->stride[axis] + 1;
    if (*high > p->out[axis]) *high = p->out[axis];
    if (*low > *high) *low = *high = 0;
}

void lower_window(Lowering *lowering)
{
    const Node *anchor = lowering->group.anchor;
    const Type *in = value_type(anchor->inputs[0]), *out = &anchor->types[0];
    assert(in->rank == 4);
    Pool p = {.lowering = lowering, .anchor = anchor, .dtype = out->dtype};
    for (int i = 0; i < 2; i++) {
        p.in[i] = in->dim[1 + i].high;
        p.out[i] = out->dim[1 + i].high;
    }
    node_def(anchor)->pool(anchor, &p.pooling);
    p.combine = combiner_expr(p.pooling.combiner);
    int64_t y0, y1, x0, x1;
    inner_range(&p, 0, &y0, &y1);
    inner_range(&p, 1, &x0, &x1);
    lower_fill_ring(lowering);
    LoopScope n = loop_for(&lowering->builder, "n", 0, in->dim[0].high, 1, MODE_SERIAL);
    p.n = affine_of(n.var, 1);
    pool_region(&p, 0, y0, 0, p.out[1], true);
    pool_region(&p, y0, y1, 0, x0, true);
    pool_region(&p, y0, y1, x0, x1, false);
    pool_region(&p, y0, y1, x1, p.out[1], true);
    pool_region(&p, y1, p.out[0], 0, p.out[1], true);
    loop_end(&lowering->builder, n);
}
