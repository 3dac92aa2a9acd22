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
        return def->view(a, &x) && def->view(b, &y) && x.linear == y.linear &&
               !memcmp(x.offset, y.offset, sizeof x.offset) && same_strides(a, b, &x, &y);
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

/* Three sizes of one dim: the lowest, the next, the highest. */
typedef struct Points {
    const Node *node;
    const Dim *declared;
} Points;

static int64_t point_at(const Points *p, int k) { return k == 2 ? p->declared->high : p->declared->low + k; }

/* Is it the size of some operand along the axis? */
static bool is_operands(const Points *p, int axis, int64_t low, int64_t next, int64_t high, Dim *form)
{
    for (int i = 0; i < p->node->ninputs; i++) {
        const Type *type = p->node->inputs[i].node ? value_type(p->node->inputs[i]) : NULL;
        const Dim *dim = type && axis < type->rank ? &type->dim[axis] : NULL;
        if (!dim || dim_is_fixed(dim) || strcmp(dim->name, p->declared->name) != 0) continue;
        if (dim_at(dim, point_at(p, 0)) != low || dim_at(dim, point_at(p, 1)) != next) continue;
        if (dim_at(dim, point_at(p, 2)) != high) continue;
        *form = *dim;
        return true;
    }
    return false;
}

/* Adds what a number does from one size of a dim to the next to its form, which is fixed so far. */
static bool add_slope(const Points *p, int axis, int64_t low, int64_t next, int64_t high, Dim *form)
{
    int64_t slope = next - low;
    if (low == next && low == high) return true;
    if (!dim_is_fixed(form)) return false;
    if (is_operands(p, axis, low, next, high, form)) return true;
    if (high - low != slope * (p->declared->high - p->declared->low)) return false;
    *form = dim_form(p->declared, slope, low - slope * p->declared->low, 1);
    return true;
}

static bool add_slopes(const Points *p, int rank, const Piece at[3], Dim *begin, Dim *size)
{
    bool linear = at[0].operand == at[2].operand && !memcmp(&at[0].map, &at[1].map, sizeof at[0].map) &&
                  !memcmp(&at[0].map, &at[2].map, sizeof at[0].map);
    for (int i = 0; linear && i < rank; i++)
        linear = add_slope(p, i, at[0].begin[i], at[1].begin[i], at[2].begin[i], &begin[i]) &&
                 add_slope(p, i, at[0].size[i], at[1].size[i], at[2].size[i], &size[i]);
    return linear;
}

bool node_piece_dims(const Node *node, int64_t number, Dim *begin, Dim *size)
{
    const Graph *root = graph_root(node->graph);
    int64_t sizes[MAX_DIMS] = {0};
    int rank = node->types[0].rank;
    Piece whole;
    if (!node_def(node)->piece(node, number, &whole)) return false;
    for (int i = 0; i < rank; i++) {
        begin[i] = dim_fixed(whole.begin[i]);
        size[i] = dim_fixed(whole.size[i]);
    }
    if (!node_is_bounded(node)) return true;
    Arena *arena = arena_child(node->graph->arena);
    for (int i = 0; i < root->ndims; i++) sizes[i] = root->dims[i].high;
    bool linear = true;
    for (int i = 0; linear && i < root->ndims; i++) {
        const Points points = {.node = node, .declared = &root->dims[i]};
        Piece at[3];
        for (int k = 0; k < 3; k++) {
            sizes[i] = point_at(&points, k);
            linear = linear && node_def(node)->piece(node_at(arena, node, sizes), number, &at[k]);
        }
        linear = linear && add_slopes(&points, rank, at, begin, size);
    }
    arena_free(arena);
    return linear;
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
