/* Losses against their formulas, and what they refuse. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/trial.h"

static LossAttrs loss(int reduction) { return (LossAttrs){.axis = -1, .ignore = -100, .reduction = reduction}; }

static Tensor apply(const Trial *t, Op op, LossAttrs attrs, int count, const Tensor *operands)
{
    return trial_eval((Trial *)t, op, &attrs, count, operands);
}

static void nll_by_hand(void **state)
{
    Trial t = trial_new();
    Tensor in[] = {trial_tensor(&t, F32, DIMS(3, 2), VALUES(-1, -2, -4, -8, -16, -32)),
                   trial_tensor(&t, I32, DIMS(3), VALUES(1, 0, 1)), trial_tensor(&t, F32, DIMS(2), VALUES(0.5, 2))};
    Tensor out = apply(&t, OP_nll_loss, loss(LOSS_NONE), 2, in);
    EXPECT(&out, 2, 4, 32);
    out = apply(&t, OP_nll_loss, loss(LOSS_SUM), 2, in);
    EXPECT(&out, 38);
    out = apply(&t, OP_nll_loss, loss(LOSS_NONE), 3, in);
    EXPECT(&out, 4, 2, 64);
    out = apply(&t, OP_nll_loss, loss(LOSS_MEAN), 3, in);
    assert_int_equal(out.type.rank, 0);
    EXPECT(&out, (double)(70.0f / 4.5f));
    LossAttrs attrs = loss(LOSS_MEAN);
    attrs.ignore = 1;
    out = apply(&t, OP_nll_loss, attrs, 3, in);
    EXPECT(&out, 4);
    trial_free(&t);
}

/* What is ignored has no loss even where its logarithm is -infinity, and may stand outside of the classes; without
 * any row that counts there is no mean. */
static void ignored_rows(void **state)
{
    Trial t = trial_new();
    Tensor in[] = {trial_tensor(&t, F32, DIMS(2, 2), VALUES(-INFINITY, -3, -1, -2)),
                   trial_tensor(&t, I64, DIMS(2), VALUES(-100, 1))};
    Tensor out = apply(&t, OP_nll_loss, loss(LOSS_NONE), 2, in);
    EXPECT(&out, 0, 2);
    out = apply(&t, OP_nll_loss, loss(LOSS_MEAN), 2, in);
    EXPECT(&out, 2);
    in[1] = trial_tensor(&t, I64, DIMS(2), VALUES(-100, -100));
    out = apply(&t, OP_nll_loss, loss(LOSS_SUM), 2, in);
    EXPECT(&out, 0);
    out = apply(&t, OP_nll_loss, loss(LOSS_MEAN), 2, in);
    EXPECT(&out, NAN);
    trial_free(&t);
}

/* Classes along another axis: [N, C, T] with targets [N, T]; and one row alone. */
static void classes_anywhere(void **state)
{
    Trial t = trial_new();
    Tensor in[] = {trial_tensor(&t, F32, DIMS(1, 2, 3), VALUES(-1, -2, -3, -4, -5, -6)),
                   trial_tensor(&t, I32, DIMS(1, 3), VALUES(0, 1, 1))};
    LossAttrs attrs = loss(LOSS_NONE);
    attrs.axis = 1;
    Tensor out = apply(&t, OP_nll_loss, attrs, 2, in);
    assert_int_equal(out.type.rank, 2);
    EXPECT(&out, 1, 5, 6);
    Tensor row[] = {trial_tensor(&t, F32, DIMS(2), VALUES(-1, -2)), trial_tensor(&t, I32, 0, NULL, VALUES(1))};
    out = apply(&t, OP_nll_loss, loss(LOSS_MEAN), 2, row);
    EXPECT(&out, 2);
    trial_free(&t);
}

/* Scores of any size: where softmax is 0, its logarithm still is the distance. */
static void cross_entropy_of_scores(void **state)
{
    Trial t = trial_new();
    Tensor in[] = {trial_tensor(&t, F32, DIMS(2, 2), VALUES(0, 0, 1000, 0)),
                   trial_tensor(&t, I32, DIMS(2), VALUES(1, 1))};
    Tensor out = apply(&t, OP_cross_entropy, loss(LOSS_NONE), 2, in);
    EXPECT(&out, (double)0.6931472f, 1000);
    out = trial_eval(&t, OP_log_softmax, &(SoftmaxAttrs){.axis = 1}, 1, in);
    EXPECT(&out, (double)-0.6931472f, (double)-0.6931472f, 0, -1000);
    trial_free(&t);
}

static void refused(void **state)
{
    Type in[] = {type_tensor(F32, 2, (const int64_t[]){4, 3}), type_tensor(I32, 1, (const int64_t[]){4}),
                 type_tensor(F32, 1, (const int64_t[]){4})};
    const LossAttrs attrs = loss(LOSS_MEAN);
    trial_refuse(OP_nll_loss, &attrs, 3, in, E0301, "one number a class");
    in[1].dim[0] = dim_fixed(3);
    trial_refuse(OP_nll_loss, &attrs, 2, in, E0301, "one class for each row");
    in[1].dtype = F32;
    trial_refuse(OP_cross_entropy, &attrs, 2, in, E0302, "63 bits");
    in[0].dtype = I32;
    trial_refuse(OP_cross_entropy, &attrs, 2, in, E0302, "cross_entropy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nll_by_hand),      cmocka_unit_test(ignored_rows),
        cmocka_unit_test(classes_anywhere), cmocka_unit_test(cross_entropy_of_scores),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
