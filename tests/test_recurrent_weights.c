/* Recurrent layers from weight files of Keras and PyTorch: names, orders of gates and axes, against the recurrences
 * written out here on the files' own elements. */
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

enum { STEPS = 4, INPUTS = 3, UNITS = 2, MOST_GATES = 4, MOST_ROWS = MOST_GATES * UNITS };

/* One direction: weight[gate * UNITS + unit][input], gates in the file's order. */
typedef struct Weights {
    float input[MOST_ROWS][INPUTS], recurrent[MOST_ROWS][UNITS], bias[MOST_ROWS], recurrent_bias[MOST_ROWS];
} Weights;

static Weights draw(uint32_t seed)
{
    Weights w;
    float *all = (float *)&w;
    uint32_t bits = seed;
    for (size_t i = 0; i < sizeof w / sizeof *all; i++) {
        bits = bits * 1664525u + 1013904223u;
        all[i] = (float)(bits >> 8) / (float)(1 << 23) - 1;
    }
    return w;
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* What the input and the state add to row g. */
static double share(const Weights *w, int g, const Tensor *x, int t)
{
    double sum = (double)w->bias[g];
    for (int i = 0; i < INPUTS; i++) sum += (double)w->input[g][i] * tensor_real(x, t * INPUTS + i);
    return sum;
}

static double product(const Weights *w, int g, const double *h)
{
    double sum = (double)w->recurrent_bias[g];
    for (int i = 0; i < UNITS; i++) sum += (double)w->recurrent[g][i] * h[i];
    return sum;
}

/* ---- the recurrences as these frameworks define them ---- */

typedef void StepOf(const Weights *w, const Tensor *x, int t, bool keras, double *h, double *c);

/* i, f, g, o in either's files; Keras has no second bias. */
static void lstm_step(const Weights *w, const Tensor *x, int t, bool keras, double *h, double *c)
{
    double z[MOST_ROWS];
    for (int g = 0; g < 4 * UNITS; g++)
        z[g] = share(w, g, x, t) + product(w, g, h) - (keras ? (double)w->recurrent_bias[g] : 0);
    for (int u = 0; u < UNITS; u++) {
        c[u] = sigmoid(z[UNITS + u]) * c[u] + sigmoid(z[u]) * tanh(z[2 * UNITS + u]);
        h[u] = sigmoid(z[3 * UNITS + u]) * tanh(c[u]);
    }
}

/* PyTorch: r, z, n; Keras: z, r, h. */
static void gru_step(const Weights *w, const Tensor *x, int t, bool keras, double *h, double *c)
{
    int update = keras ? 0 : UNITS, reset = keras ? UNITS : 0, last = 2 * UNITS;
    double next[UNITS];
    (void)c;
    for (int u = 0; u < UNITS; u++) {
        double z = sigmoid(share(w, update + u, x, t) + product(w, update + u, h));
        double r = sigmoid(share(w, reset + u, x, t) + product(w, reset + u, h));
        double n = tanh(share(w, last + u, x, t) + r * product(w, last + u, h));
        next[u] = (1 - z) * n + z * h[u];
    }
    memcpy(h, next, sizeof next);
}

static void rnn_step(const Weights *w, const Tensor *x, int t, bool keras, double *h, double *c)
{
    double next[UNITS];
    (void)c;
    for (int u = 0; u < UNITS; u++)
        next[u] = tanh(share(w, u, x, t) + product(w, u, h) - (keras ? (double)w->recurrent_bias[u] : 0));
    memcpy(h, next, sizeof next);
}

/* ---- files ---- */

typedef struct Kind {
    const char *op, *flags; /* what PyTorch's have besides */
    int gates;
    StepOf *step;
    bool shares_bias; /* both in one tensor of Keras */
} Kind;

static const Kind kinds[] = {
    {"rnn", ", recurrent_bias: yes", 1, rnn_step, false},
    {"gru", "", 3, gru_step, true},
    {"lstm", ", recurrent_bias: yes", 4, lstm_step, false},
};

typedef struct Writer {
    Arena *arena;
    const char *header;
    float data[1024];
    int count;
} Writer;

/* Rows as they stand or, for Keras, whose kernels are [inputs, gates], turned. */
static void put(Writer *w, const char *name, const char *shape, const float *from, int rows, int columns, bool turned)
{
    int begin = w->count;
    for (int i = 0; i < rows * columns; i++) w->data[w->count++] = from[turned ? i % rows * columns + i / rows : i];
    w->header = arena_printf(w->arena, "%s%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%d,%d]}",
                             w->header, *w->header ? "," : "", name, shape, begin * 4, w->count * 4);
}

static const char *shape_text(Arena *arena, int rows, int columns)
{
    return arena_printf(arena, "%d,%d", rows, columns);
}

static void put_pytorch(Writer *w, const Weights *from, int rows, int level, const char *end)
{
    Arena *a = w->arena;
    const char *all = shape_text(a, rows, INPUTS), *state = shape_text(a, rows, UNITS),
               *one = arena_printf(a, "%d", rows);
    put(w, arena_printf(a, "s.weight_ih_l%d%s", level, end), all, &from->input[0][0], rows, INPUTS, false);
    put(w, arena_printf(a, "s.weight_hh_l%d%s", level, end), state, &from->recurrent[0][0], rows, UNITS, false);
    put(w, arena_printf(a, "s.bias_ih_l%d%s", level, end), one, from->bias, 1, rows, false);
    put(w, arena_printf(a, "s.bias_hh_l%d%s", level, end), one, from->recurrent_bias, 1, rows, false);
}

static void put_keras(Writer *w, const Weights *from, int rows, const char *way, bool shares_bias)
{
    Arena *a = w->arena;
    const char *all = shape_text(a, INPUTS, rows), *state = shape_text(a, UNITS, rows);
    put(w, arena_printf(a, "s/%skernel", way), all, &from->input[0][0], rows, INPUTS, true);
    put(w, arena_printf(a, "s/%srecurrent_kernel", way), state, &from->recurrent[0][0], rows, UNITS, true);
    const char *bias = arena_printf(a, "s/%sbias", way);
    float both[2 * MOST_ROWS];
    memcpy(both, from->bias, (size_t)rows * sizeof *both);
    memcpy(both + rows, from->recurrent_bias, (size_t)rows * sizeof *both);
    if (shares_bias)
        put(w, bias, shape_text(a, 2, rows), both, 2, rows, false);
    else
        put(w, bias, arena_printf(a, "%d", rows), from->bias, 1, rows, false);
}

/* Of PyTorch's stacks the layer of that level alone. */
static void write_file(Arena *arena, const char *path, const Kind *kind, const Weights *w, int directions, bool keras,
                       int level)
{
    static const char *const ways[] = {"forward/", "backward/"}, *const ends[] = {"", "_reverse"};
    Writer writer = {.arena = arena, .header = ""};
    for (int d = 0; d < directions; d++) {
        if (keras)
            put_keras(&writer, &w[d], kind->gates * UNITS, directions > 1 ? ways[d] : "", kind->shares_bias);
        else
            put_pytorch(&writer, &w[d], kind->gates * UNITS, level, ends[d]);
    }
    const char *header = arena_printf(arena, "{%s}", writer.header);
    uint64_t length = strlen(header);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    fwrite(&length, sizeof length, 1, out);
    fputs(header, out);
    fwrite(writer.data, sizeof(float), (size_t)writer.count, out);
    assert_int_equal(fclose(out), 0);
}

/* ---- a layer of them ---- */

static const Graph *read_layer(Arena *arena, const char *folder, const Kind *kind, int directions, bool keras,
                               const char *name)
{
    Diag diag = diag_new(arena);
    const char *text =
        arena_printf(arena,
                     "lep 1\nmodel m {\n  weights \"w.safetensors\" layout: %s\n  input x: f32[1, 4, 3]\n"
                     "  %s = %s(x, units: 2%s%s)\n  output y = %s.y\n  output h = %s.h\n}\n",
                     keras ? "keras" : "pytorch", name, kind->op, keras ? "" : kind->flags,
                     directions > 1 ? ", direction: bidirectional" : "", name, name);
    const char *path = arena_printf(arena, "%s/m.lep", folder);
    const Ast *ast = ast_parse(arena, source_from_text(arena, path, text), &diag);
    const ElaborateOptions options = {0};
    const Graph *graph = ast ? elaborate(arena, ast, &options, &diag) : NULL;
    diag_print(&diag, stderr, false);
    assert_non_null(graph);
    assert_null(diag.first); /* no tensor of the file is left over */
    return graph;
}

static void check_direction(const Kind *kind, const Weights *w, bool keras, const Tensor *x, const Tensor *results,
                            int direction, int directions)
{
    double h[UNITS] = {0}, c[UNITS] = {0};
    int width = UNITS * directions, first = UNITS * direction;
    for (int i = 0; i < STEPS; i++) {
        int t = direction ? STEPS - 1 - i : i;
        kind->step(w, x, t, keras, h, c);
        for (int u = 0; u < UNITS; u++)
            assert_true(fabs(tensor_real(&results[0], t * width + first + u) - h[u]) < 1e-5);
    }
    for (int u = 0; u < UNITS; u++) assert_true(fabs(tensor_real(&results[1], first + u) - h[u]) < 1e-5);
}

static void check_layout(const Kind *kind, int directions, bool keras, int level)
{
    Arena *arena = arena_new(NULL, NULL);
    const char *temporary = getenv("TMPDIR");
    char *folder = arena_printf(arena, "%s/lepc-recurrent-XXXXXX", temporary ? temporary : "/tmp");
    assert_non_null(mkdtemp(folder));
    const char *file = arena_printf(arena, "%s/w.safetensors", folder);
    Weights w[] = {draw(12345), draw(54321)};
    write_file(arena, file, kind, w, directions, keras, level);
    const Graph *graph =
        read_layer(arena, folder, kind, directions, keras, level ? arena_printf(arena, "s.l%d", level) : "s");
    Tensor x = tensor_new(arena, type_tensor(F32, 3, (const int64_t[]){1, STEPS, INPUTS})), results[2];
    fill_tensor(&x, 3);
    graph_eval(graph, &x, results, arena);
    for (int d = 0; d < directions; d++) check_direction(kind, &w[d], keras, &x, results, d, directions);
    remove(file);
    rmdir(folder);
    arena_free(arena);
}

static void check_all(bool keras, int level)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int directions = 1; directions <= 2; directions++) check_layout(&kinds[i], directions, keras, level);
}

static void test_keras(void **state)
{
    (void)state;
    check_all(true, 0);
}

static void test_pytorch(void **state)
{
    (void)state;
    check_all(false, 0);
    check_all(false, 1); /* s.l1 of a stack: weight_ih_l1, weight_ih_l1_reverse */
    check_all(false, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keras), cmocka_unit_test(test_pytorch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
