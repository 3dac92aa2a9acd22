/* Bounded dims: one piece of code for every size from the bound's low end to its high one.  At each it has the bits of
 * eval on the graph of that size, and touches nothing outside buffers that are dense for it. */
#include "tests/support/bounded.h"
#include "tests/support/compile.h"
#include "tests/support/native.h"
#include "tests/support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- batches ---- */

static void batches_of_images(void **state)
{
    bounded_check(
        "lep 1\n\nmodel images {\n  dim N = 0..9\n  weights seed: 1\n  input x: f32[N, 12, 12, 3]\n"
        "  a = conv2d(x, out: 20, kernel: 3, pad: same) |> relu |> max_pool(size: 2)\n"
        "  b = conv2d(a, out: 24, kernel: 1) |> relu\n"
        "  c = conv2d(b, out: 24, kernel: 3, groups: 24, pad: same)\n"
        "  d = average_pool(c + b, size: 3, stride: 2, pad: same)\n"
        "  h = dense(flatten(d), out: 10)\n  output y = softmax(h)\n  output z = global_average_pool(d)\n}\n");
}

static void batches_of_rows(void **state)
{
    bounded_check("lep 1\n\nmodel rows {\n  dim N = 0..67\n  weights seed: 1\n  input x: f32[N, 21]\n"
                  "  input w: f32[N, 1]\n  a = dense(x, out: 33) |> gelu\n  b = layer_norm(a) * w\n"
                  "  c = concat(b, x, axis: 1)\n  m = reduce_max(c, axes: [1], keep: yes)\n"
                  "  output y = dense(c - m, out: 7)\n  output s = reduce_sum(c, axes: [1])\n}\n");
}

static void batches_of_sequences(void **state)
{
    bounded_check("lep 1\n\nmodel sequences {\n  dim N = 0..6\n  weights seed: 1\n  input x: f32[N, 7, 12]\n"
                  "  r = lstm(x, units: 20)\n  q = dense(r.y, out: 16)\n"
                  "  t = attention(q, q, q, heads: 2)\n  k = transpose(t, permute: [0, 2, 1])\n"
                  "  output y = matmul(t, k)\n  output last = r.h\n}\n");
    bounded_check("lep 1\n\nmodel ways {\n  dim N = 1..5\n  weights seed: 1\n  input x: f32[N, 6, 3]\n"
                  "  input lengths: i32[N]\n  a = gru(x, units: 4, linear_before_reset: no)\n"
                  "  b = rnn(x, none, lengths, units: 3, direction: bidirectional)\n"
                  "  c = lstm(x, units: 4, peephole: yes, direction: reverse)\n"
                  "  output a = a.y\n  output y = b.y\n  output last = b.h\n  output c = c.c\n}\n");
}

static void batches_through_scans(void **state)
{
    bounded_check(
        "lep 1\n\nmodel turns {\n  dim N = 0..5\n  weights seed: 1\n  input x: f32[N, 6, 8]\n"
        "  input first: f32[N, 16]\n  r = scan x over 1 as xt (h = first) {\n    z = sigmoid(dense(xt, out: 16))\n"
        "    n = tanh(dense(h, out: 16))\n    s = z * h + (1.0 - z) * n\n    next h = s\n    return s\n  }\n"
        "  output y = r.s\n  output last = r.h\n}\n");
}

static void first_axes_that_are_not_the_batch(void **state)
{
    bounded_check("lep 1\n\nmodel tokens {\n  dim T = 0..40\n  weights seed: 1\n  input x: f32[1, T, 12]\n"
                  "  d = dense(x, out: 20)\n  a = layer_norm(d) |> relu\n  b = dense(a, out: 12) + x\n  output y = "
                  "softmax(b)\n}\n");
}

static void steps_of_a_recurrence(void **state)
{
    bounded_check("lep 1\n\nmodel steps {\n  dim T = 1..21\n  weights seed: 1\n  input x: f32[1, T, 12]\n"
                  "  r = lstm(x, units: 20)\n  output y = dense(r.y, out: 3)\n  output last = r.h\n}\n");
}

static void sums_over_what_is_bounded(void **state)
{
    bounded_check("lep 1\n\nmodel sums {\n  dim T = 0..50\n  input x: f32[1, T, 19]\n"
                  "  output a = reduce_sum(x, axes: [1])\n  output b = reduce_max(x * 2.0, axes: [0, 1])\n"
                  "  output c = reduce_sum(x, axes: [0, 1, 2])\n  output d = reduce_sum(x, axes: [2])\n}\n");
    bounded_check("lep 1\n\nmodel few {\n  dim T = 0..5\n  input x: f32[T, 3]\n"
                  "  output a = reduce_sum(x, axes: [0])\n  output b = reduce_min(x, axes: [0, 1])\n}\n");
}

