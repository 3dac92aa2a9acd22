/* lepc as a user calls it: $LEPC, in a folder of its own. */
#include "tests/support/command.h"
#include "tests/support/setting.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* A model without a weight file: its parameters are drawn from their names. */
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

/* How many files of the folder begin so: what was left behind. */
static int count_files(const char *start_of_name)
{
    char command[128], text[32];
    snprintf(command, sizeof command, "ls -A | grep -c '^%s' > count.txt", start_of_name);
    int status = system(command);
    assert_true(status != -1);
    slurp("count.txt", text, sizeof text);
    return atoi(text);
}

static void lists_what_there_is(void **state)
{
    contains(LEPC("--version").out, "LLVM 19");
    contains(LEPC("--help").out, "lepc run MODEL");
    contains(LEPC("compare", "--help").out, "layer by layer");
    Said said = LEPC("ops", "conv2d");
    contains(said.out, "dilation");
    contains(LEPC("ops", "--markdown").out, "### softmax\n");
    contains(LEPC("passes").out, "fuse");
    contains(LEPC("targets").out, "x86-64-v3");
    fails(LEPC("ops", "conv2"), 1, "did you mean 'conv2d'?");
    contains(LEPC("explain", "E0506").out, "weights seed: 1 for drawn ones");
    contains(LEPC("explain").out, "E0904  LLVM refused the module\n");
    fails(LEPC("explain", "E9999"), 2, "there is no error 'E9999'");
}

/* One object a line, for editors. */
static void tells_programs_what_is_wrong(void **state)
{
    assert_int_equal(system("sed 's/relu/reul/' small.lep > wrong.lep"), 0);
    fails(LEPC("check", "wrong.lep", "--diagnostics=json"), 1,
          "{\"severity\":\"error\",\"code\":\"E0203\",\"title\":\"unknown operator or block\",\"message\":\"");
    fails(LEPC("check", "wrong.lep", "--diagnostics=json"), 1,
          "\"file\":\"wrong.lep\",\"line\":8,\"column\":39,\"length\":4,\"help\":\"did you mean relu?\"}\n");
}

static void refuses_a_wrong_command_line(void **state)
{
    static char *const wrong[][5] = {{"biuld", "m.lep"},
                                     {"m.lep", "--taget=x"},
                                     {"m.lep", "-O7"},
                                     {"m.lep", "--dim", "N"},
                                     {"m.lep", "--dim", "N=-1"},
                                     {"m.lep", "--dim", "N=1", "--dim", "N=2"},
                                     {"m.lep", "--fp=sloppy"},
                                     {"m.lep", "--cpu="},
                                     {"m.lep", "--emit=objekt"},
                                     {"m.lep", "--verbose=yes"},
                                     {"m.lep", "-o"},
                                     {"build"},
                                     {"m.lep", "other.lep"},
                                     {"m.lep", "--json"},
                                     {"m.lep", "--report=flavour"},
                                     {"m.lep", "--emit=obj,asm", "-o", "x"},
                                     {"small.lep", "--emit="},
                                     {"small.lep", "--disable-pass=,"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char *argv[] = {getenv("LEPC"), wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3], wrong[i][4], NULL};
        fails(command_run(argv), 2, "E0801");
    }
    fails(LEPC("profil", "m.lep"), 2, "did you mean `lepc profile`?");
    fails(LEPC("biuld", "m.lep"), 2, "did you mean `lepc build`?");
    fails(LEPC("small.lep", "--taget=x"), 2, "did you mean --target?");
    fails(LEPC("small.lep", "--fp=exact"), 2, "--fp: expected fast or strict, found 'exact'");
    fails(LEPC("small.lep", "--disable-pass=sse"), 2, "did you mean 'cse'?");
    fails(LEPC("small.lep", "--disable-pass=fuse"), 2, "cannot be left out");
    fails(LEPC("small.lep", "--cpu=x86-64-v9", "-o", "x.o"), 1, "E0701");
    fails(LEPC("missing.lep"), 1, "E0501");
    write_text("edited.lep", "lep 1 stage core\nmodel edited {\n  input x: f32[1, 4]\n  y: f32[1, 5] = relu(x)\n"
                             "  group z {\n    z: f32[1, 4] = relu(x)\n    return z\n  }\n  output y = z\n}\n");
    fails(LEPC("check", "edited.lep"), 1, "");
    write_text("edited.lep", "lep 1 stage grouped\nmodel edited {\n  input x: f32[1, 4]\n  y: f32[1, 4] = relu(x)\n"
                             "  output z = y\n}\n");
    fails(LEPC("check", "edited.lep"), 1, "E0605");
    fails(LEPC("small.lep", "--emit=lep", "-o", "./small.lep"), 2, "the output is the model itself");
    fails(LEPC("dump", "small.lep", "-o", "./small.lep"), 2, "the output is the model itself");
    fails(LEPC("model.tflite"), 2, "E0801");
    fails(LEPC("missing.onnx"), 1, "E0501");
}

