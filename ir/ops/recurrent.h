/* What the recurrent layers and cells share: operands, parameters, shapes, and what one step is in other operators.
 *
 * operands  x, the states, of a layer the lengths of its sequences, then the parameters of one direction and those of
 * the other; all of them are in the order of RecurrentParam results   of a layer y, h of all steps with the directions
 * side by side, then the states after the last step; of a cell the states */
#ifndef IR_OPS_RECURRENT_H
#define IR_OPS_RECURRENT_H

#include "ir/ops/make.h"
#include "ir/recurrent.h"

typedef enum RecurrentParam {
    PARAM_WEIGHT,
    PARAM_RECURRENT_WEIGHT,
    PARAM_BIAS,
    PARAM_RECURRENT_BIAS,
    PARAM_PEEPHOLE, /* of an lstm only */
    PARAM_COUNT
} RecurrentParam;

enum { MOST_STATES = 2 };

/* A kind of recurrent operator. */
typedef struct Recurrent {
    Op op;
    bool cell;
    int gates, states, params;
    int first, activations; /* the first activation that it has, and how many */
} Recurrent;

const Recurrent *recurrent_of(const Node *node);
/* Operand indices; a cell has no lengths, `back` is of the second direction. */
int recurrent_lengths(const Recurrent *r);
int recurrent_param(const Recurrent *r, RecurrentParam which, bool back);

bool infer_recurrent(const Node *node, Type *out, Diag *diag);
bool param_recurrent(const Node *node, int index, Type *out, Diag *diag);
void layer_recurrent(const Node *node, void *attrs);

/* OpDef.fitting of layers and cells with so many states. */
bool fitting_one_state(int index, const Type *first, int64_t number, Type *out);
bool fitting_two_states(int index, const Type *first, int64_t number, Type *out);
bool fitting_one_state_cell(int index, const Type *first, int64_t number, Type *out);
bool fitting_two_states_cell(int index, const Type *first, int64_t number, Type *out);

/* One step of one direction: what it needs of the layer, and the states [N, units] before it, which become those after
 * it. */
typedef struct RecurrentStep {
    const RecurrentAttrs *attrs;
    int64_t units;
    Value params[PARAM_COUNT], states[MOST_STATES];
} RecurrentStep;

/* Of the input's share of the gates, [N, gates * units]. */
typedef void RecurrentStepMake(const Maker *m, Value shares, RecurrentStep *step);
void make_rnn_step(const Maker *m, Value shares, RecurrentStep *step);
void make_gru_step(const Maker *m, Value shares, RecurrentStep *step);
void make_lstm_step(const Maker *m, Value shares, RecurrentStep *step);

/* The recurrence over [N, T, gates * units] in order, as a scan: y, then the states.  `within`, perhaps without node,
 * is bool, [N, T, 1]: where it does not hold, y is 0 and states stay. */
bool make_recurrence(const Maker *m, RecurrentStepMake *one, int states, Value shares, Value within,
                     RecurrentStep *step, Value *out);
/* The same of all directions of a layer, or of one step of a cell. */
bool expand_recurrent(const Maker *m, Value *out);
/* Zeros [N, units], as many as sequences have shares [N, T, ..]. */
Value make_no_state(const Maker *m, Value shares, int64_t units);

#define RECURRENT_PARAMS(prefix, optional, shape_x, shape_h, shape_bias)                                               \
    {.name = prefix "weight", .flags = OPERAND_PARAM | (optional), .doc = (shape_x)},                                  \
        {.name = prefix "recurrent_weight", .flags = OPERAND_PARAM | (optional), .doc = (shape_h)},                    \
        {.name = prefix "bias", .flags = OPERAND_PARAM | OPERAND_OPTIONAL, .doc = (shape_bias)},                       \
    {                                                                                                                  \
        .name = prefix "recurrent_bias", .flags = OPERAND_PARAM | OPERAND_OPTIONAL, .doc = (shape_bias)                \
    }
#define RECURRENT_X(shape)                                                                                             \
    {                                                                                                                  \
        .name = "x", .doc = (shape)                                                                                    \
    }
#define RECURRENT_STATE(called, optional, shape)                                                                       \
    {                                                                                                                  \
        .name = (called), .flags = (optional), .doc = (shape)                                                          \
    }
#define RECURRENT_LENGTHS                                                                                              \
    {                                                                                                                  \
        .name = "lengths", .flags = OPERAND_OPTIONAL | OPERAND_INDEX, .doc = "[N], steps of each sequence; T without"  \
    }

#define ATTR_RECURRENT_LAYER                                                                                           \
    ATTR(RecurrentAttrs, units, .kind = ATTR_INT, .low = 1, .high = 1 << 24, .flags = ATTR_LAYER, .doc = "of the state")
#define ATTR_RECURRENT_BIASES(second)                                                                                  \
    ATTR(RecurrentAttrs, bias, .kind = ATTR_BOOL, .fallback = 1, .flags = ATTR_LAYER,                                  \
         .doc = "whether the input's share has a bias"),                                                               \
        ATTR(RecurrentAttrs, recurrent_bias, .kind = ATTR_BOOL, .fallback = (second), .flags = ATTR_LAYER,             \
             .doc = "whether the state's share has one of its own, as in PyTorch")
#define ATTR_RECURRENT_DIRECTION                                                                                       \
    ATTR(RecurrentAttrs, direction, .kind = ATTR_ENUM, .words = direction_words,                                       \
         .doc = "in which steps are taken; of both, forward first, results lie side by side")
#define ATTR_RECURRENT_ACTIVATION(called, which, usual, of)                                                            \
    {                                                                                                                  \
        .name = (called), .offset = offsetof(RecurrentAttrs, activation) + (which) * sizeof(int), .kind = ATTR_ENUM,   \
        .words = activation_words, .fallback = (usual), .doc = (of)                                                    \
    }
#define ATTR_RECURRENT_SHAPING                                                                                         \
    ATTR(RecurrentAttrs, alpha, .kind = ATTR_REALS,                                                                    \
         .doc = "of each activation, those above in their order; left "                                                \
                "out, as ONNX has it"),                                                                                \
        ATTR(RecurrentAttrs, beta, .kind = ATTR_REALS, .doc = "the same"),                                             \
        ATTR(RecurrentAttrs, clip, .kind = ATTR_FLOAT,                                                                 \
             .doc = "sums of gates are within -clip and clip before their activations; 0 is without")

extern const char *const direction_words[];

#endif
