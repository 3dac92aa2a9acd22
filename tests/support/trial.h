/* Trying one operator on given tensors, without any text around it. */
#ifndef TESTS_SUPPORT_TRIAL_H
#define TESTS_SUPPORT_TRIAL_H

#include "ir/eval.h"
#include "ir/op.h"

typedef struct Trial {
    Arena *arena;
    Diag diag;
    Graph *graph;
} Trial;

Trial trial_new(void);
void trial_free(Trial *trial);

/* dims and elements; values NULL: all 0. */
Tensor trial_tensor(const Trial *trial, Dtype dtype, int rank, const int64_t *dims, const double *values);
/* Next of a sequence of well-mixed numbers (splitmix64). */
uint64_t trial_next(uint64_t *seed);

/* The operator on inputs of the operands' types; an operand without data is absent.  NULL after an error. */
Node *trial_node(Trial *trial, Op op, const void *attrs, int count, const Tensor *operands);
/* Its first result; fails the test when the operator refuses. */
Tensor trial_eval(Trial *trial, Op op, const void *attrs, int count, const Tensor *operands);
/* Fails unless the operator refuses with one error of this code whose message contains `words`, with a way out. */
void trial_refuse(Op op, const void *attrs, int count, const Type *operands, DiagCode code, const char *words);

/* Fails unless the elements are these: any NaN is a NaN, zeros have their sign. */
void trial_expect(const Tensor *tensor, int64_t count, const double *values);

/* Sugar for literals: DIMS(2, 3), VALUES(1, 2). */
#define DIMS(...)                                                                                                      \
    ((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))), (const int64_t[]) { __VA_ARGS__ }
#define VALUES(...) ((const double[]){__VA_ARGS__})
#define EXPECT(tensor, ...)                                                                                            \
    trial_expect((tensor), (int64_t)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (const double[]){__VA_ARGS__})

#endif
