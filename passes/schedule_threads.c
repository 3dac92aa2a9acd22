/* Which groups run in parts, and which axis is cut: a fixed partition, so that a part finds in its cache what it wrote
 * before, and results do not depend on how many threads there are in the end. */
#include "ir/winograd.h"
#include "passes/schedule.h"

/* Cycles: handing a region to threads that spin and waiting for the last of them; and for all regions of a run, waking
 * threads that sleep (23 us on average) before the first. */
static const double region_overhead = 6000, run_overhead = 250000;

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* One way to cut a group: cycles until the last part is done, and what the parts are made by. */
typedef struct Cut {
    Split split;
    double cycles;
    Schedule schedule;
} Cut;

/* The largest part's share of the work. */
static double largest_share(int64_t steps, int threads)
{
    return steps > 0 ? (double)divide_up(steps, threads) / (double)steps : 1;
}

/* What each part reads whole comes from the cache that all share. */
static void try_cut(Cut *best, Split split, int64_t steps, int threads, double cycles, double shared)
{
    cycles = cycles * largest_share(steps, threads) + shared;
    if (cycles >= best->cycles) return;
    best->split = split;
    best->cycles = cycles;
}

/* Strips have scratch of their own, and each reads all weights; parts of the channels each transform all of the input.
 * What of that is done twice is in their costs. */
static Cut cut_strips(const Group *group, const Target *target, int threads)
{
    const Schedule *s = group->node->schedule;
    Schedule rows = winograd_in_parts(group, target, threads, SPLIT_ROWS);
    Schedule channels = winograd_in_parts(group, target, threads, SPLIT_CHANNELS);
    Winograd w = winograd_of(group, winograd_outputs(s->variant), rows.strip_rows, rows.strip_columns);
    Cut best = {SPLIT_ROWS, s->cost, rows};
    try_cut(&best, SPLIT_ROWS, divide_up(w.tiles[0], rows.strip_rows), threads, rows.cost, 0);
    try_cut(&best, SPLIT_CHANNELS, threads, threads, 0, channels.cost);
    if (best.split == SPLIT_CHANNELS) best.schedule = channels;
    return best;
}

static Cut cut_contraction(const Group *group, const Target *target, int threads)
{
    const Schedule *s = group->node->schedule;
    if (winograd_outputs(s->variant)) return cut_strips(group, target, threads);
    TileProblem p = tile_problem(group);
    int64_t width = s->tile_vectors * s->lanes, block = width < s->panel ? s->panel : width;
    double weights = (double)(p.reduction * p.channels * p.groups * p.element_bytes);
    double input = (double)type_bytes(value_type(group->anchor->inputs[0]));
    double rate = (double)target->cache_bytes_per_cycle[2];
    Cut best = {SPLIT_OUTER, s->cost, *s};
    try_cut(&best, SPLIT_OUTER, p.images, threads, s->cost, weights / rate);
    try_cut(&best, SPLIT_ROWS, divide_up(p.height, s->tile_rows), threads, s->cost, weights / rate);
    try_cut(&best, SPLIT_COLUMNS, divide_up(p.width, s->tile_columns), threads, s->cost, weights / rate);
    try_cut(&best, SPLIT_CHANNELS, divide_up(p.channels, block), threads, s->cost, input / rate);
    return best;
}

/* The axis of the outermost loop, the first that is longer than 1, of reductions the first of those that is kept; -1
 * when there is none.  `*type` is what it is an axis of. */
static int outermost_axis(const Group *group, const Type **type)
{
    Reduction reduction = {.keep = true};
    *type = &group->node->types[0];
    if (group->kind == KIND_REDUCE) {
        *type = value_type(group->anchor->inputs[0]);
        node_def(group->anchor)->reduce(group->anchor, &reduction);
    }
    for (int axis = 0; axis < (*type)->rank; axis++)
        if ((*type)->dim[axis].high != 1 && !reduction.axis[axis]) return axis;
    return -1;
}

/* The first axis that has a loop: lowering makes its outermost loop of it, or of more when they are walked as one. */
static Cut cut_elements(const Group *group, const Target *target, int threads)
{
    const Type *type;
    Cut best = {SPLIT_OUTER, schedule_walk_cycles(group, target), *group->node->schedule};
    double cycles = best.cycles;
    int first = outermost_axis(group, &type);
    if (first < 0 || group->kind == KIND_PIECES || group->kind == KIND_SCATTER) return best;
    if (group->kind == KIND_PREFIX) {
        Prefix prefix = {.axis = first};
        node_def(group->anchor)->prefix(group->anchor, &prefix);
        if (prefix.axis == first) return best; /* carried from one to the next */
    }
    if (group->kind == KIND_WINDOW) {
        try_cut(&best, SPLIT_OUTER, type->dim[0].high, threads, cycles, 0);
        try_cut(&best, SPLIT_ROWS, type->dim[1].high, threads, cycles, 0);
    } else
        try_cut(&best, SPLIT_OUTER, type->dim[first].high, threads, cycles, 0);
    return best;
}

static Cut cut_group(const Group *group, const Target *target, int threads, double *saved)
{
    bool contraction = group->kind == KIND_CONTRACT;
    Cut cut = contraction ? cut_contraction(group, target, threads) : cut_elements(group, target, threads);
    *saved = (contraction ? group->node->schedule->cost : schedule_walk_cycles(group, target)) - cut.cycles -
             region_overhead;
    return cut;
}

/* Variants with nests of their own that keep scratch decide for themselves. */
static bool is_cut_by_axes(const Schedule *s)
{
    return s->variant == VARIANT_DIRECT || s->variant == VARIANT_DOT || s->variant == VARIANT_SPARSE ||
           winograd_outputs(s->variant);
}

void schedule_threads(const Graph *graph, const Target *target, int threads)
{
    double saved, all = 0;
    if (threads < 2) return;
    for (int commit = 0; commit < 2; commit++)
        for (const Node *node = graph->first; node; node = node->next) {
            if (node->op != OP_group || node->schedule->fixed || !is_cut_by_axes(node->schedule)) continue;
            Group group = group_of(node);
            if (group.kind == KIND_NEST) continue; /* their nests have no part yet: threads would only cost scratch */
            Cut cut = cut_group(&group, target, threads, &saved);
            if (saved <= 0) continue;
            if (commit && all > run_overhead) {
                *node->schedule = cut.schedule;
                node->schedule->threads = threads;
                node->schedule->split = (int)cut.split;
            }
            if (!commit) all += saved;
        }
}
