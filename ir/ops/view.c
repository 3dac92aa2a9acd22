/* Results whose every element is an element of the operand, elsewhere. */
#include "ir/ops/common.h"

static const Operand operands[] = {{.name = "x", .doc = "any dtype"}};

/* The Dim of the operand with these bounds, so that a bounded one keeps its name. */
static Dim dim_like(const Type *type, int64_t low, int64_t high)
{
    for (int i = 0; i < type->rank; i++)
        if (type->dim[i].low == low && type->dim[i].high == high) return type->dim[i];
    return (Dim){.low = low, .high = high};
}

static int64_t elements_low(const Type *type)
{
    int64_t count = 1;
    for (int i = 0; i < type->rank; i++) count *= type->dim[i].low;
    return count;
}

static const char *ints_text(Arena *arena, const IntList *list)
{
    const char *text = "";
    for (int i = 0; i < list->count; i++)
        text = arena_printf(arena, "%s%s%lld", text, i ? ", " : "", (long long)list->at[i]);
    return arena_printf(arena, "[%s]", text);
}

/* ---- reshape ---- */

static bool refuse_reshape(const Node *node, const IntList *shape, Diag *diag)
{
    const Type *from = operand_type(node, 0);
    diag_error(diag, E0301, node_span(node), "reshape: %s has %lld elements, which do not fill %s",
               type_text(diag->arena, from), (long long)type_elements(from), ints_text(diag->arena, shape));
    return diag_help(diag, "the product of the dims must be the same; one dim may be -1, which is what is left");
}

static bool check_dims(const Node *node, const IntList *shape, int *open, Diag *diag)
{
    *open = -1;
    for (int i = 0; i < shape->count; i++) {
        bool first_open = shape->at[i] == -1 && *open < 0;
        if (first_open) *open = i;
        if (shape->at[i] >= 0 || first_open) continue;
        diag_error(diag, E0404, node_span(node), "%s: expected dims from 0 on, and -1 at most once, found %s",
                   node_def(node)->name, ints_text(diag->arena, shape));
        return diag_help(diag, "write the dims out");
    }
    return true;
}

static bool infer_reshape(const Node *node, Type *out, Diag *diag)
{
    const IntList *shape = &((const ReshapeAttrs *)node->attrs)->shape;
    const Type *from = operand_type(node, 0);
    int open;
    if (!check_dims(node, shape, &open, diag)) return false;
    int64_t known = 1, low = elements_low(from), high = type_elements(from);
    for (int i = 0; i < shape->count; i++)
        if (i != open) known = product_or_most(known, shape->at[i]);
    bool fits = open < 0 ? low == known && high == known : known && low % known == 0 && high % known == 0;
    if (!fits) return refuse_reshape(node, shape, diag);
    *out = type_tensor(from->dtype, shape->count, shape->at);
    if (open >= 0) out->dim[open] = dim_like(from, low / known, high / known);
    return need_sane(node, out, diag);
}

static bool view_linear(const Node *node, IndexMap *out)
{
    (void)node;
    *out = (IndexMap){.linear = true};
    return true;
}

const OpDef op_reshape = {
    .name = "reshape",
    .doc = "The same elements in the same order, in another shape.",
    .kind = KIND_VIEW,
    .noperands = 1,
    .operands = operands,
    .attrs =
        ATTRS(ReshapeAttrs, ATTR(ReshapeAttrs, shape, .kind = ATTR_INTS, .dims = offsetof(ReshapeAttrs, shape_dims),
                                 .flags = ATTR_REQUIRED, .doc = "dims of the result; one may be -1, what is left")),
    .infer = infer_reshape,
    .view = view_linear,
    .tflite = "RESHAPE",
};

/* ---- flatten ---- */

static bool infer_flatten(const Node *node, Type *out, Diag *diag)
{
    const Type *from = operand_type(node, 0);
    int64_t low = 1, high = 1;
    if (from->rank < 1) {
        diag_error(diag, E0301, node_span(node), "flatten: expected at least one axis, found %s",
                   type_text(diag->arena, from));
        return diag_help(diag, "use reshape(shape: [1, 1])");
    }
    for (int i = 1; i < from->rank; i++) {
        low *= from->dim[i].low;
        high *= from->dim[i].high;
    }
    *out = (Type){.kind = TYPE_TENSOR, .dtype = from->dtype, .rank = 2};
    out->dim[0] = from->dim[0];
    out->dim[1] = (Dim){.low = low, .high = high};
    return need_sane(node, out, diag);
}

