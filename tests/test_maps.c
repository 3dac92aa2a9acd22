/* Element-wise operators on values known by hand, in the dtypes that they take; errors of functions are measured in
 * test_math. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/trial.h"

enum { MOST = 6 };

typedef struct Row {
    Op op;
    Dtype x, y; /* y DTYPE_COUNT: one operand */
    const void *attrs;
    int count;
    double a[MOST], b[MOST], wanted[MOST];
} Row;

#define NONE DTYPE_COUNT
#define ATTRS_OF(Struct, ...) (&(const Struct){__VA_ARGS__})

static const Row rows[] = {
    {OP_sign, F32, NONE, NULL, 5, {-2, -0.0, 0, 3, NAN}, {0}, {-1, -0.0, 0, 1, NAN}},
    {OP_sign, U8, NONE, NULL, 2, {0, 200}, {0}, {0, 1}},
    {OP_sign, I64, NONE, NULL, 3, {-9e15, 0, 7}, {0}, {-1, 0, 1}},
    {OP_reciprocal, F32, NONE, NULL, 3, {4, -0.5, 0}, {0}, {0.25, -2, INFINITY}},
    {OP_less_or_equal, F32, F32, NULL, 4, {1, 2, 3, NAN}, {2, 2, 2, 2}, {1, 1, 0, 0}},
    {OP_greater, I8, I8, NULL, 3, {-1, 0, 5}, {1, 0, -5}, {0, 0, 1}},
    {OP_greater_or_equal, U64, U64, NULL, 3, {0x1p63, 0, 5}, {1, 0, 6}, {1, 1, 0}},
    {OP_logical_and, BOOL, BOOL, NULL, 4, {0, 0, 1, 1}, {0, 1, 0, 1}, {0, 0, 0, 1}},
    {OP_logical_or, BOOL, BOOL, NULL, 4, {0, 0, 1, 1}, {0, 1, 0, 1}, {0, 1, 1, 1}},
    {OP_logical_xor, BOOL, BOOL, NULL, 4, {0, 0, 1, 1}, {0, 1, 0, 1}, {0, 1, 1, 0}},
    {OP_logical_not, BOOL, NONE, NULL, 2, {0, 1}, {0}, {1, 0}},
    {OP_bitwise_and, U8, U8, NULL, 2, {12, 255}, {10, 16}, {8, 16}},
    {OP_bitwise_or, I32, I32, NULL, 2, {12, -1}, {10, 16}, {14, -1}},
    {OP_bitwise_xor, U16, U16, NULL, 2, {12, 65535}, {10, 16}, {6, 65519}},
    {OP_bitwise_not, I16, NONE, NULL, 2, {0, 5}, {0}, {-1, -6}},
    {OP_bit_shift, U8, U8, NULL, 3, {1, 255, 3}, {7, 1, 0}, {128, 254, 3}},
    {OP_bit_shift, I32, I32, ATTRS_OF(BitShiftAttrs, 1), 2, {-8, 9}, {1, 3}, {-4, 1}},
    {OP_is_nan, F16, NONE, NULL, 3, {1, NAN, INFINITY}, {0}, {0, 1, 0}},
    {OP_is_inf, F32, NONE, NULL, 4, {1, NAN, INFINITY, -INFINITY}, {0}, {0, 0, 1, 1}},
    {OP_is_inf, F64, NONE, ATTRS_OF(IsInfAttrs, true, false), 3, {1, INFINITY, -INFINITY}, {0}, {0, 0, 1}},
    {OP_is_inf, BF16, NONE, ATTRS_OF(IsInfAttrs, false, true), 2, {INFINITY, -INFINITY}, {0}, {1, 0}},
    /* the sign of y, then the sign of x */
    {OP_mod, I32, I32, NULL, 6, {-4, 7, 5, 4, -7, 8}, {2, -3, 8, -2, 3, 0}, {0, -2, 5, 0, 2, 8}},
    {OP_mod, I8, I8, ATTRS_OF(ModAttrs, true), 4, {-4, 7, -7, -128}, {3, -3, 3, -1}, {-1, 1, -1, 0}},
    {OP_mod, U64, U64, NULL, 2, {0x1p63, 17}, {1e18, 5}, {0x1p63 - 9e18, 2}},
    {OP_mod,
     F32,
     F32,
     ATTRS_OF(ModAttrs, true),
     5,
     {-4.3F, 7.25, 5, -0.0, 1},
     {2, -3, INFINITY, 1, 0},
     {(double)-4.3F + 4, 1.25, 5, -0.0, NAN}},
    {OP_mod, F64, F64, NULL, 4, {-4.5, 7.25, -6, NAN}, {2, -3, 3, 1}, {1.5, -1.75, -0.0, NAN}},
    {OP_pow, I32, I32, NULL, 6, {2, -3, 2, -1, 0, 3}, {10, 3, -1, -5, 0, 21}, {1024, -27, 0, -1, 1, 1870418611}},
    {OP_pow, I64, U8, NULL, 2, {7, -2}, {17, 63}, {232630513987207, -0x1p63}},
    {OP_pow, I32, F32, NULL, 4, {5, 9, 2, -2}, {3, 0.5, -1, 3}, {125, 3, 0, -8}},
    {OP_pow, F32, I64, NULL, 4, {3, -2, 0, 10}, {4, 3, -1, -2}, {81, -8, INFINITY, (double)0.01F}},
    {OP_pow, F16, F16, NULL, 3, {2, 4, 300}, {10, 0.5, 2}, {1024, 2, INFINITY}},
    {OP_prelu, F32, F32, NULL, 3, {-2, 3, -0.5}, {0.25, 0.25, 4}, {-0.5, 3, -2}},
    {OP_prelu, I32, I32, NULL, 2, {-2, 3}, {5, 5}, {-10, 3}},
    {OP_thresholded_relu, F32, NONE, ATTRS_OF(AlphaAttrs, 2), 3, {1, 2, 3}, {0}, {0, 0, 3}},
    {OP_shrink, F64, NONE, ATTRS_OF(ShrinkAttrs, 1.5, 1.5), 4, {-2, -1.5, 1, 2}, {0}, {-0.5, 0, 0, 0.5}},
    {OP_softsign, F32, NONE, NULL, 3, {-1, 0, 3}, {0}, {-0.5, 0, 0.75}},
    {OP_elu, F32, NONE, ATTRS_OF(AlphaAttrs, 2), 3, {-INFINITY, 0, 3}, {0}, {-2, 0, 3}},
    {OP_celu, F32, NONE, ATTRS_OF(AlphaAttrs, 2), 3, {-INFINITY, 0, 3}, {0}, {-2, 0, 3}},
    {OP_selu, F64, NONE, ATTRS_OF(SeluAttrs, 3, 2), 3, {-INFINITY, 0, 3}, {0}, {-6, 0, 6}},
    {OP_softplus, F32, NONE, NULL, 4, {-200, 0, 100, INFINITY}, {0}, {0, (double)0.69314718F, 100, INFINITY}},
    {OP_mish, F32, NONE, NULL, 3, {0, 100, -200}, {0}, {0, 100, -0.0}},
    {OP_silu, F32, NONE, ATTRS_OF(AlphaAttrs, 4), 2, {0, 100}, {0}, {0, 100}},
    {OP_hard_sigmoid, F32, NONE, ATTRS_OF(HardSigmoidAttrs, 0.25, 0.5), 4, {-3, -1, 0, 4}, {0}, {0, 0.25, 0.5, 1}},
};

