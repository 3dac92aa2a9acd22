#include "frontend/driver/tool.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

static void say(char **argv)
{
    fputs("lepc:", stderr);
    for (int i = 0; argv[i]; i++) fprintf(stderr, " %s", argv[i]);
    fputc('\n', stderr);
}

static int stopped(Compilation *c, const char *name, const char *what, const char *why)
{
    if (!was_interrupted()) diag_error(c->diag, E0903, (Span){.name = "lepc"}, "'%s' %s: %s", name, what, why);
    return TOOL_STOPPED;
}

int tool_run(Compilation *c, char **argv)
{
    if (c->options->verbose) say(argv);
    pid_t child;
    int status, error = posix_spawnp(&child, argv[0], NULL, NULL, argv, environ);
    if (error == ENOENT || error == EACCES) return TOOL_MISSING;
    if (error) return stopped(c, argv[0], "cannot be started", strerror(error));
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return stopped(c, argv[0], "is lost", strerror(errno));
        if (was_interrupted()) kill(child, SIGTERM);
    }
    if (was_interrupted()) return TOOL_STOPPED;
    return WIFEXITED(status) ? WEXITSTATUS(status) : stopped(c, argv[0], "failed", strsignal(WTERMSIG(status)));
}
