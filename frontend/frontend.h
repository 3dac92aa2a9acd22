/* The front end: text to a syntax tree to a graph. */
#ifndef FRONTEND_FRONTEND_H
#define FRONTEND_FRONTEND_H

#include "frontend/ast.h"
#include "ir/graph.h"

/* Reads a whole text, less the byte order mark that some editors put before it; E0501 when it cannot, E0105 over the
 * limit.  `path` is kept as the user said it. */
const Source *source_read(Arena *arena, const char *path, size_t limit, Diag *diag);
/* A file as it is, that the text names at `at`. */
const Source *source_read_at(Arena *arena, const char *path, size_t limit, Span at, Diag *diag);
const Source *source_from_text(Arena *arena, const char *path, const char *text);

/* NULL after an error; collects as many as it can. */
Ast *ast_parse(Arena *arena, const Source *source, Diag *diag);
/* The house's formatting, comments kept: `lepc fmt`.  Formatting twice changes nothing. */
void ast_format(const Ast *ast, FILE *out);

typedef struct DimBinding {
    const char *name;
    int64_t low, high; /* the same: it is fixed */
} DimBinding;

typedef struct ElaborateOptions {
    const DimBinding *dims; /* --dim N=4 or N=1..8 */
    int ndims;
    bool weights_optional; /* params of files that are not there get no data: for who reads shapes only */
    int64_t data_limit;    /* bytes that constants and seeded parameters may take; 0: 2^36 */
} ElaborateOptions;

/* The model of the file as a graph of the stage that the version line names; NULL after an error. */
Graph *elaborate(Arena *arena, const Ast *ast, const ElaborateOptions *options, Diag *diag);

#endif
