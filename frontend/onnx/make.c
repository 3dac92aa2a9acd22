/* Nodes that importers make. */
#include "frontend/onnx/import_state.h"

#include <string.h>

/* The one bounded axis of a type; -1 when there is none, or several. */
static int bounded_axis(const Type *type)
{
    int found = -1, count = 0;
    for (int i = 0; i < type->rank; i++)
        if (!dim_is_fixed(&type->dim[i])) {
            found = i;
            count++;
        }
    return count == 1 ? found : -1;
}

/* Sizes are counted at the bound here; the one that follows a bounded axis is what is left. */
static ReshapeAttrs open_bounded(const Type *from, const ReshapeAttrs *attrs)
{
    ReshapeAttrs open = *attrs;
    int axis = bounded_axis(from), at = 0;
    int64_t before = 1, here = 1;
    for (int i = 0; i < open.shape.count; i++)
        if (axis < 0 || open.shape_dims || open.shape.at[i] == -1) return open;
    for (int i = 0; i < axis; i++) before *= from->dim[i].high;
    while (at < open.shape.count && (here != before || open.shape.at[at] % from->dim[axis].high))
        here *= open.shape.at[at++];
    if (at < open.shape.count) open.shape.at[at] = -1;
    return open;
}

Value onnx_add(OnnxCall *c, const NodeSpec *spec)
{
    Node *node = graph_add(c->import->graph, spec, c->diag);
    if (node) *node_map_cell(c->import->makers, node) = c->number;
    return (Value){node, 0};
}

Value onnx_make(OnnxCall *c, Op op, const void *attrs, int ninputs, const Value *inputs)
{
    ReshapeAttrs open;
    if (op == OP_reshape && inputs[0].node) {
        open = open_bounded(value_type(inputs[0]), attrs);
        attrs = &open;
    }
    const OpDef *def = op_table[op];
    for (int i = 0; i < ninputs && i < def->noperands; i++)
        if (!inputs[i].node && !(def->operands[i].flags & OPERAND_OPTIONAL)) return (Value){NULL, 0};
    while (ninputs && !inputs[ninputs - 1].node) ninputs--;
    NodeSpec spec = {.op = op,
                     .name = arena_printf(c->arena, "%s.%s", c->name, def->name),
                     .ninputs = ninputs,
                     .inputs = inputs,
                     .attrs = attrs,
                     .origin = origin_of(c->arena, c->at)};
    return onnx_add(c, &spec);
}

Value onnx_make1(OnnxCall *c, Op op, Value a) { return onnx_make(c, op, NULL, 1, &a); }

Value onnx_make2(OnnxCall *c, Op op, Value a, Value b) { return onnx_make(c, op, NULL, 2, (Value[]){a, b}); }

Value onnx_make_constant(OnnxCall *c, const Tensor *tensor)
{
    double value = 0;
    ConstantAttrs attrs = {.value = tensor_is_splat(tensor, &value) ? value : 0};
    NodeSpec spec = {.op = OP_constant,
                     .name = arena_printf(c->arena, "%s.constant", c->name),
                     .attrs = &attrs,
                     .type = &tensor->type,
                     .data = tensor,
                     .origin = origin_of(c->arena, c->at)};
    return onnx_add(c, &spec);
}

bool onnx_afford(OnnxCall *c, const Type *type)
{
    static const int64_t most = INT64_C(1) << 25;
    int64_t elements = type_elements(type);
    if (elements <= most - c->import->made) {
        c->import->made += elements;
        return true;
    }
    return onnx_refuse(c, "", "a model of that size keeps its weights as initializers",
                       "constants made by operators have more than %lld elements", (long long)most);
}

Value onnx_number(OnnxCall *c, Dtype dtype, double value)
{
    Tensor *tensor = ARENA_NEW(c->arena, Tensor);
    *tensor = tensor_new(c->arena, type_scalar(dtype));
    tensor_set_real(tensor, 0, value);
    return onnx_make_constant(c, tensor);
}

