/* Views that cancel or change nothing, and reshapes moved to where they are no
 * more than another name for the same memory; of 8-bit networks, views of what is stored. */
#include "ir/op.h"
#include "passes/pass.h"
#include "passes/stored.h"
#include "passes/view_chain.h"

#include <math.h>

/* Every element comes from the same index. */
static bool is_identity(const Match *match)
{
    const Node *node = match->root;
    const Type *from = value_type(node->inputs[0]), *to = &node->types[0];
    IndexMap map;
    if (!type_equal(from, to) || !node_def(node)->view(node, &map)) return false;
    if (map.linear) return true;
    for (int a = 0; a < from->rank; a++) {
        if (map.offset[a]) return false;
        for (int r = 0; r < to->rank; r++)
            if (to->dim[r].high != 1 && map.stride[a][r] != (a == r)) return false;
    }
    return true;
}

/* What the outer view says holds for the inner one's operand. */
static Value outer_only(const Maker *m, const Match *match)
{
    return make(m, match->root->op, match->root->attrs, 1, &match->bound[0]);
}

/* Which axis of the operand becomes axis `axis` of the transpose's result. */
static int axis_from(const Node *transpose, int axis)
{
    IndexMap map;
    int from = 0;
    node_def(transpose)->view(transpose, &map);
    while (map.stride[from][axis] != 1) from++;
    return from;
}

static Value compose_transposes(const Maker *m, const Match *match)
{
    TransposeAttrs both = {.permute = {.count = match->root->types[0].rank}};
    for (int i = 0; i < both.permute.count; i++)
        both.permute.at[i] = axis_from(match->node[1], axis_from(match->root, i));
    return make(m, OP_transpose, &both, 1, &match->bound[0]);
}

/* Only axes of size 1 change their place among the others. */
static bool moves_only_ones(const Match *match)
{
    const Type *from = value_type(match->bound[0]);
    int last = -1;
    for (int i = 0; i < from->rank; i++) {
        int axis = axis_from(match->root, i);
        const Dim *dim = &from->dim[axis];
        if (!dim_is_fixed(dim)) return false; /* a reshape's attribute holds sizes only */
        if (dim->high == 1) continue;
        if (axis < last) return false;
        last = axis;
    }
    return true;
}

static Value reshape_to_root(const Maker *m, const Match *match)
{
    ReshapeAttrs attrs = {.shape = {match->root->types[0].rank, {0}}};
    for (int i = 0; i < attrs.shape.count; i++) attrs.shape.at[i] = match->root->types[0].dim[i].high;
    return make(m, OP_reshape, &attrs, 1, &match->bound[0]);
}

static bool is_alone(const Match *match)
{
    return uses_only_user(match->uses, value_of(match->node[1])) == match->root;
}

/* The map moves up to what makes its operand, which it may then join. */
static Value map_before_reshape(const Maker *m, const Match *match)
{
    Value mapped = make(m, match->root->op, match->root->attrs, 1, &match->bound[0]);
    if (!mapped.node) return mapped;
    return make(m, OP_reshape, match->node[1]->attrs, 1, &mapped);
}

/* ---- reductions ---- */

static const Node *reduction_of(const Match *match) { return match->node[match->nodes - 1]; }

/* Does the reshape only put the reduced axes back, with size 1? */
static bool puts_axes_back(const Match *match)
{
    const Node *reduce = reduction_of(match);
    const Type *from = value_type(reduce->inputs[0]), *to = &match->root->types[0];
    Reduction r;
    for (int i = 1; i < match->nodes; i++)
        if (uses_only_user(match->uses, value_of(match->node[i])) != match->node[i - 1]) return false;
    if (((const ReduceAttrs *)reduce->attrs)->keep || to->rank != from->rank) return false;
    node_def(reduce)->reduce(reduce, &r);
    const Dim one = dim_fixed(1);
    for (int axis = 0; axis < from->rank; axis++)
        if (!dim_equal(&to->dim[axis], r.axis[axis] ? &one : &from->dim[axis])) return false;
    return true;
}

/* Then it may be one nest with what is computed of the same rows. */
static Value keep_axes(const Maker *m, const Match *match)
{
    ReduceAttrs attrs = *(const ReduceAttrs *)reduction_of(match)->attrs;
    attrs.keep = true;
    return make(m, reduction_of(match)->op, &attrs, 1, &match->bound[0]);
}

static bool puts_mean_back(const Match *match)
{
    return type_elements(value_type(match->bound[1])) == 1 && puts_axes_back(match);
}

