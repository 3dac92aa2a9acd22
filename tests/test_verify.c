/* The verifier finds each broken invariant; the printer writes a planned graph as the language says. */
#define _DEFAULT_SOURCE /* mkdtemp */
#include "ir/op.h"
#include "ir/place.h"
#include "ir/pool.h"
#include "ir/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct Fixture {
    Arena *arena;
    Diag diag;
    Graph *graph;
    Node *in, *weight, *first, *alias, *second; /* top level */
    Node *map, *matrix;                         /* in the bodies of first and second */
} Fixture;

static Node *add(Fixture *f, Graph *graph, NodeSpec spec)
{
    Node *node = graph_add(graph, &spec, &f->diag);
    assert_non_null(node);
    return node;
}

static Node *new_group(Fixture *f, const char *name)
{
    Node *group = add(f, f->graph, (NodeSpec){.op = OP_group, .name = name});
    graph_new_region(group);
    return group;
}

static void finish_group(Fixture *f, Node *group, Node *result)
{
    graph_add_result(group->regions[0], (Result){.value = value_of(result)});
    assert_true(graph_infer(group, &f->diag));
    group->schedule = ARENA_NEW(f->arena, Schedule);
    attr_set_defaults(&schedule_attrs, group->schedule);
}

static Place *place(Fixture *f, Node *node, Space space, int64_t offset)
{
    node->places = ARENA_NEW(f->arena, Place);
    *node->places = (Place){.space = space, .offset = offset};
    place_set_strides(node->places, &node->types[0]);
    return node->places;
}

/* in -> group a: relu -> reshape -> group b: matmul with a weight -> out; all placed. */
static int setup(void **state)
{
    Arena *arena = arena_new(NULL, NULL);
    Fixture *f = ARENA_NEW(arena, Fixture);
    *f = (Fixture){.arena = arena, .diag = diag_new(arena), .graph = graph_new(arena, "m")};
    f->graph->stage = STAGE_PLANNED;
    const int64_t image[] = {2, 2, 2}, matrix[] = {4, 4};
    Type in_type = type_tensor(F32, 3, image), weight_type = type_tensor(F32, 2, matrix);
    ParamAttrs param;
    attr_set_defaults(&op_param.attrs, &param);
    param.file = "w.safetensors";
    param.key = "w/kernel";
    f->in = add(f, f->graph, (NodeSpec){.op = OP_input, .name = "in", .type = &in_type});
    f->weight = add(f, f->graph, (NodeSpec){.op = OP_param, .name = "w", .type = &weight_type, .attrs = &param});
    f->first = new_group(f, "a");
    Value x = value_of(f->in);
    f->map = add(f, f->first->regions[0], (NodeSpec){.op = OP_relu, .name = "a", .ninputs = 1, .inputs = &x});
    finish_group(f, f->first, f->map);
    ReshapeAttrs reshape = {.shape = {2, {2, 4}}};
    Value a = value_of(f->first);
    NodeSpec alias = {.op = OP_reshape, .name = "flat", .ninputs = 1, .inputs = &a, .attrs = &reshape};
    f->alias = add(f, f->graph, alias);
    f->second = new_group(f, "b");
    Value operands[] = {value_of(f->alias), value_of(f->weight)};
    NodeSpec matmul = {.op = OP_matmul, .name = "b", .ninputs = 2, .inputs = operands};
    f->matrix = add(f, f->second->regions[0], matmul);
    finish_group(f, f->second, f->matrix);
    graph_add_result(f->graph, (Result){.name = "y", .value = value_of(f->second), .labels_path = "l.txt"});
    place(f, f->in, SPACE_INPUT, 0);
    place(f, f->weight, SPACE_CONSTANT, 0)->panel = 16;
    f->second->schedule->panel = 16;
    place_set_strides(f->weight->places, &f->weight->types[0]);
    place(f, f->first, SPACE_ARENA, 0);
    place(f, f->alias, SPACE_ARENA, 0);
    place(f, f->second, SPACE_OUTPUT, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    arena_free(((Fixture *)*state)->arena);
    return 0;
}

/* ---- the printer ---- */

static const char *text_of(Fixture *f, PrintOptions options)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    graph_print(f->graph, out, options);
    fclose(out);
    char *copy = arena_copy_string(f->arena, text);
    free(text);
    return copy;
}

