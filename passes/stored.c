/* What lies between dequantize and quantize and computes nothing - views, reads at computed places, parts side by side
 * - or compares only, moves to the stored numbers: fewer bytes go through memory, and what then meets its own grid
 * again is gone.  All of it leaves the bits as they are. */
#include "passes/stored.h"

#include <math.h>

/* Products and quotients by such a number round once each: a difference of bytes comes back to within a small part of
 * 1, which rint takes away. */
static bool is_moderate(double scale) { return scale > 0x1p-100 && scale < 0x1p100; }

static bool is_same_scale(const Tensor *a, const Tensor *b)
{
    if (!tensor_identical(a, b)) return false;
    for (int64_t i = 0, count = type_elements(&a->type); i < count; i++)
        if (!is_moderate(tensor_real(a, i))) return false;
    return true;
}

/* As QuantizeLinear behind DequantizeLinear in imported models: the same bytes, unless they are clamped. */
bool stored_grid_is_same(const Match *match)
{
    const QuantizeAttrs *to = match->node[0]->attrs;
    const DequantizeAttrs *from = match->node[1]->attrs;
    Dtype dtype = value_type(match->bound[0])->dtype;
    bool all = to->low <= (dtype == I8 ? -128 : 0) && to->high >= (dtype == I8 ? 127 : 255);
    return (Dtype)to->to == dtype && to->zero == from->zero && all &&
           is_same_scale(constant_elements(match->bound[1]), constant_elements(match->bound[2]));
}

/* ---- dequantize, later ---- */

/* The same numbers on the same grid.  In order, too, as the scale is above 0 and finite. */
static bool is_on_one_grid(const Match *match)
{
    const Tensor *scale = constant_elements(match->node[1]->inputs[1]);
    Dtype dtype = value_type(match->bound[0])->dtype;
    bool order = tensor_real(scale, 0) > 0 && tensor_real(scale, 0) < 0x1p100;
    return type_elements(&scale->type) == 1 && order && (dtype == I8 || dtype == U8);
}

/* The node on `first` in place of its first operand. */
static Value made_of(const Maker *m, const Node *node, Value first)
{
    Value inputs[MAX_OPERANDS] = {first};
    for (int i = 1; i < node->ninputs; i++) inputs[i] = node->inputs[i];
    return make(m, node->op, node->attrs, node->ninputs, inputs);
}

static Value dequantize_later(const Maker *m, const Match *match)
{
    Value moved = made_of(m, match->root, match->bound[0]);
    return moved.node ? made_of(m, match->node[1], moved) : moved;
}

/* ---- quantize, first ---- */

static bool is_alone_on_one_grid(const Match *match)
{
    return type_elements(value_type(match->root->inputs[1])) == 1 &&
           uses_only_user(match->uses, value_of(match->node[1])) == match->root;
}

static bool repeats_on_one_grid(const Match *match)
{
    return is_alone_on_one_grid(match) &&
           type_elements(&match->root->types[0]) >= type_elements(value_type(match->bound[0]));
}

static Value quantize_first(const Maker *m, const Match *match)
{
    Value stored = made_of(m, match->root, match->bound[0]);
    return stored.node ? made_of(m, match->node[1], stored) : stored;
}

/* Each part goes to the grid by itself, in the group that makes it. */
static Value quantize_parts(const Maker *m, const Match *match)
{
    const Node *whole = match->node[1];
    Value parts[MAX_OPERANDS];
    for (int i = 0; i < whole->ninputs; i++) {
        parts[i] = made_of(m, match->root, whole->inputs[i]);
        if (!parts[i].node) return parts[i];
    }
    return make(m, whole->op, whole->attrs, whole->ninputs, parts);
}

#define DEQUANTIZED MATCH(dequantize, X, KNOWN(1))
#define LATER(name, pattern)                                                                                           \
    {                                                                                                                  \
#name "-dequantize", EXACT, pattern, NULL, dequantize_later, is_on_one_grid                                    \
    }
#define FIRST(name, pattern, scale, build, applies)                                                                    \
    {                                                                                                                  \
        "quantize-" #name, EXACT, MATCH(quantize, pattern, KNOWN(scale)), NULL, build, applies                         \
    }
#define V(i) (&(const Pattern){.kind = PATTERN_VALUE, .index = (i)})

static const Rule rows[] = {
    {"quantize-own-grid", EXACT, MATCH(quantize, DEQUANTIZED, KNOWN(2)), X, NULL, stored_grid_is_same},
    LATER(reshape, MATCH(reshape, DEQUANTIZED)),
    LATER(transpose, MATCH(transpose, DEQUANTIZED)),
    LATER(slice, MATCH(slice, DEQUANTIZED)),
    LATER(max_pool, MATCH(max_pool, DEQUANTIZED)),
    LATER(take, MATCH(take, DEQUANTIZED, Z)),
    LATER(take - two, MATCH(take, DEQUANTIZED, Z, V(3))),
    FIRST(reshape, MATCH(reshape, X), 1, quantize_first, is_alone_on_one_grid),
    FIRST(transpose, MATCH(transpose, X), 1, quantize_first, is_alone_on_one_grid),
    FIRST(broadcast, MATCH(broadcast, X), 1, quantize_first, is_alone_on_one_grid),
    FIRST(take, MATCH(take, X, Y), 2, quantize_first, repeats_on_one_grid),
    FIRST(take - two, MATCH(take, X, Y, Z), 3, quantize_first, repeats_on_one_grid),
    FIRST(concat - two, MATCH(concat, X, Y), 2, quantize_parts, is_alone_on_one_grid),
    FIRST(concat - three, MATCH(concat, X, Y, Z), 3, quantize_parts, is_alone_on_one_grid),
    FIRST(concat - four, MATCH(concat, X, Y, Z, V(3)), 4, quantize_parts, is_alone_on_one_grid),
};
const RuleSet stored_rules = {rows, (int)(sizeof rows / sizeof *rows)};
