#include "backend/lower/winograd_line.h"

#include <assert.h>

/* The next slot: factor * slot[from] + slot[plus]. */
typedef struct LineStep {
    int from;
    double factor;
    int plus;
} LineStep;

/* Slots are the elements to transform, then one for each step; the last ones are the result. */
struct LineTransform {
    int inputs, results, nsteps;
    const LineStep *steps;
};

#define TRANSFORM(inputs, results, steps)                                                                              \
    {                                                                                                                  \
        inputs, results, sizeof(steps) / sizeof *(steps), steps                                                        \
    }

/* d0 - d2, d1 + d2, d2 - d1, d1 - d3 */
static const LineStep inputs_of_2[] = {{2, -1, 0}, {1, 1, 2}, {1, -1, 2}, {3, -1, 1}};
/* m1 + m2, m1 - m2; m0 + m1 + m2, m1 - m2 - m3 */
static const LineStep products_of_2[] = {{2, 1, 1}, {2, -1, 1}, {4, 1, 0}, {3, -1, 5}};
/* 6: d4 - 4 d2, d3 - 4 d1, d4 - d2, d3 - d1; 10: d4 - 5 d2, d5 - 5 d3 */
static const LineStep inputs_of_4[] = {{2, -4, 4}, {1, -4, 3}, {2, -1, 4}, {1, -1, 3}, {2, -5, 4}, {3, -5, 5},
                                       {0, 4, 10}, {7, 1, 6},  {7, -1, 6}, {9, 2, 8},  {9, -2, 8}, {1, 4, 11}};
/* 6: m1 + m2, m1 - m2, m3 + m4, m3 - m4; 10: m0 + m1 + m2, m1 - m2 + 8 (m3 - m4) */
static const LineStep products_of_4[] = {{2, 1, 1}, {2, -1, 1}, {4, 1, 3}, {4, -1, 3}, {6, 1, 0},
                                         {9, 8, 7}, {8, 1, 10}, {9, 2, 7}, {8, 4, 6},  {5, 1, 11}};

static const LineTransform transforms[2][2] = {
    {TRANSFORM(4, 4, inputs_of_2), TRANSFORM(4, 2, products_of_2)},
    {TRANSFORM(6, 6, inputs_of_4), TRANSFORM(6, 4, products_of_4)},
};

const LineTransform *line_of_inputs(int64_t outputs) { return &transforms[outputs == 4][0]; }
const LineTransform *line_of_products(int64_t outputs) { return &transforms[outputs == 4][1]; }

static const LoopExpr *line_slot(Line *line, int slot);

/* factor * x + y; either may be zero. */
static const LoopExpr *step_value(LoopBuilder *b, double factor, const LoopExpr *x, const LoopExpr *y)
{
    if (!x) return y;
    if (y && factor == 1) return loop_op(b, EXPR_ADD, x->dtype, y, x, NULL);
    if (y && factor == -1) return loop_op(b, EXPR_SUB, x->dtype, y, x, NULL);
    if (!y && factor == 1) return x;
    if (!y && factor == -1) return loop_op(b, EXPR_NEG, x->dtype, x, NULL, NULL);
    const LoopExpr *times = loop_const(b, x->dtype, x->lanes, factor);
    return y ? loop_op(b, EXPR_FMA, x->dtype, x, times, y) : loop_op(b, EXPR_MUL, x->dtype, x, times, NULL);
}

static const LoopExpr *line_step(Line *line, const LineStep *step)
{
    const LoopExpr *x = line_slot(line, step->from), *y = line_slot(line, step->plus);
    return step_value(line->builder, step->factor, x, y);
}

static const LoopExpr *line_slot(Line *line, int slot)
{
    const LineTransform *t = line->transform;
    if (line->known[slot]) return line->slot[slot];
    bool given = slot < t->inputs;
    const LoopExpr *value = given ? line->load(line, slot) : line_step(line, &t->steps[slot - t->inputs]);
    bool leaf = !value || value->kind == LOOP_LET || value->kind == LOOP_REGISTER;
    line->slot[slot] = leaf ? value : loop_let(line->builder, given ? "d" : "t", value);
    line->known[slot] = true;
    return line->slot[slot];
}

const LoopExpr *line_result(Line *line, int64_t index)
{
    const LineTransform *t = line->transform;
    assert(index >= 0 && index < t->results && t->inputs + t->nsteps <= MAX_SLOTS);
    return line_slot(line, t->inputs + t->nsteps - t->results + (int)index);
}
