/* What is tried first with the command line: files beside the model, raw weights and written schedules; short names. */
#include "tests/support/command.h"
#include "tests/support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char small_model[] = "lep 1\n"
                                  "\n"
                                  "model small \"two layers\" {\n"
                                  "  dim N = 1\n"
                                  "  weights seed: 1\n"
                                  "  input x: u8[N, 6, 6, 1]\n"
                                  "  preprocess f = f32(x) / 255.0\n"
                                  "  c = conv2d(f, out: 4, kernel: 3) |> relu |> max_pool(size: 2)\n"
                                  "  d = dense(flatten(c), out: 3)\n"
                                  "  output y = softmax(d)\n"
                                  "}\n";

/* y = x W + b of x = [1, 1]. */
static void raw_model(const char *file, const char *layout)
{
    char text[300];
    snprintf(text, sizeof text,
             "lep 1\nmodel m {\n  weights \"%s\" layout: %s\n  input x: f32[1, 2]\n"
             "  output y = dense(x, out: 2)\n}\n",
             file, layout);
    write_text("raw.lep", text);
}

static void reads_raw_weights(void **state)
{
    static const float numbers[] = {1, 2, 3, 4, 10, 20, 1, 1};
    FILE *file = fopen("w.bin", "wb"), *x = fopen("x.raw", "wb"), *more = fopen("more.bin", "wb");
    fwrite(numbers, 4, 6, file);
    fwrite(numbers + 6, 4, 2, x);
    fwrite(numbers, 4, 7, more);
    assert_int_equal(fclose(file) | fclose(x) | fclose(more), 0);
    raw_model("w.bin", "keras");
    contains(LEPC("run", "raw.lep", "--json", "x.raw").out, "14,26");
    succeeds(LEPC("raw.lep", "-q", "-o", "read.o"));
    succeeds(LEPC("dump", "raw.lep", "-q", "--after=expand", "-o", "raw_dump.lep"));
    contains(LEPC("dump", "raw.lep", "-q", "--after=expand").out, "raw: \"w.bin\", offset: 16");
    succeeds(LEPC("raw_dump.lep", "-q", "-o", "again.o"));
    assert_true(same_files("read.o", "again.o"));
    raw_model("w.bin", "pytorch");
    contains(LEPC("run", "raw.lep", "--json", "x.raw").out, "13,27");
    raw_model("x.raw", "lep");
    fails(LEPC("check", "raw.lep"), 1, "needs 16 bytes from byte 0 of 'x.raw' on, which has 8");
    raw_model("more.bin", "lep");
    fails(LEPC("check", "raw.lep"), 1, "'more.bin' has 28 bytes, but the model's parameters take 24");
    raw_model("none.bin", "lep");
    fails(LEPC("check", "raw.lep"), 1, "raw.lep:3:11: error[E0501]");
}

static void obeys_schedules(void **state)
{
    succeeds(LEPC("small.lep", "--run-threads=2", "-o", "chosen.o"));
    succeeds(LEPC("dump", "small.lep", "--run-threads=2", "-o", "schedules.lep"));
    succeeds(LEPC("small.lep", "--run-threads=2", "--schedule=schedules.lep", "-o", "obeyed.o"));
    assert_true(same_files("chosen.o", "obeyed.o"));
    contains(LEPC("dump", "small.lep", "--schedule=schedules.lep").out, "fixed: yes");
    fails(LEPC("schedules.lep", "--schedule=schedules.lep", "-o", "x.o"), 1, "are chosen already");
    fails(LEPC("small.lep", "--schedule=small.lep", "-o", "x.o"), 1, "no group with a @schedule");
    fails(LEPC("small.lep", "--schedule=none.lep", "-o", "x.o"), 1, "E0501");
    write_text("wrong.lep", "lep 1\nmodel m {\n  group d @schedule(lanes: 7) {}\n}\n");
    fails(LEPC("small.lep", "--schedule=wrong.lep", "-o", "x.o"), 1, "wrong.lep:3:11: error[E0609]");
    FILE *left = fopen("x.o", "rb");
    assert_null(left);
}

/* What people try first. */
static void takes_what_is_meant(void **state)
{
    FILE *file = fopen("nan.raw", "wb");
    assert_int_equal(fwrite("\0\0\300\377", 1, 4, file), 4); /* with its sign */
    fclose(file);
    write_text("same.lep", "lep 1\nmodel same {\n  input x: f32[1]\n  output y = x * 1.0\n}\n");
    Said said = LEPC("run", "same.lep", "nan.raw");
    contains(said.out, " nan\n");
    assert_null(strstr(said.out, "-nan"));
    contains(LEPC("help", "report").out, "Usage: lepc report KIND");
    contains(LEPC("help").out, "Usage: lepc [COMMAND]");
    contains(LEPC("explain", "e0101").out, "E0101: ");
    contains(LEPC("explain", "0101").out, "E0101: ");
    fails(LEPC("report"), 2, "lepc report KIND[,KIND]... MODEL");
    fails(LEPC("eval", "small.lep", "--data=none"), 1, "none: error[E0501]");
    succeeds(LEPC("small.lep", "--target=aarch64", "-q", "-o", "arch.o"));
    succeeds(LEPC("small.lep", "--target=aarch64-unknown-linux-gnu", "-q", "-o", "triple.o"));
    assert_true(same_files("arch.o", "triple.o"));
    contains(LEPC("--help").out, "json or html");
    fails(LEPC("small.lep", "--emit=json,html", "-q", "-o", "nowhere/"), 74, "make its folder first");
}

static int enter_folder(void **state)
{
    if (!getenv("LEPC") || folder_enter(state, "files")) return -1;
    write_text("small.lep", small_model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_raw_weights),
        cmocka_unit_test(obeys_schedules),
        cmocka_unit_test(takes_what_is_meant),
    };
    return cmocka_run_group_tests(tests, enter_folder, folder_leave);
}
