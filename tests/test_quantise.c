/* The pass quantise on nets of all that it meets: how near the results are to f32, that machine code has the
 * interpreter's bits, that the same numbers come out whatever the stored dtype, and what it says of bad data. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ir/eval.h"
#include "passes/quantise.h"
#include "passes/report_quant.h"
#include "tests/support/native.h"
#include "tests/support/setting.h"

enum { SAMPLES = 6, SIDE = 9 };

static const QuantRow everything[] = {{.layer = "all", .to = I8, .per_channel = true}};
static const char *const cpus[] = {"x86-64", "x86-64-v3", "x86-64-v4", "cascadelake"};

/* ---- nets ---- */

static Value image(Sketch *s)
{
    Value in = sketch_input(s, U8, DIMS(1, SIDE, SIDE, 4));
    Value real = sketch_op(s, OP_cast, &(CastAttrs){.to = F32}, OPERANDS(in));
    return sketch_op(s, OP_div, NULL, OPERANDS(real, sketch_number(s, F32, 255)));
}

static Value signal(Sketch *s) { return sketch_input(s, F32, DIMS(1, SIDE, SIDE, 4)); }

static ConvAttrs conv_attrs(int pad, int64_t stride, int64_t groups)
{
    ConvAttrs attrs;
    attr_set_defaults(&op_conv2d.attrs, &attrs);
    attrs.pad.mode = pad;
    attrs.stride = (IntList){2, {stride, stride}};
    attrs.groups = groups;
    return attrs;
}

static Value conv(Sketch *s, Value x, int64_t out, int64_t kernel, int pad, int64_t stride, int64_t groups)
{
    ConvAttrs attrs = conv_attrs(pad, stride, groups);
    int64_t channels = value_type(x)->dim[3].high;
    Value weight = sketch_param(s, F32, DIMS(kernel, kernel, channels / groups, out));
    return sketch_op(s, OP_conv2d, &attrs, OPERANDS(x, weight, sketch_param(s, F32, DIMS(out))));
}

static Value relu(Sketch *s, Value x) { return sketch_op(s, OP_relu, NULL, OPERANDS(x)); }

static Value pool(Sketch *s, Value x)
{
    PoolAttrs attrs;
    attr_set_defaults(&op_max_pool.attrs, &attrs);
    attrs.size = (IntList){2, {2, 2}};
    return sketch_op(s, OP_max_pool, &attrs, OPERANDS(x));
}

static Value flat(Sketch *s, Value x)
{
    ReshapeAttrs attrs = {.shape = {2, {1, type_elements(value_type(x))}}};
    return sketch_op(s, OP_reshape, &attrs, OPERANDS(x));
}

static Value dense(Sketch *s, Value x, int64_t out)
{
    int64_t in = value_type(x)->dim[1].high;
    Value weight = sketch_param(s, F32, DIMS(in, out));
    return sketch_op(s, OP_dense, NULL, OPERANDS(x, weight, sketch_param(s, F32, DIMS(out))));
}

static void plain_net(Sketch *s)
{
    Value x = pool(s, relu(s, conv(s, image(s), 20, 3, PAD_SAME, 1, 1)));
    x = relu(s, conv(s, x, 20, 3, PAD_SAME, 2, 20));
    sketch_output(s, dense(s, relu(s, dense(s, flat(s, x), 17)), 10));
}

/* A sum of two layers, one of a layer with what went round it, a layer with two readers, a clamp, a mean. */
static void residual_net(Sketch *s)
{
    Value a = relu(s, conv(s, signal(s), 8, 3, PAD_SAME, 1, 1));
    Value b = sketch_op(s, OP_add, NULL, OPERANDS(conv(s, a, 8, 3, PAD_SAME, 1, 1), a));
    Value c = sketch_op(s, OP_clamp, &(ClampAttrs){0, 6}, OPERANDS(conv(s, relu(s, b), 12, 1, PAD_VALID, 2, 1)));
    Value d = conv(s, b, 12, 1, PAD_VALID, 2, 1), e = conv(s, c, 12, 3, PAD_SAME, 1, 1);
    Value f = relu(s, sketch_op(s, OP_add, NULL, OPERANDS(e, d)));
    Value g = conv(s, f, 6, 1, PAD_VALID, 1, 1);
    ReduceAttrs axes = {.axes = {2, {1, 2}}};
    sketch_output(s, sketch_op(s, OP_reduce_sum, &axes, OPERANDS(relu(s, g))));
    sketch_output(s, sketch_op(s, OP_tanh, NULL, OPERANDS(g)));
}

