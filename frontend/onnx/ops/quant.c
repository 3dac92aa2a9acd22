/* Numbers of 8 bits and fewer for real ones, and products of them.  With scales, zero points and weights that are known
 * these become the integer operators of lepc; otherwise the same sums are made in f64, which holds them exactly. */
#include "frontend/onnx/ops/conv.h"

/* ---- scales and zero points: one number, one an index of an axis, or one a block of indices ---- */

/* As a value that broadcasts to `x`. */
static Value spread(OnnxCall *c, Value scale, const Type *x, int axis, int64_t block)
{
    if (!scale.node) return scale;
    const Type *type = value_type(scale);
    int64_t dims[MAX_RANK], count = type_elements(type);
    for (int i = 0; i < x->rank; i++) dims[i] = x->dim[i].high;
    if (type->rank <= 1 && count == 1) return onnx_reshape(c, scale, 0, NULL);
    if (type->rank == 1) {
        for (int i = 0; i < x->rank; i++) dims[i] = i == axis ? count : 1;
        return onnx_reshape(c, scale, x->rank, dims);
    }
    if (!block || type->rank != x->rank) return scale;
    /* each element of the axis `block` times, of which the last block may have fewer */
    int64_t apart[MAX_RANK + 1], wide[MAX_RANK + 1];
    int rank = 0;
    for (int i = 0; i < x->rank; i++) {
        apart[rank] = type->dim[i].high;
        wide[rank++] = type->dim[i].high;
        if (i != axis || rank >= MAX_RANK) continue;
        apart[rank] = 1;
        wide[rank++] = block;
    }
    int64_t whole[MAX_RANK];
    SliceAttrs cut = {.begin.count = x->rank, .end.count = x->rank};
    for (int i = 0; i < x->rank; i++) {
        whole[i] = type->dim[i].high * (i == axis ? block : 1);
        cut.end.at[i] = dims[i];
    }
    Value repeated = onnx_broadcast(c, onnx_reshape(c, scale, rank, apart), rank, wide);
    repeated = onnx_reshape(c, repeated, x->rank, whole);
    return whole[axis] == dims[axis] ? repeated : onnx_make(c, OP_slice, &cut, 1, &repeated);
}

typedef struct Grid {
    Value scale, zero; /* that broadcast; no zero: 0 */
    Dtype real;        /* of the scale */
    int64_t known_zero;
    bool zero_is_known; /* and one number */
} Grid;

static bool read_grid(OnnxCall *c, const Type *x, Grid *out)
{
    int axis = 0;
    if (x->rank > 1 && !onnx_axis(c, onnx_int(c, "axis", 1), x->rank, &axis)) return false;
    if (x->rank <= 1) onnx_ignore(c, "axis");
    int64_t block = onnx_int(c, "block_size", 0);
    Value scale = onnx_operand(c, 1), zero = onnx_operand(c, 2);
    *out = (Grid){.zero_is_known = true, .real = value_type(scale)->dtype};
    const Tensor *known = zero.node ? onnx_constant(c, zero) : NULL;
    if (zero.node) out->zero_is_known = known && type_elements(&known->type) == 1;
    double all;
    if (known && tensor_is_splat(known, &all)) out->zero_is_known = true; /* one for each channel, all the same */
    if (known && out->zero_is_known && !type_is_empty(&known->type) && !dtype_is_float(known->type.dtype))
        out->known_zero = tensor_get(known, 0).integer;
    out->scale = spread(c, scale, x, axis, block);
    out->zero = spread(c, zero, x, axis, block);
    return out->scale.node != NULL;
}

/* ---- QuantizeLinear, DequantizeLinear ---- */

static double least_of(Dtype dtype)
{
    return dtype_kind(dtype) == DTYPE_SIGNED ? -(double)((int64_t)1 << (dtype_width(dtype) - 1)) : 0;
}

static double most_of(Dtype dtype)
{
    int bits = dtype_width(dtype) - (dtype_kind(dtype) == DTYPE_SIGNED);
    return (double)(((int64_t)1 << bits) - 1);
}

