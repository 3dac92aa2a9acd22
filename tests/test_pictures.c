/* What is read between elements, on small cases computed by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ir/signal.h"
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

/* ---- places that are computed ---- */

static Tensor sampled(Trial *t, SampleAttrs attrs, Tensor x, Tensor at)
{
    Tensor operands[] = {x, at};
    return trial_eval(t, OP_sample_at, &attrs, 2, operands);
}

static void samples_between_elements(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(1, 2, 2, 1), VALUES(1, 2, 3, 4));
    Tensor at = trial_tensor(&t, F32, DIMS(1, 4, 2), VALUES(0.5, 0.5, 1, 0, 0, 1.5, -0.5, 0));
    Tensor out = sampled(&t, (SampleAttrs){RESIZE_LINEAR, SAMPLE_ZEROS}, x, at);
    EXPECT(&out, 2.5, 3, 1, 0.5);
    out = sampled(&t, (SampleAttrs){RESIZE_LINEAR, SAMPLE_EDGE}, x, at);
    EXPECT(&out, 2.5, 3, 2, 1);
    out = sampled(&t, (SampleAttrs){RESIZE_LINEAR, SAMPLE_REFLECT}, x, at);
    EXPECT(&out, 2.5, 3, 1.5, 2);
    out = sampled(&t, (SampleAttrs){RESIZE_LINEAR, SAMPLE_SYMMETRIC}, x, at);
    EXPECT(&out, 2.5, 3, 2, 1);
    out = sampled(&t, (SampleAttrs){RESIZE_NEAREST, SAMPLE_ZEROS}, x, at);
    EXPECT(&out, 1, 3, 0, 1); /* halves to even: 1.5 is 2, -0.5 is 0 */
    trial_free(&t);
}

/* Reads nothing that is not there, whatever the place. */
static void places_of_any_number(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(1, 3, 1), VALUES(1, 2, 3));
    Tensor at = trial_tensor(&t, F32, DIMS(1, 5, 1), VALUES(NAN, INFINITY, -INFINITY, 1e30, -7));
    Tensor out = sampled(&t, (SampleAttrs){RESIZE_NEAREST, SAMPLE_ZEROS}, x, at);
    EXPECT(&out, 0, 0, 0, 0, 0);
    out = sampled(&t, (SampleAttrs){RESIZE_NEAREST, SAMPLE_EDGE}, x, at);
    EXPECT(&out, 1, 3, 1, 3, 1);
    at = trial_tensor(&t, F32, DIMS(1, 4, 1), VALUES(-1, -2, 4, 9));
    out = sampled(&t, (SampleAttrs){RESIZE_NEAREST, SAMPLE_REFLECT}, x, at);
    EXPECT(&out, 2, 3, 1, 2);
    out = sampled(&t, (SampleAttrs){RESIZE_NEAREST, SAMPLE_SYMMETRIC}, x, at);
    EXPECT(&out, 1, 2, 2, 3);
    trial_free(&t);
}

static void cubic_samples(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F64, DIMS(1, 6, 1), VALUES(0, 1, 4, 9, 16, 25));
    Tensor at = trial_tensor(&t, F64, DIMS(1, 3, 1), VALUES(2, 2.5, -0.5));
    const double a = -0.09375, b = 0.59375; /* weights half way between: -3/32, 19/32 */
    Tensor out = sampled(&t, (SampleAttrs){RESIZE_CUBIC, SAMPLE_REFLECT}, x, at);
    EXPECT(&out, 4, a * 1 + b * 4 + b * 9 + a * 16, a * 1 + b * 0 + b * 1 + a * 4);
    out = sampled(&t, (SampleAttrs){RESIZE_CUBIC, SAMPLE_ZEROS}, x, at);
    EXPECT(&out, 4, a * 1 + b * 4 + b * 9 + a * 16, b * 0 + a * 1);
    trial_free(&t);
}

