#include "tests/support/command.h"

#include "tests/support/setting.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

pid_t command_start(char *const *argv)
{
    fflush(NULL);
    pid_t child = fork();
    if (child) return child;
    dup2(open("said.out", O_CREAT | O_TRUNC | O_WRONLY, 0600), 1);
    dup2(open("said.err", O_CREAT | O_TRUNC | O_WRONLY, 0600), 2);
    execvp(argv[0], argv);
    _exit(127);
}

Said command_finish(pid_t child)
{
    Said said;
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    said.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    slurp("said.out", said.out, sizeof said.out);
    slurp("said.err", said.err, sizeof said.err);
    /* a sanitizer ends a program with a status that may be the one expected */
    assert_null(strstr(said.err, "Sanitizer"));
    assert_null(strstr(said.err, "runtime error"));
    return said;
}

Said command_run(char *const *argv) { return command_finish(command_start(argv)); }

void contains(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("expected '%s' in: %s", part, text);
}

void succeeds(Said said)
{
    if (said.status != 0) fail_msg("status %d: %s%s", said.status, said.out, said.err);
}

void fails(Said said, int status, const char *says)
{
    if (said.status != status) fail_msg("status %d, not %d: %s%s", said.status, status, said.out, said.err);
    contains(said.err, says);
}

bool same_files(const char *a, const char *b) { return RUN("cmp", (char *)a, (char *)b).status == 0; }
