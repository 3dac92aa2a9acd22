/* Elements at computed places: what clamps the indices proves that no other memory is read. */
#include "backend/lower/index.h"

/* An index may run along the lanes, or be the same for all of them: then it is one number. */
static const LoopExpr *index_value(Nest *nest, Value value, const IndexMap *map)
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

static bool is_narrow(Dtype dtype) { return dtype_bits(dtype) < 32; }

/* From the end when it is negative, and not beyond either end; as `to`. */
static const LoopExpr *clamped(LoopBuilder *b, const LoopExpr *index, int64_t size, Dtype to)
{
    bool negative = dtype_kind(index->dtype) == DTYPE_SIGNED;
    if (is_narrow(index->dtype)) index = lower_cast(b, I32, index);
    if (index->dtype == U32 || (index->dtype == I32 && size > INT32_MAX)) index = lower_cast(b, I64, index);
    if (negative) {
        index = loop_let(b, "index", index);
        const LoopExpr *below = loop_op(b, EXPR_LT, BOOL, index, number(b, index, 0), NULL);
        const LoopExpr *from_end = loop_op(b, EXPR_ADD, index->dtype, index, number(b, index, size), NULL);
        index = loop_op(b, EXPR_SELECT, index->dtype, below, from_end, index);
    }
    index = loop_op(b, EXPR_MAX, index->dtype, index, number(b, index, 0), NULL);
    index = loop_op(b, EXPR_MIN, index->dtype, index, number(b, index, size - 1), NULL);
    return lower_cast(b, to, index);
}

const LoopExpr *index_offset(Nest *nest, const Node *node, const IndexMap *maps)
{
    LoopBuilder *b = &nest->lowering->builder;
    Indexing indexing;
    node_def(node)->index(node, &indexing);
    const Type *type = value_type(node->inputs[0]);
    const Place *place = &node->inputs[0].node->places[node->inputs[0].slot];
    Dtype dtype = lower_buffer(nest->lowering, node->inputs[0])->elements > INT32_MAX ? I64 : I32;
    const LoopExpr *sum = NULL;
    for (int axis = 0; axis < indexing.rank; axis++) {
        if (indexing.axis[axis] >= 0) continue;
        int operand = indexing.operand[axis];
        const LoopExpr *at = index_value(nest, node->inputs[operand], &maps[operand]);
        at = clamped(b, at, type->dim[axis].high, dtype);
        if (place->stride[axis] != 1) at = loop_op(b, EXPR_MUL, dtype, at, number(b, at, place->stride[axis]), NULL);
        if (sum && sum->lanes < at->lanes) sum = loop_splat(b, sum, at->lanes);
        if (sum && at->lanes < sum->lanes) at = loop_splat(b, at, sum->lanes);
        sum = sum ? loop_op(b, EXPR_ADD, dtype, sum, at, NULL) : at;
    }
    return loop_let(b, "at", sum);
}
