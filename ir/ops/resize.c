/* Resizing with sizes that are known when compiling: axis by axis a fixed weighted sum of elements at fixed places.
 * Where the places are regular they are views; else they are read by a constant index. */
#include "ir/ops/make.h"
#include "ir/ops/resample.h"

#include <math.h>

enum { MOST_TAPS = 1 << 24, UNROLLED_TAPS = 16, USUAL_LANES = 8 /* enough to be cheap */ };

/* ---- what is resized how ---- */

static bool refuse(const Node *node, Diag *diag, const char *what, const char *way_out)
{
    diag_error(diag, E0404, node_span(node), "resize of %s: %s", operand_text(node, 0, diag->arena), what);
    return diag_help(diag, "%s", way_out);
}

static int resized_axes(const ResizeAttrs *attrs) { return attrs->size.count ? attrs->size.count : attrs->scale.count; }

/* Left out, the axes are those from the second on. */
static int64_t said_axis(const ResizeAttrs *attrs, int number)
{
    return attrs->axes.count ? attrs->axes.at[number] : number + 1;
}

/* How the axis with this number in the lists is resized; *axis is counted from 0. */
static Resample resample_of(const Node *node, int number, int *axis)
{
    const ResizeAttrs *attrs = node->attrs;
    const Type *x = operand_type(node, 0);
    int64_t said = said_axis(attrs, number);
    int count = resized_axes(attrs);
    *axis = (int)(said < 0 ? said + x->rank : said);
    Resample r = {.in = x->dim[*axis].high, .begin = 0, .end = 1, .attrs = attrs};
    r.scale = attrs->scale.count ? attrs->scale.at[number] : (double)attrs->size.at[number] / (double)r.in;
    r.out = attrs->size.count ? attrs->size.at[number] : (int64_t)fmin(r.scale * (double)r.in, 0x1p50);
    if (attrs->region.count) {
        r.begin = attrs->region.at[number];
        r.end = attrs->region.at[number + count];
    }
    return r;
}

static bool numbers_within(const RealList *list, double low, double high)
{
    bool within = true;
    for (int i = 0; i < list->count; i++) within = within && list->at[i] >= low && list->at[i] <= high;
    return within;
}

static bool check_lists(const Node *node, Diag *diag)
{
    const ResizeAttrs *attrs = node->attrs;
    int count = resized_axes(attrs);
    bool sized = !attrs->size.count || !attrs->scale.count || attrs->size.count == attrs->scale.count;
    if (!count || !sized)
        return refuse(node, diag, "expected one size or scale for each axis", "write resize(x, size: [224, 224])");
    if (attrs->axes.count && attrs->axes.count != count)
        return refuse(node, diag, "expected as many axes as sizes", "write resize(x, size: [224, 224], axes: [1, 2])");
    if (attrs->region.count != (attrs->coordinates == RESIZE_CROP ? 2 * count : 0))
        return refuse(node, diag, "expected a region with `coordinates: crop` and only there",
                      "region: [begin, begin, end, end] from 0 to 1, one begin and one end for each axis");
    if (!numbers_within(&attrs->scale, 0x1p-40, 0x1p40) || !numbers_within(&attrs->region, -1e6, 1e6))
        return refuse(node, diag, "a number is out of all bounds",
                      "scales are positive; regions are parts from 0 to 1");
    return true;
}

static bool check_axis(const Node *node, int number, unsigned *seen, Type *out, Diag *diag)
{
    const ResizeAttrs *attrs = node->attrs;
    int axis;
    if (!need_axis(node, said_axis(attrs, number), out->rank, &axis, diag)) return false;
    if (*seen >> axis & 1) return refuse(node, diag, "an axis is named twice", "name each axis once in `axes`");
    *seen |= 1u << axis;
    Resample r = resample_of(node, number, &axis);
    bool apart = attrs->coordinates != RESIZE_CROP || r.begin <= r.end;
    if (r.out < 1 || !apart)
        return refuse(node, diag, "nothing would be left", "sizes are at least 1, and regions end behind their begin");
    out->dim[axis] = dim_fixed(r.out);
    if (!need_sane(node, out, diag)) return false;
    if (taps_elements(&r) <= MOST_TAPS) return true;
    diag_error(diag, E0305, node_span(node), "resize: %lld elements of many each are too many", (long long)r.out);
    return diag_help(diag, "resize in two steps");
}

