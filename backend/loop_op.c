#include "backend/loop.h"

bool loop_op_compares(ExprKind op) { return op == EXPR_EQ || op == EXPR_NE || op == EXPR_LT || op == EXPR_LE; }

bool loop_op_exists(ExprKind op, Dtype dtype)
{
    bool integral = !dtype_is_float(dtype);
    if (loop_op_compares(op)) return dtype_is_computed(dtype);
    switch (op) {
    case EXPR_FMA:
    case EXPR_SCALE:
    case EXPR_SQRT:
    case EXPR_FLOOR:
    case EXPR_CEIL:
    case EXPR_RINT: return dtype == F32 || dtype == F64;
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_XOR: return integral;
    case EXPR_SHL:
    case EXPR_SHR: return integral && dtype != BOOL;
    case EXPR_MIN:
    case EXPR_MAX: return dtype_is_computed(dtype);
    case EXPR_CAST: return !dtype_is_storage(dtype);
    case EXPR_SELECT:
    case EXPR_BITCAST: return true;
    default: return dtype_is_computed(dtype) && dtype != BOOL;
    }
}
