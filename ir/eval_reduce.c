/* Reductions and pooling: a combiner applied in the order that the numeric contract fixes. */
#include "ir/eval_kinds.h"
#include "ir/exprkernel.h"

#include <assert.h>
#include <string.h>

enum { PARTIALS = 16, ELEMENT_BYTES = 8 };

/* A combiner of elements of one dtype. */
typedef struct Combine {
    ExprKernel *kernel;
    size_t size;
    unsigned char identity[ELEMENT_BYTES];
} Combine;

static Combine combine_of(Combiner combiner, Dtype dtype)
{
    Combine c = {.kernel = expr_kernel(combiner_expr(combiner), dtype), .size = (size_t)dtype_bits(dtype) / 8};
    Scalar identity = combiner_identity(combiner, dtype);
    assert(c.kernel);
    if (dtype_is_float(dtype))
        expr_cast_run(F64, dtype, &identity.real, c.identity, 1);
    else
        expr_cast_run(I64, dtype, &identity.integer, c.identity, 1);
    return c;
}

static void start(const Combine *c, void *sums, int64_t count)
{
    for (int64_t i = 0; i < count; i++) memcpy((char *)sums + (size_t)i * c->size, c->identity, c->size);
}

/* sums[i] = sums[i] op with[i] */
static void combine(const Combine *c, void *sums, void *room, const void *with, int64_t count)
{
    c->kernel(room, sums, with, NULL, count);
    memcpy(sums, room, (size_t)count * c->size);
}

/* ---- reductions ---- */

/* Of `count` elements in order: partial sums by index mod 16, then lane l with l + 8, l + 4, l + 2, l + 1. */
static void reduce_run(const Combine *c, const char *in, int64_t count, void *out)
{
    _Alignas(64) unsigned char sums[PARTIALS * ELEMENT_BYTES], room[PARTIALS * ELEMENT_BYTES];
    start(c, sums, PARTIALS);
    for (int64_t i = 0; i < count; i += PARTIALS)
        combine(c, sums, room, in + (size_t)i * c->size, count - i < PARTIALS ? count - i : PARTIALS);
    for (int half = PARTIALS / 2; half >= 1; half /= 2) combine(c, sums, room, sums + (size_t)half * c->size, half);
    memcpy(out, sums, c->size);
}

/* The operand with the reduced axes last; *count is the number of elements that become one. */
static Tensor reduced_last(const Tensor *in, const Reduction *reduction, Arena *scratch, int64_t *count)
{
    IndexMap map = {.linear = false};
    Type type = in->type;
    int r = 0;
    *count = 1;
    for (int reduced = 0; reduced < 2; reduced++)
        for (int a = 0; a < in->type.rank; a++) {
            if (reduction->axis[a] != (reduced == 1)) continue;
            if (reduced) *count *= in->type.dim[a].high;
            type.dim[r] = in->type.dim[a];
            map.stride[a][r++] = 1;
        }
    bool in_order = true;
    for (int a = 0; a < in->type.rank; a++) in_order = in_order && map.stride[a][a] == 1;
    if (in_order) return *in;
    Tensor out = tensor_new(scratch, type);
    tensor_view(in, &map, &out);
    return out;
}

void eval_reduce(const Node *node, const Tensor *in, Tensor *out, Arena *scratch)
{
    Reduction reduction;
    node_def(node)->reduce(node, &reduction);
    Dtype dtype = dtype_wide(out->type.dtype);
    Tensor wide = tensor_cast(scratch, &in[0], dtype);
    int64_t count, results = type_elements(&out->type);
    Tensor from = reduced_last(&wide, &reduction, scratch, &count);
    Combine c = combine_of(reduction.combiner, dtype);
    Type type = out->type;
    type.dtype = dtype;
    Tensor sums = dtype == out->type.dtype ? *out : tensor_new(scratch, type);
    for (int64_t i = 0; i < results; i++)
        reduce_run(&c, (const char *)from.data + (size_t)(i * count) * c.size, count,
                   (char *)sums.data + (size_t)i * c.size);
    if (dtype != out->type.dtype) expr_cast_run(dtype, out->type.dtype, sums.data, out->data, results);
}

/* ---- pooling ---- */

typedef struct Pool {
    Pooling pooling;
    Combine combine, divide;
    Dtype dtype;
    const Tensor *in;
    int64_t height, width, channels;
    void *room, *divisors;
} Pool;

/* Combines the taps inside the input, in order, channel by channel; returns how many there are. */
static int64_t add_taps(const Pool *p, int64_t n, const int64_t at[2], char *sums)
{
    const Window *w = &p->pooling.window;
    int64_t taps = 0;
    for (int64_t ky = 0; ky < w->kernel[0]; ky++)
        for (int64_t kx = 0; kx < w->kernel[1]; kx++) {
            int64_t y = at[0] * w->stride[0] + ky * w->dilation[0] - w->pad_begin[0];
            int64_t x = at[1] * w->stride[1] + kx * w->dilation[1] - w->pad_begin[1];
            if (y < 0 || y >= p->height || x < 0 || x >= p->width) continue;
            int64_t from = ((n * p->height + y) * p->width + x) * p->channels;
            combine(&p->combine, sums, p->room, (const char *)p->in->data + (size_t)from * p->combine.size,
                    p->channels);
            taps++;
        }
    return taps;
}

static void divide_by(const Pool *p, int64_t taps, char *sums)
{
    double real = (double)taps;
    expr_cast_run(F64, p->dtype, &real, p->divisors, 1);
    for (int64_t c = 1; c < p->channels; c++)
        memcpy((char *)p->divisors + (size_t)c * p->combine.size, p->divisors, p->combine.size);
    combine(&p->divide, sums, p->room, p->divisors, p->channels);
}

static void pool_all(const Pool *p, const Type *type, char *out)
{
    for (int64_t n = 0; n < type->dim[0].high; n++)
        for (int64_t y = 0; y < type->dim[1].high; y++)
            for (int64_t x = 0; x < type->dim[2].high; x++) {
                start(&p->combine, out, p->channels);
                int64_t taps = add_taps(p, n, (const int64_t[]){y, x}, out);
                if (p->pooling.mean) divide_by(p, taps, out);
                out += (size_t)p->channels * p->combine.size;
            }
}

void eval_window(const Node *node, const Tensor *in, Tensor *out, Arena *scratch)
{
    const Type *type = &in[0].type;
    Dtype dtype = dtype_wide(type->dtype);
    Tensor wide = tensor_cast(scratch, &in[0], dtype);
    Pool p = {.dtype = dtype,
              .in = &wide,
              .height = type->dim[1].high,
              .width = type->dim[2].high,
              .channels = type->dim[3].high};
    node_def(node)->pool(node, &p.pooling);
    p.combine = combine_of(p.pooling.combiner, dtype);
    p.divide = p.combine;
    p.divide.kernel = expr_kernel(EXPR_DIV, dtype);
    p.room = arena_array(scratch, (size_t)p.channels, ELEMENT_BYTES);
    p.divisors = arena_array(scratch, (size_t)p.channels, ELEMENT_BYTES);
    Type sums_type = out->type;
    sums_type.dtype = dtype;
    Tensor sums = dtype == out->type.dtype ? *out : tensor_new(scratch, sums_type);
    pool_all(&p, &sums_type, sums.data);
    if (dtype != out->type.dtype)
        expr_cast_run(dtype, out->type.dtype, sums.data, out->data, type_elements(&out->type));
}
