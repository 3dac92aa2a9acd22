#include "backend/loop.h"

#include <assert.h>
#include <string.h>

/* ---- names and growing lists ---- */

/* The lists of a function have room for the next power of two of their length. */
static void *list_room(Arena *arena, void *items, int count, size_t size)
{
    size_t n = (size_t)count;
    if (n & (n - 1)) return items;
    void *room = arena_array(arena, n ? 2 * n : 1, size);
    if (n) memcpy(room, items, n * size);
    return room;
}

static bool name_taken(const LoopFunction *f, const char *name)
{
    for (int i = 0; i < f->nbuffers; i++)
        if (!strcmp(f->buffers[i]->name, name)) return true;
    for (int i = 0; i < f->nregisters; i++)
        if (!strcmp(f->registers[i]->name, name)) return true;
    for (int i = 0; i < f->nvars; i++)
        if (!strcmp(f->vars[i]->name, name)) return true;
    return false;
}

static const char *fresh_name(Arena *arena, const LoopFunction *f, const char *name)
{
    const char *tried = name;
    for (int i = 1; name_taken(f, tried); i++) tried = arena_printf(arena, "%s.%d", name, i);
    return tried == name ? arena_copy_string(arena, name) : tried;
}

LoopFunction *loop_function_new(Arena *arena, const char *name, Origin origin)
{
    LoopFunction *f = ARENA_NEW(arena, LoopFunction);
    f->name = arena_copy_string(arena, name);
    f->origin = origin;
    f->parallel = 1;
    return f;
}

LoopBuilder loop_builder(Arena *arena, LoopFunction *function)
{
    LoopStatement **tail = &function->body;
    while (*tail) tail = &(*tail)->next;
    return (LoopBuilder){arena, function, tail};
}

LoopBuffer *loop_buffer(LoopBuilder *b, const LoopBuffer *like)
{
    LoopFunction *f = b->function;
    LoopBuffer *buffer = ARENA_NEW(b->arena, LoopBuffer);
    *buffer = *like;
    buffer->name = fresh_name(b->arena, f, like->name);
    f->buffers = list_room(b->arena, f->buffers, f->nbuffers, sizeof *f->buffers);
    f->buffers[f->nbuffers++] = buffer;
    return buffer;
}

const LoopRegister *loop_register(LoopBuilder *b, const char *name, Dtype dtype, int lanes, int count)
{
    LoopFunction *f = b->function;
    LoopRegister *reg = ARENA_NEW(b->arena, LoopRegister);
    *reg = (LoopRegister){fresh_name(b->arena, f, name), dtype, lanes, count};
    f->registers = list_room(b->arena, f->registers, f->nregisters, sizeof *f->registers);
    f->registers[f->nregisters++] = reg;
    return reg;
}

static const LoopVar *new_var(LoopBuilder *b, const char *name)
{
    LoopFunction *f = b->function;
    LoopVar *var = ARENA_NEW(b->arena, LoopVar);
    *var = (LoopVar){fresh_name(b->arena, f, name), f->nvars};
    f->vars = list_room(b->arena, f->vars, f->nvars, sizeof *f->vars);
    f->vars[f->nvars++] = var;
    return var;
}

/* ---- statements ---- */

static LoopStatement *append(LoopBuilder *b, LoopStatementKind kind)
{
    LoopStatement *s = ARENA_NEW(b->arena, LoopStatement);
    s->kind = kind;
    *b->tail = s;
    b->tail = &s->next;
    return s;
}

static LoopScope open_body(LoopBuilder *b, LoopStatement *s)
{
    LoopScope scope = {.outer = b->tail, .var = s->var};
    b->tail = &s->body;
    return scope;
}

LoopScope loop_for(LoopBuilder *b, const char *name, int64_t low, int64_t high, int64_t step, LoopMode mode)
{
    assert(low < high && step > 0 && (high - low) % step == 0);
    LoopStatement *s = append(b, LOOP_FOR);
    s->var = new_var(b, name);
    s->low = low;
    s->high = high;
    s->step = step;
    s->mode = mode;
    int64_t parts = (high - low) / step;
    if (mode == MODE_PARALLEL && parts > b->function->parallel) b->function->parallel = parts;
    LoopScope scope = open_body(b, s);
    scope.at = affine_of(s->var, 1);
    return scope;
}

LoopScope loop_range(LoopBuilder *b, const char *name, int64_t low, int64_t high, int64_t step, LoopMode mode)
{
    if (high - low == step) return (LoopScope){.at = affine(low)};
    return loop_for(b, name, low, high, step, mode);
}

