/* Verifies scans: functions that are made of others. */
#include "backend/loop_turns.h"

enum { MOST_TURNS = 1 << 30, MOST_INNER = 1 << 20 };

static bool verify_function(const LoopFunction *function, int scans, Diag *diag);

static bool verify_turns(const LoopFunction *f, int scans, Diag *diag)
{
    bool sound = f->turns > 0 && f->turns <= MOST_TURNS && f->ninner > 0 && f->ninner <= MOST_INNER && f->nfirst >= 0 &&
                 f->nfirst <= f->ninner && scans < MAX_SCANS;
    if (!sound || f->nbuffers || f->nregisters || f->body) {
        Span at = f->origin.count ? f->origin.at[0] : (Span){.name = f->name};
        return diag_error(diag, E0605, at, "%s: turns of what cannot run in turns", f->name);
    }
    bool ok = true;
    for (int i = 0; i < f->ninner; i++)
        ok = verify_function(f->inner[i], i < f->nfirst ? scans : scans + 1, diag) && ok;
    return ok;
}

static bool verify_function(const LoopFunction *function, int scans, Diag *diag)
{
    return (function->turns || function->ninner ? verify_turns : loop_verify_nest)(function, scans, diag);
}

bool loop_verify(const LoopFunction *function, Diag *diag) { return verify_function(function, 0, diag); }
