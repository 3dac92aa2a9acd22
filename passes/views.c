/* Views that cancel or change nothing, and reshapes moved to where they are no
 * more than another name for the same memory. */
#include "ir/op.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

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

/* ---- stored numbers and real ones ---- */

/* The same numbers on the same grid: fewer bytes are moved.  In order, too, as the scale is above 0 and finite. */
static bool is_on_one_grid(const Match *match)
{
    const Tensor *scale = constant_elements(match->bound[1]);
    Dtype dtype = value_type(match->bound[0])->dtype;
    bool order = tensor_real(scale, 0) > 0 && tensor_real(scale, 0) < 0x1p100;
    return type_elements(&scale->type) == 1 && order && (dtype == I8 || dtype == U8);
}

static Value dequantize_later(const Maker *m, const Match *match)
{
    Value moved = make(m, match->root->op, match->root->attrs, 1, &match->bound[0]);
    if (!moved.node) return moved;
    return make(m, OP_dequantize, match->node[1]->attrs, 2, (Value[]){moved, match->bound[1]});
}

static bool is_alone_on_one_grid(const Match *match)
{
    return type_elements(value_type(match->bound[1])) == 1 && is_alone(match);
}

static Value quantize_first(const Maker *m, const Match *match)
{
    Value stored = make(m, OP_quantize, match->root->attrs, 2, match->bound);
    if (!stored.node) return stored;
    return make(m, match->node[1]->op, match->node[1]->attrs, 1, &stored);
}

#define ROW(name, from, to, build, applies)                                                                            \
    {                                                                                                                  \
        name, EXACT, from, to, build, applies                                                                          \
    }

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
    {"transpose-ones", EXACT, MATCH(transpose, X), NULL, reshape_to_root, moves_only_ones},
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
    {"transpose-dequantize", EXACT, MATCH(transpose, MATCH(dequantize, X, KNOWN(1))), NULL, dequantize_later,
     is_on_one_grid},
    {"slice-dequantize", EXACT, MATCH(slice, MATCH(dequantize, X, KNOWN(1))), NULL, dequantize_later, is_on_one_grid},
    {"max_pool-dequantize", EXACT, MATCH(max_pool, MATCH(dequantize, X, KNOWN(1))), NULL, dequantize_later,
     is_on_one_grid},
    {"quantize-transpose", EXACT, MATCH(quantize, MATCH(transpose, X), KNOWN(1)), NULL, quantize_first,
     is_alone_on_one_grid},
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
    return rewrite(graph, view_rules, EXACT, diag) >= 0;
}
