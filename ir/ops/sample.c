/* Pictures and volumes read at computed places. */
#include "ir/ops/sampler.h"

enum { X, AT };

static const char *const modes[] = {"nearest", "linear", "cubic", NULL};

/* ---- sample_at ---- */

/* x [N, D..., C], at [N, P..., number of D]. */
static bool need_places(const Node *node, Diag *diag)
{
    const Type *x = operand_type(node, X), *at = operand_type(node, AT);
    int axes = x->rank - 2;
    bool fits = axes >= 1 && axes <= SAMPLED_AXES && at->rank >= 2 && at->dim[at->rank - 1].high == axes;
    fits = fits && at->dim[0].high == x->dim[0].high;
    for (int i = 0; i < axes && fits; i++) fits = x->dim[1 + i].high <= 1 << 30;
    if (fits) return true;
    diag_error(diag, E0301, node_span(node),
               "%s: expected [N, D..., C] with 1 to %d axes D and places [N, ..., one "
               "number for each D], found %s and %s",
               node_def(node)->name, SAMPLED_AXES, operand_text(node, X, diag->arena),
               operand_text(node, AT, diag->arena));
    return diag_help(diag, "reshape and transpose regroup axes");
}

static bool fitting_places(int index, const Type *first, int64_t number, Type *out)
{
    if (index != AT || first->rank < 3 || first->rank > 2 + SAMPLED_AXES) return false;
    const int64_t dims[] = {first->dim[0].high, 1 + number % 7, first->rank - 2};
    *out = type_tensor(F32, 3, dims);
    return true;
}

static bool infer_sample(const Node *node, int mode, Type *out, Diag *diag)
{
    const Type *x = operand_type(node, X);
    if (!need_dtype(node, X, mode == RESIZE_NEAREST ? ACCEPT_COMPUTED : ACCEPT_FLOATS, diag)) return false;
    if (!need_dtype(node, AT, ACCEPT_FLOATS, diag) || !need_fixed(node, X, diag) || !need_fixed(node, AT, diag))
        return false;
    if (!need_places(node, diag)) return false;
    *out = *operand_type(node, AT);
    out->dtype = x->dtype;
    out->dim[out->rank - 1] = x->dim[x->rank - 1];
    return need_sane(node, out, diag);
}

static bool infer_sample_at(const Node *node, Type *out, Diag *diag)
{
    return infer_sample(node, ((const SampleAttrs *)node->attrs)->mode, out, diag);
}

static bool expand_sample_at(const Maker *m, Value *out)
{
    const SampleAttrs *attrs = m->node->attrs;
    int rank = m->node->types[0].rank;
    Sampler s = {.m = m, .x = m->node->inputs[X], .axes = operand_type(m->node, X)->rank - 2, .rank = rank};
    Value place[SAMPLED_AXES];
    for (int i = 0; i < s.axes; i++) place[i] = make_slice(m, m->node->inputs[AT], rank - 1, i, i + 1);
    sampler_at(&s, (ResizeMode)attrs->mode, (SampleOutside)attrs->outside, place);
    out[0] = sampler_sum(&s);
    return out[0].node != NULL;
}

static const char *const outsides[] = {"zeros", "edge", "reflect", "symmetric", NULL};

const OpDef op_sample_at = {
    .name = "sample_at",
    .doc = "x between its elements: at each place the element that is nearest (halves to even), or the weighted sum of "
           "the 2 (linear) or 4 (cubic, a = -0.75) neighbours along each axis.",
    .kind = KIND_COMPOSITE,
    .noperands = 2,
    .operands = (const Operand[]){{.name = "x", .doc = "[N, D..., C] with 1 to 3 axes D"},
                                  {.name = "at", .doc = "[N, P..., number of D]: 0 is the first element of that axis"}},
    .attrs = ATTRS(
        SampleAttrs,
        ATTR(SampleAttrs, mode, .kind = ATTR_ENUM, .fallback = RESIZE_LINEAR, .words = modes, .doc = "how to weigh"),
        ATTR(SampleAttrs, outside, .kind = ATTR_ENUM, .words = outsides,
             .doc = "what is beyond the ends: zeros, the nearest element, or x mirrored at its last "
                    "elements (reflect) or at their outer edges (symmetric)")),
    .infer = infer_sample_at,
    .fitting = fitting_places,
    .expand = expand_sample_at,
};

