#include "ir/top.h"

static int64_t padded(int64_t bytes) { return (bytes + 63) / 64 * 64; }

Top top_of(const Node *node)
{
    const TopAttrs *attrs = node->attrs;
    const Type *type = value_type(node->inputs[0]);
    int axis = (int)(attrs->axis < 0 ? attrs->axis + type->rank : attrs->axis);
    Dtype dtype = type->dtype;
    bool wide = dtype == F64 || dtype == I64 || dtype == U64 || dtype == U32;
    Top t = {.outer = 1,
             .size = type->dim[axis].high,
             .inner = 1,
             .axis = axis,
             .k = attrs->k,
             .key = wide ? I64 : I32,
             .whole = dtype == I32 || dtype == I64 || dtype == U64,
             .largest = attrs->largest};
    for (int i = 0; i < axis; i++) t.outer *= type->dim[i].high;
    for (int i = axis + 1; i < type->rank; i++) t.inner *= type->dim[i].high;
    t.digits = dtype_bits(t.key) / TOP_DIGIT_BITS;
    int64_t bytes = 0;
    for (int i = 0; i < 2; i++) {
        t.keys[i] = bytes;
        t.indices[i] = bytes + padded(dtype_bytes(t.key, t.size));
        bytes = t.indices[i] + padded(dtype_bytes(I32, t.size));
    }
    t.counts = bytes;
    t.scratch = bytes + padded(dtype_bytes(I32, (int64_t)t.digits * TOP_DIGITS));
    return t;
}

/* The sign of zeros and of NaN says nothing; negative numbers have their bits the other way round. */
static int key_of_float(Expr *e, int x, Dtype key)
{
    Dtype dtype = e->ops[x].dtype;
    int bits = dtype_bits(dtype);
    int64_t nan = dtype == F32 ? 0x7fc00000 : (int64_t)0x7ff8 << 48;
    int number = expr_bitcast(e, key, expr_binary(e, EXPR_ADD, x, expr_real(e, dtype, 0)));
    int is_nan = expr_binary(e, EXPR_NE, x, x);
    number = expr_select(e, is_nan, expr_integer(e, key, nan), number);
    int negative = expr_binary(e, EXPR_SHR, number, expr_integer(e, key, bits - 1));
    int others = expr_binary(e, EXPR_AND, negative, expr_integer(e, key, dtype == F32 ? INT32_MAX : INT64_MAX));
    return expr_binary(e, EXPR_XOR, number, others);
}

int top_key(Expr *e, const Top *top, Dtype from)
{
    int x = expr_arg(e, 0, from), key;
    if (dtype_is_float(from))
        key = key_of_float(e, from == F64 ? x : expr_cast(e, F32, x), top->key);
    else if (from == U64)
        key = expr_binary(e, EXPR_XOR, expr_bitcast(e, I64, x), expr_integer(e, I64, INT64_MIN));
    else
        key = from == top->key ? x : expr_cast(e, top->key, x);
    return top->largest ? key : expr_binary(e, EXPR_XOR, key, expr_integer(e, top->key, -1));
}
