#include "ir/ops/make.h"

#include "ir/bounded.h"

/* `dim` times a fraction. */
static Dim scaled_dim(const Maker *m, const Dim *dim, int64_t times, int64_t by)
{
    const Graph *root = graph_root(m->graph);
    int number = graph_dim(root, dim);
    if (number < 0 || times == by) return *dim;
    int64_t factor = dim->factor ? dim->factor : 1, divisor = dim->factor ? dim->divisor : 1;
    return dim_form(&root->dims[number], factor * times, dim->base * times, divisor * by);
}

/* The dims of a reshape whose numbers are at the bounds: in each run of axes that are as many elements on both sides
 * a bounded one is the first that is longer than 1.  NULL: none is bounded. */
static const Dim *reshaped_dims(const Maker *m, const Type *from, int rank, const int64_t *dims)
{
    Dim *out = ARENA_ARRAY(m->graph->arena, Dim, rank + 1);
    if (type_is_fixed(from)) return NULL;
    for (int j = 0; j < rank; j++) out[j] = dim_fixed(dims[j]);
    for (int i = 0, j = 0; i < from->rank || j < rank;) {
        int64_t left = 1, right = 1;
        int bounded = -1, first = -1;
        do {
            if (left <= right && i < from->rank) {
                if (!dim_is_fixed(&from->dim[i])) bounded = i;
                left *= from->dim[i++].high;
            } else if (j < rank) {
                if (first < 0 && dims[j] > 1) first = j;
                right *= dims[j++];
            } else {
                break;
            }
        } while (left != right);
        if (bounded >= 0 && first >= 0)
            out[first] = scaled_dim(m, &from->dim[bounded], dims[first], from->dim[bounded].high);
    }
    return out;
}

Value make_reshape(const Maker *m, Value x, int rank, const int64_t *dims)
{
    ReshapeAttrs attrs = {.shape = {.count = rank}};
    if (!x.node) return x;
    for (int i = 0; i < rank; i++) attrs.shape.at[i] = dims[i];
    attrs.shape_dims = reshaped_dims(m, value_type(x), rank, dims);
    return make(m, OP_reshape, &attrs, 1, &x);
}

const Dim *make_dims(const Maker *m, int rank, const Dim *dims, IntList *list)
{
    Dim *copy = ARENA_ARRAY(m->graph->arena, Dim, rank + 1);
    bool fixed = true;
    list->count = rank;
    for (int i = 0; i < rank; i++) {
        list->at[i] = dims[i].high;
        copy[i] = dims[i];
        fixed = fixed && dim_is_fixed(&dims[i]);
    }
    return fixed ? NULL : copy;
}

Value make_reshape_to(const Maker *m, Value x, int rank, const Dim *dims)
{
    ReshapeAttrs attrs = {0};
    if (!x.node) return x;
    attrs.shape_dims = make_dims(m, rank, dims, &attrs.shape);
    return make(m, OP_reshape, &attrs, 1, &x);
}

Value make_broadcast_to(const Maker *m, Value x, int rank, const Dim *dims)
{
    BroadcastAttrs attrs = {0};
    if (!x.node) return x;
    attrs.shape_dims = make_dims(m, rank, dims, &attrs.shape);
    return make(m, OP_broadcast, &attrs, 1, &x);
}

Value make_cast(const Maker *m, Value x, Dtype to)
{
    if (x.node && value_type(x)->dtype == to) return x;
    return make(m, OP_cast, &(CastAttrs){.to = (int)to}, 1, &x);
}

Value make_slice(const Maker *m, Value x, int axis, int64_t begin, int64_t end)
{
    SliceAttrs attrs = {.begin = {.count = axis + 1}, .end = {.count = axis + 1}};
    Dim *dims = ARENA_ARRAY(m->graph->arena, Dim, axis + 1);
    if (!x.node) return x;
    for (int i = 0; i < axis; i++) {
        dims[i] = value_type(x)->dim[i];
        attrs.end.at[i] = dims[i].high;
        if (!dim_is_fixed(&dims[i])) attrs.end_dims = dims;
    }
    dims[axis] = dim_fixed(end);
    attrs.begin.at[axis] = begin;
    attrs.end.at[axis] = end;
    return make(m, OP_slice, &attrs, 1, &x);
}

Value make_reduce(const Maker *m, Op op, Value x, int axis)
{
    return make(m, op, &(ReduceAttrs){.axes = {1, {axis}}, .keep = true}, 1, &x);
}

Value make_coordinates(const Maker *m, Dtype dtype, int rank, int axis, Dim size)
{
    IotaAttrs attrs = {.shape = {.count = rank}, .axis = axis, .to = (int)dtype};
    Dim *dims = ARENA_ARRAY(m->graph->arena, Dim, rank + 1);
    for (int i = 0; i < rank; i++) {
        dims[i] = i == axis ? size : dim_fixed(1);
        attrs.shape.at[i] = dims[i].high;
    }
    if (!dim_is_fixed(&size)) attrs.shape_dims = dims;
    return make(m, OP_iota, &attrs, 0, NULL);
}

Value make_where(const Maker *m, Value condition, Value yes, Value no)
{
    Value operands[] = {condition, yes, no};
    return make(m, OP_where, NULL, 3, operands);
}

Value make_with_number(const Maker *m, Op op, Value x, double number)
{
    if (!x.node) return x;
    return make_binary(m, op, x, make_number(m, value_type(x)->dtype, number));
}

Value make_reals(const Maker *m, Dtype dtype, int rank, const int64_t *dims, const double *values)
{
    Tensor tensor = tensor_new(m->graph->arena, type_tensor(dtype, rank, dims));
    for (int64_t i = 0, count = type_elements(&tensor.type); i < count; i++) tensor_set_real(&tensor, i, values[i]);
    return make_tensor(m, &tensor);
}

bool need_fixed(const Node *node, int index, Diag *diag)
{
    const Type *type = operand_type(node, index);
    bool fixed = true;
    for (int i = 0; i < type->rank; i++) fixed = fixed && dim_is_fixed(&type->dim[i]);
    if (fixed) return true;
    diag_error(diag, E0301, node_span(node), "%s: expected fixed dims, found %s", node_def(node)->name,
               operand_text(node, index, diag->arena));
    return diag_help(diag, "give the dim a fixed size, as with --dim");
}

bool need_indices(const Node *node, int index, Diag *diag)
{
    Dtype dtype = operand_type(node, index)->dtype;
    bool whole = dtype_kind(dtype) == DTYPE_SIGNED || (dtype_kind(dtype) == DTYPE_UNSIGNED && dtype != U64);
    if (whole && !dtype_is_storage(dtype)) return true;
    diag_error(diag, E0302, node_span(node), "%s: expected integers of at most 63 bits as indices, found %s",
               node_def(node)->name, operand_text(node, index, diag->arena));
    return diag_help(diag, "convert them, as in i32(index)");
}

Value make_extent(const Maker *m, Dtype dtype, int count, const Dim *dims)
{
    ExtentAttrs attrs = {.of = {.count = count}, .to = (int)dtype};
    Dim *kept = ARENA_ARRAY(m->graph->arena, Dim, count + 1);
    bool fixed = true;
    double product = 1;
    for (int i = 0; i < count; i++) {
        kept[i] = dims[i];
        attrs.of.at[i] = dims[i].high;
        product *= (double)dims[i].high;
        fixed = fixed && dim_is_fixed(&dims[i]);
    }
    if (fixed && !m->sized) return make_number(m, dtype, product);
    if (!fixed) attrs.of_dims = kept;
    return make(m, OP_extent, &attrs, 0, NULL);
}
