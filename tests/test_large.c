/* Weights that are not in the object: beside a program, behind it, handed to a library, far from the code; and what the
 * compiler itself takes for them. */
#include "backend/lower.h"
#include "backend/object.h"
#include "frontend/frontend.h"
#include "passes/pass.h"
#include "runtime/weights.h"
#include "tests/support/setting.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MEBIBYTE = 1 << 20, ROOM = 1 << 16 };

static const char model[] = "lep 1\nmodel m {\n  weights seed: 1\n  input x: f32[1, 40]\n"
                            "  h = dense(x, out: 30) |> relu\n  output y = dense(h, out: 5)\n}\n";

#define SHELL(...) shell((const char *[]){__VA_ARGS__, NULL})

/* The exit status of the words as a command; what it says is kept in said.txt. */
static int shell(const char *const *words)
{
    char command[4096] = "";
    for (; *words; words++) snprintf(command + strlen(command), sizeof command - strlen(command), "%s ", *words);
    snprintf(command + strlen(command), sizeof command - strlen(command), ">said.txt 2>&1");
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void fails_with(int expected, int status, const char *words)
{
    char said[ROOM];
    slurp("said.txt", said, sizeof said);
    if (status != expected || !strstr(said, words))
        fail_msg("expected status %d and '%s', found %d: %s", expected, words, status, said);
}

static void same_file(const char *a, const char *b) { assert_int_equal(SHELL("cmp", a, b), 0); }

static const char *lepc(void) { return getenv("LEPC"); }

static int setup(void **state)
{
    if (folder_enter(state, "large")) return -1;
    float x[40];
    for (int i = 0; i < 40; i++) x[i] = (float)i / 16;
    FILE *file = fopen("x.raw", "wb");
    fwrite(x, sizeof x, 1, file);
    fclose(file);
    write_text("m.lep", model);
    return SHELL(lepc(), "m.lep -q -o near") || SHELL("./near x.raw --output=y=near.npy");
}

static void programs_find_their_weights(void **state)
{
    assert_int_equal(SHELL("mkdir -p sub"), 0);
    assert_int_equal(SHELL(lepc(), "m.lep -q --weights=external -o sub/m"), 0);
    assert_int_equal(SHELL("sub/m x.raw --output=y=external.npy"), 0);
    same_file("near.npy", "external.npy");
    assert_int_equal(SHELL(lepc(), "m.lep -q --weights=appended -o behind"), 0);
    assert_int_equal(SHELL("./behind x.raw --output=y=behind.npy"), 0);
    same_file("near.npy", "behind.npy");
    /* a program that was moved away from them is told where they are */
    assert_int_equal(SHELL("mv sub/m alone"), 0);
    fails_with(74, SHELL("./alone x.raw"), "--weights=FILE");
    assert_int_equal(SHELL("./alone x.raw --weights=sub/m.weights --output=y=told.npy"), 0);
    same_file("near.npy", "told.npy");
}

static void flip_byte(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    assert_int_equal(fseek(file, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    int byte = fgetc(file);
    fseek(file, at, at < 0 ? SEEK_END : SEEK_SET);
    fputc(byte ^ 1, file);
    fclose(file);
}

static void damaged_weights_are_refused(void **state)
{
    static const struct {
        long at;
        const char *said;
    } rows[] = {{0, "no file of weights"},  {8, "damaged"},  {17, "damaged"},
                {22, "no file of weights"}, {64, "damaged"}, {-1, "damaged"}};
    assert_int_equal(SHELL(lepc(), "m.lep -q --weights=external -o m"), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(SHELL("cp m.weights bad"), 0);
        flip_byte("bad", rows[i].at);
        int status = SHELL("./m x.raw --weights=bad");
        char said[ROOM];
        slurp("said.txt", said, sizeof said);
        if (status != 1) fail_msg("byte %ld: status %d: %s", rows[i].at, status, said);
    }
    assert_int_equal(SHELL("truncate -s 63 bad"), 0);
    fails_with(1, SHELL("./m x.raw --weights=bad"), "cut short");
    assert_int_equal(SHELL("cp m.weights bad; truncate -s 200 bad"), 0);
    fails_with(1, SHELL("./m x.raw --weights=bad"), "cut short");
    assert_int_equal(SHELL("cp m.lep other.lep; sed -i s/seed:\\ 1/seed:\\ 2/ other.lep;", lepc(),
                           "other.lep -q --weights=external -o other"),
                     0);
    fails_with(1, SHELL("./m x.raw --weights=other.weights"), "another program");
}

static const char caller[] =
    "#include \"m.h\"\n#include \"runtime/weights.h\"\n#include <stdio.h>\n"
    "static _Alignas(64) char arena[M_ARENA_BYTES + 64], wrong[M_WEIGHTS_BYTES];\n"
    "int main(void)\n{\n  struct lep_weights w;\n  float x[40], y[5];\n  FILE *f = fopen(\"x.raw\", \"rb\");\n"
    "  if (fread(x, sizeof x, 1, f) != 1) return 10;\n"
    "  if (lep_weights_open(&w, \"libm.weights\", M_WEIGHTS_HASH)) return 11;\n"
    "  if (m_run(x, y, arena, wrong, NULL) != LEP_ERROR_WEIGHTS) return 12;\n"
    "  if (m_run(x, y, arena, (const char *)w.block + 4, NULL) != LEP_ERROR_ALIGNMENT) return 13;\n"
    "  if (m_run(x, y, arena, NULL, NULL) != LEP_ERROR_ARGUMENT) return 14;\n"
    "  if (m_run(x, y, arena, w.block, NULL) != LEP_OK) return 15;\n"
    "  lep_weights_close(&w);\n  fwrite(y, sizeof y, 1, stdout);\n  return 0;\n}\n";

static void libraries_are_handed_theirs(void **state)
{
    char root[4096];
    const char *home = getenv("LEPC_SOURCE");
    snprintf(root, sizeof root, "-I%s %s/runtime/weights.c", home, home);
    assert_int_equal(SHELL(lepc(), "m.lep -q --weights=external -o libm.a"), 0);
    write_text("caller.c", caller);
    fails_with(
        0, SHELL("cc -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Werror -I.", root, "caller.c libm.a -o caller"),
        "");
    assert_int_equal(system("./caller >y.raw && tail -c 20 near.npy | cmp - y.raw"), 0);
}

/* What the driver does with objects that hold more than 1 GiB. */
static void code_reaches_far_weights(void **state)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Target target;
    const Ast *ast = ast_parse(arena, source_from_text(arena, "m.lep", model), &diag);
    Graph *graph = elaborate(arena, ast, &(ElaborateOptions){.ndims = 0}, &diag);
    assert_true(target_select("", "", "", arena, &target, &diag));
    const PassContext context = {.target = &target, .fast = true, .level = 3};
    LoopProgram program = {.arena = arena};
    assert_true(pass_pipeline(graph, &context, NULL, NULL, NULL, &diag) &&
                lower_graph(graph, &target, &program, &diag));
    program.weights = WEIGHTS_FAR;
    Bytes object;
    const EmitOptions options = {.target = &target, .level = 3};
    assert_true(emit_program(&program, &options, EMIT_OBJECT, &object, &diag));
    FILE *out = fopen("far.o", "wb"), *header = fopen("far.h", "wb");
    fwrite(object.data, 1, object.size, out);
    fclose(out);
    header_write(&program, header);
    fclose(header);
    arena_free(arena);
    write_text("far.c", "#include \"far.h\"\n#include <stdio.h>\nstatic _Alignas(64) char arena[M_ARENA_BYTES + 64];\n"
                        "int main(void)\n{\n  float x[40], y[5];\n  FILE *f = fopen(\"x.raw\", \"rb\");\n"
                        "  if (fread(x, sizeof x, 1, f) != 1 || m_run(x, y, arena, NULL)) return 10;\n"
                        "  fwrite(y, sizeof y, 1, stdout);\n  return 0;\n}\n");
    fails_with(0, SHELL("cc -std=c11 -I. far.c far.o -o far"), "");
    assert_int_equal(system("./far >far.raw && tail -c 20 near.npy | cmp - far.raw"), 0);
    assert_int_equal(system("readelf -SW far.o | grep -q 'lrodata.lep .* Al '"), 0);
    /* no reference of 32 bits */
    assert_int_equal(system("readelf -rW far.o | grep m_weights | grep -v R_X86_64_64"), 256);
}

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif

/* 96 MiB of weights with 64 MiB of memory of its own: what is mapped from files does not count. */
static void weights_take_no_memory(void **state)
{
    enum { LIMIT_KIB = 64 << 10 };
    if (SANITIZED) skip(); /* the sanitizer's own memory counts */
    char limit[64];
    snprintf(limit, sizeof limit, "ulimit -d %d;", LIMIT_KIB);
    write_text("large.lep", "lep 1\nmodel large {\n  weights seed: 1\n  input x: f32[1, 2048]\n"
                            "  h = repeat 6 as i (t = x) { dense(t, out: 2048) }\n  output y = dense(h, out: 5)\n}\n");
    assert_int_equal(
        SHELL("head -c 8192 /dev/zero >large.raw;", limit, lepc(), "large.lep -q --weights=appended -o large"), 0);
    assert_int_equal(SHELL(limit, "TMPDIR=.", lepc(), "large.lep -q -o large.o"), 0);
    assert_int_equal(SHELL(limit, "./large large.raw"), 0);
    struct stat info;
    assert_true(stat("large.o", &info) == 0 && info.st_size > 96 * MEBIBYTE);
    remove("large.o");
    remove("large");
}

int main(void)
{
    char source[4096];
    if (!lepc() || !getcwd(source, sizeof source)) return 77;
    setenv("LEPC_SOURCE", source, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_find_their_weights), cmocka_unit_test(damaged_weights_are_refused),
        cmocka_unit_test(libraries_are_handed_theirs), cmocka_unit_test(code_reaches_far_weights),
        cmocka_unit_test(weights_take_no_memory),
    };
    return cmocka_run_group_tests(tests, setup, folder_leave);
}
