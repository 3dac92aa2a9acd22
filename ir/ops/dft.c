/* Discrete Fourier transforms as products with small matrices: N = A B is A transforms of B and B of A with a rotation
 * between (Cooley and Tukey 1965), so that no table is larger than some thousand numbers. */
#include "ir/ops/make.h"
#include "ir/signal.h"

#include <math.h>

enum { DIRECT = 32, MOST_DIRECT = 2048, MOST_LENGTH = 1 << 22 };

static const double TURN = 6.28318530717958647692;

/* Rows of complex numbers, all real parts in front of all imaginary ones (parts 2), or of real ones (parts 1). */
typedef struct Rows {
    Value x;
    int64_t rows, length;
    int parts;
} Rows;

/* The largest divisor that is no larger than the root. */
static int64_t divisor(int64_t length)
{
    for (int64_t d = (int64_t)sqrt((double)length); d > 1; d--)
        if (length % d == 0) return d;
    return 1;
}

static bool is_direct(int64_t length) { return length <= DIRECT || divisor(length) == 1; }

/* Every part that cannot be divided is small enough for a table. */
static bool can_transform(int64_t length)
{
    if (length < 1 || length > MOST_LENGTH) return false;
    if (is_direct(length)) return length <= MOST_DIRECT;
    return can_transform(divisor(length)) && can_transform(length / divisor(length));
}

static Value product_table(const Maker *m, Dtype dtype, const Rows *r, int64_t keep, int sign)
{
    const int64_t dims[] = {r->parts * r->length, 2 * keep};
    double *table = ARENA_ARRAY(m->graph->arena, double, dims[0] * dims[1]);
    for (int64_t n = 0; n < r->length; n++)
        for (int64_t k = 0; k < keep; k++) {
            double t = TURN * (double)(n * k % r->length) / (double)r->length, c = cos(t), s = sign * sin(t);
            double *real = table + n * 2 * keep;
            real[k] = c;
            real[keep + k] = s;
            if (r->parts == 1) continue;
            double *imaginary = table + (r->length + n) * 2 * keep;
            imaginary[k] = -s;
            imaginary[keep + k] = c;
        }
    return make_reals(m, dtype, 2, dims, table);
}

static Value transposed(const Maker *m, Value x, const IntList *permute)
{
    return make(m, OP_transpose, &(TransposeAttrs){*permute}, 1, &x);
}

static Value concat_two(const Maker *m, Value a, Value b, int axis)
{
    Value both[] = {a, b};
    return make(m, OP_concat, &(ConcatAttrs){.axis = axis}, 2, both);
}

/* x [rows, B, 2, A] times exp(sign i TURN b a / (A B)), as [rows, A, 2, B]. */
static Value rotated(const Maker *m, Value x, int64_t a, int64_t b, int sign)
{
    if (!x.node) return x;
    const int64_t dims[] = {1, b, 1, a};
    Dtype dtype = value_type(x)->dtype;
    double *cosine = ARENA_ARRAY(m->graph->arena, double, a *b), *sine = ARENA_ARRAY(m->graph->arena, double, a *b);
    for (int64_t i = 0; i < a * b; i++) {
        double t = TURN * (double)((i / a) * (i % a)) / (double)(a * b);
        cosine[i] = cos(t);
        sine[i] = sign * sin(t);
    }
    Value c = make_reals(m, dtype, 4, dims, cosine), s = make_reals(m, dtype, 4, dims, sine);
    Value real = make_slice(m, x, 2, 0, 1), imaginary = make_slice(m, x, 2, 1, 2);
    Value rc = make_binary(m, OP_mul, real, c), is = make_binary(m, OP_mul, imaginary, s);
    Value rs = make_binary(m, OP_mul, real, s), ic = make_binary(m, OP_mul, imaginary, c);
    Value turned_real = make_binary(m, OP_sub, rc, is), turned_imaginary = make_binary(m, OP_add, rs, ic);
    Value both = concat_two(m, turned_real, turned_imaginary, 2);
    return transposed(m, both, &(IntList){4, {0, 3, 2, 1}});
}

