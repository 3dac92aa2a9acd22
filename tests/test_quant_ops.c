/* quantize, dequantize, requantize with each rule, and sums of 8-bit products: by hand, beside TFLite's own arithmetic,
 * and what they must refuse. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/trial.h"

static Tensor scalar(Trial *t, Dtype dtype, double value) { return trial_tensor(t, dtype, 0, NULL, &value); }

static QuantizeAttrs stored(int to, int64_t zero) { return (QuantizeAttrs){to, zero, -128, 255}; }
static RequantizeAttrs summed(int to, int64_t zero, int rule) { return (RequantizeAttrs){to, zero, -128, 255, rule}; }

static void quantize_rounds_and_saturates(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(9), VALUES(0.25, 0.75, 1.25, -0.25, 1e30, -1e30, INFINITY, -INFINITY, NAN));
    Tensor operands[] = {x, scalar(&t, F32, 0.5)};
    QuantizeAttrs attrs = stored(I8, -3);
    Tensor out = trial_eval(&t, OP_quantize, &attrs, 2, operands);
    assert_int_equal(out.type.dtype, I8);
    EXPECT(&out, -3, -1, -1, -3, 127, -128, 127, -128, -3); /* 0.5, 1.5, 2.5, -0.5 to even */
    attrs = (QuantizeAttrs){U8, 128, 128, 200};
    out = trial_eval(&t, OP_quantize, &attrs, 2, operands);
    assert_int_equal(out.type.dtype, U8);
    EXPECT(&out, 128, 130, 130, 128, 200, 128, 200, 128, 128);
    trial_free(&t);
}

static void scales_may_be_of_channels(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, U8, DIMS(2, 2), VALUES(0, 255, 128, 129));
    Tensor operands[] = {x, trial_tensor(&t, F32, DIMS(2), VALUES(0.5, 2))};
    Tensor out = trial_eval(&t, OP_dequantize, &(DequantizeAttrs){128}, 2, operands);
    assert_int_equal(out.type.dtype, F32);
    EXPECT(&out, -64, 254, 0, 2);
    Tensor sums[] = {trial_tensor(&t, I32, DIMS(2), VALUES(-3, 1000000)), operands[1]};
    out = trial_eval(&t, OP_dequantize, &(DequantizeAttrs){0}, 2, sums);
    EXPECT(&out, -1.5, 2000000);
    trial_free(&t);
}

static void requantize_in_floats(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, I32, DIMS(7), VALUES(1, 2, 3, 5, -5, 2147483647, -2147483648.0));
    Tensor operands[] = {x, scalar(&t, F32, 0.5), scalar(&t, F32, 0.25)};
    RequantizeAttrs attrs = summed(I8, 10, REQUANT_F32);
    Tensor out = trial_eval(&t, OP_requantize, &attrs, 2, operands);
    EXPECT(&out, 10, 11, 12, 12, 8, 127, -128);
    attrs = (RequantizeAttrs){U8, 10, 10, 255, REQUANT_F32};
    out = trial_eval(&t, OP_requantize, &attrs, 2, operands);
    EXPECT(&out, 10, 11, 12, 12, 10, 255, 10);
    attrs = summed(I8, 0, REQUANT_ONNX);
    out = trial_eval(&t, OP_requantize, &attrs, 3, operands);
    EXPECT(&out, 2, 4, 6, 10, -10, 127, -128);
    trial_free(&t);
}

/* ---- TFLite's rule, written down from its reference kernels (common.h, gemmlowp's fixedpoint.h) ---- */

static int32_t high_mul(int32_t a, int32_t b)
{
    int64_t product = (int64_t)a * b;
    int32_t nudge = product >= 0 ? (1 << 30) : (1 - (1 << 30));
    return (int32_t)((product + nudge) / (1LL << 31));
}

static int32_t divide_by_power(int32_t x, int exponent)
{
    int32_t mask = (int32_t)((1LL << exponent) - 1), rest = x & mask, threshold = (mask >> 1) + (x < 0);
    return (x >> exponent) + (rest > threshold);
}

