/* Scalar expressions: what an element-wise operator computes for one element.
 * The one form that `eval` runs and the back end turns into vector code, so both
 * do the same operations in the same order.
 *
 * An Expr is a straight line of operations in SSA form; an operation refers to
 * earlier ones by index.  Building hash-conses, so equal operations are one. */
#ifndef IR_EXPR_H
#define IR_EXPR_H

#include "ir/tensor.h"

typedef enum ExprKind {
#define EXPR(id, name, arity) EXPR_##id,
#include "ir/expr.def"
    EXPR_KIND_COUNT
} ExprKind;

typedef struct ExprOp {
    ExprKind kind;
    Dtype dtype;  /* of the result */
    int in[3];    /* indices of earlier operations */
    int argument; /* EXPR_ARG: which operand */
    Scalar value; /* EXPR_CONST */
} ExprOp;

typedef struct Expr {
    Arena *arena;
    ExprOp *ops;
    size_t count, capacity;
    int result;
} Expr;

const char *expr_kind_name(ExprKind kind);
int expr_kind_arity(ExprKind kind);

Expr *expr_new(Arena *arena);
int expr_arg(Expr *e, int argument, Dtype dtype);
int expr_real(Expr *e, Dtype dtype, double value);     /* a float constant */
int expr_integer(Expr *e, Dtype dtype, int64_t value); /* an integer or bool constant */
/* A constant of any dtype with the value of `value`, rounded to it. */
int expr_number(Expr *e, Dtype dtype, double value);
/* Integers wrap; an integer divided by zero is 0, shifts count modulo the width.  Comparisons give BOOL, the others the
 * dtype of their first operand. */
int expr_unary(Expr *e, ExprKind kind, int a);
int expr_binary(Expr *e, ExprKind kind, int a, int b);
int expr_fma(Expr *e, int a, int b, int c); /* a * b + c, rounded once */
int expr_select(Expr *e, int condition, int yes, int no);
/* Float to integer truncates and saturates, NaN is 0; integer to integer wraps; to bool is x != 0.  From and to storage
 * dtypes it is integer operations on the bits (ir/exprstorage.c), so that no EXPR_CAST names one: to floats it rounds
 * once to nearest even and saturates, to integers of less than 8 bits wraps what an i32 would be. */
int expr_cast(Expr *e, Dtype to, int a);
/* What a cast to a float of 8 bits does with what is too large for it, and how f8e8m0 rounds. */
typedef enum CastOverflow { CAST_SATURATE, CAST_SPECIAL } CastOverflow;
typedef enum CastRound { CAST_UP, CAST_DOWN, CAST_NEAREST } CastRound;
typedef struct CastRule {
    CastOverflow overflow;
    CastRound round;
} CastRule;
int expr_cast_by(Expr *e, Dtype to, int a, CastRule rule);
int expr_bitcast(Expr *e, Dtype to, int a);

/* Elementary functions as expressions of operations on f32 or f64, whichever x is; ULPs in tests/test_math.c.  All of
 * them are right for every f32 and f64, but for sin, cos and tan of an f64 beyond 2^40, which are NaN. */
int expr_exp(Expr *e, int x);
int expr_log(Expr *e, int x);
int expr_tanh(Expr *e, int x);
int expr_sigmoid(Expr *e, int x);
int expr_erf(Expr *e, int x);
int expr_expm1(Expr *e, int x); /* exp(x) - 1 */
int expr_log1p(Expr *e, int x); /* log(1 + x) */
int expr_sinh(Expr *e, int x);
int expr_cosh(Expr *e, int x);
int expr_asinh(Expr *e, int x);
int expr_acosh(Expr *e, int x);
int expr_atanh(Expr *e, int x);
int expr_sin(Expr *e, int x);
int expr_cos(Expr *e, int x);
int expr_tan(Expr *e, int x);
int expr_asin(Expr *e, int x);
int expr_acos(Expr *e, int x);
int expr_atan(Expr *e, int x);
/* x to the power y, with the special cases of IEEE 754. */
int expr_pow(Expr *e, int x, int y);

/* out[i] = e(args[0][i * steps[0]], args[1][i * steps[1]], ...) for i < count; a step of 0 is one value for all.
 * args and out point at elements of their dtypes. */
void expr_run(const Expr *e, const void *const *args, const int64_t *steps, void *out, int64_t count);

#endif
