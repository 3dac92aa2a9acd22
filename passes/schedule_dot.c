/* Contractions of 8-bit integers by dot products: when, how many products at once, and what that costs. */
#include "passes/schedule.h"
#include "passes/variants.h"

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
    p.spreading = direct ? 0 : 2;
    p.spare = !direct ? 2 : other_sign ? 4 : 0;
    return p;
}

int64_t schedule_slack(const Group *group, int64_t products)
{
    Contraction c;
    node_def(group->anchor)->contract(group->anchor, &c);
    int64_t run = c.in_channels * (contraction_has_row_runs(&c, group->anchor) ? c.window.kernel[1] : 1);
    return (products - run % products) % products;
}

static Value root_of(Value value)
{
    while (node_def(value.node)->kind == KIND_VIEW) value = value.node->inputs[0];
    return value;
}

bool schedule_may_have_slack(const Graph *graph, Value value)
{
    Value root = root_of(value);
    for (int i = 0; i < graph->nresults; i++)
        if (value_equal(root_of(graph->results[i].value), root)) return false;
    return root.node->op == OP_group;
}

int64_t schedule_products(const Group *group, const Target *target)
{
    Contraction c;
    if (group->kind != KIND_CONTRACT) return 1;
    const Node *weight = group->anchor->inputs[1].node;
    node_def(group->anchor)->contract(group->anchor, &c);
    bool constant = (weight->op == OP_param || weight->op == OP_constant) && !c.batched_weight;
    bool bytes = is_byte(group->anchor->inputs[0]) && is_byte(group->anchor->inputs[1]);
    if (!constant || !bytes || c.window.groups != 1) return 1;
    return target->has & (FEATURE_DOT8 | FEATURE_DUAL_MAC) ? 4 : 2;
}

bool variant_dot(const Group *group, const PassContext *context, Schedule *out)
{
    int64_t products = schedule_products(group, context->target);
    if (products == 1) return false;
    TileProblem problem = tile_problem_of_dots(group, context->target, products);
    problem.packed = true;
    *out = tile_choose(&problem, context->target);
    out->products = products;
    return true;
}
