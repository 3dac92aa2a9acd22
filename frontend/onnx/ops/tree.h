/* Ensembles of decision trees as tables, and the loop that walks them. */
#ifndef FRONTEND_ONNX_OPS_TREE_H
#define FRONTEND_ONNX_OPS_TREE_H

#include "frontend/onnx/import_state.h"

/* What x and the split of a node have to do with each other; each says which node is next. */
enum { TREE_LESS, TREE_EQUAL, TREE_GREATER, TREE_NAN, TREE_OUTCOMES };

typedef struct TreeNode {
    int64_t feature;
    double split;
    int64_t next[TREE_OUTCOMES]; /* its own number, of a leaf */
} TreeNode;

typedef enum TreeSum { TREE_AVERAGE, TREE_SUM, TREE_MIN, TREE_MAX } TreeSum;
typedef enum TreeEnd { TREE_NONE, TREE_SOFTMAX, TREE_LOGISTIC, TREE_SOFTMAX_ZERO, TREE_PROBIT } TreeEnd;

typedef struct Trees {
    OnnxCall *c;
    Dtype dtype;  /* of splits and weights */
    TreeNode *at; /* leaves among them */
    int64_t count, *roots, nroots;
    int64_t targets;
    double *weights; /* [count, targets]: NaN where a leaf has none */
    TreeSum sum;
    TreeEnd end;
    const double *base; /* added to each target, or NULL */
} Trees;

enum { TREE_LEQ, TREE_LT, TREE_GTE, TREE_GT, TREE_EQ, TREE_NEQ, TREE_MODES };

/* Sets the four ways on from a node that compares so. */
void tree_branch(TreeNode *node, int mode, bool missing_is_true, int64_t yes, int64_t no);
/* Room for the weights of all leaves, of which there are none yet; false after an error. */
bool tree_weights(Trees *t);
/* The results for X, [N, features]: [N, targets] before or after what ends them.  No node after an error. */
Value tree_scores(const Trees *t, Value x);
Value tree_end(const Trees *t, Value scores);

#endif
