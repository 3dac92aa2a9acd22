#include "backend/lower/positive.h"

#include "ir/op.h"

#include <math.h>

/* How far back to look: relu is right there or it is not. */
enum { MOST_STEPS = 6, MOST_OPERANDS = 8 };

static bool is_positive(Value value, int steps);

static bool op_is_positive(const ExprOp *op, const bool *known, const bool *args)
{
    bool x = expr_kind_arity(op->kind) > 0 && known[op->in[0]], y = expr_kind_arity(op->kind) > 1 && known[op->in[1]];
    if (!dtype_is_float(op->dtype)) return false;
    switch ((int)op->kind) {
    case EXPR_ARG: return args[op->argument];
    case EXPR_CONST: return op->value.real >= 0 && !signbit(op->value.real);
    case EXPR_ABS: return true;
    case EXPR_MAX: return x || y;
    case EXPR_ADD:
    case EXPR_MUL:
    case EXPR_DIV:
    case EXPR_MIN: return x && y;
    case EXPR_SCALE: return x;
    case EXPR_FMA: return x && y && known[op->in[2]];
    case EXPR_SELECT: return y && known[op->in[2]];
    case EXPR_SQRT:
    case EXPR_CAST: return x;
    default: return false;
    }
}

static bool map_is_positive(const Node *node, int steps)
{
    int operands[MOST_OPERANDS];
    bool args[MOST_OPERANDS];
    if (node->ninputs > MOST_OPERANDS) return false;
    Arena *scratch = arena_child(node->graph->arena);
    Expr *e = expr_new(scratch);
    for (int i = 0; i < node->ninputs; i++) {
        operands[i] = expr_arg(e, i, value_type(node->inputs[i])->dtype);
        args[i] = is_positive(node->inputs[i], steps);
    }
    node_def(node)->map(node, e, operands);
    bool *known = ARENA_ARRAY(scratch, bool, e->count);
    for (size_t i = 0; i < e->count; i++) known[i] = op_is_positive(&e->ops[i], known, args);
    bool positive = known[e->result];
    arena_free(scratch);
    return positive;
}

/* The greatest of such numbers is one of them; padding is less than the window, so that each has any. */
static bool pool_is_positive(const Node *node, int steps)
{
    Pooling pooling;
    node_def(node)->pool(node, &pooling);
    return pooling.combiner == COMBINE_MAX && is_positive(node->inputs[0], steps);
}

static bool is_positive(Value value, int steps)
{
    const Node *node = value.node;
    Scalar element;
    if (!dtype_is_float(value_type(value)->dtype) || steps == 0) return false;
    if (node_is_splat(node, &element)) return element.real >= 0 && !signbit(element.real);
    switch ((int)node_def(node)->kind) {
    case KIND_GROUP: return is_positive(node->regions[0]->results[value.slot].value, steps);
    case KIND_MAP: return map_is_positive(node, steps - 1);
    case KIND_IOTA: return true;
    case KIND_VIEW: return is_positive(node->inputs[0], steps - 1);
    case KIND_WINDOW: return pool_is_positive(node, steps - 1);
    default: return false;
    }
}

bool value_is_positive(Value value) { return is_positive(value, MOST_STEPS); }
