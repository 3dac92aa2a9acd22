/* Expressions as the house writes them: no parentheses but those that the tree needs. */
#include "frontend/format.h"
#include "ir/attr.h"

#include <string.h>

enum { LOOSEST, PIPED, OR_LEVEL, AND_LEVEL, NOT_LEVEL, COMPARISON, SUM, PRODUCT, NEGATION, PRIMARY };

static const struct Level {
    const char *op;
    int level;
} levels[] = {
    {"or", OR_LEVEL},   {"and", AND_LEVEL}, {"==", COMPARISON}, {"!=", COMPARISON},
    {"<=", COMPARISON}, {">=", COMPARISON}, {"<", COMPARISON},  {">", COMPARISON},
    {"+", SUM},         {"-", SUM},         {"*", PRODUCT},     {"/", PRODUCT},
};

static int binary_level(const char *op)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (!strcmp(levels[i].op, op)) return levels[i].level;
    return PRIMARY;
}

static int level_of(const AstExpr *expr)
{
    switch (expr->kind) {
    case AST_WHEN:
    case AST_IF: return LOOSEST;
    case AST_PIPE: return PIPED;
    case AST_BINARY: return binary_level(expr->text);
    case AST_NOT: return NOT_LEVEL;
    case AST_NEGATE: return NEGATION;
    default: return PRIMARY;
    }
}

void format_args(Formatter *p, const AstArgs *args, const char *separator)
{
    for (const AstArg *arg = args->first; arg; arg = arg->next) {
        if (arg != args->first) format_put(p, arg->comma ? ", " : separator);
        if (arg->key) {
            format_put(p, arg->key);
            format_put(p, ": ");
        }
        format_expr(p, arg->value, LOOSEST);
        if (!arg->on) continue;
        format_put(p, " on ");
        format_put(p, arg->on);
    }
}

static void over(Formatter *p, const AstExpr *value)
{
    bool axis = value->kind == AST_BINARY && !strcmp(value->text, "over");
    format_expr(p, axis ? value->args.first->value : value, LOOSEST);
    if (!axis) return;
    format_put(p, " over ");
    format_expr(p, value->args.first->next->value, LOOSEST);
}

void format_returned(Formatter *p, const AstArgs *values)
{
    for (const AstArg *arg = values->first; arg; arg = arg->next) {
        if (arg != values->first) format_put(p, ", ");
        if (arg->key) {
            format_name(p, arg->key);
            format_put(p, ": ");
        }
        over(p, arg->value);
    }
}

static void binary(Formatter *p, const AstExpr *expr)
{
    const AstArg *left = expr->args.first;
    int level = binary_level(expr->text);
    format_expr(p, left->value, level == COMPARISON ? level + 1 : level);
    format_put(p, " ");
    format_put(p, expr->text);
    format_put(p, " ");
    format_expr(p, left->next->value, level + 1);
}

static void pipe(Formatter *p, const AstExpr *expr)
{
    const AstArg *left = expr->args.first;
    format_expr(p, left->value, PIPED);
    if (p->broken) {
        p->indent += 4;
        format_newline(p);
        p->indent -= 4;
    } else
        format_put(p, " ");
    format_put(p, "|> ");
    format_expr(p, left->next->value, PRIMARY);
}

static void when(Formatter *p, const AstExpr *expr)
{
    const AstArg *condition = expr->args.first;
    format_put(p, "when ");
    format_expr(p, condition->value, PIPED);
    format_put(p, " then ");
    format_expr(p, condition->next->value, PIPED);
    format_put(p, " else ");
    format_expr(p, condition->next->next->value, LOOSEST);
}

/* One statement that stood on one line stays there. */
static bool fits_line(const Formatter *p, const AstStatements *body)
{
    const AstStatement *only = body->count == 1 ? body->first : NULL;
    return only && only->first_line == body->end_line && !format_has_comment(p, body->end_line) &&
           (only->kind == AST_EXPRESSION || only->kind == AST_RETURN);
}

