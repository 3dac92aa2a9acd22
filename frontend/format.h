/* What the two files of the formatter share. */
#ifndef FRONTEND_FORMAT_H
#define FRONTEND_FORMAT_H

#include "frontend/ast.h"

typedef struct Formatter {
    Arena *arena;
    char *text; /* what has been written so far */
    size_t length, room;
    const AstComment *comment; /* the next one to be written */
    int line;                  /* of the source: up to here it has been written */
    int indent;
    bool fresh;  /* nothing stands in this body yet */
    bool broken; /* the pipes of this statement stand on lines of their own */
} Formatter;

void format_put(Formatter *p, const char *text);
void format_newline(Formatter *p);
/* `least`: what binds less tightly than this stands in parentheses. */
void format_expr(Formatter *p, const AstExpr *expr, int least);
/* Quoted when it is no word. */
void format_name(Formatter *p, const char *name);
void format_type(Formatter *p, const AstType *type);
/* Values, some with names. */
void format_returned(Formatter *p, const AstArgs *values);
/* Attributes and operands, with `separator` between them. */
void format_args(Formatter *p, const AstArgs *args, const char *separator);
void format_body(Formatter *p, const AstStatements *body);
/* Whether a comment of the source is still to come in front of that line. */
bool format_has_comment(const Formatter *p, int before);

#endif
