/* What is read between elements, on small cases computed by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/trial.h"

static ResizeAttrs resize_to(int mode, int64_t height, int64_t width)
{
    ResizeAttrs attrs;
    attr_set_defaults(&op_resize.attrs, &attrs);
    attrs.mode = mode;
    attrs.size = (IntList){2, {height, width}};
    return attrs;
}

static void resizing_to_twice_the_size(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(1, 2, 2, 1), VALUES(1, 2, 3, 4));
    ResizeAttrs attrs = resize_to(RESIZE_LINEAR, 4, 4);
    Tensor out = trial_eval(&t, OP_resize, &attrs, 1, &x);
    EXPECT(&out, 1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4);
    attrs.mode = RESIZE_NEAREST;
    out = trial_eval(&t, OP_resize, &attrs, 1, &x);
    EXPECT(&out, 1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4);
    attrs.size = (IntList){1, {3}};
    attrs.axes = (IntList){1, {-2}};
    attrs.mode = RESIZE_LINEAR;
    attrs.coordinates = RESIZE_ALIGN_CORNERS;
    out = trial_eval(&t, OP_resize, &attrs, 1, &x);
    EXPECT(&out, 1, 1.5, 2, 3, 3.5, 4);
    trial_free(&t);
}

static void resizing_by_a_scale_rounds_the_size_down(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F64, DIMS(4), VALUES(0, 1, 2, 3));
    ResizeAttrs attrs = resize_to(RESIZE_LINEAR, 0, 0);
    attrs.size.count = 0;
    attrs.axes = (IntList){1, {0}};
    attrs.scale = (RealList){1, {0.6}}; /* 2.4 elements */
    Tensor out = trial_eval(&t, OP_resize, &attrs, 1, &x);
    EXPECT(&out, 0.5 / 0.6 - 0.5, 1.5 / 0.6 - 0.5);
    attrs.coordinates = RESIZE_ASYMMETRIC;
    out = trial_eval(&t, OP_resize, &attrs, 1, &x);
    EXPECT(&out, 0, 1 / 0.6);
    trial_free(&t);
}

/* Places -0.17, 0.5, 1.17, 1.83, 2.5, 3.17 in each way of rounding. */
static void nearest_of_two(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, U8, DIMS(4), VALUES(0, 1, 2, 3));
    ResizeAttrs attrs = resize_to(RESIZE_NEAREST, 0, 0);
    attrs.size = (IntList){1, {6}};
    attrs.axes = (IntList){1, {0}};
    Tensor out = trial_eval(&t, OP_resize, &attrs, 1, &x);
    EXPECT(&out, 0, 0, 1, 2, 2, 3);
    attrs.round = RESIZE_PREFER_CEIL;
    out = trial_eval(&t, OP_resize, &attrs, 1, &x);
    EXPECT(&out, 0, 1, 1, 2, 3, 3);
    attrs.round = RESIZE_FLOOR;
    out = trial_eval(&t, OP_resize, &attrs, 1, &x);
    EXPECT(&out, 0, 0, 1, 1, 2, 3);
    attrs.round = RESIZE_CEIL;
    out = trial_eval(&t, OP_resize, &attrs, 1, &x);
    EXPECT(&out, 0, 1, 2, 2, 3, 3);
    trial_free(&t);
}

static void antialias_averages_what_is_left_out(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F64, DIMS(8), VALUES(0, 0, 8, 0, 0, 8, 0, 0));
    ResizeAttrs attrs = resize_to(RESIZE_LINEAR, 0, 0);
    attrs.size = (IntList){1, {4}};
    attrs.axes = (IntList){1, {0}};
    Tensor out = trial_eval(&t, OP_resize, &attrs, 1, &x);
    EXPECT(&out, 0, 4, 4, 0);
    attrs.antialias = true; /* weights 1 3 3 1 over 8 */
    out = trial_eval(&t, OP_resize, &attrs, 1, &x);
    EXPECT(&out, 1, 3, 3, 1);
    trial_free(&t);
}

static void what_is_outside_of_a_crop(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(3), VALUES(1, 2, 3));
    ResizeAttrs attrs = resize_to(RESIZE_LINEAR, 0, 0);
    attrs.size = (IntList){1, {4}};
    attrs.axes = (IntList){1, {0}};
    attrs.coordinates = RESIZE_CROP;
    attrs.region = (RealList){2, {-0.5, 1}};
    attrs.outside = 9;
    Tensor out = trial_eval(&t, OP_resize, &attrs, 1, &x);
    EXPECT(&out, 9, 1, 2, 3);
    attrs.region = (RealList){2, {2, 3}};
    out = trial_eval(&t, OP_resize, &attrs, 1, &x);
    EXPECT(&out, 9, 9, 9, 9);
    trial_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resizing_to_twice_the_size),
        cmocka_unit_test(resizing_by_a_scale_rounds_the_size_down),
        cmocka_unit_test(nearest_of_two),
        cmocka_unit_test(antialias_averages_what_is_left_out),
        cmocka_unit_test(what_is_outside_of_a_crop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
