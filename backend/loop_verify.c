/* What must hold of a loop nest before code is made of it.  Unrolled loops are walked value by value, as the
 * emitter does, so that indices of registers are numbers here. */
#include "backend/loop_inner.h"
#include "backend/loop_parts.h"
#include "backend/loop_range.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_WALKED = 1 << 22 };

/* Bounds below which no product of a factor, a variable and an element's size overflows. */
static const int64_t max_index = (int64_t)1 << 40, max_product = (int64_t)1 << 48;

typedef struct Check {
    const LoopFunction *function;
    Diag *diag;
    Arena *arena;
    Ranges ranges;
    bool *var_open, *var_constant, *let_bound;
    bool **assigned;             /* elements of registers */
    const LoopStatement **owner; /* of buffers on the stack and scratch: the parallel loop that uses it, or `outside` */
    const LoopStatement *parallel; /* around here */
    int depth;                     /* of statements */
    int scans;                     /* whose turns the function runs in */
    int64_t walked;
} Check;

static const LoopStatement outside;

static bool wrong(const Check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(const Check *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(c->arena, format, args);
    va_end(args);
    Span at = c->function->origin.count ? c->function->origin.at[0] : (Span){.name = c->function->name};
    return diag_error(c->diag, E0605, at, "loop nest '%s': %s", c->function->name, text);
}

/* ---- what is used must be there ---- */

static int position(void *const *items, int count, const void *item)
{
    int i = 0;
    while (i < count && items[i] != item) i++;
    return i;
}

static bool check_affine(const Check *c, const Affine *a)
{
    bool small = a->base >= -max_index && a->base <= max_index;
    for (int i = 0; i < a->nterms; i++) {
        const LoopVar *var = a->term[i].var;
        if (var->id < 0 || var->id >= c->function->nvars || c->function->vars[var->id] != var || !c->var_open[var->id])
            return wrong(c, "variable '%s' is used outside its loop", var->name);
        const Range *range = &c->ranges.vars[var->id];
        int64_t size = range->high > -range->low ? range->high : -range->low, product;
        small = small && !__builtin_mul_overflow(a->term[i].factor, size, &product) && product <= max_product &&
                product >= -max_product && a->term[i].factor <= max_product && a->term[i].factor >= -max_product;
    }
    return small || wrong(c, "an index has factors that are too large");
}

static bool check_buffer(Check *c, const LoopBuffer *buffer)
{
    int i = position((void *const *)c->function->buffers, c->function->nbuffers, buffer);
    if (i == c->function->nbuffers) return wrong(c, "buffer '%s' is not the function's", buffer->name);
    if (buffer->space != SPACE_NONE && buffer->space != SPACE_SCRATCH) return true;
    const LoopStatement *here = c->parallel ? c->parallel : &outside;
    if (c->owner[i] && c->owner[i] != here)
        return wrong(c, "'%s' is used inside and outside of a parallel loop, whose parts have one each", buffer->name);
    c->owner[i] = here;
    return true;
}

static bool is_bound(const Check *c, const LoopExpr *use)
{
    return use->kind == LOOP_LET && use->let->id >= 0 && use->let->id < c->function->nlets &&
           c->let_bound[use->let->id] && use->dtype == use->let->value->dtype && use->lanes == use->let->value->lanes;
}

/* The largest value that the element of a table may have; -1 when it is none. */
static int64_t most_of_table(const Check *c, const LoopExpr *use)
{
    return is_bound(c, use) && use->lanes == 1 ? loop_table_below(use) - 1 : -1;
}

/* The largest that an offset may be, one for all lanes or one a lane; -1 when it may be anything. */
static int64_t most_of_offset(const Check *c, const LoopExpr *use, int lanes)
{
    return is_bound(c, use) && (use->lanes == 1 || use->lanes == lanes) ? loop_bound(use) - 1 : -1;
}

/* From `index` up to `more` elements further, beside those that `active` lanes are `stride` apart. */
static bool check_access(Check *c, const LoopBuffer *buffer, const Affine *index, int active, int64_t stride,
                         const Affine *limit, int64_t more)
{
    if (!check_buffer(c, buffer) || !check_affine(c, index) || (limit && !check_affine(c, limit))) return false;
    Range range = loop_access_range(&c->ranges, index, active, stride, limit);
    if (range.low > range.high) return true; /* conditions that never hold together, or no lane */
    int64_t low = range.low, high = range.high + more;
    if (low >= 0 && high < buffer->elements) return true;
    return wrong(c, "'%s' has elements 0 to %" PRId64 ", and %" PRId64 " to %" PRId64 " may be accessed", buffer->name,
                 buffer->elements - 1, low, high);
}

static bool check_lanes(const Check *c, int lanes, int active, int64_t stride)
{
    if (lanes < 1 || active < 1 || active > lanes) return wrong(c, "%d of %d lanes are active", active, lanes);
    return (stride >= -max_index / 4096 && stride <= max_index / 4096) || wrong(c, "a stride is too large");
}

/* The element of a register's array, which unrolled variables alone decide; NULL after an error. */
static bool *element_of(const Check *c, const LoopRegister *reg, const Affine *index)
{
    int i = position((void *const *)c->function->registers, c->function->nregisters, reg);
    bool known = i < c->function->nregisters || wrong(c, "register '%s' is not the function's", reg->name);
    if (!known || !check_affine(c, index)) return NULL;
    int64_t at = index->base;
    for (int k = 0; k < index->nterms; k++) {
        if (!c->var_constant[index->term[k].var->id]) {
            wrong(c, "register '%s' is indexed by '%s', whose loop is not unrolled", reg->name,
                  index->term[k].var->name);
            return NULL;
        }
        at += index->term[k].factor * c->ranges.vars[index->term[k].var->id].low;
    }
    if (at >= 0 && at < reg->count) return &c->assigned[i][at];
    wrong(c, "register '%s' has elements 0 to %d, not %" PRId64, reg->name, reg->count - 1, at);
    return NULL;
}

/* ---- expressions ---- */

static bool check_expr(Check *c, const LoopExpr *e);

/* Operands of one dtype, which is the result's unless the operation is there to change it. */
static bool check_dtypes(const Check *c, const LoopExpr *e, int arity)
{
    int first = e->op == EXPR_SELECT;
    Dtype dtype = e->in[first]->dtype, result = loop_op_compares(e->op) ? BOOL : dtype;
    bool agree = first == 0 || e->in[0]->dtype == BOOL;
    for (int i = first; i < arity; i++) agree = agree && e->in[i]->dtype == dtype;
    if (e->op == EXPR_BITCAST)
        agree = agree && dtype_bits(dtype) == dtype_bits(e->dtype) && dtype != BOOL && e->dtype != BOOL;
    else if (e->op != EXPR_CAST)
        agree = agree && e->dtype == result;
    else
        agree = agree && !dtype_is_storage(e->dtype);
    if (agree && loop_op_exists(e->op, dtype)) return true;
    return wrong(c, "%s of %s gives no %s", expr_kind_name(e->op), dtype_name(dtype), dtype_name(e->dtype));
}

static bool check_op(Check *c, const LoopExpr *e)
{
    int arity = expr_kind_arity(e->op);
    if (arity == 0) return wrong(c, "%s is no operation", expr_kind_name(e->op));
    for (int i = 0; i < arity; i++) {
        if (!e->in[i]) return wrong(c, "%s has %d operands", expr_kind_name(e->op), arity);
        if (!check_expr(c, e->in[i])) return false;
        if (e->in[i]->lanes != e->lanes)
            return wrong(c, "%s of %d lanes has an operand of %d", expr_kind_name(e->op), e->lanes, e->in[i]->lanes);
    }
    return check_dtypes(c, e, arity);
}

static bool check_fold(Check *c, const LoopExpr *e)
{
    const LoopExpr *in = e->in[0];
    if (!check_expr(c, in)) return false;
    bool whole = (in->lanes & (in->lanes - 1)) == 0 && e->lanes == 1 && in->dtype == e->dtype;
    bool binary = expr_kind_arity(e->op) == 2 && !loop_op_compares(e->op) && loop_op_exists(e->op, e->dtype);
    return (whole && binary) ||
           wrong(c, "fold by %s of %d lanes of %s", expr_kind_name(e->op), in->lanes, dtype_name(in->dtype));
}

static bool check_splat(Check *c, const LoopExpr *e)
{
    const LoopExpr *in = e->in[0];
    if (!check_expr(c, in)) return false;
    return (e->lanes % in->lanes == 0 && in->dtype == e->dtype) ||
           wrong(c, "a splat to %d lanes is of %d of its dtype", e->lanes, in->lanes);
}

static bool is_byte(Dtype dtype) { return dtype == U8 || dtype == I8; }

static bool check_dot(Check *c, const LoopExpr *e)
{
    const LoopExpr *sum = e->in[0], *x = e->in[1], *y = e->in[2];
    if (!check_expr(c, sum) || !check_expr(c, x) || !check_expr(c, y)) return false;
    bool sums = e->dtype == I32 && sum->dtype == I32 && sum->lanes == e->lanes;
    int products = x->lanes % e->lanes ? 0 : x->lanes / e->lanes;
    bool lanes = x->lanes == y->lanes && (products == 2 || products == 4 || products == 16);
    bool dtypes = (is_byte(x->dtype) && is_byte(y->dtype)) || (x->dtype == I16 && y->dtype == I16);
    return (sums && lanes && dtypes) ||
           wrong(c, "dot of %d lanes of %s and %d of %s into %d of %s", x->lanes, dtype_name(x->dtype), y->lanes,
                 dtype_name(y->dtype), e->lanes, dtype_name(e->dtype));
}

static bool check_load(Check *c, const LoopExpr *e)
{
    if (!check_lanes(c, e->lanes, e->active, e->stride)) return false;
    if (e->dtype != e->buffer->dtype) return wrong(c, "a load of '%s' has another dtype", e->buffer->name);
    int64_t more = e->offset ? most_of_offset(c, e->offset, e->lanes) : 0;
    if (more < 0) return wrong(c, "a load of '%s' has an offset that may be anything", e->buffer->name);
    return check_access(c, e->buffer, &e->index, e->active, e->stride, e->limit, more);
}

static bool check_assigned(const Check *c, const LoopRegister *reg, Affine first, int count)
{
    for (int i = 0; i < count; i++) {
        Affine at = affine_plus(first, i);
        const bool *element = element_of(c, reg, &at);
        if (!element) return false;
        if (!*element) return wrong(c, "register '%s' is used before it is assigned", reg->name);
    }
    return true;
}

static bool check_register(const Check *c, const LoopExpr *e)
{
    int count = e->reg->lanes == 1 ? e->lanes : 1;
    if (e->dtype != e->reg->dtype || (count == 1 && e->lanes != e->reg->lanes))
        return wrong(c, "a use of register '%s' has another type", e->reg->name);
    return check_assigned(c, e->reg, e->index, count);
}

static bool check_let_use(const Check *c, const LoopExpr *e)
{
    bool bound = e->let->id >= 0 && e->let->id < c->function->nlets && c->let_bound[e->let->id];
    if (!bound) return wrong(c, "'%s' is used outside its scope", e->let->name);
    return (e->dtype == e->let->value->dtype && e->lanes == e->let->value->lanes) ||
           wrong(c, "a use of '%s' has another type", e->let->name);
}

static bool check_expr(Check *c, const LoopExpr *e)
{
    if (e->lanes < 1 || e->lanes > 4096) return wrong(c, "a value has %d lanes", e->lanes);
    switch (e->kind) {
    case LOOP_CONST: return true;
    case LOOP_INDEX: return (e->lanes == 1 && check_affine(c, &e->index)) || wrong(c, "an index is no scalar");
    case LOOP_LET: return check_let_use(c, e);
    case LOOP_REGISTER: return check_register(c, e);
    case LOOP_LOAD: return check_load(c, e);
    case LOOP_OP: return check_op(c, e);
    case LOOP_SPLAT: return check_splat(c, e);
    case LOOP_LANE: return (e->dtype != BOOL && dtype_is_computed(e->dtype)) || wrong(c, "lanes have numbers");
    case LOOP_FOLD: return check_fold(c, e);
    case LOOP_DOT: return check_dot(c, e);
    }
    return wrong(c, "an expression of no kind");
}

/* ---- statements ---- */

static bool check_statements(Check *c, const LoopStatement *s);

/* What is bound or assigned inside a body that may not run, or runs on other threads, is not there after it. */
static bool **copy_assigned(const Check *c, bool clear)
{
    bool **copy = ARENA_ARRAY(c->arena, bool *, c->function->nregisters);
    for (int i = 0; i < c->function->nregisters; i++) {
        size_t count = (size_t)c->function->registers[i]->count;
        copy[i] = ARENA_ARRAY(c->arena, bool, count);
        if (!clear) memcpy(copy[i], c->assigned[i], count);
    }
    return copy;
}

static bool check_apart(Check *c, const LoopStatement *body, bool fresh)
{
    bool **assigned = c->assigned, *bound = c->let_bound;
    c->assigned = copy_assigned(c, fresh);
    c->let_bound = ARENA_ARRAY(c->arena, bool, c->function->nlets);
    if (!fresh && c->function->nlets) memcpy(c->let_bound, bound, (size_t)c->function->nlets);
    bool ok = check_statements(c, body);
    c->assigned = assigned;
    c->let_bound = bound;
    return ok;
}

static bool check_each_step(Check *c, const LoopStatement *s)
{
    int id = s->var->id;
    c->var_constant[id] = true;
    bool ok = true;
    for (int64_t i = s->low; ok && i < s->high; i += s->step) {
        c->ranges.vars[id] = (Range){i, i};
        ok = check_statements(c, s->body);
    }
    return ok;
}

/* The table's bound is what every access inside is judged by. */
static bool check_table_loop(const Check *c, const LoopStatement *s)
{
    bool fits = s->mode == MODE_SERIAL && s->low == 0 && s->step == 1 && s->limit && most_of_table(c, s->first) >= 0 &&
                most_of_table(c, s->limit) == s->high;
    return fits || wrong(c, "the loop of '%s' does not go from one element of a table to another", s->var->name);
}

/* What `high` says of the edges must be so: every access inside is judged by it. */
static bool check_size_loop(const Check *c, const LoopStatement *s)
{
    bool fits = s->mode == MODE_SERIAL && s->low == 0 && s->step <= s->high && !s->first, below = false;
    for (int i = 0; fits && i < s->nfrom + s->nto; i++) {
        const LoopEdge *edge = i < s->nfrom ? &s->from[i] : &s->to[i - s->nfrom];
        fits = edge->whole >= 1 && edge->whole <= max_index && check_affine(c, &edge->at);
        if (fits && i >= s->nfrom) below |= range_of(&c->ranges, &edge->at).high / edge->whole * edge->whole <= s->high;
    }
    return (fits && below) || wrong(c, "the loop of '%s' may go further than it says", s->var->name);
}

static bool check_loop_head(const Check *c, const LoopStatement *s)
{
    const LoopVar *var = s->var;
    if (var->id < 0 || var->id >= c->function->nvars || c->function->vars[var->id] != var || c->var_open[var->id])
        return wrong(c, "variable '%s' has no loop of its own", var->name);
    if (s->low < -max_index || s->high > max_index || s->low >= s->high || s->step < 1)
        return wrong(c, "'%s' goes from %" PRId64 " below %" PRId64 " by %" PRId64, var->name, s->low, s->high,
                     s->step);
    if (s->nto) return check_size_loop(c, s);
    if ((s->high - s->low) % s->step != 0) return wrong(c, "the step of '%s' does not divide its loop", var->name);
    if (s->mode == MODE_PARALLEL && c->depth != 1)
        return wrong(c, "the parallel loop of '%s' is not outermost", var->name);
    return !s->first || check_table_loop(c, s);
}

static bool check_parts(const Check *c, const LoopStatement *s)
{
    const LoopBuffer *shared = loop_parts_conflict(c->arena, c->function, s);
    if (!shared) return true;
    return wrong(c, "parts of the parallel loop of '%s' may touch the same elements of '%s', which they write",
                 s->var->name, shared->name);
}

static bool check_for(Check *c, const LoopStatement *s)
{
    if (!check_loop_head(c, s)) return false;
    bool ok, single = s->high - s->low == s->step && !s->nto;
    c->var_open[s->var->id] = true;
    c->var_constant[s->var->id] = false;
    c->ranges.vars[s->var->id] = (Range){s->low, s->high - s->step};
    int before = c->ranges.nconditions;
    if (s->first || s->nto) {
        ranges_add_edges(&c->ranges, c->arena, s);
        ok = check_apart(c, s->body, false);
        c->ranges.nconditions = before;
    } else if (s->mode == MODE_UNROLL || single) {
        ok = check_each_step(c, s);
    } else if (s->mode == MODE_PARALLEL) {
        c->parallel = s;
        ok = check_apart(c, s->body, true) && check_parts(c, s);
        c->parallel = NULL;
    } else {
        ok = check_statements(c, s->body);
    }
    c->var_open[s->var->id] = false;
    return ok;
}

static bool check_if(Check *c, const LoopStatement *s)
{
    int before = c->ranges.nconditions;
    if (before + s->nconditions > MAX_CONDITIONS) return wrong(c, "conditions are nested too deep");
    for (int i = 0; i < s->nconditions; i++) {
        if (!check_affine(c, &s->conditions[i])) return false;
        if (range_of(&c->ranges, &s->conditions[i]).high < 0) return true; /* never runs */
        c->ranges.conditions[c->ranges.nconditions++] = &s->conditions[i];
    }
    bool ok = check_apart(c, s->body, false);
    c->ranges.nconditions = before;
    return ok;
}

static bool check_bind(Check *c, const LoopStatement *s)
{
    if (!check_expr(c, s->let->value)) return false;
    if (s->let->id < 0 || s->let->id >= c->function->nlets) return wrong(c, "'%s' is not the function's", s->let->name);
    c->let_bound[s->let->id] = true;
    return true;
}

static bool check_assign(Check *c, const LoopStatement *s)
{
    bool *element = element_of(c, s->reg, &s->index);
    if (!element || !check_expr(c, s->value)) return false;
    if (s->value->dtype != s->reg->dtype || s->value->lanes != s->reg->lanes)
        return wrong(c, "register '%s' gets a value of another type", s->reg->name);
    *element = true;
    return true;
}

static bool check_transpose(const Check *c, const LoopStatement *s)
{
    if (!loop_is_square(s->reg)) return wrong(c, "register '%s' is transposed and not square", s->reg->name);
    return check_assigned(c, s->reg, affine(0), s->reg->count);
}

static bool check_writable(const Check *c, const LoopBuffer *buffer)
{
    bool ours = buffer->space != SPACE_CONSTANT && buffer->space != SPACE_INPUT;
    return (buffer->writable && ours) || wrong(c, "'%s' is written, which is not writable", buffer->name);
}

static bool check_store(Check *c, const LoopStatement *s)
{
    if (!check_expr(c, s->value) || !check_writable(c, s->buffer)) return false;
    if (s->value->dtype != s->buffer->dtype) return wrong(c, "a store to '%s' has another dtype", s->buffer->name);
    if (!check_lanes(c, s->value->lanes, s->active, s->stride)) return false;
    int64_t more = s->offset ? most_of_offset(c, s->offset, s->value->lanes) : 0;
    if (more < 0) return wrong(c, "a store to '%s' has an offset that may be anything", s->buffer->name);
    return check_access(c, s->buffer, &s->index, s->active, s->stride, s->lane_limit, more);
}

static bool check_fill(Check *c, const LoopStatement *s)
{
    if (!check_writable(c, s->buffer)) return false;
    if (s->count < 1 || s->count > max_index) return wrong(c, "a fill of %" PRId64 " elements", s->count);
    if (s->value->kind != LOOP_CONST || s->value->lanes != 1 || s->value->dtype != s->buffer->dtype)
        return wrong(c, "a fill of '%s' is by a constant of its dtype", s->buffer->name);
    return check_access(c, s->buffer, &s->index, 1, 1, NULL, s->count - 1);
}

static bool check_pack(Check *c, const LoopStatement *s)
{
    if (!check_buffer(c, s->buffer) || !check_buffer(c, s->dense) || !check_affine(c, &s->index)) return false;
    for (int i = 0; i < s->naxes; i++)
        if (!check_affine(c, &s->axes[i].size)) return false;
    const char *fault = loop_pack_fault(&c->ranges, s);
    return (!fault || wrong(c, "a pack of '%s' %s", s->buffer->name, fault)) &&
           check_writable(c, s->kind == LOOP_PACK ? s->dense : s->buffer);
}

static bool check_alone(Check *c, const char *what, const char *fault)
{
    if (c->depth > 1) fault = "stands inside a loop";
    return !fault || wrong(c, "%s %s", what, fault);
}

static bool check_statement(Check *c, const LoopStatement *s)
{
    if (++c->walked > MAX_WALKED) return wrong(c, "too large when it is unrolled");
    switch (s->kind) {
    case LOOP_FOR: return check_for(c, s);
    case LOOP_IF: return check_if(c, s);
    case LOOP_BIND: return check_bind(c, s);
    case LOOP_ASSIGN: return check_assign(c, s);
    case LOOP_TRANSPOSE: return check_transpose(c, s);
    case LOOP_STORE: return check_store(c, s);
    case LOOP_FILL: return check_fill(c, s);
    case LOOP_PACK:
    case LOOP_UNPACK: return check_pack(c, s);
    case LOOP_CALL: return check_alone(c, "a call", loop_call_fault(c->function, s));
    case LOOP_RESIZE: return check_expr(c, s->value) && check_alone(c, "a size", loop_resize_fault(c->function, s));
    case LOOP_PREFETCH: return check_buffer(c, s->buffer) && check_affine(c, &s->index);
    }
    return wrong(c, "a statement of no kind");
}

/* On past an error, so that a reader sees all that are not the same again. */
static bool check_statements(Check *c, const LoopStatement *s)
{
    bool ok = true;
    c->depth++;
    for (; s && c->diag->errors < DIAG_LIMIT; s = s->next) ok = check_statement(c, s) && ok;
    c->depth--;
    return ok;
}

/* ---- the whole ---- */

/* Sizes are there from the beginning. */
static void open_sizes(Check *c)
{
    for (int i = 0; i < c->function->nsizes; i++) c->var_open[c->function->sizes[i].var->id] = true;
    ranges_add_sizes(&c->ranges, c->arena, c->function);
}

bool loop_verify_nest(const LoopFunction *function, int scans, Diag *diag)
{
    Arena *arena = arena_child(diag->arena);
    Check c = {.function = function, .diag = diag, .arena = arena, .scans = scans};
    c.ranges.vars = ARENA_ARRAY(arena, Range, function->nvars);
    c.var_open = ARENA_ARRAY(arena, bool, function->nvars);
    c.var_constant = ARENA_ARRAY(arena, bool, function->nvars);
    c.let_bound = ARENA_ARRAY(arena, bool, function->nlets);
    c.owner = ARENA_ARRAY(arena, const LoopStatement *, function->nbuffers);
    bool ok = loop_verify_declared(function, scans, diag);
    if (ok) open_sizes(&c);
    if (ok) c.assigned = copy_assigned(&c, true);
    ok = ok && check_statements(&c, function->body);
    arena_free(arena);
    return ok;
}
