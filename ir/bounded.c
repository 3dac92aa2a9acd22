#include "ir/bounded.h"

#include "ir/op.h"
#include "ir/place.h"
#include "ir/scan.h"

#include <string.h>

const Graph *graph_root(const Graph *graph)
{
    while (graph->parent) graph = graph->parent;
    return graph;
}

int graph_dim(const Graph *graph, const Dim *dim)
{
    const Graph *root = graph_root(graph);
    for (int i = 0; dim->name && i < root->ndims; i++)
        if (!strcmp(root->dims[i].name, dim->name)) return i;
    return -1;
}

bool node_is_bounded(const Node *node)
{
    bool bounded = !attrs_are_fixed(&node_def(node)->attrs, node->attrs);
    for (int i = 0; i < node->ninputs; i++)
        bounded |= node->inputs[i].node && !type_is_fixed(value_type(node->inputs[i]));
    for (int i = 0; i < node->nresults; i++) bounded |= !type_is_fixed(&node->types[i]);
    return bounded;
}

/* ---- what the caller's tensors are ---- */

bool type_has_gaps(const Type *type)
{
    bool inner = false, gaps = false;
    if (type_is_empty(type)) return false;
    for (int axis = 0; axis < type->rank; axis++) {
        gaps |= inner && !dim_is_fixed(&type->dim[axis]);
        inner |= type->dim[axis].high > 1;
    }
    return gaps;
}

static bool is_users(Value value)
{
    Space space = value.node->places ? value.node->places[value.slot].space : SPACE_NONE;
    return space == SPACE_INPUT || space == SPACE_OUTPUT;
}

bool port_copy_of(const Node *group, Value *from)
{
    if (group->op != OP_group || !type_has_gaps(&group->types[0])) return false;
    const Node *copy = group->regions[0]->first;
    if (copy->op != OP_copy || copy->next || copy->inputs[0].node->graph == copy->graph) return false;
    *from = copy->inputs[0];
    return is_users(*from) != is_users(value_of((Node *)group));
}

/* ---- one size of each dim ---- */

static void bind_type(const Graph *from, const int64_t *sizes, Type *type)
{
    for (int i = 0; i < type->rank; i++) {
        int dim = graph_dim(from, &type->dim[i]);
        if (!dim_is_fixed(&type->dim[i]) && dim >= 0 && sizes[dim] >= 0)
            type->dim[i] = dim_fixed(dim_at(&type->dim[i], sizes[dim]));
    }
}

static Type *bound_types(Arena *arena, const Graph *from, const int64_t *sizes, const Type *types, int count)
{
    Type *bound = ARENA_ARRAY(arena, Type, count);
    for (int i = 0; i < count; i++) {
        bound[i] = types[i];
        bind_type(from, sizes, &bound[i]);
    }
    return bound;
}

typedef struct Sizes {
    const Graph *from;
    const int64_t *at;
} Sizes;

static int64_t size_of(const void *context, const Dim *dim)
{
    const Sizes *sizes = context;
    int number = graph_dim(sizes->from, dim);
    return number >= 0 ? dim_at(dim, sizes->at[number]) : dim->high;
}

/* In place. */
static void bind_attrs(const Graph *from, const int64_t *sizes, Node *node)
{
    if (node->attrs) attrs_bind(&node_def(node)->attrs, node->attrs, size_of, &(Sizes){from, sizes});
}

Node *node_at(Arena *arena, const Node *node, const int64_t *sizes)
{
    const Graph *from = node->graph;
    Node *copy = ARENA_NEW(arena, Node);
    *copy = *node;
    copy->types = bound_types(arena, from, sizes, node->types, node->nresults);
    if (!attrs_are_fixed(&node_def(node)->attrs, node->attrs)) {
        copy->attrs =
            memcpy(arena_array(arena, 1, node_def(node)->attrs.size), node->attrs, node_def(node)->attrs.size);
        bind_attrs(from, sizes, copy);
    }
    copy->inputs = ARENA_ARRAY(arena, Value, node->ninputs + node_def(node)->noperands + 1);
    for (int i = 0; i < node->ninputs; i++) {
        const Node *operand = node->inputs[i].node;
        if (!operand) continue;
        Node *fixed = ARENA_NEW(arena, Node);
        *fixed = *operand;
        fixed->types = bound_types(arena, from, sizes, operand->types, operand->nresults);
        copy->inputs[i] = (Value){fixed, node->inputs[i].slot};
    }
    return copy;
}

