/* Recurrent layers: what may be said of them, and what one step of an LSTM's recurrence computes for one unit, the
 * scalar expressions that `eval` runs and the back end turns into vector code.  An LSTM's gates are in the order input,
 * forget, candidate, output, as in Keras and PyTorch. */
#ifndef IR_RECURRENT_H
#define IR_RECURRENT_H

#include "ir/attr.h"
#include "ir/expr.h"

enum { LSTM_GATES = 4 };
/* Indices of an Expr's arguments: the input's and the state's share of each gate, then the cell's state. */
enum { LSTM_SHARES = 0, LSTM_STATE = 2 * LSTM_GATES, LSTM_ARGUMENTS };

typedef enum Direction { DIRECTION_FORWARD, DIRECTION_REVERSE, DIRECTION_BOTH } Direction;

/* The functions of ONNX's recurrent operators. */
typedef enum Activation {
    ACTIVATION_TANH,
    ACTIVATION_SIGMOID,
    ACTIVATION_RELU,
    ACTIVATION_AFFINE,           /* alpha * x + beta */
    ACTIVATION_LEAKY_RELU,       /* alpha */
    ACTIVATION_THRESHOLDED_RELU, /* alpha */
    ACTIVATION_SCALED_TANH,      /* alpha * tanh(beta * x) */
    ACTIVATION_HARD_SIGMOID,     /* alpha, beta */
    ACTIVATION_ELU,              /* alpha */
    ACTIVATION_SOFTSIGN,
    ACTIVATION_SOFTPLUS,
    ACTIVATION_COUNT
} Activation;
/* As the language says them, NULL at the end. */
extern const char *const activation_words[ACTIVATION_COUNT + 1];

/* What ONNX calls them, and has as alpha and beta where nothing is said. */
typedef struct ActivationRow {
    const char *onnx;
    bool has_alpha, has_beta;
    double alpha, beta;
} ActivationRow;
extern const ActivationRow activation_rows[ACTIVATION_COUNT];

/* Where a layer's activations stand in lists of them: of the gates, of the candidate and of what becomes h.  An rnn
 * has the second alone, a gru no third. */
enum { ACTIVATE_GATE, ACTIVATE_CANDIDATE, ACTIVATE_OUTPUT, MOST_ACTIVATIONS };

/* Of rnn, gru and lstm and of their cells, which have no units and no direction. */
typedef struct RecurrentAttrs {
    int64_t units;                       /* layer */
    bool bias, recurrent_bias, peephole; /* layer */
    int direction;                       /* a Direction */
    int activation[MOST_ACTIVATIONS];    /* an Activation each */
    RealList alpha, beta;                /* of each activation that the layer has; none: what ONNX's functions have */
    double clip;                         /* of the sums of gates; 0 is without */
    bool linear_before_reset;            /* gru */
    bool coupled;                        /* lstm: the forget gate is 1 - the input gate */
} RecurrentAttrs;

/* sigmoid(f) * c + sigmoid(i) * tanh(g), each product and the sum rounded; every gate is its two shares added. */
void lstm_state_expr(Expr *e, Dtype dtype);
/* sigmoid(o) * tanh(c), c the new state. */
void lstm_output_expr(Expr *e, Dtype dtype);

#endif
