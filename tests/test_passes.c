/* The pass table and its runner, and what fuse decides about groups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ir/eval.h"
#include "ir/schedule.h"
#include "passes/pass.h"
#include "passes/uses.h"

static const PassContext strict = {.level = 3}, fast = {.level = 3, .fast = true}, plain = {.level = 0};

typedef struct Net {
    Arena *arena;
    Graph *graph;
    Diag diag;
} Net;

static Net net_new(void)
{
    Net net = {.arena = arena_new(NULL, NULL)};
    net.graph = graph_new(net.arena, "net");
    net.graph->stage = STAGE_CORE;
    net.diag = diag_new(net.arena);
    return net;
}

static Value net_add(Net *net, const char *name, NodeSpec spec)
{
    spec.name = name;
    Node *node = graph_add(net->graph, &spec, &net->diag);
    assert_non_null(node);
    return value_of(node);
}

static Value input(Net *net, const char *name, int rank, const int64_t *dims)
{
    Type type = type_tensor(F32, rank, dims);
    return net_add(net, name, (NodeSpec){.op = OP_input, .type = &type});
}

/* With elements from -1 to 1. */
static Value param(Net *net, const char *name, int rank, const int64_t *dims)
{
    Tensor *tensor = ARENA_NEW(net->arena, Tensor);
    *tensor = tensor_new(net->arena, type_tensor(F32, rank, dims));
    for (int64_t i = 0; i < type_elements(&tensor->type); i++)
        tensor_set_real(tensor, i, (double)((i * 37 + rank * 11) % 64) / 32 - 1);
    return net_add(net, name, (NodeSpec){.op = OP_param, .type = &tensor->type, .data = tensor});
}

static Value op1(Net *net, Op op, const char *name, Value a)
{
    return net_add(net, name, (NodeSpec){.op = op, .ninputs = 1, .inputs = &a});
}

static Value op2(Net *net, Op op, const char *name, Value a, Value b)
{
    Value in[] = {a, b};
    return net_add(net, name, (NodeSpec){.op = op, .ninputs = 2, .inputs = in});
}

static Value pool(Net *net, const char *name, int64_t size, int64_t stride, Value a)
{
    PoolAttrs attrs = {.size = {2, {size, size}}, .stride = {2, {stride, stride}}};
    return net_add(net, name, (NodeSpec){.op = OP_max_pool, .attrs = &attrs, .ninputs = 1, .inputs = &a});
}

static Value reshape(Net *net, const char *name, int rank, int64_t a, int64_t b, Value x)
{
    ReshapeAttrs attrs = {.shape = {rank, {a, b}}};
    return net_add(net, name, (NodeSpec){.op = OP_reshape, .attrs = &attrs, .ninputs = 1, .inputs = &x});
}

static void output(Net *net, const char *name, Value value)
{
    graph_add_result(net->graph, (Result){.name = name, .value = value});
}

/* Runs the passes and checks that the graph means the same. */
static void run_passes(Net *net, const char *passes, const PassContext *context)
{
    Graph *before = graph_clone(net->arena, net->graph);
    if (!pass_list(net->graph, passes, context, NULL, NULL, &net->diag)) {
        diag_print(&net->diag, stderr, false);
        fail();
    }
    Tensor in[4], want[4], got[4];
    int inputs = 0;
    for (const Node *n = before->first; n; n = n->next) {
        if (n->op != OP_input) continue;
        in[inputs] = tensor_new(net->arena, n->types[0]);
        for (int64_t i = 0; i < type_elements(&n->types[0]); i++)
            tensor_set_real(&in[inputs], i, (double)((i * 29 + inputs) % 97) / 16 - 3);
        inputs++;
    }
    graph_eval(before, in, want, net->arena);
    graph_eval(net->graph, in, got, net->arena);
    for (int r = 0; r < before->nresults; r++)
        for (int64_t i = 0; i < type_elements(&want[r].type); i++) {
            double x = tensor_real(&want[r], i), y = tensor_real(&got[r], i);
            if (context->fast)
                assert_true(x - y < 1e-3 && y - x < 1e-3);
            else
                assert_true(x == y);
        }
}

/* "relu(conv relu) pool()": each group's name and its members', in order; aliases in angle brackets. */
static const char *groups_text(Net *net)
{
    const char *text = "";
    for (const Node *n = net->graph->first; n; n = n->next) {
        if (node_def(n)->kind == KIND_VIEW) text = arena_printf(net->arena, "%s <%s>", text, n->name);
        if (n->op != OP_group) continue;
        text = arena_printf(net->arena, "%s %s(", text, n->name);
        for (const Node *m = n->regions[0]->first; m; m = m->next)
            text = arena_printf(net->arena, "%s%s%s", text, m->name, m->next ? " " : ")");
    }
    return *text ? text + 1 : text;
}

