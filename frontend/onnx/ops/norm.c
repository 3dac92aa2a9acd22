/* Normalisations. */
#include "frontend/onnx/sizes.h"
#include "frontend/onnx/window.h"

static Value number_like(OnnxCall *c, Value a, double value)
{
    return onnx_number(c, a.node ? value_type(a)->dtype : F32, value);
}

static Value mean_over(OnnxCall *c, Value x, const IntList *axes)
{
    return onnx_make(c, OP_reduce_mean, &(ReduceAttrs){*axes, true}, 1, &x);
}

/* What a value is divided by and centred with. */
typedef struct Moments {
    Value mean, centred, variance;
} Moments;

static Moments moments_of(OnnxCall *c, Value x, const IntList *axes)
{
    Moments m = {.mean = mean_over(c, x, axes)};
    m.centred = onnx_make2(c, OP_sub, x, m.mean);
    m.variance = mean_over(c, onnx_make2(c, OP_mul, m.centred, m.centred), axes);
    return m;
}

static Value inverse_deviation(OnnxCall *c, Value variance, double epsilon)
{
    Value root = onnx_make1(c, OP_sqrt, onnx_make2(c, OP_add, variance, number_like(c, variance, epsilon)));
    return onnx_make2(c, OP_div, number_like(c, root, 1), root);
}

static IntList axes_between(int from, int to)
{
    IntList axes = {0};
    for (int i = from; i < to; i++) axes.at[axes.count++] = i;
    return axes;
}

static Value scaled_and_moved(OnnxCall *c, Value x, Value scale, Value offset)
{
    if (scale.node) x = onnx_make2(c, OP_mul, x, scale);
    return offset.node ? onnx_make2(c, OP_add, x, offset) : x;
}

/* ---- of a batch ---- */

/* running = running * momentum + of this batch * (1 - momentum) */
static Value running(OnnxCall *c, Value before, Value now, double momentum)
{
    Value kept = onnx_make2(c, OP_mul, before, number_like(c, before, momentum));
    return onnx_make2(c, OP_add, kept, onnx_make2(c, OP_mul, now, number_like(c, now, 1 - momentum)));
}

static bool train_batch_norm(OnnxCall *c, Value x, double epsilon, double momentum)
{
    IntList axes = axes_between(0, value_type(x)->rank - 1);
    int64_t channels = value_type(x)->dim[axes.count].high;
    Moments m = moments_of(c, x, &axes);
    Value normal = onnx_make2(c, OP_mul, m.centred, inverse_deviation(c, m.variance, epsilon));
    Value y = scaled_and_moved(c, normal, onnx_operand(c, 1), onnx_operand(c, 2));
    if (!onnx_result_last(c, 0, y)) return false;
    Value now[] = {m.mean, m.variance};
    for (int i = 0; i < 2; i++)
        if (onnx_wants(c, 1 + i) &&
            !onnx_result(c, 1 + i, running(c, onnx_operand(c, 3 + i), onnx_reshape(c, now[i], 1, &channels), momentum)))
            return false;
    return true;
}

bool onnx_op_batch_norm(OnnxCall *c)
{
    double epsilon = onnx_float(c, "epsilon", 1e-5), momentum = onnx_float(c, "momentum", 0.9);
    static const char *const old[] = {"is_test", "consumed_inputs"};
    for (int i = 0; i < 2; i++) onnx_ignore(c, old[i]);
    if (!onnx_int(c, "spatial", 1))
        return onnx_refuse(c, "spatial", "normalise each channel as a whole", "statistics of each pixel");
    Value x = onnx_operand_last(c, 0);
    if (onnx_int(c, "training_mode", 0)) return x.node && train_batch_norm(c, x, epsilon, momentum);
    Value in[5] = {x};
    for (int i = 1; i < 5; i++) in[i] = onnx_operand(c, i);
    return onnx_result_last(c, 0, onnx_make(c, OP_batch_norm, &(BatchNormAttrs){epsilon}, 5, in));
}

/* ---- of an image, of groups of its channels ---- */

bool onnx_op_instance_norm(OnnxCall *c)
{
    Value x = onnx_operand_last(c, 0);
    double epsilon = onnx_float(c, "epsilon", 1e-5);
    onnx_ignore(c, "consumed_inputs");
    if (!x.node || value_type(x)->rank < 3) return onnx_wrong(c, "expected an operand [N, C, ...]");
    IntList axes = axes_between(1, value_type(x)->rank - 1);
    Moments m = moments_of(c, x, &axes);
    Value normal = onnx_make2(c, OP_mul, m.centred, inverse_deviation(c, m.variance, epsilon));
    return onnx_result_last(c, 0, scaled_and_moved(c, normal, onnx_operand(c, 1), onnx_operand(c, 2)));
}