/* A product of matrices, a transpose, numbers of i8 as they come. */
static void matrix_net(Sketch *s)
{
    Value in = sketch_input(s, I8, DIMS(5, 24));
    Value x = sketch_op(s, OP_cast, &(CastAttrs){.to = F32}, OPERANDS(in));
    x = sketch_op(s, OP_mul, NULL, OPERANDS(x, sketch_number(s, F32, 0.125)));
    Value y = relu(s, sketch_op(s, OP_matmul, NULL, OPERANDS(x, sketch_param(s, F32, DIMS(24, 7)))));
    TransposeAttrs order = {{2, {1, 0}}};
    y = sketch_op(s, OP_transpose, &order, OPERANDS(y));
    sketch_output(s, sketch_op(s, OP_matmul, NULL, OPERANDS(y, sketch_param(s, F32, DIMS(5, 3)))));
}

/* Layers right behind each other; every optional part of a layer left out. */
static void chain_net(Sketch *s)
{
    Value x = conv(s, signal(s), 3, 1, PAD_VALID, 1, 1);
    sketch_output(s, dense(s, dense(s, flat(s, conv(s, x, 2, 3, PAD_SAME, 3, 1)), 5), 4));
}

typedef void Net(Sketch *s);
static Net *const nets[] = {plain_net, residual_net, matrix_net, chain_net};

static Sketch draw(Arena *arena, Net *net)
{
    Sketch s = sketch_new(arena, "net");
    net(&s);
    s.graph->stage = STAGE_CORE;
    return s;
}

/* ---- the pass ---- */

static const Node *input_of(const Graph *graph)
{
    const Node *node = graph->first;
    while (node->op != OP_input) node = node->next;
    return node;
}

static Samples draw_samples(Arena *arena, const Graph *graph, int count)
{
    Tensor *tensors = ARENA_ARRAY(arena, Tensor, count + 1);
    for (int i = 0; i < count; i++) {
        tensors[i] = tensor_new(arena, input_of(graph)->types[0]);
        fill_tensor(&tensors[i], 100 + (uint32_t)i);
        bool bytes = tensors[i].type.dtype == U8; /* of the whole range */
        for (int64_t k = 0; bytes && k < type_elements(&tensors[i].type); k++) ((uint8_t *)tensors[i].data)[k] *= 4;
    }
    return (Samples){.count = count, .ninputs = 1, .tensors = tensors};
}

static bool quantise(Graph *graph, const char *cpu, const Policy *policy, const Samples *samples, Diag *diag)
{
    Target target;
    assert_true(target_select("", cpu, "", graph->arena, &target, diag));
    PassContext context = {.target = &target, .level = 2, .policy = policy, .samples = samples};
    return pass_list(graph, "quantise", &context, NULL, NULL, diag);
}

static Graph *quantised(Arena *arena, const Graph *graph, const char *cpu, const QuantRow *rows, int count)
{
    Diag diag = diag_new(arena);
    Graph *copy = graph_clone(arena, graph);
    Samples samples = draw_samples(arena, graph, SAMPLES);
    Policy policy = {.nquant = count, .quant = rows, .percentile = 99.99};
    bool ok = quantise(copy, cpu, &policy, &samples, &diag);
    diag_print(&diag, stderr, false);
    assert_true(ok);
    return copy;
}

static int count_of(const Graph *graph, Op op)
{
    int count = 0;
    for (const Node *node = graph->first; node; node = node->next) count += node->op == op;
    return count;
}