/* round(x / scale) + zero within the dtype: x in f32 or f64. */
static Value onto_grid(OnnxCall *c, Value x, Value scale, Value zero, Dtype to)
{
    Value share = onnx_make2(c, OP_div, x, scale);
    if (!share.node) return share;
    Dtype real = value_type(share)->dtype;
    if (dtype_is_float(to)) return onnx_cast(c, share, to);
    Value moved = onnx_make1(c, OP_round, share);
    if (zero.node) moved = onnx_make2(c, OP_add, moved, onnx_cast(c, zero, real));
    Value least = onnx_make2(c, OP_maximum, moved, onnx_number(c, real, least_of(to)));
    return onnx_cast(c, onnx_make2(c, OP_minimum, least, onnx_number(c, real, most_of(to))), to);
}

static bool can_quantize(const Grid *g, Dtype real, Dtype to)
{
    return g->zero_is_known && (to == I8 || to == U8) && real == F32 && g->real == F32;
}

/* One scale for an image that is channels-last already: it stays so. */
static bool is_image_on_grid(OnnxCall *c)
{
    return onnx_is_last(c, 0) && type_elements(value_type(onnx_operand(c, 1))) == 1;
}

static bool give(OnnxCall *c, bool last, Value value)
{
    return last ? onnx_result_last(c, 0, value) : onnx_result(c, 0, value);
}

bool onnx_op_quantize(OnnxCall *c)
{
    bool last = is_image_on_grid(c);
    Value x = last ? onnx_operand_last(c, 0) : onnx_operand(c, 0);
    Grid g;
    if (!read_grid(c, value_type(x), &g)) return false;
    int64_t wanted = onnx_int(c, "output_dtype", 0), precision = onnx_int(c, "precision", 0);
    Dtype to = g.zero.node ? value_type(g.zero)->dtype : wanted ? onnx_dtype((int32_t)wanted) : U8;
    if (!onnx_int(c, "saturate", 1)) return onnx_refuse(c, "saturate", "leave it at 1", "values that do not saturate");
    if (to == DTYPE_COUNT || (precision && onnx_dtype((int32_t)precision) != F32))
        return onnx_refuse(c, "output_dtype", "use 8 bits", "that dtype");
    Dtype real = value_type(x)->dtype;
    QuantizeAttrs attrs = {.to = (int)to, .zero = g.known_zero, .low = -128, .high = 255};
    if (can_quantize(&g, real, to)) return give(c, last, onnx_make(c, OP_quantize, &attrs, 2, (Value[]){x, g.scale}));
    Value wide = onnx_cast(c, x, F32), scale = onnx_cast(c, g.scale, F32);
    return give(c, last, onto_grid(c, wide, scale, g.zero, to));
}

bool onnx_op_dequantize(OnnxCall *c)
{
    bool last = is_image_on_grid(c);
    Value x = last ? onnx_operand_last(c, 0) : onnx_operand(c, 0);
    const Type *type = value_type(x);
    Grid g;
    if (!read_grid(c, type, &g)) return false;
    int64_t wanted = onnx_int(c, "output_dtype", 0);
    Dtype to = wanted ? onnx_dtype((int32_t)wanted) : g.real;
    DequantizeAttrs attrs = {.zero = g.known_zero};
    bool stored = type->dtype == I8 || type->dtype == U8 || (type->dtype == I32 && !g.known_zero);
    if (g.zero_is_known && g.real == F32 && to == F32 && stored)
        return give(c, last, onnx_make(c, OP_dequantize, &attrs, 2, (Value[]){x, g.scale}));
    bool whole = !dtype_is_float(type->dtype);
    Value moved = onnx_cast(c, x, whole ? I32 : F32);
    if (g.zero.node) moved = onnx_make2(c, OP_sub, moved, onnx_cast(c, g.zero, whole ? I32 : F32));
    Value scale = onnx_cast(c, g.scale, F32);
    Value real = onnx_make2(c, OP_mul, onnx_cast(c, moved, F32), scale);
    return give(c, last, onnx_cast(c, real, to));
}

