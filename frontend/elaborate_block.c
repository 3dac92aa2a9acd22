/* What a user defined himself, put in where it is used: blocks and ops. */
#include "frontend/elaborate.h"

#include <string.h>

static const Item broken = {.kind = ITEM_BROKEN};

/* ---- arguments ---- */

/* The argument for each parameter, evaluated where the call is; ITEM_NONE where there is none. */
typedef struct Binding {
    const AstParam *param;
    Item item;
    Span at;
    bool given;
    bool lists; /* of a block: C functions take none */
} Binding;

/* f(x, size: int), for help. */
static const char *signature(Arena *arena, const AstTop *top)
{
    const char *text = top->name, *comma = "(";
    for (const AstParam *p = top->params.first; p; p = p->next, comma = ", ") {
        const char *kind = p->type && p->type->name && !p->type->shaped ? p->type->name : NULL;
        text = arena_printf(arena, "%s%s%s%s%s", text, comma, p->name, kind ? ": " : "", kind ? kind : "");
    }
    return arena_printf(arena, "%s)", text);
}

static Binding *find_binding(Binding *bindings, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(bindings[i].param->name, name)) return &bindings[i];
    return NULL;
}

static bool unknown_param(Elaborator *e, const AstTop *top, const AstArg *arg)
{
    const char **names = ARENA_ARRAY(e->arena, const char *, top->params.count + 1);
    size_t count = 0;
    for (const AstParam *p = top->params.first; p; p = p->next) names[count++] = p->name;
    const char *near = diag_nearest(arg->key, names, count);
    diag_error(e->diag, E0401, arg->at, "%s has no parameter '%s'", top->name, arg->key);
    if (near) return diag_help(e->diag, "did you mean %s?", near);
    return diag_help(e->diag, "write %s", signature(e->arena, top));
}

static bool bind_argument(Elaborator *e, Frame *f, const AstTop *top, const AstArg *arg, Binding *to)
{
    if (arg->key && !to) return unknown_param(e, top, arg);
    if (!to) {
        diag_error(e->diag, E0304, arg->at, "%s takes %d argument%s, found more", top->name, top->params.count,
                   top->params.count == 1 ? "" : "s");
        return diag_help(e->diag, "write %s", signature(e->arena, top));
    }
    if (to->given) {
        diag_error(e->diag, E0405, arg->at, "%s of %s is given twice", to->param->name, top->name);
        return diag_help(e->diag, "keep one of them");
    }
    to->given = true;
    to->at = arg->at;
    to->item = elaborate_expr(e, f, arg->value, NULL);
    return to->item.kind != ITEM_BROKEN;
}

static Binding *bind_arguments(Elaborator *e, Frame *f, const AstTop *top, const AstExpr *call, const Item *piped)
{
    int count = top->params.count, next = 0;
    Binding *bindings = ARENA_ARRAY(e->arena, Binding, count + 1);
    for (const AstParam *p = top->params.first; p; p = p->next)
        bindings[next++] = (Binding){.param = p, .lists = top->kind == AST_BLOCK};
    next = 0;
    bool ok = true;
    if (piped) {
        ok = piped->kind != ITEM_BROKEN;
        bindings[0].item = *piped;
        bindings[0].given = true;
        bindings[0].at = call->at;
        next = 1;
    }
    for (const AstArg *arg = call->args.first; arg; arg = arg->next) {
        Binding *to = arg->key ? find_binding(bindings, count, arg->key) : next < count ? &bindings[next++] : NULL;
        ok = bind_argument(e, f, top, arg, to) && ok;
    }
    return ok ? bindings : NULL;
}

/* ---- parameters and their types ---- */

static bool is_word(const AstType *type, const char *word)
{
    return type->name && !type->shaped && !strcmp(type->name, word);
}

