/* Types: a sum of tensor, sequence, optional and string.  Tensors have a dtype and a shape of bounded dims; what 8-bit
 * numbers mean is said by the operators that make and read them (ir/ops/quant.c), not by their type. */
#ifndef IR_TYPE_H
#define IR_TYPE_H

#include "ir/arena.h"

#include <stdbool.h>
#include <stdint.h>

enum { MAX_RANK = 8 };

typedef enum Dtype {
#define DTYPE(id, name, bits, width, kind) id,
#include "ir/dtype.def"
    DTYPE_COUNT
} Dtype;

typedef enum DtypeKind { DTYPE_FLOAT, DTYPE_SIGNED, DTYPE_UNSIGNED, DTYPE_BOOLEAN } DtypeKind;

/* A size between `low` and `high`, the same when it is fixed.  A bounded one follows the dim of the graph's table
 * (Graph.dims) that has its name: it is (factor * that + base) / divisor, rounded down; with factor 0, that dim itself.
 * What is allocated is planned for `high`, loops run for the size that the dim has when the code is called. */
typedef struct Dim {
    int64_t low, high;
    const char *name;
    int64_t factor, base, divisor;
    bool computed; /* in the graph's table: a node of it says how much it is, not the caller */
} Dim;

typedef enum TypeKind { TYPE_TENSOR, TYPE_SEQUENCE, TYPE_OPTIONAL, TYPE_STRING } TypeKind;

typedef struct Type Type;
struct Type {
    TypeKind kind;
    Dtype dtype;
    int rank;
    Dim dim[MAX_RANK];
    const Type *element; /* sequence and optional */
    int64_t bound;       /* longest sequence or string */
};

const char *dtype_name(Dtype dtype);
Dtype dtype_find(const char *name); /* DTYPE_COUNT when there is none */
int dtype_bits(Dtype dtype);        /* of one element in memory: 8 or more */
int dtype_width(Dtype dtype);       /* of its value: 4 of an i4, 1 of a bool */
DtypeKind dtype_kind(Dtype dtype);
bool dtype_is_float(Dtype dtype);
/* Floats of 8 and 4 bits, integers of 4 and 2: kept, moved, chosen and cast, never computed with. */
bool dtype_is_storage(Dtype dtype);
/* Expressions have arithmetic for it; 16-bit floats are computed in f32. */
bool dtype_is_computed(Dtype dtype);
/* What sums of this dtype are computed in: f32 for 16-bit floats, which round once at the end. */
Dtype dtype_wide(Dtype dtype);
/* Bytes of `count` elements in memory. */
int64_t dtype_bytes(Dtype dtype, int64_t count);

Dim dim_fixed(int64_t size);
bool dim_is_fixed(const Dim *dim);
/* The same size whatever the declared dims are. */
bool dim_equal(const Dim *a, const Dim *b);
/* The size while the dim that it follows is `size`; a fixed one's own. */
int64_t dim_at(const Dim *dim, int64_t size);
/* (factor * declared + base) / divisor in lowest terms, with its bounds; factor 0 makes it fixed. */
Dim dim_form(const Dim *declared, int64_t factor, int64_t base, int64_t divisor);
/* 4, N, 2*N - 1, (N + 1)/2: as types print it, and the front end reads it. */
const char *dim_text(Arena *arena, const Dim *dim);

Type type_tensor(Dtype dtype, int rank, const int64_t *dims);
Type type_scalar(Dtype dtype);
/* Elements at the upper bound of each dim; checked when the type was made, so it cannot overflow. */
int64_t type_elements(const Type *type);
int64_t type_bytes(const Type *type);
bool type_equal(const Type *a, const Type *b);
bool type_same_shape(const Type *a, const Type *b);
bool type_is_fixed(const Type *type);
/* False when a dim is negative, or the elements would not fit 2^40 bytes: those of the dims that are not 0, so that
 * products of any dims of a type, its strides among them, do not overflow. */
bool type_is_sane(const Type *type);
/* A dim is 0, whatever the sizes of bounded ones are: there are no elements, and nothing is computed of them. */
bool type_is_empty(const Type *type);
/* f32[1, 28, 28, 1]; a bounded dim as dim_text has it. */
const char *type_text(Arena *arena, const Type *type);

#endif
