/* Contractions: the bias, then fused multiply-adds in (ky, kx, ic) order for each output by itself.  Loops run over
 * output channels innermost, which keeps each one's order.  Sums of 8-bit products are exact in i32, in any order. */
#include "ir/eval_kinds.h"
#include "ir/exprkernel.h"
#include "ir/fma.h"

#include <assert.h>
#include <string.h>

typedef struct Operands {
    Contraction c;
    Dtype dtype; /* of the operands as they are multiplied, and of the sums: f32, f64 or i32 */
    size_t size;
    const char *x, *w, *bias;
    const void *padding; /* what a padding tap reads, again and again */
} Operands;

static const char *at(const Operands *o, const char *base, int64_t index) { return base + index * (int64_t)o->size; }

/* As fma_rows; the bound on a sum's products keeps them from wrapping, but for biases of a dump that says anything. */
static void add_integer_rows(uint32_t *restrict sum, int64_t width, const uint32_t *x, int64_t step, const uint32_t *w,
                             int64_t stride, int64_t depth)
{
    for (int64_t k = 0; k < depth; k++)
        for (int64_t j = 0; j < width; j++) sum[j] += x[k * step] * w[k * stride + j];
}

static void add_rows(const Operands *o, char *sum, int64_t width, const void *x, int64_t step, const void *w,
                     int64_t depth)
{
    int64_t stride = o->c.out_channels;
    if (o->dtype == F64)
        fma_rows_double((double *)(void *)sum, width, x, step, w, stride, depth);
    else if (o->dtype == I32)
        add_integer_rows((uint32_t *)(void *)sum, width, x, step, w, stride, depth);
    else
        fma_rows((float *)(void *)sum, width, x, step, w, stride, depth);
}

/* `taps` neighbours of a kernel row, all inside the input (x) or all in the padding (NULL), starting at tap `first`. */
static void add_taps(const Operands *o, char *sum, const char *x, int64_t first, int64_t taps, const char *weight)
{
    int64_t groups = o->c.window.groups, depth = o->c.in_channels / groups, width = o->c.out_channels / groups;
    const char *w = at(o, weight, first * depth * o->c.out_channels);
    for (int64_t g = 0; g < groups; g++) {
        const void *from = x ? (const void *)at(o, x, g * depth) : o->padding;
        char *to = sum + g * width * (int64_t)o->size;
        add_rows(o, to, width, from, x ? 1 : 0, at(o, w, g * width), depth * taps);
    }
}

static void add_kernel_row(const Operands *o, char *sum, int64_t n, int64_t y, int64_t ox, int64_t ky,
                           const char *weight)
{
    const Contraction *c = &o->c;
    const Window *w = &c->window;
    int64_t left = ox * w->stride[1] - w->pad_begin[1], columns = w->kernel[1];
    bool row_inside = y >= 0 && y < c->in_height;
    const char *row = row_inside ? at(o, o->x, (n * c->in_height + y) * c->in_width * c->in_channels) : NULL;
    bool contiguous = w->groups == 1 && w->dilation[1] == 1 && left >= 0 && left + columns <= c->in_width;
    if (row && contiguous) {
        add_taps(o, sum, at(o, row, left * c->in_channels), ky * columns, columns, weight);
        return;
    }
    for (int64_t kx = 0; kx < columns; kx++) {
        int64_t x = left + kx * w->dilation[1];
        bool inside = row && x >= 0 && x < c->in_width;
        add_taps(o, sum, inside ? at(o, row, x * c->in_channels) : NULL, ky * columns + kx, 1, weight);
    }
}

static void start_sum(const Operands *o, char *sum)
{
    size_t bytes = (size_t)o->c.out_channels * o->size;
    if (o->bias)
        memcpy(sum, o->bias, bytes);
    else
        memset(sum, 0, bytes);
}

static void contract(const Operands *o, char *out)
{
    const Contraction *c = &o->c;
    for (int64_t n = 0; n < c->batch; n++) {
        const char *weight = c->batched_weight ? at(o, o->w, n * c->in_channels * c->out_channels) : o->w;
        for (int64_t y = 0; y < c->out_height; y++)
            for (int64_t x = 0; x < c->out_width; x++) {
                start_sum(o, out);
                for (int64_t ky = 0; ky < c->window.kernel[0]; ky++) {
                    int64_t from = y * c->window.stride[0] + ky * c->window.dilation[0] - c->window.pad_begin[0];
                    add_kernel_row(o, out, n, from, x, ky, weight);
                }
                out += (size_t)c->out_channels * o->size;
            }
    }
}

void eval_contract(const Node *node, const Tensor *in, Tensor *out, Arena *scratch)
{
    int64_t padding = 0; /* the same bits as a float's */
    Operands o = {.dtype = dtype_wide(out->type.dtype), .padding = &padding};
    Tensor wide[3] = {{.data = NULL}};
    Dtype dtype = o.dtype;
    assert(node->ninputs <= 3 && (dtype == F32 || dtype == F64 || dtype == I32));
    node_def(node)->contract(node, &o.c);
    if (dtype == I32) expr_cast_run(I64, I32, &o.c.pad_value, &padding, 1);
    for (int i = 0; i < node->ninputs; i++) wide[i] = tensor_cast(scratch, &in[i], dtype);
    o.size = (size_t)dtype_bits(dtype) / 8;
    o.x = wide[0].data;
    o.w = wide[1].data;
    o.bias = o.c.bias >= 0 ? wide[o.c.bias].data : NULL;
    Type type = out->type;
    type.dtype = dtype;
    Tensor sums = dtype == out->type.dtype ? *out : tensor_new(scratch, type);
    contract(&o, sums.data);
    if (dtype != out->type.dtype) expr_cast_run(dtype, out->type.dtype, sums.data, out->data, type_elements(&type));
}
