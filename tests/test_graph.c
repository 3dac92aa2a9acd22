/* Graphs: names, regions, uses, clones, operand checks; what the printer writes and what the verifier finds. */
#include "ir/op.h"
#include "ir/place.h"
#include "ir/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

typedef struct Fixture {
    Arena *arena;
    Diag diag;
    Graph *graph;
} Fixture;

static int setup(void **state)
{
    Arena *arena = arena_new(NULL, NULL);
    Fixture *f = ARENA_NEW(arena, Fixture);
    *f = (Fixture){arena, diag_new(arena), graph_new(arena, "m")};
    f->graph->stage = STAGE_CORE;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    arena_free(((Fixture *)*state)->arena);
    return 0;
}

static const int64_t four[] = {1, 4};

static Value input(Fixture *f, const char *name)
{
    Type type = type_tensor(F32, 2, four);
    return value_of(graph_add(f->graph, &(NodeSpec){.op = OP_input, .name = name, .type = &type}, &f->diag));
}

static Node *add_to(Fixture *f, Graph *graph, Op op, const char *name, Value a, Value b)
{
    Value operands[] = {a, b};
    NodeSpec spec = {.op = op, .name = name, .ninputs = b.node ? 2 : 1, .inputs = operands};
    return graph_add(graph, &spec, &f->diag);
}

static const Value none = {NULL, 0};

static const char *text_of(Fixture *f, const Graph *graph)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    graph_print(graph, out, (PrintOptions){.origins = true});
    fclose(out);
    char *copy = arena_copy_string(f->arena, text);
    free(text);
    return copy;
}

/* in -> group g { a = relu(in); g = a + in } -> out, as fuse makes it. */
static Node *grouped(Fixture *f)
{
    Value x = input(f, "in");
    Node *a = add_to(f, f->graph, OP_relu, "a", x, none);
    Node *g = add_to(f, f->graph, OP_add, "g", value_of(a), x);
    Node *out = add_to(f, f->graph, OP_neg, "out", value_of(g), none);
    Node *group = graph_add(f->graph, &(NodeSpec){.op = OP_group, .name = "g", .before = out}, &f->diag);
    Graph *body = graph_new_region(group);
    graph_replace(f->graph, value_of(g), value_of(group));
    graph_move(body, a, NULL);
    graph_move(body, g, NULL);
    graph_add_result(body, (Result){.value = value_of(g)});
    graph_rename(group, "g");
    assert_true(graph_infer(group, &f->diag));
    graph_add_result(f->graph, (Result){.name = "y", .value = value_of(out)});
    return group;
}

/* ---- names ---- */

static void names_are_made_unique_and_found(void **state)
{
    Fixture *f = *state;
    Value x = input(f, "x");
    Node *first = add_to(f, f->graph, OP_relu, "r", x, none), *second = add_to(f, f->graph, OP_relu, "r", x, none);
    assert_string_equal(second->name, "r.1");
    assert_string_equal(add_to(f, f->graph, OP_relu, "r.1", x, none)->name, "r.1.1");
    assert_string_equal(add_to(f, f->graph, OP_relu, "r", x, none)->name, "r.2");
    graph_remove(f->graph, first);
    assert_null(graph_find(f->graph, "r"));
    graph_rename(second, "r");
    assert_ptr_equal(graph_find(f->graph, "r"), second);
    assert_null(graph_find(f->graph, "r.1"));
}

static void many_equal_names_take_no_quadratic_time(void **state)
{
    Fixture *f = *state;
    Value x = input(f, "x");
    clock_t start = clock();
    for (int i = 0; i < 50000; i++) x = value_of(add_to(f, f->graph, OP_relu, "same", x, none));
    assert_string_equal(x.node->name, "same.49999");
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 5); /* 50000^2 / 2 comparisons of names take longer */
}

/* A name inside a region may hide that of its own group only. */
static void names_in_regions_do_not_hide_what_is_around(void **state)
{
    Fixture *f = *state;
    Node *group = grouped(f);
    assert_string_equal(group->name, "g");
    assert_string_equal(graph_find(group->regions[0], "g")->name, "g");
    Value inner = value_of(graph_find(group->regions[0], "a"));
    assert_string_equal(add_to(f, group->regions[0], OP_relu, "in", inner, none)->name, "in.1");
}

/* ---- uses ---- */

