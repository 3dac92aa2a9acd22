/* The text of loop nests, as loop_print writes it:
 *
 *   text      = {function}
 *   function  = "func" NAME ["work" NUMBER] ["read" NUMBER] ["written" NUMBER] ["scratch" INT "at" INT]
 *               ("{" {size | buffer | register} {statement} "}" | "turns" INT ["first" INT] "{" [size] {function} "}"
 *               | ("turns" INT ["first" INT] "while" | "branch" ["first" INT]) "{" [size] buffer {function} "}")
 *   size      = "size" VAR "=" INT ["factor" INT "base" INT "divisor" INT] "in" INT ".." INT
 *   buffer    = "buffer" NAME ":" DTYPE "[" INT "]" ("stack" | SPACE [INT]) ["offset" INT] "align" INT
 *               ["below" INT] ["writable"]
 *   register  = "register" NAME ":" TYPE "[" INT "]"
 *   statement = ("for" | "parallel" | "unroll") VAR "in" INT ".." INT ["step" INT] body
 *             | "for" VAR "in" LET "to" LET body
 *             | "for" VAR "in" "0" ".." INT ["from" edges] "to" edges ["step" INT] body
 *             | "if" affine ">=" "0" {"and" affine ">=" "0"} body
 *             | "let" NAME "=" expr  |  REGISTER "[" affine "]" "=" expr  |  BUFFER access "=" expr
 *             | "fill" BUFFER access "count" INT "=" expr  |  "prefetch" BUFFER access  |  "transpose" REGISTER
 *             | "pack" BUFFER "=" BUFFER axes  |  "unpack" BUFFER axes "=" BUFFER
 *   axes      = "[" affine ":" affine "by" INT {"," affine "by" INT} "]"
 *   body      = "{" {statement} "}"
 *   edges     = "[" affine ["whole" INT] "]" ["," edges]
 *
 * Names are words of letters, digits, `_` and `.`, or quoted; `#` starts a comment.  Expressions: loop_parse_expr.c.
 */
#include "backend/loop_lex.h"
#include "ir/bounded.h"

#include <string.h>

enum { MOST_EDGES = 2 };

static void take_body(LoopParser *p);

/* ---- statements ---- */

static bool name_is_taken(const LoopParser *p, const char *name)
{
    const LoopFunction *f = p->builder.function;
    bool taken = loop_find_buffer(p, name) || loop_find_register(p, name);
    for (int i = 0; !taken && i < f->nvars; i++) taken = !strcmp(f->vars[i]->name, name);
    return taken;
}

const char *loop_take_new_name(LoopParser *p, const char *what)
{
    const LoopToken at = p->token;
    const char *name = loop_take_name(p, what);
    if (loop_failed(p) || !name_is_taken(p, name)) return name;
    p->token.at = at.at;
    loop_fail(p, E0202, "'%s' is taken", name);
    return "";
}

/* "for" VAR "in" LET "to" LET: as often as a table says. */
static void take_for_table(LoopParser *p, const char *name, LoopMode mode)
{
    if (mode != MODE_SERIAL) loop_expected(p, "a whole number");
    const LoopExpr *first = loop_take_table(p);
    if (!loop_accept_word(p, "to")) loop_expected(p, "'to'");
    const LoopExpr *limit = loop_take_table(p);
    if (limit && loop_table_below(limit) < 2) loop_fail(p, E0404, "expected a table of more than zeros");
    if (loop_failed(p)) return;
    LoopScope scope = loop_for_table(&p->builder, name, first, limit);
    take_body(p);
    loop_end(&p->builder, scope);
}

static int take_edges(LoopParser *p, LoopEdge *edges)
{
    int count = 0;
    do {
        loop_expect(p, '[');
        edges[count] = (LoopEdge){.at = loop_take_affine(p), .whole = 1};
        if (loop_accept_word(p, "whole")) edges[count].whole = loop_take_integer(p, "a number", 1, loop_max_integer);
        loop_expect(p, ']');
        count++;
    } while (count < MOST_EDGES && loop_accept(p, ','));
    return count;
}

