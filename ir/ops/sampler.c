#include "ir/ops/sampler.h"

#include <assert.h>

/* ---- small words ---- */

static Value plus(const Sampler *s, Value x, double number)
{
    return number == 0 ? x : make_with_number(s->m, OP_add, x, number);
}

static Value times(const Sampler *s, Value x, double number) { return make_with_number(s->m, OP_mul, x, number); }

static Value from(const Sampler *s, double number, Value x)
{
    if (!x.node) return x;
    Value whole = make_number(s->m, value_type(x)->dtype, number);
    return make_binary(s->m, OP_sub, whole, x);
}

static Value clamped(const Sampler *s, Value x, double low, double high)
{
    return make(s->m, OP_clamp, &(ClampAttrs){low, high}, 1, &x);
}

/* ---- places outside ---- */

/* There and back between `low` and `high`, however far away. */
static Value mirrored(const Sampler *s, Value place, double low, double high)
{
    double length = high - low;
    if (!(length > 0)) return times(s, place, 0);
    Value t = make_unary(s->m, OP_abs, plus(s, place, -low));
    Value turns = make_unary(s->m, OP_floor, times(s, t, 0.5 / length));
    Value rest = make_binary(s->m, OP_sub, t, times(s, turns, 2 * length));
    Value back = make_unary(s->m, OP_abs, plus(s, rest, -length));
    return plus(s, from(s, length, back), low);
}

static Value moved_inside(const Sampler *s, Value place, SampleOutside outside, int64_t size)
{
    double last = (double)size - 1;
    switch (outside) {
    case SAMPLE_EDGE: return clamped(s, place, 0, last);
    case SAMPLE_REFLECT: return mirrored(s, place, 0, last);
    case SAMPLE_SYMMETRIC: return mirrored(s, place, -0.5, last + 0.5);
    default: return place;
    }
}

/* A tap of a place that is inside may be outside by one or two. */
static Value index_inside(const Sampler *s, Value index, SampleOutside outside, int64_t size)
{
    double last = (double)size - 1, more = outside == SAMPLE_SYMMETRIC ? 1 : 0;
    bool folds = s->taps > 2 && (outside == SAMPLE_REFLECT || outside == SAMPLE_SYMMETRIC);
    if (folds && index.node) {
        Value before = make_with_number(s->m, OP_less, index, 0);
        Value end = make_number(s->m, I32, last);
        Value beyond = make_binary(s->m, OP_less, end, index);
        Value forth = from(s, -more, index);
        Value back = from(s, 2 * last + more, index);
        Value behind = make_where(s->m, beyond, back, index);
        index = make_where(s->m, before, forth, behind);
    }
    return clamped(s, index, 0, last);
}

/* ---- taps ---- */

/* Keys (1981), a = -0.75, of a place `t` behind the second of four taps. */
static Value cubic_weight(const Sampler *s, Value t, int tap)
{
    const double a = -0.75;
    Value d = tap < 2 ? plus(s, t, 1 - tap) : from(s, tap - 1, t); /* how far away the tap is */
    if (tap == 1 || tap == 2) {
        Value inner = plus(s, times(s, d, a + 2), -(a + 3));
        return plus(s, make_binary(s->m, OP_mul, make_binary(s->m, OP_mul, inner, d), d), 1);
    }
    Value inner = plus(s, make_binary(s->m, OP_mul, plus(s, times(s, d, a), -5 * a), d), 8 * a);
    return plus(s, make_binary(s->m, OP_mul, inner, d), -4 * a);
}

static Value weight_of(const Sampler *s, Value t, int tap)
{
    if (s->taps == 1) return (Value){NULL, 0};
    Value weight = s->taps == 4 ? cubic_weight(s, t, tap) : tap ? t : from(s, 1, t);
    return make_cast(s->m, weight, s->dtype);
}

static void axis_at(Sampler *s, int axis, ResizeMode mode, SampleOutside outside, Value place)
{
    int64_t size = value_type(s->x)->dim[1 + axis].high;
    if (mode == RESIZE_NEAREST) place = make_unary(s->m, OP_round, place);
    place = moved_inside(s, place, outside, size);
    Value first = make_unary(s->m, OP_floor, place);
    Value t = make_binary(s->m, OP_sub, place, first);
    for (int tap = 0; tap < s->taps; tap++) {
        int behind = s->taps == 4 ? tap - 1 : tap;
        Value at = plus(s, first, behind);
        Value index = make_cast(s->m, at, I32);
        s->index[axis][tap] = index_inside(s, index, outside, size);
        s->weight[axis][tap] = weight_of(s, t, tap);
        if (outside != SAMPLE_ZEROS || !at.node) continue;
        Value zero = make_number(s->m, value_type(at)->dtype, 0);
        Value last = make_number(s->m, value_type(at)->dtype, (double)size - 1);
        Value behind_begin = make_binary(s->m, OP_less_or_equal, zero, at);
        Value before_end = make_binary(s->m, OP_less_or_equal, at, last);
        s->inside[axis][tap] = make_binary(s->m, OP_logical_and, behind_begin, before_end);
    }
}

void sampler_at(Sampler *s, ResizeMode mode, SampleOutside outside, const Value *place)
{
    s->taps = mode == RESIZE_NEAREST ? 1 : mode == RESIZE_LINEAR ? 2 : 4;
    s->dtype = value_type(s->x)->dtype;
    for (int axis = 0; axis < s->axes; axis++) {
        for (int tap = 0; tap < SAMPLE_TAPS; tap++) s->inside[axis][tap] = (Value){NULL, 0};
        Value at = place[axis];
        if (at.node && dtype_bits(value_type(at)->dtype) < 32) at = make_cast(s->m, at, F32);
        if (at.node) axis_at(s, axis, mode, outside, at);
    }
}

Value sampler_read(const Sampler *s, const int *tap)
{
    TakeAttrs attrs = {.from = {.count = s->axes + 2}};
    Value operands[2 + SAMPLED_AXES] = {s->x};
    int count = 1;
    attrs.from.at[0] = s->batch.node ? -1 : 0;
    if (s->batch.node) operands[count++] = s->batch;
    for (int axis = 0; axis < s->axes; axis++) {
        attrs.from.at[1 + axis] = -1;
        operands[count++] = s->index[axis][tap[axis]];
    }
    attrs.from.at[1 + s->axes] = s->rank - 1;
    return make(s->m, OP_take, &attrs, count, operands);
}

/* Over the taps of the axes from `axis` on, those of the ones before being chosen. */
static Value sum_from(const Sampler *s, int axis, int *tap)
{
    Value sum = {NULL, 0};
    assert(axis >= 0 && s->axes <= SAMPLED_AXES);
    if (axis >= s->axes) return sampler_read(s, tap);
    for (tap[axis] = 0; tap[axis] < s->taps; tap[axis]++) {
        Value part = sum_from(s, axis + 1, tap), inside = s->inside[axis][tap[axis]];
        Value zero = {NULL, 0};
        if (inside.node) zero = make_number(s->m, s->dtype, 0);
        if (inside.node) part = make_where(s->m, inside, part, zero);
        if (s->taps > 1) part = make_binary(s->m, OP_mul, part, s->weight[axis][tap[axis]]);
        sum = tap[axis] ? make_binary(s->m, OP_add, sum, part) : part;
    }
    return sum;
}

Value sampler_sum(const Sampler *s)
{
    int tap[SAMPLED_AXES] = {0};
    return sum_from(s, 0, tap);
}
