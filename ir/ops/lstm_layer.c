/* The layers that people write: the input's share by a dense layer, then the recurrence of ir/ops/lstm.c. */
#include "ir/ops/common.h"
#include "ir/recurrent.h"

enum { X, STATE_H, STATE_C, WEIGHT, RECURRENT_WEIGHT, BIAS, RECURRENT_BIAS, OPERANDS };
enum { ALL, LAST_H, LAST_C };

/* ---- parameters ---- */

typedef struct Layer {
    const Type *x;
    int64_t units;
    bool bias, recurrent_bias;
} Layer;

static bool param_layer(const Layer *layer, int index, Type *out)
{
    int64_t in = layer->x->dim[layer->x->rank - 1].high, gates = layer->units * LSTM_GATES;
    Dtype dtype = layer->x->dtype;
    switch (index) {
    case WEIGHT: *out = type_tensor(dtype, 2, (const int64_t[]){in, gates}); break;
    case RECURRENT_WEIGHT: *out = type_tensor(dtype, 2, (const int64_t[]){layer->units, gates}); break;
    default: *out = type_tensor(dtype, 1, &gates); break;
    }
    bool absent = (index == BIAS && !layer->bias) || (index == RECURRENT_BIAS && !layer->recurrent_bias);
    if (absent) out->dtype = DTYPE_COUNT;
    return true;
}

static bool need_params(const Node *node, const Layer *layer, Diag *diag)
{
    for (int i = WEIGHT; i < OPERANDS; i++) {
        Type type;
        if (!operand_present(node, i)) continue;
        Layer all = *layer;
        all.bias = all.recurrent_bias = true;
        param_layer(&all, i, &type);
        int64_t dims[2] = {type.dim[0].high, type.rank > 1 ? type.dim[1].high : 0};
        if (!need_same_dtype(node, i, diag)) return false;
        if (!need_shape(node, i, type.rank, dims, "from inputs and units, four gates a unit", diag)) return false;
    }
    return true;
}

static bool need_state(const Node *node, int index, Dim batch, int64_t units, Diag *diag)
{
    int64_t dims[] = {batch.high, units};
    if (!operand_present(node, index)) return true;
    return need_same_dtype(node, index, diag) && need_shape(node, index, 2, dims, "one row a sequence", diag);
}

static bool need_input(const Node *node, int least, int most, const char *layout, Diag *diag)
{
    const Type *x = operand_type(node, X);
    if (!need_dtype(node, X, ACCEPT_FLOATS, diag)) return false;
    bool fits = x->rank >= least && x->rank <= most;
    fits = fits && dim_is_fixed(&x->dim[x->rank - 1]);
    if (fits) return true;
    diag_error(diag, E0301, node_span(node), "%s: expected %s with a fixed last axis, found %s", node_def(node)->name,
               layout, type_text(diag->arena, x));
    return diag_help(diag, "reshape(x, shape: [...]) regroups axes");
}

/* The share of the input, [..., 4 H]. */
static Value make_shares(const Maker *m)
{
    const Value *in = m->node->inputs;
    bool bias = operand_present(m->node, BIAS);
    Value operands[] = {in[X], in[WEIGHT], {NULL, 0}};
    if (bias) operands[2] = in[BIAS];
    return make(m, OP_dense, NULL, 2 + bias, operands);
}

static Value make_recurrence(const Maker *m, Value shares)
{
    const Value *in = m->node->inputs;
    bool bias = operand_present(m->node, RECURRENT_BIAS);
    Value operands[] = {shares, in[STATE_H], in[STATE_C], in[RECURRENT_WEIGHT], {NULL, 0}};
    if (bias) operands[4] = in[RECURRENT_BIAS];
    return make(m, OP_lstm_recurrence, NULL, 4 + bias, operands);
}

/* ---- a cell ---- */

static bool infer_cell(const Node *node, Type *out, Diag *diag)
{
    const Type *x = operand_type(node, X), *h = operand_type(node, STATE_H);
    if (!need_input(node, 2, 2, "[N, in]", diag) || !need_same_dtype(node, STATE_H, diag)) return false;
    if (!need_rank(node, STATE_H, 2, "[N, units]", diag)) return false;
    Layer layer = {.x = x, .units = h->dim[1].high};
    if (!need_state(node, STATE_H, x->dim[0], layer.units, diag)) return false;
    if (!need_state(node, STATE_C, x->dim[0], layer.units, diag) || !need_params(node, &layer, diag)) return false;
    out[0] = *x;
    out[0].dim[1] = dim_fixed(layer.units);
    out[1] = out[0];
    return need_sane(node, &out[0], diag);
}

static bool param_cell(const Node *node, int index, Type *out, Diag *diag)
{
    const LstmCellAttrs *attrs = node->attrs;
    if (!need_input(node, 2, 2, "[N, in]", diag)) return false;
    if (!operand_present(node, STATE_H)) {
        diag_error(diag, E0304, node_span(node), "lstm_cell needs operand 2, h; found none");
        return diag_help(diag, "its state says how many units there are: write lstm_cell(x, h, c)");
    }
    if (!need_rank(node, STATE_H, 2, "[N, units]", diag)) return false;
    Layer layer = {operand_type(node, X), operand_type(node, STATE_H)->dim[1].high, attrs->bias, attrs->recurrent_bias};
    return param_layer(&layer, index, out);
}

static bool expand_cell(const Maker *m, Value *out)
{
    Value shares = make_shares(m);
    if (!shares.node) return false;
    const Type *type = value_type(shares);
    ReshapeAttrs one_step = {.shape = {3, {type->dim[0].high, 1, type->dim[1].high}}};
    Value whole = make_recurrence(m, make(m, OP_reshape, &one_step, 1, &shares));
    out[0] = (Value){whole.node, LAST_H};
    out[1] = (Value){whole.node, LAST_C};
    return whole.node != NULL;
}

