#include "ir/op.h"

#include <string.h>

const OpDef *const op_table[OP_COUNT] = {
#define OP(name, kind) [OP_##name] = &op_##name,
#include "ir/ops.def"
};

enum { PRIM, COMP };
static const unsigned char op_forms[] = {
#define OP(name, kind) kind,
#include "ir/ops.def"
};
static const char *const op_names[] = {
#define OP(name, kind) #name,
#include "ir/ops.def"
};

bool op_is_composite(Op op) { return op_forms[op] == COMP; }

bool node_is_whole(const Node *node)
{
    const OpDef *def = node_def(node);
    if (def->kind != KIND_ROW && def->kind != KIND_NEST) return false;
    return !node_reads_nothing(node) && (!def->whole || def->whole(node));
}

/* ---- nothing ---- */

static bool all_empty(const Type *types, int count)
{
    bool empty = true;
    for (int i = 0; i < count; i++) empty = empty && type_is_empty(&types[i]);
    return empty;
}

/* How much a node finds is a result as well. */
static bool has_counted(const Node *node)
{
    bool counted = false;
    for (int slot = 0; node_def(node)->counts && slot < node->nresults; slot++)
        counted |= !type_is_fixed(&node->types[slot]);
    return counted;
}

bool node_is_empty(const Node *node)
{
    return node->nresults && all_empty(node->types, node->nresults) && !has_counted(node);
}

bool node_reads_nothing(const Node *node)
{
    bool nothing = false;
    for (int i = 0; i < node->ninputs; i++)
        nothing = nothing || (node->inputs[i].node && type_is_empty(value_type(node->inputs[i])));
    return nothing;
}

/* Sums of no products; but a padding tap of an input without rows is a product. */
static bool has_no_depth(const Node *node)
{
    return node_def(node)->kind == KIND_CONTRACT && type_is_empty(value_type(node->inputs[1]));
}

bool node_check_nothing(const Node *node, const Type *results, Diag *diag)
{
    static const bool kinds[KIND_COMPOSITE + 1] = {[KIND_REDUCE] = true, [KIND_PIECES] = true, [KIND_SCATTER] = true};
    const OpDef *def = node_def(node);
    if (!node_reads_nothing(node) || all_empty(results, node->nresults)) return true;
    if (def->of_nothing || kinds[def->kind] || has_no_depth(node)) return true;
    int empty = 0, made = 0;
    while (type_is_empty(&results[made])) made++;
    while (!node->inputs[empty].node || !type_is_empty(value_type(node->inputs[empty]))) empty++;
    diag_error(diag, E0305, node_span(node), "%s: %s has no elements to make %s of", def->name,
               type_text(diag->arena, value_type(node->inputs[empty])), type_text(diag->arena, &results[made]));
    return diag_help(diag, "nothing can be taken from nothing; sums over it are 0, and concat leaves it out");
}

bool node_is_alias(const Node *node)
{
    IndexMap map = {.linear = false};
    const OpDef *def = node_def(node);
    return def->kind == KIND_VIEW && def->view && def->view(node, &map) && map.linear;
}

Value value_root(Value value)
{
    while (node_def(value.node)->kind == KIND_VIEW) value = value.node->inputs[0];
    return value;
}

bool piece_is_whole(const Piece *piece, const Type *type)
{
    for (int axis = 0; axis < type->rank; axis++) {
        if (piece->map.offset[axis] || piece->size[axis] != type->dim[axis].high) return false;
        for (int r = 0; r < type->rank; r++)
            if (piece->map.stride[axis][r] != (axis == r)) return false;
    }
    return true;
}

bool node_is_step(const Node *node)
{
    OpKind kind = node_def(node)->kind;
    return kind == KIND_GROUP || node_is_control(node);
}

bool node_is_control(const Node *node)
{
    OpKind kind = node_def(node)->kind;
    return kind == KIND_LOOP || kind == KIND_BRANCH;
}

int op_first_param(const OpDef *def)
{
    for (int i = 0; i < def->noperands; i++)
        if (def->operands[i].flags & OPERAND_PARAM) return i;
    return -1;
}

