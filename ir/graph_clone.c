#include "ir/names.h"
#include "ir/node_map.h"
#include "ir/op.h"
#include "ir/place.h"
#include "ir/schedule.h"

#include <string.h>

typedef struct Copier {
    Arena *arena;
    NodeMap *copies; /* node -> its copy, as a number */
} Copier;

static void *copy_bytes(Arena *arena, const void *from, size_t size)
{
    if (!from) return NULL;
    void *copy = arena_alloc(arena, size);
    if (size) memcpy(copy, from, size);
    return copy;
}

/* A value made outside what is copied stays itself. */
static Value copied(const Copier *copier, Value value)
{
    const int64_t *copy = value.node ? node_map_find(copier->copies, value.node) : NULL;
    return copy ? (Value){(Node *)(intptr_t)*copy, value.slot} : value;
}

static Graph *copy_graph(Copier *copier, const Graph *graph, Graph *parent, Node *owner);

static Node *copy_node(Copier *copier, const Node *node, Graph *graph)
{
    const OpDef *def = node_def(node);
    size_t results = (size_t)node->nresults;
    int room = node->ninputs > def->noperands ? node->ninputs : def->noperands;
    Node *copy = copy_bytes(copier->arena, node, sizeof *node);
    *node_map_cell(copier->copies, node) = (intptr_t)copy;
    copy->graph = graph;
    copy->inputs = ARENA_ARRAY(copier->arena, Value, room + 1);
    for (int i = 0; i < node->ninputs; i++) copy->inputs[i] = copied(copier, node->inputs[i]);
    copy->types = copy_bytes(copier->arena, node->types, results * sizeof *node->types);
    copy->places = copy_bytes(copier->arena, node->places, results * sizeof *node->places);
    copy->attrs = copy_bytes(copier->arena, node->attrs, def->attrs.size + 1);
    copy->schedule = copy_bytes(copier->arena, node->schedule, sizeof *node->schedule);
    copy->regions = ARENA_ARRAY(copier->arena, Graph *, node->nregions);
    for (int i = 0; i < node->nregions; i++) copy->regions[i] = copy_graph(copier, node->regions[i], graph, copy);
    return copy;
}

static Graph *copy_graph(Copier *copier, const Graph *graph, Graph *parent, Node *owner)
{
    Graph *copy = copy_bytes(copier->arena, graph, sizeof *graph);
    copy->arena = copier->arena;
    copy->parent = parent;
    copy->owner = owner;
    copy->names = names_new(copier->arena);
    copy->dims = copy_bytes(copier->arena, graph->dims, (size_t)graph->ndims * sizeof *graph->dims);
    copy->first = copy->last = NULL;
    for (const Node *node = graph->first; node; node = node->next) {
        Node *added = copy_node(copier, node, copy);
        added->previous = copy->last;
        added->next = NULL;
        if (copy->last)
            copy->last->next = added;
        else
            copy->first = added;
        copy->last = added;
        names_put(copy->names, added);
    }
    copy->results = copy_bytes(copier->arena, graph->results, (size_t)graph->nresults * sizeof *graph->results);
    for (int i = 0; i < graph->nresults; i++) {
        copy->results[i].value = copied(copier, graph->results[i].value);
        copy->results[i].state = copied(copier, (Value){graph->results[i].state, 0}).node;
    }
    return copy;
}

Graph *graph_clone(Arena *arena, const Graph *graph)
{
    Copier copier = {.arena = arena, .copies = node_map_new(arena)};
    return copy_graph(&copier, graph, graph->parent, graph->owner);
}
