#include "backend/loop_range.h"

static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return b < 0 ? INT64_MIN : INT64_MAX;
}

static int64_t multiply(int64_t a, int64_t b)
{
    int64_t product;
    if (!__builtin_mul_overflow(a, b, &product)) return product;
    return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
}

/* The least value over the variables' intervals, conditions aside. */
static int64_t least(const Ranges *ranges, const Affine *a)
{
    int64_t sum = a->base;
    for (int i = 0; i < a->nterms; i++) {
        const Range *var = &ranges->vars[a->term[i].var->id];
        sum = add(sum, multiply(a->term[i].factor, a->term[i].factor < 0 ? var->high : var->low));
    }
    return sum;
}

static int64_t factor_of(const Affine *a, const LoopVar *var)
{
    for (int i = 0; i < a->nterms; i++)
        if (a->term[i].var == var) return a->term[i].factor;
    return 0;
}

/* No product of a base, or a factor, and a factor overflows. */
static bool is_small(const Affine *a)
{
    const int64_t most_base = (int64_t)1 << 36, most_factor = (int64_t)1 << 26;
    bool small = a->base > -most_base && a->base < most_base;
    for (int i = 0; i < a->nterms; i++)
        small = small && a->term[i].factor > -most_factor && a->term[i].factor < most_factor;
    return small;
}

/* `a` less a multiple of a condition c, where that has a greater least value: since c >= 0, so has `a`.  `even`: or the
 * same, which other conditions may then raise. */
static void use_condition(const Ranges *ranges, Affine *a, const Affine *c, bool even)
{
    for (int i = 0; i < c->nterms; i++) {
        int64_t factor = factor_of(a, c->term[i].var);
        if (factor % c->term[i].factor != 0 || factor / c->term[i].factor <= 0) continue;
        int64_t times = factor / c->term[i].factor;
        if (!is_small(a) || !is_small(c) || a->nterms + c->nterms > MAX_TERMS) continue;
        Affine rest = affine_add(*a, affine_scale(*c, -times));
        int64_t now = least(ranges, a), then = least(ranges, &rest);
        if (even ? then < now : then <= now) continue;
        *a = rest;
        return;
    }
}

/* Each use of a condition may stand in the way of others: from the outermost in, and the other way around. */
static int64_t least_under_conditions(const Ranges *ranges, const Affine *a)
{
    int64_t most = least(ranges, a);
    for (int way = 0; way < 4; way++) {
        Affine rest = *a;
        for (int i = 0; i < ranges->nconditions; i++)
            use_condition(ranges, &rest, ranges->conditions[way & 1 ? ranges->nconditions - 1 - i : i], way >= 2);
        int64_t found = least(ranges, &rest);
        if (found > most) most = found;
    }
    return most;
}

/* What a division drops is less than the divisor. */
static void add_division(Ranges *ranges, Arena *arena, const LoopSize *size, const LoopVar *whole)
{
    const Affine divided = affine_plus(affine_of(whole, size->factor), size->base);
    const Affine rest = affine_add(divided, affine_of(size->var, -size->divisor));
    if (ranges->nconditions + 2 > MAX_CONDITIONS / 2 || !is_small(&rest)) return;
    Affine *conditions = ARENA_ARRAY(arena, Affine, 2);
    conditions[0] = rest;
    conditions[1] = affine_plus(affine_scale(rest, -1), size->divisor - 1);
    for (int i = 0; i < 2; i++) ranges->conditions[ranges->nconditions++] = &conditions[i];
}

void ranges_add_sizes(Ranges *ranges, Arena *arena, const LoopFunction *function)
{
    for (int i = 0; i < function->nsizes; i++) {
        const LoopSize *size = &function->sizes[i];
        ranges->vars[size->var->id] = (Range){size->low, size->high};
        for (int k = 0; k < function->nsizes; k++) {
            const LoopSize *whole = &function->sizes[k];
            if (whole->dim != size->dim || whole->divisor != 1 || whole->factor != 1 || whole->base) continue;
            if (size->divisor != 1) add_division(ranges, arena, size, whole->var);
        }
    }
}

/* sign * (edge - variable) + base is not negative. */
static void add_condition(Ranges *ranges, Arena *arena, const Affine *edge, int64_t sign, const LoopVar *var,
                          int64_t base)
{
    if (ranges->nconditions == MAX_CONDITIONS || !is_small(edge) || edge->nterms == MAX_TERMS) return;
    Affine *condition = ARENA_NEW(arena, Affine);
    *condition = affine_plus(affine_add(affine_scale(*edge, sign), affine_of(var, -sign)), base);
    ranges->conditions[ranges->nconditions++] = condition;
}

void ranges_add_edges(Ranges *ranges, Arena *arena, const LoopStatement *loop)
{
    for (int i = 0; i < loop->nto; i++) add_condition(ranges, arena, &loop->to[i].at, 1, loop->var, -loop->step);
    for (int i = 0; i < loop->nfrom; i++)
        add_condition(ranges, arena, &loop->from[i].at, -1, loop->var, loop->from[i].whole - 1);
}

Range range_of(const Ranges *ranges, const Affine *index)
{
    Affine negative = {.base = multiply(index->base, -1), .nterms = index->nterms};
    for (int i = 0; i < index->nterms; i++) {
        negative.term[i].var = index->term[i].var;
        negative.term[i].factor = multiply(index->term[i].factor, -1);
    }
    Range range = {least_under_conditions(ranges, index), 0};
    range.high = multiply(least_under_conditions(ranges, &negative), -1);
    return range;
}

LoopAccessEnd loop_access_end(const Affine *index, const Affine *limit, int64_t stride)
{
    const int64_t most_stride = (int64_t)1 << 22;
    LoopAccessEnd end = {.known = is_small(index) && is_small(limit) && stride > -most_stride && stride < most_stride &&
                                  index->nterms + limit->nterms <= MAX_TERMS};
    if (end.known) end.at = affine_plus(affine_add(*index, affine_scale(*limit, stride)), -stride);
    return end;
}

Range loop_access_range(const Ranges *ranges, const Affine *index, int active, int64_t stride, const Affine *limit)
{
    Range range = range_of(ranges, index);
    int64_t last = (active - 1) * stride;
    if (range.low > range.high) return range;
    if (last < 0) range.low += last;
    if (last > 0) range.high += last;
    LoopAccessEnd end = {.known = false};
    if (limit) end = loop_access_end(index, limit, stride);
    if (!end.known) return range;
    Range at = range_of(ranges, &end.at);
    if (last < 0 && at.low > range.low) range.low = at.low;
    if (last > 0 && at.high < range.high) range.high = at.high;
    return range;
}

const char *loop_pack_fault(const Ranges *ranges, const LoopStatement *pack)
{
    const LoopBuffer *buffer = pack->buffer, *dense = pack->dense;
    Range index = range_of(ranges, &pack->index);
    int64_t last = index.high, elements = 1;
    if (buffer == dense || buffer->dtype != dense->dtype) return "is between a buffer and itself or another dtype";
    if (pack->naxes < 1 || pack->naxes > MAX_RANK) return "has no axes";
    for (int i = 0; i < pack->naxes; i++) {
        Range size = range_of(ranges, &pack->axes[i].size);
        if (size.low < 0 || size.high < 1 || pack->axes[i].stride < 0) return "has a size or a stride below 0";
        last = add(last, multiply(size.high - 1, pack->axes[i].stride));
        elements = multiply(elements, size.high);
    }
    if (index.low < 0 || last >= buffer->elements) return "goes beyond the buffer with strides";
    return elements > dense->elements ? "goes beyond the dense buffer" : NULL;
}
