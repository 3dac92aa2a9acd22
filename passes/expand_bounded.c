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

/* ---- what the expansion is at other sizes ---- */

static bool same_view(const Node *a, const Node *b)
{
    IndexMap x = {0}, y = {0};
    bool same = node_def(a)->view(a, &x) && node_def(b)->view(b, &y) && x.linear == y.linear;
    for (int axis = 0; same && !x.linear && axis < value_type(a->inputs[0])->rank; axis++)
        same = x.offset[axis] == y.offset[axis];
    return same;
}

static bool same_pieces(const Node *a, const Node *b)
{
    bool same = true, more = true;
    for (int64_t number = 0; same && more; number++) {
        Piece x = {0}, y = {0};
        more = node_def(a)->piece(a, number, &x);
        same = node_def(b)->piece(b, number, &y) == more;
        for (int r = 0; same && more && r < a->types[0].rank; r++)
            same = x.operand == y.operand && x.begin[r] == y.begin[r] && x.size[r] == y.size[r];
    }
    return same;
}

/* Of two nodes with fixed types: the second is what the operator's rules say of that size, the first what was said of
 * all.  Views may say it in other words, as an end behind the last. */
static bool same_at_size(const Node *a, const Node *b)
{
    const OpDef *def = node_def(a);
    if (a->op != b->op || a->nresults != b->nresults) return false;
    for (int i = 0; i < a->nresults; i++)
        if (!type_equal(&a->types[i], &b->types[i])) return false;
    if (type_is_empty(&a->types[0])) return true;
    if (def->view) return same_view(a, b);
    if (def->piece) return same_pieces(a, b);
    return attrs_equal(&def->attrs, a->attrs, b->attrs);
}

/* Numbers are compared before, or are extents; in a body they stand outside. */
static const Node *without_numbers(const Node *node, const Node *end)
{
    while (node && node != end && (node->op == OP_constant || node->op == OP_extent)) node = node->next;
    return node == end ? NULL : node;
}

static bool agrees_at(const Node *node, const Node *since, const int64_t *sizes)
{
    Arena *arena = arena_child(node->graph->arena);
    const Graph *fixed = expansion_at(arena, node, sizes);
    const Node *a = without_numbers(since ? since->next : node->graph->first, node);
    const Node *b = fixed ? without_numbers(fixed->first, fixed->last) : NULL;
    bool same = true;
    while (fixed && same && (a || b)) {
        same = a && b && same_at_size(node_at(arena, a, sizes), b);
        a = same ? without_numbers(a->next, node) : NULL;
        b = same ? without_numbers(b->next, fixed->last) : NULL;
    }
    arena_free(arena);
    return same;
}

bool expansion_agrees(const Node *node, const Node *since, Diag *diag)
{
    const Graph *root = graph_root(node->graph);
    int64_t sizes[MAX_DIMS] = {0};
    bool same = true;
    if (!node_is_bounded(node) || node_def(node)->counts) return true;
    for (int less = 0; same && less < 3; less++) { /* one less than the bounds: what is halved shows */
        for (int i = 0; i < root->ndims && i < MAX_DIMS; i++) {
            const Dim *dim = &root->dims[i];
            sizes[i] = less == 2 || dim->high - less < dim->low ? dim->low : dim->high - less;
        }
        same = agrees_at(node, since, sizes);
    }
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
