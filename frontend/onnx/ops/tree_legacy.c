/* TreeEnsembleRegressor and TreeEnsembleClassifier: nodes by the numbers of their tree and their own, leaves among
 * them, with any number of weights each. */
#include "frontend/onnx/ops/tree.h"

#include <stdlib.h>
#include <string.h>

typedef struct Key {
    int64_t tree, node, index;
} Key;

/* Numbers of floats or, of doubles, a tensor. */
typedef struct Reals {
    const float *floats;
    Tensor tensor;
    int64_t count;
} Reals;

typedef struct Legacy {
    Trees trees;
    const Onnx__AttributeProto *tree, *node, *feature, *mode, *yes, *no, *missing;
    Reals splits;
    Key *keys; /* sorted */
} Legacy;

/* ---- attributes ---- */

static bool read_ints(OnnxCall *c, const char *name, int64_t count, const Onnx__AttributeProto **out)
{
    *out = onnx_attr(c, name);
    if (*out && (int64_t)(*out)->n_ints == count) return true;
    return onnx_wrong(c, "expected %lld numbers in %s", (long long)count, name);
}

/* As many as there are; none is no error. */
static bool read_reals(OnnxCall *c, const char *name, Reals *out)
{
    const Onnx__AttributeProto *tensor = onnx_attr(c, arena_printf(c->arena, "%s_as_tensor", name));
    const Onnx__AttributeProto *list = onnx_attr(c, name);
    *out = (Reals){.floats = NULL};
    if (tensor && tensor->t) {
        if (!onnx_tensor(c->arena, tensor->t, c->at, &out->tensor, c->diag)) return false;
        out->count = type_elements(&out->tensor.type);
    } else if (list) {
        out->floats = list->floats;
        out->count = (int64_t)list->n_floats;
    }
    return true;
}

static double real_at(const Reals *reals, int64_t i)
{
    return reals->floats ? (double)reals->floats[i] : tensor_real(&reals->tensor, i);
}

static const char *const modes[TREE_MODES] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                              "BRANCH_GT",  "BRANCH_EQ", "BRANCH_NEQ"};

/* TREE_MODES for a leaf, -1 for what is none of them. */
static int mode_of(const Legacy *l, int64_t i)
{
    const ProtobufCBinaryData *text = &l->mode->strings[i];
    for (int mode = 0; mode < TREE_MODES; mode++)
        if (strlen(modes[mode]) == text->len && !memcmp(modes[mode], text->data, text->len)) return mode;
    return text->len == 4 && !memcmp(text->data, "LEAF", 4) ? TREE_MODES : -1;
}

static bool read_nodes(Legacy *l)
{
    OnnxCall *c = l->trees.c;
    Reals rates;
    const Onnx__AttributeProto *ids = onnx_attr(c, "nodes_nodeids");
    int64_t count = ids ? (int64_t)ids->n_ints : 0;
    l->trees.count = count;
    l->mode = onnx_attr(c, "nodes_modes");
    if (!read_ints(c, "nodes_treeids", count, &l->tree) || !read_ints(c, "nodes_nodeids", count, &l->node) ||
        !read_ints(c, "nodes_featureids", count, &l->feature) || !read_ints(c, "nodes_truenodeids", count, &l->yes) ||
        !read_ints(c, "nodes_falsenodeids", count, &l->no))
        return false;
    const Onnx__AttributeProto *missing = onnx_attr(c, "nodes_missing_value_tracks_true");
    if (missing && missing->n_ints && !read_ints(c, "nodes_missing_value_tracks_true", count, &l->missing))
        return false;
    if (!read_reals(c, "nodes_hitrates", &rates) || !read_reals(c, "nodes_values", &l->splits)) return false;
    if (l->mode && (int64_t)l->mode->n_strings == count && l->splits.count == count) return true;
    return onnx_wrong(c, "expected %lld modes and values", (long long)count);
}

static int word_of(const char *text, const char *const *words, int count)
{
    int i = 0;
    while (i < count && strcmp(text, words[i]) != 0) i++;
    return i < count ? i : -1;
}

