#include "ir/expr.h"

#include "ir/storage.h"

#include <assert.h>
#include <string.h>

static const char *const kind_names[] = {
#define EXPR(id, name, arity) name,
#include "ir/expr.def"
};
static const int kind_arities[] = {
#define EXPR(id, name, arity) arity,
#include "ir/expr.def"
};

const char *expr_kind_name(ExprKind kind) { return kind_names[kind]; }
int expr_kind_arity(ExprKind kind) { return kind_arities[kind]; }

Expr *expr_new(Arena *arena)
{
    Expr *e = ARENA_NEW(arena, Expr);
    e->arena = arena;
    e->result = -1;
    return e;
}

/* Bits, not values: -0 and +0 are two constants, and a NaN is itself. */
static bool same_operation(const ExprOp *a, const ExprOp *b)
{
    return a->kind == b->kind && a->dtype == b->dtype && a->argument == b->argument &&
           !memcmp(a->in, b->in, sizeof a->in) && !memcmp(&a->value.real, &b->value.real, sizeof a->value.real) &&
           a->value.integer == b->value.integer;
}

/* The index of the operation, which is an old one if there is an equal one; always the expression's result so far. */
static int add(Expr *e, ExprOp op)
{
    for (int i = 0; i < kind_arities[op.kind]; i++) assert(op.in[i] >= 0 && (size_t)op.in[i] < e->count);
    for (size_t i = 0; i < e->count; i++)
        if (same_operation(&e->ops[i], &op)) return e->result = (int)i;
    e->ops = arena_grow(e->arena, e->ops, e->count, &e->capacity, sizeof *e->ops);
    e->ops[e->count] = op;
    return e->result = (int)e->count++;
}

static Dtype dtype_of(const Expr *e, int a) { return e->ops[a].dtype; }

int expr_arg(Expr *e, int argument, Dtype dtype)
{
    return add(e, (ExprOp){.kind = EXPR_ARG, .dtype = dtype, .argument = argument});
}

int expr_real(Expr *e, Dtype dtype, double value)
{
    assert(dtype_is_float(dtype));
    uint64_t rounded;
    Tensor element = {.type = type_scalar(dtype), .data = &rounded};
    tensor_set_real(&element, 0, value);
    value = tensor_real(&element, 0);
    return add(e, (ExprOp){.kind = EXPR_CONST, .dtype = dtype, .value.real = value});
}

int expr_integer(Expr *e, Dtype dtype, int64_t value)
{
    assert(!dtype_is_float(dtype));
    if (dtype == BOOL) value = value != 0;
    int spare = 64 - dtype_width(dtype);
    uint64_t high = (uint64_t)value << spare;
    /* the element's own bits, extended as its kind is */
    value = dtype_kind(dtype) == DTYPE_SIGNED ? (int64_t)high >> spare : (int64_t)(high >> spare);
    return add(e, (ExprOp){.kind = EXPR_CONST, .dtype = dtype, .value.integer = value});
}

int expr_number(Expr *e, Dtype dtype, double value)
{
    if (dtype_is_float(dtype)) return expr_real(e, dtype, value);
    if (dtype == BOOL) return expr_integer(e, dtype, value != 0);
    int bits = dtype_width(dtype) - (dtype_kind(dtype) == DTYPE_SIGNED);
    uint64_t largest = UINT64_MAX >> (64 - bits);
    int64_t smallest = dtype_kind(dtype) == DTYPE_SIGNED ? -(int64_t)largest - 1 : 0;
    if (value != value) return expr_integer(e, dtype, 0);
    if (value >= (double)largest) return expr_integer(e, dtype, (int64_t)largest);
    if (value <= (double)smallest) return expr_integer(e, dtype, smallest);
    return expr_integer(e, dtype, value < 0 ? (int64_t)value : (int64_t)(uint64_t)value);
}

int expr_unary(Expr *e, ExprKind kind, int a)
{
    assert(kind_arities[kind] == 1 && kind != EXPR_CAST && kind != EXPR_BITCAST);
    return add(e, (ExprOp){.kind = kind, .dtype = dtype_of(e, a), .in = {a}});
}

static bool is_comparison(ExprKind kind)
{
    return kind == EXPR_EQ || kind == EXPR_NE || kind == EXPR_LT || kind == EXPR_LE;
}

int expr_binary(Expr *e, ExprKind kind, int a, int b)
{
    assert(kind_arities[kind] == 2 && dtype_of(e, a) == dtype_of(e, b));
    return add(e, (ExprOp){.kind = kind, .dtype = is_comparison(kind) ? BOOL : dtype_of(e, a), .in = {a, b}});
}

int expr_fma(Expr *e, int a, int b, int c)
{
    assert(dtype_is_float(dtype_of(e, a)) && dtype_of(e, a) == dtype_of(e, b) && dtype_of(e, b) == dtype_of(e, c));
    return add(e, (ExprOp){.kind = EXPR_FMA, .dtype = dtype_of(e, a), .in = {a, b, c}});
}

int expr_select(Expr *e, int condition, int yes, int no)
{
    assert(dtype_of(e, condition) == BOOL && dtype_of(e, yes) == dtype_of(e, no));
    return add(e, (ExprOp){.kind = EXPR_SELECT, .dtype = dtype_of(e, yes), .in = {condition, yes, no}});
}

int expr_cast(Expr *e, Dtype to, int a) { return expr_cast_by(e, to, a, (CastRule){CAST_SATURATE, CAST_UP}); }

int expr_cast_by(Expr *e, Dtype to, int a, CastRule rule)
{
    Dtype from = dtype_of(e, a);
    if (from == to) return e->result = a;
    if (dtype_is_storage(from)) return expr_cast_by(e, to, expr_from_storage(e, a), rule);
    if (dtype_is_storage(to)) return expr_to_storage(e, to, a, rule);
    return add(e, (ExprOp){.kind = EXPR_CAST, .dtype = to, .in = {a}});
}

int expr_bitcast(Expr *e, Dtype to, int a)
{
    assert(dtype_bits(dtype_of(e, a)) == dtype_bits(to));
    if (dtype_of(e, a) == to) return e->result = a;
    return add(e, (ExprOp){.kind = EXPR_BITCAST, .dtype = to, .in = {a}});
}
