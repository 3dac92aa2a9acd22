/* The names of a graph's nodes, hashed; for ir/graph.c only. */
#ifndef IR_NAMES_H
#define IR_NAMES_H

#include "ir/graph.h"

NameTable *names_new(Arena *arena);
Node *names_find(const NameTable *table, const char *name);
void names_put(NameTable *table, Node *node);
void names_drop(NameTable *table, const Node *node);
/* How many suffixes of `base` were given out; counts on, so that the next search starts behind. */
int names_next_suffix(NameTable *table, const char *base);

#endif
