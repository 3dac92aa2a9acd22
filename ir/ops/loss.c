/* Losses of classification, over scores or logarithms of probabilities and the numbers of the right classes. */
#include "ir/ops/make.h"

enum { X, TARGET, WEIGHT, OPERANDS };

/* ---- types ---- */

/* x without its axis of classes. */
static Type type_of_targets(const Type *x, int axis)
{
    Type type = type_scalar(x->dtype);
    for (int i = 0; i < x->rank; i++)
        if (i != axis) type.dim[type.rank++] = x->dim[i];
    return type;
}

static bool need_target(const Node *node, const Type *wanted, Diag *diag)
{
    const Type *target = operand_type(node, TARGET);
    bool fits = target->rank == wanted->rank;
    for (int i = 0; fits && i < wanted->rank; i++) fits = dim_equal(&target->dim[i], &wanted->dim[i]);
    if (fits) return true;
    diag_error(diag, E0301, node_span(node), "%s: expected one class for each row of %s, found %s",
               node_def(node)->name, operand_text(node, X, diag->arena), operand_text(node, TARGET, diag->arena));
    return diag_help(diag, "targets have the shape of x without the axis of the classes, and are numbers of classes");
}

static bool infer_loss(const Node *node, Type *out, Diag *diag)
{
    const LossAttrs *attrs = node->attrs;
    const Type *x = operand_type(node, X);
    int axis = 0;
    if (!need_dtype(node, X, ACCEPT_FLOATS, diag) || !need_fixed(node, X, diag)) return false;
    if (!need_axis(node, attrs->axis, x->rank, &axis, diag)) return false;
    Type targets = type_of_targets(x, axis);
    if (!need_indices(node, TARGET, diag) || !need_target(node, &targets, diag)) return false;
    if (operand_present(node, WEIGHT)) {
        if (!need_same_dtype(node, WEIGHT, diag)) return false;
        if (!need_shape(node, WEIGHT, 1, &x->dim[axis].high, "one number a class", diag)) return false;
    }
    if (!x->dim[axis].high && !type_is_empty(&targets)) {
        diag_error(diag, E0305, node_span(node), "%s: %s has no classes", node_def(node)->name,
                   operand_text(node, X, diag->arena));
        return diag_help(diag, "a row has one number for each class");
    }
    *out = attrs->reduction == LOSS_NONE ? targets : type_scalar(x->dtype);
    return true;
}

/* ---- meaning ---- */

/* x where the target says along the axis, of each row. */
static Value at_target(const Maker *m, Value x, Value target, int axis)
{
    TakeAttrs attrs = {.from = {.count = value_type(x)->rank}};
    for (int i = 0; i < attrs.from.count; i++) attrs.from.at[i] = i == axis ? -1 : i - (i > axis);
    return make(m, OP_take, &attrs, 2, (const Value[]){x, target});
}

/* What each row counts: the weight of its class, 0 of one that is ignored. */
static Value row_weights(const Maker *m, Value target, Value ignored)
{
    const Node *node = m->node;
    Dtype dtype = operand_type(node, X)->dtype;
    TakeAttrs attrs = {.from = {1, {-1}}};
    Value counted = operand_present(node, WEIGHT)
                        ? make(m, OP_take, &attrs, 2, (const Value[]){node->inputs[WEIGHT], target})
                        : make_number(m, dtype, 1);
    Value zero = make_number(m, dtype, 0);
    return make_where(m, ignored, zero, counted);
}

/* A row that is ignored has no loss, whatever its probability is: 0, not 0 times it. */
static bool expand_loss(const Maker *m, Value log_probabilities, Value *out)
{
    const LossAttrs *attrs = m->node->attrs;
    Value target = m->node->inputs[TARGET];
    int axis = (int)attrs->axis;
    if (axis < 0) axis += operand_type(m->node, X)->rank;
    Value found = make_unary(m, OP_neg, at_target(m, log_probabilities, target, axis));
    Value ignored = make_with_number(m, OP_equal, make_cast(m, target, I64), (double)attrs->ignore);
    Value weights = row_weights(m, target, ignored);
    Value zero = make_number(m, operand_type(m->node, X)->dtype, 0);
    Value weighted = operand_present(m->node, WEIGHT) ? make_binary(m, OP_mul, found, weights) : found;
    Value loss = make_where(m, ignored, zero, weighted);
    const ReduceAttrs all = {.keep = false};
    out[0] = attrs->reduction == LOSS_NONE ? loss : make(m, OP_reduce_sum, &all, 1, &loss);
    if (attrs->reduction == LOSS_MEAN)
        out[0] = make_binary(m, OP_div, out[0], make(m, OP_reduce_sum, &all, 1, &weights));
    return out[0].node != NULL;
}

static bool expand_nll_loss(const Maker *m, Value *out) { return expand_loss(m, m->node->inputs[X], out); }

static bool expand_cross_entropy(const Maker *m, Value *out)
{
    SoftmaxAttrs attrs = {.axis = ((const LossAttrs *)m->node->attrs)->axis};
    return expand_loss(m, make(m, OP_log_softmax, &attrs, 1, &m->node->inputs[X]), out);
}

/* ---- operators ---- */

static const char *const reductions[] = {"mean", "sum", "none", NULL};

#define LOSS(id, x_doc, text)                                                                                          \
    const OpDef op_##id = {                                                                                            \
        .name = #id,                                                                                                   \
        .doc = text,                                                                                                   \
        .kind = KIND_COMPOSITE,                                                                                        \
        .noperands = OPERANDS,                                                                                         \
        .operands =                                                                                                    \
            (const Operand[]){                                                                                         \
                {.name = "x", .doc = (x_doc)},                                                                         \
                {.name = "target",                                                                                     \
                 .flags = OPERAND_INDEX,                                                                               \
                 .doc = "the right classes: integers, of x's shape without the axis"},                                 \
                {.name = "weight", .flags = OPERAND_OPTIONAL, .doc = "[C], what each class counts; left out: 1"}},     \
        .attrs = ATTRS(LossAttrs,                                                                                      \
                       ATTR(LossAttrs, axis, .kind = ATTR_INT, .fallback = -1, .low = -MAX_RANK, .high = MAX_RANK - 1, \
                            .doc = "the classes; negative from the end"),                                              \
                       ATTR(LossAttrs, ignore, .kind = ATTR_INT, .fallback = -100,                                     \
                            .doc = "a target that counts nothing; -100 as in PyTorch"),                                \
                       ATTR(LossAttrs, reduction, .kind = ATTR_ENUM, .words = reductions,                              \
                            .doc = "mean is the sum divided by what the rows count together")),                        \
        .infer = infer_loss,                                                                                           \
        .expand = expand_##id,                                                                                         \
        .of_nothing = true,                                                                                            \
    }

LOSS(
    nll_loss, "logarithms of probabilities, as log_softmax gives them",
    "-weight[target] * x[target] of each row along the axis of the classes, 0 where the target is `ignore`; their sum, "
    "or mean by weight.");
LOSS(cross_entropy, "scores of any size",
     "nll_loss(log_softmax(x), target, weight): how far scores are from the right classes.");
