/* Every operation and cast of every dtype, as machine code beside the interpreter, on values where they could differ.
 */
#include "ir/exprkernel.h"
#include "tests/support/nest.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NVALUES = 32, PAIRS = NVALUES * NVALUES, LANES = 8 };

/* An expression of one or two arguments, beside code for it. */
typedef struct Trial {
    const Expr *expr;
    Dtype arguments[3];
    int narguments;
    char name[60];
} Trial;

typedef struct Trials {
    Arena *arena;
    Trial *all;
    size_t count, capacity;
} Trials;

static const double reals[NVALUES] = {0.0,
                                      -0.0,
                                      1.0,
                                      -1.0,
                                      0.5,
                                      -0.5,
                                      1.5,
                                      2.5,
                                      -2.5,
                                      0x1.01000001p0,
                                      -0x1.0020000001p0,
                                      INFINITY,
                                      NAN,
                                      255.4,
                                      256.0,
                                      -129.5,
                                      32767.9,
                                      65504.0,
                                      65520.0,
                                      2147483648.0,
                                      4294967296.0,
                                      -INFINITY,
                                      1e-45,
                                      -5.9e-8,
                                      8388609.0,
                                      1e10,
                                      -1e30,
                                      3.4e38,
                                      1.0000001,
                                      9.3e18,
                                      1e-40,
                                      16777217.0};
static const int64_t integers[NVALUES] = {0,
                                          1,
                                          -1,
                                          2,
                                          -2,
                                          7,
                                          8,
                                          31,
                                          32,
                                          63,
                                          127,
                                          128,
                                          -128,
                                          255,
                                          256,
                                          -129,
                                          32767,
                                          -32768,
                                          65535,
                                          INT32_MAX,
                                          INT32_MIN,
                                          UINT32_MAX,
                                          1 << 24,
                                          (1 << 24) + 1,
                                          INT64_MAX,
                                          INT64_MIN,
                                          (int64_t)1 << 53,
                                          ((int64_t)1 << 53) + 1,
                                          -((int64_t)1 << 60) - 129,
                                          ((int64_t)1 << 60) + ((int64_t)1 << 52) + 1,
                                          2049,
                                          (1 << 30) + (1 << 22) + 1};

static Scalar value_at(Dtype dtype, int i)
{
    if (dtype_is_float(dtype)) return (Scalar){.real = reals[i]};
    return (Scalar){.integer = dtype == BOOL ? integers[i] & 1 : integers[i]};
}

/* Argument `index` of the pair i: the first runs fast, the second slow, the third with both. */
static int choice(int index, int i)
{
    return index == 0 ? i % NVALUES : index == 1 ? i / NVALUES : (i * 7 + 3) % NVALUES;
}

static Tensor argument(Arena *arena, Dtype dtype, int index)
{
    int64_t dims[] = {PAIRS};
    Tensor tensor = tensor_new(arena, type_tensor(dtype, 1, dims));
    for (int i = 0; i < PAIRS; i++) tensor_set(&tensor, i, value_at(dtype, choice(index, i)));
    return tensor;
}

static void add_trial(Trials *t, const Expr *expr, const Dtype *arguments, int narguments, const char *name)
{
    t->all = arena_grow(t->arena, t->all, t->count, &t->capacity, sizeof *t->all);
    Trial *trial = &t->all[t->count++];
    trial->expr = expr;
    trial->narguments = narguments;
    for (int i = 0; i < narguments; i++) trial->arguments[i] = arguments[i];
    snprintf(trial->name, sizeof trial->name, "%s of %s", name, dtype_name(arguments[narguments - 1]));
}

static LoopFunction *function_of(Arena *arena, const Trial *t, int lanes)
{
    LoopFunction *f = loop_function_new(arena, t->name, (Origin){0});
    LoopBuilder b = loop_builder(arena, f);
    const LoopExpr *args[3];
    Dtype result = t->expr->ops[t->expr->result].dtype;
    LoopBuffer *out = loop_buffer(&b, &(LoopBuffer){"out", result, SPACE_OUTPUT, 0, 0, PAIRS, 1, true, 0, {0}});
    LoopScope scope = loop_for(&b, "i", 0, PAIRS, lanes, MODE_SERIAL);
    for (int i = 0; i < t->narguments; i++) {
        LoopBuffer *in =
            loop_buffer(&b, &(LoopBuffer){"in", t->arguments[i], SPACE_INPUT, i, 0, PAIRS, 1, false, 0, {0}});
        args[i] = loop_load(&b, in, affine_of(scope.var, 1), lanes, 1, lanes);
    }
    loop_store(&b, out, affine_of(scope.var, 1), loop_expr(&b, t->expr, args, lanes), 1, lanes);
    loop_end(&b, scope);
    return f;
}