/* The first `keep` frequencies of each row, [rows, 2 * keep]. */
static Value transform(const Maker *m, const Rows *r, int64_t keep, int sign)
{
    if (!r->x.node) return r->x;
    if (is_direct(r->length)) {
        Value table = product_table(m, value_type(r->x)->dtype, r, keep, sign);
        return make_binary(m, OP_matmul, r->x, table);
    }
    int64_t a = divisor(r->length), b = r->length / a, kept = (keep + a - 1) / a;
    const int64_t split[] = {r->rows, r->parts, a, b};
    Value x = transposed(m, make_reshape(m, r->x, 4, split), &(IntList){4, {0, 3, 1, 2}});
    Rows first = {.rows = r->rows * b, .length = a, .parts = r->parts};
    first.x = make_reshape(m, x, 2, (const int64_t[]){first.rows, r->parts * a});
    x = make_reshape(m, transform(m, &first, a, sign), 4, (const int64_t[]){r->rows, b, 2, a});
    Rows second = {.rows = r->rows * a, .length = b, .parts = 2};
    second.x = make_reshape(m, rotated(m, x, a, b, sign), 2, (const int64_t[]){second.rows, 2 * b});
    x = make_reshape(m, transform(m, &second, kept, sign), 4, (const int64_t[]){r->rows, a, 2, kept});
    x = make_reshape(m, transposed(m, x, &(IntList){4, {0, 2, 3, 1}}), 3, (const int64_t[]){r->rows, 2, kept * a});
    if (kept * a != keep) x = make_slice(m, x, 2, 0, keep);
    return make_reshape(m, x, 2, (const int64_t[]){r->rows, 2 * keep});
}

/* ---- dft ---- */

static int64_t length_of(const Type *x, int axis, int64_t said) { return said ? said : x->dim[axis].high; }

static bool need_length(const Node *node, int axis, int64_t size, Diag *diag)
{
    const Type *x = operand_type(node, 0);
    if (!need_dtype(node, 0, ACCEPT_FLOATS, diag) || !need_fixed(node, 0, diag)) return false;
    if (axis >= 0 && can_transform(length_of(x, axis, size))) return true;
    diag_error(diag, E0404, node_span(node), "%s: no transform of the last numbers of %s", node_def(node)->name,
               operand_text(node, 0, diag->arena));
    return diag_help(diag, "`size` pads with zeros: a power of two up to 2^22 is best");
}

static bool infer_dft(const Node *node, Type *out, Diag *diag)
{
    const DftAttrs *attrs = node->attrs;
    const Type *x = operand_type(node, 0);
    int axis = x->rank - (attrs->complex ? 2 : 1);
    if (!need_length(node, axis, attrs->size, diag)) return false;
    if (attrs->complex ? x->dim[axis + 1].high != 2 : x->rank == MAX_RANK) {
        diag_error(diag, E0301, node_span(node), "dft: expected [..., N]%s, found %s",
                   attrs->complex ? " of pairs [..., N, 2]" : " of less than 8 axes",
                   operand_text(node, 0, diag->arena));
        return diag_help(diag, "complex: yes is for pairs of a real and an imaginary part");
    }
    int64_t length = length_of(x, axis, attrs->size);
    *out = *x;
    out->rank = axis + 2;
    out->dim[axis] = dim_fixed(attrs->onesided ? length / 2 + 1 : length);
    out->dim[axis + 1] = dim_fixed(2);
    return need_sane(node, out, diag);
}

static int64_t rows_of(const Type *x, int axis)
{
    int64_t rows = 1;
    for (int i = 0; i < axis; i++) rows *= x->dim[i].high;
    return rows;
}

/* The operand as rows of `length`, cut or padded with zeros. */
static Rows rows_from(const Maker *m, int axis, int64_t length, int parts)
{
    const Type *x = operand_type(m->node, 0);
    int64_t rows = rows_of(x, axis), there = x->dim[axis].high;
    Rows r = {.rows = rows, .length = length, .parts = parts};
    Dtype dtype = dtype_wide(x->dtype);
    r.x = make_reshape(m, make_cast(m, m->node->inputs[0], dtype), 3, (const int64_t[]){rows, there, parts});
    if (there > length) r.x = make_slice(m, r.x, 1, 0, length);
    PadAttrs pad = {.end = {2, {0, length - there}}};
    if (there < length) r.x = make(m, OP_pad, &pad, 1, &r.x);
    if (parts == 2) r.x = transposed(m, r.x, &(IntList){3, {0, 2, 1}});
    r.x = make_reshape(m, r.x, 2, (const int64_t[]){rows, parts * length});
    return r;
}