static bool infer_resize(const Node *node, Type *out, Diag *diag)
{
    const ResizeAttrs *attrs = node->attrs;
    unsigned seen = 0;
    *out = *operand_type(node, 0);
    if (!need_dtype(node, 0, attrs->mode == RESIZE_NEAREST ? ACCEPT_ANY : ACCEPT_FLOATS, diag)) return false;
    if (!need_fixed(node, 0, diag) || !check_lists(node, diag)) return false;
    for (int i = 0; i < resized_axes(attrs); i++)
        if (!check_axis(node, i, &seen, out, diag)) return false;
    return isfinite(attrs->cubic) && isfinite(attrs->outside)
               ? true
               : refuse(node, diag, "a number is not finite", "leave `cubic` and `outside` at their defaults");
}

/* ---- elements of one axis at fixed places ---- */

/* How one axis is resized: of its elements those from taps.first below taps.last, which the operand has. */
typedef struct AxisPlan {
    int axis;
    Taps taps;
    int64_t times;            /* each element is there so many times, one behind the other; 0: it is anything else */
    double growth, step_cost; /* sizes new by old; of making one element, next to the others */
} AxisPlan;

static int64_t kept(const Taps *t) { return t->last - t->first; }

static int64_t place(const Taps *t, int64_t i, int64_t tap) { return t->index[(t->first + i) * t->count + tap]; }

static double weight(const Taps *t, int64_t i, int64_t tap) { return t->weight[(t->first + i) * t->count + tap]; }

/* Whether the tap has this weight everywhere. */
static bool weighs(const Taps *t, int64_t tap, double wanted)
{
    for (int64_t i = 0; i < kept(t); i++)
        if (weight(t, i, tap) != wanted) return false;
    return true;
}

/* x[begin], x[begin + step], ... with a positive step; 0 when the tap is not that. */
static int64_t progression(const Taps *t, int64_t tap)
{
    int64_t step = kept(t) > 1 ? place(t, 1, tap) - place(t, 0, tap) : 1;
    for (int64_t i = 1; i < kept(t); i++)
        if (place(t, i, tap) - place(t, i - 1, tap) != step) return 0;
    return step > 0 ? step : 0;
}

/* Each of all elements so many times, and nothing is weighed. */
static int64_t repeats(const Taps *t, int64_t size)
{
    if (t->count > 1 || kept(t) % size) return 0;
    for (int64_t i = 0; i < kept(t); i++)
        if (place(t, i, 0) != i / (kept(t) / size)) return 0;
    return kept(t) / size;
}

static Value sliced(const Maker *m, Value x, int axis, const Taps *t, int64_t tap, int64_t step)
{
    SliceAttrs attrs = {.begin.count = axis + 1, .end.count = axis + 1, .step.count = axis + 1};
    if (place(t, 0, tap) == 0 && step == 1 && kept(t) == value_type(x)->dim[axis].high) return x;
    for (int i = 0; i <= axis; i++) {
        attrs.end.at[i] = value_type(x)->dim[i].high;
        attrs.step.at[i] = 1;
    }
    attrs.begin.at[axis] = place(t, 0, tap);
    attrs.end.at[axis] = place(t, kept(t) - 1, tap) + 1;
    attrs.step.at[axis] = step;
    return make(m, OP_slice, &attrs, 1, &x);
}

/* Places of taps [tap, tap + count) as a constant that broadcasts over a result of `rank` axes; behind the resized one
 * stands, where there are several, one for the taps. */
static Value index_of(const Maker *m, const Taps *t, int64_t tap, int64_t count, int rank, int axis)
{
    Arena *arena = m->graph->arena;
    int64_t dims[MAX_RANK], most = 0;
    for (int i = 0; i < rank; i++) dims[i] = i == axis ? kept(t) : i == axis + 1 && count > 1 ? count : 1;
    double *places = ARENA_ARRAY(arena, double, kept(t) * count);
    for (int64_t i = 0; i < kept(t); i++)
        for (int64_t k = 0; k < count; k++) {
            int64_t at = place(t, i, tap + k);
            places[i * count + k] = (double)at;
            if (at > most) most = at;
        }
    return make_reals(m, most <= UINT16_MAX ? U16 : I64, rank, dims, places);
}

static Value weights_of(const Maker *m, const Taps *t, int64_t tap, int64_t count, int rank, int axis, Dtype dtype)
{
    int64_t dims[MAX_RANK];
    for (int i = 0; i < rank; i++) dims[i] = i == axis ? kept(t) : i == axis + 1 && count > 1 ? count : 1;
    double *weights = ARENA_ARRAY(m->graph->arena, double, kept(t) * count);
    for (int64_t i = 0; i < kept(t); i++)
        for (int64_t k = 0; k < count; k++) weights[i * count + k] = weight(t, i, tap + k);
    return make_reals(m, dtype, rank, dims, weights);
}

