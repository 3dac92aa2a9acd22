/* Sizes that depend on data: a number becomes the size of a dim, and tensors end there. */
#include "ir/bounded.h"
#include "ir/count.h"
#include "ir/ops/make.h"

#include <string.h>

static bool need_scalar(const Node *node, int index, Diag *diag)
{
    const Type *type = operand_type(node, index);
    if (type->dtype == I64 && type->rank == 0) return true;
    diag_error(diag, E0301, node_span(node), "%s: expected one number, i64[], found %s", node_def(node)->name,
               type_text(diag->arena, type));
    return diag_help(diag, "as in i64(reduce_sum(i64(mask), axes: [0]))");
}

/* ---- define_size ---- */

static const Operand defined[] = {{.name = "size", .doc = "one number, i64[]"}};

static bool infer_define_size(const Node *node, Type *out, Diag *diag)
{
    const Graph *root = graph_root(node->graph);
    const char *name = node_count(node);
    Dim dim;
    if (!need_scalar(node, 0, diag)) return false;
    *out = type_scalar(I64);
    if (name && graph_dim(root, &(Dim){.name = name}) >= 0) return count_dim(node, 1, &dim, diag);
    diag_error(diag, E0306, node_span(node), "define_size: there is no dim `%s`", name ? name : "");
    return diag_help(diag, "declare it above, as in `dim %s = 0..64`", name ? name : "found");
}

static void eval_define_size(const Node *node, const Tensor *in, Tensor *out)
{
    const Graph *root = graph_root(node->graph);
    const Dim *dim = &root->dims[graph_dim(root, &(Dim){.name = node_count(node)})];
    int64_t size = tensor_get(&in[0], 0).integer;
    size = size > dim->high ? dim->high : size < dim->low ? dim->low : size;
    tensor_set(&out[0], 0, (Scalar){.integer = size});
}

const OpDef op_define_size = {
    .name = "define_size",
    .doc = "From here on the bounded dim `count` is this number, or the one of its bounds that is nearest: that is the "
           "result.  A caller gets it beside the outputs.",
    .kind = KIND_SIZE,
    .noperands = 1,
    .operands = defined,
    .attrs = ATTRS(CountAttrs, ATTR(CountAttrs, count, .kind = ATTR_STRING, .doc = "a declared dim")),
    .infer = infer_define_size,
    .eval = eval_define_size,
    .counts = true,
};

/* ---- shorten ---- */

static const Operand shortened[] = {{.name = "x", .doc = "any dtype, its axis no shorter than the dim may be"},
                                    {.name = "size", .doc = "what define_size gave for the dim"}};

static const ShortenAttrs *shorten_attrs(const Node *node) { return node->attrs; }

static bool infer_shorten(const Node *node, Type *out, Diag *diag)
{
    const Graph *root = graph_root(node->graph);
    const ShortenAttrs *attrs = shorten_attrs(node);
    const Type *x = operand_type(node, 0);
    int axis, number = attrs->to ? graph_dim(root, &(Dim){.name = attrs->to}) : -1;
    if (!need_scalar(node, 1, diag) || !need_axis(node, attrs->axis, x->rank, &axis, diag)) return false;
    if (number < 0 || !root->dims[number].computed) {
        diag_error(diag, E0306, node_span(node), "shorten: `%s` is no dim that define_size says the size of",
                   attrs->to ? attrs->to : "");
        return diag_help(diag, "write define_size(n, count: \"%s\") before", attrs->to ? attrs->to : "found");
    }
    *out = *x;
    out->dim[axis] = root->dims[number];
    if (dim_is_fixed(&x->dim[axis]) && x->dim[axis].high >= out->dim[axis].high) return true;
    diag_error(diag, E0301, node_span(node), "shorten: axis %d of %s is not as long as `%s` may be, %lld", axis,
               type_text(diag->arena, x), attrs->to, (long long)out->dim[axis].high);
    return diag_help(diag, "declare the dim with a lower bound, or pad the operand");
}

static bool view_shorten(const Node *node, IndexMap *out)
{
    *out = (IndexMap){.linear = false};
    for (int axis = 0; axis < node->types[0].rank; axis++) out->stride[axis][axis] = 1;
    return true;
}

const OpDef op_shorten = {
    .name = "shorten",
    .doc = "The first elements along an axis, as many as the dim `to` is long.",
    .kind = KIND_VIEW,
    .noperands = 2,
    .operands = shortened,
    .attrs = ATTRS(ShortenAttrs, ATTR(ShortenAttrs, to, .kind = ATTR_STRING, .doc = "a dim of define_size"),
                   ATTR(ShortenAttrs, axis, .kind = ATTR_INT, .low = -MAX_RANK, .high = MAX_RANK - 1,
                        .doc = "negative from the end")),
    .infer = infer_shorten,
    .view = view_shorten,
};