static void compare(const Trial *t, const Tensor *got, const Tensor *expected, const char *cpu, int level)
{
    if (tensor_same_bits(got, expected)) return;
    for (int i = 0; i < PAIRS; i++) {
        Scalar a = tensor_get(got, i), b = tensor_get(expected, i);
        bool real = dtype_is_float(got->type.dtype), nan = isnan(a.real) && isnan(b.real);
        if (real ? nan || (a.real == b.real && signbit(a.real) == signbit(b.real)) : a.integer == b.integer) continue;
        fail_msg("%s (%d, %d, %d) on '%s' at -O%d: %g %lld, expected %g %lld", t->name, choice(0, i), choice(1, i),
                 choice(2, i), cpu, level, a.real, (long long)a.integer, b.real, (long long)b.integer);
    }
    fail_msg("%s: bits differ", t->name);
}

static void run_trial(Arena *arena, const Trial *t, NestRun *run, const char *cpu, int level)
{
    int64_t dims[] = {PAIRS}, steps[] = {1, 1, 1};
    Type type = type_tensor(t->expr->ops[t->expr->result].dtype, 1, dims);
    Tensor expected = tensor_new(arena, type), got = tensor_new(arena, type);
    const void *args[3];
    void *bases[4];
    for (int i = 0; i < t->narguments; i++) args[i] = bases[i] = argument(arena, t->arguments[i], i).data;
    expr_run(t->expr, args, steps, expected.data, PAIRS);
    bases[3] = got.data;
    run(bases, NULL);
    compare(t, &got, &expected, cpu, level);
}

/* Whether there is an fma only tells the baseline, whose results may differ in the last bit. */
static bool uses_fma(const Expr *e)
{
    for (size_t i = 0; i < e->count; i++)
        if (e->ops[i].kind == EXPR_FMA) return true;
    return false;
}

/* A step that takes three inputs, so that all trials have the same bases. */
static LoopFunction *three_inputs(Arena *arena)
{
    LoopFunction *f = loop_function_new(arena, "ports", (Origin){0});
    LoopBuilder b = loop_builder(arena, f);
    loop_buffer(&b, &(LoopBuffer){"in", U8, SPACE_INPUT, 2, 0, 1, 1, false, 0, {0}});
    return f;
}

static void run_trials(const Trials *t, int lanes, int level, const char *cpu)
{
    Arena *arena = arena_new(NULL, NULL);
    LoopFunction **functions = ARENA_ARRAY(arena, LoopFunction *, t->count + 1);
    for (size_t i = 0; i < t->count; i++) functions[i] = function_of(arena, &t->all[i], lanes);
    functions[t->count] = three_inputs(arena);
    Jit *jit = nest_load(arena, functions, (int)t->count + 1, cpu, level);
    for (size_t i = 0; i < t->count; i++)
        if (*cpu || !uses_fma(t->all[i].expr)) run_trial(arena, &t->all[i], nest_step(jit, (int)i), cpu, level);
    jit_free(jit);
    arena_free(arena);
}

static void run_everywhere(const Trials *t)
{
    const char *cpus[NEST_CPUS];
    int count = nest_cpus(cpus);
    if (count < NEST_CPUS) print_message("only %d of %d levels of x86-64 can be run here\n", count, NEST_CPUS);
    for (int i = 0; i < count; i++) {
        run_trials(t, LANES, 2, cpus[i]);
        run_trials(t, i == 1 ? 1 : 4 * LANES, 0, cpus[i]);
    }
}

static void operations_are_those_of_the_interpreter(void **state)
{
    Trials t = {.arena = arena_new(NULL, NULL)};
    for (int kind = EXPR_ADD; kind <= EXPR_LE; kind++)
        for (int d = 0; d < DTYPE_COUNT; d++) {
            Dtype dtypes[] = {(Dtype)d, (Dtype)d, (Dtype)d};
            if (!expr_kernel((ExprKind)kind, (Dtype)d) || kind == EXPR_SCALE) continue;
            Expr *e = expr_new(t.arena);
            int x = expr_arg(e, 0, (Dtype)d), arity = expr_kind_arity((ExprKind)kind);
            int y = arity > 1 ? expr_arg(e, 1, (Dtype)d) : 0, z = arity > 2 ? expr_arg(e, 2, (Dtype)d) : 0;
            if (arity == 1) expr_unary(e, (ExprKind)kind, x);
            if (arity == 2) expr_binary(e, (ExprKind)kind, x, y);
            if (arity == 3) expr_fma(e, x, y, z);
            add_trial(&t, e, dtypes, arity, expr_kind_name((ExprKind)kind));
        }
    run_everywhere(&t);
    arena_free(t.arena);
}

/* Casts of stored numbers are one expression here and there: those with a few dtypes do. */
static bool is_between_stored(Dtype from, Dtype to)
{
    if (!dtype_is_storage(from) && !dtype_is_storage(to)) return false;
    Dtype other = dtype_is_storage(from) ? to : from;
    return other != F32 && other != F64 && other != I64 && other != U32;
}

