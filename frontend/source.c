#include "frontend/frontend.h"

#include <errno.h>
#include <string.h>

const Source *source_from_text(Arena *arena, const char *path, const char *text)
{
    Source *source = ARENA_NEW(arena, Source);
    *source = (Source){.path = path, .text = text, .length = strlen(text)};
    return source;
}

/* Reads to the end, also of what has no size of its own; NULL over the limit. */
static char *read_all(Arena *arena, FILE *file, size_t limit, size_t *length)
{
    size_t capacity = 0, used = 0;
    char *text = NULL;
    for (;;) {
        text = arena_grow(arena, text, used, &capacity, 1);
        size_t n = fread(text + used, 1, capacity - used, file);
        used += n;
        if (used > limit) return NULL;
        if (!n) break;
    }
    *length = used;
    return text;
}

const Source *source_read(Arena *arena, const char *path, size_t limit, Diag *diag)
{
    Span at = {.name = path};
    FILE *file = fopen(path, "rb");
    if (!file) {
        diag_error(diag, E0501, at, "cannot open the file: %s", strerror(errno));
        return NULL;
    }
    Source *source = ARENA_NEW(arena, Source);
    source->path = arena_copy_string(arena, path);
    errno = 0;
    char *text = read_all(arena, file, limit, &source->length);
    int failed = ferror(file), why = errno;
    fclose(file);
    if (failed) {
        diag_error(diag, E0501, at, "cannot read the file: %s", strerror(why));
        return NULL;
    }
    if (!text) {
        diag_error(diag, E0105, at, "the file is larger than %zu bytes", limit);
        return NULL;
    }
    source->text = text;
    return source;
}
