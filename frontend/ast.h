/* The syntax tree of a .lep file: what the text says, before it means anything.
 * Everything is a singly linked list in the order of the text. */
#ifndef FRONTEND_AST_H
#define FRONTEND_AST_H

#include "ir/diag.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct AstExpr AstExpr;
typedef struct AstStatement AstStatement;

typedef struct AstStatements {
    AstStatement *first, *last;
    int count;
    int end_line; /* of the closing brace */
} AstStatements;

/* An operand, or an attribute when it has a key; also an element of a list and an entry of a `deploy`. */
typedef struct AstArg AstArg;
struct AstArg {
    AstArg *next;
    const char *key; /* NULL: positional */
    Span at;         /* of the key or the value */
    AstExpr *value;
    bool comma;           /* deploy: begins a new item */
    const char *on;       /* deploy: `ram: 64KiB on "board"` */
    struct AstType *type; /* of a carried value, or NULL */
};

typedef struct AstArgs {
    AstArg *first, *last;
    int count;
} AstArgs;

typedef enum AstExprKind {
    AST_NAME,    /* text: also a path, and a word that an attribute knows */
    AST_STRING,  /* text, its escapes resolved */
    AST_INTEGER, /* integer */
    AST_REAL,    /* real */
    AST_BOOL,    /* integer: yes or no */
    AST_NONE,    /* an operand that is left out */
    AST_MEASURE, /* real and the unit in text: 75%, 64KiB */
    AST_EXTENT,  /* args: 1x4 */
    AST_LIST,    /* args: [a, b] */
    AST_CALL,    /* text(args) */
    AST_NEGATE,  /* args: one */
    AST_NOT,     /* args: one */
    AST_BINARY,  /* args: two; the operator in text */
    AST_PIPE,    /* args: what flows, and a name or a call */
    AST_WHEN,    /* args: condition, then, else */
    AST_LOOP,    /* loop: repeat, share, scan or loop, which text says */
    AST_IF,      /* loop: count is the condition, body and otherwise what it chooses from */
    AST_SPAN     /* text, and three integers in args: "mnist.lep":8:21:10 */
} AstExprKind;

typedef struct AstLoop {
    AstExpr *count;       /* of repeat and share; of loop, or NULL */
    const char *variable; /* the same; NULL also when it is `none` */
    AstExpr *condition;   /* of scan and loop: while; or NULL */
    AstArgs scanned;      /* of scan; key: name of the slice, value: the tensor `over` the axis, or how many turns */
    AstArgs carried;      /* key: name, value: what it begins with */
    AstStatements body;
    AstStatements otherwise; /* of if; without an end_line it is one more `if` */
} AstLoop;

struct AstExpr {
    AstExprKind kind;
    Span at;
    int depth; /* of the tree below, bounded by AST_DEEPEST */
    const char *text;
    const char *written; /* numbers and strings as they stand in the text */
    uint64_t integer;
    double real;
    AstArgs args;
    AstLoop *loop;
};

enum { AST_DEEPEST = 200 };

/* f32[N, 28], int, or (f32[1], f32[2]) for several results. */
typedef struct AstType AstType;
struct AstType {
    AstType *next;
    Span at;
    const char *name; /* NULL: a tuple of `members` */
    bool shaped;      /* has brackets */
    AstArgs dims;     /* integers and names */
    AstType *members, *last_member;
};

typedef struct AstNote AstNote;
struct AstNote {
    AstNote *next;
    const char *name;
    Span at;
    AstArgs args;
};

typedef struct AstNotes {
    AstNote *first, *last;
} AstNotes;

typedef enum AstStatementKind {
    AST_DIM,        /* name = low..high */
    AST_WEIGHTS,    /* file (value, may be NULL), attrs */
    AST_INPUT,      /* name: type notes */
    AST_STATE,      /* name: type = value */
    AST_NEXT,       /* name = value */
    AST_BIND,       /* name: type = value notes; also preprocess */
    AST_OUTPUT,     /* the same with attrs */
    AST_RETURN,     /* attrs: the values */
    AST_EXPRESSION, /* value */
    AST_GROUP       /* name notes body */
} AstStatementKind;

struct AstStatement {
    AstStatement *next;
    AstStatementKind kind;
    Span at;
    int first_line, last_line;
    const char *name;
    Span name_at;
    AstType *type;
    AstExpr *value;
    bool preprocess;
    bool bounded; /* dim low..high */
    uint64_t low, high;
    AstArgs attrs;
    AstNotes notes;
    AstStatements body;
};

typedef struct AstParam AstParam;
struct AstParam {
    AstParam *next;
    const char *name;
    Span at;
    AstType *type;     /* NULL: of an `op` */
    AstExpr *fallback; /* or NULL */
};

typedef struct AstParams {
    AstParam *first, *last;
    int count;
} AstParams;

typedef struct AstEntry AstEntry;
struct AstEntry {
    AstEntry *next;
    const char *key;
    Span at; /* of the key */
    int first_line, last_line;
    AstArgs items; /* key: value and bare values; `comma` ones begin a new item */
};

typedef struct AstEntries {
    AstEntry *first, *last;
    int end_line;
} AstEntries;

typedef enum AstTopKind { AST_MODEL, AST_BLOCK, AST_OPERATOR, AST_DEPLOY, AST_EXTERN } AstTopKind;

typedef struct AstTop AstTop;
struct AstTop {
    AstTop *next;
    AstTopKind kind;
    const char *name;
    Span at; /* of the name */
    int first_line, last_line;
    const char *doc; /* model, or NULL */
    AstParams params;
    AstStatements body;
    AstExpr *value;  /* op */
    AstType *result; /* extern op */
    AstEntries entries;
};

typedef struct AstComment AstComment;
struct AstComment {
    AstComment *next;
    int line;
    bool alone;       /* nothing stands before it on its line */
    const char *text; /* with its #, without the newline */
};

typedef struct Ast {
    Arena *arena;
    const Source *source;
    const char *stage; /* of a dump, else NULL */
    Span stage_at;
    int version_line;
    AstTop *tops, *last_top;
    AstComment *comments, *last_comment;
} Ast;

#endif
