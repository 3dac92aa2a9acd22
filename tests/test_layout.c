#include "passes/layout.h"
#include "tests/support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these first */
#include <cmocka.h>

/* No two blocks that live together share a byte, all inside the height that is returned. */
static void check_sound(const Block *blocks, int count, int64_t height)
{
    for (int i = 0; i < count; i++) {
        int64_t end = blocks[i].offset + blocks[i].bytes;
        assert_true(blocks[i].offset >= 0 && blocks[i].offset % LAYOUT_ALIGN == 0 && end <= height);
        for (int j = 0; j < i; j++) {
            if (!block_conflicts(&blocks[i], &blocks[j])) continue;
            assert_true(end <= blocks[j].offset || blocks[j].offset + blocks[j].bytes <= blocks[i].offset);
        }
    }
}

static void chain_takes_the_two_largest_neighbours(void **state)
{
    Block blocks[] = {{0, 1, 100, 0}, {1, 2, 6400, 0}, {2, 3, 640, 0}, {3, 4, 640, 0}};
    assert_int_equal(layout_peak(blocks, 4), 6400 + 640);
    int64_t height = layout_blocks(*state, blocks, 4);
    assert_int_equal(height, 6400 + 640);
    check_sound(blocks, 4, height);
}

/* Placed by size alone, the small long one ends up above both large ones. */
static void a_gap_left_by_the_order_of_size_is_closed(void **state)
{
    Block blocks[] = {{0, 2, 64 * 4, 0}, {2, 4, 64 * 4, 0}, {0, 0, 64 * 3, 0}, {4, 4, 64 * 3, 0}, {1, 3, 64 * 2, 0}};
    int64_t peak = layout_peak(blocks, 5), height = layout_blocks(*state, blocks, 5);
    check_sound(blocks, 5, height);
    assert_int_equal(height, peak);
}

static void nothing_takes_nothing(void **state) { assert_int_equal(layout_blocks(*state, NULL, 0), 0); }

/* Nets with skips: most blocks live briefly, some long. */
static void random_lives_stay_near_the_peak(void **state)
{
    uint32_t seed = 1;
    for (int round = 0; round < 40; round++) {
        Block blocks[60];
        int count = 10 + round;
        for (int i = 0; i < count; i++) {
            seed = seed * 1664525u + 1013904223u;
            int life = 1 + (int)((seed >> 8) % 3) + (seed >> 28 == 0 ? 10 : 0);
            blocks[i] = (Block){i, i + life, (int64_t)(64 + (seed >> 12) % 50000), 0};
        }
        int64_t peak = layout_peak(blocks, count), height = layout_blocks(*state, blocks, count);
        check_sound(blocks, count, height);
        assert_true(height * 100 <= peak * 106);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(chain_takes_the_two_largest_neighbours, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(a_gap_left_by_the_order_of_size_is_closed, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(nothing_takes_nothing, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(random_lives_stay_near_the_peak, arena_setup, arena_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
