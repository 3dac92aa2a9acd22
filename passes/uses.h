/* Who uses what, kept up to date while a pass changes the graph: so that a replacement costs as much as there are uses
 * to change, not as there are nodes. */
#ifndef PASSES_USES_H
#define PASSES_USES_H

#include "ir/graph.h"

typedef struct Uses Uses;

/* Of the values of `graph` and of its regions; lives in `scratch`. */
Uses *uses_new(Arena *scratch, Graph *graph);
/* As graph_uses and graph_replace of the whole graph. */
int uses_count(const Uses *uses, Value value);
void uses_replace(Uses *uses, Value old, Value new_);
/* The only node that uses the value, when it is used once as an operand and is no result; else NULL. */
Node *uses_only_user(const Uses *uses, Value value);
/* A node was added: its operands have one more use. */
void uses_enter(Uses *uses, Node *node);
/* Removes a node that nothing uses from its graph and from the uses of its operands. */
void uses_remove(Uses *uses, Node *node);

#endif