static bool read_end(Legacy *l)
{
    static const char *const sums[] = {"AVERAGE", "SUM", "MIN", "MAX"};
    static const char *const ends[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
    Trees *t = &l->trees;
    int sum = word_of(onnx_string(t->c, "aggregate_function", "SUM"), sums, TREE_MAX + 1);
    int end = word_of(onnx_string(t->c, "post_transform", "NONE"), ends, TREE_PROBIT + 1);
    if (sum < 0 || end < 0) return onnx_wrong(t->c, "an unknown aggregate_function or post_transform");
    t->sum = (TreeSum)sum;
    t->end = (TreeEnd)end;
    return true;
}

static bool read_base(Legacy *l)
{
    Trees *t = &l->trees;
    Reals base;
    if (!read_reals(t->c, "base_values", &base)) return false;
    if (!base.count) return true;
    if (base.count != t->targets) return onnx_wrong(t->c, "expected %lld base_values", (long long)t->targets);
    double *values = ARENA_ARRAY(t->c->arena, double, base.count);
    for (int64_t i = 0; i < base.count; i++) values[i] = real_at(&base, i);
    t->base = values;
    return true;
}

static bool read_whole(Legacy *l) { return read_end(l) && read_base(l); }

/* ---- nodes ---- */

static int by_number(const void *a, const void *b)
{
    const Key *x = a, *y = b;
    if (x->tree != y->tree) return x->tree < y->tree ? -1 : 1;
    return (x->node > y->node) - (x->node < y->node);
}

/* The place of a node in the lists; -1 after an error. */
static int64_t find_node(const Legacy *l, int64_t tree, int64_t node)
{
    const Key wanted = {tree, node, 0};
    const Key *found = bsearch(&wanted, l->keys, (size_t)l->trees.count, sizeof wanted, by_number);
    if (found) return found->index;
    onnx_wrong(l->trees.c, "tree %lld has no node %lld", (long long)tree, (long long)node);
    return -1;
}

static void sort_nodes(Legacy *l)
{
    int64_t count = l->trees.count;
    l->keys = ARENA_ARRAY(l->trees.c->arena, Key, count + 1);
    for (int64_t i = 0; i < count; i++) l->keys[i] = (Key){l->tree->ints[i], l->node->ints[i], i};
    if (count) qsort(l->keys, (size_t)count, sizeof *l->keys, by_number);
}

static bool add_node(Legacy *l, int64_t i, bool *reached)
{
    Trees *t = &l->trees;
    TreeNode *node = &t->at[i];
    int mode = mode_of(l, i);
    if (mode < 0) return onnx_wrong(t->c, "a node of an unknown mode");
    for (int k = 0; k < TREE_OUTCOMES; k++) node->next[k] = i;
    if (mode == TREE_MODES) return true;
    int64_t yes = find_node(l, l->tree->ints[i], l->yes->ints[i]), no = find_node(l, l->tree->ints[i], l->no->ints[i]);
    if (yes < 0 || no < 0) return false;
    reached[yes] = reached[no] = true;
    node->feature = l->feature->ints[i];
    node->split = real_at(&l->splits, i);
    tree_branch(node, mode, l->missing && l->missing->ints[i], yes, no);
    return true;
}

/* Roots are what no node leads to. */
static bool build(Legacy *l)
{
    Trees *t = &l->trees;
    bool *reached = ARENA_ARRAY(t->c->arena, bool, t->count + 1);
    t->at = ARENA_ARRAY(t->c->arena, TreeNode, t->count + 1);
    t->roots = ARENA_ARRAY(t->c->arena, int64_t, t->count + 1);
    sort_nodes(l);
    for (int64_t i = 0; i < t->count; i++)
        if (!add_node(l, i, reached)) return false;
    for (int64_t i = 0; i < t->count; i++)
        if (!reached[i]) t->roots[t->nroots++] = i;
    return tree_weights(t);
}

/* `what`: "target" or "class", with which the attributes begin. */
static bool read_weights(Legacy *l, const char *what)
{
    Trees *t = &l->trees;
    Arena *arena = t->c->arena;
    const Onnx__AttributeProto *tree, *node, *target;
    Reals weights;
    if (!read_reals(t->c, arena_printf(arena, "%s_weights", what), &weights) ||
        !read_ints(t->c, arena_printf(arena, "%s_treeids", what), weights.count, &tree) ||
        !read_ints(t->c, arena_printf(arena, "%s_nodeids", what), weights.count, &node) ||
        !read_ints(t->c, arena_printf(arena, "%s_ids", what), weights.count, &target))
        return false;
    for (int64_t i = 0; i < weights.count; i++) {
        int64_t at = find_node(l, tree->ints[i], node->ints[i]), to = target->ints[i];
        if (at < 0) return false;
        if (to < 0 || to >= t->targets) return onnx_wrong(t->c, "a weight of %s %lld", what, (long long)to);
        double *sum = &t->weights[at * t->targets + to];
        *sum = (*sum == *sum ? *sum : 0) + real_at(&weights, i);
    }
    return true;
}

/* ---- the operators ---- */

/* X as a matrix of floats, in whose dtype the trees are. */
static Value read_rows(Legacy *l)
{
    OnnxCall *c = l->trees.c;
    Value x = onnx_operand(c, 0);
    const Type *type = value_type(x);
    l->trees.dtype = type->dtype == F64 ? F64 : F32;
    if (type->rank < 1 || type->rank > 2) {
        onnx_wrong(c, "expected [N, features], found %s", type_text(c->arena, type));
        return (Value){NULL, 0};
    }
    if (type->rank == 1) x = onnx_reshape(c, x, 2, (const int64_t[]){1, type->dim[0].high});
    return onnx_cast(c, x, l->trees.dtype);
}

bool onnx_op_tree_regressor(OnnxCall *c)
{
    Legacy l = {.trees = {.c = c, .targets = onnx_int(c, "n_targets", 1)}};
    Value x = read_rows(&l);
    if (!x.node || !read_nodes(&l) || !read_whole(&l) || !build(&l) || !read_weights(&l, "target")) return false;
    return onnx_result(c, 0, onnx_cast(c, tree_end(&l.trees, tree_scores(&l.trees, x)), F32));
}

static Value names_of(const Legacy *l, const Onnx__AttributeProto *labels, int64_t count)
{
    OnnxCall *c = l->trees.c;
    Tensor *names = ARENA_NEW(c->arena, Tensor);
    *names = tensor_new(c->arena, type_tensor(I64, 1, &count));
    for (int64_t i = 0; i < count; i++) tensor_set(names, i, (Scalar){.integer = labels->ints[i]});
    return onnx_make_constant(c, names);
}

/* The label of the greatest score, the first of equal ones. */
static Value label_of(const Legacy *l, const Onnx__AttributeProto *labels, Value scores)
{
    OnnxCall *c = l->trees.c;
    Value place = onnx_extreme_place(c, scores, OP_reduce_max, 1, false);
    if (!place.node) return place;
    Value flat = onnx_reshape(c, place, 1, (const int64_t[]){value_type(scores)->dim[0].high});
    return onnx_make(c, OP_gather, &(GatherAttrs){.axis = 0}, 2,
                     (Value[]){names_of(l, labels, l->trees.targets), flat});
}

/* ---- two classes ----
 *
 * Of files with a column of weights for each class only the scores are agreed on by those who run them.  Most have one
 * column, class 0, whose sum s speaks for the second class: its scores are [logistic(-s), logistic(s)], or [1 - s, s]
 * of shares, which are never below 0; it is likely from s = 0 or, of shares, 0.5 on. */

typedef struct Two {
    bool one_column, shares; /* no weight is below 0 */
} Two;

static bool refuse_two(const Legacy *l, const char *attribute, const char *what)
{
    const char *way_out =
        *attribute ? "use a TreeEnsemble and compare its score" : "leave the label out, and compare the scores";
    return onnx_refuse(l->trees.c, attribute, way_out, "%s of two classes, which no two implementations read alike",
                       what);
}

static bool read_two(Legacy *l, bool label, Two *two)
{
    Trees *t = &l->trees;
    const Onnx__AttributeProto *ids;
    Reals weights;
    bool second = false;
    *two = (Two){.one_column = true, .shares = true};
    if (!read_reals(t->c, "class_weights", &weights) || !read_ints(t->c, "class_ids", weights.count, &ids))
        return false;
    for (int64_t i = 0; i < weights.count; i++) {
        second |= ids->ints[i] != 0;
        two->one_column &= ids->ints[i] == ids->ints[0];
        two->shares &= real_at(&weights, i) >= 0;
    }
    if (two->one_column && second) return refuse_two(l, "class_ids", "weights of the second one alone");
    bool agreed = t->end == TREE_LOGISTIC || (t->end == TREE_NONE && two->shares);
    if (two->one_column && !agreed) return refuse_two(l, "post_transform", "such scores");
    bool decided = two->one_column && (t->end == TREE_NONE || !two->shares);
    if (label && !decided) return refuse_two(l, "", "the label");
    if (two->one_column) t->targets = 1;
    return true;
}

/* [N, 1] to [N, 2]. */
static Value both_scores(const Trees *t, Value sums)
{
    OnnxCall *c = t->c;
    Value other = t->end == TREE_LOGISTIC ? onnx_make1(c, OP_neg, sums)
                                          : onnx_make2(c, OP_sub, onnx_number(c, t->dtype, 1), sums);
    Value sides[] = {other, sums};
    return tree_end(t, onnx_make(c, OP_concat, &(ConcatAttrs){.axis = 1}, 2, sides));
}

static Value label_of_two(const Legacy *l, const Onnx__AttributeProto *labels, Value sums, double least)
{
    OnnxCall *c = l->trees.c;
    if (!sums.node) return sums;
    Value first = onnx_number(c, I64, 0), second = onnx_number(c, I64, 1);
    Value limit = onnx_number(c, l->trees.dtype, least);
    Value column = onnx_reshape(c, sums, 1, (const int64_t[]){value_type(sums)->dim[0].high});
    Value place = onnx_make(c, OP_where, NULL, 3, (Value[]){onnx_make2(c, OP_less, limit, column), second, first});
    return onnx_make(c, OP_gather, &(GatherAttrs){.axis = 0}, 2, (Value[]){names_of(l, labels, 2), place});
}

static bool classify_two(Legacy *l, const Onnx__AttributeProto *labels, Value x)
{
    OnnxCall *c = l->trees.c;
    Two two;
    const bool label = onnx_wants(c, 0);
    Reals base;
    if (!x.node || !read_nodes(l) || !read_end(l) || !read_two(l, label, &two)) return false;
    if (!read_reals(c, "base_values", &base)) return false;
    if (base.count > two.one_column) return refuse_two(l, "base_values", "what is added to the scores");
    if (!read_base(l) || !build(l) || !read_weights(l, "class")) return false;
    Value sums = tree_scores(&l->trees, x);
    if (!sums.node) return false;
    double least = two.shares ? 0.5 : 0;
    if (label && !onnx_result(c, 0, label_of_two(l, labels, sums, least))) return false;
    Value scores = two.one_column ? both_scores(&l->trees, sums) : tree_end(&l->trees, sums);
    return onnx_result(c, 1, onnx_cast(c, scores, F32));
}

bool onnx_op_tree_classifier(OnnxCall *c)
{
    Legacy l = {.trees = {.c = c}};
    const Onnx__AttributeProto *labels = onnx_attr(c, "classlabels_int64s"),
                               *words = onnx_attr(c, "classlabels_strings");
    Value x = read_rows(&l);
    l.trees.targets = labels ? (int64_t)labels->n_ints : words ? (int64_t)words->n_strings : 0;
    if (words && words->n_strings && onnx_wants(c, 0))
        return onnx_refuse(c, "classlabels_strings", "give the classes numbers, or leave the label out",
                           "labels as words");
    if (l.trees.targets < 2)
        return onnx_refuse(c, "", "use a TreeEnsemble and compare its score", "trees that tell no two classes apart");
    if (l.trees.targets == 2) return classify_two(&l, labels, x);
    if (!x.node || !read_nodes(&l) || !read_whole(&l) || !build(&l) || !read_weights(&l, "class")) return false;
    Value scores = tree_scores(&l.trees, x);
    if (!scores.node) return false;
    if (onnx_wants(c, 0) && !onnx_result(c, 0, label_of(&l, labels, scores))) return false;
    return onnx_result(c, 1, onnx_cast(c, tree_end(&l.trees, scores), F32));
}