/* ---- inner axes: strides of the bound in the arena, dense tensors of the caller ---- */

static void rows_of_batches(void **state)
{
    bounded_check(
        "lep 1\n\nmodel rows {\n  dim N = 0..3\n  dim T = 0..21\n  weights seed: 1\n  input x: f32[N, T, 12]\n"
        "  input w: f32[T, 1]\n  b = layer_norm(x * w) |> relu\n  c = b + x\n  output y = c\n"
        "  output s = softmax(c)\n  output t = transpose(c, permute: [2, 0, 1])\n}\n");
}

static void sums_along_inner_axes(void **state)
{
    bounded_check(
        "lep 1\n\nmodel sums {\n  dim N = 0..3\n  dim T = 0..50\n  input x: f32[N, T, 19]\n"
        "  t = transpose(x, permute: [0, 2, 1])\n  output a = reduce_sum(x, axes: [1])\n"
        "  output b = reduce_max(t * 2.0, axes: [2], keep: yes)\n  output c = reduce_sum(x, axes: [0, 1, 2])\n"
        "  output d = softmax(t)\n  output e = reduce_sum(x, axes: [0, 1])\n"
        "  output f = cumulative_sum(x, axis: 1)\n}\n");
    bounded_check("lep 1\n\nmodel images {\n  dim H = 0..9\n  dim W = 2..12\n  input x: f32[2, H, W, 5]\n"
                  "  output a = reduce_sum(x, axes: [1, 2])\n  output b = reduce_min(x, axes: [2])\n"
                  "  output c = reduce_max(x, axes: [1, 2, 3])\n}\n");
}

static void products_of_lines(void **state)
{
    bounded_check(
        "lep 1\n\nmodel lines {\n  dim N = 0..3\n  dim T = 0..21\n  weights seed: 1\n  input x: f32[N, T, 12]\n"
        "  a = dense(x, out: 40) |> relu\n  b = dense(a, out: 12)\n  c = layer_norm(b + x)\n"
        "  s = softmax(matmul(c, transpose(c, permute: [0, 2, 1])) * 0.25)\n  output y = matmul(s, c)\n"
        "  output z = s\n}\n");
}

static void products_whose_columns_end(void **state)
{
    bounded_check("lep 1\n\nmodel columns {\n  dim T = 0..70\n  dim K = 0..19\n  input x: f32[2, 5, K]\n"
                  "  input w: f32[K, T]\n  input v: f32[T]\n  input b: f32[2, 5, T]\n"
                  "  p = matmul(x, w) + b\n  output y = relu(p)\n  output z = matmul(p, v)\n"
                  "  output u = matmul(w, transpose(w, permute: [1, 0]))\n}\n");
}

static void queries_and_keys(void **state)
{
    bounded_check("lep 1\n\nmodel heads {\n  dim N = 0..2\n  dim T = 0..41\n  dim S = 1..70\n  input q: f32[N, T, 24]\n"
                  "  input k: f32[N, S, 24]\n  input v: f32[N, S, 20]\n  input mask: f32[T, S]\n"
                  "  output y = attention(q, k, v, mask, heads: 2)\n"
                  "  output z = attention(q, q, q, heads: 4, causal: yes)\n}\n");
    bounded_check("lep 1\n\nmodel tokens {\n  dim T = 0..35\n  weights seed: 1\n  input x: f32[1, T, 12]\n"
                  "  q = dense(x, out: 12)\n  output y = attention(q, x, x, heads: 3, causal: yes)\n}\n");
}

/* Sizes of 0 for which an operator's result would have elements even so. */
static void nothing_to_attend_to(void **state)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Target target;
    Compiled compiled;
    (void)state;
    Graph *graph = bounded_parse(arena,
                                 "lep 1\n\nmodel keys {\n  dim S = 0..7\n  input q: f32[4, 8]\n  input k: f32[S, 8]\n"
                                 "  output y = attention(q, k, k)\n}\n",
                                 &diag);
    assert_non_null(graph);
    assert_true(target_select("", "", "", arena, &target, &diag));
    PassContext context = {.target = &target, .level = 2, .threads = 1};
    assert_false(compiled_new(graph, &context, arena, &compiled, &diag));
    assert_int_equal(diag.first->code, E0308);
    arena_free(arena);
}

