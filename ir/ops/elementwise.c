/* Arithmetic element by element: operands broadcast as in numpy, 16-bit floats are computed in f32. */
#include "ir/ops/map.h"

static bool infer_any(const Node *node, Type *out, Diag *diag) { return infer_map(node, ACCEPT_COMPUTED, out, diag); }

static int add(Expr *e, int x, int y) { return expr_binary(e, EXPR_ADD, x, y); }
static int sub(Expr *e, int x, int y) { return expr_binary(e, EXPR_SUB, x, y); }
static int mul(Expr *e, int x, int y) { return expr_binary(e, EXPR_MUL, x, y); }
static int minimum(Expr *e, int x, int y) { return expr_binary(e, EXPR_MIN, x, y); }
static int maximum(Expr *e, int x, int y) { return expr_binary(e, EXPR_MAX, x, y); }

/* No operand that machines trap on reaches the division: x / 0 is 0, and x / -1 is -x, which wraps. */
static int divide(Expr *e, int x, int y)
{
    Dtype dtype = e->ops[x].dtype;
    if (dtype_is_float(dtype)) return expr_binary(e, EXPR_DIV, x, y);
    int zero = expr_integer(e, dtype, 0), one = expr_integer(e, dtype, 1);
    int by_zero = expr_binary(e, EXPR_EQ, y, zero), safe = expr_select(e, by_zero, one, y);
    if (dtype_kind(dtype) == DTYPE_UNSIGNED) return expr_select(e, by_zero, zero, expr_binary(e, EXPR_DIV, x, safe));
    int by_minus = expr_binary(e, EXPR_EQ, y, expr_integer(e, dtype, -1));
    safe = expr_select(e, by_minus, one, safe);
    int quotient = expr_select(e, by_minus, expr_unary(e, EXPR_NEG, x), expr_binary(e, EXPR_DIV, x, safe));
    return expr_select(e, by_zero, zero, quotient);
}

static int negate(Expr *e, int x) { return expr_unary(e, EXPR_NEG, x); }
static int square_root(Expr *e, int x) { return expr_unary(e, EXPR_SQRT, x); }
static int round_down(Expr *e, int x) { return expr_unary(e, EXPR_FLOOR, x); }
static int round_up(Expr *e, int x) { return expr_unary(e, EXPR_CEIL, x); }
static int round_even(Expr *e, int x) { return expr_unary(e, EXPR_RINT, x); }

static int absolute(Expr *e, int x)
{
    return dtype_kind(e->ops[x].dtype) == DTYPE_UNSIGNED ? x : expr_unary(e, EXPR_ABS, x);
}

BINARY(add, add, infer_map_numbers, "x + y; integers wrap.", .onnx = "Add", .tflite = "ADD");
BINARY(sub, sub, infer_map_numbers, "x - y; integers wrap.", .onnx = "Sub", .tflite = "SUB");
BINARY(mul, mul, infer_map_numbers, "x * y; integers wrap.", .onnx = "Mul", .tflite = "MUL");
BINARY(div, divide, infer_map_numbers, "x / y; integers truncate towards zero, and x / 0 is 0 for them.", .onnx = "Div",
       .tflite = "DIV");
BINARY(minimum, minimum, infer_any, "The lesser of x and y; NaN if either is, -0 is less than +0.",
       .tflite = "MINIMUM");
BINARY(maximum, maximum, infer_any, "The greater of x and y; NaN if either is, +0 is greater than -0.",
       .tflite = "MAXIMUM");
