/* What the lexer found, as numbers, strings and complaints. */
#include "frontend/parse.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The closed list of units behind a number. */
static const char *const units[] = {"%",  "B",  "KB", "MB", "GB",  "KiB", "MiB", "GiB", "pt",  "ns",
                                    "us", "ms", "s",  "Hz", "kHz", "MHz", "px",  "dB",  "MMAC"};

void parse_comment(Parse *p, const char *text, size_t length, const Location *at)
{
    AstComment *comment = ARENA_NEW(p->arena, AstComment);
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\t' || text[length - 1] == '\r')) length--;
    const char *before = p->source->text + at->offset;
    int column = at->first_column;
    while (column > 1 && (before[-1] == ' ' || before[-1] == '\t' || before[-1] == '\r')) before--, column--;
    *comment =
        (AstComment){.line = at->first_line, .alone = column == 1, .text = arena_copy_chars(p->arena, text, length)};
    if (p->ast->last_comment)
        p->ast->last_comment->next = comment;
    else
        p->ast->comments = comment;
    p->ast->last_comment = comment;
}

void token_integer(Parse *p, const char *text, const Location *at, TokenText *out)
{
    errno = 0;
    *out = (TokenText){.written = arena_copy_string(p->arena, text), .integer = strtoull(text, NULL, 10)};
    out->real = (double)out->integer;
    /* 2^63 is the magnitude of the least i64 */
    if (errno != ERANGE && out->integer <= (uint64_t)1 << 63) return;
    diag_error(p->diag, E0104, parse_span(p, at), "the integer %s does not fit 64 bits", text);
    diag_help(p->diag, "write a real number, as in %.1s.0e%zu, if a float is meant", text, strlen(text) - 1);
    p->failed = true;
    out->integer = 0;
}

void token_real(Parse *p, const char *text, const Location *at, TokenText *out)
{
    *out = (TokenText){.written = arena_copy_string(p->arena, text), .real = strtod(text, NULL)};
    if (isfinite(out->real)) return;
    diag_error(p->diag, E0104, parse_span(p, at), "the number %s is larger than an f64 can hold", text);
    diag_help(p->diag, "infinity is written inf");
    p->failed = true;
}

void token_measure(Parse *p, const char *text, const Location *at, TokenText *out)
{
    char *unit = NULL;
    double real = strtod(text, &unit);
    size_t count = sizeof units / sizeof *units;
    *out = (TokenText){.written = arena_copy_string(p->arena, text), .real = real};
    /* strtod reads more than our numbers do: 0x1F, 1e5 is ours */
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) unit = (char *)(uintptr_t)text + 1;
    out->text = arena_copy_string(p->arena, unit);
    for (size_t i = 0; i < count; i++)
        if (!strcmp(units[i], unit)) return;
    const char *near = diag_nearest(unit, units, count);
    diag_error(p->diag, E0204, parse_span(p, at), "'%s' is not a unit that a number can have", unit);
    if (near)
        diag_help(p->diag, "did you mean %.*s%s?", (int)(strlen(text) - strlen(unit)), text, near);
    else
        diag_help(p->diag, "a name begins with a letter; units are %%, KiB, MiB, pt, ms, Hz and the like");
    p->failed = true;
}

/* The whole word around the character, for help. */
static const char *word_around(Parse *p, const Location *at)
{
    const char *text = p->source->text, *from = text + at->offset, *to = from;
    while (from > text && !strchr(" \t\n\"(),", from[-1])) from--;
    while (to < text + p->source->length && *to && !strchr(" \t\n\"(),", *to)) to++;
    return arena_copy_chars(p->arena, from, to - from < 60 ? (size_t)(to - from) : 60);
}

static const struct CharacterRow {
    char character;
    const char *help;
} character_rows[] = {
    {'.', "write 0.5 rather than .5"},
    {';', "a statement ends with its line"},
    {'\'', "strings stand in double quotes"},
    {'%', "a percentage stands behind its number: 75%"},
    {'!', "write `not`, or !="},
    {'&', "write `and`"},
    {'|', "write |> or `or`"},
    {'^', "there is no power; multiply"},
};

void token_bad(Parse *p, const char *text, const Location *at)
{
    p->failed = true;
    if (p->skipping) return; /* the line is refused already */
    if (text[0] == '"') {
        diag_error(p->diag, E0102, parse_span(p, at), "a string is not closed on its line");
        diag_help(p->diag, "end it with \"; a newline inside a string is written \\n");
        return;
    }
    if ((unsigned char)text[0] >= 0x80) {
        diag_error(p->diag, E0102, parse_span(p, at), "letters outside ASCII stand in strings and comments only");
        diag_help(p->diag, "write the name in ASCII letters, or quote it: \"%s\"", word_around(p, at));
        return;
    }
    diag_error(p->diag, E0102, parse_span(p, at), "the language has no character '%c'", text[0]);
    diag_help(p->diag, "leave it out, or put it into a string");
    for (size_t i = 0; i < sizeof character_rows / sizeof *character_rows; i++)
        if (character_rows[i].character == text[0]) diag_help(p->diag, "%s", character_rows[i].help);
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* The character of an escape, or -1; `at` moves behind it. */
static int unescape(const char **at)
{
    static const char from[] = "\"\\ntr0", to[] = "\"\\\n\t\r";
    char c = *(*at)++;
    if (c == 'x' && hex((*at)[0]) >= 0 && hex((*at)[1]) >= 0) {
        int value = hex((*at)[0]) * 16 + hex((*at)[1]);
        *at += 2;
        return value ? value : -1;
    }
    const char *found = c ? strchr(from, c) : NULL;
    return found && found - from < (long)sizeof to - 1 ? to[found - from] : -1;
}

void token_string(Parse *p, const char *text, size_t length, const Location *at, TokenText *out)
{
    char *resolved = arena_alloc(p->arena, length + 1), *to = resolved;
    const char *from = text + 1, *end = text + length - 1;
    while (from < end) {
        if (*from != '\\') {
            *to++ = *from++;
            continue;
        }
        const char *escape = from++;
        int c = unescape(&from);
        if (c >= 0) {
            *to++ = (char)c;
            continue;
        }
        Location here = *at;
        here.first_column += (int)(escape - text);
        here.last_column = here.first_column + 2;
        here.offset += (size_t)(escape - text);
        diag_error(p->diag, E0102, parse_span(p, &here), "a string has no escape \\%c", escape[1]);
        diag_help(p->diag, "the escapes are \\\" \\\\ \\n \\t \\r and \\x41");
        p->failed = true;
    }
    *out = (TokenText){.text = resolved, .written = arena_copy_chars(p->arena, text, length)};
}
