/* What the importer of an operator sees: one node of the model, its operands and attributes by name, and a way to say
 * what it becomes.  A row in frontend/onnx/ops.def names its function. */
#ifndef FRONTEND_ONNX_CALL_H
#define FRONTEND_ONNX_CALL_H

#include "frontend/onnx/import.h"
#include "ir/op.h"

typedef struct OnnxImport OnnxImport;

typedef struct OnnxCall {
    OnnxImport *import;
    Arena *arena;
    Diag *diag;
    const Onnx__NodeProto *node;
    int64_t opset;    /* of the model, for the operator's domain */
    const char *name; /* of its first result, behind that of the body: what is made here is called after it */
    Span at;          /* the node's name and operator */
    int64_t number;   /* of the call, from 1 */
    uint64_t used;    /* attributes that were asked for, by index */
} OnnxCall;

/* False after an error, which it has reported with one of the functions below or those of ir/. */
typedef bool OnnxFunction(OnnxCall *c);

/* ---- operands; all are there and free of errors when the function is called ---- */

int onnx_operands(const OnnxCall *c);
/* Whether it is given: one in the middle may be left out. */
bool onnx_has(const OnnxCall *c, int index);
/* In the order of axes that the model says; no node when it is not given. */
Value onnx_operand(OnnxCall *c, int index);
const Type *onnx_operand_type(OnnxCall *c, int index);
/* The dtype alone, which inputs without elements have, too. */
Dtype onnx_operand_dtype(OnnxCall *c, int index);
/* The same value with its axis 1 moved to the end, as convolutions and poolings want it: [N, C, ...] to [N, ..., C].
 * Of three axes and more. */
Value onnx_operand_last(OnnxCall *c, int index);
/* Whether the value is there in that form and not in the other. */
bool onnx_is_last(const OnnxCall *c, int index);
/* The elements of a value that does not depend on inputs; NULL without a word. */
const Tensor *onnx_constant(OnnxCall *c, Value value);
/* The same of an operand that must be known to compile: NULL after an error that names the inputs it depends on. */
const Tensor *onnx_known(OnnxCall *c, int index, const char *name);
/* Such an operand as a list of integers (of at most MAX_INTS, perhaps none), of numbers (MAX_REALS), or one. */
bool onnx_known_ints(OnnxCall *c, int index, const char *name, IntList *out);
bool onnx_known_reals(OnnxCall *c, int index, const char *name, RealList *out);
/* One element of any dtype and rank. */
bool onnx_known_real(OnnxCall *c, int index, const char *name, double *out);
bool onnx_known_int(OnnxCall *c, int index, const char *name, int64_t *out);

/* ---- attributes: what is not asked for is an error, so that none is passed over ---- */

bool onnx_has_attr(OnnxCall *c, const char *name);
int64_t onnx_int(OnnxCall *c, const char *name, int64_t fallback);
double onnx_float(OnnxCall *c, const char *name, double fallback);
const char *onnx_string(OnnxCall *c, const char *name, const char *fallback);
/* Count 0 when it is not given; false after an error: more than MAX_INTS. */
bool onnx_ints(OnnxCall *c, const char *name, IntList *out);
/* As onnx_ints, each `fallback` when it is not given; E0511 unless there are `count`. */
bool onnx_ints_of(OnnxCall *c, const char *name, int count, int64_t fallback, IntList *out);
/* NULL when it is not given. */
const Onnx__AttributeProto *onnx_attr(OnnxCall *c, const char *name);
/* Attributes that change nothing in what is computed. */
void onnx_ignore(OnnxCall *c, const char *name);
/* A list that is an attribute up to opset `since` - 1 and operand `index` from then on. */
bool onnx_ints_either(OnnxCall *c, const char *name, int64_t since, int index, IntList *out);
/* An axis counted from 0, E0404 when there is none such. */
bool onnx_axis(OnnxCall *c, int64_t axis, int rank, int *out);

/* ---- results ---- */

/* A node of that operator; no node after an error, and when an operand that must be there has none. */
Value onnx_make(OnnxCall *c, Op op, const void *attrs, int ninputs, const Value *inputs);
Value onnx_make1(OnnxCall *c, Op op, Value a);
Value onnx_make2(OnnxCall *c, Op op, Value a, Value b);
Value onnx_number(OnnxCall *c, Dtype dtype, double value);
Value onnx_make_constant(OnnxCall *c, const Tensor *tensor);
/* Whether a constant of that type may be made out of nothing: false after E0512, when all such take too much. */
bool onnx_afford(OnnxCall *c, const Type *type);
/* Integers as a constant vector of i64. */
Value onnx_make_ints(OnnxCall *c, const IntList *list);
Value onnx_cast(OnnxCall *c, Value a, Dtype to);
Value onnx_reshape(OnnxCall *c, Value a, int rank, const int64_t *dims);
Value onnx_transpose(OnnxCall *c, Value a, const IntList *permute);
Value onnx_broadcast(OnnxCall *c, Value a, int rank, const int64_t *dims);
/* How weights of several blocks - gates, directions - lie in a value: seen as `view`, of whose first axis those of
 * `order` are taken, transposed, reshaped to `dims`. */
typedef struct OnnxBlocks {
    IntList view, order, permute;
    int rank;
    int64_t dims[MAX_RANK];
} OnnxBlocks;
/* The parameter `name` that they are, of a stored parameter; else a value. */
Value onnx_blocks(OnnxCall *c, Value a, const OnnxBlocks *blocks, const char *name);
/* Axis 1 to the end and back. */
Value onnx_to_last(OnnxCall *c, Value a);
Value onnx_from_last(OnnxCall *c, Value a);
/* Result `index` of the node; false when the value has no node. */
bool onnx_result(OnnxCall *c, int index, Value value);
/* The same of a value in channels-last form. */
bool onnx_result_last(OnnxCall *c, int index, Value value);
/* Whether anybody could use that result. */
bool onnx_wants(const OnnxCall *c, int index);

/* ---- errors; always false.  diag_help behind them is the way out, which the table of gaps takes over ---- */

/* E0512: what the operator needs is not there (yet), or `attribute` (an operand's or attribute's name, else ""). */
bool onnx_refuse(OnnxCall *c, const char *attribute, const char *way_out, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* E0511: the model says what it cannot say. */
bool onnx_wrong(OnnxCall *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- shared importers ---- */

/* Operator `op` of the table on the same operands, element by element with numpy's broadcasting, in channels-last form
 * where an operand is. */
bool onnx_map(OnnxCall *c, Op op, const void *attrs);
/* The same on values that the caller made, of operands `from` on which channels-last depends. */
bool onnx_same_layout(OnnxCall *c, int count, Value *out);

/* E0512 for a bounded dim, where sizes go into constants. */
bool onnx_need_fixed(OnnxCall *c, const Type *type);

/* As [.., 1, ..]: the first (or last) coordinate along the axis where x is what `reduce`, a maximum or minimum, makes
 * of it, or NaN. */
Value onnx_extreme_place(OnnxCall *c, Value x, Op reduce, int axis, bool last);

/* numpy's matrix product, leading axes broadcast, a vector as a row or a column. */
Value onnx_matrix_product(OnnxCall *c, Value a, Value b);

#define ROW(type, since, last, function) bool function(OnnxCall *c);
#include "frontend/onnx/ops.def"

#endif
