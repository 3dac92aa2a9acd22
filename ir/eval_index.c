/* Elements at computed coordinates. */
#include "ir/eval_kinds.h"

#include <string.h>

/* How the operand's flat index follows from the result's coordinates and the indices' elements. */
typedef struct Reading {
    int count;
    const int64_t *index[MAX_RANK]; /* one an element of the result, or one for all */
    int64_t step[MAX_RANK];         /* 1 or 0 */
    int64_t size[MAX_RANK], stride[MAX_RANK];
    int64_t axis_stride[MAX_RANK]; /* of the result's axes in the operand */
} Reading;

static int64_t inside(int64_t index, int64_t size)
{
    if (index < 0) index += size;
    return index < 0 ? 0 : index >= size ? size - 1 : index;
}

static Reading reading_of(const Node *node, const Tensor *in, const Type *result, Arena *scratch)
{
    Indexing indexing;
    Reading r = {0};
    int64_t stride = 1;
    node_def(node)->index(node, &indexing);
    for (int axis = indexing.rank - 1; axis >= 0; axis--) {
        int64_t size = in[0].type.dim[axis].high;
        if (indexing.axis[axis] >= 0) {
            r.axis_stride[indexing.axis[axis]] = stride;
        } else {
            Tensor wide = tensor_cast(scratch, &in[indexing.operand[axis]], I64);
            Tensor index = tensor_stretch(&wide, result, scratch);
            r.index[r.count] = index.data;
            r.step[r.count] = type_elements(&index.type) > 1;
            r.size[r.count] = size;
            r.stride[r.count++] = stride;
        }
        stride *= size;
    }
    return r;
}

void eval_index(const Node *node, const Tensor *in, Tensor *out, Arena *scratch)
{
    const Type *type = &out->type;
    Reading r = reading_of(node, in, type, scratch);
    size_t size = (size_t)dtype_bits(type->dtype) / 8;
    int64_t at[MAX_RANK] = {0}, base = 0;
    for (int64_t i = 0, count = type_elements(type); i < count; i++) {
        int64_t from = base;
        for (int k = 0; k < r.count; k++) from += inside(r.index[k][i * r.step[k]], r.size[k]) * r.stride[k];
        memcpy((char *)out->data + (size_t)i * size, (const char *)in[0].data + (size_t)from * size, size);
        for (int axis = type->rank - 1; axis >= 0; axis--) {
            base += r.axis_stride[axis];
            if (++at[axis] < type->dim[axis].high) break;
            base -= r.axis_stride[axis] * type->dim[axis].high;
            at[axis] = 0;
        }
    }
}
