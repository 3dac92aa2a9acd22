/* A map from nodes to pointers or numbers, for walks that must remember something of each node. */
#ifndef IR_NODE_MAP_H
#define IR_NODE_MAP_H

#include "ir/graph.h"

typedef struct NodeMap NodeMap;

NodeMap *node_map_new(Arena *arena);
/* The cell of a node, made with 0 when it is not there; valid until the next call. */
int64_t *node_map_cell(NodeMap *map, const Node *node);
/* NULL when the node is not there. */
const int64_t *node_map_find(const NodeMap *map, const Node *node);

#endif
