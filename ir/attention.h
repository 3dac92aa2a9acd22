/* Attention with a running softmax: what `eval` and the back end share. */
#ifndef IR_ATTENTION_H
#define IR_ATTENTION_H

#include "ir/op.h"

/* Keys that are taken together: after each so many the running sums are scaled to the greatest score so far. */
enum { ATTENTION_BLOCK = 64 };

enum { ATTENTION_Q, ATTENTION_K, ATTENTION_V, ATTENTION_MASK };

/* Sizes of one node; strides are those of dense row-major operands. */
typedef struct Attention {
    int64_t batch, heads, queries, keys;
    int64_t depth, width; /* of one head: elements of a query or key, and of a value */
    double scale;
    bool causal, masked;
} Attention;

Attention attention_of(const Node *node);

/* The score of argument 0, a sum of products: times the scale, plus the mask in argument 1 when there is one. */
void attention_score_expr(Expr *e, Dtype dtype, const Attention *attention);
/* exp(argument 0 - argument 1) */
void attention_weight_expr(Expr *e, Dtype dtype);
/* What the greatest score so far starts as: the lowest number, so that a mask of -infinity gives a weight of 0. */
double attention_lowest(Dtype dtype);

#endif
