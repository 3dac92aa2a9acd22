/* Storage dtypes: the casts, which are operations on bits, against values computed one by one; and numbers known from
 * the papers and from ONNX's tables. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ir/storage.h"
#include "tests/support/trial.h"

static const Dtype floats[] = {F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, F4E2M1};
static const Dtype integers[] = {I4, U4, I2, U2};
enum { FLOATS = sizeof floats / sizeof *floats, INTEGERS = sizeof integers / sizeof *integers, MOST = 5000 };

static Tensor cast_of(const Trial *t, const Tensor *in, Dtype to, CastRule rule)
{
    Type type = in->type;
    type.dtype = to;
    Tensor out = tensor_new(t->arena, type);
    Expr *e = expr_new(t->arena);
    expr_cast_by(e, to, expr_arg(e, 0, in->type.dtype), rule);
    expr_run(e, (const void *const[]){in->data}, (const int64_t[]){1}, out.data, type_elements(&type));
    return out;
}

/* Each code of a dtype as a tensor. */
static Tensor codes_of(const Trial *t, Dtype dtype)
{
    int64_t count = (int64_t)1 << dtype_width(dtype);
    Tensor codes = tensor_new(t->arena, type_tensor(dtype, 1, &count));
    for (int64_t i = 0; i < count; i++)
        ((uint8_t *)codes.data)[i] = dtype_is_float(dtype) ? (uint8_t)i : storage_set(dtype, (Scalar){.integer = i});
    return codes;
}

static void codes_are_their_values(void **state)
{
    for (int k = 0; k < FLOATS + INTEGERS; k++) {
        Trial t = trial_new();
        Dtype dtype = k < FLOATS ? floats[k] : integers[k - FLOATS];
        Tensor codes = codes_of(&t, dtype), wide = cast_of(&t, &codes, F64, (CastRule){CAST_SATURATE, CAST_UP});
        Tensor narrow = cast_of(&t, &wide, dtype, (CastRule){CAST_SPECIAL, CAST_NEAREST});
        for (int64_t i = 0; i < type_elements(&codes.type); i++) {
            double value = tensor_real(&codes, i), got = tensor_real(&wide, i);
            assert_true(isnan(value) ? isnan(got) : value == got && !signbit(value) == !signbit(got));
            if (!isnan(value)) assert_int_equal(((uint8_t *)narrow.data)[i], ((uint8_t *)codes.data)[i]);
            Tensor again = trial_tensor(&t, dtype, DIMS(1), &value);
            if (isfinite(value)) assert_int_equal(*(uint8_t *)again.data, ((uint8_t *)codes.data)[i]);
        }
        trial_free(&t);
    }
}

/* Where rounding changes: between neighbours, just before and after; and any bits at all. */
static int64_t hard_values(const Trial *t, Dtype dtype, double *out)
{
    Tensor codes = codes_of(t, dtype);
    uint64_t seed = 1;
    int64_t count = 0;
    for (int64_t i = 0; i + 1 < type_elements(&codes.type); i++) {
        double middle = tensor_real(&codes, i) / 2 + tensor_real(&codes, i + 1) / 2;
        if (!isfinite(middle)) middle = tensor_real(&codes, i) * 1.0625;
        double values[] = {tensor_real(&codes, i),
                           middle,
                           nextafter(middle, 1e9),
                           nextafter(middle, -1e9),
                           (double)nextafterf((float)middle, 1e9F),
                           (double)nextafterf((float)middle, -1e9F)};
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) out[count++] = values[k];
    }
    static const double special[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 0x1p-149, 1e300, -1e300, 464, 465, 61440};
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) out[count++] = special[i];
    while (count < MOST) out[count++] = ldexp((double)(int64_t)trial_next(&seed), (int)(trial_next(&seed) % 200) - 163);
    return count;
}

