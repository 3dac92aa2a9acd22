#include "ir/arena.h"

#include <fcntl.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BLOCK_SIZE = 64 * 1024, SMALL_ALIGN = 16, LARGE_ALIGN = 64, LARGE_FROM = 256, MAPPED_FROM = 8 << 20 };

typedef struct Mapping Mapping;
struct Mapping {
    Mapping *next;
    void *bytes;
    size_t size;
};

typedef struct Block Block;
struct Block {
    Block *next;
    size_t used, size;
    unsigned char *memory;
};

struct Arena {
    Block *head;
    Mapping *mappings;
    ArenaEscape *escape;
    void *context;
    Arena *children, *sibling; /* the newest child; the next older child of the same parent */
    Arena **link;              /* what points here, in the parent or a sibling; NULL without a parent */
};

Arena *arena_new(ArenaEscape *escape, void *context)
{
    Arena *arena = calloc(1, sizeof *arena);
    if (!arena) return NULL;
    arena->escape = escape;
    arena->context = context;
    return arena;
}

void arena_exhausted(const Arena *arena)
{
    if (arena->escape) arena->escape(arena->context);
    abort(); /* an escape that returns is our fault */
}

Arena *arena_child(Arena *parent)
{
    Arena *arena = arena_new(parent->escape, parent->context);
    if (!arena) arena_exhausted(parent);
    arena->sibling = parent->children;
    arena->link = &parent->children;
    if (arena->sibling) arena->sibling->link = &arena->sibling;
    parent->children = arena;
    return arena;
}

static void leave_parent(Arena *arena)
{
    if (!arena->link) return;
    *arena->link = arena->sibling;
    if (arena->sibling) arena->sibling->link = arena->link;
}

void arena_free(Arena *arena)
{
    if (!arena) return;
    while (arena->children) arena_free(arena->children);
    leave_parent(arena);
    for (const Mapping *m = arena->mappings; m; m = m->next) munmap(m->bytes, m->size);
    for (Block *block = arena->head, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(arena);
}

static void add_block(Arena *arena, size_t size)
{
    size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
    Block *block = NULL;
    if (room <= SIZE_MAX - sizeof *block - LARGE_ALIGN) block = calloc(1, sizeof *block + LARGE_ALIGN + room);
    if (!block) arena_exhausted(arena);
    uintptr_t start = (uintptr_t)(block + 1);
    block->memory = (unsigned char *)((start + LARGE_ALIGN - 1) / LARGE_ALIGN * LARGE_ALIGN);
    block->size = room;
    /* a block for one large object goes behind the head, whose room stays in use */
    if (size > BLOCK_SIZE && arena->head) {
        block->used = room;
        block->next = arena->head->next;
        arena->head->next = block;
    } else {
        block->next = arena->head;
        arena->head = block;
    }
}

/* ---- large memory ---- */

void arena_adopt_mapping(Arena *arena, void *bytes, size_t size)
{
    Mapping *mapping = ARENA_NEW(arena, Mapping);
    *mapping = (Mapping){arena->mappings, bytes, size};
    arena->mappings = mapping;
}

/* A file of that size that has room on the disk and no name; -1 when there is none. */
static int unnamed_file(const char *folder, size_t size)
{
    char path[1024];
    int length = snprintf(path, sizeof path, "%s/lepc-XXXXXX", folder);
    int fd = length > 0 && (size_t)length < sizeof path ? mkstemp(path) : -1;
    if (fd < 0) return -1;
    unlink(path);
    if (posix_fallocate(fd, 0, (off_t)size) == 0) return fd;
    close(fd);
    return -1;
}

/* NULL where it cannot be had. */
static void *map_large(Arena *arena, size_t size)
{
    const char *folder = getenv("TMPDIR");
    int fd = unnamed_file(folder && *folder ? folder : "/var/tmp", size);
    if (fd < 0) return NULL;
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED) return NULL;
    arena_adopt_mapping(arena, bytes, size);
    return bytes;
}

void *arena_alloc(Arena *arena, size_t size)
{
    size_t align = size >= LARGE_FROM ? LARGE_ALIGN : SMALL_ALIGN;
    if (size > SIZE_MAX / 2) arena_exhausted(arena);
    size = (size + SMALL_ALIGN - 1) / SMALL_ALIGN * SMALL_ALIGN;
    if (size >= MAPPED_FROM) {
        void *mapped = map_large(arena, size);
        if (mapped) return mapped;
    }
    Block *head = arena->head;
    if (size > BLOCK_SIZE && head) {
        add_block(arena, size);
        return arena->head->next->memory;
    }
    size_t start = head ? (head->used + align - 1) / align * align : 0;
    if (!head || start > head->size || head->size - start < size) {
        add_block(arena, size);
        head = arena->head;
        start = 0;
    }
    head->used = start + size;
    return head->memory + start;
}

void *arena_array(Arena *arena, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size) arena_exhausted(arena);
    return arena_alloc(arena, count * size);
}

void *arena_grow(Arena *arena, void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) return items;
    size_t larger = *capacity ? *capacity * 2 : 8;
    void *moved = arena_array(arena, larger, size);
    if (count) memcpy(moved, items, count * size);
    *capacity = larger;
    return moved;
}

char *arena_copy_chars(Arena *arena, const char *text, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);
    if (length) memcpy(copy, text, length);
    return copy;
}

char *arena_copy_string(Arena *arena, const char *text) { return arena_copy_chars(arena, text, strlen(text)); }

char *arena_vprintf(Arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    char *text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

char *arena_printf(Arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}
