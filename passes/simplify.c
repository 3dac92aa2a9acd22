/* Algebra.  tests/test_rules.c tries every row on random and special values of
 * every dtype that it admits, so a row that promises too much does not get in. */
#include "passes/pass.h"
#include "passes/stored.h"

#include <math.h>

static Value copy_with(const Maker *m, Op op, const void *attrs, Value in) { return make(m, op, attrs, 1, &in); }

static const Value no_value = {NULL, 0};

static Dtype dtype_of(Value value) { return value_type(value)->dtype; }
static bool root_is_float(const Match *match) { return dtype_is_float(match->root->types[0].dtype); }
static bool root_is_integer(const Match *match) { return !root_is_float(match); }
static bool root_is_number(const Match *match) { return match->root->types[0].dtype != BOOL; }
static bool is_unsigned(Dtype dtype)
{
    return dtype_kind(dtype) == DTYPE_UNSIGNED || dtype_kind(dtype) == DTYPE_BOOLEAN;
}
static bool root_is_signed(const Match *match) { return !is_unsigned(match->root->types[0].dtype); }

/* ---- casts ---- */

/* Bits of precision: of a float's significand, of an integer without its sign. */
static int precision(Dtype dtype)
{
    static const int significand[] = {[F32] = 24,       [F64] = 53,   [F16] = 11,       [BF16] = 8,   [F8E4M3FN] = 4,
                                      [F8E4M3FNUZ] = 4, [F8E5M2] = 3, [F8E5M2FNUZ] = 3, [F8E8M0] = 1, [F4E2M1] = 2};
    if (dtype_is_float(dtype)) return significand[dtype];
    if (dtype == BOOL) return 1;
    return dtype_width(dtype) - (dtype_kind(dtype) == DTYPE_SIGNED);
}

/* Does `to` have every value of `from`?  Floats have enough range for all integers that fit their precision. */
static bool holds(Dtype to, Dtype from)
{
    if (to == from) return true;
    if (to == BOOL || (dtype_is_storage(to) && dtype_is_float(to))) return false;
    if (precision(to) < precision(from)) return false;
    if (dtype_is_float(from)) return dtype_is_float(to) && !(to == F16 && (from == BF16 || from == F8E8M0));
    return dtype_is_float(to) || is_unsigned(from) || !is_unsigned(to);
}

/* The cast between loses nothing, and the last one treats what it sees as it would treat the first: a float
 * saturates where an integer wraps. */
static bool cast_is_needless(const Match *match)
{
    Dtype from = dtype_of(match->bound[0]), between = match->node[1]->types[0].dtype, to = match->root->types[0].dtype;
    if (!holds(between, from)) return false;
    return dtype_is_float(from) == dtype_is_float(between) || dtype_is_float(to) || to == BOOL || holds(to, from);
}

static Value cast_directly(const Maker *m, const Match *match)
{
    return copy_with(m, OP_cast, match->root->attrs, match->bound[0]);
}

/* ---- bounds ---- */

/* The number that all elements of a bound value are; NAN, which bounds nothing, when they differ. */
static double number_of(const Match *match, int index)
{
    double number = NAN;
    return tensor_is_splat(constant_elements(match->bound[index]), &number) ? number : NAN;
}

static Value clamp_to(const Maker *m, const Match *match, double low, double high)
{
    if (!(low <= high) || !root_is_number(match)) return no_value;
    return copy_with(m, OP_clamp, &(ClampAttrs){low, high}, match->bound[0]);
}

static Value clamp_from_maximum(const Maker *m, const Match *match)
{
    return clamp_to(m, match, number_of(match, 1), number_of(match, 2));
}

static Value clamp_from_relu(const Maker *m, const Match *match) { return clamp_to(m, match, 0, number_of(match, 1)); }

/* max(+0, -0) is +0 */
static double at_least_zero(double x) { return x > 0 ? x : 0; }

static Value clamp_of_relu(const Maker *m, const Match *match)
{
    const ClampAttrs *bounds = match->node[0]->attrs;
    return clamp_to(m, match, at_least_zero(bounds->low), bounds->high);
}

static Value relu_of_clamp(const Maker *m, const Match *match)
{
    const ClampAttrs *bounds = match->node[1]->attrs;
    return clamp_to(m, match, at_least_zero(bounds->low), at_least_zero(bounds->high));
}

/* ---- pooling ---- */

static bool inner_is_private(const Match *match)
{
    return uses_only_user(match->uses, value_of(match->node[1])) != NULL;
}