static void reads_text_with_a_byte_order_mark(void **state)
{
    char text[sizeof small_model + 3] = "\xef\xbb\xbf";
    strcat(text, small_model);
    write_text("marked.lep", text);
    Said said = LEPC("fmt", "marked.lep");
    assert_string_equal(said.out, small_model);
}

static void builds_a_binary_that_runs(void **state)
{
    char pixels[36];
    for (int i = 0; i < 36; i++) pixels[i] = (char)(7 * i);
    FILE *file = fopen("x.raw", "wb");
    fwrite(pixels, 1, sizeof pixels, file);
    fclose(file);
    Said said = LEPC("small.lep", "-o", "small");
    succeeds(said);
    contains(said.err, "--cpu=native");
    assert_string_equal(LEPC("-q", "build", "small.lep", "-o", "small").err, "");
    succeeds(RUN("./small", "--output", "y=binary.npy", "x.raw"));
    succeeds(LEPC("run", "small.lep", "--output", "y=run.npy", "--input", "x=x.raw"));
    assert_true(same_files("binary.npy", "run.npy"));
    contains(RUN("./small", "--json", "x.raw").out, "{\"input\":\"x.raw\",\"outputs\":{\"y\":{\"values\":[0.");
    contains(RUN("./small", "--info").out, "output     y: f32[1, 3]");
    said = LEPC("run", "small.lep", "--reference", "--json", "x.raw");
    succeeds(said);
    contains(said.out, "{\"input\":\"x.raw\",\"outputs\":{\"y\":{\"values\":[0.");
}

/* A binary is its weights and little more; a batch is run as one, and the last one need not be full. */
static void makes_small_binaries_of_any_batch(void **state)
{
    struct stat info;
    succeeds(LEPC("small.lep", "--dim", "N=2", "-Os", "-o", "small2"));
    assert_int_equal(stat("small2", &info), 0);
    assert_true(info.st_size < 150 * 1024);
    char pixels[3 * 36];
    for (int i = 0; i < 3 * 36; i++) pixels[i] = (char)(5 * i);
    FILE *file = fopen("three.raw", "wb");
    fwrite(pixels, 1, sizeof pixels, file);
    fclose(file);
    succeeds(LEPC("small.lep", "-o", "small"));
    succeeds(RUN("./small", "--output=y=one.npy", "three.raw"));
    succeeds(RUN("./small2", "--output=y=two.npy", "three.raw"));
    assert_true(same_files("one.npy", "two.npy"));
    fails(LEPC("small.lep", "--dim", "M=2", "-o", "small2"), 1, "the model has no such dim");
}

