#include "ir/names.h"

#include <assert.h>
#include <string.h>

typedef struct Entry {
    const char *name; /* stays when its node goes: its suffixes are still counted */
    Node *node;
    int suffixes;
} Entry;

struct NameTable {
    Arena *arena;
    Entry *entries;
    size_t room, used; /* room is a power of two */
};

NameTable *names_new(Arena *arena)
{
    NameTable *table = ARENA_NEW(arena, NameTable);
    *table = (NameTable){.arena = arena, .entries = ARENA_ARRAY(arena, Entry, 16), .room = 16};
    return table;
}

static Entry *probe(Entry *entries, size_t room, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = name; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    size_t at = (size_t)(hash ^ hash >> 32) & (room - 1);
    while (entries[at].name && strcmp(entries[at].name, name) != 0) at = (at + 1) & (room - 1);
    return &entries[at];
}

static void grow(NameTable *table)
{
    size_t room = table->room * 2;
    Entry *entries = ARENA_ARRAY(table->arena, Entry, room);
    for (size_t i = 0; i < table->room; i++)
        if (table->entries[i].name) *probe(entries, room, table->entries[i].name) = table->entries[i];
    table->entries = entries;
    table->room = room;
}

static Entry *entry_of(NameTable *table, const char *name)
{
    if (table->used * 2 >= table->room) grow(table);
    Entry *entry = probe(table->entries, table->room, name);
    if (!entry->name) {
        entry->name = name;
        table->used++;
    }
    return entry;
}

Node *names_find(const NameTable *table, const char *name) { return probe(table->entries, table->room, name)->node; }

void names_put(NameTable *table, Node *node) { entry_of(table, node->name)->node = node; }

void names_drop(NameTable *table, const Node *node)
{
    Entry *entry = probe(table->entries, table->room, node->name);
    assert(entry->node == node); /* a name changed without graph_rename */
    entry->node = NULL;
}

int names_next_suffix(NameTable *table, const char *base) { return ++entry_of(table, base)->suffixes; }
