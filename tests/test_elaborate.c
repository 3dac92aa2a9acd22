/* What elaboration makes of files beside the model: weights in both layouts, labels; and of its options. */
#include "frontend/frontend.h"
#include "ir/eval.h"
#include "ir/op.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct Fixture {
    Arena *arena;
    char folder[40];
    Diag diag;
} Fixture;

static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof *f);
    if (!f) return 1;
    f->arena = arena_new(NULL, NULL);
    strcpy(f->folder, "/tmp/lepc-elaborate.XXXXXX");
    *state = f;
    return mkdtemp(f->folder) == NULL;
}

static const char *path_of(Fixture *f, const char *name) { return arena_printf(f->arena, "%s/%s", f->folder, name); }

static int teardown(void **state)
{
    Fixture *f = *state;
    unlink(path_of(f, "w.safetensors"));
    unlink(path_of(f, "labels.txt"));
    rmdir(f->folder);
    arena_free(f->arena);
    free(f);
    return 0;
}

static Graph *read_with(Fixture *f, const char *text, const ElaborateOptions *options)
{
    f->diag = diag_new(f->arena);
    const Ast *ast = ast_parse(f->arena, source_from_text(f->arena, path_of(f, "m.lep"), text), &f->diag);
    assert_non_null(ast);
    return elaborate(f->arena, ast, options, &f->diag);
}

static Graph *read_model(Fixture *f, const char *text) { return read_with(f, text, &(ElaborateOptions){0}); }

/* The graph of a text that is right, without warnings. */
static Graph *read_good(Fixture *f, const char *text)
{
    Graph *graph = read_model(f, text);
    diag_print(&f->diag, stderr, false);
    assert_non_null(graph);
    assert_int_equal(f->diag.warnings, 0);
    return graph;
}

static void expect_only(const Fixture *f, DiagCode code, const char *part)
{
    assert_non_null(f->diag.first);
    assert_null(f->diag.first->next);
    assert_int_equal(f->diag.first->code, code);
    assert_non_null(strstr(f->diag.first->message, part));
    assert_non_null(f->diag.first->help);
}

/* ---- a weight file: tensors of counting numbers ---- */

typedef struct Stored {
    const char *key, *shape; /* as JSON */
    int count;
    float first;
} Stored;

static void write_weights(Fixture *f, int count, const Stored *tensors)
{
    const char *head = "{";
    int begin = 0;
    for (int i = 0; i < count; i++) {
        int end = begin + 4 * tensors[i].count;
        head = arena_printf(f->arena, "%s%s\"%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%d,%d]}", head,
                            i ? "," : "", tensors[i].key, tensors[i].shape, begin, end);
        begin = end;
    }
    head = arena_printf(f->arena, "%s}", head);
    uint64_t length = strlen(head);
    FILE *out = fopen(path_of(f, "w.safetensors"), "wb");
    assert_non_null(out);
    fwrite(&length, sizeof length, 1, out);
    fputs(head, out);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < tensors[i].count; k++) {
            float value = tensors[i].first + (float)k;
            fwrite(&value, sizeof value, 1, out);
        }
    assert_int_equal(fclose(out), 0);
}

static const float *elements(const Graph *graph, const char *name)
{
    const Node *node = graph_find(graph, name);
    assert_non_null(node);
    assert_non_null(node->data);
    return node->data->data;
}

/* ---- layouts ---- */

static const char painting[] = "  input x: f32[1, 2, 2, 2]\n"
                               "  input i: i32[4]\n"
                               "  u = conv_transpose2d(x, out: 3, kernel: [1, 4], bias: no)\n"
                               "  e = embedding(i, rows: 5, out: 2)\n"
                               "  output a = u\n"
                               "  output b = e\n"
                               "}\n";

