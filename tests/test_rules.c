/* Every row of every rule set is tried: its left side is built as a graph, in every dtype, order, shape and set of
 * attributes that the tables below give, evaluated by the reference, rewritten by that row alone, evaluated again,
 * compared.  A row that never applied fails too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "ir/eval.h"
#include "passes/pass.h"
#include "passes/stored.h"
#include "tests/rule_forms.h"

enum { N = 240, MAX_LEAVES = 8, DRAWS = 16 }; /* at least so many of each dtype */

/* A choice is a digit of `code`; trying all codes below `total` tries all combinations. */
typedef struct Trial {
    const Rule *rule;
    Graph *graph;
    Diag diag;
    Dtype dtype;
    uint64_t code, rest, total;
    uint64_t random;
    Node *bound[MAX_BINDINGS];
    const Node *input[MAX_LEAVES];
    int inputs;
    Op context; /* the operator that decides on shapes */
} Trial;

static int choose(Trial *t, int count)
{
    int digit = (int)(t->rest % (uint64_t)count);
    t->rest /= (uint64_t)count;
    t->total *= (uint64_t)count;
    return digit;
}

static double uniform(Trial *t)
{
    t->random = t->random * 6364136223846793005u + 1442695040888963407u;
    return (double)(t->random >> 40) / (double)(1 << 24);
}

/* The tame ones first: sums with the others lose all digits, which a REASSOC rule may. */
static const double specials[] = {0.0,    -0.0,   1,      -1,       2,         0.5,    -4,    3,
                                  1.5,    -2.5,   127,    255,      -128,      65504,  0.25,  1e-40,
                                  3e38,   -3e38,  6.1e-5, INFINITY, -INFINITY, NAN,    1e300, 0x1p31,
                                  0x1p63, 5e-324, 1e-38,  0x1p126,  0x1p-126,  0x1p14, 0x1p15};
enum { TAME = 13, SPECIALS = sizeof specials / sizeof *specials };

static void fill(Trial *t, Tensor *tensor, bool wild)
{
    for (int64_t i = 0; i < type_elements(&tensor->type); i++) {
        double x = uniform(t) * 16 - 8, odd = specials[(int)(uniform(t) * (double)SPECIALS)];
        bool is_integer = !dtype_is_float(tensor->type.dtype);
        if (wild && uniform(t) < 0.4)
            x = odd;
        else if (is_integer)
            x = floor(x * (wild ? 1e9 : 1));
        if (is_integer) x = isfinite(x) && fabs(x) < 9e18 ? x : 0; /* the conversion from others is no rule's matter */
        tensor_set_real(tensor, i, x);
    }
}

/* ---- attributes ---- */

/* The defaults where the table has nothing. */
static const void *choose_attrs(Trial *t, Op op)
{
    int count = 0;
    for (int i = 0; i < VARIANTS; i++) count += variants[i].op == op;
    if (!count) return NULL;
    int wanted = choose(t, count);
    for (int i = 0;; i++)
        if (variants[i].op == op && wanted-- == 0) return variants[i].attrs;
}

/* ---- building the left side ---- */

static Node *add(Trial *t, NodeSpec spec)
{
    spec.name = "n";
    return graph_add(t->graph, &spec, &t->diag);
}

static Node *constant(Trial *t, const Tensor *tensor)
{
    ConstantAttrs attrs;
    Tensor *kept = ARENA_NEW(t->graph->arena, Tensor);
    *kept = *tensor;
    attr_set_defaults(&op_constant.attrs, &attrs);
    return add(t, (NodeSpec){.op = OP_constant, .attrs = &attrs, .type = &kept->type, .data = kept});
}

static Node *splat(Trial *t, Type type, double value)
{
    Tensor tensor = tensor_new(t->graph->arena, type);
    for (int64_t i = 0; i < type_elements(&type); i++) tensor_set_real(&tensor, i, value);
    return constant(t, &tensor);
}

/* Where a leaf stands: as an operand of an operator with shapes of its own, or beside one. */
typedef struct Position {
    const Shapes *shapes;
    int operand; /* -1: beside its result */
    bool flat;   /* before a reshape to the operand's shape */
} Position;

