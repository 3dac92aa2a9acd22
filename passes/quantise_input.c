#include "passes/quantise_input.h"

#include "ir/eval.h"

enum { LEVELS = 256, LONGEST = 16 };

/* The chain of maps above a value, on all numbers of its input at once. */
typedef struct Replay {
    Graph *graph;
    Diag diag;
    Node *input; /* of the chain, once found */
    Value levels;
} Replay;

static Value replay(Replay *r, Value value, int depth);

static Value replay_input(Replay *r, Value value)
{
    Dtype dtype = value_type(value)->dtype;
    if (dtype != U8 && dtype != I8) return (Value){0};
    if (r->input) return r->input == value.node ? r->levels : (Value){0};
    Type type = type_tensor(dtype, 1, (const int64_t[]){LEVELS});
    Node *levels = graph_add(r->graph, &(NodeSpec){.op = OP_input, .name = "levels", .type = &type}, &r->diag);
    r->input = value.node;
    return r->levels = value_of(levels);
}

static Value replay_number(Replay *r, const Node *node)
{
    Scalar element;
    if (!node_is_splat(node, &element)) return (Value){0};
    Maker m = {.graph = r->graph, .node = (Node *)node, .diag = &r->diag};
    Dtype dtype = node->types[0].dtype;
    return make_number(&m, dtype, dtype_is_float(dtype) ? element.real : (double)element.integer);
}

static Value replay(Replay *r, Value value, int depth)
{
    const Node *node = value.node;
    Value operands[4];
    if (!node || depth > LONGEST) return (Value){0};
    if (node->op == OP_input) return replay_input(r, value);
    if (node->op == OP_constant) return replay_number(r, node);
    if (node_def(node)->kind != KIND_MAP || node->ninputs > 4) return (Value){0};
    for (int i = 0; i < node->ninputs; i++) {
        operands[i] = replay(r, node->inputs[i], depth + 1);
        if (!operands[i].node) return (Value){0};
    }
    Maker m = {.graph = r->graph, .node = (Node *)node, .diag = &r->diag};
    return make(&m, node->op, node->attrs, node->ninputs, operands);
}

static Tensor all_levels(Arena *arena, Dtype dtype)
{
    Tensor levels = tensor_new(arena, type_tensor(dtype, 1, (const int64_t[]){LEVELS}));
    for (int i = 0; i < LEVELS; i++) ((uint8_t *)levels.data)[i] = (uint8_t)i;
    return levels;
}

static bool find_grid(const Tensor *values, Dtype to, Grid *grid)
{
    double low = 0, high = 0;
    for (int i = 0; i < LEVELS; i++) {
        double value = tensor_real(values, i);
        if (!(value - value == 0)) return false;
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    if (low == high) return false;
    *grid = grid_over(low, high, to);
    return true;
}

/* Is every number stored as itself, moved by what lies between the two dtypes? */
static bool is_moved(const Tensor *levels, const Tensor *stored)
{
    int64_t shift = (levels->type.dtype == I8 ? 128 : 0) - (stored->type.dtype == I8 ? 128 : 0);
    for (int i = 0; i < LEVELS; i++)
        if (tensor_get(stored, i).integer != tensor_get(levels, i).integer + shift) return false;
    return true;
}

/* The input as numbers of the other signedness: half of all numbers away, which wraps. */
static Value moved(const Maker *m, Value input, Dtype to)
{
    if (value_type(input)->dtype == to) return input;
    Value cast = make(m, OP_cast, &(CastAttrs){.to = (int)to}, 1, &input);
    return make_binary(m, OP_add, cast, make_number(m, to, to == I8 ? -128 : 128));
}

static bool stores_as_itself(Replay *r, Value values, Dtype to, Grid *grid, Arena *arena)
{
    Tensor levels = all_levels(arena, value_type(r->levels)->dtype), result[2];
    Maker m = {.graph = r->graph, .node = values.node, .diag = &r->diag};
    graph_add_result(r->graph, (Result){.value = values});
    graph_eval(r->graph, &levels, result, arena);
    if (!find_grid(&result[0], to, grid)) return false;
    QuantizeAttrs attrs = {.to = (int)to, .zero = grid->zero, .low = -128, .high = 255};
    Value stored = make(&m, OP_quantize, &attrs, 2, (Value[]){values, make_number(&m, F32, (double)grid->scale)});
    graph_add_result(r->graph, (Result){.value = stored});
    graph_eval(r->graph, &levels, result, arena);
    return is_moved(&levels, &result[1]);
}

bool quantise_input(const Maker *m, Value value, Dtype to, Value *out, Grid *grid)
{
    Arena *scratch = arena_child(m->graph->arena);
    Replay r = {.graph = graph_new(scratch, "levels"), .diag = diag_new(scratch)};
    Value values = replay(&r, value, 0);
    *grid = (Grid){.scale = 0};
    bool same = values.node && r.input && type_same_shape(&r.input->types[0], value_type(value)) &&
                stores_as_itself(&r, values, to, grid, scratch);
    arena_free(scratch);
    if (same) *out = moved(m, value_of(r.input), to);
    return same;
}