/* Ours is [1, 4, I, O]. */
static void transposed_kernels_have_layouts_of_their_own(void **state)
{
    Fixture *f = *state;
    const Stored theirs[] = {{"u.weight", "[2,3,1,4]", 24, 0},
                             {"e.weight", "[5,2]", 10, 50},
                             {"e.num_batches_tracked", "[1]", 1, 0}},
                 keras[] = {{"u/kernel", "[1,4,3,2]", 24, 0}, {"e/embeddings", "[5,2]", 10, 50}};
    for (int layout = 0; layout < 2; layout++) {
        write_weights(f, layout ? 2 : 3, layout ? keras : theirs);
        const char *head = "lep 1\nmodel m {\n  weights \"w.safetensors\" layout: %s\n%s";
        const Graph *graph = read_good(f, arena_printf(f->arena, head, layout ? "keras" : "pytorch", painting));
        const float *kernel = elements(graph, "u.weight"), *rows = elements(graph, "e.weight");
        for (int k = 0; k < 4; k++)
            for (int i = 0; i < 2; i++)
                for (int o = 0; o < 3; o++) {
                    int from = layout ? (k * 3 + o) * 2 + i : (i * 3 + o) * 4 + k;
                    assert_int_equal((int)kernel[(k * 2 + i) * 3 + o], from);
                }
        assert_int_equal((int)rows[9], 59);
    }
}

static void pytorch_lies_otherwise(void **state)
{
    Fixture *f = *state;
    const Stored tensors[] = {{"c.weight", "[3,2,1,2]", 12, 0}, {"c.bias", "[3]", 3, 100},
                              {"d.weight", "[2,12]", 24, 0},    {"d.bias", "[2]", 2, 0},
                              {"e.n.running_var", "[2]", 2, 7}, {"e.n.weight", "[2]", 2, 1},
                              {"e.n.bias", "[2]", 2, 2},        {"e.n.running_mean", "[2]", 2, 3}};
    write_weights(f, 8, tensors);
    const Graph *graph = read_good(f, "lep 1\n"
                                      "block norm(x: f32[N, C]) {\n"
                                      "  n = batch_norm(x)\n"
                                      "  return n\n"
                                      "}\n"
                                      "model m {\n"
                                      "  weights \"w.safetensors\" layout: pytorch\n"
                                      "  input x: f32[1, 2, 3, 2]\n"
                                      "  c = conv2d(x, out: 3, kernel: [1, 2])\n"
                                      "  d = dense(flatten(relu(c)), out: 2)\n"
                                      "  e = norm(d)\n"
                                      "  output y = e\n"
                                      "}\n");
    /* ours is [1, 2, I, O]; theirs O, I, 1, 2 */
    const float *kernel = elements(graph, "c.weight");
    for (int w = 0; w < 2; w++)
        for (int i = 0; i < 2; i++)
            for (int o = 0; o < 3; o++) assert_true(kernel[(w * 2 + i) * 3 + o] == (float)((o * 2 + i) * 2 + w));
    assert_true(elements(graph, "c.bias")[1] == 101);
    /* theirs flattens C, H, W = 3, 2, 2 */
    const float *dense = elements(graph, "d.weight");
    for (int h = 0; h < 2; h++)
        for (int w = 0; w < 2; w++)
            for (int c = 0; c < 3; c++)
                for (int o = 0; o < 2; o++)
                    assert_true(dense[((h * 2 + w) * 3 + c) * 2 + o] == (float)(o * 12 + (c * 2 + h) * 2 + w));
    assert_true(elements(graph, "e.n.scale")[0] == 1 && elements(graph, "e.n.variance")[0] == 7);
}

static void keras_lies_as_we_do(void **state)
{
    Fixture *f = *state;
    const Stored tensors[] = {{"c/kernel", "[1,2,2,3]", 12, 0},
                              {"n/gamma", "[3]", 3, 1},
                              {"n/beta", "[3]", 3, 2},
                              {"n/moving_mean", "[3]", 3, 3},
                              {"n/moving_variance", "[3]", 3, 4}};
    write_weights(f, 5, tensors);
    const Graph *graph = read_good(f, "lep 1\n"
                                      "model m {\n"
                                      "  weights \"w.safetensors\" layout: keras\n"
                                      "  input x: f32[1, 2, 3, 2]\n"
                                      "  c = conv2d(x, out: 3, kernel: [1, 2], bias: no)\n"
                                      "  n = batch_norm(c)\n"
                                      "  output y = n\n"
                                      "}\n");
    for (int i = 0; i < 12; i++) assert_true(elements(graph, "c.weight")[i] == (float)i);
    assert_true(elements(graph, "n.mean")[0] == 3 && elements(graph, "n.offset")[0] == 2);
}

