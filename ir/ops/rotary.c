/* Rotary position embedding: pairs of features turned by an angle that grows with the position ("RoFormer: Enhanced
 * Transformer with Rotary Position Embedding", arXiv:2104.09864). */
#include "ir/ops/make.h"

enum { X, COSINE, SINE, POSITION };

/* x as [N, T, heads, D] (joined) or [N, heads, T, D]. */
typedef struct Sizes {
    int64_t batch, steps, heads, depth, turned;
    bool joined;
} Sizes;

static Sizes sizes_of(const Node *node)
{
    const Type *x = operand_type(node, X), *cosine = operand_type(node, COSINE);
    Sizes s = {.joined = x->rank == 3, .batch = x->dim[0].high, .steps = x->dim[x->rank == 3 ? 1 : 2].high};
    s.heads = s.joined ? ((const RotaryEmbeddingAttrs *)node->attrs)->heads : x->dim[1].high;
    s.depth = s.joined ? x->dim[2].high / s.heads : x->dim[3].high;
    s.turned = cosine->rank ? 2 * cosine->dim[cosine->rank - 1].high : 0;
    return s;
}

static bool need_x(const Node *node, Diag *diag)
{
    const Type *x = operand_type(node, X);
    int64_t heads = ((const RotaryEmbeddingAttrs *)node->attrs)->heads;
    if (!need_dtype(node, X, ACCEPT_FLOATS, diag) || !need_fixed(node, X, diag)) return false;
    if (x->rank == 4 || (x->rank == 3 && x->dim[2].high % heads == 0)) return true;
    diag_error(diag, E0301, node_span(node),
               "rotary_embedding: expected [N, T, heads * D] of %lld heads or [N, heads, T, D], found %s",
               (long long)heads, type_text(diag->arena, x));
    return diag_help(diag, "say how many heads stand side by side, as in heads: 8");
}

/* Positions that are given say which rows of the table; else there is one a step, or one for all. */
static bool need_table(const Node *node, int operand, const Sizes *s, Diag *diag)
{
    const Type *table = operand_type(node, operand);
    if (!need_same_dtype(node, operand, diag) || !need_fixed(node, operand, diag)) return false;
    int rank = table->rank;
    bool positions = operand_present(node, POSITION), fits = rank == 2 || (rank == 3 && !positions);
    if (fits && !positions) fits = table->dim[rank - 2].high == 1 || table->dim[rank - 2].high == s->steps;
    if (fits && rank == 3) fits = table->dim[0].high == 1 || table->dim[0].high == s->batch;
    if (fits) fits = 2 * table->dim[rank - 1].high == s->turned && s->turned <= s->depth;
    if (fits) return true;
    diag_error(diag, E0301, node_span(node),
               "rotary_embedding: expected %s of at most half of the %lld features of a head, found %s",
               positions ? "tables [positions, pairs]" : "[T, pairs] or [N, T, pairs]", (long long)s->depth,
               operand_text(node, operand, diag->arena));
    return diag_help(diag, "the cosine and sine of each position's angle for each pair of features");
}

static bool infer_rotary(const Node *node, Type *out, Diag *diag)
{
    if (!need_x(node, diag)) return false;
    Sizes s = sizes_of(node);
    if (!need_table(node, COSINE, &s, diag) || !need_table(node, SINE, &s, diag)) return false;
    if (operand_present(node, POSITION)) {
        const int64_t dims[] = {s.batch, s.steps};
        if (!need_indices(node, POSITION, diag)) return false;
        if (!need_shape(node, POSITION, 2, dims, "one a step of each sequence", diag)) return false;
    }
    *out = *operand_type(node, X);
    return true;
}

/* The cosines or sines so that they broadcast with the features. */
static Value angles(const Maker *m, const Sizes *s, int operand)
{
    Value table = m->node->inputs[operand];
    if (operand_present(m->node, POSITION)) {
        Value read[] = {table, m->node->inputs[POSITION]};
        table = make(m, OP_gather, &(GatherAttrs){.axis = 0}, 2, read);
    }
    if (!table.node) return table;
    const Type *type = value_type(table);
    int64_t batch = type->rank == 3 ? type->dim[0].high : 1, steps = type->dim[type->rank - 2].high;
    const int64_t joined[] = {batch, steps, 1, s->turned / 2}, apart[] = {batch, 1, steps, s->turned / 2};
    return make_reshape(m, table, 4, s->joined ? joined : apart);
}

