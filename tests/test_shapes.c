/* Operators that move elements: values known by hand, and what they refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/trial.h"

static Tensor pad(Trial *t, int mode, IntList begin, IntList end, Tensor x)
{
    return trial_eval(t, OP_pad, &(PadAttrs){.begin = begin, .end = end, .mode = mode}, 1, &x);
}

static void padding(void **state)
{
    Trial t = trial_new();
    IntList two = {1, {2}}, five = {1, {5}};
    Tensor x = trial_tensor(&t, F32, DIMS(3), VALUES(1, 2, 3));
    Tensor out = pad(&t, PAD_CONSTANT, two, (IntList){0}, x);
    EXPECT(&out, 0, 0, 1, 2, 3);
    out = pad(&t, PAD_EDGE, two, five, x);
    EXPECT(&out, 1, 1, 1, 2, 3, 3, 3, 3, 3, 3);
    out = pad(&t, PAD_REFLECT, two, five, x);
    EXPECT(&out, 3, 2, 1, 2, 3, 2, 1, 2, 3, 2);
    out = pad(&t, PAD_SYMMETRIC, two, five, x);
    EXPECT(&out, 2, 1, 1, 2, 3, 3, 2, 1, 1, 2);
    out = pad(&t, PAD_WRAP, two, five, x);
    EXPECT(&out, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2);
    Tensor one = trial_tensor(&t, F32, DIMS(1), VALUES(7));
    for (int mode = PAD_EDGE; mode <= PAD_WRAP; mode++) {
        out = pad(&t, mode, (IntList){1, {99}}, (IntList){0}, one);
        assert_true(tensor_real(&out, 0) == 7 && type_elements(&out.type) == 100);
        out = pad(&t, mode, two, (IntList){0}, one);
        EXPECT(&out, 7, 7, 7);
    }
    Tensor value[] = {trial_tensor(&t, F32, DIMS(2, 1), VALUES(1, 2)), trial_tensor(&t, F32, 0, NULL, VALUES(-1))};
    out = trial_eval(&t, OP_pad, &(PadAttrs){.begin = {2, {0, 1}}, .end = {1, {1}}}, 2, value);
    EXPECT(&out, -1, 1, -1, 2, -1, -1);
    trial_free(&t);
}

static void padding_refused(void **state)
{
    Type x = type_tensor(F32, 2, (const int64_t[]){3, 4});
    trial_refuse(OP_pad, &(PadAttrs){.begin = {1, {-1}}}, 1, &x, E0404, "from 0 on");
    trial_refuse(OP_pad, &(PadAttrs){.begin = {3, {1, 1, 1}}}, 1, &x, E0404, "fixed axes");
    trial_refuse(OP_pad, &(PadAttrs){.begin = {2, {900, 0}}, .mode = PAD_WRAP}, 1, &x, E0305, "too often");
    trial_refuse(OP_pad, &(PadAttrs){.begin = {2, {80, 80}}, .mode = PAD_REFLECT}, 1, &x, E0305, "too often");
    Type value[] = {x, type_scalar(I32)}, vector[] = {x, type_tensor(F32, 1, (const int64_t[]){1})};
    trial_refuse(OP_pad, NULL, 2, value, E0302, "f32");
    trial_refuse(OP_pad, NULL, 2, vector, E0301, "one number");
}

static void concatenation(void **state)
{
    Trial t = trial_new();
    Tensor parts[] = {trial_tensor(&t, I32, DIMS(2, 2), VALUES(1, 2, 3, 4)),
                      trial_tensor(&t, I32, DIMS(2, 1), VALUES(5, 6)),
                      trial_tensor(&t, I32, DIMS(2, 2), VALUES(7, 8, 9, 10))};
    Tensor out = trial_eval(&t, OP_concat, &(ConcatAttrs){.axis = 1}, 3, parts);
    EXPECT(&out, 1, 2, 5, 7, 8, 3, 4, 6, 9, 10);
    out = trial_eval(&t, OP_concat, NULL, 1, parts);
    EXPECT(&out, 1, 2, 3, 4);
    parts[1] = parts[2];
    out = trial_eval(&t, OP_concat, &(ConcatAttrs){.axis = -2}, 2, parts);
    EXPECT(&out, 1, 2, 3, 4, 7, 8, 9, 10);
    trial_free(&t);
    Type other[] = {type_tensor(F32, 2, (const int64_t[]){2, 2}), type_tensor(F32, 2, (const int64_t[]){3, 2})};
    trial_refuse(OP_concat, &(ConcatAttrs){.axis = 1}, 2, other, E0301, "beside");
    trial_refuse(OP_concat, &(ConcatAttrs){.axis = 2}, 1, other, E0404, "axis 2");
    other[1] = type_tensor(I32, 2, (const int64_t[]){2, 2});
    trial_refuse(OP_concat, NULL, 2, other, E0302, "i32");
}

static void coordinates(void **state)
{
    Trial t = trial_new();
    Tensor out = trial_eval(&t, OP_iota, &(IotaAttrs){.shape = {2, {2, 3}}, .axis = 0, .to = I64}, 0, NULL);
    EXPECT(&out, 0, 0, 0, 1, 1, 1);
    out = trial_eval(&t, OP_iota, &(IotaAttrs){.shape = {2, {2, 3}}, .axis = -1, .to = F16}, 0, NULL);
    EXPECT(&out, 0, 1, 2, 0, 1, 2);
    out = trial_eval(&t, OP_iota, &(IotaAttrs){.shape = {2, {1, 300}}, .axis = 1, .to = U8}, 0, NULL);
    assert_true(tensor_real(&out, 299) == 299 - 256);
    trial_free(&t);
    trial_refuse(OP_iota, &(IotaAttrs){.shape = {1, {2}}, .axis = 1, .to = F32}, 0, NULL, E0404, "axis 1");
    trial_refuse(OP_iota, &(IotaAttrs){.shape = {1, {2}}, .to = BOOL}, 0, NULL, E0302, "to count in");
    trial_refuse(OP_iota, &(IotaAttrs){.shape = {1, {-1}}, .to = F32}, 0, NULL, E0305, "negative dim");
}

static void slices_backwards(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(5), VALUES(0, 1, 2, 3, 4));
    Tensor out = trial_eval(&t, OP_slice, &(SliceAttrs){.step = {1, {-1}}}, 1, &x);
    EXPECT(&out, 4, 3, 2, 1, 0);
    out = trial_eval(&t, OP_slice, &(SliceAttrs){.begin = {1, {3}}, .end = {1, {0}}, .step = {1, {-2}}}, 1, &x);
    EXPECT(&out, 3, 1);
    out = trial_eval(&t, OP_slice, &(SliceAttrs){.begin = {1, {99}}, .end = {1, {-99}}, .step = {1, {-2}}}, 1, &x);
    EXPECT(&out, 4, 2, 0);
    out = trial_eval(&t, OP_slice, &(SliceAttrs){.begin = {1, {1}}, .end = {1, {-6}}, .step = {1, {INT64_MIN}}}, 1, &x);
    EXPECT(&out, 1);
    out = trial_eval(&t, OP_slice, &(SliceAttrs){.begin = {1, {1}}, .end = {1, {3}}, .step = {1, {-1}}}, 1, &x);
    assert_int_equal(out.type.dim[0].high, 0);
    trial_free(&t);
    Type type = type_tensor(F32, 1, (const int64_t[]){5});
    trial_refuse(OP_slice, &(SliceAttrs){.step = {1, {0}}}, 1, &type, E0404, "a step of 0");
}

static void gathers(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(3, 2), VALUES(0, 1, 10, 11, 20, 21));
    Tensor rows[] = {x, trial_tensor(&t, I32, DIMS(4), VALUES(2, -3, 7, -9))};
    Tensor out = trial_eval(&t, OP_gather, NULL, 2, rows);
    EXPECT(&out, 20, 21, 0, 1, 20, 21, 0, 1);
    Tensor one[] = {x, trial_tensor(&t, I64, 0, NULL, VALUES(1))};
    out = trial_eval(&t, OP_gather, &(GatherAttrs){.axis = 1}, 2, one);
    EXPECT(&out, 1, 11, 21);
    Tensor each[] = {x, trial_tensor(&t, I8, DIMS(2, 1), VALUES(2, 1))};
    out = trial_eval(&t, OP_gather_elements, NULL, 2, each);
    EXPECT(&out, 20, 10);
    Tensor both[] = {x, trial_tensor(&t, I64, DIMS(2, 2), VALUES(0, 1, 2, -2))};
    out = trial_eval(&t, OP_gather_nd, NULL, 2, both);
    EXPECT(&out, 1, 20);
    Tensor batch[] = {x, trial_tensor(&t, I64, DIMS(3, 1), VALUES(1, 0, 1))};
    out = trial_eval(&t, OP_gather_nd, &(GatherNdAttrs){.batch = 1}, 2, batch);
    EXPECT(&out, 1, 10, 21);
    trial_free(&t);
}

static void gathers_refused(void **state)
{
    Type take[] = {type_tensor(F32, 2, (const int64_t[]){3, 2}), type_tensor(I32, 2, (const int64_t[]){4, 3}),
                   type_tensor(I32, 2, (const int64_t[]){4, 5})};
    TakeAttrs first = {.from = {2, {-1, 1}}}, both = {.from = {2, {-1, -1}}}, twice = {.from = {2, {0, 0}}};
    trial_refuse(OP_take, &first, 2, take, E0301, "axis 1");
    trial_refuse(OP_take, &both, 2, take, E0404, "as often");
    trial_refuse(OP_take, &twice, 2, take, E0404, "as often");
    trial_refuse(OP_take, &both, 3, take, E0301, "do not fit");
    take[1].dtype = F32;
    trial_refuse(OP_take, &first, 2, take, E0302, "integers");
    take[1].dtype = U64;
    trial_refuse(OP_gather, NULL, 2, take, E0302, "63 bits");
    take[1].dtype = I64;
    trial_refuse(OP_gather_elements, NULL, 2, take, E0301, "no larger");
    trial_refuse(OP_gather_nd, NULL, 2, take, E0301, "[..., K]");
    trial_refuse(OP_gather, &(GatherAttrs){.axis = 2}, 2, take, E0404, "axis 2");
}

static void masks(void **state)
{
    Trial t = trial_new();
    Tensor index[] = {trial_tensor(&t, I64, DIMS(3), VALUES(1, -1, 3)), trial_tensor(&t, I32, DIMS(2), VALUES(5, 7))};
    Tensor out = trial_eval(&t, OP_one_hot, &(OneHotAttrs){.depth = 3, .axis = -1, .to = F32}, 1, index);
    EXPECT(&out, 0, 1, 0, 0, 0, 1, 0, 0, 0);
    out = trial_eval(&t, OP_one_hot, &(OneHotAttrs){.depth = 2, .axis = 0, .to = F32}, 2, index);
    EXPECT(&out, 5, 5, 5, 7, 7, 5);
    Tensor x = trial_tensor(&t, I32, DIMS(2, 3), VALUES(1, 2, 3, 4, 5, 6));
    out = trial_eval(&t, OP_triangle, &(TriangleAttrs){.upper = true, .diagonal = 1}, 1, &x);
    EXPECT(&out, 0, 2, 3, 0, 0, 6);
    out = trial_eval(&t, OP_triangle, &(TriangleAttrs){.upper = false}, 1, &x);
    EXPECT(&out, 1, 0, 0, 4, 5, 0);
    trial_free(&t);
    Type vector = type_tensor(F32, 1, (const int64_t[]){3});
    trial_refuse(OP_triangle, NULL, 1, &vector, E0301, "matrices");
    trial_refuse(OP_one_hot, &(OneHotAttrs){.depth = 3}, 1, &vector, E0302, "integers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding),          cmocka_unit_test(padding_refused),
        cmocka_unit_test(concatenation),    cmocka_unit_test(coordinates),
        cmocka_unit_test(slices_backwards), cmocka_unit_test(gathers),
        cmocka_unit_test(gathers_refused),  cmocka_unit_test(masks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
