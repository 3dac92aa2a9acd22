/* Scatters: put with the indices where each convention has them. */
#include "ir/ops/make.h"

enum { DATA, INDEX, UPDATE };

static const Operand operands[] = {{.name = "x", .doc = "any shape"},
                                   {.name = "index",
                                    .flags = OPERAND_INDEX,
                                    .doc = "integers; negative ones count from the end, and those outside are left "
                                           "out"},
                                   {.name = "update", .doc = "of x's dtype"}};

/* What all have in common; `want` is the update's shape. */
static bool infer_scattered(const Node *node, int meeting, const Type *want, Type *out, Diag *diag)
{
    int64_t dims[MAX_RANK];
    for (int i = 0; i < want->rank; i++) dims[i] = want->dim[i].high;
    if (meeting != MEET_NONE && !need_dtype(node, DATA, ACCEPT_NUMBERS, diag)) return false;
    if (!need_same_dtype(node, UPDATE, diag)) return false;
    if (!need_shape(node, UPDATE, want->rank, dims, "an element for each place that is written", diag)) return false;
    *out = *operand_type(node, DATA);
    return true;
}

static bool need_operands(const Node *node, Diag *diag)
{
    return need_fixed(node, DATA, diag) && need_fixed(node, INDEX, diag) && need_fixed(node, UPDATE, diag) &&
           need_indices(node, INDEX, diag);
}

static bool axis_of(const Node *node, int *axis, Diag *diag)
{
    return need_axis(node, ((const ScatterAttrs *)node->attrs)->axis, operand_type(node, DATA)->rank, axis, diag);
}

static bool refuse_rank(const Node *node, Diag *diag)
{
    diag_error(diag, E0301, node_span(node), "%s: %s and %s would ask for an update of more than %d axes",
               node_def(node)->name, operand_text(node, DATA, diag->arena), operand_text(node, INDEX, diag->arena),
               MAX_RANK);
    return diag_help(diag, "join axes with reshape first");
}

/* ---- slices along one axis, by an index of any shape ---- */

static bool infer_scatter(const Node *node, Type *out, Diag *diag)
{
    const Type *x = operand_type(node, DATA), *index = operand_type(node, INDEX);
    int axis = 0;
    if (!axis_of(node, &axis, diag) || !need_operands(node, diag)) return false;
    if (x->rank + index->rank - 1 > MAX_RANK) return refuse_rank(node, diag);
    Type want = type_scalar(x->dtype);
    for (int i = 0; i < axis; i++) want.dim[want.rank++] = x->dim[i];
    for (int i = 0; i < index->rank; i++) want.dim[want.rank++] = index->dim[i];
    for (int i = axis + 1; i < x->rank; i++) want.dim[want.rank++] = x->dim[i];
    return infer_scattered(node, ((const ScatterAttrs *)node->attrs)->reduce, &want, out, diag);
}

static bool expand_scatter(const Maker *m, Value *out)
{
    const Type *x = operand_type(m->node, DATA), *index = operand_type(m->node, INDEX);
    const Type *update = operand_type(m->node, UPDATE);
    int axis = 0;
    if (!axis_of(m->node, &axis, m->diag)) return false;
    PutAttrs attrs = {.from = {.count = x->rank}, .reduce = ((const ScatterAttrs *)m->node->attrs)->reduce};
    int64_t dims[MAX_RANK];
    for (int i = 0; i < update->rank; i++)
        dims[i] = i >= axis && i < axis + index->rank ? index->dim[i - axis].high : 1;
    for (int i = 0; i < x->rank; i++) attrs.from.at[i] = i < axis ? i : i == axis ? -1 : i - 1 + index->rank;
    Value put[] = {m->node->inputs[DATA], m->node->inputs[UPDATE], m->node->inputs[INDEX]};
    if (update->rank != index->rank) put[2] = make_reshape(m, put[2], update->rank, dims);
    out[0] = make(m, OP_put, &attrs, 3, put);
    return out[0].node != NULL;
}

#define SCATTER_ATTRS                                                                                                  \
    ATTRS(ScatterAttrs,                                                                                                \
          ATTR(ScatterAttrs, axis, .kind = ATTR_INT, .low = -MAX_RANK, .high = MAX_RANK - 1,                           \
               .doc = "negative from the end"),                                                                        \
          ATTR_MEETING(ScatterAttrs))

const OpDef op_scatter = {
    .name = "scatter",
    .doc = "x with slices along an axis written over it, or combined with it, in order: those of the update, one for "
           "each element of the index, whose axes stand in that axis's place. Rows of a table; with reduce: add the "
           "gradient of gather.",
    .kind = KIND_COMPOSITE,
    .noperands = 3,
    .operands = operands,
    .attrs = SCATTER_ATTRS,
    .infer = infer_scatter,
    .expand = expand_scatter,
    .of_nothing = true,
};

