/* The recurrent layers and cells that people write: the input's share of the gates by a dense layer over all steps at
 * once, then the recurrence. */
#include "ir/ops/recurrent.h"
#include "ir/signal.h"

enum { DIRECTIONS = 2, RESULTS = 1 + MOST_STATES };

/* What the directions of a layer share. */
typedef struct Sequence {
    const Maker *m;
    const Recurrent *kind;
    const RecurrentAttrs *attrs;
    int64_t units;
    Value lengths, within; /* where there are lengths: [N, 1, 1], and bool, [N, T, 1] */
} Sequence;

static RecurrentStepMake *const steps[] = {make_rnn_step, make_gru_step, make_lstm_step};

static RecurrentStepMake *step_of(const Recurrent *kind) { return steps[kind->activations - 1]; }

static Value operand(const Maker *m, int index)
{
    return operand_present(m->node, index) ? m->node->inputs[index] : (Value){NULL, 0};
}

/* ---- lengths ---- */

static void read_lengths(Sequence *s)
{
    const Maker *m = s->m;
    const Type *x = operand_type(m->node, 0);
    Value lengths = s->kind->cell ? (Value){NULL, 0} : operand(m, recurrent_lengths(s->kind));
    if (!lengths.node) return;
    int64_t dims[] = {x->rank == 3 ? x->dim[0].high : 1, 1, 1};
    Dim times = x->dim[x->rank - 2];
    s->lengths = make_reshape(m, make_cast(m, lengths, I32), 3, dims);
    s->within = make_binary(m, OP_less, make_coordinates(m, I32, 3, 1, times), s->lengths);
}

/* [N, T, ..] with the steps of each sequence the other way round; those behind its length stay. */
static Value make_reversed(const Sequence *s, Value x)
{
    const Maker *m = s->m;
    if (!x.node) return x;
    if (!s->lengths.node) return make(m, OP_reverse, &(ReverseAttrs){.axes = {1, {1}}}, 1, &x);
    Value step = make_coordinates(m, I32, 3, 1, value_type(x)->dim[1]);
    Value last = make_with_number(m, OP_sub, s->lengths, 1), back = make_binary(m, OP_sub, last, step);
    Value operands[] = {x, make_where(m, s->within, back, step)};
    return make(m, OP_take, &(TakeAttrs){.from = {3, {0, -1, 2}}}, 2, operands);
}

/* ---- one direction ---- */

static Value make_shares(const Sequence *s, Value x, const RecurrentStep *step)
{
    Value operands[] = {x, step->params[PARAM_WEIGHT], step->params[PARAM_BIAS]};
    return make(s->m, OP_dense, NULL, operands[2].node ? 3 : 2, operands);
}

/* What the nest of lstm_recurrence computes. */
static bool is_plain_lstm(const Sequence *s, const RecurrentStep *step)
{
    const RecurrentAttrs *a = s->attrs;
    return s->kind->states == 2 && a->activation[ACTIVATE_GATE] == ACTIVATION_SIGMOID &&
           a->activation[ACTIVATE_CANDIDATE] == ACTIVATION_TANH && a->activation[ACTIVATE_OUTPUT] == ACTIVATION_TANH &&
           !(a->clip > 0) && !a->coupled && !s->within.node && !step->params[PARAM_PEEPHOLE].node;
}

static bool make_plain_lstm(const Sequence *s, Value shares, const RecurrentStep *step, Value *out)
{
    Value bias = step->params[PARAM_RECURRENT_BIAS];
    Value operands[] = {shares, step->states[0], step->states[1], step->params[PARAM_RECURRENT_WEIGHT], bias};
    Value whole = make(s->m, OP_lstm_recurrence, NULL, bias.node ? 5 : 4, operands);
    for (int slot = 0; slot <= s->kind->states; slot++) out[slot] = (Value){whole.node, slot};
    return whole.node != NULL;
}

