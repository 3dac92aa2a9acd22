/* Bounded dims: sizes that are known when code runs, between bounds that are known when it is compiled. */
#ifndef IR_BOUNDED_H
#define IR_BOUNDED_H

#include "ir/attr.h"
#include "ir/graph.h"

enum { MAX_DIMS = 16 }; /* declared ones of a graph */

/* Which axes of what a nest of its own reads and writes may be bounded. */
typedef enum NestBounds {
    BOUNDED_NOWHERE,
    BOUNDED_LINES, /* one that leaves no gaps, but not the last */
    BOUNDED_ROWS,  /* all but the last of the first operand and of the results */
    BOUNDED_ANYWHERE
} NestBounds;

/* Of extent: sizes whose product it is. */
typedef struct ExtentAttrs {
    IntList of;
    int to; /* a Dtype */
    const Dim *of_dims;
} ExtentAttrs;

/* The table of declared dims that a graph, or a region of it, sees: that of the model. */
const Graph *graph_root(const Graph *graph);
/* Position of the declared dim that `dim` follows in that table; -1 when there is none. */
int graph_dim(const Graph *graph, const Dim *dim);
/* Any of the node's operands or results has a bounded dim. */
bool node_is_bounded(const Node *node);

/* Memory is laid out for the bounds, with their strides.  Does such a tensor have gaps at other sizes: is an axis
 * bounded that has one longer than 1 in front of it?  The caller's tensors have none: they are dense for the sizes of
 * the call.
 */
bool type_has_gaps(const Type *type);
/* A group that does nothing but copy between a tensor of the caller and one in the arena, of a type that has gaps
 * there: the only ones that read or write such tensors of the caller.  What it copies goes to *from. */
bool port_copy_of(const Node *group, Value *from);

/* The types of the node's results by its operator's rule.  Where operands have bounded dims, the rule is asked for
 * fixed ones, for as many sizes as tell the forms apart, and each dim of the results is the form (ir/type.h) that all
 * answers have.  What is wrong for one of the sizes is an error that says for which; E0307 when no form fits. */
bool node_infer(const Node *node, Type *out, Diag *diag);

/* The node as it is for one size of each declared dim (negative: it stays as it is), in no list: its operands stand for
 * themselves, of fixed types. */
Node *node_at(Arena *arena, const Node *node, const int64_t *sizes);
/* What a view or a window says of itself - strides, padding - is the same for all sizes; but not where a view begins.
 */
bool node_is_uniform(const Node *node);
/* A number that follows sizes: base + factor * size. */
typedef struct SizedNumber {
    int64_t base, factor; /* factor 0: it is fixed */
    Dim size;
} SizedNumber;
/* Of the values at some sizes of a declared dim, of which there are two at least, the form with the smallest divisor
 * that all have, `most` at most; false when there is none. */
bool dim_form_of(const Dim *declared, int64_t most, int count, const int64_t *sizes, const int64_t *values, Dim *out);
/* IndexMap.offset of a view, which is not linear, for each axis of its operand at all sizes; false when one follows no
 * size, or several. */
bool node_view_offsets(const Node *node, SizedNumber *out);
/* Where the box with this number of a KIND_PIECES node begins and how long it is, along each axis, at all sizes: fixed
 * or linear in one declared dim; and of its operand the offsets of its map.  False when they are not, or the map steps
 * otherwise at other sizes. */
bool node_piece_dims(const Node *node, int64_t number, Dim *begin, Dim *size, SizedNumber *from);
/* A copy of the graph for one size of each declared dim, in which only that is bounded which is counted while it runs
 * (ir/count.h; sizes[] of those is not read): what eval means by it. */
Graph *graph_bind(Arena *arena, const Graph *graph, const int64_t *sizes, Diag *diag);

/* A copy of the graph, of any stage, all of whose types are those of one size of each dim, counted ones, too: what was
 * in memory after a run of these sizes. */
Graph *graph_at(Arena *arena, const Graph *graph, const int64_t *sizes);

#endif
