#include "backend/loop_lex.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- characters ---- */

static int peek(const LoopParser *p, size_t ahead)
{
    size_t at = p->position + ahead;
    return at < p->source->length ? (unsigned char)p->source->text[at] : -1;
}

static void skip_blanks(LoopParser *p)
{
    for (;;) {
        int c = peek(p, 0);
        if (c == '\n') {
            p->line++;
            p->line_start = p->position + 1;
        }
        if (c == '#') {
            while (peek(p, 0) >= 0 && peek(p, 0) != '\n') p->position++;
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            p->position++;
        } else {
            return;
        }
    }
}

static bool is_name_start(int c) { return c >= 0 && (isalpha(c) || c == '_'); }
static bool is_name_part(int c) { return c >= 0 && (isalnum(c) || c == '_' || c == '.'); }

/* ---- tokens ---- */

static void lex_name(LoopParser *p, LoopToken *t)
{
    size_t start = p->position;
    while (is_name_part(peek(p, 0))) p->position++;
    t->kind = LOOP_TOKEN_NAME;
    t->text = arena_copy_chars(p->arena, p->source->text + start, p->position - start);
}

static int hex_digit(int c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c > 0 ? strchr(digits, tolower(c)) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* The character that an escape stands for, 0 when it is none. */
static char lex_escape(LoopParser *p)
{
    static const char letters[] = "\"\\ntr", plain[] = "\"\\\n\t\r";
    int c = peek(p, 1);
    const char *at = c > 0 ? strchr(letters, c) : NULL;
    p->position += 2;
    if (at) return plain[at - letters];
    int high = hex_digit(peek(p, 0)), low = hex_digit(peek(p, 1));
    if (c != 'x' || high < 0 || low < 0) return 0;
    p->position += 2;
    return (char)(high * 16 + low);
}

static bool lex_quoted(LoopParser *p, LoopToken *t)
{
    size_t length = 0;
    while (peek(p, length + 1) >= 0 && peek(p, length + 1) != '"' && peek(p, length + 1) != '\n')
        length += peek(p, length + 1) == '\\' ? 2 : 1;
    char *text = arena_alloc(p->arena, length + 2), *to = text;
    p->position++;
    while (peek(p, 0) != '"') {
        int c = peek(p, 0);
        if (c < 0 || c == '\n' || c == 0) return false;
        *to = c == '\\' ? lex_escape(p) : (char)c;
        if (c != '\\') p->position++;
        if (!*to++) return false;
    }
    p->position++;
    t->kind = LOOP_TOKEN_NAME;
    t->quoted = true;
    t->text = text;
    return true;
}

/* Digits, a fraction, an exponent; `0..13` is a number, two dots and a number. */
static bool lex_number(LoopParser *p, LoopToken *t)
{
    size_t start = p->position;
    t->whole = true;
    while (isdigit(peek(p, 0))) p->position++;
    if (peek(p, 0) == '.' && peek(p, 1) != '.') {
        t->whole = false;
        for (p->position++; isdigit(peek(p, 0));) p->position++;
    }
    if (peek(p, 0) == 'e' || peek(p, 0) == 'E') {
        t->whole = false;
        p->position++;
        if (peek(p, 0) == '+' || peek(p, 0) == '-') p->position++;
        while (isdigit(peek(p, 0))) p->position++;
    }
    char *end, *text = arena_copy_chars(p->arena, p->source->text + start, p->position - start);
    t->kind = LOOP_TOKEN_NUMBER;
    t->real = strtod(text, &end);
    if (*end || is_name_start(peek(p, 0))) return false;
    uint64_t value = 0;
    for (const char *c = text; t->whole && *c; c++) {
        if (value > (UINT64_MAX - 9) / 10) return false;
        value = value * 10 + (uint64_t)(*c - '0');
    }
    t->integer = (int64_t)value;
    return true;
}

static bool lex_token(LoopParser *p, LoopToken *t)
{
    int c = peek(p, 0), next = peek(p, 1);
    if (c < 0) return true;
    if (is_name_start(c)) {
        lex_name(p, t);
        return true;
    }
    if (c == '"') return lex_quoted(p, t);
    if (isdigit(c)) return lex_number(p, t);
    t->kind = LOOP_TOKEN_MARK;
    t->mark = (char)c;
    bool twofold = (c == '.' && next == '.') || (c == '>' && next == '=');
    p->position += twofold ? 2 : 1;
    return twofold || strchr("{}[]():,=*+-", c);
}

void loop_advance(LoopParser *p)
{
    skip_blanks(p);
    size_t start = p->position;
    p->token = (LoopToken){.text = ""};
    p->token.at = (Span){p->source, p->line, (int)(start - p->line_start) + 1, 1, NULL};
    bool good = lex_token(p, &p->token);
    if (p->position > start) p->token.at.length = (int)(p->position - start);
    if (!good) loop_fail(p, E0102, "expected a name, a number or one of {}[]():,=*+- .. >=");
}

/* ---- taking them ---- */

bool loop_failed(const LoopParser *p) { return p->diag->errors > 0; }

bool loop_fail(LoopParser *p, DiagCode code, const char *format, ...)
{
    if (loop_failed(p)) return false;
    va_list args;
    va_start(args, format);
    diag_error(p->diag, code, p->token.at, "%s", arena_vprintf(p->arena, format, args));
    va_end(args);
    p->position = p->source->length;
    p->token = (LoopToken){.text = "", .at = p->token.at};
    return false;
}

bool loop_expected(LoopParser *p, const char *what)
{
    const LoopToken *t = &p->token;
    const char *found = t->kind == LOOP_TOKEN_END      ? "the end of the text"
                        : t->kind == LOOP_TOKEN_NAME   ? arena_printf(p->arena, "'%s'", t->text)
                        : t->kind == LOOP_TOKEN_NUMBER ? "a number"
                                                       : arena_printf(p->arena, "'%c'", t->mark);
    return loop_fail(p, E0101, "expected %s, found %s", what, found);
}

bool loop_is_mark(const LoopParser *p, char mark) { return p->token.kind == LOOP_TOKEN_MARK && p->token.mark == mark; }

static bool loop_is_word(const LoopParser *p, const char *word)
{
    return p->token.kind == LOOP_TOKEN_NAME && !p->token.quoted && !strcmp(p->token.text, word);
}

bool loop_accept(LoopParser *p, char mark)
{
    bool is = loop_is_mark(p, mark);
    if (is) loop_advance(p);
    return is;
}

bool loop_accept_word(LoopParser *p, const char *word)
{
    bool is = loop_is_word(p, word);
    if (is) loop_advance(p);
    return is;
}

bool loop_expect(LoopParser *p, char mark)
{
    const char what[] = {'\'', mark, mark == '.' ? '.' : '\'', mark == '.' ? '\'' : 0, 0};
    return loop_accept(p, mark) || loop_expected(p, mark == '>' ? "'>='" : what);
}

const char *loop_take_name(LoopParser *p, const char *what)
{
    if (p->token.kind != LOOP_TOKEN_NAME) {
        loop_expected(p, what);
        return "";
    }
    const char *name = p->token.text;
    loop_advance(p);
    return name;
}

int64_t loop_take_integer(LoopParser *p, const char *what, int64_t low, int64_t high)
{
    bool negative = low < 0 && loop_accept(p, '-');
    if (p->token.kind != LOOP_TOKEN_NUMBER || !p->token.whole) {
        loop_expected(p, what);
        return low;
    }
    /* the lowest int64_t has no positive twin */
    int64_t value = negative ? (int64_t) - (uint64_t)p->token.integer : p->token.integer;
    bool fits = negative ? value <= 0 : value >= 0;
    if (!fits || value < low || value > high) {
        loop_fail(p, E0104, "expected %s from %" PRId64 " to %" PRId64, what, low, high);
        return low;
    }
    loop_advance(p);
    return value;
}

double loop_take_real(LoopParser *p)
{
    double sign = loop_accept(p, '-') ? -1 : 1;
    if (loop_accept_word(p, "inf")) return sign * (double)INFINITY;
    if (loop_accept_word(p, "nan")) return (double)NAN;
    double value = p->token.real;
    if (p->token.kind != LOOP_TOKEN_NUMBER)
        loop_expected(p, "a number");
    else
        loop_advance(p);
    return sign * value;
}
