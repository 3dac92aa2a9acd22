/* The house's formatting: one statement a line, comments where they were. */
#include "frontend/format.h"

#include "frontend/frontend.h"
#include "ir/attr.h"

#include <string.h>

enum { WIDTH = 110 };

void format_put(Formatter *p, const char *text)
{
    for (; *text; text++) {
        p->text = arena_grow(p->arena, p->text, p->length, &p->room, 1);
        p->text[p->length++] = *text;
    }
}

void format_newline(Formatter *p)
{
    format_put(p, "\n");
    for (int i = 0; i < p->indent; i++) format_put(p, " ");
}

static const char *const keywords[] = {
#define KEYWORD(token, text) text,
#include "ir/keywords.def"
};

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* What the lexer takes for a name, and not for a word of its own. */
static bool is_plain(const char *name)
{
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (!strcmp(keywords[i], name)) return false;
    if (!is_letter(*name)) return false;
    for (const char *c = name; *c; c++) {
        bool dot = *c == '.' && (is_letter(c[1]) || is_digit(c[1]));
        if (!is_letter(*c) && !is_digit(*c) && !dot) return false;
    }
    return true;
}

/* In quotes when it is not a plain one. */
void format_name(Formatter *p, const char *name) { format_put(p, is_plain(name) ? name : string_text(p->arena, name)); }

/* ---- comments and empty lines ---- */

bool format_has_comment(const Formatter *p, int before) { return p->comment && p->comment->line < before; }

/* Where the next thing of source line `line` goes: an empty line of the source stays, as one. */
static void begin_line(Formatter *p, int line)
{
    if (!p->fresh && line > p->line + 1) format_put(p, "\n");
    if (p->length) format_newline(p);
    p->fresh = false;
    p->line = line;
}

static void put_comments(Formatter *p, int before)
{
    while (format_has_comment(p, before)) {
        begin_line(p, p->comment->line);
        format_put(p, p->comment->text);
        p->comment = p->comment->next;
    }
}

/* The comment behind a thing that ends on source line `line`. */
static void put_trailing(Formatter *p, int line)
{
    if (line > p->line) p->line = line;
    if (!p->comment || p->comment->line != line || p->comment->alone) return;
    format_put(p, "  ");
    format_put(p, p->comment->text);
    p->comment = p->comment->next;
}

/* ---- statements ---- */

static void put_notes(Formatter *p, const AstNotes *notes)
{
    for (const AstNote *note = notes->first; note; note = note->next) {
        format_put(p, " @");
        format_put(p, note->name);
        format_put(p, "(");
        format_args(p, &note->args, ", ");
        format_put(p, ")");
    }
}

static void put_attrs(Formatter *p, const AstArgs *attrs)
{
    if (attrs->count) format_put(p, " ");
    format_args(p, attrs, " ");
}

static void put_binding(Formatter *p, const char *word, const AstStatement *s)
{
    format_put(p, word);
    format_name(p, s->name);
    if (s->type) {
        format_put(p, ": ");
        format_type(p, s->type);
    }
    if (s->value) {
        format_put(p, " = ");
        format_expr(p, s->value, 0);
    }
    put_attrs(p, &s->attrs);
    put_notes(p, &s->notes);
}

static void put_dim(Formatter *p, const AstStatement *s)
{
    const char *low = arena_printf(p->arena, "dim %s = %llu", s->name, (unsigned long long)s->low);
    format_put(p, low);
    if (s->bounded) format_put(p, arena_printf(p->arena, "..%llu", (unsigned long long)s->high));
}

static void put_weights(Formatter *p, const AstStatement *s)
{
    format_put(p, "weights");
    if (s->value) {
        format_put(p, " ");
        format_expr(p, s->value, 0);
    }
    put_attrs(p, &s->attrs);
}

static void put_group(Formatter *p, const AstStatement *s)
{
    format_put(p, "group ");
    format_name(p, s->name);
    put_notes(p, &s->notes);
    format_put(p, " {");
    format_body(p, &s->body);
    format_put(p, "}");
}

static void put_statement(Formatter *p, const AstStatement *s)
{
    switch (s->kind) {
    case AST_DIM: put_dim(p, s); break;
    case AST_WEIGHTS: put_weights(p, s); break;
    case AST_INPUT: put_binding(p, "input ", s); break;
    case AST_STATE: put_binding(p, "state ", s); break;
    case AST_NEXT: put_binding(p, "next ", s); break;
    case AST_BIND: put_binding(p, s->preprocess ? "preprocess " : "", s); break;
    case AST_OUTPUT: put_binding(p, "output ", s); break;
    case AST_RETURN:
        format_put(p, "return ");
        format_returned(p, &s->attrs);
        break;
    case AST_EXPRESSION: format_expr(p, s->value, 0); break;
    case AST_GROUP: put_group(p, s); break;
    }
}

