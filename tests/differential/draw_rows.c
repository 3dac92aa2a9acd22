/* Reductions of the same rows one behind the other, with element-wise work between: what norms and softmaxes are made
 * of, and what fusion makes one nest of. */
#include "tests/differential/draw.h"

typedef struct RowDrawer {
    Drawer *d;
    IntList axes;
    bool keep;
} RowDrawer;

/* The step's index, -1 when it does not fit. */
static int add(Drawer *d, Op op, int ninputs, const int *inputs, void *attrs)
{
    Step step = {.op = op, .ninputs = ninputs, .attrs = attrs};
    for (int i = 0; i < ninputs; i++) step.inputs[i] = inputs[i];
    if (!attrs) {
        step.attrs = arena_alloc(d->program->arena, op_table[op]->attrs.size + 1);
        attr_set_defaults(&op_table[op]->attrs, step.attrs);
    }
    if (d->program->count > MOST_STEPS - 4) return -1;
    return draw_add(d, &step) ? d->program->count - 1 : -1;
}

static int draw_unary(Drawer *d, int from)
{
    static const Op ops[] = {OP_abs, OP_neg, OP_relu, OP_exp, OP_tanh, OP_sqrt, OP_floor};
    return add(d, RANDOM_OF(&d->random, ops), 1, &from, NULL);
}

static int draw_binary(Drawer *d, int a, int b)
{
    static const Op ops[] = {OP_sub, OP_sub, OP_mul, OP_div, OP_add, OP_maximum};
    bool swapped = random_percent(&d->random, 25);
    const int inputs[] = {swapped ? b : a, swapped ? a : b};
    return add(d, RANDOM_OF(&d->random, ops), 2, inputs, NULL);
}

static int draw_reduction(const RowDrawer *r, int from)
{
    static const Op ops[] = {OP_reduce_sum, OP_reduce_sum, OP_reduce_mean, OP_reduce_max, OP_reduce_min};
    Op op = RANDOM_OF(&r->d->random, ops);
    ReduceAttrs *attrs = arena_alloc(r->d->program->arena, op_table[op]->attrs.size + 1);
    attr_set_defaults(&op_table[op]->attrs, attrs);
    attrs->axes = r->axes;
    attrs->keep = r->keep;
    return add(r->d, op, 1, &from, attrs);
}

/* Some neighbouring axes, mostly the last ones. */
static IntList draw_axes(Random *r, int rank)
{
    IntList axes = {0};
    int first = random_below(r, rank), last = random_percent(r, 60) ? rank - 1 : random_below(r, rank);
    if (first > last) first = last;
    if (random_percent(r, 50)) first = last;
    for (int axis = first; axis <= last && axes.count < MAX_INTS; axis++) axes.at[axes.count++] = axis;
    return axes;
}

/* Elements after one sweep: what they were, and a number of the row, or another number of them as well. */
static int draw_sweep(const RowDrawer *r, int elements)
{
    Drawer *d = r->d;
    int made = elements, row;
    if (random_percent(&d->random, 40)) made = draw_unary(d, made);
    if (made >= 0 && random_percent(&d->random, 30)) made = draw_binary(d, made, elements);
    row = made < 0 ? -1 : draw_reduction(r, made);
    if (row >= 0 && random_percent(&d->random, 30)) {
        int other = draw_reduction(r, elements);
        row = other < 0 ? -1 : draw_binary(d, row, other);
    }
    if (row >= 0 && random_percent(&d->random, 40)) row = draw_unary(d, row);
    if (row < 0 || (!r->keep && random_percent(&d->random, 70))) return row;
    return draw_binary(d, random_percent(&d->random, 50) ? made : elements, row);
}

bool draw_rows(Drawer *d)
{
    int before = d->program->count, at = draw_value(d);
    const Type *type = draw_type_of(d, at);
    if (!type->rank || !dtype_is_float(type->dtype) || before > MOST_STEPS - 20) return false;
    RowDrawer r = {.d = d, .axes = draw_axes(&d->random, type->rank), .keep = random_percent(&d->random, 80)};
    int64_t sweeps = random_between(&d->random, 1, 3);
    for (; sweeps > 0 && at >= 0 && draw_type_of(d, at)->rank == type->rank; sweeps--) at = draw_sweep(&r, at);
    return d->program->count > before;
}
