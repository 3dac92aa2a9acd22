/* Writes at computed places and sums so far and orders, on values known by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ir/top.h"
#include "tests/support/trial.h"

static void updates_come_in_order(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(3, 2), VALUES(0, 1, 10, 11, 20, 21));
    Tensor rows[] = {x, trial_tensor(&t, I32, DIMS(3), VALUES(2, -3, 2)),
                     trial_tensor(&t, F32, DIMS(3, 2), VALUES(1, 2, 3, 4, 5, 6))};
    Tensor out = trial_eval(&t, OP_scatter, NULL, 3, rows);
    EXPECT(&out, 3, 4, 10, 11, 5, 6);
    out = trial_eval(&t, OP_scatter, &(ScatterAttrs){.reduce = MEET_ADD}, 3, rows);
    EXPECT(&out, 3, 5, 10, 11, 26, 29);
    Tensor one[] = {x, trial_tensor(&t, I64, 0, NULL, VALUES(1)), trial_tensor(&t, F32, DIMS(3), VALUES(7, 8, 9))};
    out = trial_eval(&t, OP_scatter, &(ScatterAttrs){.axis = 1}, 3, one);
    EXPECT(&out, 0, 7, 10, 8, 20, 9);
    Tensor each[] = {x, trial_tensor(&t, I8, DIMS(2, 1), VALUES(2, 2)),
                     trial_tensor(&t, F32, DIMS(2, 1), VALUES(4, 5))};
    out = trial_eval(&t, OP_scatter_elements, NULL, 3, each);
    EXPECT(&out, 0, 1, 10, 11, 5, 21);
    out = trial_eval(&t, OP_scatter_elements, &(ScatterAttrs){.reduce = MEET_MUL}, 3, each);
    EXPECT(&out, 0, 1, 10, 11, 400, 21);
    Tensor both[] = {x, trial_tensor(&t, I64, DIMS(3, 2), VALUES(0, 1, 2, -2, 0, -1)),
                     trial_tensor(&t, F32, DIMS(3), VALUES(4, 5, 6))};
    out = trial_eval(&t, OP_scatter_nd, NULL, 3, both);
    EXPECT(&out, 0, 6, 10, 11, 5, 21);
    out = trial_eval(&t, OP_scatter_nd, &(ScatterNdAttrs){MEET_MIN}, 3, both);
    EXPECT(&out, 0, 1, 10, 11, 5, 21);
    out = trial_eval(&t, OP_scatter_nd, &(ScatterNdAttrs){MEET_MAX}, 3, both);
    EXPECT(&out, 0, 6, 10, 11, 20, 21);
    trial_free(&t);
}

static void what_is_outside_is_left_out(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, U8, DIMS(3), VALUES(1, 2, 3));
    Tensor operands[] = {x, trial_tensor(&t, I64, DIMS(4), VALUES(3, -4, 1, INT64_MIN)),
                         trial_tensor(&t, U8, DIMS(4), VALUES(9, 8, 255, 6))};
    Tensor out = trial_eval(&t, OP_scatter, NULL, 3, operands);
    EXPECT(&out, 1, 255, 3);
    out = trial_eval(&t, OP_scatter, &(ScatterAttrs){.reduce = MEET_ADD}, 3, operands);
    EXPECT(&out, 1, 1, 3);
    trial_free(&t);
}

static void narrow_floats_round_each_time(void **state)
{
    Trial t = trial_new();
    Tensor operands[] = {trial_tensor(&t, F16, DIMS(1), VALUES(2048)), trial_tensor(&t, I32, DIMS(3), VALUES(0, 0, 0)),
                         trial_tensor(&t, F16, DIMS(3), VALUES(1, 1, 1.5))};
    Tensor out = trial_eval(&t, OP_scatter, &(ScatterAttrs){.reduce = MEET_ADD}, 3, operands);
    EXPECT(&out, 2050); /* 2049 is none of its numbers */
    trial_free(&t);
}

