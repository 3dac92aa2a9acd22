/* Combinations over axes: attributes up to some opset, then an operand. */
#include "frontend/onnx/sizes.h"

typedef struct Axes {
    ReduceAttrs attrs;
    Value x;
    bool last; /* x and the result are channels-last */
    bool none; /* no axes and noop_with_empty_axes: x stays */
} Axes;

static int64_t axis_in_last(int64_t axis, int rank)
{
    axis = axis < 0 ? axis + rank : axis;
    return axis == 0 ? 0 : axis == 1 ? rank - 1 : axis - 1;
}

/* In channels-last form where the operand is, and where the axes that stay keep their order. */
static void choose_form(OnnxCall *c, Axes *a)
{
    if (!onnx_is_last(c, 0)) {
        a->x = onnx_operand(c, 0);
        return;
    }
    Value last = onnx_operand_last(c, 0);
    int rank = value_type(last)->rank, spatial = 0;
    IntList *axes = &a->attrs.axes;
    for (int i = 0; i < axes->count; i++) {
        int64_t axis = axes->at[i] < 0 ? axes->at[i] + rank : axes->at[i];
        spatial += axis >= 2 && axis < rank;
    }
    bool fits = axes->count && (a->attrs.keep || spatial == rank - 2);
    a->x = fits ? last : onnx_operand(c, 0);
    a->last = fits && a->attrs.keep;
    for (int i = 0; i < axes->count && fits; i++) axes->at[i] = axis_in_last(axes->at[i], rank);
}

static bool read_axes(OnnxCall *c, int64_t since, Axes *out)
{
    *out = (Axes){.attrs = {.keep = onnx_int(c, "keepdims", 1) != 0}};
    bool noop = onnx_int(c, "noop_with_empty_axes", 0) != 0;
    if (!onnx_ints_either(c, "axes", since, 1, &out->attrs.axes)) return false;
    int rank = value_type(onnx_operand(c, 0))->rank, ignored;
    for (int i = 0; i < out->attrs.axes.count; i++)
        if (!onnx_axis(c, out->attrs.axes.at[i], rank, &ignored)) return false;
    out->none = noop && !out->attrs.axes.count;
    choose_form(c, out);
    return out->x.node != NULL;
}

static Value reduced(OnnxCall *c, Op op, const Axes *a, Value x)
{
    return a->none || !x.node ? x : onnx_make(c, op, &a->attrs, 1, &x);
}

static bool finish(OnnxCall *c, const Axes *a, Value out)
{
    if (out.node == a->x.node) out = onnx_make1(c, OP_copy, out);
    return a->last ? onnx_result_last(c, 0, out) : onnx_result(c, 0, out);
}

/* Sums of `before` of each element, then `after` of the sum; OP_COUNT is nothing. */
static bool import_sum(OnnxCall *c, int64_t since, Op before, Op after)
{
    Axes a;
    if (!read_axes(c, since, &a)) return false;
    Value x = a.x;
    if (before == OP_mul) x = onnx_make2(c, OP_mul, x, x);
    if (before != OP_mul && before < OP_COUNT) x = onnx_make1(c, before, x);
    Value sum = reduced(c, OP_reduce_sum, &a, x);
    return finish(c, &a, after < OP_COUNT ? onnx_make1(c, after, sum) : sum);
}

bool onnx_op_reduce_sum(OnnxCall *c) { return import_sum(c, 13, OP_COUNT, OP_COUNT); }
bool onnx_op_reduce_l1(OnnxCall *c) { return import_sum(c, 18, OP_abs, OP_COUNT); }
bool onnx_op_reduce_l2(OnnxCall *c) { return import_sum(c, 18, OP_mul, OP_sqrt); }
bool onnx_op_reduce_sum_square(OnnxCall *c) { return import_sum(c, 18, OP_mul, OP_COUNT); }
bool onnx_op_reduce_log_sum(OnnxCall *c) { return import_sum(c, 18, OP_COUNT, OP_log); }