/* Power of the results over that of their errors, in dB. */
static double quality(const Graph *real, const Graph *stored, Arena *arena)
{
    Samples samples = draw_samples(arena, real, SAMPLES);
    double signal_power = 0, noise = 1e-30;
    for (int i = 0; i < SAMPLES; i++) {
        Tensor wanted[4], got[4];
        graph_eval(real, &samples.tensors[i], wanted, arena);
        graph_eval(stored, &samples.tensors[i], got, arena);
        for (int r = 0; r < real->nresults; r++)
            for (int64_t k = 0; k < type_elements(&wanted[r].type); k++) {
                double a = tensor_real(&wanted[r], k), b = tensor_real(&got[r], k);
                signal_power += a * a;
                noise += (a - b) * (a - b);
            }
    }
    return 10 * log10(signal_power / noise);
}

static void results_are_near(void **state)
{
    for (size_t n = 0; n < sizeof nets / sizeof *nets; n++) {
        Sketch s = draw(*state, nets[n]);
        const Graph *stored = quantised(*state, s.graph, "x86-64-v3", everything, 1);
        for (const Node *node = stored->first; node; node = node->next)
            if (node_def(node)->kind == KIND_CONTRACT) assert_int_equal(node->types[0].dtype, I32);
        double found = quality(s.graph, stored, *state);
        if (found < 25) fail_msg("net %d: %.1f dB", (int)n, found);
    }
}

static void code_has_the_same_bits(void **state)
{
    for (size_t n = 0; n < sizeof nets / sizeof *nets; n++)
        for (size_t c = 0; c < sizeof cpus / sizeof *cpus; c++) {
            if (!native_runs(cpus[c]) || (!strcmp(cpus[c], "cascadelake") && !__builtin_cpu_supports("avx512vnni")))
                continue;
            Sketch s = draw(*state, nets[n]);
            const Graph *stored = quantised(*state, s.graph, cpus[c], everything, 1);
            assert_true(native_agrees(stored, cpus[c], 0));
            assert_true(native_agrees(stored, cpus[c], 2));
        }
}

/* u8 where dot products want it, i8 elsewhere: the real numbers are the same. */
static void dtypes_agree(void **state)
{
    for (size_t n = 0; n < sizeof nets / sizeof *nets; n++) {
        Sketch s = draw(*state, nets[n]);
        const Graph *a = quantised(*state, s.graph, "x86-64-v3", everything, 1);
        const Graph *b = quantised(*state, s.graph, "cascadelake", everything, 1);
        Samples samples = draw_samples(*state, s.graph, 1);
        Tensor got[2][4];
        graph_eval(a, samples.tensors, got[0], *state);
        graph_eval(b, samples.tensors, got[1], *state);
        for (int r = 0; r < a->nresults; r++) assert_true(tensor_same_bits(&got[0][r], &got[1][r]));
    }
}

/* Pixels divided by 255 are stored as they are; only where i8 is stored they move by 128. */
static void preprocessing_vanishes(void **state)
{
    Sketch s = draw(*state, plain_net);
    const Graph *as_they_are = quantised(*state, s.graph, "cascadelake", everything, 1);
    assert_int_equal(count_of(as_they_are, OP_div) + count_of(as_they_are, OP_quantize), 0);
    assert_int_equal(count_of(as_they_are, OP_cast), 0);
    const Graph *moved = quantised(*state, s.graph, "x86-64-v3", everything, 1);
    assert_int_equal(count_of(moved, OP_div) + count_of(moved, OP_quantize), 0);
    assert_int_equal(count_of(moved, OP_cast), 1);
}

/* Between layers nothing is real: requantised sums are what the next one reads, max-pooled or seen otherwise. */
static void layers_meet_in_stored_numbers(void **state)
{
    Sketch s = draw(*state, plain_net);
    const Graph *stored = quantised(*state, s.graph, "cascadelake", everything, 1);
    assert_int_equal(count_of(stored, OP_requantize), 3);
    assert_int_equal(count_of(stored, OP_dequantize), 1);
    assert_int_equal(count_of(stored, OP_relu), 0);
    for (const Node *node = stored->first; node; node = node->next)
        if (node->op == OP_max_pool || node->op == OP_reshape) assert_int_equal(node->types[0].dtype, U8);
}

