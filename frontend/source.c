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

const Source *source_read_at(Arena *arena, const char *path, size_t limit, Span at, Diag *diag)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        diag_error(diag, E0501, at, "cannot open '%s': %s", path, strerror(errno));
        diag_help(diag, "check the name, and that the file may be read");
        return NULL;
    }
    Source *source = ARENA_NEW(arena, Source);
    source->path = arena_copy_string(arena, path);
    errno = 0;
    char *text = read_all(arena, file, limit, &source->length);
    int failed = ferror(file), why = errno;
    fclose(file);
    if (failed) {
        diag_error(diag, E0501, at, "cannot read '%s': %s", path, strerror(why));
        diag_help(diag, "is it a file, and not a folder?");
        return NULL;
    }
    if (!text) {
        diag_error(diag, E0105, at, "'%s' is larger than %zu bytes", path, limit);
        diag_help(diag, "is it the right file?");
        return NULL;
    }
    source->text = text;
    return source;
}

const Source *source_read(Arena *arena, const char *path, size_t limit, Diag *diag)
{
    const Source *file = source_read_at(arena, path, limit, (Span){.source = NULL}, diag);
    /* some editors put a mark before UTF-8 */
    if (!file || file->length < 3 || memcmp(file->text, "\xef\xbb\xbf", 3) != 0) return file;
    Source *text = ARENA_NEW(arena, Source);
    *text = *file;
    text->text += 3;
    text->length -= 3;
    return text;
}
