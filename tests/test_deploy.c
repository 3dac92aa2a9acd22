/* What a deploy block asks for, from the command line: which graph the reference runs, and limits. */
#include "tests/support/command.h"
#include "tests/support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char model[] = "lep 1\n"
                            "\n"
                            "model small {\n"
                            "  weights seed: 1\n"
                            "  input x: u8[1, 6, 6, 1]\n"
                            "  preprocess f = f32(x) / 255.0\n"
                            "  c = conv2d(f, out: 16, kernel: 3) |> relu\n"
                            "  output y = dense(flatten(c), out: 32)\n"
                            "}\n"
                            "\n"
                            "deploy eight {\n"
                            "  quantize: all to: int8\n"
                            "  calibrate: \"x.raw\"\n"
                            "}\n"
                            "\n"
                            "deploy thin {\n"
                            "  prune: c sparsity: 50% block: 1x16\n"
                            "}\n"
                            "\n"
                            "deploy tight {\n"
                            "  limit: ram: 64B flash: 1MiB\n"
                            "}\n";

/* Of the same flags the bits of the reference are those of strict code, with fma where floats are summed. */
static void check_policy(char *deploy, char *cpu)
{
    succeeds(LEPC("run", "small.lep", deploy, "--reference", "--fp=strict", cpu, "--output=y=want.npy", "x.raw"));
    succeeds(LEPC("run", "small.lep", deploy, "--fp=strict", cpu, "--output=y=native.npy", "x.raw"));
    assert_true(same_files("want.npy", "native.npy"));
    assert_false(same_files("want.npy", "plain.npy"));
}

static void the_reference_runs_what_is_compiled(void **state)
{
    (void)state;
    succeeds(LEPC("run", "small.lep", "--reference", "--output=y=plain.npy", "x.raw"));
    check_policy("--deploy=eight", "--cpu=x86-64");
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        check_policy("--deploy=thin", "--cpu=x86-64-v3");
}

static void the_report_of_memory_knows_limits(void **state)
{
    (void)state;
    Said said = LEPC("report", "memory", "small.lep", "--deploy=tight");
    fails(said, 4, "RAM: ");
    contains(said.out, " of a limit of 64, ");
    contains(said.out, " too many\n");
    contains(said.out, " of a limit of 1048576\n");
    contains(said.out, "\nbuffer ");
    assert_null(strstr(said.err, "layer ")); /* the table is not printed twice */
    said = LEPC("report", "memory", "small.lep");
    succeeds(said);
    assert_null(strstr(said.out, "limit"));
    fails(LEPC("report", "sparsity", "small.lep", "--limit-flash=1B"), 0, "");
    said = LEPC("check", "small.lep", "--deploy=tight");
    fails(said, 4, "RAM: ");
    contains(said.err, " of a limit of 64, ");
}

/* With limits the object is the one that is written without. */
static void limits_do_not_change_code(void **state)
{
    (void)state;
    succeeds(LEPC("small.lep", "-o", "free.o"));
    succeeds(LEPC("small.lep", "--limit-flash=1MiB", "-o", "limited.o"));
    assert_true(same_files("free.o", "limited.o"));
    succeeds(LEPC("small.lep", "--weights=external", "-o", "a/b.o"));
    succeeds(LEPC("small.lep", "--weights=external", "--limit-flash=1MiB", "-o", "c/b.o"));
    assert_true(same_files("a/b.o", "c/b.o"));
}

static void other_memories_are_refused(void **state)
{
    (void)state;
    write_text("region.lep", "lep 1\ndeploy d {\n  limit: ram: 64KiB on \"dtcm\"\n}\n");
    fails(LEPC("small.lep", "--deploy=region.lep:d", "-o", "r.o"), 1, "limits of one memory region, on \"dtcm\"");
    write_text("region.lep", "lep 1\ndeploy d {\n  limit: sram: 64KiB\n}\n");
    fails(LEPC("small.lep", "--deploy=region.lep:d", "-o", "r.o"), 1, "limit knows no 'sram'");
}

static int enter_folder(void **state)
{
    if (!getenv("LEPC")) return -1;
    if (folder_enter(state, "deploy")) return -1;
    write_text("small.lep", model);
    FILE *data = fopen("x.raw", "wb");
    for (int i = 0; data && i < 4 * 36; i++) fputc(i * 89 % 251, data);
    return !data || fclose(data) || system("mkdir a c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_runs_what_is_compiled),
        cmocka_unit_test(the_report_of_memory_knows_limits),
        cmocka_unit_test(limits_do_not_change_code),
        cmocka_unit_test(other_memories_are_refused),
    };
    return cmocka_run_group_tests(tests, enter_folder, folder_leave);
}
