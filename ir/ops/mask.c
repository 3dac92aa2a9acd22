/* What coordinates are compared with: one-hot rows, triangles. */
#include "ir/ops/make.h"

/* ---- one_hot ---- */

enum { INDEX, VALUES };

static bool infer_one_hot(const Node *node, Type *out, Diag *diag)
{
    const OneHotAttrs *attrs = node->attrs;
    const Type *index = operand_type(node, INDEX);
    int axis;
    if (!need_indices(node, INDEX, diag)) return false;
    if (!need_axis(node, attrs->axis, index->rank + 1, &axis, diag)) return false;
    if (!operand_present(node, VALUES) &&
        (attrs->to < 0 || attrs->to >= DTYPE_COUNT || dtype_is_storage((Dtype)attrs->to))) {
        diag_error(diag, E0403, node_span(node), "one_hot: expected the dtype of the result, or values");
        return diag_help(diag, "write one_hot(index, depth: 10, to: f32)");
    }
    if (index->rank == MAX_RANK || attrs->depth < 0) {
        diag_error(diag, E0404, node_span(node), "one_hot: expected a depth from 0 on and less than %d axes, found %s",
                   MAX_RANK, operand_text(node, INDEX, diag->arena));
        return diag_help(diag, "join axes with reshape first");
    }
    *out = type_scalar(operand_present(node, VALUES) ? operand_type(node, VALUES)->dtype : (Dtype)attrs->to);
    for (int i = 0; i <= index->rank; i++) {
        if (i == axis) out->dim[out->rank++] = dim_fixed(attrs->depth);
        if (i < index->rank) out->dim[out->rank++] = index->dim[i];
    }
    if (operand_present(node, VALUES)) {
        const int64_t two = 2;
        if (!need_shape(node, VALUES, 1, &two, "what is off and what is on", diag)) return false;
    }
    return need_fixed(node, INDEX, diag) && need_sane(node, out, diag);
}

static bool expand_one_hot(const Maker *m, Value *out)
{
    const OneHotAttrs *attrs = m->node->attrs;
    const Type *type = &m->node->types[0];
    int axis = (int)(attrs->axis < 0 ? attrs->axis + type->rank : attrs->axis);
    int64_t dims[MAX_RANK];
    for (int i = 0; i < type->rank; i++) dims[i] = i == axis ? 1 : type->dim[i].high;
    Value index = make_cast(m, m->node->inputs[INDEX], I64);
    Value from_end = make_with_number(m, OP_add, index, (double)attrs->depth);
    index = make_where(m, make_with_number(m, OP_less, index, 0), from_end, index);
    Value at = make_coordinates(m, I64, type->rank, axis, dim_fixed(attrs->depth));
    Value on = make_binary(m, OP_equal, make_reshape(m, index, type->rank, dims), at);
    if (!operand_present(m->node, VALUES)) {
        out[0] = make_cast(m, on, type->dtype);
        return out[0].node != NULL;
    }
    Value values[2];
    for (int i = 0; i < 2; i++)
        values[i] = make_reshape(m, make_slice(m, m->node->inputs[VALUES], 0, i, i + 1), 0, NULL);
    out[0] = make_where(m, on, values[1], values[0]);
    return out[0].node != NULL;
}

const OpDef op_one_hot = {
    .name = "one_hot",
    .doc =
        "Along a new axis 1 where the coordinate is the index, 0 elsewhere; negative indices count from the end, and "
        "those outside are nowhere.",
    .kind = KIND_COMPOSITE,
    .noperands = 2,
    .operands = (const Operand[]){{.name = "index", .doc = "integers of any shape"},
                                  {.name = "values", .flags = OPERAND_OPTIONAL, .doc = "[off, on] in place of 0, 1"}},
    .attrs = ATTRS(OneHotAttrs,
                   ATTR(OneHotAttrs, depth, .kind = ATTR_INT, .flags = ATTR_REQUIRED, .doc = "size of the new axis"),
                   ATTR(OneHotAttrs, axis, .kind = ATTR_INT, .fallback = -1, .low = -MAX_RANK, .high = MAX_RANK - 1,
                        .doc = "the new axis of the result; negative from the end"),
                   ATTR(OneHotAttrs, to, .kind = ATTR_DTYPE, .fallback = F32, .doc = "dtype, without values")),
    .infer = infer_one_hot,
    .expand = expand_one_hot,
};

/* ---- triangle ---- */

static bool infer_triangle(const Node *node, Type *out, Diag *diag)
{
    *out = *operand_type(node, 0);
    if (out->rank >= 2) return need_fixed(node, 0, diag);
    diag_error(diag, E0301, node_span(node), "triangle: expected matrices, found %s",
               operand_text(node, 0, diag->arena));
    return diag_help(diag, "give it two axes with reshape(shape: [...])");
}

static bool expand_triangle(const Maker *m, Value *out)
{
    const TriangleAttrs *attrs = m->node->attrs;
    const Type *type = &m->node->types[0];
    int row_axis = type->rank - 2;
    Value row = make_coordinates(m, I64, type->rank, row_axis, type->dim[row_axis]);
    Value column = make_coordinates(m, I64, type->rank, row_axis + 1, type->dim[row_axis + 1]);
    row = make_with_number(m, OP_add, row, (double)attrs->diagonal);
    /* upper: column >= row + k; lower: column <= row + k */
    Value outside = attrs->upper ? make_binary(m, OP_less, column, row) : make_binary(m, OP_less, row, column);
    out[0] = make_where(m, outside, make_number(m, type->dtype, 0), m->node->inputs[0]);
    return out[0].node != NULL;
}

const OpDef op_triangle = {
    .name = "triangle",
    .doc = "Matrices with zeros below a diagonal (upper: yes) or above it.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = (const Operand[]){{.name = "x", .doc = "[..., rows, columns]"}},
    .attrs = ATTRS(TriangleAttrs,
                   ATTR(TriangleAttrs, upper, .kind = ATTR_BOOL, .fallback = 1, .doc = "which triangle is kept"),
                   ATTR(TriangleAttrs, diagonal, .kind = ATTR_INT, .low = -1000000000, .high = 1000000000,
                        .doc = "the diagonal kept last; positive ones are above the main one")),
    .infer = infer_triangle,
    .expand = expand_triangle,
};