static void a_planned_graph_prints_all_that_was_decided(void **state)
{
    Fixture *f = *state;
    Source source = {"m.lep", "", 0};
    f->graph->doc = "a \"test\"";
    f->second->schedule->lanes = 8;
    f->map->origin = origin_join(f->arena, origin_of(f->arena, (Span){&source, 8, 21, 10, NULL}),
                                 origin_of(f->arena, (Span){.name = "Relu_1"}));
    *f->first->places = (Place){.space = SPACE_ARENA, .before = {0, 1, 1}, .after = {0, 1, 1}};
    place_set_strides(f->first->places, &f->first->types[0]);
    f->alias->places->stride[0] = 9;
    const char *body = "lep 1 stage planned\n"
                       "\n"
                       "model m \"a \\\"test\\\"\" {\n"
                       "  input in: f32[2, 2, 2] @place(\"input\", index: 0)\n"
                       "  w: f32[4, 4] = param(file: \"w.safetensors\", key: \"w/kernel\") @place(constant, offset: 0, "
                       "panel: 16)\n"
                       "  group a @place(a, arena, offset: 0, before: [0, 1, 1], after: [0, 1, 1]) "
                       "@schedule(lanes: 1) {\n"
                       "    a: f32[2, 2, 2] = relu(in) @origin(\"m.lep\":8:21:10, \"Relu_1\")\n"
                       "    return a\n"
                       "  }\n"
                       "  flat: f32[2, 4] = reshape(a, shape: [2, 4]) @place(arena, offset: 0, stride: [9, 1])\n"
                       "  group b @place(b, \"output\", index: 0) @schedule(lanes: 8, panel: 16) {\n"
                       "    b: f32[2, 4] = matmul(flat, w)\n"
                       "    return b\n"
                       "  }\n"
                       "  output y = b labels: \"l.txt\"\n"
                       "}\n";
    assert_string_equal(text_of(f, (PrintOptions){.origins = true}), body);
    assert_null(strstr(text_of(f, (PrintOptions){.origins = false}), "@origin"));
}

static void odd_names_are_quoted(void **state)
{
    static const char *const names[][2] = {
        {"s2.0.a.weight", "s2.0.a.weight"},
        {"x.1", "x.1"},
        {"_a9", "_a9"},
        {"output", "\"output\""},
        {"x.output", "x.output"},
        {"9x", "\"9x\""},
        {"a b", "\"a b\""},
        {"a..b", "\"a..b\""},
        {"a.", "\"a.\""},
        {"", "\"\""},
        {"/conv/W:0", "\"/conv/W:0\""},
    };
    Fixture *f = *state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        f->graph->name = names[i][0];
        const char *expected = arena_printf(f->arena, "\nmodel %s {\n", names[i][1]);
        assert_non_null(strstr(text_of(f, (PrintOptions){0}), expected));
    }
}

/* Constants: one number in the text, more in a pool whose name is its hash. */
static void constants_print_as_a_number_or_go_to_the_pool(void **state)
{
    Fixture *f = *state;
    const int64_t dims[] = {3};
    Tensor many = tensor_new(f->arena, type_tensor(F32, 1, dims)),
           one = tensor_new(f->arena, type_tensor(F32, 1, dims));
    for (int i = 0; i < 3; i++) tensor_set_real(&many, i, i);
    for (int i = 0; i < 3; i++) tensor_set_real(&one, i, 0.5);
    add(f, f->graph, (NodeSpec){.op = OP_constant, .name = "k0", .type = &one.type, .data = &one});
    add(f, f->graph, (NodeSpec){.op = OP_constant, .name = "k1", .type = &many.type, .data = &many});
    add(f, f->graph, (NodeSpec){.op = OP_constant, .name = "k2", .type = &many.type, .data = &many});
    const char *text = text_of(f, (PrintOptions){0}), *name = pool_name(pool_of(f->arena, f->graph));
    assert_non_null(strstr(text, "k0: f32[3] = constant(value: 0.5)\n"));
    assert_non_null(strstr(text, arena_printf(f->arena, "k1: f32[3] = constant(pool: \"%s\")\n", name)));
    assert_non_null(strstr(text, arena_printf(f->arena, "k2: f32[3] = constant(pool: \"%s\", offset: 64)\n", name)));
    char folder[] = P_tmpdir "/lepc-pool-XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_true(graph_write_pool(f->graph, folder, &f->diag));
    const char *path = arena_printf(f->arena, "%s/%s", folder, name);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 64 + 12);
    assert_false(graph_write_pool(f->graph, path, &f->diag)); /* no folder */
    assert_int_equal(f->diag.first->code, E0901);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

