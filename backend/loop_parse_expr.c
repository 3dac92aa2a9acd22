/* Expressions of the text of loop nests:
 *
 *   expr    = TYPE "(" NUMBER ")"  |  "index" "(" DTYPE "," affine ")"  |  "lane" "(" TYPE ")"
 *           | "splat" "(" expr "," LANES ")"  |  "fold" "(" OP "," expr ")"  |  "dot" "(" expr "," expr "," expr ")"
 *           | ("cast" | "bitcast") "(" DTYPE "," expr ")"  |  OP "(" expr {"," expr} ")"
 *           | LET  |  REGISTER "[" affine [ ":" COUNT ] "]"  |  BUFFER access
 *   access  = "[" affine ["at" LET] [":" LANES] ["stride" INT] ["active" LANES | "limit" affine] "]"
 *   affine  = ["-"] term {("+" | "-") term};  term = INT | [INT "*"] VAR
 *   TYPE    = DTYPE or DTYPE "x" LANES in one word
 */
#include "backend/loop_lex.h"

#include <string.h>

const LoopBuffer *loop_find_buffer(const LoopParser *p, const char *name)
{
    const LoopFunction *f = p->builder.function;
    for (int i = 0; i < f->nbuffers; i++)
        if (!strcmp(f->buffers[i]->name, name)) return f->buffers[i];
    return NULL;
}

const LoopRegister *loop_find_register(const LoopParser *p, const char *name)
{
    const LoopFunction *f = p->builder.function;
    for (int i = 0; i < f->nregisters; i++)
        if (!strcmp(f->registers[i]->name, name)) return f->registers[i];
    return NULL;
}

/* ---- indices ---- */

static Affine take_term(LoopParser *p)
{
    int64_t factor = 1;
    if (p->token.kind == LOOP_TOKEN_NUMBER) {
        factor = loop_take_integer(p, "a whole number", 0, loop_max_integer);
        if (!loop_accept(p, '*')) return affine(factor);
    }
    const LoopFunction *f = p->builder.function;
    const char *name = p->token.kind == LOOP_TOKEN_NAME ? p->token.text : "";
    for (int i = f->nvars; i-- > 0;)
        if (!strcmp(f->vars[i]->name, name)) {
            loop_advance(p);
            return affine_of(f->vars[i], factor);
        }
    if (*name)
        loop_fail(p, E0201, "no loop has a variable '%s'", name);
    else
        loop_expected(p, "a variable or a number");
    return affine(0);
}

static bool is_in_bounds(const Affine *a)
{
    bool fits = a->base >= -loop_max_integer && a->base <= loop_max_integer;
    for (int i = 0; i < a->nterms; i++)
        fits = fits && a->term[i].factor >= -loop_max_integer && a->term[i].factor <= loop_max_integer;
    return fits;
}

Affine loop_take_affine(LoopParser *p)
{
    Affine sum = affine(0);
    bool negative = loop_accept(p, '-');
    for (;;) {
        Affine term = affine_scale(take_term(p), negative ? -1 : 1);
        if (sum.nterms + term.nterms > MAX_TERMS) loop_fail(p, E0105, "expected at most %d terms", MAX_TERMS);
        if (loop_failed(p)) return affine(0);
        sum = affine_add(sum, term);
        if (!is_in_bounds(&sum)) loop_fail(p, E0104, "the factors of an index are too large");
        negative = loop_is_mark(p, '-');
        if (!loop_accept(p, '+') && !loop_accept(p, '-')) return sum;
    }
}

static const LoopExpr *find_let(const LoopParser *p, const char *name)
{
    for (int i = p->builder.function->nlets; i-- > 0;)
        if (!strcmp(p->lets[i]->let->name, name)) return p->lets[i];
    return NULL;
}

const LoopExpr *loop_take_table(LoopParser *p)
{
    const LoopToken at = p->token;
    const char *name = loop_take_name(p, "an element of a table");
    const LoopExpr *use = find_let(p, name);
    if (use && loop_table_below(use)) return use;
    if (loop_failed(p)) return NULL;
    p->token.at = at.at;
    loop_fail(p, use ? E0302 : E0201, "expected the name of an element of a table, found '%s'", name);
    return NULL;
}

static const LoopExpr *take_offset(LoopParser *p)
{
    const LoopToken at = p->token;
    const char *name = loop_take_name(p, "the name of an offset");
    const LoopExpr *use = find_let(p, name);
    if (use && loop_bound(use)) return use;
    if (loop_failed(p)) return NULL;
    p->token.at = at.at;
    loop_fail(p, use ? E0302 : E0201, "expected the name of an integer with a bound, found '%s'", name);
    return NULL;
}

