/* Diagnostics: what a user sees, in the order of the text. */
#include "ir/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *printed(const Diag *diag)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    diag_print(diag, out, false);
    fclose(out);
    char *copy = arena_copy_string(diag->arena, text);
    free(text);
    return copy;
}

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

static void a_caret_points_at_the_word(void **state)
{
    static const char text[] = "lep 1\nx = rleu(y)\n";
    Source source = {"m.lep", text, sizeof text - 1};
    Diag diag = diag_new(*state);
    assert_false(diag_error(&diag, E0203, (Span){&source, 2, 5, 4, NULL}, "unknown operator `%s`", "rleu"));
    diag_help(&diag, "did you mean `%s`?", "relu");
    assert_string_equal(printed(&diag), "m.lep:2:5: error[E0203]: unknown operator `rleu`\n"
                                        "  x = rleu(y)\n"
                                        "      ^~~~\n"
                                        "  help: did you mean `relu`?\n");
}

static void they_come_in_the_order_of_the_text_with_their_notes(void **state)
{
    static const char text[] = "a\nb\nc\n";
    Source source = {"m", text, sizeof text - 1};
    Diag diag = diag_new(*state);
    diag_error(&diag, E0201, (Span){&source, 3, 1, 1, NULL}, "third");
    diag_note(&diag, (Span){&source, 1, 1, 1, NULL}, "note of third");
    diag_warning(&diag, E0606, (Span){&source, 2, 1, 1, NULL}, "second");
    const char *out = printed(&diag);
    const char *second = strstr(out, "second"), *third = strstr(out, "error[E0201]: third");
    const char *note = strstr(out, "note of third");
    assert_true(second && third && note);
    assert_true(second < third && third < note);
    assert_int_equal(diag.errors, 1);
    assert_int_equal(diag.warnings, 1);
}

static void hostile_text_and_places_do_no_harm(void **state)
{
    static const char text[] = "\033[2J\x7f\n";
    Source source = {"m", text, sizeof text - 1};
    Diag diag = diag_new(*state);
    diag_error(&diag, E0102, (Span){&source, 1, 1, 1000000, NULL}, "control");
    diag_error(&diag, E0102, (Span){&source, 99, 1, 1, NULL}, "behind the end");
    diag_error(&diag, E0102, (Span){&source, 1, 2000000000, 1, NULL}, "far right");
    const char *out = printed(&diag);
    assert_null(strchr(out, '\033'));
    assert_non_null(strstr(out, "behind the end"));
    assert_true(strlen(out) < 1000);
}

static void too_many_are_counted(void **state)
{
    Diag diag = diag_new(*state);
    for (int i = 0; i < DIAG_LIMIT + 5; i++) {
        diag_error(&diag, E0201, (Span){.name = "here"}, "error %d", i);
        diag_help(&diag, "help %d", i);
    }
    const char *out = printed(&diag);
    assert_non_null(strstr(out, "error 99\n  help: help 99\n"));
    assert_null(strstr(out, "error 100"));
    assert_non_null(strstr(out, "and 5 more errors"));
}

static void the_nearest_word_is_near(void **state)
{
    static const char *const names[] = {"relu", "conv2d", "max_pool", "softmax"};
    assert_string_equal(diag_nearest("rleu", names, 4), "relu");
    assert_string_equal(diag_nearest("conv2", names, 4), "conv2d");
    assert_string_equal(diag_nearest("maxpool", names, 4), "max_pool");
    assert_null(diag_nearest("attention", names, 4));
    assert_null(diag_nearest("", names, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_caret_points_at_the_word, setup, teardown),
        cmocka_unit_test_setup_teardown(they_come_in_the_order_of_the_text_with_their_notes, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_text_and_places_do_no_harm, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(the_nearest_word_is_near, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
