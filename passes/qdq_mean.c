/* Sums and averages of what is stored: the integers are added, less as many zero points as there are, and scaled
 * once. */
#include "ir/op.h"
#include "passes/qdq.h"

enum {
    MOST_ADDENDS = 8000000, /* 255 times that fits i32 */
    MOST_TAPS = 1 << 20     /* ones of all kernels, numbers of taps of all pixels: worth writing down */
};

/* ---- sums along axes ---- */

/* How many elements each sum has; 0 when that is not known. */
static int64_t addends_of(const Node *sum)
{
    const Type *from = value_type(sum->inputs[0]), *to = &sum->types[0];
    if (!type_is_fixed(from) || type_is_empty(to)) return 0;
    return type_elements(from) / type_elements(to);
}

static Value sum_stored(const Maker *m, const Node *sum, const Shown *x)
{
    CastAttrs wide = {.to = I32};
    Value stored = shown_views_of(m, x, shown_stored(x)), cast = make(m, OP_cast, &wide, 1, &stored);
    Value sums = make(m, OP_reduce_sum, sum->attrs, 1, &cast);
    int64_t zeros = addends_of(sum) * shown_zero(x);
    if (zeros) {
        Value number = make_number(m, I32, (double)zeros);
        sums = make_binary(m, OP_sub, sums, number);
    }
    ReshapeAttrs number = {.shape = {.count = 0}};
    Value scale = shown_scale(x);
    scale = make(m, OP_reshape, &number, 1, &scale);
    return make(m, OP_dequantize, NULL, 2, (Value[]){sums, scale});
}

/* ---- averages of windows ---- */

/* The scale over the number of taps inside the input: one for all pixels, or one for each. */
static Value scale_of_taps(const Maker *m, const Node *pool, const Window *w, const Shown *x)
{
    const Type *in = value_type(pool->inputs[0]), *out = &pool->types[0];
    int64_t dims[] = {1, out->dim[1].high, out->dim[2].high, 1};
    Tensor taps = tensor_new(m->graph->arena, type_tensor(F32, 4, dims));
    for (int64_t i = 0; i < dims[1] * dims[2]; i++) {
        int64_t at[] = {i / dims[2], i % dims[2]}, count = 1;
        for (int axis = 0; axis < 2; axis++) {
            int64_t inside = 0;
            for (int64_t tap = 0; tap < w->kernel[axis]; tap++) {
                int64_t from = at[axis] * w->stride[axis] + tap * w->dilation[axis] - w->pad_begin[axis];
                inside += from >= 0 && from < in->dim[axis + 1].high;
            }
            count *= inside;
        }
        tensor_set_real(&taps, i, (double)count);
    }
    double all;
    Value number = tensor_is_splat(&taps, &all) ? make_number(m, F32, all) : make_tensor(m, &taps);
    ReshapeAttrs scalar = {.shape = {.count = 0}};
    Value scale = shown_scale(x);
    scale = make(m, OP_reshape, &scalar, 1, &scale);
    return make_binary(m, OP_div, scale, number);
}

/* Each channel by a kernel of ones; padding reads the zero point, which means 0. */
static Value average_stored(const Maker *m, const Node *pool, const Shown *x)
{
    Pooling pooling;
    node_def(pool)->pool(pool, &pooling);
    const Window *w = &pooling.window;
    int64_t channels = value_type(pool->inputs[0])->dim[3].high, zero = shown_zero(x);
    ConvAttrs attrs;
    attr_set_defaults(&op_conv2d.attrs, &attrs);
    attrs.groups = channels;
    attrs.pad = ((const PoolAttrs *)pool->attrs)->pad;
    attrs.stride = (IntList){2, {w->stride[0], w->stride[1]}};
    attrs.dilation = (IntList){2, {w->dilation[0], w->dilation[1]}};
    attrs.pad_value = qdq_is_padded(&attrs.pad) ? zero : 0;
    Value in[3] = {shown_views_of(m, x, shown_stored(x))};
    in[1] = qdq_ones(m, (const int64_t[]){w->kernel[0], w->kernel[1], 1, channels});
    Tensor less = tensor_new(m->graph->arena, type_tensor(I32, 1, &channels));
    for (int64_t i = 0; i < channels; i++) tensor_set_real(&less, i, (double)(-zero * w->kernel[0] * w->kernel[1]));
    if (zero) in[2] = make_tensor(m, &less);
    Value sums = make(m, OP_conv2d, &attrs, zero ? 3 : 2, in), scale = scale_of_taps(m, pool, w, x);
    return make(m, OP_dequantize, NULL, 2, (Value[]){sums, scale});
}

/* What is written down for it stays small; a pooling of more is better off as it is. */
static bool can_average(const Node *pool)
{
    enum { WIDEST = 64 };
    Pooling pooling;
    const Type *in = value_type(pool->inputs[0]), *out = &pool->types[0];
    node_def(pool)->pool(pool, &pooling);
    const int64_t *kernel = pooling.window.kernel;
    if (!type_is_fixed(in) || kernel[0] > WIDEST || kernel[1] > WIDEST) return false;
    return kernel[0] * kernel[1] * in->dim[3].high <= MOST_TAPS && out->dim[1].high * out->dim[2].high <= MOST_TAPS;
}

bool qdq_mean(Node *node, Diag *diag)
{
    Shown x;
    bool sum = node->op == OP_reduce_sum && addends_of(node) > 0 && addends_of(node) <= MOST_ADDENDS;
    bool average = node->op == OP_average_pool && can_average(node);
    if (!sum && !average) return true;
    if (!shown_find(node->inputs[0], &x) || !shown_has_one_scale(&x)) return true;
    Maker m = {.graph = node->graph, .node = node, .at = node, .diag = diag};
    return qdq_replace(node, sum ? sum_stored(&m, node, &x) : average_stored(&m, node, &x));
}
