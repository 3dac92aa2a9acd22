#include "passes/lifetime.h"

#include <assert.h>

static Space space_of(const Node *node)
{
    if (node->op == OP_input) return SPACE_INPUT;
    if (node->op == OP_state) return SPACE_STATE;
    if (node->op == OP_param || node->op == OP_constant) return SPACE_CONSTANT;
    return SPACE_ARENA;
}

static void add_storages(Lifetimes *lifetimes, Node *node, int step, int index)
{
    *node_map_cell(lifetimes->of, node) = lifetimes->count + 1;
    for (int slot = 0; slot < node->nresults; slot++)
        lifetimes->storages[lifetimes->count++] = (Storage){
            .root = {node, slot}, .space = space_of(node), .index = index, .first = step, .last = step, .into = -1};
}

Storage *lifetimes_find(const Lifetimes *lifetimes, Value value)
{
    const int64_t *cell = node_map_find(lifetimes->of, value.node);
    assert(cell && *cell);
    return &lifetimes->storages[*cell - 1 + value.slot];
}

int lifetimes_resolve(const Lifetimes *lifetimes, int storage)
{
    while (lifetimes->storages[storage].into >= 0) storage = lifetimes->storages[storage].into;
    return storage;
}

static void add_alias(Lifetimes *lifetimes, const Node *node)
{
    const Storage *source = lifetimes_find(lifetimes, node->inputs[0]);
    *node_map_cell(lifetimes->of, node) = source - lifetimes->storages + 1;
}

/* A constant of equal elements is an immediate where only element-wise code and index maps use it. */
static bool is_loaded(const Graph *region, Value value)
{
    const Node *source = value.node;
    Scalar element;
    while (node_def(source)->kind == KIND_VIEW) source = source->inputs[0].node;
    if (!node_is_splat(source, &element)) return true;
    for (const Node *node = region->first; node; node = node->next) {
        OpKind kind = node_def(node)->kind;
        if (kind == KIND_GROUP && is_loaded(node->regions[0], value)) return true;
        if (kind == KIND_MAP || kind == KIND_VIEW || kind == KIND_PIECES) continue;
        for (int i = 0; i < node->ninputs; i++)
            if (value_equal(node->inputs[i], value)) return true;
    }
    return false;
}

static void add_reads(Lifetimes *lifetimes, const Node *group, int step)
{
    const Graph *region = group->regions[0];
    Value *captures;
    int count = graph_captures(region, &captures);
    for (int i = 0; i < count; i++) {
        Storage *storage = lifetimes_find(lifetimes, captures[i]);
        storage->last = step;
        if (is_loaded(region, captures[i])) storage->read = true;
    }
}

static int count_values(const Graph *graph)
{
    int count = 0;
    for (const Node *node = graph->first; node; node = node->next) count += node->nresults;
    return count;
}

Lifetimes lifetimes_of(const Graph *graph, Arena *arena)
{
    Lifetimes lifetimes = {.storages = ARENA_ARRAY(arena, Storage, count_values(graph)), .of = node_map_new(arena)};
    int inputs = 0;
    for (Node *node = graph->first; node; node = node->next) {
        if (node_def(node)->kind == KIND_VIEW) {
            add_alias(&lifetimes, node);
            continue;
        }
        add_storages(&lifetimes, node, lifetimes.steps, node->op == OP_input ? inputs++ : 0);
        if (node->op == OP_group) add_reads(&lifetimes, node, lifetimes.steps++);
    }
    for (int i = 0; i < graph->nresults; i++) {
        Storage *storage = lifetimes_find(&lifetimes, graph->results[i].value);
        /* what comes from outside or is given back twice has been copied */
        assert(storage->space == SPACE_ARENA);
        storage->space = graph->results[i].state ? SPACE_STATE : SPACE_OUTPUT;
        storage->index = i;
        storage->last = lifetimes.steps;
    }
    return lifetimes;
}

int lifetimes_scratch(const Graph *graph, Block *out)
{
    int count = 0, step = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_group) continue;
        const Schedule *s = node->schedule;
        if (s && s->scratch) out[count++] = (Block){step, step, schedule_scratch(s), 0};
        step++;
    }
    return count;
}
