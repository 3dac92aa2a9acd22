/* Which register tile a contraction gets: every shape that fits the registers, judged by one formula. */
#include "passes/schedule.h"

enum { PANEL = 16, TILE_ROWS = 4, DEPTHWISE_PIXELS = 16 };                      /* more only make code */
static const double tile_overhead = 14, loop_overhead = 4, stream_overhead = 3; /* cycles */

TileProblem tile_problem(const Group *group)
{
    Contraction c;
    node_def(group->anchor)->contract(group->anchor, &c);
    TileProblem p = {.images = c.batch,
                     .height = c.out_height,
                     .width = c.out_width,
                     .pool_height = 1,
                     .pool_width = 1,
                     .element_bytes = dtype_bits(dtype_wide(group->anchor->types[0].dtype)) / 8,
                     .groups = c.window.groups,
                     .kernel = {c.window.kernel[0], c.window.kernel[1]},
                     .stride = {c.window.stride[0], c.window.stride[1]},
                     .channels = c.out_channels / c.window.groups};
    int64_t inner = c.in_channels / c.window.groups;
    p.depthwise = p.groups > 1 && inner == 1 && p.channels == 1;
    if (p.depthwise) {
        p.channels = p.groups;
        p.groups = 1;
    }
    p.packed = c.constant_weight && !c.batched_weight && p.groups == 1;
    p.run = inner;
    if (!p.depthwise && p.groups == 1 && c.window.dilation[1] == 1) p.run *= c.window.kernel[1];
    p.reduction = c.window.kernel[0] * c.window.kernel[1] * inner;
    p.step_bytes = p.element_bytes;
    p.instructions = 1;
    p.integral = !dtype_is_float(group->anchor->types[0].dtype);
    if (p.integral) { /* each factor is widened, the product added */
        p.step_bytes = 1;
        p.instructions = 2;
        p.spreading = 1;
        p.spare = 2;
    }
    if (group->pool) {
        Pooling pooling;
        node_def(group->pool)->pool(group->pool, &pooling);
        p.pool_height = pooling.window.kernel[0];
        p.pool_width = pooling.window.kernel[1];
        p.height = p.height / p.pool_height * p.pool_height;
        p.width = p.width / p.pool_width * p.pool_width;
    }
    return p;
}

void tile_problem_on(TileProblem *p, const Target *t)
{
    if (p->integral && t->arch->id == ARCH_RISCV64) p->instructions = 1; /* widens as it multiplies and adds */
    p->microcontroller = p->integral && t->arch->bare;
    p->by_scalar = p->microcontroller && t->has & FEATURE_VECTOR_SUM;
    if (!p->microcontroller) return;
    p->instructions = p->by_scalar && p->depthwise ? 2 : 1; /* loads widen, a product is added in one instruction */
    p->spreading = 0;
    p->spare = 0;
}

static double larger(double a, double b) { return a > b ? a : b; }

/* The cache level, from 0 on, that so many bytes stay in beside what else is used; the third is the last. */
static int level_of(const Target *t, double bytes)
{
    return bytes < (double)t->cache_bytes[0] * 0.75 ? 0 : bytes < (double)t->cache_bytes[1] * 0.75 ? 1 : 2;
}

/* Input vectors of a tile that depthwise windows slide over, along an axis. */
static int64_t reach(const TileProblem *p, int axis, int64_t pixels)
{
    return (pixels - 1) * p->stride[axis] + p->kernel[axis];
}

/* Vectors that are alive when all taps are written out: sums, a row of taps or all of them, and the inputs that two
 * rows of windows share. */
static int64_t depthwise_live(const TileProblem *p, const Schedule *s)
{
    int64_t shared = (s->tile_rows - 1) * reach(p, 1, s->tile_columns);
    int64_t taps = p->integral ? p->reduction : p->kernel[1]; /* widened ones stay in registers from tile to tile */
    return s->tile_vectors * (s->tile_rows * s->tile_columns + shared + taps);
}

/* One depthwise tile: multiply-adds or loads, of each input once when the taps are written out, and what comes from
 * beyond the first cache.  Each input is used for few products, so that the way to it does not hide; nor does turning
 * to another row of them. */
static double depthwise_tile(const TileProblem *p, const Target *t, const Schedule *s, int64_t pixels, int64_t vectors)
{
    double taps = (double)p->reduction, sums = (double)(pixels * vectors), rows = (double)reach(p, 0, s->tile_rows);
    double loads = sums * taps;
    if (s->unroll >= p->reduction) loads = (double)vectors * rows * (double)reach(p, 1, s->tile_columns);
    double work = (sums * p->instructions + (double)pixels * p->spreading) * taps / t->fma_per_cycle;
    if (!p->integral && !(t->has & FEATURE_FMA)) work *= 2;
    double cycles = larger(work, (loads + taps * (double)vectors) / t->loads_per_cycle);
    cycles = larger(cycles, t->fma_latency * taps);
    double line = (double)(p->width * p->stride[1] * p->channels * p->step_bytes);
    int level = level_of(t, rows * line);
    double bytes = rows * (double)(s->tile_columns * p->stride[1] * vectors * s->lanes * p->step_bytes);
    if (level) cycles += bytes / t->cache_bytes_per_cycle[level];
    if (s->unroll < p->reduction) cycles += loop_overhead * taps / (double)p->run;
    return cycles + sums + tile_overhead + rows * stream_overhead;
}