LoopScope loop_for_table(LoopBuilder *b, const char *name, const LoopExpr *first, const LoopExpr *limit)
{
    assert(loop_table_below(first) && loop_table_below(limit) > 1);
    LoopStatement *s = append(b, LOOP_FOR);
    s->var = new_var(b, name);
    s->high = loop_table_below(limit) - 1;
    s->step = 1;
    s->first = first;
    s->limit = limit;
    LoopScope scope = open_body(b, s);
    scope.at = affine_of(s->var, 1);
    return scope;
}

const LoopVar *loop_size(LoopBuilder *b, const char *name, const LoopSize *like)
{
    LoopFunction *f = b->function;
    for (int i = 0; i < f->nsizes; i++) {
        const LoopSize *known = &f->sizes[i];
        if (known->dim == like->dim && known->factor == like->factor && known->base == like->base &&
            known->divisor == like->divisor)
            return known->var;
    }
    f->sizes = list_room(b->arena, f->sizes, f->nsizes, sizeof *f->sizes);
    LoopSize *size = &f->sizes[f->nsizes++];
    *size = *like;
    return size->var = new_var(b, name);
}

static const LoopEdge *copy_edges(LoopBuilder *b, int count, const LoopEdge *edges)
{
    LoopEdge *copy = ARENA_ARRAY(b->arena, LoopEdge, count);
    if (count) memcpy(copy, edges, (size_t)count * sizeof *copy);
    return copy;
}

LoopScope loop_for_size(LoopBuilder *b, const char *name, int64_t most, int64_t step, int nfrom, const LoopEdge *from,
                        int nto, const LoopEdge *to)
{
    assert(most >= step && step > 0 && nto > 0);
    LoopStatement *s = append(b, LOOP_FOR);
    s->var = new_var(b, name);
    s->high = most;
    s->step = step;
    s->nfrom = nfrom;
    s->nto = nto;
    s->from = copy_edges(b, nfrom, from);
    s->to = copy_edges(b, nto, to);
    LoopScope scope = open_body(b, s);
    scope.at = affine_of(s->var, 1);
    return scope;
}

LoopScope loop_if(LoopBuilder *b, int nconditions, const Affine *conditions)
{
    LoopStatement *s = append(b, LOOP_IF);
    Affine *copy = ARENA_ARRAY(b->arena, Affine, nconditions);
    if (nconditions) memcpy(copy, conditions, (size_t)nconditions * sizeof *copy);
    s->nconditions = nconditions;
    s->conditions = copy;
    return open_body(b, s);
}

void loop_end(LoopBuilder *b, LoopScope scope)
{
    if (scope.outer) b->tail = scope.outer;
}

void loop_assign(LoopBuilder *b, const LoopRegister *reg, Affine index, const LoopExpr *value)
{
    assert(value->lanes == reg->lanes && value->dtype == reg->dtype);
    LoopStatement *s = append(b, LOOP_ASSIGN);
    s->reg = reg;
    s->index = index;
    s->value = value;
}

bool loop_is_square(const LoopRegister *reg)
{
    return reg->lanes > 1 && reg->count == reg->lanes && !(reg->lanes & (reg->lanes - 1));
}

void loop_transpose(LoopBuilder *b, const LoopRegister *reg)
{
    assert(loop_is_square(reg));
    append(b, LOOP_TRANSPOSE)->reg = reg;
}

void loop_store(LoopBuilder *b, const LoopBuffer *buffer, Affine index, const LoopExpr *value, int64_t stride,
                int active)
{
    loop_store_at(b, buffer, index, NULL, value, stride, active);
}

static LoopStatement *append_store(LoopBuilder *b, const LoopBuffer *buffer, Affine index, const LoopExpr *offset,
                                   const LoopExpr *value, int64_t stride)
{
    assert(value->dtype == buffer->dtype && (!offset || loop_bound(offset)));
    LoopStatement *s = append(b, LOOP_STORE);
    s->buffer = buffer;
    s->index = index;
    s->offset = offset;
    s->value = value;
    s->stride = stride;
    s->active = value->lanes;
    return s;
}

void loop_store_at(LoopBuilder *b, const LoopBuffer *buffer, Affine index, const LoopExpr *offset,
                   const LoopExpr *value, int64_t stride, int active)
{
    assert(active > 0 && active <= value->lanes);
    append_store(b, buffer, index, offset, value, stride)->active = active;
}

static const Affine *copy_affine(LoopBuilder *b, Affine a)
{
    Affine *copy = ARENA_NEW(b->arena, Affine);
    *copy = a;
    return copy;
}

void loop_store_below(LoopBuilder *b, const LoopBuffer *buffer, Affine index, const LoopExpr *offset,
                      const LoopExpr *value, int64_t stride, Affine limit)
{
    append_store(b, buffer, index, offset, value, stride)->lane_limit = copy_affine(b, limit);
}