/* The elements that one tap reads. */
static Value read_tap(const Maker *m, Value x, int axis, const Taps *t, int64_t tap)
{
    int64_t step = progression(t, tap);
    if (step) return sliced(m, x, axis, t, tap, step);
    int rank = value_type(x)->rank;
    TakeAttrs attrs = {.from = {.count = rank}};
    for (int i = 0; i < rank; i++) attrs.from.at[i] = i == axis ? -1 : i;
    Value operands[] = {x, index_of(m, t, tap, 1, rank, axis)};
    return make(m, OP_take, &attrs, 2, operands);
}

static Value weighed_tap(const Maker *m, Value x, int axis, const Taps *t, int64_t tap)
{
    Value part = read_tap(m, x, axis, t, tap);
    const Type *type = value_type(x);
    if (!part.node || weighs(t, tap, 1)) return part;
    if (weighs(t, tap, weight(t, 0, tap))) return make_with_number(m, OP_mul, part, weight(t, 0, tap));
    return make_binary(m, OP_mul, part, weights_of(m, t, tap, 1, type->rank, axis, type->dtype));
}

/* Many taps: x with a further axis for them, which is summed over. */
static Value summed(const Maker *m, Value x, int axis, const Taps *t)
{
    const Type *type = value_type(x);
    int rank = type->rank + 1;
    TakeAttrs attrs = {.from = {.count = type->rank}};
    for (int i = 0; i < type->rank; i++) attrs.from.at[i] = i == axis ? -1 : i < axis ? i : i + 1;
    Value operands[] = {x, index_of(m, t, 0, t->count, rank, axis)};
    Value parts = make(m, OP_take, &attrs, 2, operands);
    Value weighed = make_binary(m, OP_mul, parts, weights_of(m, t, 0, t->count, rank, axis, type->dtype));
    return make(m, OP_reduce_sum, &(ReduceAttrs){.axes = {1, {axis + 1}}}, 1, &weighed);
}

static Value resized(const Maker *m, Value x, const AxisPlan *plan)
{
    const Taps *t = &plan->taps;
    Value sum = {NULL, 0};
    int used = 0;
    if (!x.node) return x;
    for (int64_t tap = 0; tap < t->count; tap++) used += !weighs(t, tap, 0);
    if (used > UNROLLED_TAPS && value_type(x)->rank < MAX_RANK) return summed(m, x, plan->axis, t);
    for (int64_t tap = 0; tap < t->count; tap++) {
        if (weighs(t, tap, 0)) continue;
        Value part = weighed_tap(m, x, plan->axis, t, tap);
        sum = sum.node ? make_binary(m, OP_add, sum, part) : part;
    }
    return sum;
}

/* Axes whose elements are repeated, all of them in one view. */
static Value repeated(const Maker *m, Value x, const AxisPlan *plans, int count)
{
    if (!x.node) return x;
    const Type *type = value_type(x);
    Dim apart[MAX_RANK], wide[MAX_RANK], shape[MAX_RANK];
    int rank = 0;
    for (int i = 0; i < type->rank; i++) {
        int64_t times = 1;
        for (int k = 0; k < count; k++)
            if (plans[k].axis == i) times = plans[k].times;
        shape[i] = times == 1 ? type->dim[i] : dim_fixed(type->dim[i].high * times);
        apart[rank] = wide[rank] = type->dim[i];
        rank++;
        if (times == 1) continue;
        apart[rank] = dim_fixed(1);
        wide[rank++] = dim_fixed(times);
    }
    Value split = make_reshape_to(m, x, rank, apart);
    return make_reshape_to(m, make_broadcast_to(m, split, rank, wide), type->rank, shape);
}

/* ---- all axes ---- */

/* What is outside of the operand all around; or all of it, when nothing is inside. */
static Value with_outside(const Maker *m, Value x, const AxisPlan *plans, int count)
{
    const ResizeAttrs *attrs = m->node->attrs;
    const Type *type = &m->node->types[0];
    PadAttrs pad = {.begin.count = type->rank, .end.count = type->rank};
    bool any = false;
    for (int i = 0; i < count; i++) {
        pad.begin.at[plans[i].axis] = plans[i].taps.first;
        pad.end.at[plans[i].axis] = plans[i].taps.out - plans[i].taps.last;
        any = any || kept(&plans[i].taps) < plans[i].taps.out;
    }
    if (!any) return x;
    Value operands[] = {x, make_number(m, type->dtype, attrs->outside)};
    return make(m, OP_pad, &pad, 2, operands);
}

static Value all_outside(const Maker *m)
{
    const Type *type = &m->node->types[0];
    Value number = make_number(m, type->dtype, ((const ResizeAttrs *)m->node->attrs)->outside);
    return make_broadcast_to(m, number, type->rank, type->dim);
}

