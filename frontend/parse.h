/* What the lexer, the parser and the code between them share. */
#ifndef FRONTEND_PARSE_H
#define FRONTEND_PARSE_H

#include "frontend/ast.h"

/* From the first character to behind the last. */
typedef struct Location {
    int first_line, first_column, last_line, last_column;
    size_t offset, end; /* bytes into the text */
} Location;

typedef struct TokenText {
    const char *text;
    const char *written;
    uint64_t integer;
    double real;
} TokenText;

enum { MAX_BRACKETS = 250 };

/* A parse under way. */
typedef struct Parse {
    Arena *arena;
    const Source *source;
    Diag *diag;
    Ast *ast;
    void *scanner;
    Location at;              /* of the last raw token */
    struct RawToken *waiting; /* read ahead, or NULL */
    int last, previous;       /* kinds of the last tokens given to the parser */
    int head;                 /* of the first of the line */
    const char *head_text;    /* which it is, a name; else NULL */
    int behind_head;          /* tokens since then */
    bool skipping;            /* after an error, until a newline */
    bool failed;
    bool stray; /* text outside of models has been refused: one complaint is enough */
    bool cut;   /* the text was given up: it ends here */
    int nopen;
    struct {
        char kind;
        int line;
    } open[MAX_BRACKETS]; /* brackets around the current token */
} Parse;

/* ---- the lexer's side ---- */

/* Makes the scanner of the source's text; its memory is the arena's. */
bool lexer_init(Parse *p);
/* Keeps the comment for the formatter. */
void parse_comment(Parse *p, const char *text, size_t length, const Location *at);
Span parse_span(const Parse *p, const Location *at);
/* Each reports what is wrong with the token and gives it some value all the same. */
void token_string(Parse *p, const char *text, size_t length, const Location *at, TokenText *out);
void token_integer(Parse *p, const char *text, const Location *at, TokenText *out);
void token_real(Parse *p, const char *text, const Location *at, TokenText *out);
void token_measure(Parse *p, const char *text, const Location *at, TokenText *out);
void token_bad(Parse *p, const char *text, const Location *at);

/* What the parser wanted, as its user reads it: symbols of the grammar. */
void parse_unexpected(Parse *p, const Location *at, int found, const int *expected, int count);
/* The keyword that the token of a grammar symbol or of a kind is, or NULL. */
const char *parse_keyword(int token);
/* After an error: what is open on the line is over, the rest of the line is skipped. */
void parse_recover(Parse *p);
const char *parse_symbol_name(int symbol);

/* ---- the parser's side ---- */

AstExpr *ast_leaf(Parse *p, AstExprKind kind, const TokenText *token, const Location *at);
AstExpr *ast_node(Parse *p, AstExprKind kind, const char *text, const Location *at, AstArgs args);
AstExpr *ast_unary(Parse *p, AstExprKind kind, const Location *at, AstExpr *of);
AstExpr *ast_binary(Parse *p, const char *op, const Location *at, AstExpr *left, AstExpr *right);
AstExpr *ast_pipe(Parse *p, const Location *at, AstExpr *left, AstExpr *target);
AstExpr *ast_when(Parse *p, const Location *at, AstExpr *condition, AstExpr *yes, AstExpr *no);
AstExpr *ast_extent(Parse *p, const TokenText *token, const Location *at);
AstExpr *ast_loop(Parse *p, const char *word, const Location *at, AstLoop loop);
AstExpr *ast_if(Parse *p, const Location *at, AstExpr *condition, AstStatements yes, AstStatements no);
AstExpr *ast_span(Parse *p, const TokenText *path, const Location *at, const uint64_t numbers[3]);
AstArg *ast_arg(Parse *p, const char *key, const Location *at, AstExpr *value);
AstArgs ast_args(AstArgs list, AstArg *one);
AstStatement *ast_statement(Parse *p, AstStatementKind kind, const Location *at);
AstStatements ast_statements(AstStatements list, AstStatement *one);
AstType *ast_type(Parse *p, const char *name, const Location *at, bool shaped, AstArgs dims);
AstParams ast_params(Parse *p, AstParams list, const char *name, const Location *at, AstType *type, AstExpr *fallback);
AstNotes ast_notes(Parse *p, AstNotes list, const char *name, const Location *at, AstArgs args);
AstEntries ast_entries(Parse *p, AstEntries list, const char *key, const Location *at, AstArgs items);
AstTop *ast_top(Parse *p, AstTopKind kind, const char *name, const Location *at, const Location *whole);
void ast_version(Parse *p, const TokenText *number, const char *word, const char *stage, const Location *stage_at,
                 const Location *at);

static inline Arena *parse_arena(const Parse *p) { return p->arena; }

#endif
