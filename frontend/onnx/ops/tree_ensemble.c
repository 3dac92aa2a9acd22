/* The operator since version 5 of its domain: nodes and leaves apart, sets as one node. */
#include "frontend/onnx/ops/tree.h"

#include <math.h>

enum { MODE_MEMBER = TREE_MODES };

typedef struct Ensemble {
    Trees trees;
    const Onnx__AttributeProto *features, *yes, *yes_leaf, *no, *no_leaf, *missing, *targets;
    Tensor modes, splits, members, weights;
    int64_t nodes, leaves, nmembers, used; /* members read so far */
} Ensemble;

/* ---- attributes ---- */

static bool read_list(OnnxCall *c, const char *name, int64_t count, const Onnx__AttributeProto **out)
{
    *out = onnx_attr(c, name);
    if (*out && (int64_t)(*out)->n_ints == count) return true;
    return onnx_wrong(c, "expected %lld numbers in %s", (long long)count, name);
}

static bool read_tensor(OnnxCall *c, const char *name, int64_t count, Tensor *out)
{
    const Onnx__AttributeProto *attr = onnx_attr(c, name);
    if (!attr || !attr->t) return onnx_wrong(c, "there is no tensor %s", name);
    if (!onnx_tensor(c->arena, attr->t, c->at, out, c->diag)) return false;
    if (count < 0 || type_elements(&out->type) == count) return true;
    return onnx_wrong(c, "expected %lld elements in %s", (long long)count, name);
}

static bool read_nodes(Ensemble *e)
{
    OnnxCall *c = e->trees.c;
    const Onnx__AttributeProto *features = onnx_attr(c, "nodes_featureids"), *leaves = onnx_attr(c, "leaf_targetids");
    e->nodes = features ? (int64_t)features->n_ints : 0;
    e->leaves = leaves ? (int64_t)leaves->n_ints : 0;
    onnx_ignore(c, "nodes_hitrates");
    bool good =
        read_list(c, "nodes_featureids", e->nodes, &e->features) &&
        read_list(c, "nodes_truenodeids", e->nodes, &e->yes) &&
        read_list(c, "nodes_trueleafs", e->nodes, &e->yes_leaf) &&
        read_list(c, "nodes_falsenodeids", e->nodes, &e->no) &&
        read_list(c, "nodes_falseleafs", e->nodes, &e->no_leaf) &&
        read_list(c, "leaf_targetids", e->leaves, &e->targets) && read_tensor(c, "nodes_modes", e->nodes, &e->modes) &&
        read_tensor(c, "nodes_splits", e->nodes, &e->splits) && read_tensor(c, "leaf_weights", e->leaves, &e->weights);
    if (good && onnx_has_attr(c, "nodes_missing_value_tracks_true"))
        good = read_list(c, "nodes_missing_value_tracks_true", e->nodes, &e->missing);
    if (!good || !onnx_has_attr(c, "membership_values")) return good;
    if (!read_tensor(c, "membership_values", -1, &e->members)) return false;
    e->nmembers = type_elements(&e->members.type);
    return true;
}

static bool read_whole(Ensemble *e)
{
    Trees *t = &e->trees;
    const Onnx__AttributeProto *roots = onnx_attr(t->c, "tree_roots");
    int64_t sum = onnx_int(t->c, "aggregate_function", TREE_SUM), end = onnx_int(t->c, "post_transform", TREE_NONE);
    t->targets = onnx_int(t->c, "n_targets", 0);
    t->dtype = e->splits.type.dtype;
    if (sum < 0 || sum > TREE_MAX || end < 0 || end > TREE_PROBIT || !roots)
        return onnx_wrong(t->c, "no roots, or an unknown aggregate_function or post_transform");
    t->sum = (TreeSum)sum;
    t->end = (TreeEnd)end;
    t->nroots = (int64_t)roots->n_ints;
    t->roots = ARENA_ARRAY(t->c->arena, int64_t, t->nroots + 1);
    for (int64_t i = 0; i < t->nroots; i++) {
        t->roots[i] = roots->ints[i];
        if (t->roots[i] < 0 || t->roots[i] >= e->nodes) return onnx_wrong(t->c, "a tree has no root");
    }
    return true;
}