/* ---- an index for each element of the update ---- */

static bool infer_scatter_elements(const Node *node, Type *out, Diag *diag)
{
    const Type *index = operand_type(node, INDEX);
    int axis = 0;
    if (!axis_of(node, &axis, diag) || !need_operands(node, diag)) return false;
    const char *hint = "scatter(x, index, update, axis: ...) writes whole slices by an index of any shape";
    if (!need_index_beside(node, axis, hint, diag)) return false;
    return infer_scattered(node, ((const ScatterAttrs *)node->attrs)->reduce, index, out, diag);
}

static bool expand_scatter_elements(const Maker *m, Value *out)
{
    int axis = 0, rank = operand_type(m->node, DATA)->rank;
    if (!axis_of(m->node, &axis, m->diag)) return false;
    PutAttrs attrs = {.from = {.count = rank}, .reduce = ((const ScatterAttrs *)m->node->attrs)->reduce};
    for (int i = 0; i < rank; i++) attrs.from.at[i] = i == axis ? -1 : i;
    Value put[] = {m->node->inputs[DATA], m->node->inputs[UPDATE], m->node->inputs[INDEX]};
    out[0] = make(m, OP_put, &attrs, 3, put);
    return out[0].node != NULL;
}

const OpDef op_scatter_elements = {
    .name = "scatter_elements",
    .doc =
        "x with each element of the update written, or combined, at the same place but for the axis, where the index "
        "says, in order.",
    .kind = KIND_COMPOSITE,
    .noperands = 3,
    .operands = operands,
    .attrs = SCATTER_ATTRS,
    .infer = infer_scatter_elements,
    .expand = expand_scatter_elements,
    .of_nothing = true,
};

/* ---- indices of several axes, side by side ---- */

static bool infer_scatter_nd(const Node *node, Type *out, Diag *diag)
{
    const Type *x = operand_type(node, DATA), *index = operand_type(node, INDEX);
    if (!need_operands(node, diag)) return false;
    int64_t depth = index->rank ? index->dim[index->rank - 1].high : 0;
    if (depth < 1 || depth > x->rank) {
        diag_error(diag, E0301, node_span(node), "%s: expected indices [..., K] of K axes, found %s for %s",
                   node_def(node)->name, operand_text(node, INDEX, diag->arena), operand_text(node, DATA, diag->arena));
        return diag_help(diag, "the last axis of the indices holds one coordinate for each of the first axes of x");
    }
    if (index->rank - 1 + x->rank - (int)depth > MAX_RANK) return refuse_rank(node, diag);
    Type want = type_scalar(x->dtype);
    for (int i = 0; i < index->rank - 1; i++) want.dim[want.rank++] = index->dim[i];
    for (int i = (int)depth; i < x->rank; i++) want.dim[want.rank++] = x->dim[i];
    return infer_scattered(node, ((const ScatterNdAttrs *)node->attrs)->reduce, &want, out, diag);
}

static bool expand_scatter_nd(const Maker *m, Value *out)
{
    const Type *x = operand_type(m->node, DATA), *index = operand_type(m->node, INDEX);
    const Type *update = operand_type(m->node, UPDATE);
    int last = index->rank - 1, depth = (int)index->dim[last].high;
    PutAttrs attrs = {.from = {.count = x->rank}, .reduce = ((const ScatterNdAttrs *)m->node->attrs)->reduce};
    Value put[MAX_RANK + 2] = {m->node->inputs[DATA], m->node->inputs[UPDATE]};
    int64_t dims[MAX_RANK];
    for (int i = 0; i < update->rank; i++) dims[i] = i < last ? index->dim[i].high : 1;
    for (int i = 0; i < x->rank; i++) attrs.from.at[i] = i < depth ? -1 : last + i - depth;
    for (int i = 0; i < depth; i++) {
        Value column = make_slice(m, m->node->inputs[INDEX], last, i, i + 1);
        put[2 + i] = make_reshape(m, column, update->rank, dims);
    }
    out[0] = make(m, OP_put, &attrs, 2 + depth, put);
    return out[0].node != NULL;
}

const OpDef op_scatter_nd = {
    .name = "scatter_nd",
    .doc =
        "x with slices of the update written over it, or combined with it, in order, at coordinates that lie side by "
        "side along the last axis of the index.",
    .kind = KIND_COMPOSITE,
    .noperands = 3,
    .operands = operands,
    .attrs = ATTRS(ScatterNdAttrs, ATTR_MEETING(ScatterNdAttrs)),
    .infer = infer_scatter_nd,
    .expand = expand_scatter_nd,
    .of_nothing = true,
};