/* One element a channel, or in opset 18 a group, in front of the spatial axes. */
static Value of_channels(OnnxCall *c, Value scale, int64_t channels, int rank)
{
    int64_t given = scale.node ? type_elements(value_type(scale)) : 0, dims[MAX_RANK] = {1, given, 1, 1, 1, 1, 1, 1};
    if (!given || channels % given) return (Value){NULL, 0};
    if (given != channels) {
        scale = onnx_broadcast(c, onnx_reshape(c, scale, 2, (const int64_t[]){given, 1}), 2,
                               (const int64_t[]){given, channels / given});
        dims[1] = channels;
    }
    return onnx_reshape(c, scale, rank, dims);
}

bool onnx_op_group_norm(OnnxCall *c)
{
    Value x = onnx_operand(c, 0);
    const Type *type = value_type(x);
    int64_t groups = onnx_int(c, "num_groups", 1), channels = type->rank > 1 ? type->dim[1].high : 0;
    double epsilon = onnx_float(c, "epsilon", 1e-5);
    onnx_ignore(c, "stash_type"); /* sums are f32 at least */
    if (type->rank < 2 || groups < 1 || channels % groups || !type->dim[0].high)
        return onnx_wrong(c, "%lld groups do not divide the channels", (long long)groups);
    DimList dims = dims_of(type), grouped = {3, {type->dim[0], dim_fixed(groups), dim_fixed(-1)}};
    if (type_is_fixed(type)) grouped.at[2] = dim_fixed(type_elements(type) / type->dim[0].high / groups);
    IntList axes = {1, {2}};
    Moments m = moments_of(c, onnx_reshape_dims(c, x, &grouped), &axes);
    Value normal = onnx_make2(c, OP_mul, m.centred, inverse_deviation(c, m.variance, epsilon));
    normal = onnx_reshape_dims(c, normal, &dims);
    Value scale = of_channels(c, onnx_operand(c, 1), channels, type->rank);
    Value offset = of_channels(c, onnx_operand(c, 2), channels, type->rank);
    return onnx_result(c, 0, scaled_and_moved(c, normal, scale, offset));
}

/* ---- of the axes from one on ---- */

typedef struct Rows {
    Value x; /* in f32 where it was of 16 bits */
    IntList axes;
    Dtype dtype;
    double epsilon;
} Rows;

static bool read_rows(OnnxCall *c, Rows *out)
{
    Value x = onnx_operand(c, 0);
    int axis, rank = value_type(x)->rank;
    if (!onnx_axis(c, onnx_int(c, "axis", -1), rank, &axis)) return false;
    out->dtype = value_type(x)->dtype;
    out->axes = axes_between(axis, rank);
    out->epsilon = onnx_float(c, "epsilon", 1e-5);
    bool wide = onnx_int(c, "stash_type", 1) == 1 && dtype_bits(out->dtype) < 32;
    out->x = wide ? onnx_cast(c, x, F32) : x;
    return out->x.node != NULL;
}

/* Along the last axis, with a scale and an offset of it: an operator of our own. */
static Value whole_layer_norm(OnnxCall *c, const Rows *rows)
{
    Value scale = onnx_operand(c, 1), offset = onnx_operand(c, 2);
    const Type *x = value_type(rows->x);
    int64_t channels = x->dim[x->rank - 1].high;
    bool fits = rows->axes.count == 1 && !onnx_wants(c, 1) && !onnx_wants(c, 2) && value_type(scale)->rank == 1 &&
                value_type(scale)->dim[0].high == channels && value_type(scale)->dtype == x->dtype &&
                (!offset.node || type_equal(value_type(offset), value_type(scale)));
    if (!fits) return (Value){NULL, 0};
    if (!offset.node) offset = onnx_broadcast(c, onnx_number(c, x->dtype, 0), 1, &channels);
    return onnx_make(c, OP_layer_norm, &(LayerNormAttrs){rows->epsilon}, 3, (Value[]){rows->x, scale, offset});
}

bool onnx_op_layer_norm(OnnxCall *c)
{
    Rows rows;
    if (!read_rows(c, &rows)) return false;
    Value whole = whole_layer_norm(c, &rows);
    if (whole.node) return onnx_result(c, 0, whole);
    Moments m = moments_of(c, rows.x, &rows.axes);
    Value factor = inverse_deviation(c, m.variance, rows.epsilon);
    Value normal = onnx_cast(c, onnx_make2(c, OP_mul, m.centred, factor), rows.dtype);
    if (onnx_wants(c, 1) && !onnx_result(c, 1, m.mean)) return false;
    if (onnx_wants(c, 2) && !onnx_result(c, 2, factor)) return false;
    return onnx_result(c, 0, scaled_and_moved(c, normal, onnx_operand(c, 1), onnx_operand(c, 2)));
}

