/* Scaled dot-product attention, whose matrix of scores is never made: of each query the keys come in blocks, and what
 * was summed so far is scaled whenever a greater score appears (Milakov and Gimelshein 2018, Dao et al. 2022). */
#include "ir/attention.h"

#include "ir/fma.h"
#include "ir/ops/common.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- sizes ---- */

static Dim axis_of(const Type *type, int from_end) { return type->dim[type->rank - from_end]; }

Attention attention_of(const Node *node)
{
    const AttentionAttrs *attrs = node->attrs;
    const Type *q = operand_type(node, ATTENTION_Q), *k = operand_type(node, ATTENTION_K);
    const Type *v = operand_type(node, ATTENTION_V);
    Attention a = {.batch = q->rank == 3 ? q->dim[0].high : 1,
                   .heads = attrs->heads,
                   .queries = axis_of(q, 2).high,
                   .keys = axis_of(k, 2).high,
                   .depth = axis_of(q, 1).high / attrs->heads,
                   .width = axis_of(v, 1).high / attrs->heads,
                   .causal = attrs->causal,
                   .masked = operand_present(node, ATTENTION_MASK)};
    a.scale = attrs->scale > 0 ? attrs->scale : 1 / sqrt((double)a.depth);
    if (node->types[0].dtype == F32) a.scale = (double)(float)a.scale;
    return a;
}

static bool refuse(const Node *node, const char *what, const char *help, Diag *diag)
{
    diag_error(diag, E0301, node_span(node), "attention: %s: found %s, %s and %s", what,
               operand_text(node, ATTENTION_Q, diag->arena), operand_text(node, ATTENTION_K, diag->arena),
               operand_text(node, ATTENTION_V, diag->arena));
    return diag_help(diag, "%s", help);
}

static bool need_fixed(const Node *node, int index, Diag *diag)
{
    const Type *type = operand_type(node, index);
    if (!need_dtype(node, index, ACCEPT_FLOATS, diag) || (index && !need_same_dtype(node, index, diag))) return false;
    bool fits = type->rank == 2 || type->rank == 3;
    for (int axis = 0; fits && axis < type->rank; axis++) fits = dim_is_fixed(&type->dim[axis]);
    if (fits) return true;
    diag_error(diag, E0301, node_span(node), "attention: expected [N, T, E] or [T, E] of fixed sizes, found %s",
               operand_text(node, index, diag->arena));
    return diag_help(diag, "heads stay side by side in the last axis: heads: says how many");
}

static bool infer_attention(const Node *node, Type *out, Diag *diag)
{
    const AttentionAttrs *attrs = node->attrs;
    for (int i = ATTENTION_Q; i <= ATTENTION_V; i++)
        if (!need_fixed(node, i, diag)) return false;
    const Type *q = operand_type(node, ATTENTION_Q), *k = operand_type(node, ATTENTION_K);
    const Type *v = operand_type(node, ATTENTION_V);
    bool same = q->rank == k->rank && k->rank == v->rank && axis_of(q, 1).high == axis_of(k, 1).high &&
                axis_of(k, 2).high == axis_of(v, 2).high;
    if (q->rank == 3) same = same && q->dim[0].high == k->dim[0].high && q->dim[0].high == v->dim[0].high;
    if (!same)
        return refuse(node, "q, k and v do not fit each other",
                      "q and k have rows of one length, k and v one row a key, all the same batch", diag);
    bool divides = axis_of(q, 1).high > 0 && attrs->heads > 0;
    if (!divides || axis_of(q, 1).high % attrs->heads || axis_of(v, 1).high % attrs->heads)
        return refuse(node, "the last axes do not divide into the heads", "heads: must divide both", diag);
    if (!(attrs->scale >= 0 && attrs->scale < INFINITY)) {
        diag_error(diag, E0404, node_span(node), "attention: expected a scale of 0 or more, found %g", attrs->scale);
        return diag_help(diag, "0, or none, is 1 / sqrt(elements of a head)");
    }
    int64_t mask[] = {axis_of(q, 2).high, axis_of(k, 2).high};
    if (operand_present(node, ATTENTION_MASK) &&
        (!need_same_dtype(node, ATTENTION_MASK, diag) ||
         !need_shape(node, ATTENTION_MASK, 2, mask, "what is added to each query's score of each key", diag)))
        return false;
    *out = *q;
    out->dim[q->rank - 1] = axis_of(v, 1);
    return need_sane(node, out, diag);
}

/* ---- its meaning in other operators ---- */

/* [N, T, heads * D] as [N, heads, T, D], or keys as [N, heads, D, T]. */
static Value split_heads(const Maker *m, Value x, const Attention *a, int64_t rows, int64_t columns, bool keys)
{
    ReshapeAttrs shape = {.shape = {4, {a->batch, rows, a->heads, columns}}};
    TransposeAttrs order = {.permute = {4, {0, 2, keys ? 3 : 1, keys ? 1 : 3}}};
    Value split = make(m, OP_reshape, &shape, 1, &x);
    return make(m, OP_transpose, &order, 1, &split);
}

