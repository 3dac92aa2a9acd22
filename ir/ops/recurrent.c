/* Shapes and parameters of recurrent layers and cells. */
#include "ir/ops/recurrent.h"

#include <assert.h>

const char *const direction_words[] = {"forward", "reverse", "bidirectional", NULL};

enum { RNN, RNN_CELL, GRU, GRU_CELL, LSTM, LSTM_CELL };

static const Recurrent kinds[] = {
    [RNN] = {OP_rnn, false, 1, 1, PARAM_PEEPHOLE, ACTIVATE_CANDIDATE, 1},
    [RNN_CELL] = {OP_rnn_cell, true, 1, 1, PARAM_PEEPHOLE, ACTIVATE_CANDIDATE, 1},
    [GRU] = {OP_gru, false, 3, 1, PARAM_PEEPHOLE, ACTIVATE_GATE, 2},
    [GRU_CELL] = {OP_gru_cell, true, 3, 1, PARAM_PEEPHOLE, ACTIVATE_GATE, 2},
    [LSTM] = {OP_lstm, false, LSTM_GATES, 2, PARAM_COUNT, ACTIVATE_GATE, 3},
    [LSTM_CELL] = {OP_lstm_cell, true, LSTM_GATES, 2, PARAM_COUNT, ACTIVATE_GATE, 3},
};

const Recurrent *recurrent_of(const Node *node)
{
    const Recurrent *r = kinds;
    while (r->op != node->op) r++;
    return r;
}

int recurrent_lengths(const Recurrent *r) { return 1 + r->states; }

int recurrent_param(const Recurrent *r, RecurrentParam which, bool back)
{
    return 1 + r->states + !r->cell + (back ? r->params : 0) + (int)which;
}

/* ---- parameters ---- */

typedef struct Layer {
    const Recurrent *kind;
    const Type *x;
    int64_t units;
} Layer;

static int directions(const Node *node)
{
    return ((const RecurrentAttrs *)node->attrs)->direction == DIRECTION_BOTH ? 2 : 1;
}

static Type param_type(const Layer *l, RecurrentParam which)
{
    int64_t gates = l->units * l->kind->gates, peephole = 3 * l->units;
    Dtype dtype = l->x->dtype;
    switch (which) {
    case PARAM_WEIGHT: return type_tensor(dtype, 2, (const int64_t[]){l->x->dim[l->x->rank - 1].high, gates});
    case PARAM_RECURRENT_WEIGHT: return type_tensor(dtype, 2, (const int64_t[]){l->units, gates});
    case PARAM_PEEPHOLE: return type_tensor(dtype, 1, &peephole);
    default: return type_tensor(dtype, 1, &gates);
    }
}

static bool is_asked_for(const Node *node, RecurrentParam which, bool back)
{
    const RecurrentAttrs *attrs = node->attrs;
    if (back && attrs->direction != DIRECTION_BOTH) return false;
    if (which == PARAM_BIAS) return attrs->bias;
    if (which == PARAM_RECURRENT_BIAS) return attrs->recurrent_bias;
    return which != PARAM_PEEPHOLE || attrs->peephole;
}

static bool need_input(const Node *node, Diag *diag)
{
    const Type *x = operand_type(node, 0);
    bool cell = recurrent_of(node)->cell;
    if (!need_dtype(node, 0, ACCEPT_FLOATS, diag)) return false;
    bool fits = x->rank == 2 || (x->rank == 3 && !cell);
    if (fits && dim_is_fixed(&x->dim[x->rank - 1])) return true;
    diag_error(diag, E0301, node_span(node), "%s: expected %s with a fixed last axis, found %s", node_def(node)->name,
               cell ? "[N, in]" : "[N, T, in] or [T, in]", type_text(diag->arena, x));
    return diag_help(diag, "reshape(x, shape: [...]) regroups axes");
}

