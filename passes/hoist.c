/* What does not change from turn to turn is computed once, before the scan; names for what is outside of a body stand
 * there, too. */
#include "ir/op.h"
#include "passes/pass.h"

static bool is_of_outside(const Node *node)
{
    for (int i = 0; i < node->ninputs; i++)
        if (node->inputs[i].node && graph_is_within(node->inputs[i].node->graph, node->graph)) return false;
    return true;
}

/* What is the same in every turn; what a branch may not need stays in it. */
static bool belongs_outside(const Node *node)
{
    OpKind kind = node_def(node)->kind, around = node_def(node->graph->owner)->kind;
    if (kind == KIND_SOURCE || kind == KIND_IOTA || node->nregions) return false; /* coordinates cost nothing */
    return (around == KIND_LOOP || node_is_alias(node)) && is_of_outside(node);
}

static void hoist_from(Graph *graph);

/* Innermost first, so that a node may go through several. */
static void hoist_body(Graph *graph, Node *owner, Graph *region)
{
    hoist_from(region);
    for (Node *node = region->first, *next; node; node = next) {
        next = node->next;
        if (belongs_outside(node)) graph_move(graph, node, owner);
    }
}

static void hoist_from(Graph *graph)
{
    for (Node *node = graph->first; node; node = node->next)
        for (int i = 0; node_is_control(node) && i < node->nregions; i++) hoist_body(graph, node, node->regions[i]);
}

bool pass_hoist(Graph *graph, const PassContext *context, Diag *diag)
{
    (void)context, (void)diag;
    hoist_from(graph);
    return true;
}
