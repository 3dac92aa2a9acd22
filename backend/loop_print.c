/* The text of loop nests; backend/loop_parse.c has the grammar. */
#include "backend/loop.h"
#include "backend/loop_text.h"

#include "ir/attr.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

typedef struct Printer {
    FILE *out;
    Arena *arena;
    int indent;
} Printer;

const char *const loop_keywords[] = {
    [LOOP_WORD_FUNC] = "func",         [LOOP_WORD_BUFFER] = "buffer",
    [LOOP_WORD_REGISTER] = "register", [LOOP_WORD_SIZE] = "size",
    [LOOP_WORD_PARALLEL] = "parallel", [LOOP_WORD_FOR] = "for",
    [LOOP_WORD_UNROLL] = "unroll",     [LOOP_WORD_IF] = "if",
    [LOOP_WORD_LET] = "let",           [LOOP_WORD_FILL] = "fill",
    [LOOP_WORD_PREFETCH] = "prefetch", [LOOP_WORD_TRANSPOSE] = "transpose",
    [LOOP_WORD_PACK] = "pack",         [LOOP_WORD_UNPACK] = "unpack",
    [LOOP_WORD_CALL] = "call",         [LOOP_WORD_RESIZE] = "resize",
    [LOOP_WORD_COUNT] = NULL,
};

/* ---- names and numbers ---- */

static bool is_bare(const char *name)
{
    if (!isalpha((unsigned char)*name) && *name != '_') return false;
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_' && *c != '.') return false;
    for (int i = 0; loop_keywords[i]; i++)
        if (!strcmp(name, loop_keywords[i])) return false;
    return true;
}

static void put_name(const Printer *p, const char *name)
{
    fputs(is_bare(name) ? name : string_text(p->arena, name), p->out);
}

static void put_type(const Printer *p, Dtype dtype, int lanes)
{
    fputs(dtype_name(dtype), p->out);
    if (lanes != 1) fprintf(p->out, "x%d", lanes);
}

static void put_affine(const Printer *p, const Affine *a)
{
    for (int i = 0; i < a->nterms; i++) {
        int64_t factor = a->term[i].factor;
        fputs(factor < 0 ? (i ? " - " : "-") : i ? " + " : "", p->out);
        if (factor != 1 && factor != -1)
            fprintf(p->out, "%" PRIu64 "*", factor < 0 ? -(uint64_t)factor : (uint64_t)factor);
        put_name(p, a->term[i].var->name);
    }
    if (a->nterms == 0)
        fprintf(p->out, "%" PRId64, a->base);
    else if (a->base)
        fprintf(p->out, " %c %" PRIu64, a->base < 0 ? '-' : '+', a->base < 0 ? -(uint64_t)a->base : (uint64_t)a->base);
}

/* name[index at offset : lanes stride s active n limit m], without what is usual */
static void put_access(const Printer *p, const LoopBuffer *buffer, const Affine *index, const LoopExpr *offset,
                       int lanes, int64_t stride, int active, const Affine *limit)
{
    put_name(p, buffer->name);
    fputc('[', p->out);
    put_affine(p, index);
    if (offset) fputs(" at ", p->out);
    if (offset) put_name(p, offset->let->name);
    if (lanes != 1) fprintf(p->out, " : %d", lanes);
    if (lanes != 1 && stride != 1) fprintf(p->out, " stride %" PRId64, stride);
    if (active != lanes) fprintf(p->out, " active %d", active);
    if (limit) fputs(" limit ", p->out);
    if (limit) put_affine(p, limit);
    fputc(']', p->out);
}

/* ---- expressions ---- */

static void put_expr(const Printer *p, const LoopExpr *e);

static void put_const(const Printer *p, const LoopExpr *e)
{
    put_type(p, e->dtype, e->lanes);
    if (dtype_is_float(e->dtype))
        fprintf(p->out, "(%s)", number_text(p->arena, e->value.real, e->dtype == F32));
    else
        fprintf(p->out, "(%" PRId64 ")", e->value.integer);
}

