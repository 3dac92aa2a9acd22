/* Linked into a second lepc: the n-th allocation, or the n-th step of writing a file, of our own code fails.
 *   LEPC_FAIL_ALLOCATION=N, LEPC_FAIL_WRITE=N    which, from 1 on
 *   LEPC_FAIL_COUNT=FILE                         how many of both there were, on a run to the end
 * The linker puts these in the place of the functions of libc (--wrap); calls inside libc and LLVM are theirs. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum Kind { ALLOCATION, WRITE, KINDS } Kind;

static const char *const variables[] = {"LEPC_FAIL_ALLOCATION", "LEPC_FAIL_WRITE"};
static long counts[KINDS];

static void write_counts(void)
{
    const char *path = getenv("LEPC_FAIL_COUNT");
    int fd = path ? open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600) : -1;
    if (fd < 0) return;
    dprintf(fd, "%ld %ld\n", counts[ALLOCATION], counts[WRITE]);
    close(fd);
}

static bool fails(Kind kind, int error)
{
    if (counts[ALLOCATION] + counts[WRITE] == 0) atexit(write_counts);
    const char *text = getenv(variables[kind]);
    if (++counts[kind] != (text ? atol(text) : 0)) return false;
    errno = error;
    return true;
}

/* ---- allocations ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size) { return fails(ALLOCATION, ENOMEM) ? NULL : __real_malloc(size); }

void *__wrap_calloc(size_t count, size_t size) { return fails(ALLOCATION, ENOMEM) ? NULL : __real_calloc(count, size); }

void *__wrap_realloc(void *old, size_t size) { return fails(ALLOCATION, ENOMEM) ? NULL : __real_realloc(old, size); }

/* ---- writes ---- */

size_t __real_fwrite(const void *bytes, size_t size, size_t count, FILE *file);
int __real_fflush(FILE *file);
int __real_fclose(FILE *file);
int __real_mkstemp(char *name);
int __real_rename(const char *from, const char *to);
FILE *__real_fdopen(int fd, const char *mode);
int __real_posix_fallocate(int fd, off_t offset, off_t size);
int __real_posix_spawnp(pid_t *child, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[], char *const environment[]);
size_t __wrap_fwrite(const void *bytes, size_t size, size_t count, FILE *file);
int __wrap_fflush(FILE *file);
int __wrap_fclose(FILE *file);
int __wrap_mkstemp(char *name);
int __wrap_rename(const char *from, const char *to);
FILE *__wrap_fdopen(int fd, const char *mode);
int __wrap_posix_fallocate(int fd, off_t offset, off_t size);
int __wrap_posix_spawnp(pid_t *child, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[], char *const environment[]);

/* Is this file open for writing, and no message to the user? */
static bool is_output(FILE *file)
{
    int fd = file ? fileno(file) : -1;
    return fd >= 0 && file != stderr && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
}

/* The disk is full from now on for this file. */
static void fill_disk(FILE *file)
{
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full < 0) return;
    dup2(full, fileno(file));
    close(full);
}

size_t __wrap_fwrite(const void *bytes, size_t size, size_t count, FILE *file)
{
    if (is_output(file) && fails(WRITE, ENOSPC)) fill_disk(file);
    return __real_fwrite(bytes, size, count, file);
}

int __wrap_fflush(FILE *file)
{
    if (is_output(file) && fails(WRITE, ENOSPC)) fill_disk(file);
    return __real_fflush(file);
}

int __wrap_fclose(FILE *file)
{
    if (!is_output(file) || !fails(WRITE, ENOSPC)) return __real_fclose(file);
    __real_fclose(file);
    errno = ENOSPC;
    return EOF;
}

int __wrap_mkstemp(char *name) { return fails(WRITE, EROFS) ? -1 : __real_mkstemp(name); }

int __wrap_rename(const char *from, const char *to) { return fails(WRITE, EACCES) ? -1 : __real_rename(from, to); }

FILE *__wrap_fdopen(int fd, const char *mode) { return fails(WRITE, ENOMEM) ? NULL : __real_fdopen(fd, mode); }

int __wrap_posix_spawnp(pid_t *child, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[], char *const environment[])
{
    return fails(WRITE, EAGAIN) ? EAGAIN : __real_posix_spawnp(child, file, actions, attributes, argv, environment);
}

int __wrap_posix_fallocate(int fd, off_t offset, off_t size)
{
    return fails(WRITE, ENOSPC) ? ENOSPC : __real_posix_fallocate(fd, offset, size);
}
