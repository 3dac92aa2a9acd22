/* Elements: 16-bit floats against arithmetic in double, rounding, wrapping, comparison, transposition. */
#include "ir/tensor.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    *state = arena_new(NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

typedef struct Half {
    uint16_t (*narrow)(float);
    float (*widen)(uint16_t);
    int fraction, low; /* bits of fraction; exponent of the least normal */
    double largest;
} Half;

static const Half halves[] = {
    {f16_from_float, f16_to_float, 10, -14, 65504},
    {bf16_from_float, bf16_to_float, 7, -126, 0x1.fep127},
};

/* Rounded to nearest even by rint on the grid that the value falls on. */
static double expected(const Half *half, double value)
{
    int exponent;
    if (value == 0 || isinf(value)) return value;
    frexp(value, &exponent);
    int unit = (exponent - 1 > half->low ? exponent - 1 : half->low) - half->fraction;
    double rounded = ldexp(rint(ldexp(value, -unit)), unit);
    return fabs(rounded) > half->largest ? copysign(HUGE_VAL, value) : rounded;
}

static void every_16_bit_float_keeps_its_bits(void **state)
{
    for (int i = 0; i < 2; i++)
        for (uint32_t bits = 0; bits < 0x10000; bits++) {
            float wide = halves[i].widen((uint16_t)bits);
            if (isnan(wide))
                assert_true(isnan(halves[i].widen(halves[i].narrow(wide))));
            else
                assert_int_equal(halves[i].narrow(wide), bits);
        }
}

/* Neighbours of every 16-bit float and of the middle between it and the next. */
static void narrowing_rounds_to_nearest_even(void **state)
{
    for (int i = 0; i < 2; i++)
        for (uint32_t bits = 0; bits < 0x10000; bits++) {
            float low = halves[i].widen((uint16_t)bits), high = halves[i].widen((uint16_t)(bits + 1));
            if (isnan(low) || isnan(high) || isinf(low)) continue;
            float middle = isinf(high) ? low : low + (high - low) / 2;
            float probes[] = {nextafterf(low, 0), nextafterf(middle, 0), middle, nextafterf(middle, HUGE_VALF)};
            for (int k = 0; k < 4; k++) {
                double want = expected(&halves[i], (double)probes[k]);
                assert_true((double)halves[i].widen(halves[i].narrow(probes[k])) == want);
            }
        }
    assert_int_equal(f16_from_float(65519.99f), 0x7bff);
    assert_int_equal(f16_from_float(65520.0f), 0x7c00);
    assert_int_equal(f16_from_float(-0.0f), 0x8000);
}

/* 1 + 2^-11 + 2^-40 is above the middle; rounded to float first it would be on it, and go down. */
static void doubles_round_once(void **state)
{
    Tensor half = tensor_new(*state, type_scalar(F16)), brain = tensor_new(*state, type_scalar(BF16));
    tensor_set_real(&half, 0, 1 + 0x1p-11 + 0x1p-40);
    assert_true(tensor_real(&half, 0) == 1 + 0x1p-10);
    tensor_set_real(&half, 0, 1 + 0x1p-11 + 0x1p-10 - 0x1p-40);
    assert_true(tensor_real(&half, 0) == 1 + 0x1p-10);
    tensor_set_real(&brain, 0, -(1 + 0x1p-8 + 0x1p-40));
    assert_true(tensor_real(&brain, 0) == -(1 + 0x1p-7));
    tensor_set_real(&half, 0, 1e300);
    assert_true(isinf(tensor_real(&half, 0)));
}

static double stored(Arena *arena, Dtype dtype, double value)
{
    Tensor one = tensor_new(arena, type_scalar(dtype));
    tensor_set_real(&one, 0, value);
    return tensor_real(&one, 0);
}

static void integers_truncate_and_wrap(void **state)
{
    assert_true(stored(*state, I8, 2.9) == 2 && stored(*state, I8, -2.9) == -2);
    assert_true(stored(*state, U8, 257) == 1 && stored(*state, U8, -1) == 255);
    assert_true(stored(*state, I8, 128) == -128 && stored(*state, I16, 65535) == -1);
    assert_true(stored(*state, U64, 0x1p63) == 0x1p63 && stored(*state, I64, -0x1p63) == -0x1p63);
    assert_true(stored(*state, I32, (double)NAN) == 0 && stored(*state, U32, HUGE_VAL) == 0);
    assert_true(stored(*state, BOOL, 0.5) == 1 && stored(*state, BOOL, -0.0) == 0);
}

