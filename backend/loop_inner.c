/* Verifies scans and branches: functions that are made of others. */
#include "backend/loop_inner.h"

enum { MOST_TURNS = 1 << 30, MOST_INNER = 1 << 20 };

/* What is around the function looked at. */
typedef struct Around {
    int scans, levels;
} Around;

static bool verify_function(const LoopFunction *function, Around around, Diag *diag);

static bool wrong(const LoopFunction *f, Diag *diag, const char *what)
{
    Span at = f->origin.count ? f->origin.at[0] : (Span){.name = f->name};
    return diag_error(diag, E0605, at, "%s: %s", f->name, what);
}

/* One bool that memory holds. */
static bool is_condition(const LoopBuffer *buffer)
{
    return buffer->dtype == BOOL && buffer->elements == 1 && buffer->space != SPACE_NONE &&
           buffer->space != SPACE_SCRATCH && !buffer->writable;
}

static bool verify_inner(const LoopFunction *f, Around around, Diag *diag)
{
    bool turns = f->form == FORM_TURNS;
    bool count = turns ? f->turns >= (f->nbuffers ? 0 : 1) && f->turns <= MOST_TURNS : f->turns == 0;
    bool sound = count && f->ninner > 0 && f->ninner <= MOST_INNER && f->nfirst >= 0 && f->nfirst <= f->ninner;
    bool sized = f->nsizes == 0 || (turns && f->nsizes == 1 && f->sizes[0].high <= f->turns);
    if (!sound || !sized || f->nregisters || f->body) return wrong(f, diag, "turns of what cannot run in turns");
    if (around.levels >= MAX_NESTED || (turns && around.scans >= MAX_SCANS))
        return wrong(f, diag, "too many levels of functions");
    if (f->nbuffers != (turns ? f->nbuffers != 0 : 1) || (f->nbuffers && !is_condition(f->buffers[0])))
        return wrong(f, diag, "expected one bool as the condition");
    bool ok = loop_verify_nest(f, around.scans, diag);
    for (int i = 0; i < f->ninner; i++) {
        Around inside = {around.scans + (turns && i >= f->nfirst), around.levels + 1};
        ok = verify_function(f->inner[i], inside, diag) && ok;
    }
    return ok;
}

static bool verify_function(const LoopFunction *function, Around around, Diag *diag)
{
    if (function->form != FORM_NEST) return verify_inner(function, around, diag);
    if (function->ninner || function->turns) return wrong(function, diag, "a nest with functions inside");
    return loop_verify_nest(function, around.scans, diag);
}

bool loop_verify(const LoopFunction *function, Diag *diag) { return verify_function(function, (Around){0, 0}, diag); }