bool onnx_op_reduce_mean(OnnxCall *c)
{
    Axes a;
    if (!read_axes(c, 18, &a)) return false;
    return finish(c, &a, reduced(c, OP_reduce_mean, &a, a.x));
}

/* Booleans as bytes: the greatest is `or`, the least `and`. */
static bool import_extreme(OnnxCall *c, Op op)
{
    Axes a;
    if (!read_axes(c, 18, &a)) return false;
    bool boolean = value_type(a.x)->dtype == BOOL;
    Value x = boolean ? onnx_cast(c, a.x, U8) : a.x;
    Value out = reduced(c, op, &a, x);
    return finish(c, &a, boolean ? onnx_cast(c, out, BOOL) : out);
}

bool onnx_op_reduce_max(OnnxCall *c) { return import_extreme(c, OP_reduce_max); }
bool onnx_op_reduce_min(OnnxCall *c) { return import_extreme(c, OP_reduce_min); }

bool onnx_op_reduce_prod(OnnxCall *c)
{
    Axes a;
    if (!read_axes(c, 18, &a)) return false;
    return finish(c, &a, reduced(c, OP_reduce_product, &a, a.x));
}

/* log(sum(exp(x - max))) + max, so that no power overflows. */
bool onnx_op_reduce_log_sum_exp(OnnxCall *c)
{
    Axes a;
    if (!read_axes(c, 18, &a)) return false;
    Axes kept = a;
    kept.attrs.keep = true;
    Value greatest = reduced(c, OP_reduce_max, &kept, a.x);
    Value powers = onnx_make1(c, OP_exp, onnx_make2(c, OP_sub, a.x, greatest));
    Value log = onnx_make1(c, OP_log, reduced(c, OP_reduce_sum, &a, powers));
    return finish(c, &a, onnx_make2(c, OP_add, log, reduced(c, OP_reduce_max, &a, a.x)));
}

/* ---- softmax ---- */

/* Before opset 13 all axes from `axis` on were one row. */
static Value rows_of(OnnxCall *c, ReduceAttrs *along)
{
    const Type *type = onnx_operand_type(c, 0);
    bool whole = c->opset < 13;
    int axis;
    *along = (ReduceAttrs){.keep = true};
    if (!onnx_axis(c, onnx_int(c, "axis", whole ? 1 : -1), type->rank, &axis)) return (Value){NULL, 0};
    along->axes = (IntList){1, {whole && axis < type->rank - 1 ? 1 : axis}};
    if (!whole || axis == type->rank - 1) return onnx_operand(c, 0);
    DimList dims = onnx_matrix_dims(c, type, axis);
    return onnx_reshape_dims(c, onnx_operand(c, 0), &dims);
}

static bool finish_rows(OnnxCall *c, Value out)
{
    DimList dims = dims_of(onnx_operand_type(c, 0));
    return onnx_result(c, 0, onnx_reshape_dims(c, out, &dims));
}

bool onnx_op_softmax(OnnxCall *c)
{
    ReduceAttrs along;
    Value x = rows_of(c, &along);
    return finish_rows(c, onnx_make(c, OP_softmax, &(SoftmaxAttrs){along.axes.at[0]}, 1, &x));
}

bool onnx_op_log_softmax(OnnxCall *c)
{
    ReduceAttrs along;
    Value x = rows_of(c, &along);
    return finish_rows(c, onnx_make(c, OP_log_softmax, &(SoftmaxAttrs){along.axes.at[0]}, 1, &x));
}

bool onnx_op_cum_sum(OnnxCall *c)
{
    CumulativeAttrs attrs = {.exclusive = onnx_int(c, "exclusive", 0) != 0, .reverse = onnx_int(c, "reverse", 0) != 0};
    if (!onnx_known_int(c, 1, "axis", &attrs.axis)) return false;
    return onnx_result(c, 0, onnx_make(c, OP_cumulative_sum, &attrs, 1, (Value[]){onnx_operand(c, 0)}));
}
