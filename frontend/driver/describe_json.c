#include "frontend/driver/describe.h"
#include "ir/schedule.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

/* cJSON says that memory is out by NULL. */
static cJSON *checked(const Described *d, cJSON *item)
{
    if (!item) arena_exhausted(d->compilation->arena);
    return item;
}

static cJSON *object(const Described *d) { return checked(d, cJSON_CreateObject()); }
static cJSON *list(const Described *d, cJSON *to, const char *key)
{
    return checked(d, cJSON_AddArrayToObject(to, key));
}

static void text(const Described *d, cJSON *to, const char *key, const char *value)
{
    checked(d, value ? cJSON_AddStringToObject(to, key, value) : cJSON_AddNullToObject(to, key));
}

static void number(const Described *d, cJSON *to, const char *key, double value)
{
    checked(d, cJSON_AddNumberToObject(to, key, value));
}

static cJSON *push(const Described *d, cJSON *to, cJSON *item)
{
    if (!cJSON_AddItemToArray(to, checked(d, item))) arena_exhausted(d->compilation->arena);
    return item;
}

/* Bounded axes by their bound; "type" says all. */
static void add_type(const Described *d, cJSON *to, const Type *type)
{
    text(d, to, "type", type_text(d->compilation->arena, type));
    text(d, to, "dtype", dtype_name(type->dtype));
    cJSON *shape = list(d, to, "shape");
    for (int i = 0; i < type->rank; i++) push(d, shape, cJSON_CreateNumber((double)type->dim[i].high));
}

static void add_ports(const Described *d, cJSON *to)
{
    const Graph *graph = d->compilation->graph;
    cJSON *inputs = list(d, to, "inputs"), *outputs = list(d, to, "outputs"), *states = list(d, to, "states");
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_input && node->op != OP_state) continue;
        cJSON *port = push(d, node->op == OP_input ? inputs : states, cJSON_CreateObject());
        text(d, port, "name", node->name);
        add_type(d, port, &node->types[0]);
    }
    for (int i = 0; i < graph_outputs(graph); i++) {
        cJSON *port = push(d, outputs, cJSON_CreateObject());
        text(d, port, "name", graph->results[i].name);
        add_type(d, port, value_type(graph->results[i].value));
    }
}

static void add_memory(const Described *d, cJSON *to)
{
    cJSON *memory = object(d);
    number(d, memory, "arena", (double)d->sizes.arena);
    number(d, memory, "live_peak", (double)d->live_peak);
    number(d, memory, "constants", (double)d->sizes.constants);
    number(d, memory, "state", (double)d->sizes.state);
    number(d, memory, "stack", (double)d->sizes.emitted.stack);
    number(d, memory, "code", (double)d->sizes.emitted.code);
    number(d, memory, "tables", (double)d->sizes.emitted.data);
    number(d, memory, "flash", (double)d->sizes.flash);
    number(d, memory, "ram", (double)d->sizes.ram);
    if (!cJSON_AddItemToObject(to, "memory", memory)) arena_exhausted(d->compilation->arena);
}

static void add_names(const Described *d, cJSON *to, const char *key, const Node *node, bool results)
{
    Arena *arena = d->compilation->arena;
    cJSON *names = list(d, to, key);
    for (int i = 0; results && i < node->nresults; i++)
        push(d, names, cJSON_CreateString(value_name(arena, (Value){(Node *)(uintptr_t)node, i})));
    for (int i = 0; !results && i < node->ninputs; i++)
        if (node->inputs[i].node) push(d, names, cJSON_CreateString(value_name(arena, node->inputs[i])));
    Value *captures;
    int count = 0;
    for (int region = 0; !results && region < node->nregions; region++) {
        count = graph_captures(node->regions[region], &captures);
        for (int i = 0; i < count; i++) push(d, names, cJSON_CreateString(value_name(arena, captures[i])));
    }
}

static void add_origins(const Described *d, cJSON *to, const Node *node)
{
    cJSON *origins = list(d, to, "origins");
    for (int i = 0; i < node->origin.count; i++) {
        const Span *at = &node->origin.at[i];
        const char *place =
            at->source ? arena_printf(d->compilation->arena, "%s:%d:%d", at->source->path, at->line, at->column)
                       : at->name;
        if (place) push(d, origins, cJSON_CreateString(place));
    }
}

static void add_layer(const Described *d, cJSON *layers, const DescribedLayer *layer)
{
    Arena *arena = d->compilation->arena;
    cJSON *one = push(d, layers, cJSON_CreateObject());
    const char *schedule = layer->node->schedule ? attrs_text(arena, &schedule_attrs, layer->node->schedule) : "";
    text(d, one, "name", layer->name);
    text(d, one, "kind", layer->kind);
    text(d, one, "operators", layer->operators);
    add_names(d, one, "reads", layer->node, false);
    add_names(d, one, "writes", layer->node, true);
    number(d, one, "macs", layer->multiply_adds);
    number(d, one, "bytes_read", layer->bytes_read);
    number(d, one, "bytes_written", layer->bytes_written);
    number(d, one, "code", (double)layer->code);
    text(d, one, "schedule", *schedule ? schedule + 2 : "");
    add_origins(d, one, layer->node);
}

static void add_layer_name(const Described *d, cJSON *to, const char *key, int layer)
{
    text(d, to, key, layer >= 0 && layer < d->nlayers ? d->layers[layer].name : NULL);
}

static void add_value(const Described *d, cJSON *values, const DescribedValue *value)
{
    cJSON *one = push(d, values, cJSON_CreateObject());
    text(d, one, "name", value->name);
    add_type(d, one, value->type);
    text(d, one, "space", space_name(value->space));
    number(d, one, "offset", (double)value->offset);
    number(d, one, "bytes", (double)value->bytes);
    add_layer_name(d, one, "written_by", value->first);
    add_layer_name(d, one, "last_read_by", value->last);
    if (value->data) number(d, one, "zeros", (double)value->zeros);
}

void described_json(const Described *d, FILE *out)
{
    const Compilation *c = d->compilation;
    cJSON *root = object(d);
    text(d, root, "format", "lepc-model");
    number(d, root, "version", 1);
    text(d, root, "model", c->graph->name);
    text(d, root, "doc", c->graph->doc);
    text(d, root, "target", c->target.name);
    number(d, root, "macs", d->multiply_adds);
    add_ports(d, root);
    add_memory(d, root);
    cJSON *layers = list(d, root, "layers"), *values = list(d, root, "values");
    for (int i = 0; i < d->nlayers; i++) add_layer(d, layers, &d->layers[i]);
    for (int i = 0; i < d->nvalues; i++) add_value(d, values, &d->values[i]);
    char *printed = cJSON_Print(root);
    if (!printed) arena_exhausted(c->arena);
    fprintf(out, "%s\n", printed);
    free(printed);
    cJSON_Delete(root);
}
