#include "ir/winograd.h"

enum { WINDOW = 3, LINE = 64 }; /* LINE: bytes that a cache moves at once */

int64_t winograd_outputs(int variant)
{
    return variant == VARIANT_WINOGRAD2 ? 2 : variant == VARIANT_WINOGRAD4 ? 4 : 0;
}

/* Interpolation at 0, 1, -1 and infinity; with 2 and -2 too. */
const double (*winograd_window_matrix(int64_t outputs))[3]
{
    static const double two[4][3] = {{1, 0, 0}, {1 / 2.0, 1 / 2.0, 1 / 2.0}, {1 / 2.0, -1 / 2.0, 1 / 2.0}, {0, 0, 1}};
    static const double four[6][3] = {{1 / 4.0, 0, 0},
                                      {-1 / 6.0, -1 / 6.0, -1 / 6.0},
                                      {-1 / 6.0, 1 / 6.0, -1 / 6.0},
                                      {1 / 24.0, 1 / 12.0, 1 / 6.0},
                                      {1 / 24.0, -1 / 12.0, 1 / 6.0},
                                      {0, 0, 1}};
    return outputs == 2 ? two : four;
}

static bool window_fits(const Contraction *c)
{
    const Window *w = &c->window;
    for (int i = 0; i < 2; i++)
        if (w->kernel[i] != WINDOW || w->stride[i] != 1 || w->dilation[i] != 1) return false;
    return w->groups == 1;
}

bool winograd_fits(const Group *group, int64_t outputs)
{
    Contraction c = {.bias = -1};
    if (group->kind != KIND_CONTRACT) return false;
    const Node *anchor = group->anchor;
    node_def(anchor)->contract(anchor, &c);
    if (!window_fits(&c) || !c.constant_weight || c.batched_weight || !contraction_is_image(&c, anchor)) return false;
    for (int i = 0; i < anchor->ninputs; i++)
        if (anchor->inputs[i].node && value_type(anchor->inputs[i])->dtype != F32) return false;
    if (anchor->types[0].dtype != F32 || value_type(anchor->inputs[1])->rank != 4) return false;
    if (!group->pool) return true;
    Pooling pooling;
    node_def(group->pool)->pool(group->pool, &pooling);
    return outputs % pooling.window.kernel[0] == 0 && outputs % pooling.window.kernel[1] == 0;
}

/* Elements from one position to the next: whole lines, and an odd number of them, so that the positions of one tile
 * do not all fall into the same few sets of a cache. */
static int64_t step_of(int64_t elements)
{
    int64_t per_line = LINE / (int64_t)sizeof(float), lines = (elements + per_line - 1) / per_line;
    return (lines | 1) * per_line;
}

Winograd winograd_of(const Group *group, int64_t outputs, int64_t strip_rows, int64_t strip_columns)
{
    Contraction c;
    node_def(group->anchor)->contract(group->anchor, &c);
    Winograd w = {.outputs = outputs,
                  .inputs = outputs + WINDOW - 1,
                  .in_channels = c.in_channels,
                  .out_channels = c.out_channels,
                  .extent = {c.out_height, c.out_width},
                  .strip = {strip_rows, strip_columns}};
    Pooling pooling = {.window = {.kernel = {1, 1}}};
    if (group->pool) node_def(group->pool)->pool(group->pool, &pooling);
    w.positions = w.inputs * w.inputs;
    for (int i = 0; i < 2; i++) {
        w.extent[i] = w.extent[i] / pooling.window.kernel[i] * pooling.window.kernel[i];
        w.tiles[i] = (w.extent[i] + outputs - 1) / outputs;
    }
    int64_t tiles = strip_rows * strip_columns;
    w.input_step = step_of(tiles * w.in_channels);
    w.product_step = step_of(tiles * w.out_channels);
    w.products = w.positions * w.input_step;
    w.scratch = (w.products + w.positions * w.product_step) * (int64_t)sizeof(float);
    return w;
}

double winograd_errors(int64_t outputs) { return outputs == 2 ? 1 : 16; }
