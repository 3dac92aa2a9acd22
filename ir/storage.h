/* Storage dtypes: floats of 8 and 4 bits and integers of 4 and 2, which are kept, moved, chosen and cast but never
 * computed with.  Each element has a byte of its own; only files pack them.
 *
 * float8 as in "FP8 Formats for Deep Learning" (arXiv 2209.05433) and, with one zero and one NaN (fnuz), arXiv
 * 2206.02915; f4e2m1 and f8e8m0 as in the OCP Microscaling Formats (MX) Specification v1.0. */
#ifndef IR_STORAGE_H
#define IR_STORAGE_H

#include "ir/expr.h"

/* The value of an element; exact, for every double holds it. */
Scalar storage_get(Dtype dtype, uint8_t bits);
/* The element nearest to a value, as a cast makes it: floats to nearest even (f8e8m0: up), what is too large the
 * largest, integers their low bits. */
uint8_t storage_set(Dtype dtype, Scalar value);

/* As f32, or an integer of 8 bits. */
int expr_from_storage(Expr *e, int a);
/* From any dtype that is none. */
int expr_to_storage(Expr *e, Dtype to, int a, CastRule rule);

#endif
