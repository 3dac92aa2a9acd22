/* What stands between a picture and a network: the part that is looked at, its size, its numbers. */
#include "ir/bounded.h"
#include "ir/ops/make.h"
#include "ir/signal.h"

#include <math.h>

static const Operand pictures[] = {{.name = "x", .doc = "[N, H, W, C]"}};
static const Operand any[] = {{.name = "x", .doc = "any shape"}};

static bool refuse(const Node *node, Diag *diag, const char *what, const char *way_out)
{
    diag_error(diag, E0404, node_span(node), "%s of %s: %s", node_def(node)->name, operand_text(node, 0, diag->arena),
               what);
    return diag_help(diag, "%s", way_out);
}

/* ---- crop ---- */

/* The axes are those from the second on. */
static bool infer_crop(const Node *node, Type *out, Diag *diag)
{
    const CropAttrs *attrs = node->attrs;
    *out = *operand_type(node, 0);
    if (!need_fixed(node, 0, diag)) return false;
    if (attrs->size.count < 1 || attrs->size.count >= out->rank ||
        (attrs->begin.count && attrs->begin.count != attrs->size.count))
        return refuse(node, diag, "expected a size, and perhaps a begin, for axes from the second on",
                      "write crop(x, size: [224, 224])");
    for (int i = 0; i < attrs->size.count; i++) {
        int64_t size = attrs->size.at[i], all = out->dim[1 + i].high;
        int64_t begin = attrs->begin.count ? attrs->begin.at[i] : 0;
        if (size < 1 || size > all || begin < 0 || begin > all - size)
            return refuse(node, diag, "the part reaches beyond it", "pad(x, ...) makes it larger, resize too");
        out->dim[1 + i] = dim_fixed(size);
    }
    return true;
}

/* (dim + more) / 2. */
static Dim half_of(const Graph *graph, const Dim *dim, int64_t more)
{
    if (dim_is_fixed(dim)) return dim_fixed((dim->high + more) / 2);
    const Graph *root = graph_root(graph);
    int64_t factor = dim->factor ? dim->factor : 1, divisor = dim->factor ? dim->divisor : 1;
    return dim_form(&root->dims[graph_dim(root, dim)], factor, dim->base + divisor * more, 2 * divisor);
}

static bool expand_crop(const Maker *m, Value *out)
{
    const CropAttrs *attrs = m->node->attrs;
    const Type *x = operand_type(m->node, 0);
    int count = attrs->size.count;
    SliceAttrs slice = {0};
    Dim begin[MAX_INTS], end[MAX_INTS];
    begin[0] = dim_fixed(0);
    end[0] = x->dim[0];
    for (int i = 0; i < count; i++) {
        int64_t size = attrs->size.at[i], given = attrs->begin.count ? attrs->begin.at[i] : -1;
        begin[1 + i] = given < 0 ? half_of(m->graph, &x->dim[1 + i], -size) : dim_fixed(given);
        end[1 + i] = given < 0 ? half_of(m->graph, &x->dim[1 + i], size) : dim_fixed(given + size);
    }
    slice.begin_dims = make_dims(m, count + 1, begin, &slice.begin);
    slice.end_dims = make_dims(m, count + 1, end, &slice.end);
    out[0] = make(m, OP_slice, &slice, 1, &m->node->inputs[0]);
    return out[0].node != NULL;
}

const OpDef op_crop = {
    .name = "crop",
    .doc = "A part of a picture: the middle, or what begins somewhere.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = pictures,
    .attrs = ATTRS(CropAttrs,
                   ATTR(CropAttrs, size, .kind = ATTR_INTS, .flags = ATTR_REQUIRED,
                        .doc = "height and width; of other shapes the axes from the second on"),
                   ATTR(CropAttrs, begin, .kind = ATTR_INTS, .doc = "the first row and column; left out: the middle")),
    .infer = infer_crop,
    .expand = expand_crop,
};

/* ---- letterbox ---- */

