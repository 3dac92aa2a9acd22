/* Gathers: take with the indices where each convention has them. */
#include "ir/ops/make.h"

enum { DATA, INDEX };

static const Operand operands[] = {{.name = "x", .doc = "any shape"},
                                   {.name = "index",
                                    .flags = OPERAND_INDEX,
                                    .doc = "integers; negative ones count from the end, and those "
                                           "outside are moved to the nearest end"}};

static bool refuse_rank(const Node *node, Diag *diag)
{
    diag_error(diag, E0301, node_span(node), "%s: %s and %s would give more than %d axes", node_def(node)->name,
               operand_text(node, DATA, diag->arena), operand_text(node, INDEX, diag->arena), MAX_RANK);
    return diag_help(diag, "join axes with reshape first");
}

static bool need_operands(const Node *node, Diag *diag)
{
    return need_fixed(node, DATA, diag) && need_fixed(node, INDEX, diag) && need_indices(node, INDEX, diag);
}

/* ---- along one axis, by an index of any shape ---- */

static bool infer_gather(const Node *node, Type *out, Diag *diag)
{
    const Type *x = operand_type(node, DATA), *index = operand_type(node, INDEX);
    int axis;
    if (!need_axis(node, ((const GatherAttrs *)node->attrs)->axis, x->rank, &axis, diag)) return false;
    if (!need_operands(node, diag)) return false;
    if (x->rank + index->rank - 1 > MAX_RANK) return refuse_rank(node, diag);
    *out = type_scalar(x->dtype);
    for (int i = 0; i < axis; i++) out->dim[out->rank++] = x->dim[i];
    for (int i = 0; i < index->rank; i++) out->dim[out->rank++] = index->dim[i];
    for (int i = axis + 1; i < x->rank; i++) out->dim[out->rank++] = x->dim[i];
    return need_sane(node, out, diag);
}

static bool expand_gather(const Maker *m, Value *out)
{
    const Type *x = operand_type(m->node, DATA), *index = operand_type(m->node, INDEX), *type = &m->node->types[0];
    int axis = 0;
    if (!need_axis(m->node, ((const GatherAttrs *)m->node->attrs)->axis, x->rank, &axis, m->diag)) return false;
    TakeAttrs attrs = {.from = {.count = x->rank}};
    Dim dims[MAX_RANK];
    for (int i = 0; i < type->rank; i++)
        dims[i] = i >= axis && i < axis + index->rank ? index->dim[i - axis] : dim_fixed(1);
    for (int i = 0; i < x->rank; i++) attrs.from.at[i] = i < axis ? i : i == axis ? -1 : i - 1 + index->rank;
    Value read[] = {m->node->inputs[DATA], m->node->inputs[INDEX]};
    if (type->rank != index->rank) read[INDEX] = make_reshape_to(m, read[INDEX], type->rank, dims);
    out[0] = make(m, OP_take, &attrs, 2, read);
    return out[0].node != NULL;
}

#define ATTR_AXIS(Struct)                                                                                              \
    ATTR(Struct, axis, .kind = ATTR_INT, .low = -MAX_RANK, .high = MAX_RANK - 1, .doc = "negative from the end")

const OpDef op_gather = {
    .name = "gather",
    .doc = "Slices of x along an axis, one for each element of the index, whose axes take that axis's place: rows of a "
           "table of embeddings.",
    .kind = KIND_COMPOSITE,
    .noperands = 2,
    .operands = operands,
    .attrs = ATTRS(GatherAttrs, ATTR_AXIS(GatherAttrs)),
    .infer = infer_gather,
    .expand = expand_gather,
    .onnx = "Gather",
    .tflite = "GATHER",
};

/* ---- an index for each element of the result ---- */

static bool infer_gather_elements(const Node *node, Type *out, Diag *diag)
{
    const Type *x = operand_type(node, DATA), *index = operand_type(node, INDEX);
    int axis;
    if (!need_axis(node, ((const GatherAttrs *)node->attrs)->axis, x->rank, &axis, diag)) return false;
    if (!need_operands(node, diag)) return false;
    const char *hint = "gather(x, index, axis: ...) takes whole slices by an index of any shape";
    if (!need_index_beside(node, axis, hint, diag)) return false;
    *out = *index;
    out->dtype = x->dtype;
    return need_sane(node, out, diag);
}

