#include "frontend/elaborate.h"

#include <string.h>

enum { LABELS_LIMIT = 16 << 20 };

/* A label is shown on terminals: nothing in it may steer one. */
static bool is_plain(const char *label)
{
    for (; *label; label++)
        if ((unsigned char)*label < ' ' || *label == 127) return false;
    return true;
}

static const char *line_at(Arena *arena, const char *from, const char *end)
{
    while (end > from && (end[-1] == '\r' || end[-1] == ' ' || end[-1] == '\t')) end--;
    return arena_copy_chars(arena, from, (size_t)(end - from));
}

bool labels_read(Elaborator *e, const char *name, int64_t count, Span at, Result *out)
{
    const char *path = weights_path(e->arena, e->ast->source->path, name, at, e->diag);
    const Source *file = path ? source_read_at(e->arena, path, LABELS_LIMIT, at, e->diag) : NULL;
    if (!file) return false;
    const char **labels = NULL, *end = file->text + file->length;
    size_t n = 0, room = 0;
    for (const char *from = file->text; from < end;) {
        const char *newline = memchr(from, '\n', (size_t)(end - from));
        labels = arena_grow(e->arena, labels, n, &room, sizeof *labels);
        labels[n++] = line_at(e->arena, from, newline ? newline : end);
        from = newline ? newline + 1 : end;
    }
    while (n && !*labels[n - 1]) n--;
    if ((int64_t)n != count) {
        diag_error(e->diag, E0508, at, "'%s' has %zu labels, but the last dim of '%s' is %lld", name, n, out->name,
                   (long long)count);
        return diag_help(e->diag, "one label a line, in the order of the indices");
    }
    for (size_t i = 0; i < n; i++)
        if (!is_plain(labels[i])) {
            diag_error(e->diag, E0508, at, "line %zu of '%s' holds a control character", i + 1, name);
            return diag_help(e->diag, "labels are plain text");
        }
    out->labels_path = name;
    out->labels = labels;
    out->nlabels = (int)n;
    return true;
}
