#include "passes/group.h"

#include "ir/place.h"
#include "ir/schedule.h"

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

/* In memory: not so what is one number in the code. */
static int64_t bytes_in_memory(Value value)
{
    const Place *place = value.node->places ? &value.node->places[value.slot] : NULL;
    return place && place->space == SPACE_NONE ? 0 : type_bytes(value_type(value));
}

int64_t group_bytes(const Node *node)
{
    Value *captured;
    int count = graph_captures(node->regions[0], &captured);
    int64_t bytes = 0;
    for (int slot = 0; slot < node->nresults; slot++) bytes += type_bytes(&node->types[slot]);
    for (int i = 0; i < count; i++) bytes += bytes_in_memory(captured[i]);
    Group group = group_of(node);
    Piece piece;
    if (group.kind != KIND_PIECES || !node->places) return bytes;
    for (int64_t i = 0; node_def(group.anchor)->piece(group.anchor, i, &piece); i++) {
        if (piece.operand < 0) continue;
        Value operand = group.anchor->inputs[piece.operand];
        const Place *place = operand.node->places ? &operand.node->places[operand.slot] : NULL;
        if (!group_is_inside(&group, operand) && place &&
            place_holds_piece(node->places, &piece, place, value_type(operand)))
            bytes -= 2 * type_bytes(value_type(operand));
    }
    return bytes;
}
