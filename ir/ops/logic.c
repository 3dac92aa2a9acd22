/* Truth values and bits, element by element. */
#include "ir/ops/map.h"

#include <math.h>

static bool infer_bools(const Node *node, Type *out, Diag *diag) { return infer_map(node, ACCEPT_BOOL, out, diag); }
static bool infer_integers(const Node *node, Type *out, Diag *diag)
{
    return infer_map(node, ACCEPT_INTEGERS, out, diag);
}
static bool infer_test_of_float(const Node *node, Type *out, Diag *diag)
{
    return infer_test(node, ACCEPT_FLOATS, out, diag);
}

static int both(Expr *e, int x, int y) { return expr_binary(e, EXPR_AND, x, y); }
static int either(Expr *e, int x, int y) { return expr_binary(e, EXPR_OR, x, y); }
static int one_of(Expr *e, int x, int y) { return expr_binary(e, EXPR_XOR, x, y); }
/* All bits of an integer, the only one of a bool. */
static int inverse(Expr *e, int x) { return one_of(e, x, expr_integer(e, e->ops[x].dtype, -1)); }
static int is_nan(Expr *e, int x) { return expr_binary(e, EXPR_NE, x, x); }

BINARY(logical_and, both, infer_bools, "Whether x and y.", .onnx = "And", .tflite = "LOGICAL_AND");
BINARY(logical_or, either, infer_bools, "Whether x or y, or both.", .onnx = "Or", .tflite = "LOGICAL_OR");
BINARY(logical_xor, one_of, infer_bools, "Whether x or y, but not both.", .onnx = "Xor");
UNARY(logical_not, inverse, infer_bools, "Whether not x.", .onnx = "Not", .tflite = "LOGICAL_NOT");
BINARY(bitwise_and, both, infer_integers, "The bits that x and y have.", .onnx = "BitwiseAnd");
BINARY(bitwise_or, either, infer_integers, "The bits that x or y has.", .onnx = "BitwiseOr");
BINARY(bitwise_xor, one_of, infer_integers, "The bits that one of x and y has.", .onnx = "BitwiseXor",
       .tflite = "BITWISE_XOR");
UNARY(bitwise_not, inverse, infer_integers, "The bits that x has not.", .onnx = "BitwiseNot");
UNARY(is_nan, is_nan, infer_test_of_float, "Whether x is not a number, as bool.", .onnx = "IsNaN");

/* ---- with attributes ---- */

static int compute_is_inf(Expr *e, const Node *node, const int *a)
{
    const IsInfAttrs *attrs = node->attrs;
    Dtype dtype = e->ops[a[0]].dtype;
    int above = expr_binary(e, EXPR_EQ, a[0], expr_real(e, dtype, INFINITY));
    int below = expr_binary(e, EXPR_EQ, a[0], expr_real(e, dtype, -INFINITY));
    if (attrs->positive && attrs->negative) return either(e, above, below);
    return attrs->positive ? above : attrs->negative ? below : expr_integer(e, BOOL, 0);
}
static void map_is_inf(const Node *node, Expr *e, const int *args) { map_widened(node, e, args, compute_is_inf); }

const OpDef op_is_inf = {
    .name = "is_inf",
    .doc = "Whether x is infinite, as bool.",
    .kind = KIND_MAP,
    .noperands = 1,
    .operands = map_operands,
    .attrs =
        ATTRS(IsInfAttrs, ATTR(IsInfAttrs, negative, .kind = ATTR_BOOL, .fallback = 1, .doc = "whether -inf counts"),
              ATTR(IsInfAttrs, positive, .kind = ATTR_BOOL, .fallback = 1, .doc = "whether inf counts")),
    .infer = infer_test_of_float,
    .map = map_is_inf,
};

static void map_bit_shift(const Node *node, Expr *e, const int *args)
{
    const BitShiftAttrs *attrs = node->attrs;
    expr_binary(e, attrs->direction ? EXPR_SHR : EXPR_SHL, args[0], args[1]);
}

const OpDef op_bit_shift = {
    .name = "bit_shift",
    .doc = "The bits of x moved by y places, modulo the width of x; to the right the sign stays.",
    .kind = KIND_MAP,
    .noperands = 2,
    .operands = map_operands,
    .attrs = ATTRS(BitShiftAttrs, ATTR(BitShiftAttrs, direction, .kind = ATTR_ENUM,
                                       .words = (const char *const[]){"left", "right", NULL}, .doc = "where to")),
    .infer = infer_integers,
    .map = map_bit_shift,
};