void loop_pack(LoopBuilder *b, LoopStatementKind kind, const LoopBuffer *buffer, Affine index, int naxes,
               const LoopAxis *axes, const LoopBuffer *dense)
{
    assert((kind == LOOP_PACK || kind == LOOP_UNPACK) && naxes > 0 && naxes <= MAX_RANK);
    LoopStatement *s = append(b, kind);
    LoopAxis *copy = ARENA_ARRAY(b->arena, LoopAxis, naxes);
    memcpy(copy, axes, (size_t)naxes * sizeof *copy);
    s->buffer = buffer;
    s->index = index;
    s->dense = dense;
    s->naxes = naxes;
    s->axes = copy;
}

void loop_fill_scalar(LoopBuilder *b, const LoopBuffer *buffer, Affine index, int64_t count, Scalar value)
{
    LoopStatement *s = append(b, LOOP_FILL);
    s->buffer = buffer;
    s->index = index;
    s->count = count;
    s->value = loop_scalar(b, buffer->dtype, 1, value);
}

void loop_fill(LoopBuilder *b, const LoopBuffer *buffer, Affine index, int64_t count, double value)
{
    loop_fill_scalar(b, buffer, index, count, loop_const(b, buffer->dtype, 1, value)->value);
}

void loop_prefetch(LoopBuilder *b, const LoopBuffer *buffer, Affine index)
{
    LoopStatement *s = append(b, LOOP_PREFETCH);
    s->buffer = buffer;
    s->index = index;
}

void loop_call(LoopBuilder *b, const char *symbol, int count, const LoopArgument *arguments)
{
    LoopStatement *s = append(b, LOOP_CALL);
    LoopArgument *copy = ARENA_ARRAY(b->arena, LoopArgument, count + 1);
    if (count) memcpy(copy, arguments, (size_t)count * sizeof *copy);
    s->symbol = symbol;
    s->narguments = count;
    s->arguments = copy;
}

/* ---- affine indices ---- */

Affine affine(int64_t base) { return (Affine){.base = base}; }

Affine affine_of(const LoopVar *var, int64_t factor)
{
    Affine a = {0};
    if (!factor) return a;
    a.nterms = 1;
    a.term[0].var = var;
    a.term[0].factor = factor;
    return a;
}

/* Terms stay in the order of the variables' ids, each variable once, so that equal indices look equal. */
Affine affine_add(Affine a, Affine b)
{
    Affine sum = {.base = a.base + b.base};
    int i = 0, j = 0;
    while (i < a.nterms || j < b.nterms) {
        bool left = j == b.nterms || (i < a.nterms && a.term[i].var->id <= b.term[j].var->id);
        bool right = i == a.nterms || (j < b.nterms && b.term[j].var->id <= a.term[i].var->id);
        const LoopVar *var = left ? a.term[i].var : b.term[j].var;
        int64_t factor = 0;
        if (left) factor += a.term[i++].factor;
        if (right) factor += b.term[j++].factor;
        if (!factor) continue;
        assert(sum.nterms < MAX_TERMS);
        sum.term[sum.nterms].var = var;
        sum.term[sum.nterms++].factor = factor;
    }
    return sum;
}

Affine affine_scale(Affine a, int64_t factor)
{
    if (!factor) return affine(0);
    a.base *= factor;
    for (int i = 0; i < a.nterms; i++) a.term[i].factor *= factor;
    return a;
}

Affine affine_plus(Affine a, int64_t base)
{
    a.base += base;
    return a;
}

/* ---- expressions ---- */

static LoopExpr *new_expr(LoopBuilder *b, LoopExprKind kind, Dtype dtype, int lanes)
{
    LoopExpr *e = ARENA_NEW(b->arena, LoopExpr);
    e->kind = kind;
    e->dtype = dtype;
    e->lanes = lanes;
    return e;
}

const LoopExpr *loop_scalar(LoopBuilder *b, Dtype dtype, int lanes, Scalar value)
{
    LoopExpr *e = new_expr(b, LOOP_CONST, dtype, lanes);
    e->value = value;
    return e;
}

const LoopExpr *loop_const(LoopBuilder *b, Dtype dtype, int lanes, double value)
{
    Scalar scalar = {0};
    if (dtype_is_float(dtype))
        scalar.real = dtype == F32 ? (double)(float)value : value;
    else
        scalar.integer = (int64_t)value;
    return loop_scalar(b, dtype, lanes, scalar);
}

const LoopExpr *loop_index(LoopBuilder *b, Affine index, Dtype dtype)
{
    LoopExpr *e = new_expr(b, LOOP_INDEX, dtype, 1);
    e->index = index;
    return e;
}

