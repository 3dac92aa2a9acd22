/* Contractions compiled and run beside eval, bit by bit: the shapes in which the axes of one look like another's. */
#include "tests/support/native.h"
#include "tests/support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these first */
#include <cmocka.h>

static void check_matmul(Arena *arena, int rank, const int64_t *a, const int64_t *b)
{
    Sketch s = sketch_new(arena, "matmul");
    Value x = sketch_input(&s, F32, rank, a), y = sketch_input(&s, F32, rank, b);
    sketch_output(&s, sketch_op(&s, OP_matmul, NULL, OPERANDS(x, y)));
    sketch_check(&s);
}

/* Leading axes with a matrix each, also where [B, 1, M, N] could be taken for images that share their weights. */
static void matrices_of_their_own(void **state)
{
    check_matmul(*state, 4, (const int64_t[]){2, 1, 1, 2}, (const int64_t[]){2, 1, 2, 1});
    check_matmul(*state, 4, (const int64_t[]){3, 1, 5, 7}, (const int64_t[]){3, 1, 7, 19});
    check_matmul(*state, 4, (const int64_t[]){2, 3, 5, 7}, (const int64_t[]){2, 3, 7, 19});
    check_matmul(*state, 3, (const int64_t[]){4, 3, 9}, (const int64_t[]){4, 9, 33});
}

static void one_matrix_for_all(void **state)
{
    Sketch s = sketch_new(*state, "shared");
    Value x = sketch_input(&s, F32, DIMS(2, 1, 5, 7)), y = sketch_input(&s, F32, DIMS(7, 18));
    sketch_output(&s, sketch_op(&s, OP_matmul, NULL, OPERANDS(x, y)));
    sketch_check(&s);
}

static void vectors(void **state)
{
    Sketch s = sketch_new(*state, "vectors");
    Value x = sketch_input(&s, F32, DIMS(6, 9)), row = sketch_input(&s, F32, DIMS(6)),
          column = sketch_input(&s, F32, DIMS(9));
    sketch_output(&s, sketch_op(&s, OP_matmul, NULL, OPERANDS(row, x)));
    sketch_output(&s, sketch_op(&s, OP_matmul, NULL, OPERANDS(x, column)));
    sketch_output(&s, sketch_op(&s, OP_matmul, NULL, OPERANDS(column, column)));
    sketch_check(&s);
}

static void check_conv(Arena *arena, const int64_t in[4], int64_t kernel, int64_t out, const ConvAttrs *attrs)
{
    Sketch s = sketch_new(arena, "conv");
    Value x = sketch_input(&s, F32, 4, in);
    Value w = sketch_param(&s, F32, DIMS(kernel, kernel, in[3] / attrs->groups, out));
    Value b = sketch_param(&s, F32, DIMS(out));
    Value y = sketch_op(&s, OP_conv2d, attrs, OPERANDS(x, w, b));
    sketch_output(&s, sketch_op(&s, OP_relu, NULL, OPERANDS(y)));
    sketch_check(&s);
}

static void convolutions(void **state)
{
    for (int64_t stride = 1; stride <= 2; stride++)
        for (int64_t dilation = 1; dilation <= 2; dilation++)
            for (int mode = PAD_VALID; mode <= PAD_EXPLICIT; mode++) {
                ConvAttrs attrs = {.stride = {2, {stride, 3 - stride}},
                                   .dilation = {2, {dilation, 1}},
                                   .groups = 1,
                                   .pad = {.mode = mode, .sizes = {4, {2, 0, 1, 3}}}};
                check_conv(*state, (const int64_t[]){2, 7, 6, 4}, 3, 18, &attrs);
                attrs.groups = 2;
                check_conv(*state, (const int64_t[]){1, 7, 6, 4}, 3, 6, &attrs);
                attrs.groups = 4;
                check_conv(*state, (const int64_t[]){1, 7, 6, 4}, 3, 4, &attrs);
            }
}

/* A convolution of x by a window of its own, with a bias. */
static Value window_of(Sketch *s, Value x, int64_t kernel, int64_t out, int mode)
{
    ConvAttrs attrs = {.stride = {2, {1, 1}}, .dilation = {2, {1, 1}}, .groups = 1, .pad = {.mode = mode}};
    int64_t channels = value_type(x)->dim[3].high;
    Value w = sketch_param(s, F32, DIMS(kernel, kernel, channels, out)), b = sketch_param(s, F32, DIMS(out));
    return sketch_op(s, OP_conv2d, &attrs, OPERANDS(x, w, b));
}

