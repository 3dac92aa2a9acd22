#include "passes/report_quant.h"

#include "ir/eval.h"
#include "passes/quantise.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { MOST_SAMPLES = 32 };

/* Of one layer's result over the samples: its power, and that of its differences. */
typedef struct Quality {
    double signal, noise;
} Quality;

static double decibels(const Quality *q) { return q->noise > 0 ? 10 * log10(q->signal / q->noise) : INFINITY; }

/* ---- results of layers on one sample ---- */

typedef struct Catcher {
    Arena *arena;
    const QuantLayers *layers;
    bool stored; /* in the quantised graph, where results may be stored numbers */
    Tensor *results;
} Catcher;

static void catch_result(void *context, const Node *node, const Tensor *results)
{
    Catcher *catcher = context;
    for (size_t i = 0; i < catcher->layers->count; i++) {
        const QuantLayer *layer = &catcher->layers->items[i];
        const char *name = catcher->stored && layer->stored ? layer->stored : layer->result;
        if (strcmp(name, node->name) != 0) continue;
        Tensor *copy = &catcher->results[i];
        *copy = tensor_new(catcher->arena, results[0].type);
        memcpy(copy->data, results[0].data, (size_t)type_bytes(&copy->type));
    }
}

/* One tensor a layer. */
static Tensor *layer_results(const Graph *graph, const QuantLayers *layers, bool stored, const Tensor *inputs,
                             Arena *arena)
{
    Catcher catcher = {arena, layers, stored, ARENA_ARRAY(arena, Tensor, layers->count + 1)};
    Tensor *results = ARENA_ARRAY(arena, Tensor, graph->nresults + 1);
    graph_eval_visit(graph, inputs, results, arena, catch_result, &catcher);
    return catcher.results;
}

static void compare(const QuantLayer *layer, const Tensor *real, const Tensor *stored, Quality *out)
{
    if (!real->data || !stored->data) return;
    for (int64_t i = 0; i < type_elements(&real->type); i++) {
        double wanted = tensor_real(real, i), got = tensor_real(stored, i);
        if (layer->stored) got = (got - (double)layer->output.zero) * (double)layer->output.scale;
        out->signal += wanted * wanted;
        out->noise += (wanted - got) * (wanted - got);
    }
}

/* ---- graphs ---- */

typedef struct Report {
    Arena *arena;
    const Graph *real;
    const PassContext *context;
    Observations observations;
    int64_t samples;
} Report;

/* Of all layers of a quantised graph; `layers` are those of that graph. */
static void measure(const Report *r, const Graph *stored, const QuantLayers *layers, Quality *out)
{
    const Samples *samples = r->context->samples;
    for (int64_t i = 0; i < r->samples; i++) {
        Arena *scratch = arena_child(r->arena);
        const Tensor *inputs = samples->tensors + i * samples->count / r->samples * samples->ninputs;
        const Tensor *a = layer_results(r->real, layers, false, inputs, scratch);
        const Tensor *b = layer_results(stored, layers, true, inputs, scratch);
        for (size_t k = 0; k < layers->count; k++) compare(&layers->items[k], &a[k], &b[k], &out[k]);
        arena_free(scratch);
    }
}

static bool quantise_copy(const Report *r, const Policy *policy, QuantLayers *layers, Graph **out, Diag *diag)
{
    PassContext context = *r->context;
    context.policy = policy;
    *out = graph_clone(r->arena, r->real);
    return quantise_rewrite(*out, &context, &r->observations, layers, diag);
}

/* The same with no other layer than this one. */
static bool measure_alone(const Report *r, const QuantLayer *layer, Quality *out, Diag *diag)
{
    const Policy *policy = r->context->policy;
    QuantRow row = {.layer = layer->path, .to = I8, .per_channel = true, .at = policy->at};
    for (int i = 0; i < policy->nquant; i++)
        if (!strcmp(policy->quant[i].layer, "all") || !strcmp(policy->quant[i].layer, layer->path))
            row.per_channel = policy->quant[i].per_channel;
    Policy alone = *policy;
    alone.nquant = 1;
    alone.quant = &row;
    QuantLayers layers = {0};
    Graph *graph;
    if (!quantise_copy(r, &alone, &layers, &graph, diag)) return false;
    Quality *all = ARENA_ARRAY(r->arena, Quality, layers.count + 1);
    measure(r, graph, &layers, all);
    for (size_t i = 0; i < layers.count; i++)
        if (!strcmp(layers.items[i].before, layer->before)) *out = all[i];
    return true;
}

/* ---- the table ---- */

static void print_grid(const Grid *grid, bool given, FILE *out)
{
    if (given)
        fprintf(out, " %10.4g %10.4g %10.4g %5lld", grid->low, grid->high, (double)grid->scale, (long long)grid->zero);
    else
        fprintf(out, " %10s %10s %10s %5s", "f32", "", "", "");
}

static void print_layers(const QuantLayers *layers, const Quality *alone, const Quality *all, FILE *out)
{
    size_t worst = 0;
    for (size_t i = 1; i < layers->count; i++)
        if (decibels(&alone[i]) < decibels(&alone[worst])) worst = i;
    fprintf(out, "%-20s %10s %10s %10s %5s %10s %10s %10s %5s %8s %8s\n", "layer", "input from", "to", "scale", "zero",
            "gives from", "to", "scale", "zero", "alone", "with all");
    for (size_t i = 0; i < layers->count; i++) {
        const QuantLayer *layer = &layers->items[i];
        fprintf(out, "%-20s", layer->path);
        print_grid(&layer->input, true, out);
        print_grid(&layer->output, layer->stored != NULL, out);
        fprintf(out, " %5.1f dB %5.1f dB%s\n", decibels(&alone[i]), decibels(&all[i]), i == worst ? "  worst" : "");
    }
}

static bool print_report(Report *r, FILE *out, Diag *diag)
{
    QuantLayers layers = {0};
    Graph *graph;
    if (!quantise_observe(r->real, r->context, r->arena, &r->observations, diag)) return false;
    if (!quantise_copy(r, r->context->policy, &layers, &graph, diag)) return false;
    Quality *alone = ARENA_ARRAY(r->arena, Quality, layers.count + 1);
    Quality *all = ARENA_ARRAY(r->arena, Quality, layers.count + 1);
    r->samples = r->context->samples->count < MOST_SAMPLES ? r->context->samples->count : MOST_SAMPLES;
    measure(r, graph, &layers, all);
    for (size_t i = 0; i < layers.count; i++)
        if (!measure_alone(r, &layers.items[i], &alone[i], diag)) return false;
    print_layers(&layers, alone, all, out);
    fprintf(out, "signal over noise beside f32, on %lld samples; alone: no other layer is quantised\n",
            (long long)r->samples);
    return true;
}

bool report_quant(const Graph *graph, const PassContext *context, FILE *out, Diag *diag)
{
    if (!context->policy || !context->policy->nquant) {
        diag_error(diag, E0801, (Span){.name = graph->name}, "nothing is to be quantised");
        return diag_help(diag, "say what, as in --quantize=all:int8 --calibrate=DATA, or in a deploy block");
    }
    assert(graph->stage == STAGE_CORE);
    Report report = {.arena = arena_child(graph->arena), .real = graph, .context = context};
    bool ok = print_report(&report, out, diag);
    arena_free(report.arena);
    return ok;
}
