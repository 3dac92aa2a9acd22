/* Each operator on small cases computed by hand, on special values, and on operands that it must refuse. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/trial.h"

static Tensor apply(Trial *t, Op op, const void *attrs, Tensor x) { return trial_eval(t, op, attrs, 1, &x); }
static Tensor apply2(Trial *t, Op op, Tensor x, Tensor y)
{
    Tensor operands[] = {x, y};
    return trial_eval(t, op, NULL, 2, operands);
}

/* ---- the table ---- */

static void every_operator_is_documented(void **state)
{
    for (int op = 0; op < OP_COUNT; op++) {
        const OpDef *def = op_table[op];
        assert_int_equal(op_find(def->name), op);
        assert_true(def->doc && def->doc[0] && def->doc[0] != ' ');
        for (int i = 0; i < def->noperands; i++) assert_true(def->operands[i].name && def->operands[i].doc);
        for (int i = 0; i < def->attrs.count; i++) assert_true(def->attrs.rows[i].doc && def->attrs.rows[i].doc[0]);
        assert_int_equal(op_is_composite((Op)op), def->expand != NULL);
        bool bodies = def->kind == KIND_GROUP || def->kind == KIND_LOOP || def->kind == KIND_BRANCH;
        assert_true(def->kind == KIND_SOURCE || bodies || def->infer);
    }
}

static void every_primitive_has_a_meaning(void **state)
{
    for (int op = 0; op < OP_COUNT; op++) {
        const OpDef *def = op_table[op];
        assert_true(def->kind != KIND_MAP || def->map);
        assert_true(def->kind != KIND_VIEW || def->view);
        assert_true(def->kind != KIND_REDUCE || def->reduce);
        assert_true(def->kind != KIND_CONTRACT || def->contract);
        assert_true(def->kind != KIND_WINDOW || def->pool);
    }
}

/* ---- arithmetic ---- */

static void arithmetic_broadcasts(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(2, 3), VALUES(1, 2, 3, 4, 5, 6));
    Tensor row = trial_tensor(&t, F32, DIMS(3), VALUES(10, 20, 30)), one = trial_tensor(&t, F32, 0, NULL, VALUES(2));
    Tensor column = trial_tensor(&t, F32, DIMS(2, 1), VALUES(1, 2));
    Tensor out = apply2(&t, OP_add, x, row);
    EXPECT(&out, 11, 22, 33, 14, 25, 36);
    out = apply2(&t, OP_mul, column, row);
    EXPECT(&out, 10, 20, 30, 20, 40, 60);
    assert_int_equal(out.type.rank, 2);
    out = apply2(&t, OP_sub, one, x);
    EXPECT(&out, 1, 0, -1, -2, -3, -4);
    out = apply2(&t, OP_div, x, one);
    EXPECT(&out, 0.5, 1, 1.5, 2, 2.5, 3);
    trial_free(&t);
}

static void special_values(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(5), VALUES(NAN, -0.0, -2.5, INFINITY, 3.5));
    Tensor zero = trial_tensor(&t, F32, 0, NULL, VALUES(0));
    Tensor out = apply(&t, OP_relu, NULL, x);
    EXPECT(&out, NAN, 0, 0, INFINITY, 3.5);
    out = apply2(&t, OP_minimum, x, zero);
    EXPECT(&out, NAN, -0.0, -2.5, 0, 0);
    out = apply2(&t, OP_maximum, x, zero);
    EXPECT(&out, NAN, 0, 0, INFINITY, 3.5);
    out = apply(&t, OP_round, NULL, x);
    EXPECT(&out, NAN, -0.0, -2, INFINITY, 4);
    out = apply(&t, OP_floor, NULL, x);
    EXPECT(&out, NAN, -0.0, -3, INFINITY, 3);
    out = apply(&t, OP_ceil, NULL, x);
    EXPECT(&out, NAN, -0.0, -2, INFINITY, 4);
    out = apply(&t, OP_abs, NULL, x);
    EXPECT(&out, NAN, 0, 2.5, INFINITY, 3.5);
    out = apply(&t, OP_neg, NULL, x);
    EXPECT(&out, NAN, 0, 2.5, -INFINITY, -3.5);
    out = apply(&t, OP_clamp, &(ClampAttrs){.low = -1, .high = 2}, x);
    EXPECT(&out, NAN, -0.0, -1, 2, 2);
    out = apply(&t, OP_leaky_relu, &(LeakyReluAttrs){.alpha = 0.5}, x);
    EXPECT(&out, NAN, -0.0, -1.25, INFINITY, 3.5);
    out = apply(&t, OP_sqrt, NULL, x);
    EXPECT(&out, NAN, -0.0, NAN, INFINITY, (double)sqrtf(3.5f));
    trial_free(&t);
}

