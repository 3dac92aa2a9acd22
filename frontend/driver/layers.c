#include "frontend/driver/layers.h"

#include "ir/op.h"
#include "ir/place.h"

#include <stdlib.h>
#include <string.h>

/* Constants that a layer was given already. */
typedef struct Seen {
    size_t count;
    const Node **at;
} Seen;

static bool see(Seen *seen, const Node *node)
{
    for (size_t i = 0; i < seen->count; i++)
        if (seen->at[i] == node) return false;
    seen->at[seen->count++] = node;
    return true;
}

static void add_value(LayerSizes *row, Seen *seen, Value value)
{
    const Node *node = value.node;
    while (node_def(node)->kind == KIND_VIEW) node = node->inputs[0].node;
    const Place *place = node == value.node ? &node->places[value.slot] : &node->places[0];
    int64_t bytes = place_bytes(place, &node->types[node == value.node ? value.slot : 0]);
    if (place->space == SPACE_CONSTANT && see(seen, node)) row->constants += bytes;
    if (place->space == SPACE_ARENA) row->arena += bytes;
}

static LayerSizes sizes_of(const Node *step, Seen *seen, int64_t code)
{
    LayerSizes row = {.name = step->name, .code = code};
    Value *captures;
    int count = node_captures(step, &captures);
    for (int i = 0; i < step->ninputs; i++) add_value(&row, seen, step->inputs[i]);
    for (int i = 0; i < count; i++) add_value(&row, seen, captures[i]);
    for (int slot = 0; slot < step->nresults; slot++) add_value(&row, seen, (Value){(Node *)(uintptr_t)step, slot});
    return row;
}

LayerSizes *layers_of(const Compilation *c, const Sizes *sizes)
{
    LayerSizes *rows = ARENA_ARRAY(c->arena, LayerSizes, c->program.nsteps + 1);
    size_t nodes = 0;
    int count = 0;
    for (const Node *node = c->graph->first; node; node = node->next) nodes++;
    Seen seen = {.at = ARENA_ARRAY(c->arena, const Node *, nodes + 1)};
    for (const Node *node = c->graph->first; node; node = node->next) {
        if (!node_is_step(node)) continue;
        rows[count] = sizes_of(node, &seen, sizes->emitted.steps[count]);
        count++;
    }
    return rows;
}

int layers_by_size(const void *left, const void *right)
{
    const LayerSizes *a = left, *b = right;
    int64_t x = a->code + a->constants, y = b->code + b->constants;
    if (x != y) return x < y ? 1 : -1;
    if (a->arena != b->arena) return a->arena < b->arena ? 1 : -1;
    return strcmp(a->name, b->name);
}

void layers_print(const Compilation *c, const Sizes *sizes, FILE *out)
{
    LayerSizes *rows = layers_of(c, sizes);
    qsort(rows, (size_t)c->program.nsteps, sizeof *rows, layers_by_size);
    fprintf(out, "\n%-24s %12s %12s %12s\n", "layer", "constants", "code", "of arena");
    for (int i = 0; i < c->program.nsteps; i++)
        fprintf(out, "%-24s %12lld %12lld %12lld\n", rows[i].name, (long long)rows[i].constants,
                (long long)rows[i].code, (long long)rows[i].arena);
}
