#include "ir/recurrent.h"

enum { INPUT, FORGET, CANDIDATE, OUTPUT };

static int gate(Expr *e, Dtype dtype, int number)
{
    int share = LSTM_SHARES + 2 * number;
    return expr_binary(e, EXPR_ADD, expr_arg(e, share, dtype), expr_arg(e, share + 1, dtype));
}

void lstm_state_expr(Expr *e, Dtype dtype)
{
    int in = expr_sigmoid(e, gate(e, dtype, INPUT)), forget = expr_sigmoid(e, gate(e, dtype, FORGET));
    int kept = expr_binary(e, EXPR_MUL, forget, expr_arg(e, LSTM_STATE, dtype));
    int added = expr_binary(e, EXPR_MUL, in, expr_tanh(e, gate(e, dtype, CANDIDATE)));
    e->result = expr_binary(e, EXPR_ADD, kept, added);
}

void lstm_output_expr(Expr *e, Dtype dtype)
{
    int out = expr_sigmoid(e, gate(e, dtype, OUTPUT));
    e->result = expr_binary(e, EXPR_MUL, out, expr_tanh(e, expr_arg(e, LSTM_STATE, dtype)));
}
