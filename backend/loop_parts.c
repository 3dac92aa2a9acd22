#include "backend/loop_parts.h"
#include "backend/loop_range.h"

/* What the steps of the loop do with one buffer: step v touches elements v * factor + `one`, modulo `modulus` when that
 * is not 0. */
typedef struct Touch {
    Arena *arena;
    const LoopFunction *function;
    const LoopStatement *loop;
    const LoopBuffer *buffer;
    enum { FIND_WRITES, FIND_MODULUS, MEASURE } walk; /* one after the other: */
    Range writes;                                     /* all that any step writes */
    bool written, known, failed;                      /* known: factor is */
    int64_t factor, modulus;
    Range one, all; /* of step 0, and of all steps */
    Ranges ranges;
} Touch;

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

static int64_t factor_of(const Affine *index, const LoopVar *var)
{
    int64_t factor = 0;
    for (int i = 0; i < index->nterms; i++)
        if (index->term[i].var == var) factor += index->term[i].factor;
    return factor;
}

/* A factor larger than the loop's own steps over rows, images or the like: it must vanish modulo their distance. */
static bool is_large(const Touch *t, int64_t factor) { return magnitude(factor) > magnitude(t->factor); }

static void find_modulus(Touch *t, const Affine *index, int64_t stride, int64_t last)
{
    int64_t factor = factor_of(index, t->loop->var);
    t->failed |= t->known && factor != t->factor;
    t->known = true;
    t->factor = factor;
    for (int i = 0; i < index->nterms; i++)
        if (index->term[i].var != t->loop->var && is_large(t, index->term[i].factor))
            t->modulus = gcd(t->modulus, magnitude(index->term[i].factor));
    if (last && is_large(t, stride)) t->modulus = gcd(t->modulus, magnitude(stride));
}

/* Code that never runs is not verified before: its numbers may be anything. */
static void widen(Touch *t, int64_t *low, int64_t *high, int64_t factor, int64_t from, int64_t to)
{
    int64_t least, most;
    t->failed |= __builtin_mul_overflow(factor, factor < 0 ? to : from, &least) ||
                 __builtin_mul_overflow(factor, factor < 0 ? from : to, &most) ||
                 __builtin_add_overflow(*low, least, low) || __builtin_add_overflow(*high, most, high);
}

static void include(Range *range, int64_t low, int64_t high)
{
    if (low < range->low) range->low = low;
    if (high > range->high) range->high = high;
}

/* The last of some lanes from the first of them on, no further than where a limit that is not NULL ends them. */
static void add_lanes(Touch *t, Range *range, const Affine *first, int64_t stride, int64_t last, const Affine *limit)
{
    widen(t, &range->low, &range->high, stride, 0, last);
    LoopAccessEnd end = {.known = false};
    if (limit) end = loop_access_end(first, limit, stride);
    if (!end.known) return;
    Range at = range_of(&t->ranges, &end.at);
    if (stride > 0 && at.high < range->high) range->high = at.high;
    if (stride < 0 && at.low > range->low) range->low = at.low;
}

static void measure(Touch *t, const Affine *index, int64_t stride, int64_t last, const Affine *limit)
{
    Affine small = affine(index->base), own = small; /* without what vanishes modulo the rows' distance */
    int64_t low = index->base, high = low;
    for (int i = 0; i < index->nterms; i++) {
        const LoopVar *var = index->term[i].var;
        if (var != t->loop->var && is_large(t, index->term[i].factor)) continue;
        small.term[small.nterms++] = index->term[i];
        if (var != t->loop->var) own.term[own.nterms++] = index->term[i];
        const Range *range = &t->ranges.vars[var->id];
        if (var != t->loop->var) widen(t, &low, &high, index->term[i].factor, range->low, range->high);
    }
    Range all = range_of(&t->ranges, &small), here = range_of(&t->ranges, &own);
    Range one = {low > here.low ? low : here.low, high < here.high ? high : here.high};
    if (!is_large(t, stride)) {
        bool stands = limit && !factor_of(limit, t->loop->var); /* in all steps alike */
        add_lanes(t, &one, &own, stride, last, stands ? limit : NULL);
        add_lanes(t, &all, &small, stride, last, limit);
    }
    int64_t rest = t->modulus ? one.low % t->modulus : one.low, move = one.low - (rest < 0 ? rest + t->modulus : rest);
    include(&t->one, one.low - move, one.high - move);
    include(&t->all, all.low - move, all.high - move);
}

/* Of all steps. */
static Range hull(Touch *t, const Affine *index, int64_t stride, int64_t last)
{
    Range range = range_of(&t->ranges, index);
    widen(t, &range.low, &range.high, stride, 0, last);
    return range;
}

/* Elements index, index + stride, ..., index + last * stride, of these the first `limit` when that is not NULL.  What
 * is read where nothing is ever written concerns nobody: a copy within a buffer, from one end to the other. */
