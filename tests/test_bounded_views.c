/* Bounded dims: index maps that begin where the size says. */
#include "tests/support/bounded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void what_is_counted_from_the_end(void **state)
{
    (void)state;
    bounded_check(
        "lep 1\n\nmodel last {\n  dim N = 0..3\n  dim T = 1..21\n  weights seed: 1\n  input x: f32[N, T, 12]\n"
        "  h = dense(x, out: 20) |> relu\n  output y = dense(slice(h, begin: [0, -1]), out: 3)\n"
        "  output z = slice(x, begin: [0, -1, -2]) * 2.0\n  output w = slice(x, begin: [0, -1], end: [2, 9999])\n}\n");
    bounded_check("lep 1\n\nmodel inner {\n  dim T = 5..40\n  input x: f32[T, 6]\n  input y: f32[3, T]\n"
                  "  output a = slice(x, begin: [-3], end: [-1])\n  output b = slice(y, begin: [0, 1], end: [3, -1])\n"
                  "  output c = slice(y, begin: [0, -5]) + 1.0\n  output d = slice(y, begin: [1, 2], step: [1, 3])\n"
                  "  output e = reduce_max(slice(y, begin: [0, -4]), axes: 1)\n}\n");
}

static void what_is_turned_round(void **state)
{
    (void)state;
    bounded_check(
        "lep 1\n\nmodel turned {\n  dim N = 0..3\n  dim T = 0..37\n  input x: f32[N, T]\n  input y: f32[T, 5]\n"
        "  output a = reverse(x, axes: 1) + x\n  output b = reverse(x, axes: [0, 1])\n"
        "  output c = reverse(y, axes: [0, 1]) * 2.0\n  output d = softmax(reverse(x, axes: 1))\n"
        "  output e = reverse(concat(y, reverse(y, axes: 0), axis: 1), axes: 0)\n}\n");
    bounded_check("lep 1\n\nmodel sparse {\n  dim T = 1..37\n  input x: f32[2, T]\n  h = slice(x, step: [1, 2])\n"
                  "  output a = reverse(h, axes: 1)\n  output b = slice(h, begin: [0, -1])\n"
                  "  output c = reverse(slice(reverse(h, axes: 1), step: [1, 2]), axes: 1)\n"
                  "  output d = slice(x, begin: [0, -1], end: [2, -99], step: [1, -3])\n}\n");
}

static void what_is_repeated_at_the_ends(void **state)
{
    (void)state;
    bounded_check("lep 1\n\nmodel mirrored {\n  dim T = 4..23\n  input x: f32[2, T, 3]\n"
                  "  output a = pad(x, begin: [0, 2], end: [0, 3], mode: reflect)\n"
                  "  output b = pad(x, begin: [0, 3], end: [0, 2], mode: symmetric)\n"
                  "  output c = pad(x * 2.0, begin: [1, 4], end: [0, 3], mode: wrap)\n"
                  "  output d = pad(x, begin: [0, 9], end: [0, 1, 2], mode: edge)\n}\n");
}

/* ---- computed places ---- */

static void what_is_read_where_data_says(void **state)
{
    (void)state;
    bounded_check(
        "lep 1\n\nmodel gathered {\n  dim N = 0..3\n  dim T = 1..21\n  input x: f32[T, 6]\n  input y: f32[N, T]\n"
        "  input i: i32[5]\n  input j: i64[N, 2]\n  input u: u8[T]\n  input k: i32[T, 3]\n"
        "  output a = gather(x, i - 20, axis: 0)\n  output b = gather(y, i, axis: 1) * 2.0\n"
        "  output c = gather_elements(y, j, axis: 1)\n  output d = gather(x * 3.0, u, axis: 0)\n"
        "  output e = gather_elements(x, k, axis: 1)\n  output f = gather(y, u, axis: 1)\n}\n");
}

static void what_is_written_where_data_says(void **state)
{
    (void)state;
    bounded_check(
        "lep 1\n\nmodel scattered {\n  dim N = 0..3\n  dim T = 0..21\n  input x: f32[T, 6]\n  input y: f32[N, T]\n"
        "  input i: i32[N, 2]\n  input z: f32[N, 2]\n  input r: f32[4, 6]\n  input k: i32[4, 6]\n"
        "  output a = scatter_elements(x, k - 9, r, axis: 0)\n"
        "  output b = scatter_elements(y * 2.0, i, z, axis: 1, reduce: add)\n}\n");
}