/* A name in the type of a parameter stands for that dim, inside the block. */
static bool bind_dim(Elaborator *e, Scope *scope, const AstExpr *dim, const Dim *actual, const Binding *b)
{
    Item item = {.kind = dim_is_fixed(actual) ? ITEM_INTEGER : ITEM_DIM,
                 .integer = actual->low,
                 .real = (double)actual->low,
                 .dim = *actual};
    if (dim->kind == AST_NAME) {
        const ScopeEntry *before = scope_find_here(scope, dim->text);
        if (!before) {
            scope_put(scope, dim->text, item, dim->at);
            return true;
        }
        bool same = before->item.kind == item.kind && dim_equal(&before->item.dim, actual);
        if (before->item.kind == ITEM_INTEGER) same = dim_is_fixed(actual) && before->item.integer == actual->low;
        if (same) return true;
    } else if (dim->kind == AST_INTEGER && dim_is_fixed(actual) && (uint64_t)actual->low == dim->integer)
        return true;
    diag_error(e->diag, E0301, b->at, "'%s' wants %s to be %s, found %lld in %s", b->param->name,
               dim->kind == AST_NAME ? dim->text : "a dim",
               dim->kind == AST_NAME      ? "one size"
               : dim->kind == AST_INTEGER ? dim->written
                                          : "a name or a number",
               (long long)actual->high, type_text(e->arena, value_type(b->item.value)));
    return diag_help(e->diag, "see the parameter's type in the block's first line");
}

static bool bind_tensor(Elaborator *e, Scope *scope, const Binding *b)
{
    const AstType *wanted = b->param->type;
    const Type *type = value_type(b->item.value);
    Dtype dtype = wanted->name ? dtype_find(wanted->name) : DTYPE_COUNT;
    if (dtype == DTYPE_COUNT) {
        Type ignored;
        return elaborate_type(e, scope, wanted, &ignored); /* says what is wrong with it */
    }
    if (type->dtype != dtype) {
        diag_error(e->diag, E0302, b->at, "'%s' wants %s, found %s", b->param->name, wanted->name,
                   type_text(e->arena, type));
        return diag_help(e->diag, "convert it, as in %s(x)", wanted->name);
    }
    if (type->rank != wanted->dims.count) {
        diag_error(e->diag, E0301, b->at, "'%s' wants %d dims, found %s", b->param->name, wanted->dims.count,
                   type_text(e->arena, type));
        return diag_help(e->diag, "reshape it, or correct the parameter's type");
    }
    int i = 0;
    for (const AstArg *arg = wanted->dims.first; arg; arg = arg->next, i++)
        if (!bind_dim(e, scope, arg->value, &type->dim[i], b)) return false;
    return true;
}

static const char *wanted_text(Elaborator *e, const AstType *type)
{
    if (is_word(type, "int")) return "an integer known at compile time";
    if (is_word(type, "bool")) return "yes or no";
    if (is_word(type, "float")) return "a number known at compile time";
    if (is_word(type, "list")) return "a flat list of numbers, as [1, 2]";
    return arena_printf(e->arena, "a tensor of %s", type->name ? type->name : "one type");
}

static bool bind_param(Elaborator *e, Scope *scope, Binding *b)
{
    const AstType *type = b->param->type;
    ItemKind kind = b->item.kind;
    bool ok = true;
    if (type && (type->shaped || !type->name))
        ok = kind == ITEM_VALUE;
    else if (type && is_word(type, "int"))
        ok = kind == ITEM_INTEGER;
    else if (type && is_word(type, "bool"))
        ok = kind == ITEM_BOOL;
    else if (type && is_word(type, "float"))
        ok = item_is_number(&b->item);
    else if (type && is_word(type, "list") && b->lists)
        ok = kind == ITEM_LIST && b->item.list->rank == 1;
    else if (type) {
        diag_error(e->diag, E0204, type->at,
                   b->lists ? "a parameter is a tensor, an int, a float, a bool or a list, found '%s'"
                            : "a parameter is a tensor, an int, a float or a bool, found '%s'",
                   type->name);
        return diag_help(e->diag, "write %s: f32[N, H, W, C], or %s: int", b->param->name, b->param->name);
    }
    if (!ok) {
        diag_error(e->diag, E0302, b->at, "'%s' wants %s, found %s", b->param->name, wanted_text(e, type),
                   item_text(e->arena, &b->item));
        return diag_help(e->diag, "see the parameter's type in the block's first line");
    }
    if (type && kind == ITEM_VALUE && !bind_tensor(e, scope, b)) return false;
    if (scope_find_here(scope, b->param->name)) {
        diag_error(e->diag, E0202, b->param->at, "'%s' is a parameter or a dim already", b->param->name);
        return diag_help(e->diag, "call it something else");
    }
    scope_put(scope, b->param->name, b->item, b->param->at);
    return true;
}

