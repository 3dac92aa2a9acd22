/* Who uses what: walks over operands, results and nested regions. */
#include "ir/graph.h"
#include "ir/op.h"

#include <string.h>

void graph_replace(Graph *graph, Value old, Value new_)
{
    for (Node *node = graph->first; node; node = node->next) {
        for (int i = 0; i < node->ninputs; i++)
            if (value_equal(node->inputs[i], old)) node->inputs[i] = new_;
        for (int i = 0; i < node->nregions; i++) graph_replace(node->regions[i], old, new_);
    }
    for (int i = 0; i < graph->nresults; i++)
        if (value_equal(graph->results[i].value, old)) graph->results[i].value = new_;
}

int graph_uses(const Graph *graph, Value value)
{
    int uses = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        for (int i = 0; i < node->ninputs; i++) uses += value_equal(node->inputs[i], value);
        for (int i = 0; i < node->nregions; i++) uses += graph_uses(node->regions[i], value);
    }
    for (int i = 0; i < graph->nresults; i++) uses += value_equal(graph->results[i].value, value);
    return uses;
}

/* ---- captures ---- */

typedef struct Captures {
    const Graph *region;
    Value *values;
    size_t count, capacity;
} Captures;

bool graph_is_within(const Graph *graph, const Graph *region)
{
    while (graph && graph != region) graph = graph->parent;
    return graph == region;
}

bool graph_is_result(const Graph *graph, Value value)
{
    for (int i = 0; i < graph->nresults; i++)
        if (value_equal(graph->results[i].value, value)) return true;
    return false;
}

static void note_capture(Captures *found, Value value)
{
    if (!value.node || graph_is_within(value.node->graph, found->region)) return;
    for (size_t i = 0; i < found->count; i++)
        if (value_equal(found->values[i], value)) return;
    found->values = arena_grow(found->region->arena, found->values, found->count, &found->capacity, sizeof value);
    found->values[found->count++] = value;
}

static void collect_captures(Captures *found, const Graph *graph)
{
    for (const Node *node = graph->first; node; node = node->next) {
        for (int i = 0; i < node->ninputs; i++) note_capture(found, node->inputs[i]);
        for (int i = 0; i < node->nregions; i++) collect_captures(found, node->regions[i]);
    }
    for (int i = 0; i < graph->nresults; i++) note_capture(found, graph->results[i].value);
}

int graph_captures(const Graph *region, Value **out)
{
    Captures found = {.region = region};
    collect_captures(&found, region);
    *out = found.values;
    return (int)found.count;
}

int node_captures(const Node *node, Value **out)
{
    Captures found = {.region = NULL};
    for (int i = 0; i < node->nregions; i++) {
        found.region = node->regions[i];
        collect_captures(&found, found.region);
    }
    *out = found.values;
    return (int)found.count;
}

/* ---- names of values, origins ---- */

static const char *slot_name(Arena *arena, Value value)
{
    const OpDef *def = node_def(value.node);
    if (!node_is_step(value.node)) return def->results[value.slot];
    const Result *result = &value.node->regions[0]->results[value.slot];
    if (def->kind == KIND_GROUP) return value_name(arena, result->value);
    return result->state ? result->state->name : result->name;
}

const char *value_name(Arena *arena, Value value)
{
    const Node *node = value.node;
    OpKind kind = node_def(node)->kind;
    if (node->nresults == 1 && kind != KIND_LOOP) return node->name;
    size_t length = strlen(node->name);
    const char *slot = slot_name(arena, value);
    /* a group is called as the node inside whose slots it gives back, results of a body as what that calls them */
    if (node_is_step(node) && strncmp(slot, node->name, length) == 0 && slot[length] == '.') return slot;
    return arena_printf(arena, "%s.%s", node->name, slot);
}

Origin origin_of(Arena *arena, Span at)
{
    Span *copy = ARENA_NEW(arena, Span);
    *copy = at;
    return (Origin){copy, 1};
}

static bool same_name(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

static bool same_span(const Span *a, const Span *b)
{
    return a->source == b->source && a->line == b->line && a->column == b->column && a->length == b->length &&
           same_name(a->name, b->name);
}

Origin origin_join(Arena *arena, Origin a, Origin b)
{
    Span *spans = ARENA_ARRAY(arena, Span, a.count + b.count);
    int count = 0;
    for (int i = 0; i < a.count + b.count; i++) {
        const Span *next = i < a.count ? &a.at[i] : &b.at[i - a.count];
        int k = 0;
        while (k < count && !same_span(&spans[k], next)) k++;
        if (k == count) spans[count++] = *next;
    }
    return (Origin){spans, count};
}
