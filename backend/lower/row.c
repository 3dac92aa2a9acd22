/* Operators along the last axis, row by row, in three sweeps over a row that stays in the nearest cache: it comes from
 * memory once.  Operations and their order are those of the operator's expansion.
 *
 * Softmax: the greatest element; the exponentials, which the result's buffer holds meanwhile, and their sum; the
 * quotients.  Layer norm: the mean; the mean of the squared distances to it; what is scaled by both. */
#include "backend/lower/nest.h"

#include <assert.h>

enum { PARTIALS = 16, MOST_CHAINS = 4 };

typedef struct Row {
    Lowering *lowering;
    Value operand, result;
    Dtype dtype, wide; /* of the elements, and of maximum and sum */
    int axis;
    int64_t size; /* at most, when it is bounded */
    Extent extent;
    bool computed; /* in the group, from what is outside */
    const LoopBuffer *buffer;
    const LoopRegister *partials;
    int chains, chain; /* sets of partial results, whose operations overlap: maxima have any order; which one now */
    const LoopExpr *greatest, *sum;   /* softmax */
    const LoopExpr *mean, *deviation; /* layer norm: the second as what to multiply by */
} Row;

static LoopBuilder *builder(const Row *r) { return &r->lowering->builder; }

/* The operand's elements, after what comes before it in the group. */
static const LoopExpr *element(const Row *r, Nest *nest)
{
    NestMap identity = nest_identity(value_type(r->operand));
    return nest_value(nest, r->operand, &identity);
}

static const LoopExpr *stored(const Row *r, const Nest *nest)
{
    return nest_load_at(nest, r->buffer, lower_address(r->result, nest->at), NULL, 1);
}

static void store(const Row *r, const Nest *nest, const LoopExpr *value)
{
    nest_store_at(nest, r->buffer, lower_address(r->result, nest->at), NULL, value, 1);
}

/* The elements in the first sweep; what is computed in the group is kept in the result's buffer for the others. */
static const LoopExpr *first_element(const Row *r, Nest *nest)
{
    const LoopExpr *value = element(r, nest);
    if (!r->computed) return value;
    value = loop_let(builder(r), "element", value);
    store(r, nest, value);
    return value;
}

static const LoopExpr *element_again(const Row *r, Nest *nest)
{
    return r->computed ? stored(r, nest) : element(r, nest);
}

/* The larger of two is a comparison here, and NaN is left out: exponentials see neither it nor the sign of zero in a
 * maximum, as each element makes its own, and their sum. */
static const LoopExpr *combined(const Row *r, ExprKind combine, const LoopExpr *old, const LoopExpr *value)
{
    LoopBuilder *b = builder(r);
    if (combine != EXPR_MAX) return loop_op(b, combine, r->wide, old, value, NULL);
    value = loop_let(b, "element", value);
    return loop_op(b, EXPR_SELECT, r->wide, loop_op(b, EXPR_LT, BOOL, old, value, NULL), value, old);
}

/* Combines a vector into the partial results; lanes that hold no element leave theirs alone. */
static void add_partials(const Row *r, const Nest *nest, ExprKind combine, const LoopExpr *value)
{
    LoopBuilder *b = builder(r);
    const LoopExpr *old = loop_reg(b, r->partials, affine(r->chain));
    const LoopExpr *next = combined(r, combine, old, lower_cast(b, r->wide, value));
    const LoopExpr *mask = nest_mask(nest);
    if (mask) next = loop_op(b, EXPR_SELECT, r->wide, mask, next, old);
    loop_assign(b, r->partials, affine(r->chain), next);
}

typedef void Sweep(const Row *r, Nest *nest);

/* A vector for each chain, from `at` on. */
static void sweep_step(const Row *r, Nest run, Affine at, int chains, Sweep *body)
{
    for (int chain = 0; chain < chains; chain++) {
        Row one = *r;
        one.chain = chain;
        run.memo = NULL;
        run.at[r->axis] = affine_plus(at, (int64_t)chain * PARTIALS);
        body(&one, &run);
    }
}

/* Elements `first` up to `end`, a step for each chain at a time. */
static void sweep_run(const Row *r, Nest run, int64_t first, int64_t end, int chains, Sweep *body)
{
    LoopBuilder *b = builder(r);
    if (first == end) return;
    LoopScope scope = loop_for(b, "e", first, end, (int64_t)chains * PARTIALS, MODE_SERIAL);
    sweep_step(r, run, affine_of(scope.var, 1), chains, body);
    loop_end(b, scope);
}