/* ---- what does not fit ---- */

static const char dense_model[] = "lep 1\n"
                                  "model m {\n"
                                  "  weights \"w.safetensors\" layout: keras\n"
                                  "  input x: f32[1, 4]\n"
                                  "  hidden = dense(x, out: 2, bias: no)\n"
                                  "  output y = hidden\n"
                                  "}\n";

static void keys_that_do_not_fit(void **state)
{
    Fixture *f = *state;
    const Stored near[] = {{"hiden/kernel", "[4,2]", 8, 0}};
    write_weights(f, 1, near);
    assert_null(read_model(f, dense_model));
    expect_only(f, E0502, "no tensor 'hidden/kernel'");
    assert_non_null(strstr(f->diag.first->help, "hiden/kernel"));
    const Stored turned[] = {{"hidden/kernel", "[2,4]", 8, 0}};
    write_weights(f, 1, turned);
    assert_null(read_model(f, dense_model));
    expect_only(f, E0503, "f32[2, 4], but 'hidden.weight' needs f32[4, 2]");
    const Stored spare[] = {{"hidden/kernel", "[4,2]", 8, 0}, {"a", "[1]", 1, 0}, {"b", "[1]", 1, 0}};
    write_weights(f, 3, spare);
    assert_non_null(read_model(f, dense_model));
    expect_only(f, E0509, "does not use 'a' and 1 more");
    assert_int_equal(f->diag.warnings, 1);
}

static void damaged_weights(void **state)
{
    Fixture *f = *state;
    FILE *out = fopen(path_of(f, "w.safetensors"), "wb");
    assert_non_null(out);
    fputs("not a weight file", out);
    fclose(out);
    assert_null(read_model(f, dense_model));
    assert_int_equal(f->diag.errors, 1);
    assert_int_equal(f->diag.first->code, E0504);
}

/* Shapes can be known without the weights. */
static void weights_may_be_optional(void **state)
{
    Fixture *f = *state;
    const ElaborateOptions options = {.weights_optional = true};
    const Graph *graph = read_with(f, dense_model, &options);
    assert_non_null(graph);
    assert_null(graph_find(graph, "hidden.weight")->data);
    assert_null(read_model(f, dense_model));
    expect_only(f, E0501, "w.safetensors");
}

/* ---- options and seeds ---- */

static const char dim_model[] = "lep 1\n"
                                "model m {\n"
                                "  dim N = 1..8\n"
                                "  dim K = 3\n"
                                "  input x: f32[N, K]\n"
                                "  output y = relu(x)\n"
                                "}\n";

static void dims_can_be_set(void **state)
{
    Fixture *f = *state;
    DimBinding dims[] = {{"N", 4, 4}, {"K", 5, 5}};
    ElaborateOptions options = {.dims = dims, .ndims = 2};
    const Graph *graph = read_with(f, dim_model, &options);
    assert_non_null(graph);
    assert_string_equal(type_text(f->arena, &graph->first->types[0]), "f32[4, 5]");
    assert_int_equal(graph->ndims, 0);
    dims[0].low = dims[0].high = 9;
    assert_null(read_with(f, dim_model, &options));
    expect_only(f, E0305, "--dim N=9 is not between 1 and 8");
    dims[0] = (DimBinding){"M", 4, 4};
    assert_null(read_with(f, dim_model, &options));
    expect_only(f, E0201, "--dim M");
}

static const Graph *read_seeded(Fixture *f, int seed)
{
    return read_good(f, arena_printf(f->arena,
                                     "lep 1\n"
                                     "model m {\n"
                                     "  weights seed: %d\n"
                                     "  input x: f32[1, 50]\n"
                                     "  a = dense(x, out: 50)\n"
                                     "  b = dense(a, out: 50)\n"
                                     "  n = batch_norm(b)\n"
                                     "  output y = n\n"
                                     "}\n",
                                     seed));
}

