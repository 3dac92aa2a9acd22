#include "ir/bounded.h"

#include "ir/op.h"
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
    bool bounded = false;
    for (int i = 0; i < node->ninputs; i++)
        bounded |= node->inputs[i].node && !type_is_fixed(value_type(node->inputs[i]));
    for (int i = 0; i < node->nresults; i++) bounded |= !type_is_fixed(&node->types[i]);
    return bounded;
}

/* ---- one size of each dim ---- */

static void bind_type(const Graph *from, const int64_t *sizes, Type *type)
{
    for (int i = 0; i < type->rank; i++) {
        int dim = graph_dim(from, &type->dim[i]);
        if (!dim_is_fixed(&type->dim[i]) && dim >= 0) type->dim[i] = dim_fixed(dim_at(&type->dim[i], sizes[dim]));
    }
}

static bool bind_nodes(const Graph *from, const Graph *graph, const int64_t *sizes, Diag *diag)
{
    for (Node *node = graph->first; node; node = node->next) {
        if (node_def(node)->kind == KIND_SOURCE)
            for (int i = 0; i < node->nresults; i++) bind_type(from, sizes, &node->types[i]);
        for (int i = 0; i < node->nregions; i++)
            if (!bind_nodes(from, node->regions[i], sizes, diag)) return false;
        if (!graph_infer(node, diag)) return false;
    }
    return true;
}

Graph *graph_bind(Arena *arena, const Graph *graph, const int64_t *sizes, Diag *diag)
{
    Graph *copy = graph_clone(arena, graph);
    if (!bind_nodes(graph, copy, sizes, diag)) return NULL;
    copy->ndims = 0;
    return copy;
}
