/* Long short-term memory.  The input's share of the gates is a dense layer over all steps at once; what is left is a
 * recurrence, which stays whole until it is scheduled. */
#include "ir/bounded.h"
#include "ir/fma.h"
#include "ir/ops/recurrent.h"
#include "ir/packing.h"

#include <string.h>

/* ---- the recurrence ---- */

enum { SHARES, STATE_H, STATE_C, WEIGHT, BIAS };
enum { ALL, LAST_H, LAST_C };

/* Sizes of z: [N, T, 4 H] or, of one sequence, [T, 4 H]. */
typedef struct Sizes {
    int64_t batch, steps, units;
} Sizes;

static Sizes sizes_of(const Type *z)
{
    int64_t batch = z->rank == 3 ? z->dim[0].high : 1;
    return (Sizes){batch, z->dim[z->rank - 2].high, z->dim[z->rank - 1].high / LSTM_GATES};
}

static bool need_sequence(const Node *node, const char *layout, Diag *diag)
{
    const Type *x = operand_type(node, 0);
    if (!need_dtype(node, 0, ACCEPT_FLOATS, diag)) return false;
    bool fixed = x->rank == 2 || x->rank == 3;
    for (int axis = x->rank == 3; fixed && axis < x->rank; axis++) fixed = dim_is_fixed(&x->dim[axis]);
    if (fixed) return true;
    diag_error(diag, E0301, node_span(node), "%s: expected %s with fixed sizes of a sequence, found %s",
               node_def(node)->name, layout, type_text(diag->arena, x));
    return diag_help(diag, "time is the axis before the last; reshape(x, shape: [...]) regroups axes");
}

static bool need_shares(const Node *node, Diag *diag)
{
    const Type *z = operand_type(node, SHARES);
    if (!need_sequence(node, "[N, T, 4 H] or [T, 4 H]", diag)) return false;
    if (z->dim[z->rank - 1].high % LSTM_GATES == 0) return true;
    diag_error(diag, E0301, node_span(node), "lstm_recurrence: expected a last axis of four gates, found %s",
               type_text(diag->arena, z));
    return diag_help(diag, "it is made by dense(x, out: 4 * units); lstm(x, units: ...) does both");
}

static Dim batch_of(const Type *z) { return z->rank == 3 ? z->dim[0] : dim_fixed(1); }

/* Types of all results and of the states that may be given, from the type of `z`. */
static void state_types(const Type *z, Type *all, Type *state)
{
    *all = *state = *z;
    state->rank = 2;
    state->dim[0] = batch_of(z);
    state->dim[1] = all->dim[z->rank - 1] = dim_fixed(sizes_of(z).units);
}

static bool need_state(const Node *node, int index, const Type *like, Diag *diag)
{
    int64_t dims[] = {like->dim[0].high, like->dim[1].high};
    if (!operand_present(node, index)) return true;
    return need_same_dtype(node, index, diag) && need_shape(node, index, 2, dims, "one row a sequence", diag);
}

static bool infer_recurrence(const Node *node, Type *out, Diag *diag)
{
    const Type *z = operand_type(node, SHARES);
    if (!need_shares(node, diag)) return false;
    state_types(z, &out[ALL], &out[LAST_H]);
    out[LAST_C] = out[LAST_H];
    int64_t weight[] = {sizes_of(z).units, sizes_of(z).units * LSTM_GATES};
    if (!need_same_dtype(node, WEIGHT, diag) || !need_shape(node, WEIGHT, 2, weight, "units by their gates", diag))
        return false;
    if (operand_present(node, BIAS) &&
        (!need_same_dtype(node, BIAS, diag) || !need_shape(node, BIAS, 1, &weight[1], "one a gate", diag)))
        return false;
    return need_state(node, STATE_H, &out[LAST_H], diag) && need_state(node, STATE_C, &out[LAST_C], diag);
}

static bool param_recurrence(const Node *node, int index, Type *out, Diag *diag)
{
    const LstmRecurrenceAttrs *attrs = node->attrs;
    if (!need_shares(node, diag)) return false;
    const Type *z = operand_type(node, SHARES);
    int64_t dims[] = {sizes_of(z).units, sizes_of(z).units * LSTM_GATES};
    *out = index == BIAS ? type_tensor(z->dtype, 1, &dims[1]) : type_tensor(z->dtype, 2, dims);
    if (index == BIAS && !attrs->recurrent_bias) out->dtype = DTYPE_COUNT;
    return true;
}

/* ---- its meaning in other operators ---- */

static bool expand_recurrence(const Maker *m, Value *out)
{
    const Value *in = m->node->inputs;
    const Type *type = value_type(in[SHARES]);
    Sizes sizes = sizes_of(type);
    RecurrentAttrs attrs;
    attr_set_defaults(&op_lstm.attrs, &attrs);
    RecurrentStep step = {.attrs = &attrs, .units = sizes.units, .params[PARAM_RECURRENT_WEIGHT] = in[WEIGHT]};
    if (operand_present(m->node, BIAS)) step.params[PARAM_RECURRENT_BIAS] = in[BIAS];
    Value shares = in[SHARES];
    int64_t gates = sizes.units * LSTM_GATES;
    if (type->rank == 2) shares = make_reshape(m, shares, 3, (const int64_t[]){1, sizes.steps, gates});
    if (!shares.node) return false;
    for (int i = 0; i < MOST_STATES; i++)
        step.states[i] =
            operand_present(m->node, STATE_H + i) ? in[STATE_H + i] : make_no_state(m, shares, sizes.units);
    if (!make_recurrence(m, make_lstm_step, MOST_STATES, shares, (Value){NULL, 0}, &step, out)) return false;
    if (type->rank == 2) out[ALL] = make_reshape(m, out[ALL], 2, (const int64_t[]){sizes.steps, sizes.units});
    return out[ALL].node != NULL;
}

