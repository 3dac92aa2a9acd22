/* Bodies of ONNX models: what they compute, by hand, and that machine code does the same. */
#include "ir/op.h"
#include "tests/support/onnx_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants these first */
#include <cmocka.h>

static void no_memory(void *context)
{
    (void)context;
    abort();
}

static bool has_op(const Graph *graph, Op op)
{
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op == op) return true;
    return false;
}

/* ---- if ---- */

static const char choice[] = "opset 17\n"
                             "input x: float[2]\n"
                             "input c: bool[1]\n"
                             "output y: float[2]\n"
                             "output z: float[2]\n"
                             "y, z = If<then_branch: graph {\n"
                             "  a = Neg(x)\n"
                             "  output a: float[2]\n"
                             "  output x: float[2]\n"
                             "}, else_branch: graph {\n"
                             "  tensor w: float[2] = 7 8\n"
                             "  a = Add(x, w)\n"
                             "  output w: float[2]\n"
                             "  output a: float[2]\n"
                             "}>(c)\n";

static void chooses(void **state)
{
    ONNX_RUN(choice, 1, 2, 1, /* */ -1, -2, 1, 2);
    ONNX_RUN(choice, 1, 2, 0, /* */ 7, 8, 8, 10);
    onnx_run_native(choice);
}

/* ---- loops ---- */

static const char swapped[] = "opset 17\n"
                              "input x: float[2]\n"
                              "output h: float[2]\n"
                              "output k: float[2]\n"
                              "output i: int64[3]\n"
                              "output hs: float[3, 2]\n"
                              "output xs: float[3, 2]\n"
                              "tensor three: int64 = 3\n"
                              "tensor w: float[2] = 5 7\n"
                              "h, k, i, hs, xs = Loop<body: graph {\n"
                              "  input i_in: int64\n"
                              "  input go: bool\n"
                              "  input h_in: float[2]\n"
                              "  input k_in: float[2]\n"
                              "  output go: bool\n"
                              "  output k_in: float[2]\n"
                              "  output h_in: float[2]\n"
                              "  output i_in: int64\n"
                              "  output h_in: float[2]\n"
                              "  output x: float[2]\n"
                              "}>(three, , x, w)\n";

/* A body without nodes. */
static void carries_without_nodes(void **state)
{
    ONNX_RUN(swapped, 1, 2, /* */ 5, 7, 1, 2, 0, 1, 2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1, 2);
    onnx_run_native(swapped);
}

/* So often as `n` and `c` say, and while x is below 10; z is how many turns there were. */
static const char bounded[] = "opset 17\n"
                              "input n: int64\n"
                              "input c: bool\n"
                              "input x: float[2]\n"
                              "output y: float[2]\n"
                              "output z: int64\n"
                              "tensor zero: int64 = 0\n"
                              "tensor one: int64 = 1\n"
                              "tensor ten: float = 10\n"
                              "y, z = Loop<body: graph {\n"
                              "  input i: int64\n"
                              "  input go: bool\n"
                              "  input h: float[2]\n"
                              "  input count: int64\n"
                              "  twice = Add(h, h)\n"
                              "  more = Add(i, one)\n"
                              "  most = ReduceMax<keepdims: 0>(twice)\n"
                              "  again = Less(most, ten)\n"
                              "  output again: bool\n"
                              "  output twice: float[2]\n"
                              "  output more: int64\n"
                              "}>(n, c, x, zero)\n";

static void ends_as_said(void **state)
{
    ONNX_RUN(bounded, 0, 1, 1, 2, /* */ 1, 2, 0);
    ONNX_RUN(bounded, 9, 0, 1, 2, /* */ 1, 2, 0);
    ONNX_RUN(bounded, 2, 1, 1, 2, /* */ 4, 8, 2);
    ONNX_RUN(bounded, 9, 1, 1, 2, /* */ 8, 16, 3);
    ONNX_RUN(bounded, 9, 1, 20, 2, /* */ 40, 4, 1);
    onnx_run_native(bounded);
}

/* The condition is no from the second turn on, whatever the count. */
static const char once[] = "opset 17\n"
                           "input x: float[2]\n"
                           "output y: float[2]\n"
                           "output s: float[1, 2]\n"
                           "tensor nine: int64 = 9\n"
                           "y, s = Loop<body: graph {\n"
                           "  tensor no: bool = 0\n"
                           "  input i: int64\n"
                           "  input go: bool\n"
                           "  input h: float[2]\n"
                           "  k = Neg(h)\n"
                           "  output no: bool\n"
                           "  output k: float[2]\n"
                           "  output h: float[2]\n"
                           "}>(nine, , x)\n";

static void knows_that_there_is_one_turn(void **state)
{
    ONNX_RUN(once, 1, 2, /* */ -1, -2, 1, 2);
    onnx_run_native(once);
}

/* No turn, so that rows of a known shape are none. */
static const char never[] = "opset 17\n"
                            "input x: float[2]\n"
                            "output y: float[2]\n"
                            "output s: float[0, 2]\n"
                            "tensor zero: int64 = 0\n"
                            "y, s = Loop<body: graph {\n"
                            "  input i: int64\n"
                            "  input go: bool\n"
                            "  input h: float[2]\n"
                            "  k = Neg(h)\n"
                            "  output go: bool\n"
                            "  output k: float[2]\n"
                            "  output k: float[2]\n"
                            "}>(zero, , x)\n";

