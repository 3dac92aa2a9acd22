/* Scaled dot-product attention, in as far as it can with the operator that never makes the scores. */
#include "frontend/onnx/call.h"

#include <math.h>

enum { Q, K, V, MASK, PAST_KEY, PAST_VALUE, VALID };
enum { OUT, PRESENT_KEY, PRESENT_VALUE, SCORES };

/* All as [N, heads, T, D]. */
typedef struct Heads {
    Value q, k, v;
    int64_t batch, heads, key_heads, queries, keys, past;
    Dtype dtype;
    double scale, softcap;
    bool causal, joined; /* joined: the operands have their heads side by side in the last axis */
    int64_t mode;        /* which scores are the last result */
} Heads;

static int64_t dim(Value a, int axis) { return value_type(a)->dim[axis].high; }

/* [N, T, heads * D] as [N, heads, T, D]. */
static Value apart(OnnxCall *c, Value x, int64_t heads)
{
    if (value_type(x)->rank == 4) return x;
    int64_t dims[] = {dim(x, 0), dim(x, 1), heads, dim(x, 2) / heads};
    return onnx_transpose(c, onnx_reshape(c, x, 4, dims), &(IntList){4, {0, 2, 1, 3}});
}

static bool read_heads(OnnxCall *c, Heads *h)
{
    Value in[] = {onnx_operand(c, Q), onnx_operand(c, K), onnx_operand(c, V)};
    int rank = value_type(in[Q])->rank;
    if ((rank != 3 && rank != 4) || value_type(in[K])->rank != rank || value_type(in[V])->rank != rank)
        return onnx_wrong(c, "expected operands of three or four axes");
    h->joined = rank == 3;
    h->heads = onnx_int(c, "q_num_heads", h->joined ? 0 : dim(in[Q], 1));
    h->key_heads = onnx_int(c, "kv_num_heads", h->joined ? 0 : dim(in[K], 1));
    bool divide = h->heads >= 1 && h->key_heads >= 1 && h->heads % h->key_heads == 0;
    if (divide && h->joined)
        divide = !(dim(in[Q], 2) % h->heads) && !(dim(in[K], 2) % h->key_heads) && !(dim(in[V], 2) % h->key_heads);
    if (!divide) return onnx_wrong(c, "the heads do not divide the operands");
    h->q = apart(c, in[Q], h->heads);
    h->k = apart(c, in[K], h->key_heads);
    h->v = apart(c, in[V], h->key_heads);
    if (!h->q.node || !h->k.node || !h->v.node) return false;
    h->batch = dim(h->q, 0);
    h->queries = dim(h->q, 2);
    h->dtype = value_type(h->q)->dtype;
    h->scale = onnx_float(c, "scale", 1 / sqrt((double)dim(h->q, 3)));
    h->softcap = onnx_float(c, "softcap", 0);
    h->causal = onnx_int(c, "is_causal", 0) != 0;
    h->mode = onnx_int(c, "qk_matmul_output_mode", 0);
    return true;
}

static Value behind(OnnxCall *c, Value past, Value now)
{
    if (!past.node) return now;
    return onnx_make(c, OP_concat, &(ConcatAttrs){.axis = 2}, 2, (Value[]){past, now});
}

static bool join_past(OnnxCall *c, Heads *h)
{
    Value past = onnx_operand(c, PAST_KEY);
    h->past = past.node ? dim(past, 2) : 0;
    h->k = behind(c, past, h->k);
    h->v = behind(c, onnx_operand(c, PAST_VALUE), h->v);
    if (!h->k.node || !h->v.node) return false;
    h->keys = dim(h->k, 2);
    if (onnx_wants(c, PRESENT_KEY) && !onnx_result(c, PRESENT_KEY, past.node ? h->k : onnx_make1(c, OP_copy, h->k)))
        return false;
    return !onnx_wants(c, PRESENT_VALUE) ||
           onnx_result(c, PRESENT_VALUE, past.node ? h->v : onnx_make1(c, OP_copy, h->v));
}

