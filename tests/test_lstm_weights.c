/* LSTM layers from weight files of Keras and PyTorch: names, orders of gates and axes, against the recurrence written
 * out here on the files' own elements. */
#include "frontend/frontend.h"
#include "ir/eval.h"
#include "tests/support/native.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { STEPS = 4, INPUTS = 3, UNITS = 2, GATES = 4 * UNITS };

/* weight[gate * UNITS + unit][input], gates i, f, g, o */
typedef struct Weights {
    float input[GATES][INPUTS], recurrent[GATES][UNITS], bias[GATES], recurrent_bias[GATES];
} Weights;

static Weights draw(void)
{
    Weights w;
    float *all = (float *)&w;
    uint32_t bits = 12345;
    for (size_t i = 0; i < sizeof w / sizeof *all; i++) {
        bits = bits * 1664525u + 1013904223u;
        all[i] = (float)(bits >> 8) / (float)(1 << 23) - 1;
    }
    return w;
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void expected(const Weights *w, bool recurrent_bias, const Tensor *x, double out[STEPS][UNITS])
{
    double h[UNITS] = {0}, c[UNITS] = {0};
    for (int t = 0; t < STEPS; t++) {
        double z[GATES];
        for (int g = 0; g < GATES; g++) {
            z[g] = (double)w->bias[g] + (recurrent_bias ? (double)w->recurrent_bias[g] : 0);
            for (int i = 0; i < INPUTS; i++) z[g] += (double)w->input[g][i] * tensor_real(x, t * INPUTS + i);
            for (int i = 0; i < UNITS; i++) z[g] += (double)w->recurrent[g][i] * h[i];
        }
        for (int u = 0; u < UNITS; u++) {
            c[u] = sigmoid(z[UNITS + u]) * c[u] + sigmoid(z[u]) * tanh(z[2 * UNITS + u]);
            h[u] = out[t][u] = sigmoid(z[3 * UNITS + u]) * tanh(c[u]);
        }
    }
}

/* Rows as they stand, or for Keras, whose kernels are [inputs, gates], turned. */
static void put_matrix(FILE *out, const float *from, int rows, int columns, bool turned)
{
    for (int i = 0; i < rows * columns; i++) {
        int at = turned ? i % rows * columns + i / rows : i;
        fwrite(&from[at], sizeof(float), 1, out);
    }
}

static void write_file(const char *path, const Weights *w, bool keras)
{
    static const char *const headers[] = {
        "{\"s.weight_ih_l0\":{\"dtype\":\"F32\",\"shape\":[8,3],\"data_offsets\":[0,96]},"
        "\"s.weight_hh_l0\":{\"dtype\":\"F32\",\"shape\":[8,2],\"data_offsets\":[96,160]},"
        "\"s.bias_ih_l0\":{\"dtype\":\"F32\",\"shape\":[8],\"data_offsets\":[160,192]},"
        "\"s.bias_hh_l0\":{\"dtype\":\"F32\",\"shape\":[8],\"data_offsets\":[192,224]}}",
        "{\"s/kernel\":{\"dtype\":\"F32\",\"shape\":[3,8],\"data_offsets\":[0,96]},"
        "\"s/recurrent_kernel\":{\"dtype\":\"F32\",\"shape\":[2,8],\"data_offsets\":[96,160]},"
        "\"s/bias\":{\"dtype\":\"F32\",\"shape\":[8],\"data_offsets\":[160,192]}}"};
    uint64_t length = strlen(headers[keras]);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    fwrite(&length, sizeof length, 1, out);
    fputs(headers[keras], out);
    put_matrix(out, &w->input[0][0], GATES, INPUTS, keras);
    put_matrix(out, &w->recurrent[0][0], GATES, UNITS, keras);
    put_matrix(out, w->bias, 1, GATES, false);
    if (!keras) put_matrix(out, w->recurrent_bias, 1, GATES, false);
    assert_int_equal(fclose(out), 0);
}

static void check_layout(bool keras)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    const char *temporary = getenv("TMPDIR");
    char *folder = arena_printf(arena, "%s/lepc-lstm-XXXXXX", temporary ? temporary : "/tmp");
    assert_non_null(mkdtemp(folder));
    const char *file = arena_printf(arena, "%s/w.safetensors", folder);
    Weights w = draw();
    write_file(file, &w, keras);
    const char *text =
        arena_printf(arena,
                     "lep 1\nmodel m {\n  weights \"w.safetensors\" layout: %s\n  input x: f32[1, 4, 3]\n"
                     "  s = lstm(x, units: 2%s)\n  output y = s.y\n  output h = s.h\n}\n",
                     keras ? "keras" : "pytorch", keras ? "" : ", recurrent_bias: yes");
    const char *path = arena_printf(arena, "%s/m.lep", folder);
    const Ast *ast = ast_parse(arena, source_from_text(arena, path, text), &diag);
    const ElaborateOptions options = {0};
    const Graph *graph = ast ? elaborate(arena, ast, &options, &diag) : NULL;
    diag_print(&diag, stderr, false);
    assert_non_null(graph);
    assert_null(diag.first); /* no tensor of the file is left over */
    Tensor x = tensor_new(arena, graph->first->types[0]), results[2];
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op == OP_input) x = tensor_new(arena, node->types[0]);
    fill_tensor(&x, 3);
    graph_eval(graph, &x, results, arena);
    double y[STEPS][UNITS];
    expected(&w, !keras, &x, y);
    for (int i = 0; i < STEPS * UNITS; i++)
        assert_true(fabs(tensor_real(&results[0], i) - y[i / UNITS][i % UNITS]) < 1e-5);
    for (int u = 0; u < UNITS; u++) assert_true(fabs(tensor_real(&results[1], u) - y[STEPS - 1][u]) < 1e-5);
    remove(file);
    rmdir(folder);
    arena_free(arena);
}

static void test_keras(void **state)
{
    (void)state;
    check_layout(true);
}

static void test_pytorch(void **state)
{
    (void)state;
    check_layout(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keras), cmocka_unit_test(test_pytorch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
