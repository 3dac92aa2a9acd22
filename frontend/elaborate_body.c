/* Statements, and the bodies that they stand in. */
#include "frontend/elaborate.h"

#include <string.h>

static const Item broken = {.kind = ITEM_BROKEN};

void elaborate_misplaced(Elaborator *e, Span at, const char *what, const char *help)
{
    diag_error(e->diag, E0602, at, "%s", what);
    diag_help(e->diag, "%s", help);
}

void elaborate_define(Elaborator *e, Frame *f, const char *name, Item item, Span at)
{
    const ScopeEntry *before = scope_find_here(f->scope, name);
    if (!before) {
        scope_put(f->scope, name, item, at);
        return;
    }
    diag_error(e->diag, E0202, at, "'%s' is defined already, on line %d", name, before->at.line);
    diag_help(e->diag, "a name stands for one value: call this one something else");
}

bool elaborate_layer(Elaborator *e, Frame *f, Span at)
{
    if (!f->layered) {
        f->layered = true;
        return true;
    }
    diag_error(e->diag, E0603, at, "a second layer with parameters in one statement: both would be called '%s'",
               f->param_path ? f->param_path : "");
    return diag_help(e->diag, "give the first a statement of its own: a = ..., then use a here");
}

static void check_annotation(Elaborator *e, const AstStatement *s, const Item *item, const Type *annotation)
{
    if (item->kind == ITEM_BROKEN) return;
    if (item->kind != ITEM_VALUE) {
        diag_error(e->diag, E0303, s->type->at, "'%s' is %s, not a tensor", s->name, item_text(e->arena, item));
        diag_help(e->diag, "leave out the annotation");
        return;
    }
    const Type *type = value_type(item->value);
    if (type_equal(type, annotation)) return;
    diag_error(e->diag, E0303, s->type->at, "'%s' is %s, but the annotation claims %s", s->name,
               type_text(e->arena, type), type_text(e->arena, annotation));
    diag_help(e->diag, "correct the annotation, or what leads to '%s'", s->name);
}

/* (f32[1], f32[2]): the types of all results of an operator. */
static void check_tuple(Elaborator *e, Frame *f, const AstStatement *s, const Item *item)
{
    bool tuple = item->kind == ITEM_TUPLE;
    int count = 0, results = tuple ? item->tuple->count : item->kind == ITEM_VALUE ? item->value.node->nresults : 1;
    if (item->kind == ITEM_BROKEN) return;
    for (const AstType *member = s->type->members; member; member = member->next) count++;
    if ((item->kind != ITEM_VALUE && !tuple) || count != results) {
        diag_error(e->diag, E0304, s->type->at, "'%s' has %d result%s, but the annotation claims %d", s->name, results,
                   results == 1 ? "" : "s", count);
        diag_help(e->diag, "one type for each result");
        return;
    }
    for (const AstType *member = s->type->members; member; member = member->next) {
        Type type;
        int i = results - count--;
        if (tuple && item->tuple->items[i].kind != ITEM_VALUE) continue;
        const Type *actual = tuple ? value_type(item->tuple->items[i].value) : &item->value.node->types[i];
        if (!elaborate_type(e, f->scope, member, &type) || type_equal(&type, actual)) continue;
        diag_error(e->diag, E0303, member->at, "this result of '%s' is %s, but the annotation claims %s", s->name,
                   type_text(e->arena, actual), type_text(e->arena, &type));
        diag_help(e->diag, "correct the annotation");
    }
}

/* A value by a name of its own: the frame of its statement. */
static Frame frame_of(Elaborator *e, const Frame *body, const char *name)
{
    Frame f = *body;
    f.path = path_inner(e->arena, body->prefix, name);
    f.param_path = path_inner(e->arena, body->param_prefix, name);
    f.annotation = NULL;
    f.layered = false;
    return f;
}

