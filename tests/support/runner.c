#include "tests/support/runner.h"

#include "tests/support/setting.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

RunnerSaid runner_say(const LepModel *model, const char *from, char **argv)
{
    RunnerSaid said;
    int argc = 0, status;
    while (argv[argc]) argc++;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(open(from, O_RDONLY), 0);
        dup2(open("said.out", O_CREAT | O_TRUNC | O_WRONLY, 0600), 1);
        dup2(open("said.err", O_CREAT | O_TRUNC | O_WRONLY, 0600), 2);
        leave_child(runner_main(model, argc, argv));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    said.status = WEXITSTATUS(status);
    slurp("said.out", said.out, sizeof said.out);
    slurp("said.err", said.err, sizeof said.err);
    /* a sanitizer ends a program with a status that may be the one expected */
    assert_null(strstr(said.err, "Sanitizer"));
    assert_null(strstr(said.err, "runtime error"));
    return said;
}