const LoopExpr *loop_reg(LoopBuilder *b, const LoopRegister *reg, Affine index)
{
    LoopExpr *e = new_expr(b, LOOP_REGISTER, reg->dtype, reg->lanes);
    e->reg = reg;
    e->index = index;
    return e;
}

const LoopExpr *loop_reg_vector(LoopBuilder *b, const LoopRegister *reg, Affine index, int count)
{
    assert(reg->lanes == 1);
    LoopExpr *e = new_expr(b, LOOP_REGISTER, reg->dtype, count);
    e->reg = reg;
    e->index = index;
    return e;
}

const LoopExpr *loop_load(LoopBuilder *b, const LoopBuffer *buffer, Affine index, int lanes, int64_t stride, int active)
{
    return loop_load_at(b, buffer, index, NULL, lanes, stride, active);
}

const LoopExpr *loop_load_at(LoopBuilder *b, const LoopBuffer *buffer, Affine index, const LoopExpr *offset, int lanes,
                             int64_t stride, int active)
{
    assert(active > 0 && active <= lanes && (!offset || loop_bound(offset)));
    LoopExpr *e = new_expr(b, LOOP_LOAD, buffer->dtype, lanes);
    e->buffer = buffer;
    e->index = index;
    e->offset = offset;
    e->stride = stride;
    e->active = active;
    return e;
}

const LoopExpr *loop_load_below(LoopBuilder *b, const LoopBuffer *buffer, Affine index, const LoopExpr *offset,
                                int lanes, int64_t stride, Affine limit)
{
    assert(!offset || loop_bound(offset));
    LoopExpr *e = new_expr(b, LOOP_LOAD, buffer->dtype, lanes);
    e->buffer = buffer;
    e->index = index;
    e->offset = offset;
    e->stride = stride;
    e->active = lanes;
    e->limit = copy_affine(b, limit);
    return e;
}

int64_t loop_table_below(const LoopExpr *use)
{
    if (use->kind != LOOP_LET) return 0;
    const LoopExpr *element = use->let->value;
    bool table = element->kind == LOOP_LOAD && element->lanes == 1 && element->active == 1;
    return table && element->buffer->space == SPACE_CONSTANT ? element->buffer->below : 0;
}

const LoopExpr *loop_splat(LoopBuilder *b, const LoopExpr *in, int lanes)
{
    assert(lanes % in->lanes == 0);
    if (lanes == in->lanes) return in;
    LoopExpr *e = new_expr(b, LOOP_SPLAT, in->dtype, lanes);
    e->in[0] = in;
    return e;
}

const LoopExpr *loop_op(LoopBuilder *b, ExprKind op, Dtype dtype, const LoopExpr *x, const LoopExpr *y,
                        const LoopExpr *z)
{
    assert((!y || y->lanes == x->lanes) && (!z || z->lanes == x->lanes));
    LoopExpr *e = new_expr(b, LOOP_OP, dtype, x->lanes);
    e->op = op;
    e->in[0] = x;
    e->in[1] = y;
    e->in[2] = z;
    return e;
}

const LoopExpr *loop_lane(LoopBuilder *b, Dtype dtype, int lanes) { return new_expr(b, LOOP_LANE, dtype, lanes); }

const LoopExpr *loop_fold(LoopBuilder *b, ExprKind op, const LoopExpr *x)
{
    assert(x->lanes > 0 && (x->lanes & (x->lanes - 1)) == 0);
    if (x->lanes == 1) return x;
    LoopExpr *e = new_expr(b, LOOP_FOLD, x->dtype, 1);
    e->op = op;
    e->in[0] = x;
    return e;
}

const LoopExpr *loop_dot(LoopBuilder *b, const LoopExpr *sum, const LoopExpr *x, const LoopExpr *y)
{
    assert(sum->dtype == I32 && x->lanes == y->lanes && x->lanes % sum->lanes == 0);
    LoopExpr *e = new_expr(b, LOOP_DOT, I32, sum->lanes);
    e->in[0] = sum;
    e->in[1] = x;
    e->in[2] = y;
    return e;
}

const LoopExpr *loop_let_named(LoopBuilder *b, const char *name, const LoopExpr *value)
{
    LoopLet *let = ARENA_NEW(b->arena, LoopLet);
    let->id = b->function->nlets++;
    let->name = name;
    let->value = value;
    append(b, LOOP_BIND)->let = let;
    LoopExpr *use = new_expr(b, LOOP_LET, value->dtype, value->lanes);
    use->let = let;
    return use;
}

const LoopExpr *loop_let(LoopBuilder *b, const char *name, const LoopExpr *value)
{
    return loop_let_named(b, arena_printf(b->arena, "%s.%d", name, b->function->nlets), value);
}
