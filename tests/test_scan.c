/* Scans and branches: what they mean beside the same sums written in C, and machine code beside the interpreter for
 * every way in which values get into a body and out of it. */
#include "frontend/frontend.h"
#include "ir/eval.h"
#include "tests/support/native.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static Graph *parse(Arena *arena, const char *text)
{
    Diag diag = diag_new(arena);
    const Ast *ast = ast_parse(arena, source_from_text(arena, "scan.lep", text), &diag);
    const ElaborateOptions options = {0};
    Graph *graph = ast ? elaborate(arena, ast, &options, &diag) : NULL;
    if (!graph) diag_print(&diag, stderr, false);
    assert_non_null(graph);
    return graph;
}

static double at(const Tensor *tensor, int64_t index) { return tensor_real(tensor, index); }

/* ---- meaning ---- */

/* Slices of the middle axis, two carried values that change places, gathered values along that axis. */
static void test_meaning(void **state)
{
    (void)state;
    enum { N = 2, T = 4, C = 3 };
    Arena *arena = arena_new(NULL, NULL);
    const Graph *graph = parse(arena, "lep 1\n"
                                      "model m {\n"
                                      "  input x: f32[2, 4, 3]\n"
                                      "  input h0: f32[2, 3]\n"
                                      "  r = scan x over 1 as xt, 4 as i (h = h0, g: f32[2, 3] = 1) {\n"
                                      "    s = h + xt * 2.0\n"
                                      "    next h = g\n"
                                      "    next g = s\n"
                                      "    return s, turn: i over 0\n"
                                      "  }\n"
                                      "  output s = r.s\n"
                                      "  output turn = r.turn\n"
                                      "  output h = r.h\n"
                                      "  output g = r.g\n"
                                      "}\n");
    Tensor inputs[2] = {tensor_new(arena, graph->first->types[0]), tensor_new(arena, graph->first->next->types[0])};
    fill_tensor(&inputs[0], 1);
    fill_tensor(&inputs[1], 2);
    Tensor results[4];
    graph_eval(graph, inputs, results, arena);
    float h[N * C], g[N * C];
    for (int i = 0; i < N * C; i++) h[i] = (float)at(&inputs[1], i), g[i] = 1;
    for (int t = 0; t < T; t++) {
        for (int n = 0; n < N; n++)
            for (int c = 0; c < C; c++) {
                int64_t whole = (n * T + t) * C + c;
                float doubled = (float)at(&inputs[0], whole) * 2, s = h[n * C + c] + doubled;
                assert_true(at(&results[0], whole) == (double)s);
                h[n * C + c] = g[n * C + c];
                g[n * C + c] = s;
            }
        assert_int_equal((int)at(&results[1], t), t);
    }
    for (int i = 0; i < N * C; i++) {
        assert_true(at(&results[2], i) == (double)h[i]);
        assert_true(at(&results[3], i) == (double)g[i]);
    }
    arena_free(arena);
}

/* As often as the condition holds before a turn; what is gathered behind that is 0. */
static void test_end(void **state)
{
    (void)state;
    Arena *arena = arena_new(NULL, NULL);
    const Graph *graph = parse(arena, "lep 1\n"
                                      "model m {\n"
                                      "  input n: i32[]\n"
                                      "  r = loop 6 as i (x: i32[] = 1) while x < n {\n"
                                      "    y = x * 3\n"
                                      "    next x = y\n"
                                      "    return y\n"
                                      "  }\n"
                                      "  output y = r.y\n"
                                      "  output x = r.x\n"
                                      "  output i = r.i\n"
                                      "}\n");
    static const int ends[][9] = {
        {0, 1, 0}, {1, 1, 0}, {2, 3, 1, 3}, {20, 27, 3, 3, 9, 27}, {100000, 729, 6, 3, 9, 27, 81, 243, 729}};
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
        Tensor n = tensor_new(arena, type_scalar(I32)), results[3];
        tensor_set_real(&n, 0, ends[k][0]);
        graph_eval(graph, &n, results, arena);
        assert_int_equal((int)at(&results[1], 0), ends[k][1]);
        assert_int_equal((int)at(&results[2], 0), ends[k][2]);
        for (int i = 0; i < 6; i++) assert_int_equal((int)at(&results[0], i), ends[k][3 + i]);
    }
    arena_free(arena);
}