static Item bound_value(Elaborator *e, Frame *f, const AstStatement *s)
{
    Type annotation;
    bool single = s->type && s->type->name;
    if (single && !elaborate_type(e, f->scope, s->type, &annotation)) {
        elaborate_expr(e, f, s->value, f->path);
        return broken;
    }
    if (single) f->annotation = &annotation;
    Item item = elaborate_expr(e, f, s->value, f->path);
    if (single) check_annotation(e, s, &item, &annotation);
    if (s->type && !single) check_tuple(e, f, s, &item);
    if (item.kind == ITEM_VALUE) elaborate_notes(e, f, &s->notes, item.value.node);
    return item;
}

static void bind(Elaborator *e, Frame *body, const AstStatement *s)
{
    if (scope_find_here(body->scope, s->name)) {
        elaborate_define(e, body, s->name, broken, s->name_at);
        return;
    }
    Frame f = frame_of(e, body, s->name);
    Item item = bound_value(e, &f, s);
    if (item.kind == ITEM_NONE) {
        diag_error(e->diag, E0306, s->value->at, "'none' has no value to give '%s'", s->name);
        diag_help(e->diag, "none stands for an operand that is left out");
        item = broken;
    }
    elaborate_define(e, body, s->name, item, s->name_at);
}

static Item last_value(Elaborator *e, Frame *body, const AstStatement *s, const char *final)
{
    Frame f = *body;
    f.layered = false;
    f.annotation = NULL;
    const AstArg *returned = s->kind == AST_RETURN ? s->attrs.first : NULL;
    const AstExpr *value = returned ? returned->value : s->value;
    if (returned && (returned->key || returned->next)) return elaborate_returned(e, body, s);
    if (value->kind == AST_BINARY && !strcmp(value->text, "over")) {
        elaborate_misplaced(e, value->at, "only a scan's results have axes", "return the value alone");
        return broken;
    }
    return elaborate_expr(e, &f, value, final);
}

static void not_last(Elaborator *e, const AstStatement *s)
{
    if (s->kind == AST_RETURN)
        elaborate_misplaced(e, s->at, "'return' must be the last statement", "move it to the end of its body");
    else
        elaborate_misplaced(e, s->at, "the value of this statement is lost", "give it a name: name = ...");
}

void elaborate_inner(Elaborator *e, Frame *f, const AstStatement *s)
{
    switch (s->kind) {
    case AST_BIND: bind(e, f, s); break;
    case AST_GROUP: elaborate_group(e, f, s); break;
    case AST_RETURN:
    case AST_EXPRESSION: not_last(e, s); break;
    default:
        elaborate_misplaced(e, s->at, "this statement belongs directly into a model",
                            "a block has parameters, statements and a return");
    }
}

Item elaborate_body(Elaborator *e, Frame *outer, const AstStatements *body, const char *final)
{
    Item result = broken;
    int errors = e->diag->errors;
    for (const AstStatement *s = body->first; s && e->steps >= 0; s = s->next) {
        bool value = s->kind == AST_RETURN || s->kind == AST_EXPRESSION;
        if (value && !s->next)
            result = last_value(e, outer, s, final);
        else
            elaborate_inner(e, outer, s);
    }
    const AstStatement *last = body->last;
    bool valued = last && (last->kind == AST_RETURN || last->kind == AST_EXPRESSION);
    if (!valued && e->steps >= 0) {
        Span at = last ? last->at : (Span){.source = e->ast->source};
        elaborate_misplaced(e, at, "the body ends without a value", "end it with `return` and the value");
    }
    return e->diag->errors > errors ? broken : result;
}

/* ---- the body of a model ---- */

void elaborate_statement(Elaborator *e, Frame *f, const AstStatement *s)
{
    switch (s->kind) {
    case AST_BIND: bind(e, f, s); break;
    case AST_GROUP: elaborate_group(e, f, s); break;
    case AST_EXPRESSION: not_last(e, s); break;
    case AST_RETURN:
        elaborate_misplaced(e, s->at, "'return' belongs into a block", "a model has outputs: output name = value");
        break;
    default: elaborate_declaration(e, f, s);
    }
}
