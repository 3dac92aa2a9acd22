/* How each kind of operator is evaluated.  in[] are the operands (data NULL: absent), *out the result, whose type is
 * set and whose room is made; `scratch` dies with the evaluation of the node. */
#ifndef IR_EVAL_KINDS_H
#define IR_EVAL_KINDS_H

#include "ir/op.h"

typedef void KindEval(const Node *node, const Tensor *in, Tensor *out, Arena *scratch);
KindEval eval_map, eval_view, eval_iota, eval_pieces, eval_index, eval_scatter, eval_prefix, eval_reduce, eval_window,
    eval_contract;

/* Every element of `out` is that of `in` which the map says. */
void tensor_view(const Tensor *in, const IndexMap *map, Tensor *out);
/* One element for each of `shape`, broadcast as in numpy; itself when it has that shape or one element. */
Tensor tensor_stretch(const Tensor *in, const Type *shape, Arena *scratch);
/* The tensor with elements cast; itself when it has that dtype. */
Tensor tensor_cast(Arena *arena, const Tensor *from, Dtype to);

#endif
