/* RNN, GRU and LSTM: weights of all directions and gates in one tensor, time first, results with an axis for the
 * direction.  What ONNX says in the form of a layer of ours is a layer; directions with activations of their own are
 * two layers side by side. */
#include "ir/recurrent.h"
#include "frontend/onnx/sizes.h"

#include <math.h>
#include <string.h>
#include <strings.h>

enum { X, W, R, B, LENGTHS, INITIAL_H, INITIAL_C, P };
enum { MOST_GATES = 4, MOST_STATES = 2, DIRECTIONS = 2, PARAMS = 5, MOST_OPERANDS = 4 + 2 * PARAMS };

/* What an operator is to us. */
typedef struct Kind {
    Op op;
    int gates, states, first, activations;
    int64_t gate[MOST_GATES]; /* where ours are among theirs */
    Activation usual[MOST_ACTIVATIONS];
} Kind;

static const Kind rnn = {OP_rnn, 1, 1, ACTIVATE_CANDIDATE, 1, {0}, {ACTIVATION_TANH}};
static const Kind gru = {OP_gru, 3, 1, ACTIVATE_GATE, 2, {0, 1, 2}, {ACTIVATION_SIGMOID, ACTIVATION_TANH}};
static const Kind lstm = {
    OP_lstm, LSTM_GATES, 2, ACTIVATE_GATE, 3, {0, 2, 3, 1}, {ACTIVATION_SIGMOID, ACTIVATION_TANH, ACTIVATION_TANH}};

typedef struct Layer {
    const Kind *kind;
    bool batch_first;
    int direction, directions;
    Dim batch, steps;
    int64_t inputs, units;
    RecurrentAttrs attrs[DIRECTIONS];
    Value x, lengths;
} Layer;

/* ---- attributes ---- */

static bool read_direction(OnnxCall *c, Layer *l)
{
    static const char *const words[] = {"forward", "reverse", "bidirectional"};
    const char *word = onnx_string(c, "direction", words[0]);
    for (l->direction = 0; l->direction < 3 && strcasecmp(word, words[l->direction]) != 0;) l->direction++;
    l->directions = l->direction == DIRECTION_BOTH ? 2 : 1;
    return l->direction < 3 || onnx_wrong(c, "there is no direction \"%s\"", word);
}

static bool read_activation(OnnxCall *c, const ProtobufCBinaryData *text, Activation *out)
{
    const char *word = arena_copy_chars(c->arena, (const char *)text->data, text->len);
    for (int i = 0; i < ACTIVATION_COUNT; i++) {
        *out = (Activation)i;
        if (!strcasecmp(word, activation_rows[i].onnx)) return true;
    }
    return onnx_wrong(c, "there is no activation \"%s\"", word);
}

/* The next number of a list that has one for each function that takes it, or what that has without. */
static double next_number(const Onnx__AttributeProto *list, size_t *used, bool taken, double usual)
{
    if (!taken || !list || *used >= list->n_floats) return usual;
    return (double)list->floats[(*used)++];
}

static bool read_activations(OnnxCall *c, Layer *l)
{
    const Onnx__AttributeProto *names = onnx_attr(c, "activations"), *alpha = onnx_attr(c, "activation_alpha"),
                               *beta = onnx_attr(c, "activation_beta");
    size_t nalpha = 0, nbeta = 0, wanted = (size_t)(l->kind->activations * l->directions);
    if (names && names->n_strings != wanted)
        return onnx_wrong(c, "expected %zu activations, found %zu", wanted, names->n_strings);
    for (int i = 0; i < (int)wanted; i++) {
        int at = i % l->kind->activations;
        RecurrentAttrs *attrs = &l->attrs[i / l->kind->activations];
        Activation kind = l->kind->usual[at];
        if (names && !read_activation(c, &names->strings[i], &kind)) return false;
        const ActivationRow *row = &activation_rows[kind];
        attrs->activation[l->kind->first + at] = (int)kind;
        attrs->alpha.at[at] = next_number(alpha, &nalpha, row->has_alpha, row->alpha);
        attrs->beta.at[at] = next_number(beta, &nbeta, row->has_beta, row->beta);
        if (nalpha) attrs->alpha.count = l->kind->activations;
        if (nbeta) attrs->beta.count = l->kind->activations;
    }
    return true;
}

static bool read_attrs(OnnxCall *c, Layer *l)
{
    for (int d = 0; d < DIRECTIONS; d++) attr_set_defaults(&op_table[l->kind->op]->attrs, &l->attrs[d]);
    onnx_ignore(c, "output_sequence"); /* up to opset 6: whether y is asked for */
    l->batch_first = onnx_int(c, "layout", 0) != 0;
    if (!read_direction(c, l) || !read_activations(c, l)) return false;
    double clip = onnx_float(c, "clip", 0);
    bool linear = l->kind == &gru && onnx_int(c, "linear_before_reset", 0) != 0;
    bool coupled = l->kind == &lstm && onnx_int(c, "input_forget", 0) != 0;
    for (int d = 0; d < DIRECTIONS; d++) {
        l->attrs[d].clip = fabs(clip);
        l->attrs[d].linear_before_reset = linear;
        l->attrs[d].coupled = coupled;
    }
    return true;
}

