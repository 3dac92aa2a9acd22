/* The first in order: where the greatest or least elements along an axis are. */
#include "ir/top.h"
#include "ir/ops/make.h"

#include <stdlib.h>
#include <string.h>

enum { VALUES_OUT, INDICES_OUT };

static bool infer_places(const Node *node, Type *out, Diag *diag)
{
    const TopAttrs *attrs = node->attrs;
    const Type *x = operand_type(node, 0);
    int axis = 0;
    if (!need_fixed(node, 0, diag) || !need_dtype(node, 0, ACCEPT_COMPUTED, diag)) return false;
    if (!need_axis(node, attrs->axis, x->rank, &axis, diag)) return false;
    if (attrs->k > x->dim[axis].high) {
        diag_error(diag, E0404, node_span(node), "%s: k is %lld, but axis %d of %s has %lld elements",
                   node_def(node)->name, (long long)attrs->k, axis, operand_text(node, 0, diag->arena),
                   (long long)x->dim[axis].high);
        return diag_help(diag, "take at most as many as there are");
    }
    *out = *x;
    out->dtype = I64;
    out->dim[axis] = dim_fixed(attrs->k);
    return true;
}

/* ---- the order ---- */

typedef struct Ranked {
    int64_t key, index;
} Ranked;

static int by_key(const void *a, const void *b)
{
    const Ranked *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* Integers that are ordered as the elements, NaN above all. */
static int64_t key_of(const Tensor *x, int64_t at)
{
    Dtype dtype = x->type.dtype;
    if (!dtype_is_float(dtype))
        return dtype == U64 ? (int64_t)((uint64_t)tensor_get(x, at).integer ^ (uint64_t)1 << 63)
                            : tensor_get(x, at).integer;
    double real = tensor_real(x, at);
    int64_t bits;
    if (real != real) return INT64_MAX;
    if (real == 0) return 0; /* of either sign */
    memcpy(&bits, &real, sizeof bits);
    return bits < 0 ? bits ^ INT64_MAX : bits;
}

static void eval_places(const Node *node, const Tensor *in, Tensor *out)
{
    const TopAttrs *attrs = node->attrs;
    const Type *type = &in->type;
    int axis = (int)(attrs->axis < 0 ? attrs->axis + type->rank : attrs->axis);
    int64_t size = type->dim[axis].high, inner = 1, *places = out->data;
    for (int i = axis + 1; i < type->rank; i++) inner *= type->dim[i].high;
    Arena *scratch = arena_child(node->graph->arena);
    Ranked *line = ARENA_ARRAY(scratch, Ranked, size);
    for (int64_t i = 0; i < type_elements(type) / size; i++) {
        int64_t outer = i / inner, at = i % inner;
        for (int64_t e = 0; e < size; e++) {
            int64_t key = key_of(in, (outer * size + e) * inner + at);
            line[e] = (Ranked){attrs->largest ? ~key : key, e};
        }
        qsort(line, (size_t)size, sizeof *line, by_key);
        for (int64_t e = 0; e < attrs->k; e++) places[(outer * attrs->k + e) * inner + at] = line[e].index;
    }
    arena_free(scratch);
}

static const Operand operands[] = {{.name = "x", .doc = "at least one axis"}};

#define TOP_ATTRS                                                                                                      \
    ATTRS(TopAttrs,                                                                                                    \
          ATTR(TopAttrs, k, .kind = ATTR_INT, .flags = ATTR_REQUIRED, .low = 0, .high = INT32_MAX, .doc = "how many"), \
          ATTR(TopAttrs, axis, .kind = ATTR_INT, .fallback = -1, .low = -MAX_RANK, .high = MAX_RANK - 1,               \
               .doc = "negative from the end"),                                                                        \
          ATTR(TopAttrs, largest, .kind = ATTR_BOOL, .fallback = 1, .doc = "or else the least"))

const OpDef op_top_indices = {
    .name = "top_indices",
    .doc =
        "Where the k greatest (or least) elements along the axis are, the first of them first; of equal ones the one "
        "that comes first, and NaN is above all. With k the axis's size, the order that sorts it.",
    .kind = KIND_NEST,
    .noperands = 1,
    .operands = operands,
    .attrs = TOP_ATTRS,
    .infer = infer_places,
    .eval = eval_places,
};

/* ---- with their values ---- */

static bool infer_topk(const Node *node, Type *out, Diag *diag)
{
    if (!infer_places(node, &out[INDICES_OUT], diag)) return false;
    out[VALUES_OUT] = out[INDICES_OUT];
    out[VALUES_OUT].dtype = operand_type(node, 0)->dtype;
    return true;
}

static bool expand_topk(const Maker *m, Value *out)
{
    GatherAttrs along = {.axis = ((const TopAttrs *)m->node->attrs)->axis};
    Value x = m->node->inputs[0];
    out[INDICES_OUT] = make(m, OP_top_indices, m->node->attrs, 1, &x);
    Value read[] = {x, out[INDICES_OUT]};
    out[VALUES_OUT] = make(m, OP_gather_elements, &along, 2, read);
    return out[VALUES_OUT].node != NULL;
}

static const char *const results[] = {"values", "indices"};

const OpDef op_topk = {
    .name = "topk",
    .doc = "The k greatest (or least) elements along the axis in order, and where they are: of equal ones the one that "
           "comes first, and NaN is above all.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = operands,
    .nresults = 2,
    .results = results,
    .attrs = TOP_ATTRS,
    .infer = infer_topk,
    .expand = expand_topk,
};
