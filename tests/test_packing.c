/* How the weights of dot products lie: [panel][run][step][channel][product], with zeros where a run or a panel ends. */
#include "ir/packing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HEIGHT = 2, WIDTH = 3, INNER = 7, CHANNELS = 5, PANEL = 4, ROW = WIDTH * INNER };

static Tensor numbered_weights(Arena *arena)
{
    Tensor weight = tensor_new(arena, type_tensor(I8, 4, (int64_t[]){HEIGHT, WIDTH, INNER, CHANNELS}));
    for (int64_t i = 0; i < type_elements(&weight.type); i++) tensor_set_real(&weight, i, (double)(i % 251 - 125));
    return weight;
}

/* Every byte of a packing by steps of `products`, of which `run` neighbours are one run. */
static void lies_as_said(Packing packing, int64_t products, int64_t run)
{
    Arena *arena = arena_new(NULL, NULL);
    Tensor weight = numbered_weights(arena);
    Place place = {.packing = (int)packing, .panel = PANEL};
    int64_t steps = (run + products - 1) / products, runs = HEIGHT * WIDTH * INNER / run, panels = 2;
    int64_t bytes = packing_of(&place)->bytes(&place, &weight.type), at = 0;
    const signed char *from = weight.data;
    assert_int_equal(bytes, panels * runs * steps * PANEL * products);
    signed char *to = calloc(1, (size_t)bytes);
    assert_non_null(to);
    packing_of(&place)->fill(&place, &weight, (unsigned char *)to);
    for (int64_t p = 0; p < panels; p++)
        for (int64_t r = 0; r < runs; r++)
            for (int64_t s = 0; s < steps; s++)
                for (int64_t c = p * PANEL; c < (p + 1) * PANEL; c++)
                    for (int64_t k = s * products; k < (s + 1) * products; k++, at++)
                        assert_int_equal(to[at], k < run && c < CHANNELS ? from[(r * run + k) * CHANNELS + c] : 0);
    free(to);
    arena_free(arena);
}

static void runs_are_filled_up_with_zeros(void **state)
{
    static const int64_t products[] = {2, 4, 16};
    for (int i = 0; i < 3; i++) {
        lies_as_said(packing_for_dot(products[i], false), products[i], INNER);
        lies_as_said(packing_for_dot(products[i], true), products[i], ROW);
    }
}

static void rows_are_told_from_channels(void **state)
{
    for (int64_t products = 2; products <= 16; products = products == 4 ? 16 : products * 2)
        for (int rows = 0; rows < 2; rows++) {
            Place place = {.packing = (int)packing_for_dot(products, rows), .panel = PANEL};
            assert_int_equal(packing_is_of_rows(&place), rows);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_are_filled_up_with_zeros),
        cmocka_unit_test(rows_are_told_from_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
