/* Composites become what their expansion says, except those with code of their
 * own; nothing expanded is recognised again later. */
#include "passes/expand.h"
#include "ir/bounded.h"
#include "ir/op.h"
#include "passes/empty.h"
#include "passes/pass.h"
#include "passes/uses.h"

/* What stands for a result takes its name, unless the expansion passed an operand through: that is not new. */
static void take_name(Node *node, const char *name, const Node *since, const Node *until)
{
    const Node *n = since ? since->next : node->graph->first;
    while (n != until && n != node) n = n->next;
    if (n == node && n != until) graph_rename(node, name);
}

static bool expand_node(Node *node, Uses *uses, Diag *diag)
{
    Graph *graph = node->graph;
    const Node *since = node->previous, *until = node->next;
    Diag heard = diag_new(graph->arena); /* what is wrong at some size of a dim is not for users */
    bool bounded = node_is_bounded(node);
    Maker maker = {.graph = graph, .node = node, .at = node, .diag = bounded ? &heard : diag};
    Value *out = ARENA_ARRAY(graph->arena, Value, node->nresults);
    if (!node_def(node)->expand(&maker, out)) return bounded && expansion_refuse_as(node, &heard, diag);
    if (!expansion_keeps_types(node, out, diag) || !expansion_agrees(node, since, diag)) return false;
    for (Node *n = node->previous; n != since; n = n->previous) uses_enter(uses, n);
    for (int slot = 0; slot < node->nresults; slot++) {
        if (!out[slot].node) return false;
        uses_replace(uses, (Value){node, slot}, out[slot]);
    }
    uses_remove(uses, node);
    bool whole = true;
    for (int slot = 0; slot < node->nresults; slot++) whole = whole && out[slot].node == out[0].node;
    for (int slot = 0; slot < node->nresults; slot++) {
        bool several = out[slot].node->nresults > 1; /* its results have names by its slots */
        if (several ? slot || !whole : slot && out[slot].node == out[slot - 1].node) continue;
        const char *name = several ? node->name : value_name(graph->arena, (Value){node, slot});
        take_name(out[slot].node, name, since, until);
    }
    return true;
}

static bool expand_graph(Graph *graph, Uses *uses, Diag *diag)
{
    for (Node *node = graph->first, *next; node; node = next) {
        for (int r = 0; r < node->nregions; r++)
            if (!expand_graph(node->regions[r], uses, diag)) return false;
        next = node->next;
        Node *before = node->previous;
        bool gone = false;
        if (empty_is_met(node) && !empty_replace(node, uses, &gone, diag)) return false;
        if (gone) next = before ? before->next : graph->first;
        if (gone || !op_is_composite(node->op) || node_is_whole(node)) continue;
        if (!expansion_is_uniform(node, diag)) return false;
        if (!expand_node(node, uses, diag)) return false;
        next = before ? before->next : graph->first; /* an expansion may hold composites */
    }
    return true;
}

bool pass_expand(Graph *graph, const PassContext *context, Diag *diag)
{
    (void)context;
    Arena *scratch = arena_child(graph->arena);
    bool ok = expand_graph(graph, uses_new(scratch, graph), diag);
    arena_free(scratch);
    return ok && empty_leave_regions(graph, diag);
}
