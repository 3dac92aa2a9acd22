/* Combinations of all elements so far along one axis. */
#include "ir/eval_kinds.h"
#include "ir/exprkernel.h"

#include <string.h>

static void start(Combiner combiner, Dtype dtype, char *sums, int64_t count)
{
    Scalar identity = combiner_identity(combiner, dtype);
    size_t size = (size_t)dtype_bits(dtype) / 8;
    for (int64_t i = 0; i < count; i++) {
        if (dtype_is_float(dtype))
            expr_cast_run(F64, dtype, &identity.real, sums + (size_t)i * size, 1);
        else
            expr_cast_run(I64, dtype, &identity.integer, sums + (size_t)i * size, 1);
    }
}

/* Along the axis, `inner` neighbours at a time; the sums so far are those of all of them. */
void eval_prefix(const Node *node, const Tensor *in, Tensor *out, Arena *scratch)
{
    Prefix prefix;
    node_def(node)->prefix(node, &prefix);
    const Type *type = &out->type;
    Dtype dtype = dtype_wide(type->dtype);
    Tensor wide = tensor_cast(scratch, &in[0], dtype);
    ExprKernel *combine = expr_kernel(combiner_expr(prefix.combiner), dtype);
    int64_t size = type->dim[prefix.axis].high, inner = 1;
    for (int i = prefix.axis + 1; i < type->rank; i++) inner *= type->dim[i].high;
    size_t from = (size_t)(dtype_bits(dtype) / 8 * inner), to = (size_t)(dtype_bits(type->dtype) / 8 * inner);
    char *sums = arena_alloc(scratch, from), *room = arena_alloc(scratch, from);
    for (int64_t outer = 0; outer < type_elements(type) / (size * inner); outer++) {
        start(prefix.combiner, dtype, sums, inner);
        for (int64_t step = 0; step < size; step++) {
            size_t at = (size_t)(outer * size + (prefix.reverse ? size - 1 - step : step));
            char *result = (char *)out->data + at * to;
            if (prefix.exclusive) expr_cast_run(dtype, type->dtype, sums, result, inner);
            combine(room, sums, (const char *)wide.data + at * from, NULL, inner);
            memcpy(sums, room, from);
            if (!prefix.exclusive) expr_cast_run(dtype, type->dtype, sums, result, inner);
        }
    }
}
