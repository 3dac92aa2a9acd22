/* ONNX operators that become several of ours: what they compute, by hand, and that machine code does the same. */
#include "tests/support/onnx_run.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_greatest),
        cmocka_unit_test(counts_grams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
