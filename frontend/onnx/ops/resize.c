/* Resize and Upsample: sizes and scales are known when compiling. */
#include "frontend/onnx/sizes.h"
#include "ir/signal.h"

#include <math.h>
#include <string.h>

/* ---- attributes ---- */

static int word_of(const char *word, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (!strcmp(word, words[i])) return i;
    return -1;
}

/* The words in the order of ResizeMode and of the others. */
static bool read_words(OnnxCall *c, ResizeAttrs *out)
{
    static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
    static const char *const coordinates[] = {
        "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize",
        NULL};
    static const char *const rounds[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL};
    bool old = c->opset < 11; /* when there was one way of each */
    out->mode = word_of(onnx_string(c, "mode", "nearest"), modes);
    out->coordinates =
        word_of(old ? "asymmetric" : onnx_string(c, "coordinate_transformation_mode", "half_pixel"), coordinates);
    out->round = word_of(old ? "floor" : onnx_string(c, "nearest_mode", "round_prefer_floor"), rounds);
    if (out->mode < 0 || out->coordinates < 0 || out->round < 0) return onnx_wrong(c, "there is no such mode");
    return true;
}

static bool read_attrs(OnnxCall *c, ResizeAttrs *out)
{
    attr_set_defaults(&op_resize.attrs, out);
    if (!read_words(c, out)) return false;
    out->cubic = onnx_float(c, "cubic_coeff_a", -0.75);
    out->outside = onnx_float(c, "extrapolation_value", 0);
    out->exclude_outside = onnx_int(c, "exclude_outside", 0) != 0;
    out->antialias = onnx_int(c, "antialias", 0) != 0;
    return true;
}

/* ---- sizes ---- */

/* One scale for all axes, sizes rounded to it: not larger than was said, or not smaller. */
static void keep_aspect(ResizeAttrs *attrs, const Type *x, const IntList *axes, bool larger)
{
    double scale = larger ? 0 : INFINITY;
    for (int i = 0; i < attrs->size.count; i++) {
        double one = (double)attrs->size.at[i] / (double)x->dim[axes->at[i]].high;
        scale = larger ? fmax(scale, one) : fmin(scale, one);
    }
    attrs->scale.count = attrs->size.count;
    for (int i = 0; i < attrs->size.count; i++) {
        attrs->scale.at[i] = scale;
        attrs->size.at[i] = (int64_t)floor(scale * (double)x->dim[axes->at[i]].high + 0.5);
    }
}

static bool read_axes(OnnxCall *c, const Type *x, IntList *axes)
{
    if (!onnx_ints(c, "axes", axes)) return false;
    for (int i = 0; i < axes->count; i++) {
        int axis;
        if (!onnx_axis(c, axes->at[i], x->rank, &axis)) return false;
        axes->at[i] = axis;
    }
    for (int i = 0; i < x->rank && !onnx_has_attr(c, "axes"); i++) axes->at[axes->count++] = i;
    return true;
}

/* Axes of which nothing changes are left out of the lists: those that stay go to the front. */
static void drop_axis(ResizeAttrs *attrs, int number, int count, int to)
{
    attrs->axes.at[to] = attrs->axes.at[number];
    if (attrs->size.count) attrs->size.at[to] = attrs->size.at[number];
    if (attrs->scale.count) attrs->scale.at[to] = attrs->scale.at[number];
    if (attrs->region.count) {
        attrs->region.at[to] = attrs->region.at[number];
        attrs->region.at[count + to] = attrs->region.at[count + number];
    }
}

static bool stays(const ResizeAttrs *attrs, const Type *x, int number, int count)
{
    bool same = attrs->scale.count ? attrs->scale.at[number] == 1
                                   : attrs->size.at[number] == x->dim[attrs->axes.at[number]].high;
    if (attrs->region.count) same = same && attrs->region.at[number] == 0 && attrs->region.at[count + number] == 1;
    return same;
}

static void drop_what_stays(ResizeAttrs *attrs, const Type *x)
{
    int count = attrs->axes.count, left = 0;
    for (int i = 0; i < count; i++)
        if (!stays(attrs, x, i, count)) drop_axis(attrs, i, count, left++);
    attrs->axes.count = left;
    if (attrs->size.count) attrs->size.count = left;
    if (attrs->scale.count) attrs->scale.count = left;
    for (int i = 0; i < left && attrs->region.count; i++) attrs->region.at[left + i] = attrs->region.at[count + i];
    if (attrs->region.count) attrs->region.count = 2 * left;
}

