/* TfIdfVectorizer of integers: how often each n-gram of a pool stands in a text, its words next to each other or with
 * as many between all of them.  Every place is compared with every n-gram. */
#include "frontend/onnx/call.h"

#include <string.h>

enum { LONGEST_GRAM = 16, MOST_SKIPS = 64, MOST_RESULTS = 1 << 24, MOST_SHARED = 64 };

typedef struct Grams {
    OnnxCall *c;
    Value text;           /* [N, words] */
    int64_t batch, words; /* of it */
    int64_t shortest, longest, skips;
    const Onnx__AttributeProto *pool, *begins, *places, *weights;
    int64_t first, count; /* n-grams that are counted, by their number among all */
    int64_t outputs;
} Grams;

/* ---- attributes ---- */

static int64_t begin_of(const Grams *g, int64_t length)
{
    bool behind = length > (int64_t)g->begins->n_ints;
    return behind ? (int64_t)g->pool->n_ints : g->begins->ints[length - 1];
}

static int64_t grams_of(const Grams *g, int64_t length)
{
    return (begin_of(g, length + 1) - begin_of(g, length)) / length;
}

/* N-grams of each length fill their part of the pool, and there is a place for each of them. */
static bool check_pool(Grams *g)
{
    OnnxCall *c = g->c;
    int64_t all = 0;
    for (int64_t length = 1; length <= (int64_t)g->begins->n_ints; length++) {
        int64_t from = begin_of(g, length), to = begin_of(g, length + 1);
        if (from < 0 || to < from || to > (int64_t)g->pool->n_ints || (to - from) % length)
            return onnx_wrong(c, "ngram_counts do not divide the pool");
        if (length < g->shortest) g->first += grams_of(g, length);
        if (length >= g->shortest && length <= g->longest) g->count += grams_of(g, length);
        all += grams_of(g, length);
    }
    if (!g->count || (int64_t)g->places->n_ints != all || (g->weights && (int64_t)g->weights->n_floats != all))
        return onnx_wrong(c, "there is not one index and weight for each of %lld n-grams", (long long)all);
    for (int64_t i = 0; i < all; i++) {
        int64_t place = g->places->ints[i];
        if (place < 0 || place >= MOST_RESULTS) return onnx_wrong(c, "index %lld of an n-gram", (long long)place);
        if (place >= g->outputs) g->outputs = place + 1;
    }
    return true;
}

static bool read_grams(Grams *g)
{
    OnnxCall *c = g->c;
    g->shortest = onnx_int(c, "min_gram_length", 1);
    g->longest = onnx_int(c, "max_gram_length", 1);
    g->skips = onnx_int(c, "max_skip_count", 0);
    g->pool = onnx_attr(c, "pool_int64s");
    g->begins = onnx_attr(c, "ngram_counts");
    g->places = onnx_attr(c, "ngram_indexes");
    g->weights = onnx_attr(c, "weights");
    if (onnx_has_attr(c, "pool_strings") || !g->pool)
        return onnx_refuse(c, "pool_strings", "lepc has numbers and booleans: look words up before",
                           "words as strings");
    if (!g->begins || !g->places) return onnx_wrong(c, "ngram_counts or ngram_indexes are missing");
    if (g->shortest < 1 || g->longest < g->shortest || g->skips < 0)
        return onnx_wrong(c, "n-grams of %lld to %lld words", (long long)g->shortest, (long long)g->longest);
    if (g->longest > LONGEST_GRAM || g->skips > MOST_SKIPS)
        return onnx_refuse(c, "", "use shorter n-grams", "n-grams of more than %d words, or skips of more than %d",
                           LONGEST_GRAM, MOST_SKIPS);
    return check_pool(g);
}

static bool read_text(Grams *g)
{
    OnnxCall *c = g->c;
    Value text = onnx_operand(c, 0);
    const Type *type = value_type(text);
    if (dtype_is_float(type->dtype) || type->rank < 1 || type->rank > 2)
        return onnx_wrong(c, "expected integers [C] or [N, C], found %s", type_text(c->arena, type));
    if (!onnx_need_fixed(c, type)) return false;
    g->batch = type->rank == 2 ? type->dim[0].high : 1;
    g->words = type->dim[type->rank - 1].high;
    g->text = onnx_reshape(c, onnx_cast(c, text, I64), 2, (const int64_t[]){g->batch, g->words});
    return g->text.node != NULL;
}

/* ---- counting ---- */

/* Word `number` of every n-gram of a length, [1, 1, grams]. */
static Value pool_words(const Grams *g, int64_t length, int64_t number)
{
    Tensor *tensor = ARENA_NEW(g->c->arena, Tensor);
    int64_t count = grams_of(g, length), begin = begin_of(g, length);
    *tensor = tensor_new(g->c->arena, type_tensor(I64, 3, (const int64_t[]){1, 1, count}));
    for (int64_t i = 0; i < count; i++)
        tensor_set(tensor, i, (Scalar){.integer = g->pool->ints[begin + i * length + number]});
    return onnx_make_constant(g->c, tensor);
}

/* The words that stand `offset` behind each of the first `places`, [N, places, 1]. */
static Value words_at(const Grams *g, int64_t offset, int64_t places)
{
    SliceAttrs attrs = {.begin = {2, {0, offset}}, .end = {2, {g->batch, offset + places}}, .step = {2, {1, 1}}};
    Value part = onnx_make(g->c, OP_slice, &attrs, 1, &g->text);
    return onnx_reshape(g->c, part, 3, (const int64_t[]){g->batch, places, 1});
}