static bool same(double got, double wanted)
{
    return isnan(wanted) ? isnan(got) : got == wanted && !signbit(got) == !signbit(wanted);
}

static void values_known_by_hand(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const Row *row = &rows[i];
        Trial t = trial_new();
        Tensor in[2] = {trial_tensor(&t, row->x, DIMS(row->count), row->a)};
        int count = row->y == NONE ? 1 : 2;
        if (count == 2) in[1] = trial_tensor(&t, row->y, DIMS(row->count), row->b);
        Tensor out = trial_eval(&t, row->op, row->attrs, count, in);
        for (int k = 0; k < row->count; k++)
            if (!same(tensor_real(&out, k), row->wanted[k]))
                fail_msg("row %zu, %s of %s: element %d is %.17g, not %.17g", i, op_table[row->op]->name,
                         dtype_name(row->x), k, tensor_real(&out, k), row->wanted[k]);
        trial_free(&t);
    }
}

/* Of random numbers, quotients up to 2^277 among them, against C's. */
static void remainders_are_exact(void **state)
{
    enum { COUNT = 400 };
    uint64_t seed = 1;
    for (Dtype dtype = F32; dtype <= F64; dtype++) {
        double x[COUNT], y[COUNT];
        for (int i = 0; i < COUNT; i++) {
            int range = dtype == F32 ? 125 : 1000, spread = i % 2 ? range : 12;
            x[i] = ldexp((double)(int64_t)trial_next(&seed),
                         (int)(trial_next(&seed) % (unsigned)spread) - spread / 2 - 63);
            y[i] = ldexp((double)(int64_t)trial_next(&seed),
                         (int)(trial_next(&seed) % (unsigned)spread) - spread / 2 - 63);
        }
        Trial t = trial_new();
        Tensor in[] = {trial_tensor(&t, dtype, DIMS(COUNT), x), trial_tensor(&t, dtype, DIMS(COUNT), y)};
        Tensor out = trial_eval(&t, OP_mod, &(ModAttrs){.truncate = true}, 2, in);
        for (int i = 0; i < COUNT; i++)
            assert_true(same(tensor_real(&out, i), fmod(tensor_real(&in[0], i), tensor_real(&in[1], i))));
        trial_free(&t);
    }
}

static void wrong_dtypes_are_refused(void **state)
{
    Type real = type_tensor(F32, DIMS(2)), whole = type_tensor(I32, DIMS(2)), truth = type_tensor(BOOL, DIMS(2));
    trial_refuse(OP_logical_and, NULL, 2, (const Type[]){whole, whole}, E0302, "expected bool");
    trial_refuse(OP_bitwise_not, NULL, 1, &real, E0302, "an integer dtype");
    trial_refuse(OP_bit_shift, NULL, 2, (const Type[]){truth, truth}, E0302, "an integer dtype");
    trial_refuse(OP_sin, NULL, 1, &whole, E0302, "a float dtype");
    trial_refuse(OP_pow, NULL, 2, (const Type[]){real, truth}, E0302, "a number dtype");
    trial_refuse(OP_pow, NULL, 2, (const Type[]){type_tensor(F32, DIMS(3)), real}, E0301, "do not fit");
    trial_refuse(OP_mod, NULL, 2, (const Type[]){real, whole}, E0302, "one dtype");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_known_by_hand),
        cmocka_unit_test(remainders_are_exact),
        cmocka_unit_test(wrong_dtypes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