/* What fuse does not make, but an edited dump may hold: work behind a pooling in the group of its convolution. */
static const char grouped_model[] = "lep 1 stage grouped\n"
                                    "\n"
                                    "model grouped {\n"
                                    "  input x: f32[1, 6, 6, 4]\n"
                                    "  input r: f32[1, 3, 3, 8]\n"
                                    "  w: f32[3, 3, 4, 8] = param(seed: 1)\n"
                                    "  b: f32[8] = param(seed: 1)\n"
                                    "  group y {\n"
                                    "    c: f32[1, 6, 6, 8] = conv2d(x, w, b, pad: same)\n"
                                    "    m: f32[1, 3, 3, 8] = max_pool(c, size: 2)\n"
                                    "    y: f32[1, 3, 3, 8] = add(m, r)\n"
                                    "    return y\n"
                                    "  }\n"
                                    "  output y = y\n"
                                    "}\n";

static void agrees_behind_a_pooling(void **state)
{
    write_text("grouped.lep", grouped_model);
    contains(LEPC("compare", "grouped.lep").out, "all 2 layers are within the bound");
}

static void says_more_or_less(void **state)
{
    Said said = LEPC("-v", "small.lep", "-o", "loud");
    succeeds(said);
    contains(said.err, "lepc: code for x86-64, vectors of 128 bits");
    contains(said.err, " loud");
    contains(LEPC("small.lep", "--emit=obj", "-o", "note.o").err, "note: ");
    assert_string_equal(LEPC("-q", "small.lep", "--emit=obj", "-o", "note.o").err, "");
}

static void does_as_it_is_told_or_says_why_not(void **state)
{
    contains(LEPC("small.lep", "--emit=lep", "--passes=expand,fuse", "-o", "-").out, "lep 1 stage grouped");
    contains(LEPC("small.lep", "--emit=lep", "--passes=none", "-o", "-").out, "d: f32[1, 3] = dense(");
    fails(LEPC("small.lep", "--passes=expand,fuse", "-o", "early"), 1, "code needs a graph of stage planned");
    fails(LEPC("small.lep", "--stop-after=fuse", "-o", "early"), 2, "code needs all passes");
    fails(LEPC("report", "small.lep"), 2, "expected memory, size, time, fusion, quant or sparsity");
    fails(LEPC("report", "size,tmie", "small.lep"), 2, "did you mean time?");
    fails(LEPC("report", "size"), 2, "expected `lepc report KIND MODEL`");
    fails(LEPC("report", "quant", "small.lep"), 2, "nothing is to be quantised");
    fails(LEPC("report", "quant", "small.lep", "--quantize=all:int8"), 1, "needs calibration data");
    fails(LEPC("check", "."), 1, "cannot read '.': Is a directory");
    assert_int_equal(count_files("early"), 0);
}

/* The model is never written over, however its name is spelled. */
static void keeps_the_model(void **state)
{
    write_text("kept.lep", small_model);
    assert_int_equal(link("kept.lep", "also.lep"), 0);
    static const char *const names[] = {"kept.lep", "./kept.lep", "also.lep"};
    for (int i = 0; i < 3; i++)
        fails(LEPC("kept.lep", "--emit=lep", "-o", (char *)names[i]), 2, "the output is the model itself");
    fails(LEPC("dump", "kept.lep", "--after=fuse", "-o", "./kept.lep"), 2, "the output is the model itself");
    char text[sizeof small_model + 1];
    slurp("kept.lep", text, sizeof text);
    assert_string_equal(text, small_model);
}

static void wants_a_linker(void **state)
{
    write_text("linked", "old");
    fails(LEPC("small.lep", "--linker=./none", "-o", "linked"), 74, "no linker: './none' is not there");
    fails(LEPC("small.lep", "--linker=false", "-o", "linked"), 74, "'false' failed");
    char text[8];
    slurp("linked", text, sizeof text);
    assert_string_equal(text, "old");
    assert_int_equal(count_files("linked"), 1);
}