static Value keep_axes_of_mean(const Maker *m, const Match *match)
{
    ReshapeAttrs scalar = {.shape = {.count = 0}};
    Value sum = keep_axes(m, match), number = make(m, OP_reshape, &scalar, 1, &match->bound[1]);
    return make_binary(m, match->node[1]->op, sum, number);
}

/* ---- padding ---- */

/* What a matched pad fills with, in its own dtype; false when that is no one known number. */
static bool pad_number(const Node *pad, double *out)
{
    *out = 0;
    if (((const PadAttrs *)pad->attrs)->mode != PAD_CONSTANT) return false;
    if (pad->ninputs < 2 || !pad->inputs[1].node) return true;
    const Tensor *value = constant_elements(pad->inputs[1]);
    return value && tensor_is_splat(value, out);
}

static int64_t padded(const IntList *list, int axis) { return axis < list->count ? list->at[axis] : 0; }

/* Zeros around an image, or the number that padding of its 8-bit elements is. */
static bool pads_image(const Match *match)
{
    const Node *pad = match->node[1];
    const PadAttrs *attrs = pad->attrs;
    double number;
    Contraction c;
    node_def(match->root)->contract(match->root, &c);
    const Window *w = &c.window;
    bool inner = w->pad_begin[0] > 0 || w->pad_begin[1] > 0 || w->pad_end[0] > 0 || w->pad_end[1] > 0;
    if (!is_alone(match) || !pad_number(pad, &number) || signbit(number)) return false;
    if (dtype_is_float(pad->types[0].dtype) || inner ? number != (double)c.pad_value : number != floor(number))
        return false;
    for (int axis = 0; axis < 4; axis += 3)
        if (padded(&attrs->begin, axis) || padded(&attrs->end, axis)) return false;
    return true;
}

/* Padding of the convolution's own, which its input's buffer holds. */
static Value pad_inside(const Maker *m, const Match *match)
{
    const PadAttrs *outer = match->node[1]->attrs;
    ConvAttrs attrs = *(const ConvAttrs *)match->root->attrs;
    Contraction c;
    double number = 0;
    node_def(match->root)->contract(match->root, &c);
    pad_number(match->node[1], &number);
    attrs.pad = (Pad){.mode = PAD_EXPLICIT, .sizes = {.count = 4}};
    attrs.pad_value = (int64_t)number;
    for (int i = 0; i < 2; i++) {
        attrs.pad.sizes.at[i] = c.window.pad_begin[i] + padded(&outer->begin, i + 1);
        attrs.pad.sizes.at[i + 2] = c.window.pad_end[i] + padded(&outer->end, i + 1);
    }
    Value inputs[] = {match->bound[0], match->bound[1], match->bound[2]};
    return make(m, OP_conv2d, &attrs, match->root->ninputs, inputs);
}

static bool is_constant_pad(const Match *match)
{
    return is_alone(match) && ((const PadAttrs *)match->node[1]->attrs)->mode == PAD_CONSTANT;
}

/* A transpose moves to what is smaller, and a pad to who may have it inside. */
static Value pad_later(const Maker *m, const Match *match)
{
    const Node *pad = match->node[1];
    const PadAttrs *old = pad->attrs;
    PadAttrs attrs = {.begin = {.count = pad->types[0].rank}, .end = {.count = pad->types[0].rank}};
    if (attrs.begin.count > MAX_INTS) return (Value){NULL, 0};
    for (int i = 0; i < attrs.begin.count; i++) {
        int from = axis_from(match->root, i);
        attrs.begin.at[i] = padded(&old->begin, from);
        attrs.end.at[i] = padded(&old->end, from);
    }
    Value moved = make(m, OP_transpose, match->root->attrs, 1, &match->bound[0]);
    if (!moved.node) return moved;
    Value inputs[] = {moved, pad->ninputs > 1 ? pad->inputs[1] : (Value){NULL, 0}};
    return make(m, OP_pad, &attrs, pad->ninputs, inputs);
}

#define ROW(name, from, to, build, applies)                                                                            \
    {                                                                                                                  \
        name, EXACT, from, to, build, applies                                                                          \
    }

#define AXES_BACK(op) ROW("reshape-" #op, MATCH(reshape, MATCH(op, X)), NULL, keep_axes, puts_axes_back)
#define RESHAPE_LATER(op) ROW(#op "-reshape", MATCH(op, MATCH(reshape, X)), NULL, map_before_reshape, is_alone)

