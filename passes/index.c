#include "passes/index.h"

int node_number(const NodeIndex *index, const Node *node)
{
    const int64_t *number = node_map_find(index->numbers, node);
    return number ? (int)*number : -1;
}

typedef void EachUse(NodeIndex *index, int used, int user);

static void count_use(NodeIndex *index, int used, int user)
{
    (void)user;
    index->first[used + 1]++;
}

static void enter_use(NodeIndex *index, int used, int user) { index->user[index->first[used]++] = user; }

static void each_use(NodeIndex *index, Value value, int user, EachUse *action)
{
    int used = value.node ? node_number(index, value.node) : -1;
    if (used >= 0) action(index, used, user);
}

static void each_use_of_graph(NodeIndex *index, EachUse *action)
{
    for (int user = 0; user < index->count; user++) {
        const Node *node = index->node[user];
        for (int i = 0; i < node->ninputs; i++) each_use(index, node->inputs[i], user, action);
        for (int r = 0; r < node->nregions; r++) {
            Value *captures = NULL;
            int count = graph_captures(node->regions[r], &captures);
            for (int c = 0; c < count; c++) each_use(index, captures[c], user, action);
        }
    }
}

NodeIndex *node_index(Arena *arena, const Graph *graph)
{
    NodeIndex *index = ARENA_NEW(arena, NodeIndex);
    for (const Node *n = graph->first; n; n = n->next) index->count++;
    index->node = ARENA_ARRAY(arena, Node *, index->count + 1);
    index->result = ARENA_ARRAY(arena, bool, index->count + 1);
    index->first = ARENA_ARRAY(arena, int, index->count + 2);
    index->numbers = node_map_new(arena);
    int number = 0;
    for (Node *n = graph->first; n; n = n->next) {
        *node_map_cell(index->numbers, n) = number;
        index->node[number++] = n;
    }
    for (int r = 0; r < graph->nresults; r++) {
        int given = node_number(index, graph->results[r].value.node);
        if (given >= 0) index->result[given] = true; /* a region may give back a value of the graph around it */
    }

    each_use_of_graph(index, count_use);
    for (int i = 0; i < index->count; i++) index->first[i + 1] += index->first[i];
    index->user = ARENA_ARRAY(arena, int, index->first[index->count] + 1);
    each_use_of_graph(index, enter_use);
    for (int i = index->count; i > 0; i--) index->first[i] = index->first[i - 1]; /* entering moved each to its end */
    index->first[0] = 0;
    return index;
}
