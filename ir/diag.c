#include "ir/diag.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const code_names[] = {
#define DIAG(code, title, text) #code,
#include "ir/diag.def"
};
static const char *const code_titles[] = {
#define DIAG(code, title, text) title,
#include "ir/diag.def"
};
static const char *const code_texts[] = {
#define DIAG(code, title, text) text,
#include "ir/diag.def"
};

Diag diag_new(Arena *arena) { return (Diag){.arena = arena}; }
const char *diag_code_name(DiagCode code) { return code_names[code]; }
const char *diag_code_title(DiagCode code) { return code_titles[code]; }
const char *diag_code_text(DiagCode code) { return code_texts[code]; }

DiagCode diag_code_find(const char *name)
{
    int code = 0;
    if (*name == 'E' || *name == 'e') name++;
    while (code < DIAG_COUNT && strcmp(code_names[code] + 1, name) != 0) code++;
    return (DiagCode)code;
}

static void append(Diag *diag, Severity severity, DiagCode code, Span at, const char *format, va_list args)
{
    if (severity == SEVERITY_ERROR && diag->errors++ >= DIAG_LIMIT) return;
    if (severity == SEVERITY_WARNING) diag->warnings++;
    Diagnostic *one = ARENA_NEW(diag->arena, Diagnostic);
    *one = (Diagnostic){.severity = severity, .code = code, .at = at};
    one->message = arena_vprintf(diag->arena, format, args);
    if (diag->last)
        diag->last->next = one;
    else
        diag->first = one;
    diag->last = one;
}

bool diag_error(Diag *diag, DiagCode code, Span at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    append(diag, SEVERITY_ERROR, code, at, format, args);
    va_end(args);
    return false;
}

void diag_warning(Diag *diag, DiagCode code, Span at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    append(diag, SEVERITY_WARNING, code, at, format, args);
    va_end(args);
}

void diag_note(Diag *diag, Span at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    append(diag, SEVERITY_NOTE, DIAG_COUNT, at, format, args);
    va_end(args);
}

bool diag_help(Diag *diag, const char *format, ...)
{
    if (!diag->last || diag->errors > DIAG_LIMIT) return false;
    va_list args;
    va_start(args, format);
    diag->last->help = arena_vprintf(diag->arena, format, args);
    va_end(args);
    return false;
}

void diag_rewind(Diag *diag, const Diag *before)
{
    *diag = *before;
    if (diag->last) diag->last->next = NULL;
}

/* ---- printing ---- */

static bool is_control(const char *c)
{
    const unsigned char *byte = (const unsigned char *)c;
    return (*byte < ' ' && *byte != '\n') || *byte == 127 || (*byte == 0xc2 && byte[1] < 0xa0);
}

static const char *next_character(const char *c, const char *end)
{
    do c++;
    while (c < end && ((unsigned char)*c & 0xc0) == 0x80);
    return c;
}

/* Names and paths come from outside: a control character in them shows as '?', so that none can steer a terminal. */
static void print_plain(const char *text, size_t length, FILE *out)
{
    const char *end = text + length;
    for (const char *next; text < end; text = next) {
        next = next_character(text, end);
        if (is_control(text))
            fputc(*text == '\t' ? ' ' : '?', out);
        else
            fwrite(text, 1, (size_t)(next - text), out);
    }
}

static void print_text(const char *text, FILE *out) { print_plain(text, strlen(text), out); }

static void print_place(const Span *at, FILE *out)
{
    if (at->source) print_text(at->source->path, out);
    if (at->source && at->line > 0) fprintf(out, ":%d:%d", at->line, at->column);
    if (at->source) fputs(": ", out);
    if (at->name) print_text(at->name, out);
    if (at->name) fputs(": ", out);
}

static const char *find_line(const Source *source, int line)
{
    const char *text = source->text, *end = text + source->length;
    for (int i = 1; i < line && text; i++) {
        text = memchr(text, '\n', (size_t)(end - text));
        if (text) text++;
    }
    return text;
}

enum { MAX_SHOWN = 160 };

/* Characters, of one byte or more, that begin in [from, to). */
static int count_characters(const char *from, const char *to)
{
    int count = 0;
    for (; from < to; from = next_character(from, to)) count++;
    return count;
}