/* A window of one pixel walks all images as one line; not so where something beside it has other steps. */
static void one_pixel_windows(void **state)
{
    Sketch s = sketch_new(*state, "pixels");
    Value x = sketch_input(&s, F32, DIMS(2, 5, 7, 8)), scale = sketch_param(&s, F32, DIMS(24));
    Value beside = sketch_input(&s, F32, DIMS(2, 5, 7, 24)), column = sketch_input(&s, F32, DIMS(2, 5, 7, 1));
    sketch_output(&s, sketch_op(&s, OP_relu, NULL, OPERANDS(window_of(&s, x, 1, 24, PAD_VALID))));
    Value y = sketch_op(&s, OP_mul, NULL, OPERANDS(window_of(&s, x, 1, 24, PAD_VALID), scale));
    sketch_output(&s, sketch_op(&s, OP_add, NULL, OPERANDS(y, beside)));
    sketch_output(&s, sketch_op(&s, OP_sub, NULL, OPERANDS(window_of(&s, x, 1, 24, PAD_VALID), column)));
    sketch_output(&s, window_of(&s, window_of(&s, x, 1, 9, PAD_VALID), 3, 5, PAD_SAME)); /* into a halo */
    sketch_check(&s);
}

static void epilogues_along_each_axis(void **state)
{
    static const int64_t dims[][4] = {{2, 1, 1, 18}, {1, 5, 1, 1}, {1, 1, 6, 1}, {2, 5, 6, 1}, {1, 5, 6, 18}};
    for (int i = 0; i < 5; i++) {
        Sketch s = sketch_new(*state, "epilogues");
        Value x = sketch_input(&s, F32, DIMS(2, 5, 6, 4)), beside = sketch_input(&s, F32, 4, dims[i]);
        sketch_output(&s, sketch_op(&s, OP_add, NULL, OPERANDS(window_of(&s, x, 3, 18, PAD_SAME), beside)));
        sketch_check(&s);
    }
    Sketch s = sketch_new(*state, "rows");
    Value x = sketch_input(&s, F32, DIMS(5, 8)), w = sketch_param(&s, F32, DIMS(8, 19));
    Value rows = sketch_input(&s, F32, DIMS(5, 1)), columns = sketch_input(&s, F32, DIMS(19));
    Value y = sketch_op(&s, OP_add, NULL, OPERANDS(sketch_op(&s, OP_matmul, NULL, OPERANDS(x, w)), rows));
    sketch_output(&s, sketch_op(&s, OP_mul, NULL, OPERANDS(y, columns)));
    sketch_check(&s);
}

/* Beside products of several lines, and pixels of one column: a number for each row, one for some axes only. */
static void numbers_of_rows(void **state)
{
    static const int64_t dims[][4] = {{2, 3, 5, 1}, {2, 1, 5, 1}, {1, 1, 1, 9}, {1, 1, 1, 1}};
    for (int i = 0; i < 4; i++) {
        Sketch s = sketch_new(*state, "lines");
        Value x = sketch_input(&s, F32, DIMS(2, 3, 5, 6)), y = sketch_input(&s, F32, DIMS(2, 3, 6, 9));
        Value w = sketch_param(&s, F32, DIMS(6, 9)), beside = sketch_input(&s, F32, 4, dims[i]);
        Value own = sketch_op(&s, OP_matmul, NULL, OPERANDS(x, y)), all = sketch_op(&s, OP_dense, NULL, OPERANDS(x, w));
        sketch_output(&s, sketch_op(&s, OP_sub, NULL, OPERANDS(own, beside)));
        sketch_output(&s, sketch_op(&s, OP_mul, NULL, OPERANDS(all, beside)));
        sketch_check(&s);
    }
    Sketch s = sketch_new(*state, "column");
    Value x = sketch_input(&s, F32, DIMS(2, 5, 1, 8)), rows = sketch_input(&s, F32, DIMS(2, 5, 1, 1));
    sketch_output(&s, sketch_op(&s, OP_sub, NULL, OPERANDS(window_of(&s, x, 1, 24, PAD_VALID), rows)));
    sketch_check(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(matrices_of_their_own, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(one_matrix_for_all, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(vectors, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(convolutions, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(one_pixel_windows, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(epilogues_along_each_axis, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(numbers_of_rows, arena_setup, arena_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
