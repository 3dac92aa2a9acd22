/* Elements at computed coordinates, read and written. */
#include "ir/eval_kinds.h"
#include "ir/exprkernel.h"

#include <string.h>

/* How operand 0's flat index follows from coordinates and the indices' elements at them. */
typedef struct Places {
    int count;
    const int64_t *index[MAX_RANK]; /* one an element of the space, or one for all */
    int64_t step[MAX_RANK];         /* 1 or 0 */
    int64_t size[MAX_RANK], stride[MAX_RANK];
    int64_t axis_stride[MAX_RANK]; /* of the space's axes in the operand */
} Places;

static Places places_of(const Indexing *indexing, const Tensor *in, const Type *space, Arena *scratch)
{
    Places p = {0};
    int64_t stride = 1;
    for (int axis = indexing->rank - 1; axis >= 0; axis--) {
        int64_t size = in[0].type.dim[axis].high;
        if (indexing->axis[axis] >= 0) {
            p.axis_stride[indexing->axis[axis]] = stride;
        } else {
            Tensor wide = tensor_cast(scratch, &in[indexing->operand[axis]], I64);
            Tensor index = tensor_stretch(&wide, space, scratch);
            p.index[p.count] = index.data;
            p.step[p.count] = type_elements(&index.type) > 1;
            p.size[p.count] = size;
            p.stride[p.count++] = stride;
        }
        stride *= size;
    }
    return p;
}

/* Walks the space in order; `base` is what its coordinates give. */
typedef struct Walk {
    int64_t at[MAX_RANK], base;
} Walk;

static void step(Walk *walk, const Places *p, const Type *space)
{
    for (int axis = space->rank - 1; axis >= 0; axis--) {
        walk->base += p->axis_stride[axis];
        if (++walk->at[axis] < space->dim[axis].high) break;
        walk->base -= p->axis_stride[axis] * space->dim[axis].high;
        walk->at[axis] = 0;
    }
}

static int64_t clamped(int64_t index, int64_t size)
{
    if (index < 0) index += size;
    return index < 0 ? 0 : index >= size ? size - 1 : index;
}

void eval_index(const Node *node, const Tensor *in, Tensor *out, Arena *scratch)
{
    const Type *type = &out->type;
    Indexing indexing;
    node_def(node)->index(node, &indexing);
    Places p = places_of(&indexing, in, type, scratch);
    size_t size = (size_t)dtype_bits(type->dtype) / 8;
    Walk walk = {.base = 0};
    for (int64_t i = 0, count = type_elements(type); i < count; i++) {
        int64_t from = walk.base;
        for (int k = 0; k < p.count; k++) from += clamped(p.index[k][i * p.step[k]], p.size[k]) * p.stride[k];
        memcpy((char *)out->data + (size_t)i * size, (const char *)in[0].data + (size_t)from * size, size);
        step(&walk, &p, type);
    }
}

/* ---- written ---- */

/* The element that update `i` meets; -1 when it is outside. */
static int64_t place_of(const Places *p, const Walk *walk, int64_t i)
{
    int64_t to = walk->base;
    for (int k = 0; k < p->count; k++) {
        int64_t index = p->index[k][i * p->step[k]];
        if (index < 0) index += p->size[k];
        if (index < 0 || index >= p->size[k]) return -1;
        to += index * p->stride[k];
    }
    return to;
}

static void meet(const Scatter *scatter, Dtype dtype, void *element, const void *update)
{
    Dtype wide = dtype_wide(dtype);
    int64_t x, y, z;
    expr_cast_run(dtype, wide, element, &x, 1);
    expr_cast_run(dtype, wide, update, &y, 1);
    expr_kernel(combiner_expr(scatter->combiner), wide)(&z, &x, &y, NULL, 1);
    expr_cast_run(wide, dtype, &z, element, 1);
}

void eval_scatter(const Node *node, const Tensor *in, Tensor *out, Arena *scratch)
{
    const Tensor *updates = &in[1];
    const Type *type = &updates->type;
    Scatter scatter;
    node_def(node)->scatter(node, &scatter);
    Places p = places_of(&scatter.place, in, type, scratch);
    size_t size = (size_t)dtype_bits(type->dtype) / 8;
    Walk walk = {.base = 0};
    memcpy(out->data, in[0].data, (size_t)type_bytes(&out->type));
    for (int64_t i = 0, count = type_elements(type); i < count; i++) {
        int64_t to = place_of(&p, &walk, i);
        const char *update = (const char *)updates->data + (size_t)i * size;
        char *element = (char *)out->data + (size_t)(to < 0 ? 0 : to) * size;
        if (to >= 0 && scatter.combines)
            meet(&scatter, type->dtype, element, update);
        else if (to >= 0)
            memcpy(element, update, size);
        step(&walk, &p, type);
    }
}