static void encoders_of_transformers(void **state)
{
    bounded_check("lep 1\n\nblock layer(x: f32[N, T, C]) {\n  q = dense(x, out: C)\n  k = dense(x, out: C)\n"
                  "  v = dense(x, out: C)\n  a = dense(attention(q, k, v, heads: 4), out: C)\n  n = layer_norm(x + a)\n"
                  "  h = dense(n, out: 2 * C) |> gelu\n  o = dense(h, out: C)\n  m = layer_norm(n + o)\n  return m\n}\n"
                  "\nmodel encoder {\n  dim N = 1..2\n  dim T = 1..40\n  weights seed: 1\n  input x: f32[N, T, 16]\n"
                  "  layers = repeat 2 as i (t = x) { layer(t) }\n  y = dense(layers, out: 6)\n"
                  "  output tags = softmax(y)\n}\n");
}

static void images_of_any_size(void **state)
{
    bounded_check(
        "lep 1\n\nmodel net {\n  dim H = 4..17\n  dim W = 5..13\n  weights seed: 1\n  input x: f32[2, H, W, 3]\n"
        "  a = conv2d(x, out: 20, kernel: 3, pad: 1) |> relu |> max_pool(size: 2)\n"
        "  b = conv2d(a, out: 24, kernel: 1) |> relu\n"
        "  c = conv2d(b, out: 24, kernel: 3, groups: 24, pad: same)\n"
        "  d = max_pool(c + b, size: 3, stride: 1, pad: 1)\n"
        "  e = average_pool(x, size: 3, stride: 2, pad: 1)\n  f = conv2d(x, out: 8, kernel: 3, stride: 2, pad: 1)\n"
        "  output y = reduce_max(d, axes: [1, 2])\n  output z = d\n  output v = concat(e, f, axis: 3)\n}\n");
}

static void sounds_of_any_length(void **state)
{
    bounded_check(
        "lep 1\n\nmodel sounds {\n  dim N = 1..2\n  dim T = 8..40\n  weights seed: 1\n  input x: f32[N, 1, T, 6]\n"
        "  a = conv2d(x, out: 16, kernel: [1, 5], pad: [0, 2, 0, 2]) |> relu\n"
        "  b = conv2d(a, out: 16, kernel: [1, 3], groups: 16, stride: [1, 2])\n"
        "  c = conv2d(b, out: 20, kernel: 1) |> relu\n  m = max_pool(c, size: [1, 2])\n"
        "  output y = softmax(dense(reduce_max(m, axes: [1, 2]), out: 4))\n  output z = m\n}\n");
}

/* A dim in attributes, and as a number: what a mean divides by. */
static void sizes_in_attributes(void **state)
{
    bounded_check("lep 1\n"
                  "\n"
                  "model sized {\n"
                  "  dim N = 1..3\n"
                  "  dim T = 1..37\n"
                  "  weights seed: 1\n"
                  "  input x: i32[N, T]\n"
                  "  v = embedding(x, rows: 40, out: 16)\n"
                  "  p = embedding(iota(shape: T, to: i32), rows: 37, out: 16)\n"
                  "  mask = broadcast(where(x == 0, -1.0, 0.0), shape: [N, T])\n"
                  "  a = v + p\n"
                  "  output y = reduce_mean(a, axes: [1])\n"
                  "  output s = broadcast(reduce_max(mask, axes: [0]), shape: [T, T])\n"
                  "  output z = mask + extent(of: [N, 2*T], to: f32)\n"
                  "  output u = reshape(a, shape: [N, T, 2, 8])\n"
                  "}\n");
}

static void a_network_for_images_of_any_size(void **state)
{
    bounded_check(
        "lep 1\n\nmodel net {\n  dim H = 6..15\n  dim W = 6..13\n  weights seed: 1\n  input x: u8[1, H, W, 3]\n"
        "  p = f32(x) / 255.0\n  a = conv2d(p, out: 16, kernel: 3, pad: same) |> relu\n"
        "  b = conv2d(a, out: 24, kernel: 3, stride: 2, pad: 1) |> relu\n"
        "  c = conv2d(b, out: 24, kernel: 3, pad: same)\n"
        "  output y = softmax(dense(global_average_pool(relu(c + b)), out: 5))\n}\n");
}

static void scans_over_what_is_bounded(void **state)
{
    bounded_check("lep 1\n\nmodel turns {\n  dim T = 1..9\n  weights seed: 1\n  input x: f32[2, T, 8]\n"
                  "  input y: f32[T, 16]\n  r = scan x over 1 as xt, y over 0 as yt (h: f32[2, 16] = 0) {\n"
                  "    z = sigmoid(dense(xt, out: 16)) * yt\n    n = tanh(dense(h, out: 16))\n"
                  "    s = z * h + (1.0 - z) * n\n    next h = s\n    return s\n  }\n"
                  "  output all = softmax(r.s)\n  output last = r.h\n}\n");
}