static void uses_are_counted_and_replaced_in_regions_and_results(void **state)
{
    Fixture *f = *state;
    Node *group = grouped(f);
    Value in = value_of(graph_find(f->graph, "in")), out = f->graph->results[0].value, *captures;
    assert_int_equal(graph_uses(f->graph, in), 2);
    assert_int_equal(graph_uses(f->graph, out), 1); /* as a result */
    assert_int_equal(graph_captures(group->regions[0], &captures), 1);
    assert_true(value_equal(captures[0], in));
    Value other = input(f, "other");
    graph_move(f->graph, other.node, f->graph->first);
    graph_replace(f->graph, in, other);
    graph_replace(f->graph, out, value_of(group));
    assert_int_equal(graph_uses(f->graph, in), 0);
    assert_int_equal(graph_uses(f->graph, other), 2);
    assert_true(value_equal(f->graph->results[0].value, value_of(group)));
    assert_true(graph_verify(f->graph, &f->diag));
}

static void a_clone_shares_nothing_that_changes(void **state)
{
    Fixture *f = *state;
    Node *group = grouped(f);
    group->schedule = ARENA_NEW(f->arena, Schedule);
    attr_set_defaults(&schedule_attrs, group->schedule);
    group->places = ARENA_NEW(f->arena, Place);
    Arena *arena = arena_new(NULL, NULL);
    Graph *clone = graph_clone(arena, f->graph);
    const char *before = text_of(f, f->graph);
    assert_string_equal(text_of(f, clone), before);
    assert_true(graph_verify(clone, &f->diag));
    Node *copy = graph_find(clone, "g");
    assert_ptr_equal(copy->regions[0]->parent, clone);
    assert_ptr_equal(copy->regions[0]->owner, copy);
    copy->schedule->lanes = 16;
    copy->places->offset = 64;
    copy->regions[0]->first->inputs[0] = value_of(copy);
    graph_rename(copy, "renamed");
    clone->results[0].name = "z";
    assert_string_equal(text_of(f, f->graph), before);
    arena_free(arena);
}

/* ---- operands and shapes ---- */

static void refuse(Fixture *f, NodeSpec spec, DiagCode code, const char *says, const char *help)
{
    f->diag = diag_new(f->arena);
    spec.name = "bad";
    assert_null(graph_add(f->graph, &spec, &f->diag));
    assert_int_equal(f->diag.first->code, code);
    if (!strstr(f->diag.first->message, says)) fail_msg("`%s` does not say `%s`", f->diag.first->message, says);
    if (!strstr(f->diag.first->help, help)) fail_msg("`%s` does not help by `%s`", f->diag.first->help, help);
    assert_null(graph_find(f->graph, "bad"));
}

static void operands_are_counted_and_matched(void **state)
{
    Fixture *f = *state;
    int64_t three[] = {3};
    Type narrow = type_tensor(F32, 1, three), whole = type_tensor(I32, 2, four);
    Value x = input(f, "x");
    Value y = value_of(graph_add(f->graph, &(NodeSpec){.op = OP_input, .name = "y", .type = &narrow}, &f->diag));
    Value z = value_of(graph_add(f->graph, &(NodeSpec){.op = OP_input, .name = "z", .type = &whole}, &f->diag));
    Value three_of[] = {x, x, x}, hole[] = {none, x}, shapes[] = {x, y}, dtypes[] = {x, z};
    refuse(f, (NodeSpec){.op = OP_add, .ninputs = 1, .inputs = &x}, E0304, "add takes 2 operands, found 1", "add(");
    refuse(f, (NodeSpec){.op = OP_add, .ninputs = 3, .inputs = three_of}, E0304, "found 3", "add(");
    refuse(f, (NodeSpec){.op = OP_add, .ninputs = 2, .inputs = hole}, E0304, "needs operand 1", "add(");
    refuse(f, (NodeSpec){.op = OP_conv2d, .ninputs = 1, .inputs = &x}, E0304, "2 to 3 operands", "[bias]");
    refuse(f, (NodeSpec){.op = OP_add, .ninputs = 2, .inputs = shapes}, E0301, "f32[1, 4] and f32[3]", "from the last");
    refuse(f, (NodeSpec){.op = OP_add, .ninputs = 2, .inputs = dtypes}, E0302, "f32[1, 4] and i32[1, 4]", "convert");
}

