/* Operators that a user wrote himself, in C or anything that is called like it. */
#include "ir/external.h"
#include "ir/ops/common.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static bool is_c_name(const char *name)
{
    if (!name || (!isalpha((unsigned char)*name) && *name != '_')) return false;
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_') return false;
    return true;
}

static bool check_symbol(const Node *node, const char *symbol, Diag *diag)
{
    if (is_c_name(symbol)) return true;
    diag_error(diag, E0404, node_span(node), "external: '%s' is no name of a C function", symbol ? symbol : "none");
    return diag_help(diag, "letters, digits and _, as in symbol: \"my_norm\"");
}

static bool check_operands(const Node *node, Diag *diag)
{
    for (int i = 0; i < node->ninputs; i++)
        if (!need_dtype(node, i, ACCEPT_COMPUTED, diag)) return false;
    return true;
}

static bool infer_external(const Node *node, Type *out, Diag *diag)
{
    const ExternalAttrs *attrs = node->attrs;
    if (!check_symbol(node, attrs->symbol, diag) || !check_operands(node, diag)) return false;
    if (attrs->dtype == DTYPE_COUNT || !dtype_accepted((Dtype)attrs->dtype, ACCEPT_COMPUTED)) {
        diag_error(diag, E0404, node_span(node), "external: expected a dtype to compute with");
        return diag_help(diag, "as in dtype: f32");
    }
    for (int i = 0; i < attrs->shape.count; i++) {
        if (attrs->shape.at[i] >= 1) continue;
        diag_error(diag, E0305, node_span(node), "external: a dim of its result is %lld",
                   (long long)attrs->shape.at[i]);
        return diag_help(diag, "a dim is at least 1");
    }
    for (int i = 0; i < attrs->reals.count; i++) {
        if (isfinite(attrs->reals.at[i])) continue;
        diag_error(diag, E0404, node_span(node), "external: a number among its arguments is not finite");
        return diag_help(diag, "leave it out, and let the function know it");
    }
    *out = type_tensor((Dtype)attrs->dtype, attrs->shape.count, attrs->shape.at);
    return need_sane(node, out, diag);
}

/* The interpreter has no function to call: who asks for results refuses before (graph_external). */
static void eval_external(const Node *node, const Tensor *in, Tensor *out)
{
    (void)in;
    memset(out->data, 0, (size_t)type_bytes(&node->types[0]));
}

const Node *graph_external(const Graph *graph)
{
    const Node *found = NULL;
    for (const Node *node = graph->first; node && !found; node = node->next) {
        if (node->op == OP_external) found = node;
        for (int i = 0; i < node->nregions && !found; i++) found = graph_external(node->regions[i]);
    }
    return found;
}

static const Operand operands[] = {{.name = "x", .flags = OPERAND_VARIADIC, .doc = "dense, in row-major order"}};

const OpDef op_external = {
    .name = "external",
    .doc =
        "A call of void symbol(const T *x..., R *result, int64_t numbers..., double reals...), which the user links; "
        "`extern op` declares and calls it. It computes from its arguments alone, on any thread.",
    .kind = KIND_NEST,
    .noperands = 1,
    .operands = operands,
    .attrs = ATTRS(ExternalAttrs, ATTR(ExternalAttrs, symbol, .kind = ATTR_STRING, .doc = "name of the C function"),
                   ATTR(ExternalAttrs, dtype, .kind = ATTR_DTYPE, .doc = "of the result"),
                   ATTR(ExternalAttrs, shape, .kind = ATTR_INTS, .doc = "of the result"),
                   ATTR(ExternalAttrs, numbers, .kind = ATTR_INTS, .doc = "sizes and other integers"),
                   ATTR(ExternalAttrs, reals, .kind = ATTR_REALS, .doc = "real numbers"),
                   ATTR(ExternalAttrs, names, .kind = ATTR_STRING,
                        .doc = "of all arguments in the header, with blanks between them")),
    .infer = infer_external,
    .eval = eval_external,
};
