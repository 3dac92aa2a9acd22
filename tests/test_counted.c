/* Sizes that the data decides: machine code counts what eval counts, from nothing up to all there may be, and touches
 * nothing outside of the caller's buffers, of which outputs have room for the most. */
#include "backend/loop.h"
#include "frontend/frontend.h"
#include "ir/eval.h"
#include "passes/pass.h"
#include "tests/support/bounded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SHARES = 6 };

/* So many of ten elements are not 0, and values repeat. */
static void fill(Tensor *tensor, uint32_t seed, int variation)
{
    static const int shares[SHARES] = {0, 1, 3, 5, 8, 10};
    const int share = shares[variation];
    bool real = dtype_is_float(tensor->type.dtype);
    for (int64_t i = 0; i < type_elements(&tensor->type); i++) {
        seed = seed * 1664525 + 1013904223;
        bool zero = (int)(seed >> 16) % 10 >= share;
        int64_t value = zero ? 0 : 1 + (int64_t)(seed >> 24) % 5;
        if (real)
            tensor_set_real(tensor, i, (double)value * 0.25);
        else
            tensor_set(tensor, i, (Scalar){.integer = tensor->type.dtype == BOOL ? value > 0 : value});
    }
}

static void check_model(const char *text) { bounded_check_filled(text, SHARES, fill); }

/* ---- what is found ---- */

static void a_number_is_a_size(void **state)
{
    check_model(
        "lep 1\n\nmodel number {\n  dim K = 0..40\n  input n: i64[]\n  input x: f32[40, 3]\n"
        "  size = define_size(n * 9, count: \"K\")\n  y: f32[K, 3] = shorten(x * 2.0, size, to: \"K\")\n"
        "  output y = y + 1.0\n  output last = shorten(transpose(x, permute: [1, 0]), size, to: \"K\", axis: 1)\n"
        "  output s = reduce_sum(y, axes: [0])\n  output n = size\n}\n");
}

static void what_a_condition_chooses(void **state)
{
    check_model("lep 1\n\nmodel chosen {\n  input x: f32[35, 5]\n  input c: bool[35]\n  input d: bool[4]\n"
                "  y = compress(x, c)\n  output y = relu(y - 0.5)\n  output sum = reduce_sum(y, axes: [0])\n"
                "  output columns = compress(x, d, axis: 1)\n}\n");
}

static void what_is_not_zero(void **state)
{
    check_model("lep 1\n\nmodel places {\n  input x: f32[7, 3, 5]\n  input i: i64[1]\n  z = nonzero(x)\n"
                "  output z = z\n  output columns = transpose(z, permute: [1, 0])\n  output one = nonzero(i)\n}\n");
}

static void what_comes_more_than_once(void **state)
{
    check_model("lep 1\n\nmodel once {\n  input x: f32[43]\n  u = unique(x)\n  v = unique(x, sorted: no)\n"
                "  output values = u.values\n  output indices = u.indices\n  output inverse = u.inverse\n"
                "  output counts = f32(u.counts) * 0.5\n  output first = v.values\n  output which = v.inverse\n}\n");
    check_model("lep 1\n\nmodel rows {\n  dim K = 0..4\n  input x: u8[2, 21, 2]\n  input c: bool[19, 3]\n"
                "  u = unique(x, axis: 1, sorted: no)\n  v = unique(c, count: \"K\")\n  output values = u.values\n"
                "  output inverse = u.inverse\n  output sum = reduce_sum(f32(u.values), axes: [1])\n"
                "  output few: bool[K, 3] = v.values\n  output which = v.inverse\n  output counts = v.counts\n}\n");
}

/* What is found in what is known when compiling is counted when running even so. */
static void sizes_that_are_known(void **state)
{
    check_model("lep 1\n\nmodel known {\n  dim K = 0..8\n  input x: f32[8]\n  n = define_size(i64(3), count: \"K\")\n"
                "  output y = shorten(x, n, to: \"K\")\n  output z = nonzero(f32([0, 2, 0, 1]))\n}\n");
}

/* Of slices without elements, too, it is counted how many there are. */
static void slices_of_nothing(void **state)
{
    check_model("lep 1\n\nmodel nothing {\n  input x: f32[0, 7]\n  input c: bool[7]\n"
                "  output y = compress(x, c, axis: 1)\n  output z = compress(c, c)\n}\n");
}

/* No rule can refuse it: how much is found is known too late. */
static void what_is_taken_from_nothing(void **state)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    const char *text = "lep 1\n\nmodel taken {\n  input x: f32[7, 3]\n  i: i32[2] = constant(value: 1.0)\n"
                       "  z = nonzero(x)\n  output z = gather(z, i)\n  output s = slice(z, end: [1]) + 2\n}\n";
    const Ast *ast = ast_parse(arena, source_from_text(arena, "taken.lep", text), &diag);
    const ElaborateOptions options = {0};
    Graph *graph = elaborate(arena, ast, &options, &diag);
    assert_non_null(graph);
    Tensor x = tensor_new(arena, value_type(value_of(graph->first))[0]), results[2];
    graph_eval(graph, &x, results, arena);
    for (int i = 0; i < 4; i++) assert_int_equal(tensor_get(&results[0], i).integer, 0);
    for (int i = 0; i < 2; i++) assert_int_equal(tensor_get(&results[1], i).integer, 2);
    arena_free(arena);
}