static void elementary_functions_at_the_edges(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(6), VALUES(NAN, -INFINITY, -0.0, 0.0, INFINITY, 0x1p-149));
    Tensor out = apply(&t, OP_exp, NULL, x);
    EXPECT(&out, NAN, 0, 1, 1, INFINITY, 1);
    out = apply(&t, OP_log, NULL, x);
    EXPECT(&out, NAN, NAN, -INFINITY, -INFINITY, INFINITY, (double)-103.27893f);
    out = apply(&t, OP_tanh, NULL, x);
    EXPECT(&out, NAN, -1, -0.0, 0, 1, 0x1p-149);
    out = apply(&t, OP_sigmoid, NULL, x);
    EXPECT(&out, NAN, 0, 0.5, 0.5, 1, 0.5);
    out = apply(&t, OP_erf, NULL, x);
    EXPECT(&out, NAN, -1, -0.0, 0, 1, 0x1p-149);
    trial_free(&t);
}

static void integers(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, I32, DIMS(4), VALUES(-7, 7, -2147483648.0, 5));
    Tensor y = trial_tensor(&t, I32, DIMS(4), VALUES(2, -2, -1, 0));
    Tensor out = apply2(&t, OP_div, x, y);
    EXPECT(&out, -3, -3, -2147483648.0, 0);
    out = apply(&t, OP_relu, NULL, x);
    EXPECT(&out, 0, 7, 0, 5);
    out = apply(&t, OP_abs, NULL, x);
    EXPECT(&out, 7, 7, -2147483648.0, 5);
    Tensor bytes = trial_tensor(&t, U8, DIMS(3), VALUES(0, 1, 255));
    Tensor two = trial_tensor(&t, U8, DIMS(1), VALUES(2)), none = trial_tensor(&t, U8, DIMS(1), VALUES(0));
    out = apply2(&t, OP_mul, bytes, two);
    EXPECT(&out, 0, 2, 254);
    out = apply2(&t, OP_div, bytes, none);
    EXPECT(&out, 0, 0, 0);
    out = apply(&t, OP_clamp, &(ClampAttrs){.low = -5, .high = INFINITY}, bytes);
    EXPECT(&out, 0, 1, 255);
    out = apply(&t, OP_abs, NULL, bytes);
    EXPECT(&out, 0, 1, 255);
    trial_free(&t);
}

/* Computed in f32 and rounded once: 1 + 2^-11 is a tie in f16, and the sum of three is exact in f32. */
static void half_precision(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F16, DIMS(2), VALUES(2048, 0.5)), y = trial_tensor(&t, F16, DIMS(2), VALUES(3, 0.25));
    Tensor out = apply2(&t, OP_add, x, y);
    assert_int_equal(out.type.dtype, F16);
    EXPECT(&out, 2052, 0.75);
    out = apply2(&t, OP_less, y, x);
    assert_int_equal(out.type.dtype, BOOL);
    EXPECT(&out, 1, 1);
    Tensor b = trial_tensor(&t, BF16, DIMS(3), VALUES(1, -1, 0));
    out = apply(&t, OP_exp, NULL, b);
    EXPECT(&out, 2.71875, 0.3671875, 1);
    Tensor sums = trial_tensor(&t, F16, DIMS(3), VALUES(2048, 1, 1));
    out = apply(&t, OP_reduce_sum, &(ReduceAttrs){.keep = false}, sums);
    EXPECT(&out, 2050);
    trial_free(&t);
}

