#include "passes/lifetime.h"
#include "ir/scan.h"

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

bool lifetimes_know(const Lifetimes *lifetimes, Value value)
{
    return node_map_find(lifetimes->of, value.node) != NULL;
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

static bool is_loaded(const Graph *region, Value value);

/* What a scan's carried values begin with is filled in, when it is one number. */
static bool reads_elements(const Node *node, Value value)
{
    int count = node_def(node)->kind == KIND_LOOP ? scan_scanned(node) : node->ninputs;
    for (int i = 0; i < count; i++)
        if (value_equal(node->inputs[i], value)) return true;
    for (int i = 0; i < node->nregions; i++)
        if (is_loaded(node->regions[i], value)) return true;
    return false;
}

/* Does other than element-wise code or an index map use it?  For those, a constant of equal elements is an immediate.
 */
static bool is_loaded(const Graph *region, Value value)
{
    for (const Node *node = region->first; node; node = node->next) {
        OpKind kind = node_def(node)->kind;
        if (kind == KIND_GROUP && is_loaded(node->regions[0], value)) return true;
        if (kind == KIND_MAP || kind == KIND_VIEW || kind == KIND_PIECES || kind == KIND_SCATTER) continue;
        if (reads_elements(node, value)) return true;
    }
    return false;
}

static void add_read(Lifetimes *lifetimes, const Node *reader, Value value, int step)
{
    if (!lifetimes_know(lifetimes, value)) return;
    Storage *storage = lifetimes_find(lifetimes, value);
    Scalar element;
    const Node *source = storage->root.node;
    storage->last = step;
    bool is_view = value.node != source; /* whose code does not know what it shows */
    if (is_view || !node_is_splat(source, &element) || reads_elements(reader, value)) storage->read = true;
}

static void add_reads(Lifetimes *lifetimes, const Node *reader, int step)
{
    Value *captures;
    int count = node_captures(reader, &captures);
    for (int i = 0; i < reader->ninputs; i++) add_read(lifetimes, reader, reader->inputs[i], step);
    for (int i = 0; i < count; i++) add_read(lifetimes, reader, captures[i], step);
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
        if (node_is_step(node)) add_reads(&lifetimes, node, lifetimes.steps++);
    }
    for (int i = 0; i < graph->nresults; i++) {
        if (type_is_empty(value_type(graph->results[i].value))) continue; /* nobody writes it */
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
        if (!node_is_step(node)) continue;
        const Schedule *s = node->schedule;
        if (s && s->scratch) out[count++] = (Block){step, step, schedule_scratch(s), 0};
        step++;
    }
    return count;
}
