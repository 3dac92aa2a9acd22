/* Sizes that follow from bounded dims.  Files compute shapes while they run - Shape, Gather, Mul, Concat, Reshape -,
 * and with a dim between bounds their numbers are not known, but most are a form of that dim (ir/type.h), which a shape
 * may hold. */
#ifndef FRONTEND_ONNX_SIZES_H
#define FRONTEND_ONNX_SIZES_H

#include "frontend/onnx/call.h"

/* Numbers, each known or a form of one bounded dim. */
typedef struct DimList {
    int count;
    Dim at[MAX_INTS];
} DimList;

bool dims_are_fixed(const DimList *list);
/* Those of a type. */
DimList dims_of(const Type *type);
/* The product of `count` of them; false when it is no form of one dim. */
bool dims_product(OnnxCall *c, int count, const Dim *dims, Dim *out);
/* Those of a matrix: all in front of an axis, and all from it on; of one that is no form -1, what is left. */
DimList onnx_matrix_dims(OnnxCall *c, const Type *type, int axis);
/* As attributes keep them: bounds in `list`, and the dims themselves, NULL when all are fixed. */
const Dim *dims_split(OnnxCall *c, const DimList *dims, IntList *list);

/* The numbers of an operand that says sizes; E0512 when one is neither known nor a form. */
bool onnx_known_dims(OnnxCall *c, int index, const char *name, DimList *out);
/* Of attribute `name` before opset `since`, of operand `index` from then on; none when that is left out. */
bool onnx_dims_either(OnnxCall *c, const char *name, int64_t since, int index, DimList *out);

/* Whether some of them follows from a bounded dim: without a word when not. */
bool onnx_follows_dims(OnnxCall *c, int index);
/* How many steps there are from `first` to below `limit`; false when that is no form of one dim. */
bool dims_steps(OnnxCall *c, const Dim *first, const Dim *limit, int64_t step, Dim *out);

/* The elements of a type as one number, i64[], that of the call where dims are bounded; likewise its dims as a vector.
 */
Value onnx_make_extent(OnnxCall *c, const DimList *factors);
Value onnx_make_dims(OnnxCall *c, const DimList *dims);
/* Of shape and values of `a`, in the shape `dims`, of which one may be -1, what is left. */
Value onnx_reshape_dims(OnnxCall *c, Value a, const DimList *dims);
Value onnx_broadcast_dims(OnnxCall *c, Value a, const DimList *dims);

#endif
