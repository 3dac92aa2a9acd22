/* The n-th allocation and the n-th write of lepc fail, for every n: it says so, leaves what was there, and nothing
 * else.  LEPC_FAULT is the compiler with tests/fault/fault.c linked in. */
#include "tests/support/setting.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { STATUS_SYSTEM = 74, MOST_RUNS = 120 };

static const char model[] = "lep 1\nmodel m {\n  dim N = 1\n  weights seed: 1\n  input x: f32[N, 6, 6, 1]\n"
                            "  c = conv2d(x, out: 4, kernel: 3) |> relu |> max_pool(size: 2)\n"
                            "  output y = dense(flatten(c), out: 3)\n}\n";

static int count_lines(const char *command)
{
    char text[32];
    snprintf(text, sizeof text, "0");
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(text, sizeof text, pipe));
    pclose(pipe);
    return atoi(text);
}

static void keep_errors(int from)
{
    char text[4096];
    FILE *file = fopen("said.err", "wb");
    assert_non_null(file);
    for (ssize_t got; (got = read(from, text, sizeof text)) > 0;) fwrite(text, 1, (size_t)got, file);
    fclose(file);
    close(from);
}

/* Runs lepc with the n-th call of a kind failing, 0: none; `limit` bytes are the most that a file may have. */
static int run_lepc(char *const *arguments, const char *variable, long n, rlim_t limit)
{
    int errors[2];
    assert_int_equal(pipe(errors), 0); /* a file would have the limit too */
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        char text[32];
        snprintf(text, sizeof text, "%ld", n);
        setenv(variable, text, 1);
        setenv("LEPC_FAIL_COUNT", "count.txt", 1);
        setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* what an escape leaves is the process's to free */
        dup2(open("said.out", O_CREAT | O_TRUNC | O_WRONLY, 0600), 1);
        dup2(errors[1], 2);
        close(errors[0]);
        close(errors[1]);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, limit});
        execv(getenv("LEPC_FAULT"), arguments);
        _exit(127);
    }
    close(errors[1]);
    keep_errors(errors[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* After a failure: status 74, a message, the old output, nothing else.  True when it failed. */
static bool check_run(int status, const char *out, const char *what, long n)
{
    char text[4096];
    int left = count_lines("ls -A | grep -vxcE 'm.lep|out.*|said.*|count.txt'");
    if (left) fail_msg("%s %ld: %d files are left behind", what, n, left);
    if (status == 0) return false;
    slurp("said.err", text, sizeof text);
    if (status != STATUS_SYSTEM || !strstr(text, "error")) fail_msg("%s %ld: status %d: %s", what, n, status, text);
    if (!out) return true;
    slurp(out, text, sizeof text);
    if (strcmp(text, "old") != 0) fail_msg("%s %ld: the old output is gone", what, n);
    return true;
}

static void fail_each(char *const *arguments, const char *out, const char *variable, int kind)
{
    long counts[2] = {0};
    char text[64];
    assert_int_equal(run_lepc(arguments, variable, 0, RLIM_INFINITY), 0);
    slurp("count.txt", text, sizeof text);
    assert_int_equal(sscanf(text, "%ld %ld", &counts[0], &counts[1]), 2);
    long count = counts[kind], step = count / MOST_RUNS + 1;
    int failed = 0;
    assert_true(count > 5);
    for (long n = 1; n <= count; n += step) {
        if (out) write_text(out, "old");
        unlink("count.txt");
        failed += check_run(run_lepc(arguments, variable, n, RLIM_INFINITY), out, variable, n);
    }
    /* few may be survived: memory that is only nice to have */
    assert_true(failed * step > count * 3 / 4);
}

#define ARGUMENTS(...) ((char *[]){"lepc", __VA_ARGS__, NULL})

static void allocations_of_a_build(void **state)
{
    fail_each(ARGUMENTS("m.lep", "-o", "out.o"), "out.o", "LEPC_FAIL_ALLOCATION", 0);
}

static void allocations_of_a_run(void **state)
{
    fail_each(ARGUMENTS("compare", "m.lep"), NULL, "LEPC_FAIL_ALLOCATION", 0);
}

static void writes_of_a_library(void **state)
{
    fail_each(ARGUMENTS("m.lep", "-o", "out.a"), "out.a", "LEPC_FAIL_WRITE", 1);
}

static void writes_of_a_binary(void **state)
{
    fail_each(ARGUMENTS("m.lep", "-o", "out"), "out", "LEPC_FAIL_WRITE", 1);
}

static void writes_of_weights_apart(void **state)
{
    fail_each(ARGUMENTS("m.lep", "--weights=external", "-o", "out.o"), "out.weights", "LEPC_FAIL_WRITE", 1);
    fail_each(ARGUMENTS("m.lep", "--weights=appended", "-o", "out"), "out", "LEPC_FAIL_WRITE", 1);
}

static void writes_of_a_dump(void **state)
{
    fail_each(ARGUMENTS("dump", "m.lep", "-o", "out.lep"), "out.lep", "LEPC_FAIL_WRITE", 1);
}

/* A disk that takes so many bytes of a file and no more. */
static void files_that_do_not_fit(void **state)
{
    static const char *const names[] = {"out.o",  "out.a",     "out.h",   "out.s",
                                        "out.ll", "out.loops", "out.lep", "out.dot"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (rlim_t limit = 0; limit < 1000; limit = 4 * limit + 1) {
            write_text(names[i], "old");
            char name[16];
            snprintf(name, sizeof name, "%s", names[i]);
            int status = run_lepc(ARGUMENTS("m.lep", "-o", name), "LEPC_FAIL_WRITE", 0, limit);
            assert_true(check_run(status, names[i], names[i], (long)limit));
        }
}

static int enter_folder(void **state)
{
    if (!getenv("LEPC_FAULT") || folder_enter(state, "fault")) return -1;
    write_text("m.lep", model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_of_a_build),  cmocka_unit_test(allocations_of_a_run),
        cmocka_unit_test(writes_of_a_library),     cmocka_unit_test(writes_of_a_binary),
        cmocka_unit_test(writes_of_weights_apart), cmocka_unit_test(writes_of_a_dump),
        cmocka_unit_test(files_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, enter_folder, folder_leave);
}
