#include "frontend/onnx/ops/tree.h"

#include <math.h>
#include <string.h>

/* ---- tables ---- */

void tree_branch(TreeNode *node, int mode, bool missing_is_true, int64_t yes, int64_t no)
{
    static const bool holds[TREE_MODES][TREE_OUTCOMES] = {
        [TREE_LEQ] = {true, true, false, false}, [TREE_LT] = {true, false, false, false},
        [TREE_GTE] = {false, true, true, false}, [TREE_GT] = {false, false, true, false},
        [TREE_EQ] = {false, true, false, false}, [TREE_NEQ] = {true, false, true, true},
    };
    for (int i = 0; i < TREE_OUTCOMES; i++) {
        bool way = holds[mode][i] || (i == TREE_NAN && missing_is_true);
        node->next[i] = way ? yes : no;
    }
}

static Type weights_type(const Trees *t) { return type_tensor(t->dtype, 2, (const int64_t[]){t->count, t->targets}); }

bool tree_weights(Trees *t)
{
    if (t->targets < 1 || t->targets > INT32_MAX || !t->count || !t->nroots)
        return onnx_wrong(t->c, "an ensemble without nodes or targets");
    Type type = weights_type(t);
    if (!type_is_sane(&type)) return onnx_wrong(t->c, "%lld targets", (long long)t->targets);
    if (!onnx_afford(t->c, &type)) return false;
    t->weights = ARENA_ARRAY(t->c->arena, double, t->count * t->targets);
    for (int64_t i = 0; i < t->count * t->targets; i++) t->weights[i] = NAN;
    return true;
}

static bool is_leaf(const Trees *t, int64_t node) { return t->at[node].next[0] == node; }

/* The longest way from a root to a leaf; -1: there is a circle. */
static int64_t depth_of(const Trees *t)
{
    Arena *arena = t->c->arena;
    int64_t *parents = ARENA_ARRAY(arena, int64_t, t->count), *depth = ARENA_ARRAY(arena, int64_t, t->count);
    int64_t *ready = ARENA_ARRAY(arena, int64_t, t->count), begin = 0, end = 0, most = 0;
    for (int64_t i = 0; i < t->count; i++)
        for (int k = 0; k < TREE_OUTCOMES && !is_leaf(t, i); k++) parents[t->at[i].next[k]]++;
    for (int64_t i = 0; i < t->count; i++)
        if (!parents[i]) ready[end++] = i;
    for (; begin < end; begin++) {
        int64_t node = ready[begin];
        if (depth[node] > most) most = depth[node];
        for (int k = 0; k < TREE_OUTCOMES && !is_leaf(t, node); k++) {
            int64_t next = t->at[node].next[k];
            if (depth[next] <= depth[node]) depth[next] = depth[node] + 1;
            if (!--parents[next]) ready[end++] = next;
        }
    }
    return end == t->count ? most : -1;
}

/* Whether x <= split is all that matters, as in nearly every file. */
static bool is_plain(const Trees *t)
{
    for (int64_t i = 0; i < t->count; i++) {
        const int64_t *next = t->at[i].next;
        if (next[TREE_LESS] != next[TREE_EQUAL] || next[TREE_GREATER] != next[TREE_NAN]) return false;
    }
    return true;
}

/* ---- the walk ---- */

static Tensor *table(const Trees *t, Dtype dtype, int rank, const int64_t *dims)
{
    Tensor *tensor = ARENA_NEW(t->c->arena, Tensor);
    *tensor = tensor_new(t->c->arena, type_tensor(dtype, rank, dims));
    return tensor;
}

/* Of each node, the feature that it looks at, the split, and where it goes on: `ways` columns. */
static void make_tables(const Trees *t, int ways, Value *feature, Value *split, Value *next)
{
    int64_t edges = t->count * ways;
    Tensor *features = table(t, I64, 1, &t->count), *splits = table(t, t->dtype, 1, &t->count);
    Tensor *nexts = table(t, I64, 1, &edges);
    for (int64_t i = 0; i < t->count; i++) {
        tensor_set(features, i, (Scalar){.integer = t->at[i].feature});
        tensor_set_real(splits, i, t->at[i].split);
        for (int k = 0; k < ways; k++)
            tensor_set(nexts, i * ways + k, (Scalar){.integer = t->at[i].next[ways == 2 && k ? TREE_GREATER : k]});
    }
    *feature = onnx_make_constant(t->c, features);
    *split = onnx_make_constant(t->c, splits);
    *next = onnx_make_constant(t->c, nexts);
}

