/* Where a program's weights are: in its own code, behind its end, or in a file beside it. */
#include "runtime/runner/message.h"
#include "runtime/runner/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROOM = 4096 };

static int refused(int status, const char *path)
{
    int found = status == LEP_WEIGHTS_FILE ? message(RUNNER_SYSTEM, "%s: cannot be read: %s", path, strerror(errno))
                : status == LEP_WEIGHTS_FORM
                    ? message(RUNNER_INPUT, "%s: is no file of weights, or cut short", path)
                    : message(RUNNER_INPUT, "%s: is damaged, or made with another program", path);
    message_help("lepc wrote both in one go: keep them together, or say --weights=FILE");
    return found;
}

/* The program's own file, or `name` beside it. */
static int own_path(char path[ROOM], const char *name)
{
    ssize_t length = readlink("/proc/self/exe", path, ROOM - 1);
    if (length <= 0) return message(RUNNER_SYSTEM, "where this program is cannot be told: say --weights=FILE");
    path[length] = 0;
    if (!*name) return RUNNER_OK;
    char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash + 1 - path) : 0;
    if (folder + strlen(name) >= ROOM) return message(RUNNER_SYSTEM, "the path to %s is too long", name);
    strcpy(path + folder, name);
    return RUNNER_OK;
}

int session_load_weights(Session *session)
{
    const LepModel *model = session->model;
    const RunnerEngine *engine = session->engine;
    const void **base = (const void **)&session->bases[model->ninputs + model->noutputs + 1];
    *base = engine && engine->weights ? engine->weights : model->weights;
    if (*base || !model->weights_file) return RUNNER_OK;
    char path[ROOM];
    const char *said = session->arguments->weights;
    int status = said ? RUNNER_OK : own_path(path, model->weights_file);
    if (status) return status;
    status = lep_weights_open(&session->weights, said ? said : path, model->weights_hash);
    if (status) return refused(status, said ? said : path);
    *base = session->weights.block;
    return RUNNER_OK;
}