static void seeds_draw_of_their_name(void **state)
{
    Fixture *f = *state;
    const Graph *one = read_seeded(f, 1), *same = read_seeded(f, 1), *two = read_seeded(f, 2);
    assert_memory_equal(elements(one, "a.weight"), elements(same, "a.weight"), 2500 * sizeof(float));
    assert_memory_not_equal(elements(one, "a.weight"), elements(one, "b.weight"), 2500 * sizeof(float));
    assert_memory_not_equal(elements(one, "a.weight"), elements(two, "a.weight"), 2500 * sizeof(float));
    /* He: within sqrt(6 / 50), and uniform there */
    double square = 0, largest = 0, bound = sqrt(6.0 / 50);
    for (int i = 0; i < 2500; i++) {
        double w = (double)elements(one, "a.weight")[i];
        square += w * w;
        largest = fmax(largest, fabs(w));
    }
    assert_true(largest <= bound && largest > 0.95 * bound);
    assert_true(fabs(square / 2500 - bound * bound / 3) < 0.1 * bound * bound / 3);
    for (int i = 0; i < 50; i++) assert_true(elements(one, "n.variance")[i] > 0);
}

static void constants_have_a_limit(void **state)
{
    Fixture *f = *state;
    const ElaborateOptions options = {.data_limit = 1 << 20};
    assert_null(read_with(f,
                          "lep 1\nmodel m {\n  input x: f32[1]\n  a: f32[512, 512] = constant(value: 1)\n"
                          "  b: f32[1] = constant(value: 1)\n  output y = a * b * x\n}\n",
                          &options));
    expect_only(f, E0703, "1 MiB");
}

static void labels_are_lines(void **state)
{
    Fixture *f = *state;
    FILE *out = fopen(path_of(f, "labels.txt"), "wb");
    assert_non_null(out);
    fputs("one\r\ntwo words \n\xc3\xa9t\xc3\xa9\n\n", out);
    fclose(out);
    const Graph *graph = read_good(f, "lep 1\nmodel m {\n  input x: f32[1, 3]\n  output y = softmax(x) labels: "
                                      "\"labels.txt\"\n}\n");
    const Result *result = &graph->results[0];
    assert_int_equal(result->nlabels, 3);
    assert_string_equal(result->labels[0], "one");
    assert_string_equal(result->labels[1], "two words");
    assert_string_equal(result->labels[2], "\xc3\xa9t\xc3\xa9");
    assert_string_equal(result->labels_path, "labels.txt");
}

/* The place in the block first, then where the block is put in. */
static void origins_lead_outwards(void **state)
{
    Fixture *f = *state;
    const Graph *graph = read_good(f, "lep 1\n"
                                      "op twice(x) = x * 2\n"
                                      "block b(x: f32[N]) {\n"
                                      "  return twice(x)\n"
                                      "}\n"
                                      "model m {\n"
                                      "  input x: f32[4]\n"
                                      "  y = b(x) |> relu\n"
                                      "  output z = y\n"
                                      "}\n");
    const Node *product = graph_find(graph, "y.b");
    assert_non_null(product);
    assert_int_equal(product->op, OP_mul);
    assert_int_equal(product->origin.count, 3);
    const int lines[] = {2, 4, 8}, columns[] = {15, 10, 7}, lengths[] = {5, 8, 4};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(product->origin.at[i].line, lines[i]);
        assert_int_equal(product->origin.at[i].column, columns[i]);
        assert_int_equal(product->origin.at[i].length, lengths[i]);
    }
    assert_int_equal(graph_find(graph, "y")->origin.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pytorch_lies_otherwise, setup, teardown),
        cmocka_unit_test_setup_teardown(transposed_kernels_have_layouts_of_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(keras_lies_as_we_do, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_that_do_not_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_weights, setup, teardown),
        cmocka_unit_test_setup_teardown(weights_may_be_optional, setup, teardown),
        cmocka_unit_test_setup_teardown(dims_can_be_set, setup, teardown),
        cmocka_unit_test_setup_teardown(seeds_draw_of_their_name, setup, teardown),
        cmocka_unit_test_setup_teardown(constants_have_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(labels_are_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(origins_lead_outwards, setup, teardown),
    };
    return cmocka_run_group_tests_name("elaborate", tests, NULL, NULL);
}
