#define _XOPEN_SOURCE 700 /* realpath */
#include "frontend/weight_file.h"

#include "frontend/onnx/weights.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FOLDER_DEPTH = 8, MAX_FOLDER_FILES = 100000 };

/* ---- paths ---- */

static bool has_parent_step(const char *name)
{
    for (const char *part = name;; part++) {
        size_t length = strcspn(part, "/");
        if (length == 2 && part[0] == '.' && part[1] == '.') return true;
        part += length;
        if (!*part) return false;
    }
}

static const char *folder_of(Arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return ".";
    return slash == path ? "/" : arena_copy_chars(arena, path, (size_t)(slash - path));
}

static bool is_beneath(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    if (strcmp(folder, "/") == 0) return true;
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* Where the path leads when links are followed; NULL and errno when it cannot be said. */
static const char *resolved(Arena *arena, const char *path)
{
    char *real = realpath(path, NULL);
    if (!real && errno == ENOMEM) arena_exhausted(arena);
    if (!real) return NULL;
    const char *copy = arena_copy_string(arena, real);
    free(real);
    return copy;
}

static const char *refuse_path(const char *name, const char *why, Span at, Diag *diag)
{
    diag_error(diag, E0505, at, "`%s` %s: a model reads only what is in its own folder", name, why);
    diag_help(diag, "put the file beside the model and name it by its path from there");
    return NULL;
}

const char *weights_path(Arena *arena, const char *model_path, const char *name, Span at, Diag *diag)
{
    if (!*name) return refuse_path(name, "is empty", at, diag);
    if (*name == '/') return refuse_path(name, "is an absolute path", at, diag);
    if (has_parent_step(name)) return refuse_path(name, "leads out through `..`", at, diag);
    const char *folder = folder_of(arena, model_path);
    const char *path = strcmp(folder, ".") == 0 ? name : arena_printf(arena, "%s/%s", folder, name);
    const char *home = resolved(arena, folder), *target = home ? resolved(arena, path) : NULL;
    if (!target && errno == ENOENT) return path; /* opening it will say so */
    if (!target) {
        diag_error(diag, E0501, at, "cannot read `%s`: %s", path, strerror(errno));
        return NULL;
    }
    if (!is_beneath(target, home)) return refuse_path(name, "is a link that leads out", at, diag);
    return path;
}

/* ---- entries ---- */

WeightFile *weight_file_new(Arena *arena)
{
    WeightFile *file = ARENA_NEW(arena, WeightFile);
    *file = (WeightFile){.arena = arena};
    return file;
}

void weight_file_add(WeightFile *file, const char *key, const Tensor *tensor)
{
    file->entries = arena_grow(file->arena, file->entries, file->count, &file->capacity, sizeof *file->entries);
    file->entries[file->count++] = (WeightEntry){.key = key, .tensor = *tensor};
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const WeightEntry *)a)->key, ((const WeightEntry *)b)->key);
}

bool weight_file_finish(WeightFile *file, const char *path, Diag *diag)
{
    if (file->count) qsort(file->entries, file->count, sizeof *file->entries, compare_keys);
    for (size_t i = 1; i < file->count; i++)
        if (compare_keys(&file->entries[i - 1], &file->entries[i]) == 0)
            return diag_error(diag, E0504, (Span){.name = path}, "two tensors are called `%s`", file->entries[i].key);
    return true;
}

void tensor_align(Arena *arena, Tensor *tensor)
{
    size_t size = (size_t)dtype_bits(tensor->type.dtype) / 8;
    if ((uintptr_t)tensor->data % size == 0) return;
    Tensor copy = tensor_new(arena, tensor->type);
    memcpy(copy.data, tensor->data, (size_t)type_bytes(&tensor->type));
    *tensor = copy;
}

bool weights_find(const WeightFile *file, const char *key, Tensor *out)
{
    WeightEntry wanted = {.key = key}, *found = NULL;
    if (file->count) found = bsearch(&wanted, file->entries, file->count, sizeof wanted, compare_keys);
    if (!found) return false;
    tensor_align(file->arena, &found->tensor);
    *out = found->tensor;
    return true;
}

int weights_count(const WeightFile *file) { return (int)file->count; }
const char *weights_key(const WeightFile *file, int index) { return file->entries[index].key; }

/* ---- files ---- */

/* Maps all of a regular file; an empty one has no mapping. */
static bool map_descriptor(int descriptor, Mapping *out)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0) return false;
    if (!S_ISREG(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
        return false;
    }
    *out = (Mapping){.size = (size_t)status.st_size};
    if (!out->size) return true;
    out->bytes = mmap(NULL, out->size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    return out->bytes != MAP_FAILED;
}

/* Not blocking, so that a pipe of that name is refused and not waited for. */
static bool map_file(Arena *arena, const char *path, Mapping *out, Span at, Diag *diag)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool mapped = descriptor >= 0 && map_descriptor(descriptor, out);
    int error = errno;
    if (descriptor >= 0) close(descriptor);
    if (!mapped) return diag_error(diag, E0501, at, "cannot read `%s`: %s", path, strerror(error));
    if (!out->bytes) return true;
    arena_adopt_mapping(arena, out->bytes, out->size);
    return true;
}