Op op_find(const char *name)
{
    int op = 0;
    while (op < OP_COUNT && strcmp(op_names[op], name) != 0) op++;
    return (Op)op;
}

const char *op_nearest(const char *name) { return diag_nearest(name, op_names, OP_COUNT); }

static const char *operand_text(Arena *arena, const Operand *operand)
{
    if (operand->flags & OPERAND_VARIADIC) return arena_printf(arena, "%s...", operand->name);
    return arena_printf(arena, operand->flags & OPERAND_OPTIONAL ? "[%s]" : "%s", operand->name);
}

/* "stride: 1": a default as it would be written, or what kind of value there must be. */
static const char *attribute_text(Arena *arena, const AttrTable *table, const AttrDef *row)
{
    if (row->flags & ATTR_REQUIRED) return arena_printf(arena, "%s: %s", row->name, attr_kind_name(row->kind));
    void *defaults = arena_alloc(arena, table->size);
    attr_set_defaults(table, defaults);
    return arena_printf(arena, "%s: %s", row->name, attr_text(arena, row, defaults));
}

const char *op_signature(Arena *arena, const OpDef *def)
{
    const char *text = "", *comma = "";
    for (int i = 0; i < def->noperands; i++, comma = ", ")
        text = arena_printf(arena, "%s%s%s", text, comma, operand_text(arena, &def->operands[i]));
    for (int i = 0; i < def->attrs.count; i++, comma = ", ")
        text = arena_printf(arena, "%s%s%s", text, comma, attribute_text(arena, &def->attrs, &def->attrs.rows[i]));
    return arena_printf(arena, "%s(%s)", def->name, text);
}

/* ---- shapes ---- */

/* Two bounded dims fit only when they are the same declared dim: their sizes are known at run time only. */
static bool dim_broadcast(const Dim *a, const Dim *b, Dim *out)
{
    bool same = dim_equal(a, b);
    bool a_stretches = dim_is_fixed(a) && a->high == 1, b_stretches = dim_is_fixed(b) && b->high == 1;
    *out = a_stretches ? *b : *a;
    return same || a_stretches || b_stretches;
}

bool shape_broadcast(const Type *a, const Type *b, Type *out)
{
    static const Dim one = {.low = 1, .high = 1};
    Type result = {.kind = TYPE_TENSOR, .dtype = a->dtype, .rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 1; i <= result.rank; i++) {
        const Dim *x = i <= a->rank ? &a->dim[a->rank - i] : &one;
        const Dim *y = i <= b->rank ? &b->dim[b->rank - i] : &one;
        if (!dim_broadcast(x, y, &result.dim[result.rank - i])) return false;
    }
    *out = result;
    return true;
}

static bool refuse_dtypes(const Node *node, const Type *first, const Type *other, Diag *diag)
{
    Arena *arena = diag->arena;
    diag_error(diag, E0302, node_span(node), "%s needs operands of one dtype, found %s and %s", node_def(node)->name,
               type_text(arena, first), type_text(arena, other));
    return diag_help(diag, "convert one of them, as in %s(x)", dtype_name(first->dtype));
}

static bool refuse_shapes(const Node *node, const Type *first, const Type *other, Diag *diag)
{
    Arena *arena = diag->arena;
    diag_error(diag, E0301, node_span(node), "%s: the shapes of %s and %s do not fit each other", node_def(node)->name,
               type_text(arena, first), type_text(arena, other));
    return diag_help(diag, "counted from the last, dims must be equal, or one of them 1 or missing");
}

bool infer_broadcast(const Node *node, Type *out, Diag *diag)
{
    bool any = false;
    Type result = {.kind = TYPE_TENSOR};
    for (int i = 0; i < node->ninputs; i++) {
        if (!node->inputs[i].node) continue;
        const Type *type = value_type(node->inputs[i]);
        Type so_far = any ? result : *type;
        if (type->dtype != so_far.dtype) return refuse_dtypes(node, &so_far, type, diag);
        if (!shape_broadcast(&so_far, type, &result)) return refuse_shapes(node, &so_far, type, diag);
        any = true;
    }
    *out = result;
    if (type_is_sane(&result)) return true;
    diag_error(diag, E0305, node_span(node), "%s would make %s, which is too large", node_def(node)->name,
               type_text(diag->arena, &result));
    return diag_help(diag, "a tensor may take 2^40 bytes at most");
}

