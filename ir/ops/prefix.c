/* Combinations of all elements so far along one axis. */
#include "ir/ops/make.h"

static const Operand operands[] = {{.name = "x", .doc = "at least one axis"}};

static bool infer_prefix(const Node *node, Type *out, Diag *diag)
{
    int axis = 0;
    const Type *x = operand_type(node, 0);
    if (!need_dtype(node, 0, ACCEPT_NUMBERS, diag)) return false;
    if (!need_axis(node, ((const CumulativeAttrs *)node->attrs)->axis, x->rank, &axis, diag)) return false;
    *out = *x;
    return true;
}

static void describe(const Node *node, Combiner combiner, Prefix *out)
{
    const CumulativeAttrs *attrs = node->attrs;
    int rank = operand_type(node, 0)->rank;
    *out = (Prefix){.combiner = combiner, .exclusive = attrs->exclusive, .reverse = attrs->reverse};
    out->axis = (int)(attrs->axis < 0 ? attrs->axis + rank : attrs->axis);
}
static void prefix_sum(const Node *node, Prefix *out) { describe(node, COMBINE_SUM, out); }
static void prefix_product(const Node *node, Prefix *out) { describe(node, COMBINE_PRODUCT, out); }

#define CUMULATIVE(id, text, prefix_, ...)                                                                             \
    const OpDef op_##id = {.name = #id,                                                                                \
                           .doc = text,                                                                                \
                           .kind = KIND_PREFIX,                                                                        \
                           .noperands = 1,                                                                             \
                           .operands = operands,                                                                       \
                           .attrs = CUMULATIVE_ATTRS,                                                                  \
                           .infer = infer_prefix,                                                                      \
                           .prefix = prefix_,                                                                          \
                           __VA_ARGS__}
#define CUMULATIVE_ATTRS                                                                                               \
    ATTRS(CumulativeAttrs,                                                                                             \
          ATTR(CumulativeAttrs, axis, .kind = ATTR_INT, .low = -MAX_RANK, .high = MAX_RANK - 1,                        \
               .doc = "negative from the end"),                                                                        \
          ATTR(CumulativeAttrs, exclusive, .kind = ATTR_BOOL, .doc = "without the element itself"),                    \
          ATTR(CumulativeAttrs, reverse, .kind = ATTR_BOOL, .doc = "from the last element on"))

CUMULATIVE(cumulative_sum,
           "Each element becomes the sum of all up to it along the axis, added in their order; integers wrap.",
           prefix_sum, .tflite = "CUMSUM");
CUMULATIVE(cumulative_product,
           "Each element becomes the product of all up to it along the axis, in their order; integers wrap.",
           prefix_product, .onnx = NULL);