static void fuses_to(Net *net, const char *expected)
{
    run_passes(net, "fuse", &strict);
    assert_int_equal(net->graph->stage, STAGE_GROUPED);
    assert_string_equal(groups_text(net), expected);
    arena_free(net->arena);
}

static Value image(Net *net, const char *name) { return input(net, name, 4, (int64_t[]){1, 6, 6, 3}); }

static Value conv(Net *net, const char *name, Value x)
{
    Value in[] = {x, param(net, "weight", 4, (int64_t[]){3, 3, 3, 3}), param(net, "bias", 1, (int64_t[]){3})};
    ConvAttrs attrs;
    attr_set_defaults(&op_conv2d.attrs, &attrs);
    attrs.pad.mode = PAD_SAME;
    return net_add(net, name, (NodeSpec){.op = OP_conv2d, .attrs = &attrs, .ninputs = 3, .inputs = in});
}

static void contraction_takes_epilogue_and_pool(void **state)
{
    Net net = net_new();
    Value c = conv(&net, "conv", image(&net, "x"));
    output(&net, "y", pool(&net, "pool", 2, 2, op1(&net, OP_relu, "relu", c)));
    fuses_to(&net, "pool(conv relu pool)");
}

static void a_map_after_a_pool_joins_both(void **state)
{
    Net net = net_new();
    output(&net, "y", op1(&net, OP_tanh, "tanh", pool(&net, "pool", 2, 2, conv(&net, "conv", image(&net, "x")))));
    fuses_to(&net, "tanh(conv pool tanh)");
}

static void overlapping_pool_stays_apart(void **state)
{
    Net net = net_new();
    Value c = conv(&net, "conv", image(&net, "x"));
    output(&net, "y", op1(&net, OP_relu, "relu", pool(&net, "pool", 3, 2, c)));
    fuses_to(&net, "conv(conv) relu(pool relu)");
}

static Value pool_with(Net *net, const char *name, Op op, int64_t before, int64_t after, Value a)
{
    PoolAttrs attrs = {
        .size = {2, {2, 2}}, .stride = {2, {2, 2}}, .pad = {PAD_EXPLICIT, {4, {before, before, after, after}}}};
    return net_add(net, name, (NodeSpec){.op = op, .attrs = &attrs, .ninputs = 1, .inputs = &a});
}

static void padded_pool_stays_apart(void **state)
{
    Net net = net_new();
    Value x = image(&net, "x"), a = conv(&net, "a", x), b = conv(&net, "b", x);
    output(&net, "y", pool_with(&net, "first", OP_max_pool, 1, 0, a));
    output(&net, "z", pool_with(&net, "last", OP_max_pool, 0, 1, b));
    fuses_to(&net, "a(a) b(b) first(first) last(last)");
}

static void pool_follows_contractions_only(void **state)
{
    Net net = net_new();
    Value mean = pool_with(&net, "mean", OP_average_pool, 0, 0, image(&net, "x"));
    output(&net, "y", pool(&net, "pool", 2, 2, op1(&net, OP_relu, "relu", mean)));
    fuses_to(&net, "relu(mean relu) pool(pool)");
}

/* A dense layer's rows are no pixels of an image. */
static void pool_follows_images_only(void **state)
{
    Net net = net_new();
    Value x = image(&net, "x"), weight = param(&net, "weight", 2, (int64_t[]){3, 5});
    Value a = op2(&net, OP_dense, "a", x, weight), b = op2(&net, OP_dense, "b", x, weight);
    output(&net, "y", pool(&net, "first", 2, 2, op1(&net, OP_relu, "relu", a)));
    output(&net, "z", pool(&net, "last", 2, 2, b));
    fuses_to(&net, "b(b) relu(a relu) first(first) last(last)");
}

/* The gate uses the convolution twice, inside. */
static void epilogue_may_be_a_dag(void **state)
{
    Net net = net_new();
    Value c = conv(&net, "conv", image(&net, "x"));
    output(&net, "y", op2(&net, OP_mul, "mul", c, op1(&net, OP_sigmoid, "gate", c)));
    fuses_to(&net, "mul(conv gate mul)");
}

