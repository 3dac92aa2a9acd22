/* What the files of the elaborator share: syntax tree to graph. */
#ifndef FRONTEND_ELABORATE_H
#define FRONTEND_ELABORATE_H

#include "frontend/frontend.h"
#include "frontend/weights.h"
#include "ir/op.h"

/* What an expression stands for. */
typedef enum ItemKind {
    ITEM_BROKEN, /* after an error, which has been reported: whoever meets it keeps quiet */
    ITEM_VALUE,
    ITEM_INTEGER,
    ITEM_REAL,
    ITEM_BOOL, /* integer */
    ITEM_LIST, /* numbers, yes and no, in the shape of a tensor */
    ITEM_DIM,  /* a bounded dim: its size is not known yet */
    ITEM_NONE, /* an operand that is left out */
    ITEM_TUPLE /* several results, by names */
} ItemKind;

/* The numbers of lists in lists, row by row. */
typedef struct NumberList {
    int rank;
    int64_t dim[MAX_RANK], count;
    struct Item *at;
} NumberList;

typedef struct Item {
    ItemKind kind;
    Value value;
    const NumberList *list;
    const struct Tuple *tuple;
    int64_t integer;
    double real;
    Dim dim;
} Item;

/* What a block returns, or a repeat carries, when it is several: r.low, r.high. */
typedef struct Tuple {
    int count;
    const char **names;
    Item *items;
} Tuple;

/* Names and what they stand for; a name is looked for in the scopes around, too. */
typedef struct Scope Scope;

typedef struct ScopeEntry {
    const char *name;
    Item item;
    Span at;
    bool used;
} ScopeEntry;

Scope *scope_new(Arena *arena, Scope *outer);
/* NULL when no scope knows the name. */
ScopeEntry *scope_find(const Scope *scope, const char *name);
/* Only in this scope. */
ScopeEntry *scope_find_here(const Scope *scope, const char *name);
void scope_put(Scope *scope, const char *name, Item item, Span at);
const char *scope_nearest(Arena *arena, const Scope *scope, const char *name);
int scope_count(const Scope *scope);
ScopeEntry *scope_entry(const Scope *scope, int index);

typedef enum Layout { LAYOUT_KERAS, LAYOUT_PYTORCH, LAYOUT_LEP } Layout;

typedef struct OpenWeights {
    struct OpenWeights *next;
    const char *name;
    WeightFile *file; /* NULL: it could not be opened */
    bool missing;     /* and need not be there */
    Span at;
    bool *used; /* which of its tensors */
} OpenWeights;

/* The block or op that is being expanded, and the ones around it. */
typedef struct Expansion {
    const struct Expansion *outer;
    const AstTop *top;
    Span call; /* where it is put in */
} Expansion;

typedef struct Elaborator {
    Arena *arena;
    const Ast *ast;
    const ElaborateOptions *options;
    Diag *diag;
    Graph *graph; /* where nodes go: the model's, or a group's region */
    bool flat;    /* a dump: nothing is added to what it says */
    const AstStatement *weights;
    const Expansion *wrong; /* blocks and ops whose bodies have been refused */
    const char *weights_file;
    Layout layout;
    int64_t seed;
    bool has_init; /* weights init: */
    Init init;
    bool raw_weights;   /* that file has elements only, of all parameters one behind the other */
    int64_t raw_offset; /* of the next one's */
    bool raw_ended;     /* it had too few, which has been said */
    OpenWeights *files;
    const Source *pool; /* of a dump */
    const char *pool_name;
    const Source **sources; /* of the origins in a dump, by path */
    size_t nsources, sources_room;
    int steps;          /* expressions elaborated, against texts that expand without end */
    int64_t data_bytes; /* of constants and seeded parameters so far */
    int params;         /* made so far */
    Result *nexts;      /* what states become: results behind the outputs */
    size_t nnexts, nexts_room;
} Elaborator;

enum { MAX_STEPS = 100000 };

/* Where a statement is. */
typedef struct Frame {
    Scope *scope;
    const char *prefix;       /* of the paths of statements in this body; NULL at the top of a model */
    const char *path;         /* of this statement: inner values are called after it */
    const char *param_prefix; /* the same for parameters, which a `share` keeps while paths count on */
    const char *param_path;
    bool reuse; /* parameters that are there already are shared */
    const Expansion *inside;
    const Type *annotation; /* of the statement, or NULL */
    bool layered;           /* the statement has a layer with parameters already */
} Frame;

/* ---- expressions: `final` names the node that the whole expression becomes; NULL: called after its operator ---- */

