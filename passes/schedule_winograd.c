/* What Winograd's variants would cost, and with which strips: the transforms of inputs and products, and the products
 * as a register tile sees them, their weights streamed once a strip.
 *
 * The first strip of a run finds its weights where the whole network's constants find room, which a run reads once
 * each: far away, as a rule.  Where a strip turns to the same block of them several times, the next block is fetched
 * meanwhile, and hides behind the arithmetic. */
#include "ir/winograd.h"
#include "passes/schedule.h"
#include "passes/variants.h"

static double larger(double a, double b) { return a > b ? a : b; }

/* Operations of the transforms of one vector of a tile, along both axes; loads count rows that are done together. */
typedef struct TransformWork {
    double input_operations, product_operations;
} TransformWork;

static TransformWork transform_work(int64_t outputs)
{
    static const TransformWork two = {32, 24}, four = {144, 100};
    return outputs == 2 ? two : four;
}

/* Cycles of `vectors` vectors through a transform: arithmetic, or the way to scratch and back. */
static double transform_cost(const Target *t, double operations, double vectors, double moved, int level)
{
    double bytes = moved * t->vector_bytes;
    return vectors * larger(operations / t->fma_per_cycle, bytes / t->cache_bytes_per_cycle[level]);
}

static TileProblem product_problem(const Winograd *w, int64_t tiles)
{
    return (TileProblem){.images = 1,
                         .height = 1,
                         .width = tiles,
                         .pool_height = 1,
                         .pool_width = 1,
                         .groups = 1,
                         .channels = w->out_channels,
                         .reduction = w->in_channels,
                         .run = w->in_channels,
                         .packed = true,
                         .element_bytes = 4,
                         .step_bytes = 4,
                         .instructions = 1};
}

/* How the weights get to the core: from which cache level for the first strip, and for those after it. */
typedef struct Stream {
    double bytes;
    int first, again;
} Stream;

/* Bytes of constants that a run of the graph reads, this group's as they are transformed. */
static double constants_of(const Group *group, double transformed)
{
    double bytes = transformed - (double)type_bytes(value_type(group->anchor->inputs[1]));
    for (const Node *node = group->node->graph->first; node; node = node->next)
        if (node->op == OP_param || node->op == OP_constant) bytes += (double)type_bytes(&node->types[0]);
    return bytes;
}

static Stream stream_of(const Group *group, const Target *t, const Winograd *w)
{
    Stream stream = {.bytes = (double)(w->positions * w->in_channels * w->out_channels) * (double)sizeof(float)};
    stream.first = target_level(t, constants_of(group, stream.bytes));
    stream.again = target_level(t, stream.bytes + (double)w->scratch);
    if (stream.first < stream.again) stream.first = stream.again;
    return stream;
}

/* The products of one strip.  A block's first turn waits for its weights, once the loads of a step are done, as far as
 * arithmetic does not take longer (J. Treibig, G. Hager, Introducing a Performance Model for Bandwidth-Limited Loop
 * Kernels, 2009); when the blocks are fetched ahead, only for what the whole strip's arithmetic does not hide. */
static double products_cost(const Winograd *w, const Target *t, int64_t tiles, const Schedule *tile, double bytes,
                            int level)
{
    TileProblem problem = product_problem(w, tiles);
    double width = (double)(tile->tile_vectors * tile->lanes), blocks = ((double)w->out_channels + width - 1) / width;
    double rate = t->cache_bytes_per_cycle[level];
    double cycles = (double)w->positions * tile_cycles(&problem, tile, t);
    if (tile->prefetch) return larger(cycles, bytes / rate);
    int64_t columns = tile->tile_columns < tiles ? tile->tile_columns : tiles;
    double step = larger((double)(columns * tile->tile_vectors) / t->fma_per_cycle, (double)t->fma_latency);
    double loads = (double)(columns + tile->tile_vectors) / t->loads_per_cycle;
    double late = level ? loads + width * (double)sizeof(float) / rate - step : 0;
    return cycles + larger(late, 0) * (double)(w->positions * w->in_channels) * blocks;
}

static double strips_cost(const Winograd *w, const Target *t, const Schedule *tile, const Stream *stream)
{
    TransformWork work = transform_work(w->outputs);
    double tiles = (double)(w->tiles[0] * w->tiles[1]);
    double in = tiles * (double)((w->in_channels + tile->lanes - 1) / tile->lanes);
    double out = tiles * (double)((w->out_channels + tile->lanes - 1) / tile->lanes);
    int level = target_level(t, (double)w->scratch);
    double cost = transform_cost(t, work.input_operations, in, 2 * (double)w->positions, level);
    cost += transform_cost(t, work.product_operations, out, 2 * (double)w->positions, level);
    bool first = true;
    for (int part = 0; part < 4; part++) { /* whole strips and what is left along each axis */
        double strips = 1;
        int64_t size = 1;
        for (int i = 0; i < 2; i++) {
            bool rest = i ? part % 2 : part / 2;
            strips *= rest ? 1 : (double)(w->tiles[i] / w->strip[i]);
            size *= rest ? w->tiles[i] % w->strip[i] : w->strip[i];
        }
        if (!size) continue;
        if (first) {
            cost += products_cost(w, t, size, tile, stream->bytes, stream->first);
            strips -= 1;
        }
        cost += strips * products_cost(w, t, size, tile, stream->bytes, stream->again);
        first = false;
    }
    return cost;
}

