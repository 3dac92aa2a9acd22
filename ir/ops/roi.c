/* Regions of interest: each is divided into cells, which are means or greatest of samples of the picture. */
#include "ir/ops/sampler.h"

#include <math.h>

enum { X, REGIONS, BATCH, MOST_SAMPLES = 16 };

static bool infer_roi_align(const Node *node, Type *out, Diag *diag)
{
    const RoiAlignAttrs *attrs = node->attrs;
    const Type *x = operand_type(node, X), *regions = operand_type(node, REGIONS);
    if (!need_dtype(node, X, ACCEPT_FLOATS, diag) || !need_same_dtype(node, REGIONS, diag)) return false;
    if (!need_rank(node, X, 4, "[N, H, W, C]", diag) || !need_rank(node, REGIONS, 2, "[regions, 4]", diag))
        return false;
    if (!need_fixed(node, X, diag) || !need_fixed(node, REGIONS, diag) || !need_indices(node, BATCH, diag))
        return false;
    const int64_t shape[] = {regions->dim[0].high, 4};
    if (!need_shape(node, REGIONS, 2, shape, "x and y of the begin, then of the end", diag)) return false;
    if (operand_type(node, BATCH)->rank != 1 || operand_type(node, BATCH)->dim[0].high != shape[0]) {
        diag_error(diag, E0301, node_span(node), "roi_align: expected one of N for each of %lld regions, found %s",
                   (long long)shape[0], operand_text(node, BATCH, diag->arena));
        return diag_help(diag, "batch[i] says which picture of x region i is in");
    }
    bool small = attrs->size.at[0] <= 1 << 20 && attrs->size.at[1] <= 1 << 20 && isfinite(attrs->scale);
    if (!small || attrs->size.at[0] < 1 || attrs->size.at[1] < 1) {
        diag_error(diag, E0404, node_span(node), "roi_align: expected a size from 1 to 2^20 and a finite scale");
        return diag_help(diag, "write roi_align(x, regions, batch, size: [7, 7])");
    }
    *out = *x;
    out->dim[0] = regions->dim[0];
    out->dim[1] = dim_fixed(attrs->size.at[0]);
    out->dim[2] = dim_fixed(attrs->size.at[1]);
    return need_sane(node, out, diag);
}

static bool fitting_regions(int index, const Type *first, int64_t number, Type *out)
{
    const int64_t dims[] = {3, 4}; /* as many regions as there are in the batch operand */
    (void)number;
    if (index == X) return false;
    *out = type_tensor(index == BATCH ? I64 : first->dtype, index == BATCH ? 1 : 2, dims);
    return true;
}

enum { SAMPLES_RANK = 6 }; /* [regions, height, samples, width, samples, C] */

/* One column of the regions, [regions, 1, 1, 1, 1, 1], in elements of x. */
static Value side(const Maker *m, int column)
{
    const RoiAlignAttrs *attrs = m->node->attrs;
    const int64_t dims[SAMPLES_RANK] = {operand_type(m->node, REGIONS)->dim[0].high, 1, 1, 1, 1, 1};
    Value one = make_reshape(m, make_slice(m, m->node->inputs[REGIONS], 1, column, column + 1), SAMPLES_RANK, dims);
    one = make_with_number(m, OP_mul, one, attrs->scale);
    return attrs->half_pixel ? make_with_number(m, OP_add, one, -0.5) : one;
}

/* Where the samples lie along axis 0 (height) or 1 (width): cells, then samples inside each. */
static Value places_along(const Maker *m, int axis)
{
    const RoiAlignAttrs *attrs = m->node->attrs;
    int64_t cells = attrs->size.at[axis], samples = attrs->samples, dims[SAMPLES_RANK] = {1, 1, 1, 1, 1, 1};
    double *part = ARENA_ARRAY(m->graph->arena, double, cells *samples);
    for (int64_t i = 0; i < cells * samples; i++)
        part[i] = (double)(i / samples) + ((double)(i % samples) + 0.5) / (double)samples;
    dims[1 + 2 * axis] = cells;
    dims[2 + 2 * axis] = samples;
    Value begin = side(m, 1 - axis), end = side(m, 3 - axis), length = make_binary(m, OP_sub, end, begin);
    if (!attrs->half_pixel && length.node) {
        Value one = make_number(m, value_type(length)->dtype, 1);
        length = make_binary(m, OP_maximum, length, one);
    }
    Value cell = make_with_number(m, OP_mul, length, 1 / (double)cells);
    Value steps = make_reals(m, m->node->types[0].dtype, SAMPLES_RANK, dims, part);
    Value inside = make_binary(m, OP_mul, cell, steps);
    return make_binary(m, OP_add, begin, inside);
}

