#include "passes/fuse_cost.h"

enum { MOST_OPERANDS = 8 };

static int operation_cost(ExprKind kind)
{
    if (kind == EXPR_ARG || kind == EXPR_CONST) return 0;
    return kind == EXPR_DIV || kind == EXPR_SQRT ? DIVISION_COST : 1;
}

int fuse_map_cost(const Node *node)
{
    int args[MOST_OPERANDS], cost = 0;
    Arena *scratch = arena_child(node->graph->arena);
    Expr *e = expr_new(scratch);
    for (int i = 0; i < node->ninputs && i < MOST_OPERANDS; i++)
        args[i] = expr_arg(e, i, value_type(node->inputs[i])->dtype);
    node_def(node)->map(node, e, args);
    for (size_t i = 0; i < e->count; i++) cost += operation_cost(e->ops[i].kind);
    arena_free(scratch);
    return cost;
}