UNARY(neg, negate, infer_map_numbers, "-x; integers wrap.", .onnx = "Neg", .tflite = "NEG");
UNARY(abs, absolute, infer_map_numbers, "|x|; the lowest integer stays itself.", .onnx = "Abs", .tflite = "ABS");
UNARY(sqrt, square_root, infer_map_floats, "The square root of x, NaN below 0.", .onnx = "Sqrt", .tflite = "SQRT");
UNARY(floor, round_down, infer_map_floats, "The greatest integer not above x.", .onnx = "Floor", .tflite = "FLOOR");
UNARY(ceil, round_up, infer_map_floats, "The least integer not below x.", .onnx = "Ceil", .tflite = "CEIL");
UNARY(round, round_even, infer_map_floats, "The nearest integer, of two equally near ones the even.", .onnx = "Round",
      .tflite = "ROUND");
UNARY(exp, expr_exp, infer_map_floats, "e to the power x.", .onnx = "Exp", .tflite = "EXP");
UNARY(log, expr_log, infer_map_floats, "The natural logarithm of x: -inf at 0, NaN below.", .onnx = "Log",
      .tflite = "LOG");
UNARY(erf, expr_erf, infer_map_floats, "The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.",
      .onnx = "Erf");

/* ---- results of another dtype ---- */

static bool infer_equal(const Node *node, Type *out, Diag *diag)
{
    return infer_test(node, ACCEPT_COMPUTED, out, diag);
}
static bool infer_less(const Node *node, Type *out, Diag *diag) { return infer_test(node, ACCEPT_NUMBERS, out, diag); }
static int equal(Expr *e, int x, int y) { return expr_binary(e, EXPR_EQ, x, y); }
static int less(Expr *e, int x, int y) { return expr_binary(e, EXPR_LT, x, y); }
static int less_or_equal(Expr *e, int x, int y) { return expr_binary(e, EXPR_LE, x, y); }

BINARY(equal, equal, infer_equal, "Whether x == y, as bool; NaN equals nothing.", .onnx = "Equal", .tflite = "EQUAL");
BINARY(less, less, infer_less, "Whether x < y, as bool; false with NaN.", .onnx = "Less", .tflite = "LESS");
BINARY(less_or_equal, less_or_equal, infer_less, "Whether x <= y, as bool; false with NaN.", .onnx = "LessOrEqual",
       .tflite = "LESS_EQUAL");

static bool expand_greater(const Maker *m, Value *out)
{
    out[0] = make_binary(m, OP_less, map_operand(m, 1), map_operand(m, 0));
    return out[0].node != NULL;
}
static bool expand_greater_or_equal(const Maker *m, Value *out)
{
    out[0] = make_binary(m, OP_less_or_equal, map_operand(m, 1), map_operand(m, 0));
    return out[0].node != NULL;
}

const OpDef op_greater = {
    .name = "greater",
    .doc = "Whether x > y, as bool; false with NaN.",
    .kind = KIND_COMPOSITE,
    .noperands = 2,
    .operands = map_operands,
    .infer = infer_less,
    .expand = expand_greater,
    .onnx = "Greater",
    .tflite = "GREATER",
};

const OpDef op_greater_or_equal = {
    .name = "greater_or_equal",
    .doc = "Whether x >= y, as bool; false with NaN.",
    .kind = KIND_COMPOSITE,
    .noperands = 2,
    .operands = map_operands,
    .infer = infer_less,
    .expand = expand_greater_or_equal,
    .onnx = "GreaterOrEqual",
    .tflite = "GREATER_EQUAL",
};

static bool infer_where(const Node *node, Type *out, Diag *diag)
{
    const Type *condition = operand_type(node, 0), *x = operand_type(node, 1), *y = operand_type(node, 2);
    Type both;
    if (condition->dtype != BOOL) {
        diag_error(diag, E0302, node_span(node), "where: expected bool for `condition`, found %s",
                   operand_text(node, 0, diag->arena));
        return diag_help(diag, "compare, as in less(x, y), or convert it with bool(x)");
    }
    if (x->dtype != y->dtype) {
        diag_error(diag, E0302, node_span(node), "where: expected `x` and `y` of one dtype, found %s and %s",
                   operand_text(node, 1, diag->arena), operand_text(node, 2, diag->arena));
        return diag_help(diag, "convert one of them, as in %s(y)", dtype_name(x->dtype));
    }
    if (!shape_broadcast(x, y, &both) || !shape_broadcast(&both, condition, out)) {
        diag_error(diag, E0301, node_span(node), "where: the shapes of %s, %s and %s do not fit each other",
                   operand_text(node, 0, diag->arena), operand_text(node, 1, diag->arena),
                   operand_text(node, 2, diag->arena));
        return diag_help(diag, "counted from the last, dims must be equal, or 1 or missing");
    }
    out->dtype = x->dtype;
    return need_sane(node, out, diag);
}

