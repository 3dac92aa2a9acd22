/* Combinations over whole axes. */
#include "ir/ops/common.h"
#include "ir/ops/make.h"

static const Operand operands[] = {{.name = "x", .doc = "any shape"}};

/* The axes of the attribute, none standing for all. */
static bool resolve_axes(const Node *node, bool *axis, Diag *diag)
{
    const IntList *axes = &((const ReduceAttrs *)node->attrs)->axes;
    int rank = operand_type(node, 0)->rank;
    for (int i = 0; i < rank; i++) axis[i] = axes->count == 0;
    for (int i = 0; i < axes->count; i++) {
        int at = 0;
        if (!need_axis(node, axes->at[i], rank, &at, diag)) return false;
        axis[at] = true;
    }
    return true;
}

static bool infer_axes(const Node *node, Accept accept, Type *out, Diag *diag)
{
    const ReduceAttrs *attrs = node->attrs;
    const Type *from = operand_type(node, 0);
    bool axis[MAX_RANK] = {false};
    if (!need_dtype(node, 0, accept, diag) || !resolve_axes(node, axis, diag)) return false;
    *out = type_scalar(from->dtype);
    for (int i = 0; i < from->rank; i++) {
        if (axis[i] && !attrs->keep) continue;
        out->dim[out->rank++] = axis[i] ? dim_fixed(1) : from->dim[i];
    }
    return true;
}
static bool infer_numbers(const Node *node, Type *out, Diag *diag)
{
    return infer_axes(node, ACCEPT_NUMBERS, out, diag);
}
static bool infer_floats(const Node *node, Type *out, Diag *diag) { return infer_axes(node, ACCEPT_FLOATS, out, diag); }

static void describe(const Node *node, Combiner combiner, Reduction *out)
{
    *out = (Reduction){.combiner = combiner, .keep = ((const ReduceAttrs *)node->attrs)->keep};
    resolve_axes(node, out->axis, NULL); /* infer has accepted them */
}
static void reduce_sum(const Node *node, Reduction *out) { describe(node, COMBINE_SUM, out); }
static void reduce_max(const Node *node, Reduction *out) { describe(node, COMBINE_MAX, out); }
static void reduce_min(const Node *node, Reduction *out) { describe(node, COMBINE_MIN, out); }

static void reduce_product(const Node *node, Reduction *out) { describe(node, COMBINE_PRODUCT, out); }

#define REDUCE(id, text, reduce_, ...)                                                                                 \
    const OpDef op_##id = {.name = #id,                                                                                \
                           .doc = text,                                                                                \
                           .kind = KIND_REDUCE,                                                                        \
                           .noperands = 1,                                                                             \
                           .operands = operands,                                                                       \
                           .attrs = REDUCE_ATTRS,                                                                      \
                           .infer = infer_numbers,                                                                     \
                           .reduce = reduce_,                                                                          \
                           __VA_ARGS__}
#define REDUCE_ATTRS                                                                                                   \
    ATTRS(ReduceAttrs,                                                                                                 \
          ATTR(ReduceAttrs, axes, .kind = ATTR_INTS, .doc = "which axes, negative from the end; left out: all"),       \
          ATTR(ReduceAttrs, keep, .kind = ATTR_BOOL, .doc = "keep them, with size 1"))

REDUCE(reduce_sum, "The sum over the axes: 16 partial sums by flattened index, then halves.", reduce_sum,
       .tflite = "SUM");
REDUCE(reduce_max, "The greatest element over the axes; NaN if there is one.", reduce_max, .tflite = "REDUCE_MAX");
REDUCE(reduce_min, "The least element over the axes; NaN if there is one.", reduce_min, .tflite = "REDUCE_MIN");

REDUCE(reduce_product, "The product over the axes, in the order of reduce_sum; integers wrap.", reduce_product,
       .tflite = "REDUCE_PROD");

static bool expand_mean(const Maker *m, Value *out)
{
    const Node *node = m->node;
    const Type *from = operand_type(node, 0);
    bool axis[MAX_RANK] = {false};
    if (!resolve_axes(node, axis, m->diag)) return false;
    Dim counted[MAX_RANK];
    int count = 0;
    for (int i = 0; i < from->rank; i++)
        if (axis[i]) counted[count++] = from->dim[i];
    Value sum = make(m, OP_reduce_sum, node->attrs, 1, &node->inputs[0]);
    out[0] = make_binary(m, OP_div, sum, make_extent(m, from->dtype, count, counted));
    return out[0].node != NULL;
}

static bool infer_mean(const Node *node, Type *out, Diag *diag)
{
    bool axis[MAX_RANK] = {false};
    if (!infer_floats(node, out, diag) || !resolve_axes(node, axis, diag)) return false;
    const Type *from = operand_type(node, 0);
    for (int i = 0; i < from->rank; i++) {
        if (!axis[i] || dim_is_fixed(&from->dim[i])) continue;
        diag_error(diag, E0301, node_span(node), "%s: axis %d of %s has no fixed size to divide by",
                   node_def(node)->name, i, type_text(diag->arena, from));
        return diag_help(diag, "give the dim a fixed size, as with --dim");
    }
    return true;
}

const OpDef op_reduce_mean = {
    .name = "reduce_mean",
    .doc = "The sum over the axes, divided by how many elements it has.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = operands,
    .attrs = REDUCE_ATTRS,
    .infer = infer_mean,
    .expand = expand_mean,
    .of_nothing = true,
    .tflite = "MEAN",
};