/* Height and width of the picture inside: as large as fits, in its own proportions. */
static void inner_size(const Node *node, int64_t *inner)
{
    const LetterboxAttrs *attrs = node->attrs;
    const Type *x = operand_type(node, 0);
    double scale = INFINITY;
    for (int i = 0; i < 2; i++) scale = fmin(scale, (double)attrs->size.at[i] / (double)x->dim[1 + i].high);
    for (int i = 0; i < 2; i++) {
        double size = floor(scale * (double)x->dim[1 + i].high + 0.5);
        inner[i] = size < 1 ? 1 : size > (double)attrs->size.at[i] ? attrs->size.at[i] : (int64_t)size;
    }
}

static bool infer_letterbox(const Node *node, Type *out, Diag *diag)
{
    const LetterboxAttrs *attrs = node->attrs;
    bool nearest = attrs->mode == RESIZE_NEAREST;
    if (!need_rank(node, 0, 4, "[N, H, W, C]", diag) || !need_fixed(node, 0, diag)) return false;
    if (!need_dtype(node, 0, nearest ? ACCEPT_COMPUTED : ACCEPT_FLOATS, diag)) return false;
    *out = *operand_type(node, 0);
    for (int i = 0; i < 2; i++) {
        if (attrs->size.at[i] < 1 || attrs->size.at[i] > 1 << 20)
            return refuse(node, diag, "expected a height and width from 1 to 2^20", "as in size: [224, 224]");
        out->dim[1 + i] = dim_fixed(attrs->size.at[i]);
    }
    return need_sane(node, out, diag);
}

static bool expand_letterbox(const Maker *m, Value *out)
{
    const LetterboxAttrs *attrs = m->node->attrs;
    const Type *x = operand_type(m->node, 0);
    int64_t inner[2];
    inner_size(m->node, inner);
    ResizeAttrs resize;
    attr_set_defaults(&op_resize.attrs, &resize);
    resize.size = (IntList){2, {inner[0], inner[1]}};
    resize.mode = attrs->mode;
    resize.antialias = attrs->antialias && attrs->mode != RESIZE_NEAREST;
    PadAttrs pad = {.begin.count = 3, .end.count = 3};
    for (int i = 0; i < 2; i++) {
        int64_t left = attrs->size.at[i] - inner[i];
        pad.begin.at[1 + i] = left / 2;
        pad.end.at[1 + i] = left - left / 2;
    }
    Value operands[2] = {make(m, OP_resize, &resize, 1, &m->node->inputs[0]), {NULL, 0}};
    operands[1] = make_number(m, x->dtype, attrs->value);
    out[0] = make(m, OP_pad, &pad, 2, operands);
    return out[0].node != NULL;
}

static const char *const modes[] = {"nearest", "linear", "cubic", NULL};

const OpDef op_letterbox = {
    .name = "letterbox",
    .doc = "A picture in another size that keeps its proportions, in the middle of bars of one value.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = pictures,
    .attrs = ATTRS(LetterboxAttrs,
                   ATTR(LetterboxAttrs, size, .kind = ATTR_INTS, .fixed = 2, .flags = ATTR_REQUIRED, .low = 1,
                        .high = INT64_MAX, .doc = "height and width of the result"),
                   ATTR(LetterboxAttrs, value, .kind = ATTR_FLOAT, .doc = "of the bars"),
                   ATTR(LetterboxAttrs, mode, .kind = ATTR_ENUM, .fallback = RESIZE_LINEAR, .words = modes,
                        .doc = "how to weigh, as of resize"),
                   ATTR(LetterboxAttrs, antialias, .kind = ATTR_BOOL, .doc = "as of resize")),
    .infer = infer_letterbox,
    .expand = expand_letterbox,
};

/* ---- normalise ---- */

