/* Coordinates as values. */
#include "ir/ops/common.h"

static bool infer_iota(const Node *node, Type *out, Diag *diag)
{
    const IotaAttrs *attrs = node->attrs;
    bool known = attrs->to >= 0 && attrs->to < DTYPE_COUNT && attrs->to != BOOL;
    if (!known || dtype_is_storage((Dtype)attrs->to)) {
        diag_error(diag, E0302, node_span(node), "iota: expected a dtype to count in for `to`");
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
    int64_t axis = ((const IotaAttrs *)node->attrs)->axis;
    return (int)(axis < 0 ? axis + node->types[0].rank : axis);
}

const OpDef op_iota = {
    .name = "iota",
    .doc = "Each element is its own coordinate along an axis: 0, 1, 2, ...",
    .kind = KIND_IOTA,
    .attrs = ATTRS(IotaAttrs, ATTR(IotaAttrs, shape, .kind = ATTR_INTS, .flags = ATTR_REQUIRED, .doc = "of the result"),
                   ATTR(IotaAttrs, axis, .kind = ATTR_INT, .fallback = -1, .low = -MAX_RANK, .high = MAX_RANK - 1,
                        .doc = "that is counted along; negative from the end"),
                   ATTR(IotaAttrs, to, .kind = ATTR_DTYPE, .fallback = I32, .doc = "dtype of the result")),
    .infer = infer_iota,
};
