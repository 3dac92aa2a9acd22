/* What the user did wrong, and where: collected, printed at the end with
 * carets.  A broken invariant of ours is an assert(), never a diagnostic. */
#ifndef IR_DIAG_H
#define IR_DIAG_H

#include "ir/arena.h"

#include <stdbool.h>
#include <stdio.h>

/* A text that spans point into; `path` is what the user called it. */
typedef struct Source {
    const char *path;
    const char *text;
    size_t length;
} Source;

/* 1-based.  Without a source the span is the name of a thing of an imported file. */
typedef struct Span {
    const Source *source;
    int line, column, length;
    const char *name;
} Span;

/* Rows of ir/diag.def: the code (as E0123), its title, what `explain` says. */
typedef enum DiagCode {
#define DIAG(code, title, text) code,
#include "ir/diag.def"
    DIAG_COUNT
} DiagCode;

typedef enum Severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR } Severity;

typedef struct Diagnostic Diagnostic;
struct Diagnostic {
    Diagnostic *next;
    Severity severity;
    DiagCode code;
    Span at;
    const char *message; /* what was expected and what was found */
    const char *help;    /* a way out, or NULL */
};

typedef struct Diag {
    Arena *arena;
    Diagnostic *first, *last;
    int errors, warnings;
} Diag;

enum { DIAG_LIMIT = 100 }; /* errors kept; the rest are counted */

Diag diag_new(Arena *arena);
/* Always false, so that a checker can say: return diag_error(d, ...). */
bool diag_error(Diag *diag, DiagCode code, Span at, const char *format, ...) __attribute__((format(printf, 4, 5)));
void diag_warning(Diag *diag, DiagCode code, Span at, const char *format, ...) __attribute__((format(printf, 4, 5)));
void diag_note(Diag *diag, Span at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The way out of the diagnostic just reported; always false. */
bool diag_help(Diag *diag, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forgets what was reported since `before` was a copy of it: what was only tried out. */
void diag_rewind(Diag *diag, const Diag *before);

/* All that was kept, in order of place in the text, notes behind what they belong to; in the diag's arena. */
const Diagnostic **diag_sorted(const Diag *diag, size_t *count);
/* In that order: `path:line:col: error[E0102]: message`, the line, the caret, the help. */
void diag_print(const Diag *diag, FILE *out, bool color);
const char *diag_code_name(DiagCode code);
const char *diag_code_title(DiagCode code);
const char *diag_code_text(DiagCode code); /* some sentences: why, and ways out */
DiagCode diag_code_find(const char *name); /* DIAG_COUNT when there is none */

/* The closest of `count` names to `word`, or NULL when none is near: for `did you mean`. */
const char *diag_nearest(const char *word, const char *const *names, size_t count);

#endif
