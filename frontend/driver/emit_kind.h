/* What can come out of a build: one row a kind. */
#ifndef DRIVER_EMIT_KIND_H
#define DRIVER_EMIT_KIND_H

#include "frontend/driver/compile.h"

typedef bool EmitWrite(Compilation *c, const char *path);

typedef enum EmitNeeds { NEEDS_GRAPH, NEEDS_LOOPS } EmitNeeds;

typedef struct EmitRow {
    const char *name, *suffix; /* of the file when only a folder is named, and what -o's suffix tells */
    EmitNeeds needs;
    EmitWrite *write;
    bool is_text; /* to the terminal when no file is named */
    bool brings_header;
} EmitRow;

extern const EmitRow emit_table[];
extern const int emit_count;
const EmitRow *emit_find(const char *name);
/* By the suffix of a path; a path without one is a binary. */
const EmitRow *emit_of_path(const char *path);

/* The header that the row writes at or beside `path`, or NULL. */
const char *emit_header(Compilation *c, const EmitRow *row, const char *path);
EmitWrite write_lep;
/* E0801 and true when the output would be the model itself. */
bool would_replace_model(Compilation *c, const char *path);

/* Links `object` with the runner to a program at `path`. */
bool link_program(Compilation *c, const Bytes *object, const char *path);
/* Links `object` to a shared library at `path`. */
bool link_shared(Compilation *c, const Bytes *object, const char *path);
/* The graph for Graphviz. */
void dot_print(const Graph *graph, FILE *out);

#endif