static const char *const cell_results[] = {"h", "c"};

#define LSTM_OPERANDS(input, states)                                                                                   \
    {.name = "x", .doc = (input)}, {.name = "h", .flags = (states), .doc = "[N, H] before the first step"},            \
        {.name = "c", .flags = (states), .doc = "[N, H]"},                                                             \
        {.name = "weight", .flags = OPERAND_PARAM, .doc = "[in, 4 H], the gates in the order i, f, g, o"},             \
        {.name = "recurrent_weight", .flags = OPERAND_PARAM, .doc = "[H, 4 H]"},                                       \
        {.name = "bias", .flags = OPERAND_PARAM | OPERAND_OPTIONAL, .doc = "[4 H]"},                                   \
    {                                                                                                                  \
        .name = "recurrent_bias", .flags = OPERAND_PARAM | OPERAND_OPTIONAL, .doc = "[4 H]"                            \
    }

#define ATTR_BIASES(Struct)                                                                                            \
    ATTR(Struct, bias, .kind = ATTR_BOOL, .fallback = 1, .flags = ATTR_LAYER,                                          \
         .doc = "whether the input's share has a bias"),                                                               \
        ATTR(Struct, recurrent_bias, .kind = ATTR_BOOL, .flags = ATTR_LAYER,                                           \
             .doc = "whether the state's share has one of its own, as in PyTorch")

const OpDef op_lstm_cell = {
    .name = "lstm_cell",
    .doc = "One step of an LSTM: lstm_recurrence of z = bias + x * weight. Gates lie in the order i, f, g, o, as in "
           "the files of Keras (i, f, c, o) and PyTorch; ONNX has i, o, f, c.",
    .kind = KIND_COMPOSITE,
    .noperands = OPERANDS,
    .operands = (const Operand[]){LSTM_OPERANDS("[N, in]", 0)},
    .nresults = 2,
    .results = cell_results,
    .attrs = ATTRS(LstmCellAttrs, ATTR_BIASES(LstmCellAttrs)),
    .infer = infer_cell,
    .param = param_cell,
    .expand = expand_cell,
};

/* ---- a sequence ---- */

static bool infer_lstm(const Node *node, Type *out, Diag *diag)
{
    const Type *x = operand_type(node, X);
    if (!need_input(node, 2, 3, "[N, T, in] or [T, in]", diag)) return false;
    if (!need_rank(node, RECURRENT_WEIGHT, 2, "[units, 4 * units]", diag)) return false;
    Layer layer = {.x = x, .units = operand_type(node, RECURRENT_WEIGHT)->dim[0].high};
    Dim batch = x->rank == 3 ? x->dim[0] : dim_fixed(1);
    for (int i = STATE_H; i <= STATE_C; i++)
        if (!need_state(node, i, batch, layer.units, diag)) return false;
    if (!need_params(node, &layer, diag)) return false;
    out[ALL] = out[LAST_H] = *x;
    out[ALL].dim[x->rank - 1] = dim_fixed(layer.units);
    out[LAST_H].rank = 2;
    out[LAST_H].dim[0] = batch;
    out[LAST_H].dim[1] = dim_fixed(layer.units);
    out[LAST_C] = out[LAST_H];
    return need_sane(node, &out[ALL], diag);
}

static bool param_lstm(const Node *node, int index, Type *out, Diag *diag)
{
    const LstmAttrs *attrs = node->attrs;
    if (!need_input(node, 2, 3, "[N, T, in] or [T, in]", diag)) return false;
    if (attrs->units < 1) {
        diag_error(diag, E0403, node_span(node), "lstm: expected `units` of 1 or more, found none");
        return diag_help(diag, "write lstm(x, units: 64)");
    }
    Layer layer = {operand_type(node, X), attrs->units, attrs->bias, attrs->recurrent_bias};
    return param_layer(&layer, index, out) && (out->dtype == DTYPE_COUNT || need_sane(node, out, diag));
}

static void layer_lstm(const Node *node, void *attrs)
{
    ((LstmAttrs *)attrs)->units = operand_type(node, RECURRENT_WEIGHT)->dim[0].high;
}

static bool expand_lstm(const Maker *m, Value *out)
{
    Value whole = make_recurrence(m, make_shares(m));
    for (int slot = ALL; slot <= LAST_C; slot++) out[slot] = (Value){whole.node, slot};
    return whole.node != NULL;
}

static const char *const sequence_results[] = {"y", "h", "c"};

const OpDef op_lstm = {
    .name = "lstm",
    .doc =
        "An LSTM over a sequence: lstm_recurrence of z = bias + x * weight. y is h of all steps, h and c those after "
        "the last. Gates lie in the order i, f, g, o, as in the files of Keras (i, f, c, o) and PyTorch; ONNX has i, "
        "o, f, c.",
    .kind = KIND_COMPOSITE,
    .noperands = OPERANDS,
    .operands = (const Operand[]){LSTM_OPERANDS("[N, T, in] or [T, in]", OPERAND_OPTIONAL)},
    .nresults = 3,
    .results = sequence_results,
    .attrs = ATTRS(
        LstmAttrs,
        ATTR(LstmAttrs, units, .kind = ATTR_INT, .low = 1, .high = 1 << 24, .flags = ATTR_LAYER, .doc = "of the state"),
        ATTR_BIASES(LstmAttrs)),
    .infer = infer_lstm,
    .param = param_lstm,
    .layer = layer_lstm,
    .expand = expand_lstm,
};
