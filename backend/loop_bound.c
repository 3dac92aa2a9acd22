/* What an integer expression is known to lie between, by intervals: enough to prove that a clamped index stays inside.
 */
#include "backend/loop.h"

#include "ir/op.h"

/* Text may share names again and again: after so many steps nothing more is known. */
enum { MOST_STEPS = 256 };

typedef struct Interval {
    int64_t low, high;
} Interval;

/* All that the dtype can hold; of u64 and what is no integer nothing is said. */
static bool whole_dtype(Dtype dtype, Interval *out)
{
    if (dtype_is_float(dtype) || dtype_is_storage(dtype) || dtype == U64) return false;
    out->low = combiner_identity(COMBINE_MAX, dtype).integer;
    out->high = combiner_identity(COMBINE_MIN, dtype).integer;
    return true;
}

static bool interval_of(const LoopExpr *e, int *steps, Interval *out);

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

static bool multiply(Interval a, Interval b, Interval *out)
{
    const int64_t x[] = {a.low, a.low, a.high, a.high}, y[] = {b.low, b.high, b.low, b.high};
    for (int i = 0; i < 4; i++) {
        int64_t product;
        if (__builtin_mul_overflow(x[i], y[i], &product)) return false;
        out->low = i ? smaller(out->low, product) : product;
        out->high = i ? larger(out->high, product) : product;
    }
    return true;
}

/* False where the operation says nothing beyond its dtype, or may overflow. */
static bool combined(ExprKind op, Interval a, Interval b, Interval *out)
{
    switch (op) {
    case EXPR_MIN: *out = (Interval){smaller(a.low, b.low), smaller(a.high, b.high)}; return true;
    case EXPR_MAX: *out = (Interval){larger(a.low, b.low), larger(a.high, b.high)}; return true;
    case EXPR_MUL: return multiply(a, b, out);
    case EXPR_AND: /* bits of one that has no sign */
        *out = (Interval){0, b.low >= 0 && (a.low < 0 || b.high < a.high) ? b.high : a.high};
        return a.low >= 0 || b.low >= 0;
    case EXPR_ADD:
        return !__builtin_add_overflow(a.low, b.low, &out->low) && !__builtin_add_overflow(a.high, b.high, &out->high);
    default: return false;
    }
}

static bool interval_of_op(const LoopExpr *e, int *steps, Interval *out)
{
    Interval a, b;
    if (e->op == EXPR_CAST) return interval_of(e->in[0], steps, out);
    if (e->op == EXPR_SELECT) {
        if (!interval_of(e->in[1], steps, &a) || !interval_of(e->in[2], steps, &b)) return false;
        *out = (Interval){smaller(a.low, b.low), larger(a.high, b.high)};
        return true;
    }
    return expr_kind_arity(e->op) == 2 && interval_of(e->in[0], steps, &a) && interval_of(e->in[1], steps, &b) &&
           combined(e->op, a, b, out);
}

static bool interval_of_kind(const LoopExpr *e, int *steps, Interval *out)
{
    switch (e->kind) {
    case LOOP_CONST: *out = (Interval){e->value.integer, e->value.integer}; return true;
    case LOOP_LANE: *out = (Interval){0, e->lanes - 1}; return true;
    case LOOP_LET: return interval_of(e->let->value, steps, out);
    case LOOP_SPLAT: return interval_of(e->in[0], steps, out);
    case LOOP_OP: return interval_of_op(e, steps, out);
    case LOOP_LOAD:
        *out = (Interval){0, e->buffer->below - 1};
        return e->buffer->space == SPACE_CONSTANT && e->buffer->below > 0;
    default: return false;
    }
}

/* False when nothing is known, not even by the dtype. */
static bool interval_of(const LoopExpr *e, int *steps, Interval *out)
{
    Interval whole, found;
    if (!whole_dtype(e->dtype, &whole)) return false;
    bool known = ++*steps <= MOST_STEPS && interval_of_kind(e, steps, &found);
    /* beyond the dtype it would have wrapped */
    *out = known && found.low >= whole.low && found.high <= whole.high ? found : whole;
    return true;
}

bool loop_is_within(const LoopExpr *use, int64_t low, int64_t high)
{
    Interval interval;
    int steps = 0;
    return interval_of(use, &steps, &interval) && interval.low >= low && interval.high <= high;
}

int64_t loop_bound(const LoopExpr *use)
{
    Interval interval;
    int steps = 0;
    bool known = use->kind == LOOP_LET && interval_of(use, &steps, &interval);
    return known && interval.low >= 0 && interval.high < (int64_t)1 << 40 ? interval.high + 1 : 0;
}
