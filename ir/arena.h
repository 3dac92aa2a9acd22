/* One arena per compilation: everything the compiler builds lives in it and
 * dies with it.  Nothing is freed singly. */
#ifndef IR_ARENA_H
#define IR_ARENA_H

#include <stdarg.h>
#include <stddef.h>

typedef struct Arena Arena;

/* Called when memory is out; must not return (longjmp or exit). */
typedef void ArenaEscape(void *context);

/* NULL when not even the arena itself could be had. */
Arena *arena_new(ArenaEscape *escape, void *context);
/* An arena that escapes as `parent` does and is freed with it, if not before: an escape leaves none behind. */
Arena *arena_child(Arena *parent);
/* With its children. */
void arena_free(Arena *arena);

/* Memory that is not the arena's was out: leaves as arena_alloc would. */
_Noreturn void arena_exhausted(const Arena *arena);

/* Zeroed, aligned to 16 bytes (64 from 256 bytes on), never NULL.  From 8 MiB on it is a mapping of a file without a
 * name in $TMPDIR (or /var/tmp), as long as there is room: weights of any size take pages that the system may write
 * out, and not this process's own memory. */
void *arena_alloc(Arena *arena, size_t size);
/* count * size bytes, the product checked. */
void *arena_array(Arena *arena, size_t count, size_t size);
/* Doubles the room of a growing array when `count` reaches `*capacity`; returns its new place. */
void *arena_grow(Arena *arena, void *items, size_t count, size_t *capacity, size_t size);
/* Takes over a mapping, which goes with the arena. */
void arena_adopt_mapping(Arena *arena, void *bytes, size_t size);
char *arena_copy_string(Arena *arena, const char *text);
char *arena_copy_chars(Arena *arena, const char *text, size_t length);
char *arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3), nonnull));
char *arena_vprintf(Arena *arena, const char *format, va_list args) __attribute__((format(printf, 2, 0), nonnull));

#define ARENA_NEW(arena, Type_) ((Type_ *)arena_alloc((arena), sizeof(Type_)))
#define ARENA_ARRAY(arena, Type_, count) ((Type_ *)arena_array((arena), (size_t)(count), sizeof(Type_)))

#endif