static void put_operands(const Printer *p, const char *before, const LoopExpr *e, int count)
{
    fputs(before, p->out);
    for (int i = 0; i < count; i++) {
        if (i) fputs(", ", p->out);
        put_expr(p, e->in[i]);
    }
    fputc(')', p->out);
}

static void put_op(const Printer *p, const LoopExpr *e)
{
    fprintf(p->out, "%s(", expr_kind_name(e->op));
    if (e->op == EXPR_CAST || e->op == EXPR_BITCAST) fprintf(p->out, "%s, ", dtype_name(e->dtype));
    put_operands(p, "", e, expr_kind_arity(e->op));
}

static void put_call(const Printer *p, const char *name, const LoopExpr *in, int lanes)
{
    fprintf(p->out, "%s(", name);
    put_expr(p, in);
    if (lanes) fprintf(p->out, ", %d", lanes);
    fputc(')', p->out);
}

static void put_element(const Printer *p, const LoopRegister *reg, const Affine *index, int count)
{
    put_name(p, reg->name);
    fputc('[', p->out);
    put_affine(p, index);
    if (count > 1) fprintf(p->out, " : %d", count);
    fputc(']', p->out);
}

static void put_expr(const Printer *p, const LoopExpr *e)
{
    switch (e->kind) {
    case LOOP_CONST: put_const(p, e); break;
    case LOOP_INDEX:
        fprintf(p->out, "index(%s, ", dtype_name(e->dtype));
        put_affine(p, &e->index);
        fputc(')', p->out);
        break;
    case LOOP_LET: put_name(p, e->let->name); break;
    case LOOP_REGISTER: put_element(p, e->reg, &e->index, e->lanes / e->reg->lanes); break;
    case LOOP_LOAD: put_access(p, e->buffer, &e->index, e->offset, e->lanes, e->stride, e->active, e->limit); break;
    case LOOP_OP: put_op(p, e); break;
    case LOOP_SPLAT: put_call(p, "splat", e->in[0], e->lanes); break;
    case LOOP_LANE:
        fputs("lane(", p->out);
        put_type(p, e->dtype, e->lanes);
        fputc(')', p->out);
        break;
    case LOOP_FOLD:
        fprintf(p->out, "fold(%s, ", expr_kind_name(e->op));
        put_expr(p, e->in[0]);
        fputc(')', p->out);
        break;
    case LOOP_DOT: put_operands(p, "dot(", e, 3); break;
    }
}

/* ---- statements ---- */

static void put_statements(Printer *p, const LoopStatement *s);

static void put_body(Printer *p, const LoopStatement *body)
{
    fputs(" {\n", p->out);
    p->indent += 2;
    put_statements(p, body);
    p->indent -= 2;
    fprintf(p->out, "%*s}\n", p->indent, "");
}

static void put_edges(Printer *p, const char *word, int count, const LoopEdge *edges)
{
    for (int i = 0; i < count; i++) {
        fputs(i ? ", [" : word, p->out);
        if (!i) fputs(" [", p->out);
        put_affine(p, &edges[i].at);
        if (edges[i].whole != 1) fprintf(p->out, " whole %" PRId64, edges[i].whole);
        fputc(']', p->out);
    }
}

static void put_for(Printer *p, const LoopStatement *s)
{
    static const LoopWord words[] = {
        [MODE_SERIAL] = LOOP_WORD_FOR, [MODE_PARALLEL] = LOOP_WORD_PARALLEL, [MODE_UNROLL] = LOOP_WORD_UNROLL};
    fprintf(p->out, "%s ", loop_keywords[words[s->mode]]);
    put_name(p, s->var->name);
    fputs(" in ", p->out);
    if (s->first) {
        put_name(p, s->first->let->name);
        fputs(" to ", p->out);
        put_name(p, s->limit->let->name);
    } else {
        fprintf(p->out, "%" PRId64 "..%" PRId64, s->low, s->high);
    }
    put_edges(p, " from", s->nfrom, s->from);
    put_edges(p, " to", s->nto, s->to);
    if (s->step != 1) fprintf(p->out, " step %" PRId64, s->step);
    put_body(p, s->body);
}