bool onnx_op_rms_norm(OnnxCall *c)
{
    Rows rows;
    if (!read_rows(c, &rows)) return false;
    Value squares = mean_over(c, onnx_make2(c, OP_mul, rows.x, rows.x), &rows.axes);
    Value normal = onnx_make2(c, OP_mul, rows.x, inverse_deviation(c, squares, rows.epsilon));
    return onnx_result(c, 0,
                       scaled_and_moved(c, onnx_cast(c, normal, rows.dtype), onnx_operand(c, 1), (Value){NULL, 0}));
}

/* ---- by a norm, by the neighbours ---- */

/* x / its norm along an axis: NaN where all is 0. */
bool onnx_op_lp_norm(OnnxCall *c)
{
    Value x = onnx_operand(c, 0);
    int64_t p = onnx_int(c, "p", 2);
    int axis;
    if (!onnx_axis(c, onnx_int(c, "axis", -1), value_type(x)->rank, &axis)) return false;
    if (p != 1 && p != 2) return onnx_refuse(c, "p", "use 1 or 2", "a norm of power %lld", (long long)p);
    ReduceAttrs attrs = {.axes = {1, {axis}}, .keep = true};
    Value size = p == 1 ? onnx_make1(c, OP_abs, x) : onnx_make2(c, OP_mul, x, x);
    Value norm = onnx_make(c, OP_reduce_sum, &attrs, 1, &size);
    if (p == 2) norm = onnx_make1(c, OP_sqrt, norm);
    return onnx_result(c, 0, onnx_make2(c, OP_div, x, norm));
}

/* The sum over `size` neighbouring channels: of an image whose columns are the channels, with zeros around. */
static Value neighbours(OnnxCall *c, Value last, int64_t size)
{
    const Type *type = value_type(last);
    int64_t channels = type->dim[type->rank - 1].high, dims[MAX_RANK];
    for (int i = 0; i < type->rank; i++) dims[i] = type->dim[i].high;
    int64_t before = (size - 1) / 2, rows = type_elements(type) / channels;
    Value flat = onnx_reshape(c, last, 2, (const int64_t[]){rows, channels});
    PadAttrs pad = {.begin = {2, {0, before}}, .end = {2, {0, size - 1 - before}}};
    Value wide = onnx_make(c, OP_pad, &pad, 1, &flat);
    if (!wide.node) return wide;
    Value image = onnx_reshape(c, wide, 4, (const int64_t[]){rows, 1, channels + size - 1, 1});
    PoolAttrs pool = {.size = {2, {1, size}}, .stride = {2, {1, 1}}, .dilation = {2, {1, 1}}};
    Value mean = onnx_make(c, OP_average_pool, &pool, 1, &image);
    return onnx_reshape(c, onnx_make2(c, OP_mul, mean, number_like(c, mean, (double)size)), type->rank, dims);
}

bool onnx_op_lrn(OnnxCall *c)
{
    Value x = onnx_operand_last(c, 0);
    int64_t size = onnx_int(c, "size", 1);
    double alpha = onnx_float(c, "alpha", 1e-4), beta = onnx_float(c, "beta", 0.75), bias = onnx_float(c, "bias", 1);
    if (size < 1 || size > 1 << 16) return onnx_wrong(c, "size is %lld", (long long)size);
    Value sum = neighbours(c, onnx_make2(c, OP_mul, x, x), size);
    Value share = onnx_make2(c, OP_mul, sum, number_like(c, sum, alpha / (double)size));
    Value base = onnx_make2(c, OP_add, share, number_like(c, share, bias));
    Value log = onnx_make1(c, OP_log, base);
    log = onnx_make2(c, OP_mul, log, number_like(c, base, beta));
    return onnx_result_last(c, 0, onnx_make2(c, OP_div, x, onnx_make1(c, OP_exp, log)));
}

bool onnx_op_mean_variance_norm(OnnxCall *c)
{
    IntList axes;
    bool given = onnx_has_attr(c, "axes");
    if (!onnx_ints(c, "axes", &axes)) return false;
    if (!given) axes = (IntList){3, {0, 2, 3}};
    Moments m = moments_of(c, onnx_operand(c, 0), &axes);
    Value deviation = onnx_make1(c, OP_sqrt, m.variance);
    return onnx_result(
        c, 0, onnx_make2(c, OP_div, m.centred, onnx_make2(c, OP_add, deviation, number_like(c, deviation, 1e-9))));
}