static void value_used_twice_ends_its_group(void **state)
{
    Net net = net_new();
    Value r = op1(&net, OP_relu, "relu", conv(&net, "a", image(&net, "x")));
    output(&net, "y", op2(&net, OP_add, "sum", conv(&net, "b", r), r));
    fuses_to(&net, "relu(a relu) sum(b sum)");
}

static void one_anchor_a_group(void **state)
{
    Net net = net_new();
    Value x = image(&net, "x"), a = conv(&net, "a", x), b = conv(&net, "b", x);
    output(&net, "y", op2(&net, OP_add, "sum", op1(&net, OP_relu, "ra", a), op1(&net, OP_relu, "rb", b)));
    fuses_to(&net, "ra(a ra) sum(b rb sum)");
}

static void result_ends_its_group(void **state)
{
    Net net = net_new();
    Value c = conv(&net, "conv", image(&net, "x"));
    output(&net, "c", c);
    output(&net, "y", op1(&net, OP_relu, "relu", c));
    fuses_to(&net, "conv(conv) relu(relu)");
}

static void reduction_takes_prologue_and_epilogue(void **state)
{
    Net net = net_new();
    ReduceAttrs attrs = {{1, {1}}, false};
    Value x = input(&net, "x", 2, (int64_t[]){4, 5}), square = op2(&net, OP_mul, "square", x, x);
    Value sum = net_add(&net, "sum", (NodeSpec){.op = OP_reduce_sum, .attrs = &attrs, .ninputs = 1, .inputs = &square});
    output(&net, "y", op1(&net, OP_sqrt, "root", sum));
    fuses_to(&net, "root(square sum root)");
}

/* The map is the contraction's epilogue, which costs nothing, rather than the reduction's prologue. */
static void contraction_keeps_its_epilogue(void **state)
{
    Net net = net_new();
    ReduceAttrs attrs = {{2, {1, 2}}, false};
    Value relu = op1(&net, OP_relu, "relu", conv(&net, "conv", image(&net, "x")));
    output(&net, "y",
           net_add(&net, "sum", (NodeSpec){.op = OP_reduce_sum, .attrs = &attrs, .ninputs = 1, .inputs = &relu}));
    fuses_to(&net, "relu(conv relu) sum(sum)");
}

static void reshapes_stay_between_groups(void **state)
{
    Net net = net_new();
    Value x = input(&net, "x", 2, (int64_t[]){4, 6});
    Value flat = reshape(&net, "flat", 2, 1, 24, op1(&net, OP_relu, "relu", x));
    output(&net, "y", op1(&net, OP_neg, "neg", flat));
    fuses_to(&net, "relu(relu) <flat> neg(neg)");
}

static void views_join_maps(void **state)
{
    Net net = net_new();
    Value x = input(&net, "x", 2, (int64_t[]){4, 4}), turned = op1(&net, OP_transpose, "turned", x);
    output(&net, "y", op2(&net, OP_add, "sum", x, turned));
    fuses_to(&net, "sum(turned sum)");
}

/* Every output is written by a group of its own. */
static void outputs_are_copied_where_they_must(void **state)
{
    Net net = net_new();
    Value x = input(&net, "x", 2, (int64_t[]){4, 6}), relu = op1(&net, OP_relu, "relu", x);
    output(&net, "a", x);
    output(&net, "b", relu);
    output(&net, "c", relu);
    output(&net, "d", reshape(&net, "flat", 2, 1, 24, relu));
    fuses_to(&net, "relu(relu) <flat> a.copy(a.copy) c.copy(c.copy) d.copy(d.copy)");
}

static void dead_code_makes_no_group(void **state)
{
    Net net = net_new();
    Value x = input(&net, "x", 2, (int64_t[]){4, 6});
    op1(&net, OP_exp, "unused", x);
    output(&net, "y", op1(&net, OP_relu, "relu", x));
    fuses_to(&net, "relu(relu)");
}

/* ---- what the rules leave ---- */

static int count_ops(const Graph *graph, Op op)
{
    int count = 0;
    for (const Node *n = graph->first; n; n = n->next) count += n->op == op;
    return count;
}