void weights_close(WeightFile *file)
{
    if (!file) return;
    file->count = 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* ---- a folder of .npy: the key of a/kernel.npy is a/kernel ---- */

static bool add_npy(WeightFile *file, const char *path, const char *key, Span at, Diag *diag)
{
    Mapping mapping = {0};
    Tensor tensor;
    if (!map_file(file->arena, path, &mapping, at, diag)) return false;
    if (!npy_parse(file->arena, mapping.bytes, mapping.size, path, &tensor, diag)) return false;
    weight_file_add(file, arena_copy_chars(file->arena, key, strlen(key) - strlen(".npy")), &tensor);
    return true;
}

static bool add_folder(WeightFile *file, const char *path, const char *prefix, int depth, Span at, Diag *diag);

/* Links are left out: they could lead anywhere. */
static bool add_name(WeightFile *file, const char *path, const char *key, int depth, Span at, Diag *diag)
{
    struct stat status;
    if (lstat(path, &status) != 0) return diag_error(diag, E0501, at, "cannot read `%s`: %s", path, strerror(errno));
    if (S_ISDIR(status.st_mode) && depth < MAX_FOLDER_DEPTH) return add_folder(file, path, key, depth + 1, at, diag);
    if (!S_ISREG(status.st_mode) || !ends_with(key, ".npy")) return true;
    if (file->count == MAX_FOLDER_FILES)
        return diag_error(diag, E0501, at, "more than %d .npy files in the folder of weights", MAX_FOLDER_FILES);
    return add_npy(file, path, key, at, diag);
}

static bool add_folder(WeightFile *file, const char *path, const char *prefix, int depth, Span at, Diag *diag)
{
    DIR *folder = opendir(path);
    if (!folder && errno == ENOMEM) arena_exhausted(file->arena);
    if (!folder) return diag_error(diag, E0501, at, "cannot read folder `%s`: %s", path, strerror(errno));
    bool good = true;
    for (const struct dirent *entry; good && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        const char *key = *prefix ? arena_printf(file->arena, "%s/%s", prefix, entry->d_name)
                                  : arena_copy_string(file->arena, entry->d_name);
        good = add_name(file, arena_printf(file->arena, "%s/%s", path, entry->d_name), key, depth, at, diag);
    }
    closedir(folder);
    return good;
}

/* ---- opening ---- */

typedef bool ParseFile(Arena *arena, const unsigned char *bytes, size_t size, const char *path, WeightFile **out,
                       Diag *diag);

static bool parse_npy(Arena *arena, const unsigned char *bytes, size_t size, const char *path, WeightFile **out,
                      Diag *diag)
{
    Tensor tensor;
    if (!npy_parse(arena, bytes, size, path, &tensor, diag)) return false;
    *out = weight_file_new(arena);
    weight_file_add(*out, "", &tensor);
    return true;
}

static const struct KindRow {
    const char *suffix;
    ParseFile *parse;
} kind_rows[] = {{".safetensors", safetensors_parse}, {".npz", npz_parse}, {".npy", parse_npy}};

static WeightFile *open_file(Arena *arena, ParseFile *parse, const char *path, Span at, Diag *diag)
{
    WeightFile *parsed = NULL;
    Mapping mapping = {0};
    if (!map_file(arena, path, &mapping, at, diag)) return NULL;
    return parse(arena, mapping.bytes, mapping.size, path, &parsed, diag) ? parsed : NULL;
}

bool weights_raw(Arena *arena, const char *path, int64_t offset, const Type *type, Tensor *out, Span at, Diag *diag)
{
    Mapping mapping = {0};
    if (!map_file(arena, path, &mapping, at, diag)) return false;
    uint64_t size = (uint64_t)type_bytes(type), from = (uint64_t)offset;
    if (offset < 0 || from > mapping.size || size > mapping.size - from) {
        diag_error(diag, E0503, at, "%s takes %llu bytes from byte %lld on, but `%s` has %zu", type_text(arena, type),
                   (unsigned long long)size, (long long)offset, path, mapping.size);
        return diag_help(diag, "a raw file holds elements only, little endian; `offset` counts bytes");
    }
    *out = (Tensor){.type = *type, .data = (char *)mapping.bytes + offset};
    tensor_align(arena, out);
    return true;
}

WeightFile *weights_open(Arena *arena, const char *path, Span at, Diag *diag)
{
    struct stat status;
    for (size_t i = 0; i < sizeof kind_rows / sizeof *kind_rows; i++)
        if (ends_with(path, kind_rows[i].suffix)) return open_file(arena, kind_rows[i].parse, path, at, diag);
    if (ends_with(path, ".onnx")) return onnx_weights(arena, path, diag);
    if (stat(path, &status) != 0) {
        diag_error(diag, E0501, at, "cannot read `%s`: %s", path, strerror(errno));
        return NULL;
    }
    if (!S_ISDIR(status.st_mode)) {
        diag_error(diag, E0501, at, "`%s` is not a kind of weight file that is known", path);
        diag_help(diag,
                  "weights are a .safetensors, .npz or .npy file, a folder of .npy files, or an .onnx model's own; "
                  "param(raw: \"file.bin\", offset: 0) reads plain elements");
        return NULL;
    }
    WeightFile *file = weight_file_new(arena);
    if (add_folder(file, path, "", 0, at, diag) && weight_file_finish(file, path, diag)) return file;
    weights_close(file);
    return NULL;
}
