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

static Said build_with(const char *limit)
{
    char text[400];
    snprintf(text, sizeof text, "lep 1\ndeploy d {\n  target: \"nucleo-h743zi\"\n  limit: %s\n}\n", limit);
    write_text("region.lep", text);
    return LEPC("small.lep", "--deploy=region.lep:d", "-q", "-o", "r.o");
}

static void limits_are_of_regions(void **state)
{
    (void)state;
    succeeds(build_with("arena: 4KiB on \"dtcm\" stack: 2KiB on \"dtcm\" flash: 1MiB on \"flash\""));
    Said said = build_with("ram: 64KiB on \"sram\" arena: 64B on \"dtcm\" code: 64KiB on \"itcm\"");
    fails(said, 4, "region.lep:4:31: error[E0703]: arena on \"dtcm\": ");
    contains(said.err, " bytes: what the caller hands in; ");
    contains(said.err, " of a limit of 64 on dtcm, ");
    contains(said.err, " bytes of 131072\n");
    contains(said.err, " of a limit of 65536 on itcm\n");
    contains(said.err, "\nlayer ");
    succeeds(LEPC("report", "size", "small.lep", "--deploy=region.lep:d", "--limit-ram=1MiB", "--deploy=eight"));
    fails(build_with("ram: 256KiB on \"dtcm\""), 1, "262144 bytes are more than \"dtcm\" has, 131072");
    fails(build_with("arena: 1KiB on \"flash\""), 1, "arena cannot lie in \"flash\"");
    fails(build_with("ram: 1KiB on \"dtmc\""), 1, "it has \"flash\", \"itcm\", \"dtcm\", \"sram\"");
    fails(LEPC("small.lep", "--deploy=region.lep:d", "--target=cortex-m7", "-o", "r.o"), 1,
          "cortex-m7 has no memory region \"dtmc\"");
}

static void other_memories_are_refused(void **state)
{
    (void)state;
    write_text("region.lep", "lep 1\ndeploy d {\n  limit: accuracy_drop: 1pt on \"dtcm\" data: \"x.raw\"\n}\n");
    fails(LEPC("small.lep", "--deploy=region.lep:d", "-o", "r.o"), 1, "accuracy_drop lies in no memory region");
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
        cmocka_unit_test(the_reference_runs_what_is_compiled), cmocka_unit_test(the_report_of_memory_knows_limits),
        cmocka_unit_test(limits_do_not_change_code),           cmocka_unit_test(limits_are_of_regions),
        cmocka_unit_test(other_memories_are_refused),
    };
    return cmocka_run_group_tests(tests, enter_folder, folder_leave);
}