/* ---- the verifier ---- */

static void a_good_graph_passes(void **state)
{
    Fixture *f = *state;
    assert_true(graph_verify(f->graph, &f->diag));
    assert_int_equal(f->diag.errors, 0);
}

static void expect(Fixture *f, const char *says)
{
    f->diag = diag_new(f->arena);
    assert_false(graph_verify(f->graph, &f->diag));
    for (const Diagnostic *one = f->diag.first; one; one = one->next)
        if (one->code == E0605 && strstr(one->message, says)) return;
    fail_msg("`%s` does not say `%s`", f->diag.first->message, says);
}

static void order_and_scope_are_checked(void **state)
{
    Fixture *f = *state;
    graph_move(f->graph, f->in, NULL);
    expect(f, "`a` uses a value that comes later: in");
    graph_move(f->graph, f->in, f->graph->first);
    f->alias->inputs[0] = value_of(f->map);
    expect(f, "`flat` uses a value of another region: a");
    f->alias->inputs[0] = (Value){f->first, 1};
    expect(f, "uses a missing result of a");
    f->alias->inputs[0] = (Value){NULL, 0};
    expect(f, "lacks an operand");
    f->alias->inputs[0] = value_of(f->first);
    f->graph->results[0].value.node = NULL;
    expect(f, "result `y` has no value");
}

static void names_are_checked(void **state)
{
    Fixture *f = *state;
    f->weight->name = "in";
    expect(f, "name of its own");
    f->weight->name = "w";
    graph_rename(f->alias, "z");
    Value x = value_of(f->alias);
    NodeSpec spec = {.op = OP_relu, .name = "q", .ninputs = 1, .inputs = &x, .before = f->matrix};
    add(f, f->second->regions[0], spec);
    graph_rename(f->alias, "q"); /* is not seen to be taken inside: the verifier does */
    expect(f, "whose name is hidden: q");
}

static void types_are_inferred_again(void **state)
{
    Fixture *f = *state;
    f->map->types[0].dtype = F64;
    expect(f, "has another type than its rule gives: f32[2, 2, 2], not f64[2, 2, 2]");
    f->map->types[0].dtype = F32;
    f->first->types[0].dim[0] = dim_fixed(3);
    expect(f, "`a` has another type");
    f->first->types[0].dim[0] = dim_fixed(2);
    Tensor scalar = tensor_new(f->arena, type_scalar(F32));
    f->weight->data = &scalar;
    expect(f, "elements of another type");
    f->weight->data = NULL;
    ConstantAttrs attrs = {.pool = "0123456789abcdef.bin"};
    Type type = type_scalar(F32);
    add(f, f->graph, (NodeSpec){.op = OP_constant, .name = "k", .type = &type, .attrs = &attrs});
    expect(f, "`k` has no elements");
}

static void stages_are_checked(void **state)
{
    Fixture *f = *state;
    Schedule *schedule = f->second->schedule;
    f->second->schedule = NULL;
    expect(f, "`b` has no schedule");
    f->second->schedule = schedule;
    Value x = value_of(f->in), y = value_of(f->matrix), operands[] = {y, value_of(f->weight)};
    Node *loose = add(f, f->graph, (NodeSpec){.op = OP_relu, .name = "loose", .ninputs = 1, .inputs = &x});
    expect(f, "`loose` stands outside of a group");
    graph_remove(f->graph, loose);
    Node *silu = add(f, f->graph, (NodeSpec){.op = OP_silu, .name = "s", .ninputs = 1, .inputs = &x});
    expect(f, "`s` should have been expanded");
    graph_remove(f->graph, silu);
    NodeSpec again = {.op = OP_matmul, .name = "again", .ninputs = 2, .inputs = operands};
    Node *second = add(f, f->second->regions[0], again);
    expect(f, "`again` is a second anchor");
    graph_remove(f->second->regions[0], second);
    Type type = type_scalar(F32);
    add(f, f->first->regions[0], (NodeSpec){.op = OP_param, .name = "p", .type = &type});
    expect(f, "`p` does not belong into a group");
}

