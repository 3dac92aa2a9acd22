#include "ir/ops/make.h"

Value make_reshape(const Maker *m, Value x, int rank, const int64_t *dims)
{
    ReshapeAttrs attrs = {.shape = {.count = rank}};
    for (int i = 0; i < rank; i++) attrs.shape.at[i] = dims[i];
    return make(m, OP_reshape, &attrs, 1, &x);
}

Value make_cast(const Maker *m, Value x, Dtype to)
{
    if (x.node && value_type(x)->dtype == to) return x;
    return make(m, OP_cast, &(CastAttrs){.to = (int)to}, 1, &x);
}

Value make_slice(const Maker *m, Value x, int axis, int64_t begin, int64_t end)
{
    SliceAttrs attrs = {.begin = {.count = axis + 1}, .end = {.count = axis + 1}};
    if (!x.node) return x;
    for (int i = 0; i < axis; i++) attrs.end.at[i] = value_type(x)->dim[i].high;
    attrs.begin.at[axis] = begin;
    attrs.end.at[axis] = end;
    return make(m, OP_slice, &attrs, 1, &x);
}

Value make_reduce(const Maker *m, Op op, Value x, int axis)
{
    return make(m, op, &(ReduceAttrs){.axes = {1, {axis}}, .keep = true}, 1, &x);
}

Value make_coordinates(const Maker *m, Dtype dtype, int rank, int axis, int64_t size)
{
    IotaAttrs attrs = {.shape = {.count = rank}, .axis = axis, .to = (int)dtype};
    for (int i = 0; i < rank; i++) attrs.shape.at[i] = i == axis ? size : 1;
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
