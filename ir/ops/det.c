/* Determinants, by Gauss' elimination with the greatest element of a column as its pivot. */
#include "ir/ops/make.h"
#include "ir/ops/make_scan.h"

static bool infer_det(const Node *node, Type *out, Diag *diag)
{
    const Type *x = operand_type(node, 0);
    if (!need_dtype(node, 0, ACCEPT_FLOATS, diag) || !need_fixed(node, 0, diag)) return false;
    if (x->rank < 2 || x->dim[x->rank - 1].high != x->dim[x->rank - 2].high) {
        diag_error(diag, E0301, node_span(node), "det: expected square matrices in the last two axes, found %s",
                   type_text(diag->arena, x));
        return diag_help(diag, "slice or reshape makes them of what there is");
    }
    *out = *x;
    out->rank -= 2;
    out->dim[out->rank] = out->dim[out->rank + 1] = (Dim){.low = 0};
    return true;
}

/* What a turn works with, k being its number: all as [batch, rows, columns], with 1 where they broadcast. */
typedef struct Turn {
    const Maker *m;
    int64_t size;
    Value a, k, row; /* the matrices, [1, 1, 1], [1, size, 1] */
} Turn;

/* Of each matrix the row or the column that the index says. */
static Value row_at(const Turn *t, Value index)
{
    return make(t->m, OP_take, &(TakeAttrs){.from = {3, {0, -1, 2}}}, 2, (Value[]){t->a, index});
}

static Value column_at(const Turn *t, Value a)
{
    return make(t->m, OP_take, &(TakeAttrs){.from = {3, {0, 1, -1}}}, 2, (Value[]){a, t->k});
}

/* The row of the pivot: the first one from k on that has the greatest element of column k. */
static Value pivot_place(const Turn *t)
{
    const Maker *m = t->m;
    Value column = make_unary(m, OP_abs, column_at(t, t->a));
    if (!column.node) return column;
    Value done = make_binary(m, OP_less, t->row, t->k);
    Value rest = make_where(m, done, make_number(m, value_type(column)->dtype, -1), column);
    Value is_greatest = make_binary(m, OP_equal, rest, make_reduce(m, OP_reduce_max, rest, 1));
    Value last = make_number(m, I32, (double)(t->size - 1));
    return make_reduce(m, OP_reduce_min, make_where(m, is_greatest, t->row, last), 1);
}

/* The matrices with row k in the pivot's place and column k gone from all rows; those up to k are not read again. */
static Value eliminated(const Turn *t, Value place, Value pivot_row, Value pivot)
{
    const Maker *m = t->m;
    Value here = make_binary(m, OP_equal, t->row, place);
    Value a = make_where(m, here, row_at(t, t->k), t->a);
    Value factor = make_binary(m, OP_div, column_at(t, a), pivot);
    if (!pivot.node) return pivot;
    Value zero = make_number(m, value_type(pivot)->dtype, 0);
    Value none = make_binary(m, OP_equal, pivot, zero);
    factor = make_where(m, none, zero, factor);
    return make_binary(m, OP_sub, a, make_binary(m, OP_mul, factor, pivot_row));
}

static Value make_turns(const Maker *m, int64_t size)
{
    Tensor count = tensor_new(m->graph->arena, type_tensor(I32, 1, &size));
    for (int64_t i = 0; i < size; i++) tensor_set(&count, i, (Scalar){.integer = i});
    return make_tensor(m, &count);
}

static bool expand_det(const Maker *m, Value *out)
{
    const Type *x = operand_type(m->node, 0);
    int64_t size = x->dim[x->rank - 1].high, batch = type_elements(x) / (size * size);
    Value a = make_reshape(m, m->node->inputs[0], 3, (const int64_t[]){batch, size, size});
    Value one = make_number(m, x->dtype, 1);
    BroadcastAttrs each = {.shape = {3, {batch, 1, 1}}};
    Value turns = make_turns(m, size), first = make(m, OP_broadcast, &each, 1, &one), operands[] = {turns, a, first};
    Value row = make_coordinates(m, I32, 3, 1, dim_fixed(size));
    ScanAttrs attrs = {.axes = {1, {0}}};
    ScanMaker s = make_scan(m, &attrs, 3, operands, (const char *const[]){"k", "a", "det"});
    if (!s.scan) return false;
    Turn t = {.m = &s.turn, .size = size, .a = s.inputs[1], .row = row};
    t.k = make_reshape(&s.turn, s.inputs[0], 3, (const int64_t[]){1, 1, 1});
    Value place = pivot_place(&t), pivot_row = row_at(&t, place), pivot = column_at(&t, pivot_row);
    Value same = make_binary(&s.turn, OP_equal, place, t.k);
    Value minus = make_unary(&s.turn, OP_neg, pivot), signed_pivot = make_where(&s.turn, same, pivot, minus);
    Value next = eliminated(&t, place, pivot_row, pivot);
    Value det = make_binary(&s.turn, OP_mul, s.inputs[2], signed_pivot);
    make_scan_next(&s, next);
    make_scan_next(&s, det);
    Value whole = make_scan_end(&s);
    if (!whole.node) return false;
    int64_t dims[MAX_RANK];
    for (int i = 0; i < x->rank - 2; i++) dims[i] = x->dim[i].high;
    out[0] = make_reshape(m, (Value){whole.node, 1}, x->rank - 2, dims);
    return out[0].node != NULL;
}

/* Matrices of some size. */
static bool fitting_matrices(int index, const Type *first, int64_t number, Type *out)
{
    int64_t size = 1 + number % 5;
    *out = type_tensor(F32, 3, (const int64_t[]){1 + number % 3, size, size});
    return !index && !first && number > 30;
}

const OpDef op_det = {
    .name = "det",
    .doc =
        "The determinant of each square matrix in the last two axes: the product of its pivots, with their sign, by "
        "elimination column by column. A pivot is the first element of the greatest magnitude in what is left of its "
        "column; rows lose factor * the pivot's row, factor being their element of the column / the pivot.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = (const Operand[]){{.name = "x", .doc = "[.., n, n]"}},
    .infer = infer_det,
    .expand = expand_det,
    .fitting = fitting_matrices,
};