/* Between the least and the greatest of x and 0. */
bool onnx_op_dynamic_quantize(OnnxCall *c)
{
    Value x = onnx_operand(c, 0), zero = onnx_number(c, F32, 0);
    ReduceAttrs all = {.keep = false};
    Value most = onnx_make2(c, OP_maximum, onnx_make(c, OP_reduce_max, &all, 1, &x), zero);
    Value least = onnx_make2(c, OP_minimum, onnx_make(c, OP_reduce_min, &all, 1, &x), zero);
    Value range = onnx_make2(c, OP_sub, most, least);
    Value scale = onnx_make2(c, OP_div, range, onnx_number(c, F32, 255));
    Value point = onto_grid(c, onnx_make2(c, OP_sub, zero, least), scale, (Value){NULL, 0}, U8);
    return onnx_result(c, 0, onto_grid(c, x, scale, point, U8)) && onnx_result(c, 1, scale) && onnx_result(c, 2, point);
}

/* ---- products ---- */

/* Stored numbers less their zero point, in f64. */
static Value less_zero(OnnxCall *c, Value x, Value zero)
{
    Value wide = onnx_cast(c, x, F64);
    return zero.node ? onnx_make2(c, OP_sub, wide, onnx_cast(c, zero, F64)) : wide;
}

/* A zero point or scale of each row of a, or of each column of b. */
static Value of_rows(OnnxCall *c, Value zero)
{
    if (!zero.node || value_type(zero)->rank != 1) return zero;
    int64_t count = value_type(zero)->dim[0].high;
    return count == 1 ? onnx_reshape(c, zero, 0, NULL) : onnx_reshape(c, zero, 2, (const int64_t[]){count, 1});
}

static Value of_columns(OnnxCall *c, Value zero)
{
    if (!zero.node || value_type(zero)->rank != 1 || value_type(zero)->dim[0].high > 1) return zero;
    return onnx_reshape(c, zero, 0, NULL);
}

/* One number, or none, that is known. */
static bool known_zero(OnnxCall *c, int index, int64_t *out)
{
    const Tensor *zero = onnx_has(c, index) ? onnx_constant(c, onnx_operand(c, index)) : NULL;
    *out = 0;
    if (!onnx_has(c, index)) return true;
    if (!zero || type_is_empty(&zero->type)) return false;
    *out = tensor_get(zero, 0).integer;
    for (int64_t i = 1; i < type_elements(&zero->type); i++)
        if (tensor_get(zero, i).integer != *out) return false;
    return true;
}

/* b as i8 and its zero point then, when it is a matrix of bytes that are known on one grid. */
static const Tensor *known_matrix(OnnxCall *c, int b, int b_zero, int64_t *zero)
{
    enum { MOST_ROWS = 30000, MIDDLE = 128 }; /* 255 * 255 so many times fits i32 */
    const Type *type = onnx_operand_type(c, b);
    bool bytes = type->dtype == I8 || type->dtype == U8, matrix = type->rank == 2 && !type_is_empty(type);
    if (!bytes || !matrix || type->dim[0].high > MOST_ROWS || !known_zero(c, b_zero, zero)) return NULL;
    const Tensor *from = onnx_constant(c, onnx_operand(c, b));
    if (!from || type->dtype == I8) return from;
    Tensor *moved = ARENA_NEW(c->arena, Tensor);
    Type as = *type;
    as.dtype = I8;
    *moved = tensor_new(c->arena, as);
    for (int64_t i = 0; i < type_elements(&as); i++) tensor_set_real(moved, i, tensor_real(from, i) - (double)MIDDLE);
    *zero -= MIDDLE;
    return moved;
}

