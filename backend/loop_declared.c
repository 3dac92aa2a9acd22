/* Verifies what a function declares: its sizes, buffers and registers. */
#include "backend/loop_inner.h"
#include "ir/bounded.h"

#include <inttypes.h>

static const int64_t max_index = (int64_t)1 << 40;

static bool wrong(const LoopFunction *f, Diag *diag, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool wrong(const LoopFunction *f, Diag *diag, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(diag->arena, format, args);
    va_end(args);
    Span at = f->origin.count ? f->origin.at[0] : (Span){.name = f->name};
    return diag_error(diag, E0605, at, "loop nest '%s': %s", f->name, text);
}

static bool is_within(int64_t value, int64_t low) { return value >= low && value <= max_index; }

static bool check_size(const LoopFunction *f, int number, Diag *diag)
{
    const LoopSize *s = &f->sizes[number];
    int id = s->var->id;
    bool own = id >= 0 && id < f->nvars && f->vars[id] == s->var;
    for (int i = 0; i < number; i++) own = own && f->sizes[i].var != s->var;
    bool form = is_within(s->divisor, 1) && is_within(s->factor, -max_index) && is_within(s->base, -max_index);
    bool bounds = is_within(s->low, 0) && is_within(s->high, s->low) && s->dim >= 0 && s->dim < MAX_DIMS;
    return (own && form && bounds) || wrong(f, diag, "the size '%s' is impossible", s->var->name);
}

static bool check_buffer(const LoopFunction *f, const LoopBuffer *b, int scans, Diag *diag)
{
    bool ok = true;
    bool sizes = b->elements > 0 && b->elements <= max_index && b->offset >= 0 && b->offset <= max_index &&
                 b->index >= 0 && b->index < 4096;
    bool align = b->align > 0 && b->align <= 4096 && (b->align & (b->align - 1)) == 0;
    bool table =
        !b->below || (b->below > 0 && b->below <= max_index && !dtype_is_float(b->dtype) && b->space == SPACE_CONSTANT);
    for (int k = 0; k < MAX_SCANS; k++) {
        bool possible = b->moves[k] >= 0 && b->moves[k] <= max_index && b->space != SPACE_NONE;
        if (b->moves[k] && (!possible || k >= scans))
            ok = wrong(f, diag, "buffer '%s' moves with turns that there are not", b->name);
    }
    if (!table) ok = wrong(f, diag, "buffer '%s' has a bound, but is no table of constant integers", b->name);
    if (!sizes || !align) ok = wrong(f, diag, "buffer '%s' has an impossible size, offset or alignment", b->name);
    if (b->space == SPACE_NONE && b->elements > 1 << 20) ok = wrong(f, diag, "'%s' is too large for a stack", b->name);
    if (b->space == SPACE_SCRATCH && sizes && b->offset + dtype_bytes(b->dtype, b->elements) > f->scratch)
        ok = wrong(f, diag, "'%s' lies behind the scratch of %" PRId64 " bytes", b->name, f->scratch);
    return ok;
}

bool loop_verify_declared(const LoopFunction *f, int scans, Diag *diag)
{
    bool ok = true;
    for (int i = 0; i < f->nsizes; i++) ok = check_size(f, i, diag) && ok;
    for (int i = 0; i < f->nbuffers; i++) ok = check_buffer(f, f->buffers[i], scans, diag) && ok;
    for (int i = 0; i < f->nregisters; i++) {
        const LoopRegister *r = f->registers[i];
        if (r->lanes < 1 || r->lanes > 4096 || r->count < 1 || r->count > 4096)
            ok = wrong(f, diag, "register '%s' has an impossible size", r->name);
    }
    return ok;
}