static Type position_type(const Trial *t, Position at)
{
    int64_t n = N;
    if (!at.shapes) return type_tensor(t->dtype, 1, &n);
    if (at.operand < 0) return type_tensor(t->dtype, 1, &at.shapes->channels);
    Type type = type_tensor(t->dtype, at.shapes->operand[at.operand].rank, at.shapes->operand[at.operand].dim);
    int64_t count = type_elements(&type);
    return at.flat ? type_tensor(t->dtype, 1, &count) : type;
}

static Node *value_leaf(Trial *t, Position at, Dtype dtype)
{
    Type type = position_type(t, at);
    if (!at.shapes && t->inputs && choose(t, 2)) type = type_scalar(t->dtype); /* one number for all */
    type.dtype = dtype;
    assert_true(t->inputs < MAX_LEAVES);
    Node *made = add(t, (NodeSpec){.op = OP_input, .type = &type});
    t->input[t->inputs++] = made;
    return made;
}

static Node *number_leaf(Trial *t, Position at, double number)
{
    int form = choose(t, 3);
    if (number == 0 && choose(t, 2)) number = -number; /* where the sign matters the row must not apply */
    int64_t odd[] = {3, 1};
    Type type = position_type(t, at);
    return splat(t, form == 0 ? type_scalar(t->dtype) : form == 1 ? type : type_tensor(t->dtype, 2, odd), number);
}

static int64_t last_dim(const Type *type) { return type->dim[type->rank - 1].high; }

/* A weight, bias or other constant: random elements of the position's type or for its channels, or one special. */
static Node *known_leaf(Trial *t, Position at, bool inside_map)
{
    Type type = position_type(t, at);
    bool is_weight = at.shapes && at.operand > 0 && !inside_map;
    int form = is_weight ? 0 : choose(t, 2 + (t->rule->exactness == EXACT ? SPECIALS : TAME));
    if (form >= 2) return splat(t, type_scalar(t->dtype), specials[form - 2]);
    int64_t channels = last_dim(&type);
    if (form == 1) type = type_tensor(t->dtype, 1, &channels);
    Tensor tensor = tensor_new(t->graph->arena, type);
    fill(t, &tensor, false);
    return constant(t, &tensor);
}

static Node *build(Trial *t, const Pattern *p, Position at, bool inside_map, Dtype dtype);

static Node *leaf(Trial *t, const Pattern *p, Position at, bool inside_map, Dtype dtype)
{
    if (p->kind == PATTERN_NUMBER) return number_leaf(t, at, p->number);
    if (t->bound[p->index]) return t->bound[p->index];
    Node *made = p->kind == PATTERN_VALUE ? value_leaf(t, at, dtype) : known_leaf(t, at, inside_map);
    return t->bound[p->index] = made;
}

/* A flat tensor in the shape that another operator wants. */
static Node *build_reshape(Trial *t, const Pattern *p, Position at)
{
    ReshapeAttrs attrs = {.shape = {at.shapes->operand[0].rank, {0}}};
    for (int i = 0; i < attrs.shape.count; i++) attrs.shape.at[i] = at.shapes->operand[0].dim[i];
    Node *made = build(t, p->in[0], (Position){at.shapes, 0, true}, true, t->dtype);
    Value in = {made, 0};
    int64_t count = made ? type_elements(&made->types[0]) : 0; /* more than asked for where it was broadcast */
    for (int i = 1; i < attrs.shape.count; i++) count /= attrs.shape.at[i];
    attrs.shape.at[0] = count;
    return made ? add(t, (NodeSpec){.op = OP_reshape, .attrs = &attrs, .ninputs = 1, .inputs = &in}) : NULL;
}

/* What operand `i` is of: most operators have one dtype, `t->dtype`, for all. */
static Dtype operand_dtype(Trial *t, Op op, int i)
{
    static const Dtype stored[] = {I8, U8, I32};
    if (i > 0) return op == OP_take ? I32 : t->dtype;
    if (op == OP_where) return BOOL;
    if (op == OP_requantize) return I32;
    return op == OP_dequantize ? stored[choose(t, 3)] : t->dtype;
}