static void no_more_than_there_is_room_for(void **state)
{
    check_model("lep 1\n\nmodel room {\n  dim K = 0..6\n  input x: f32[50]\n  input c: bool[50]\n"
                "  output y: f32[K] = compress(x, c, count: \"K\")\n  output z = nonzero(x)\n}\n");
}

/* Scores of 0 are none, many are equal, and threads take parts of the large one. */
static void boxes_that_overlap_no_better_one(void **state)
{
    check_model("lep 1\n\nmodel boxes {\n  dim K = 0..8\n  input boxes: f32[2, 11, 4]\n  input scores: f32[2, 3, 11]\n"
                "  chosen = non_max_suppression(boxes, scores, max: 4, iou: 0.3, score: 0.1)\n"
                "  output chosen = chosen\n  output box = gather_nd(boxes, gather(chosen, i64([0, 2]), axis: 1))\n"
                "  output few = non_max_suppression(boxes, scores, count: \"K\", max: 99, center: yes)\n}\n");
    check_model("lep 1\n\nmodel batch {\n  dim N = 1..3\n  input boxes: f32[N, 11, 4]\n  input scores: f32[N, 3, 11]\n"
                "  output chosen = non_max_suppression(boxes, scores, max: 4, iou: 0.3, score: 0.1)\n}\n");
    check_model("lep 1\n\nmodel many {\n  input boxes: f32[1, 300, 4]\n  input scores: f32[1, 30, 300]\n"
                "  output chosen = non_max_suppression(boxes, scores, max: 3)\n}\n");
}

/* ---- of as much as the caller gives ---- */

static void places_in_what_is_bounded(void **state)
{
    check_model("lep 1\n\nmodel lines {\n  dim N = 0..21\n  input x: f32[N]\n  input y: f32[N, 3]\n"
                "  z = nonzero(x)\n  output z = z\n  output high = i32(transpose(z, permute: [1, 0])) + 1\n"
                "  output rows = nonzero(y)\n}\n");
    check_model("lep 1\n\nmodel images {\n  dim B = 0..2\n  dim H = 0..6\n  dim W = 1..7\n  input x: u8[B, H, W]\n"
                "  input y: f32[3, W, 2]\n  output z = nonzero(x)\n  output w = nonzero(y)\n}\n");
}

static void slices_of_what_is_bounded(void **state)
{
    check_model(
        "lep 1\n\nmodel rows {\n  dim N = 0..9\n  dim T = 0..7\n  dim K = 0..3\n  input x: f32[N, T, 2]\n"
        "  input keep: bool[N]\n  input times: bool[T]\n  y = compress(x, keep)\n  output y = y * 2.0\n"
        "  output t = compress(x, times, axis: 1)\n  output few: f32[K, T, 2] = compress(x, keep, count: \"K\")\n"
        "  output flags = compress(keep, keep)\n  output sum = reduce_sum(y, axes: [0])\n}\n");
    check_model("lep 1\n\nmodel some {\n  dim N = 1..9\n  input x: i32[5, 12]\n  input keep: bool[N]\n"
                "  output y = compress(x, keep, axis: 1)\n}\n");
}

/* ---- what is refused ---- */

static void check_refused(const char *text)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Ast *ast = ast_parse(arena, source_from_text(arena, "refused.lep", text), &diag);
    if (ast && elaborate(arena, ast, NULL, &diag)) fail_msg("not refused:\n%s", text);
    assert_true(diag.errors > 0);
    arena_free(arena);
}

