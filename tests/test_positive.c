/* What is taken for positive must be: maxima of it are taken of bits. */
#include "backend/lower/positive.h"
#include "tests/support/native.h"
#include "tests/support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these first */
#include <cmocka.h>

static void element_wise_work(void **state)
{
    Sketch s = sketch_new(*state, "signs");
    Value x = sketch_input(&s, F32, DIMS(5)), y = sketch_op(&s, OP_relu, NULL, OPERANDS(x));
    ClampAttrs six = {0, 6}, below = {-1, 6}, minus_zero = {-0.0, 6};
    assert_false(value_is_positive(x));
    assert_true(value_is_positive(y));
    assert_true(value_is_positive(sketch_op(&s, OP_clamp, &six, OPERANDS(x))));
    assert_false(value_is_positive(sketch_op(&s, OP_clamp, &below, OPERANDS(x))));
    assert_false(value_is_positive(sketch_op(&s, OP_clamp, &minus_zero, OPERANDS(x))));
    assert_true(value_is_positive(sketch_op(&s, OP_abs, NULL, OPERANDS(x))));
    assert_true(value_is_positive(sketch_op(&s, OP_sqrt, NULL, OPERANDS(y))));
    assert_true(value_is_positive(sketch_op(&s, OP_mul, NULL, OPERANDS(y, y))));
    assert_false(value_is_positive(sketch_op(&s, OP_mul, NULL, OPERANDS(y, x))));
    assert_false(value_is_positive(sketch_op(&s, OP_sub, NULL, OPERANDS(y, y))));
    assert_false(value_is_positive(sketch_op(&s, OP_neg, NULL, OPERANDS(y))));
    assert_true(value_is_positive(sketch_op(&s, OP_maximum, NULL, OPERANDS(x, y))));
    assert_false(value_is_positive(sketch_op(&s, OP_minimum, NULL, OPERANDS(x, y))));
    /* sqrt(-0) is -0 */
    assert_false(value_is_positive(sketch_op(&s, OP_sqrt, NULL, OPERANDS(x))));
}

static void other_kinds(void **state)
{
    Sketch s = sketch_new(*state, "kinds");
    Value x = sketch_input(&s, F32, DIMS(1, 6, 6, 3)), y = sketch_op(&s, OP_relu, NULL, OPERANDS(x));
    PoolAttrs plain = {.size = {2, {2, 2}}, .stride = {2, {2, 2}}};
    PoolAttrs padded = {.size = {2, {2, 2}}, .stride = {2, {2, 2}}, .pad = {PAD_EXPLICIT, {4, {1, 1, 1, 1}}}};
    TransposeAttrs order = {.permute = {4, {0, 2, 1, 3}}};
    assert_true(value_is_positive(sketch_op(&s, OP_max_pool, &plain, OPERANDS(y))));
    assert_false(value_is_positive(sketch_op(&s, OP_max_pool, &plain, OPERANDS(x))));
    assert_true(value_is_positive(sketch_op(&s, OP_max_pool, &padded, OPERANDS(y))));
    assert_true(value_is_positive(sketch_op(&s, OP_transpose, &order, OPERANDS(y))));
    assert_false(value_is_positive(sketch_number(&s, F32, -0.0)));
    assert_true(value_is_positive(sketch_number(&s, F32, 0)));
    assert_false(value_is_positive(sketch_number(&s, I32, 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(element_wise_work, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(other_kinds, arena_setup, arena_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