/* The sum of each column, of which each is less the zero point. */
static const Tensor *column_sums(OnnxCall *c, const Tensor *matrix, int64_t zero)
{
    int64_t rows = matrix->type.dim[0].high, columns = matrix->type.dim[1].high;
    Tensor *sums = ARENA_NEW(c->arena, Tensor);
    *sums = tensor_new(c->arena, type_tensor(I32, 1, &columns));
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < columns; k++) {
            double less = tensor_real(matrix, i * columns + k) - (double)zero;
            tensor_set_real(sums, k, tensor_real(sums, k) + less);
        }
    return sums;
}

/* i32 sums of (a - a_zero) * (b - b_zero): of the bytes as they are, less what the zero points add to each.  That of a
 * may be made by the model as well. */
static Value whole_product(OnnxCall *c, int a, int a_zero, const Tensor *b, int64_t b_zero)
{
    Value x = onnx_operand(c, a), zero = of_rows(c, onnx_operand(c, a_zero));
    Value sums = onnx_make2(c, OP_dense, x, onnx_make_constant(c, b));
    if (b_zero) {
        ReduceAttrs last = {.axes = {1, {value_type(x)->rank - 1}}, .keep = value_type(x)->rank > 1};
        Value wide = onnx_cast(c, x, I32), rows = onnx_make(c, OP_reduce_sum, &last, 1, &wide);
        rows = onnx_make2(c, OP_mul, rows, onnx_number(c, I32, (double)b_zero));
        sums = onnx_make2(c, OP_sub, sums, rows);
    }
    if (!zero.node) return sums;
    Value share = onnx_make_constant(c, column_sums(c, b, b_zero));
    zero = onnx_cast(c, zero, I32);
    return onnx_make2(c, OP_sub, sums, onnx_make2(c, OP_mul, share, zero));
}

/* The sums of a product, exact: in i32 of a matrix that is known, else in f64. */
static Value stored_product(OnnxCall *c, int a, int a_zero, int b, int b_zero)
{
    int64_t zero;
    const Type *x = onnx_operand_type(c, a);
    bool bytes = (x->dtype == I8 || x->dtype == U8) && x->rank >= 1;
    const Tensor *known = bytes ? known_matrix(c, b, b_zero, &zero) : NULL;
    if (known) return whole_product(c, a, a_zero, known, zero);
    Value left = less_zero(c, onnx_operand(c, a), of_rows(c, onnx_operand(c, a_zero)));
    Value right = less_zero(c, onnx_operand(c, b), of_columns(c, onnx_operand(c, b_zero)));
    return onnx_matrix_product(c, left, right);
}

bool onnx_op_matmul_integer(OnnxCall *c) { return onnx_result(c, 0, onnx_cast(c, stored_product(c, 0, 2, 1, 3), I32)); }

/* scale / y's scale times the sum, in f32, to the grid of y. */
static Value requantized(OnnxCall *c, Value sum, Value scale, Value step, Value zero)
{
    if (!sum.node || !scale.node) return (Value){NULL, 0};
    scale = onnx_cast(c, scale, F32);
    Value real = onnx_make2(c, OP_mul, onnx_cast(c, sum, F32), scale);
    return onto_grid(c, real, onnx_cast(c, step, F32), zero, zero.node ? value_type(zero)->dtype : U8);
}

bool onnx_op_qlinear_matmul(OnnxCall *c)
{
    Value of_a = of_rows(c, onnx_operand(c, 1)), of_b = of_columns(c, onnx_operand(c, 4));
    Value scale = onnx_make2(c, OP_mul, of_a, of_b), sum = stored_product(c, 0, 2, 3, 5);
    Value step = of_rows(c, onnx_operand(c, 6)), zero = of_rows(c, onnx_operand(c, 7));
    return onnx_result(c, 0, requantized(c, sum, scale, step, zero));
}

/* ---- convolutions ---- */

typedef struct Stored {
    int x, x_zero, w, w_zero, bias; /* operands; bias -1: the operator has none */
} Stored;

/* Sums of i8 or u8 times i8: the zero point of x is what padding reads, and what it adds to each sum is taken off the
 * bias. */
