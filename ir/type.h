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

/* A dim between `low` and `high`, the same when it is fixed; a bounded one has the name it was declared with. */
typedef struct Dim {
    int64_t low, high;
    const char *name;
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
bool dim_equal(const Dim *a, const Dim *b);

Type type_tensor(Dtype dtype, int rank, const int64_t *dims);
Type type_scalar(Dtype dtype);
/* Elements at the upper bound of each dim; checked when the type was made, so it cannot overflow. */
int64_t type_elements(const Type *type);
int64_t type_bytes(const Type *type);
bool type_equal(const Type *a, const Type *b);
bool type_same_shape(const Type *a, const Type *b);
/* False when the elements of the tensor would not fit 2^40 bytes or a dim is not positive. */
bool type_is_sane(const Type *type);
/* f32[1, 28, 28, 1]; a bounded dim by its name. */
const char *type_text(Arena *arena, const Type *type);

#endif