LoopAccess loop_take_access(LoopParser *p)
{
    LoopAccess a = {.lanes = 1, .stride = 1};
    loop_expect(p, '[');
    a.index = loop_take_affine(p);
    if (loop_accept_word(p, "at")) a.offset = take_offset(p);
    if (loop_accept(p, ':')) a.lanes = (int)loop_take_integer(p, "a number of lanes", 1, LOOP_MAX_LANES);
    if (loop_accept_word(p, "stride")) a.stride = loop_take_integer(p, "a stride", -loop_max_integer, loop_max_integer);
    a.active = a.lanes;
    if (loop_accept_word(p, "active")) a.active = (int)loop_take_integer(p, "a number of lanes", 1, a.lanes);
    a.limited = a.active == a.lanes && loop_accept_word(p, "limit");
    if (a.limited) a.limit = loop_take_affine(p);
    loop_expect(p, ']');
    return a;
}

/* ---- types ---- */

/* The dtype that begins `word`; `*rest` is what follows it. */
static Dtype dtype_prefix(const char *word, const char **rest)
{
    for (int d = 0; d < DTYPE_COUNT; d++) {
        size_t length = strlen(dtype_name((Dtype)d));
        if (strncmp(word, dtype_name((Dtype)d), length) != 0 || (word[length] && word[length] != 'x')) continue;
        *rest = word + length;
        return (Dtype)d;
    }
    return DTYPE_COUNT;
}

static bool read_type(const char *word, Dtype *dtype, int *lanes)
{
    const char *rest = "";
    *dtype = dtype_prefix(word, &rest);
    *lanes = 1;
    if (*dtype == DTYPE_COUNT || !*rest) return *dtype != DTYPE_COUNT;
    int number = 0;
    for (rest++; *rest; rest++) {
        if (*rest < '0' || *rest > '9' || number > LOOP_MAX_LANES) return false;
        number = number * 10 + (*rest - '0');
    }
    *lanes = number;
    return number >= 1 && number <= LOOP_MAX_LANES;
}

bool loop_take_type(LoopParser *p, Dtype *dtype, int *lanes)
{
    if (p->token.kind != LOOP_TOKEN_NAME || !read_type(p->token.text, dtype, lanes))
        return loop_expected(p, "a type such as f32 or f32x16");
    loop_advance(p);
    return true;
}

static Dtype take_dtype(LoopParser *p)
{
    Dtype dtype = F32;
    int lanes = 1;
    if (loop_take_type(p, &dtype, &lanes) && lanes != 1) loop_fail(p, E0204, "expected a dtype without lanes");
    return dtype;
}

/* ---- calls ---- */

static ExprKind find_op(const char *name)
{
    for (int i = 0; i < EXPR_KIND_COUNT; i++)
        if (expr_kind_arity((ExprKind)i) > 0 && !strcmp(expr_kind_name((ExprKind)i), name)) return (ExprKind)i;
    return EXPR_KIND_COUNT;
}

static const LoopExpr *take_const(LoopParser *p, Dtype dtype, int lanes)
{
    Scalar value = {0};
    if (dtype_is_float(dtype)) {
        value.real = loop_take_real(p);
        if (dtype == F32) value.real = (double)(float)value.real;
    } else {
        value.integer = loop_take_integer(p, "a whole number", INT64_MIN, INT64_MAX);
    }
    return loop_scalar(&p->builder, dtype, lanes, value);
}

static Dtype result_dtype(ExprKind op, const LoopExpr *const *in)
{
    if (op == EXPR_EQ || op == EXPR_NE || op == EXPR_LT || op == EXPR_LE) return BOOL;
    return op == EXPR_SELECT ? in[1]->dtype : in[0]->dtype;
}

static const LoopExpr *take_op(LoopParser *p, ExprKind op)
{
    const LoopExpr *in[3] = {NULL, NULL, NULL};
    Dtype dtype = DTYPE_COUNT;
    if (op == EXPR_CAST || op == EXPR_BITCAST) {
        dtype = take_dtype(p);
        loop_expect(p, ',');
    }
    for (int i = 0; i < expr_kind_arity(op); i++) {
        if (i) loop_expect(p, ',');
        in[i] = loop_take_expr(p);
        if (!in[i]) return NULL;
        if (in[i]->lanes != in[0]->lanes) {
            loop_fail(p, E0301, "expected an operand of %d lanes, found %d", in[0]->lanes, in[i]->lanes);
            return NULL;
        }
    }
    if (dtype == DTYPE_COUNT) dtype = result_dtype(op, in);
    return loop_op(&p->builder, op, dtype, in[0], in[1], in[2]);
}

static const LoopExpr *take_splat(LoopParser *p)
{
    const LoopExpr *in = loop_take_expr(p);
    loop_expect(p, ',');
    int lanes = (int)loop_take_integer(p, "a number of lanes", 2, LOOP_MAX_LANES);
    if (in && lanes % in->lanes) loop_fail(p, E0301, "expected lanes that divide %d, found %d", lanes, in->lanes);
    return loop_failed(p) ? NULL : loop_splat(&p->builder, in, lanes);
}

