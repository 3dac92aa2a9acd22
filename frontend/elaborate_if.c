/* A run-time choice: each body becomes a region. */
#include "frontend/elaborate.h"
#include "ir/branch.h"

#include <string.h>

static const Item broken = {.kind = ITEM_BROKEN};

Value elaborate_constant(Elaborator *e, Frame *f, const Type *type, double value, const char *name, Span at)
{
    ConstantAttrs attrs;
    attr_set_defaults(&op_constant.attrs, &attrs);
    attrs.value = value;
    if (!elaborate_charge(e, type, at)) return (Value){0};
    Tensor *data = ARENA_NEW(e->arena, Tensor);
    *data = tensor_new(e->arena, *type);
    for (int64_t i = 0; i < type_elements(type); i++) tensor_set_real(data, i, value);
    NodeSpec spec = {.op = OP_constant, .attrs = &attrs, .type = type, .data = data};
    spec.name = path_join(e->arena, f->path, name);
    spec.origin = elaborate_origin(e, f, at);
    Node *node = graph_add(e->graph, &spec, e->diag);
    return (Value){node, 0};
}

static bool take_condition(Elaborator *e, Frame *f, const AstExpr *expr, Value *out)
{
    Item item = elaborate_expr(e, f, expr, NULL);
    if (item.kind == ITEM_BROKEN) return false;
    if (item.kind == ITEM_BOOL) {
        Type type = type_scalar(BOOL);
        item.value = elaborate_constant(e, f, &type, item.integer ? 1 : 0, "condition", expr->at);
    } else if (item.kind != ITEM_VALUE) {
        diag_error(e->diag, E0302, expr->at, "'if' wants one bool, found %s", item_text(e->arena, &item));
        return diag_help(e->diag, "compare, as in if x > 0 { ... }");
    }
    *out = item.value;
    return item.value.node != NULL;
}

/* ---- a body ---- */

static bool is_named(const AstExpr *expr) { return expr->kind == AST_NAME || expr->kind == AST_STRING; }

static bool add_item(Elaborator *e, const char *name, const Item *item, Span at)
{
    if (item->kind == ITEM_VALUE) {
        graph_add_result(e->graph, (Result){.name = name, .value = item->value, .at = at});
        return true;
    }
    if (item->kind == ITEM_BROKEN) return false;
    diag_error(e->diag, E0302, at, "an if returns tensors, found %s", item_text(e->arena, item));
    return diag_help(e->diag, "numbers known at compile time are chosen with when, then and else");
}

static bool take_returned(Elaborator *e, const Frame *body, const AstArg *arg, bool several)
{
    Frame f = *body;
    const char *name = arg->key ? arg->key : is_named(arg->value) ? arg->value->text : NULL;
    if (arg->value->kind == AST_BINARY && !strcmp(arg->value->text, "over")) {
        elaborate_misplaced(e, arg->at, "only a scan's results have axes", "return the value alone");
        return false;
    }
    if (several && !name) {
        elaborate_misplaced(e, arg->at, "one of several values that an if returns needs a name",
                            "write return low: ..., high: ..., then y.low and y.high");
        return false;
    }
    if (name) {
        f.path = path_inner(e->arena, f.prefix, name);
        f.param_path = path_inner(e->arena, f.param_prefix, name);
    }
    Item item = elaborate_expr(e, &f, arg->value, NULL);
    return add_item(e, several ? name : NULL, &item, arg->value->at);
}

/* `else if`: what the inner one gives back goes on to the outer. */
static bool take_chain(Elaborator *e, Frame *body, const AstStatement *last)
{
    Item item = elaborate_expr(e, body, last->value, NULL);
    int count = item.kind == ITEM_VALUE ? item.value.node->nresults : 1;
    bool ok = true;
    for (int i = 0; ok && i < count; i++) {
        Item slot = item;
        slot.value.slot = i;
        const char *name = count > 1 ? item.value.node->regions[BRANCH_THEN]->results[i].name : NULL;
        ok = add_item(e, name, &slot, last->at);
    }
    return ok;
}

static bool take_last(Elaborator *e, Frame *body, const AstStatement *last)
{
    Frame f = *body;
    f.layered = false;
    f.annotation = NULL;
    if (last && last->kind == AST_EXPRESSION && last->value->kind == AST_IF) return take_chain(e, &f, last);
    if (last && last->kind == AST_EXPRESSION) {
        Item item = elaborate_expr(e, &f, last->value, NULL);
        return add_item(e, NULL, &item, last->value->at);
    }
    bool ok = true;
    for (const AstArg *arg = last->attrs.first; arg; arg = arg->next)
        ok = take_returned(e, &f, arg, last->attrs.count > 1) && ok;
    return ok;
}

static bool take_body(Elaborator *e, const Frame *f, const Node *branch, const AstStatements *body)
{
    int errors = e->diag->errors;
    Frame inner = *f;
    const char *path = e->flat ? NULL : path_join(e->arena, branch->name, branch_region_name(branch->nregions - 1));
    inner.scope = scope_new(e->arena, f->scope);
    inner.prefix = inner.path = path;
    inner.param_prefix = inner.param_path =
        path_join(e->arena, f->param_path, branch_region_name(branch->nregions - 1));
    inner.annotation = NULL;
    inner.layered = false;
    const AstStatement *last = body->last;
    if (!last || (last->kind != AST_RETURN && last->kind != AST_EXPRESSION)) {
        Span at = last ? last->at : branch->origin.at[0];
        elaborate_misplaced(e, at, "the body ends without a value", "end it with `return` and the value");
        return false;
    }
    for (const AstStatement *s = body->first; s != last && e->steps >= 0; s = s->next) elaborate_inner(e, &inner, s);
    return e->steps >= 0 && take_last(e, &inner, last) && e->diag->errors == errors;
}

Item elaborate_if(Elaborator *e, Frame *f, const AstExpr *expr, const char *final)
{
    Value condition;
    int params = e->params;
    if (!take_condition(e, f, expr->loop->count, &condition)) return broken;
    NodeSpec spec = {.op = OP_if, .ninputs = 1, .inputs = &condition};
    spec.name = final ? final : path_join(e->arena, f->path, "if");
    spec.origin = elaborate_origin(e, f, expr->at);
    Node *branch = graph_add(e->graph, &spec, e->diag);
    if (!branch) return broken;
    Graph *outer = e->graph;
    bool ok = true;
    for (int i = 0; i < BRANCH_REGIONS; i++) {
        e->graph = graph_new_region(branch);
        ok = take_body(e, f, branch, i == BRANCH_THEN ? &expr->loop->body : &expr->loop->otherwise) && ok;
    }
    e->graph = outer;
    if (!ok || !graph_infer(branch, e->diag)) {
        graph_remove(branch->graph, branch);
        return broken;
    }
    if (e->params > params && !elaborate_layer(e, f, expr->at)) return broken;
    for (int i = 0; e->flat && branch->nresults > 1 && i < branch->nresults; i++)
        elaborate_define(e, f, value_name(e->arena, (Value){branch, i}),
                         (Item){.kind = ITEM_VALUE, .value = {branch, i}}, expr->at);
    return (Item){.kind = ITEM_VALUE, .value = value_of(branch)};
}
