/* What parameters begin with: the generator's published answers, elements fixed for good, and the laws they follow. */
#include "ir/init.h"
#include "ir/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    *state = arena_new(NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

/* Of the authors' Random123, kat_vectors. */
static void blocks_are_the_published_ones(void **state)
{
    static const uint32_t counters[3][4] = {
        {0}, {~0u, ~0u, ~0u, ~0u}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}};
    static const uint64_t keys[] = {0, UINT64_MAX, 0x299f31d0a4093822};
    static const uint32_t expected[3][4] = {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
                                            {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
                                            {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        random_block(counters[i], keys[i], out);
        assert_memory_equal(out, expected[i], sizeof out);
    }
}

static void quantiles_are_exact_to_the_fifteenth_digit(void **state)
{
    static const double known[][2] = {{1e-300, -37.0470962993612},
                                      {1e-20, -9.262340089798408},
                                      {1e-5, -4.264890793922825},
                                      {0.03, -1.880793608151251},
                                      {0.07, -1.4757910281791702},
                                      {0.3, -0.5244005127080407},
                                      {0.5, 0},
                                      {0.9, 1.2815515655446008},
                                      {0.999999, 4.753424308817089}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_true(fabs(random_normal_quantile(known[i][0]) - known[i][1]) <= 2e-15 * fabs(known[i][1]));
}

/* ---- elements that no version may change ---- */

static Type weight_type(void)
{
    static const int64_t dims[] = {3, 3, 2, 4};
    return type_tensor(F32, 4, dims);
}

static const struct Fixed {
    Init init;
    float elements[2];
} fixed[] = {
    {{INIT_ZEROS, {0, 0}}, {0, 0}},
    {{INIT_ONES, {0, 0}}, {1, 1}},
    {{INIT_CONSTANT, {0.25, 0}}, {0.25F, 0.25F}},
    {{INIT_UNIFORM, {-1, 1}}, {-0x1.68c516p-3F, 0x1.bbecb8p-1F}},
    {{INIT_NORMAL, {0, 0.02}}, {-0x1.23c5e4p-8F, 0x1.ec5994p-6F}},
    {{INIT_TRUNCATED_NORMAL, {0, 1}}, {-0x1.b2d466p-3F, 0x1.5d4fe4p+0F}},
    {{INIT_XAVIER_NORMAL, {1, 0}}, {-0x1.5ef2c8p-5F, 0x1.281a3ap-2F}},
    {{INIT_HE_UNIFORM, {0, 0}}, {-0x1.a094c6p-4F, 0x1.004cdp-1F}},
};

static void elements_follow_from_seed_name_and_index(void **state)
{
    Type type = weight_type();
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        const Tensor *drawn = init_draw(*state, &type, &fixed[i].init, 7, "a.weight");
        for (int k = 0; k < 2; k++)
            if (tensor_real(drawn, k) != (double)fixed[i].elements[k])
                fail_msg("%s: element %d is %a, expected %a", init_text(*state, &fixed[i].init), k,
                         tensor_real(drawn, k), (double)fixed[i].elements[k]);
    }
}

static void other_seeds_and_names_draw_others(void **state)
{
    Type type = weight_type();
    const Init normal = init_of(INIT_NORMAL);
    const Tensor *one = init_draw(*state, &type, &normal, 7, "a.weight");
    assert_true(tensor_identical(one, init_draw(*state, &type, &normal, 7, "a.weight")));
    assert_false(tensor_identical(one, init_draw(*state, &type, &normal, 8, "a.weight")));
    assert_false(tensor_identical(one, init_draw(*state, &type, &normal, 7, "b.weight")));
}

static void nothing_is_drawn_without_elements(void **state)
{
    static const int64_t dims[] = {4, 0};
    Type type = type_tensor(F32, 2, dims);
    for (int kind = 0; kind < INIT_COUNT; kind++) {
        const Init init = init_of((InitKind)kind);
        assert_int_equal(type_elements(&init_draw(*state, &type, &init, 1, "a.weight")->type), 0);
    }
}

/* ---- laws ---- */

typedef struct Moments {
    double mean, std, least, most;
} Moments;

static Moments moments_of(const Tensor *tensor)
{
    Moments m = {.least = INFINITY, .most = -INFINITY};
    int64_t count = type_elements(&tensor->type);
    for (int64_t i = 0; i < count; i++) {
        double x = tensor_real(tensor, i);
        m.mean += x / (double)count;
        m.std += x * x / (double)count;
        m.least = fmin(m.least, x);
        m.most = fmax(m.most, x);
    }
    m.std = sqrt(m.std - m.mean * m.mean);
    return m;
}

/* Of f32[2, 4, 50, 100]: fan_in 400, fan_out 800. */
static const struct LawRow {
    Init init;
    double mean, std, reach; /* reach 0: without bound */
} laws[] = {
    {{INIT_UNIFORM, {2, 4}}, 3, 0.57735, 1},
    {{INIT_NORMAL, {1, 0.5}}, 1, 0.5, 0},
    {{INIT_TRUNCATED_NORMAL, {1, 0.5}}, 1, 0.43984, 1},
    {{INIT_XAVIER_UNIFORM, {2, 0}}, 0, 0.08165, 0.141421},
    {{INIT_XAVIER_NORMAL, {1, 0}}, 0, 0.040825, 0},
    {{INIT_HE_UNIFORM, {0, 0}}, 0, 0.070711, 0.122474},
    {{INIT_HE_NORMAL, {0, 0}}, 0, 0.070711, 0},
    {{INIT_HE_NORMAL, {0, 1}}, 0, 0.05, 0},
    {{INIT_HE_NORMAL, {1, 0}}, 0, 0.05, 0},
    {{INIT_LECUN_NORMAL, {0, 0}}, 0, 0.05, 0},
    {{INIT_USUAL, {0, 0}}, 0, 0.070711, 0.122474},
};

static void elements_have_mean_and_std_of_their_law(void **state)
{
    static const int64_t dims[] = {2, 4, 50, 100};
    Type type = type_tensor(F64, 4, dims);
    for (size_t i = 0; i < sizeof laws / sizeof *laws; i++) {
        const struct LawRow *law = &laws[i];
        Moments m = moments_of(init_draw(*state, &type, &law->init, 1, "w"));
        if (fabs(m.mean - law->mean) > 0.02 * law->std || fabs(m.std / law->std - 1) > 0.02)
            fail_msg("%s: mean %g, std %g", init_text(*state, &law->init), m.mean, m.std);
        if (law->reach == 0) continue;
        assert_true(m.least >= law->mean - law->reach && m.most <= law->mean + law->reach);
        assert_true(m.most - m.least > 1.99 * law->reach);
    }
}

/* The fewer of rows and columns are orthonormal, times the gain. */
static void matrices_are_orthogonal(void **state)
{
    static const int64_t shapes[][3] = {{2, 3, 4}, {2, 2, 9}, {5, 1, 5}};
    const Init init = {INIT_ORTHOGONAL, {3, 0}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        Type type = type_tensor(F64, 3, shapes[s]);
        const Tensor *t = init_draw(*state, &type, &init, 4, "r");
        int64_t columns = shapes[s][2], rows = shapes[s][0] * shapes[s][1];
        bool wide = rows < columns;
        int64_t count = wide ? rows : columns, length = wide ? columns : rows;
        for (int64_t a = 0; a < count * count; a++) {
            int64_t j = a / count, k = a % count;
            double sum = 0;
            for (int64_t i = 0; i < length; i++)
                sum += wide ? tensor_real(t, j * columns + i) * tensor_real(t, k * columns + i)
                            : tensor_real(t, i * columns + j) * tensor_real(t, i * columns + k);
            assert_true(fabs(sum - (j == k ? 9 : 0)) < 1e-13);
        }
    }
}

static void text_says_what_is_no_default(void **state)
{
    static const struct {
        Init init;
        const char *text;
    } rows[] = {{{INIT_ZEROS, {0, 0}}, "zeros"},
                {{INIT_NORMAL, {0, 0.05}}, "normal"},
                {{INIT_NORMAL, {0.5, 0.1}}, "normal(mean: 0.5, std: 0.1)"},
                {{INIT_HE_NORMAL, {0, 1}}, "he_normal(fan_out: yes)"},
                {{INIT_CONSTANT, {-0.0, 0}}, "constant(value: -0.0)"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(init_text(*state, &rows[i].init), rows[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_the_published_ones),
        cmocka_unit_test(quantiles_are_exact_to_the_fifteenth_digit),
        cmocka_unit_test_setup_teardown(elements_follow_from_seed_name_and_index, setup, teardown),
        cmocka_unit_test_setup_teardown(other_seeds_and_names_draw_others, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_drawn_without_elements, setup, teardown),
        cmocka_unit_test_setup_teardown(elements_have_mean_and_std_of_their_law, setup, teardown),
        cmocka_unit_test_setup_teardown(matrices_are_orthogonal, setup, teardown),
        cmocka_unit_test_setup_teardown(text_says_what_is_no_default, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
