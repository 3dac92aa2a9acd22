/* The cost model picks tiles that fit the registers and come near the multiply-add rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "passes/schedule.h"

static Target select_target(const char *cpu)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Target target;
    assert_true(target_select("x86_64-unknown-linux-gnu", cpu, "", arena, &target, &diag));
    arena_free(arena); /* names are not read below */
    return target;
}

static TileProblem convolution(int64_t size, int64_t from, int64_t to, int64_t kernel)
{
    return (TileProblem){.images = 1,
                         .height = size,
                         .width = size,
                         .pool_height = 1,
                         .pool_width = 1,
                         .groups = 1,
                         .channels = to,
                         .reduction = kernel * kernel * from,
                         .run = kernel * from,
                         .packed = true,
                         .element_bytes = 4};
}

static void check_fits(const TileProblem *p, const Schedule *s, const Target *t)
{
    int64_t sums = s->tile_rows * s->tile_columns * s->tile_vectors;
    assert_in_range(sums + s->tile_vectors, 1, t->vector_registers - 2);
    assert_int_equal(s->tile_rows % p->pool_height, 0);
    assert_int_equal(s->tile_columns % p->pool_width, 0);
    if (s->panel) {
        int64_t width = s->tile_vectors * s->lanes;
        assert_true(width % s->panel == 0 || s->panel % width == 0);
    }
}

/* Multiply-adds at full rate divided by the predicted cycles. */
static double efficiency(const TileProblem *p, const Schedule *s, const Target *t)
{
    double products = (double)(p->images * p->height * p->width * p->groups * p->channels * p->reduction);
    return products / (double)(t->vector_bytes / 4) / t->fma_per_cycle / s->cost;
}

static void tiles_come_near_the_peak(void **state)
{
    static const char *const cpus[] = {"x86-64-v3", "x86-64-v4"};
    for (size_t i = 0; i < 2; i++) {
        Target t = select_target(cpus[i]);
        TileProblem problems[] = {convolution(56, 64, 64, 3), convolution(13, 32, 64, 3), convolution(56, 256, 64, 1)};
        for (size_t k = 0; k < 3; k++) {
            Schedule s = tile_choose(&problems[k], &t);
            check_fits(&problems[k], &s, &t);
            assert_true(efficiency(&problems[k], &s, &t) > 0.85);
        }
    }
}

static void pooled_tiles_hold_whole_windows(void **state)
{
    Target t = select_target("x86-64-v4");
    TileProblem p = convolution(10, 32, 64, 3);
    p.pool_height = p.pool_width = 2;
    Schedule s = tile_choose(&p, &t);
    check_fits(&p, &s, &t);
    p.pool_height = p.pool_width = p.height = p.width = 7; /* more pixels than registers: still correct, if slow */
    s = tile_choose(&p, &t);
    assert_int_equal(s.tile_rows, 7);
    assert_int_equal(s.tile_columns, 7);
}

static void narrow_results_use_narrow_vectors(void **state)
{
    Target t = select_target("x86-64-v4");
    TileProblem p = {.images = 1,
                     .height = 1,
                     .width = 1,
                     .pool_height = 1,
                     .pool_width = 1,
                     .groups = 1,
                     .channels = 3,
                     .reduction = 64,
                     .run = 64,
                     .packed = true,
                     .element_bytes = 4};
    Schedule s = tile_choose(&p, &t);
    assert_int_equal(s.lanes, 4);
    assert_int_equal(s.panel, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_come_near_the_peak),
        cmocka_unit_test(pooled_tiles_hold_whole_windows),
        cmocka_unit_test(narrow_results_use_narrow_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
