/* Scalar expressions: special values, casts, integers, blocks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ir/fma.h"
#include "tests/support/trial.h"

static void equal_operations_are_one(void **state)
{
    Trial t = trial_new();
    Expr *e = expr_new(t.arena);
    int x = expr_arg(e, 0, F32), y = expr_arg(e, 1, F32);
    int sum = expr_binary(e, EXPR_ADD, x, y);
    assert_int_equal(expr_binary(e, EXPR_ADD, x, y), sum);
    assert_int_not_equal(expr_binary(e, EXPR_ADD, y, x), sum);
    assert_int_equal(expr_real(e, F32, NAN), expr_real(e, F32, NAN));
    assert_int_not_equal(expr_real(e, F32, 0.0), expr_real(e, F32, -0.0));
    assert_int_equal(expr_real(e, F32, 0.1), expr_real(e, F32, 0.1f));
    assert_int_equal(expr_integer(e, U8, 257), expr_integer(e, U8, 1));
    assert_int_equal(expr_integer(e, I8, 255), expr_integer(e, I8, -1));
    assert_int_equal(expr_number(e, I8, 1e9), expr_integer(e, I8, 127));
    assert_int_equal(expr_number(e, U32, -INFINITY), expr_integer(e, U32, 0));
    assert_int_equal(expr_cast(e, F32, sum), sum);
    assert_int_equal(e->result, sum);
    trial_free(&t);
}

static double run_binary(ExprKind kind, Dtype dtype, double x, double y)
{
    Trial t = trial_new();
    Expr *e = expr_new(t.arena);
    expr_binary(e, kind, expr_arg(e, 0, dtype), expr_arg(e, 1, dtype));
    Tensor a = trial_tensor(&t, dtype, 0, NULL, &x), b = trial_tensor(&t, dtype, 0, NULL, &y);
    Tensor out = trial_tensor(&t, e->ops[e->result].dtype, 0, NULL, NULL);
    expr_run(e, (const void *const[]){a.data, b.data}, (const int64_t[]){0, 0}, out.data, 1);
    double result = tensor_real(&out, 0);
    trial_free(&t);
    return result;
}

static void extremes_pass_nan_and_know_zeros(void **state)
{
    static const Dtype floats[] = {F32, F64};
    for (int i = 0; i < 2; i++) {
        Dtype d = floats[i];
        assert_true(isnan(run_binary(EXPR_MAX, d, NAN, 1)) && isnan(run_binary(EXPR_MAX, d, 1, NAN)));
        assert_true(isnan(run_binary(EXPR_MIN, d, NAN, 1)) && isnan(run_binary(EXPR_MIN, d, 1, NAN)));
        assert_false(signbit(run_binary(EXPR_MAX, d, 0.0, -0.0)) || signbit(run_binary(EXPR_MAX, d, -0.0, 0.0)));
        assert_true(signbit(run_binary(EXPR_MIN, d, 0.0, -0.0)) && signbit(run_binary(EXPR_MIN, d, -0.0, 0.0)));
        assert_true(signbit(run_binary(EXPR_MAX, d, -0.0, -0.0)));
        assert_true(run_binary(EXPR_MAX, d, -INFINITY, 3) == 3 && run_binary(EXPR_MIN, d, INFINITY, 3) == 3);
    }
}

static void integers_wrap(void **state)
{
    assert_true(run_binary(EXPR_ADD, I8, 127, 1) == -128);
    assert_true(run_binary(EXPR_MUL, U8, 200, 2) == 144);
    assert_true(run_binary(EXPR_SUB, U16, 0, 1) == 65535);
    assert_true(run_binary(EXPR_MUL, U16, 65535, 65535) == 1);
    assert_true(run_binary(EXPR_DIV, I32, -7, 2) == -3);
    assert_true(run_binary(EXPR_DIV, I32, 7, 0) == 0);
    assert_true(run_binary(EXPR_DIV, I32, -2147483648.0, -1) == -2147483648.0);
    assert_true(run_binary(EXPR_DIV, I64, -0x1p63, -1) == -0x1p63);
    assert_true(run_binary(EXPR_SHR, I8, -128, 3) == -16);
    assert_true(run_binary(EXPR_SHR, U8, 128, 3) == 16);
    assert_true(run_binary(EXPR_SHL, I32, 1, 31) == -2147483648.0);
    assert_true(run_binary(EXPR_LT, I8, -1, 1) == 1 && run_binary(EXPR_LT, U8, 255, 1) == 0);
}

static double cast(Dtype from, Dtype to, double x)
{
    Trial t = trial_new();
    Tensor a = trial_tensor(&t, from, 0, NULL, &x);
    Tensor out = trial_eval(&t, OP_cast, &(CastAttrs){.to = (int)to}, 1, &a);
    double result = tensor_real(&out, 0);
    trial_free(&t);
    return result;
}

static void casts_saturate_truncate_and_wrap(void **state)
{
    assert_true(cast(F32, U8, 300) == 255 && cast(F32, U8, -3) == 0 && cast(F32, U8, 254.9) == 254);
    assert_true(cast(F32, I8, -1.9) == -1 && cast(F64, I32, 2147483647.5) == 2147483647.0);
    assert_true(cast(F32, I32, NAN) == 0 && cast(F16, I8, INFINITY) == 127 && cast(F32, I64, 1e30) == 0x1p63);
    assert_true(cast(F64, U64, -1) == 0 && cast(F32, U32, 4294967296.0) == 4294967295.0);
    assert_true(cast(I32, U8, 257) == 1 && cast(I32, I8, 200) == -56 && cast(U8, I8, 255) == -1);
    assert_true(cast(F32, BOOL, NAN) == 1 && cast(F32, BOOL, -0.0) == 0 && cast(I32, BOOL, 256) == 1);
    assert_true(cast(BOOL, F32, 1) == 1 && cast(U8, F32, 255) == 255);
    assert_true(cast(F32, F16, 65520) == INFINITY && cast(F32, F16, 65519) == 65504);
}

static void casts_round_once(void **state)
{
    /* just above the middle of two f16 numbers, by less than f32 can tell */
    assert_true(cast(F64, F16, 1 + 0x1p-11 + 0x1p-40) == 1 + 0x1p-10);
    assert_true(cast(F64, F16, 1 + 0x1p-11) == 1);
    assert_true(cast(F64, BF16, 1 + 0x1p-8 + 0x1p-50) == 1 + 0x1p-7);
    assert_true(cast(F64, F32, 1 + 0x1p-24 + 0x1p-50) == 1 + 0x1p-23);
    assert_true(cast(F64, F16, 0x1p-25 + 0x1p-70) == 0x1p-24 && cast(F64, F16, 0x1p-25) == 0);
    Trial t = trial_new();
    Tensor big = trial_tensor(&t, I64, 0, NULL, NULL);
    *(int64_t *)big.data = ((int64_t)1 << 62) + ((int64_t)1 << 54) + 1;
    Tensor out = trial_eval(&t, OP_cast, &(CastAttrs){.to = BF16}, 1, &big);
    EXPECT(&out, 0x1p62 + 0x1p55);
    trial_free(&t);
}