static void what_is_greatest(void **state)
{
    (void)state;
    bounded_check(
        "lep 1\n\nmodel best {\n  dim N = 0..3\n  dim T = 3..37\n  input x: f32[N, T]\n  input y: f32[T, 2, 5]\n"
        "  a = topk(x, k: 3, axis: 1)\n  b = topk(y, k: 2, axis: 0)\n  c = topk(y, k: 1, axis: 2)\n"
        "  d = topk(transpose(x, permute: [1, 0]), k: 2, axis: 0, largest: no)\n  output a = a.values\n"
        "  output i = a.indices\n  output b = b.values\n  output c = c.indices\n  output d = d.indices\n}\n");
    bounded_check("lep 1\n\nmodel sorted {\n  dim N = 0..3\n  dim T = 40..57\n  input x: f32[N, T]\n"
                  "  input y: i32[2, T, 3]\n  a = topk(x, k: 40, axis: 1)\n  b = topk(y, k: 30, axis: 1)\n"
                  "  output a = a.values\n  output i = b.indices\n}\n");
}

/* ---- what expansions say of sizes ---- */

static void what_is_masked_by_places(void **state)
{
    (void)state;
    bounded_check(
        "lep 1\n\nmodel masks {\n  dim N = 0..2\n  dim T = 0..19\n  input x: f32[N, T, T]\n  input y: u8[3, T]\n"
        "  output a = triangle(x)\n  output b = triangle(y, upper: no, diagonal: 1)\n"
        "  output c = softmax(triangle(x * 2.0, upper: no))\n}\n");
    bounded_check("lep 1\n\nmodel lengths {\n  dim T = 1..9\n  weights seed: 1\n  input x: f32[2, T, 3]\n"
                  "  input lengths: i32[2]\n  r = rnn(x, none, lengths - 30, units: 4, direction: bidirectional)\n"
                  "  output y = r.y\n  output h = r.h\n}\n");
}

static void recurrences_of_any_length(void **state)
{
    (void)state;
    bounded_check(
        "lep 1\n\nmodel recurrent {\n  dim N = 1..3\n  dim T = 1..7\n  weights seed: 1\n  input x: f32[N, T, 3]\n"
        "  a = lstm(x, units: 5, direction: bidirectional)\n  b = gru(x, units: 4, direction: reverse)\n"
        "  c = rnn(x, units: 3)\n  d = lstm(x, units: 4)\n  output a = a.y\n  output ac = a.c\n  output b = b.y\n"
        "  output bh = b.h\n  output c = c.y\n  output d = slice(d.y, begin: [0, -1])\n}\n");
    bounded_check(
        "lep 1\n\nmodel steps {\n  dim T = 1..9\n  weights seed: 1\n  input x: f32[2, T, 3]\n"
        "  a = lstm(x, units: 5, direction: bidirectional)\n  b = gru(x, units: 4, direction: bidirectional)\n"
        "  c = rnn(x, units: 3, direction: reverse)\n  output a = a.y\n  output ah = a.h\n  output b = b.y\n"
        "  output bh = b.h\n  output c = c.y\n  output ch = c.h\n}\n");
}

static void choices_of_what_is_bounded(void **state)
{
    (void)state;
    bounded_check("lep 1\n\nmodel chosen {\n  dim N = 0..3\n  dim T = 0..9\n  weights seed: 1\n  input x: f32[N, T]\n"
                  "  input z: f32[T, 3]\n  input c: bool[]\n"
                  "  r = if c {\n    y = x * 2.0\n    return y\n  } else {\n    return x\n  }\n"
                  "  d = logical_not(c)\n  s = if d {\n    return all: z, row: reduce_sum(z, axes: 0)\n  } else {\n    "
                  "w = dense(z, out: 3) |> relu\n"
                  "    return all: w, row: reduce_max(w, axes: 0)\n  }\n  output y = r\n  output a = relu(r)\n"
                  "  output s = s.all\n  output t = s.row\n}\n");
}

/* Something, or nothing. */
static void one_or_none(void **state)
{
    (void)state;
    bounded_check(
        "lep 1\n\nmodel perhaps {\n  dim M = 0..1\n  dim T = 0..7\n  input x: f32[M, T]\n  input y: f32[3, M, 5]\n"
        "  input z: f32[0, 2, M]\n  output a = x * 2.0\n  output b = reduce_sum(y, axes: 0)\n  output c = "
        "reduce_max(x, axes: 1)\n"
        "  output d = softmax(y)\n  output e = reduce_mean(x, axes: 1)\n  output f = z + 1.0\n}\n");
    bounded_check("lep 1\n\nmodel few {\n  dim T = 1..11\n  input x: f32[T, 2]\n  h = slice(x, begin: [10])\n"
                  "  output a = h\n  output b = reduce_max(h, axes: 1) * 2.0\n}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_counted_from_the_end),    cmocka_unit_test(what_is_turned_round),
        cmocka_unit_test(what_is_repeated_at_the_ends),    cmocka_unit_test(what_is_read_where_data_says),
        cmocka_unit_test(what_is_written_where_data_says), cmocka_unit_test(what_is_greatest),
        cmocka_unit_test(what_is_masked_by_places),        cmocka_unit_test(one_or_none),
        cmocka_unit_test(choices_of_what_is_bounded),      cmocka_unit_test(recurrences_of_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