/* The line with the caret. */
static void print_excerpt(const Span *at, FILE *out)
{
    const char *line = at->source && at->source->text && at->line > 0 ? find_line(at->source, at->line) : NULL;
    if (!line) return;
    const char *limit = at->source->text + at->source->length;
    const char *newline = memchr(line, '\n', (size_t)(limit - line)), *end = newline ? newline : limit;
    int column = at->column > 0 ? at->column : 1;
    if (column > MAX_SHOWN || column - 1 > end - line) return;
    fputs("  ", out);
    const char *stop = line;
    int shown = 0;
    for (; stop < end && shown < MAX_SHOWN; shown++) stop = next_character(stop, end);
    print_plain(line, (size_t)(stop - line), out);
    const char *from = line + column - 1, *to = at->length < end - from ? from + at->length : end;
    int before = count_characters(line, from), wide = count_characters(from, to);
    fprintf(out, "\n  %*s^", before, "");
    for (int i = 1; i < wide && before + i < shown; i++) fputc('~', out);
    fputc('\n', out);
}

static void print_one(const Diagnostic *one, FILE *out, bool color)
{
    static const char *const word[] = {"note", "warning", "error"};
    static const char *const paint[] = {"\033[36m", "\033[35m", "\033[31m"};
    print_place(&one->at, out);
    fprintf(out, "%s%s", color ? paint[one->severity] : "", word[one->severity]);
    if (one->code < DIAG_COUNT) fprintf(out, "[%s]", code_names[one->code]);
    fputs(color ? "\033[0m: " : ": ", out);
    print_text(one->message, out);
    fputc('\n', out);
    print_excerpt(&one->at, out);
    if (!one->help) return;
    fputs("  help: ", out);
    print_text(one->help, out);
    fputc('\n', out);
}

/* The order of the text within one source; diagnostics without a place keep theirs. */
static int compare(const void *left, const void *right)
{
    const Diagnostic *a = *(const Diagnostic *const *)left, *b = *(const Diagnostic *const *)right;
    if (a->at.source != b->at.source) return 0;
    if (a->at.line != b->at.line) return a->at.line < b->at.line ? -1 : 1;
    return (a->at.column > b->at.column) - (a->at.column < b->at.column);
}

/* Insertion sort: few, and it is stable. */
static void sort(const Diagnostic **list, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0 && compare(&list[k - 1], &list[k]) > 0; k--) {
            const Diagnostic *swap = list[k];
            list[k] = list[k - 1];
            list[k - 1] = swap;
        }
}

static bool is_note(const Diagnostic *one) { return one && one->severity == SEVERITY_NOTE; }

/* Notes go with what they belong to: the one before them. */
const Diagnostic **diag_sorted(const Diag *diag, size_t *count)
{
    size_t all = 0, heads = 0, n = 0;
    for (const Diagnostic *one = diag->first; one; one = one->next) all++;
    const Diagnostic **head = ARENA_ARRAY(diag->arena, const Diagnostic *, all + 1);
    const Diagnostic **list = ARENA_ARRAY(diag->arena, const Diagnostic *, all + 1);
    for (const Diagnostic *one = diag->first; one; one = one->next)
        if (!is_note(one) || heads == 0) head[heads++] = one;
    sort(head, heads);
    for (size_t i = 0; i < heads; i++) {
        list[n++] = head[i];
        for (const Diagnostic *note = head[i]->next; is_note(note); note = note->next) list[n++] = note;
    }
    *count = n;
    return list;
}

void diag_print(const Diag *diag, FILE *out, bool color)
{
    size_t count;
    const Diagnostic **list = diag_sorted(diag, &count);
    for (size_t i = 0; i < count; i++) print_one(list[i], out, color);
    if (diag->errors > DIAG_LIMIT) fprintf(out, "and %d more errors\n", diag->errors - DIAG_LIMIT);
}

/* ---- did you mean ---- */

enum { LONGEST_WORD = 64 };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Letters put in, left out, changed, or swapped with their neighbour; of words of at most LONGEST_WORD. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][LONGEST_WORD + 1], la = strlen(a), lb = strlen(b);
    if (la > LONGEST_WORD || lb > LONGEST_WORD) return LONGEST_WORD;
    for (size_t j = 0; j <= lb; j++) rows[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            row[j] = least(least(row[j - 1], above[j]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return rows[la % 3][lb];
}

const char *diag_nearest(const char *word, const char *const *names, size_t count)
{
    const char *best = NULL;
    /* another word of one letter is no slip of the hand */
    size_t length = strlen(word), limit = length < 2 ? 0 : length / 3 + 1, nearest = limit + 1;
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(word, names[i]);
        if (d < nearest) {
            nearest = d;
            best = names[i];
        }
    }
    return best;
}