/* A batch norm after a convolution and a scale before it leave nothing but the convolution. */
static void scales_vanish_into_weights(void **state)
{
    Net net = net_new();
    int64_t three[] = {3};
    Value x = image(&net, "x"), scaled = op2(&net, OP_div, "scaled", x, param(&net, "by", 1, (int64_t[]){1}));
    Value in[] = {conv(&net, "conv", scaled), param(&net, "gamma", 1, three), param(&net, "beta", 1, three),
                  param(&net, "mean", 1, three), param(&net, "variance", 1, three)};
    Tensor *variance = (Tensor *)in[4].node->data;
    for (int i = 0; i < 3; i++) tensor_set_real(variance, i, 1 + i);
    net.graph->stage = STAGE_ELABORATED;
    output(&net, "y", net_add(&net, "norm", (NodeSpec){.op = OP_batch_norm, .ninputs = 5, .inputs = in}));
    run_passes(&net, "expand,fold,simplify,scale,dce", &fast);
    assert_int_equal(count_ops(net.graph, OP_conv2d), 1);
    assert_int_equal(count_ops(net.graph, OP_add) + count_ops(net.graph, OP_sub) + count_ops(net.graph, OP_mul) +
                         count_ops(net.graph, OP_div),
                     0);
    assert_string_equal(net.graph->results[0].value.node->name, "norm");
    arena_free(net.arena);
}

static void fold_does_not_blow_up(void **state)
{
    Net net = net_new();
    BroadcastAttrs wide = {.shape = {3, {64, 64, 8}}};
    Value p = param(&net, "p", 1, (int64_t[]){8}), x = input(&net, "x", 1, (int64_t[]){8});
    Value broad = net_add(&net, "broad", (NodeSpec){.op = OP_broadcast, .attrs = &wide, .ninputs = 1, .inputs = &p});
    output(&net, "y", op2(&net, OP_add, "sum", broad, op1(&net, OP_relu, "relu", x)));
    output(&net, "z", op1(&net, OP_relu, "small", p));
    run_passes(&net, "fold", &strict);
    assert_int_equal(count_ops(net.graph, OP_broadcast), 1);
    assert_int_equal(graph_find(net.graph, "small")->op, OP_constant);
    run_passes(&net, "views,dce", &strict); /* the sum needs it to have its shape */
    assert_int_equal(count_ops(net.graph, OP_broadcast), 1);
    arena_free(net.arena);
}

static void cse_merges_equal_computations_only(void **state)
{
    Net net = net_new();
    Value x = input(&net, "x", 1, (int64_t[]){8}), p = param(&net, "p", 1, (int64_t[]){8});
    Value q = param(&net, "q", 1, (int64_t[]){8}), r = param(&net, "r", 1, (int64_t[]){4});
    Value other = param(&net, "other", 1, (int64_t[]){8});
    tensor_set_real((Tensor *)other.node->data, 5, 7);
    Value a = op2(&net, OP_add, "a", x, p), b = op2(&net, OP_add, "b", x, q), c = op2(&net, OP_sub, "c", x, p);
    output(&net, "ab", op2(&net, OP_mul, "ab", a, b));
    output(&net, "c", c);
    output(&net, "r", r);
    output(&net, "o", op2(&net, OP_add, "o", x, other));
    run_passes(&net, "cse", &strict);
    assert_int_equal(count_ops(net.graph, OP_add), 2);
    assert_int_equal(count_ops(net.graph, OP_sub), 1);
    assert_int_equal(count_ops(net.graph, OP_param), 3);
    arena_free(net.arena);
}

/* What is kept up to date agrees with what a walk of the graph finds. */
static void uses_follow_changes(void **state)
{
    Net net = net_new();
    Value x = input(&net, "x", 1, (int64_t[]){8}), a = op1(&net, OP_neg, "a", x), square = op2(&net, OP_mul, "s", a, a);
    output(&net, "y", square);
    output(&net, "a", a);
    Uses *uses = uses_new(net.arena, net.graph);
    assert_int_equal(uses_count(uses, a), 3);
    assert_null(uses_only_user(uses, a));
    assert_ptr_equal(uses_only_user(uses, x), a.node);
    assert_null(uses_only_user(uses, square)); /* a result is no node */
    Value b = op1(&net, OP_abs, "b", x);
    uses_enter(uses, b.node);
    uses_replace(uses, a, b);
    uses_remove(uses, a.node);
    assert_true(value_equal(square.node->inputs[1], b) && value_equal(net.graph->results[1].value, b));
    for (Node *n = net.graph->first; n; n = n->next)
        assert_int_equal(uses_count(uses, value_of(n)), graph_uses(net.graph, value_of(n)));
    assert_ptr_equal(uses_only_user(uses, x), b.node);
    assert_int_equal(uses_count(uses, b), 3);
    arena_free(net.arena);
}

