/* Poolings.  Windows over three axes are windows over the last two, then over the first. */
#include "frontend/onnx/ops/pool.h"

/* ---- one image after the other, then one row of them ---- */

/* The part of a window that lies on the last two axes, or on the first. */
static OnnxWindow part_of(const OnnxWindow *w, bool first)
{
    OnnxWindow part = {.axes = 2};
    for (int i = 0; i < 2; i++) {
        int from = first ? 0 : i + 1;
        bool real = !first || i == 0; /* along the other axis of the first part nothing slides */
        part.kernel[i] = real ? w->kernel[from] : 1;
        part.stride[i] = real ? w->stride[from] : 1;
        part.dilation[i] = real ? w->dilation[from] : 1;
        part.begin[i] = real ? w->begin[from] : 0;
        part.end[i] = real ? w->end[from] : 0;
    }
    return part;
}

static Value pool_image(OnnxCall *c, Op op, const OnnxWindow *w, Value image)
{
    PoolAttrs attrs;
    onnx_window_lists(w, &attrs.size, &attrs.stride, &attrs.dilation, &attrs.pad);
    return onnx_make(c, op, &attrs, 1, &image);
}

static Value pool_volume(OnnxCall *c, Op op, const OnnxWindow *w, Value last)
{
    const Type *t = value_type(last);
    int64_t n = t->dim[0].high, channels = t->dim[4].high;
    OnnxWindow inner = part_of(w, false), outer = part_of(w, true);
    Value x = onnx_reshape(c, last, 4, (const int64_t[]){n * w->in[0], w->in[1], w->in[2], channels});
    x = pool_image(c, op, &inner, x);
    x = onnx_reshape(c, x, 4, (const int64_t[]){n, w->in[0], w->out[1] * w->out[2], channels});
    x = pool_image(c, op, &outer, x);
    return onnx_reshape(c, x, 5, (const int64_t[]){n, w->out[0], w->out[1], w->out[2], channels});
}

/* Of a value in channels-last form. */
static Value pool(OnnxCall *c, Op op, const OnnxWindow *w, Value last)
{
    if (w->axes == 3) return pool_volume(c, op, w, last);
    return onnx_from_image(c, w, pool_image(c, op, w, onnx_as_image(c, last)));
}

/* ---- how many taps a window has ---- */

typedef enum Count { COUNT_INSIDE, COUNT_PADDED } Count;

/* Taps of window `at` along an axis: inside the input, or also in the padding that was said (and not in what ceil_mode
 * adds). */
static int64_t taps(const OnnxWindow *w, int axis, int64_t at, Count count)
{
    int64_t low = count == COUNT_PADDED ? -w->begin[axis] : 0;
    int64_t high = w->in[axis] + (count == COUNT_PADDED ? w->said_end[axis] : 0), found = 0;
    for (int64_t k = 0; k < w->kernel[axis]; k++) {
        int64_t x = at * w->stride[axis] - w->begin[axis] + k * w->dilation[axis];
        found += x >= low && x < high;
    }
    return found;
}

/* A constant of the windows' shape, to multiply means of the taps inside with: how many those are, or their share. */
static Value tap_counts(OnnxCall *c, const OnnxWindow *w, Dtype dtype, bool share)
{
    int64_t dims[MAX_RANK] = {1, 1, 1, 1, 1}, count = 1;
    for (int i = 0; i < w->axes; i++) count *= dims[1 + i] = w->out[i];
    Tensor *tensor = ARENA_NEW(c->arena, Tensor);
    Type type = type_tensor(dtype, w->axes + 2, dims);
    if (!onnx_afford(c, &type)) return (Value){NULL, 0};
    *tensor = tensor_new(c->arena, type);
    for (int64_t i = 0; i < count; i++) {
        double inside = 1, all = 1;
        int64_t rest = i;
        for (int axis = w->axes - 1; axis >= 0; rest /= w->out[axis], axis--) {
            inside *= (double)taps(w, axis, rest % w->out[axis], COUNT_INSIDE);
            all *= (double)taps(w, axis, rest % w->out[axis], COUNT_PADDED);
        }
        tensor_set_real(tensor, i, share ? inside / all : inside);
    }
    return onnx_make_constant(c, tensor);
}