/* ---- operands ---- */

static bool has_shape(OnnxCall *c, int index, const char *name, int rank, const Dim *dims)
{
    if (!onnx_has(c, index)) return true;
    const Type *found = onnx_operand_type(c, index);
    Type wanted = {.kind = TYPE_TENSOR, .dtype = found->dtype, .rank = rank};
    memcpy(wanted.dim, dims, (size_t)rank * sizeof *dims);
    return type_same_shape(found, &wanted) || onnx_wrong(c, "expected %s to be %s, found %s", name,
                                                         type_text(c->arena, &wanted), type_text(c->arena, found));
}

static bool check_shapes(OnnxCall *c, const Layer *l)
{
    int64_t rows = l->kind->gates * l->units;
    Dim d = dim_fixed(l->directions), h = dim_fixed(l->units), gates = dim_fixed(rows);
    Dim state[] = {l->batch_first ? l->batch : d, l->batch_first ? d : l->batch, h};
    return has_shape(c, W, "W", 3, (const Dim[]){d, gates, dim_fixed(l->inputs)}) &&
           has_shape(c, R, "R", 3, (const Dim[]){d, gates, h}) &&
           has_shape(c, B, "B", 2, (const Dim[]){d, dim_fixed(2 * rows)}) &&
           has_shape(c, LENGTHS, "sequence_lens", 1, &l->batch) && has_shape(c, INITIAL_H, "initial_h", 3, state) &&
           (l->kind != &lstm || (has_shape(c, INITIAL_C, "initial_c", 3, state) &&
                                 has_shape(c, P, "P", 2, (const Dim[]){d, dim_fixed(3 * l->units)})));
}

/* Lengths that are known to be whole need no saying. */
static bool are_whole(OnnxCall *c, Value lengths, int64_t steps)
{
    const Tensor *known = onnx_constant(c, lengths);
    for (int64_t i = 0; known && i < type_elements(&known->type); i++)
        if (tensor_real(known, i) < (double)steps) return false;
    return known != NULL;
}

static bool read_operands(OnnxCall *c, Layer *l)
{
    const Type *x = onnx_operand_type(c, X), *r = onnx_operand_type(c, R);
    if (x->rank != 3 || r->rank != 3)
        return onnx_wrong(c, "expected X and R of 3 axes, found %s and %s", type_text(c->arena, x),
                          type_text(c->arena, r));
    l->batch = x->dim[l->batch_first ? 0 : 1];
    l->steps = x->dim[l->batch_first ? 1 : 0];
    l->inputs = x->dim[2].high;
    l->units = r->dim[2].high;
    int64_t units = onnx_int(c, "hidden_size", l->units);
    if (units != l->units)
        return onnx_wrong(c, "hidden_size is %lld, but R has %lld", (long long)units, (long long)l->units);
    if (!check_shapes(c, l)) return false;
    l->x = onnx_operand(c, X);
    if (!l->batch_first) l->x = onnx_transpose(c, l->x, &(IntList){3, {1, 0, 2}});
    if (onnx_has(c, LENGTHS)) l->lengths = onnx_operand(c, LENGTHS);
    if (l->lengths.node && are_whole(c, l->lengths, l->steps.high)) l->lengths.node = NULL;
    return l->x.node != NULL;
}

/* ---- a layer of some directions ---- */

/* [D, N, H] or [N, D, H] of all directions to [N, D * H] of those from `first` on. */
static Value state_of(OnnxCall *c, const Layer *l, int index, int first, int count)
{
    if (!onnx_has(c, index)) return (Value){NULL, 0};
    Value state = onnx_operand(c, index);
    if (!l->batch_first) state = onnx_transpose(c, state, &(IntList){3, {1, 0, 2}});
    if (count < l->directions) {
        SliceAttrs some = {.begin = {2, {0, first}}, .end = {2, {l->batch.high, first + count}}};
        state = onnx_make(c, OP_slice, &some, 1, &state);
    }
    return onnx_reshape_dims(c, state, &(DimList){2, {l->batch, dim_fixed(count * l->units)}});
}

typedef struct Part {
    const char *name;
    int operand;
    int64_t blocks, from, count; /* of a direction, each `units` long; ours are `count` of them behind `from` */
    int64_t width;               /* of a matrix, 0 of a vector */
    const int64_t *order;
} Part;

