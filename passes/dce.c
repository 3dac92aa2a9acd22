/* Drops what no result needs.  Inputs and states stay: they are the model's interface. */
#include "ir/count.h"
#include "passes/index.h"
#include "passes/pass.h"

#include <string.h>

static bool follows(const Node *node, const char *dim)
{
    bool named = false;
    for (int slot = 0; slot < node->nresults; slot++)
        for (int axis = 0; axis < node->types[slot].rank; axis++) {
            const char *name = node->types[slot].dim[axis].name;
            named |= name && !strcmp(name, dim);
        }
    return named;
}

/* What stores a size that something is long is needed though nobody reads it, as of a result without elements. */
static bool is_size_of_live(const NodeIndex *index, const bool *live, int number)
{
    const Node *node = index->node[number];
    bool used = false;
    if (node_def(node)->kind != KIND_SIZE) return false;
    for (int i = number + 1; i < index->count; i++) used |= live[i] && follows(index->node[i], node_count(node));
    return used;
}

static bool is_live(const NodeIndex *index, const bool *live, int number)
{
    if (index->result[number] || index->node[number]->op == OP_input || index->node[number]->op == OP_state)
        return true;
    for (int u = index->first[number]; u < index->first[number + 1]; u++)
        if (live[index->user[u]]) return true;
    return false;
}

/* Regions first: what only their dead nodes used is dead, too. */
static void drop_dead(Graph *graph)
{
    for (Node *n = graph->first; n; n = n->next)
        for (int r = 0; r < n->nregions; r++) drop_dead(n->regions[r]);
    Arena *scratch = arena_child(graph->arena);
    NodeIndex *index = node_index(scratch, graph);
    bool *live = ARENA_ARRAY(scratch, bool, index->count + 1);
    for (int i = index->count - 1; i >= 0; i--) {
        live[i] = is_live(index, live, i) || is_size_of_live(index, live, i);
        if (!live[i]) graph_remove(graph, index->node[i]);
    }
    arena_free(scratch);
}

bool pass_dce(Graph *graph, const PassContext *context, Diag *diag)
{
    (void)context, (void)diag;
    drop_dead(graph);
    return true;
}
