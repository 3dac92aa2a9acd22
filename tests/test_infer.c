/* Shape and type rules: what operators refuse, and the parameters that layers ask for. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/trial.h"

static Type type_of(Dtype dtype, int rank, const int64_t *dims) { return type_tensor(dtype, rank, dims); }

#define TYPE(dtype, ...) type_of(dtype, DIMS(__VA_ARGS__))

static ConvAttrs conv(int64_t stride, int64_t groups, int pad)
{
    return (ConvAttrs){
        .stride = {2, {stride, stride}}, .dilation = {2, {1, 1}}, .groups = groups, .pad = {.mode = pad}};
}

/* ---- refused ---- */

static void maps_refuse(void **state)
{
    trial_refuse(OP_exp, NULL, 1, (const Type[]){TYPE(I32, 2)}, E0302,
                 "exp: expected a float dtype for `x`, found i32[2]");
    trial_refuse(OP_add, NULL, 2, (const Type[]){TYPE(F32, 2), TYPE(F16, 2)}, E0302, "one dtype");
    trial_refuse(OP_add, NULL, 2, (const Type[]){TYPE(BOOL, 2), TYPE(BOOL, 2)}, E0302, "a number dtype");
    trial_refuse(OP_add, NULL, 2, (const Type[]){TYPE(F32, 2), TYPE(F32, 3)}, E0301, "do not fit");
    trial_refuse(OP_where, NULL, 3, (const Type[]){TYPE(F32, 2), TYPE(F32, 2), TYPE(F32, 2)}, E0302, "expected bool");
    trial_refuse(OP_where, NULL, 3, (const Type[]){TYPE(BOOL, 2), TYPE(F32, 2), TYPE(I8, 2)}, E0302, "one dtype");
    trial_refuse(OP_where, NULL, 3, (const Type[]){TYPE(BOOL, 3), TYPE(F32, 2), TYPE(F32, 2)}, E0301, "bool[3]");
    trial_refuse(OP_clamp, &(ClampAttrs){.low = 2, .high = 1}, 1, (const Type[]){TYPE(F32, 2)}, E0404,
                 "low 2 and high 1");
    trial_refuse(OP_clamp, &(ClampAttrs){.low = NAN, .high = 1}, 1, (const Type[]){TYPE(F32, 2)}, E0404, "low nan");
    trial_refuse(OP_cast, &(CastAttrs){.to = DTYPE_COUNT}, 1, (const Type[]){TYPE(F32, 2)}, E0403, "dtype");
    int64_t large[] = {1 << 20, 1, 1 << 20}, across[] = {1, 1 << 20, 1};
    trial_refuse(OP_add, NULL, 2, (const Type[]){type_of(F32, 3, large), type_of(F32, 3, across)}, E0305, "too large");
}

static void views_refuse(void **state)
{
    const Type x = TYPE(F32, 2, 3);
    trial_refuse(OP_reshape, &(ReshapeAttrs){.shape = {2, {4, 2}}}, 1, &x, E0301,
                 "6 elements, which do not fill [4, 2]");
    trial_refuse(OP_reshape, &(ReshapeAttrs){.shape = {2, {-1, 4}}}, 1, &x, E0301, "[-1, 4]");
    trial_refuse(OP_reshape, &(ReshapeAttrs){.shape = {2, {-1, -1}}}, 1, &x, E0404, "-1 at most once");
    trial_refuse(OP_reshape, &(ReshapeAttrs){.shape = {2, {0, 6}}}, 1, &x, E0301, "do not fill [0, 6]");
    trial_refuse(OP_reshape, &(ReshapeAttrs){.shape = {2, {-2, 3}}}, 1, &x, E0404, "from 0 on");
    trial_refuse(OP_reshape, &(ReshapeAttrs){.shape = {2, {INT64_MAX, INT64_MAX}}}, 1, &x, E0301, "do not fill");
    trial_refuse(OP_transpose, &(TransposeAttrs){.permute = {2, {0, 0}}}, 1, &x, E0404, "[0, 0]");
    trial_refuse(OP_transpose, &(TransposeAttrs){.permute = {1, {0}}}, 1, &x, E0404, "0 to 1 once");
    trial_refuse(OP_broadcast, &(BroadcastAttrs){.shape = {2, {2, 6}}}, 1, &x, E0301, "does not stretch to [2, 6]");
    trial_refuse(OP_broadcast, &(BroadcastAttrs){.shape = {1, {3}}}, 1, &x, E0301, "does not stretch");
    trial_refuse(OP_slice, &(SliceAttrs){.step = {2, {1, 0}}}, 1, &x, E0404, "axis 1");
    trial_refuse(OP_slice, &(SliceAttrs){.end = {3, {1, 1, 1}}}, 1, &x, E0404, "2 axes");
    const Type scalar = type_of(F32, 0, NULL);
    trial_refuse(OP_flatten, NULL, 1, &scalar, E0301, "at least one axis");
}