/* What is resized is of one size; `sizes` says what an axis that is not keeps. */
static bool has_fixed_dims(OnnxCall *c, const ResizeAttrs *attrs, const DimList *sizes, const Type *x)
{
    for (int i = 0; i < attrs->axes.count; i++) {
        const Dim *dim = &x->dim[attrs->axes.at[i]];
        bool kept = attrs->scale.count ? attrs->scale.at[i] == 1 : dim_equal(&sizes->at[i], dim);
        if (!kept && (!dim_is_fixed(dim) || (!attrs->scale.count && !dim_is_fixed(&sizes->at[i]))))
            return onnx_refuse(c, "", "give the dim a fixed size with --dim", "axis %d has no fixed size",
                               (int)attrs->axes.at[i]);
    }
    return true;
}

/* ---- results ---- */

/* Integers are weighed as f32 and rounded; where batch and channels stay the result is channels-last. */
static bool resized(OnnxCall *c, ResizeAttrs *attrs)
{
    const Type *x = onnx_operand_type(c, 0);
    Dtype dtype = x->dtype;
    bool last = x->rank >= 3, whole = !dtype_is_float(dtype) && attrs->mode != RESIZE_NEAREST;
    if (!attrs->axes.count) return onnx_result(c, 0, onnx_operand(c, 0));
    for (int i = 0; i < attrs->axes.count; i++) last = last && attrs->axes.at[i] >= 2;
    for (int i = 0; i < attrs->axes.count && last; i++) attrs->axes.at[i]--;
    Value in = last ? onnx_operand_last(c, 0) : onnx_operand(c, 0);
    if (whole) in = onnx_cast(c, in, F32);
    Value out = onnx_make(c, OP_resize, attrs, 1, &in);
    if (whole && out.node) out = onnx_cast(c, onnx_make1(c, OP_round, out), dtype);
    return last ? onnx_result_last(c, 0, out) : onnx_result(c, 0, out);
}

bool onnx_op_resize(OnnxCall *c)
{
    ResizeAttrs attrs;
    const Type *x = onnx_operand_type(c, 0);
    bool old = c->opset < 11;
    DimList dims = {0};
    if (!read_attrs(c, &attrs) || !read_axes(c, x, &attrs.axes)) return false;
    const char *policy = onnx_string(c, "keep_aspect_ratio_policy", "stretch");
    if (!old && attrs.coordinates == RESIZE_CROP && !onnx_known_reals(c, 1, "roi", &attrs.region)) return false;
    if (!onnx_known_reals(c, old ? 1 : 2, "scales", &attrs.scale)) return false;
    if (!attrs.scale.count && onnx_has(c, 3) && !onnx_known_dims(c, 3, "sizes", &dims)) return false;
    dims_split(c, &dims, &attrs.size);
    int count = attrs.axes.count, sizes = attrs.scale.count ? attrs.scale.count : attrs.size.count;
    if (sizes != count || (attrs.region.count && attrs.region.count != 2 * count))
        return onnx_wrong(c, "%d sizes or scales for %d axes", sizes, count);
    if (!has_fixed_dims(c, &attrs, &dims, x)) return false;
    if (attrs.size.count && strcmp(policy, "stretch"))
        keep_aspect(&attrs, x, &attrs.axes, !strcmp(policy, "not_smaller"));
    drop_what_stays(&attrs, x);
    return resized(c, &attrs);
}

bool onnx_op_upsample(OnnxCall *c)
{
    ResizeAttrs attrs;
    const Type *x = onnx_operand_type(c, 0);
    if (!read_attrs(c, &attrs)) return false;
    if (c->opset < 9) {
        const Onnx__AttributeProto *scales = onnx_attr(c, "scales");
        if (scales && scales->n_floats <= MAX_REALS) attrs.scale.count = (int)scales->n_floats;
        for (int i = 0; i < attrs.scale.count; i++) attrs.scale.at[i] = (double)scales->floats[i];
    } else if (!onnx_known_reals(c, 1, "scales", &attrs.scale)) {
        return false;
    }
    for (int i = 0; i < x->rank; i++) attrs.axes.at[attrs.axes.count++] = i;
    if (attrs.scale.count != x->rank) return onnx_wrong(c, "%d scales for %d axes", attrs.scale.count, x->rank);
    if (!has_fixed_dims(c, &attrs, NULL, x)) return false;
    drop_what_stays(&attrs, x);
    return resized(c, &attrs);
}