static void casts_round_once(void **state)
{
    static const Dtype from[] = {F64, F32, F16, BF16, I64, U64, I32, U32, I8, BOOL};
    for (int k = 0; k < FLOATS; k++)
        for (size_t j = 0; j < sizeof from / sizeof *from; j++) {
            Trial t = trial_new();
            double *values = ARENA_ARRAY(t.arena, double, MOST);
            int64_t count = hard_values(&t, floats[k], values);
            if (!dtype_is_float(from[j]))
                for (int64_t i = 0; i < count; i++) values[i] *= i % 2 ? 1 : 0x1p40;
            Tensor in = trial_tensor(&t, from[j], DIMS(count), values);
            Tensor out = cast_of(&t, &in, floats[k], (CastRule){CAST_SATURATE, CAST_UP});
            for (int64_t i = 0; i < count; i++) {
                /* what a double does not hold is rounded twice by the double beside it */
                double value = tensor_real(&in, i);
                bool exact = dtype_bits(from[j]) < 64 || dtype_is_float(from[j]) || fabs(value) < 0x1p53;
                uint8_t wanted = storage_set(floats[k], (Scalar){.real = value}), got = ((uint8_t *)out.data)[i];
                if (exact && wanted != got)
                    fail_msg("%s of %s %a: %02x, not %02x", dtype_name(floats[k]), dtype_name(from[j]), value, got,
                             wanted);
            }
            trial_free(&t);
        }
}

typedef struct Known {
    Dtype to;
    CastRule rule;
    double value;
    uint8_t code;
} Known;

static void known_codes(void **state)
{
    static const CastRule saturate = {CAST_SATURATE, CAST_UP}, special = {CAST_SPECIAL, CAST_UP};
    const Known rows[] = {
        {F8E4M3FN, saturate, 448, 0x7e},
        {F8E4M3FN, saturate, INFINITY, 0x7e},
        {F8E4M3FN, special, 464, 0x7e}, /* a tie, to even */
        {F8E4M3FN, special, -465, 0xff},
        {F8E4M3FN, special, -0.0, 0x80},
        {F8E4M3FNUZ, saturate, 1e6, 0x7f},
        {F8E4M3FNUZ, special, -INFINITY, 0x80},
        {F8E4M3FNUZ, saturate, -1e-7, 0x00},
        {F8E5M2, saturate, -INFINITY, 0xfb},
        {F8E5M2, special, -1e6, 0xfc},
        {F8E5M2FNUZ, saturate, 1, 0x40},
        {F4E2M1, saturate, 2.5, 4},
        {F4E2M1, saturate, -5, 0xe}, /* a tie between 4 and 6, to even */
        {F4E2M1, saturate, NAN, 8},
        {F8E8M0, saturate, 0, 0},
        {F8E8M0, saturate, 1.1, 128},
        {F8E8M0, {CAST_SATURATE, CAST_DOWN}, 1.9, 127},
        {F8E8M0, {CAST_SATURATE, CAST_NEAREST}, 1.5, 128},
        {F8E8M0, {CAST_SATURATE, CAST_NEAREST}, 1.49, 127},
        {F8E8M0, {CAST_SPECIAL, CAST_NEAREST}, 0, 255},
        {F8E8M0, special, INFINITY, 255},
        {I4, saturate, 8, 0xf8},
        {I4, saturate, -9.5, 7},
        {U4, saturate, -3, 13},
        {I2, saturate, 3, 0xff},
        {U2, saturate, -3, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Trial t = trial_new();
        Tensor in = trial_tensor(&t, F32, DIMS(1), &rows[i].value), out = cast_of(&t, &in, rows[i].to, rows[i].rule);
        if (*(uint8_t *)out.data != rows[i].code)
            fail_msg("%s of %g is %02x", dtype_name(rows[i].to), rows[i].value, *(uint8_t *)out.data);
        trial_free(&t);
    }
}

/* Nothing computes with them. */
static void operators_refuse_them(void **state)
{
    for (int k = 0; k < FLOATS + INTEGERS; k++) {
        Type type = type_tensor(k < FLOATS ? floats[k] : integers[k - FLOATS], DIMS(3));
        trial_refuse(OP_add, NULL, 2, (const Type[]){type, type}, E0302, "a number dtype");
        trial_refuse(OP_equal, NULL, 2, (const Type[]){type, type}, E0302, "to compute with");
        trial_refuse(OP_exp, NULL, 1, &type, E0302, "a float dtype");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_their_values),
        cmocka_unit_test(casts_round_once),
        cmocka_unit_test(known_codes),
        cmocka_unit_test(operators_refuse_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