static void convolutions_refuse(void **state)
{
    ConvAttrs valid = conv(1, 1, PAD_VALID), two = conv(1, 2, PAD_VALID);
    const Type image = TYPE(F32, 1, 2, 2, 3), kernel = TYPE(F32, 3, 3, 3, 8), bytes = TYPE(U8, 1, 2, 2, 3);
    trial_refuse(OP_conv2d, &valid, 2, (const Type[]){image, kernel}, E0301,
                 "conv2d: the kernel 3x3 does not fit the input 2x2");
    trial_refuse(OP_conv2d, &valid, 2, (const Type[]){bytes, kernel}, E0302, "float");
    trial_refuse(OP_conv2d, &valid, 2, (const Type[]){TYPE(F32, 2, 2), kernel}, E0301, "rank 4, [N, H, W, C]");
    trial_refuse(OP_conv2d, &valid, 2, (const Type[]){image, TYPE(F32, 1, 1, 4, 8)}, E0301,
                 "expected `weight` to be f32[1, 1, 3, 8]");
    trial_refuse(OP_conv2d, &two, 2, (const Type[]){image, TYPE(F32, 1, 1, 3, 8)}, E0404, "2 groups do not divide 3");
    trial_refuse(OP_conv2d, &valid, 3, (const Type[]){image, TYPE(F32, 1, 1, 3, 8), TYPE(F32, 3)}, E0301, "`bias`");
    ConvAttrs odd = conv(0, 1, PAD_VALID);
    trial_refuse(OP_conv2d, &odd, 2, (const Type[]){image, TYPE(F32, 1, 1, 3, 8)}, E0404, "found 0");
    odd = conv(1, 1, PAD_EXPLICIT);
    odd.pad.sizes = (IntList){2, {1, 1}};
    trial_refuse(OP_conv2d, &odd, 2, (const Type[]){image, TYPE(F32, 1, 1, 3, 8)}, E0404, "1 or 4 numbers");
    odd.pad.sizes = (IntList){4, {0, -1, 0, 0}};
    trial_refuse(OP_conv2d, &odd, 2, (const Type[]){image, TYPE(F32, 1, 1, 3, 8)}, E0404, "found -1");
    odd.pad.sizes = (IntList){1, {(int64_t)1 << 40}};
    trial_refuse(OP_conv2d, &odd, 2, (const Type[]){image, TYPE(F32, 1, 1, 3, 8)}, E0404, "found 1099511627776");
    odd = conv(1, 1, PAD_VALID);
    odd.dilation.at[0] = 5;
    trial_refuse(OP_conv2d, &odd, 2, (const Type[]){image, TYPE(F32, 2, 1, 3, 8)}, E0301, "6x1 (dilated)");
}