static void comparisons_mean_what_they_say(void **state)
{
    const int64_t dims[] = {2};
    Tensor a = tensor_new(*state, type_tensor(F32, 1, dims)), b = tensor_new(*state, type_tensor(F32, 1, dims));
    const uint32_t quiet = 0x7fc00000, other = 0x7fc00001, zero = 0, minus = 0x80000000;
    memcpy(a.data, &quiet, 4);
    memcpy(b.data, &other, 4);
    assert_true(tensor_same_bits(&a, &b));
    assert_false(tensor_identical(&a, &b));
    memcpy(a.data, &zero, 4);
    memcpy(b.data, &minus, 4);
    assert_false(tensor_same_bits(&a, &b));
    b.type.dtype = I32;
    assert_false(tensor_same_bits(&a, &b));
}

static void a_splat_is_what_one_number_says(void **state)
{
    double value = 7;
    const int64_t dims[] = {2, 2}, ones[] = {1};
    Tensor many = tensor_new(*state, type_tensor(F32, 2, dims));
    for (int i = 0; i < 4; i++) tensor_set_real(&many, i, 0.1);
    assert_true(tensor_is_splat(&many, &value) && (float)value == 0.1f);
    tensor_set_real(&many, 3, -0.1);
    assert_false(tensor_is_splat(&many, &value));
    Tensor large = tensor_new(*state, type_tensor(I64, 1, ones));
    *(int64_t *)large.data = ((int64_t)1 << 53) + 1; /* no double is that */
    assert_false(tensor_is_splat(&large, &value));
    Tensor nan = tensor_new(*state, type_scalar(F32));
    const uint32_t payload = 0x7fc00001;
    memcpy(nan.data, &payload, 4);
    assert_false(tensor_is_splat(&nan, &value));
    tensor_set_real(&nan, 0, (double)NAN);
    assert_true(tensor_is_splat(&nan, &value) && isnan(value));
}

static void transposition_moves_every_element(void **state)
{
    const int64_t dims[] = {2, 3, 4};
    const int permutation[] = {2, 0, 1};
    Tensor from = tensor_new(*state, type_tensor(I16, 3, dims));
    for (int i = 0; i < 24; i++) tensor_set_real(&from, i, i);
    Tensor to = tensor_transpose(*state, &from, permutation);
    assert_string_equal(type_text(*state, &to.type), "i16[4, 2, 3]");
    for (int x = 0; x < 4; x++)
        for (int y = 0; y < 2; y++)
            for (int z = 0; z < 3; z++)
                assert_int_equal(tensor_get(&to, (x * 2 + y) * 3 + z).integer, (y * 3 + z) * 4 + x);
}

/* ---- types ---- */

static void types_say_what_they_are(void **state)
{
    Type list = {.kind = TYPE_SEQUENCE, .bound = 9}, maybe = {.kind = TYPE_OPTIONAL, .element = &list};
    Type word = {.kind = TYPE_STRING, .bound = 64}, tensor = type_tensor(F32, 2, (int64_t[]){2, 3});
    tensor.dim[0] = (Dim){.low = 1, .high = 64};
    tensor.dim[1] = (Dim){.low = 1, .high = 8, .name = "T"};
    list.element = &tensor;
    assert_string_equal(type_text(*state, &maybe), "optional(sequence(f32[1..64, T], 9))");
    assert_string_equal(type_text(*state, &word), "string(64)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_16_bit_float_keeps_its_bits),
        cmocka_unit_test(narrowing_rounds_to_nearest_even),
        cmocka_unit_test_setup_teardown(doubles_round_once, setup, teardown),
        cmocka_unit_test_setup_teardown(integers_truncate_and_wrap, setup, teardown),
        cmocka_unit_test_setup_teardown(comparisons_mean_what_they_say, setup, teardown),
        cmocka_unit_test_setup_teardown(a_splat_is_what_one_number_says, setup, teardown),
        cmocka_unit_test_setup_teardown(transposition_moves_every_element, setup, teardown),
        cmocka_unit_test_setup_teardown(types_say_what_they_are, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