static void put_if(Printer *p, const LoopStatement *s)
{
    fputs("if ", p->out);
    for (int i = 0; i < s->nconditions; i++) {
        if (i) fputs(" and ", p->out);
        put_affine(p, &s->conditions[i]);
        fputs(" >= 0", p->out);
    }
    put_body(p, s->body);
}

/* pack y = x[0 : N by 3072, 24*T by 1], unpack x[0 : N by 3072, 24*T by 1] = y */
static void put_pack(const Printer *p, const LoopStatement *s)
{
    fprintf(p->out, "%s ", loop_keywords[s->kind == LOOP_PACK ? LOOP_WORD_PACK : LOOP_WORD_UNPACK]);
    if (s->kind == LOOP_PACK) put_name(p, s->dense->name);
    if (s->kind == LOOP_PACK) fputs(" = ", p->out);
    put_name(p, s->buffer->name);
    fputc('[', p->out);
    put_affine(p, &s->index);
    for (int i = 0; i < s->naxes; i++) {
        fputs(i ? ", " : " : ", p->out);
        put_affine(p, &s->axes[i].size);
        fprintf(p->out, " by %" PRId64, s->axes[i].stride);
    }
    fputc(']', p->out);
    if (s->kind == LOOP_UNPACK) fputs(" = ", p->out);
    if (s->kind == LOOP_UNPACK) put_name(p, s->dense->name);
    fputc('\n', p->out);
}

/* call my_norm(x, y, 4, 1e-05) */
static void put_outer_call(const Printer *p, const LoopStatement *s)
{
    fprintf(p->out, "call %s(", s->symbol);
    for (int i = 0; i < s->narguments; i++) {
        const LoopArgument *a = &s->arguments[i];
        if (i) fputs(", ", p->out);
        if (a->buffer)
            put_name(p, a->buffer->name);
        else if (a->is_real)
            fputs(number_text(p->arena, a->real, false), p->out);
        else
            fprintf(p->out, "%" PRId64, a->integer);
    }
    fputs(")\n", p->out);
}

static void put_value(const Printer *p, const LoopExpr *value)
{
    fputs(" = ", p->out);
    put_expr(p, value);
    fputc('\n', p->out);
}

static void put_statement(Printer *p, const LoopStatement *s)
{
    fprintf(p->out, "%*s", p->indent, "");
    switch (s->kind) {
    case LOOP_FOR: put_for(p, s); break;
    case LOOP_IF: put_if(p, s); break;
    case LOOP_BIND:
        fputs("let ", p->out);
        put_name(p, s->let->name);
        put_value(p, s->let->value);
        break;
    case LOOP_ASSIGN:
        put_element(p, s->reg, &s->index, 1);
        put_value(p, s->value);
        break;
    case LOOP_STORE:
        put_access(p, s->buffer, &s->index, s->offset, s->value->lanes, s->stride, s->active, s->lane_limit);
        put_value(p, s->value);
        break;
    case LOOP_FILL:
        fputs("fill ", p->out);
        put_access(p, s->buffer, &s->index, NULL, 1, 1, 1, NULL);
        fprintf(p->out, " count %" PRId64, s->count);
        put_value(p, s->value);
        break;
    case LOOP_PACK:
    case LOOP_UNPACK: put_pack(p, s); break;
    case LOOP_CALL: put_outer_call(p, s); break;
    case LOOP_TRANSPOSE:
        fputs("transpose ", p->out);
        put_name(p, s->reg->name);
        fputc('\n', p->out);
        break;
    case LOOP_RESIZE:
        fprintf(p->out, "resize %d in %" PRId64 "..%" PRId64, s->dim, s->low, s->high);
        put_value(p, s->value);
        break;
    case LOOP_PREFETCH:
        fputs("prefetch ", p->out);
        put_access(p, s->buffer, &s->index, NULL, 1, 1, 1, NULL);
        fputc('\n', p->out);
        break;
    }
}

static void put_statements(Printer *p, const LoopStatement *s)
{
    for (; s; s = s->next) put_statement(p, s);
}

/* ---- functions ---- */

/* What the buffer's start goes on each turn, of as many scans as it does in. */
static void put_moves(const Printer *p, const int64_t *moves)
{
    int count = MAX_SCANS;
    while (count > 0 && !moves[count - 1]) count--;
    if (count) fputs(" moves", p->out);
    for (int i = 0; i < count; i++) fprintf(p->out, " %" PRId64, moves[i]);
}