static void comparisons_and_where(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(4), VALUES(1, NAN, -0.0, 3)),
           y = trial_tensor(&t, F32, DIMS(4), VALUES(2, NAN, 0, 3));
    Tensor less = apply2(&t, OP_less, x, y), equal = apply2(&t, OP_equal, x, y);
    EXPECT(&less, 1, 0, 0, 0);
    EXPECT(&equal, 0, 0, 1, 1);
    Tensor operands[] = {less, x, trial_tensor(&t, F32, 0, NULL, VALUES(9))};
    Tensor out = trial_eval(&t, OP_where, NULL, 3, operands);
    EXPECT(&out, 1, 9, 9, 9);
    out = apply(&t, OP_copy, NULL, x);
    EXPECT(&out, 1, NAN, -0.0, 3);
    trial_free(&t);
}

/* ---- composites ---- */

static void expect_near(const Tensor *got, int64_t count, const double *expected)
{
    assert_int_equal(type_elements(&got->type), count);
    for (int64_t i = 0; i < count; i++)
        assert_true(fabs(tensor_real(got, i) - expected[i]) <= 2e-7 * fmax(1, fabs(expected[i])));
}

static void activations(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(3), VALUES(-1, 0.5, 4));
    Tensor out = apply(&t, OP_silu, NULL, x);
    expect_near(&out, 3, VALUES(-0.26894142137, 0.31122966560, 3.92805516015));
    out = apply(&t, OP_hard_sigmoid, NULL, x);
    expect_near(&out, 3, VALUES(1.0 / 3, 3.5 / 6, 1));
    out = apply(&t, OP_hard_swish, NULL, x);
    expect_near(&out, 3, VALUES(-1.0 / 3, 1.75 / 6, 4));
    out = apply(&t, OP_gelu, NULL, x);
    expect_near(&out, 3, VALUES(-0.15865525393, 0.34573123064, 3.99987331503));
    out = apply(&t, OP_gelu, &(GeluAttrs){.approximate = 1}, x);
    expect_near(&out, 3, VALUES(-0.15880800939, 0.34571400982, 3.99993) /* by its formula */);
    trial_free(&t);
}

static void softmax_sums_to_one(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(2, 3), VALUES(1, 2, 3, 1000, 1000, -1000));
    Tensor out = apply(&t, OP_softmax, NULL, x);
    expect_near(&out, 6, VALUES(0.09003057317, 0.24472847105, 0.66524095577, 0.5, 0.5, 0));
    out = apply(&t, OP_softmax, &(SoftmaxAttrs){.axis = 0}, trial_tensor(&t, F32, DIMS(2, 1), VALUES(3, 3)));
    EXPECT(&out, 0.5, 0.5);
    trial_free(&t);
}

static void batch_norm_by_channel(void **state)
{
    Trial t = trial_new();
    Tensor operands[] = {trial_tensor(&t, F32, DIMS(2, 2), VALUES(1, 2, 3, 4)),
                         trial_tensor(&t, F32, DIMS(2), VALUES(2, 3)), trial_tensor(&t, F32, DIMS(2), VALUES(10, 20)),
                         trial_tensor(&t, F32, DIMS(2), VALUES(1, 1)), trial_tensor(&t, F32, DIMS(2), VALUES(3, 0))};
    Tensor out = trial_eval(&t, OP_batch_norm, &(BatchNormAttrs){.epsilon = 1}, 5, operands);
    EXPECT(&out, 10, 23, 12, 29);
    trial_free(&t);
}