/* As many elements as there are when the code runs: by chains, then one vector after the other, then what is left. */
static void sweep_bounded(const Row *r, Nest run, Sweep *body)
{
    LoopBuilder *b = builder(r);
    int64_t step = (int64_t)r->chains * PARTIALS;
    if (step <= r->size) {
        PartScope by_chains = part_steps(b, NULL, "e", &r->extent, step);
        sweep_step(r, run, by_chains.at, r->chains, body);
        part_range_end(b, &by_chains);
    }
    if (r->chains > 1) {
        PartScope whole = part_rest(b, NULL, "e", &r->extent, step, PARTIALS);
        sweep_step(r, run, whole.at, 1, body);
        part_range_end(b, &whole);
    }
    PartScope rest = part_tail(b, NULL, "e", &r->extent, PARTIALS);
    run.limited = true;
    run.limit = affine_add(r->extent.actual, affine_scale(rest.at, -1));
    sweep_step(r, run, rest.at, 1, body);
    part_range_end(b, &rest);
}

/* All elements of the row, 16 at a time. */
static void sweep(const Row *r, const Nest *nest, Sweep *body)
{
    Nest run = *nest;
    int64_t step = (int64_t)r->chains * PARTIALS, by_chains = r->size / step * step;
    int64_t whole = r->size / PARTIALS * PARTIALS;
    run.vector = r->axis;
    run.lanes = run.active = PARTIALS;
    if (r->extent.bounded) {
        sweep_bounded(r, run, body);
        return;
    }
    sweep_run(r, run, 0, by_chains, r->chains, body);
    sweep_run(r, run, by_chains, whole, 1, body);
    if (whole == r->size) return;
    run.at[r->axis] = affine(whole);
    run.active = (int)(r->size - whole);
    run.memo = NULL;
    body(r, &run);
}

static void find_greatest(const Row *r, Nest *nest) { add_partials(r, nest, EXPR_MAX, first_element(r, nest)); }

/* The operators around maximum and sum, in the dtype of the elements: each rounds to it. */
static const LoopExpr *rounded(const Row *r, ExprKind op, const LoopExpr *x, const LoopExpr *y)
{
    LoopBuilder *b = builder(r);
    x = lower_cast(b, r->wide, x);
    y = lower_cast(b, r->wide, y);
    return lower_cast(b, r->dtype, loop_op(b, op, r->wide, x, y, NULL));
}

static void exponentiate(const Row *r, Nest *nest)
{
    LoopBuilder *b = builder(r);
    const LoopExpr *moved = rounded(r, EXPR_SUB, element_again(r, nest), loop_splat(b, r->greatest, nest->lanes));
    moved = lower_cast(b, r->wide, moved);
    Expr *e = expr_new(b->arena);
    e->result = expr_exp(e, expr_arg(e, 0, r->wide));
    const LoopExpr *value = loop_let(b, "exp", lower_cast(b, r->dtype, loop_expr(b, e, &moved, nest->lanes)));
    store(r, nest, value);
    add_partials(r, nest, EXPR_ADD, value);
}

static void divide(const Row *r, Nest *nest)
{
    ExprKind op = r->lowering->schedule->reciprocal ? EXPR_MUL : EXPR_DIV;
    store(r, nest, rounded(r, op, stored(r, nest), loop_splat(builder(r), r->sum, nest->lanes)));
}

static const LoopExpr *fold(const Row *r, const char *name, ExprKind combine)
{
    LoopBuilder *b = builder(r);
    const LoopExpr *all = loop_reg(b, r->partials, affine(0));
    for (int chain = 1; chain < r->chains; chain++)
        all = loop_let(b, name, combined(r, combine, all, loop_reg(b, r->partials, affine(chain))));
    return loop_let(b, name, lower_cast(b, r->dtype, loop_fold(b, combine, all)));
}

/* Sums have one order of operations, so one chain. */
static void start(Row *r, Combiner combiner)
{
    LoopBuilder *b = builder(r);
    Scalar identity = combiner_identity(combiner, r->wide);
    r->chains = combiner == COMBINE_MAX && r->size >= MOST_CHAINS * PARTIALS ? MOST_CHAINS : 1;
    for (int chain = 0; chain < r->chains; chain++)
        loop_assign(b, r->partials, affine(chain), lower_constant(b, r->wide, identity, PARTIALS));
}

static void softmax_row(Row *r, const Nest *nest)
{
    start(r, COMBINE_MAX);
    sweep(r, nest, find_greatest);
    r->greatest = fold(r, "greatest", EXPR_MAX);
    start(r, COMBINE_SUM);
    sweep(r, nest, exponentiate);
    r->sum = fold(r, "sum", EXPR_ADD);
    if (r->lowering->schedule->reciprocal) {
        const LoopExpr *one = loop_const(builder(r), r->dtype, 1, 1);
        r->sum = loop_let(builder(r), "factor", rounded(r, EXPR_DIV, one, r->sum));
    }
    sweep(r, nest, divide);
}