/* ---- the same at once ---- */

static void add_products(Dtype dtype, void *sum, int64_t width, const void *x, const void *weight, int64_t depth)
{
    if (dtype == F64)
        fma_rows_double(sum, width, x, 1, weight, width, depth);
    else
        fma_rows(sum, width, x, 1, weight, width, depth);
}

static void copy_state(const Tensor *from, Tensor *to)
{
    size_t bytes = (size_t)type_bytes(&to->type);
    if (from->data)
        memcpy(to->data, from->data, bytes);
    else
        memset(to->data, 0, bytes);
}

/* What both expressions of a step need, on one row. */
typedef struct Update {
    const Expr *state, *output;
    size_t size;
    Sizes sizes;
} Update;

static void update_row(const Update *u, const char *shares, const char *sums, char *h, char *c, char *all)
{
    const void *args[LSTM_ARGUMENTS];
    int64_t steps[LSTM_ARGUMENTS];
    size_t bytes = (size_t)u->sizes.units * u->size;
    for (int i = 0; i < LSTM_GATES; i++) {
        args[2 * i] = shares + (size_t)i * bytes;
        args[2 * i + 1] = sums + (size_t)i * bytes;
    }
    args[LSTM_STATE] = c;
    for (int i = 0; i < LSTM_ARGUMENTS; i++) steps[i] = 1;
    expr_run(u->state, args, steps, all, u->sizes.units);
    memcpy(c, all, bytes);
    expr_run(u->output, args, steps, all, u->sizes.units);
    memcpy(h, all, bytes);
}

static void eval_recurrence(const Node *node, const Tensor *in, Tensor *out)
{
    Dtype dtype = out->type.dtype;
    Sizes s = sizes_of(&in[SHARES].type);
    Arena *scratch = arena_child(node->graph->arena);
    Expr *state = expr_new(scratch), *output = expr_new(scratch);
    lstm_state_expr(state, dtype);
    lstm_output_expr(output, dtype);
    Update update = {state, output, (size_t)dtype_bits(dtype) / 8, s};
    size_t row = (size_t)s.units * update.size, gates = row * LSTM_GATES;
    char *sums = arena_alloc(scratch, gates), *h = out[LAST_H].data, *c = out[LAST_C].data;
    copy_state(&in[STATE_H], &out[LAST_H]);
    copy_state(&in[STATE_C], &out[LAST_C]);
    bool bias = operand_present(node, BIAS);
    for (int64_t i = 0; i < s.batch * s.steps; i++) {
        size_t n = (size_t)(i / s.steps);
        if (bias)
            memcpy(sums, in[BIAS].data, gates);
        else
            memset(sums, 0, gates);
        add_products(dtype, sums, s.units * LSTM_GATES, h + n * row, in[WEIGHT].data, s.units);
        update_row(&update, (const char *)in[SHARES].data + (size_t)i * gates, sums, h + n * row, c + n * row,
                   (char *)out[ALL].data + (size_t)i * row);
    }
    arena_free(scratch);
}

/* Its nest takes the steps of all rows for one run: of rows and steps that are both bounded a scan takes them. */
static bool whole_recurrence(const Node *node)
{
    Dtype dtype = node->types[0].dtype;
    return (dtype == F32 || dtype == F64) && !type_has_gaps(&node->types[0]);
}

static int packing_recurrence(const Node *node, int operand)
{
    (void)node;
    return operand == WEIGHT || operand == BIAS ? PACKING_GATES : PACKING_PLAIN;
}

static const char *const sequence_results[] = {"y", "h", "c"};

#define ATTR_RECURRENT_BIAS(Struct)                                                                                    \
    ATTR(Struct, recurrent_bias, .kind = ATTR_BOOL, .flags = ATTR_LAYER,                                               \
         .doc = "whether the state's share has a bias of its own, as in PyTorch")

const OpDef op_lstm_recurrence = {
    .name = "lstm_recurrence",
    .doc = "Of each step in order, with gates i, f, g, o = z[t] + (recurrent_bias + h * recurrent_weight), that sum by "
           "fused multiply-adds in the order of the units: c = sigmoid(f) * c + sigmoid(i) * tanh(g) and h = "
           "sigmoid(o) * tanh(c). y is h of all steps, h and c those after the last; both start as 0.",
    .kind = KIND_NEST,
    .noperands = 5,
    .operands =
        (const Operand[]){{.name = "z", .doc = "[N, T, 4 H] or [T, 4 H], the input's share"},
                          {.name = "h", .flags = OPERAND_OPTIONAL, .doc = "[N, H] before the first step"},
                          {.name = "c", .flags = OPERAND_OPTIONAL, .doc = "[N, H]"},
                          {.name = "recurrent_weight", .flags = OPERAND_PARAM, .doc = "[H, 4 H]"},
                          {.name = "recurrent_bias", .flags = OPERAND_PARAM | OPERAND_OPTIONAL, .doc = "[4 H]"}},
    .nresults = 3,
    .results = sequence_results,
    .attrs = ATTRS(LstmRecurrenceAttrs, ATTR_RECURRENT_BIAS(LstmRecurrenceAttrs)),
    .infer = infer_recurrence,
    .param = param_recurrence,
    .eval = eval_recurrence,
    .expand = expand_recurrence,
    .whole = whole_recurrence,
    .packing = packing_recurrence,
};