/* ---- grid_sample ---- */

static bool infer_grid_sample(const Node *node, Type *out, Diag *diag)
{
    return infer_sample(node, ((const GridSampleAttrs *)node->attrs)->mode, out, diag);
}

/* The grid's last axis the other way round: x, y, z are counted from the last axis of x. */
static Value by_axes(const Maker *m, Value grid)
{
    const Type *type = value_type(grid);
    int last = type->rank - 1;
    SliceAttrs attrs = {.begin.count = last + 1, .end.count = last + 1, .step.count = last + 1};
    for (int i = 0; i <= last; i++) {
        attrs.end.at[i] = type->dim[i].high;
        attrs.step.at[i] = 1;
    }
    attrs.begin.at[last] = -1;
    attrs.end.at[last] = -type->dim[last].high - 1;
    attrs.step.at[last] = -1;
    return make(m, OP_slice, &attrs, 1, &grid);
}

/* From -1 .. 1 to the elements of each axis. */
static Value places_of(const Maker *m, Value grid, bool align_corners)
{
    const Type *x = operand_type(m->node, X);
    double sizes[SAMPLED_AXES];
    int64_t axes = x->rank - 2;
    for (int i = 0; i < axes; i++) sizes[i] = (double)x->dim[1 + i].high - (align_corners ? 1 : 0);
    Value lengths = make_reals(m, value_type(grid)->dtype, 1, &axes, sizes);
    Value up = make_with_number(m, OP_add, grid, 1);
    if (align_corners) return make_binary(m, OP_mul, make_with_number(m, OP_mul, up, 0.5), lengths);
    return make_with_number(m, OP_mul, make_with_number(m, OP_add, make_binary(m, OP_mul, up, lengths), -1), 0.5);
}

static bool expand_grid_sample(const Maker *m, Value *out)
{
    const GridSampleAttrs *attrs = m->node->attrs;
    const SampleOutside mirror = attrs->align_corners ? SAMPLE_REFLECT : SAMPLE_SYMMETRIC;
    const SampleOutside outside[] = {SAMPLE_ZEROS, SAMPLE_EDGE, mirror};
    SampleAttrs sample = {.mode = attrs->mode, .outside = (int)outside[attrs->outside]};
    Value grid = m->node->inputs[AT];
    if (dtype_bits(value_type(grid)->dtype) < 32) grid = make_cast(m, grid, F32);
    grid = by_axes(m, grid);
    if (!grid.node) return false;
    Value operands[] = {m->node->inputs[X], places_of(m, grid, attrs->align_corners)};
    out[0] = make(m, OP_sample_at, &sample, 2, operands);
    return out[0].node != NULL;
}

static const char *const grid_outsides[] = {"zeros", "edge", "mirror", NULL};

const OpDef op_grid_sample = {
    .name = "grid_sample",
    .doc = "x between its elements, at places where -1 and 1 are its ends, as ONNX's GridSample has them.",
    .kind = KIND_COMPOSITE,
    .noperands = 2,
    .operands = (const Operand[]){{.name = "x", .doc = "[N, D..., C] with 1 to 3 axes D"},
                                  {.name = "grid", .doc = "[N, P..., number of D]: the last axis of D comes first"}},
    .attrs = ATTRS(GridSampleAttrs,
                   ATTR(GridSampleAttrs, mode, .kind = ATTR_ENUM, .fallback = RESIZE_LINEAR, .words = modes,
                        .doc = "how to weigh"),
                   ATTR(GridSampleAttrs, outside, .kind = ATTR_ENUM, .words = grid_outsides,
                        .doc = "what is beyond the ends: zeros, the nearest element, or x mirrored"),
                   ATTR(GridSampleAttrs, align_corners, .kind = ATTR_BOOL,
                        .doc = "the ends are the middles of the first and last elements, not their outer edges")),
    .infer = infer_grid_sample,
    .fitting = fitting_places,
    .expand = expand_grid_sample,
};

/* ---- affine_grid ---- */