/* With strict arithmetic and fma the machine's bits are the reference's. */
static void agrees_with_the_reference(void **state)
{
    succeeds(LEPC("compare", "small.lep"));
    Said said = LEPC("compare", "small.lep", "--input=x=x.raw", "-O0");
    succeeds(said);
    contains(said.out, "within the bound");
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return;
    contains(LEPC("compare", "small.lep", "--fp=strict", "--cpu=x86-64-v3").out, "have the reference's bits");
    succeeds(LEPC("run", "small.lep", "--fp=strict", "--cpu=x86-64-v3", "--output=y=strict.npy", "x.raw"));
    succeeds(LEPC("run", "small.lep", "--reference", "--output=y=reference.npy", "x.raw"));
    assert_true(same_files("strict.npy", "reference.npy"));
}

static void makes_a_library_for_c(void **state)
{
    succeeds(LEPC("small.lep", "-o", "libsmall.a"));
    write_text("user.c", "#include \"small.h\"\n"
                         "#include <stdio.h>\n"
                         "int main(void)\n"
                         "{\n"
                         "    static _Alignas(SMALL_ARENA_ALIGN) unsigned char arena[SMALL_ARENA_BYTES + 1];\n"
                         "    unsigned char x[36] = {0};\n"
                         "    float y[3];\n"
                         "    int status = small_run(x, y, arena, NULL);\n"
                         "    printf(\"%d %.3f\\n\", status, (double)(y[0] + y[1] + y[2]));\n"
                         "    return 0;\n"
                         "}\n");
    succeeds(RUN("cc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "user.c", "-o", "user",
                 "-L.", "-lsmall"));
    assert_string_equal(RUN("./user").out, "0 1.000\n");
    succeeds(LEPC("small.lep", "-o", "libsmall.so"));
    succeeds(RUN("cc", "user.c", "-o", "user", "-L.", "-lsmall", "-Wl,-rpath,$ORIGIN"));
    assert_string_equal(RUN("./user").out, "0 1.000\n");
    contains(RUN("ldd", "user").out, "libsmall.so");
    Said seen = RUN("nm", "-D", "--defined-only", "libsmall.so");
    contains(seen.out, " T small_run");
    assert_null(strstr(seen.out, "step"));
    fails(LEPC("small.lep", "--target=cortex-m4", "-o", "libsmall.so"), 2, "no shared libraries for cortex-m4");
    write_text("user99.c", "#include \"small.h\"\nint nothing(void);\nint nothing(void) { return 0; }\n");
    succeeds(RUN("cc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-c", "user99.c"));
}

/* A dump of any stage goes on from there, and gives the object that the model itself gives. */
static void goes_on_from_a_dump(void **state)
{
    static char *const passes[] = {"expand", "simplify", "fuse", "schedule", "plan"};
    succeeds(LEPC("-q", "build", "small.lep", "-o", "whole.o"));
    for (size_t i = 0; i < sizeof passes / sizeof passes[0]; i++) {
        succeeds(LEPC("dump", "small.lep", "--origins", "--after", passes[i], "-o", "part.lep"));
        succeeds(LEPC("-q", "part.lep", "-o", "part.o"));
        assert_true(same_files("whole.o", "part.o"));
    }
    succeeds(LEPC("dump", "part.lep", "--origins", "-o", "again.lep"));
    assert_true(same_files("part.lep", "again.lep"));
}

static void writes_the_same_bytes_anywhere(void **state)
{
    succeeds(RUN("mkdir", "-p", "elsewhere/out"));
    succeeds(LEPC("small.lep", "--emit=obj,lib,asm,llvm,loops,lep,dot,header=one.h", "-o", "elsewhere/out"));
    succeeds(LEPC("small.lep", "-o", "one.o"));
    assert_true(same_files("one.o", "elsewhere/out/small.o"));
    assert_true(same_files("one.h", "elsewhere/out/small.h"));
    char text[65536];
    slurp("elsewhere/out/small.dot", text, sizeof text);
    contains(text, "digraph \"small\" {");
    slurp("elsewhere/out/small.lep", text, sizeof text);
    contains(text, "lep 1 stage planned");
    contains(LEPC("small.lep", "--emit=loops").out, "for ");
    contains(LEPC("small.lep", "--emit=lep", "--stop-after=expand").out, "stage core");
}