/* ---- layer norm ---- */

static void add_elements(const Row *r, Nest *nest) { add_partials(r, nest, EXPR_ADD, first_element(r, nest)); }

static const LoopExpr *distance(const Row *r, Nest *nest)
{
    return rounded(r, EXPR_SUB, element_again(r, nest), loop_splat(builder(r), r->mean, nest->lanes));
}

static void add_squares(const Row *r, Nest *nest)
{
    const LoopExpr *moved = loop_let(builder(r), "distance", distance(r, nest));
    add_partials(r, nest, EXPR_ADD, rounded(r, EXPR_MUL, moved, moved));
}

/* An operand with one element a column. */
static const LoopExpr *column(const Row *r, const Nest *nest, int operand)
{
    Value value = r->lowering->group.anchor->inputs[operand];
    const LoopBuffer *buffer = lower_buffer(r->lowering, value);
    return loop_load(builder(r), buffer, lower_address(value, &nest->at[r->axis]), nest->lanes, 1, nest->active);
}

static void scale(const Row *r, Nest *nest)
{
    enum { SCALE = 1, OFFSET };
    const LoopExpr *moved = rounded(r, EXPR_MUL, distance(r, nest), loop_splat(builder(r), r->deviation, nest->lanes));
    moved = rounded(r, EXPR_MUL, moved, column(r, nest, SCALE));
    store(r, nest, rounded(r, EXPR_ADD, moved, column(r, nest, OFFSET)));
}

static const LoopExpr *mean_of(const Row *r, const char *name)
{
    LoopBuilder *b = builder(r);
    const LoopExpr *sum = fold(r, "sum", EXPR_ADD), *count = loop_const(b, r->dtype, 1, (double)r->size);
    return loop_let(b, name, rounded(r, EXPR_DIV, sum, count));
}

static void layer_norm_row(Row *r, const Nest *nest)
{
    LoopBuilder *b = builder(r);
    const LayerNormAttrs *attrs = r->lowering->group.anchor->attrs;
    start(r, COMBINE_SUM);
    sweep(r, nest, add_elements);
    r->mean = mean_of(r, "mean");
    start(r, COMBINE_SUM);
    sweep(r, nest, add_squares);
    const LoopExpr *variance = mean_of(r, "variance"), *epsilon = loop_const(b, r->dtype, 1, attrs->epsilon);
    const LoopExpr *sum = rounded(r, EXPR_ADD, variance, epsilon);
    const LoopExpr *root = loop_op(b, EXPR_SQRT, r->dtype, sum, NULL, NULL);
    r->deviation = loop_let(b, "factor", rounded(r, EXPR_DIV, loop_const(b, r->dtype, 1, 1), root));
    sweep(r, nest, scale);
}

typedef void LowerOneRow(Row *r, const Nest *nest);

static LowerOneRow *const row_table[OP_COUNT] = {
    [OP_softmax] = softmax_row,
    [OP_layer_norm] = layer_norm_row,
};

void lower_row(Lowering *lowering)
{
    const Node *anchor = lowering->group.anchor;
    Value result = value_of((Node *)lowering->group.node);
    const Type *type = value_type(result);
    assert(row_table[anchor->op] && value_equal(lowering->group.body->results[0].value, value_of((Node *)anchor)));
    LoopBuilder *b = &lowering->builder;
    Row r = {.lowering = lowering,
             .operand = anchor->inputs[0],
             .result = result,
             .dtype = type->dtype,
             .wide = dtype_wide(type->dtype),
             .axis = type->rank - 1,
             .computed = group_is_inside(&lowering->group, anchor->inputs[0]),
             .size = type->dim[type->rank - 1].high,
             .extent = lower_extent(lowering, &type->dim[type->rank - 1]),
             .buffer = lower_buffer(lowering, result),
             .partials = loop_register(b, "partials", dtype_wide(type->dtype), PARTIALS, MOST_CHAINS)};
    lower_fill_ring(lowering);
    Axes rows = {.count = 0};
    for (int axis = 0; axis < r.axis; axis++) {
        rows.axis[rows.count] = axis;
        rows.extent[rows.count] = lower_extent(lowering, &type->dim[axis]);
        rows.size[rows.count++] = type->dim[axis].high;
    }
    Part part = nest_part(lowering, &rows, 0, 1);
    Nest nest = {.lowering = lowering, .rank = type->rank, .lanes = 1, .active = 1, .vector = r.axis, .part = &part};
    NestLoops loops = nest_open(&nest, &rows, 0);
    row_table[anchor->op](&r, &nest);
    nest_close(&nest, &loops);
    part_close(b, &part);
}
