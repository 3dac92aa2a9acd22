/* lepc eval as a user calls it: a model that hands its input on, so that the rows say what it answers. */
#include "tests/support/command.h"
#include "tests/support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const char model[] = "lep 1\n"
                            "\n"
                            "model echo {\n"
                            "  dim N = 1\n"
                            "  input x: f32[N, 6]\n"
                            "  output y = x * 2.0 labels: \"names.txt\"\n"
                            "}\n";

/* Rows that answer these classes, in raw numbers. */
static void write_rows(const char *path, const int *classes, int count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < 6; k++) {
            float value = k == classes[i] ? 1.0f : 0.1f * (float)k;
            assert_int_equal(fwrite(&value, sizeof value, 1, file), 1);
        }
    assert_int_equal(fclose(file), 0);
}

/* Right: a a a b b c.  Said: a a b b c c.  The class of row 1, put at the end of a row that is sixth best, misses five.
 */
static void counts_rows_and_classes(void **state)
{
    static const int said[] = {0, 0, 1, 1, 2, 2};
    write_rows("rows.raw", said, 6);
    write_text("right.txt", "a\na\na\nb\n1\nc\n");
    Said all = LEPC("eval", "echo.lep", "--data=rows.raw", "--labels=right.txt", "-q",
                    "--metric=accuracy,precision,recall,f1,top5", "--per-class");
    succeeds(all);
    /* right: a b c; of three a's two, of two b's one, of one c one */
    contains(all.out, "6 rows of 1 files\naccuracy     66.67 %\n");
    contains(all.out, "precision    66.67 %\n"); /* 2/2, 1/2, 1/2 */
    contains(all.out, "recall       72.22 %\n"); /* 2/3, 1/2, 1/1 */
    contains(all.out, "f1           65.56 %\n"); /* 4/5, 2/4, 2/3 */
    contains(all.out, "top5         83.33 %\n"); /* an a beside 1.0 at b is the last of six */
    contains(all.out, "a                           3    100.00%   66.67%   80.00%  b");
    /* the last rows of a batch that is not full */
    Said four = LEPC("eval", "echo.lep", "--data=rows.raw", "--labels=right.txt", "-q", "--dim=N=4");
    assert_string_equal(four.out, "6 rows of 1 files\naccuracy     66.67 %\n");
}

static void reads_a_folder_a_class(void **state)
{
    static const int said[] = {0, 0, 3};
    mkdir("tree", 0700);
    mkdir("tree/a", 0700);
    mkdir("tree/3", 0700);
    write_rows("tree/a/one.raw", said, 2);
    write_rows("tree/a/two.raw", said + 2, 1);
    write_rows("tree/3/one.raw", said + 2, 1);
    assert_string_equal(LEPC("eval", "echo.lep", "--data=tree", "-q").out, "4 rows of 3 files\naccuracy     75.00 %\n");
}

static void says_what_does_not_fit(void **state)
{
    static const int said[] = {0};
    write_rows("one.raw", said, 1);
    write_text("two.txt", "a\na\n");
    mkdir("odd", 0700);
    mkdir("odd/zebra", 0700);
    mkdir("void", 0700);
    write_text("whole.lep", "lep 1\nmodel whole {\n  input x: f32[4]\n  output y = x + 1.0\n}\n");
    fails(LEPC("eval", "echo.lep"), 2, "expected --data");
    fails(LEPC("eval", "echo.lep", "--data=one.raw"), 2, "expected --labels");
    fails(LEPC("eval", "echo.lep", "--data=odd", "--labels=two.txt"), 2, "own folders are its labels");
    fails(LEPC("eval", "echo.lep", "--data=one.raw", "--labels=two.txt"), 1, "holds 2 answers for 1 rows");
    fails(LEPC("eval", "echo.lep", "--data=odd"), 1, "'zebra' is no class of 'y'");
    fails(LEPC("eval", "echo.lep", "--data=void"), 1, "holds no data");
    fails(LEPC("eval", "echo.lep", "--data=one.raw", "--labels=two.txt", "--metric=acuracy"), 2,
          "did you mean accuracy");
    fails(LEPC("eval", "whole.lep", "--data=void"), 2, "cannot be judged as a classifier");
}

static int enter_folder(void **state)
{
    if (folder_enter(state, "evaluate")) return -1;
    write_text("echo.lep", model);
    write_text("names.txt", "a\nb\nc\nd\ne\nf\n");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_rows_and_classes),
        cmocka_unit_test(reads_a_folder_a_class),
        cmocka_unit_test(says_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, enter_folder, folder_leave);
}
