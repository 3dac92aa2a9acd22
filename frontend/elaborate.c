/* A model: its declarations, its ports, and the checks of the whole. */
#include "frontend/elaborate.h"
#include "ir/count.h"

#include <string.h>

static const Item broken = {.kind = ITEM_BROKEN};

/* ---- dims ---- */

static const DimBinding *find_dim(const Elaborator *e, const char *name)
{
    for (int i = 0; e->options && i < e->options->ndims; i++)
        if (!strcmp(e->options->dims[i].name, name)) return &e->options->dims[i];
    return NULL;
}

static bool dim_sizes(Elaborator *e, const AstStatement *s, int64_t *low, int64_t *high)
{
    if (s->high > INT32_MAX || s->low > s->high) {
        diag_error(e->diag, E0305, s->at,
                   s->low > s->high ? "the bounds of '%s' are in the wrong order"
                                    : "the dim '%s' must be between 0 and 2147483647",
                   s->name);
        return diag_help(e->diag, "write dim %s = 1, or dim %s = 1..64", s->name, s->name);
    }
    *low = (int64_t)s->low;
    *high = (int64_t)s->high;
    const DimBinding *set = find_dim(e, s->name);
    if (!set) return true;
    bool fits = set->low >= 0 && set->high <= INT32_MAX && (!s->bounded || (set->low >= *low && set->high <= *high));
    if (!fits) {
        bool low_fits = set->low >= 0 && (!s->bounded || set->low >= *low);
        diag_error(e->diag, E0305, s->at, "--dim %s=%lld is not between %lld and %lld", s->name,
                   (long long)(low_fits ? set->high : set->low), (long long)(s->bounded ? *low : 0),
                   (long long)(s->bounded ? *high : INT32_MAX));
        return diag_help(e->diag, "choose a size that the model allows, or widen its bounds");
    }
    *low = set->low;
    *high = set->high;
    return true;
}

static void declare_dim(Elaborator *e, Frame *f, const AstStatement *s)
{
    int64_t low = 0, high = 0;
    Item item = broken;
    if (dim_sizes(e, s, &low, &high)) {
        item = (Item){.kind = low == high ? ITEM_INTEGER : ITEM_DIM, .integer = low, .real = (double)low};
        item.dim = (Dim){.low = low, .high = high, .name = low == high ? NULL : s->name};
    }
    if (item.kind == ITEM_DIM) {
        Dim *dims = ARENA_ARRAY(e->arena, Dim, e->graph->ndims + 1);
        if (e->graph->ndims) memcpy(dims, e->graph->dims, (size_t)e->graph->ndims * sizeof *dims);
        dims[e->graph->ndims++] = item.dim;
        e->graph->dims = dims;
    }
    elaborate_define(e, f, s->name, item, s->name_at);
    scope_find_here(f->scope, s->name)->used = true;
}

static bool check_dims(Elaborator *e, const AstTop *model)
{
    bool ok = true;
    for (int i = 0; e->options && i < e->options->ndims; i++) {
        const char *wanted = e->options->dims[i].name,
                   **names = ARENA_ARRAY(e->arena, const char *, model->body.count + 1);
        size_t count = 0;
        bool found = false;
        for (const AstStatement *s = model->body.first; s; s = s->next) {
            if (s->kind != AST_DIM) continue;
            names[count++] = s->name;
            found = found || !strcmp(s->name, wanted);
        }
        if (found) continue;
        const char *near = diag_nearest(wanted, names, count);
        ok = diag_error(e->diag, E0201, model->at, "--dim %s: the model has no such dim", wanted);
        if (near)
            diag_help(e->diag, "did you mean %s?", near);
        else
            diag_help(e->diag, "declare it: dim %s = 1..64", wanted);
    }
    return ok;
}

/* ---- ports ---- */

static void declare_input(Elaborator *e, Frame *f, const AstStatement *s)
{
    Type type;
    Item item = broken;
    if (elaborate_type(e, f->scope, s->type, &type)) {
        NodeSpec spec = {.op = OP_input, .name = s->name, .type = &type, .origin = origin_of(e->arena, s->at)};
        Node *node = scope_find_here(f->scope, s->name) ? NULL : graph_add(e->graph, &spec, e->diag);
        if (node) elaborate_notes(e, f, &s->notes, node);
        if (node) item = (Item){.kind = ITEM_VALUE, .value = value_of(node)};
    }
    elaborate_define(e, f, s->name, item, s->name_at);
}

