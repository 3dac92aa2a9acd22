/* Files that come out: written beside their place, and moved there together once all are whole.  An error or an
 * interrupt before that leaves what was there, and no trace. */
#ifndef DRIVER_OUTPUT_H
#define DRIVER_OUTPUT_H

#include "backend/emit.h"

enum { MAX_OUTPUTS = 256 }; /* two for each of the most kinds that a build makes, for several deploy blocks */

typedef struct OutputFile {
    const char *path;      /* where it goes; NULL: only needed on the way */
    const char *temporary; /* NULL: written in place, as devices and pipes are */
    const char *old;       /* another name of what was at its place, while several files are moved */
    bool moved;
    FILE *file;
} OutputFile;

typedef struct OutputSet {
    int count;
    OutputFile at[MAX_OUTPUTS];
} OutputSet;

/* "-", a device or a pipe: written in place, and nothing goes beside it. */
bool output_is_stream(const char *path);
/* A file to write; "-" is stdout.  E0901 and NULL when it cannot be had. */
FILE *output_open(OutputSet *set, Arena *arena, const char *path, Diag *diag);
/* Checks that all of it reached the disk: E0901. */
bool output_close(OutputSet *set, FILE *file, Diag *diag);
bool output_write(OutputSet *set, Arena *arena, const char *path, const Bytes *bytes, Diag *diag);
/* The name of a file that a tool shall write, to be moved to `path`; with `path` NULL one that is removed at the end,
 * in the folder of `beside`. */
const char *output_temporary(OutputSet *set, Arena *arena, const char *path, const char *beside, Diag *diag);
/* Moves all into place, or none; after an interrupt STATUS_INTERRUPTED, or STATUS_SYSTEM after E0901. */
int outputs_commit(OutputSet *set, Arena *arena, Diag *diag);
void outputs_discard(OutputSet *set);

/* From now on SIGINT and the like end lepc with STATUS_INTERRUPTED: at once while nothing of ours is on the disk,
 * else when the files are removed. */
void interrupts_install(void);
bool was_interrupted(void);

#endif