/* ---- the runner ---- */

static void visit(void *context, const Pass *pass, const Graph *graph, double seconds)
{
    char *text = context;
    assert_true(seconds >= 0 && graph->stage == pass->leaves);
    strcat(strcat(text, pass->name), " ");
}

static Net tiny(void)
{
    Net net = net_new();
    net.graph->stage = STAGE_ELABORATED;
    Value x = input(&net, "x", 1, (int64_t[]){8});
    output(&net, "y", op1(&net, OP_silu, "silu", x));
    return net;
}

static void pipeline_runs(const PassContext *context, const char *last, const char *expected)
{
    char text[200] = "";
    Net net = tiny();
    assert_true(pass_pipeline(net.graph, context, last, visit, text, &net.diag));
    assert_string_equal(text, expected);
    arena_free(net.arena);
}

static void pipeline_fits_stage_and_context(void **state)
{
    const char *const without[] = {"cse", "expand", NULL};
    pipeline_runs(&strict, "fuse",
                  "expand qdq fold simplify scale prune views hoist cse dce quantise round_last fuse ");
    pipeline_runs(&plain, "fuse", "expand prune quantise fuse ");
    pipeline_runs(&plain, "views", "expand prune ");
    pipeline_runs(&strict, "fold", "expand qdq fold ");
    pipeline_runs(&(PassContext){.level = 1, .disabled = without}, "dce",
                  "expand qdq fold simplify scale prune views hoist dce ");
}

static void misfits_are_reported(void **state)
{
    Net net = tiny();
    assert_false(pass_list(net.graph, "fuse", &strict, NULL, NULL, &net.diag));
    assert_int_equal(net.diag.last->code, E0604);
    assert_false(pass_list(net.graph, "expand,simplfy", &strict, NULL, NULL, &net.diag));
    assert_int_equal(net.diag.last->code, E0802);
    assert_non_null(strstr(net.diag.last->help, "simplify"));
    assert_int_equal(net.graph->stage, STAGE_CORE);
    assert_false(pass_pipeline(net.graph, &strict, "expand", NULL, NULL, &net.diag));
    assert_int_equal(net.diag.last->code, E0604);
    arena_free(net.arena);
}

static void names_and_origins_survive(void **state)
{
    Net net = net_new();
    Span at[] = {{.name = "one"}, {.name = "two"}};
    Value x = input(&net, "x", 1, (int64_t[]){8});
    Value a = net_add(&net, "a", (NodeSpec){.op = OP_neg, .ninputs = 1, .inputs = &x, .origin = {&at[0], 1}});
    Value b = net_add(&net, "b", (NodeSpec){.op = OP_abs, .ninputs = 1, .inputs = &a, .origin = {&at[1], 1}});
    output(&net, "y", b);
    run_passes(&net, "simplify,dce", &strict);
    const Node *y = net.graph->results[0].value.node;
    assert_int_equal(y->op, OP_abs);
    assert_string_equal(y->name, "b");
    assert_int_equal(y->origin.count, 2);
    assert_null(graph_find(net.graph, "a"));
    arena_free(net.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contraction_takes_epilogue_and_pool),
        cmocka_unit_test(a_map_after_a_pool_joins_both),
        cmocka_unit_test(overlapping_pool_stays_apart),
        cmocka_unit_test(padded_pool_stays_apart),
        cmocka_unit_test(pool_follows_contractions_only),
        cmocka_unit_test(pool_follows_images_only),
        cmocka_unit_test(epilogue_may_be_a_dag),
        cmocka_unit_test(value_used_twice_ends_its_group),
        cmocka_unit_test(one_anchor_a_group),
        cmocka_unit_test(result_ends_its_group),
        cmocka_unit_test(reduction_takes_prologue_and_epilogue),
        cmocka_unit_test(contraction_keeps_its_epilogue),
        cmocka_unit_test(reshapes_stay_between_groups),
        cmocka_unit_test(views_join_maps),
        cmocka_unit_test(outputs_are_copied_where_they_must),
        cmocka_unit_test(dead_code_makes_no_group),
        cmocka_unit_test(scales_vanish_into_weights),
        cmocka_unit_test(fold_does_not_blow_up),
        cmocka_unit_test(cse_merges_equal_computations_only),
        cmocka_unit_test(uses_follow_changes),
        cmocka_unit_test(pipeline_fits_stage_and_context),
        cmocka_unit_test(misfits_are_reported),
        cmocka_unit_test(names_and_origins_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