/* Each head of the keys for as many of the queries as share it. */
static Value repeated(OnnxCall *c, const Heads *h, Value x)
{
    int64_t times = h->heads / h->key_heads, rows = dim(x, 2), width = dim(x, 3);
    if (times == 1) return x;
    Value one = onnx_reshape(c, x, 5, (const int64_t[]){h->batch, h->key_heads, 1, rows, width});
    Value all = onnx_broadcast(c, one, 5, (const int64_t[]){h->batch, h->key_heads, times, rows, width});
    return onnx_reshape(c, all, 4, (const int64_t[]){h->batch, h->heads, rows, width});
}

/* ---- what is added to the scores ---- */

static Value added(OnnxCall *c, Value a, Value b)
{
    if (!a.node || !b.node) return a.node ? a : b;
    return onnx_make2(c, OP_add, a, b);
}

/* 0 where the condition holds, else -infinity. */
static Value zero_where(OnnxCall *c, Value condition, Dtype dtype)
{
    Value in[] = {condition, onnx_number(c, dtype, 0), onnx_number(c, dtype, -INFINITY)};
    return onnx_make(c, OP_where, NULL, 3, in);
}

/* The mask as numbers to add, for all keys: those beyond its end are not looked at. */
static Value given_mask(OnnxCall *c, const Heads *h)
{
    Value mask = onnx_operand(c, MASK);
    if (!mask.node) return mask;
    if (value_type(mask)->dtype == BOOL) mask = zero_where(c, mask, h->dtype);
    if (!mask.node) return mask;
    int last = value_type(mask)->rank - 1;
    int64_t missing = h->keys - (last < 0 ? h->keys : dim(mask, last));
    if (missing <= 0) return mask;
    PadAttrs pad = {.end.count = last + 1};
    pad.end.at[last] = missing;
    return onnx_make(c, OP_pad, &pad, 2, (Value[]){mask, onnx_number(c, h->dtype, -INFINITY)});
}

/* A query sees the keys up to its own place behind what was before. */
static Value causal_mask(OnnxCall *c, const Heads *h)
{
    Tensor *tensor = ARENA_NEW(c->arena, Tensor);
    Type type = type_tensor(h->dtype, 2, (const int64_t[]){h->queries, h->keys});
    if (!onnx_afford(c, &type)) return (Value){NULL, 0};
    *tensor = tensor_new(c->arena, type);
    for (int64_t i = 0; i < h->queries; i++)
        for (int64_t j = i + h->past + 1; j < h->keys; j++) tensor_set_real(tensor, i * h->keys + j, -INFINITY);
    return onnx_make_constant(c, tensor);
}

/* Keys from the number of valid ones on are padding. */
static Value padding_mask(OnnxCall *c, const Heads *h)
{
    Value valid = onnx_operand(c, VALID);
    if (!valid.node) return valid;
    valid = onnx_reshape(c, onnx_cast(c, valid, I64), 4, (const int64_t[]){h->batch, 1, 1, 1});
    IotaAttrs count = {.shape = {1, {h->keys}}, .axis = 0, .to = (int)I64};
    return zero_where(c, onnx_make2(c, OP_less, onnx_make(c, OP_iota, &count, 0, NULL), valid), h->dtype);
}

/* ---- the whole, with scores ---- */

static Value side_by_side(OnnxCall *c, const Heads *h, Value out)
{
    if (!h->joined || !out.node) return out;
    out = onnx_transpose(c, out, &(IntList){4, {0, 2, 1, 3}});
    if (!out.node) return out;
    return onnx_reshape(c, out, 3, (const int64_t[]){h->batch, h->queries, h->heads * dim(out, 3)});
}

static Value capped(OnnxCall *c, Value scores, double cap)
{
    if (!scores.node || !(cap > 0)) return scores;
    Value number = onnx_number(c, value_type(scores)->dtype, cap);
    return onnx_make2(c, OP_mul, onnx_make1(c, OP_tanh, onnx_make2(c, OP_div, scores, number)), number);
}

/* Scores as they are after each step: the products, with the masks, capped, the weights. */
enum { PRODUCTS, MASKED, CAPPED, WEIGHTS, STEPS };

