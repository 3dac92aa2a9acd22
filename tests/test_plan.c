/* Places: what shares memory, what must not, and what gets none. */
#include "backend/lower.h"
#include "passes/lifetime.h"
#include "passes/report_memory.h"
#include "tests/support/native.h"
#include "tests/support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants these first */
#include <cmocka.h>

/* Runs every required pass; the verifier recomputes overlaps after plan. */
static void plan(Sketch *s)
{
    Target target;
    assert_true(target_select("x86_64-unknown-linux-gnu", "x86-64-v3", "", s->arena, &target, s->diag));
    PassContext context = {.target = &target};
    assert_true(pass_pipeline(s->graph, &context, NULL, NULL, NULL, s->diag));
    assert_int_equal(s->graph->stage, STAGE_PLANNED);
}

/* Of the first top-level node of that name. */
static const Place *place(const Sketch *s, const char *name)
{
    const Node *node = graph_find(s->graph, name);
    assert_non_null(node);
    return node->places;
}

static Value named(Sketch *s, const char *name, Op op, int ninputs, const Value *inputs)
{
    Value value = sketch_op(s, op, NULL, ninputs, inputs);
    graph_rename(value.node, name);
    return value;
}

static void ports_are_the_users_buffers(void **state)
{
    Sketch s = sketch_new(*state, "ports");
    Value a = sketch_input(&s, F32, DIMS(5)), b = sketch_input(&s, F32, DIMS(5));
    sketch_output(&s, named(&s, "first", OP_add, OPERANDS(a, b)));
    sketch_output(&s, named(&s, "second", OP_sub, OPERANDS(a, b)));
    plan(&s);
    assert_int_equal(b.node->places[0].space, SPACE_INPUT);
    assert_int_equal(b.node->places[0].index, 1);
    assert_int_equal(place(&s, "second")->space, SPACE_OUTPUT);
    assert_int_equal(place(&s, "second")->index, 1);
    assert_int_equal(memory_totals(s.graph).arena, 0);
}

/* Dense layers may not overlap their inputs; the element-wise step after them may. */
static void the_last_reader_takes_the_memory_over(void **state)
{
    Sketch s = sketch_new(*state, "over");
    Value x = sketch_input(&s, F32, DIMS(4, 64)), weight = sketch_param(&s, F32, DIMS(64, 64));
    Value a = named(&s, "a", OP_dense, OPERANDS(x, weight));
    Value b = named(&s, "b", OP_dense, OPERANDS(a, weight));
    Value c = named(&s, "c", OP_softmax, OPERANDS(b));
    Value d = named(&s, "d", OP_dense, OPERANDS(c, weight));
    sketch_output(&s, named(&s, "e", OP_dense, OPERANDS(d, weight)));
    plan(&s);
    assert_int_not_equal(place(&s, "a")->offset, place(&s, "b")->offset);
    assert_int_equal(place(&s, "c")->offset, place(&s, "b")->offset);
    assert_int_equal(place(&s, "d")->offset, place(&s, "a")->offset);
    assert_int_equal(memory_totals(s.graph).arena, 2 * 4 * 64 * 4);
    assert_int_equal(memory_totals(s.graph).live_peak, 2 * 4 * 64 * 4);
}

/* The sum reads `a`, which the end still needs, and `b` by another index. */
static void nothing_is_taken_from_later_readers(void **state)
{
    Sketch s = sketch_new(*state, "kept");
    Value x = sketch_input(&s, F32, DIMS(32, 32)), weight = sketch_param(&s, F32, DIMS(32, 32));
    Value a = named(&s, "a", OP_dense, OPERANDS(x, weight));
    Value b = named(&s, "b", OP_softmax, OPERANDS(a));
    TransposeAttrs order = {.permute = {2, {1, 0}}};
    Value t = sketch_op(&s, OP_transpose, &order, OPERANDS(b));
    Value c = named(&s, "c", OP_add, OPERANDS(a, t));
    Value d = named(&s, "d", OP_dense, OPERANDS(c, weight));
    sketch_output(&s, named(&s, "e", OP_add, OPERANDS(d, a)));
    plan(&s);
    assert_int_not_equal(place(&s, "c")->offset, place(&s, "a")->offset);
    assert_int_not_equal(place(&s, "c")->offset, place(&s, "b")->offset);
}

