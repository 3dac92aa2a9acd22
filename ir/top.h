/* The first k of an order along an axis: what pass and back end must agree on. */
#ifndef IR_TOP_H
#define IR_TOP_H

#include "ir/op.h"

enum { TOP_DIGIT_BITS = 8, TOP_DIGITS = 1 << TOP_DIGIT_BITS };

typedef struct TopAttrs {
    int64_t k, axis;
    bool largest;
} TopAttrs;

/* Of a top_indices node: lines of `size` elements, `inner` apart. */
typedef struct Top {
    int64_t outer, size, inner, k; /* of bounded dims at their bounds */
    int axis;
    Dtype key;  /* i32 or i64: integers that are ordered as the elements */
    bool whole; /* a key may be the least that there is, as that of integers of its own width */
    bool largest;
    int digits; /* of a key, for sorting */
    /* in scratch, by bytes: two arrays of keys and of indices each, and how often each digit comes */
    int64_t keys[2], indices[2], counts, scratch;
} Top;

Top top_of(const Node *node);
/* Of the element of dtype `from` that is argument 0 of the expression. */
int top_key(Expr *e, const Top *top, Dtype from);

#endif
