/* Each kind of group compiled and run beside eval, bit by bit: shapes that leave tails, walk oddly, run in
 * place and lie in halos. */
#include "tests/support/native.h"
#include "tests/support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these first */
#include <cmocka.h>

/* ---- maps ---- */

static void maps_of_every_tail(void **state)
{
    for (int64_t size = 1; size <= 35; size += size < 18 ? 1 : 17) {
        Sketch s = sketch_new(*state, "map");
        Value a = sketch_input(&s, F32, DIMS(size)), b = sketch_input(&s, F32, DIMS(size));
        Value sum = sketch_op(&s, OP_add, NULL, OPERANDS(a, sketch_op(&s, OP_relu, NULL, OPERANDS(b))));
        sketch_output(&s, sum);
        sketch_check(&s);
    }
}

static void maps_that_broadcast(void **state)
{
    Sketch s = sketch_new(*state, "broadcast");
    Value x = sketch_input(&s, F32, DIMS(2, 3, 5, 19)), last = sketch_param(&s, F32, DIMS(19));
    Value middle = sketch_input(&s, F32, DIMS(3, 1, 1)), column = sketch_input(&s, F32, DIMS(2, 1, 5, 1));
    Value y = sketch_op(&s, OP_mul, NULL, OPERANDS(x, last));
    y = sketch_op(&s, OP_add, NULL, OPERANDS(y, middle));
    y = sketch_op(&s, OP_div, NULL, OPERANDS(y, sketch_number(&s, F32, 3)));
    y = sketch_op(&s, OP_maximum, NULL, OPERANDS(y, column));
    sketch_output(&s, y);
    sketch_check(&s);
}

/* Both arms of a diamond read one value. */
static void maps_that_share(void **state)
{
    Sketch s = sketch_new(*state, "diamond");
    Value x = sketch_input(&s, F32, DIMS(3, 21));
    Value t = sketch_op(&s, OP_tanh, NULL, OPERANDS(x));
    for (int i = 0; i < 6; i++) t = sketch_op(&s, OP_mul, NULL, OPERANDS(t, t));
    sketch_output(&s, sketch_op(&s, OP_add, NULL, OPERANDS(t, x)));
    sketch_check(&s);
}

static void maps_of_every_dtype(void **state)
{
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        Sketch s = sketch_new(*state, "dtype");
        Value a = sketch_input(&s, (Dtype)dtype, DIMS(2, 23)), b = sketch_input(&s, (Dtype)dtype, DIMS(2, 23));
        Value c = a;
        if (dtype != BOOL && !dtype_is_storage((Dtype)dtype)) {
            c = sketch_op(&s, OP_mul, NULL, OPERANDS(a, b));
            c = sketch_op(&s, OP_minimum, NULL, OPERANDS(sketch_op(&s, OP_sub, NULL, OPERANDS(c, b)), a));
        }
        CastAttrs to = {.to = F32};
        sketch_output(&s, c);
        sketch_output(&s, sketch_op(&s, OP_cast, &to, OPERANDS(c)));
        Value x = dtype_is_storage((Dtype)dtype) ? sketch_op(&s, OP_cast, &to, OPERANDS(a)) : a;
        Value y = dtype_is_storage((Dtype)dtype) ? sketch_op(&s, OP_cast, &to, OPERANDS(b)) : b;
        sketch_output(&s, sketch_op(&s, OP_where, NULL, OPERANDS(sketch_op(&s, OP_equal, NULL, OPERANDS(x, y)), c, b)));
        sketch_check(&s);
    }
}

static void views_are_strides(void **state)
{
    Sketch s = sketch_new(*state, "view");
    Value x = sketch_input(&s, F32, DIMS(3, 7, 18)), y = sketch_input(&s, F32, DIMS(18, 3, 7));
    TransposeAttrs order = {.permute = {3, {2, 0, 1}}};
    Value t = sketch_op(&s, OP_transpose, &order, OPERANDS(x));
    SliceAttrs part = {.begin = {3, {1, 0, 2}}, .end = {3, {18, 3, -1}}, .step = {3, {2, 1, 2}}};
    Value cut = sketch_op(&s, OP_slice, &part, OPERANDS(t));
    sketch_output(&s, sketch_op(&s, OP_add, NULL, OPERANDS(t, y)));
    sketch_output(&s, cut);
    sketch_check(&s);
}

