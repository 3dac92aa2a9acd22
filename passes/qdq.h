/* Parts of the pass `qdq`. */
#ifndef PASSES_QDQ_H
#define PASSES_QDQ_H

#include "passes/shown.h"

/* Sums and averages of stored numbers (qdq_mean.c): replaces the node where it is one; false after an error only. */
bool qdq_mean(Node *node, Diag *diag);

bool qdq_is_padded(const Pad *pad);
/* A kernel of ones, i8. */
Value qdq_ones(const Maker *m, const int64_t dims[4]);
/* Puts the value in the node's place, with its name; false when it has no node. */
bool qdq_replace(Node *node, Value value);

#endif