static void formats_and_checks(void **state)
{
    succeeds(LEPC("fmt", "small.lep", "-o", "once.lep"));
    succeeds(LEPC("fmt", "once.lep", "-o", "twice.lep"));
    assert_true(same_files("once.lep", "twice.lep"));
    Said said = LEPC("check", "small.lep");
    succeeds(said);
    contains(said.out, "parameters 91\n");
    contains(said.out, "MACs       624\n");
    succeeds(LEPC("report", "memory", "small.lep"));
    contains(LEPC("report", "fusion", "small.lep").out, " saved by fusion");
    write_text("rows.lep", "lep 1\nmodel rows {\n  input x: f32[64, 40]\n"
                           "  e = exp(x - reduce_max(x, axes: [1], keep: yes))\n"
                           "  output y = e / reduce_sum(e, axes: [1], keep: yes)\n"
                           "  output z = x - reduce_max(x * 2.0, axes: [0], keep: yes)\n}\n");
    said = LEPC("report", "fusion", "rows.lep");
    contains(said.out, "    in scratch   e, 10240 bytes");
    contains(said.out, "    in registers e.reduce_max, 256 bytes");
    contains(LEPC("report", "sparsity", "small.lep").out, "there is nothing to skip");
    contains(LEPC("small.lep", "-o", "one.o", "--report=memory", "--time-passes").err, "fuse");
    said = LEPC("small.lep", "-o", "one.o", "--report=time,size", "--report=fusion,size");
    contains(said.out, "=== size ===\nflash ");
    contains(said.out, "\n\n=== time ===\nA prediction by the cost model of x86-64, ");
    contains(said.out, "\n\n=== fusion ===\n");
    assert_null(strstr(said.out, "=== memory ==="));
    contains(LEPC("report", "--help").out, "\n  time  ");
    write_text("wrong.lep", "lep 1\nmodel wrong {\n  input x: f32[1, 4]\n  a = rleu(x)\n  b = dense(x, out: 0)\n"
                            "  output y = relu(z)\n}\n");
    said = LEPC("check", "wrong.lep");
    fails(said, 1, "wrong.lep:4:");
    contains(said.err, "wrong.lep:6:");
}

/* Whatever goes wrong, what was there stays, and nothing else is left. */
static void keeps_old_output_on_errors(void **state)
{
    write_text("old", "old");
    write_text("wrong.lep", "lep 1\nmodel wrong {\n  input x: f32[1, 4]\n  output y = rleu(x)\n}\n");
    fails(LEPC("wrong.lep", "-o", "old"), 1, "did you mean");
    Said said = LEPC("small.lep", "-o", "old", "--linker=/nowhere/cc");
    fails(said, 74, "E0903");
    contains(said.err, "apt install gcc");
    fails(LEPC("small.lep", "-o", "old", "--linker=false"), 74, "E0903");
    fails(LEPC("small.lep", "-o", "nowhere/old.o"), 74, "E0901");
    char text[16];
    slurp("old", text, sizeof text);
    assert_string_equal(text, "old");
    assert_int_equal(count_files("old"), 1);
    if (access("/dev/full", W_OK)) return;
    fails(LEPC("small.lep", "--emit=asm", "-o", "/dev/full"), 74, "No space left");
    assert_int_equal(RUN("sh", "-c", "$LEPC ops > /dev/full").status, 74);
    Said full = RUN("sh", "-c", "$LEPC dump small.lep > /dev/full");
    assert_string_equal(full.err, "standard output: error[E0901]: cannot be written: No space left on device\n");
}