/* The scope inside, where only parameters and their dims are known. */
static Scope *open_scope(Elaborator *e, const AstTop *top, Binding *bindings, const AstExpr *call)
{
    Scope *scope = scope_new(e->arena, NULL);
    for (int i = 0; i < top->params.count; i++) {
        Binding *b = &bindings[i];
        if (!b->given && b->param->fallback) {
            Frame inner = {.scope = scope};
            b->item = elaborate_expr(e, &inner, b->param->fallback, NULL);
            b->at = b->param->fallback->at;
            if (b->item.kind == ITEM_BROKEN) return NULL;
        } else if (!b->given) {
            diag_error(e->diag, E0304, call->at, "%s needs '%s'", top->name, b->param->name);
            diag_help(e->diag, "write %s", signature(e->arena, top));
            return NULL;
        }
        if (!bind_param(e, scope, b)) return NULL;
    }
    return scope;
}

Scope *elaborate_arguments(Elaborator *e, Frame *f, const AstTop *top, const AstExpr *call, const Item *piped)
{
    Binding *bindings = bind_arguments(e, f, top, call, piped);
    return bindings ? open_scope(e, top, bindings, call) : NULL;
}

static bool check_recursion(Elaborator *e, const Frame *f, const AstTop *top, const AstExpr *call)
{
    for (const Expansion *x = f->inside; x; x = x->outer)
        if (x->top == top) {
            diag_error(e->diag, E0205, call->at, "%s is put in where it is used, and it uses itself", top->name);
            return diag_help(e->diag, "a fixed number of turns is a repeat");
        }
    return true;
}

Origin elaborate_origin(Elaborator *e, const Frame *f, Span at)
{
    int count = 1;
    for (const Expansion *x = f->inside; x; x = x->outer) count++;
    Span *spans = ARENA_ARRAY(e->arena, Span, count);
    spans[0] = at;
    count = 1;
    for (const Expansion *x = f->inside; x; x = x->outer) spans[count++] = x->call;
    return (Origin){.at = spans, .count = count};
}

/* The body of a block or an op; a body that was wrong once is not gone through again, as it would say the same. */
static Item expand(Elaborator *e, Frame *inner, const AstTop *top, const AstExpr *call, const char *final)
{
    for (const Expansion *x = e->wrong; x; x = x->outer)
        if (x->top == top) return broken;
    int errors = e->diag->errors;
    Item item = top->kind == AST_OPERATOR ? elaborate_expr(e, inner, top->value, final)
                                          : elaborate_body(e, inner, &top->body, final);
    if (e->diag->errors == errors) return item;
    diag_note(e->diag, call->at, "'%s' is put in here", top->name);
    Expansion *wrong = ARENA_NEW(e->arena, Expansion);
    *wrong = (Expansion){.outer = e->wrong, .top = top};
    e->wrong = wrong;
    return broken;
}

Item elaborate_block(Elaborator *e, Frame *f, const AstTop *top, const AstExpr *call, const Item *piped,
                     const char *final)
{
    Scope *scope = check_recursion(e, f, top, call) ? elaborate_arguments(e, f, top, call, piped) : NULL;
    if (!scope) return broken;
    Expansion expansion = {f->inside, top, call->at};
    Frame inner = *f;
    inner.scope = scope;
    inner.inside = &expansion;
    inner.prefix = f->path;
    inner.param_prefix = f->param_path;
    inner.annotation = NULL;
    inner.layered = false;
    if (!final) final = path_join(e->arena, f->path, top->name);
    int params = e->params;
    Item item = expand(e, &inner, top, call, final);
    if (e->params > params && !elaborate_layer(e, f, call->at)) return broken;
    return item;
}
