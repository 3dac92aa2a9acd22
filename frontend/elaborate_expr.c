/* Expressions: names, numbers, operators, pipes and what is decided at compile time. */
#include "frontend/elaborate.h"

#include <math.h>
#include <string.h>

static const Item broken = {.kind = ITEM_BROKEN};

const char *path_join(Arena *arena, const char *prefix, const char *name)
{
    return prefix ? arena_printf(arena, "%s.%s", prefix, name) : name;
}

const char *path_inner(Arena *arena, const char *prefix, const char *name)
{
    size_t length = prefix ? strlen(prefix) : 0;
    bool whole = length && !strncmp(name, prefix, length) && name[length] == '.';
    return whole ? name : path_join(arena, prefix, name);
}

const char *item_text(Arena *arena, const Item *item)
{
    switch (item->kind) {
    case ITEM_BROKEN: return "something broken";
    case ITEM_VALUE: return arena_printf(arena, "a tensor, %s", type_text(arena, value_type(item->value)));
    case ITEM_INTEGER: return arena_printf(arena, "the integer %lld", (long long)item->integer);
    case ITEM_REAL: return arena_printf(arena, "the number %s", number_text(arena, item->real, false));
    case ITEM_BOOL: return item->integer ? "yes" : "no";
    case ITEM_LIST: return "a list of numbers";
    case ITEM_DIM:
        return arena_printf(arena, "the dim %s, which is between %lld and %lld", item->dim.name,
                            (long long)item->dim.low, (long long)item->dim.high);
    case ITEM_NONE: return "none";
    case ITEM_TUPLE: return arena_printf(arena, "several results, %s", tuple_text(arena, item->tuple, NULL));
    }
    return "";
}

bool elaborate_step(Elaborator *e, Span at)
{
    if (e->steps < 0) return false;
    /* what stands in the text itself is no expansion */
    size_t limit = MAX_STEPS + e->ast->source->length;
    if ((size_t)e->steps++ < limit) return true;
    e->steps = -1;
    diag_error(e->diag, E0105, at, "the model expands to more than %d expressions", MAX_STEPS);
    return diag_help(e->diag, "a repeat or a block multiplies what is inside it; make fewer");
}

/* ---- names ---- */

static Item value_item(Value value) { return (Item){.kind = ITEM_VALUE, .value = value}; }

static bool find_slot_at(Elaborator *e, Frame *f, const char *name, const char *dot, Item *out)
{
    ScopeEntry *entry = scope_find(f->scope, arena_copy_chars(e->arena, name, (size_t)(dot - name)));
    if (!entry || entry->item.kind != ITEM_VALUE) return false;
    Node *node = entry->item.value.node;
    OpKind kind = node_def(node)->kind;
    bool several = node->nresults > 1 && (node_def(node)->results || kind == KIND_BRANCH);
    bool slots = kind == KIND_LOOP || several;
    for (int i = 0; slots && i < node->nresults; i++) {
        const char *slot = value_name(e->arena, (Value){node, i});
        if (strcmp(slot + strlen(node->name) + 1, dot + 1) != 0) continue;
        entry->used = true;
        *out = value_item((Value){node, i});
        return true;
    }
    return false;
}

/* r.h: slot h of r, when the operator of r has several results; either may have dots. */
static bool find_slot(Elaborator *e, Frame *f, const char *name, Item *out)
{
    for (size_t at = strlen(name); at > 0; at--)
        if (name[at] == '.' && find_slot_at(e, f, name, name + at, out)) return true;
    return false;
}

/* r.low: a result of a block, or what a repeat carries. */
static bool find_result(Elaborator *e, Frame *f, const char *name, Span at, Item *out)
{
    const char *dot = strchr(name, '.');
    ScopeEntry *entry = dot ? scope_find(f->scope, arena_copy_chars(e->arena, name, (size_t)(dot - name))) : NULL;
    if (!entry || entry->item.kind != ITEM_TUPLE) return false;
    const Item *found = tuple_find(e->arena, entry->item.tuple, dot + 1);
    entry->used = true;
    if (found)
        *out = *found;
    else if (!graph_find(e->graph, path_join(e->arena, f->prefix, name))) {
        diag_error(e->diag, E0201, at, "'%s' has no result '%s'", entry->name, dot + 1);
        diag_help(e->diag, "it has %s", tuple_text(e->arena, entry->item.tuple, entry->name));
        *out = broken;
        return true;
    }
    return found != NULL;
}

static Item unknown_name(Elaborator *e, Frame *f, const char *name, Span at)
{
    const char *near = scope_nearest(e->arena, f->scope, name);
    diag_error(e->diag, E0201, at, "nothing is called '%s' here", name);
    Op op = op_find(name);
    if (near)
        diag_help(e->diag, "did you mean %s?", near);
    else if (op != OP_COUNT)
        diag_help(e->diag, "%s is an operator: write %s(...), or x |> %s", name, name, name);
    else
        diag_help(e->diag, "a value must stand above its use, as in %s = ...", name);
    return broken;
}

