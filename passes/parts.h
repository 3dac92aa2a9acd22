/* Values that lie inside another one's buffer: what a concat or a pad puts side by side is written right there by what
 * makes it, and is no copy. */
#ifndef PASSES_PARTS_H
#define PASSES_PARTS_H

#include "ir/node_map.h"
#include "ir/place.h"

typedef struct PartOf {
    Value part, whole;
} PartOf;

typedef struct Parts {
    Arena *arena;
    PartOf *items; /* each behind those that its whole is a part of */
    size_t count, capacity;
    NodeMap *of; /* node of a part -> 1 + its index */
} Parts;

/* Chooses the parts of every graph's buffers and gives their places the room around them that is the others'.  Rings
 * and slack are settled, strides not yet. */
Parts parts_choose(Arena *arena, const Graph *graph);
/* The value itself when it is no part, else what it is a part of, at last. */
Value parts_root(const Parts *parts, Value value);

#endif