#define BROADCAST_IMPLIED(op)                                                                                          \
    ROW(#op "-broadcast", MATCH(op, MATCH(broadcast, X), Y), MATCH(op, X, Y), NULL, NULL),                             \
        ROW(#op "-broadcast-right", MATCH(op, X, MATCH(broadcast, Y)), MATCH(op, X, Y), NULL, NULL)

static const Rule rows[] = {
    {"reshape-same", EXACT, MATCH(reshape, X), X, NULL, is_identity},
    {"transpose-same", EXACT, MATCH(transpose, X), X, NULL, is_identity},
    {"broadcast-same", EXACT, MATCH(broadcast, X), X, NULL, is_identity},
    {"slice-same", EXACT, MATCH(slice, X), X, NULL, is_identity},
    {"reshape-reshape", EXACT, MATCH(reshape, MATCH(reshape, X)), NULL, outer_only, NULL},
    {"broadcast-broadcast", EXACT, MATCH(broadcast, MATCH(broadcast, X)), NULL, outer_only, NULL},
    {"transpose-transpose", EXACT, MATCH(transpose, MATCH(transpose, X)), NULL, compose_transposes, NULL},
    {"transpose-chain", EXACT, MATCH(transpose, MATCH(reshape, MATCH(transpose, X))), NULL, view_chain_compose,
     view_chain_composes},
    {"transpose-larger", EXACT, MATCH(transpose, MATCH(reshape, MATCH(broadcast, MATCH(reshape, MATCH(transpose, X))))),
     NULL, view_chain_compose, view_chain_composes},
    {"transpose-pad", EXACT, MATCH(transpose, MATCH(pad, X)), NULL, pad_later, is_constant_pad},
    {"transpose-pad-with", EXACT, MATCH(transpose, MATCH(pad, X, Y)), NULL, pad_later, is_constant_pad},
    {"conv2d-pad", EXACT, MATCH(conv2d, MATCH(pad, X), Y), NULL, pad_inside, pads_image},
    {"conv2d-bias-pad", EXACT, MATCH(conv2d, MATCH(pad, X), Y, Z), NULL, pad_inside, pads_image},
    {"conv2d-pad-with", EXACT, MATCH(conv2d, MATCH(pad, X, KNOWN(3)), Y), NULL, pad_inside, pads_image},
    {"conv2d-bias-pad-with", EXACT, MATCH(conv2d, MATCH(pad, X, KNOWN(3)), Y, Z), NULL, pad_inside, pads_image},
    {"transpose-ones", EXACT, MATCH(transpose, X), NULL, reshape_to_root, moves_only_ones},
    AXES_BACK(reduce_sum),
    AXES_BACK(reduce_max),
    AXES_BACK(reduce_min),
    AXES_BACK(reduce_product),
    ROW("reshape-mean", MATCH(reshape, MATCH(div, MATCH(reduce_sum, X), KNOWN(1))), NULL, keep_axes_of_mean,
        puts_mean_back),
    ROW("reshape-fast-mean", MATCH(reshape, EITHER(mul, MATCH(reduce_sum, X), KNOWN(1))), NULL, keep_axes_of_mean,
        puts_mean_back),
    RESHAPE_LATER(cast),
    RESHAPE_LATER(neg),
    RESHAPE_LATER(abs),
    RESHAPE_LATER(sqrt),
    RESHAPE_LATER(floor),
    RESHAPE_LATER(ceil),
    RESHAPE_LATER(round),
    RESHAPE_LATER(exp),
    RESHAPE_LATER(log),
    RESHAPE_LATER(tanh),
    RESHAPE_LATER(sigmoid),
    RESHAPE_LATER(erf),
    RESHAPE_LATER(relu),
    RESHAPE_LATER(clamp),
    RESHAPE_LATER(leaky_relu),
    BROADCAST_IMPLIED(add),
    BROADCAST_IMPLIED(sub),
    BROADCAST_IMPLIED(mul),
    BROADCAST_IMPLIED(div),
    BROADCAST_IMPLIED(minimum),
    BROADCAST_IMPLIED(maximum),
};
const RuleSet view_rules = {rows, (int)(sizeof rows / sizeof *rows)};

bool pass_views(Graph *graph, const PassContext *context, Diag *diag)
{
    (void)context;
    int hits;
    do hits = rewrite(graph, view_rules, EXACT, diag) < 0 ? -1 : rewrite(graph, stored_rules, EXACT, diag);
    while (hits > 0);
    return hits == 0;
}
