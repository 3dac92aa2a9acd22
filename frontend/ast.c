/* Builders of the syntax tree, for the parser's actions. */
#include "frontend/parse.h"

#include <assert.h>
#include <string.h>

/* Behind the last of a list that is held by its ends. */
#define APPEND(first, last, one) (*((last) ? &(last)->next : &(first)) = (one), (last) = (one))

Span parse_span(const Parse *p, const Location *at)
{
    int length = at->last_column - at->first_column;
    if (at->last_line != at->first_line) {
        const char *from = p->source->text + at->offset, *end = p->source->text + p->source->length;
        const char *newline = memchr(from, '\n', (size_t)(end - from));
        length = (int)((newline ? newline : end) - from);
    }
    return (Span){.source = p->source, .line = at->first_line, .column = at->first_column, .length = length};
}

AstExpr *ast_node(Parse *p, AstExprKind kind, const char *text, const Location *at, AstArgs args)
{
    AstExpr *node = ARENA_NEW(p->arena, AstExpr);
    *node = (AstExpr){.kind = kind, .text = text, .at = parse_span(p, at), .args = args, .depth = 1};
    for (const AstArg *arg = args.first; arg; arg = arg->next)
        if (arg->value->depth >= node->depth) node->depth = arg->value->depth + 1;
    if (node->depth > AST_DEEPEST) {
        if (!p->failed) {
            diag_error(p->diag, E0105, node->at, "an expression is at most %d operations deep", AST_DEEPEST);
            diag_help(p->diag, "give a part of it a name of its own");
        }
        p->failed = true;
        node->args = (AstArgs){0};
        node->kind = AST_NONE;
        node->depth = 1;
    }
    return node;
}

AstExpr *ast_leaf(Parse *p, AstExprKind kind, const TokenText *token, const Location *at)
{
    AstExpr *leaf = ast_node(p, kind, token->text, at, (AstArgs){0});
    leaf->written = token->written;
    leaf->integer = token->integer;
    leaf->real = token->real;
    return leaf;
}

AstArgs ast_args(AstArgs list, AstArg *one)
{
    APPEND(list.first, list.last, one);
    list.count++;
    return list;
}

AstArg *ast_arg(Parse *p, const char *key, const Location *at, AstExpr *value)
{
    AstArg *arg = ARENA_NEW(p->arena, AstArg);
    *arg = (AstArg){.key = key, .at = parse_span(p, at), .value = value};
    return arg;
}

static AstArgs of_values(Parse *p, const Location *at, int count, AstExpr *const *values)
{
    AstArgs args = {0};
    for (int i = 0; i < count; i++) {
        AstArg *arg = ast_arg(p, NULL, at, values[i]);
        arg->at = values[i]->at;
        args = ast_args(args, arg);
    }
    return args;
}

AstExpr *ast_unary(Parse *p, AstExprKind kind, const Location *at, AstExpr *of)
{
    return ast_node(p, kind, NULL, at, of_values(p, at, 1, &of));
}

AstExpr *ast_binary(Parse *p, const char *op, const Location *at, AstExpr *left, AstExpr *right)
{
    return ast_node(p, AST_BINARY, op, at, of_values(p, at, 2, (AstExpr *[]){left, right}));
}

AstExpr *ast_pipe(Parse *p, const Location *at, AstExpr *left, AstExpr *target)
{
    return ast_node(p, AST_PIPE, NULL, at, of_values(p, at, 2, (AstExpr *[]){left, target}));
}

AstExpr *ast_when(Parse *p, const Location *at, AstExpr *condition, AstExpr *yes, AstExpr *no)
{
    return ast_node(p, AST_WHEN, NULL, at, of_values(p, at, 3, (AstExpr *[]){condition, yes, no}));
}

/* 1x4: the lexer gave the digits between the x. */
AstExpr *ast_extent(Parse *p, const TokenText *token, const Location *at)
{
    AstArgs args = {0};
    const char *from = token->text;
    for (;;) {
        size_t length = strcspn(from, "x");
        TokenText part = {0};
        token_integer(p, arena_copy_chars(p->arena, from, length), at, &part);
        args = ast_args(args, ast_arg(p, NULL, at, ast_leaf(p, AST_INTEGER, &part, at)));
        if (!from[length]) break;
        from += length + 1;
    }
    AstExpr *node = ast_node(p, AST_EXTENT, token->text, at, args);
    node->written = token->text;
    return node;
}

