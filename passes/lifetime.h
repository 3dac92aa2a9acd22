/* The buffers of a graph whose computation is all in groups, and when each is
 * needed: for plan, and for the report of what it did. */
#ifndef PASSES_LIFETIME_H
#define PASSES_LIFETIME_H

#include "ir/node_map.h"
#include "ir/place.h"
#include "ir/schedule.h"
#include "passes/layout.h"

/* Values that share one buffer: a value and its reshapes. */
typedef struct Storage {
    Value root;
    Space space;
    int index;       /* of an input or output */
    int first, last; /* steps - groups and scans, counted from 0 - that write it and read it last */
    bool read;       /* code loads it from memory; not so what is held in immediates */
    int into;        /* the storage whose memory this one takes over, or -1 */
} Storage;

typedef struct Lifetimes {
    Storage *storages;
    int count;
    int steps;   /* number of groups and scans */
    NodeMap *of; /* top-level node -> 1 + index of the storage of its first result */
} Lifetimes;

Lifetimes lifetimes_of(const Graph *graph, Arena *arena);
Storage *lifetimes_find(const Lifetimes *lifetimes, Value value);
/* False of values of the graphs around. */
bool lifetimes_know(const Lifetimes *lifetimes, Value value);
/* The storage whose memory this one ends up in. */
int lifetimes_resolve(const Lifetimes *lifetimes, int storage);

/* The value's elements are read only where the same element of the group's result is about to be written: by
 * element-wise operators of that shape, after the anchor. */
bool group_reads_in_step(const Group *group, Value value);
/* The same of all that the group reads of a storage. */
bool lifetimes_in_step(const Lifetimes *lifetimes, const Group *group, const Storage *taken);
/* Each result is written by a group of its own, right into its place; E0605. */
bool results_are_written(const Graph *graph, Diag *diag);
/* States without a value of their own to become get one: where a `next` cannot be written right over its state, which
 * is still read then, it is copied there at the end. */
bool settle_states(Graph *graph, Diag *diag);

/* What each group needs for itself while it runs, one block each that needs any, in order; how many. */
int lifetimes_scratch(const Graph *graph, Block *out);

#endif