/* A value by its name, inner ones (c1.relu) and result slots (r.h) included; E0201. */
static Item elaborate_name(Elaborator *e, Frame *f, const char *name, Span at)
{
    ScopeEntry *entry = scope_find(f->scope, name);
    if (entry) {
        entry->used = true;
        return entry->item;
    }
    Item slot;
    if (find_slot(e, f, name, &slot) || find_result(e, f, name, at, &slot)) return slot;
    /* inner values of a chain: c1.relu */
    const char *dot = strchr(name, '.');
    ScopeEntry *head = dot ? scope_find(f->scope, arena_copy_chars(e->arena, name, (size_t)(dot - name))) : NULL;
    Node *inner = dot ? graph_find(e->graph, path_join(e->arena, f->prefix, name)) : NULL;
    if (head) head->used = true;
    if (head && head->item.kind == ITEM_BROKEN) return broken;
    return inner ? value_item(value_of(inner)) : unknown_name(e, f, name, at);
}

/* ---- operators ---- */

static const struct InfixRow {
    const char *text;
    Op op;
    bool swap, negate;
} infix_rows[] = {
    {"+", OP_add, false, false},
    {"-", OP_sub, false, false},
    {"*", OP_mul, false, false},
    {"/", OP_div, false, false},
    {"==", OP_equal, false, false},
    {"!=", OP_equal, false, true},
    {"<", OP_less, false, false},
    {">", OP_less, true, false},
    {"<=", OP_less_or_equal, false, false},
    {">=", OP_less_or_equal, true, false},
    {"and", OP_logical_and, false, false},
    {"or", OP_logical_or, false, false},
};

static Item infix_node(Elaborator *e, Frame *f, const AstExpr *expr, const Item *sides, const char *final)
{
    const struct InfixRow *row = infix_rows;
    while (strcmp(row->text, expr->text) != 0) row++; /* the grammar has no others */
    Item operands[2] = {sides[row->swap], sides[!row->swap]};
    Item item = elaborate_node(e, f, row->op, NULL, 2, operands, row->negate ? NULL : final, expr->at);
    if (!row->negate || item.kind == ITEM_BROKEN) return item;
    return elaborate_node(e, f, OP_logical_not, NULL, 1, &item, final, expr->at);
}

static Item binary(Elaborator *e, Frame *f, const AstExpr *expr, const char *final)
{
    const AstArg *left = expr->args.first, *right = left->next;
    Item sides[2] = {elaborate_expr(e, f, left->value, NULL), elaborate_expr(e, f, right->value, NULL)};
    for (int i = 0; i < 2; i++)
        if (sides[i].kind == ITEM_BROKEN) return broken;
    if (sides[0].kind == ITEM_VALUE || sides[1].kind == ITEM_VALUE) return infix_node(e, f, expr, sides, final);
    for (int i = 0; i < 2; i++)
        if (!item_is_static(&sides[i])) {
            Span at = i ? right->value->at : left->value->at;
            diag_error(e->diag, E0306, at, "'%s' does not work on %s", expr->text, item_text(e->arena, &sides[i]));
            diag_help(e->diag, "it takes tensors, or numbers known at compile time");
            return broken;
        }
    return fold_binary(e, expr->text, &sides[0], &sides[1], expr->at);
}

static Item unary(Elaborator *e, Frame *f, const AstExpr *expr, const char *final)
{
    const AstExpr *of = expr->args.first->value;
    bool negate = expr->kind == AST_NEGATE;
    if (negate && of->kind == AST_INTEGER) {
        Item literal = {.kind = ITEM_INTEGER, .integer = (int64_t)(of->integer & INT64_MAX)};
        return fold_negate(e, &literal, of, expr->at);
    }
    Item item = elaborate_expr(e, f, of, NULL);
    if (item.kind == ITEM_BROKEN) return broken;
    if (negate && item.kind == ITEM_VALUE) return elaborate_node(e, f, OP_neg, NULL, 1, &item, final, expr->at);
    if (!negate && item.kind == ITEM_VALUE)
        return elaborate_node(e, f, OP_logical_not, NULL, 1, &item, final, expr->at);
    if (negate && item_is_number(&item)) return fold_negate(e, &item, of, expr->at);
    if (!negate && item.kind == ITEM_BOOL) return (Item){.kind = ITEM_BOOL, .integer = !item.integer};
    diag_error(e->diag, E0306, of->at, "'%s' does not work on %s", negate ? "-" : "not", item_text(e->arena, &item));
    diag_help(e->diag, negate ? "it takes a tensor or a number" : "it takes yes, no or a comparison of numbers");
    return broken;
}