/* Frames in two calls, the state kept between, are those of one call. */
static void test_stream(void **state)
{
    (void)state;
    static const char cell[] = "weights seed: 4\n"
                               "  r = scan x over 0 as xt (h = %s) {\n"
                               "    h1 = tanh(dense(xt, out: 5) + h)\n"
                               "    next h = h1\n"
                               "    return h1\n"
                               "  }\n"
                               "  output y = r.h1\n";
    Arena *arena = arena_new(NULL, NULL);
    const Graph *whole = parse(arena, arena_printf(arena,
                                                   "lep 1\nmodel m {\n  input x: f32[6, 1, 3]\n  state k: f32[1, "
                                                   "5] = 0\n  %s  next k = r.h\n}\n",
                                                   arena_printf(arena, cell, "k")));
    const Graph *half = parse(arena, arena_printf(arena,
                                                  "lep 1\nmodel m {\n  input x: f32[3, 1, 3]\n  state k: f32[1, "
                                                  "5] = 0\n  %s  next k = r.h\n}\n",
                                                  arena_printf(arena, cell, "k")));
    Tensor x = tensor_new(arena, whole->first->types[0]), all[2], parts[2];
    fill_tensor(&x, 9);
    graph_eval(whole, &x, all, arena);
    EvalStates states = eval_states_new(half, arena);
    for (int call = 0; call < 2; call++) {
        Tensor piece = tensor_new(arena, half->first->types[0]);
        for (int64_t i = 0; i < 9; i++) tensor_set_real(&piece, i, at(&x, 9 * call + i));
        graph_eval_step(half, &piece, &states, parts, arena);
        for (int64_t i = 0; i < 15; i++) assert_true(at(&parts[0], i) == at(&all[0], 15 * call + i));
    }
    arena_free(arena);
}

/* ---- machine code ---- */

