/* A type and its elements, dense and row-major, in host byte order. */
#ifndef IR_TENSOR_H
#define IR_TENSOR_H

#include "ir/type.h"

typedef struct Tensor {
    Type type;
    void *data;
} Tensor;

/* One element of any dtype: floats in `real`, the rest (bool as 0 or 1) in `integer`. */
typedef struct Scalar {
    double real;
    int64_t integer;
} Scalar;

Tensor tensor_new(Arena *arena, Type type);
Scalar tensor_get(const Tensor *tensor, int64_t index);
void tensor_set(Tensor *tensor, int64_t index, Scalar value);
/* The value as a double, whatever the dtype. */
double tensor_real(const Tensor *tensor, int64_t index);
/* Rounds to the dtype: floats to nearest even, integers truncate and wrap, bool is value != 0. */
void tensor_set_real(Tensor *tensor, int64_t index, double value);
/* Same type and bits; any NaN equals any NaN. */
bool tensor_same_bits(const Tensor *a, const Tensor *b);
/* Same type and bits, NaN payloads and all: what may be shared. */
bool tensor_identical(const Tensor *a, const Tensor *b);
/* True when all elements are the one that a double `value` gives back bit by bit: what text can say in one number. */
bool tensor_is_splat(const Tensor *tensor, double *value);
/* dims of `from` in the order of `permutation`: out.dim[i] = in.dim[permutation[i]]. */
Tensor tensor_transpose(Arena *arena, const Tensor *from, const int *permutation);
/* Of the first axis the `count` indices that are listed, in that order. */
Tensor tensor_take(Arena *arena, const Tensor *from, int count, const int64_t *indices);

uint16_t f16_from_float(float value);
float f16_to_float(uint16_t bits);
uint16_t bf16_from_float(float value);
float bf16_to_float(uint16_t bits);

#endif