/* What keys after the query are masked with: 0 and -infinity. */
static Value causal_mask(const Maker *m, const Attention *a, Dtype dtype)
{
    Tensor mask = tensor_new(m->graph->arena, type_tensor(dtype, 2, (const int64_t[]){a->queries, a->keys}));
    for (int64_t i = 0; i < a->queries; i++)
        for (int64_t j = i + 1; j < a->keys; j++) tensor_set_real(&mask, i * a->keys + j, -INFINITY);
    return make_tensor(m, &mask);
}

static bool expand_attention(const Maker *m, Value *out)
{
    const Value *in = m->node->inputs;
    Attention a = attention_of(m->node);
    const Type *type = &m->node->types[0];
    Value q = split_heads(m, in[ATTENTION_Q], &a, a.queries, a.depth, false);
    Value k = split_heads(m, in[ATTENTION_K], &a, a.keys, a.depth, true);
    Value v = split_heads(m, in[ATTENTION_V], &a, a.keys, a.width, false);
    Value scale = make_number(m, type->dtype, a.scale);
    Value scores = make_binary(m, OP_mul, make_binary(m, OP_matmul, q, k), scale);
    if (a.masked) scores = make_binary(m, OP_add, scores, in[ATTENTION_MASK]);
    if (a.causal) scores = make_binary(m, OP_add, scores, causal_mask(m, &a, type->dtype));
    Value sums = make_binary(m, OP_matmul, make_unary(m, OP_softmax, scores), v);
    TransposeAttrs order = {.permute = {4, {0, 2, 1, 3}}};
    ReshapeAttrs shape = {.shape = {.count = type->rank}};
    for (int i = 0; i < type->rank; i++) shape.shape.at[i] = type->dim[i].high;
    Value joined = make(m, OP_transpose, &order, 1, &sums);
    out[0] = make(m, OP_reshape, &shape, 1, &joined);
    return out[0].node != NULL;
}

/* ---- block by block ---- */

void attention_score_expr(Expr *e, Dtype dtype, const Attention *a)
{
    int score = expr_binary(e, EXPR_MUL, expr_arg(e, 0, dtype), expr_real(e, dtype, a->scale));
    if (a->masked) score = expr_binary(e, EXPR_ADD, score, expr_arg(e, 1, dtype));
    e->result = score;
}

void attention_weight_expr(Expr *e, Dtype dtype)
{
    e->result = expr_exp(e, expr_binary(e, EXPR_SUB, expr_arg(e, 0, dtype), expr_arg(e, 1, dtype)));
}

double attention_lowest(Dtype dtype) { return dtype == F64 ? -DBL_MAX : (double)-FLT_MAX; }

/* What one head is computed with; rows of q, k, v and the result are so many elements apart. */
typedef struct Head {
    const Attention *a;
    const Expr *score, *weight;
    const void *q, *keys, *v, *mask; /* keys transposed: [depth, keys] */
    void *out;
    int64_t q_step, v_step;
} Head;

/* A block of keys for query i: scores, the running maximum and sum, the running sum of values. */
#define ATTENTION_LOOPS(T, NAME, ROWS)                                                                                 \
    static T NAME##_larger(T a, T b) { return a != a || a > b ? a : b; }                                               \
    static void NAME##_block(const Head *h, int64_t i, int64_t first, int64_t count, T *most, T *total)                \
    {                                                                                                                  \
        const Attention *a = h->a;                                                                                     \
        T sums[ATTENTION_BLOCK] = {0}, scores[ATTENTION_BLOCK], weights[ATTENTION_BLOCK], scale, old = *most;          \
        const T *mask = h->mask ? (const T *)h->mask + i * a->keys + first : sums;                                     \
        const void *args[] = {sums, mask}, *moved[] = {scores, most}, *change[] = {&old, most};                        \
        T *out = (T *)h->out + i * h->v_step;                                                                          \
        ROWS(sums, count, (const T *)h->q + i * h->q_step, 1, (const T *)h->keys + first, a->keys, a->depth);          \
        expr_run(h->score, args, (const int64_t[]){1, 1}, scores, count);                                              \
        for (int64_t j = 0; j < count; j++) {                                                                          \
            if (a->causal && first + j > i) scores[j] = (T)-INFINITY;                                                  \
            *most = NAME##_larger(*most, scores[j]);                                                                   \
        }                                                                                                              \
        expr_run(h->weight, change, (const int64_t[]){0, 0}, &scale, 1);                                               \
        expr_run(h->weight, moved, (const int64_t[]){1, 0}, weights, count);                                           \
        *total *= scale;                                                                                               \
        for (int64_t j = 0; j < count; j++) *total += weights[j];                                                      \
        for (int64_t e = 0; e < a->width; e++) out[e] *= scale;                                                        \
        ROWS(out, a->width, weights, 1, (const T *)h->v + first * h->v_step, h->v_step, count);                        \
    }                                                                                                                  \
    static void NAME##_head(const Head *h)                                                                             \
    {                                                                                                                  \
        const Attention *a = h->a;                                                                                     \
        for (int64_t i = 0; i < a->queries; i++) {                                                                     \
            T most = (T)attention_lowest(sizeof(T) == 8 ? F64 : F32), total = 0, *out = (T *)h->out + i * h->v_step;   \
            for (int64_t e = 0; e < a->width; e++) out[e] = 0;                                                         \
            for (int64_t j = 0; j < a->keys && !(a->causal && j > i); j += ATTENTION_BLOCK) {                          \
                int64_t left = a->keys - j;                                                                            \
                NAME##_block(h, i, j, left < ATTENTION_BLOCK ? left : ATTENTION_BLOCK, &most, &total);                 \
            }                                                                                                          \
            for (int64_t e = 0; e < a->width; e++) out[e] /= total;                                                    \
        }                                                                                                              \
    }