/* Statements nest in expressions here, so their depth counts too. */
static AstExpr *with_body(Parse *p, AstExprKind kind, const char *word, const Location *at, AstLoop loop)
{
    AstExpr *node = ast_node(p, kind, word, at, (AstArgs){0});
    const AstStatements *bodies[] = {&loop.body, &loop.otherwise};
    int depth = node->depth;
    const AstExpr *of[] = {loop.count, loop.condition};
    for (int i = 0; i < 2; i++)
        if (of[i] && of[i]->depth >= depth) depth = of[i]->depth + 1;
    for (int i = 0; i < 2; i++)
        for (const AstStatement *s = bodies[i]->first; s; s = s->next)
            if (s->value && s->value->depth >= depth) depth = s->value->depth + 1;
    node->loop = ARENA_NEW(p->arena, AstLoop);
    *node->loop = loop;
    node->depth = depth;
    return node;
}

AstExpr *ast_loop(Parse *p, const char *word, const Location *at, AstLoop loop)
{
    return with_body(p, AST_LOOP, word, at, loop);
}

AstExpr *ast_if(Parse *p, const Location *at, AstExpr *condition, AstStatements yes, AstStatements no)
{
    return with_body(p, AST_IF, "if", at, (AstLoop){.count = condition, .body = yes, .otherwise = no});
}

AstExpr *ast_span(Parse *p, const TokenText *path, const Location *at, const uint64_t numbers[3])
{
    AstExpr *node = ast_leaf(p, AST_SPAN, path, at);
    for (int i = 0; i < 3; i++) {
        TokenText number = {.integer = numbers[i],
                            .written = arena_printf(p->arena, "%llu", (unsigned long long)numbers[i])};
        node->args = ast_args(node->args, ast_arg(p, NULL, at, ast_leaf(p, AST_INTEGER, &number, at)));
    }
    return node;
}

AstStatement *ast_statement(Parse *p, AstStatementKind kind, const Location *at)
{
    AstStatement *statement = ARENA_NEW(p->arena, AstStatement);
    *statement =
        (AstStatement){.kind = kind, .at = parse_span(p, at), .first_line = at->first_line, .last_line = at->last_line};
    return statement;
}

AstStatements ast_statements(AstStatements list, AstStatement *one)
{
    APPEND(list.first, list.last, one);
    list.count++;
    return list;
}

AstType *ast_type(Parse *p, const char *name, const Location *at, bool shaped, AstArgs dims)
{
    AstType *type = ARENA_NEW(p->arena, AstType);
    *type = (AstType){.name = name, .at = parse_span(p, at), .shaped = shaped, .dims = dims};
    return type;
}

AstParams ast_params(Parse *p, AstParams list, const char *name, const Location *at, AstType *type, AstExpr *fallback)
{
    AstParam *one = ARENA_NEW(p->arena, AstParam);
    *one = (AstParam){.name = name, .at = parse_span(p, at), .type = type, .fallback = fallback};
    APPEND(list.first, list.last, one);
    list.count++;
    return list;
}

AstNotes ast_notes(Parse *p, AstNotes list, const char *name, const Location *at, AstArgs args)
{
    AstNote *one = ARENA_NEW(p->arena, AstNote);
    *one = (AstNote){.name = name, .at = parse_span(p, at), .args = args};
    APPEND(list.first, list.last, one);
    return list;
}

AstEntries ast_entries(Parse *p, AstEntries list, const char *key, const Location *at, AstArgs items)
{
    AstEntry *one = ARENA_NEW(p->arena, AstEntry);
    *one = (AstEntry){
        .key = key, .at = parse_span(p, at), .first_line = at->first_line, .last_line = at->last_line, .items = items};
    APPEND(list.first, list.last, one);
    return list;
}

AstTop *ast_top(Parse *p, AstTopKind kind, const char *name, const Location *at, const Location *whole)
{
    AstTop *top = ARENA_NEW(p->arena, AstTop);
    *top = (AstTop){.kind = kind,
                    .name = name,
                    .at = parse_span(p, at),
                    .first_line = whole->first_line,
                    .last_line = whole->last_line};
    APPEND(p->ast->tops, p->ast->last_top, top);
    p->stray = false;
    return top;
}

void ast_version(Parse *p, const TokenText *number, const char *word, const char *stage, const Location *stage_at,
                 const Location *at)
{
    p->ast->version_line = at->first_line;
    if (number->integer != 1) {
        diag_error(p->diag, E0103, parse_span(p, at), "this is lep %s; this compiler reads version 1", number->written);
        diag_help(p->diag, "a newer lepc reads it, or write `lep 1` if the text keeps to version 1");
        p->failed = true;
    }
    if (!word) return;
    p->ast->stage = stage;
    p->ast->stage_at = parse_span(p, stage_at);
    if (strcmp(word, "stage")) {
        diag_error(p->diag, E0103, parse_span(p, at), "expected `stage` and its name behind the version, found '%s'",
                   word);
        diag_help(p->diag, "a model begins with `lep 1`, a dump with a line such as `lep 1 stage core`");
        p->failed = true;
    }
}
