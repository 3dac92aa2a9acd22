/* Element-wise operators of one expression: their OpDefs in one line each. */
#ifndef IR_OPS_MAP_H
#define IR_OPS_MAP_H

#include "ir/ops/common.h"

/* x and y, which broadcast. */
extern const Operand map_operands[2];

bool infer_map(const Node *node, Accept accept, Type *out, Diag *diag);
bool infer_map_floats(const Node *node, Type *out, Diag *diag);
bool infer_map_numbers(const Node *node, Type *out, Diag *diag);
/* The same, but the result is bool. */
bool infer_test(const Node *node, Accept accept, Type *out, Diag *diag);

/* An operator of one operation of ir/expr.def. */
#define UNARY(id, operation, infer_, text, ...)                                                                        \
    static int compute_##id(Expr *e, const Node *node, const int *a)                                                   \
    {                                                                                                                  \
        (void)node;                                                                                                    \
        return operation(e, a[0]);                                                                                     \
    }                                                                                                                  \
    static void map_##id(const Node *node, Expr *e, const int *args) { map_widened(node, e, args, compute_##id); }     \
    const OpDef op_##id = {.name = #id,                                                                                \
                           .doc = text,                                                                                \
                           .kind = KIND_MAP,                                                                           \
                           .noperands = 1,                                                                             \
                           .operands = map_operands,                                                                   \
                           .infer = infer_,                                                                            \
                           .map = map_##id,                                                                            \
                           __VA_ARGS__}
#define BINARY(id, operation, infer_, text, ...)                                                                       \
    static int compute_##id(Expr *e, const Node *node, const int *a)                                                   \
    {                                                                                                                  \
        (void)node;                                                                                                    \
        return operation(e, a[0], a[1]);                                                                               \
    }                                                                                                                  \
    static void map_##id(const Node *node, Expr *e, const int *args) { map_widened(node, e, args, compute_##id); }     \
    const OpDef op_##id = {.name = #id,                                                                                \
                           .doc = text,                                                                                \
                           .kind = KIND_MAP,                                                                           \
                           .noperands = 2,                                                                             \
                           .operands = map_operands,                                                                   \
                           .infer = infer_,                                                                            \
                           .map = map_##id,                                                                            \
                           __VA_ARGS__}

/* Of a composite's expansion. */
static inline Value map_operand(const Maker *m, int index) { return m->node->inputs[index]; }
static inline Value map_number(const Maker *m, double value)
{
    return make_number(m, value_type(map_operand(m, 0))->dtype, value);
}

#endif