static Value param_of(OnnxCall *c, const Layer *l, const Part *part, int direction, bool second)
{
    if (!onnx_has(c, part->operand)) return (Value){NULL, 0};
    OnnxBlocks b = {.view = {2, {l->directions * part->blocks, l->units}}, .rank = 1};
    b.dims[0] = part->count * l->units;
    for (int64_t i = 0; i < part->count; i++)
        b.order.at[b.order.count++] = direction * part->blocks + part->from + part->order[i];
    if (part->width) {
        b.view.at[b.view.count++] = part->width;
        b.permute = (IntList){3, {2, 0, 1}};
        b.rank = 2;
        b.dims[1] = b.dims[0];
        b.dims[0] = part->width;
    }
    const char *name = arena_printf(c->arena, "%s.%s.%s%s", c->name, op_table[l->kind->op]->name,
                                    second ? "reverse_" : "", part->name);
    return onnx_blocks(c, onnx_operand(c, part->operand), &b, name);
}

/* In the order of our operands. */
static void add_params(OnnxCall *c, const Layer *l, int direction, bool second, Value *out)
{
    static const int64_t peepholes[] = {0, 2, 1}; /* i, f, o of i, o, f */
    int64_t gates = l->kind->gates;
    const int64_t *order = l->kind->gate;
    const Part parts[PARAMS] = {
        {"weight", W, gates, 0, gates, l->inputs, order}, {"recurrent_weight", R, gates, 0, gates, l->units, order},
        {"bias", B, 2 * gates, 0, gates, 0, order},       {"recurrent_bias", B, 2 * gates, gates, gates, 0, order},
        {"peephole", P, 3, 0, 3, 0, peepholes},
    };
    for (int i = 0; i < PARAMS - (l->kind != &lstm); i++) out[i] = param_of(c, l, &parts[i], direction, second);
}

/* The node, whose results are y, h and perhaps c. */
static Value make_layer(OnnxCall *c, const Layer *l, int first, int count)
{
    Value operands[MOST_OPERANDS] = {l->x};
    RecurrentAttrs attrs = l->attrs[first];
    int at = 1, params = PARAMS - (l->kind != &lstm);
    for (int i = 0; i < l->kind->states; i++) operands[at++] = state_of(c, l, INITIAL_H + i, first, count);
    operands[at++] = l->lengths;
    for (int i = 0; i < count; i++) add_params(c, l, first + i, i > 0, &operands[at + i * params]);
    attrs.direction = count == l->directions ? l->direction : first ? DIRECTION_REVERSE : DIRECTION_FORWARD;
    return onnx_make(c, l->kind->op, &attrs, at + count * params, operands);
}

/* ---- results ---- */

/* Result `slot` of all directions: [N, .., D * H]. */
static Value joined(OnnxCall *c, const Value *layers, int count, int slot)
{
    Value parts[DIRECTIONS];
    for (int i = 0; i < count; i++) parts[i] = (Value){layers[i].node, layers[i].node ? slot : 0};
    if (count == 1 || !parts[0].node || !parts[1].node) return parts[0];
    ConcatAttrs side = {.axis = value_type(parts[0])->rank - 1};
    return onnx_make(c, OP_concat, &side, count, parts);
}

static bool give(OnnxCall *c, const Layer *l, int index, Value value)
{
    if (!onnx_wants(c, index)) return true;
    Dim directions = dim_fixed(l->directions), units = dim_fixed(l->units);
    if (index == 0) {
        value = onnx_reshape_dims(c, value, &(DimList){4, {l->batch, l->steps, directions, units}});
        if (!l->batch_first) value = onnx_transpose(c, value, &(IntList){4, {1, 2, 0, 3}});
    } else {
        value = onnx_reshape_dims(c, value, &(DimList){3, {l->batch, directions, units}});
        if (!l->batch_first) value = onnx_transpose(c, value, &(IntList){3, {1, 0, 2}});
    }
    return onnx_result(c, index, value);
}

static bool import_recurrent(OnnxCall *c, const Kind *kind)
{
    Layer l = {.kind = kind};
    if (!read_attrs(c, &l) || !read_operands(c, &l)) return false;
    const AttrTable *table = &op_table[kind->op]->attrs;
    bool apart = l.directions == 2 && !attrs_equal(table, &l.attrs[0], &l.attrs[1]);
    int count = apart ? 2 : 1;
    Value layers[DIRECTIONS];
    for (int i = 0; i < count; i++) {
        layers[i] = make_layer(c, &l, i, apart ? 1 : l.directions);
        if (!layers[i].node) return false;
    }
    for (int slot = 0; slot <= kind->states; slot++)
        if (!give(c, &l, slot, joined(c, layers, count, slot))) return false;
    return true;
}

bool onnx_op_rnn(OnnxCall *c) { return import_recurrent(c, &rnn); }
bool onnx_op_gru(OnnxCall *c) { return import_recurrent(c, &gru); }
bool onnx_op_lstm(OnnxCall *c) { return import_recurrent(c, &lstm); }