static bool too_wide(const Formatter *p, size_t from)
{
    size_t width = 0;
    for (size_t i = from; i < p->length; i++) {
        width = p->text[i] == '\n' ? 0 : width + 1;
        if (width > WIDTH) return true;
    }
    return false;
}

/* Whether a body with statements of its own is inside: comments in there are its own. */
static bool has_body(const AstExpr *expr)
{
    if (expr->loop) return true;
    for (const AstArg *arg = expr->args.first; arg; arg = arg->next)
        if (has_body(arg->value)) return true;
    return false;
}

static void put_line(Formatter *p, const AstStatement *s)
{
    bool inner = s->kind == AST_GROUP || (s->value && has_body(s->value));
    put_comments(p, inner ? s->first_line : s->last_line);
    begin_line(p, s->first_line);
    size_t start = p->length;
    Formatter before = *p;
    p->broken = false;
    put_statement(p, s);
    if (too_wide(p, start) && !before.broken) {
        p->length = start;
        p->comment = before.comment;
        p->line = before.line;
        p->broken = true;
        put_statement(p, s);
    }
    p->broken = before.broken;
    put_trailing(p, s->last_line);
}

void format_body(Formatter *p, const AstStatements *body)
{
    /* a comment behind the opening brace stays there */
    if (body->first && p->comment && !p->comment->alone && p->comment->line < body->first->first_line)
        put_trailing(p, p->comment->line);
    p->indent += 2;
    p->fresh = true;
    for (const AstStatement *s = body->first; s; s = s->next) put_line(p, s);
    put_comments(p, body->end_line);
    p->indent -= 2;
    p->line = body->end_line;
    p->fresh = false;
    format_newline(p);
}

/* ---- the file ---- */

static void put_params(Formatter *p, const AstParams *params)
{
    format_put(p, "(");
    for (const AstParam *param = params->first; param; param = param->next) {
        format_put(p, param == params->first ? "" : ", ");
        format_put(p, param->name);
        if (param->type) {
            format_put(p, ": ");
            format_type(p, param->type);
        }
        if (!param->fallback) continue;
        format_put(p, " = ");
        format_expr(p, param->fallback, 0);
    }
    format_put(p, ")");
}

static void put_entries(Formatter *p, const AstEntries *entries)
{
    p->indent += 2;
    p->fresh = true;
    for (const AstEntry *entry = entries->first; entry; entry = entry->next) {
        put_comments(p, entry->first_line);
        begin_line(p, entry->first_line);
        format_put(p, entry->key);
        format_put(p, ": ");
        format_args(p, &entry->items, " ");
        put_trailing(p, entry->last_line);
    }
    put_comments(p, entries->end_line);
    p->indent -= 2;
    p->line = entries->end_line;
    p->fresh = false;
    format_newline(p);
}

static void put_top(Formatter *p, const AstTop *top)
{
    static const char *const words[] = {"model ", "block ", "op ", "deploy ", "extern op "};
    put_comments(p, top->first_line);
    if (!p->fresh && p->line < top->first_line - 1) p->line = top->first_line - 2;
    begin_line(p, top->first_line);
    format_put(p, words[top->kind]);
    format_name(p, top->name);
    if (top->params.first) put_params(p, &top->params);
    if (top->doc) {
        format_put(p, " ");
        format_put(p, string_text(p->arena, top->doc));
    }
    if (top->kind == AST_OPERATOR) {
        format_put(p, " = ");
        format_expr(p, top->value, 0);
    } else if (top->kind == AST_EXTERN) {
        format_put(p, ": ");
        format_type(p, top->result);
    } else {
        format_put(p, " {");
        if (top->kind == AST_DEPLOY)
            put_entries(p, &top->entries);
        else
            format_body(p, &top->body);
        format_put(p, "}");
    }
    put_trailing(p, top->last_line);
}

void ast_format(const Ast *ast, FILE *out)
{
    Arena *arena = arena_child(ast->arena);
    Formatter p = {.arena = arena, .comment = ast->comments, .fresh = true};
    put_comments(&p, ast->version_line);
    begin_line(&p, ast->version_line);
    format_put(&p, "lep 1");
    if (ast->stage) format_put(&p, arena_printf(arena, " stage %s", ast->stage));
    put_trailing(&p, ast->version_line);
    for (const AstTop *top = ast->tops; top; top = top->next) put_top(&p, top);
    put_comments(&p, INT32_MAX);
    format_put(&p, "\n");
    fwrite(p.text, 1, p.length, out);
    arena_free(arena);
}