typedef struct OutputAttrs {
    const char *labels;
} OutputAttrs;

static const AttrTable output_attrs = ATTRS(
    OutputAttrs, ATTR(OutputAttrs, labels, .kind = ATTR_STRING, .doc = "a file beside the model, one label a line"));

static void read_labels(Elaborator *e, Frame *f, const AstStatement *s, Result *result)
{
    OutputAttrs attrs = {NULL};
    bool given[1] = {false};
    if (!elaborate_attrs(e, f, "output", &output_attrs, &s->attrs, &attrs, given) || !attrs.labels) return;
    const Type *type = value_type(result->value);
    Span at = s->attrs.first->value->at;
    if (!type->rank || !dim_is_fixed(&type->dim[type->rank - 1])) {
        diag_error(e->diag, E0508, at, "labels name the indices of a last dim of fixed size, but '%s' is %s", s->name,
                   type_text(e->arena, type));
        diag_help(e->diag, "leave out labels:");
        return;
    }
    labels_read(e, attrs.labels, type->dim[type->rank - 1].high, at, result);
}

Span elaborate_result_span(Elaborator *e, Frame *f, const AstStatement *s)
{
    Node holder = {.name = s->name};
    elaborate_notes(e, f, &s->notes, &holder);
    return holder.origin.count ? holder.origin.at[0] : s->at;
}

static void declare_output(Elaborator *e, Frame *f, const AstStatement *s)
{
    for (int i = 0; i < e->graph->nresults; i++)
        if (!strcmp(e->graph->results[i].name, s->name)) {
            diag_error(e->diag, E0202, s->name_at, "there is an output '%s' already", s->name);
            diag_help(e->diag, "call this one something else");
            return;
        }
    Frame inner = *f;
    Scope *scope = scope_new(e->arena, f->scope);
    inner.scope = scope;
    AstStatement as_bind = *s;
    as_bind.kind = AST_BIND;
    as_bind.notes = (AstNotes){0};
    elaborate_statement(e, &inner, &as_bind);
    const ScopeEntry *entry = scope_find_here(scope, s->name);
    if (!entry || entry->item.kind == ITEM_BROKEN) return;
    if (entry->item.kind != ITEM_VALUE) {
        diag_error(e->diag, E0302, s->value->at, "an output is a tensor, found %s", item_text(e->arena, &entry->item));
        diag_help(e->diag, "give it the value of a statement above");
        return;
    }
    Result result = {.name = s->name, .value = entry->item.value, .at = elaborate_result_span(e, f, s)};
    read_labels(e, f, s, &result);
    graph_add_result(e->graph, result);
}

void elaborate_declaration(Elaborator *e, Frame *f, const AstStatement *s)
{
    bool top = !e->graph->owner && !f->inside;
    switch (top ? s->kind : AST_RETURN) {
    case AST_DIM: declare_dim(e, f, s); break;
    case AST_WEIGHTS: break; /* read before, so that it may stand anywhere */
    case AST_INPUT: declare_input(e, f, s); break;
    case AST_STATE: elaborate_state(e, f, s); break;
    case AST_NEXT: elaborate_next(e, f, s); break;
    case AST_OUTPUT: declare_output(e, f, s); break;
    default: elaborate_misplaced(e, s->at, "this statement belongs directly into a model", "move it there");
    }
}

/* ---- the file ---- */

static void check_names(Elaborator *e, const AstTop *top)
{
    if (!is_callable(top)) return;
    bool builtin = op_find(top->name) != OP_COUNT || dtype_find(top->name) != DTYPE_COUNT;
    if (builtin) {
        diag_error(e->diag, E0202, top->at, "'%s' is %s of the language already", top->name,
                   op_find(top->name) != OP_COUNT ? "an operator" : "a dtype");
        diag_help(e->diag, "call it my_%s, for instance", top->name);
    }
    for (const AstTop *other = e->ast->tops; other != top; other = other->next)
        if (is_callable(other) && !strcmp(other->name, top->name)) {
            diag_error(e->diag, E0202, top->at, "'%s' is defined already, on line %d", top->name, other->first_line);
            diag_help(e->diag, "call this one something else");
        }
}