static Value choose(OnnxCall *c, Value condition, int64_t yes, Value no)
{
    Value number = onnx_number(c, I64, (double)yes);
    return onnx_make(c, OP_where, NULL, 3, (Value[]){condition, number, no});
}

/* The column of the table of ways. */
static Value outcome(const Trees *t, int ways, Value x, Value split)
{
    OnnxCall *c = t->c;
    if (ways == 2) {
        Value other = onnx_number(c, I64, 1), less = onnx_make2(c, OP_less_or_equal, x, split);
        return choose(c, less, 0, other);
    }
    Value nan = onnx_number(c, I64, TREE_NAN);
    Value greater = choose(c, onnx_make2(c, OP_less, split, x), TREE_GREATER, nan);
    Value equal = choose(c, onnx_make2(c, OP_equal, x, split), TREE_EQUAL, greater);
    return choose(c, onnx_make2(c, OP_less, x, split), TREE_LESS, equal);
}

static Value gather(OnnxCall *c, Op op, Value from, Value at, int64_t axis)
{
    return onnx_make(c, op, &(GatherAttrs){.axis = axis}, 2, (Value[]){from, at});
}

/* From the nodes where all trees are, [N, trees], to those behind them. */
static Value step(const Trees *t, Value x, Value at)
{
    OnnxCall *c = t->c;
    int ways = is_plain(t) ? 2 : TREE_OUTCOMES;
    Value features, splits, nexts;
    make_tables(t, ways, &features, &splits, &nexts);
    Value feature = gather(c, OP_gather, features, at, 0), split = gather(c, OP_gather, splits, at, 0);
    Value value = gather(c, OP_gather_elements, x, feature, 1);
    Value column = outcome(t, ways, value, split), row = onnx_make2(c, OP_mul, at, onnx_number(c, I64, ways));
    Value edge = onnx_make2(c, OP_add, row, column);
    return gather(c, OP_gather, nexts, edge, 0);
}

static Node *add_walk(const Trees *t, Value first, int64_t depth)
{
    ScanAttrs attrs = {.turns = depth};
    const NodeSpec spec = {.op = OP_scan,
                           .name = arena_printf(t->c->arena, "%s.walk", t->c->name),
                           .ninputs = 1,
                           .inputs = &first,
                           .attrs = &attrs,
                           .origin = origin_of(t->c->arena, t->c->at)};
    return onnx_add(t->c, &spec).node;
}

/* As many steps as the deepest tree has; leaves go nowhere. */
static Value walk(const Trees *t, Value x, Value first, int64_t depth)
{
    OnnxCall *c = t->c;
    Node *scan = depth && first.node ? add_walk(t, first, depth) : NULL;
    if (!scan) return first;
    Graph *graph = c->import->graph, *region = graph_new_region(scan);
    const NodeSpec spec = {.op = OP_input,
                           .name = arena_printf(c->arena, "%s.at", scan->name),
                           .type = value_type(first),
                           .origin = origin_of(c->arena, c->at)};
    Value at = {graph_add(region, &spec, c->diag), 0};
    c->import->graph = region;
    Value next = step(t, x, at);
    c->import->graph = graph;
    if (next.node) graph_add_result(region, (Result){.value = next, .state = at.node, .at = c->at});
    return next.node && graph_infer(scan, c->diag) ? value_of(scan) : (Value){NULL, 0};
}

/* ---- leaves ---- */

/* What stands where a leaf has no weight: nothing that a sum or an extreme would notice. */
static double absent(const Trees *t)
{
    return t->sum == TREE_MIN ? (double)INFINITY : t->sum == TREE_MAX ? (double)-INFINITY : 0;
}

static Value weights_of(const Trees *t)
{
    Type type = weights_type(t);
    Tensor *weights = table(t, t->dtype, type.rank, (const int64_t[]){t->count, t->targets});
    for (int64_t i = 0; i < type_elements(&type); i++)
        tensor_set_real(weights, i, isnan(t->weights[i]) ? absent(t) : t->weights[i]);
    return onnx_make_constant(t->c, weights);
}

