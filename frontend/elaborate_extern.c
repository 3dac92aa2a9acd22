/* extern op: a C function, called with its operands, its result, the sizes that its types name, and its numbers. */
#include "frontend/elaborate.h"
#include "ir/external.h"

#include <string.h>

static const Item broken = {.kind = ITEM_BROKEN};

typedef struct ExternCall {
    Elaborator *e;
    const AstTop *top;
    const AstExpr *call;
    Scope *scope;
    Item *operands;
    int count;
    const char *names;
    ExternalAttrs attrs;
} ExternCall;

static bool is_word(const AstType *type, const char *word)
{
    return type->name && !type->shaped && !strcmp(type->name, word);
}

static bool is_tensor(const AstParam *param) { return param->type->shaped || !param->type->name; }

static void add_name(ExternCall *c, const char *name)
{
    c->names = arena_printf(c->e->arena, "%s%s%s", c->names, *c->names ? " " : "", name);
}

static bool refuse_count(ExternCall *c, int most, const char *what)
{
    diag_error(c->e->diag, E0304, c->top->at, "%s: more than %d %s", c->top->name, most, what);
    return diag_help(c->e->diag, "what never changes need not be an argument of the function");
}

static bool add_number(ExternCall *c, const char *name, int64_t value)
{
    IntList *list = &c->attrs.numbers;
    if (list->count == MAX_INTS) return refuse_count(c, MAX_INTS, "sizes, ints and bools together");
    list->at[list->count++] = value;
    add_name(c, name);
    return true;
}

/* The dims that the type of the parameter names, those that no parameter before it has named. */
static bool add_sizes(ExternCall *c, const AstParam *param, Scope *named)
{
    for (const AstArg *arg = param->type->dims.first; arg; arg = arg->next) {
        const char *name = arg->value->kind == AST_NAME ? arg->value->text : NULL;
        const ScopeEntry *entry = name ? scope_find_here(c->scope, name) : NULL;
        if (!entry || scope_find_here(named, name)) continue;
        scope_put(named, name, entry->item, arg->at);
        if (!add_number(c, name, entry->item.integer)) return false;
    }
    return true;
}

static const Item *argument(const ExternCall *c, const AstParam *param)
{
    return &scope_find_here(c->scope, param->name)->item;
}

static bool add_operands(ExternCall *c)
{
    for (const AstParam *param = c->top->params.first; param; param = param->next) {
        if (!is_tensor(param)) continue;
        const Item *item = c->operands + c->count;
        c->operands[c->count++] = *argument(c, param);
        add_name(c, param->name);
        if (type_is_fixed(value_type(item->value))) continue;
        diag_error(c->e->diag, E0308, c->call->at, "%s: %s is %s, but a C function is called for one size",
                   c->top->name, param->name, type_text(c->e->arena, value_type(item->value)));
        return diag_help(c->e->diag, "fix the dim with --dim N=4");
    }
    add_name(c, "result");
    return true;
}

static bool add_numbers(ExternCall *c)
{
    Scope *named = scope_new(c->e->arena, NULL);
    RealList *reals = &c->attrs.reals;
    for (const AstParam *param = c->top->params.first; param; param = param->next)
        if (is_tensor(param) && !add_sizes(c, param, named)) return false;
    for (const AstParam *param = c->top->params.first; param; param = param->next) {
        bool whole = is_word(param->type, "int") || is_word(param->type, "bool");
        if (whole && !add_number(c, param->name, argument(c, param)->integer)) return false;
    }
    for (const AstParam *param = c->top->params.first; param; param = param->next) {
        if (!is_word(param->type, "float")) continue;
        if (reals->count == MAX_REALS) return refuse_count(c, MAX_REALS, "floats");
        reals->at[reals->count++] = argument(c, param)->real;
        add_name(c, param->name);
    }
    return true;
}

/* The rule of the result's type: dtypes and sizes of parameters, numbers, and what follows from them. */
static bool add_result(ExternCall *c)
{
    Type type;
    if (!c->top->result->name) {
        diag_error(c->e->diag, E0304, c->top->result->at, "%s: an extern op has one result", c->top->name);
        return diag_help(c->e->diag, "concatenate what it makes, or declare one op for each");
    }
    if (!elaborate_type(c->e, c->scope, c->top->result, &type)) return false;
    c->attrs.dtype = (int)type.dtype;
    c->attrs.shape.count = type.rank;
    for (int i = 0; i < type.rank; i++) c->attrs.shape.at[i] = type.dim[i].high;
    return true;
}

Item elaborate_extern(Elaborator *e, Frame *f, const AstTop *top, const AstExpr *call, const Item *piped,
                      const char *final)
{
    ExternCall c = {.e = e, .top = top, .call = call, .names = ""};
    attr_set_defaults(&op_external.attrs, &c.attrs);
    c.scope = elaborate_arguments(e, f, top, call, piped);
    c.operands = ARENA_ARRAY(e->arena, Item, top->params.count + 1);
    if (!c.scope) return broken;
    if (!add_operands(&c) || !add_numbers(&c) || !add_result(&c)) return broken;
    c.attrs.symbol = top->name;
    c.attrs.names = c.names;
    return elaborate_node(e, f, OP_external, &c.attrs, c.count, c.operands,
                          final ? final : path_join(e->arena, f->path, top->name), call->at);
}
