/* Parts of the pass `quantise`, which its report uses too: what calibration showed, which layers are meant, and the
 * rewriting itself. */
#ifndef PASSES_QUANTISE_H
#define PASSES_QUANTISE_H

#include "ir/node_map.h"
#include "ir/op.h"
#include "passes/pass.h"

/* ---- what calibration showed (quantise_range.c) ---- */

/* Of one f32 value over all samples; the histogram grows by doubling its reach. */
enum { HISTOGRAM_BINS = 4096 };
typedef struct Observed {
    bool seen, finite;
    double low, high;
    double reach; /* bins cover -reach .. reach */
    int64_t total, *bins;
} Observed;

/* By position of the node in the graph: true for clones, too. */
typedef struct Observations {
    int count;
    Observed *of;
} Observations;

/* Runs the graph on the samples of the context.  E0510 without samples. */
bool quantise_observe(const Graph *graph, const PassContext *context, Arena *arena, Observations *out, Diag *diag);

/* Real numbers that the stored ones can say: always with 0.  real = scale * (stored - zero). */
typedef struct Grid {
    double low, high;
    float scale;
    int64_t zero;
} Grid;

/* The grid of `to` over a range. */
Grid grid_over(double low, double high, Dtype to);
/* That of an observed value by the policy's method.  E0510, naming `layer`, when it is constant or not finite. */
bool grid_of(const Observed *observed, const Policy *policy, Dtype to, const Node *node, const char *layer, Grid *out,
             Diag *diag);

/* ---- which layers (quantise_layers.c) ---- */

typedef struct LayerChoice {
    bool per_channel;
} LayerChoice;

/* "c1": the path of a layer with parameters, by which policies call it. */
const char *quantise_layer_path(Arena *arena, const Node *contraction);
/* Of every contraction that the policy wants in 8 bits and that can be, its LayerChoice.  E0201 for rows that name no
 * layer. */
bool quantise_choose(const Graph *graph, const Policy *policy, NodeMap *choices, Arena *arena, Diag *diag);

/* ---- constants (quantise_weights.c) ---- */

typedef struct LayerConstants {
    Tensor weight; /* i8, symmetric */
    Tensor bias;   /* i32: the bias and what the input's zero point adds */
    double *scale; /* of the sums, one an output channel: input's times weight's */
} LayerConstants;

LayerConstants quantise_constants(Arena *arena, const Node *contraction, const Grid *input, bool per_channel);

/* ---- the rewriting (quantise.c) ---- */

/* What became of a layer: names of nodes of the graph as it was and as it is. */
typedef struct QuantLayer {
    const char *path, *before; /* the layer, its contraction before */
    const char *result;        /* the value that stands for the layer's: before and after */
    Grid input, output;
    const char *stored; /* node of the stored result, on grid `output`; NULL: the result is f32 */
} QuantLayer;

typedef struct QuantLayers {
    QuantLayer *items;
    size_t count, capacity;
} QuantLayers;

/* The dtype of stored activations: u8 where dot products want it, i8 elsewhere; the same real numbers. */
Dtype quantise_dtype(const Target *target);
/* Rewrites `graph` by the context's policy and what was observed of it; `layers` may be NULL. */
bool quantise_rewrite(Graph *graph, const PassContext *context, const Observations *observations, QuantLayers *layers,
                      Diag *diag);

#endif