static bool with_scores(OnnxCall *c, const Heads *h)
{
    Value root = onnx_number(c, h->dtype, sqrt(h->scale)), steps[STEPS];
    Value keys = onnx_transpose(c, repeated(c, h, h->k), &(IntList){4, {0, 1, 3, 2}});
    Value q = onnx_make2(c, OP_mul, h->q, root), k = onnx_make2(c, OP_mul, keys, root);
    steps[PRODUCTS] = onnx_matrix_product(c, q, k);
    Value mask = given_mask(c, h);
    if (h->causal) mask = added(c, mask, causal_mask(c, h));
    mask = added(c, mask, padding_mask(c, h));
    steps[MASKED] = mask.node && steps[PRODUCTS].node ? onnx_make2(c, OP_add, steps[PRODUCTS], mask) : steps[PRODUCTS];
    steps[CAPPED] = capped(c, steps[MASKED], h->softcap);
    Dtype precise = onnx_dtype((int32_t)onnx_int(c, "softmax_precision", 0));
    Value rows = precise < DTYPE_COUNT ? onnx_cast(c, steps[CAPPED], precise) : steps[CAPPED];
    steps[WEIGHTS] = onnx_make(c, OP_softmax, &(SoftmaxAttrs){.axis = -1}, 1, &rows);
    if (!steps[WEIGHTS].node) return false;
    Value v = onnx_cast(c, repeated(c, h, h->v), value_type(steps[WEIGHTS])->dtype);
    Value out = onnx_cast(c, onnx_matrix_product(c, steps[WEIGHTS], v), h->dtype);
    if (h->mode < 0 || h->mode >= STEPS) return onnx_wrong(c, "there is no mode %lld", (long long)h->mode);
    if (onnx_wants(c, SCORES)) {
        Value scores = steps[h->mode];
        scores =
            value_type(scores)->dtype == h->dtype ? onnx_make1(c, OP_copy, scores) : onnx_cast(c, scores, h->dtype);
        if (!onnx_result(c, SCORES, scores)) return false;
    }
    return onnx_result(c, OUT, side_by_side(c, h, out));
}

/* ---- without ---- */

/* Heads side by side, each a row a token; a mask for all of them; nothing of what lies between is asked for. */
static bool fits_whole(OnnxCall *c, const Heads *h)
{
    Value mask = onnx_operand(c, MASK);
    bool masked = !mask.node || (value_type(mask)->rank == 2 && value_type(mask)->dtype == h->dtype &&
                                 dim(mask, 0) == h->queries && dim(mask, 1) == h->keys);
    bool plain = !h->past && !onnx_has(c, VALID) && !onnx_wants(c, SCORES) && !(h->softcap > 0);
    return masked && plain && h->joined && h->heads == h->key_heads && (h->dtype == F32 || h->dtype == F64) &&
           h->scale > 0 && !onnx_has_attr(c, "softmax_precision");
}

bool onnx_op_attention(OnnxCall *c)
{
    Heads h = {.softcap = 0};
    if (!read_heads(c, &h) || !join_past(c, &h)) return false;
    if (!fits_whole(c, &h)) return with_scores(c, &h);
    AttentionAttrs attrs = {.heads = h.heads, .scale = h.scale, .causal = h.causal};
    Value in[] = {onnx_operand(c, Q), onnx_operand(c, K), onnx_operand(c, V), onnx_operand(c, MASK)};
    return onnx_result(c, OUT, onnx_make(c, OP_attention, &attrs, 4, in));
}

/* ---- rotary embedding ---- */

/* How many features are turned is what the tables say; the attribute can only repeat it. */
bool onnx_op_rotary_embedding(OnnxCall *c)
{
    Value in[] = {onnx_operand(c, 0), onnx_operand(c, 1), onnx_operand(c, 2), onnx_operand(c, 3)};
    RotaryEmbeddingAttrs attrs = {.heads = onnx_int(c, "num_heads", 0),
                                  .interleaved = onnx_int(c, "interleaved", 0) != 0};
    int64_t turned = onnx_int(c, "rotary_embedding_dim", 0);
    const Type *table = value_type(in[1]);
    if (turned && (!table->rank || 2 * table->dim[table->rank - 1].high != turned))
        return onnx_wrong(c, "%s does not turn %lld features", type_text(c->arena, table), (long long)turned);
    if (attrs.heads < 1 && value_type(in[0])->rank == 3) return onnx_wrong(c, "num_heads is missing");
    if (attrs.heads < 1) attrs.heads = 1;
    return onnx_result(c, 0, onnx_make(c, OP_rotary_embedding, &attrs, 4, in));
}