static const LoopExpr *take_fold(LoopParser *p)
{
    ExprKind op = find_op(p->token.text);
    if (op == EXPR_KIND_COUNT) loop_expected(p, "an operation");
    loop_advance(p);
    loop_expect(p, ',');
    const LoopExpr *in = loop_take_expr(p);
    if (in && (in->lanes < 2 || in->lanes & (in->lanes - 1)))
        loop_fail(p, E0301, "expected 2, 4, 8 ... lanes to fold, found %d", in->lanes);
    return loop_failed(p) ? NULL : loop_fold(&p->builder, op, in);
}

static const LoopExpr *take_dot(LoopParser *p)
{
    const LoopExpr *in[3];
    for (int i = 0; i < 3; i++) {
        if (i) loop_expect(p, ',');
        in[i] = loop_take_expr(p);
        if (!in[i]) return NULL;
    }
    if (in[0]->dtype != I32) loop_fail(p, E0302, "expected a sum of i32, found %s", dtype_name(in[0]->dtype));
    if (in[1]->lanes != in[2]->lanes || in[1]->lanes % in[0]->lanes)
        loop_fail(p, E0301, "expected operands of 2, 4 or 16 times %d lanes, found %d and %d", in[0]->lanes,
                  in[1]->lanes, in[2]->lanes);
    return loop_failed(p) ? NULL : loop_dot(&p->builder, in[0], in[1], in[2]);
}

static const LoopExpr *take_index(LoopParser *p)
{
    Dtype dtype = take_dtype(p);
    loop_expect(p, ',');
    return loop_index(&p->builder, loop_take_affine(p), dtype);
}

static const LoopExpr *take_lane(LoopParser *p)
{
    Dtype dtype;
    int lanes;
    return loop_take_type(p, &dtype, &lanes) ? loop_lane(&p->builder, dtype, lanes) : NULL;
}

/* What stands between a word's parentheses. */
static const LoopExpr *take_arguments(LoopParser *p, const char *word)
{
    Dtype dtype;
    int lanes;
    ExprKind op = find_op(word);
    if (read_type(word, &dtype, &lanes)) return take_const(p, dtype, lanes);
    if (!strcmp(word, "index")) return take_index(p);
    if (!strcmp(word, "lane")) return take_lane(p);
    if (!strcmp(word, "splat")) return take_splat(p);
    if (!strcmp(word, "fold")) return take_fold(p);
    if (!strcmp(word, "dot")) return take_dot(p);
    if (op != EXPR_KIND_COUNT) return take_op(p, op);
    loop_fail(p, E0203, "no operation is called '%s'", word);
    return NULL;
}

/* ---- names ---- */

static const LoopExpr *take_element(LoopParser *p, const char *name, const LoopToken *at)
{
    const LoopRegister *reg = loop_find_register(p, name);
    const LoopBuffer *buffer = loop_find_buffer(p, name);
    if (!reg && !buffer) {
        p->token.at = at->at;
        loop_fail(p, E0201, "no buffer or register is called '%s'", name);
        return NULL;
    }
    LoopAccess a = loop_take_access(p);
    if (reg && (a.stride != 1 || a.offset || a.active != a.lanes || a.limited))
        loop_fail(p, E0101, "a register has an index and a number of elements only");
    else if (reg && a.lanes != 1 && reg->lanes != 1)
        loop_fail(p, E0101, "only scalars are read as a vector, '%s' has vectors", name);
    if (a.offset && a.offset->lanes != 1 && a.offset->lanes != a.lanes)
        loop_fail(p, E0301, "expected an offset, or one for each of %d lanes, found %d", a.lanes, a.offset->lanes);
    if (loop_failed(p)) return NULL;
    if (reg && a.lanes != 1) return loop_reg_vector(&p->builder, reg, a.index, a.lanes);
    if (reg) return loop_reg(&p->builder, reg, a.index);
    if (a.limited) return loop_load_below(&p->builder, buffer, a.index, a.offset, a.lanes, a.stride, a.limit);
    return loop_load_at(&p->builder, buffer, a.index, a.offset, a.lanes, a.stride, a.active);
}

static const LoopExpr *take_let(LoopParser *p, const char *name, const LoopToken *at)
{
    const LoopExpr *let = find_let(p, name);
    if (let) return let;
    p->token.at = at->at;
    loop_fail(p, E0201, "nothing before is called '%s'", name);
    return NULL;
}

static const LoopExpr *take_primary(LoopParser *p)
{
    LoopToken at = p->token;
    const char *name = loop_take_name(p, "an expression");
    if (loop_failed(p)) return NULL;
    if (loop_is_mark(p, '[')) return take_element(p, name, &at);
    if (at.quoted || !loop_accept(p, '(')) return take_let(p, name, &at);
    const LoopExpr *e = take_arguments(p, name);
    loop_expect(p, ')');
    return loop_failed(p) ? NULL : e;
}

const LoopExpr *loop_take_expr(LoopParser *p)
{
    if (p->depth >= LOOP_MAX_DEPTH) {
        loop_fail(p, E0105, "expected at most %d levels of nesting", LOOP_MAX_DEPTH);
        return NULL;
    }
    p->depth++;
    const LoopExpr *e = take_primary(p);
    p->depth--;
    return e;
}
