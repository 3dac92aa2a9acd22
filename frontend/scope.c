#include "frontend/elaborate.h"

#include <string.h>

struct Scope {
    Arena *arena;
    Scope *outer;
    ScopeEntry **entries; /* in the order of definition */
    size_t count, capacity;
    ScopeEntry **table; /* hashed; room is a power of two */
    size_t room;
};

Scope *scope_new(Arena *arena, Scope *outer)
{
    Scope *scope = ARENA_NEW(arena, Scope);
    *scope = (Scope){.arena = arena, .outer = outer, .room = 16};
    scope->table = ARENA_ARRAY(arena, ScopeEntry *, scope->room);
    return scope;
}

static ScopeEntry **probe(ScopeEntry **table, size_t room, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = name; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    size_t at = (size_t)(hash ^ hash >> 32) & (room - 1);
    while (table[at] && strcmp(table[at]->name, name) != 0) at = (at + 1) & (room - 1);
    return &table[at];
}

ScopeEntry *scope_find_here(const Scope *scope, const char *name) { return *probe(scope->table, scope->room, name); }

ScopeEntry *scope_find(const Scope *scope, const char *name)
{
    ScopeEntry *found = NULL;
    for (; scope && !found; scope = scope->outer) found = scope_find_here(scope, name);
    return found;
}

static void grow(Scope *scope)
{
    size_t room = scope->room * 2;
    ScopeEntry **table = ARENA_ARRAY(scope->arena, ScopeEntry *, room);
    for (size_t i = 0; i < scope->count; i++) *probe(table, room, scope->entries[i]->name) = scope->entries[i];
    scope->table = table;
    scope->room = room;
}

void scope_put(Scope *scope, const char *name, Item item, Span at)
{
    if (scope->count * 2 >= scope->room) grow(scope);
    ScopeEntry **place = probe(scope->table, scope->room, name);
    if (!*place) {
        scope->entries =
            arena_grow(scope->arena, scope->entries, scope->count, &scope->capacity, sizeof *scope->entries);
        *place = scope->entries[scope->count++] = ARENA_NEW(scope->arena, ScopeEntry);
    }
    **place = (ScopeEntry){.name = name, .item = item, .at = at};
}

int scope_count(const Scope *scope) { return (int)scope->count; }
ScopeEntry *scope_entry(const Scope *scope, int index) { return scope->entries[index]; }

const char *scope_nearest(Arena *arena, const Scope *scope, const char *name)
{
    size_t count = 0, n = 0;
    for (const Scope *s = scope; s; s = s->outer) count += s->count;
    const char **names = ARENA_ARRAY(arena, const char *, count + 1);
    for (const Scope *s = scope; s; s = s->outer)
        for (size_t i = 0; i < s->count; i++) names[n++] = s->entries[i]->name;
    return diag_nearest(name, names, n);
}