ATTENTION_LOOPS(float, single, fma_rows)
ATTENTION_LOOPS(double, twice, fma_rows_double)

static const void *offset(const void *base, int64_t elements, int64_t size)
{
    return (const char *)base + elements * size;
}

/* Rows of keys, `step` apart, as columns. */
static void transpose_keys(const Attention *a, const char *from, int64_t step, char *to, int64_t size)
{
    for (int64_t j = 0; j < a->keys; j++)
        for (int64_t d = 0; d < a->depth; d++)
            memcpy(to + (d * a->keys + j) * size, from + (j * step + d) * size, (size_t)size);
}

static void eval_attention(const Node *node, const Tensor *in, Tensor *out)
{
    Dtype dtype = out->type.dtype;
    Attention a = attention_of(node);
    Arena *scratch = arena_child(node->graph->arena);
    Expr *score = expr_new(scratch), *weight = expr_new(scratch);
    attention_score_expr(score, dtype, &a);
    attention_weight_expr(weight, dtype);
    int64_t size = dtype_bits(dtype) / 8, q_step = a.heads * a.depth, v_step = a.heads * a.width;
    char *keys = arena_array(scratch, (size_t)(a.keys * a.depth), (size_t)size);
    Head head = {.a = &a, .score = score, .weight = weight, .keys = keys, .q_step = q_step, .v_step = v_step};
    if (a.masked) head.mask = in[ATTENTION_MASK].data;
    for (int64_t n = 0; n < a.batch; n++)
        for (int64_t h = 0; h < a.heads; h++) {
            head.q = offset(in[ATTENTION_Q].data, n * a.queries * q_step + h * a.depth, size);
            head.v = offset(in[ATTENTION_V].data, n * a.keys * v_step + h * a.width, size);
            head.out = (char *)out->data + (n * a.queries * v_step + h * a.width) * size;
            const void *k = offset(in[ATTENTION_K].data, n * a.keys * q_step + h * a.depth, size);
            transpose_keys(&a, k, q_step, keys, size);
            if (dtype == F64)
                twice_head(&head);
            else
                single_head(&head);
        }
    arena_free(scratch);
}

static bool whole_attention(const Node *node)
{
    Dtype dtype = node->types[0].dtype;
    return dtype == F32 || dtype == F64;
}

const OpDef op_attention = {
    .name = "attention",
    .doc = "softmax(q * transpose(k) * scale + mask) * v, head by head. The scores are never all there: of each query "
           "the keys come in blocks of 64, m being the greatest score so far, from the lowest number on. A block's "
           "scores are sums by fused multiply-adds in order, times scale, plus mask; s = exp(m before - m after) "
           "scales the sum of weights and the sums of values, to which w = exp(score - m) and, by fused "
           "multiply-adds, w * v are added key by key; at the end the second are divided by the first. Causal: of "
           "query i keys after i do not count, and blocks of no others are left out.",
    .kind = KIND_NEST,
    .noperands = 4,
    .operands = (const Operand[]){{.name = "q", .doc = "[N, T, heads * D] or [T, heads * D]"},
                                  {.name = "k", .doc = "[N, S, heads * D] or [S, heads * D]"},
                                  {.name = "v", .doc = "[N, S, heads * W] or [S, heads * W]"},
                                  {.name = "mask",
                                   .flags = OPERAND_OPTIONAL,
                                   .doc = "[T, S], added to the scores: -infinity leaves a key out"}},
    .attrs = ATTRS(AttentionAttrs,
                   ATTR(AttentionAttrs, heads, .kind = ATTR_INT, .fallback = 1, .low = 1, .high = 4096,
                        .doc = "side by side in the last axes"),
                   ATTR(AttentionAttrs, scale, .kind = ATTR_FLOAT, .doc = "of the scores; 0 is 1 / sqrt(D)"),
                   ATTR(AttentionAttrs, causal, .kind = ATTR_BOOL, .doc = "whether a query sees no later keys")),
    .infer = infer_attention,
    .eval = eval_attention,
    .expand = expand_attention,
    .of_nothing = true,
    .whole = whole_attention,
};