static void put_body(Formatter *p, const AstStatements *body)
{
    if (fits_line(p, body)) {
        const AstStatement *only = body->first;
        format_put(p, only->kind == AST_RETURN ? "{ return " : "{ ");
        if (only->kind == AST_RETURN)
            format_returned(p, &only->attrs);
        else
            format_expr(p, only->value, LOOSEST);
        format_put(p, " }");
        return;
    }
    format_put(p, "{");
    bool was_broken = p->broken;
    format_body(p, body);
    p->broken = was_broken;
    format_put(p, "}");
}

static void choice(Formatter *p, const AstExpr *expr)
{
    const AstLoop *l = expr->loop;
    format_put(p, "if ");
    format_expr(p, l->count, PIPED);
    format_put(p, " ");
    put_body(p, &l->body);
    format_put(p, " else ");
    if (l->otherwise.end_line)
        put_body(p, &l->otherwise);
    else
        choice(p, l->otherwise.first->value);
}

/* x over 1 as xt, y over 1 as yt */
static void scanned(Formatter *p, const AstArgs *args)
{
    for (const AstArg *arg = args->first; arg; arg = arg->next) {
        format_put(p, arg == args->first ? "" : ", ");
        over(p, arg->value);
        format_put(p, " as ");
        format_name(p, arg->key);
    }
}

static void loop(Formatter *p, const AstExpr *expr)
{
    const AstLoop *l = expr->loop;
    format_put(p, expr->text);
    format_put(p, " ");
    if (l->count) {
        format_expr(p, l->count, LOOSEST);
        format_put(p, " as ");
        format_put(p, l->variable ? l->variable : "none");
    }
    scanned(p, &l->scanned);
    format_put(p, l->count || l->scanned.count ? " (" : "(");
    for (const AstArg *arg = l->carried.first; arg; arg = arg->next) {
        format_put(p, arg == l->carried.first ? "" : ", ");
        format_name(p, arg->key);
        if (arg->type) {
            format_put(p, ": ");
            format_type(p, arg->type);
        }
        format_put(p, " = ");
        format_expr(p, arg->value, LOOSEST);
    }
    format_put(p, ") ");
    if (l->condition) {
        format_put(p, "while ");
        format_expr(p, l->condition, PIPED);
        format_put(p, " ");
    }
    put_body(p, &l->body);
}

static void call(Formatter *p, const AstExpr *expr)
{
    format_put(p, expr->text);
    format_put(p, "(");
    format_args(p, &expr->args, ", ");
    format_put(p, ")");
}

static void list(Formatter *p, const AstExpr *expr)
{
    format_put(p, "[");
    format_args(p, &expr->args, ", ");
    format_put(p, "]");
}

static void span(Formatter *p, const AstExpr *expr)
{
    format_put(p, string_text(p->arena, expr->text));
    for (const AstArg *arg = expr->args.first; arg; arg = arg->next) {
        format_put(p, ":");
        format_put(p, arg->value->written);
    }
}

static void prefixed(Formatter *p, const AstExpr *expr, const char *prefix, int level)
{
    format_put(p, prefix);
    format_expr(p, expr->args.first->value, level);
}

void format_expr(Formatter *p, const AstExpr *expr, int least)
{
    bool parentheses = level_of(expr) < least;
    if (parentheses) format_put(p, "(");
    switch (expr->kind) {
    case AST_NAME: format_put(p, expr->text); break;
    case AST_CALL: call(p, expr); break;
    case AST_LIST: list(p, expr); break;
    case AST_NEGATE: prefixed(p, expr, "-", NEGATION); break;
    case AST_NOT: prefixed(p, expr, "not ", NOT_LEVEL); break;
    case AST_BINARY: binary(p, expr); break;
    case AST_PIPE: pipe(p, expr); break;
    case AST_WHEN: when(p, expr); break;
    case AST_LOOP: loop(p, expr); break;
    case AST_IF: choice(p, expr); break;
    case AST_SPAN: span(p, expr); break;
    default: format_put(p, expr->written);
    }
    if (parentheses) format_put(p, ")");
}

void format_type(Formatter *p, const AstType *type)
{
    format_put(p, type->name ? type->name : "(");
    for (const AstType *member = type->members; member; member = member->next) {
        format_put(p, member == type->members ? "" : ", ");
        format_type(p, member);
    }
    if (type->shaped) {
        format_put(p, "[");
        format_args(p, &type->dims, ", ");
        format_put(p, "]");
    }
    if (!type->name) format_put(p, ")");
}
