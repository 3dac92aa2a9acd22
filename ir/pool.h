/* Constants that a dump does not spell out: all of a graph's in one file beside it, named by a hash of its bytes. */
#ifndef IR_POOL_H
#define IR_POOL_H

#include "ir/graph.h"

typedef struct Pool Pool;

/* The layout, in `arena`, of the constants of a graph and its regions that are not one number repeated; each starts
 * at a multiple of 64 bytes. */
Pool *pool_of(Arena *arena, const Graph *graph);
/* "0123456789abcdef.bin": FNV-1a of the file's bytes; NULL when there is nothing to keep. */
const char *pool_name(const Pool *pool);
/* Where a constant lies, in bytes; -1 when it is not in the pool. */
int64_t pool_offset(const Pool *pool, const Node *node);
/* The bytes; false when `out` failed. */
bool pool_write(const Pool *pool, FILE *out);
/* Writes what a dump of the graph refers to into `folder`, to a temporary first; nothing when there is nothing to
 * keep.  E0901. */
bool graph_write_pool(const Graph *graph, const char *folder, Diag *diag);

#endif
