/* The IR: a graph is a list of nodes in execution order; a value is a result
 * slot of a node.  Graphs nest: a node may own regions (fused groups, scans,
 * branches), whose nodes may use values of the graphs around them. */
#ifndef IR_GRAPH_H
#define IR_GRAPH_H

#include "ir/diag.h"
#include "ir/tensor.h"

typedef enum Op {
#define OP(name, kind) OP_##name,
#include "ir/ops.def"
    OP_COUNT
} Op;

typedef enum Stage {
    STAGE_ELABORATED, /* what the text says, composites and all */
    STAGE_CORE,       /* only primitives and composites that have code of their own */
    STAGE_QUANTISED,  /* storage types are final */
    STAGE_GROUPED,    /* every computation is inside a group */
    STAGE_SCHEDULED,  /* every group has a schedule */
    STAGE_PLANNED,    /* every value has a place */
    STAGE_COUNT
} Stage;

typedef struct Node Node;
typedef struct Graph Graph;
typedef struct Schedule Schedule; /* ir/schedule.h */
typedef struct Place Place;       /* ir/place.h */
typedef struct NameTable NameTable;

typedef struct Value {
    Node *node;
    int slot;
} Value;

/* Where a node came from: source spans or names of imported nodes. */
typedef struct Origin {
    const Span *at;
    int count;
} Origin;

struct Node {
    Op op;
    const char *name; /* unique in its graph; "c1.relu" */
    Graph *graph;
    int ninputs; /* trailing absent operands are not counted, but may be read: their node is NULL */
    Value *inputs;
    int nresults;
    Type *types;   /* of each result */
    Place *places; /* of each result, once planned; else NULL */
    void *attrs;   /* the operator's own struct, described by its AttrTable */
    Origin origin;
    int nregions;
    Graph **regions;
    const Tensor *data; /* param and constant: the elements, when they are known */
    Schedule *schedule; /* groups, once scheduled */
    Node *previous, *next;
};

/* What a graph gives back, or keeps.  In a model it has a name, and perhaps a label for each index of its last dim. */
typedef struct Result {
    const char *name;
    Value value;
    const char *labels_path;
    const char *const *labels;
    int nlabels;
    Span at;
    int64_t axis; /* of a scan's region: where the slices of all turns are gathered */
    Node *state;  /* a state that the value becomes on the next run, or an input of a scan's region that it becomes in
                    the next turn; NULL: an output.  Outputs come first. */
} Result;

struct Graph {
    Arena *arena;
    const char *name, *doc; /* of the model */
    Graph *parent;
    Node *owner; /* the node whose region this is, or NULL */
    Node *first, *last;
    int nresults;
    Result *results;
    Stage stage;
    int ndims; /* declared dims that are bounded */
    Dim *dims;
    NameTable *names; /* of the nodes; private */
};

Graph *graph_new(Arena *arena, const char *name);
Graph *graph_new_region(Node *owner);

/* What graph_add needs to know; results are inferred. */
typedef struct NodeSpec {
    Op op;
    const char *name; /* made unique by a suffix when it is taken */
    int ninputs;
    const Value *inputs;
    const void *attrs;  /* copied, the strings in it are not; NULL: the defaults */
    const Type *type;   /* input, param, constant and group results: what no rule can infer; else NULL */
    const Tensor *data; /* param and constant */
    Origin origin;
    Node *before; /* NULL: at the end */
} NodeSpec;

/* Adds a node and infers its types; NULL after an error (E0304, or what the operator's rule finds).  A node with a
 * region has no results yet: graph_infer gives it those of its region, once that has some.  A param or constant of a
 * scan's or branch's region is put before the outermost of these around it: what never changes stands outside. */
Node *graph_add(Graph *graph, const NodeSpec *spec, Diag *diag);
/* Infers the types of `node` again, from changed inputs, attributes or regions. */
bool graph_infer(Node *node, Diag *diag);
/* Gives a node other operands; graph_infer then finds its types. */
void graph_set_inputs(Node *node, int count, const Value *inputs);
/* Gives a node another name, made unique as graph_add does. */
void graph_rename(Node *node, const char *name);
/* Every use of `old`, in this graph, its regions and its results, becomes `new_`. */
void graph_replace(Graph *graph, Value old, Value new_);
void graph_remove(Graph *graph, Node *node);
/* Moves a node (of this graph or another) before `before` of `graph`, NULL: to its end; its name gets a suffix when it
 * is taken there. */
void graph_move(Graph *graph, Node *node, Node *before);
void graph_add_result(Graph *graph, Result result);
/* Results that the caller gets: the first so many; the others are what states become. */
int graph_outputs(const Graph *graph);
/* Uses of a value: operands, also in nested regions, and results. */
int graph_uses(const Graph *graph, Value value);
/* NULL when there is none of that name in this graph. */
Node *graph_find(const Graph *graph, const char *name);
/* A copy in `arena` that shares nothing that a pass may change; weights' elements, strings and spans are shared. */
Graph *graph_clone(Arena *arena, const Graph *graph);
/* Is it among the graph's results? */
bool graph_is_result(const Graph *graph, Value value);
/* Is `graph` the region, or somewhere inside it? */
bool graph_is_within(const Graph *graph, const Graph *region);
/* Values of outer graphs that `region` uses, in order of first use. */
int graph_captures(const Graph *region, Value **out);
/* The same of all regions of a node together. */
int node_captures(const Node *node, Value **out);

static inline Value value_of(Node *node) { return (Value){node, 0}; }
static inline bool value_equal(Value a, Value b) { return a.node == b.node && a.slot == b.slot; }
static inline const Type *value_type(Value value) { return &value.node->types[value.slot]; }
/* "c1" or, of a node with several results, "r.h"; a group's slots are called as the values that its region returns. */
const char *value_name(Arena *arena, Value value);

/* Where to point when something is wrong with the node: its first span, or its name. */
Span node_span(const Node *node);
Origin origin_of(Arena *arena, Span at);
/* Both, without repeats. */
Origin origin_join(Arena *arena, Origin a, Origin b);

const char *stage_name(Stage stage);
Stage stage_find(const char *name); /* STAGE_COUNT when there is none */

/* Order, types, names, stage's invariants.  A broken one is our fault, or that of a dump somebody edited: E0605. */
bool graph_verify(const Graph *graph, Diag *diag);
/* The text of DESIGN's language at the graph's stage; what this prints, the front end reads back. */
typedef struct PrintOptions {
    bool origins;
    const char *layer; /* only what belongs to the layer of this path, for reading; NULL: all */
} PrintOptions;
void graph_print(const Graph *graph, FILE *out, PrintOptions options);
/* Parts of that text: one statement, and the lines of declared dims. */
void graph_print_node(const Node *node, int indent, FILE *out);
void graph_print_dims(const Graph *graph, FILE *out);
/* A name as the language writes it: quoted when it is no plain word. */
const char *name_text(Arena *arena, const char *name);
bool name_is_plain(const char *name); /* needs no quotes */

#endif