static const char *const bodies[] = {
    /* dense slices of one image, gathered right into an output, and what was returned is what is carried */
    "input x: f32[1, 5, 8]\n input h0: f32[1, 16]\n weights seed: 1\n"
    "r = scan x over 1 as xt (h = h0) {\n"
    " z = sigmoid(dense(xt, out: 16))\n h1 = z * h + (1.0 - z) * tanh(h)\n next h = h1\n return h1\n }\n"
    "output y = r.h1\n output last = r.h\n",
    /* slices that do not lie side by side, into products and out of them */
    "input x: f32[3, 7, 5]\n weights seed: 2\n"
    "r = scan x over 1 as xt (h: f32[3, 9] = 0.5) {\n"
    " p = dense(xt, out: 9)\n next h = p + h\n return p, old: h * 2.0\n }\n"
    "output y = r.p\n output old = r.old\n output last = r.h\n",
    /* the last axis; a value of outside; nothing is carried */
    "input x: f32[4, 3, 6]\n input w: f32[4, 3]\n"
    "k = exp(w)\n r = scan x over -1 as xt () {\n return y: relu(xt - k)\n }\n output y = r.y\n output k = k\n",
    /* scans inside scans, whose slices move with the turns of both */
    "input x: f32[3, 4, 10]\n"
    "r = scan x over 0 as plane (total: f32[10] = 0) {\n"
    " rows = scan plane over 0 as row (sum = total) {\n  s = sum + row\n  next sum = s\n  return s\n }\n"
    " next total = rows.sum * 0.5\n return s: rows.s\n }\n"
    "output y = r.s\n output total = r.total\n",
    /* a window with padding and a pooling over each slice, integers that count */
    "input x: f32[4, 1, 6, 6, 3]\n weights seed: 3\n"
    "r = scan x over 0 as image (n: i32[] = 0) {\n"
    " c = conv2d(image, out: 5, kernel: 3, pad: same) |> relu |> max_pool(size: 2)\n next n = n + 2\n return c, n1: n\n"
    " }\n output y = r.c\n output n = r.n\n output all = r.n1\n",
    /* bytes, and a softmax and an lstm inside */
    "input x: u8[5, 2, 33]\n weights seed: 5\n"
    "r = scan x over 0 as xt (h: f32[2, 4] = 0, c: f32[2, 4] = 0, last: u8[2, 33] = 0) {\n"
    " p = softmax(f32(xt) / 255.0)\n cell = lstm_cell(p, h, c)\n next h = cell.h\n next c = cell.c\n next last = xt\n"
    " return p, before: last\n }\n"
    "output p = r.p\n output h = r.h\n output before = r.before\n output last = r.last\n",
    /* a branch in each turn, on what that turn sees, whose bodies take slices and give some back; what one of them
     * gives back is a constant's copy, and its result is what is carried */
    "input x: f32[9, 2, 5]\n weights seed: 6\n"
    "r = scan x over 0 as xt (h: f32[2, 5] = 0) {\n"
    " m = reduce_sum(reshape(xt, shape: [10]), axes: [0])\n"
    " b = if m > 0 {\n  d = dense(xt, out: 5)\n  return y: d + h, n: i32(0 * m)\n }"
    " else { return y: xt, n: i32(m) + 3 }\n"
    " next h = b.y\n return y: b.y, n: b.n over 0\n }\n"
    "output y = r.y\n output n = r.n\n output last = r.h\n",
    /* turns that end by what was computed: of slices, whose other results are 0, of none with a bound and without, and
     * so many as an element says */
    "input x: f32[9, 6]\n input n: i32[]\n"
    "r = scan x over 0 as xt (sum: f32[6] = 0) while reduce_sum(sum, axes: [0]) < 3.0 {\n"
    " s = sum + abs(xt)\n next sum = s\n return s, late: xt * 2.0 over 1\n }\n"
    "t = loop 30 as i (e: f32[] = 1, v: f32[6] = 0) while e > 0.1 and i < 20 {\n"
    " next e = e * 0.75\n next v = v + e\n return was: e, turn: i\n }\n"
    "u = loop (go: bool[] = 1, k: i32[] = 0, w: f32[9, 6] = 0) while go {\n"
    " inner = loop mod(n, 5) + 1 as j (z = w) { next z = z + x * f32(j) }\n"
    " next w = inner.z\n next k = k + 1\n next go = k < 3\n }\n"
    "w = loop 3 as none (go: bool[1] = 0, y = x) while go { next y = y * 2.0\n next go = go }\n"
    "output s = r.s\n output late = r.late\n output sum = r.sum\n output e = t.was\n output i = t.turn\n output turns "
    "= t.i\n output v = t.v\n"
    "output w = u.w\n output k = u.k\n output y = w.y\n",
    /* scans in the bodies of branches in those of others, over what is outside of all of them */
    "input x: f32[3, 4, 7]\n input w: f32[6]\n input p: f32[]\n"
    "y = if p > 0 {\n s = scan x over 0 as plane (t: f32[7] = 1) {\n"
    "  row = scan plane over 0 as row (u = t) {\n"
    "   v = if reduce_sum(row, axes: [0]) > 0 { u + row } else { u * row }\n   next u = v\n  }\n"
    "  next t = row.u\n  return seen: t\n }\n return s.seen\n }"
    " else if p > -1 { reshape(w, shape: [3, 2]) |> pad(begin: [0, 0], end: [0, 5]) } else { reduce_max(x, axes: [1]) "
    "}\n"
    "output y = y\n output w = w * 2.0\n",
    /* a condition that is a constant at -O0, views of what is outside */
    "input x: f32[6]\n input s: f32[3, 2]\n"
    "y = if yes { return a: reshape(x, shape: [2, 3]), b: s } else { return a: reshape(x, shape: [2, 3]) * 3.0, b: s "
    "}\n"
    "doubled = y.a * 2.0\n output b = y.b\n output a = doubled\n",
};

static void test_machine_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        Arena *arena = arena_new(NULL, NULL);
        const Graph *graph = parse(arena, arena_printf(arena, "lep 1\nmodel m {\n%s}\n", bodies[i]));
        static const char *const cpus[] = {"x86-64-v3", "x86-64-v4"};
        for (int cpu = 0; cpu < 2; cpu++)
            for (int level = 0; level < 3 && native_runs(cpus[cpu]); level += 2)
                if (!native_agrees(graph, cpus[cpu], level)) fail_msg("body %zu on %s at -O%d", i, cpus[cpu], level);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_machine_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