Item elaborate_expr(Elaborator *e, Frame *f, const AstExpr *expr, const char *final);
/* `piped` is the operand from the left of |>, or NULL. */
Item elaborate_call(Elaborator *e, Frame *f, const AstExpr *call, const Item *piped, const char *final);
Item elaborate_block(Elaborator *e, Frame *f, const AstTop *top, const AstExpr *call, const Item *piped,
                     const char *final);
/* split or join of dims by name. */
Item elaborate_regroup(Elaborator *e, Frame *f, const AstExpr *call, const Item *operand, const char *final);
/* A call of `extern op`: the types of its parameters are checked as a block's, and its sizes handed over. */
Item elaborate_extern(Elaborator *e, Frame *f, const AstTop *top, const AstExpr *call, const Item *piped,
                      const char *final);
/* What a call's arguments are inside a block: its parameters and their dims; NULL after an error. */
Scope *elaborate_arguments(Elaborator *e, Frame *f, const AstTop *top, const AstExpr *call, const Item *piped);
/* A block, an op or an extern op. */
static inline bool is_callable(const AstTop *top)
{
    return top->kind == AST_BLOCK || top->kind == AST_OPERATOR || top->kind == AST_EXTERN;
}
Item elaborate_loop(Elaborator *e, Frame *f, const AstExpr *loop, const char *final);
Item elaborate_scan(Elaborator *e, Frame *f, const AstExpr *loop, const char *final);
Item elaborate_if(Elaborator *e, Frame *f, const AstExpr *expr, const char *final);
/* A constant all of whose elements are that number. */
Value elaborate_constant(Elaborator *e, Frame *f, const Type *type, double value, const char *name, Span at);
/* A second layer with parameters in a statement is E0603. */
bool elaborate_layer(Elaborator *e, Frame *f, Span at);
/* Operator `op` on items, numbers among them turned to constants. */
Item elaborate_node(Elaborator *e, Frame *f, Op op, const void *attrs, int count, const Item *items, const char *final,
                    Span at);
/* A compile-time integer; E0306. */
bool elaborate_integer(Elaborator *e, Frame *f, const AstExpr *expr, const char *what, int64_t *out);
/* False, with E0105, when the text expands to too much. */
bool elaborate_step(Elaborator *e, Span at);

/* `a.b`, or `b` without prefix. */
const char *path_join(Arena *arena, const char *prefix, const char *name);
/* The same of a statement inside `prefix`, which a dump calls by its whole name. */
const char *path_inner(Arena *arena, const char *prefix, const char *name);
/* The place in the text, then those of the blocks and ops around it, innermost first. */
Origin elaborate_origin(Elaborator *e, const Frame *f, Span at);
/* "an integer", for messages. */
const char *item_text(Arena *arena, const Item *item);

/* ---- several results ---- */

Tuple *tuple_new(Arena *arena, int room);
/* E0202 when the name is taken. */
bool tuple_add(Elaborator *e, Tuple *tuple, const char *name, Item item, Span at);
/* `low` or `inner.low` of it; NULL when there is none. */
const Item *tuple_find(Arena *arena, const Tuple *tuple, const char *name);
/* "low, high", each behind `of.` when that is not NULL. */
const char *tuple_text(Arena *arena, const Tuple *tuple, const char *of);
/* `return low: a, high: b` at the end of a body. */
Item elaborate_returned(Elaborator *e, const Frame *body, const AstStatement *s);

/* ---- numbers beside tensors ---- */

/* [1, 2], or [[1, 2], [3, 4]]: all of one shape, known at compile time. */
Item elaborate_list(Elaborator *e, Frame *f, const AstExpr *list);
/* What a number beside these operands becomes: the dtype of the first tensor, bool only when there is no other, f32
 * beside a condition alone; DTYPE_COUNT where there is no tensor. */
Dtype partner_dtype(Op op, int count, const Item *items);
/* The same for one operand: scales of integers are real, conditions bool. */
Dtype number_dtype(Op op, int index, Dtype partner);
/* The constant that a number, yes or no, or a list becomes; E0302 where the dtype cannot hold it. */
bool number_operand(Elaborator *e, const Frame *f, const char *name, const Item *item, Dtype dtype, Span at,
                    Value *out);

/* ---- compile-time arithmetic ---- */

bool item_is_number(const Item *item);
bool item_is_static(const Item *item);
Item fold_binary(Elaborator *e, const char *op, const Item *left, const Item *right, Span at);
Item fold_negate(Elaborator *e, const Item *item, const AstExpr *of, Span at);

/* ---- types and attributes ---- */