/* From one element before the first to one behind the last. */
static Value is_near(const Maker *m, Value place, int64_t size)
{
    if (!place.node) return place;
    Dtype dtype = value_type(place)->dtype;
    Value low = make_number(m, dtype, -1), high = make_number(m, dtype, (double)size);
    Value above = make_binary(m, OP_less_or_equal, low, place);
    Value below = make_binary(m, OP_less_or_equal, place, high);
    return make_binary(m, OP_logical_and, above, below);
}

/* As ONNX has it: the greatest of the four taps, each times its weight. */
static Value greatest_tap(const Sampler *s)
{
    Value most = {NULL, 0};
    for (int i = 0; i < 4; i++) {
        int tap[] = {i / 2, i % 2};
        Value weight = make_binary(s->m, OP_mul, s->weight[0][tap[0]], s->weight[1][tap[1]]);
        Value read = sampler_read(s, tap), part = make_binary(s->m, OP_mul, weight, read);
        most = i ? make_binary(s->m, OP_maximum, most, part) : part;
    }
    return most;
}

static bool expand_roi_align(const Maker *m, Value *out)
{
    const RoiAlignAttrs *attrs = m->node->attrs;
    const Type *x = operand_type(m->node, X);
    const int64_t dims[SAMPLES_RANK] = {operand_type(m->node, REGIONS)->dim[0].high, 1, 1, 1, 1, 1};
    Value place[2], near[2];
    for (int axis = 0; axis < 2; axis++) {
        place[axis] = places_along(m, axis);
        near[axis] = is_near(m, place[axis], x->dim[1 + axis].high);
    }
    Sampler s = {.m = m, .x = m->node->inputs[X], .axes = 2, .rank = SAMPLES_RANK};
    s.batch = make_reshape(m, m->node->inputs[BATCH], SAMPLES_RANK, dims);
    if (!s.batch.node) return false;
    sampler_at(&s, RESIZE_LINEAR, SAMPLE_EDGE, place);
    Value sample = attrs->most ? greatest_tap(&s) : sampler_sum(&s);
    Value both = make_binary(m, OP_logical_and, near[0], near[1]), zero = make_number(m, x->dtype, 0);
    sample = make_where(m, both, sample, zero);
    ReduceAttrs reduce = {.axes = {2, {2, 4}}};
    out[0] = make(m, attrs->most ? OP_reduce_max : OP_reduce_mean, &reduce, 1, &sample);
    return out[0].node != NULL;
}

const OpDef op_roi_align = {
    .name = "roi_align",
    .doc = "Of each region of a picture [height, width] cells, each the mean of samples between the elements of x, "
           "as ONNX's RoiAlign has it.",
    .kind = KIND_COMPOSITE,
    .noperands = 3,
    .operands = (const Operand[]){{.name = "x", .doc = "[N, H, W, C]"},
                                  {.name = "regions", .doc = "[R, 4]: x and y of the begin, x and y of the end"},
                                  {.name = "batch", .flags = OPERAND_INDEX, .doc = "[R]: which of N each is in"}},
    .attrs = ATTRS(RoiAlignAttrs,
                   ATTR(RoiAlignAttrs, size, .kind = ATTR_INTS, .fixed = 2, .fallback = 1, .low = 1, .high = INT64_MAX,
                        .doc = "height and width of the result, in cells"),
                   ATTR(RoiAlignAttrs, samples, .kind = ATTR_INT, .fallback = 2, .low = 1, .high = MOST_SAMPLES,
                        .doc = "of a cell along each axis"),
                   ATTR(RoiAlignAttrs, scale, .kind = ATTR_FLOAT, .fallback = 1,
                        .doc = "elements of x for each unit of the regions"),
                   ATTR(RoiAlignAttrs, half_pixel, .kind = ATTR_BOOL, .fallback = 1,
                        .doc = "regions count from the outer edge of the first element, not from its middle"),
                   ATTR(RoiAlignAttrs, most, .kind = ATTR_BOOL,
                        .doc = "the greatest of the weighed taps instead of the mean of the samples")),
    .infer = infer_roi_align,
    .fitting = fitting_regions,
    .expand = expand_roi_align,
};