/* ---- reductions ---- */

static void check_reduction(Arena *arena, Op op, Dtype dtype, int rank, const int64_t *dims, IntList axes, bool keep)
{
    Sketch s = sketch_new(arena, "reduce");
    Value x = sketch_input(&s, dtype, rank, dims);
    ReduceAttrs attrs = {.axes = axes, .keep = keep};
    Value r = sketch_op(&s, op, &attrs, OPERANDS(x));
    sketch_output(&s, sketch_op(&s, OP_add, NULL, OPERANDS(r, r)));
    sketch_check(&s);
}

static void reductions_of_the_last_axis(void **state)
{
    static const int64_t sizes[] = {1, 2, 15, 16, 17, 48, 100};
    for (int i = 0; i < 7; i++) {
        check_reduction(*state, OP_reduce_sum, F32, DIMS(3, sizes[i]), (IntList){1, {1}}, false);
        check_reduction(*state, OP_reduce_max, F32, DIMS(3, sizes[i]), (IntList){1, {1}}, true);
    }
    check_reduction(*state, OP_reduce_sum, F32, DIMS(1, 1), (IntList){1, {1}}, false);
}

static void reductions_of_other_axes(void **state)
{
    for (int keep = 0; keep < 2; keep++) {
        check_reduction(*state, OP_reduce_sum, F32, DIMS(2, 7, 5, 19), (IntList){2, {1, 2}}, keep);
        check_reduction(*state, OP_reduce_min, F32, DIMS(37, 3), (IntList){1, {0}}, keep);
        check_reduction(*state, OP_reduce_sum, F32, DIMS(5, 3, 7), (IntList){2, {0, 2}}, keep);
        check_reduction(*state, OP_reduce_product, F32, DIMS(5, 37), (IntList){1, {1}}, keep);
        check_reduction(*state, OP_reduce_product, I16, DIMS(5, 37), (IntList){1, {0}}, keep);
        check_reduction(*state, OP_reduce_sum, F32, DIMS(5, 3, 32), (IntList){2, {0, 2}}, keep);
        check_reduction(*state, OP_reduce_sum, F32, DIMS(4, 9, 11), (IntList){3, {0, 1, 2}}, keep);
        check_reduction(*state, OP_reduce_sum, F32, DIMS(3, 2, 3, 5, 4), (IntList){3, {0, 2, 3}}, keep);
    }
}

static void reductions_of_other_dtypes(void **state)
{
    static const Dtype dtypes[] = {F64, F16, BF16, I8, I32, I64, U8};
    for (int i = 0; i < 7; i++) {
        check_reduction(*state, OP_reduce_sum, dtypes[i], DIMS(3, 37), (IntList){1, {1}}, false);
        check_reduction(*state, OP_reduce_max, dtypes[i], DIMS(5, 3, 9), (IntList){1, {0}}, false);
    }
}

static void reductions_with_maps_around(void **state)
{
    Sketch s = sketch_new(*state, "around");
    Value x = sketch_input(&s, F32, DIMS(3, 29)), weight = sketch_param(&s, F32, DIMS(29));
    Value beside = sketch_input(&s, F32, DIMS(3));
    Value y = sketch_op(&s, OP_mul, NULL, OPERANDS(sketch_op(&s, OP_relu, NULL, OPERANDS(x)), weight));
    ReduceAttrs attrs = {.axes = {1, {1}}};
    y = sketch_op(&s, OP_reduce_sum, &attrs, OPERANDS(y));
    sketch_output(&s, sketch_op(&s, OP_sub, NULL, OPERANDS(y, beside)));
    sketch_check(&s);
}

/* ---- windows ---- */

static void check_pool(Arena *arena, Op op, Dtype dtype, int64_t h, int64_t w, int64_t c, PoolAttrs attrs)
{
    Sketch s = sketch_new(arena, "pool");
    Value x = sketch_input(&s, dtype, DIMS(2, h, w, c));
    Value y = sketch_op(&s, op, &attrs, OPERANDS(x));
    sketch_output(&s, sketch_op(&s, OP_relu, NULL, OPERANDS(y)));
    sketch_check(&s);
}