static bool expand_dft(const Maker *m, Value *out)
{
    const DftAttrs *attrs = m->node->attrs;
    const Type *type = &m->node->types[0];
    int axis = type->rank - 2;
    int64_t length = length_of(operand_type(m->node, 0), axis, attrs->size), keep = type->dim[axis].high;
    Rows r = rows_from(m, axis, length, attrs->complex ? 2 : 1);
    Value x = transform(m, &r, keep, attrs->inverse ? 1 : -1);
    if (attrs->inverse) x = make_with_number(m, OP_mul, x, 1 / (double)length);
    x = make_reshape(m, x, 3, (const int64_t[]){r.rows, 2, keep});
    x = transposed(m, x, &(IntList){3, {0, 2, 1}});
    int64_t dims[MAX_RANK];
    for (int i = 0; i < type->rank; i++) dims[i] = type->dim[i].high;
    out[0] = make_cast(m, make_reshape(m, x, type->rank, dims), type->dtype);
    return out[0].node != NULL;
}

#define ATTR_SIZE(Struct)                                                                                              \
    ATTR(Struct, size, .kind = ATTR_INT, .low = 0, .high = MOST_LENGTH,                                                \
         .doc = "length of the transform: x is padded with zeros or cut; 0: as long as x")

const OpDef op_dft = {
    .name = "dft",
    .doc =
        "The discrete Fourier transform, the sum of x[n] exp(-2 pi i n k / N): [..., N] becomes [..., N, 2], pairs of "
        "a real and an imaginary part.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = (const Operand[]){{.name = "x", .doc = "[..., N] of floats, or [..., N, 2] with `complex: yes`"}},
    .attrs = ATTRS(DftAttrs, ATTR_SIZE(DftAttrs),
                   ATTR(DftAttrs, complex, .kind = ATTR_BOOL, .doc = "x has pairs of a real and an imaginary part"),
                   ATTR(DftAttrs, onesided, .kind = ATTR_BOOL,
                        .doc = "only the first N / 2 + 1 frequencies, which say all of real numbers"),
                   ATTR(DftAttrs, inverse, .kind = ATTR_BOOL, .doc = "exp(+2 pi i n k / N) / N instead")),
    .infer = infer_dft,
    .expand = expand_dft,
};

/* ---- spectrum ---- */

static bool infer_spectrum(const Node *node, Type *out, Diag *diag)
{
    const SpectrumAttrs *attrs = node->attrs;
    const Type *x = operand_type(node, 0);
    if (!need_length(node, x->rank - 1, attrs->size, diag)) return false;
    *out = *x;
    out->dim[x->rank - 1] = dim_fixed(length_of(x, x->rank - 1, attrs->size) / 2 + 1);
    return true;
}

static bool expand_spectrum(const Maker *m, Value *out)
{
    const SpectrumAttrs *attrs = m->node->attrs;
    const Type *type = &m->node->types[0];
    int axis = type->rank - 1;
    int64_t keep = type->dim[axis].high, dims[MAX_RANK];
    Rows r = rows_from(m, axis, length_of(operand_type(m->node, 0), axis, attrs->size), 1);
    Value x = transform(m, &r, keep, -1);
    Value real = make_slice(m, x, 1, 0, keep), imaginary = make_slice(m, x, 1, keep, 2 * keep);
    Value a = make_binary(m, OP_mul, real, real), b = make_binary(m, OP_mul, imaginary, imaginary);
    Value power = make_binary(m, OP_add, a, b);
    if (!attrs->power) power = make_unary(m, OP_sqrt, power);
    for (int i = 0; i < type->rank; i++) dims[i] = type->dim[i].high;
    out[0] = make_cast(m, make_reshape(m, power, type->rank, dims), type->dtype);
    return out[0].node != NULL;
}

const OpDef op_spectrum = {
    .name = "spectrum",
    .doc = "How much of each frequency is in x: the squared magnitudes of its Fourier transform, from 0 to half the "
           "sampling rate.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = (const Operand[]){{.name = "x", .doc = "[..., samples] of floats"}},
    .attrs = ATTRS(SpectrumAttrs, ATTR_SIZE(SpectrumAttrs),
                   ATTR(SpectrumAttrs, power, .kind = ATTR_BOOL, .fallback = 1, .doc = "squared; no: magnitudes")),
    .infer = infer_spectrum,
    .expand = expand_spectrum,
};