/* Between edges that follow sizes; the bounds stand before it. */
static void take_for_size(LoopParser *p, const char *name, LoopMode mode, int64_t low, int64_t high)
{
    LoopEdge from[MOST_EDGES], to[MOST_EDGES];
    int nfrom = 0, nto = 0;
    int64_t step = 1;
    if (loop_accept_word(p, "from")) nfrom = take_edges(p, from);
    if (!loop_accept_word(p, "to")) loop_expected(p, "'to'");
    nto = take_edges(p, to);
    if (loop_accept_word(p, "step")) step = loop_take_integer(p, "a step", 1, loop_max_integer);
    if (low != 0 || step > high || mode != MODE_SERIAL)
        loop_fail(p, E0404, "expected a serial loop from 0 up to a step or more");
    if (loop_failed(p)) return;
    LoopScope scope = loop_for_size(&p->builder, name, high, step, nfrom, from, nto, to);
    take_body(p);
    loop_end(&p->builder, scope);
}

static bool is_word(const LoopParser *p, const char *word)
{
    return p->token.kind == LOOP_TOKEN_NAME && !p->token.quoted && !strcmp(p->token.text, word);
}

static void take_for(LoopParser *p, LoopMode mode)
{
    const char *name = loop_take_new_name(p, "a variable");
    if (!loop_accept_word(p, "in")) loop_expected(p, "'in'");
    if (p->token.kind == LOOP_TOKEN_NAME) {
        take_for_table(p, name, mode);
        return;
    }
    int64_t low = loop_take_integer(p, "a whole number", -loop_max_integer, loop_max_integer);
    loop_expect(p, '.');
    int64_t high = loop_take_integer(p, "a whole number", -loop_max_integer, loop_max_integer), step = 1;
    if (is_word(p, "from") || is_word(p, "to")) {
        take_for_size(p, name, mode, low, high);
        return;
    }
    if (loop_accept_word(p, "step")) step = loop_take_integer(p, "a step", 1, loop_max_integer);
    if (low >= high || (high - low) % step) loop_fail(p, E0404, "expected a loop that its step divides");
    if (loop_failed(p)) return;
    LoopScope scope = loop_for(&p->builder, name, low, high, step, mode);
    take_body(p);
    loop_end(&p->builder, scope);
}

static void take_if(LoopParser *p)
{
    Affine *conditions = NULL;
    size_t count = 0, capacity = 0;
    do {
        conditions = arena_grow(p->arena, conditions, count, &capacity, sizeof *conditions);
        conditions[count++] = loop_take_affine(p);
        loop_expect(p, '>');
        loop_take_integer(p, "0", 0, 0);
    } while (loop_accept_word(p, "and"));
    if (loop_failed(p)) return;
    LoopScope scope = loop_if(&p->builder, (int)count, conditions);
    take_body(p);
    loop_end(&p->builder, scope);
}

static const LoopExpr *take_value(LoopParser *p)
{
    loop_expect(p, '=');
    return loop_take_expr(p);
}

static void take_let(LoopParser *p)
{
    const LoopToken at = p->token;
    const char *name = loop_take_name(p, "a name");
    size_t count = (size_t)p->builder.function->nlets;
    for (size_t i = 0; i < count; i++)
        if (!strcmp(p->lets[i]->let->name, name)) {
            p->token.at = at.at;
            loop_fail(p, E0202, "'%s' is taken", name);
        }
    const LoopExpr *value = take_value(p);
    if (!value) return;
    p->lets = arena_grow(p->arena, p->lets, count, &p->let_capacity, sizeof *p->lets);
    p->lets[count] = loop_let_named(&p->builder, name, value);
}

static const LoopBuffer *take_buffer(LoopParser *p)
{
    const LoopToken at = p->token;
    const char *name = loop_take_name(p, "a buffer");
    const LoopBuffer *buffer = loop_find_buffer(p, name);
    if (buffer || loop_failed(p)) return buffer;
    p->token.at = at.at;
    loop_fail(p, E0201, "no buffer is called '%s'", name);
    return NULL;
}

/* What is neither a load nor a store stands at an affine index. */
static LoopAccess take_place(LoopParser *p)
{
    LoopAccess a = loop_take_access(p);
    if (a.offset || a.limited) loop_fail(p, E0101, "only loads and stores have an offset or a limit");
    return a;
}

static void take_fill(LoopParser *p)
{
    const LoopBuffer *buffer = take_buffer(p);
    LoopAccess a = take_place(p);
    if (!loop_accept_word(p, "count")) loop_expected(p, "'count'");
    int64_t count = loop_take_integer(p, "a number of elements", 1, loop_max_integer);
    const LoopExpr *value = take_value(p);
    bool fits = value && buffer && value->kind == LOOP_CONST && value->lanes == 1 && value->dtype == buffer->dtype;
    if (!fits) loop_fail(p, E0302, "expected a constant of the buffer's dtype");
    if (!loop_failed(p)) loop_fill_scalar(&p->builder, buffer, a.index, count, value->value);
}