static void pools(void **state)
{
    static const Op ops[] = {OP_max_pool, OP_average_pool};
    for (int i = 0; i < 2; i++) {
        PoolAttrs plain = {.size = {2, {2, 2}}, .stride = {2, {2, 2}}};
        PoolAttrs same = {.size = {2, {3, 3}}, .stride = {2, {1, 2}}, .pad = {.mode = PAD_SAME}};
        PoolAttrs around = {.size = {2, {4, 2}}, .stride = {2, {3, 1}}, .pad = {PAD_EXPLICIT, {4, {2, 1, 3, 1}}}};
        PoolAttrs large = {.size = {2, {7, 6}}, .stride = {2, {2, 1}}, .pad = {.mode = PAD_SAME}};
        check_pool(*state, ops[i], F32, 6, 9, 20, plain);
        check_pool(*state, ops[i], F32, 7, 8, 3, same);
        check_pool(*state, ops[i], F32, 5, 6, 17, around);
        check_pool(*state, ops[i], F32, 9, 4, 1, large);
        check_pool(*state, ops[i], F16, 5, 6, 17, around);
        PoolAttrs larger = {.size = {2, {25, 13}}, .stride = {2, {1, 2}}, .pad = {.mode = PAD_SAME}};
        check_pool(*state, ops[i], F32, 30, 25, 9, larger);
        PoolAttrs apart = {.size = {2, {2, 3}}, .stride = {2, {1, 2}}, .dilation = {2, {3, 2}}, .pad = same.pad};
        check_pool(*state, ops[i], F32, 9, 8, 17, apart);
    }
}

/* What relu leaves is compared as integers: NaN and -0 must not tell. */
static void pools_of_positive_numbers(void **state)
{
    Sketch s = sketch_new(*state, "positive");
    PoolAttrs same = {.size = {2, {3, 3}}, .stride = {2, {2, 2}}, .pad = {.mode = PAD_SAME}};
    Value x = sketch_input(&s, F32, DIMS(1, 9, 7, 19));
    Value y = sketch_op(&s, OP_sqrt, NULL, OPERANDS(x)); /* NaN of negative numbers */
    y = sketch_op(&s, OP_relu, NULL,
                  OPERANDS(sketch_op(&s, OP_reduce_max, &(ReduceAttrs){.axes = {1, {0}}, .keep = true}, OPERANDS(y))));
    sketch_output(&s, y);
    sketch_output(&s, sketch_op(&s, OP_max_pool, &same, OPERANDS(y)));
    sketch_check(&s);
}

/* ---- rows ---- */

static void softmax_rows(void **state)
{
    static const int64_t sizes[] = {1, 3, 10, 16, 40};
    for (int i = 0; i < 5; i++) {
        Sketch s = sketch_new(*state, "softmax");
        Value x = sketch_input(&s, F32, DIMS(2, 2, sizes[i]));
        Value y = sketch_op(&s, OP_mul, NULL, OPERANDS(x, sketch_number(&s, F32, 9)));
        sketch_output(&s, sketch_op(&s, OP_softmax, NULL, OPERANDS(y)));
        sketch_check(&s);
    }
    static const Dtype dtypes[] = {F64, F16, BF16};
    for (int i = 0; i < 3; i++) {
        Sketch s = sketch_new(*state, "narrow");
        sketch_output(&s, sketch_op(&s, OP_softmax, NULL, OPERANDS(sketch_input(&s, dtypes[i], DIMS(3, 21)))));
        sketch_check(&s);
    }
}

/* ---- memory ---- */

