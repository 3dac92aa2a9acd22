#include "frontend/driver/describe.h"

#include "ir/op.h"
#include "ir/schedule.h"
#include "passes/lifetime.h"
#include "passes/report_memory.h"

#include <stdlib.h>
#include <string.h>

static const char *operators_of(Arena *arena, const Graph *body, const char *text)
{
    for (const Node *node = body->first; node; node = node->next) {
        if (node_def(node)->kind == KIND_SOURCE) continue;
        if (!node->nregions) text = arena_printf(arena, "%s%s%s", text, *text ? " " : "", node_def(node)->name);
        for (int i = 0; i < node->nregions; i++) text = operators_of(arena, node->regions[i], text);
    }
    return text;
}

static const char *kind_of(const Node *node)
{
    if (node_def(node)->kind != KIND_GROUP) return node_def(node)->name;
    Group group = group_of(node);
    if (group.kind == KIND_GROUP) return "strips";
    return group.anchor ? node_def(group.anchor)->name : "map";
}

static void describe_layers(Compilation *c, Described *d)
{
    d->layers = ARENA_ARRAY(c->arena, DescribedLayer, c->program.nsteps + 1);
    for (const Node *node = c->graph->first; node && d->nlayers < c->program.nsteps; node = node->next) {
        if (!node_is_step(node)) continue;
        const LoopFunction *step = c->program.steps[d->nlayers];
        const char *operators = "";
        for (int i = 0; i < node->nregions; i++) operators = operators_of(c->arena, node->regions[i], operators);
        d->multiply_adds += step->multiply_adds;
        d->layers[d->nlayers] = (DescribedLayer){.name = node->name,
                                                 .kind = kind_of(node),
                                                 .node = node,
                                                 .operators = operators,
                                                 .multiply_adds = step->multiply_adds,
                                                 .bytes_read = step->bytes_read,
                                                 .bytes_written = step->bytes_written,
                                                 .code = d->sizes.emitted.steps[d->nlayers]};
        d->nlayers++;
    }
}

static int64_t count_zeros(const Tensor *data)
{
    int64_t zeros = 0;
    for (int64_t i = 0, count = data ? type_elements(&data->type) : 0; i < count; i++)
        zeros += tensor_real(data, i) == 0;
    return zeros;
}

static int by_place(const void *left, const void *right)
{
    const DescribedValue *a = left, *b = right;
    if (a->space != b->space) return a->space < b->space ? -1 : 1;
    if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
    return strcmp(a->name, b->name);
}

static void describe_values(Compilation *c, Described *d)
{
    Lifetimes lifetimes = lifetimes_of(c->graph, c->arena);
    d->values = ARENA_ARRAY(c->arena, DescribedValue, lifetimes.count + 1);
    for (int i = 0; i < lifetimes.count; i++) {
        const Storage *storage = &lifetimes.storages[i];
        const Node *root = storage->root.node;
        const Place *place = &root->places[storage->root.slot];
        bool constant = place->space == SPACE_CONSTANT, made = place->space == SPACE_ARENA;
        if (place->space == SPACE_NONE) continue;
        d->values[d->nvalues++] = (DescribedValue){
            .name = value_name(c->arena, storage->root),
            .type = value_type(storage->root),
            .space = place->space,
            .offset = place->offset,
            .bytes = place_bytes(place, value_type(storage->root)),
            .first = made || place->space == SPACE_OUTPUT ? storage->first : -1,
            .last = place->space == SPACE_OUTPUT ? -1 : storage->last,
            .data = constant ? root->data : NULL,
            .zeros = constant ? count_zeros(root->data) : 0,
        };
    }
    qsort(d->values, (size_t)d->nvalues, sizeof *d->values, by_place);
}

bool described_of(Compilation *c, Described *out)
{
    *out = (Described){.compilation = c};
    if (!compile_measure(c, &out->sizes)) return false;
    out->live_peak = memory_totals(c->graph).live_peak;
    describe_layers(c, out);
    describe_values(c, out);
    return true;
}
