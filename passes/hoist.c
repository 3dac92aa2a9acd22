/* What does not change from turn to turn is computed once, before the scan. */
#include "ir/op.h"
#include "passes/pass.h"

static bool is_within(const Graph *graph, const Graph *region)
{
    while (graph && graph != region) graph = graph->parent;
    return graph == region;
}

static bool is_same_in_every_turn(const Node *node)
{
    OpKind kind = node_def(node)->kind;
    if (kind == KIND_SOURCE || kind == KIND_IOTA || node->nregions) return false; /* coordinates cost nothing */
    for (int i = 0; i < node->ninputs; i++)
        if (node->inputs[i].node && is_within(node->inputs[i].node->graph, node->graph)) return false;
    return true;
}

/* Innermost first, so that a node may go through several. */
static void hoist_from(Graph *graph)
{
    for (Node *scan = graph->first; scan; scan = scan->next) {
        if (node_def(scan)->kind != KIND_LOOP) continue;
        hoist_from(scan->regions[0]);
        for (Node *node = scan->regions[0]->first, *next; node; node = next) {
            next = node->next;
            if (is_same_in_every_turn(node)) graph_move(graph, node, scan);
        }
    }
}

bool pass_hoist(Graph *graph, const PassContext *context, Diag *diag)
{
    (void)context, (void)diag;
    hoist_from(graph);
    return true;
}
