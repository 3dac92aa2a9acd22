#include "passes/uses.h"

#include "ir/node_map.h"

#include <assert.h>

/* One operand of `node`, or, without a node, result `index` of `graph`. */
typedef struct Use {
    Node *node;
    Graph *graph;
    int index;
} Use;

typedef struct UseList {
    Use *items;
    size_t count, capacity;
} UseList;

struct Uses {
    Arena *arena;
    NodeMap *numbers; /* of a node's list, from 1 */
    UseList *lists;   /* of all slots of a node together */
    size_t count, capacity;
};

static UseList *list_of(Uses *uses, const Node *node)
{
    int64_t *number = node_map_cell(uses->numbers, node);
    if (!*number) {
        uses->lists = arena_grow(uses->arena, uses->lists, uses->count, &uses->capacity, sizeof *uses->lists);
        uses->lists[uses->count++] = (UseList){NULL, 0, 0};
        *number = (int64_t)uses->count;
    }
    return &uses->lists[*number - 1];
}

static void add_use(Uses *uses, Value value, Use use)
{
    if (!value.node) return;
    UseList *list = list_of(uses, value.node);
    list->items = arena_grow(uses->arena, list->items, list->count, &list->capacity, sizeof *list->items);
    list->items[list->count++] = use;
}

static Value *used_value(const Use *use)
{
    return use->node ? &use->node->inputs[use->index] : &use->graph->results[use->index].value;
}

static void enter_graph(Uses *uses, Graph *graph)
{
    for (Node *node = graph->first; node; node = node->next) uses_enter(uses, node);
    for (int r = 0; r < graph->nresults; r++) add_use(uses, graph->results[r].value, (Use){NULL, graph, r});
}

void uses_enter(Uses *uses, Node *node)
{
    for (int i = 0; i < node->ninputs; i++) add_use(uses, node->inputs[i], (Use){node, NULL, i});
    for (int r = 0; r < node->nregions; r++) enter_graph(uses, node->regions[r]);
}

Uses *uses_new(Arena *scratch, Graph *graph)
{
    Uses *uses = ARENA_NEW(scratch, Uses);
    *uses = (Uses){.arena = scratch, .numbers = node_map_new(scratch)};
    enter_graph(uses, graph);
    return uses;
}

static const UseList *find_list(const Uses *uses, const Node *node)
{
    static const UseList none = {NULL, 0, 0};
    const int64_t *number = node_map_find(uses->numbers, node);
    return number ? &uses->lists[*number - 1] : &none;
}

int uses_count(const Uses *uses, Value value)
{
    const UseList *list = find_list(uses, value.node);
    int count = 0;
    for (size_t i = 0; i < list->count; i++) count += used_value(&list->items[i])->slot == value.slot;
    return count;
}

Node *uses_only_user(const Uses *uses, Value value)
{
    const UseList *list = find_list(uses, value.node);
    if (uses_count(uses, value) != 1) return NULL;
    for (size_t i = 0; i < list->count; i++)
        if (used_value(&list->items[i])->slot == value.slot) return list->items[i].node;
    return NULL;
}

void uses_replace(Uses *uses, Value old, Value new_)
{
    if (value_equal(old, new_)) return;
    UseList *list = list_of(uses, old.node), moved = *list;
    *list = (UseList){NULL, 0, 0};
    for (size_t i = 0; i < moved.count; i++) {
        Value *value = used_value(&moved.items[i]);
        if (value->slot == old.slot) *value = new_;
        add_use(uses, *value, moved.items[i]);
    }
}

static void drop_use(Uses *uses, Value value, const Node *user, int index)
{
    if (!value.node) return;
    UseList *list = list_of(uses, value.node);
    size_t i = 0;
    while (i < list->count && (list->items[i].node != user || list->items[i].index != index)) i++;
    assert(i < list->count);
    list->items[i] = list->items[--list->count];
}

void uses_remove(Uses *uses, Node *node)
{
    assert(!find_list(uses, node)->count && !node->nregions);
    for (int i = 0; i < node->ninputs; i++) drop_use(uses, node->inputs[i], node, i);
    graph_remove(node->graph, node);
}