static void casts_are_those_of_the_interpreter(void **state)
{
    Trials t = {.arena = arena_new(NULL, NULL)};
    for (int from = 0; from < DTYPE_COUNT; from++)
        for (int to = 0; to < DTYPE_COUNT; to++) {
            Dtype dtypes[] = {(Dtype)from, (Dtype)from};
            if (is_between_stored((Dtype)from, (Dtype)to)) continue;
            Expr *e = expr_new(t.arena);
            expr_cast(e, (Dtype)to, expr_arg(e, 0, (Dtype)from));
            add_trial(&t, e, dtypes, 1, arena_printf(t.arena, "cast to %s", dtype_name((Dtype)to)));
            if (from == BOOL || to == BOOL || dtype_bits((Dtype)from) != dtype_bits((Dtype)to)) continue;
            e = expr_new(t.arena);
            expr_bitcast(e, (Dtype)to, expr_arg(e, 0, (Dtype)from));
            add_trial(&t, e, dtypes, 1, arena_printf(t.arena, "bitcast to %s", dtype_name((Dtype)to)));
        }
    run_everywhere(&t);
    arena_free(t.arena);
}

static void choices_are_those_of_the_interpreter(void **state)
{
    Trials t = {.arena = arena_new(NULL, NULL)};
    for (int d = 0; d < DTYPE_COUNT; d++) {
        Dtype dtypes[] = {BOOL, (Dtype)d, (Dtype)d};
        Expr *e = expr_new(t.arena);
        expr_select(e, expr_arg(e, 0, BOOL), expr_arg(e, 1, (Dtype)d), expr_arg(e, 2, (Dtype)d));
        add_trial(&t, e, dtypes, 3, "select");
    }
    run_everywhere(&t);
    arena_free(t.arena);
}

/* Any two numbers brought to where the operation is defined; NaN stays. */
static void scaling_is_that_of_the_interpreter(void **state)
{
    Trials t = {.arena = arena_new(NULL, NULL)};
    for (int d = F32; d <= F64; d++) {
        Dtype dtypes[] = {(Dtype)d, (Dtype)d};
        double most = d == F32 ? 250 : 2000;
        Expr *e = expr_new(t.arena);
        int one = expr_real(e, (Dtype)d, 1), high = expr_real(e, (Dtype)d, most), low = expr_real(e, (Dtype)d, -most);
        int x = expr_arg(e, 0, (Dtype)d), n = expr_arg(e, 1, (Dtype)d);
        x = expr_binary(e, EXPR_MAX, expr_binary(e, EXPR_MIN, x, expr_real(e, (Dtype)d, 3.9)), one);
        n = expr_unary(e, EXPR_RINT, expr_binary(e, EXPR_MAX, expr_binary(e, EXPR_MIN, n, high), low));
        n = expr_select(e, expr_binary(e, EXPR_EQ, n, n), n, one);
        expr_binary(e, EXPR_SCALE, x, n);
        add_trial(&t, e, dtypes, 2, "scale");
    }
    run_everywhere(&t);
    arena_free(t.arena);
}

/* Against a constant, and of what relu left, other instructions are chosen. */
static void extremes_have_short_forms_that_are_exact(void **state)
{
    static const double constants[] = {0.0, -0.0, 1.5, -1.5, INFINITY, -INFINITY, NAN};
    Trials t = {.arena = arena_new(NULL, NULL)};
    for (int d = F32; d <= F64; d++)
        for (size_t i = 0; i < 4 * sizeof constants / sizeof *constants; i++) {
            ExprKind kind = i & 1 ? EXPR_MIN : EXPR_MAX;
            Dtype dtypes[] = {(Dtype)d};
            Expr *e = expr_new(t.arena);
            int x = expr_arg(e, 0, (Dtype)d), c = expr_real(e, (Dtype)d, constants[i / 4]);
            expr_binary(e, kind, i & 2 ? x : c, i & 2 ? c : x);
            add_trial(&t, e, dtypes, 1, arena_printf(t.arena, "%s with %g", expr_kind_name(kind), constants[i / 4]));
        }
    for (int d = F32; d <= F64; d++) {
        Dtype dtypes[] = {(Dtype)d, (Dtype)d, (Dtype)d};
        Expr *e = expr_new(t.arena);
        int zero = expr_real(e, (Dtype)d, 0), largest = zero;
        for (int i = 0; i < 3; i++)
            largest = expr_binary(e, EXPR_MAX, largest, expr_binary(e, EXPR_MAX, expr_arg(e, i, (Dtype)d), zero));
        add_trial(&t, e, dtypes, 3, "largest of relus");
    }
    run_everywhere(&t);
    arena_free(t.arena);
}

static void functions_are_those_of_the_interpreter(void **state)
{
    static int (*const functions[])(Expr *, int) = {expr_exp, expr_log, expr_tanh, expr_sigmoid, expr_erf};
    Trials t = {.arena = arena_new(NULL, NULL)};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        Dtype dtypes[] = {F32};
        Expr *e = expr_new(t.arena);
        functions[i](e, expr_arg(e, 0, F32));
        add_trial(&t, e, dtypes, 1, arena_printf(t.arena, "function %zu", i));
    }
    run_everywhere(&t);
    arena_free(t.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_are_those_of_the_interpreter),
        cmocka_unit_test(casts_are_those_of_the_interpreter),
        cmocka_unit_test(choices_are_those_of_the_interpreter),
        cmocka_unit_test(scaling_is_that_of_the_interpreter),
        cmocka_unit_test(extremes_have_short_forms_that_are_exact),
        cmocka_unit_test(functions_are_those_of_the_interpreter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
