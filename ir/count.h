/* Sizes that depend on data: dims of which a node says how much they are while the model runs.  Such a node has
 * OpDef.counts and, as the first of its attributes, `count`, the dim's name.  It stands in the model's own graph, is
 * the only one for its dim, and comes before all values whose types have it. */
#ifndef IR_COUNT_H
#define IR_COUNT_H

#include "ir/op.h"

/* Of whatever defines a size: the first field of all such, so that one rule reads them all. */
typedef struct CountAttrs {
    const char *count;
} CountAttrs;

typedef struct CompressAttrs {
    const char *count;
    int64_t axis;
} CompressAttrs;

typedef struct UniqueAttrs {
    const char *count;
    int64_t axis;
    bool sorted;
} UniqueAttrs;

typedef struct NonMaxSuppressionAttrs {
    const char *count;
    int64_t max; /* of each class */
    double iou, score;
    bool center;
} NonMaxSuppressionAttrs;

typedef struct ShortenAttrs {
    const char *to;
    int64_t axis;
} ShortenAttrs;

/* The dim that the node says the size of; NULL: none. */
const char *node_count(const Node *node);
/* Does the dim follow one that a node says the size of? */
bool dim_is_computed(const Graph *graph, const Dim *dim);
/* Any of the type's dims. */
bool type_is_computed(const Graph *graph, const Type *type);

/* For the rule of a node that counts: the dim as it was declared, or from 0 up to `most`, 2 at least.  E0309 in a body,
 * of a name that wants quotes, and where it is declared to be at least anything. */
bool count_dim(const Node *node, int64_t most, Dim *out, Diag *diag);
/* For graph.c: before the types of a new node are inferred, its dim gets a name where nobody gave one; afterwards it
 * is in the graph's table; with the last node that counts it, it goes. */
void count_name(Node *node);
void count_declare(Node *node);
void count_forget(const Node *node);
/* `to` knows the dims of the model that `from` belongs to: for graphs that are made to try something. */
void count_share(Graph *to, const Graph *from);

/* E0309 for each dim that has two nodes, is used before its own, or counted in a body. */
bool graph_check_counts(const Graph *graph, Diag *diag);

#endif