static Value add_base(const Trees *t, Value scores)
{
    if (!t->base || !scores.node) return scores;
    Tensor *base = table(t, t->dtype, 1, &t->targets);
    for (int64_t i = 0; i < t->targets; i++) tensor_set_real(base, i, t->base[i]);
    return onnx_make2(t->c, OP_add, scores, onnx_make_constant(t->c, base));
}

/* [N, trees] of leaves to [N, targets]. */
static Value joined(const Trees *t, Value leaves)
{
    static const Op reduce[] = {OP_reduce_mean, OP_reduce_sum, OP_reduce_min, OP_reduce_max};
    OnnxCall *c = t->c;
    ReduceAttrs trees = {.axes = {1, {1}}};
    Value rows = gather(c, OP_gather, weights_of(t), leaves, 0);
    Value scores = onnx_make(c, reduce[t->sum], &trees, 1, &rows);
    if (!isinf(absent(t)) || !scores.node) return scores;
    Value none = onnx_number(c, t->dtype, absent(t)), zero = onnx_number(c, t->dtype, 0);
    Value empty = onnx_make2(c, OP_equal, scores, none);
    return onnx_make(c, OP_where, NULL, 3, (Value[]){empty, zero, scores});
}

static bool check_trees(const Trees *t, int64_t features, int64_t depth)
{
    for (int64_t i = 0; i < t->count; i++)
        if (t->at[i].feature < 0 || t->at[i].feature >= features)
            return onnx_wrong(t->c, "a node looks at feature %lld of %lld", (long long)t->at[i].feature,
                              (long long)features);
    return depth >= 0 || onnx_wrong(t->c, "a tree runs in a circle");
}

Value tree_scores(const Trees *t, Value x)
{
    OnnxCall *c = t->c;
    const Value none = {NULL, 0};
    int64_t depth = depth_of(t), rows = value_type(x)->dim[0].high;
    if (!onnx_need_fixed(c, value_type(x)) || !check_trees(t, value_type(x)->dim[1].high, depth)) return none;
    Tensor *roots = table(t, I64, 2, (const int64_t[]){1, t->nroots});
    for (int64_t i = 0; i < t->nroots; i++) tensor_set(roots, i, (Scalar){.integer = t->roots[i]});
    Value first = onnx_broadcast(c, onnx_make_constant(c, roots), 2, (const int64_t[]){rows, t->nroots});
    Value leaves = walk(t, x, first, depth);
    return leaves.node ? add_base(t, joined(t, leaves)) : none;
}

/* ---- what ends it ---- */

/* Softmax of what is not 0; the others stay. */
static Value softmax_of_some(const Trees *t, Value scores)
{
    OnnxCall *c = t->c;
    ReduceAttrs row = {.axes = {1, {1}}, .keep = true};
    Value size = onnx_make1(c, OP_abs, scores), least = onnx_number(c, t->dtype, 1e-7);
    Value some = onnx_make2(c, OP_less, least, size), most = onnx_make(c, OP_reduce_max, &row, 1, &scores);
    Value power = onnx_make1(c, OP_exp, onnx_make2(c, OP_sub, scores, most));
    Value kept = onnx_make(c, OP_where, NULL, 3, (Value[]){some, power, onnx_number(c, t->dtype, 0)});
    return onnx_make2(c, OP_div, kept, onnx_make(c, OP_reduce_sum, &row, 1, &kept));
}

Value tree_end(const Trees *t, Value scores)
{
    OnnxCall *c = t->c;
    if (!scores.node || t->end == TREE_NONE) return scores;
    if (t->end == TREE_LOGISTIC) return onnx_make1(c, OP_sigmoid, scores);
    if (t->end == TREE_SOFTMAX) return onnx_make(c, OP_softmax, &(SoftmaxAttrs){.axis = 1}, 1, &scores);
    if (t->end == TREE_SOFTMAX_ZERO) return softmax_of_some(t, scores);
    onnx_refuse(c, "post_transform", "apply it behind the model", "PROBIT");
    return (Value){NULL, 0};
}
