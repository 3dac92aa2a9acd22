/* Contractions of 8-bit integers by dot products: when, how many products at once, and what that costs. */
#include "passes/schedule.h"
#include "passes/variants.h"

enum { VECTOR_PRODUCTS = 16 };

static bool is_byte(Value value)
{
    Dtype dtype = value_type(value)->dtype;
    return dtype == U8 || dtype == I8;
}

TileProblem tile_problem_of_dots(const Group *group, const Target *target, int64_t products)
{
    Contraction c;
    TileProblem p = tile_problem(group);
    node_def(group->anchor)->contract(group->anchor, &c);
    bool direct = (target->has & (FEATURE_DOT8 | FEATURE_DUAL_MAC)) && products == 4;
    bool other_sign = (value_type(group->anchor->inputs[0])->dtype == I8) == target->arch->dots_unsigned;
    int64_t runs = p.reduction / p.run;
    p.run = (p.run + products - 1) / products;
    p.reduction = runs * p.run;
    p.step_bytes = products;
    /* one instruction for the signs that the target has, a second one that takes an offset away for others; else pairs
     * are widened, multiplied and added */
    p.instructions = direct && !other_sign ? 1 : 2;
    p.spreading = direct || target->arch->id == ARCH_AARCH64 ? 0 : 2; /* there a load spreads two bytes */
    p.spare = !direct ? 2 : other_sign ? 4 : 0;
    tile_problem_on(&p, target);
    if (target->has & FEATURE_DUAL_MAC &&
        direct) { /* four bytes are two words of two, multiplied by two instructions */
        p.instructions = p.spreading = p.widening = 2;
    }
    return p;
}

int64_t schedule_slack(const Group *group, int64_t products)
{
    Contraction c;
    node_def(group->anchor)->contract(group->anchor, &c);
    int64_t run = c.in_channels * (contraction_has_row_runs(&c, group->anchor) ? c.window.kernel[1] : 1);
    return (products - run % products) % products;
}

bool schedule_may_have_slack(const Graph *graph, Value value)
{
    Value root = value_root(value);
    graph = root.node->graph; /* a scan may stand between */
    for (int i = 0; i < graph->nresults; i++)
        if (value_equal(value_root(graph->results[i].value), root)) return false;
    return root.node->op == OP_group;
}

int64_t schedule_products(const Group *group, const Target *target)
{
    Contraction c;
    if (group->kind != KIND_CONTRACT) return 1;
    const Node *weight = group->anchor->inputs[1].node;
    node_def(group->anchor)->contract(group->anchor, &c);
    bool constant = (weight->op == OP_param || weight->op == OP_constant) && !c.batched_weight;
    bool matrix = value_type(group->anchor->inputs[1])->rank >= 2; /* no packing is of vectors */
    bool bytes = is_byte(group->anchor->inputs[0]) && is_byte(group->anchor->inputs[1]);
    if (!constant || !matrix || !bytes || c.window.groups != 1) return 1;
    bool alike = value_type(group->anchor->inputs[0])->dtype == value_type(group->anchor->inputs[1])->dtype;
    if (target->has & FEATURE_VECTOR_SUM) return alike ? VECTOR_PRODUCTS : 1;
    return target->has & (FEATURE_DOT8 | FEATURE_DUAL_MAC) ? 4 : target->has & FEATURE_PAIRS ? 2 : 1;
}

/* ---- sixteen products to one sum ---- */

/* Cycles of a tile of pixels x outputs: loads and products, to which each sum starts and ends as it does. */
static double vector_tile_cycles(const TileProblem *p, const Schedule *s)
{
    int64_t pixels = s->tile_rows * s->tile_columns, outputs = s->tile_vectors * s->lanes;
    int64_t stored = pixels / (p->pool_height * p->pool_width) * s->tile_vectors;
    static const double start = 8, store = 14,
                        join = 2; /* once; each vector that is stored; what makes one of scalars */
    double step = (double)(pixels + outputs + pixels * outputs);
    double loops = (double)(p->reduction / s->unroll) * 2 + (double)(p->reduction / p->run) * 2;
    double joins = s->lanes > 1 ? join * (double)(pixels * s->tile_vectors) : 0;
    return start + (double)(pixels * outputs) + step * (double)p->reduction + loops + joins + store * (double)stored;
}

/* Steps whose weights one address reaches. */
static int64_t steps_together(const TileProblem *p, int64_t outputs)
{
    enum { REACH = 128 };
    int64_t unroll = REACH / (outputs * VECTOR_PRODUCTS) < 4 ? REACH / (outputs * VECTOR_PRODUCTS) : 4;
    while (p->run % unroll) unroll--;
    return unroll;
}

/* Sums live in general registers, every other one of which can hold one; vectors of weights and inputs only pass
 * through theirs. */
static Schedule choose_vector_tile(const TileProblem *p, const Target *target)
{
    enum { SUMS = 4 };
    Schedule best = {.lanes = 0}, s = {.products = VECTOR_PRODUCTS};
    for (s.lanes = target->vector_bytes / 4; s.lanes >= 1; s.lanes /= 4)
        for (s.tile_vectors = 1; s.tile_vectors <= SUMS; s.tile_vectors *= 2)
            for (s.tile_columns = p->pool_width; s.tile_columns <= p->width; s.tile_columns += p->pool_width) {
                s.tile_rows = p->pool_height;
                s.panel = s.lanes * s.tile_vectors;
                if (s.tile_rows * s.tile_columns * s.panel > SUMS) break;
                s.unroll = steps_together(p, s.panel);
                int64_t tiles =
                    p->images * (p->height / s.tile_rows) * ((p->width + s.tile_columns - 1) / s.tile_columns);
                int64_t blocks = (p->channels + s.panel - 1) / s.panel;
                s.cost = vector_tile_cycles(p, &s) * (double)(tiles * blocks);
                if (!best.lanes || s.cost < best.cost) best = s;
            }
    return best;
}

bool variant_dot(const Group *group, const PassContext *context, Schedule *out)
{
    int64_t products = schedule_products(group, context->target);
    if (products == 1) return false;
    TileProblem problem = tile_problem_of_dots(group, context->target, products);
    problem.packed = true;
    if (products == VECTOR_PRODUCTS) {
        *out = choose_vector_tile(&problem, context->target);
        return out->lanes > 0;
    }
    *out = tile_choose(&problem, context->target);
    out->products = products;
    return true;
}
