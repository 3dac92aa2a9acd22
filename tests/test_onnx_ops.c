/* ONNX operators that become several of ours: what they compute, by hand, and that machine code does the same. */
#include "tests/support/onnx_run.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these first */
#include <cmocka.h>

/* ---- MaxPool's Indices ---- */

/* Two channels of 3 x 3, windows of 2 x 2 that reach over the edge. */
#define POOL(order)                                                                                                    \
    "opset 12\n"                                                                                                       \
    "input x: float[1, 2, 3, 3]\n"                                                                                     \
    "output y: float[1, 2, 2, 2]\n"                                                                                    \
    "output z: int64[1, 2, 2, 2]\n"                                                                                    \
    "y, z = MaxPool<kernel_shape: [2, 2], strides: [2, 2], pads: [1, 1, 0, 0], storage_order: " order ">(x)\n"

static void finds_the_greatest(void **state)
{
    /* of equal ones the first; the second channel's images count on from the first's */
    ONNX_RUN(POOL("0"), 1, 2, 2, 4, 4, 3, 4, 5, 9, 9, 1, 1, 1, 1, 1, 1, 1, 1, /* */ 1, 2, 4, 9, 9, 1, 1, 1, /* */ 0, 1,
             3, 8, 9, 10, 12, 13);
    ONNX_RUN(POOL("1"), 1, 2, 2, 4, 4, 3, 4, 5, 9, 9, 1, 1, 1, 1, 1, 1, 1, 1, /* */ 1, 2, 4, 9, 9, 1, 1, 1, /* */ 0, 3,
             1, 8, 9, 12, 10, 13);
    onnx_run_native(POOL("1"));
}

/* ---- TfIdfVectorizer ---- */

/* 7 and 8, then 7 8 and 8 7, next to each other or with a word between; the first and last have one place. */
#define GRAMS(mode)                                                                                                    \
    "opset 9\n"                                                                                                        \
    "input x: int64[2, 5]\n"                                                                                           \
    "output y: float[2, 4]\n"                                                                                          \
    "y = TfIdfVectorizer<mode: \"" mode "\", min_gram_length: 1, max_gram_length: 2, max_skip_count: 1, "              \
    "ngram_counts: [0, 2], ngram_indexes: [3, 0, 1, 3], pool_int64s: [7, 8, 7, 8, 8, 7], "                             \
    "weights: [1.0, 10.0, 100.0, 1000.0]>(x)\n"

static void counts_grams(void **state)
{
    ONNX_RUN(GRAMS("TF"), 7, 8, 8, 7, 1, 1, 2, 3, 4, 8, /* */ 2, 2, 0, 4, 1, 0, 0, 0);
    ONNX_RUN(GRAMS("TFIDF"), 7, 8, 8, 7, 1, 1, 2, 3, 4, 8, /* */ 20, 200, 0, 2002, 10, 0, 0, 0);
    onnx_run_native(GRAMS("IDF"));
}

/* ---- products of bytes with a matrix that is known ---- */

static const char of_u8[] = "opset 10\n"
                            "input a: uint8[2, 3]\n"
                            "input z: uint8[]\n"
                            "output y: int32[2, 2]\n"
                            "tensor b: uint8[3, 2] = 1 255 130 4 0 200\n"
                            "tensor of_b: uint8[] = 119\n"
                            "y = MatMulInteger(a, b, z, of_b)\n";

static const char of_i8[] = "opset 10\n"
                            "input a: int8[2, 2]\n"
                            "output y: int32[2, 3]\n"
                            "tensor b: int8[2, 3] = 1 2 3 -4 -5 -128\n"
                            "tensor of_a: int8[2] = 1 -2\n"
                            "tensor of_b: int8[3] = -7\n"
                            "y = MatMulInteger(a, b, of_a, of_b)\n";

static const char of_grids[] = "opset 10\n"
                               "input a: uint8[1, 2]\n"
                               "output y: uint8[1, 1]\n"
                               "tensor sa: float[] = 0.5\n"
                               "tensor za: uint8[] = 10\n"
                               "tensor b: uint8[2, 1] = 130 100\n"
                               "tensor sb: float[] = 0.25\n"
                               "tensor zb: uint8[] = 120\n"
                               "tensor sy: float[] = 1\n"
                               "tensor zy: uint8[] = 128\n"
                               "y = QLinearMatMul(a, sa, za, b, sb, zb, sy, zy)\n";

static void multiplies_bytes(void **state)
{
    ONNX_RUN(of_u8, 0, 255, 7, 3, 9, 200, /* */ 10, /* */ 4232, -29778, -21795, 14553);
    ONNX_RUN(of_i8, -128, 127, 5, 6, /* */ -654, -909, -16536, 80, 79, -898);
    ONNX_RUN(of_grids, 12, 20, /* */ 106);
    onnx_run_native(of_u8);
    onnx_run_native(of_i8);
    onnx_run_native(of_grids);
    Arena *arena = arena_new(NULL, NULL);
    const Graph *graph = onnx_run_import(arena, of_u8);
    for (const Node *node = graph->first; node; node = node->next)
        assert_false(dtype_is_float(node->types[0].dtype)); /* nowhere */
    arena_free(arena);
}

/* ---- trees ---- */