static int take_axes(LoopParser *p, Affine *index, LoopAxis *axes)
{
    int count = 0;
    loop_expect(p, '[');
    *index = loop_take_affine(p);
    loop_expect(p, ':');
    do {
        axes[count].size = loop_take_affine(p);
        if (!loop_accept_word(p, "by")) loop_expected(p, "'by'");
        axes[count++].stride = loop_take_integer(p, "a stride", 0, loop_max_integer);
    } while (count < MAX_RANK && loop_accept(p, ','));
    loop_expect(p, ']');
    return count;
}

static void take_pack(LoopParser *p, LoopStatementKind kind)
{
    LoopAxis axes[MAX_RANK];
    Affine index;
    const LoopBuffer *dense = NULL;
    if (kind == LOOP_PACK) {
        dense = take_buffer(p);
        loop_expect(p, '=');
    }
    const LoopBuffer *buffer = take_buffer(p);
    int count = take_axes(p, &index, axes);
    if (kind == LOOP_UNPACK) {
        loop_expect(p, '=');
        dense = take_buffer(p);
    }
    if (buffer && dense && buffer->dtype != dense->dtype) loop_fail(p, E0302, "expected buffers of one dtype");
    if (!loop_failed(p)) loop_pack(&p->builder, kind, buffer, index, count, axes, dense);
}

static void take_transpose(LoopParser *p)
{
    const LoopToken at = p->token;
    const char *name = loop_take_name(p, "a register");
    const LoopRegister *reg = loop_find_register(p, name);
    if (loop_failed(p)) return;
    p->token.at = at.at;
    if (!reg)
        loop_fail(p, E0201, "no register is called '%s'", name);
    else if (!loop_is_square(reg))
        loop_fail(p, E0302, "expected a register of as many elements as lanes");
    else
        loop_transpose(&p->builder, reg);
}

static void take_prefetch(LoopParser *p)
{
    const LoopBuffer *buffer = take_buffer(p);
    LoopAccess a = take_place(p);
    if (!loop_failed(p)) loop_prefetch(&p->builder, buffer, a.index);
}

static bool agrees(LoopParser *p, const LoopExpr *value, Dtype dtype, int lanes)
{
    if (!value) return false;
    if (value->dtype == dtype && value->lanes == lanes) return true;
    return loop_fail(p, E0302, "expected a value of %s and %d lanes, found %s and %d", dtype_name(dtype), lanes,
                     dtype_name(value->dtype), value->lanes);
}

static void take_assignment(LoopParser *p)
{
    const LoopToken at = p->token;
    const char *name = loop_take_name(p, "a statement");
    const LoopRegister *reg = loop_find_register(p, name);
    const LoopBuffer *buffer = loop_find_buffer(p, name);
    if (!reg && !buffer) {
        p->token.at = at.at;
        loop_fail(p, E0201, "no buffer or register is called '%s'", name);
        return;
    }
    LoopAccess a = buffer ? loop_take_access(p) : take_place(p);
    const LoopExpr *value = take_value(p);
    if (reg && agrees(p, value, reg->dtype, reg->lanes)) loop_assign(&p->builder, reg, a.index, value);
    if (!buffer || !agrees(p, value, buffer->dtype, a.lanes)) return;
    if (a.limited)
        loop_store_below(&p->builder, buffer, a.index, a.offset, value, a.stride, a.limit);
    else
        loop_store_at(&p->builder, buffer, a.index, a.offset, value, a.stride, a.active);
}

static void take_argument(LoopParser *p, LoopArgument *out)
{
    bool negative = loop_accept(p, '-');
    const LoopToken token = p->token;
    *out = (LoopArgument){.is_real = token.kind == LOOP_TOKEN_NUMBER && !token.whole};
    if (negative && token.kind != LOOP_TOKEN_NUMBER) loop_expected(p, "a number");
    if (token.kind != LOOP_TOKEN_NUMBER)
        out->buffer = take_buffer(p);
    else if (out->is_real)
        out->real = negative ? -token.real : token.real;
    else
        out->integer = negative ? (int64_t) - (uint64_t)token.integer : token.integer;
    if (token.kind == LOOP_TOKEN_NUMBER) loop_advance(p);
}