/* Every `step`th feature from `begin` below `end`. */
static Value features(const Maker *m, Value x, int64_t begin, int64_t end, int64_t step)
{
    SliceAttrs attrs = {.begin = {.count = 4}, .end = {.count = 4}, .step = {4, {1, 1, 1, step}}};
    if (!x.node) return x;
    for (int i = 0; i < 3; i++) attrs.end.at[i] = value_type(x)->dim[i].high;
    attrs.begin.at[3] = begin;
    attrs.end.at[3] = end;
    if (begin == 0 && end == value_type(x)->dim[3].high && step == 1) return x;
    return make(m, OP_slice, &attrs, 1, &x);
}

static Value side_by_side(const Maker *m, Value a, Value b, int axis)
{
    Value both[] = {a, b};
    return make(m, OP_concat, &(ConcatAttrs){.axis = axis}, 2, both);
}

/* Pairs again where they were: next to each other, or half of the features apart. */
static Value interleave(const Maker *m, const Sizes *s, Value first, Value second)
{
    int64_t dims[] = {s->batch, s->joined ? s->steps : s->heads, s->joined ? s->heads : s->steps, s->turned / 2, 1};
    Value a = make_reshape(m, first, 5, dims);
    Value b = make_reshape(m, second, 5, dims);
    dims[3] = s->turned;
    return make_reshape(m, side_by_side(m, a, b, 4), 4, dims);
}

static bool expand_rotary(const Maker *m, Value *out)
{
    Sizes s = sizes_of(m->node);
    bool interleaved = ((const RotaryEmbeddingAttrs *)m->node->attrs)->interleaved;
    int64_t half = s.turned / 2, dims[MAX_RANK];
    Value x = m->node->inputs[X];
    if (s.joined) x = make_reshape(m, x, 4, (const int64_t[]){s.batch, s.steps, s.heads, s.depth});
    Value cosine = angles(m, &s, COSINE);
    Value sine = angles(m, &s, SINE);
    Value a = interleaved ? features(m, x, 0, s.turned, 2) : features(m, x, 0, half, 1);
    Value b = interleaved ? features(m, x, 1, s.turned, 2) : features(m, x, half, s.turned, 1);
    Value kept = make_binary(m, OP_mul, cosine, a);
    Value first = make_binary(m, OP_sub, kept, make_binary(m, OP_mul, sine, b));
    Value moved = make_binary(m, OP_mul, sine, a);
    Value second = make_binary(m, OP_add, moved, make_binary(m, OP_mul, cosine, b));
    Value turned = interleaved ? interleave(m, &s, first, second) : side_by_side(m, first, second, 3);
    if (s.turned < s.depth) turned = side_by_side(m, turned, features(m, x, s.turned, s.depth, 1), 3);
    const Type *type = &m->node->types[0];
    for (int i = 0; i < type->rank; i++) dims[i] = type->dim[i].high;
    out[0] = s.joined ? make_reshape(m, turned, type->rank, dims) : turned;
    return out[0].node != NULL;
}

/* Tables for all features of one head. */
static bool fitting_tables(int index, const Type *first, int64_t number, Type *out)
{
    if (!first || (first->rank != 3 && first->rank != 4) || (index != COSINE && index != SINE) || number < 20)
        return false;
    int64_t depth = first->dim[first->rank - 1].high;
    *out = type_tensor(first->dtype, 2, (const int64_t[]){first->dim[first->rank - 2].high, depth > 1 ? depth / 2 : 1});
    return true;
}

const OpDef op_rotary_embedding = {
    .name = "rotary_embedding",
    .doc = "Turns pairs (a, b) of each head's features by the angle of their position: (a cos - b sin, a sin + b cos). "
           "Pairs are half of the turned features apart or, interleaved, next to each other; features beyond twice the "
           "table's width stay.",
    .kind = KIND_COMPOSITE,
    .noperands = 4,
    .operands = (const Operand[]){{.name = "x", .doc = "[N, T, heads * D] or [N, heads, T, D]"},
                                  {.name = "cos",
                                   .doc = "[T, pairs], [N, T, pairs] or, with positions, a table [positions, pairs]"},
                                  {.name = "sin", .doc = "as cos"},
                                  {.name = "position",
                                   .flags = OPERAND_INDEX | OPERAND_OPTIONAL,
                                   .doc = "[N, T], the row of the table for each step"}},
    .attrs = ATTRS(
        RotaryEmbeddingAttrs,
        ATTR(RotaryEmbeddingAttrs, heads, .kind = ATTR_INT, .fallback = 1, .low = 1, .high = 1 << 20,
             .doc = "that stand side by side in the last axis of three"),
        ATTR(RotaryEmbeddingAttrs, interleaved, .kind = ATTR_BOOL, .doc = "whether pairs are next to each other")),
    .infer = infer_rotary,
    .expand = expand_rotary,
    .fitting = fitting_tables,
};