static bool expand_gather_elements(const Maker *m, Value *out)
{
    const Type *x = operand_type(m->node, DATA), *index = operand_type(m->node, INDEX);
    int axis = 0;
    if (!need_axis(m->node, ((const GatherAttrs *)m->node->attrs)->axis, x->rank, &axis, m->diag)) return false;
    TakeAttrs attrs = {.from = {.count = x->rank}};
    Value read[] = {m->node->inputs[DATA], m->node->inputs[INDEX]};
    for (int i = 0; i < x->rank; i++) {
        attrs.from.at[i] = i == axis ? -1 : i;
        if (i != axis && index->dim[i].high < x->dim[i].high)
            read[DATA] = make_slice(m, read[DATA], i, 0, index->dim[i].high);
    }
    out[0] = make(m, OP_take, &attrs, 2, read);
    return out[0].node != NULL;
}

const OpDef op_gather_elements = {
    .name = "gather_elements",
    .doc = "Element by element of the index, x at the same place but for the axis, where the index says.",
    .kind = KIND_COMPOSITE,
    .noperands = 2,
    .operands = operands,
    .attrs = ATTRS(GatherAttrs, ATTR_AXIS(GatherAttrs)),
    .infer = infer_gather_elements,
    .expand = expand_gather_elements,
    .onnx = "GatherElements",
};

/* ---- indices of several axes, side by side ---- */

static bool infer_gather_nd(const Node *node, Type *out, Diag *diag)
{
    const Type *x = operand_type(node, DATA), *index = operand_type(node, INDEX);
    int batch = (int)((const GatherNdAttrs *)node->attrs)->batch;
    if (!need_operands(node, diag)) return false;
    int64_t depth = index->rank ? index->dim[index->rank - 1].high : 0;
    bool fits = index->rank > batch && depth >= 1 && depth <= x->rank - batch;
    for (int i = 0; fits && i < batch; i++) fits = x->dim[i].high == index->dim[i].high;
    if (!fits) {
        diag_error(diag, E0301, node_span(node),
                   "%s: expected indices [..., K] of K axes behind the %d in common, found %s for %s",
                   node_def(node)->name, batch, operand_text(node, INDEX, diag->arena),
                   operand_text(node, DATA, diag->arena));
        return diag_help(diag, "the last axis of the indices holds one coordinate for each of the first axes of x");
    }
    if (index->rank - 1 + x->rank - batch - (int)depth > MAX_RANK) return refuse_rank(node, diag);
    *out = type_scalar(x->dtype);
    for (int i = 0; i < index->rank - 1; i++) out->dim[out->rank++] = index->dim[i];
    for (int i = batch + (int)depth; i < x->rank; i++) out->dim[out->rank++] = x->dim[i];
    return need_sane(node, out, diag);
}

static bool expand_gather_nd(const Maker *m, Value *out)
{
    const Type *x = operand_type(m->node, DATA), *index = operand_type(m->node, INDEX), *type = &m->node->types[0];
    int batch = (int)((const GatherNdAttrs *)m->node->attrs)->batch, last = index->rank - 1;
    int depth = (int)index->dim[last].high;
    TakeAttrs attrs = {.from = {.count = x->rank}};
    Value read[MAX_RANK + 1] = {m->node->inputs[DATA]};
    int64_t dims[MAX_RANK];
    for (int i = 0; i < type->rank; i++) dims[i] = i < last ? index->dim[i].high : 1;
    for (int i = 0; i < x->rank; i++)
        attrs.from.at[i] = i < batch ? i : i < batch + depth ? -1 : last + i - batch - depth;
    for (int i = 0; i < depth; i++)
        read[1 + i] = make_reshape(m, make_slice(m, m->node->inputs[INDEX], last, i, i + 1), type->rank, dims);
    out[0] = make(m, OP_take, &attrs, 1 + depth, read);
    return out[0].node != NULL;
}

const OpDef op_gather_nd = {
    .name = "gather_nd",
    .doc = "Slices of x at coordinates that lie side by side along the last axis of the index.",
    .kind = KIND_COMPOSITE,
    .noperands = 2,
    .operands = operands,
    .attrs = ATTRS(GatherNdAttrs, ATTR(GatherNdAttrs, batch, .kind = ATTR_INT, .low = 0, .high = MAX_RANK - 1,
                                       .doc = "first axes that x and the index have in common")),
    .infer = infer_gather_nd,
    .expand = expand_gather_nd,
    .onnx = "GatherND",
    .tflite = "GATHER_ND",
};