/* Before the pooling it can join the convolution, and the pooling after it. */
static Value relu_before_pool(const Maker *m, const Match *match)
{
    return copy_with(m, OP_max_pool, match->node[1]->attrs, make_unary(m, OP_relu, match->bound[0]));
}

/* ---- constants ---- */

/* Its reciprocal is one too, and a product with a power of two is what the quotient is. */
static bool divides_by_power_of_two(const Match *match)
{
    int exponent;
    double number = number_of(match, 1);
    return root_is_float(match) && isfinite(number) && fabs(frexp(number, &exponent)) == 0.5;
}

/* Not by what overflows or vanishes. */
static Value multiply_by_reciprocal(const Maker *m, const Match *match)
{
    const Tensor *divisor = constant_elements(match->bound[1]);
    Tensor factor = tensor_new(m->graph->arena, divisor->type);
    for (int64_t i = 0, count = type_elements(&divisor->type); i < count; i++) {
        tensor_set_real(&factor, i, 1 / tensor_real(divisor, i));
        if (!isnormal(tensor_real(&factor, i))) return no_value;
    }
    return make_binary(m, OP_mul, match->bound[0], make_tensor(m, &factor));
}

/* Each of the numbers divides many: one division for all of them. */
static bool divides_many(const Match *match)
{
    enum { MANY = 64 };
    const Type *all = &match->root->types[0], *divisor = value_type(match->bound[1]);
    bool wide = dtype_is_float(all->dtype) && dtype_bits(all->dtype) >= 32;
    return wide && type_elements(all) >= MANY * type_elements(divisor);
}

static Value multiply_by_inverse(const Maker *m, const Match *match)
{
    Value one = make_number(m, match->root->types[0].dtype, 1);
    return make_binary(m, OP_mul, match->bound[0], make_binary(m, OP_div, one, match->bound[1]));
}

/* Joining [8, 1] and [8] would make a constant larger than both.  Three constants are for fold: they would go round. */
static bool constants_fit(const Match *match)
{
    if (constant_elements(match->bound[0])) return false;
    const Type *a = value_type(match->bound[1]), *b = value_type(match->bound[2]);
    Type both;
    int64_t larger = type_elements(a) > type_elements(b) ? type_elements(a) : type_elements(b);
    return shape_broadcast(a, b, &both) && type_elements(&both) == larger;
}

#define C KNOWN(1)
#define D KNOWN(2)