/* ---- nodes, then leaves, then the second and later members of sets ---- */

static bool find_next(const Ensemble *e, const Onnx__AttributeProto *ids, const Onnx__AttributeProto *leaf, int64_t i,
                      int64_t *out)
{
    int64_t id = ids->ints[i], count = leaf->ints[i] ? e->leaves : e->nodes;
    if (id < 0 || id >= count) return onnx_wrong(e->trees.c, "a node goes on to %lld", (long long)id);
    *out = leaf->ints[i] ? e->nodes + id : id;
    return true;
}

/* A chain of comparisons, in front of which NaN ends each set in the list. */
static bool add_members(Ensemble *e, int64_t i, bool missing, int64_t yes, int64_t no)
{
    Trees *t = &e->trees;
    TreeNode *node = &t->at[i];
    for (bool first = true;; first = false) {
        if (e->used >= e->nmembers) return onnx_wrong(t->c, "membership_values end too early");
        double member = tensor_real(&e->members, e->used++);
        if (isnan(member) && first) return onnx_wrong(t->c, "a set without members");
        if (isnan(member)) break;
        int64_t at = first ? i : t->count++;
        if (!first) {
            for (int k = 0; k < TREE_OUTCOMES; k++)
                if (node->next[k] == no && k != TREE_EQUAL) node->next[k] = at;
            node = &t->at[at];
        }
        *node = (TreeNode){.feature = t->at[i].feature, .split = member};
        tree_branch(node, TREE_EQ, missing, yes, no);
    }
    return true;
}

static bool add_node(Ensemble *e, int64_t i)
{
    TreeNode *node = &e->trees.at[i];
    int64_t mode = tensor_get(&e->modes, i).integer, yes = 0, no = 0;
    bool missing = e->missing && e->missing->ints[i];
    *node = (TreeNode){.feature = e->features->ints[i], .split = tensor_real(&e->splits, i)};
    if (!find_next(e, e->yes, e->yes_leaf, i, &yes) || !find_next(e, e->no, e->no_leaf, i, &no)) return false;
    if (mode < 0 || mode > MODE_MEMBER) return onnx_wrong(e->trees.c, "a node of mode %lld", (long long)mode);
    if (mode == MODE_MEMBER) return add_members(e, i, missing, yes, no);
    tree_branch(node, (int)mode, missing, yes, no);
    return true;
}

static bool build(Ensemble *e)
{
    Trees *t = &e->trees;
    t->at = ARENA_ARRAY(t->c->arena, TreeNode, e->nodes + e->leaves + e->nmembers + 1);
    t->count = e->nodes + e->leaves;
    for (int64_t i = 0; i < e->leaves; i++)
        for (int k = 0; k < TREE_OUTCOMES; k++) t->at[e->nodes + i].next[k] = e->nodes + i;
    for (int64_t i = 0; i < e->nodes; i++)
        if (!add_node(e, i)) return false;
    if (!tree_weights(t)) return false;
    for (int64_t i = 0; i < e->leaves; i++) {
        int64_t target = e->targets->ints[i];
        if (target < 0 || target >= t->targets) return onnx_wrong(t->c, "a leaf of target %lld", (long long)target);
        t->weights[(e->nodes + i) * t->targets + target] = tensor_real(&e->weights, i);
    }
    return true;
}

bool onnx_op_tree_ensemble(OnnxCall *c)
{
    Ensemble e = {.trees = {.c = c}};
    Value x = onnx_operand(c, 0);
    if (!read_nodes(&e) || !read_whole(&e) || !build(&e)) return false;
    const Type *type = value_type(x);
    if (type->rank != 2 || type->dtype != e.trees.dtype)
        return onnx_wrong(c, "expected %s[N, features], found %s", dtype_name(e.trees.dtype),
                          type_text(c->arena, type));
    return onnx_result(c, 0, tree_end(&e.trees, tree_scores(&e.trees, x)));
}