/* What later turns would have gathered is 0, and nothing behind what the caller has. */
static void turns_that_do_not_run(void **state)
{
    bounded_check("lep 1\n\nmodel early {\n  dim T = 1..9\n  input x: f32[T, 3]\n  input y: f32[2, T, 3]\n"
                  "  r = scan x over 0 as xt, y over 1 as yt (sum: f32[3] = 0) while reduce_max(sum) < 0.5 {\n"
                  "    s = sum + abs(xt)\n    t = yt + s\n    next sum = s\n    return s, t\n  }\n"
                  "  output all = r.s\n  output sums = relu(r.t)\n  output last = r.sum\n}\n");
    bounded_check("lep 1\n\nmodel rows {\n  dim N = 1..9\n  input x: f32[6, N]\n"
                  "  r = scan x over 0 as xt (sum: f32[N] = 0) while reduce_max(sum) < 0.5 {\n"
                  "    s = sum + abs(xt)\n    next sum = s\n    return s over 1\n  }\n"
                  "  output all = r.s\n  output last = r.sum\n}\n");
}

static void caches_that_grow(void **state)
{
    bounded_check(
        "lep 1\n\nmodel gpt {\n  dim T = 0..20\n  weights seed: 1\n  input x: f32[1, 16]\n"
        "  input keys: f32[T, 16]\n  input values: f32[T, 16]\n  n = layer_norm(x)\n  q = dense(n, out: 16)\n"
        "  k = dense(n, out: 16)\n  v = dense(n, out: 16)\n  all_keys = concat(keys, k, axis: 0)\n"
        "  all_values = concat(values, v, axis: 0)\n  a = attention(q, all_keys, all_values, heads: 4)\n"
        "  output y = x + dense(a, out: 16)\n  output new_keys = all_keys\n  output new_values = all_values\n}\n");
    bounded_check("lep 1\n\nmodel padded {\n  dim T = 1..20\n  input x: f32[2, T, 5]\n  input z: f32[2, 3, 5]\n"
                  "  output y = pad(x * 2.0, begin: [0, 2], end: [0, 1])\n"
                  "  output c = softmax(concat(z, x, z, axis: 1))\n}\n");
}

/* ---- sizes that are refused ---- */

static void sizes_out_of_bounds_do_not_run(void **state)
{
    const char *cpus[HOST_CPUS];
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Graph *graph = bounded_parse(
        arena, "lep 1\n\nmodel half {\n  dim N = 2..4\n  input x: f32[N, 4]\n  output y = x * 0.5\n}\n", &diag);
    Target target;
    Compiled compiled;
    if (!host_cpus(cpus)) skip();
    assert_true(target_select("", cpus[0], "", arena, &target, &diag));
    PassContext context = {.target = &target, .level = 2};
    assert_true(compiled_new(graph, &context, arena, &compiled, &diag));
    float x[16] = {8, 4, 2, 1}, y[16] = {0};
    _Alignas(64) unsigned char room[4096];
    assert_true(compiled.model->arena_bytes <= (int64_t)sizeof room);
    int64_t size = 0;
    void *bases[] = {x, y, room, NULL, NULL, &size};
    for (size = -1; size < 8; size++)
        assert_int_equal(compiled.model->run(bases, NULL), size < 2 || size > 4 ? LEP_ERROR_SIZE : LEP_OK);
    assert_true(y[0] == 4.0f);
    bases[5] = NULL;
    assert_int_equal(compiled.model->run(bases, NULL), LEP_ERROR_ARGUMENT);
    compiled_free(&compiled);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_of_images),
        cmocka_unit_test(batches_of_rows),
        cmocka_unit_test(batches_of_sequences),
        cmocka_unit_test(batches_through_scans),
        cmocka_unit_test(first_axes_that_are_not_the_batch),
        cmocka_unit_test(steps_of_a_recurrence),
        cmocka_unit_test(sums_over_what_is_bounded),
        cmocka_unit_test(rows_of_batches),
        cmocka_unit_test(sums_along_inner_axes),
        cmocka_unit_test(products_of_lines),
        cmocka_unit_test(products_whose_columns_end),
        cmocka_unit_test(queries_and_keys),
        cmocka_unit_test(nothing_to_attend_to),
        cmocka_unit_test(encoders_of_transformers),
        cmocka_unit_test(images_of_any_size),
        cmocka_unit_test(sounds_of_any_length),
        cmocka_unit_test(sizes_in_attributes),
        cmocka_unit_test(a_network_for_images_of_any_size),
        cmocka_unit_test(scans_over_what_is_bounded),
        cmocka_unit_test(turns_that_do_not_run),
        cmocka_unit_test(caches_that_grow),
        cmocka_unit_test(sizes_out_of_bounds_do_not_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