static const Rule rows[] = {
    {"copy", EXACT, MATCH(copy, X), X, NULL, NULL},
    {"mul-one", EXACT, EITHER(mul, X, NUMBER(1)), X, NULL, NULL},
    {"mul-minus-one", EXACT, EITHER(mul, X, NUMBER(-1)), MATCH(neg, X), NULL, NULL},
    {"div-one", EXACT, MATCH(div, X, NUMBER(1)), X, NULL, NULL},
    {"sub-zero", EXACT, MATCH(sub, X, NUMBER(0)), X, NULL, NULL},
    {"add-minus-zero", EXACT, EITHER(add, X, NUMBER(-0.0)), X, NULL, NULL},
    {"add-zero", EXACT, EITHER(add, X, NUMBER(0)), X, NULL, root_is_integer},
    {"neg-neg", EXACT, MATCH(neg, MATCH(neg, X)), X, NULL, NULL},
    {"add-neg", EXACT, EITHER(add, X, MATCH(neg, Y)), MATCH(sub, X, Y), NULL, NULL},
    {"sub-neg", EXACT, MATCH(sub, X, MATCH(neg, Y)), MATCH(add, X, Y), NULL, NULL},
    {"mul-neg-neg", EXACT, MATCH(mul, MATCH(neg, X), MATCH(neg, Y)), MATCH(mul, X, Y), NULL, NULL},
    {"div-neg-neg", EXACT, MATCH(div, MATCH(neg, X), MATCH(neg, Y)), MATCH(div, X, Y), NULL, root_is_float},
    {"abs-abs", EXACT, MATCH(abs, MATCH(abs, X)), MATCH(abs, X), NULL, NULL},
    {"abs-neg", EXACT, MATCH(abs, MATCH(neg, X)), MATCH(abs, X), NULL, root_is_signed},
    {"relu-relu", EXACT, MATCH(relu, MATCH(relu, X)), MATCH(relu, X), NULL, NULL},
    {"floor-floor", EXACT, MATCH(floor, MATCH(floor, X)), MATCH(floor, X), NULL, NULL},
    {"ceil-ceil", EXACT, MATCH(ceil, MATCH(ceil, X)), MATCH(ceil, X), NULL, NULL},
    {"round-round", EXACT, MATCH(round, MATCH(round, X)), MATCH(round, X), NULL, NULL},
    {"minimum-same", EXACT, MATCH(minimum, X, X), X, NULL, NULL},
    {"maximum-same", EXACT, MATCH(maximum, X, X), X, NULL, NULL},
    {"minimum-twice", EXACT, EITHER(minimum, EITHER(minimum, X, Y), Y), MATCH(minimum, X, Y), NULL, NULL},
    {"maximum-twice", EXACT, EITHER(maximum, EITHER(maximum, X, Y), Y), MATCH(maximum, X, Y), NULL, NULL},
    {"maximum-zero", EXACT, EITHER(maximum, X, NUMBER(0)), MATCH(relu, X), NULL, root_is_number},
    {"where-same", EXACT, MATCH(where, X, Y, Y), Y, NULL, NULL},
    {"minimum-maximum", EXACT, EITHER(minimum, EITHER(maximum, X, C), D), NULL, clamp_from_maximum, NULL},
    {"minimum-relu", EXACT, EITHER(minimum, MATCH(relu, X), C), NULL, clamp_from_relu, NULL},
    {"clamp-relu", EXACT, MATCH(clamp, MATCH(relu, X)), NULL, clamp_of_relu, NULL},
    {"relu-clamp", EXACT, MATCH(relu, MATCH(clamp, X)), NULL, relu_of_clamp, NULL},
    {"cast-same", EXACT, MATCH(cast, X), X, NULL, NULL},
    {"cast-cast", EXACT, MATCH(cast, MATCH(cast, X)), NULL, cast_directly, cast_is_needless},
    {"quantize-dequantize", EXACT, MATCH(quantize, MATCH(dequantize, X, C), D), X, NULL, stored_grid_is_same},
    {"relu-max-pool", EXACT, MATCH(relu, MATCH(max_pool, X)), NULL, relu_before_pool, inner_is_private},
    {"div-power-of-two", EXACT, MATCH(div, X, C), NULL, multiply_by_reciprocal, divides_by_power_of_two},
    {"div-constant", REASSOC, MATCH(div, X, C), NULL, multiply_by_reciprocal, root_is_float},
    {"div-row", REASSOC, MATCH(div, X, Y), NULL, multiply_by_inverse, divides_many},
    {"pow-one", REASSOC, MATCH(pow, X, NUMBER(1)), X, NULL, NULL},
    {"pow-square", REASSOC, MATCH(pow, X, NUMBER(2)), MATCH(mul, X, X), NULL, NULL},
    {"pow-cube", REASSOC, MATCH(pow, X, NUMBER(3)), MATCH(mul, MATCH(mul, X, X), X), NULL, NULL},
    {"neg-sub", REASSOC, MATCH(neg, MATCH(sub, X, Y)), MATCH(sub, Y, X), NULL, NULL},
    {"add-sub", REASSOC, EITHER(add, MATCH(sub, X, Y), Y), X, NULL, NULL},
    {"sub-add", REASSOC, MATCH(sub, EITHER(add, X, Y), Y), X, NULL, NULL},
    {"mul-mul", REASSOC, EITHER(mul, EITHER(mul, X, C), D), MATCH(mul, X, MATCH(mul, C, D)), NULL, constants_fit},
    {"add-add", REASSOC, EITHER(add, EITHER(add, X, C), D), MATCH(add, X, MATCH(add, C, D)), NULL, constants_fit},
    {"add-then-sub", REASSOC, MATCH(sub, EITHER(add, X, C), D), MATCH(add, X, MATCH(sub, C, D)), NULL, constants_fit},
    {"sub-then-add", REASSOC, EITHER(add, MATCH(sub, X, C), D), MATCH(sub, X, MATCH(sub, C, D)), NULL, constants_fit},
    {"sub-sub", REASSOC, MATCH(sub, MATCH(sub, X, C), D), MATCH(sub, X, MATCH(add, C, D)), NULL, constants_fit},
};
const RuleSet simplify_rules = {rows, (int)(sizeof rows / sizeof *rows)};

/* A rule may leave work on constants, and folding that may let another rule in. */
bool pass_simplify(Graph *graph, const PassContext *context, Diag *diag)
{
    bool folds = pass_is_wanted(pass_find("fold"), context);
    int hits;
    do {
        hits = rewrite(graph, simplify_rules, context->fast ? REASSOC : EXACT, diag);
        if (hits > 0 && folds && !pass_fold(graph, context, diag)) return false;
    } while (hits > 0);
    return hits == 0;
}