static bool infer_normalise(const Node *node, Type *out, Diag *diag)
{
    const NormaliseAttrs *attrs = node->attrs;
    *out = *operand_type(node, 0);
    if (!need_dtype(node, 0, ACCEPT_FLOATS, diag)) return false;
    int64_t channels = out->rank && dim_is_fixed(&out->dim[out->rank - 1]) ? out->dim[out->rank - 1].high : 1;
    bool fits = true;
    for (int i = 0; i < 2; i++) {
        const RealList *list = i ? &attrs->std : &attrs->mean;
        fits = fits && (list->count <= 1 || list->count == channels);
        for (int k = 0; k < list->count; k++) fits = fits && isfinite(list->at[k]) && (!i || list->at[k] > 0);
    }
    if (fits) return true;
    return refuse(node, diag, "expected one mean and one std, or one for each channel, std above 0",
                  "as in mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]");
}

/* One number, or one for each channel. */
static Value numbers(const Maker *m, Dtype dtype, int64_t count, const double *values)
{
    return count == 1 ? make_number(m, dtype, values[0]) : make_reals(m, dtype, 1, &count, values);
}

static bool expand_normalise(const Maker *m, Value *out)
{
    const NormaliseAttrs *attrs = m->node->attrs;
    Dtype dtype = m->node->types[0].dtype;
    double factors[MAX_REALS];
    Value x = m->node->inputs[0];
    for (int i = 0; i < attrs->std.count; i++) factors[i] = 1 / attrs->std.at[i];
    if (attrs->mean.count) {
        Value mean = numbers(m, dtype, attrs->mean.count, attrs->mean.at);
        x = make_binary(m, OP_sub, x, mean);
    }
    if (attrs->std.count) {
        Value factor = numbers(m, dtype, attrs->std.count, factors);
        x = make_binary(m, OP_mul, x, factor);
    }
    out[0] = x;
    return out[0].node != NULL;
}

const OpDef op_normalise = {
    .name = "normalise",
    .doc = "(x - mean) * (1 / std), channel by channel of the last axis.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = any,
    .attrs = ATTRS(
        NormaliseAttrs, ATTR(NormaliseAttrs, mean, .kind = ATTR_REALS, .doc = "one number, or one for each channel; 0"),
        ATTR(NormaliseAttrs, std, .kind = ATTR_REALS, .doc = "one number above 0, or one for each channel; 1")),
    .infer = infer_normalise,
    .expand = expand_normalise,
};

/* ---- reverse ---- */

static bool infer_reverse(const Node *node, Type *out, Diag *diag)
{
    const IntList *axes = &((const ReverseAttrs *)node->attrs)->axes;
    *out = *operand_type(node, 0);
    for (int i = 0; i < axes->count; i++) {
        int axis;
        if (!need_axis(node, axes->at[i], out->rank, &axis, diag)) return false;
        if (!dim_is_fixed(&out->dim[axis])) return need_fixed(node, 0, diag);
    }
    return true;
}

static bool expand_reverse(const Maker *m, Value *out)
{
    const IntList *axes = &((const ReverseAttrs *)m->node->attrs)->axes;
    const Type *x = operand_type(m->node, 0);
    SliceAttrs slice = {.begin.count = x->rank, .end.count = x->rank, .step.count = x->rank};
    for (int i = 0; i < x->rank; i++) {
        slice.end.at[i] = x->dim[i].high;
        slice.step.at[i] = 1;
    }
    for (int i = 0; i < axes->count; i++) {
        int axis = (int)(axes->at[i] < 0 ? axes->at[i] + x->rank : axes->at[i]);
        slice.begin.at[axis] = x->dim[axis].high - 1;
        slice.end.at[axis] = -x->dim[axis].high - 1;
        slice.step.at[axis] = -1;
    }
    out[0] = make(m, OP_slice, &slice, 1, &m->node->inputs[0]);
    return out[0].node != NULL;
}

const OpDef op_reverse = {
    .name = "reverse",
    .doc = "The elements of some axes the other way round: of the channels it makes BGR of RGB.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = any,
    .attrs = ATTRS(ReverseAttrs, ATTR(ReverseAttrs, axes, .kind = ATTR_INTS, .flags = ATTR_REQUIRED,
                                      .doc = "which; negative from the end")),
    .infer = infer_reverse,
    .expand = expand_reverse,
    .tflite = "REVERSE_V2",
};