/* Bytes ahead that weights are fetched: the block of channels behind the one that several turns multiply by, when it
 * comes from beyond the second cache. */
static int64_t prefetch_for(const Winograd *w, int64_t tiles, const Schedule *tile, const Stream *stream)
{
    enum { MOST = 1 << 20 };
    int64_t block = tile->tile_vectors * tile->lanes * w->in_channels * (int64_t)sizeof(float);
    return stream->first > 1 && tiles > tile->tile_columns && block <= MOST ? block : 0;
}

/* How many parts run side by side, and of what: rows of strips, or output channels. */
typedef struct Parts {
    int count;
    Split split;
} Parts;

/* Strips are judged by the part that is done last. */
static double last_part(const Winograd *w, const Schedule *s, Parts parts)
{
    if (parts.split == SPLIT_CHANNELS) return s->cost;
    int64_t strips = (w->tiles[0] + s->strip_rows - 1) / s->strip_rows;
    return s->cost * (double)((strips + parts.count - 1) / parts.count) / (double)strips;
}

/* Output channels of the largest part, which is whole blocks of a tile's or a panel's. */
static int64_t part_channels(int64_t channels, const Schedule *s, int count)
{
    int64_t width = s->tile_vectors * s->lanes, block = width < s->panel ? s->panel : width;
    int64_t blocks = (channels + block - 1) / block, each = (blocks + count - 1) / count * block;
    return each < channels ? each : channels;
}

/* Of parts of the channels the cost is one part's: each transforms the whole input. */
static void try_strip(const Group *group, const Target *target, Winograd w, Parts parts, Schedule *best)
{
    int64_t tiles = w.strip[0] * w.strip[1];
    w = winograd_of(group, w.outputs, w.strip[0], w.strip[1]);
    Stream stream = stream_of(group, target, &w);
    TileProblem problem = product_problem(&w, tiles);
    bool channels = parts.split == SPLIT_CHANNELS;
    if (channels) problem.channels = (w.out_channels + parts.count - 1) / parts.count;
    Schedule s = tile_choose(&problem, target);
    s.strip_rows = w.strip[0];
    s.strip_columns = w.strip[1];
    s.scratch = w.scratch;
    if (channels) {
        int64_t whole = w.out_channels;
        w.out_channels = part_channels(whole, &s, parts.count);
        stream.bytes *= (double)w.out_channels / (double)whole;
    }
    s.prefetch = prefetch_for(&w, tiles, &s, &stream);
    s.cost = strips_cost(&w, target, &s, &stream);
    if (!best->lanes || last_part(&w, &s, parts) < last_part(&w, best, parts)) *best = s;
}

static Schedule best_strips(const Group *group, const Target *target, int64_t outputs, Parts parts)
{
    Winograd w = winograd_of(group, outputs, 1, 1);
    Contraction c;
    node_def(group->anchor)->contract(group->anchor, &c);
    Schedule best = {.lanes = 0};
    for (int64_t columns = w.tiles[1]; columns > 0; columns /= 2)
        for (int64_t rows = 1; rows <= w.tiles[0]; rows++) {
            if (rows > 1 && columns < w.tiles[1]) break;
            w.strip[0] = rows;
            w.strip[1] = columns;
            try_strip(group, target, w, parts, &best);
        }
    best.cost *= (double)c.batch;
    return best;
}

Schedule winograd_in_parts(const Group *group, const Target *target, int threads, Split split)
{
    Schedule s = *group->node->schedule;
    Schedule best = best_strips(group, target, winograd_outputs(s.variant), (Parts){threads, split});
    s.tile_columns = best.tile_columns;
    s.tile_vectors = best.tile_vectors;
    s.unroll = best.unroll;
    s.strip_rows = best.strip_rows;
    s.strip_columns = best.strip_columns;
    s.scratch = best.scratch;
    s.prefetch = best.prefetch;
    s.cost = best.cost;
    return s;
}

static bool winograd(const Group *group, const PassContext *context, int64_t outputs, Schedule *out)
{
    const Target *target = context->target;
    if (!context->fast || context->small || !winograd_fits(group, outputs)) return false;
    const Type *x = value_type(group->anchor->inputs[0]);
    if (!dim_is_fixed(&x->dim[1]) || !dim_is_fixed(&x->dim[2])) return false;     /* tiles are of the whole image */
    if (target->vector_bytes < 16 || target->vector_registers < 16) return false; /* small cores, with little flash */
    *out = best_strips(group, target, outputs, (Parts){1, SPLIT_ROWS});
    return true;
}

bool variant_winograd2(const Group *group, const PassContext *context, Schedule *out)
{
    return winograd(group, context, 2, out);
}

bool variant_winograd4(const Group *group, const PassContext *context, Schedule *out)
{
    return winograd(group, context, 4, out);
}