/* ---- makers ---- */

static const Value no_value = {NULL, 0};

/* A required operand that an earlier error left without node. */
static bool lacks_operand(Op op, int ninputs, const Value *inputs)
{
    const OpDef *def = op_table[op];
    for (int i = 0; i < ninputs; i++) {
        bool optional = i < def->noperands && def->operands[i].flags & OPERAND_OPTIONAL;
        if (!inputs[i].node && !optional) return true;
    }
    return false;
}

static Value make_named(const Maker *m, const char *suffix, NodeSpec spec)
{
    spec.name = arena_printf(m->graph->arena, "%s.%s", m->node->name, suffix);
    spec.origin = m->node->origin;
    spec.before = m->at;
    Node *made = graph_add(m->graph, &spec, m->diag);
    return made ? value_of(made) : no_value;
}

Value make(const Maker *m, Op op, const void *attrs, int ninputs, const Value *inputs)
{
    if (lacks_operand(op, ninputs, inputs)) return no_value;
    return make_named(m, op_names[op], (NodeSpec){.op = op, .attrs = attrs, .ninputs = ninputs, .inputs = inputs});
}

Value make_unary(const Maker *m, Op op, Value a) { return make(m, op, NULL, 1, &a); }

Value make_binary(const Maker *m, Op op, Value a, Value b)
{
    Value operands[] = {a, b};
    return make(m, op, NULL, 2, operands);
}

static Value make_constant(const Maker *m, const char *suffix, const Tensor *tensor)
{
    double value = 0;
    Tensor *kept = ARENA_NEW(m->graph->arena, Tensor);
    *kept = *tensor;
    ConstantAttrs attrs;
    attr_set_defaults(&op_constant.attrs, &attrs);
    if (tensor_is_splat(kept, &value)) attrs.value = value;
    return make_named(m, suffix, (NodeSpec){.op = OP_constant, .attrs = &attrs, .type = &kept->type, .data = kept});
}

Value make_number(const Maker *m, Dtype dtype, double value)
{
    Tensor tensor = tensor_new(m->graph->arena, type_scalar(dtype));
    tensor_set_real(&tensor, 0, value);
    return make_constant(m, "number", &tensor);
}

Value make_tensor(const Maker *m, const Tensor *tensor) { return make_constant(m, "constant", tensor); }

bool node_is_splat(const Node *node, Scalar *element)
{
    double value;
    if (node->op != OP_constant) return false;
    if (node->data && !type_is_empty(&node->data->type)) {
        if (!tensor_is_splat(node->data, &value)) return false;
        *element = tensor_get(node->data, 0);
        return true;
    }
    const ConstantAttrs *attrs = node->attrs;
    Arena *scratch = arena_child(node->graph->arena);
    Tensor one = tensor_new(scratch, type_scalar(node->types[0].dtype));
    tensor_set_real(&one, 0, attrs->value);
    *element = tensor_get(&one, 0);
    arena_free(scratch);
    return true;
}

static int operation_cost(ExprKind kind)
{
    enum { DIVISION_COST = 4 };
    if (kind == EXPR_ARG || kind == EXPR_CONST) return 0;
    return kind == EXPR_DIV || kind == EXPR_SQRT ? DIVISION_COST : 1;
}

int node_map_cost(const Node *node)
{
    enum { MOST_OPERANDS = 8 };
    int args[MOST_OPERANDS], cost = 0;
    Arena *scratch = arena_child(node->graph->arena);
    Expr *e = expr_new(scratch);
    for (int i = 0; i < node->ninputs && i < MOST_OPERANDS; i++)
        args[i] = expr_arg(e, i, value_type(node->inputs[i])->dtype);
    node_def(node)->map(node, e, args);
    for (size_t i = 0; i < e->count; i++) cost += operation_cost(e->ops[i].kind);
    arena_free(scratch);
    return cost;
}
