#include "ir/op.h"

#include <math.h>

ExprKind combiner_expr(Combiner combiner)
{
    static const ExprKind kinds[] = {
        [COMBINE_SUM] = EXPR_ADD, [COMBINE_MAX] = EXPR_MAX, [COMBINE_MIN] = EXPR_MIN, [COMBINE_PRODUCT] = EXPR_MUL};
    return kinds[combiner];
}

/* The least or greatest integer of a dtype, as int64_t. */
static int64_t integer_limit(Dtype dtype, bool least)
{
    int bits = dtype_bits(dtype);
    if (dtype == BOOL) return !least;
    if (dtype_kind(dtype) == DTYPE_UNSIGNED) return least ? 0 : (int64_t)(UINT64_MAX >> (64 - bits));
    int64_t greatest = (int64_t)(UINT64_MAX >> (65 - bits));
    return least ? -greatest - 1 : greatest;
}

Scalar combiner_identity(Combiner combiner, Dtype dtype)
{
    bool least = combiner == COMBINE_MAX;
    switch (combiner) {
    case COMBINE_SUM: return (Scalar){0, 0};
    case COMBINE_PRODUCT: return (Scalar){1, 1};
    case COMBINE_MAX:
    case COMBINE_MIN: break;
    }
    if (dtype_is_float(dtype)) return (Scalar){.real = least ? -INFINITY : INFINITY};
    return (Scalar){.integer = integer_limit(dtype, least)};
}

Combiner node_combiner(const Node *node)
{
    const OpDef *def = node_def(node);
    Reduction reduction;
    Prefix prefix;
    Pooling pooling;
    if (def->kind == KIND_REDUCE) {
        def->reduce(node, &reduction);
        return reduction.combiner;
    }
    if (def->kind == KIND_PREFIX) {
        def->prefix(node, &prefix);
        return prefix.combiner;
    }
    def->pool(node, &pooling);
    return pooling.combiner;
}