/* Values in halos are read and written by every kind of group. */
static void halos_are_walked_by_all(void **state)
{
    Sketch s = sketch_new(*state, "halo");
    Value x = sketch_input(&s, F32, DIMS(2, 6, 5, 18));
    ConvAttrs same = {.stride = {2, {1, 1}}, .dilation = {2, {1, 1}}, .groups = 1, .pad = {.mode = PAD_SAME}};
    Value t = sketch_op(&s, OP_tanh, NULL, OPERANDS(x));
    Value weight = sketch_param(&s, F32, DIMS(3, 3, 18, 18));
    Value c = sketch_op(&s, OP_conv2d, &same, OPERANDS(t, weight));
    Value d = sketch_op(&s, OP_conv2d, &same, OPERANDS(c, weight));
    Value e = sketch_op(&s, OP_relu, NULL, OPERANDS(sketch_op(&s, OP_add, NULL, OPERANDS(d, t))));
    PoolAttrs pool = {.size = {2, {2, 2}}, .stride = {2, {2, 2}}};
    ReduceAttrs spatial = {.axes = {2, {1, 2}}}, last = {.axes = {1, {3}}};
    sketch_output(&s, sketch_op(&s, OP_conv2d, &same, OPERANDS(e, weight)));
    sketch_output(&s, sketch_op(&s, OP_max_pool, &pool, OPERANDS(c)));
    sketch_output(&s, sketch_op(&s, OP_reduce_sum, &spatial, OPERANDS(c)));
    sketch_output(&s, sketch_op(&s, OP_reduce_max, &last, OPERANDS(c)));
    sketch_output(&s, sketch_op(&s, OP_softmax, NULL, OPERANDS(c)));
    sketch_check(&s);
}

/* The sum may be written over either operand, but not over one that somebody reads later. */
static void work_in_place(void **state)
{
    Sketch s = sketch_new(*state, "place");
    Value x = sketch_input(&s, F32, DIMS(4, 33)), weight = sketch_param(&s, F32, DIMS(33, 33));
    Value a = sketch_op(&s, OP_dense, NULL, OPERANDS(x, weight));
    Value b = sketch_op(&s, OP_dense, NULL, OPERANDS(a, weight));
    Value c = sketch_op(&s, OP_add, NULL, OPERANDS(a, b));
    Value d = sketch_op(&s, OP_softmax, NULL, OPERANDS(c));
    Value e = sketch_op(&s, OP_dense, NULL, OPERANDS(d, weight));
    Value f = sketch_op(&s, OP_sub, NULL, OPERANDS(e, c)); /* over c, after the product */
    sketch_output(&s, sketch_op(&s, OP_dense, NULL, OPERANDS(f, weight)));
    sketch_check(&s);
}

/* One number stands for all elements until somebody wants them. */
static void constants_of_one_number(void **state)
{
    Sketch s = sketch_new(*state, "number");
    Type type = type_tensor(F32, DIMS(8, 19));
    ConstantAttrs attrs = {.value = 0.1};
    NodeSpec spec = {.op = OP_constant, .name = "c", .type = &type, .attrs = &attrs};
    Value c = value_of(graph_add(s.graph, &spec, s.diag)), x = sketch_input(&s, F32, DIMS(3, 8));
    sketch_output(&s, sketch_op(&s, OP_matmul, NULL, OPERANDS(x, c)));
    sketch_output(&s, sketch_op(&s, OP_add, NULL, OPERANDS(sketch_input(&s, F32, DIMS(8, 19)), c)));
    sketch_check(&s);
}

static void reshapes_are_names(void **state)
{
    Sketch s = sketch_new(*state, "names");
    Value x = sketch_input(&s, F32, DIMS(2, 4, 9));
    ReshapeAttrs flat = {.shape = {2, {2, 36}}}, back = {.shape = {3, {2, 9, 4}}};
    Value t = sketch_op(&s, OP_tanh, NULL, OPERANDS(x));
    Value r = sketch_op(&s, OP_reshape, &flat, OPERANDS(t));
    Value u = sketch_op(&s, OP_softmax, NULL, OPERANDS(r));
    sketch_output(&s, sketch_op(&s, OP_reshape, &back, OPERANDS(u)));
    sketch_output(&s, sketch_op(&s, OP_reshape, &back, OPERANDS(x)));
    sketch_check(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(maps_of_every_tail),
        TEST(maps_that_broadcast),
        TEST(maps_that_share),
        TEST(maps_of_every_dtype),
        TEST(views_are_strides),
        TEST(reductions_of_the_last_axis),
        TEST(reductions_of_other_axes),
        TEST(reductions_of_other_dtypes),
        TEST(reductions_with_maps_around),
        TEST(pools),
        TEST(pools_of_positive_numbers),
        TEST(softmax_rows),
        TEST(halos_are_walked_by_all),
        TEST(work_in_place),
        TEST(constants_of_one_number),
        TEST(reshapes_are_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
