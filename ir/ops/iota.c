/* Coordinates as values. */
#include "ir/bounded.h"
#include "ir/ops/common.h"

static bool infer_iota(const Node *node, Type *out, Diag *diag)
{
    const IotaAttrs *attrs = node->attrs;
    bool known = attrs->to >= 0 && attrs->to < DTYPE_COUNT && attrs->to != BOOL;
    if (!known || dtype_is_storage((Dtype)attrs->to)) {
        diag_error(diag, E0302, node_span(node), "%s: expected a dtype to count in for `to`", node_def(node)->name);
        return diag_help(diag,
                         known ? "cast the result" : "compare the result, as in less(iota(shape: [4]), 2), for a mask");
    }
    *out = type_tensor((Dtype)attrs->to, attrs->shape.count, attrs->shape.at);
    if (!need_sane(node, out, diag)) return false;
    if (attrs->axis >= -out->rank && attrs->axis < out->rank) return true;
    diag_error(diag, E0404, node_span(node), "iota: axis %lld is not one of the %d axes of the result",
               (long long)attrs->axis, out->rank);
    return diag_help(diag, "axes count from 0, or from -1 at the end");
}

int iota_axis(const Node *node)
{
    if (node->op == OP_extent) return -1;
    int64_t axis = ((const IotaAttrs *)node->attrs)->axis;
    return (int)(axis < 0 ? axis + node->types[0].rank : axis);
}

const OpDef op_iota = {
    .name = "iota",
    .doc = "Each element is its own coordinate along an axis: 0, 1, 2, ...",
    .kind = KIND_IOTA,
    .attrs = ATTRS(IotaAttrs,
                   ATTR(IotaAttrs, shape, .kind = ATTR_INTS, .dims = offsetof(IotaAttrs, shape_dims),
                        .flags = ATTR_REQUIRED, .doc = "of the result"),
                   ATTR(IotaAttrs, axis, .kind = ATTR_INT, .fallback = -1, .low = -MAX_RANK, .high = MAX_RANK - 1,
                        .doc = "that is counted along; negative from the end"),
                   ATTR(IotaAttrs, to, .kind = ATTR_DTYPE, .fallback = I32, .doc = "dtype of the result")),
    .infer = infer_iota,
};

static bool infer_extent(const Node *node, Type *out, Diag *diag)
{
    const ExtentAttrs *attrs = node->attrs;
    int64_t product = 1;
    bool sizes = true;
    for (int i = 0; i < attrs->of.count; i++) sizes = sizes && attrs->of.at[i] >= 0;
    for (int i = 0; sizes && i < attrs->of.count; i++) product = product_or_most(product, attrs->of.at[i]);
    if (!sizes || product > (int64_t)1 << 40) {
        diag_error(diag, E0404, node_span(node), "extent: expected sizes of 0 or more, whose product is 2^40 at most");
        return diag_help(diag, "name the dims, as in extent(of: [N, T])");
    }
    IotaAttrs one = {.shape = {.count = 1, .at = {1}}, .to = attrs->to};
    Node like = *node;
    like.attrs = &one;
    if (!infer_iota(&like, out, diag)) return false;
    *out = type_scalar((Dtype)attrs->to);
    return true;
}

const OpDef op_extent = {
    .name = "extent",
    .doc = "The product of sizes as one number, those of the call where dims are bounded.",
    .kind = KIND_IOTA,
    .attrs = ATTRS(ExtentAttrs,
                   ATTR(ExtentAttrs, of, .kind = ATTR_INTS, .dims = offsetof(ExtentAttrs, of_dims), .low = 0,
                        .high = (int64_t)1 << 40, .flags = ATTR_REQUIRED, .doc = "sizes, and declared dims"),
                   ATTR(ExtentAttrs, to, .kind = ATTR_DTYPE, .doc = "dtype of the result")),
    .infer = infer_extent,
};