static void places_are_checked(void **state)
{
    Fixture *f = *state;
    f->first->places->offset = 4;
    expect(f, "multiple of 64");
    f->first->places->offset = 64;
    expect(f, "`flat` is a view of a value that lies elsewhere");
    f->alias->places->offset = 64;
    expect(f, "`a` lies behind all that values need");
    f->first->places->offset = f->alias->places->offset = 0;
    f->weight->places->panel = 8;
    place_set_strides(f->weight->places, &f->weight->types[0]);
    expect(f, "`w` lies in panels other than those that `b` reads");
    f->weight->places->panel = 16;
    place_set_strides(f->weight->places, &f->weight->types[0]);
    Place *kept = f->weight->places;
    f->weight->places = NULL;
    expect(f, "`w` is used, but has no place");
    f->weight->places = kept;
    f->second->places->space = SPACE_ARENA;
    f->second->places->offset = 128;
    expect(f, "`b` is a result, but does not lie");
}

/* What an edited dump may say of schedules; each is put right again. */
static void schedules_of_a_dump_are_not_believed(void **state)
{
    Fixture *f = *state;
    Schedule *s = f->second->schedule;
    struct {
        int64_t *field, value;
        const char *says;
    } changes[] = {{&s->lanes, 3, "no power of two"},     {&s->lanes, 128, "no power of two"},
                   {&s->lanes, 0, "no power of two"},     {&s->tile_rows, 0, "not from 1"},
                   {&s->unroll, INT64_MAX, "not from 1"}, {&s->prefetch, -1, "negative"},
                   {&s->panel, -16, "negative"},          {&s->tile_columns, 257, "over 256 vectors"},
                   {&s->tile_vectors, 512, "over 256"},   {&s->lanes, 32, "panel is no multiple of lanes"},
                   {&s->tile_vectors, 3, "neither panel"}};
    s->lanes = 8;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        int64_t kept = *changes[i].field;
        *changes[i].field = changes[i].value;
        expect(f, changes[i].says);
        *changes[i].field = kept;
    }
    assert_true(graph_verify(f->graph, &f->diag));
}

