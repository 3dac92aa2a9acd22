/* Whether a contraction should skip the zeros of its weights: the register tile of the dense code, judged by the same
 * kind of formula, over the blocks of 1 input x a panel of outputs that hold anything. */
#include "ir/packing_sparse.h"
#include "passes/schedule.h"
#include "passes/variants.h"

enum { PANEL = 16, TILE_ROWS = 4 };
/* Cycles: what a tile costs beside its steps, one of them a loop whose end nobody predicts. */
static const double tile_overhead = 14 + 16;

typedef struct SparseProblem {
    TileProblem tile;
    int64_t lanes, panel, panels;
    int64_t *count; /* blocks that are not zero, of each panel */
} SparseProblem;

static double larger(double a, double b) { return a > b ? a : b; }

static bool is_possible(const Group *group)
{
    if (group->kind != KIND_CONTRACT) return false;
    Contraction c;
    node_def(group->anchor)->contract(group->anchor, &c);
    Value input = group->anchor->inputs[0], weight = group->anchor->inputs[1];
    return c.window.groups == 1 && !c.batched_weight && value_type(input)->dtype == F32 && sparse_can_hold(weight);
}

static SparseProblem problem_of(const Group *group, const Target *target, Arena *scratch)
{
    const Tensor *weight = group->anchor->inputs[1].node->data;
    SparseProblem p = {.tile = tile_problem(group), .lanes = target->vector_bytes / 4, .panel = 1};
    while (p.panel < PANEL && p.panel < p.tile.channels) p.panel *= 2;
    if (p.lanes > p.panel) p.lanes = p.panel;
    p.panels = (p.tile.channels + p.panel - 1) / p.panel;
    p.count = ARENA_ARRAY(scratch, int64_t, p.panels);
    sparse_count(weight, p.panel, p.count);
    return p;
}

bool sparse_facts(const Group *group, const Target *target, SparseFacts *out)
{
    if (!is_possible(group)) return false;
    Arena *scratch = arena_child(group->node->graph->arena);
    SparseProblem p = problem_of(group, target, scratch);
    *out = (SparseFacts){.panel = p.panel, .blocks = p.panels * p.tile.reduction};
    for (int64_t i = 0; i < p.panels; i++) out->filled += p.count[i];
    arena_free(scratch);
    return true;
}

/* A step for some panels of every pixel of a tile: the slowest of multiply-adds, loads - each pixel's element once a
 * panel, the values, the offsets -, the chain of each sum, and the stream from the cache that holds a group's blocks.
 */
static double one_step(const SparseProblem *p, const Target *t, const Schedule *s, int64_t pixels, double steps)
{
    int64_t abreast = s->tile_vectors * s->lanes / p->panel;
    double sums = (double)(pixels * s->tile_vectors), bytes = (double)(abreast * (p->panel + 1) * 4);
    double step =
        larger(sums / t->fma_per_cycle, (double)(pixels * abreast + s->tile_vectors + abreast) / t->loads_per_cycle);
    if (!(t->has & FEATURE_FMA)) step *= 2;
    step = larger(step, t->fma_latency);
    double held = bytes * steps;
    int level = held < (double)t->cache_bytes[0] * 0.75 ? 0 : held < (double)t->cache_bytes[1] * 0.75 ? 1 : 2;
    return larger(step, bytes / t->cache_bytes_per_cycle[level]);
}

/* Whole tiles, and what is left on both axes, for every group of panels. */
static double tile_cost(const SparseProblem *p, const Target *t, const Schedule *s)
{
    int64_t abreast = s->tile_vectors * s->lanes / p->panel, groups = (p->panels + abreast - 1) / abreast;
    double all = (double)sparse_steps(p->count, p->panels, abreast), steps = all / (double)groups, cost = 0;
    int64_t rows[] = {s->tile_rows, p->tile.height % s->tile_rows};
    int64_t columns[] = {s->tile_columns, p->tile.width % s->tile_columns};
    int64_t ny[] = {p->tile.height / s->tile_rows, rows[1] != 0},
            nx[] = {p->tile.width / s->tile_columns, columns[1] != 0};
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2; k++) {
            int64_t pixels = rows[i] * columns[k];
            if (!ny[i] || !nx[k]) continue;
            double each = all * one_step(p, t, s, pixels, steps);
            each += (double)groups * ((double)(pixels * s->tile_vectors) + tile_overhead);
            cost += (double)(ny[i] * nx[k]) * each;
        }
    return cost * (double)p->tile.images;
}

static void try_tiles(const SparseProblem *p, const Target *t, Schedule s, Schedule *best)
{
    const TileProblem *tile = &p->tile;
    for (s.tile_rows = tile->pool_height; s.tile_rows <= TILE_ROWS * tile->pool_height;
         s.tile_rows += tile->pool_height) {
        if (s.tile_rows > tile->height && s.tile_rows > tile->pool_height) break;
        for (s.tile_columns = tile->pool_width;; s.tile_columns += tile->pool_width) {
            int64_t pixels = s.tile_rows * s.tile_columns;
            if (s.tile_columns > tile->width && s.tile_columns > tile->pool_width) break;
            if ((pixels + 1) * s.tile_vectors > tile_registers(tile, t, pixels, s.tile_vectors)) break;
            s.cost = tile_cost(p, t, &s);
            if (!best->tile_vectors || s.cost < best->cost) *best = s;
        }
    }
}

/* Skipping a product by zero keeps no NaN, infinity or sign of zero that it would have made: for fast only. */
bool variant_sparse(const Group *group, const PassContext *context, Schedule *out)
{
    static const int64_t abreast[] = {1, 2, 3, 4, 6, 8};
    if (!context->fast || !is_possible(group)) return false;
    Arena *scratch = arena_child(group->node->graph->arena);
    SparseProblem p = problem_of(group, context->target, scratch);
    Schedule s = {.variant = VARIANT_SPARSE,
                  .lanes = p.lanes,
                  .unroll = 1,
                  .panel = p.panel,
                  .products = 1,
                  .threads = 1},
             best = s;
    bool any = sparse_steps(p.count, p.panels, 1) > 0;
    for (size_t i = 0; any && i < sizeof abreast / sizeof *abreast && (i == 0 || abreast[i] <= p.panels); i++) {
        s.tile_vectors = abreast[i] * p.panel / p.lanes;
        try_tiles(&p, context->target, s, &best);
    }
    arena_free(scratch);
    *out = best;
    return best.tile_vectors > 0;
}