static bool make_steps(const Sequence *s, Value shares, RecurrentStep *step, Value *out)
{
    if (!shares.node) return false;
    const Type *type = value_type(shares);
    int64_t times = type->dim[type->rank - 2].high, dims[] = {1, times, type->dim[type->rank - 1].high};
    bool single = type->rank == 2;
    if (single) shares = make_reshape(s->m, shares, 3, dims);
    if (!shares.node) return false;
    for (int i = 0; i < s->kind->states; i++)
        if (!step->states[i].node) step->states[i] = make_no_state(s->m, shares, s->units);
    if (!make_recurrence(s->m, step_of(s->kind), s->kind->states, shares, s->within, step, out)) return false;
    if (single) out[0] = make_reshape(s->m, out[0], 2, (const int64_t[]){times, s->units});
    return out[0].node != NULL;
}

static RecurrentStep step_in(const Sequence *s, bool back)
{
    RecurrentStep step = {.attrs = s->attrs, .units = s->units};
    for (int i = 0; i < s->kind->params; i++)
        step.params[i] = operand(s->m, recurrent_param(s->kind, (RecurrentParam)i, back));
    for (int i = 0; i < s->kind->states; i++) {
        step.states[i] = operand(s->m, 1 + i);
        if (s->attrs->direction == DIRECTION_BOTH && step.states[i].node)
            step.states[i] = make_slice(s->m, step.states[i], 1, back * s->units, (back + 1) * s->units);
    }
    return step;
}

static bool make_direction(const Sequence *s, bool back, bool reversed, Value *out)
{
    Value x = operand(s->m, 0);
    RecurrentStep step = step_in(s, back);
    bool turned = reversed && value_type(x)->rank == 2;
    const Type *type = value_type(x);
    if (turned) x = make_reshape(s->m, x, 3, (const int64_t[]){1, type->dim[0].high, type->dim[1].high});
    if (reversed) x = make_reversed(s, x);
    Value shares = make_shares(s, x, &step);
    bool made = is_plain_lstm(s, &step) ? make_plain_lstm(s, shares, &step, out) : make_steps(s, shares, &step, out);
    if (!made) return false;
    if (reversed) out[0] = make_reversed(s, out[0]);
    if (turned) out[0] = make_reshape(s->m, out[0], 2, (const int64_t[]){type->dim[0].high, s->units});
    return out[0].node != NULL;
}

/* ---- all ---- */

static Value side_by_side(const Maker *m, Value a, Value b)
{
    Value operands[] = {a, b};
    if (!a.node) return a;
    return make(m, OP_concat, &(ConcatAttrs){.axis = value_type(a)->rank - 1}, 2, operands);
}

static bool expand_cell(Sequence *s, Value *out)
{
    RecurrentStep step = step_in(s, false);
    Value shares = make_shares(s, operand(s->m, 0), &step);
    if (!is_plain_lstm(s, &step)) {
        step_of(s->kind)(s->m, shares, &step);
        for (int i = 0; i < s->kind->states; i++) out[i] = step.states[i];
        return out[0].node != NULL;
    }
    if (!shares.node) return false;
    const Type *type = value_type(shares);
    Value whole[RESULTS], row = make_reshape(s->m, shares, 3, (int64_t[]){type->dim[0].high, 1, type->dim[1].high});
    if (!make_plain_lstm(s, row, &step, whole)) return false;
    for (int i = 0; i < s->kind->states; i++) out[i] = whole[1 + i];
    return true;
}

bool expand_recurrent(const Maker *m, Value *out)
{
    const Recurrent *kind = recurrent_of(m->node);
    Sequence s = {.m = m, .kind = kind, .attrs = m->node->attrs};
    s.units = operand_type(m->node, recurrent_param(kind, PARAM_RECURRENT_WEIGHT, false))->dim[0].high;
    if (kind->cell) return expand_cell(&s, out);
    read_lengths(&s);
    Value made[DIRECTIONS][RESULTS];
    int direction = s.attrs->direction;
    if (!make_direction(&s, false, direction == DIRECTION_REVERSE, out)) return false;
    if (direction != DIRECTION_BOTH) return true;
    for (int i = 0; i <= kind->states; i++) made[0][i] = out[i];
    if (!make_direction(&s, true, true, made[1])) return false;
    for (int i = 0; i <= kind->states; i++) out[i] = side_by_side(m, made[0][i], made[1][i]);
    return out[0].node != NULL;
}

/* ---- the operators ---- */

#define X_LAYER RECURRENT_X("[N, T, in] or [T, in]")
#define H_LAYER                                                                                                        \
    RECURRENT_STATE("h", OPERAND_OPTIONAL, "[N, H] before the first step, 0 without; of both directions [N, 2 H]")