static bool fitting_matrices(int index, const Type *first, int64_t number, Type *out)
{
    int64_t axes = 1 + number % SAMPLED_AXES;
    const int64_t dims[] = {2, axes, axes + 1};
    (void)first;
    *out = type_tensor(F32, 3, dims);
    return index == 0;
}

static bool infer_affine_grid(const Node *node, Type *out, Diag *diag)
{
    const IntList *size = &((const AffineGridAttrs *)node->attrs)->size;
    const Type *theta = operand_type(node, 0);
    if (!need_dtype(node, 0, ACCEPT_FLOATS, diag) || !need_fixed(node, 0, diag)) return false;
    bool fits = size->count >= 1 && size->count <= SAMPLED_AXES && theta->rank == 3;
    fits = fits && theta->dim[1].high == size->count && theta->dim[2].high == size->count + 1;
    if (!fits) {
        diag_error(diag, E0301, node_span(node), "affine_grid: expected [N, D, D + 1] for D sizes, 1 to %d, found %s",
                   SAMPLED_AXES, operand_text(node, 0, diag->arena));
        return diag_help(diag, "write affine_grid(theta, size: [H, W]) with theta [N, 2, 3]");
    }
    *out = *theta;
    out->rank = size->count + 2;
    for (int i = 0; i < size->count; i++) {
        if (size->at[i] < 1 || size->at[i] > 1 << 24) {
            diag_error(diag, E0404, node_span(node), "affine_grid: a size of %lld", (long long)size->at[i]);
            return diag_help(diag, "sizes are from 1 to 2^24");
        }
        out->dim[1 + i] = dim_fixed(size->at[i]);
    }
    out->dim[out->rank - 1] = dim_fixed(size->count);
    return need_sane(node, out, diag);
}

/* Where the elements of an axis lie between -1 and 1, to broadcast along that axis. */
static Value axis_places(const Maker *m, int axis, int rank)
{
    const AffineGridAttrs *attrs = m->node->attrs;
    int64_t dims[MAX_RANK], size = attrs->size.at[axis];
    double *at = ARENA_ARRAY(m->graph->arena, double, size);
    for (int i = 0; i < rank; i++) dims[i] = i == 1 + axis ? size : 1;
    for (int64_t i = 0; i < size; i++)
        at[i] = attrs->align_corners ? (size > 1 ? 2 * (double)i / (double)(size - 1) - 1 : -1)
                                     : (2 * (double)i + 1) / (double)size - 1;
    return make_reals(m, m->node->types[0].dtype, rank, dims, at);
}

static bool expand_affine_grid(const Maker *m, Value *out)
{
    const Type *type = &m->node->types[0];
    int axes = type->rank - 2;
    int64_t dims[MAX_RANK];
    for (int i = 0; i < type->rank; i++) dims[i] = i == 0 ? type->dim[0].high : i == type->rank - 1 ? axes : 1;
    Value sum = {NULL, 0};
    for (int i = 0; i <= axes; i++) {
        Value factor = make_reshape(m, make_slice(m, m->node->inputs[0], 2, i, i + 1), type->rank, dims);
        Value part = factor;
        if (i < axes) {
            Value at = axis_places(m, axes - 1 - i, type->rank);
            part = make_binary(m, OP_mul, factor, at);
        }
        sum = i ? make_binary(m, OP_add, sum, part) : part;
    }
    out[0] = sum;
    return out[0].node != NULL;
}

const OpDef op_affine_grid = {
    .name = "affine_grid",
    .doc = "Places for grid_sample: theta times (x, y, ..., 1) at every element of a picture or volume of that size.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = (const Operand[]){{.name = "theta", .doc = "[N, 2, 3] or [N, 3, 4]"}},
    .attrs = ATTRS(AffineGridAttrs,
                   ATTR(AffineGridAttrs, size, .kind = ATTR_INTS, .flags = ATTR_REQUIRED, .doc = "[H, W] or [D, H, W]"),
                   ATTR(AffineGridAttrs, align_corners, .kind = ATTR_BOOL,
                        .doc = "-1 and 1 are the middles of the first and last elements, not their outer edges")),
    .infer = infer_affine_grid,
    .fitting = fitting_matrices,
    .expand = expand_affine_grid,
};