/* The units that a layer is told, and a cell knows by its state. */
static bool wanted_units(const Node *node, int64_t *out, Diag *diag)
{
    const RecurrentAttrs *attrs = node->attrs;
    const char *name = node_def(node)->name;
    if (recurrent_of(node)->cell) {
        if (!operand_present(node, 1)) {
            diag_error(diag, E0304, node_span(node), "%s needs operand 2, h; found none", name);
            return diag_help(diag, "its state says how many units there are: write %s(x, h%s)", name,
                             recurrent_of(node)->states > 1 ? ", c" : "");
        }
        if (!need_rank(node, 1, 2, "[N, units]", diag)) return false;
        *out = operand_type(node, 1)->dim[1].high;
        return true;
    }
    *out = attrs->units;
    if (attrs->units >= 1) return true;
    diag_error(diag, E0403, node_span(node), "%s: expected `units` of 1 or more, found none", name);
    return diag_help(diag, "write %s(x, units: 64)", name);
}

bool param_recurrent(const Node *node, int index, Type *out, Diag *diag)
{
    Layer l = {.kind = recurrent_of(node), .x = operand_type(node, 0)};
    if (!need_input(node, diag) || !wanted_units(node, &l.units, diag)) return false;
    int first = recurrent_param(l.kind, PARAM_WEIGHT, false), number = index - first;
    RecurrentParam which = (RecurrentParam)(number % l.kind->params);
    *out = param_type(&l, which);
    if (is_asked_for(node, which, number >= l.kind->params)) return need_sane(node, out, diag);
    out->dtype = DTYPE_COUNT;
    return true;
}

void layer_recurrent(const Node *node, void *attrs)
{
    const Recurrent *r = recurrent_of(node);
    if (r->cell) return;
    int weight = recurrent_param(r, PARAM_RECURRENT_WEIGHT, false);
    ((RecurrentAttrs *)attrs)->units = operand_type(node, weight)->dim[0].high;
}

/* A short sequence of some; states of so many units as inputs; lengths. */
static bool fitting(const Recurrent *r, int index, const Type *first, int64_t number, Type *out)
{
    int64_t dims[] = {1 + number % 3, 1 + number % 5, 1 + number % 17};
    if (number < 40) return false;
    if (!first) {
        *out = r->cell ? type_tensor(F32, 2, &dims[1]) : type_tensor(F32, 3, dims);
        return true;
    }
    if (first->rank < 2 || index > recurrent_lengths(r) || (index == recurrent_lengths(r) && r->cell)) return false;
    dims[0] = first->rank == 3 || r->cell ? first->dim[0].high : 1;
    dims[1] = first->dim[first->rank - 1].high;
    *out = index == recurrent_lengths(r) ? type_tensor(I32, 1, dims) : type_tensor(first->dtype, 2, dims);
    return true;
}

bool fitting_one_state(int index, const Type *first, int64_t number, Type *out)
{
    return fitting(&kinds[RNN], index, first, number, out);
}

bool fitting_two_states(int index, const Type *first, int64_t number, Type *out)
{
    return fitting(&kinds[LSTM], index, first, number, out);
}

bool fitting_one_state_cell(int index, const Type *first, int64_t number, Type *out)
{
    return fitting(&kinds[RNN_CELL], index, first, number, out);
}

bool fitting_two_states_cell(int index, const Type *first, int64_t number, Type *out)
{
    return fitting(&kinds[LSTM_CELL], index, first, number, out);
}

/* ---- operands ---- */

static bool need_param(const Node *node, const Layer *l, RecurrentParam which, bool back, Diag *diag)
{
    int index = recurrent_param(l->kind, which, back);
    bool weight = which == PARAM_WEIGHT || which == PARAM_RECURRENT_WEIGHT;
    bool here = operand_present(node, index), wanted = !back || directions(node) == 2;
    const Operand *operand = &node_def(node)->operands[index];
    if (here != wanted && (here || weight)) {
        diag_error(diag, E0304, node_span(node), "%s: expected %s `%s` with that direction, found %s",
                   node_def(node)->name, wanted ? "a" : "no", operand->name, here ? "one" : "none");
        return diag_help(diag, "direction: bidirectional has parameters for either way");
    }
    if (!here) return true;
    Type type = param_type(l, which);
    int64_t dims[2] = {type.dim[0].high, type.rank > 1 ? type.dim[1].high : 0};
    const char *why =
        which == PARAM_PEEPHOLE ? "one a unit of three gates" : "from inputs and units, all gates of them";
    return need_same_dtype(node, index, diag) && need_shape(node, index, type.rank, dims, why, diag);
}

