/* Tokens of the text of loop nests, and what every part of its parser needs.  After an error the rest of the text is
 * one token, the end, so that parsing runs out without a second complaint. */
#ifndef BACKEND_LOOP_LEX_H
#define BACKEND_LOOP_LEX_H

#include "backend/loop.h"
#include "backend/loop_text.h"

typedef enum LoopTokenKind {
    LOOP_TOKEN_END,
    LOOP_TOKEN_NAME,   /* bare or quoted */
    LOOP_TOKEN_NUMBER, /* without a sign */
    LOOP_TOKEN_MARK    /* a character, or one of `..` and `>=` by its first */
} LoopTokenKind;

typedef struct LoopToken {
    LoopTokenKind kind;
    bool quoted, whole; /* a name in quotes; a number without fraction or exponent */
    const char *text;   /* of names, without quotes and escapes */
    char mark;
    double real;
    int64_t integer;
    Span at;
} LoopToken;

typedef struct LoopParser {
    Arena *arena;
    Diag *diag;
    const Source *source;
    size_t position;
    int line;
    size_t line_start;
    LoopToken token; /* the next */
    LoopBuilder builder;
    const LoopExpr **lets; /* uses of each let of the function, by id */
    size_t let_capacity;
    int depth, scans;
} LoopParser;

/* Largest number that an index, size or count may be; small enough that sums of them do not overflow. */
enum { LOOP_MAX_DEPTH = 200, LOOP_MAX_LANES = 4096 };
static const int64_t loop_max_integer = (int64_t)1 << 40;

void loop_advance(LoopParser *p);
/* Reports at the next token and ends the text; always false. */
bool loop_fail(LoopParser *p, DiagCode code, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool loop_failed(const LoopParser *p);
/* "expected X, found Y" */
bool loop_expected(LoopParser *p, const char *what);
bool loop_is_mark(const LoopParser *p, char mark);
/* Takes the next token if it is that mark or word. */
bool loop_accept(LoopParser *p, char mark);
bool loop_accept_word(LoopParser *p, const char *word);
bool loop_expect(LoopParser *p, char mark);
const char *loop_take_name(LoopParser *p, const char *what); /* "" after an error */
/* A whole number from low up to high, with a sign when low is negative; `low` after an error. */
int64_t loop_take_integer(LoopParser *p, const char *what, int64_t low, int64_t high);
double loop_take_real(LoopParser *p);

/* ---- loop_parse_expr.c ---- */

Affine loop_take_affine(LoopParser *p);
/* "f32" or "f32x16" */
bool loop_take_type(LoopParser *p, Dtype *dtype, int *lanes);
/* NULL after an error. */
const LoopExpr *loop_take_expr(LoopParser *p);
/* A let that was bound to an element of a table; NULL after an error. */
const LoopExpr *loop_take_table(LoopParser *p);
/* What stands in brackets after a buffer's name. */
typedef struct LoopAccess {
    Affine index;
    const LoopExpr *offset; /* of loads, or NULL */
    int lanes, active;
    int64_t stride;
    bool limited; /* to the lanes below `limit` */
    Affine limit;
} LoopAccess;
LoopAccess loop_take_access(LoopParser *p);
/* ---- loop_parse.c, loop_sizes.c ---- */

/* One that nothing else in the function has. */
const char *loop_take_new_name(LoopParser *p, const char *what);
void loop_take_size(LoopParser *p);
void loop_take_resize(LoopParser *p);

/* NULL when there is none of that name. */
const LoopBuffer *loop_find_buffer(const LoopParser *p, const char *name);
const LoopRegister *loop_find_register(const LoopParser *p, const char *name);

#endif
