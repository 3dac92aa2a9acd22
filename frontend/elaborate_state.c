/* What a model keeps from one run to the next: `state h: f32[1, 64] = 0` and `next h = value`. */
#include "frontend/elaborate.h"

#include <string.h>

static const Item broken = {.kind = ITEM_BROKEN};

/* One number for every element, as a reset writes it. */
bool elaborate_first(Elaborator *e, Frame *f, const AstExpr *value, const char *name, Dtype dtype, double *out)
{
    Item item = elaborate_expr(e, f, value, NULL);
    if (item.kind == ITEM_BROKEN) return false;
    bool number = item.kind == ITEM_INTEGER || item.kind == ITEM_REAL;
    *out = item.kind == ITEM_REAL ? item.real : (double)item.integer;
    if (!number) {
        diag_error(e->diag, E0306, value->at, "the first value of a state is a number, found %s",
                   item_text(e->arena, &item));
        return diag_help(e->diag, "every element has it after a reset: state %s: ... = 0", name);
    }
    Arena *scratch = arena_child(e->arena);
    Tensor one = tensor_new(scratch, type_scalar(dtype));
    tensor_set_real(&one, 0, *out);
    bool fits = dtype_is_float(dtype) || tensor_real(&one, 0) == *out;
    arena_free(scratch);
    if (fits) return true;
    diag_error(e->diag, E0404, value->at, "no %s has the value %s", dtype_name(dtype),
               value->written ? value->written : "of this expression");
    return diag_help(e->diag, "choose a value that the dtype of '%s' can hold", name);
}

void elaborate_state(Elaborator *e, Frame *f, const AstStatement *s)
{
    Type type;
    StateAttrs attrs = {0};
    Item item = broken;
    bool typed = elaborate_type(e, f->scope, s->type, &type);
    bool valued = typed && elaborate_first(e, f, s->value, s->name, type.dtype, &attrs.value);
    if (valued && !scope_find_here(f->scope, s->name)) {
        NodeSpec spec = {
            .op = OP_state, .name = s->name, .type = &type, .attrs = &attrs, .origin = origin_of(e->arena, s->at)};
        Node *node = graph_add(e->graph, &spec, e->diag);
        if (node) elaborate_notes(e, f, &s->notes, node);
        if (node) item = (Item){.kind = ITEM_VALUE, .value = value_of(node)};
    }
    elaborate_define(e, f, s->name, item, s->name_at);
}

/* The state of that name; NULL after E0201, or quietly when it is broken. */
static Node *find_state(Elaborator *e, Frame *f, const AstStatement *s)
{
    ScopeEntry *entry = scope_find_here(f->scope, s->name);
    if (entry && entry->item.kind == ITEM_BROKEN) return NULL;
    if (entry && entry->item.kind == ITEM_VALUE && entry->item.value.node->op == OP_state)
        return entry->item.value.node;
    size_t count = 0;
    const char *names[64];
    for (const Node *node = e->graph->first; node; node = node->next)
        if (node->op == OP_state && count < 64) names[count++] = node->name;
    const char *near = diag_nearest(s->name, names, count);
    diag_error(e->diag, E0201, s->name_at, entry ? "'%s' is no state" : "there is no state '%s' above", s->name);
    if (near)
        diag_help(e->diag, "did you mean %s?", near);
    else
        diag_help(e->diag, "declare it: state %s: f32[1, 64] = 0", s->name);
    return NULL;
}

static bool check_next(Elaborator *e, const AstStatement *s, const Node *state, const Item *item)
{
    if (item->kind != ITEM_VALUE) {
        diag_error(e->diag, E0302, s->value->at, "a state becomes a tensor, found %s", item_text(e->arena, item));
        return diag_help(e->diag, "give it the value of a statement above");
    }
    const Type *found = value_type(item->value), *wanted = &state->types[0];
    if (type_equal(found, wanted)) return true;
    diag_error(e->diag, found->dtype == wanted->dtype ? E0301 : E0302, s->value->at,
               "the state '%s' is %s, but becomes %s", s->name, type_text(e->arena, wanted),
               type_text(e->arena, found));
    return diag_help(e->diag, "both must be the same: correct the declaration, or what leads here");
}

void elaborate_next(Elaborator *e, Frame *f, const AstStatement *s)
{
    Frame inner = *f;
    inner.path = inner.param_path = arena_printf(e->arena, "%s.next", s->name);
    inner.annotation = NULL;
    inner.layered = false;
    Node *state = find_state(e, f, s);
    Item item = elaborate_expr(e, &inner, s->value, inner.path);
    if (!state) return;
    for (size_t i = 0; i < e->nnexts; i++)
        if (e->nexts[i].state == state) {
            diag_error(e->diag, E0607, s->at, "the state '%s' has a next already", s->name);
            diag_help(e->diag, "leave one out: it becomes one value at the end of a run");
            return;
        }
    Result next = {.name = state->name, .state = state, .at = elaborate_result_span(e, f, s)};
    if (item.kind == ITEM_BROKEN || check_next(e, s, state, &item)) next.value = item.value;
    e->nexts = arena_grow(e->arena, e->nexts, e->nnexts, &e->nexts_room, sizeof *e->nexts);
    e->nexts[e->nnexts++] = next; /* without a value after an error, so that it is not missed */
}

void elaborate_nexts(Elaborator *e)
{
    for (const Node *node = e->graph->first; node; node = node->next) {
        size_t i = 0;
        if (node->op != OP_state) continue;
        while (i < e->nnexts && e->nexts[i].state != node) i++;
        if (i < e->nnexts) continue;
        diag_error(e->diag, E0607, node_span(node), "the state '%s' has no next", node->name);
        diag_help(e->diag, "say what it becomes: next %s = ...", node->name);
    }
    for (size_t i = 0; i < e->nnexts && !e->diag->errors; i++) graph_add_result(e->graph, e->nexts[i]);
}