/* By a link: a mistake here would cost the device itself. */
static void leaves_devices_in_their_place(void **state)
{
    static const char *const kinds[] = {"exe", "obj", "lib", "lep"};
    struct stat info;
    assert_int_equal(symlink("/dev/null", "device"), 0);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char emit[64];
        snprintf(emit, sizeof emit, "--emit=%s=device", kinds[i]);
        succeeds(LEPC("small.lep", emit));
        assert_int_equal(lstat("device", &info), 0);
        assert_true(S_ISLNK(info.st_mode));
    }
    assert_int_equal(count_files("device"), 1);
    unlink("device");
}

static void writes_as_many_kinds_as_it_takes(void **state)
{
    char options[16][32], *argv[19] = {getenv("LEPC"), "small.lep"};
    for (int i = 0; i < 16; i++) {
        snprintf(options[i], sizeof options[i], "--emit=lib=many%d.a", i);
        argv[2 + i] = options[i];
    }
    succeeds(command_run(argv));
    assert_int_equal(access("many15.h", F_OK), 0);
}

static void keeps_old_output_when_the_disk_is_full(void **state)
{
    write_text("old.o", "old");
    Said said = RUN("sh", "-c", "ulimit -f 1; exec $LEPC small.lep -o old.o");
    fails(said, 74, "E0901");
    char text[16];
    slurp("old.o", text, sizeof text);
    assert_string_equal(text, "old");
    assert_int_equal(count_files("old.o"), 1);
}

static void leaves_nothing_when_interrupted(void **state)
{
    write_text("stopped", "old");
    write_text("slow", "#!/bin/sh\ntouch started\nexec sleep 20\n");
    succeeds(RUN("chmod", "+x", "slow"));
    pid_t child = command_start((char *[]){getenv("LEPC"), "small.lep", "-o", "stopped", "--linker=./slow", NULL});
    for (int i = 0; i < 1000 && access("started", F_OK); i++) nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_true(count_files("stopped") > 1);
    kill(child, SIGINT);
    char text[16];
    slurp("stopped", text, sizeof text);
    assert_string_equal(text, "old");
    Said said = command_finish(child);
    assert_int_equal(said.status, 130);
    assert_int_equal(count_files("stopped"), 1);
}

static int enter_folder(void **state)
{
    if (!getenv("LEPC")) {
        fprintf(stderr, "LEPC is not set: the compiler to test\n");
        return -1;
    }
    if (folder_enter(state, "driver")) return -1;
    write_text("small.lep", small_model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_what_there_is),
        cmocka_unit_test(tells_programs_what_is_wrong),
        cmocka_unit_test(refuses_a_wrong_command_line),
        cmocka_unit_test(reads_text_with_a_byte_order_mark),
        cmocka_unit_test(builds_a_binary_that_runs),
        cmocka_unit_test(makes_small_binaries_of_any_batch),
        cmocka_unit_test(agrees_behind_a_pooling),
        cmocka_unit_test(agrees_with_the_reference),
        cmocka_unit_test(says_more_or_less),
        cmocka_unit_test(does_as_it_is_told_or_says_why_not),

        cmocka_unit_test(keeps_the_model),
        cmocka_unit_test(wants_a_linker),
        cmocka_unit_test(makes_a_library_for_c),
        cmocka_unit_test(goes_on_from_a_dump),
        cmocka_unit_test(writes_the_same_bytes_anywhere),
        cmocka_unit_test(formats_and_checks),
        cmocka_unit_test(keeps_old_output_on_errors),
        cmocka_unit_test(leaves_devices_in_their_place),
        cmocka_unit_test(writes_as_many_kinds_as_it_takes),
        cmocka_unit_test(keeps_old_output_when_the_disk_is_full),
        cmocka_unit_test(leaves_nothing_when_interrupted),
    };
    return cmocka_run_group_tests(tests, enter_folder, folder_leave);
}
