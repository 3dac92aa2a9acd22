#include "frontend/driver/reference.h"

#include "ir/eval.h"
#include "ir/op.h"

#include <assert.h>
#include <string.h>

static LepPort port_of(const char *name, const Type *type, const Result *result)
{
    LepPort port = {.name = name, .dtype = (int32_t)type->dtype, .rank = type->rank, .bytes = type_bytes(type)};
    for (int i = 0; i < type->rank; i++) port.dim[i] = type->dim[i].high;
    if (result && result->nlabels) {
        port.labels = result->labels;
        port.nlabels = result->nlabels;
    }
    return port;
}

static int run(void *context, void *const *bases)
{
    const Reference *reference = context;
    const LepModel *model = &reference->model;
    Arena *arena = arena_child(reference->graph->arena);
    Tensor *inputs = ARENA_ARRAY(arena, Tensor, model->ninputs), *results = ARENA_ARRAY(arena, Tensor, model->noutputs);
    int64_t count = 0;
    for (const Node *node = reference->graph->first; node; node = node->next)
        if (node->op == OP_input) {
            inputs[count] = (Tensor){node->types[0], bases[count]};
            count++;
        }
    assert(count == model->ninputs);
    graph_eval(reference->graph, inputs, results, arena);
    for (int64_t i = 0; i < model->noutputs; i++)
        memcpy(bases[count + i], results[i].data, (size_t)type_bytes(&results[i].type));
    arena_free(arena);
    return LEP_OK;
}

Reference *reference_new(const Graph *graph)
{
    Reference *reference = ARENA_NEW(graph->arena, Reference);
    LepPort *outputs = ARENA_ARRAY(graph->arena, LepPort, graph->nresults), *inputs;
    int64_t count = 0;
    for (const Node *node = graph->first; node; node = node->next) count += node->op == OP_input;
    inputs = ARENA_ARRAY(graph->arena, LepPort, count);
    count = 0;
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op == OP_input) inputs[count++] = port_of(node->name, &node->types[0], NULL);
    for (int i = 0; i < graph->nresults; i++)
        outputs[i] = port_of(graph->results[i].name, value_type(graph->results[i].value), &graph->results[i]);
    *reference = (Reference){.graph = graph, .engine = {.run = run, .context = reference}};
    reference->model = (LepModel){.version = LEP_MODEL_VERSION,
                                  .name = graph->name,
                                  .doc = graph->doc ? graph->doc : "",
                                  .compiler = "lepc " LEPC_VERSION,
                                  .target = "reference",
                                  .ninputs = count,
                                  .noutputs = graph->nresults,
                                  .inputs = inputs,
                                  .outputs = outputs,
                                  .arena_align = 64};
    return reference;
}
