/* A table of vectors, one a word, as a layer. */
#include "ir/ops/make.h"

enum { INDEX, WEIGHT };

static bool need_number(const Node *node, const char *name, int64_t value, Diag *diag)
{
    if (value >= 1 && value <= 1 << 24) return true;
    diag_error(diag, value ? E0404 : E0403, node_span(node), "embedding: expected `%s` of 1 or more, found %s", name,
               value ? arena_printf(diag->arena, "%lld", (long long)value) : "none");
    return diag_help(diag, "write embedding(index, rows: 1000, out: 32)");
}

static bool param_embedding(const Node *node, int index, Type *out, Diag *diag)
{
    (void)index;
    const EmbeddingAttrs *attrs = node->attrs;
    if (!need_indices(node, INDEX, diag)) return false;
    if (!need_number(node, "rows", attrs->rows, diag) || !need_number(node, "out", attrs->out, diag)) return false;
    *out = type_tensor(F32, 2, (const int64_t[]){attrs->rows, attrs->out});
    return need_sane(node, out, diag);
}

static bool infer_embedding(const Node *node, Type *out, Diag *diag)
{
    const Type *index = operand_type(node, INDEX), *weight = operand_type(node, WEIGHT);
    if (!need_fixed(node, INDEX, diag) || !need_indices(node, INDEX, diag)) return false;
    if (!need_rank(node, WEIGHT, 2, "[rows, out]", diag) || !need_fixed(node, WEIGHT, diag)) return false;
    *out = *index;
    out->dtype = weight->dtype;
    if (index->rank == MAX_RANK) {
        diag_error(diag, E0301, node_span(node), "embedding: %s has no room for another axis",
                   operand_text(node, INDEX, diag->arena));
        return diag_help(diag, "join axes with reshape first");
    }
    out->dim[out->rank++] = weight->dim[1];
    return need_sane(node, out, diag);
}

static bool expand_embedding(const Maker *m, Value *out)
{
    Value operands[] = {m->node->inputs[WEIGHT], m->node->inputs[INDEX]};
    out[0] = make(m, OP_gather, &(GatherAttrs){.axis = 0}, 2, operands);
    return out[0].node != NULL;
}

const OpDef op_embedding = {
    .name = "embedding",
    .doc = "The row of a table that each index names: [...] becomes [..., out].",
    .kind = KIND_COMPOSITE,
    .noperands = 2,
    .operands =
        (const Operand[]){{.name = "index",
                           .flags = OPERAND_INDEX,
                           .doc = "integers of any shape; negative ones count from the end, and those outside are "
                                  "moved to the nearest end"},
                          {.name = "weight", .flags = OPERAND_PARAM, .doc = "[rows, out], embeddings in Keras"}},
    .attrs = ATTRS(EmbeddingAttrs,
                   ATTR(EmbeddingAttrs, rows, .kind = ATTR_INT, .low = 1, .high = 1 << 24, .flags = ATTR_LAYER,
                        .doc = "of the table: words that there are"),
                   ATTR(EmbeddingAttrs, out, .kind = ATTR_INT, .low = 1, .high = 1 << 24, .flags = ATTR_LAYER,
                        .doc = "numbers a word")),
    .infer = infer_embedding,
    .param = param_embedding,
    .expand = expand_embedding,
};
