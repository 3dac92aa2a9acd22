#include "frontend/driver/reference.h"

#include "ir/bounded.h"
#include "ir/eval.h"
#include "ir/op.h"

#include <assert.h>
#include <string.h>

static LepPort port_of(const Graph *graph, const char *name, const Type *type, const Result *result)
{
    LepForm *forms = ARENA_ARRAY(graph->arena, LepForm, type->rank);
    for (int i = 0; i < type->rank; i++) {
        const Dim *d = &type->dim[i];
        forms[i] = d->factor ? (LepForm){-1, d->factor, d->base, d->divisor} : (LepForm){-1, 1, 0, 1};
        if (!dim_is_fixed(d)) forms[i].size = graph_dim(graph, d);
    }
    LepPort port = {.name = name, .dtype = (int32_t)type->dtype, .rank = type->rank, .bytes = type_bytes(type)};
    for (int i = 0; i < type->rank; i++) port.dim[i] = type->dim[i].high;
    if (!type_is_fixed(type)) port.forms = forms;
    if (result && result->nlabels) {
        port.labels = result->labels;
        port.nlabels = result->nlabels;
    }
    return port;
}

static int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

/* The states as they lie in the context, one behind the other. */
static EvalStates states_at(const Graph *graph, void *context, Arena *arena)
{
    int64_t offset = 0;
    EvalStates states = {.count = 0};
    for (const Node *node = graph->first; node; node = node->next) states.count += node->op == OP_state;
    states.at = ARENA_ARRAY(arena, Tensor, states.count);
    states.count = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_state) continue;
        states.at[states.count++] = (Tensor){node->types[0], (char *)context + offset};
        offset += aligned(type_bytes(&node->types[0]));
    }
    return states;
}

static int reset(void *context, void *memory)
{
    const Reference *reference = context;
    Arena *arena = arena_child(reference->graph->arena);
    EvalStates states = states_at(reference->graph, memory, arena);
    int count = 0;
    for (const Node *node = reference->graph->first; node; node = node->next)
        if (node->op == OP_state) eval_state_reset(node, &states.at[count++]);
    arena_free(arena);
    return LEP_OK;
}

static int run(void *context, void *const *bases)
{
    const Reference *reference = context;
    const LepModel *model = &reference->model;
    Arena *arena = arena_child(reference->graph->arena);
    const Graph *graph = reference->graph;
    Tensor *inputs = ARENA_ARRAY(arena, Tensor, model->ninputs), *results = ARENA_ARRAY(arena, Tensor, graph->nresults);
    int64_t count = 0, *sizes = bases[model->ninputs + model->noutputs + 3];
    Diag diag = diag_new(arena);
    if (graph->ndims) graph = graph_bind(arena, graph, sizes, &diag);
    if (!graph) {
        arena_free(arena);
        return LEP_ERROR_SIZE;
    }
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op == OP_input) {
            inputs[count] = (Tensor){node->types[0], bases[count]};
            count++;
        }
    assert(count == model->ninputs);
    EvalStates states = states_at(graph, bases[count + model->noutputs + 2], arena);
    states.sizes = sizes;
    graph_eval_step(graph, inputs, &states, results, arena);
    for (int64_t i = 0; i < model->noutputs; i++)
        memcpy(bases[count + i], results[i].data, (size_t)type_bytes(&results[i].type));
    arena_free(arena);
    return LEP_OK;
}

Reference *reference_new(const Graph *graph)
{
    Reference *reference = ARENA_NEW(graph->arena, Reference);
    int noutputs = graph_outputs(graph);
    LepPort *outputs = ARENA_ARRAY(graph->arena, LepPort, noutputs), *inputs;
    int64_t count = 0, state_bytes = 0;
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op == OP_state) state_bytes += aligned(type_bytes(&node->types[0]));
    for (const Node *node = graph->first; node; node = node->next) count += node->op == OP_input;
    LepSize *sizes = ARENA_ARRAY(graph->arena, LepSize, graph->ndims);
    for (int i = 0; i < graph->ndims; i++)
        sizes[i] = (LepSize){graph->dims[i].name, graph->dims[i].low, graph->dims[i].high, graph->dims[i].computed};
    inputs = ARENA_ARRAY(graph->arena, LepPort, count);
    count = 0;
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op == OP_input) inputs[count++] = port_of(graph, node->name, &node->types[0], NULL);
    for (int i = 0; i < noutputs; i++)
        outputs[i] = port_of(graph, graph->results[i].name, value_type(graph->results[i].value), &graph->results[i]);
    *reference = (Reference){.graph = graph, .engine = {.run = run, .context = reference, .reset = reset}};
    reference->model = (LepModel){.version = LEP_MODEL_VERSION,
                                  .name = graph->name,
                                  .doc = graph->doc ? graph->doc : "",
                                  .compiler = "lepc " LEPC_VERSION,
                                  .target = "reference",
                                  .ninputs = count,
                                  .noutputs = noutputs,
                                  .inputs = inputs,
                                  .outputs = outputs,
                                  .arena_align = 64,
                                  .state_bytes = state_bytes,
                                  .nsizes = graph->ndims,
                                  .sizes = sizes};
    return reference;
}