static Value whole_conv(OnnxCall *c, const Stored *s, const OnnxWindow *w, int64_t groups, int64_t zero)
{
    Value x = onnx_as_image(c, onnx_operand_last(c, s->x)), kernel = onnx_kernel_last(c, onnx_operand(c, s->w));
    const Type *type = value_type(kernel);
    int64_t channels = type->dim[type->rank - 1].high;
    if (type->rank == 3)
        kernel = onnx_reshape(c, kernel, 4, (const int64_t[]){1, type->dim[0].high, type->dim[1].high, channels});
    ReduceAttrs taps = {.axes = {3, {0, 1, 2}}};
    Value wide = onnx_cast(c, kernel, I32), bias = s->bias >= 0 ? onnx_operand(c, s->bias) : (Value){NULL, 0};
    Value sums = onnx_make(c, OP_reduce_sum, &taps, 1, &wide);
    Value moved = onnx_make2(c, OP_mul, sums, onnx_number(c, I32, (double)-zero));
    bias = bias.node ? onnx_make2(c, OP_add, bias, moved) : moved;
    ConvAttrs attrs;
    IntList ignored;
    attr_set_defaults(&op_conv2d.attrs, &attrs);
    attrs.groups = groups;
    attrs.pad_value = zero;
    onnx_window_lists(w, &ignored, &attrs.stride, &attrs.dilation, &attrs.pad);
    return onnx_from_image(c, w, onnx_make(c, OP_conv2d, &attrs, 3, (Value[]){x, kernel, bias}));
}

/* The i32 sums of a convolution, channels last. */
static bool stored_conv(OnnxCall *c, const Stored *s, Value *out)
{
    OnnxWindow w;
    int64_t groups = onnx_int(c, "group", 1), x_zero, w_zero;
    const Type *x = onnx_operand_type(c, s->x), *weight = onnx_operand_type(c, s->w);
    if (!onnx_conv_window(c, x, weight, &w)) return false;
    bool known = known_zero(c, s->x_zero, &x_zero) && known_zero(c, s->w_zero, &w_zero) && w_zero == 0;
    if (known && weight->dtype == I8 && w.axes < 3 && onnx_constant(c, onnx_operand(c, s->w))) {
        *out = whole_conv(c, s, &w, groups, x_zero);
        return out->node != NULL;
    }
    int64_t dims[MAX_RANK] = {0, 1, 1, 1, 1};
    Value zero = onnx_operand(c, s->w_zero);
    if (zero.node && value_type(zero)->rank == 1) {
        dims[0] = value_type(zero)->dim[0].high;
        zero = dims[0] == 1 ? onnx_reshape(c, zero, 0, NULL) : onnx_reshape(c, zero, weight->rank, dims);
    }
    Value kernel = onnx_kernel_last(c, less_zero(c, onnx_operand(c, s->w), zero));
    Value wide = less_zero(c, onnx_operand_last(c, s->x), of_columns(c, onnx_operand(c, s->x_zero)));
    Value sum = onnx_cast(c, onnx_convolve(c, &w, groups, wide, kernel, (Value){NULL, 0}), I32);
    *out = s->bias >= 0 && onnx_has(c, s->bias) ? onnx_make2(c, OP_add, sum, onnx_operand(c, s->bias)) : sum;
    return out->node != NULL;
}

bool onnx_op_conv_integer(OnnxCall *c)
{
    Value sum;
    return stored_conv(c, &(Stored){0, 2, 1, 3, -1}, &sum) && onnx_result_last(c, 0, sum);
}

bool onnx_op_qlinear_conv(OnnxCall *c)
{
    Value sum;
    if (!stored_conv(c, &(Stored){0, 2, 3, 5, 8}, &sum)) return false;
    Value of_x = of_columns(c, onnx_operand(c, 1)), of_w = of_columns(c, onnx_operand(c, 4));
    Value scale = onnx_make2(c, OP_mul, of_x, of_w);
    Value step = of_columns(c, onnx_operand(c, 6)), zero = of_columns(c, onnx_operand(c, 7));
    return onnx_result_last(c, 0, requantized(c, sum, scale, step, zero));
}