static bool need_params(const Node *node, const Layer *l, Diag *diag)
{
    for (int i = 0; i < l->kind->params * (l->kind->cell ? 1 : 2); i++) {
        int which = i % l->kind->params;
        if (!need_param(node, l, (RecurrentParam)which, i >= l->kind->params, diag)) return false;
    }
    return true;
}

static bool need_states(const Node *node, const Layer *l, Dim batch, Diag *diag)
{
    int64_t dims[] = {batch.high, l->units * directions(node)};
    for (int i = 1; i <= l->kind->states; i++) {
        if (!operand_present(node, i)) continue;
        if (!need_same_dtype(node, i, diag)) return false;
        if (!need_shape(node, i, 2, dims, "one row a sequence", diag)) return false;
    }
    return true;
}

static bool need_lengths(const Node *node, const Layer *l, Dim batch, Diag *diag)
{
    int index = recurrent_lengths(l->kind);
    if (l->kind->cell || !operand_present(node, index)) return true;
    if (!need_indices(node, index, diag)) return false;
    const Type *lengths = operand_type(node, index);
    if (lengths->rank == 1 && lengths->dim[0].high == batch.high) return true;
    diag_error(diag, E0301, node_span(node), "%s: expected `lengths` of %lld sequences, found %s", node_def(node)->name,
               (long long)batch.high, type_text(diag->arena, lengths));
    return diag_help(diag, "one number a sequence: how many of its steps count");
}

static bool need_attrs(const Node *node, const Layer *l, Diag *diag)
{
    const RecurrentAttrs *attrs = node->attrs;
    const RealList *lists[] = {&attrs->alpha, &attrs->beta};
    for (int i = 0; i < 2; i++) {
        if (!lists[i]->count || lists[i]->count == l->kind->activations) continue;
        diag_error(diag, E0404, node_span(node), "%s: expected %d numbers as `%s`, found %d", node_def(node)->name,
                   l->kind->activations, i ? "beta" : "alpha", lists[i]->count);
        return diag_help(diag, "one for each activation; those that need none may have any");
    }
    if (attrs->clip >= 0) return true;
    diag_error(diag, E0404, node_span(node), "%s: expected a `clip` of 0 or more, found %s", node_def(node)->name,
               number_text(diag->arena, attrs->clip, false));
    return diag_help(diag, "0 is without");
}

bool infer_recurrent(const Node *node, Type *out, Diag *diag)
{
    Layer l = {.kind = recurrent_of(node), .x = operand_type(node, 0)};
    if (!need_input(node, diag)) return false;
    int first = l.kind->cell ? 1 : recurrent_param(l.kind, PARAM_RECURRENT_WEIGHT, false);
    if (l.kind->cell && !need_same_dtype(node, first, diag)) return false;
    if (!need_rank(node, first, 2, l.kind->cell ? "[N, units]" : "[units, gates * units]", diag)) return false;
    l.units = operand_type(node, first)->dim[l.kind->cell].high;
    Dim batch = l.x->rank == 3 || l.kind->cell ? l.x->dim[0] : dim_fixed(1);
    if (!need_states(node, &l, batch, diag) || !need_lengths(node, &l, batch, diag)) return false;
    if (!need_params(node, &l, diag) || !need_attrs(node, &l, diag)) return false;
    Type state = *l.x;
    state.rank = 2;
    state.dim[0] = batch;
    state.dim[1] = dim_fixed(l.units * directions(node));
    for (int i = 0; i < l.kind->states; i++) out[i + !l.kind->cell] = state;
    if (l.kind->cell) return need_sane(node, &out[0], diag);
    out[0] = *l.x;
    out[0].dim[l.x->rank - 1] = state.dim[1];
    return need_sane(node, &out[0], diag);
}