static void map_where(const Node *node, Expr *e, const int *args)
{
    (void)node;
    expr_select(e, args[0], args[1], args[2]);
}

const OpDef op_where = {
    .name = "where",
    .doc = "x where the condition holds, y elsewhere.",
    .kind = KIND_MAP,
    .noperands = 3,
    .operands = (const Operand[]){{.name = "condition", .flags = OPERAND_CONDITION, .doc = "bool"},
                                  {.name = "x", .doc = "a shape that broadcasts with the others"},
                                  {.name = "y", .doc = "the same dtype as x"}},
    .infer = infer_where,
    .map = map_where,
    .onnx = "Where",
};

static bool infer_cast(const Node *node, Type *out, Diag *diag)
{
    const CastAttrs *attrs = node->attrs;
    if (attrs->to < 0 || attrs->to >= DTYPE_COUNT) {
        diag_error(diag, E0403, node_span(node), "cast: expected the dtype to convert to");
        return diag_help(diag, "write cast(x, to: f32), or f32(x)");
    }
    *out = *operand_type(node, 0);
    out->dtype = (Dtype)attrs->to;
    return need_sane(node, out, diag);
}

static void map_cast(const Node *node, Expr *e, const int *args)
{
    const CastAttrs *attrs = node->attrs;
    expr_cast_by(e, (Dtype)attrs->to, args[0], (CastRule){(CastOverflow)attrs->overflow, (CastRound)attrs->round});
}

const OpDef op_cast = {
    .name = "cast",
    .doc =
        "x as another dtype: to a float rounds to nearest even; float to integer truncates and saturates, NaN is 0; "
        "integers wrap; to bool is x != 0. To float8 and f4e2m1 what is too large becomes the largest number or, with "
        "overflow: special, infinity or NaN; to f8e8m0 `round` chooses among powers of two. Integers of 4 and 2 bits "
        "keep the low bits of what an i32 would be.",
    .kind = KIND_MAP,
    .noperands = 1,
    .operands = map_operands,
    .attrs =
        ATTRS(CastAttrs,
              ATTR(CastAttrs, to, .kind = ATTR_DTYPE, .fallback = DTYPE_COUNT, .flags = ATTR_REQUIRED,
                   .doc = "dtype of the result"),
              ATTR(CastAttrs, overflow, .kind = ATTR_ENUM, .words = (const char *const[]){"saturate", "special", NULL},
                   .doc = "what float8 makes of numbers that are too large"),
              ATTR(CastAttrs, round, .kind = ATTR_ENUM, .words = (const char *const[]){"up", "down", "nearest", NULL},
                   .doc = "to f8e8m0")),
    .infer = infer_cast,
    .map = map_cast,
    .onnx = "Cast",
    .tflite = "CAST",
};

static bool infer_copy(const Node *node, Type *out, Diag *diag)
{
    (void)diag;
    *out = *operand_type(node, 0);
    return true;
}

static void map_copy(const Node *node, Expr *e, const int *args)
{
    (void)node;
    e->result = args[0];
}

const OpDef op_copy = {
    .name = "copy",
    .doc = "x itself, in a buffer of its own.",
    .kind = KIND_MAP,
    .noperands = 1,
    .operands = map_operands,
    .infer = infer_copy,
    .map = map_copy,
    .onnx = "Identity",
};