static bool expand_flatten(const Maker *m, Value *out)
{
    const Type *type = &m->node->types[0];
    ReshapeAttrs attrs = {.shape = {2, {-1, -1}}};
    for (int i = 0; i < 2; i++)
        if (dim_is_fixed(&type->dim[i])) attrs.shape.at[i] = type->dim[i].high;
    out[0] = make(m, OP_reshape, &attrs, 1, &m->node->inputs[0]);
    return out[0].node != NULL;
}

const OpDef op_flatten = {
    .name = "flatten",
    .doc = "All axes but the first as one: [N, ...] becomes [N, rest].",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = operands,
    .infer = infer_flatten,
    .expand = expand_flatten,
};

/* ---- transpose ---- */

/* Without `permute` the axes are reversed. */
static int permuted(const Node *node, int axis)
{
    const IntList *permute = &((const TransposeAttrs *)node->attrs)->permute;
    return permute->count ? (int)permute->at[axis] : operand_type(node, 0)->rank - 1 - axis;
}

static bool infer_transpose(const Node *node, Type *out, Diag *diag)
{
    const IntList *permute = &((const TransposeAttrs *)node->attrs)->permute;
    const Type *from = operand_type(node, 0);
    unsigned seen = 0;
    for (int i = 0; i < permute->count; i++)
        if (permute->at[i] >= 0 && permute->at[i] < from->rank) seen |= 1u << permute->at[i];
    if (permute->count && (permute->count != from->rank || seen != (1u << from->rank) - 1)) {
        diag_error(diag, E0404, node_span(node), "transpose: expected each of the axes 0 to %d once, found %s",
                   from->rank - 1, ints_text(diag->arena, permute));
        return diag_help(diag, "permute[i] is the operand's axis that becomes axis i");
    }
    *out = *from;
    for (int i = 0; i < from->rank; i++) out->dim[i] = from->dim[permuted(node, i)];
    return true;
}

static bool view_transpose(const Node *node, IndexMap *out)
{
    *out = (IndexMap){.linear = false};
    for (int i = 0; i < operand_type(node, 0)->rank; i++) out->stride[permuted(node, i)][i] = 1;
    return true;
}

const OpDef op_transpose = {
    .name = "transpose",
    .doc = "The axes in another order: axis i of the result is axis permute[i] of x.",
    .kind = KIND_VIEW,
    .noperands = 1,
    .operands = operands,
    .attrs = ATTRS(TransposeAttrs, ATTR(TransposeAttrs, permute, .kind = ATTR_INTS,
                                        .doc = "order of the axes; left out, they are reversed")),
    .infer = infer_transpose,
    .view = view_transpose,
    .onnx = "Transpose",
    .tflite = "TRANSPOSE",
};

/* ---- broadcast ---- */

static bool infer_broadcast_to(const Node *node, Type *out, Diag *diag)
{
    const IntList *shape = &((const BroadcastAttrs *)node->attrs)->shape;
    const Type *from = operand_type(node, 0);
    int open;
    if (!check_dims(node, shape, &open, diag)) return false;
    Type wanted = type_tensor(from->dtype, shape->count, shape->at);
    int missing = shape->count - from->rank;
    if (open >= 0 && open >= missing) wanted.dim[open] = from->dim[open - missing];
    if (!shape_broadcast(from, &wanted, out) || !type_same_shape(out, &wanted)) {
        diag_error(diag, E0301, node_span(node), "broadcast: %s does not stretch to %s", type_text(diag->arena, from),
                   ints_text(diag->arena, shape));
        return diag_help(diag, "counted from the last, each dim of x must be the same or 1");
    }
    return need_sane(node, out, diag);
}

static bool view_broadcast(const Node *node, IndexMap *out)
{
    const Type *from = operand_type(node, 0);
    int missing = node->types[0].rank - from->rank;
    *out = (IndexMap){.linear = false};
    for (int i = 0; i < from->rank; i++) out->stride[i][i + missing] = from->dim[i].high == 1 ? 0 : 1;
    return true;
}

