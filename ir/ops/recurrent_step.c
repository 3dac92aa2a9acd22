/* One step of the recurrent layers in other operators, and the scan of them all. */
#include "ir/ops/make_scan.h"
#include "ir/ops/recurrent.h"

const char *const activation_words[ACTIVATION_COUNT + 1] = {
    "tanh",        "sigmoid",      "relu", "affine",   "leaky_relu", "thresholded_relu",
    "scaled_tanh", "hard_sigmoid", "elu",  "softsign", "softplus",   NULL,
};

/* ---- activations ---- */

/* alpha * x + beta; what changes nothing is left out. */
static Value make_line(const Maker *m, Value x, double alpha, double beta)
{
    if (alpha != 1) x = make_with_number(m, OP_mul, x, alpha);
    return beta != 0 ? make_with_number(m, OP_add, x, beta) : x;
}

static Value make_alpha(const Maker *m, Op op, Value x, double alpha)
{
    return make(m, op, &(AlphaAttrs){.alpha = alpha}, 1, &x);
}

const ActivationRow activation_rows[ACTIVATION_COUNT] = {
    [ACTIVATION_TANH] = {.onnx = "Tanh"},
    [ACTIVATION_SIGMOID] = {.onnx = "Sigmoid"},
    [ACTIVATION_RELU] = {.onnx = "Relu"},
    [ACTIVATION_AFFINE] = {"Affine", true, true, 1, 0},
    [ACTIVATION_LEAKY_RELU] = {"LeakyRelu", true, false, 0.01, 0},
    [ACTIVATION_THRESHOLDED_RELU] = {"ThresholdedRelu", true, false, 1, 0},
    [ACTIVATION_SCALED_TANH] = {"ScaledTanh", true, true, 1, 1},
    [ACTIVATION_HARD_SIGMOID] = {"HardSigmoid", true, true, 0.2, 0.5},
    [ACTIVATION_ELU] = {"Elu", true, false, 1, 0},
    [ACTIVATION_SOFTSIGN] = {.onnx = "Softsign"},
    [ACTIVATION_SOFTPLUS] = {.onnx = "Softplus"},
};

static Value make_activation(const Maker *m, Activation kind, double alpha, double beta, Value x)
{
    switch (kind) {
    case ACTIVATION_SIGMOID: return make_unary(m, OP_sigmoid, x);
    case ACTIVATION_RELU: return make_unary(m, OP_relu, x);
    case ACTIVATION_AFFINE: return make_line(m, x, alpha, beta);
    case ACTIVATION_LEAKY_RELU: return make(m, OP_leaky_relu, &(LeakyReluAttrs){.alpha = alpha}, 1, &x);
    case ACTIVATION_THRESHOLDED_RELU: return make_alpha(m, OP_thresholded_relu, x, alpha);
    case ACTIVATION_SCALED_TANH: return make_line(m, make_unary(m, OP_tanh, make_line(m, x, beta, 0)), alpha, 0);
    case ACTIVATION_HARD_SIGMOID:
        return make(m, OP_hard_sigmoid, &(HardSigmoidAttrs){.alpha = alpha, .beta = beta}, 1, &x);
    case ACTIVATION_ELU: return make_alpha(m, OP_elu, x, alpha);
    case ACTIVATION_SOFTSIGN: return make_unary(m, OP_softsign, x);
    case ACTIVATION_SOFTPLUS: return make_unary(m, OP_softplus, x);
    default: return make_unary(m, OP_tanh, x);
    }
}

/* Activation `which` of a layer whose lists begin with activation `first`.  Sums are clipped, the state of a cell is
 * not: so does ONNX Runtime. */
static Value activate(const Maker *m, const RecurrentAttrs *attrs, int which, int first, Value x)
{
    Activation kind = (Activation)attrs->activation[which];
    double alpha = attrs->alpha.count ? attrs->alpha.at[which - first] : activation_rows[kind].alpha;
    double beta = attrs->beta.count ? attrs->beta.at[which - first] : activation_rows[kind].beta;
    if (attrs->clip > 0 && which != ACTIVATE_OUTPUT)
        x = make(m, OP_clamp, &(ClampAttrs){.low = -attrs->clip, .high = attrs->clip}, 1, &x);
    return make_activation(m, kind, alpha, beta, x);
}

/* ---- steps ---- */

/* What the state adds to gates from `begin` below `end`. */
static Value make_products(const Maker *m, const RecurrentStep *s, Value state, int begin, int end, int gates)
{
    Value weight = s->params[PARAM_RECURRENT_WEIGHT], bias = s->params[PARAM_RECURRENT_BIAS];
    if (end - begin < gates) {
        weight = make_slice(m, weight, 1, begin * s->units, end * s->units);
        bias = make_slice(m, bias, 0, begin * s->units, end * s->units);
    }
    Value operands[] = {state, weight, bias};
    return make(m, OP_dense, NULL, bias.node ? 3 : 2, operands);
}

static Value gates_of(const Maker *m, const RecurrentStep *s, Value all, int begin, int end)
{
    return make_slice(m, all, 1, begin * s->units, end * s->units);
}

void make_rnn_step(const Maker *m, Value shares, RecurrentStep *s)
{
    Value sum = make_binary(m, OP_add, shares, make_products(m, s, s->states[0], 0, 1, 1));
    s->states[0] = activate(m, s->attrs, ACTIVATE_CANDIDATE, ACTIVATE_CANDIDATE, sum);
}