/* One tile of integers on a core that issues one instruction at a time: all of them. */
static double microcontroller_tile(const TileProblem *p, const Schedule *s, int64_t pixels, int64_t vectors)
{
    double steps = (double)p->reduction, sums = (double)(pixels * vectors), stored = sums;
    double loads = (p->depthwise ? sums : (double)pixels) * steps;
    if (p->depthwise && s->unroll >= p->reduction) { /* each input once; each of its rows has an address */
        int64_t rows = reach(p, 0, s->tile_rows);
        loads = (double)(vectors * rows * reach(p, 1, s->tile_columns) + (p->by_scalar ? 12 : 4) * rows);
    }
    double work = sums * p->instructions + (double)pixels * p->spreading + (double)vectors * (p->widening + 1);
    double loops = s->unroll < p->reduction ? loop_overhead * steps / (double)s->unroll : 0;
    if (p->depthwise) loops *= 2;
    return work * steps + loads + loops + stored + tile_overhead;
}

/* One tile over the whole reduction: the slowest of multiply-adds, loads, the chain of each sum, and the stream of
 * weights from the cache level that holds a block's. */
static double one_tile(const TileProblem *p, const Target *t, const Schedule *s, int64_t pixels, int64_t vectors)
{
    if (p->microcontroller) return microcontroller_tile(p, s, pixels, vectors);
    if (p->depthwise) return depthwise_tile(p, t, s, pixels, vectors);
    double sums = (double)(pixels * vectors), weights = (double)(vectors * s->lanes * p->step_bytes);
    double loads = (double)pixels;
    if (s->unroll < p->reduction) loads += (double)vectors; /* else the weights stay in registers */
    double work = sums * p->instructions + (double)pixels * p->spreading;
    double step = larger(work / t->fma_per_cycle, loads / t->loads_per_cycle);
    if (!p->integral && !(t->has & FEATURE_FMA)) step *= 2;
    step = larger(step, t->fma_latency);
    int level = level_of(t, weights * (double)p->reduction);
    step = larger(step, weights / t->cache_bytes_per_cycle[level]);
    double loops = s->unroll < p->reduction ? loop_overhead * (double)p->reduction / (double)p->run : 0;
    return step * (double)p->reduction + sums + tile_overhead + loops;
}

/* All tiles of one block of channels: whole ones and what is left on both axes. */
static double one_block(const TileProblem *p, const Target *t, const Schedule *s, int64_t vectors)
{
    int64_t ny = p->height / s->tile_rows, nx = p->width / s->tile_columns;
    int64_t ry = p->height % s->tile_rows, rx = p->width % s->tile_columns;
    double cost = (double)(ny * nx) * one_tile(p, t, s, s->tile_rows * s->tile_columns, vectors);
    if (ry) cost += (double)nx * one_tile(p, t, s, ry * s->tile_columns, vectors);
    if (rx) cost += (double)ny * one_tile(p, t, s, s->tile_rows * rx, vectors);
    if (ry && rx) cost += one_tile(p, t, s, ry * rx, vectors);
    return cost;
}

double tile_cycles(const TileProblem *p, const Schedule *s, const Target *t)
{
    int64_t width = s->tile_vectors * s->lanes, rest = p->channels % width;
    double cost = (double)(p->channels / width) * one_block(p, t, s, s->tile_vectors);
    if (rest) cost += one_block(p, t, s, (rest + s->lanes - 1) / s->lanes);
    return cost * (double)(p->groups * p->images);
}

static int64_t power_of_two_from(int64_t n)
{
    int64_t power = 1;
    while (power < n) power *= 2;
    return power;
}

/* An epilogue and the spread elements need some too.  Without
 * broadcasts from memory each spread element takes one, which a single vector of weights does not pay for. */
int64_t tile_registers(const TileProblem *p, const Target *t, int64_t pixels, int64_t vectors)
{
    int64_t spare = p->spare + (!(t->has & FEATURE_FMA) ? 6 : t->vector_registers >= 32 ? 4 : 2);
    if (!t->arch->memory_operands) spare = p->spare + (t->vector_registers >= 32 ? 8 : 2);
    if (t->vector_registers < 32 && vectors == 1 && !p->depthwise && !p->by_scalar) spare += pixels * 2 / 3;
    return t->vector_registers - spare - (p->depthwise ? 1 : 0);
}

/* Without vectors, sums are in general registers, beside a weight and an input, or the fewer of both when each of them
 * is widened to two words; addresses and a counter take the rest. */