const OpDef op_broadcast = {
    .name = "broadcast",
    .doc = "x repeated along axes of size 1 and along new ones in front, as numpy does it.",
    .kind = KIND_VIEW,
    .noperands = 1,
    .operands = operands,
    .attrs = ATTRS(BroadcastAttrs,
                   ATTR(BroadcastAttrs, shape, .kind = ATTR_INTS, .dims = offsetof(BroadcastAttrs, shape_dims),
                        .flags = ATTR_REQUIRED, .doc = "dims of the result; -1 keeps the operand's")),
    .infer = infer_broadcast_to,
    .view = view_broadcast,
    .tflite = "BROADCAST_TO",
};

/* ---- slice ---- */

typedef struct Cut {
    int64_t begin, step, count;
} Cut;

static int64_t from_end(int64_t index, int64_t size) { return index < 0 ? index + size : index; }

/* Axes beyond the lists are kept whole. */
static Cut cut_of(const SliceAttrs *attrs, int axis, int64_t size)
{
    int64_t step = axis < attrs->step.count ? attrs->step.at[axis] : 1;
    int64_t begin = step < 0 ? size - 1 : 0, end = step < 0 ? -1 : size, count = 0;
    if (axis < attrs->begin.count) begin = from_end(attrs->begin.at[axis], size);
    if (axis < attrs->end.count) end = from_end(attrs->end.at[axis], size);
    if (step < 0) {
        /* what is in front of the first element by more than the size is said to go down to that */
        if (end < -1) end = -1;
        if (begin >= size) begin = size - 1;
        if (step < -size) step = -size;
        if (begin > end) count = (begin - end - 1) / -step + 1;
    } else {
        if (end > size) end = size;
        if (begin < 0) begin = 0;
        if (end > begin) count = (end - begin - 1) / step + 1;
    }
    if (count == 1) step = 1; /* whatever was said, nothing is stepped over; index maps stay small */
    return (Cut){begin, step, count};
}

static bool infer_slice(const Node *node, Type *out, Diag *diag)
{
    const SliceAttrs *attrs = node->attrs;
    const Type *from = operand_type(node, 0);
    if (attrs->begin.count > from->rank || attrs->end.count > from->rank || attrs->step.count > from->rank) {
        diag_error(diag, E0404, node_span(node), "slice: more numbers than the %d axes of %s", from->rank,
                   type_text(diag->arena, from));
        return diag_help(diag, "one number an axis, from the first on");
    }
    for (int i = 0; i < attrs->step.count; i++)
        if (!attrs->step.at[i]) {
            diag_error(diag, E0404, node_span(node), "slice: a step of 0 along axis %d of %s", i,
                       type_text(diag->arena, from));
            return diag_help(diag, "from begin to end by step; end: -size - 1 goes down to the first");
        }
    *out = *from;
    for (int i = 0; i < from->rank; i++) {
        Cut cut = cut_of(attrs, i, from->dim[i].high);
        bool whole = cut.begin == 0 && cut.step == 1 && cut.count == from->dim[i].high;
        if (whole) continue;
        if (!dim_is_fixed(&from->dim[i])) {
            diag_error(diag, E0404, node_span(node), "slice: not a fixed number is left of axis %d of %s", i,
                       type_text(diag->arena, from));
            return diag_help(diag, "an axis that is cut has a fixed size");
        }
        out->dim[i] = dim_fixed(cut.count);
    }
    return true;
}

static bool view_slice(const Node *node, IndexMap *out)
{
    const Type *from = operand_type(node, 0);
    *out = (IndexMap){.linear = false};
    for (int i = 0; i < from->rank; i++) {
        Cut cut = cut_of(node->attrs, i, from->dim[i].high);
        out->offset[i] = cut.begin;
        out->stride[i][i] = cut.step;
    }
    return true;
}

const OpDef op_slice = {
    .name = "slice",
    .doc = "Of each axis the elements begin, begin + step, ... below end; down to above end when step is negative.",
    .kind = KIND_VIEW,
    .noperands = 1,
    .operands = operands,
    .attrs = ATTRS(SliceAttrs,
                   ATTR(SliceAttrs, begin, .kind = ATTR_INTS, .dims = offsetof(SliceAttrs, begin_dims),
                        .doc = "first index of each axis; negative from the end; left out: all"),
                   ATTR(SliceAttrs, end, .kind = ATTR_INTS, .dims = offsetof(SliceAttrs, end_dims),
                        .doc = "index after the last; negative from the end"),
                   ATTR(SliceAttrs, step, .kind = ATTR_INTS, .doc = "distance of the indices, not 0; left out: 1")),
    .infer = infer_slice,
    .view = view_slice,
};