/* x0 <= 1 goes to x1 < 5 (NaN, too) or to a leaf; a second tree is a leaf alone. */
#define FOREST                                                                                                         \
    "nodes_treeids: [0, 0, 0, 0, 0, 9], nodes_nodeids: [0, 1, 2, 3, 4, 7], nodes_featureids: [0, 1, 0, 0, 0, 0], "     \
    "nodes_modes: [\"BRANCH_LEQ\", \"BRANCH_LT\", \"LEAF\", \"LEAF\", \"LEAF\", \"LEAF\"], "                           \
    "nodes_values: [1.0, 5.0, 0.0, 0.0, 0.0, 0.0], nodes_truenodeids: [1, 2, 0, 0, 0, 0], "                            \
    "nodes_falsenodeids: [4, 3, 0, 0, 0, 0], nodes_missing_value_tracks_true: [1, 0, 0, 0, 0, 0], "

static const char regressor[] =
    "opset 1 of ai.onnx.ml\n"
    "input x: float[4, 2]\n"
    "output y: float[4, 2]\n"
    "y = ai.onnx.ml::TreeEnsembleRegressor<" FOREST "target_treeids: [0, 0, 0, 0, 9], target_nodeids: [2, 3, 4, 4, 7], "
    "target_ids: [0, 1, 0, 1, 1], target_weights: [1.0, 10.0, 20.0, 30.0, 100.0], "
    "base_values: [0.5, 0.25], n_targets: 2>(x)\n";

static const char classifier[] = "opset 1 of ai.onnx.ml\n"
                                 "input x: float[3, 2]\n"
                                 "output l: int64[3]\n"
                                 "output y: float[3, 3]\n"
                                 "l, y = ai.onnx.ml::TreeEnsembleClassifier<" FOREST
                                 "class_treeids: [0, 0, 0, 9], class_nodeids: [2, 3, 4, 7], class_ids: [0, 1, 2, 1], "
                                 "class_weights: [5.0, 4.0, 3.0, 2.0], classlabels_int64s: [70, 80, 90]>(x)\n";

/* Two classes, told by one column of weights or by two. */
#define TWO(label, nodes, ids, weights, more)                                                                          \
    "opset 1 of ai.onnx.ml\n"                                                                                          \
    "input x: float[4, 2]\n" label "output y: float[4, 2]\n" nodes " = ai.onnx.ml::TreeEnsembleClassifier<" FOREST     \
    "class_treeids: [0, 0, 0, 9], class_nodeids: [2, 3, 4, 7], class_ids: [" ids "], class_weights: [" weights         \
    "], classlabels_int64s: [70, 80], " more ">(x)\n"
#define LABEL "output l: int64[4]\n"

/* Shares of the second class, to which a half more makes it the likely one; sums from 0 on, at the ends of a logistic
 * function; scores of both classes as they stand. */
static const char shares[] = TWO(LABEL, "l, y", "0, 0, 0, 0", "0.25, 0.5, 0.125, 0.25", "base_values: [0.125]");
static const char sums[] = TWO(LABEL, "l, y", "0, 0, 0, 0", "200.0, -200.0, 0.5, -0.5", "post_transform: \"LOGISTIC\"");
static const char scores[] = TWO("", ", y", "0, 1, 1, 0", "1.0, 2.0, 4.0, -8.0", "post_transform: \"NONE\"");

/* Of version 5: a set, in front of a comparison of its own. */
static const char ensemble[] =
    "opset 5 of ai.onnx.ml\n"
    "input x: float[4, 1]\n"
    "output y: float[4, 1]\n"
    "y = ai.onnx.ml::TreeEnsemble<tree_roots: [0], n_targets: 1, nodes_featureids: [0, 0], nodes_modes: tensor "
    "uint8[2] "
    "= 6 3, nodes_splits: tensor float[2] = 0 2, nodes_truenodeids: [0, 1], nodes_trueleafs: [1, 1], "
    "nodes_falsenodeids: [1, 2], nodes_falseleafs: [0, 1], membership_values: tensor float[4] = 1 7 9 nan, "
    "leaf_targetids: [0, 0, 0], leaf_weights: tensor float[3] = 100 10 1>(x)\n";

static void walks_trees(void **state)
{
    const double nan = (double)NAN;
    ONNX_RUN(regressor, 0, 4, 1, 5, 2, 0, nan, nan, /* */ 1.5, 100.25, 0.5, 110.25, 20.5, 130.25, 0.5, 110.25);
    ONNX_RUN(classifier, 0, 4, 1, 5, 2, 0, /* */ 70, 80, 90, 5, 2, 0, 0, 6, 0, 0, 2, 3);
    ONNX_RUN(shares, 0, 4, 1, 5, 2, 0, nan, nan, /* */ 80, 80, 70, 80, 0.375, 0.625, 0.125, 0.875, 0.5, 0.5, 0.125,
             0.875);
    ONNX_RUN(sums, 0, 4, 1, 5, 2, 0, nan, nan, /* */ 80, 70, 70, 70, 0, 1, 1, 0, 0.5, 0.5, 1, 0);
    ONNX_RUN(scores, 0, 4, 1, 5, 2, 0, nan, nan, /* */ -7, 0, -8, 2, -8, 4, -8, 2);
    ONNX_RUN(ensemble, 7, 9, 3, 2, /* */ 100, 100, 10, 1);
    onnx_run_native(regressor);
    onnx_run_native(classifier);
    onnx_run_native(shares);
    onnx_run_native(sums);
    onnx_run_native(ensemble);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_greatest),
        cmocka_unit_test(counts_grams),
        cmocka_unit_test(multiplies_bytes),
        cmocka_unit_test(walks_trees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
