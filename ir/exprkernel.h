/* What each operation of ir/expr.def does to a run of elements of one dtype; only ir's interpreter asks. */
#ifndef IR_EXPRKERNEL_H
#define IR_EXPRKERNEL_H

#include "ir/expr.h"

/* out[i] = op(a[i], b[i], c[i]) for i < count; operands that the operation lacks are not read.  Runs may not overlap.
 */
typedef void ExprKernel(void *out, const void *a, const void *b, const void *c, int64_t count);

/* The kernel of an operation on operands of `dtype`; NULL where there is none (fma of integers). */
ExprKernel *expr_kernel(ExprKind kind, Dtype dtype);
ExprKernel *expr_kernel_select(Dtype dtype);
ExprKernel *expr_kernel_cast(Dtype from, Dtype to);

/* One number of any dtype as what rounds correctly from there on: cast of one element. */
void expr_cast_run(Dtype from, Dtype to, const void *in, void *out, int64_t count);

#endif