#define PARAMS_LAYER(gates, order) RECURRENT_PARAMS("", 0, "[in, " gates "]" order, "[H, " gates "]", "[" gates "]")
#define PARAMS_BACK(gates)                                                                                             \
    RECURRENT_PARAMS("reverse_", OPERAND_OPTIONAL, "[in, " gates "], of the other direction", "[H, " gates "]",        \
                     "[" gates "]")
#define X_CELL RECURRENT_X("[N, in]")
#define H_CELL RECURRENT_STATE("h", 0, "[N, H] before the step")

static const char *const sequence_results[] = {"y", "h", "c"}, *const cell_results[] = {"h", "c"};

#define RNN_ATTRS                                                                                                      \
    ATTR_RECURRENT_BIASES(0),                                                                                          \
        ATTR_RECURRENT_ACTIVATION("activation", ACTIVATE_CANDIDATE, ACTIVATION_TANH, "what a state is made with"),     \
        ATTR_RECURRENT_SHAPING

const OpDef op_rnn = {
    .name = "rnn",
    .doc = "A recurrent layer over a sequence: of each step h = activation((bias + x * weight) + (recurrent_bias + h * "
           "recurrent_weight)). y is h of all steps, 0 behind the length of a sequence, h that after the last.",
    .kind = KIND_COMPOSITE,
    .noperands = 11,
    .operands = (const Operand[]){X_LAYER, H_LAYER, RECURRENT_LENGTHS, PARAMS_LAYER("H", ""), PARAMS_BACK("H")},
    .nresults = 2,
    .results = sequence_results,
    .attrs = ATTRS(RecurrentAttrs, ATTR_RECURRENT_LAYER, ATTR_RECURRENT_DIRECTION, RNN_ATTRS),
    .infer = infer_recurrent,
    .param = param_recurrent,
    .layer = layer_recurrent,
    .expand = expand_recurrent,
    .fitting = fitting_one_state,
};

const OpDef op_rnn_cell = {
    .name = "rnn_cell",
    .doc = "One step of an rnn.",
    .kind = KIND_COMPOSITE,
    .noperands = 6,
    .operands = (const Operand[]){X_CELL, H_CELL, PARAMS_LAYER("H", "")},
    .attrs = ATTRS(RecurrentAttrs, RNN_ATTRS),
    .infer = infer_recurrent,
    .param = param_recurrent,
    .layer = layer_recurrent,
    .expand = expand_recurrent,
    .fitting = fitting_one_state_cell,
};

#define GRU_ORDER ", the gates in the order z, r, n"
#define GRU_ATTRS                                                                                                      \
    ATTR_RECURRENT_BIASES(1),                                                                                          \
        ATTR_RECURRENT_ACTIVATION("gate_activation", ACTIVATE_GATE, ACTIVATION_SIGMOID, "of z and r"),                 \
        ATTR_RECURRENT_ACTIVATION("activation", ACTIVATE_CANDIDATE, ACTIVATION_TANH, "of n"), ATTR_RECURRENT_SHAPING,  \
        ATTR(RecurrentAttrs, linear_before_reset, .kind = ATTR_BOOL, .fallback = 1,                                    \
             .doc = "whether r is applied to the state's share of n, as in PyTorch and Keras, or to the state")

const OpDef op_gru = {
    .name = "gru",
    .doc = "Gated recurrent units over a sequence. With a = bias + x * weight and b = recurrent_bias + h * "
           "recurrent_weight of each gate: z and r = sigmoid(a + b), n = tanh(a + r * b), and h = (1 - z) * n + z * h. "
           "Without linear_before_reset b of n is that of r * h. y is h of all steps, 0 behind the length of a "
           "sequence, h that after the last. Gates lie in the order z, r, n, as in ONNX and Keras; files of PyTorch "
           "have r, z, n, and are read so.",
    .kind = KIND_COMPOSITE,
    .noperands = 11,
    .operands =
        (const Operand[]){X_LAYER, H_LAYER, RECURRENT_LENGTHS, PARAMS_LAYER("3 H", GRU_ORDER), PARAMS_BACK("3 H")},
    .nresults = 2,
    .results = sequence_results,
    .attrs = ATTRS(RecurrentAttrs, ATTR_RECURRENT_LAYER, ATTR_RECURRENT_DIRECTION, GRU_ATTRS),
    .infer = infer_recurrent,
    .param = param_recurrent,
    .layer = layer_recurrent,
    .expand = expand_recurrent,
    .fitting = fitting_one_state,
};