/* ---- views ---- */

static void views(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, U8, DIMS(2, 3), VALUES(1, 2, 3, 4, 5, 6));
    Tensor out = apply(&t, OP_transpose, NULL, x);
    EXPECT(&out, 1, 4, 2, 5, 3, 6);
    out = apply(&t, OP_reshape, &(ReshapeAttrs){.shape = {2, {-1, 2}}}, x);
    EXPECT(&out, 1, 2, 3, 4, 5, 6);
    assert_int_equal(out.type.dim[0].high, 3);
    out = apply(&t, OP_broadcast, &(BroadcastAttrs){.shape = {3, {2, -1, 3}}}, x);
    EXPECT(&out, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6);
    out = apply(&t, OP_slice, &(SliceAttrs){.begin = {2, {0, -1}}, .end = {1, {2}}}, x);
    EXPECT(&out, 3, 6);
    out = apply(&t, OP_slice, &(SliceAttrs){.begin = {2, {1, 0}}, .end = {2, {2, 99}}, .step = {2, {1, 2}}}, x);
    EXPECT(&out, 4, 6);
    out = apply(&t, OP_slice, &(SliceAttrs){.begin = {1, {1}}, .step = {1, {INT64_MAX}}}, x);
    EXPECT(&out, 4, 5, 6);
    Tensor cube = trial_tensor(&t, F32, DIMS(2, 1, 3), VALUES(1, 2, 3, 4, 5, 6));
    out = apply(&t, OP_transpose, &(TransposeAttrs){.permute = {3, {2, 0, 1}}}, cube);
    EXPECT(&out, 1, 4, 2, 5, 3, 6);
    assert_int_equal(out.type.dim[0].high, 3);
    out = apply(&t, OP_flatten, NULL, cube);
    assert_int_equal(out.type.rank, 2);
    EXPECT(&out, 1, 2, 3, 4, 5, 6);
    trial_free(&t);
}

static void a_bounded_dim_stays(void **state)
{
    Trial t = trial_new();
    Type type = type_tensor(F32, 3, (const int64_t[]){4, 2, 3});
    type.dim[0] = (Dim){.low = 1, .high = 4, .name = "N"};
    Tensor x = tensor_new(t.arena, type);
    Node *flat = trial_node(&t, OP_flatten, NULL, 1, &x);
    assert_non_null(flat);
    assert_string_equal(type_text(t.arena, &flat->types[0]), "f32[N, 6]");
    Tensor out;
    node_eval(flat, &x, &out, t.arena);
    assert_string_equal(type_text(t.arena, &out.type), "f32[N, 6]");
    trial_free(&t);
}

/* ---- reductions and pooling ---- */

static void reductions(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(2, 3), VALUES(1, 2, 3, 4, 5, 6));
    Tensor out = apply(&t, OP_reduce_sum, &(ReduceAttrs){.axes = {1, {0}}}, x);
    EXPECT(&out, 5, 7, 9);
    out = apply(&t, OP_reduce_sum, &(ReduceAttrs){.keep = true}, x);
    EXPECT(&out, 21);
    assert_int_equal(out.type.rank, 2);
    out = apply(&t, OP_reduce_max, &(ReduceAttrs){.axes = {1, {-1}}}, x);
    EXPECT(&out, 3, 6);
    out = apply(&t, OP_reduce_mean, &(ReduceAttrs){.axes = {1, {1}}}, x);
    EXPECT(&out, 2, 5);
    Tensor odd = trial_tensor(&t, F32, DIMS(3), VALUES(-0.0, NAN, -5));
    out = apply(&t, OP_reduce_min, NULL, odd);
    EXPECT(&out, NAN);
    Tensor lows = trial_tensor(&t, I8, DIMS(2), VALUES(-128, -127));
    out = apply(&t, OP_reduce_max, NULL, lows);
    EXPECT(&out, -127);
    out = apply(&t, OP_reduce_sum, NULL, lows);
    EXPECT(&out, 1);
    out = apply(&t, OP_reduce_product, &(ReduceAttrs){.axes = {1, {0}}}, x);
    EXPECT(&out, 4, 10, 18);
    out = apply(&t, OP_reduce_product, NULL, lows);
    EXPECT(&out, -128); /* 16256, of which 8 bits stay */
    Tensor zeros = trial_tensor(&t, F32, DIMS(2), VALUES(-0.0, -0.0));
    out = apply(&t, OP_reduce_sum, NULL, zeros);
    EXPECT(&out, 0); /* sums start from +0 */
    out = apply(&t, OP_reduce_max, NULL, zeros);
    EXPECT(&out, -0.0);
    trial_free(&t);
}

