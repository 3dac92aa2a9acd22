#include "passes/group.h"

Node *group_copy(Graph *graph, Value value, Node *before, Diag *diag)
{
    const char *name = arena_printf(graph->arena, "%s.copy", value.node->name);
    Origin origin = value.node->origin;
    Node *group = graph_add(graph, &(NodeSpec){.op = OP_group, .name = name, .origin = origin, .before = before}, diag);
    if (!group) return NULL;
    Graph *region = graph_new_region(group);
    NodeSpec spec = {.op = OP_copy, .name = group->name, .ninputs = 1, .inputs = &value, .origin = origin};
    Node *copy = graph_add(region, &spec, diag);
    if (!copy) return NULL;
    graph_add_result(region, (Result){.value = value_of(copy)});
    return graph_infer(group, diag) ? group : NULL;
}
