#include "frontend/driver/output.h"

#include "frontend/driver/options.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The one mutable global of lepc: what a signal may do. */
enum { NOTHING_TO_REMOVE, FILES_TO_REMOVE, WAS_INTERRUPTED };
static volatile sig_atomic_t interrupted = NOTHING_TO_REMOVE;

static void on_interrupt(int signal)
{
    (void)signal;
    if (interrupted == NOTHING_TO_REMOVE) _exit(STATUS_INTERRUPTED);
    interrupted = WAS_INTERRUPTED;
}

/* An assert that fails is our fault, and has its own exit code; files beside their place are left to the user then. */
static void on_abort(int signal)
{
    static const char text[] = "lepc: internal error; please report it with the model that led here\n";
    (void)signal;
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written;
    _exit(STATUS_OURS);
}

void interrupts_install(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    action.sa_handler = on_abort;
    sigaction(SIGABRT, &action, NULL);
    /* writing past a limit is an error to report, not a death */
    action.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &action, NULL);
}

bool was_interrupted(void) { return interrupted == WAS_INTERRUPTED; }

static bool cannot_write(const char *path, int error, Diag *diag)
{
    const char *name = strcmp(path, "-") == 0 ? "standard output" : path;
    diag_error(diag, E0901, (Span){.name = name}, "cannot be written: %s", strerror(error));
    return error == ENOENT && diag_help(diag, "make its folder first");
}

/* Creates a file of a name that nobody has, in the folder of `path`; its descriptor or -1. */
static int create(OutputFile *entry, Arena *arena, const char *path, Diag *diag)
{
    char *name = arena_printf(arena, "%s.XXXXXX", path);
    if (interrupted == NOTHING_TO_REMOVE) interrupted = FILES_TO_REMOVE;
    int fd = mkstemp(name);
    if (fd < 0) {
        cannot_write(path, errno, diag);
        return -1;
    }
    entry->temporary = name;
    return fd;
}

static OutputFile *add(OutputSet *set, const char *path)
{
    assert(set->count < MAX_OUTPUTS);
    OutputFile *entry = &set->at[set->count++];
    *entry = (OutputFile){.path = path};
    return entry;
}

bool output_is_stream(const char *path)
{
    struct stat info;
    if (strcmp(path, "-") == 0) return true;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

FILE *output_open(OutputSet *set, Arena *arena, const char *path, Diag *diag)
{
    OutputFile *entry = add(set, path);
    if (strcmp(path, "-") == 0) return entry->file = stdout;
    int fd;
    if (output_is_stream(path)) {
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0) cannot_write(path, errno, diag);
    } else
        fd = create(entry, arena, path, diag);
    if (fd < 0) return NULL;
    entry->file = fdopen(fd, "wb");
    if (!entry->file) {
        cannot_write(path, errno, diag);
        close(fd);
    }
    return entry->file;
}

bool output_close(OutputSet *set, FILE *file, Diag *diag)
{
    for (int i = 0; i < set->count; i++) {
        OutputFile *entry = &set->at[i];
        if (entry->file != file) continue;
        entry->file = NULL;
        bool failed = ferror(file) != 0;
        if (failed) fputc('\n', file); /* the stream forgets why it failed: what is thrown away may be written to */
        errno = 0;
        failed |= fflush(file) != 0;
        int error = errno;
        if (file != stdout && fclose(file)) {
            failed = true;
            error = error ? error : errno;
        }
        return failed ? cannot_write(entry->path, error ? error : EIO, diag) : true;
    }
    return false;
}

bool output_write(OutputSet *set, Arena *arena, const char *path, const Bytes *bytes, Diag *diag)
{
    FILE *file = output_open(set, arena, path, diag);
    if (!file) return false;
    fwrite(bytes->data, 1, bytes->size, file);
    return output_close(set, file, diag);
}

const char *output_temporary(OutputSet *set, Arena *arena, const char *path, const char *beside, Diag *diag)
{
    OutputFile *entry = add(set, path);
    int fd = create(entry, arena, path ? path : beside, diag);
    if (fd < 0) return NULL;
    close(fd);
    return entry->temporary;
}

/* mkstemp's mode is for the owner only: what a new file would have had, or what the old one has; a program that a
 * tool wrote keeps its right to be run. */
static void set_mode(const OutputFile *entry)
{
    struct stat old, made;
    mode_t mask = umask(0);
    umask(mask);
    mode_t mode = stat(entry->path, &old) == 0 ? old.st_mode & 0777 : 0666 & ~mask;
    if (stat(entry->temporary, &made) == 0 && (made.st_mode & 0100)) mode |= 0111 & ~mask;
    chmod(entry->temporary, mode);
}

/* Keeps what is at an entry's place under another name, for the case that a later file cannot be moved. */
static bool keep_old(OutputFile *entry, Arena *arena, Diag *diag)
{
    struct stat info;
    if (stat(entry->path, &info)) return true;
    char *name = arena_printf(arena, "%s.XXXXXX", entry->path);
    int fd = mkstemp(name);
    if (fd < 0) return cannot_write(entry->path, errno, diag);
    close(fd);
    entry->old = name;
    /* where links cannot be made, what is there is replaced without a way back */
    if (unlink(name) == 0 && link(entry->path, name)) entry->old = NULL;
    return true;
}

static bool move_into_place(OutputFile *entry, Diag *diag)
{
    set_mode(entry);
    if (rename(entry->temporary, entry->path)) return cannot_write(entry->path, errno, diag);
    entry->temporary = NULL;
    entry->moved = true;
    return true;
}

/* What was moved already goes back. */
static void undo(OutputSet *set)
{
    for (int i = 0; i < set->count; i++) {
        OutputFile *entry = &set->at[i];
        if (!entry->moved) continue;
        if (!entry->old)
            unlink(entry->path);
        else if (rename(entry->old, entry->path) == 0)
            entry->old = NULL;
    }
}

int outputs_commit(OutputSet *set, Arena *arena, Diag *diag)
{
    int files = 0;
    bool good = !was_interrupted();
    for (int i = 0; i < set->count; i++) files += set->at[i].path && set->at[i].temporary;
    for (int i = 0; i < set->count && good && files > 1; i++)
        if (set->at[i].path && set->at[i].temporary) good = keep_old(&set->at[i], arena, diag);
    for (int i = 0; i < set->count && good; i++)
        if (set->at[i].path && set->at[i].temporary) good = move_into_place(&set->at[i], diag);
    if (!good) undo(set);
    outputs_discard(set);
    return good ? STATUS_FINE : was_interrupted() ? STATUS_INTERRUPTED : STATUS_SYSTEM;
}

void outputs_discard(OutputSet *set)
{
    for (int i = 0; i < set->count; i++) {
        OutputFile *entry = &set->at[i];
        if (entry->file && entry->file != stdout) fclose(entry->file);
        if (entry->temporary) unlink(entry->temporary);
        if (entry->old) unlink(entry->old);
    }
    set->count = 0;
    if (interrupted == FILES_TO_REMOVE) interrupted = NOTHING_TO_REMOVE;
}
