/* The nodes of a graph by number, in order, and who uses each.  True until the
 * graph changes; built once by passes that would else walk the graph for every node. */
#ifndef PASSES_INDEX_H
#define PASSES_INDEX_H

#include "ir/node_map.h"

typedef struct NodeIndex {
    int count;
    Node **node;
    bool *result; /* of each node: the graph gives it back */
    int *first;   /* node i is used by user[first[i]] up to user[first[i + 1] - 1], */
    int *user;    /* once for each operand, nested regions' uses counted to the node that owns them */
    NodeMap *numbers;
} NodeIndex;

NodeIndex *node_index(Arena *arena, const Graph *graph);
/* -1 for a node of another graph. */
int node_number(const NodeIndex *index, const Node *node);

#endif