static PoolAttrs pool(int64_t size, int64_t stride, int mode)
{
    return (PoolAttrs){.size = {2, {size, size}}, .stride = {2, {stride, stride}}, .pad = {.mode = mode}};
}

static void pooling(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(1, 3, 3, 1), VALUES(1, 2, 3, 4, 5, 6, 7, 8, 9));
    PoolAttrs attrs = pool(2, 0, PAD_VALID);
    Tensor out = apply(&t, OP_max_pool, &attrs, x);
    EXPECT(&out, 5);
    attrs = pool(2, 1, PAD_VALID);
    out = apply(&t, OP_max_pool, &attrs, x);
    EXPECT(&out, 5, 6, 8, 9);
    attrs = pool(2, 2, PAD_SAME);
    out = apply(&t, OP_average_pool, &attrs, x);
    EXPECT(&out, 3, 4.5, 7.5, 9); /* only what is inside counts */
    attrs = pool(2, 1, PAD_VALID);
    attrs.dilation = (IntList){2, {2, 1}};
    out = apply(&t, OP_max_pool, &attrs, x);
    EXPECT(&out, 8, 9);
    attrs = pool(3, 1, PAD_SAME);
    out = apply(&t, OP_max_pool, &attrs, trial_tensor(&t, F32, DIMS(1, 2, 2, 1), VALUES(-4, -3, NAN, -1)));
    EXPECT(&out, NAN, NAN, NAN, NAN);
    out = apply(&t, OP_max_pool, &attrs, trial_tensor(&t, F32, DIMS(1, 1, 2, 2), VALUES(-4, -3, -7, -1)));
    EXPECT(&out, -4, -1, -4, -1);
    out = apply(&t, OP_global_average_pool, NULL, x);
    EXPECT(&out, 5);
    assert_int_equal(out.type.rank, 2);
    out = apply(&t, OP_global_average_pool, &(GlobalPoolAttrs){.keep = true}, x);
    assert_int_equal(out.type.rank, 4);
    trial_free(&t);
}

/* ---- contractions ---- */

static ConvAttrs conv(int64_t stride, int mode)
{
    return (ConvAttrs){.stride = {2, {stride, stride}}, .dilation = {2, {1, 1}}, .groups = 1, .pad = {.mode = mode}};
}

static void convolution(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(1, 3, 3, 1), VALUES(1, 2, 3, 4, 5, 6, 7, 8, 9));
    Tensor w = trial_tensor(&t, F32, DIMS(2, 2, 1, 1), VALUES(1, 10, 100, 1000));
    Tensor bias = trial_tensor(&t, F32, DIMS(1), VALUES(0.5));
    ConvAttrs attrs = conv(1, PAD_VALID);
    Tensor out = trial_eval(&t, OP_conv2d, &attrs, 3, (const Tensor[]){x, w, bias});
    EXPECT(&out, 5421.5, 6532.5, 8754.5, 9865.5);
    attrs = conv(2, PAD_SAME);
    out = trial_eval(&t, OP_conv2d, &attrs, 2, (const Tensor[]){x, w});
    EXPECT(&out, 5421, 603, 87, 9);
    attrs = conv(1, PAD_EXPLICIT);
    attrs.pad.sizes = (IntList){4, {1, 0, 0, 1}}; /* top and right */
    out = trial_eval(&t, OP_conv2d, &attrs, 2, (const Tensor[]){x, w});
    EXPECT(&out, 2100, 3200, 300, 5421, 6532, 603, 8754, 9865, 906);
    trial_free(&t);
}

