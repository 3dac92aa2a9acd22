/* Element-wise operators and views. */
#include "ir/eval_kinds.h"
#include "ir/exprkernel.h"

#include <assert.h>
#include <string.h>

Tensor tensor_cast(Arena *arena, const Tensor *from, Dtype to)
{
    if (!from->data || from->type.dtype == to) return *from;
    Type type = from->type;
    type.dtype = to;
    Tensor out = tensor_new(arena, type);
    Expr *cast = expr_new(arena);
    expr_cast(cast, to, expr_arg(cast, 0, from->type.dtype));
    expr_run(cast, (const void *const[]){from->data}, (const int64_t[]){1}, out.data, type_elements(&type));
    return out;
}

/* ---- views ---- */

static size_t element_size(const Type *type) { return (size_t)dtype_bits(type->dtype) / 8; }

static void copy_strided(char *out, const char *in, int64_t step, int64_t count, size_t size)
{
    if (step == 1) {
        memcpy(out, in, (size_t)count * size);
        return;
    }
    for (int64_t i = 0; i < count; i++) memcpy(out + (size_t)i * size, in + i * step * (int64_t)size, size);
}

typedef struct Walk {
    int rank;
    int64_t dim[MAX_RANK], step[MAX_RANK]; /* of the result's axes, steps in the operand's elements */
} Walk;

/* The operand's flat index as a walk over the result; returns where it starts. */
static int64_t walk_of(const Type *in, const IndexMap *map, const Type *out, Walk *walk)
{
    int64_t start = 0, stride = 1;
    *walk = (Walk){.rank = out->rank};
    for (int r = 0; r < out->rank; r++) walk->dim[r] = out->dim[r].high;
    for (int a = in->rank - 1; a >= 0; a--) {
        start += map->offset[a] * stride;
        for (int r = 0; r < out->rank; r++) walk->step[r] += map->stride[a][r] * stride;
        stride *= in->dim[a].high;
    }
    return start;
}

void tensor_view(const Tensor *in, const IndexMap *map, Tensor *out)
{
    size_t size = element_size(&out->type);
    int64_t count = type_elements(&out->type);
    if (map->linear || out->type.rank == 0) {
        int64_t start = 0;
        Walk none;
        if (!map->linear) start = walk_of(&in->type, map, &out->type, &none);
        memcpy(out->data, (const char *)in->data + (size_t)start * size, (size_t)count * size);
        return;
    }
    Walk walk;
    int64_t from = walk_of(&in->type, map, &out->type, &walk), at[MAX_RANK] = {0};
    int last = walk.rank - 1;
    for (int64_t done = 0; done < count; done += walk.dim[last]) {
        copy_strided((char *)out->data + (size_t)done * size, (const char *)in->data + (size_t)from * size,
                     walk.step[last], walk.dim[last], size);
        for (int r = last - 1; r >= 0; r--) {
            from += walk.step[r];
            if (++at[r] < walk.dim[r]) break;
            from -= walk.step[r] * walk.dim[r];
            at[r] = 0;
        }
    }
}

void eval_view(const Node *node, const Tensor *in, Tensor *out, Arena *scratch)
{
    IndexMap map;
    (void)scratch;
    bool is_view = node_def(node)->view(node, &map);
    assert(is_view);
    (void)is_view;
    tensor_view(in, &map, out);
}

/* ---- maps ---- */

/* So that expr_run can step through it: one value for all, or one an element of the result. */
Tensor tensor_stretch(const Tensor *in, const Type *shape, Arena *scratch)
{
    if (type_elements(&in->type) == 1 || type_same_shape(&in->type, shape)) return *in;
    Type type = *shape;
    type.dtype = in->type.dtype;
    Tensor out = tensor_new(scratch, type);
    IndexMap map = {.linear = false};
    int missing = shape->rank - in->type.rank;
    for (int i = 0; i < in->type.rank; i++) map.stride[i][i + missing] = in->type.dim[i].high == 1 ? 0 : 1;
    tensor_view(in, &map, &out);
    return out;
}

void eval_map(const Node *node, const Tensor *in, Tensor *out, Arena *scratch)
{
    enum { MAX_OPERANDS = 8 };
    const void *data[MAX_OPERANDS];
    int64_t steps[MAX_OPERANDS];
    int args[MAX_OPERANDS];
    Expr *e = expr_new(scratch);
    assert(node->ninputs <= MAX_OPERANDS);
    for (int i = 0; i < node->ninputs; i++) {
        Tensor operand = tensor_stretch(&in[i], &out->type, scratch);
        data[i] = operand.data;
        steps[i] = type_elements(&operand.type) == 1 ? 0 : 1;
        args[i] = expr_arg(e, i, operand.type.dtype);
    }
    node_def(node)->map(node, e, args);
    assert(e->ops[e->result].dtype == out->type.dtype);
    expr_run(e, data, steps, out->data, type_elements(&out->type));
}