/* Of a dump, which is hostile input. */
static void dumps_that_lie(void **state)
{
    static const char *const bodies[] = {
        /* sound: */ "  n: i64[] = define_size(c, count: \"K\")\n  y: f32[K] = shorten(x, n, to: \"K\")\n",
        /* twice */
        ("  n: i64[] = define_size(c, count: \"K\")\n  m: i64[] = define_size(c, count: \"K\")\n"
         "  y: f32[K] = shorten(x, n, to: \"K\")\n"),
        /* another number */
        "  n: i64[] = define_size(c, count: \"K\")\n  y: f32[K] = shorten(x, c, to: \"K\")\n",
        /* before */
        "  y: f32[K] = shorten(x, c, to: \"K\")\n  n: i64[] = define_size(c, count: \"K\")\n",
        /* of an input's dim */
        "  n: i64[] = define_size(c, count: \"N\")\n  y: f32[N] = shorten(x, n, to: \"N\")\n",
        /* of a longer dim */
        "  n: i64[] = define_size(c, count: \"L\")\n  y: f32[L] = shorten(x, n, to: \"L\")\n",
        /* never */ "  y: f32[K] = shorten(x, c, to: \"K\")\n",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        Arena *arena = arena_new(NULL, NULL);
        Diag diag = diag_new(arena);
        const char *text =
            arena_printf(arena,
                         "lep 1 stage core\n\nmodel m {\n  dim K = 0..8\n  dim N = 0..8\n  dim L = 0..9\n"
                         "  input x: f32[8]\n  input z: f32[N]\n  input c: i64[]\n%s  output y = y\n}\n",
                         bodies[i]);
        Ast *ast = ast_parse(arena, source_from_text(arena, "dump.lep", text), &diag);
        bool read = ast && elaborate(arena, ast, NULL, &diag);
        if (read != (i == 0)) diag_print(&diag, stderr, false);
        if (read != (i == 0)) fail_msg("%s:\n%s", read ? "not refused" : "refused", text);
        arena_free(arena);
    }
}

static void nests_that_lie(void **state)
{
    static const char *const bodies[] = {
        /* sound: */ "  let s.0 = min(max(n[0], i64(0)), i64(8))\n  resize 1 in 0..8 = s.0\n",
        /* anything */ "  let s.0 = n[0]\n  resize 1 in 0..8 = s.0\n",
        /* beyond */ "  let s.0 = min(max(n[0], i64(0)), i64(9))\n  resize 1 in 0..8 = s.0\n",
        /* one that is in use */ "  let s.0 = min(max(n[0], i64(0)), i64(8))\n  resize 0 in 0..8 = s.0\n",
        /* again and again */
        "  for i in 0..4 {\n    let s.0 = min(max(n[0], i64(0)), i64(8))\n    resize 1 in 0..8 = s.0\n  }\n",
        /* no number */ "  let s.0 = min(max(f[0], f32(0.0)), f32(8.0))\n  resize 1 in 0..8 = s.0\n",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        Arena *arena = arena_new(NULL, NULL);
        Diag diag = diag_new(arena);
        int count;
        const char *text = arena_printf(arena,
                                        "func f {\n  size N = 0 in 0..8\n  buffer n: i64[1] input align 1\n  buffer f: "
                                        "f32[1] input 1 align 1\n%s}\n",
                                        bodies[i]);
        LoopFunction **parsed = loop_parse(arena, source_from_text(arena, "loops", text), &count, &diag);
        bool sound = parsed && loop_verify(parsed[0], &diag);
        if (sound != (i == 0)) fail_msg("%s:\n%s", sound ? "not refused" : "refused", text);
        arena_free(arena);
    }
}

static void texts_that_cannot_be(void **state)
{
    check_refused("lep 1\n\nmodel turn {\n  input x: f32[4, 6]\n  r = scan x over 0 as row (s: f32[6] = 0) {\n"
                  "    z = nonzero(row)\n    next s = s + row\n    return s\n  }\n  output s = r.s\n}\n");
    check_refused("lep 1\n\nmodel early {\n  dim K = 0..6\n  input x: f32[K]\n  input y: f32[6]\n"
                  "  output z = nonzero(y, count: \"K\")\n  output x = x\n}\n");
    check_refused("lep 1\n\nmodel some {\n  dim K = 1..6\n  input y: f32[6]\n"
                  "  output z = nonzero(y, count: \"K\")\n}\n");
}

/* A dim that nothing counts any more is none of the caller's either. */
static void what_nobody_needs_is_not_counted(void **state)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Graph *graph = bounded_parse(
        arena, "lep 1\n\nmodel dead {\n  input x: f32[6]\n  z = nonzero(x)\n  output y = x + 1.0\n}\n", &diag);
    assert_non_null(graph);
    assert_int_equal(graph->ndims, 1);
    assert_true(pass_pipeline(graph, &(PassContext){.level = 2}, "dce", NULL, NULL, &diag));
    assert_int_equal(graph->ndims, 0);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_a_size),
        cmocka_unit_test(what_a_condition_chooses),
        cmocka_unit_test(what_is_not_zero),
        cmocka_unit_test(what_comes_more_than_once),
        cmocka_unit_test(sizes_that_are_known),
        cmocka_unit_test(slices_of_nothing),
        cmocka_unit_test(what_is_taken_from_nothing),
        cmocka_unit_test(no_more_than_there_is_room_for),
        cmocka_unit_test(boxes_that_overlap_no_better_one),
        cmocka_unit_test(places_in_what_is_bounded),
        cmocka_unit_test(slices_of_what_is_bounded),
        cmocka_unit_test(dumps_that_lie),
        cmocka_unit_test(nests_that_lie),
        cmocka_unit_test(texts_that_cannot_be),
        cmocka_unit_test(what_nobody_needs_is_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