/* What an edited dump may say of places; each is put right again. */
static void places_of_a_dump_are_not_believed(void **state)
{
    Fixture *f = *state;
    Place *in = f->in->places, *a = f->first->places, *w = f->weight->places, *b = f->second->places;
    struct {
        int64_t *field, value;
        const char *says;
    } changes[] = {
        {&a->offset, -64, "`a` has a place with strides or sizes"},
        {&a->offset, INT64_MAX - 63, "`a` has a place with strides or sizes"},
        {&a->stride[0], INT64_MAX, "`a` has a place with strides or sizes"},
        {&a->stride[0], 3, "`a` has a place with strides or sizes"},
        {&a->stride[2], 0, "`a` has a place with strides or sizes"},
        {&a->before[1], -1, "`a` has a place with strides or sizes"},
        {&a->after[3], 1, "`a` has a place with strides or sizes"},
        {&a->before[1], INT64_MAX, "`a` has a place with strides or sizes"},
        {&a->stride[0], 8, "do not lie side by side"},
        {&a->panel, 16, "`a` has a place with strides or sizes"},
        {&w->panel, INT64_MAX, "`w` lies in panels other"},
        {&w->panel, -1, "`w` lies in panels other"},
        {&b->stride[0], 5, "`b` does not fill the caller's buffer"},
        {&b->offset, 64, "`b` does not fill the caller's buffer"},
        {&in->stride[0], 8, "`in` does not fill the caller's buffer"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        int64_t kept = *changes[i].field;
        *changes[i].field = changes[i].value;
        expect(f, changes[i].says);
        *changes[i].field = kept;
    }
    assert_true(graph_verify(f->graph, &f->diag));
    in->index = 1;
    expect(f, "`in` is an input, but does not lie");
    in->index = 0;
    a->space = SPACE_INPUT;
    expect(f, "`a` would be written into an input");
    a->space = SPACE_CONSTANT;
    expect(f, "`a` lies among the constants or is one");
    a->space = SPACE_OUTPUT;
    expect(f, "`a` lies in the caller's buffer for another result");
    a->space = SPACE_ARENA;
    w->space = SPACE_ARENA;
    expect(f, "`w` is packed, but no constant");
}

/* e is made before a, and used by a and by what comes after it when `after`. */
static Node *one_more_buffer(Fixture *f, bool after)
{
    Node *early = add(f, f->graph, (NodeSpec){.op = OP_group, .name = "e", .before = f->first});
    Value x = value_of(f->in);
    Graph *body = graph_new_region(early);
    finish_group(f, early, add(f, body, (NodeSpec){.op = OP_neg, .name = "e", .ninputs = 1, .inputs = &x}));
    place(f, early, SPACE_ARENA, 0);
    f->map->inputs[0] = value_of(early);
    if (after) f->alias->inputs[0] = value_of(early);
    return early;
}

static void an_element_wise_group_may_write_in_place(void **state)
{
    Fixture *f = *state;
    Node *early = one_more_buffer(f, false);
    assert_true(graph_verify(f->graph, &f->diag));
    int64_t *stride = early->places->stride;
    stride[1] = 1, stride[2] = 2; /* no longer element over element */
    expect(f, "`a` overlaps `e` in the arena");
    stride[1] = 2, stride[2] = 1;
    assert_true(graph_verify(f->graph, &f->diag));
    TransposeAttrs turn = {.permute = {3, {0, 2, 1}}};
    Value read = value_of(early);
    Graph *body = f->first->regions[0];
    NodeSpec spec = {.op = OP_transpose, .name = "t", .ninputs = 1, .inputs = &read, .attrs = &turn, .before = f->map};
    f->map->inputs[0] = value_of(add(f, body, spec));
    expect(f, "`a` overlaps `e` in the arena");
}

static void live_buffers_must_not_overlap(void **state)
{
    Fixture *f = *state;
    Node *early = one_more_buffer(f, true);
    expect(f, "`a` overlaps `e` in the arena while both are in use");
    early->places->offset = f->alias->places->offset = 64; /* 32 bytes each */
    assert_true(graph_verify(f->graph, &f->diag));
}

static void constants_must_not_overlap(void **state)
{
    Fixture *f = *state;
    Type type = f->weight->types[0];
    Node *other = add(f, f->graph, (NodeSpec){.op = OP_param, .name = "v", .type = &type, .before = f->first});
    place(f, other, SPACE_CONSTANT, 192);
    expect(f, "`v` overlaps `w` among the constants"); /* w is padded to 16 columns */
    other->places->offset = 256;
    assert_true(graph_verify(f->graph, &f->diag));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_planned_graph_prints_all_that_was_decided, setup, teardown),
        cmocka_unit_test_setup_teardown(odd_names_are_quoted, setup, teardown),
        cmocka_unit_test_setup_teardown(constants_print_as_a_number_or_go_to_the_pool, setup, teardown),
        cmocka_unit_test_setup_teardown(a_good_graph_passes, setup, teardown),
        cmocka_unit_test_setup_teardown(order_and_scope_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(types_are_inferred_again, setup, teardown),
        cmocka_unit_test_setup_teardown(stages_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(places_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(schedules_of_a_dump_are_not_believed, setup, teardown),
        cmocka_unit_test_setup_teardown(places_of_a_dump_are_not_believed, setup, teardown),
        cmocka_unit_test_setup_teardown(an_element_wise_group_may_write_in_place, setup, teardown),
        cmocka_unit_test_setup_teardown(live_buffers_must_not_overlap, setup, teardown),
        cmocka_unit_test_setup_teardown(constants_must_not_overlap, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