static Node *build(Trial *t, const Pattern *p, Position at, bool inside_map, Dtype dtype)
{
    if (p->kind != PATTERN_OP) return leaf(t, p, at, inside_map, dtype);
    Value in[MAX_OPERANDS];
    int count = 0;
    const Shapes *own = shapes_of(p->op);
    if (p->op == OP_reshape && at.operand == 0 && at.shapes->op != OP_reshape) return build_reshape(t, p, at);
    const void *attrs = choose_attrs(t, p->op);
    for (; count < MAX_OPERANDS && p->in[count]; count++) {
        Position below = at;
        if (own && (at.flat || !(at.shapes == own && at.operand == 0))) below = (Position){own, count, false};
        if (p->op == OP_pad && count == 1 && p->in[1]->kind == PATTERN_VALUE) below = (Position){&one_number, 0, false};
        Dtype wanted = operand_dtype(t, p->op, count);
        Node *made = build(t, p->in[count], below, !own, wanted);
        if (!made) return NULL;
        in[count] = value_of(made);
    }
    if (p->commutes && choose(t, 2)) {
        Value first = in[0];
        in[0] = in[1];
        in[1] = first;
    }
    return add(t, (NodeSpec){.op = p->op, .attrs = attrs, .ninputs = count, .inputs = in});
}

/* ---- comparing ---- */

/* Of results up to 16, made in a few steps from numbers up to 256. */
static double tolerance(Dtype dtype) { return dtype == F64 ? 1e-12 : dtype == F32 ? 1e-4 : dtype == F16 ? 0.25 : 2; }

static double range_of(const Tensor *tensor)
{
    double range = 16;
    for (int64_t i = 0; i < type_elements(&tensor->type); i++)
        if (isfinite(tensor_real(tensor, i))) range = fmax(range, fabs(tensor_real(tensor, i)));
    return range;
}

static bool close_enough(const Tensor *a, const Tensor *b)
{
    if (!type_equal(&a->type, &b->type)) return false;
    if (!dtype_is_float(a->type.dtype)) return tensor_same_bits(a, b);
    double bound = tolerance(a->type.dtype) * range_of(a) / 16;
    for (int64_t i = 0; i < type_elements(&a->type); i++) {
        double x = tensor_real(a, i), y = tensor_real(b, i);
        if (isfinite(x) && isfinite(y) ? fabs(x - y) > bound : isfinite(x) != isfinite(y)) return false;
    }
    return true;
}

static bool agrees(Trial *t, Graph *rewritten)
{
    Arena *arena = t->graph->arena;
    Tensor in[MAX_LEAVES], want, got;
    for (int i = 0; i < t->inputs; i++) {
        in[i] = tensor_new(arena, t->input[i]->types[0]);
        fill(t, &in[i], t->rule->exactness == EXACT);
    }
    graph_eval(t->graph, in, &want, arena);
    graph_eval(rewritten, in, &got, arena);
    bool same = t->rule->exactness == EXACT ? tensor_same_bits(&want, &got) : close_enough(&want, &got);
    if (same) return true;
    print_message("%s, %s, code %llu:\n", t->rule->name, dtype_name(t->dtype), (unsigned long long)t->code);
    for (int64_t i = 0; i < type_elements(&want.type) && i < N; i++)
        if (tensor_real(&want, i) != tensor_real(&got, i))
            print_message("  [%lld] %.17g became %.17g\n", (long long)i, tensor_real(&want, i), tensor_real(&got, i));
    return false;
}

typedef enum Outcome { REFUSED, IDLE, HELD, FAILED } Outcome;

