/* Weight files: read-only, mapped, hostile until proven otherwise. */
#ifndef FRONTEND_WEIGHTS_H
#define FRONTEND_WEIGHTS_H

#include "ir/diag.h"
#include "ir/tensor.h"

typedef struct WeightFile WeightFile;

/* Resolves `name` in the folder of `model_path` and refuses (E0505) absolute paths, `..` and links that lead out;
 * returns the path to open, or NULL. */
const char *weights_path(Arena *arena, const char *model_path, const char *name, Span at, Diag *diag);

/* By suffix: .safetensors, .npz, .npy (its one key is empty), .onnx, or a folder of .npy.  The file stays mapped until
 * the arena's end of life is announced by weights_close.  NULL after an error. */
WeightFile *weights_open(Arena *arena, const char *path, Span at, Diag *diag);
/* The tensor of that key, its data in the mapping; false when there is none (no diagnostic). */
bool weights_find(const WeightFile *file, const char *key, Tensor *out);
int weights_count(const WeightFile *file);
const char *weights_key(const WeightFile *file, int index);
void weights_close(WeightFile *file);

/* One array of a .npy file (C order, our dtypes, little endian) of `size` bytes at `bytes`; data points into it. */
bool npy_parse(Arena *arena, const unsigned char *bytes, size_t size, const char *path, Tensor *out, Diag *diag);
bool safetensors_parse(Arena *arena, const unsigned char *bytes, size_t size, const char *path, WeightFile **out,
                       Diag *diag);
/* The arrays of a .npz, each by its member's name without .npy; stored ones point into `bytes`. */
bool npz_parse(Arena *arena, const unsigned char *bytes, size_t size, const char *path, WeightFile **out, Diag *diag);
/* The elements of `type` from byte `offset` of a file that is nothing but elements, little endian; mapped.  E0501,
 * E0503 when the file ends before they do. */
bool weights_raw(Arena *arena, const char *path, int64_t offset, const Type *type, Tensor *out, Span at, Diag *diag);

#endif