/* Whether it costs less to do `a` before `b`: elements are cheap along axes where many lie side by side behind them,
 * and fewer behind an axis that shrinks.  Axes that are repeated come last. */
static bool comes_first(const AxisPlan *a, const AxisPlan *b)
{
    if ((a->times > 0) != (b->times > 0)) return b->times > 0;
    double both = a->growth * b->growth;
    return a->growth * a->step_cost + both * b->step_cost <= b->growth * b->step_cost + both * a->step_cost;
}

static void sort_plans(AxisPlan *plans, int count)
{
    for (int i = 1; i < count; i++)
        for (int k = i; k > 0 && !comes_first(&plans[k - 1], &plans[k]); k--) {
            AxisPlan moved = plans[k];
            plans[k] = plans[k - 1];
            plans[k - 1] = moved;
        }
}

static double step_cost(const Type *type, int axis)
{
    int64_t behind = 1;
    for (int i = axis + 1; i < type->rank; i++) behind *= type->dim[i].high;
    return behind >= USUAL_LANES ? 1 / (double)USUAL_LANES : 1;
}

static bool expand_resize(const Maker *m, Value *out)
{
    AxisPlan plans[MAX_INTS];
    int count = resized_axes(m->node->attrs), single = 0, rank = operand_type(m->node, 0)->rank;
    bool empty = false;
    for (int i = 0; i < count; i++) {
        Resample r = resample_of(m->node, i, &plans[i].axis);
        plans[i].taps = taps_of(m->graph->arena, &r);
        plans[i].growth = (double)r.out / (double)r.in;
        plans[i].step_cost = (double)plans[i].taps.count * step_cost(operand_type(m->node, 0), plans[i].axis);
        empty = empty || kept(&plans[i].taps) <= 0;
        plans[i].times = empty ? 0 : repeats(&plans[i].taps, r.in);
        if (plans[i].times > 1 && ++rank > MAX_RANK) plans[i].times = 0;
    }
    Value x = m->node->inputs[0];
    sort_plans(plans, count);
    while (single < count && !plans[single].times) single++;
    for (int i = 0; i < single && !empty; i++) x = resized(m, x, &plans[i]);
    if (single < count && rank > operand_type(m->node, 0)->rank) x = repeated(m, x, plans + single, count - single);
    out[0] = empty ? all_outside(m) : with_outside(m, x, plans, count);
    return out[0].node != NULL;
}

/* ---- the operator ---- */

static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
static const char *const coordinates[] = {
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "crop", NULL};
static const char *const rounds[] = {"prefer_floor", "prefer_ceil", "floor", "ceil", NULL};

const OpDef op_resize = {
    .name = "resize",
    .doc = "x with other sizes along some axes, as ONNX's Resize has it: each element is the one nearest to its place, "
           "or the weighted sum of its two (linear) or four (cubic) neighbours along each axis, edges repeated.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = (const Operand[]){{.name = "x", .doc = "[N, H, W, C], or any shape; floats but for `mode: nearest`"}},
    .attrs = ATTRS(
        ResizeAttrs, ATTR(ResizeAttrs, size, .kind = ATTR_INTS, .doc = "sizes of the result along the axes"),
        ATTR(ResizeAttrs, axes, .kind = ATTR_INTS, .doc = "what is resized; left out: the axes from the second on"),
        ATTR(ResizeAttrs, scale, .kind = ATTR_REALS, .doc = "how many elements one becomes; left out: new by old size"),
        ATTR(ResizeAttrs, region, .kind = ATTR_REALS,
             .doc = "with `coordinates: crop` the part that is resized: begins, then ends; the first element is 0, "
                    "the last 1"),
        ATTR(ResizeAttrs, mode, .kind = ATTR_ENUM, .fallback = RESIZE_LINEAR, .words = modes, .doc = "how to weigh"),
        ATTR(ResizeAttrs, coordinates, .kind = ATTR_ENUM, .words = coordinates,
             .doc = "where elements of the result lie between those of x"),
        ATTR(ResizeAttrs, round, .kind = ATTR_ENUM, .words = rounds, .doc = "which element is nearest"),
        ATTR(ResizeAttrs, antialias, .kind = ATTR_BOOL,
             .doc = "what becomes smaller is averaged over all elements that are left out"),
        ATTR(ResizeAttrs, exclude_outside, .kind = ATTR_BOOL, .doc = "elements beyond the edges weigh nothing"),
        ATTR(ResizeAttrs, cubic, .kind = ATTR_FLOAT, .fallback = -0.75, .doc = "parameter a of cubic weights"),
        ATTR(ResizeAttrs, outside, .kind = ATTR_FLOAT, .doc = "what is outside of x, with `coordinates: crop`")),
    .infer = infer_resize,
    .expand = expand_resize,
};