static void convolution_in_groups(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(1, 1, 1, 4), VALUES(1, 2, 3, 4));
    Tensor w = trial_tensor(&t, F32, DIMS(1, 1, 2, 2), VALUES(1, 10, 100, 1000));
    ConvAttrs attrs = conv(1, PAD_VALID);
    attrs.groups = 2;
    Tensor out = trial_eval(&t, OP_conv2d, &attrs, 2, (const Tensor[]){x, w});
    EXPECT(&out, 201, 4030);
    trial_free(&t);
}

/* A padding tap is executed: 0 times infinity. */
static void padding_is_multiplied(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(1, 1, 1, 1), VALUES(1));
    Tensor w = trial_tensor(&t, F32, DIMS(3, 3, 1, 1), VALUES(0, 0, 0, 0, 2, 0, 0, 0, INFINITY));
    ConvAttrs attrs = conv(1, PAD_SAME);
    Tensor out = trial_eval(&t, OP_conv2d, &attrs, 2, (const Tensor[]){x, w});
    EXPECT(&out, NAN);
    trial_free(&t);
}

static void products(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(2, 2), VALUES(1, 2, 3, 4)), v = trial_tensor(&t, F32, DIMS(2), VALUES(1, 10));
    Tensor out = apply2(&t, OP_matmul, x, x);
    EXPECT(&out, 7, 10, 15, 22);
    out = apply2(&t, OP_matmul, x, v);
    assert_int_equal(out.type.rank, 1);
    EXPECT(&out, 21, 43);
    out = apply2(&t, OP_matmul, v, x);
    EXPECT(&out, 31, 42);
    out = apply2(&t, OP_matmul, v, v);
    assert_int_equal(out.type.rank, 0);
    EXPECT(&out, 101);
    Tensor batch = trial_tensor(&t, F32, DIMS(2, 1, 2), VALUES(1, 2, 3, 4));
    Tensor weights = trial_tensor(&t, F32, DIMS(2, 2, 1), VALUES(1, 10, 100, 1000));
    out = apply2(&t, OP_matmul, batch, weights);
    EXPECT(&out, 21, 4300);
    out = apply2(&t, OP_matmul, batch, x);
    EXPECT(&out, 7, 10, 15, 22);
    Tensor operands[] = {batch, x, trial_tensor(&t, F32, DIMS(2), VALUES(0.5, -0.5))};
    out = trial_eval(&t, OP_dense, NULL, 3, operands);
    assert_int_equal(out.type.rank, 3);
    EXPECT(&out, 7.5, 9.5, 15.5, 21.5);
    trial_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operator_is_documented),
        cmocka_unit_test(every_primitive_has_a_meaning),
        cmocka_unit_test(arithmetic_broadcasts),
        cmocka_unit_test(special_values),
        cmocka_unit_test(elementary_functions_at_the_edges),
        cmocka_unit_test(integers),
        cmocka_unit_test(half_precision),
        cmocka_unit_test(comparisons_and_where),
        cmocka_unit_test(activations),
        cmocka_unit_test(softmax_sums_to_one),
        cmocka_unit_test(batch_norm_by_channel),
        cmocka_unit_test(views),
        cmocka_unit_test(a_bounded_dim_stays),
        cmocka_unit_test(reductions),
        cmocka_unit_test(pooling),
        cmocka_unit_test(convolution),
        cmocka_unit_test(convolution_in_groups),
        cmocka_unit_test(padding_is_multiplied),
        cmocka_unit_test(products),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