/* The sum of two layers is made of the sums of one, in registers, and the stored result of the other. */
static void addends_are_stored_but_one(void **state)
{
    Sketch s = draw(*state, residual_net);
    const Graph *stored = quantised(*state, s.graph, "x86-64-v3", everything, 1);
    int from_sums = 0, from_stored = 0;
    for (const Node *node = stored->first; node; node = node->next) {
        if (node->op != OP_add) continue;
        for (int i = 0; i < 2; i++) {
            const Node *operand = node->inputs[i].node;
            assert_int_equal(operand->op, OP_dequantize);
            from_sums += value_type(operand->inputs[0])->dtype == I32;
            from_stored += value_type(operand->inputs[0])->dtype == I8;
        }
    }
    assert_int_equal(from_sums, 2);
    assert_int_equal(from_stored, 2);
}

static void later_rows_beat_earlier(void **state)
{
    Sketch s = draw(*state, plain_net);
    const Node *last = s.graph->results[0].value.node;
    const QuantRow rows[] = {{.layer = "all", .to = I8}, {.layer = last->name, .to = F32}};
    const Graph *stored = quantised(*state, s.graph, "x86-64-v3", rows, 2);
    assert_int_equal(stored->results[0].value.node->op, OP_dense);
    assert_int_equal(stored->results[0].value.node->types[0].dtype, F32);
    assert_int_equal(count_of(stored, OP_requantize), 2);
    const QuantRow only[] = {{.layer = last->name, .to = I8}};
    stored = quantised(*state, s.graph, "x86-64-v3", only, 1);
    assert_int_equal(count_of(stored, OP_quantize), 1);
    assert_int_equal(count_of(stored, OP_dequantize), 1);
    assert_int_equal(count_of(stored, OP_requantize), 0);
}

static void no_policy_no_change(void **state)
{
    Sketch s = draw(*state, plain_net);
    Diag diag = diag_new(*state);
    Graph *copy = graph_clone(*state, s.graph);
    assert_true(quantise(copy, "x86-64", NULL, NULL, &diag));
    assert_int_equal(copy->stage, STAGE_QUANTISED);
    const Node *b = copy->first;
    for (const Node *a = s.graph->first; a; a = a->next, b = b->next) assert_string_equal(a->name, b->name);
    assert_null(b);
}

/* ---- ranges ---- */

/* 0 .. 999 in steps of 1, one outlier on either side: seen by minimum and maximum, not by a percentile. */
static void percentiles_leave_outliers_out(void **state)
{
    enum { COUNT = 1002 };
    Sketch s = sketch_new(*state, "range");
    Value x = sketch_input(&s, F32, DIMS(COUNT));
    sketch_output(&s, sketch_op(&s, OP_relu, NULL, OPERANDS(x)));
    Tensor tensor = tensor_new(*state, *value_type(x));
    float *elements = tensor.data;
    for (int i = 0; i < 1000; i++) elements[i] = (float)i;
    elements[1000] = -1e6F;
    elements[1001] = 3e5F;
    Samples samples = {.count = 1, .ninputs = 1, .tensors = &tensor};
    PassContext context = {.samples = &samples};
    Diag diag = diag_new(*state);
    Observations seen;
    assert_true(quantise_observe(s.graph, &context, *state, &seen, &diag));
    Policy policy = {.method = CALIBRATE_MIN_MAX};
    Grid grid;
    assert_true(grid_of(&seen.of[0], &policy, U8, x.node, "layer", &grid, &diag));
    assert_true(grid.low == -1e6 && grid.high == 3e5 && grid.zero == 196);
    policy = (Policy){.method = CALIBRATE_PERCENTILE, .percentile = 99.8};
    assert_true(grid_of(&seen.of[0], &policy, I8, x.node, "layer", &grid, &diag));
    /* bins are 512 wide at such a reach */
    assert_true(grid.low == 0 && grid.high >= 999 && grid.high <= 1024 && grid.zero == -128);
    assert_true(grid_of(&seen.of[1], &policy, I8, x.node, "layer", &grid, &diag));
    assert_true(grid.low == 0 && grid.high >= 999 && grid.high <= 1024);
}

static void zero_is_always_stored(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        Grid u8 = grid_over(-i * 0.37, (1000 - i) * 1.3, U8), i8 = grid_over(-i * 0.37, (1000 - i) * 1.3, I8);
        assert_true(u8.zero >= 0 && u8.zero <= 255 && i8.zero == u8.zero - 128 && i8.scale == u8.scale);
    }
    assert_int_equal(grid_over(3, 5, U8).zero, 0);
    assert_int_equal(grid_over(-5, -3, I8).zero, 127);
}

