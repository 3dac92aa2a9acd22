/* NumPy's .npz: a zip archive of .npy files, one an array, called after it. */
#include "frontend/weight_file.h"
#include "frontend/zip.h"

#include <string.h>

enum { MAX_UNPACKED_BITS = 36 }; /* a file of a few MiB could ask for the whole disk */

static const char suffix[] = ".npy";

static bool is_array(const char *name)
{
    size_t length = strlen(name), end = sizeof suffix - 1;
    return length > end && !strcmp(name + length - end, suffix);
}

static bool check_unpacked(const ZipMember *members, size_t count, const char *path, Diag *diag)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_array(members[i].name) || members[i].method == ZIP_STORED) continue;
        total += members[i].size; /* each is at most 1032 times a part of the file */
        if (total >> MAX_UNPACKED_BITS == 0) continue;
        diag_error(diag, E0504, (Span){.name = path}, "the arrays would take more than 2^%d bytes unpacked",
                   MAX_UNPACKED_BITS);
        return diag_help(diag, "weights of that size are mapped from a .safetensors file, or from numpy.savez");
    }
    return true;
}

bool npz_parse(Arena *arena, const unsigned char *bytes, size_t size, const char *path, WeightFile **out, Diag *diag)
{
    ZipMember *members = NULL;
    size_t count = 0;
    if (!zip_directory(arena, bytes, size, path, &members, &count, diag)) return false;
    if (!check_unpacked(members, count, path, diag)) return false;
    WeightFile *file = weight_file_new(arena);
    for (size_t i = 0; i < count; i++) {
        const ZipMember *m = &members[i];
        Tensor tensor;
        if (!is_array(m->name)) continue;
        const unsigned char *array = zip_unpack(arena, m, path, diag);
        if (!array) return false;
        const char *inner = arena_printf(arena, "%s(%s)", path, m->name);
        if (!npy_parse(arena, array, m->size, inner, &tensor, diag)) return false;
        weight_file_add(file, arena_copy_chars(arena, m->name, strlen(m->name) - (sizeof suffix - 1)), &tensor);
    }
    *out = file;
    return weight_file_finish(file, path, diag);
}
