/* A scalar expression of ir on its way into a nest: lane by lane. */
#include "backend/loop.h"

#include <assert.h>

/* What costs nothing to say twice. */
static bool is_leaf(const LoopExpr *e)
{
    bool element = e->kind == LOOP_REGISTER && e->lanes == e->reg->lanes;
    return e->kind == LOOP_CONST || e->kind == LOOP_LET || e->kind == LOOP_LANE || element;
}

/* A scalar expression on its way into a nest. */
typedef struct Vectoriser {
    LoopBuilder *builder;
    const Expr *expr;
    const LoopExpr *const *args;
    const LoopExpr **done;
    int *uses, lanes;
} Vectoriser;

/* From the result down, operands in order: what comes out does not depend on the order in which the operations were
 * made, which C leaves open where two are made by one call's arguments. */
static const LoopExpr *vectorise(Vectoriser *v, int i)
{
    const ExprOp *op = &v->expr->ops[i];
    const LoopExpr *in[3] = {NULL, NULL, NULL}, *value;
    if (v->done[i]) return v->done[i];
    for (int k = 0; k < expr_kind_arity(op->kind); k++) in[k] = vectorise(v, op->in[k]);
    if (op->kind == EXPR_ARG)
        value = v->args[op->argument];
    else if (op->kind == EXPR_CONST)
        value = loop_scalar(v->builder, op->dtype, v->lanes, op->value);
    else
        value = loop_op(v->builder, op->kind, op->dtype, in[0], in[1], in[2]);
    assert(value->lanes == v->lanes);
    if (v->uses[i] > 1 && !is_leaf(value)) value = loop_let(v->builder, op->kind == EXPR_ARG ? "x" : "t", value);
    return v->done[i] = value;
}

const LoopExpr *loop_expr(LoopBuilder *b, const Expr *expr, const LoopExpr *const *args, int lanes)
{
    Vectoriser v = {.builder = b, .expr = expr, .args = args, .lanes = lanes};
    v.done = ARENA_ARRAY(b->arena, const LoopExpr *, expr->count);
    v.uses = ARENA_ARRAY(b->arena, int, expr->count);
    v.uses[expr->result]++;
    for (size_t i = expr->count; i-- > 0;)
        for (int k = 0; v.uses[i] && k < expr_kind_arity(expr->ops[i].kind); k++) v.uses[expr->ops[i].in[k]]++;
    return vectorise(&v, expr->result);
}
