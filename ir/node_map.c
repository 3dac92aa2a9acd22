#include "ir/node_map.h"

typedef struct Slot {
    const Node *node;
    int64_t value;
} Slot;

struct NodeMap {
    Arena *arena;
    Slot *slots;
    size_t room, used; /* room is a power of two */
};

NodeMap *node_map_new(Arena *arena)
{
    NodeMap *map = ARENA_NEW(arena, NodeMap);
    *map = (NodeMap){.arena = arena, .slots = ARENA_ARRAY(arena, Slot, 64), .room = 64};
    return map;
}

/* Open addressing, linear probing; nodes are 16-byte aligned, so the low bits say nothing. */
static Slot *probe(Slot *slots, size_t room, const Node *node)
{
    size_t at = (size_t)((uint64_t)(uintptr_t)node * 0x9e3779b97f4a7c15u >> 20) & (room - 1);
    while (slots[at].node && slots[at].node != node) at = (at + 1) & (room - 1);
    return &slots[at];
}

static void grow(NodeMap *map)
{
    size_t room = map->room * 2;
    Slot *slots = ARENA_ARRAY(map->arena, Slot, room);
    for (size_t i = 0; i < map->room; i++)
        if (map->slots[i].node) *probe(slots, room, map->slots[i].node) = map->slots[i];
    map->slots = slots;
    map->room = room;
}

int64_t *node_map_cell(NodeMap *map, const Node *node)
{
    if (map->used * 2 >= map->room) grow(map);
    Slot *slot = probe(map->slots, map->room, node);
    if (!slot->node) {
        slot->node = node;
        map->used++;
    }
    return &slot->value;
}

const int64_t *node_map_find(const NodeMap *map, const Node *node)
{
    const Slot *slot = probe(map->slots, map->room, node);
    return slot->node ? &slot->value : NULL;
}