Value onnx_make_ints(OnnxCall *c, const IntList *list)
{
    Tensor *tensor = ARENA_NEW(c->arena, Tensor);
    *tensor = tensor_new(c->arena, type_tensor(I64, 1, (const int64_t[]){list->count}));
    for (int i = 0; i < list->count; i++) tensor_set(tensor, i, (Scalar){.integer = list->at[i]});
    return onnx_make_constant(c, tensor);
}

Value onnx_cast(OnnxCall *c, Value a, Dtype to)
{
    if (!a.node || value_type(a)->dtype == to) return a;
    return onnx_make(c, OP_cast, &(CastAttrs){.to = (int)to}, 1, &a);
}

/* ---- views, of which those of parameters are parameters, so that weights stay what is trained and pruned ---- */

static Value param_like(OnnxCall *c, const Node *from, const char *name, const Tensor *data, const ParamAttrs *attrs)
{
    Tensor *kept = ARENA_NEW(c->arena, Tensor);
    *kept = *data;
    NodeSpec spec = {
        .op = OP_param, .name = name, .attrs = attrs, .type = &kept->type, .data = kept, .origin = from->origin};
    return onnx_add(c, &spec);
}

static bool is_stored_param(Value a)
{
    if (!a.node || a.node->op != OP_param || !a.node->data) return false;
    const ParamAttrs *attrs = a.node->attrs;
    return !attrs->view.count && !attrs->order.count && !attrs->permute.count;
}

static bool is_in_order(const IntList *permute)
{
    for (int i = 0; i < permute->count; i++)
        if (permute->at[i] != i) return false;
    return true;
}

/* Written out at once: what was made of many weights is weights again. */
static Value transposed_constant(OnnxCall *c, const Node *from, const IntList *permute)
{
    int order[MAX_RANK] = {0};
    Tensor *data = ARENA_NEW(c->arena, Tensor);
    for (int i = 0; i < permute->count; i++) order[i] = (int)permute->at[i];
    *data = tensor_transpose(c->arena, from->data, order);
    Value made = onnx_make_constant(c, data);
    if (made.node) graph_rename(made.node, from->name);
    return made;
}

Value onnx_transpose(OnnxCall *c, Value a, const IntList *permute)
{
    if (!a.node || is_in_order(permute)) return a;
    if (a.node->op == OP_constant && a.node->data) return transposed_constant(c, a.node, permute);
    if (!is_stored_param(a)) return onnx_make(c, OP_transpose, &(TransposeAttrs){*permute}, 1, &a);
    int order[MAX_RANK] = {0};
    ParamAttrs attrs = *(const ParamAttrs *)a.node->attrs;
    attrs.permute = *permute;
    attrs.view.count = permute->count;
    for (int i = 0; i < permute->count; i++) {
        order[i] = (int)permute->at[i];
        attrs.view.at[i] = a.node->types[0].dim[i].high;
    }
    Tensor data = tensor_transpose(c->arena, a.node->data, order);
    return param_like(c, a.node, a.node->name, &data, &attrs);
}

static Tensor blocks_of(OnnxCall *c, const Tensor *from, const OnnxBlocks *blocks)
{
    Tensor tensor = *from;
    int order[MAX_RANK] = {0};
    tensor.type = type_tensor(from->type.dtype, blocks->view.count, blocks->view.at);
    tensor = tensor_take(c->arena, &tensor, blocks->order.count, blocks->order.at);
    for (int i = 0; i < blocks->permute.count; i++) order[i] = (int)blocks->permute.at[i];
    if (blocks->permute.count) tensor = tensor_transpose(c->arena, &tensor, order);
    tensor.type = type_tensor(from->type.dtype, blocks->rank, blocks->dims);
    return tensor;
}

static Value made_blocks(OnnxCall *c, Value a, const OnnxBlocks *blocks)
{
    Value parts[MAX_INTS];
    Value all = onnx_reshape(c, a, blocks->view.count, blocks->view.at);
    for (int i = 0; i < blocks->order.count; i++) {
        int64_t at = blocks->order.at[i];
        parts[i] = onnx_make(c, OP_slice, &(SliceAttrs){.begin = {1, {at}}, .end = {1, {at + 1}}}, 1, &all);
    }
    ConcatAttrs side = {.axis = 0};
    Value taken = blocks->order.count > 1 ? onnx_make(c, OP_concat, &side, blocks->order.count, parts) : parts[0];
    if (blocks->permute.count) taken = onnx_transpose(c, taken, &blocks->permute);
    return onnx_reshape(c, taken, blocks->rank, blocks->dims);
}