static void sums_so_far(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(2, 3), VALUES(1, 2, 3, 4, 5, 6));
    Tensor out = trial_eval(&t, OP_cumulative_sum, &(CumulativeAttrs){.axis = 1}, 1, &x);
    EXPECT(&out, 1, 3, 6, 4, 9, 15);
    out = trial_eval(&t, OP_cumulative_sum, NULL, 1, &x);
    EXPECT(&out, 1, 2, 3, 5, 7, 9);
    out = trial_eval(&t, OP_cumulative_sum, &(CumulativeAttrs){.axis = -1, .exclusive = true}, 1, &x);
    EXPECT(&out, 0, 1, 3, 0, 4, 9);
    out = trial_eval(&t, OP_cumulative_sum, &(CumulativeAttrs){1, .exclusive = true, .reverse = true}, 1, &x);
    EXPECT(&out, 5, 3, 0, 11, 6, 0);
    out = trial_eval(&t, OP_cumulative_product, &(CumulativeAttrs){1, .reverse = true}, 1, &x);
    EXPECT(&out, 6, 6, 3, 120, 30, 6);
    Tensor narrow = trial_tensor(&t, F16, DIMS(4), VALUES(2048, 1, 1, 1)),
           bytes = trial_tensor(&t, U8, DIMS(2), VALUES(200, 100));
    out = trial_eval(&t, OP_cumulative_sum, NULL, 1, &narrow); /* carried as f32 */
    EXPECT(&out, 2048, 2048, 2050, 2052);
    out = trial_eval(&t, OP_cumulative_sum, NULL, 1, &bytes);
    EXPECT(&out, 200, 44);
    trial_free(&t);
    Type flags = type_tensor(BOOL, 1, (const int64_t[]){3}), line = type_tensor(F32, 1, (const int64_t[]){3});
    trial_refuse(OP_cumulative_sum, NULL, 1, &flags, E0302, "a number dtype");
    trial_refuse(OP_cumulative_sum, &(CumulativeAttrs){.axis = 1}, 1, &line, E0404, "axis 1");
}

static void first_in_order(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(2, 4), VALUES(1, NAN, -0.0, 0, 7, -INFINITY, 7, 2));
    Tensor out = trial_eval(&t, OP_top_indices, &(TopAttrs){3, -1, true}, 1, &x);
    EXPECT(&out, 1, 0, 2, 0, 2, 3);
    out = trial_eval(&t, OP_top_indices, &(TopAttrs){4, 1, false}, 1, &x);
    EXPECT(&out, 2, 3, 0, 1, 1, 3, 0, 2);
    out = trial_eval(&t, OP_top_indices, &(TopAttrs){1, 0, true}, 1, &x);
    EXPECT(&out, 1, 0, 1, 1);
    Tensor whole = trial_tensor(&t, I32, DIMS(3), VALUES(INT32_MIN, 5, INT32_MIN));
    out = trial_eval(&t, OP_top_indices, &(TopAttrs){3, 0, true}, 1, &whole);
    EXPECT(&out, 1, 0, 2);
    Tensor large = trial_tensor(&t, U64, DIMS(2), VALUES(3, 0x1p63));
    out = trial_eval(&t, OP_top_indices, &(TopAttrs){2, 0, true}, 1, &large);
    EXPECT(&out, 1, 0);
    trial_free(&t);
    Type line = type_tensor(F32, 1, (const int64_t[]){3});
    trial_refuse(OP_topk, &(TopAttrs){4, 0, true}, 1, &line, E0404, "has 3 elements");
    trial_refuse(OP_topk, &(TopAttrs){1, 1, true}, 1, &line, E0404, "axis 1");
}

static void refused(void **state)
{
    Type put[] = {type_tensor(F32, 2, (const int64_t[]){3, 2}), type_tensor(F32, 2, (const int64_t[]){4, 2}),
                  type_tensor(I32, 2, (const int64_t[]){4, 1}), type_tensor(I32, 2, (const int64_t[]){4, 3})};
    PutAttrs first = {.from = {2, {-1, 1}}}, both = {.from = {2, {-1, -1}}}, twice = {.from = {2, {1, 1}}};
    PutAttrs along = {.from = {2, {0, -1}}}, adding = {.from = {2, {-1, 1}}, .reduce = MEET_ADD};
    trial_refuse(OP_put, &both, 3, put, E0404, "as often");
    trial_refuse(OP_put, &twice, 3, put, E0404, "as often");
    trial_refuse(OP_put, &along, 3, put, E0301, "axis 0 of");
    trial_refuse(OP_put, &both, 4, put, E0301, "do not fit");
    put[0].dtype = put[1].dtype = BOOL;
    trial_refuse(OP_put, &adding, 3, put, E0302, "a number dtype");
    put[1].dtype = F32;
    trial_refuse(OP_put, &first, 3, put, E0302, "bool");
    put[0].dtype = F32;
    put[2].dtype = U64;
    trial_refuse(OP_put, &first, 3, put, E0302, "63 bits");
    Type scatter[] = {put[0], type_tensor(I32, 1, (const int64_t[]){4}), type_tensor(F32, 2, (const int64_t[]){4, 3})};
    trial_refuse(OP_scatter, NULL, 3, scatter, E0301, "[4, 2]");
    trial_refuse(OP_scatter, &(ScatterAttrs){.axis = 2}, 3, scatter, E0404, "axis 2");
    trial_refuse(OP_scatter_elements, NULL, 3, scatter, E0301, "no larger");
    trial_refuse(OP_scatter_nd, NULL, 3, scatter, E0301, "[..., K]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_come_in_order),
        cmocka_unit_test(what_is_outside_is_left_out),
        cmocka_unit_test(narrow_floats_round_each_time),
        cmocka_unit_test(sums_so_far),
        cmocka_unit_test(first_in_order),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