/* Longer than a block, with every kind of step. */
static void blocks_and_steps(void **state)
{
    enum { COUNT = 1000 };
    Trial t = trial_new();
    Expr *e = expr_new(t.arena);
    int x = expr_arg(e, 0, F32), y = expr_arg(e, 1, F32), z = expr_arg(e, 2, U8);
    int sum = expr_fma(e, x, expr_real(e, F32, 2), y);
    expr_select(e, expr_cast(e, BOOL, z), sum, expr_unary(e, EXPR_NEG, sum));
    float a[3 * COUNT], b = 5, out[COUNT];
    uint8_t c[COUNT];
    for (int i = 0; i < 3 * COUNT; i++) a[i] = (float)i;
    for (int i = 0; i < COUNT; i++) c[i] = i % 7 == 0;
    expr_run(e, (const void *const[]){a, &b, c}, (const int64_t[]){3, 0, 1}, out, COUNT);
    for (int i = 0; i < COUNT; i++) {
        float expected = 2 * a[3 * i] + b;
        assert_true(out[i] == (c[i] ? expected : -expected));
    }
    trial_free(&t);
}

static void the_result_may_be_an_argument(void **state)
{
    Trial t = trial_new();
    Expr *e = expr_new(t.arena);
    expr_arg(e, 0, U16);
    uint16_t in[] = {1, 2, 3}, out[3];
    expr_run(e, (const void *const[]){in}, (const int64_t[]){1}, out, 3);
    assert_memory_equal(in, out, sizeof in);
    trial_free(&t);
}

/* ---- fused multiply-adds: the hardware's and the library's are the same bits ---- */

static float random_float(uint64_t *seed)
{
    static const float special[] = {0, -0.0f, INFINITY, -INFINITY, 0x1p-149f, 0x1.fffffep127f, 1, -1};
    uint64_t bits = trial_next(seed);
    if (bits % 16 == 0) return special[bits / 16 % 8];
    uint32_t low = (uint32_t)(bits >> 16);
    float value;
    memcpy(&value, &low, sizeof value);
    return isnan(value) ? 1 : value;
}

static bool same(float a, float b) { return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b)); }

static void fma_rounds_once(void **state)
{
    enum { COUNT = 100000 };
    static const float exact[] = {1 + 0x1p-12f, 1 + 0x1p-12f, -1}; /* the square loses 2^-24 when it rounds */
    float out;
    fma_each(&out, &exact[0], &exact[1], &exact[2], 1);
    assert_true(out == 0x1p-11f + 0x1p-24f);
    uint64_t seed = 7;
    for (int i = 0; i < COUNT; i++) {
        float a = random_float(&seed), b = random_float(&seed), c = random_float(&seed);
        fma_each(&out, &a, &b, &c, 1);
        assert_true(same(out, fmaf(a, b, c)));
    }
}

static void rows_keep_the_order(void **state)
{
    enum { WIDTH = 150, DEPTH = 9 };
    float x[2 * DEPTH], w[WIDTH * DEPTH], got[WIDTH], expected[WIDTH];
    uint64_t seed = 3;
    for (int i = 0; i < 2 * DEPTH; i++) x[i] = (float)(trial_next(&seed) % 2001) / 1000 - 1;
    for (int i = 0; i < WIDTH * DEPTH; i++) w[i] = (float)(trial_next(&seed) % 2001) / 1000 - 1;
    for (int64_t width = 1; width <= WIDTH; width++)
        for (int64_t step = 0; step <= 2; step++) {
            for (int j = 0; j < width; j++) expected[j] = got[j] = (float)j / 3;
            for (int k = 0; k < DEPTH; k++)
                for (int j = 0; j < width; j++) expected[j] = fmaf(x[k * step], w[k * WIDTH + j], expected[j]);
            fma_rows(got, width, x, step, w, WIDTH, DEPTH);
            assert_memory_equal(got, expected, (size_t)width * sizeof *got);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_operations_are_one),
        cmocka_unit_test(extremes_pass_nan_and_know_zeros),
        cmocka_unit_test(integers_wrap),
        cmocka_unit_test(casts_saturate_truncate_and_wrap),
        cmocka_unit_test(casts_round_once),
        cmocka_unit_test(blocks_and_steps),
        cmocka_unit_test(the_result_may_be_an_argument),
        cmocka_unit_test(fma_rounds_once),
        cmocka_unit_test(rows_keep_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
