#include "ir/ops/resample.h"

#include <math.h>

/* Where element `at` of the result lies between those of the operand. */
static double position(const Resample *r, double at)
{
    double in = (double)r->in, length = r->scale * in;
    switch (r->attrs->coordinates) {
    case RESIZE_ALIGN_CORNERS: return length == 1 ? 0 : at * (in - 1) / (length - 1);
    case RESIZE_ASYMMETRIC: return at / r->scale;
    case RESIZE_PYTORCH: return length == 1 ? -0.5 : (at + 0.5) / r->scale - 0.5;
    case RESIZE_SYMMETRIC: return in / 2 * (1 - (double)r->out / length) + (at + 0.5) / r->scale - 0.5;
    case RESIZE_CROP: {
        double part = (r->end - r->begin) * (in - 1);
        return r->begin * (in - 1) + (length == 1 ? part / 2 : at * part / (length - 1));
    }
    default: return (at + 0.5) / r->scale - 0.5;
    }
}

static double nearest(const Resample *r, double x)
{
    switch (r->attrs->round) {
    case RESIZE_FLOOR: return floor(x);
    case RESIZE_CEIL: return ceil(x);
    case RESIZE_PREFER_CEIL: return floor(x + 0.5);
    default: return ceil(x - 0.5);
    }
}

/* The weight of an element that is `t` away: a tent, or the cubic convolution of Keys (1981) with parameter a. */
static double kernel(const ResizeAttrs *attrs, double t)
{
    double a = attrs->cubic;
    t = fabs(t);
    if (attrs->mode == RESIZE_LINEAR) return t < 1 ? 1 - t : 0;
    if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

/* The kernel is as wide as the elements of the result are apart, where those are fewer. */
static double shrink(const Resample *r) { return r->attrs->antialias && r->scale < 1 ? r->scale : 1; }

static double reach(const Resample *r) { return (r->attrs->mode == RESIZE_LINEAR ? 1 : 2) / shrink(r); }

static int64_t taps_count(const Resample *r)
{
    return r->attrs->mode == RESIZE_NEAREST ? 1 : 2 * (int64_t)ceil(reach(r));
}

int64_t taps_elements(const Resample *r)
{
    if (r->attrs->mode != RESIZE_NEAREST && !(reach(r) < 0x1p30)) return INT64_MAX;
    int64_t taps = taps_count(r);
    return r->out > INT64_MAX / taps ? INT64_MAX : r->out * taps;
}

static int64_t inside(double at, int64_t size) { return at < 0 ? 0 : at >= (double)size ? size - 1 : (int64_t)at; }

/* Of one element of the result, which lies at x. */
static void weigh(const Resample *r, double x, int64_t count, int64_t *index, double *weight)
{
    double low = ceil(x - reach(r)), sum = 0;
    for (int64_t k = 0; k < count; k++) {
        double at = low + (double)k;
        bool counts = !r->attrs->exclude_outside || (at >= 0 && at < (double)r->in);
        weight[k] = counts ? kernel(r->attrs, (at - x) * shrink(r)) : 0;
        index[k] = inside(at, r->in);
        sum += weight[k];
    }
    bool whole = !r->attrs->exclude_outside && shrink(r) == 1; /* they add up to 1 */
    for (int64_t k = 0; k < count && !whole; k++) weight[k] /= sum;
}

Taps taps_of(Arena *arena, const Resample *r)
{
    Taps taps = {.out = r->out, .first = r->out, .count = taps_count(r)};
    taps.index = ARENA_ARRAY(arena, int64_t, (size_t)(taps.out * taps.count));
    taps.weight = ARENA_ARRAY(arena, double, (size_t)(taps.out * taps.count));
    for (int64_t i = 0; i < taps.out; i++) {
        double x = position(r, (double)i);
        int64_t *index = taps.index + i * taps.count;
        double *weight = taps.weight + i * taps.count;
        bool in = r->attrs->coordinates != RESIZE_CROP || (x >= 0 && x <= (double)r->in - 1);
        if (in && taps.first == taps.out) taps.first = i;
        if (in) taps.last = i + 1;
        if (r->attrs->mode != RESIZE_NEAREST) {
            weigh(r, x, taps.count, index, weight);
        } else {
            index[0] = inside(nearest(r, x), r->in);
            weight[0] = 1;
        }
    }
    return taps;
}