static void touch(Touch *t, const LoopBuffer *buffer, const Affine *index, int64_t stride, int64_t last,
                  const Affine *limit, bool write)
{
    if (buffer != t->buffer) return;
    Range range = hull(t, index, stride, last);
    t->written |= write;
    if (t->walk == FIND_WRITES && write) include(&t->writes, range.low, range.high);
    if (t->walk == FIND_WRITES || (!write && (range.high < t->writes.low || range.low > t->writes.high))) return;
    if (t->walk == MEASURE)
        measure(t, index, stride, last, limit);
    else
        find_modulus(t, index, stride, last);
}

/* Beyond what the index says by an offset, it may be anywhere. */
static void touch_anywhere(Touch *t, const LoopBuffer *buffer, const LoopExpr *offset)
{
    if (buffer == t->buffer) t->failed |= offset != NULL;
}

static void walk_expr(Touch *t, const LoopExpr *e)
{
    if (!e) return;
    if (e->kind == LOOP_LOAD) touch(t, e->buffer, &e->index, e->stride, e->active - 1, e->limit, false);
    if (e->kind == LOOP_LOAD) touch_anywhere(t, e->buffer, e->offset);
    for (int i = 0; i < 3; i++) walk_expr(t, e->in[i]);
}

static void walk(Touch *t, const LoopStatement *s)
{
    for (; s; s = s->next) {
        if (s->kind == LOOP_FOR) t->ranges.vars[s->var->id] = (Range){s->low, s->high - s->step};
        int before = t->ranges.nconditions;
        if (s->kind == LOOP_FOR) ranges_add_edges(&t->ranges, t->arena, s);
        for (int i = 0; s->kind == LOOP_IF && i < s->nconditions && before + i < MAX_CONDITIONS; i++)
            t->ranges.conditions[t->ranges.nconditions++] = &s->conditions[i];
        if (s->kind == LOOP_BIND) walk_expr(t, s->let->value);
        if (s->kind == LOOP_ASSIGN || s->kind == LOOP_STORE) walk_expr(t, s->value);
        if (s->kind == LOOP_STORE) touch(t, s->buffer, &s->index, s->stride, s->active - 1, s->lane_limit, true);
        if (s->kind == LOOP_PACK || s->kind == LOOP_UNPACK)
            t->failed |= s->buffer == t->buffer || s->dense == t->buffer; /* never in parts */
        if (s->kind == LOOP_STORE) touch_anywhere(t, s->buffer, s->offset);
        if (s->kind == LOOP_FILL) touch(t, s->buffer, &s->index, 1, s->count - 1, NULL, true);
        walk(t, s->body);
        t->ranges.nconditions = before;
    }
}

static bool is_touched(const Touch *t, const LoopBuffer *buffer)
{
    Touch other = {.arena = t->arena,
                   .function = t->function,
                   .loop = t->loop,
                   .buffer = buffer,
                   .ranges.vars = t->ranges.vars,
                   .walk = FIND_MODULUS};
    other.writes = (Range){INT64_MIN, INT64_MAX}; /* reads count */
    walk(&other, t->loop->body);
    return other.known;
}

/* Two buffers of one memory: what is proven of each says nothing of both together. */
static bool overlaps_another(const Touch *t)
{
    const LoopBuffer *a = t->buffer;
    for (int i = 0; i < t->function->nbuffers; i++) {
        const LoopBuffer *b = t->function->buffers[i];
        if (a == b || a->space != b->space || a->index != b->index) continue;
        if (a->offset < b->offset + dtype_bytes(b->dtype, b->elements) &&
            b->offset < a->offset + dtype_bytes(a->dtype, a->elements) && is_touched(t, b))
            return true;
    }
    return false;
}

static bool is_apart(Touch *t)
{
    t->writes = (Range){INT64_MAX, INT64_MIN};
    walk(t, t->loop->body);
    if (!t->written) return true;
    t->walk = FIND_MODULUS;
    walk(t, t->loop->body);
    if (t->failed || t->factor == 0 || overlaps_another(t)) return false;
    t->walk = MEASURE;
    t->one = t->all = (Range){INT64_MAX, INT64_MIN};
    walk(t, t->loop->body);
    if (t->failed) return false;
    int64_t extent = t->one.high - t->one.low, step = magnitude(t->factor) * t->loop->step;
    return extent < step && (!t->modulus || t->all.high - t->all.low < t->modulus);
}

static bool is_private(const LoopBuffer *buffer)
{
    return buffer->space == SPACE_NONE || buffer->space == SPACE_SCRATCH;
}

const LoopBuffer *loop_parts_conflict(Arena *arena, const LoopFunction *function, const LoopStatement *loop)
{
    Range *vars = ARENA_ARRAY(arena, Range, function->nvars);
    for (int i = 0; i < function->nsizes; i++)
        vars[function->sizes[i].var->id] = (Range){function->sizes[i].low, function->sizes[i].high};
    for (int i = 0; i < function->nbuffers; i++) {
        Touch t = {.arena = arena, .function = function, .loop = loop, .buffer = function->buffers[i]};
        t.ranges.vars = vars;
        vars[loop->var->id] = (Range){loop->low, loop->high - loop->step};
        if (!is_private(t.buffer) && !is_apart(&t)) return t.buffer;
    }
    return NULL;
}
