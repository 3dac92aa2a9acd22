/* Between the lexer and the parser: which newlines end a statement, what is
 * skipped after an error, and how an error reads. */
#include "frontend/parse.h"
#include "frontend/frontend.h"

#include "parser.h"

#include <string.h>

typedef struct RawToken {
    int kind;
    YYSTYPE value;
    Location at;
} RawToken;

enum { TEXT_LIMIT = 64 << 20 };

static const struct Keyword {
    const char *text;
    int token;
} keywords[] = {
#define KEYWORD(token, text) {text, token},
#include "ir/keywords.def"
};

static int keyword_token(const char *text)
{
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (!strcmp(keywords[i].text, text)) return keywords[i].token;
    return NAME;
}

const char *parse_keyword(int token)
{
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (keywords[i].token == token) return keywords[i].text;
    return NULL;
}

/* ---- newlines ---- */

static RawToken read_raw(Parse *p)
{
    RawToken token = {0};
    if (p->waiting) {
        token = *p->waiting;
        p->waiting = NULL;
        return token;
    }
    token.kind = lexer_scan(&token.value, &p->at, p->scanner);
    if (token.kind == END) { /* flex says nothing of where the text ends */
        p->at.offset = p->at.end;
        p->at.first_line = p->at.last_line;
        p->at.first_column = p->at.last_column;
    }
    token.at = p->at;
    if (token.kind == NAME) token.kind = keyword_token(token.value.token.text);
    return token;
}

static void unread(Parse *p, RawToken token)
{
    p->waiting = ARENA_NEW(p->arena, RawToken);
    *p->waiting = token;
}

/* A statement cannot end behind these. */
static bool is_open_ended(int kind)
{
    static const int kinds[] = {0,     NEWLINE, '{',     '+',      '-',  '*',   '/', '=', ',', ':',  '<',  '>',
                                EQUAL, UNEQUAL, AT_MOST, AT_LEAST, PIPE, RANGE, AND, OR,  NOT, THEN, ELSE, WHEN};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i] == kind) return true;
    return false;
}

static bool in_parentheses(const Parse *p) { return p->nopen && p->open[p->nopen - 1].kind != '{'; }

static void close_parentheses(Parse *p)
{
    while (in_parentheses(p)) p->nopen--;
}

static void track_bracket(Parse *p, const RawToken *token)
{
    static const char closers[] = ")]}", openers[] = "([{";
    int kind = token->kind;
    if (kind == '(' || kind == '[' || kind == '{') {
        if (p->nopen < MAX_BRACKETS) {
            p->open[p->nopen].kind = (char)kind;
            p->open[p->nopen++].line = token->at.first_line;
            return;
        }
        diag_error(p->diag, E0105, parse_span(p, &token->at), "brackets are nested more than %d deep", MAX_BRACKETS);
        diag_help(p->diag, "give an inner part a name of its own");
        p->failed = true;
        p->cut = true;
    } else if (kind > 0 && kind < 128 && strchr(closers, kind)) {
        if (kind == '}') close_parentheses(p);
        if (p->nopen && p->open[p->nopen - 1].kind == openers[strchr(closers, kind) - closers]) p->nopen--;
    }
}

/* What stands in braces on a line with an error goes with it, so that its end is not taken for that of the model. */
static void skip_braces(Parse *p)
{
    int deep = 1;
    while (deep) {
        RawToken token = read_raw(p);
        if (token.kind == '{') deep++;
        if (token.kind == '}') deep--;
        if (token.kind == END) {
            unread(p, token);
            return;
        }
    }
}

static int give(Parse *p, RawToken token, YYSTYPE *value, Location *at)
{
    bool body = !p->nopen && (p->head == MODEL || p->head == BLOCK || p->head == DEPLOY);
    if (token.kind == '{' && p->skipping && !body) {
        skip_braces(p);
        return yylex(value, at, p);
    }
    track_bracket(p, &token);
    if (p->cut) token.kind = END;
    *value = token.value;
    *at = token.at;
    p->behind_head++;
    if (!p->last || p->last == NEWLINE || p->last == '{') {
        p->head = token.kind;
        p->head_text = token.kind == NAME ? token.value.token.text : NULL;
        p->behind_head = 0;
    }
    p->previous = p->last;
    p->last = token.kind;
    if (token.kind == NEWLINE) p->skipping = false;
    return token.kind;
}