static int32_t tflite_scale(int32_t x, double scale)
{
    int shift;
    int64_t fixed = llround(frexp(scale, &shift) * (double)(1LL << 31));
    if (fixed == 1LL << 31) {
        fixed /= 2;
        shift++;
    }
    int left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    return divide_by_power(high_mul((int32_t)((uint32_t)x << left), (int32_t)fixed), right);
}

static int64_t clamped(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static void requantize_as_tflite(void **state)
{
    enum { SCALES = 300, SUMS = 400 };
    uint64_t seed = 7;
    for (int s = 0; s < SCALES; s++) {
        Trial t = trial_new();
        /* powers of two and the largest fraction are where both roundings meet ties and carries */
        double fraction = s % 10 == 0   ? 0.5
                          : s % 10 == 1 ? 1 - 0x1p-40
                                        : 0.5 + (double)(trial_next(&seed) >> 12) * 0x1p-53;
        double scale = ldexp(fraction, 2 - (int)(trial_next(&seed) % 20));
        Tensor x = trial_tensor(&t, I32, DIMS(SUMS), NULL);
        for (int i = 0; i < SUMS; i++) {
            int64_t reach = (int64_t)(300 / scale) + 2;
            int64_t sum = i < 20 ? i - 10 : (int64_t)(trial_next(&seed) % (uint64_t)(2 * reach)) - reach;
            tensor_set_real(&x, i, (double)sum);
        }
        RequantizeAttrs attrs = summed(I8, -7, REQUANT_TFLITE);
        Tensor out = trial_eval(&t, OP_requantize, &attrs, 2, (const Tensor[]){x, scalar(&t, F64, scale)});
        for (int i = 0; i < SUMS; i++) {
            int64_t wanted = clamped(tflite_scale((int32_t)tensor_get(&x, i).integer, scale) - 7, -128, 127);
            assert_int_equal(tensor_get(&out, i).integer, wanted);
        }
        trial_free(&t);
    }
}

static void tiny_multipliers_give_zero(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, I32, DIMS(3), VALUES(1000000, -1000000, 0));
    RequantizeAttrs attrs = summed(I8, 5, REQUANT_TFLITE);
    for (int e = -40; e > -1070; e -= 100) {
        Tensor out = trial_eval(&t, OP_requantize, &attrs, 2, (const Tensor[]){x, scalar(&t, F64, ldexp(0.75, e))});
        EXPECT(&out, 5, 5, 5);
    }
    trial_free(&t);
}

/* ---- sums ---- */

static void sums_are_exact(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, U8, DIMS(2, 3), VALUES(255, 255, 255, 0, 1, 2));
    Tensor w = trial_tensor(&t, I8, DIMS(3, 2), VALUES(-128, 127, -128, 127, -128, 1));
    Tensor b = trial_tensor(&t, I32, DIMS(2), VALUES(16777217, -5));
    Tensor out = trial_eval(&t, OP_dense, NULL, 3, (const Tensor[]){x, w, b});
    assert_int_equal(out.type.dtype, I32);
    EXPECT(&out, 16777217 - 3 * 255 * 128, 2 * 255 * 127 + 255 - 5, 16777217 - 3 * 128, 127 + 2 - 5);
    out = trial_eval(&t, OP_matmul, NULL, 2, (const Tensor[]){x, w});
    EXPECT(&out, -3 * 255 * 128, 2 * 255 * 127 + 255, -3 * 128, 127 + 2);
    trial_free(&t);
}

static void padding_reads_the_zero_point(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, I8, DIMS(1, 1, 2, 1), VALUES(3, -100));
    Tensor w = trial_tensor(&t, I8, DIMS(1, 3, 1, 1), VALUES(1, 10, 100));
    ConvAttrs attrs;
    attr_set_defaults(&op_conv2d.attrs, &attrs);
    attrs.pad.mode = PAD_SAME;
    attrs.pad_value = -7;
    Tensor out = trial_eval(&t, OP_conv2d, &attrs, 2, (const Tensor[]){x, w});
    EXPECT(&out, -7 + 30 - 10000, 3 - 1000 - 700);
    trial_free(&t);
}

/* ---- refused ---- */

static Type of(Dtype dtype, int rank, const int64_t *dims) { return type_tensor(dtype, rank, dims); }