static void absent_operands_at_the_end_can_be_read(void **state)
{
    Fixture *f = *state;
    int64_t image[] = {1, 5, 5, 1}, kernel[] = {3, 3, 1, 2};
    Type types[] = {type_tensor(F32, 4, image), type_tensor(F32, 4, kernel)};
    Value operands[] = {none, none, none};
    for (int i = 0; i < 2; i++)
        operands[i] =
            value_of(graph_add(f->graph, &(NodeSpec){.op = OP_input, .name = "i", .type = &types[i]}, &f->diag));
    NodeSpec spec = {.op = OP_conv2d, .name = "c", .ninputs = 3, .inputs = operands};
    Node *conv = graph_add(f->graph, &spec, &f->diag);
    assert_int_equal(conv->ninputs, 2);
    assert_null(conv->inputs[2].node);
    assert_string_equal(type_text(f->arena, &conv->types[0]), "f32[1, 3, 3, 2]");
}

static void bounded_dims_broadcast_only_to_themselves(void **state)
{
    const Dim n = {.low = 1, .high = 64, .name = "N"}, m = {.low = 1, .high = 64, .name = "M"}, one = dim_fixed(1);
    Type a = {.rank = 1, .dim = {n}}, b = {.rank = 1, .dim = {m}}, c = {.rank = 2, .dim = {n, one}}, out;
    assert_true(shape_broadcast(&a, &a, &out));
    assert_false(shape_broadcast(&a, &b, &out));
    assert_true(shape_broadcast(&b, &c, &out));
    assert_int_equal(out.rank, 2);
    assert_string_equal(out.dim[0].name, "N");
    assert_string_equal(out.dim[1].name, "M");
}

/* ---- makers ---- */

static void makers_name_place_and_pass_errors_on(void **state)
{
    Fixture *f = *state;
    Value x = input(f, "x");
    Node *at = add_to(f, f->graph, OP_relu, "r", x, none);
    at->origin = origin_of(f->arena, (Span){.name = "imported"});
    Maker m = {.graph = f->graph, .node = at, .at = at, .diag = &f->diag};
    Value half = make_number(&m, F32, 0.1), product = make_binary(&m, OP_mul, x, half);
    assert_string_equal(half.node->name, "r.number");
    assert_string_equal(product.node->name, "r.mul");
    assert_ptr_equal(product.node->next, at);
    assert_string_equal(product.node->origin.at[0].name, "imported");
    assert_true(((const ConstantAttrs *)half.node->attrs)->value == (double)0.1f);
    Value bad = make_binary(&m, OP_mul, x, make_number(&m, I32, 1));
    assert_null(bad.node);
    assert_int_equal(f->diag.errors, 1);
    assert_null(make_unary(&m, OP_relu, make_binary(&m, OP_add, x, bad)).node);
    assert_int_equal(f->diag.errors, 1);
}

static void origins_join_without_repeats(void **state)
{
    Arena *arena = ((Fixture *)*state)->arena;
    Source source = {"m", "", 0};
    Origin a = origin_of(arena, (Span){&source, 1, 2, 3, NULL}), b = origin_of(arena, (Span){.name = "n"});
    Origin both = origin_join(arena, origin_join(arena, a, b), origin_join(arena, b, a));
    assert_int_equal(both.count, 2);
    assert_int_equal(both.at[0].line, 1);
    assert_string_equal(both.at[1].name, "n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_made_unique_and_found, setup, teardown),
        cmocka_unit_test_setup_teardown(many_equal_names_take_no_quadratic_time, setup, teardown),
        cmocka_unit_test_setup_teardown(names_in_regions_do_not_hide_what_is_around, setup, teardown),
        cmocka_unit_test_setup_teardown(uses_are_counted_and_replaced_in_regions_and_results, setup, teardown),
        cmocka_unit_test_setup_teardown(a_clone_shares_nothing_that_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(operands_are_counted_and_matched, setup, teardown),
        cmocka_unit_test_setup_teardown(absent_operands_at_the_end_can_be_read, setup, teardown),
        cmocka_unit_test_setup_teardown(bounded_dims_broadcast_only_to_themselves, setup, teardown),
        cmocka_unit_test_setup_teardown(makers_name_place_and_pass_errors_on, setup, teardown),
        cmocka_unit_test_setup_teardown(origins_join_without_repeats, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