bool elaborate_type(Elaborator *e, const Scope *scope, const AstType *type, Type *out);
/* Does the expression of sizes use a bounded dim?  Then elaborate_dim reads it. */
bool elaborate_mentions_dim(const Scope *scope, const AstExpr *expr);
bool elaborate_dim(Elaborator *e, const Scope *scope, const AstExpr *dim, Dim *out);
/* Fills attributes from the named arguments; given[row] says which stood there. */
bool elaborate_attrs(Elaborator *e, Frame *f, const char *of, const AttrTable *table, const AstArgs *args, void *attrs,
                     bool *given);

/* ---- statements ---- */

/* One statement of a model or a group. */
void elaborate_statement(Elaborator *e, Frame *f, const AstStatement *s);
/* One statement in the middle of a body. */
void elaborate_inner(Elaborator *e, Frame *f, const AstStatement *s);
/* The statements of a body; its value is what it returns, or its last expression.  `final` names that. */
Item elaborate_body(Elaborator *e, Frame *outer, const AstStatements *body, const char *final);
/* Statements of a model's own body: dim, weights, input, state, next, output. */
void elaborate_declaration(Elaborator *e, Frame *f, const AstStatement *s);
void elaborate_state(Elaborator *e, Frame *f, const AstStatement *s);
void elaborate_next(Elaborator *e, Frame *f, const AstStatement *s);
/* What every element of `name` begins with: a number that its dtype can hold.  E0306, E0404. */
bool elaborate_first(Elaborator *e, Frame *f, const AstExpr *value, const char *name, Dtype dtype, double *out);
/* At the end of the model: every state has one `next` (E0607), and they become results. */
void elaborate_nexts(Elaborator *e);
/* The origin that a dump notes for a result. */
Span elaborate_result_span(Elaborator *e, Frame *f, const AstStatement *s);
void elaborate_group(Elaborator *e, Frame *f, const AstStatement *s);
/* E0602: `what` stands where it cannot. */
void elaborate_misplaced(Elaborator *e, Span at, const char *what, const char *help);
/* Defines a name; E0202 when it is taken. */
void elaborate_define(Elaborator *e, Frame *f, const char *name, Item item, Span at);
/* @place, @schedule and @origin of a dump. */
void elaborate_notes(Elaborator *e, Frame *f, const AstNotes *notes, Node *node);
/* A planned value of which a dump says no place has none: it is not in memory. */
void elaborate_places(Graph *graph);

/* ---- parameters ---- */

/* What every layer with parameters takes beside its own attributes. */
typedef struct LayerInit {
    Init init, bias_init;
    bool has_init, has_bias; /* they are said */
} LayerInit;

bool elaborate_weights(Elaborator *e, const AstStatement *s);
/* The parameters that layer `op` makes for itself, as operands from `have` on; E0603 for the second in a statement. */
bool layer_params(Elaborator *e, Frame *f, Op op, const void *attrs, const LayerInit *said, Value *operands, int have,
                  Span at);
/* A param of the model's own weights: from its file, or drawn when the file lacks it and how is said. */
void param_of_model(Elaborator *e, const char *key, bool drawn, ParamAttrs *attrs, Span at);
/* False when the file is there and has no such tensor. */
bool weights_may_have(Elaborator *e, const char *name, const char *key, Span at);
/* The key of parameter operand `index` of a layer at `path` in a file of the model's layout, and how it lies there. */
const char *layout_key(Elaborator *e, const Node *layer, int index, const char *path);
void layout_order(const Elaborator *e, const Node *layer, int index, const Type *type, ParamAttrs *attrs);
/* The elements of a param from its attributes; NULL without error when they need not be there. */
bool param_load(Elaborator *e, const char *name, const ParamAttrs *attrs, const Type *type, Span at,
                const Tensor **out);
/* Of a param of the model whose elements are the next of a raw file: says where they begin. */
bool param_place(Elaborator *e, const char *name, const Type *type, ParamAttrs *attrs, Span at);
/* The elements of a constant that a dump keeps in the pool file beside it; NULL after an error. */
const Tensor *pool_tensor(Elaborator *e, const ConstantAttrs *attrs, const Type *type, Span at);
/* Counts the bytes of a tensor that no file limits; E0703 when they become too many. */
bool elaborate_charge(Elaborator *e, const Type *type, Span at);
/* Warns of tensors that nothing used, and closes the files. */
void weights_finish(Elaborator *e, bool complete);
/* Lines of a file beside the model, one a label; E0508. */
bool labels_read(Elaborator *e, const char *name, int64_t count, Span at, Result *out);

#endif