static void others_refuse(void **state)
{
    const Type x = TYPE(F32, 2, 3), image = TYPE(F32, 1, 4, 4, 2);
    trial_refuse(OP_dense, NULL, 2, (const Type[]){x, TYPE(F32, 4, 5)}, E0301, "expected `weight` to be f32[3, 5]");
    trial_refuse(OP_dense, NULL, 2, (const Type[]){type_of(F32, 0, NULL), TYPE(F32, 4, 5)}, E0301, "last axis");
    trial_refuse(OP_matmul, NULL, 2, (const Type[]){x, x}, E0301, "f32[2, 3] and f32[2, 3]");
    trial_refuse(OP_matmul, NULL, 2, (const Type[]){x, TYPE(F32, 4, 3, 2)}, E0301, "do not fit");
    trial_refuse(OP_matmul, NULL, 2, (const Type[]){type_of(F32, 0, NULL), x}, E0301, "do not fit");
    trial_refuse(OP_softmax, &(SoftmaxAttrs){.axis = 2}, 1, &x, E0404, "axis 2");
    trial_refuse(OP_softmax, &(SoftmaxAttrs){.axis = -1}, 1, (const Type[]){type_of(F32, 0, NULL)}, E0404, "axis -1");
    trial_refuse(OP_reduce_sum, &(ReduceAttrs){.axes = {1, {-3}}}, 1, &x, E0404, "axis -3");
    trial_refuse(OP_reduce_mean, NULL, 1, (const Type[]){TYPE(I32, 2)}, E0302, "float");
    PoolAttrs pool = {.size = {2, {5, 5}}, .stride = {2, {0, 0}}};
    trial_refuse(OP_max_pool, &pool, 1, &image, E0301, "the window 5x5 does not fit the input 4x4");
    pool = (PoolAttrs){.size = {2, {2, 2}}, .pad = {.mode = PAD_EXPLICIT, .sizes = {1, {2}}}};
    trial_refuse(OP_average_pool, &pool, 1, &image, E0404, "padding as wide");
    /* both taps of the first row are outside */
    pool = (PoolAttrs){.size = {2, {2, 1}}, .stride = {2, {1, 1}}, .dilation = {2, {5, 1}}, .pad = pool.pad};
    pool.pad.sizes = (IntList){4, {1, 0, 1, 0}};
    trial_refuse(OP_max_pool, &pool, 1, &image, E0404, "padding as wide");
    trial_refuse(OP_batch_norm, NULL, 5, (const Type[]){x, TYPE(F32, 3), TYPE(F32, 3), TYPE(F32, 2), TYPE(F32, 3)},
                 E0301, "expected `mean` to be f32[3]");
    const Type normed[] = {x, TYPE(F32, 3), TYPE(F32, 3), TYPE(F32, 3), TYPE(F32, 3)};
    trial_refuse(OP_batch_norm, &(BatchNormAttrs){.epsilon = -1}, 5, normed, E0404, "found -1");
    trial_refuse(OP_batch_norm, &(BatchNormAttrs){.epsilon = NAN}, 5, normed, E0404, "found nan");
    trial_refuse(OP_global_average_pool, NULL, 1, &x, E0301, "rank 4");
}

/* ---- parameters of layers ---- */

typedef struct Asked {
    bool ok;
    Type type;
    int errors;
} Asked;

/* What the layer says of its missing operand `index`, given only the first. */
static Asked ask(Op op, const void *attrs, Type x, int index)
{
    Trial t = trial_new();
    NodeSpec spec = {.op = OP_input, .name = "x", .type = &x};
    Value operand = value_of(graph_add(t.graph, &spec, &t.diag));
    Node node = {
        .op = op, .name = "y", .graph = t.graph, .ninputs = 1, .inputs = &operand, .attrs = (void *)(intptr_t)attrs};
    Asked asked = {.ok = false};
    asked.ok = op_table[op]->param(&node, index, &asked.type, &t.diag);
    asked.errors = t.diag.errors;
    trial_free(&t);
    return asked;
}

static void expect_type(Asked asked, Type type)
{
    assert_true(asked.ok && asked.errors == 0);
    assert_true(type_equal(&asked.type, &type));
}

static void layers_say_what_they_need(void **state)
{
    ConvAttrs attrs = conv(1, 2, PAD_VALID);
    attrs.out = 8;
    attrs.kernel = (IntList){2, {3, 5}};
    attrs.bias = true;
    const Type image = TYPE(F32, 1, 2, 2, 6);
    expect_type(ask(OP_conv2d, &attrs, image, 1), TYPE(F32, 3, 5, 3, 8));
    expect_type(ask(OP_conv2d, &attrs, image, 2), TYPE(F32, 8));
    attrs.bias = false;
    Asked none = ask(OP_conv2d, &attrs, image, 2);
    assert_true(none.ok && none.type.dtype == DTYPE_COUNT);
    attrs.kernel.at[0] = 0;
    assert_true(!ask(OP_conv2d, &attrs, image, 1).ok);
    attrs.out = 0;
    assert_int_equal(ask(OP_conv2d, &attrs, image, 1).errors, 1);
    expect_type(ask(OP_dense, &(DenseAttrs){.out = 4, .bias = true}, TYPE(F64, 7, 3), 1), TYPE(F64, 3, 4));
    assert_int_equal(ask(OP_dense, &(DenseAttrs){.bias = true}, TYPE(F64, 7, 3), 1).errors, 1);
    for (int i = 1; i < 5; i++) expect_type(ask(OP_batch_norm, NULL, image, i), TYPE(F32, 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_refuse),
        cmocka_unit_test(views_refuse),
        cmocka_unit_test(convolutions_refuse),
        cmocka_unit_test(others_refuse),
        cmocka_unit_test(layers_say_what_they_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