static const AstTop *find_model(Elaborator *e)
{
    const AstTop *model = NULL;
    for (const AstTop *top = e->ast->tops; top; top = top->next) {
        check_names(e, top);
        if (top->kind == AST_MODEL && model) {
            diag_error(e->diag, E0602, top->at, "a file holds one model; '%s' stands above", model->name);
            diag_help(e->diag, "put this one into a file of its own");
        } else if (top->kind == AST_MODEL)
            model = top;
    }
    if (model) return model;
    diag_error(e->diag, E0601, (Span){.source = e->ast->source, .line = 1, .column = 1, .length = 1},
               "the file has no model");
    diag_help(e->diag, "write model name { ... }");
    return NULL;
}

static void warn_unused(Elaborator *e, const Scope *scope)
{
    for (int i = 0; i < scope_count(scope); i++) {
        const ScopeEntry *entry = scope_entry(scope, i);
        if (entry->used || entry->item.kind == ITEM_BROKEN) continue;
        diag_warning(e->diag, E0606, entry->at, "nothing uses '%s'", entry->name);
        diag_help(e->diag, "leave it out, or make it an output");
    }
}

static void check_ports(Elaborator *e, const AstTop *model)
{
    bool inputs = false, outputs = e->graph->nresults > 0;
    for (const Node *node = e->graph->first; node; node = node->next) inputs = inputs || node->op == OP_input;
    if (!outputs) {
        diag_error(e->diag, E0601, model->at, "the model '%s' has no output", model->name);
        diag_help(e->diag, "end it with output name = value");
    } else if (!inputs && !e->flat) {
        diag_warning(e->diag, E0601, model->at, "the model '%s' has no input: every run gives the same", model->name);
        diag_help(e->diag, "declare one: input x: f32[1, 10]");
    }
}

static void elaborate_model(Elaborator *e, const AstTop *model)
{
    Frame f = {.scope = scope_new(e->arena, NULL)};
    for (const AstStatement *s = model->body.first; s; s = s->next)
        if (s->kind == AST_WEIGHTS) elaborate_weights(e, s);
    if (!check_dims(e, model)) return;
    for (const AstStatement *s = model->body.first; s && e->steps >= 0; s = s->next) elaborate_statement(e, &f, s);
    elaborate_nexts(e);
    if (e->diag->errors) return;
    check_ports(e, model);
    if (!e->flat) warn_unused(e, f.scope);
}

/* Dims whose size is counted are in order, and nobody else chooses it. */
static bool check_counted(Elaborator *e, const Graph *graph)
{
    for (const Node *node = graph->first; node; node = node->next) {
        const char *name = node_count(node);
        if (!name || !find_dim(e, name)) continue;
        diag_error(e->diag, E0305, node_span(node), "--dim %s: %s counts it while the model runs", name,
                   node_def(node)->name);
        return diag_help(e->diag, "leave the flag out");
    }
    return graph_check_counts(graph, e->diag);
}

Graph *elaborate(Arena *arena, const Ast *ast, const ElaborateOptions *options, Diag *diag)
{
    Stage stage = ast->stage ? stage_find(ast->stage) : STAGE_ELABORATED;
    if (stage == STAGE_COUNT) {
        diag_error(diag, E0604, ast->stage_at, "there is no stage '%s'", ast->stage);
        diag_help(diag, "stages are elaborated, core, quantised, grouped, scheduled and planned");
        return NULL;
    }
    Elaborator e = {.arena = arena, .ast = ast, .options = options, .diag = diag, .flat = stage != STAGE_ELABORATED};
    int errors = diag->errors;
    const AstTop *model = find_model(&e);
    if (!model) return NULL;
    Graph *graph = e.graph = graph_new(arena, model->name);
    graph->doc = model->doc;
    graph->stage = stage;
    elaborate_model(&e, model);
    if (stage == STAGE_PLANNED) elaborate_places(graph);
    bool good = diag->errors == errors;
    weights_finish(&e, good && !e.flat);
    if (good && !e.flat) good = check_counted(&e, graph);
    if (good && e.flat && !graph_verify(graph, diag))
        good = diag_help(diag, "a dump must stay as consistent as lepc wrote it; take the change back");
    return good && diag->errors == errors ? graph : NULL;
}