/* An axis of size 1 is never stepped along. */
static bool same_strides(const Node *a, const Node *b, const IndexMap *x, const IndexMap *y)
{
    bool same = true;
    for (int r = 0; r < a->types[0].rank; r++)
        for (int axis = 0; axis < MAX_RANK && a->types[0].dim[r].high > 1 && b->types[0].dim[r].high > 1; axis++)
            same = same && x->stride[axis][r] == y->stride[axis][r];
    return same;
}

static bool same_description(const Node *a, const Node *b)
{
    const OpDef *def = node_def(a);
    if (def->view) {
        IndexMap x = {0}, y = {0};
        return def->view(a, &x) && def->view(b, &y) && x.linear == y.linear && same_strides(a, b, &x, &y);
    }
    if (def->contract) {
        Contraction x = {.batch = 0}, y = {.batch = 0};
        def->contract(a, &x);
        def->contract(b, &y);
        return !memcmp(&x.window, &y.window, sizeof x.window);
    }
    if (def->pool) {
        Pooling x = {.mean = false}, y = {.mean = false};
        def->pool(a, &x);
        def->pool(b, &y);
        return !memcmp(&x.window, &y.window, sizeof x.window);
    }
    return true;
}

bool node_is_uniform(const Node *node)
{
    const Graph *root = graph_root(node->graph);
    Arena *arena = arena_child(node->graph->arena);
    int64_t low[MAX_DIMS] = {0}, high[MAX_DIMS] = {0}, mixed[MAX_DIMS] = {0};
    for (int i = 0; i < root->ndims && i < MAX_DIMS; i++) {
        low[i] = root->dims[i].low;
        high[i] = root->dims[i].high;
        mixed[i] = i % 2 ? high[i] : high[i] - 1;
    }
    const Node *first = node_at(arena, node, low), *last = node_at(arena, node, high);
    bool same = same_description(first, last) && same_description(last, node_at(arena, node, mixed));
    arena_free(arena);
    return same;
}

/* What is given in a bounded shape is of equal elements: fewer of them are the same. */
static void bind_source(const Graph *from, const int64_t *sizes, Node *node)
{
    for (int i = 0; i < node->nresults; i++) bind_type(from, sizes, &node->types[i]);
    if (!node->data || type_is_fixed(&node->data->type)) return;
    Tensor *data = ARENA_NEW(node->graph->arena, Tensor);
    *data = (Tensor){.type = node->types[0], .data = node->data->data};
    node->data = data;
}

static bool bind_nodes(const Graph *from, const Graph *graph, const int64_t *sizes, Diag *diag)
{
    for (Node *node = graph->first; node; node = node->next) {
        bind_attrs(from, sizes, node);
        if (node_def(node)->kind == KIND_SOURCE) bind_source(from, sizes, node);
        for (int i = 0; i < node->nregions; i++)
            if (!bind_nodes(from, node->regions[i], sizes, diag)) return false;
        if (!graph_infer(node, diag)) return false;
    }
    return true;
}

static void fix_types(const Graph *from, const Graph *graph, const int64_t *sizes)
{
    for (Node *node = graph->first; node; node = node->next) {
        for (int i = 0; i < node->nresults; i++) bind_type(from, sizes, &node->types[i]);
        for (int i = 0; i < node->nregions; i++) fix_types(from, node->regions[i], sizes);
    }
}

Graph *graph_at(Arena *arena, const Graph *graph, const int64_t *sizes)
{
    Graph *copy = graph_clone(arena, graph);
    fix_types(graph, copy, sizes);
    return copy;
}

Graph *graph_bind(Arena *arena, const Graph *graph, const int64_t *sizes, Diag *diag)
{
    Graph *copy = graph_clone(arena, graph);
    int64_t given[MAX_DIMS];
    bool computed = false;
    for (int i = 0; i < graph->ndims; i++) {
        given[i] = graph->dims[i].computed ? -1 : sizes[i];
        computed |= graph->dims[i].computed;
    }
    if (!bind_nodes(graph, copy, given, diag)) return NULL;
    for (int i = 0; i < graph->ndims; i++)
        if (given[i] >= 0) copy->dims[i].low = copy->dims[i].high = given[i];
    if (!computed) copy->ndims = 0;
    return copy;
}