/* ---- the report ---- */

static int times(const char *text, const char *word)
{
    int count = 0;
    for (; (text = strstr(text, word)); text += strlen(word)) count++;
    return count;
}

/* A line a layer, with results as good as in a graph where each is by itself; the worst is marked. */
static void report_has_every_layer(void **state)
{
    Sketch s = draw(*state, plain_net);
    Target target;
    Diag diag = diag_new(*state);
    Samples samples = draw_samples(*state, s.graph, SAMPLES);
    Policy policy = {.nquant = 1, .quant = everything, .percentile = 99.99};
    assert_true(target_select("", "x86-64", "", *state, &target, &diag));
    PassContext context = {.target = &target, .policy = &policy, .samples = &samples};
    char text[4096] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_true(report_quant(s.graph, &context, out, &diag));
    fclose(out);
    assert_int_equal(times(text, "\nconv2d") + times(text, "\ndense"), 4);
    assert_int_equal(times(text, " worst"), 1);
    assert_int_equal(times(text, " dB"), 8);
    assert_int_equal(times(text, "-inf dB") + times(text, " nan dB") + times(text, " inf dB"), 0);
    for (const char *at = text; (at = strstr(at, " dB")); at += 3) {
        const char *number = at;
        while (number[-1] != ' ') number--;
        assert_true(strtod(number, NULL) > 20);
    }
    assert_int_equal(s.graph->stage, STAGE_CORE);
}

/* ---- what cannot be ---- */

static void refuse(Arena *arena, Net *net, const Policy *policy, const Samples *samples, DiagCode code,
                   const char *words, const char *help)
{
    Diag diag = diag_new(arena);
    Sketch s = draw(arena, net);
    assert_false(quantise(s.graph, "x86-64", policy, samples, &diag));
    assert_int_equal(diag.first->code, code);
    if (!strstr(diag.first->message, words)) fail_msg("%s", diag.first->message);
    assert_non_null(diag.first->help);
    if (!strstr(diag.first->help, help)) fail_msg("%s", diag.first->help);
}

static void bad_data_is_a_diagnostic(void **state)
{
    Policy policy = {.nquant = 1, .quant = everything, .percentile = 99.99};
    Sketch s = draw(*state, residual_net);
    Samples none = {.count = 0, .ninputs = 1}, one = draw_samples(*state, s.graph, 1);
    refuse(*state, residual_net, &policy, NULL, E0510, "there is none", "--calibrate");
    refuse(*state, residual_net, &policy, &none, E0510, "there is none", "--calibrate");
    float *elements = one.tensors[0].data;
    elements[3] = NAN;
    refuse(*state, residual_net, &policy, &one, E0510, "NaN or infinite", "to: f32");
    for (int64_t i = 0; i < type_elements(&one.tensors[0].type); i++) elements[i] = 0.25F;
    refuse(*state, residual_net, &policy, &one, E0510, "the same number", "to: f32");
}

static void unknown_layers_are_diagnostics(void **state)
{
    QuantRow rows[] = {{.layer = "convv2d", .to = I8}};
    Policy policy = {.nquant = 1, .quant = rows, .percentile = 99.99};
    Sketch s = draw(*state, residual_net);
    Samples one = draw_samples(*state, s.graph, 1);
    refuse(*state, residual_net, &policy, &one, E0201, "`convv2d`", "did you mean `conv2d`?");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)
    const struct CMUnitTest tests[] = {
        TEST(results_are_near),
        TEST(code_has_the_same_bits),
        TEST(dtypes_agree),
        TEST(preprocessing_vanishes),
        TEST(no_policy_no_change),
        TEST(layers_meet_in_stored_numbers),
        TEST(later_rows_beat_earlier),
        TEST(addends_are_stored_but_one),
        TEST(bad_data_is_a_diagnostic),
        TEST(unknown_layers_are_diagnostics),
        TEST(percentiles_leave_outliers_out),
        TEST(zero_is_always_stored),
        TEST(report_has_every_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