/* size N = 0 in 1..8, or size T.1 = 1 factor 2 base 1 divisor 2 in 1..9 */
static void put_size(const Printer *p, const LoopSize *s)
{
    fprintf(p->out, "%*ssize ", p->indent, "");
    put_name(p, s->var->name);
    fprintf(p->out, " = %d", s->dim);
    if (s->factor != 1 || s->base || s->divisor != 1)
        fprintf(p->out, " factor %" PRId64 " base %" PRId64 " divisor %" PRId64, s->factor, s->base, s->divisor);
    fprintf(p->out, " in %" PRId64 "..%" PRId64 "\n", s->low, s->high);
}

static void put_declarations(const Printer *p, const LoopFunction *f)
{
    for (int i = 0; i < f->nsizes; i++) put_size(p, &f->sizes[i]);
    for (int i = 0; i < f->nbuffers; i++) {
        const LoopBuffer *b = f->buffers[i];
        fprintf(p->out, "%*sbuffer ", p->indent, "");
        put_name(p, b->name);
        fprintf(p->out, ": %s[%" PRId64 "] %s", dtype_name(b->dtype), b->elements,
                b->space == SPACE_NONE ? "stack" : space_name(b->space));
        if (b->index) fprintf(p->out, " %d", b->index);
        if (b->offset) fprintf(p->out, " offset %" PRId64, b->offset);
        put_moves(p, b->moves);
        fprintf(p->out, " align %" PRId64, b->align);
        if (b->below) fprintf(p->out, " below %" PRId64, b->below);
        fputs(b->writable ? " writable\n" : "\n", p->out);
    }
    for (int i = 0; i < f->nregisters; i++) {
        const LoopRegister *r = f->registers[i];
        fprintf(p->out, "%*sregister ", p->indent, "");
        put_name(p, r->name);
        fputs(": ", p->out);
        put_type(p, r->dtype, r->lanes);
        fprintf(p->out, "[%d]\n", r->count);
    }
}

static void print_function(const LoopFunction *f, Arena *arena, int indent, FILE *out)
{
    Printer p = {out, arena, indent + 2};
    fprintf(out, "%*sfunc ", indent, "");
    put_name(&p, f->name);
    if (f->multiply_adds != 0) fprintf(out, " work %s", number_text(arena, f->multiply_adds, false));
    if (f->bytes_read != 0) fprintf(out, " read %s", number_text(arena, f->bytes_read, false));
    if (f->bytes_written != 0) fprintf(out, " written %s", number_text(arena, f->bytes_written, false));
    if (f->scratch) fprintf(out, " scratch %" PRId64 " at %" PRId64, f->scratch, f->scratch_offset);
    if (f->form == FORM_TURNS) fprintf(out, " turns %" PRId64, f->turns);
    if (f->form == FORM_BRANCH) fputs(" branch", out);
    if (f->nfirst) fprintf(out, " first %d", f->nfirst);
    if (f->form == FORM_TURNS && f->nbuffers) fputs(" while", out);
    fputs(" {\n", out);
    put_declarations(&p, f);
    put_statements(&p, f->body);
    for (int i = 0; i < f->ninner; i++) print_function(f->inner[i], arena, indent + 2, out);
    fprintf(out, "%*s}\n", indent, "");
}

void loop_print(const LoopFunction *function, Arena *arena, FILE *out)
{
    Arena *own = arena_child(arena);
    print_function(function, own, 0, out);
    arena_free(own);
}

void loop_program_print(const LoopProgram *program, FILE *out)
{
    fprintf(out, "# %d steps, arena %" PRId64 " bytes, constants %" PRId64 " bytes", program->nsteps,
            program->arena_bytes, program->constant_bytes);
    if (program->state_bytes) fprintf(out, ", context %" PRId64 " bytes", program->state_bytes);
    fputc('\n', out);
    for (int i = 0; i < program->nsteps; i++) {
        fputc('\n', out);
        loop_print(program->steps[i], program->arena, out);
    }
}