int yylex(YYSTYPE *value, Location *at, Parse *p)
{
    for (;;) {
        RawToken token = read_raw(p);
        if (token.kind == NEWLINE) {
            if ((in_parentheses(p) && !p->skipping) || (is_open_ended(p->last) && !p->skipping)) continue;
            if (p->last == NEWLINE) continue;
            RawToken next = read_raw(p);
            while (next.kind == NEWLINE) next = read_raw(p);
            unread(p, next);
            if (!p->skipping && (next.kind == PIPE || next.kind == THEN || next.kind == ELSE)) continue;
        } else if ((token.kind == '}' || token.kind == END) && p->last != NEWLINE && p->last != '{' && p->last) {
            unread(p, token);
            token.kind = NEWLINE;
        }
        return give(p, token, value, at);
    }
}

void parse_recover(Parse *p)
{
    p->failed = true;
    close_parentheses(p);
    p->skipping = p->last != NEWLINE;
}

void yyerror(const Location *at, Parse *p, const char *message)
{
    (void)message; /* bison's only other complaint is that its stack is full */
    diag_error(p->diag, E0105, parse_span(p, at), "this is nested too deep");
    diag_help(p->diag, "give an inner part a name of its own");
    p->failed = true;
}

/* ---- the whole text ---- */

/* The length of the UTF-8 sequence at `s`, 0 when it is none. */
static int utf8_length(const unsigned char *s, size_t left)
{
    if (s[0] < 0x80) return 1;
    int n = s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
    if (!n || left < (size_t)n) return 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool beyond = (s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf4 && s[1] >= 0x90);
    return overlong || beyond ? 0 : n;
}

/* Text is UTF-8 without control characters but tab and newlines. */
static bool check_characters(const Source *source, Diag *diag)
{
    const unsigned char *text = (const unsigned char *)source->text;
    Span at = {.source = source, .line = 1, .column = 1, .length = 1};
    for (size_t i = 0; i < source->length;) {
        int n = utf8_length(text + i, source->length - i);
        bool control = text[i] < ' ' ? !strchr("\t\n\r", text[i]) || !text[i] : text[i] == 127;
        if (!n || control) {
            diag_error(diag, E0102, at,
                       n ? "the character 0x%02x has no place in a text" : "the byte 0x%02x is not UTF-8", text[i]);
            return diag_help(diag, "is this a .lep file? Save it as UTF-8 text");
        }
        at.line += text[i] == '\n';
        at.column = text[i] == '\n' ? 1 : at.column + n;
        i += (size_t)n;
    }
    return true;
}

/* The first line names the version of the language: everything behind it depends on that. */
static bool check_version(Parse *p)
{
    RawToken token = read_raw(p);
    while (token.kind == NEWLINE) token = read_raw(p);
    unread(p, token);
    if (token.kind == NAME && !strcmp(token.value.token.text, "lep")) return true;
    bool empty = token.kind == END;
    diag_error(p->diag, E0103, parse_span(p, &token.at), "expected the version line `lep 1`, found %s%.*s%s",
               empty ? "nothing" : "'", empty ? 0 : parse_span(p, &token.at).length, p->source->text + token.at.offset,
               empty ? "" : "'");
    return diag_help(p->diag, "a .lep file begins with a line `lep 1`");
}

Ast *ast_parse(Arena *arena, const Source *source, Diag *diag)
{
    Parse p = {.arena = arena, .source = source, .diag = diag};
    p.at = (Location){.first_line = 1, .first_column = 1, .last_line = 1, .last_column = 1};
    p.ast = ARENA_NEW(arena, Ast);
    *p.ast = (Ast){.arena = arena, .source = source};
    if (source->length > TEXT_LIMIT) {
        Span at = {.source = source};
        diag_error(diag, E0105, at, "the text has %zu bytes; the limit is %d", source->length, TEXT_LIMIT);
        return NULL;
    }
    int errors = diag->errors;
    if (!check_characters(source, diag)) return NULL;
    if (!lexer_init(&p)) return NULL;
    if (check_version(&p) && yyparse(&p)) p.failed = true;
    return p.failed || diag->errors > errors ? NULL : p.ast;
}
