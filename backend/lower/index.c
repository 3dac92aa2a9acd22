/* Elements at computed places: what clamps the indices proves that no other memory is read or written. */
#include "backend/lower/index.h"

/* An index may run along the lanes, or be the same for all of them: then it is one number. */
static const LoopExpr *index_value(Nest *nest, Value value, const NestMap *map)
{
    bool along = false;
    for (int axis = 0; axis < value_type(value)->rank; axis++) along |= map->stride[axis][nest->vector] != 0;
    if (along || nest->lanes == 1) return nest_value(nest, value, map);
    Nest one = *nest;
    one.lanes = one.active = 1;
    one.memo = NULL;
    return nest_value(&one, value, map);
}

static const LoopExpr *number(LoopBuilder *b, const LoopExpr *like, int64_t value)
{
    return lower_constant(b, like->dtype, (Scalar){.integer = value}, like->lanes);
}

/* The size, and `more`, in a dtype that holds it. */
static const LoopExpr *size_number(LoopBuilder *b, const LoopExpr *like, const Extent *size, int64_t more)
{
    if (!size->bounded) return number(b, like, size->most + more);
    return loop_splat(b, lower_cast(b, like->dtype, loop_index(b, affine_plus(size->actual, more), I64)), like->lanes);
}

static bool is_narrow(Dtype dtype) { return dtype_bits(dtype) < 32; }

/* In a dtype that holds the size, from the end when it is negative. */
static const LoopExpr *from_end(LoopBuilder *b, const LoopExpr *index, const Extent *size)
{
    bool negative = dtype_kind(index->dtype) == DTYPE_SIGNED;
    if (is_narrow(index->dtype)) index = lower_cast(b, I32, index);
    if (index->dtype == U32 || (index->dtype == I32 && size->most > INT32_MAX)) index = lower_cast(b, I64, index);
    if (!negative) return index;
    index = loop_let(b, "index", index);
    const LoopExpr *below = loop_op(b, EXPR_LT, BOOL, index, number(b, index, 0), NULL);
    const LoopExpr *moved = loop_op(b, EXPR_ADD, index->dtype, index, size_number(b, index, size, 0), NULL);
    return loop_op(b, EXPR_SELECT, index->dtype, below, moved, index);
}

/* Not beyond either end; as `to`.  That it is not beyond the bound, either, says the last step. */
static const LoopExpr *clamped(LoopBuilder *b, const LoopExpr *index, const Extent *size, Dtype to)
{
    if (size->bounded) index = loop_op(b, EXPR_MIN, index->dtype, index, size_number(b, index, size, -1), NULL);
    index = loop_op(b, EXPR_MAX, index->dtype, index, number(b, index, 0), NULL);
    index = loop_op(b, EXPR_MIN, index->dtype, index, number(b, index, size->most - 1), NULL);
    return lower_cast(b, to, index);
}

/* Both with as many lanes as the one that has more. */
static void widen(LoopBuilder *b, const LoopExpr **x, const LoopExpr **y)
{
    if ((*x)->lanes < (*y)->lanes) *x = loop_splat(b, *x, (*y)->lanes);
    if ((*y)->lanes < (*x)->lanes) *y = loop_splat(b, *y, (*x)->lanes);
}

static const LoopExpr *joined(LoopBuilder *b, ExprKind op, const LoopExpr *x, const LoopExpr *y)
{
    if (!x) return y;
    widen(b, &x, &y);
    return loop_op(b, op, x->dtype, x, y, NULL);
}

/* Constants say themselves that they are inside, whatever the size. */
static bool is_known_inside(Value value, int64_t size)
{
    while (node_def(value.node)->kind == KIND_VIEW) value = value.node->inputs[0];
    const Node *node = value.node;
    if (node->op != OP_constant || !node->data) return false;
    for (int64_t i = 0; i < type_elements(&node->types[0]); i++) {
        int64_t index = tensor_get(node->data, i).integer;
        if (index < -size || index >= size) return false;
    }
    return true;
}

/* Coordinates in `where`, which has the shape and strides that indices are of; `inside` NULL: nobody asks. */
static const LoopExpr *offset_in(Nest *nest, const Node *node, const Indexing *indexing, Value where,
                                 const NestMap *maps, const LoopExpr **inside)
{
    LoopBuilder *b = &nest->lowering->builder;
    const Place *place = &where.node->places[where.slot];
    Dtype dtype = lower_buffer(nest->lowering, where)->elements > INT32_MAX ? I64 : I32;
    const LoopExpr *sum = NULL;
    for (int axis = 0; axis < indexing->rank; axis++) {
        if (indexing->axis[axis] >= 0) continue;
        int operand = indexing->operand[axis];
        const Dim *dim = &value_type(where)->dim[axis];
        const Extent size = lower_extent(nest->lowering, dim);
        const LoopExpr *at = from_end(b, index_value(nest, node->inputs[operand], &maps[operand]), &size);
        if (inside && !is_known_inside(node->inputs[operand], dim->low)) {
            at = loop_let(b, "index", at);
            const LoopExpr *low = loop_op(b, EXPR_LE, BOOL, number(b, at, 0), at, NULL);
            const LoopExpr *high = loop_op(b, EXPR_LT, BOOL, at, size_number(b, at, &size, 0), NULL);
            *inside = joined(b, EXPR_AND, *inside, loop_op(b, EXPR_AND, BOOL, low, high, NULL));
        }
        at = clamped(b, at, &size, dtype);
        if (place->stride[axis] != 1) at = loop_op(b, EXPR_MUL, dtype, at, number(b, at, place->stride[axis]), NULL);
        sum = joined(b, EXPR_ADD, sum, at);
    }
    return sum ? loop_let(b, "at", sum) : NULL;
}

const LoopExpr *index_offset(Nest *nest, const Node *node, const NestMap *maps)
{
    Indexing indexing;
    node_def(node)->index(node, &indexing);
    return offset_in(nest, node, &indexing, node->inputs[0], maps, NULL);
}

const LoopExpr *scatter_offset(Nest *nest, const Node *node, const NestMap *maps, const LoopExpr **inside)
{
    Scatter scatter;
    node_def(node)->scatter(node, &scatter);
    *inside = NULL;
    Value result = value_of((Node *)nest->lowering->group.node);
    const LoopExpr *offset = offset_in(nest, node, &scatter.place, result, maps, inside);
    if (*inside) *inside = loop_let(&nest->lowering->builder, "inside", *inside);
    return offset;
}