static bool has_padding(const OnnxWindow *w)
{
    bool padded = false;
    for (int i = 0; i < w->axes; i++) padded = padded || w->begin[i] || w->end[i];
    return padded;
}

/* ---- the operators ---- */

bool onnx_op_max_pool(OnnxCall *c)
{
    OnnxWindow w;
    if (!onnx_window(c, onnx_operand_type(c, 0), NULL, &w)) return false;
    onnx_ignore(c, "storage_order");
    Value x = onnx_operand_last(c, 0), greatest = pool(c, OP_max_pool, &w, x);
    if (!onnx_result_last(c, 0, greatest)) return false;
    if (!onnx_wants(c, 1)) return true;
    return onnx_need_fixed(c, value_type(x)) && onnx_result_last(c, 1, onnx_pool_places(c, &w, x, greatest));
}

bool onnx_op_average_pool(OnnxCall *c)
{
    OnnxWindow w;
    if (!onnx_window(c, onnx_operand_type(c, 0), NULL, &w)) return false;
    bool padded = onnx_int(c, "count_include_pad", 0) != 0 && has_padding(&w);
    Value mean = pool(c, OP_average_pool, &w, onnx_operand_last(c, 0));
    if (padded && mean.node) mean = onnx_make2(c, OP_mul, mean, tap_counts(c, &w, value_type(mean)->dtype, true));
    return onnx_result_last(c, 0, mean);
}

/* |x| to a whole power. */
static Value power(OnnxCall *c, Value x, int64_t p)
{
    Value size = p % 2 ? onnx_make1(c, OP_abs, x) : x, out = size;
    for (int64_t i = 1; i < p; i++) out = onnx_make2(c, OP_mul, out, size);
    return out;
}

static Value root(OnnxCall *c, Value x, int64_t p)
{
    if (p == 1) return x;
    if (p == 2) return onnx_make1(c, OP_sqrt, x);
    Value log = onnx_make1(c, OP_log, x);
    if (!log.node) return log;
    return onnx_make1(c, OP_exp, onnx_make2(c, OP_div, log, onnx_number(c, value_type(x)->dtype, (double)p)));
}

static bool read_power(OnnxCall *c, int64_t *p)
{
    *p = onnx_int(c, "p", 2);
    if (*p >= 1 && *p <= 16) return true;
    return onnx_refuse(c, "p", "use a power from 1 to 16", "a norm of power %lld", (long long)*p);
}

bool onnx_op_lp_pool(OnnxCall *c)
{
    OnnxWindow w;
    int64_t p;
    if (!onnx_window(c, onnx_operand_type(c, 0), NULL, &w) || !read_power(c, &p)) return false;
    Value mean = pool(c, OP_average_pool, &w, power(c, onnx_operand_last(c, 0), p));
    if (!mean.node) return false;
    Value sum = onnx_make2(c, OP_mul, mean, tap_counts(c, &w, value_type(mean)->dtype, false));
    return onnx_result_last(c, 0, root(c, sum, p));
}

/* ---- over all of the image ---- */

static bool global(OnnxCall *c, Op op, Value (*before)(OnnxCall *, Value, int64_t),
                   Value (*after)(OnnxCall *, Value, int64_t), int64_t p)
{
    Value x = onnx_operand_last(c, 0);
    ReduceAttrs attrs = {.keep = true};
    if (!x.node || value_type(x)->rank < 3) return onnx_wrong(c, "expected an operand [N, C, ...]");
    for (int i = 1; i < value_type(x)->rank - 1; i++) attrs.axes.at[attrs.axes.count++] = i;
    if (before) x = before(c, x, p);
    Value out = x.node ? onnx_make(c, op, &attrs, 1, &x) : x;
    return onnx_result_last(c, 0, after && out.node ? after(c, out, p) : out);
}

bool onnx_op_global_average_pool(OnnxCall *c) { return global(c, OP_reduce_mean, NULL, NULL, 0); }
bool onnx_op_global_max_pool(OnnxCall *c) { return global(c, OP_reduce_max, NULL, NULL, 0); }

bool onnx_op_global_lp_pool(OnnxCall *c)
{
    int64_t p;
    return read_power(c, &p) && global(c, OP_reduce_sum, power, root, p);
}