static void grids_turn_pictures(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(1, 2, 3, 1), VALUES(1, 2, 3, 4, 5, 6));
    Tensor half_turn = trial_tensor(&t, F32, DIMS(1, 2, 3), VALUES(-1, 0, 0, 0, -1, 0));
    AffineGridAttrs grid = {.size = {2, {2, 3}}, .align_corners = true};
    Tensor operands[] = {x, trial_eval(&t, OP_affine_grid, &grid, 1, &half_turn)};
    GridSampleAttrs attrs = {.mode = RESIZE_LINEAR, .align_corners = true};
    Tensor out = trial_eval(&t, OP_grid_sample, &attrs, 2, operands);
    EXPECT(&out, 6, 5, 4, 3, 2, 1);
    grid.align_corners = attrs.align_corners = false;
    operands[1] = trial_eval(&t, OP_affine_grid, &grid, 1, &half_turn);
    attrs.mode = RESIZE_NEAREST;
    out = trial_eval(&t, OP_grid_sample, &attrs, 2, operands);
    EXPECT(&out, 6, 5, 4, 3, 2, 1);
    trial_free(&t);
}

static void regions_of_interest(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(2, 2, 2, 1), VALUES(0, 0, 0, 0, 1, 2, 3, 4));
    Tensor regions = trial_tensor(&t, F32, DIMS(2, 4), VALUES(0, 0, 1, 1, 5, 5, 6, 6));
    Tensor batch = trial_tensor(&t, I64, DIMS(2), VALUES(1, 1));
    Tensor operands[] = {x, regions, batch};
    RoiAlignAttrs attrs = {.size = {2, {1, 1}}, .samples = 1, .scale = 1};
    Tensor out = trial_eval(&t, OP_roi_align, &attrs, 3, operands);
    EXPECT(&out, 2.5, 0); /* the second lies outside */
    attrs.most = true;
    out = trial_eval(&t, OP_roi_align, &attrs, 3, operands);
    EXPECT(&out, 1, 0);
    trial_free(&t);
}

/* ---- preprocessing ---- */

static void parts_and_numbers_of_pictures(void **state)
{
    Trial t = trial_new();
    Tensor x = trial_tensor(&t, F32, DIMS(1, 2, 4, 1), VALUES(1, 2, 3, 4, 5, 6, 7, 8));
    Tensor out = trial_eval(&t, OP_crop, &(CropAttrs){.size = {2, {2, 2}}}, 1, &x);
    EXPECT(&out, 2, 3, 6, 7);
    out = trial_eval(&t, OP_crop, &(CropAttrs){.size = {2, {1, 2}}, .begin = {2, {1, 2}}}, 1, &x);
    EXPECT(&out, 7, 8);
    LetterboxAttrs box = {.size = {2, {4, 4}}, .value = -1, .mode = RESIZE_LINEAR};
    out = trial_eval(&t, OP_letterbox, &box, 1, &x);
    EXPECT(&out, -1, -1, -1, -1, 1, 2, 3, 4, 5, 6, 7, 8, -1, -1, -1, -1);
    out = trial_eval(&t, OP_reverse, &(ReverseAttrs){.axes = {1, {-2}}}, 1, &x);
    EXPECT(&out, 4, 3, 2, 1, 8, 7, 6, 5);
    x = trial_tensor(&t, F32, DIMS(2, 2), VALUES(1, 2, 3, 4));
    NormaliseAttrs normal = {.mean = {2, {1, 2}}, .std = {2, {2, 4}}};
    out = trial_eval(&t, OP_normalise, &normal, 1, &x);
    EXPECT(&out, 0, 0, 1, 0.5);
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
        cmocka_unit_test(samples_between_elements),
        cmocka_unit_test(places_of_any_number),
        cmocka_unit_test(cubic_samples),
        cmocka_unit_test(grids_turn_pictures),
        cmocka_unit_test(regions_of_interest),
        cmocka_unit_test(parts_and_numbers_of_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
