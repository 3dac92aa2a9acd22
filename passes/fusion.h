/* What fusion knows while it finds groups, and what it weighs: operations against bytes that go through memory. */
#ifndef PASSES_FUSION_H
#define PASSES_FUSION_H

#include "ir/op.h"
#include "passes/index.h"

/* In place of a group: nobody has the node yet; each group that uses it will compute it. */
enum { FUSION_FREE = -1, FUSION_AGAIN = -2 };

/* Operations of element-wise work that may stand beside the results of a contraction, whose code has it once for each
 * result of a tile. */
enum { FUSION_MOST_BESIDE = 8 };

typedef struct Fusion {
    NodeIndex *index;
    int *group;    /* of each node: the number of its group's result, or one of the above */
    bool *depends; /* of the members of the group being made: they need its anchor */
    int *members;  /* of the group being made, in the order found */
    int count;
} Fusion;

static inline OpKind fusion_kind(const Fusion *f, int number) { return node_def(f->index->node[number])->kind; }
static inline const Type *fusion_type(const Fusion *f, int number) { return &f->index->node[number]->types[0]; }

/* Is it computed in a group: no source, loop, nor another name for the same memory as a reshape is? */
bool fusion_is_computed(const Node *node);
/* The number of the node that makes operand `i`; -1 when there is none in this graph. */
int fusion_operand(const Fusion *f, int number, int i);

/* May the node join group `g`: it is nobody's yet, and nobody outside needs it. */
bool fusion_is_private(const Fusion *f, int number, int g);
void fusion_join(Fusion *f, int number, int g);
/* Gives up the members from `from` on. */
void fusion_release(Fusion *f, int from);
/* Puts them into the graph's order. */
void fusion_sort(Fusion *f, int from);

/* Why no group goes over the rows of this reduction more than once; NULL: one may. */
const char *fusion_row_misfit(const Node *reduction);
/* Whether what `result` is made of goes over rows: reductions of one shape over the same axes and element-wise work
 * that needs them, joined to its group, which holds nothing else yet.  Not so with one reduction alone, whose shape the
 * result has.  `*type` is what is reduced. */
bool fusion_absorb_rows(Fusion *f, int result, Type *type);

/* Once the groups of all users are known: would computing the node in each of them cost less than writing it once and
 * reading it there? */
bool fusion_is_cheaper_again(const Fusion *f, int number);
/* Gives each group that uses the node one of its own. */
bool fusion_repeat(Graph *graph, const Fusion *f, int number, Diag *diag);

#endif