static Outcome try_code(Trial *t, Arena *arena)
{
    t->graph = graph_new(arena, t->rule->name);
    t->graph->stage = STAGE_CORE;
    t->diag = diag_new(arena);
    t->rest = t->code;
    t->total = 1;
    t->random = t->code * 977 + t->dtype;
    t->inputs = 0;
    memset(t->bound, 0, sizeof t->bound);
    const Shapes *around = shapes_in(t->rule->from);
    Node *root = build(t, t->rule->from, (Position){around, -1, false}, true, t->dtype);
    if (!root) return REFUSED;
    graph_add_result(t->graph, (Result){.name = "r", .value = value_of(root)});
    Graph *rewritten = graph_clone(arena, t->graph);
    int hits = rewrite(rewritten, (RuleSet){t->rule, 1}, REASSOC, &t->diag);
    if (hits < 0 || !graph_verify(rewritten, &t->diag)) {
        print_message("%s, %s, code %llu: the graph is broken\n", t->rule->name, dtype_name(t->dtype),
                      (unsigned long long)t->code);
        diag_print(&t->diag, stderr, false);
        return FAILED;
    }
    return !hits ? IDLE : agrees(t, rewritten) ? HELD : FAILED;
}

static bool holds_in(const Rule *rule, Dtype dtype, int *applied)
{
    Outcome outcome = HELD;
    uint64_t total = 1;
    for (uint64_t code = 0; (code < total || code < DRAWS) && outcome != FAILED; code++) {
        Arena *arena = arena_new(NULL, NULL);
        Trial trial = {.rule = rule, .dtype = dtype, .code = code};
        outcome = try_code(&trial, arena);
        *applied += outcome == HELD;
        if (trial.total > total) total = trial.total;
        arena_free(arena);
    }
    return outcome != FAILED;
}

static bool rule_holds(const Rule *rule)
{
    int applied = 0;
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        if (!holds_in(rule, (Dtype)dtype, &applied)) return false;
    }
    if (!applied) print_message("%s never applied\n", rule->name);
    return applied > 0;
}

static void check_set(RuleSet rules)
{
    int bad = 0;
    for (int i = 0; i < rules.count; i++) bad += !rule_holds(&rules.rows[i]);
    assert_int_equal(bad, 0);
}

static void simplify_holds(void **state) { check_set(simplify_rules); }
static void scale_holds(void **state) { check_set(scale_rules); }
static void views_hold(void **state) { check_set(view_rules); }
static void stored_holds(void **state) { check_set(stored_rules); }

static Value forget_the_bias(const Maker *m, const Match *match) { return make(m, OP_dense, NULL, 2, match->bound); }

static void wrong_rules_are_caught(void **state)
{
    const Rule bad[] = {
        {.name = "mul-zero", .from = MATCH(mul, X, NUMBER(0)), .to = MATCH(sub, X, X)},
        {.name = "add-zero", .from = MATCH(add, X, NUMBER(0)), .to = X},        /* -0 + 0 is +0 */
        {.name = "sub-same", .from = MATCH(add, Y, MATCH(sub, X, X)), .to = Y}, /* inf - inf */
        {.name = "add-sub", .from = MATCH(add, MATCH(sub, X, Y), Y), .to = X},
        {.name = "neg-sub", .from = MATCH(neg, MATCH(sub, X, Y)), .to = MATCH(sub, Y, X)},
        {.name = "relu-abs", .from = MATCH(relu, MATCH(abs, X)), .to = MATCH(abs, X)}, /* of the least integer */
        {.name = "cast-cast", .from = MATCH(cast, MATCH(cast, X)), .to = X},
        {.name = "div-mul", REASSOC, .from = MATCH(mul, MATCH(div, X, Y), Y), .to = MATCH(neg, X)},
        {.name = "same-grid", .from = MATCH(quantize, MATCH(dequantize, X, KNOWN(1)), KNOWN(2)), .to = X},
        {.name = "never", REASSOC, .from = MATCH(neg, X), .to = MATCH(broadcast, X)},
        {.name = "bias", REASSOC, MATCH(dense, X, KNOWN(1), KNOWN(2)), NULL, forget_the_bias, NULL},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (rule_holds(&bad[i])) fail_msg("%s was not caught", bad[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simplify_holds),
        cmocka_unit_test(scale_holds),
        cmocka_unit_test(views_hold),
        cmocka_unit_test(stored_holds),
        cmocka_unit_test(wrong_rules_are_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
