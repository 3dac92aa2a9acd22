/* repeat and share: a body that is put in once a turn. */
#include "frontend/elaborate.h"

#include <string.h>

static const Item broken = {.kind = ITEM_BROKEN};

enum { MAX_TURNS = 4096 };

typedef struct Repeat {
    Elaborator *e;
    Frame *f; /* around it */
    const AstExpr *expr;
    const AstLoop *loop;
    const char *final;
    bool nexts;    /* the body says by `next` what becomes of each carried value */
    Item *carried; /* into the turn */
} Repeat;

static bool has_next(const AstStatements *body)
{
    for (const AstStatement *s = body->first; s; s = s->next)
        if (s->kind == AST_NEXT) return true;
    return false;
}

static Frame open_turn(Repeat *r, int64_t i)
{
    Elaborator *e = r->e;
    const char *index = arena_printf(e->arena, "%lld", (long long)i);
    Frame f = *r->f;
    bool share = !strcmp(r->expr->text, "share");
    f.scope = scope_new(e->arena, r->f->scope);
    f.path = f.prefix = path_join(e->arena, r->f->path, index);
    f.param_path = f.param_prefix = share ? r->f->param_path : path_join(e->arena, r->f->param_path, index);
    f.reuse = r->f->reuse || (share && i > 0);
    f.annotation = NULL;
    f.layered = false;
    scope_put(f.scope, r->loop->variable, (Item){.kind = ITEM_INTEGER, .integer = i, .real = (double)i}, r->expr->at);
    int k = 0;
    for (const AstArg *arg = r->loop->carried.first; arg; arg = arg->next)
        elaborate_define(e, &f, arg->key, r->carried[k++], arg->at);
    return f;
}

/* ---- several carried values ---- */

static bool refuse_next(Repeat *r, const AstStatement *next, bool twice)
{
    Diag *diag = r->e->diag;
    const char *names[64];
    size_t count = 0;
    if (twice) {
        diag_error(diag, E0607, next->at, "'%s' has a next already", next->name);
        return diag_help(diag, "leave one out: it becomes one value in the next turn");
    }
    for (const AstArg *arg = r->loop->carried.first; arg && count < 64; arg = arg->next) names[count++] = arg->key;
    const char *near = diag_nearest(next->name, names, count);
    diag_error(diag, E0201, next->name_at, "this %s carries no '%s'", r->expr->text, next->name);
    if (near) return diag_help(diag, "did you mean %s?", near);
    return diag_help(diag, "say what it begins with: %s ... (%s = ...)", r->expr->text, next->name);
}

/* `last`: what becomes of it is a result, r.h. */
static bool take_next(Repeat *r, const Frame *turn, const AstStatement *next, bool last, Item *becomes)
{
    Elaborator *e = r->e;
    int i = 0;
    const AstArg *arg = r->loop->carried.first;
    for (; arg && strcmp(arg->key, next->name); arg = arg->next) i++;
    if (!arg || becomes[i].kind != ITEM_NONE) return refuse_next(r, next, arg != NULL);
    Frame f = *turn;
    const char *own = last && r->final ? path_join(e->arena, r->final, next->name) : NULL;
    f.path = own ? own : path_inner(e->arena, f.prefix, next->name);
    f.param_path = path_inner(e->arena, f.param_prefix, next->name);
    becomes[i] = elaborate_expr(e, &f, next->value, f.path);
    if (becomes[i].kind != ITEM_NONE) return becomes[i].kind != ITEM_BROKEN;
    diag_error(e->diag, E0306, next->value->at, "'none' has no value to give '%s'", next->name);
    return diag_help(e->diag, "none stands for an operand that is left out");
}

static bool turn_by_nexts(Repeat *r, Frame *turn, bool last)
{
    Elaborator *e = r->e;
    Item *becomes = ARENA_ARRAY(e->arena, Item, r->loop->carried.count);
    int errors = e->diag->errors, i = 0;
    for (int k = 0; k < r->loop->carried.count; k++) becomes[k].kind = ITEM_NONE;
    for (const AstStatement *s = r->loop->body.first; s && e->steps >= 0; s = s->next)
        if (s->kind == AST_NEXT)
            take_next(r, turn, s, last, becomes);
        else if (s->kind == AST_RETURN || s->kind == AST_EXPRESSION)
            elaborate_misplaced(e, s->at, "a body with `next` has no other value", "carry it, or leave it out");
        else
            elaborate_inner(e, turn, s);
    for (const AstArg *arg = r->loop->carried.first; arg && e->diag->errors == errors; arg = arg->next, i++) {
        r->carried[i] = becomes[i];
        if (becomes[i].kind != ITEM_NONE) continue;
        diag_error(e->diag, E0607, arg->at, "'%s' has no next", arg->key);
        diag_help(e->diag, "say what it becomes: next %s = ...", arg->key);
    }
    return e->diag->errors == errors;
}

/* ---- turns ---- */

static bool turn(Repeat *r, int64_t i, bool last)
{
    Frame f = open_turn(r, i);
    if (r->nexts) return turn_by_nexts(r, &f, last);
    r->carried[0] = elaborate_body(r->e, &f, &r->loop->body, last ? r->final : f.path);
    return r->carried[0].kind != ITEM_BROKEN;
}

static bool take_first(Repeat *r)
{
    int i = 0;
    r->carried = ARENA_ARRAY(r->e->arena, Item, r->loop->carried.count);
    for (const AstArg *arg = r->loop->carried.first; arg; arg = arg->next, i++) {
        r->carried[i] = elaborate_expr(r->e, r->f, arg->value, NULL);
        if (r->carried[i].kind == ITEM_BROKEN) return false;
    }
    if (r->nexts || i == 1) return true;
    diag_error(r->e->diag, E0607, r->expr->at, "several carried values, and the body does not say what each becomes");
    return diag_help(r->e->diag, "write next %s = ..., and so for each", r->loop->carried.first->key);
}

static Item results(Repeat *r)
{
    Tuple *tuple = tuple_new(r->e->arena, r->loop->carried.count);
    bool ok = true;
    int i = 0;
    if (!r->nexts) return r->carried[0];
    for (const AstArg *arg = r->loop->carried.first; arg; arg = arg->next)
        ok = tuple_add(r->e, tuple, arg->key, r->carried[i++], arg->at) && ok;
    return ok ? (Item){.kind = ITEM_TUPLE, .tuple = tuple} : broken;
}

Item elaborate_loop(Elaborator *e, Frame *f, const AstExpr *expr, const char *final)
{
    Repeat r = {.e = e, .f = f, .expr = expr, .loop = expr->loop, .final = final};
    int64_t count = 0;
    r.nexts = has_next(&r.loop->body);
    if (!elaborate_integer(e, f, r.loop->count, "the number of turns", &count)) return broken;
    if (count < 1 || count > MAX_TURNS) {
        diag_error(e->diag, E0104, r.loop->count->at, "a repeat has 1 to %d turns, found %lld", MAX_TURNS,
                   (long long)count);
        diag_help(e->diag, "choose with `when` whether there is a repeat at all");
        return broken;
    }
    if (!take_first(&r)) return broken;
    int params = e->params;
    for (int64_t i = 0; i < count; i++)
        if (!turn(&r, i, i == count - 1)) return broken;
    if (e->params > params && !elaborate_layer(e, f, expr->at)) return broken;
    return results(&r);
}