static bool fits(const TileProblem *p, const Target *t, int64_t pixels, int64_t vectors)
{
    enum { GENERAL = 8, DEPTHWISE_SUMS = 2 };
    if (p->by_scalar && p->depthwise) return pixels * vectors <= DEPTHWISE_SUMS; /* bounds of the rounding stay, too */
    if (!p->microcontroller || t->integer_bytes > 4)
        return (pixels + 1) * vectors <= tile_registers(p, t, pixels, vectors);
    int64_t fewer = pixels < vectors ? pixels : vectors;
    return pixels * vectors + (p->widening > 0 ? 2 * fewer : 2) <= GENERAL;
}

/* Bytes of weights are read where they are used, in as many steps written out as hide the loop. */
static int64_t unroll_of_bytes(const TileProblem *p, const Schedule *s)
{
    enum { WRITTEN_OUT = 36, TOGETHER = 16 };
    int64_t sums = s->tile_rows * s->tile_columns * s->tile_vectors, unroll = 4;
    if (sums * p->reduction <= WRITTEN_OUT) return p->reduction;
    if (p->depthwise) return sums * p->kernel[1] <= WRITTEN_OUT ? p->kernel[1] : 1;
    while (unroll > 1 && (p->run % unroll || sums * unroll > TOGETHER)) unroll--;
    return unroll;
}

/* A short reduction is written out whole when all its weights stay in registers from tile to tile; LLVM hoists them
 * out of the loop over pixels, so where they do not fit they would be spilled.  Of other small tiles some steps are
 * written out, so that the loop's own work hides. */
static int64_t choose_unroll(const TileProblem *p, const Target *t, const Schedule *s, int64_t registers)
{
    if (p->microcontroller) return unroll_of_bytes(p, s);
    int64_t pixels = s->tile_rows * s->tile_columns, sums = pixels * s->tile_vectors;
    int64_t rounding = p->integral ? 4 : 0; /* its scale, bounds and zero point would be hoisted too */
    if (p->depthwise) return depthwise_live(p, s) + rounding <= registers ? p->reduction : 1;
    if (sums + p->reduction * s->tile_vectors + rounding <= registers) return p->reduction;
    int64_t unroll = p->height * p->width * p->images == 1 ? 8 : 4;
    int64_t most = t->vector_registers < 32 && s->tile_vectors == 1 ? t->vector_registers / 2 : t->vector_registers;
    while (unroll > 1 && (p->run % unroll || sums * unroll > most)) unroll /= 2;
    return unroll;
}

static bool vectors_fit_panel(int64_t width, int64_t panel)
{
    return panel == 0 || width % panel == 0 || panel % width == 0;
}

static void try_columns(const TileProblem *p, const Target *t, Schedule s, Schedule *best)
{
    for (s.tile_columns = p->pool_width; s.tile_columns <= t->vector_registers; s.tile_columns += p->pool_width) {
        if (s.tile_columns > p->width && s.tile_columns > p->pool_width) break;
        int64_t pixels = s.tile_rows * s.tile_columns, registers = tile_registers(p, t, pixels, s.tile_vectors);
        if (!fits(p, t, pixels, s.tile_vectors) || (p->depthwise && pixels > DEPTHWISE_PIXELS)) break;
        s.unroll = choose_unroll(p, t, &s, registers);
        s.cost = tile_cycles(p, &s, t);
        if (!best->tile_vectors || s.cost < best->cost) *best = s;
    }
}

Schedule tile_choose(const TileProblem *p, const Target *t)
{
    static const int64_t vectors[] = {1, 2, 3, 4, 6, 8};
    Schedule best = {.lanes = 0}, s = {.lanes = (p->integral ? t->integer_bytes : t->vector_bytes) / p->element_bytes};
    int64_t narrow = power_of_two_from(p->channels);
    if (s.lanes > narrow) s.lanes = narrow;
    if (p->packed) s.panel = narrow < PANEL ? narrow : PANEL;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        s.tile_vectors = vectors[i];
        int64_t width = s.tile_vectors * s.lanes;
        if (!vectors_fit_panel(width, s.panel) || (i && width - s.lanes >= p->channels)) continue;
        for (s.tile_rows = p->pool_height; s.tile_rows <= TILE_ROWS * p->pool_height; s.tile_rows += p->pool_height) {
            if (s.tile_rows > p->height && s.tile_rows > p->pool_height) break;
            try_columns(p, t, s, &best);
        }
    }
    if (!best.tile_vectors) { /* a pooling window of more pixels than registers */
        best = s;
        best.tile_rows = p->pool_height;
        best.tile_columns = p->pool_width;
        best.tile_vectors = best.unroll = 1;
        best.cost = tile_cycles(p, &best, t);
    }
    if (p->height * p->width * p->images == 1 && p->reduction * p->channels * p->step_bytes > t->cache_bytes[1])
        best.prefetch = 4096;
    return best;
}
