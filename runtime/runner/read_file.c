#include "runtime/runner/message.h"
#include "runtime/runner/read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a pipe may send: a file's own size is known before. */
static const size_t largest = (size_t)4 << 30;

static int cannot_read(const char *path) { return message(RUNNER_INPUT, "%s: %s", path, strerror(errno)); }

/* Reads to the end, growing; `room` bytes are expected. */
static int read_all(int fd, File *out, size_t room)
{
    for (;;) {
        if (out->size == room || !out->bytes) {
            if (out->size >= largest) return message(RUNNER_INPUT, "%s: larger than 4 GiB", out->path);
            room = out->bytes ? room * 2 : room;
            unsigned char *bytes = realloc(out->bytes, room);
            if (!bytes) return message(RUNNER_SYSTEM, "%s: out of memory", out->path);
            out->bytes = bytes;
        }
        ssize_t got = read(fd, out->bytes + out->size, room - out->size);
        if (got == 0) return RUNNER_OK;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return cannot_read(out->path);
        out->size += (size_t)got;
    }
}

int file_read(File *out, const char *path)
{
    *out = (File){.path = path};
    bool pipe = strcmp(path, "-") == 0;
    int fd = pipe ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return cannot_read(path);
    struct stat info;
    int status = RUNNER_OK;
    if (fstat(fd, &info))
        status = cannot_read(path);
    else if (S_ISREG(info.st_mode) && (unsigned long long)info.st_size > largest)
        status = message(RUNNER_INPUT, "%s: larger than 4 GiB", path);
    else
        status = read_all(fd, out, S_ISREG(info.st_mode) ? (size_t)info.st_size + 1 : 65536);
    if (!pipe) close(fd);
    if (status) file_free(out);
    return status;
}

void file_free(File *file)
{
    free(file->bytes);
    file->bytes = NULL;
}