static void gathers_nothing(void **state)
{
    Arena *arena = arena_new(no_memory, NULL);
    const Graph *graph = onnx_run_import(arena, never);
    assert_string_equal(type_text(arena, value_type(graph->results[1].value)), "f32[0, 2]");
    arena_free(arena);
    ONNX_RUN(never, 1, 2, /* */ 1, 2);
}

/* Rows 0 and 1 and 2 of a table: where each begins is the number of the turn, and the condition ends it. */
static const char unrolled[] = "opset 13\n"
                               "input x: float[1]\n"
                               "output y: float[4]\n"
                               "output z: float[3, 1]\n"
                               "tensor nine: int64 = 9\n"
                               "tensor one: int64 = 1\n"
                               "tensor two: int64 = 2\n"
                               "tensor first: int64[1] = 0\n"
                               "tensor data: float[4] = 5 6 7 8\n"
                               "y, z = Loop<body: graph {\n"
                               "  input i: int64\n"
                               "  input go: bool\n"
                               "  input h: float[?]\n"
                               "  j = Add(i, one)\n"
                               "  from = Unsqueeze(i, first)\n"
                               "  to = Unsqueeze(j, first)\n"
                               "  part = Slice(data, from, to)\n"
                               "  next = Concat<axis: 0>(h, part)\n"
                               "  again = Less(i, two)\n"
                               "  output again: bool\n"
                               "  output next: float[?]\n"
                               "  output part: float[1]\n"
                               "}>(nine, , x)\n";

static void writes_turns_out(void **state)
{
    Arena *arena = arena_new(no_memory, NULL);
    assert_false(has_op(onnx_run_import(arena, unrolled), OP_scan));
    assert_true(has_op(onnx_run_import(arena, swapped), OP_scan));
    arena_free(arena);
    ONNX_RUN(unrolled, 1, /* */ 1, 5, 6, 7, 5, 6, 7);
}

/* The inner loop counts on from the outer one's turn; both bodies see x. */
static const char nested[] = "opset 17\n"
                             "input x: float\n"
                             "output y: float\n"
                             "output s: float[2, 3]\n"
                             "tensor two: int64 = 2\n"
                             "tensor three: int64 = 3\n"
                             "y, s = Loop<body: graph {\n"
                             "  input i: int64\n"
                             "  input go: bool\n"
                             "  input h: float\n"
                             "  g, rows = Loop<body: graph {\n"
                             "    input j: int64\n"
                             "    input still: bool\n"
                             "    input a: float\n"
                             "    ij = Add(i, j)\n"
                             "    f = Cast<to: 1>(ij)\n"
                             "    b = Add(a, f)\n"
                             "    c = Mul(b, x)\n"
                             "    output still: bool\n"
                             "    output b: float\n"
                             "    output c: float\n"
                             "  }>(three, , h)\n"
                             "  output go: bool\n"
                             "  output g: float\n"
                             "  output rows: float[3]\n"
                             "}>(two, , x)\n";

static void nests(void **state)
{
    ONNX_RUN(nested, 2, /* */ 11, 4, 6, 10, 12, 16, 22);
    onnx_run_native(nested);
}

/* ---- scans ---- */

static const char directions[] = "opset 17\n"
                                 "input h: float[2]\n"
                                 "input x: float[2, 3]\n"
                                 "input m: float[3]\n"
                                 "output last: float[2]\n"
                                 "output y: float[2, 3]\n"
                                 "output z: float[3]\n"
                                 "last, y, z = Scan<num_scan_inputs: 2, scan_input_axes: [-1, 0], "
                                 "scan_input_directions: [1, 0], scan_output_axes: [-1, 0], "
                                 "scan_output_directions: [0, 1], body: graph {\n"
                                 "  input s: float[2]\n"
                                 "  input u: float[2]\n"
                                 "  input v: float\n"
                                 "  t = Add(s, u)\n"
                                 "  p = Mul(t, v)\n"
                                 "  q = ReduceSum<keepdims: 0>(p)\n"
                                 "  output t: float[2]\n"
                                 "  output p: float[2]\n"
                                 "  output q: float\n"
                                 "}>(h, x, m)\n";

static void scans_both_ways(void **state)
{
    ONNX_RUN(directions, 1, 0, 1, 2, 3, 10, 20, 30, 1, 2, 3, /* */ 7, 60, 4, 12, 21, 30, 100, 180, 201, 112, 34);
    onnx_run_native(directions);
}

static const char batch[] = "opset 8\n"
                            "input lengths: int64[2]\n"
                            "input h: float[2, 1]\n"
                            "input x: float[2, 2, 1]\n"
                            "output last: float[2, 1]\n"
                            "output y: float[2, 2, 1]\n"
                            "last, y = Scan<num_scan_inputs: 1, body: graph {\n"
                            "  input s: float[1]\n"
                            "  input u: float[1]\n"
                            "  t = Add(s, u)\n"
                            "  output t: float[1]\n"
                            "  output t: float[1]\n"
                            "}>(lengths, h, x)\n";

static void scans_a_batch(void **state)
{
    ONNX_RUN(batch, 1, 2, 0, 10, 1, 2, 3, 4, /* */ 1, 17, 1, 0, 13, 17);
    onnx_run_native(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses),         cmocka_unit_test(carries_without_nodes),
        cmocka_unit_test(ends_as_said),    cmocka_unit_test(knows_that_there_is_one_turn),
        cmocka_unit_test(gathers_nothing), cmocka_unit_test(writes_turns_out),
        cmocka_unit_test(nests),           cmocka_unit_test(scans_both_ways),
        cmocka_unit_test(scans_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
