/* Files of any kind that the runner reads, as rows of an input. */
#ifndef RUNNER_READ_H
#define RUNNER_READ_H

#include "runtime/model.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct File {
    const char *path;
    unsigned char *bytes;
    size_t size;
} File;

/* RUNNER_OK, RUNNER_INPUT or RUNNER_SYSTEM after a message, as all that follow.  "-" is standard input. */
int file_read(File *out, const char *path);
void file_free(File *file);

/* An array in a file: where its elements lie, in host byte order once made so by the reader. */
typedef struct Array {
    int dtype, rank;
    int64_t dim[LEP_MAX_RANK];
    unsigned char *data; /* in the file's bytes, or picture's own memory */
    size_t bytes;
} Array;

bool npy_is(const File *file);
int npy_read(const File *file, Array *out);
bool idx_is(const File *file);
/* Turns the elements round in place: IDX is big endian. */
int idx_read(File *file, Array *out);
bool image_is(const File *file);
/* u8[height, width, channels] of a picture that must be as `port` wants it; replaces the file's bytes by the pixels. */
int image_read(File *file, const LepPort *port, Array *out);

/* Element count times size, checked against what the file has. */
bool array_size(const Array *array, size_t *bytes);

/* The rows of a file or folder for one input. */
typedef struct Rows {
    File file;
    const unsigned char *data;
    int64_t count;
    bool picture;
    char **names; /* of a folder: where each row came from; else NULL */
} Rows;

bool wav_is(const File *file);
/* Makes of the file its samples, of one channel of 16 bits: i16, or f32 from -1 to 1, as the port has them. */
int wav_read(File *file, const LepPort *port);
/* As many rows as those fill. */
int wav_rows(const File *file, const LepPort *port, Rows *out);

bool folder_is(const char *path);

/* Of a port without bounded dims. */
int rows_read(Rows *out, const char *path, const LepPort *port);
void rows_free(Rows *rows);

/* Right answers: u8 or other integer IDX, npy, or text with a label or an index on each line. */
int label_file_read(const char *path, const LepPort *port, int64_t **out, int64_t *count);

#endif