static void what_does_not_fit_is_refused(void **state)
{
    Type x = of(F32, DIMS(2, 3)), one = of(F32, DIMS(1)), two = of(F32, DIMS(2)), sums = of(I32, DIMS(2, 3));
    Type wide = of(F64, DIMS(1)), bytes = of(U8, DIMS(2, 3));
    QuantizeAttrs good = stored(I8, 0), far = stored(I8, 200), no = stored(DTYPE_COUNT, 0), f = stored(F32, 0);
    QuantizeAttrs empty = {I8, 0, 100, 50};
    RequantizeAttrs plain = summed(I8, 0, REQUANT_F32), lite = summed(I8, 0, REQUANT_TFLITE);
    RequantizeAttrs onnx = summed(U8, 0, REQUANT_ONNX);
    trial_refuse(OP_quantize, &good, 2, (const Type[]){sums, one}, E0302, "expected `x` of f32 or f64");
    trial_refuse(OP_quantize, &good, 2, (const Type[]){x, wide}, E0302, "`scale`");
    trial_refuse(OP_quantize, &good, 2, (const Type[]){x, two}, E0301, "broadcasts to f32[2, 3]");
    trial_refuse(OP_quantize, &far, 2, (const Type[]){x, one}, E0404, "found 200");
    trial_refuse(OP_quantize, &no, 2, (const Type[]){x, one}, E0403, "i8 or u8");
    trial_refuse(OP_quantize, &f, 2, (const Type[]){x, one}, E0404, "found f32");
    trial_refuse(OP_quantize, &empty, 2, (const Type[]){x, one}, E0404, "low 100 and high 50");
    trial_refuse(OP_dequantize, &(DequantizeAttrs){0}, 2, (const Type[]){x, one}, E0302, "i8, u8 or i32");
    trial_refuse(OP_dequantize, &(DequantizeAttrs){-1}, 2, (const Type[]){bytes, one}, E0404, "found -1");
    trial_refuse(OP_requantize, &plain, 2, (const Type[]){bytes, one}, E0302, "expected `x` of i32");
    trial_refuse(OP_requantize, &plain, 3, (const Type[]){sums, one, one}, E0304, "no operand `step`");
    trial_refuse(OP_requantize, &onnx, 2, (const Type[]){sums, one}, E0304, "`step`");
    trial_refuse(OP_requantize, &lite, 2, (const Type[]){sums, one}, E0302, "f64 (rule: tflite)");
}

static void products_that_are_none_are_refused(void **state)
{
    Type x = of(U8, DIMS(2, 3)), w = of(I8, DIMS(3, 4)), unsigned_w = of(U8, DIMS(3, 4)), b = of(F32, DIMS(4));
    Type deep = of(I8, DIMS(1, 65536)), deep_w = of(I8, DIMS(65536, 1)), i32 = of(I32, DIMS(2, 3));
    trial_refuse(OP_dense, NULL, 2, (const Type[]){x, unsigned_w}, E0302, "i8 or u8 times i8");
    trial_refuse(OP_dense, NULL, 2, (const Type[]){i32, w}, E0302, "i8 or u8 times i8");
    trial_refuse(OP_dense, NULL, 3, (const Type[]){x, w, b}, E0302, "expected `bias` to be i32");
    trial_refuse(OP_dense, NULL, 2, (const Type[]){deep, deep_w}, E0305, "65536 8-bit products");
    ConvAttrs attrs;
    attr_set_defaults(&op_conv2d.attrs, &attrs);
    attrs.pad_value = 3;
    Type image = of(F32, DIMS(1, 4, 4, 1)), kernel = of(F32, DIMS(3, 3, 1, 1));
    trial_refuse(OP_conv2d, &attrs, 2, (const Type[]){image, kernel}, E0404, "`pad_value` from 0 to 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantize_rounds_and_saturates),
        cmocka_unit_test(scales_may_be_of_channels),
        cmocka_unit_test(requantize_in_floats),
        cmocka_unit_test(requantize_as_tflite),
        cmocka_unit_test(tiny_multipliers_give_zero),
        cmocka_unit_test(sums_are_exact),
        cmocka_unit_test(padding_reads_the_zero_point),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(products_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
