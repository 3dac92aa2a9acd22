/* What the files of elementary functions share: their numbers in each float format, and short names for operations.
 * Only ir's own expressions ask. */
#ifndef IR_EXPRMATH_H
#define IR_EXPRMATH_H

#include "ir/expr.h"

enum { MAX_TERMS = 24 };

/* c[0] + c[1] x + ...; of what each is, see where it is used. */
typedef struct Polynomial {
    int count;
    double c[MAX_TERMS];
} Polynomial;

typedef struct Format {
    Dtype dtype, bits;  /* the float and the integer of its width */
    int fraction, bias; /* bits of the fraction, of the exponent's zero */
    double magic;       /* 1.5 * 2^fraction: x + magic has round(x) in its low bits */
    double ln2_high, ln2_low;
    double exp_low, exp_high; /* beyond these exp is 0 and infinity */
    double least_normal;
    int64_t two_thirds; /* bits of 2/3 */
    double tanh_small, erf_small, erf_large, erf_center;
    Polynomial exp, log, tanh, erf, erfc;
    double half_pi[3];           /* pi/2 as a sum, each part exact */
    double third[2];             /* 1/3 as a sum */
    double exp_least, log_large; /* below it expm1 is -1; beyond it log(x + 1) is log(x) */
    Polynomial sin, cos, atan, asin, sinh, atanh;
} Format;

/* Of the dtype of x, which is F32 or F64. */
const Format *math_format(const Expr *e, int x);

static inline int math_real(Expr *e, const Format *f, double value) { return expr_real(e, f->dtype, value); }
static inline int math_whole(Expr *e, const Format *f, int64_t value) { return expr_integer(e, f->bits, value); }
static inline int math_add(Expr *e, int a, int b) { return expr_binary(e, EXPR_ADD, a, b); }
static inline int math_sub(Expr *e, int a, int b) { return expr_binary(e, EXPR_SUB, a, b); }
static inline int math_mul(Expr *e, int a, int b) { return expr_binary(e, EXPR_MUL, a, b); }
static inline int math_div(Expr *e, int a, int b) { return expr_binary(e, EXPR_DIV, a, b); }
static inline int math_less(Expr *e, int a, int b) { return expr_binary(e, EXPR_LT, a, b); }
static inline int math_neg(Expr *e, int a) { return expr_unary(e, EXPR_NEG, a); }

int math_horner(Expr *e, const Format *f, const Polynomial *p, int x);
/* The magnitude with the sign of x, zeros' too. */
int math_with_sign(Expr *e, const Format *f, int magnitude, int x);
/* exp(x + low) / 2^down, down 0 or 1: what overflows only once it is doubled is there. */
int math_exp(Expr *e, const Format *f, int x, int low, int down);

#endif
