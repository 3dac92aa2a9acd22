/* What the operator families share: checks that say what was expected and found. */
#ifndef IR_OPS_COMMON_H
#define IR_OPS_COMMON_H

#include "ir/op.h"

/* Sets of dtypes that operands may have. */
typedef enum Accept {
    ACCEPT_FLOATS,   /* f32, f64, f16, bf16 */
    ACCEPT_INTEGERS, /* i8 .. i64, u8 .. u64 */
    ACCEPT_NUMBERS,  /* both */
    ACCEPT_BOOL,
    ACCEPT_COMPUTED, /* numbers and bool */
    ACCEPT_ANY       /* what is only stored, too: float8, 4-bit numbers and the like */
} Accept;

bool operand_present(const Node *node, int index);
const Type *operand_type(const Node *node, int index);
const char *operand_text(const Node *node, int index, Arena *arena);
bool dtype_accepted(Dtype dtype, Accept accept);
/* E0302 with a cast as the way out. */
bool need_dtype(const Node *node, int index, Accept accept, Diag *diag);
/* E0302 unless operand `index` has operand 0's dtype. */
bool need_same_dtype(const Node *node, int index, Diag *diag);
/* E0301 unless the operand is of this rank; `layout` as "[N, H, W, C]". */
bool need_rank(const Node *node, int index, int rank, const char *layout, Diag *diag);
/* E0301 unless the operand has exactly this shape; `why` says where it comes from. */
bool need_shape(const Node *node, int index, int rank, const int64_t *dims, const char *why, Diag *diag);
/* E0305 unless the result is a tensor that can be. */
bool need_sane(const Node *node, const Type *type, Diag *diag);
/* Operands of a sum of `depth` products: floats of one dtype, or 8-bit numbers with i8 as the second and an i32 bias
 * (`bias`: its index, -1 none).  E0302, or E0305 where an i32 sum could not hold them all. */
bool need_products(const Node *node, int64_t depth, int bias, Diag *diag);
/* What such sums are: i32 of 8-bit numbers, else the operands' dtype. */
Dtype dtype_of_sums(Dtype operand);
/* What a layer's own weights are for an operand of this dtype; its bias is as the sums. */
Dtype dtype_of_weights(Dtype operand);
/* E0302 unless products can be made of the operand. */
bool need_factor(const Node *node, int index, Diag *diag);
/* The axis counted from 0, or E0404. */
bool need_axis(const Node *node, int64_t axis, int rank, int *out, Diag *diag);
/* a * b, at most INT64_MAX. */
int64_t product_or_most(int64_t a, int64_t b);

/* Resolves window attributes on an operand [N, H, W, C]: `in` its two spatial sizes, out[] those of the result. */
typedef struct WindowAttrs {
    const IntList *kernel, *stride, *dilation; /* two numbers each; dilation may be NULL: 1 */
    const Pad *pad;
    int64_t groups;
} WindowAttrs;
bool window_resolve(const Node *node, const WindowAttrs *attrs, const int64_t *in, Window *window, int64_t *out,
                    Diag *diag);
/* The same of a node that infer has accepted. */
Window window_of(const Node *node, const WindowAttrs *attrs, const int64_t *in, int64_t *out);

/* Computes on 16-bit floats in f32, rounding once at the end: `compute` sees F32 operations in their place.
 * A result of another dtype than the first operand's (a comparison) stays as it is. */
typedef int MapCompute(Expr *e, const Node *node, const int *args);
void map_widened(const Node *node, Expr *e, const int *args, MapCompute *compute);

extern const char *const pad_words[];

/* Of gathers and scatters, whose operands are x, then the index.  An index of x's rank, no larger than x but along
 * `axis`; the hint says what takes others. */
bool need_index_beside(const Node *node, int axis, const char *hint, Diag *diag);

#endif