const OpDef op_gru_cell = {
    .name = "gru_cell",
    .doc = "One step of a gru.",
    .kind = KIND_COMPOSITE,
    .noperands = 6,
    .operands = (const Operand[]){X_CELL, H_CELL, PARAMS_LAYER("3 H", GRU_ORDER)},
    .attrs = ATTRS(RecurrentAttrs, GRU_ATTRS),
    .infer = infer_recurrent,
    .param = param_recurrent,
    .layer = layer_recurrent,
    .expand = expand_recurrent,
    .fitting = fitting_one_state_cell,
};

#define LSTM_ORDER ", the gates in the order i, f, g, o"
#define LSTM_PEEPHOLE(prefix)                                                                                          \
    {                                                                                                                  \
        .name = prefix "peephole", .flags = OPERAND_PARAM | OPERAND_OPTIONAL,                                          \
        .doc = "[3 H], times c added to i, f and o, of which o sees the new one"                                       \
    }
#define LSTM_ATTRS                                                                                                     \
    ATTR_RECURRENT_BIASES(0),                                                                                          \
        ATTR(RecurrentAttrs, peephole, .kind = ATTR_BOOL, .flags = ATTR_LAYER,                                         \
             .doc = "whether gates see the cell's state"),                                                             \
        ATTR_RECURRENT_ACTIVATION("gate_activation", ACTIVATE_GATE, ACTIVATION_SIGMOID, "of i, f and o"),              \
        ATTR_RECURRENT_ACTIVATION("activation", ACTIVATE_CANDIDATE, ACTIVATION_TANH, "of g"),                          \
        ATTR_RECURRENT_ACTIVATION("output_activation", ACTIVATE_OUTPUT, ACTIVATION_TANH, "of c, where h is made"),     \
        ATTR_RECURRENT_SHAPING, ATTR(RecurrentAttrs, coupled, .kind = ATTR_BOOL, .doc = "whether f is 1 - i")

const OpDef op_lstm = {
    .name = "lstm",
    .doc =
        "An LSTM over a sequence: lstm_recurrence of z = bias + x * weight. y is h of all steps, 0 behind the length "
        "of "
        "a sequence, h and c those after the last. Gates lie in the order i, f, g, o, as in the files of Keras (i, f, "
        "c, o) and PyTorch; ONNX has i, o, f, c.",
    .kind = KIND_COMPOSITE,
    .noperands = 14,
    .operands = (const Operand[]){X_LAYER, H_LAYER, RECURRENT_STATE("c", OPERAND_OPTIONAL, "as h"), RECURRENT_LENGTHS,
                                  PARAMS_LAYER("4 H", LSTM_ORDER), LSTM_PEEPHOLE(""), PARAMS_BACK("4 H"),
                                  LSTM_PEEPHOLE("reverse_")},
    .nresults = 3,
    .results = sequence_results,
    .attrs = ATTRS(RecurrentAttrs, ATTR_RECURRENT_LAYER, ATTR_RECURRENT_DIRECTION, LSTM_ATTRS),
    .infer = infer_recurrent,
    .param = param_recurrent,
    .layer = layer_recurrent,
    .expand = expand_recurrent,
    .fitting = fitting_two_states,
};

const OpDef op_lstm_cell = {
    .name = "lstm_cell",
    .doc = "One step of an lstm.",
    .kind = KIND_COMPOSITE,
    .noperands = 8,
    .operands = (const Operand[]){X_CELL, H_CELL, RECURRENT_STATE("c", 0, "[N, H]"), PARAMS_LAYER("4 H", LSTM_ORDER),
                                  LSTM_PEEPHOLE("")},
    .nresults = 2,
    .results = cell_results,
    .attrs = ATTRS(RecurrentAttrs, LSTM_ATTRS),
    .infer = infer_recurrent,
    .param = param_recurrent,
    .layer = layer_recurrent,
    .expand = expand_recurrent,
    .fitting = fitting_two_states_cell,
};