/* [N, grams]: how often those of a length stand there with their words so far apart. */
static Value count_apart(const Grams *g, int64_t length, int64_t distance)
{
    OnnxCall *c = g->c;
    int64_t places = g->words - (length - 1) * distance;
    Value same = {NULL, 0};
    if (places < 1)
        return onnx_broadcast(c, onnx_number(c, F32, 0), 2, (const int64_t[]){g->batch, grams_of(g, length)});
    for (int64_t i = 0; i < length; i++) {
        Value words = words_at(g, i * distance, places), wanted = pool_words(g, length, i);
        Value equal = onnx_make2(c, OP_equal, words, wanted);
        same = i ? onnx_make2(c, OP_logical_and, same, equal) : equal;
        if (!same.node) return same;
    }
    ReduceAttrs attrs = {.axes = {1, {1}}};
    return onnx_make(c, OP_reduce_sum, &attrs, 1, (Value[]){onnx_cast(c, same, F32)});
}

static Value count_length(const Grams *g, int64_t length)
{
    Value sum = count_apart(g, length, 1);
    for (int64_t skip = 1; length > 1 && skip <= g->skips && sum.node; skip++) {
        Value more = count_apart(g, length, 1 + skip);
        sum = onnx_make2(g->c, OP_add, sum, more);
    }
    return sum;
}

static Value joined(const Grams *g, const Value *parts, int count)
{
    return count == 1 ? parts[0] : onnx_make(g->c, OP_concat, &(ConcatAttrs){.axis = 1}, count, parts);
}

/* [N, all n-grams that are counted] */
static Value count_all(const Grams *g)
{
    Value parts[LONGEST_GRAM];
    int count = 0;
    for (int64_t length = g->shortest; length <= g->longest; length++)
        if (length <= (int64_t)g->begins->n_ints && grams_of(g, length)) {
            parts[count] = count_length(g, length);
            if (!parts[count++].node) return (Value){NULL, 0};
        }
    return joined(g, parts, count);
}

/* ---- what is made of the counts ---- */

static Value weighted(const Grams *g, Value counts)
{
    OnnxCall *c = g->c;
    const char *mode = onnx_string(c, "mode", "TF");
    bool inverse = !strcmp(mode, "IDF"), both = !strcmp(mode, "TFIDF");
    if (!counts.node || (!inverse && !both)) return counts;
    Tensor *tensor = ARENA_NEW(c->arena, Tensor);
    *tensor = tensor_new(c->arena, type_tensor(F32, 2, (const int64_t[]){1, g->count}));
    for (int64_t i = 0; i < g->count; i++)
        tensor_set_real(tensor, i, g->weights ? (double)g->weights->floats[g->first + i] : 1);
    Value weights = onnx_make_constant(c, tensor);
    if (both) return onnx_make2(c, OP_mul, counts, weights);
    Value zero = onnx_number(c, F32, 0), there = onnx_make2(c, OP_less, zero, counts);
    return onnx_make(c, OP_where, NULL, 3, (Value[]){there, weights, zero});
}

/* Each result's n-gram of number `layer` among those that have its place, behind all of them a zero; whether some has
 * one. */
static bool fill_layer(const Grams *g, int layer, Tensor *index)
{
    int *seen = ARENA_ARRAY(g->c->arena, int, g->outputs + 1);
    bool some = false;
    for (int64_t i = 0; i < g->outputs; i++) tensor_set(index, i, (Scalar){.integer = g->count});
    for (int64_t i = 0; i < g->count; i++) {
        int64_t place = g->places->ints[g->first + i];
        if (seen[place]++ != layer) continue;
        tensor_set(index, place, (Scalar){.integer = i});
        some = true;
    }
    return some;
}

/* [N, results] */
static Value placed(const Grams *g, Value counts)
{
    OnnxCall *c = g->c;
    Value sum = {NULL, 0}, zero = onnx_number(c, F32, 0);
    Value parts[2] = {counts, onnx_broadcast(c, zero, 2, (const int64_t[]){g->batch, 1})};
    if (!counts.node) return counts;
    Value all = joined(g, parts, 2);
    for (int layer = 0;; layer++) {
        Tensor *index = ARENA_NEW(c->arena, Tensor);
        *index = tensor_new(c->arena, type_tensor(I64, 1, &g->outputs));
        if (!fill_layer(g, layer, index)) return sum;
        if (layer == MOST_SHARED) {
            onnx_refuse(c, "ngram_indexes", "give them more", "a place that more than %d n-grams share", MOST_SHARED);
            return (Value){NULL, 0};
        }
        Value operands[] = {all, onnx_make_constant(c, index)};
        Value taken = onnx_make(c, OP_gather, &(GatherAttrs){.axis = 1}, 2, operands);
        sum = layer ? onnx_make2(c, OP_add, sum, taken) : taken;
        if (!sum.node) return sum;
    }
}

bool onnx_op_tfidf(OnnxCall *c)
{
    Grams g = {.c = c};
    if (!read_grams(&g) || !read_text(&g)) return false;
    Type type = type_tensor(F32, 2, (const int64_t[]){g.batch, g.outputs});
    if (!type_is_sane(&type) || !onnx_afford(c, &type)) return onnx_wrong(c, "a result that is too large");
    Value counts = weighted(&g, count_all(&g)), result = placed(&g, counts);
    bool one = onnx_operand_type(c, 0)->rank == 1;
    return onnx_result(c, 0, one ? onnx_reshape(c, result, 1, &g.outputs) : result);
}