Value onnx_blocks(OnnxCall *c, Value a, const OnnxBlocks *blocks, const char *name)
{
    bool stored = is_stored_param(a), constant = a.node && a.node->op == OP_constant && a.node->data;
    if (!stored && !constant) return made_blocks(c, a, blocks);
    Tensor *data = ARENA_NEW(c->arena, Tensor);
    *data = blocks_of(c, a.node->data, blocks);
    if (constant) return onnx_make_constant(c, data);
    ParamAttrs attrs = *(const ParamAttrs *)a.node->attrs;
    attrs.view = blocks->view;
    attrs.order = blocks->order;
    attrs.permute = blocks->permute;
    return param_like(c, a.node, name, data, &attrs);
}

Value onnx_reshape(OnnxCall *c, Value a, int rank, const int64_t *dims)
{
    if (!a.node) return a;
    ReshapeAttrs attrs = {.shape = {.count = rank}};
    Type type = type_tensor(value_type(a)->dtype, rank, dims);
    for (int i = 0; i < rank; i++) attrs.shape.at[i] = dims[i];
    if (type_equal(&type, value_type(a))) return a;
    return onnx_make(c, OP_reshape, &attrs, 1, &a);
}

Value onnx_broadcast(OnnxCall *c, Value a, int rank, const int64_t *dims)
{
    if (!a.node) return a;
    BroadcastAttrs attrs = {.shape = {.count = rank}};
    Type type = type_tensor(value_type(a)->dtype, rank, dims);
    for (int i = 0; i < rank; i++) attrs.shape.at[i] = dims[i];
    if (type_equal(&type, value_type(a))) return a;
    return onnx_make(c, OP_broadcast, &attrs, 1, &a);
}

/* ---- element-wise operators ---- */

/* A value in front of whose axes ones stand, up to `rank`. */
static Value padded(OnnxCall *c, Value a, int rank)
{
    const Type *type = value_type(a);
    int64_t dims[MAX_RANK];
    int missing = rank - type->rank;
    if (missing <= 0) return a;
    for (int i = 0; i < rank; i++) dims[i] = i < missing ? 1 : type->dim[i - missing].high;
    return onnx_reshape(c, a, rank, dims);
}

/* An operand among others of `rank` axes, channels last. */
static Value among_last(OnnxCall *c, int index, int rank)
{
    const OnnxValue *value = onnx_value(c, index);
    if (!value) return onnx_operand(c, index);
    const Type *type = value_type(value->last.node ? value->last : value->plain);
    if (type->rank == rank) return onnx_operand_last(c, index);
    if (type->rank == 0) return onnx_operand(c, index);
    return onnx_to_last(c, padded(c, onnx_operand(c, index), rank));
}

/* The greatest rank of the operands, when one of those is channels-last only; else 0. */
static int rank_of_last(OnnxCall *c, int count)
{
    int most = 0, last = 0;
    for (int i = 0; i < count; i++) {
        const OnnxValue *value = onnx_value(c, i);
        if (!value) continue;
        int rank = value_type(value->last.node ? value->last : value->plain)->rank;
        if (rank > most) most = rank;
        if (onnx_is_last(c, i) && rank > last) last = rank;
    }
    return last == most ? last : 0;
}

bool onnx_same_layout(OnnxCall *c, int count, Value *out)
{
    int rank = rank_of_last(c, count);
    for (int i = 0; i < count; i++) out[i] = rank ? among_last(c, i, rank) : onnx_operand(c, i);
    return rank > 0;
}

bool onnx_map(OnnxCall *c, Op op, const void *attrs)
{
    int count = onnx_operands(c);
    Value *inputs = ARENA_ARRAY(c->arena, Value, count + 1);
    bool last = onnx_same_layout(c, count, inputs);
    Value result = onnx_make(c, op, attrs, count, inputs);
    return last ? onnx_result_last(c, 0, result) : onnx_result(c, 0, result);
}
