/* An expansion that writes a size into a number - the count that a mean divides by - would be right for one size of a
 * bounded dim only.  It is tried for two of them: the numbers must be the same, or made by make_extent. */
#include "ir/bounded.h"
#include "ir/count.h"
#include "ir/op.h"
#include "passes/expand.h"

#include <string.h>

/* The expansion for one size of each dim, in a graph of its own; NULL where there is none. */
static const Graph *expansion_at(Arena *arena, const Node *node, const int64_t *sizes)
{
    Diag diag = diag_new(arena);
    Graph *graph = graph_new(arena, "bounded");
    count_share(graph, node->graph);
    const Node *fixed = node_at(arena, node, sizes);
    NodeSpec spec = {
        .op = node->op, .name = "whole", .ninputs = node->ninputs, .inputs = fixed->inputs, .attrs = node->attrs};
    for (int i = 0; i < node->ninputs; i++)
        if (fixed->inputs[i].node) fixed->inputs[i].node->graph = graph;
    Node *whole = graph_add(graph, &spec, &diag);
    Maker maker = {.graph = graph, .node = whole, .at = whole, .diag = &diag, .sized = true};
    Value *out = ARENA_ARRAY(arena, Value, node->nresults);
    return whole && node_def(node)->expand(&maker, out) && !diag.errors ? graph : NULL;
}

static bool same_numbers(const Node *a, const Node *b)
{
    const AttrTable *attrs = &node_def(a)->attrs;
    if (a->op != b->op) return false;
    if (a->data && b->data)
        return type_equal(&a->data->type, &b->data->type) &&
               !memcmp(a->data->data, b->data->data, (size_t)type_bytes(&a->data->type));
    if (a->op != OP_constant && node_def(a)->kind != KIND_MAP) return true;
    return attrs_equal(attrs, a->attrs, b->attrs);
}

/* The declared dim that the first bounded axis of an operand follows. */
static int bounded_dim(const Graph *root, const Node *node)
{
    for (int i = 0; i < node->ninputs; i++) {
        const Type *type = node->inputs[i].node ? value_type(node->inputs[i]) : NULL;
        for (int axis = 0; type && axis < type->rank; axis++)
            if (!dim_is_fixed(&type->dim[axis])) return graph_dim(root, &type->dim[axis]);
    }
    return 0;
}

bool expansion_refuse(const Node *node, Diag *diag)
{
    const Graph *root = graph_root(node->graph);
    diag_error(diag, E0308, node_span(node), "%s computes with the size of a bounded dim of %s", node_def(node)->name,
               type_text(diag->arena, value_type(node->inputs[0])));
    const Dim *dim = &root->dims[bounded_dim(root, node)];
    return diag_help(diag, "fix it, as in --dim %s=%lld", dim->name, (long long)dim->high);
}

bool expansion_refuse_as(const Node *node, const Diag *heard, Diag *diag)
{
    const Diagnostic *first = heard->first;
    if (!first || first->code != E0308) return expansion_refuse(node, diag);
    diag_error(diag, first->code, node_span(node), "%s", first->message);
    return first->help ? diag_help(diag, "%s", first->help) : false;
}

bool expansion_is_uniform(const Node *node, Diag *diag)
{
    const Graph *root = graph_root(node->graph);
    int64_t high[MAX_DIMS] = {0}, less[MAX_DIMS] = {0};
    if (!node_is_bounded(node)) return true;
    for (int i = 0; i < root->ndims && i < MAX_DIMS; i++) {
        high[i] = root->dims[i].high;
        if (high[i] == 1) high[i]++; /* both of something, though it may be nothing */
        less[i] = high[i] - 1;
    }
    Arena *arena = arena_child(node->graph->arena);
    const Graph *graphs[] = {expansion_at(arena, node, high), expansion_at(arena, node, less)};
    bool same = graphs[0] && graphs[1];
    const Node *a = same ? graphs[0]->first : NULL, *b = same ? graphs[1]->first : NULL;
    for (; same && a && b; a = a->next, b = b->next) same = same_numbers(a, b);
    same = same && !a && !b;
    arena_free(arena);
    return same || expansion_refuse(node, diag);
}

bool expansion_keeps_types(const Node *node, const Value *out, Diag *diag)
{
    bool same = true;
    if (!node_is_bounded(node)) return true;
    for (int slot = 0; slot < node->nresults; slot++)
        same = same && out[slot].node && type_equal(value_type(out[slot]), &node->types[slot]);
    return same || expansion_refuse(node, diag);
}
