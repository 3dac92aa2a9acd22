/* Attributes: defaults, equality, hash and text all come from the rows. */
#include "ir/attr.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct Sample {
    int64_t count;
    double rate;
    bool keep;
    int mode, to;
    const char *file;
    IntList kernel, axes;
    RealList scale;
    Pad pad;
} Sample;

static const char *const modes[] = {"direct", "strip", NULL};
static const char *const pads[] = {"valid", "same", NULL};
static const AttrTable table =
    ATTRS(Sample, ATTR(Sample, count, .kind = ATTR_INT, .flags = ATTR_REQUIRED),
          ATTR(Sample, rate, .kind = ATTR_FLOAT, .fallback = 0.5), ATTR(Sample, keep, .kind = ATTR_BOOL, .fallback = 1),
          ATTR(Sample, mode, .kind = ATTR_ENUM, .words = modes), ATTR(Sample, to, .kind = ATTR_DTYPE),
          ATTR(Sample, file, .kind = ATTR_STRING), ATTR(Sample, kernel, .kind = ATTR_INTS, .fixed = 2, .fallback = 1),
          ATTR(Sample, axes, .kind = ATTR_INTS), ATTR(Sample, scale, .kind = ATTR_REALS),
          ATTR(Sample, pad, .kind = ATTR_PAD, .words = pads));

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

static Sample defaults(int filling)
{
    Sample sample;
    memset(&sample, filling, sizeof sample); /* the bytes between fields must not matter */
    attr_set_defaults(&table, &sample);
    return sample;
}

static void defaults_print_as_nothing_but_what_is_required(void **state)
{
    Sample sample = defaults(0xa5);
    assert_string_equal(attrs_text(*state, &table, &sample), ", count: 0");
    assert_int_equal(sample.kernel.count, 2);
    assert_int_equal(sample.to, DTYPE_COUNT);
    assert_null(sample.file);
}

static void values_print_as_the_language_writes_them(void **state)
{
    Sample sample = {.count = -3,
                     .rate = 0.1,
                     .mode = 1,
                     .to = BF16,
                     .file = "a \"b\"\n\\",
                     .kernel = {2, {3, 3}},
                     .axes = {3, {0, -1, 2}},
                     .scale = {2, {0.1, -2}},
                     .pad = {.mode = PAD_EXPLICIT, .sizes = {4, {1, 0, 1, 0}}}};
    assert_string_equal(attrs_text(*state, &table, &sample),
                        ", count: -3, rate: 0.1, keep: no, mode: strip, to: bf16, file: \"a \\\"b\\\"\\n\\\\\", "
                        "kernel: 3, axes: [0, -1, 2], scale: [0.1, -2.0], pad: [1, 0, 1, 0]");
    sample.kernel.at[1] = 5;
    assert_string_equal(attr_text(*state, attr_find(&table, "kernel"), &sample), "[3, 5]");
    sample.pad.mode = PAD_SAME;
    assert_string_equal(attr_text(*state, attr_find(&table, "pad"), &sample), "same");
}

/* Each field in turn: a change of it changes equality and hash, garbage between and behind fields does not. */
static void every_field_counts_and_nothing_else(void **state)
{
    Sample one = defaults(0), other = defaults(0xff);
    assert_true(attrs_equal(&table, &one, &other));
    assert_int_equal(attrs_hash(&table, &one), attrs_hash(&table, &other));
    Sample changed[10];
    for (int i = 0; i < 10; i++) changed[i] = one;
    changed[0].count = 1;
    changed[1].rate = -0.5;
    changed[2].keep = false;
    changed[3].mode = 1;
    changed[4].to = F32;
    changed[5].file = "";
    changed[6].kernel.at[1] = 2;
    changed[7].axes = (IntList){1, {0}};
    changed[8].scale = (RealList){1, {0}};
    changed[9].pad.sizes = (IntList){1, {0}};
    for (int i = 0; i < 10; i++) {
        assert_false(attrs_equal(&table, &one, &changed[i]));
        assert_int_not_equal(attrs_hash(&table, &one), attrs_hash(&table, &changed[i]));
        if (i) assert_false(attr_is_default(&table.rows[i], &changed[i]));
    }
}

static void zeros_and_nans_are_told_apart_by_bits(void **state)
{
    Sample plus = defaults(0), minus = defaults(0);
    plus.rate = 0.0;
    minus.rate = -0.0;
    assert_false(attrs_equal(&table, &plus, &minus));
    plus.rate = minus.rate = (double)NAN;
    assert_true(attrs_equal(&table, &plus, &minus));
    Sample a = defaults(0), b = defaults(0);
    a.file = arena_copy_string(*state, "same");
    b.file = arena_copy_string(*state, "same");
    assert_true(attrs_equal(&table, &a, &b));
    assert_int_equal(attrs_hash(&table, &a), attrs_hash(&table, &b));
}

static void floats_read_back_to_the_same_bits(void **state)
{
    static const double values[] = {0.0,    -0.0,    1.0,     255.0, 0.1,       1e22,           1e23,
                                    5e-324, 1.7e308, 1.0 / 3, 1e-5,  123456789, 0x1.fffffep127, 2.5e-45};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const char *text = number_text(*state, values[i], false);
        double again = strtod(text, NULL);
        assert_memory_equal(&again, &values[i], sizeof again);
        assert_non_null(strpbrk(text, ".e"));
        float narrow = (float)values[i], back = strtof(number_text(*state, (double)narrow, true), NULL);
        assert_memory_equal(&narrow, &back, sizeof back);
    }
    assert_string_equal(number_text(*state, 255, false), "255.0");
    assert_string_equal(number_text(*state, -23660, false), "-23660.0");
    assert_string_equal(number_text(*state, 1e15, false), "1e+15");
    assert_string_equal(number_text(*state, (double)0.1f, true), "0.1");
    assert_string_equal(number_text(*state, -HUGE_VAL, false), "-inf");
    assert_string_equal(number_text(*state, (double)NAN, false), "nan");
}

static void strings_are_quoted(void **state)
{
    assert_string_equal(string_text(*state, ""), "\"\"");
    assert_string_equal(string_text(*state, "\t\r\x01\x7f"), "\"\\t\\r\\x01\\x7f\"");
    assert_string_equal(string_text(*state, "größe"), "\"größe\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults_print_as_nothing_but_what_is_required, setup, teardown),
        cmocka_unit_test_setup_teardown(values_print_as_the_language_writes_them, setup, teardown),
        cmocka_unit_test_setup_teardown(every_field_counts_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(zeros_and_nans_are_told_apart_by_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(floats_read_back_to_the_same_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(strings_are_quoted, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
