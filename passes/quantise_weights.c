/* Weights on symmetric grids of i8, and biases in units of the sums. */
#include "passes/quantise.h"
#include "passes/rewrite.h"

#include <math.h>

enum { MOST_WEIGHT = 127, MOST_BIAS = 1 << 30 };

typedef struct Layer {
    const Tensor *weight, *bias; /* bias NULL: none */
    int64_t channels, count;
} Layer;

static double bias_at(const Layer *layer, int64_t channel)
{
    return layer->bias ? tensor_real(layer->bias, channel) : 0;
}

/* Scales of the weights: the greatest is 127; and no bias is more than a sum can start from. */
static void weight_scales(const Layer *layer, double input_scale, bool per_channel, double *scale)
{
    double most = 0;
    for (int64_t c = 0; c < layer->channels; c++) scale[c] = 0;
    for (int64_t i = 0; i < layer->count; i++)
        scale[i % layer->channels] = fmax(scale[i % layer->channels], fabs(tensor_real(layer->weight, i)));
    for (int64_t c = 0; c < layer->channels; c++) {
        scale[c] = fmax(scale[c] / (double)MOST_WEIGHT, fabs(bias_at(layer, c)) / (input_scale * (double)MOST_BIAS));
        if (!(scale[c] >= 0x1p-100)) scale[c] = 0x1p-100; /* nothing but zeros */
        most = fmax(most, scale[c]);
    }
    for (int64_t c = 0; c < layer->channels && !per_channel; c++) scale[c] = most;
}

static double clamp(double value, double most) { return fmin(fmax(value, -most), most); }

LayerConstants quantise_constants(Arena *arena, const Node *contraction, const Grid *input, bool per_channel)
{
    bool biased = contraction->ninputs > 2 && contraction->inputs[2].node;
    Layer layer = {.weight = constant_elements(contraction->inputs[1])};
    if (biased) layer.bias = constant_elements(contraction->inputs[2]);
    const Type *type = &layer.weight->type;
    layer.count = type_elements(type);
    layer.channels = type->dim[type->rank - 1].high;
    LayerConstants out = {.scale = ARENA_ARRAY(arena, double, layer.channels)};
    Type bytes = *type;
    bytes.dtype = I8;
    out.weight = tensor_new(arena, bytes);
    out.bias = tensor_new(arena, type_tensor(I32, 1, &layer.channels));
    int64_t *sums = ARENA_ARRAY(arena, int64_t, layer.channels);
    weight_scales(&layer, (double)input->scale, per_channel, out.scale);
    for (int64_t i = 0; i < layer.count; i++) {
        double stored = clamp(rint(tensor_real(layer.weight, i) / out.scale[i % layer.channels]), MOST_WEIGHT);
        tensor_set_real(&out.weight, i, stored);
        sums[i % layer.channels] += (int64_t)stored;
    }
    for (int64_t c = 0; c < layer.channels; c++) {
        out.scale[c] *= (double)input->scale;
        double bias = clamp(rint(bias_at(&layer, c) / out.scale[c]), MOST_BIAS);
        tensor_set_real(&out.bias, c, bias - (double)(input->zero * sums[c]));
    }
    return out;
}