/* Names in a branch that is not taken are used all the same. */
static void mark_used(Elaborator *e, Frame *f, const AstExpr *expr)
{
    bool named = expr->kind == AST_NAME || expr->kind == AST_STRING;
    ScopeEntry *entry = named ? scope_find(f->scope, expr->text) : NULL;
    if (named && !entry) entry = scope_find(f->scope, arena_copy_chars(e->arena, expr->text, strcspn(expr->text, ".")));
    if (entry) entry->used = true;
    for (const AstArg *arg = expr->args.first; arg; arg = arg->next) mark_used(e, f, arg->value);
}

static Item when(Elaborator *e, Frame *f, const AstExpr *expr, const char *final)
{
    const AstArg *condition = expr->args.first, *yes = condition->next, *no = yes->next;
    Item item = elaborate_expr(e, f, condition->value, NULL);
    if (item.kind == ITEM_BROKEN) return broken;
    if (item.kind != ITEM_BOOL) {
        diag_error(e->diag, E0306, condition->value->at, "'when' decides at compile time: expected yes or no, found %s",
                   item_text(e->arena, &item));
        diag_help(e->diag, "compare numbers, as in `when C == out`; for tensors there is where(condition, a, b)");
        return broken;
    }
    mark_used(e, f, item.integer ? no->value : yes->value);
    return elaborate_expr(e, f, item.integer ? yes->value : no->value, final);
}

static Item pipe(Elaborator *e, Frame *f, const AstExpr *expr, const char *final)
{
    const AstArg *left = expr->args.first;
    Item piped = elaborate_expr(e, f, left->value, NULL);
    return elaborate_call(e, f, left->next->value, &piped, final);
}

static Item literal(Elaborator *e, const AstExpr *expr)
{
    switch (expr->kind) {
    case AST_REAL: return (Item){.kind = ITEM_REAL, .real = expr->real};
    case AST_BOOL: return (Item){.kind = ITEM_BOOL, .integer = (int64_t)expr->integer};
    case AST_NONE: return (Item){.kind = ITEM_NONE};
    case AST_INTEGER:
        if (expr->integer <= INT64_MAX)
            return (Item){.kind = ITEM_INTEGER, .integer = (int64_t)expr->integer, .real = (double)expr->integer};
        diag_error(e->diag, E0104, expr->at, "the integer %s does not fit 64 bits", expr->written);
        diag_help(e->diag, "write %s.0 if a float is meant", expr->written);
        return broken;
    case AST_MEASURE:
        if (!strcmp(expr->text, "%")) return (Item){.kind = ITEM_REAL, .real = expr->real / 100};
        break;
    default: break;
    }
    diag_error(e->diag, E0306, expr->at, "%s has no place in an expression",
               expr->kind == AST_EXTENT ? "an extent such as 1x4"
               : expr->kind == AST_SPAN ? "a place in a text"
                                        : "a measure");
    diag_help(e->diag, "expected a tensor or a number; extents and measures are values of attributes");
    return broken;
}

/* Turns that stand one behind the other in the graph, not a body that runs in turns. */
static bool is_written_out(const AstExpr *loop)
{
    return !strcmp(loop->text, "repeat") || !strcmp(loop->text, "share");
}

Item elaborate_expr(Elaborator *e, Frame *f, const AstExpr *expr, const char *final)
{
    if (!elaborate_step(e, expr->at)) return broken;
    switch (expr->kind) {
    case AST_NAME:
    case AST_STRING: return elaborate_name(e, f, expr->text, expr->at);
    case AST_CALL: return elaborate_call(e, f, expr, NULL, final);
    case AST_NEGATE:
    case AST_NOT: return unary(e, f, expr, final);
    case AST_BINARY: return binary(e, f, expr, final);
    case AST_PIPE: return pipe(e, f, expr, final);
    case AST_WHEN: return when(e, f, expr, final);
    case AST_IF: return elaborate_if(e, f, expr, final);
    case AST_LOOP: return (is_written_out(expr) ? elaborate_loop : elaborate_scan)(e, f, expr, final);
    case AST_LIST: return elaborate_list(e, f, expr);
    default: return literal(e, expr);
    }
}

bool elaborate_integer(Elaborator *e, Frame *f, const AstExpr *expr, const char *what, int64_t *out)
{
    Item item = elaborate_expr(e, f, expr, NULL);
    *out = item.integer;
    if (item.kind == ITEM_INTEGER) return true;
    if (item.kind == ITEM_BROKEN) return false;
    diag_error(e->diag, E0306, expr->at, "%s: expected an integer known at compile time, found %s", what,
               item_text(e->arena, &item));
    if (item.kind == ITEM_REAL) return diag_help(e->diag, "an integer is written without a point");
    if (item.kind == ITEM_VALUE) return diag_help(e->diag, "what a tensor holds is known at run time only");
    if (item.kind == ITEM_DIM) return diag_help(e->diag, "give the dim one size, as in `dim %s = 4`", item.dim.name);
    return diag_help(e->diag, "write a number, or what is computed from numbers");
}