static void take_call(LoopParser *p)
{
    LoopArgument *arguments = NULL;
    size_t count = 0, capacity = 0;
    const char *symbol = loop_take_name(p, "a function");
    loop_expect(p, '(');
    while (!loop_failed(p) && !loop_is_mark(p, ')')) {
        if (count) loop_expect(p, ',');
        arguments = arena_grow(p->arena, arguments, count, &capacity, sizeof *arguments);
        take_argument(p, &arguments[count++]);
    }
    loop_expect(p, ')');
    if (!loop_is_symbol(symbol)) loop_fail(p, E0404, "expected the name of a C function");
    if (!loop_failed(p)) loop_call(&p->builder, symbol, (int)count, arguments);
}

static void take_statement(LoopParser *p)
{
    static const struct {
        LoopWord word;
        void (*take)(LoopParser *p);
    } kinds[] = {{LOOP_WORD_IF, take_if},
                 {LOOP_WORD_LET, take_let},
                 {LOOP_WORD_FILL, take_fill},
                 {LOOP_WORD_PREFETCH, take_prefetch},
                 {LOOP_WORD_CALL, take_call},
                 {LOOP_WORD_TRANSPOSE, take_transpose},
                 {LOOP_WORD_RESIZE, loop_take_resize}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (loop_accept_word(p, loop_keywords[kinds[i].word])) {
            kinds[i].take(p);
            return;
        }
    if (loop_accept_word(p, loop_keywords[LOOP_WORD_FOR]))
        take_for(p, MODE_SERIAL);
    else if (loop_accept_word(p, loop_keywords[LOOP_WORD_PARALLEL]))
        take_for(p, MODE_PARALLEL);
    else if (loop_accept_word(p, loop_keywords[LOOP_WORD_UNROLL]))
        take_for(p, MODE_UNROLL);
    else if (loop_accept_word(p, loop_keywords[LOOP_WORD_PACK]))
        take_pack(p, LOOP_PACK);
    else if (loop_accept_word(p, loop_keywords[LOOP_WORD_UNPACK]))
        take_pack(p, LOOP_UNPACK);
    else
        take_assignment(p);
}

static void take_body(LoopParser *p)
{
    if (p->depth >= LOOP_MAX_DEPTH) loop_fail(p, E0105, "expected at most %d levels of nesting", LOOP_MAX_DEPTH);
    loop_expect(p, '{');
    p->depth++;
    while (!loop_failed(p) && !loop_is_mark(p, '}')) take_statement(p);
    p->depth--;
    loop_expect(p, '}');
}

/* ---- declarations ---- */

static Space take_space(LoopParser *p)
{
    const LoopToken at = p->token;
    const char *word = loop_take_name(p, "stack, scratch, input, output, constant, arena or state");
    Space space = space_find(word);
    if (space != SPACE_NONE || !strcmp(word, "stack") || loop_failed(p)) return space;
    p->token = at;
    loop_expected(p, "stack, scratch, input, output, constant, arena or state");
    return SPACE_NONE;
}

static int64_t take_extent(LoopParser *p, int64_t high)
{
    loop_expect(p, '[');
    int64_t extent = loop_take_integer(p, "a number of elements", 1, high);
    loop_expect(p, ']');
    return extent;
}

static void take_buffer_declaration(LoopParser *p)
{
    LoopBuffer b = {.name = loop_take_new_name(p, "a buffer's name")};
    int lanes = 1;
    loop_expect(p, ':');
    if (loop_take_type(p, &b.dtype, &lanes) && lanes != 1) loop_fail(p, E0204, "a buffer has scalars");
    b.elements = take_extent(p, loop_max_integer);
    b.space = take_space(p);
    if (p->token.kind == LOOP_TOKEN_NUMBER) b.index = (int)loop_take_integer(p, "a number", 0, 4095);
    if (loop_accept_word(p, "offset")) b.offset = loop_take_integer(p, "an offset", 0, loop_max_integer);
    if (loop_accept_word(p, "moves"))
        for (int i = 0; i < MAX_SCANS && (i == 0 || p->token.kind == LOOP_TOKEN_NUMBER); i++)
            b.moves[i] = loop_take_integer(p, "a number of elements", 0, loop_max_integer);
    if (!loop_accept_word(p, "align")) loop_expected(p, "'align'");
    b.align = loop_take_integer(p, "an alignment", 1, 4096);
    if (loop_accept_word(p, "below")) b.below = loop_take_integer(p, "a bound", 1, loop_max_integer);
    b.writable = loop_accept_word(p, "writable");
    if (!loop_failed(p)) loop_buffer(&p->builder, &b);
}

static void take_register_declaration(LoopParser *p)
{
    const char *name = loop_take_new_name(p, "a register's name");
    Dtype dtype = F32;
    int lanes = 1;
    loop_expect(p, ':');
    loop_take_type(p, &dtype, &lanes);
    int count = (int)take_extent(p, 4096);
    if (!loop_failed(p)) loop_register(&p->builder, name, dtype, lanes, count);
}

static LoopFunction *take_function(LoopParser *p);

/* What runs before the first turn, then what runs in each; or what runs when a condition holds, then what runs else. */
static void take_inner(LoopParser *p, LoopFunction *f)
{
    size_t count = 0, capacity = 0;
    bool conditional = f->form == FORM_BRANCH;
    if (f->form == FORM_TURNS) f->turns = loop_take_integer(p, "a number of turns", 0, loop_max_integer);
    if (loop_accept_word(p, "first")) f->nfirst = (int)loop_take_integer(p, "a number of functions", 1, 4096);
    if (f->form == FORM_TURNS) conditional = loop_accept_word(p, "while");
    if (++p->scans > MAX_NESTED) loop_fail(p, E0105, "expected at most %d levels of functions", MAX_NESTED);
    loop_expect(p, '{');
    if (f->form == FORM_TURNS && loop_accept_word(p, loop_keywords[LOOP_WORD_SIZE])) loop_take_size(p);
    if (conditional && !loop_accept_word(p, loop_keywords[LOOP_WORD_BUFFER])) loop_expected(p, "'buffer'");
    if (conditional) take_buffer_declaration(p);
    while (!loop_failed(p) && !loop_is_mark(p, '}')) {
        f->inner = arena_grow(p->arena, f->inner, count, &capacity, sizeof *f->inner);
        f->inner[count++] = take_function(p);
    }
    loop_expect(p, '}');
    p->scans--;
    f->ninner = (int)count;
}

static LoopFunction *take_function(LoopParser *p)
{
    if (!loop_accept_word(p, loop_keywords[LOOP_WORD_FUNC])) loop_expected(p, "'func'");
    Span at = p->token.at;
    LoopFunction *f = loop_function_new(p->arena, loop_take_name(p, "a function's name"), origin_of(p->arena, at));
    p->builder = loop_builder(p->arena, f);
    p->lets = NULL;
    p->let_capacity = 0;
    if (loop_accept_word(p, "work")) f->multiply_adds = loop_take_real(p);
    if (loop_accept_word(p, "read")) f->bytes_read = loop_take_real(p);
    if (loop_accept_word(p, "written")) f->bytes_written = loop_take_real(p);
    if (loop_accept_word(p, "scratch")) {
        f->scratch = loop_take_integer(p, "a number of bytes", 1, loop_max_integer);
        if (!loop_accept_word(p, "at")) loop_expected(p, "'at'");
        f->scratch_offset = loop_take_integer(p, "an offset", 0, loop_max_integer);
    }
    if (loop_accept_word(p, "turns"))
        f->form = FORM_TURNS;
    else if (loop_accept_word(p, "branch"))
        f->form = FORM_BRANCH;
    if (f->form != FORM_NEST) {
        take_inner(p, f);
        return f;
    }
    loop_expect(p, '{');
    for (;;) {
        if (loop_accept_word(p, loop_keywords[LOOP_WORD_BUFFER]))
            take_buffer_declaration(p);
        else if (loop_accept_word(p, loop_keywords[LOOP_WORD_REGISTER]))
            take_register_declaration(p);
        else if (loop_accept_word(p, loop_keywords[LOOP_WORD_SIZE]))
            loop_take_size(p);
        else
            break;
    }
    while (!loop_failed(p) && !loop_is_mark(p, '}')) take_statement(p);
    loop_expect(p, '}');
    return f;
}

LoopFunction **loop_parse(Arena *arena, const Source *source, int *count, Diag *diag)
{
    Diag own = diag_new(diag->arena);
    LoopParser p = {.arena = arena, .diag = &own, .source = source, .line = 1};
    LoopFunction **functions = NULL;
    size_t n = 0, capacity = 0;
    loop_advance(&p);
    do {
        functions = arena_grow(arena, functions, n, &capacity, sizeof *functions);
        functions[n++] = take_function(&p);
    } while (!loop_failed(&p) && p.token.kind != LOOP_TOKEN_END);
    *count = (int)n;
    if (own.errors == 0) return functions;
    diag_error(diag, own.first->code, own.first->at, "%s", own.first->message);
    return NULL;
}
