/* Several results of a block or a repeat, by names. */
#include "frontend/elaborate.h"

#include <string.h>

static const Item broken = {.kind = ITEM_BROKEN};

Tuple *tuple_new(Arena *arena, int room)
{
    Tuple *tuple = ARENA_NEW(arena, Tuple);
    *tuple = (Tuple){.names = ARENA_ARRAY(arena, const char *, room), .items = ARENA_ARRAY(arena, Item, room)};
    return tuple;
}

bool tuple_add(Elaborator *e, Tuple *tuple, const char *name, Item item, Span at)
{
    for (int i = 0; i < tuple->count; i++) {
        if (strcmp(tuple->names[i], name) != 0) continue;
        diag_error(e->diag, E0202, at, "two results are called '%s'", name);
        return diag_help(e->diag, "give one another name: %s_2: ...", name);
    }
    tuple->names[tuple->count] = name;
    tuple->items[tuple->count++] = item;
    return true;
}

const Item *tuple_find(Arena *arena, const Tuple *tuple, const char *name)
{
    const char *dot = strchr(name, '.');
    const char *head = dot ? arena_copy_chars(arena, name, (size_t)(dot - name)) : name;
    for (int i = 0; i < tuple->count; i++) {
        if (strcmp(tuple->names[i], head) != 0) continue;
        if (!dot) return &tuple->items[i];
        return tuple->items[i].kind == ITEM_TUPLE ? tuple_find(arena, tuple->items[i].tuple, dot + 1) : NULL;
    }
    return NULL;
}

const char *tuple_text(Arena *arena, const Tuple *tuple, const char *of)
{
    const char *text = "";
    for (int i = 0; i < tuple->count; i++)
        text = arena_printf(arena, "%s%s%s%s%s", text, i ? ", " : "", of ? of : "", of ? "." : "", tuple->names[i]);
    return text;
}

static Item returned_item(Elaborator *e, const Frame *body, const char *name, const AstExpr *value)
{
    Frame f = *body;
    f.path = path_inner(e->arena, f.prefix, name);
    f.param_path = path_inner(e->arena, f.param_prefix, name);
    f.annotation = NULL;
    f.layered = false;
    return elaborate_expr(e, &f, value, f.path);
}

Item elaborate_returned(Elaborator *e, const Frame *body, const AstStatement *s)
{
    Tuple *tuple = tuple_new(e->arena, s->attrs.count);
    bool ok = true;
    for (const AstArg *arg = s->attrs.first; arg; arg = arg->next) {
        bool named = arg->value->kind == AST_NAME || arg->value->kind == AST_STRING;
        const char *name = arg->key ? arg->key : named ? arg->value->text : NULL;
        if (!name) {
            elaborate_misplaced(e, arg->at, "one of several results needs a name",
                                "write return low: ..., high: ..., then y.low and y.high");
            return broken;
        }
        if (arg->value->kind == AST_BINARY && !strcmp(arg->value->text, "over")) {
            elaborate_misplaced(e, arg->at, "only a scan's results have axes", "return the value alone");
            return broken;
        }
        Item item = returned_item(e, body, name, arg->value);
        ok = item.kind != ITEM_BROKEN && tuple_add(e, tuple, name, item, arg->at) && ok;
    }
    return ok ? (Item){.kind = ITEM_TUPLE, .tuple = tuple} : broken;
}