/* 1 - x */
static Value make_rest(const Maker *m, Value x)
{
    if (!x.node) return x;
    return make_binary(m, OP_sub, make_number(m, value_type(x)->dtype, 1), x);
}

void make_gru_step(const Maker *m, Value shares, RecurrentStep *s)
{
    bool linear = s->attrs->linear_before_reset;
    Value h = s->states[0], products = make_products(m, s, h, 0, linear ? 3 : 2, 3);
    Value a = gates_of(m, s, shares, 0, 2), b = gates_of(m, s, products, 0, 2), sum = make_binary(m, OP_add, a, b);
    Value gates = activate(m, s->attrs, ACTIVATE_GATE, ACTIVATE_GATE, sum);
    Value update = gates_of(m, s, gates, 0, 1), reset = gates_of(m, s, gates, 1, 2), share;
    if (linear)
        share = make_binary(m, OP_mul, reset, gates_of(m, s, products, 2, 3));
    else
        share = make_products(m, s, make_binary(m, OP_mul, reset, h), 2, 3, 3);
    sum = make_binary(m, OP_add, gates_of(m, s, shares, 2, 3), share);
    Value candidate = activate(m, s->attrs, ACTIVATE_CANDIDATE, ACTIVATE_GATE, sum);
    Value added = make_binary(m, OP_mul, make_rest(m, update), candidate);
    Value kept = make_binary(m, OP_mul, update, h);
    s->states[0] = make_binary(m, OP_add, added, kept);
}

/* A gate of an lstm with what it sees of the cell's state: `look` is its place among the peepholes, -1 none. */
static Value make_lstm_gate(const Maker *m, const RecurrentStep *s, Value sums, int gate, int look, Value c)
{
    Value sum = gates_of(m, s, sums, gate, gate + 1), peephole = s->params[PARAM_PEEPHOLE];
    if (peephole.node && look >= 0) {
        Value seen = make_slice(m, peephole, 0, look * s->units, (look + 1) * s->units);
        sum = make_binary(m, OP_add, sum, make_binary(m, OP_mul, c, seen));
    }
    return activate(m, s->attrs, look < 0 ? ACTIVATE_CANDIDATE : ACTIVATE_GATE, ACTIVATE_GATE, sum);
}

void make_lstm_step(const Maker *m, Value shares, RecurrentStep *s)
{
    Value h = s->states[0], c = s->states[1];
    Value sums = make_binary(m, OP_add, shares, make_products(m, s, h, 0, LSTM_GATES, LSTM_GATES));
    Value in = make_lstm_gate(m, s, sums, 0, 0, c);
    Value forget = s->attrs->coupled ? make_rest(m, in) : make_lstm_gate(m, s, sums, 1, 1, c);
    Value candidate = make_lstm_gate(m, s, sums, 2, -1, c);
    Value kept = make_binary(m, OP_mul, forget, c), added = make_binary(m, OP_mul, in, candidate);
    s->states[1] = make_binary(m, OP_add, kept, added);
    Value out = make_lstm_gate(m, s, sums, 3, 2, s->states[1]);
    Value shown = activate(m, s->attrs, ACTIVATE_OUTPUT, ACTIVATE_GATE, s->states[1]);
    s->states[0] = make_binary(m, OP_mul, out, shown);
}

/* ---- all of them ---- */

Value make_no_state(const Maker *m, Value shares, int64_t units)
{
    if (!shares.node) return shares;
    const Type *type = value_type(shares);
    Dim *dims = ARENA_ARRAY(m->graph->arena, Dim, 2);
    BroadcastAttrs attrs = {.shape = {2, {type->dim[0].high, units}}};
    dims[0] = type->dim[0];
    dims[1] = dim_fixed(units);
    if (!dim_is_fixed(&dims[0])) attrs.shape_dims = dims;
    Value zero = make_number(m, type->dtype, 0);
    return make(m, OP_broadcast, &attrs, 1, &zero);
}

bool make_recurrence(const Maker *m, RecurrentStepMake *one, int states, Value shares, Value within,
                     RecurrentStep *step, Value *out)
{
    static const char *const names[] = {"share", "within", "h", "c"};
    const char *used[2 + MOST_STATES];
    Value operands[2 + MOST_STATES];
    int scanned = 1 + (within.node != NULL);
    if (!shares.node) return false;
    operands[0] = shares;
    operands[1] = within;
    for (int i = 0; i < 2; i++) used[i] = names[i];
    for (int i = 0; i < states; i++) {
        operands[scanned + i] = step->states[i];
        used[scanned + i] = names[2 + i];
    }
    ScanAttrs attrs = {.axes = {scanned, {1, 1}}};
    ScanMaker s = make_scan(m, &attrs, scanned + states, operands, used);
    if (!s.scan) return false;
    for (int i = 0; i < states; i++) step->states[i] = s.inputs[scanned + i];
    one(&s.turn, s.inputs[0], step);
    Value y = step->states[0];
    if (within.node) {
        y = make_where(&s.turn, s.inputs[1], y, make_number(&s.turn, value_type(shares)->dtype, 0));
        for (int i = 0; i < states; i++)
            step->states[i] = make_where(&s.turn, s.inputs[1], step->states[i], s.inputs[scanned + i]);
    }
    make_scan_return(&s, "y", 1, y);
    for (int i = 0; i < states; i++) make_scan_next(&s, step->states[i]);
    Value whole = make_scan_end(&s);
    for (int slot = 0; slot <= states; slot++) out[slot] = (Value){whole.node, slot};
    return whole.node != NULL;
}