static void convolutions_find_a_ring_of_zeros(void **state)
{
    Sketch s = sketch_new(*state, "ring");
    Value x = sketch_input(&s, F32, DIMS(1, 8, 8, 4));
    ConvAttrs narrow = {.stride = {2, {1, 1}}, .dilation = {2, {1, 1}}, .groups = 1, .pad = {.mode = PAD_SAME}};
    ConvAttrs wide = narrow;
    wide.stride = (IntList){2, {2, 2}};
    Value a = named(&s, "a", OP_tanh, OPERANDS(x));
    sketch_output(&s, sketch_op(&s, OP_conv2d, &narrow, OPERANDS(a, sketch_param(&s, F32, DIMS(3, 3, 4, 8)))));
    sketch_output(&s, sketch_op(&s, OP_conv2d, &wide, OPERANDS(a, sketch_param(&s, F32, DIMS(5, 5, 4, 8)))));
    plan(&s);
    const Place *p = place(&s, "a");
    /* 3x3 wants 1 before and after; 5x5 by steps of 2 wants 1 before and 2 after */
    for (int axis = 1; axis < 3; axis++) {
        assert_int_equal(p->before[axis], 1);
        assert_int_equal(p->after[axis], 2);
    }
    assert_int_equal(p->stride[2], 4);
    assert_int_equal(p->stride[1], 4 * 11);
    assert_int_equal(place_bytes(p, &a.node->types[0]), 4 * 4 * 11 * 11);
}

static void weights_read_in_two_orders_become_two(void **state)
{
    Sketch s = sketch_new(*state, "twice");
    Value x = sketch_input(&s, F32, DIMS(3, 24)), weight = sketch_param(&s, F32, DIMS(24, 24));
    sketch_output(&s, sketch_op(&s, OP_dense, NULL, OPERANDS(x, weight)));
    sketch_output(&s, named(&s, "dense_use", OP_tanh, OPERANDS(weight)));
    plan(&s);
    int packed = 0, dense = 0;
    for (const Node *node = s.graph->first; node; node = node->next) {
        if (node->op != OP_param || node->places->space != SPACE_CONSTANT) continue;
        packed += node->places->panel > 0;
        dense += node->places->panel == 0;
    }
    assert_int_equal(dense, 1);
    assert_int_equal(packed, 1);
    Sketch again = sketch_new(*state, "twice");
    x = sketch_input(&again, F32, DIMS(3, 24));
    weight = sketch_param(&again, F32, DIMS(24, 24));
    sketch_output(&again, sketch_op(&again, OP_dense, NULL, OPERANDS(x, weight)));
    sketch_output(&again, sketch_op(&again, OP_tanh, NULL, OPERANDS(weight)));
    if (native_runs("x86-64-v3")) assert_true(native_agrees(again.graph, "x86-64-v3", 0));
}

static void numbers_need_no_memory(void **state)
{
    Sketch s = sketch_new(*state, "numbers");
    Value x = sketch_input(&s, F32, DIMS(6));
    Value half = sketch_number(&s, F32, 0.5);
    sketch_output(&s, sketch_op(&s, OP_mul, NULL, OPERANDS(x, half)));
    plan(&s);
    assert_int_equal(half.node->places[0].space, SPACE_NONE);
    assert_int_equal(memory_totals(s.graph).constants, 0);
}

static void reshapes_share_their_sources_place(void **state)
{
    Sketch s = sketch_new(*state, "alias");
    Value x = sketch_input(&s, F32, DIMS(2, 18)), weight = sketch_param(&s, F32, DIMS(18, 18));
    ReshapeAttrs shape = {.shape = {3, {2, 6, 3}}};
    Value a = named(&s, "a", OP_dense, OPERANDS(x, weight));
    Value b = sketch_op(&s, OP_reshape, &shape, OPERANDS(a));
    sketch_output(&s, sketch_op(&s, OP_softmax, NULL, OPERANDS(b)));
    plan(&s);
    assert_int_equal(b.node->places[0].space, SPACE_ARENA);
    assert_int_equal(b.node->places[0].offset, place(&s, "a")->offset);
    assert_int_equal(b.node->places[0].stride[0], 18);
    assert_int_equal(b.node->places[0].stride[1], 3);
}

static void the_report_names_every_buffer(void **state)
{
    Sketch s = sketch_new(*state, "report");
    Value x = sketch_input(&s, F32, DIMS(2, 18)), weight = sketch_param(&s, F32, DIMS(18, 18));
    Value a = named(&s, "first", OP_dense, OPERANDS(x, weight));
    sketch_output(&s, named(&s, "second", OP_dense, OPERANDS(a, weight)));
    plan(&s);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    report_memory(s.graph, out);
    fclose(out);
    assert_non_null(strstr(text, "arena               192 bytes\n"));
    assert_non_null(strstr(text, "first                             144            0  first .. second\n"));
    assert_non_null(strstr(text, "f32[18, 18] in panels of "));
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ports_are_the_users_buffers),           TEST(the_last_reader_takes_the_memory_over),
        TEST(nothing_is_taken_from_later_readers),   TEST(convolutions_find_a_ring_of_zeros),
        TEST(weights_read_in_two_orders_become_two), TEST(numbers_need_no_memory),
        TEST(reshapes_share_their_sources_place),    TEST(the_report_names_every_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
