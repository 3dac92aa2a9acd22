/* What one step of a recurrence computes for one unit: the scalar expressions that `eval` runs and the back end turns
 * into vector code.  Gates are in the order input, forget, candidate, output, as in Keras and PyTorch. */
#ifndef IR_RECURRENT_H
#define IR_RECURRENT_H

#include "ir/expr.h"

enum { LSTM_GATES = 4 };
/* Indices of an Expr's arguments: the input's and the state's share of each gate, then the cell's state. */
enum { LSTM_SHARES = 0, LSTM_STATE = 2 * LSTM_GATES, LSTM_ARGUMENTS };

/* sigmoid(f) * c + sigmoid(i) * tanh(g), each product and the sum rounded; every gate is its two shares added. */
void lstm_state_expr(Expr *e, Dtype dtype);
/* sigmoid(o) * tanh(c), c the new state. */
void lstm_output_expr(Expr *e, Dtype dtype);

#endif
