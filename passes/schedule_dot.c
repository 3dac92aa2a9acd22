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
    bool direct = (target->has & FEATURE_DOT8) && products == 4;
    bool is_signed = value_type(group->anchor->inputs[0])->dtype == I8;
    int64_t runs = p.reduction / p.run;
    p.run = (p.run + products - 1) / products;
    p.reduction = runs * p.run;
    p.step_bytes = products;
    /* one instruction for u8 by i8, a second one that takes the offset of i8 away; else pairs are widened, multiplied
     * and added */
    p.instructions = direct && !is_signed ? 1 : 2;
    p.spreading = direct ? 0 : 2;
    p.spare = direct && !is_signed ? 0 : 2;
    return p;
}

bool variant_dot(const Group *group, const PassContext *context, Schedule *out)
{
    Contraction c;
    if (group->kind != KIND_CONTRACT) return false;
    const Node *weight = group->anchor->inputs[1].node;
    node_def(group->anchor)->contract(group->anchor, &c);
    bool constant = (weight->op == OP_param || weight->op == OP_constant) && !c.batched_weight;
    bool bytes = is_byte(group->anchor->inputs[0]) && is_byte(group->anchor->inputs[1]);
    if (!constant || !bytes || c.window.groups != 1) return false;
    int64_t products = context->target->has & FEATURE_DOT8 ? 4 : 2;
    TileProblem problem = tile_problem_of_dots(group, context->target, products);
    problem.packed = true;
    *out = tile_choose(&problem, context->target);
    out->products = products;
    return true;
}
