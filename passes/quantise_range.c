/* Ranges of values from calibration data: minima and maxima, or percentiles of a histogram. */
#include "ir/eval.h"
#include "passes/quantise.h"

#include <assert.h>
#include <math.h>

typedef struct Observer {
    Arena *arena;
    NodeMap *numbers; /* 1 + position */
    Observed *of;
} Observer;

/* Twice the reach: neighbours become one, in the middle half. */
static void widen(Observed *o)
{
    int64_t half = HISTOGRAM_BINS / 2, quarter = HISTOGRAM_BINS / 4;
    for (int64_t i = 0; i < quarter; i++) { /* from the middle outwards, so that no sum is read again */
        o->bins[half + i] = o->bins[half + 2 * i] + o->bins[half + 2 * i + 1];
        o->bins[half - 1 - i] = o->bins[half - 1 - 2 * i] + o->bins[half - 2 - 2 * i];
    }
    for (int64_t i = 0; i < quarter; i++) o->bins[i] = o->bins[HISTOGRAM_BINS - 1 - i] = 0;
    o->reach *= 2;
}

static void count_value(Observed *o, double value)
{
    if (!isfinite(value)) {
        o->finite = false;
        return;
    }
    if (value < o->low) o->low = value;
    if (value > o->high) o->high = value;
    while (fabs(value) >= o->reach) widen(o);
    double bin = floor((value / o->reach + 1) * (HISTOGRAM_BINS / 2));
    o->bins[bin < (double)HISTOGRAM_BINS ? (int64_t)bin : HISTOGRAM_BINS - 1]++;
    o->total++;
}

static void observe(void *context, const Node *node, const Tensor *results)
{
    Observer *observer = context;
    const int64_t *number = node_map_find(observer->numbers, node);
    if (node->nresults != 1 || node->types[0].dtype != F32 || node_def(node)->kind == KIND_GROUP) return;
    if (node->op == OP_param || node->op == OP_constant) return;
    Observed *o = &observer->of[*number - 1];
    const float *elements = results[0].data;
    if (!o->seen)
        *o = (Observed){.seen = true,
                        .finite = true,
                        .low = INFINITY,
                        .high = -INFINITY,
                        .reach = 0x1p-64,
                        .bins = ARENA_ARRAY(observer->arena, int64_t, HISTOGRAM_BINS)};
    for (int64_t i = 0, count = type_elements(&results[0].type); i < count; i++) count_value(o, (double)elements[i]);
}

bool quantise_observe(const Graph *graph, const PassContext *context, Arena *arena, Observations *out, Diag *diag)
{
    const Samples *samples = context->samples;
    if (!samples || samples->count < 1) {
        diag_error(diag, E0510, (Span){.name = graph->name}, "quantising needs calibration data, and there is none");
        return diag_help(diag, "say which inputs to try, as in calibrate: \"calib/*.png\" or --calibrate=FILE");
    }
    Observer observer = {.arena = arena, .numbers = node_map_new(arena)};
    out->count = 0;
    for (const Node *node = graph->first; node; node = node->next)
        *node_map_cell(observer.numbers, node) = ++out->count;
    observer.of = out->of = ARENA_ARRAY(arena, Observed, out->count + 1);
    Tensor *results = ARENA_ARRAY(arena, Tensor, graph->nresults + 1);
    for (int64_t i = 0; i < samples->count; i++) {
        Arena *scratch = arena_child(arena);
        graph_eval_visit(graph, samples->tensors + i * samples->ninputs, results, scratch, observe, &observer);
        arena_free(scratch);
    }
    return true;
}

/* ---- grids ---- */

/* The edge beyond which lie at most `tail` of the values, on the positive side or, by `sign`, the negative one. */
static double tail_edge(const Observed *o, int sign, double tail)
{
    double left = tail * (double)o->total, most = sign > 0 ? o->high : -o->low;
    for (int64_t i = HISTOGRAM_BINS / 2 - 1; i >= 0; i--) {
        int64_t bin = sign > 0 ? HISTOGRAM_BINS / 2 + i : HISTOGRAM_BINS / 2 - 1 - i;
        left -= (double)o->bins[bin];
        double edge = o->reach * (double)(i + 1) / (HISTOGRAM_BINS / 2);
        if (left < 0) return edge < most ? edge : most;
    }
    return 0;
}

Grid grid_over(double low, double high, Dtype to)
{
    Grid grid = {.low = low < 0 ? low : 0, .high = high > 0 ? high : 0};
    grid.scale = (float)((grid.high - grid.low) / 255);
    if (!(grid.scale >= 0x1p-120f)) grid.scale = 0x1p-120f;
    grid.zero = (int64_t)rint(-grid.low / (double)grid.scale);
    if (grid.zero > 255) grid.zero = 255;
    if (to == I8) grid.zero -= 128;
    return grid;
}

static bool refuse(const Node *node, const char *layer, const char *what, Diag *diag)
{
    diag_error(diag, E0510, node_span(node), "`%s`, which layer `%s` needs on a scale, is %s", node->name, layer, what);
    return diag_help(diag, "calibrate with inputs as the model will see them, or keep the layer: quantize: %s to: f32",
                     layer);
}

bool grid_of(const Observed *o, const Policy *policy, Dtype to, const Node *node, const char *layer, Grid *out,
             Diag *diag)
{
    if (!o->seen) return refuse(node, layer, "no value of the model as it was run", diag);
    if (!o->finite) return refuse(node, layer, "NaN or infinite on the calibration data", diag);
    if (o->low == o->high) return refuse(node, layer, "the same number on all of the calibration data", diag);
    double low = o->low, high = o->high;
    if (policy->method == CALIBRATE_PERCENTILE) {
        double tail = (100 - policy->percentile) / 100;
        high = tail_edge(o, 1, tail);
        low = -tail_edge(o, -1, tail);
        if (low == 0 && high == 0) low = o->low, high = o->high; /* all but the tails are 0 */
    }
    *out = grid_over(low, high, to);
    return true;
}
