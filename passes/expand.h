/* What expanding composites shares with the rules for bounded dims. */
#ifndef PASSES_EXPAND_H
#define PASSES_EXPAND_H

#include "ir/graph.h"

/* E0308: the expansion is not the same for all sizes of a bounded dim.  False. */
bool expansion_refuse(const Node *node, Diag *diag);
/* The same where the expansion heard of something wrong: in its own words when those are of bounded dims. */
bool expansion_refuse_as(const Node *node, const Diag *heard, Diag *diag);
/* E0308 when the node's expansion holds numbers that follow from the size of a bounded dim. */
bool expansion_is_uniform(const Node *node, Diag *diag);
/* The same when out[], what the expansion gives for each result, has other sizes than that for some of a dim's. */
bool expansion_keeps_types(const Node *node, const Value *out, Diag *diag);

/* The same when the nodes from behind `since` (NULL: from the first) on to `node`, which its expansion made, are others
 * than it would make for some size. */
bool expansion_agrees(const Node *node, const Node *since, Diag *diag);

#endif
