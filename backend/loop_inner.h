/* Parts of loop_verify, for the files that are it. */
#ifndef BACKEND_LOOP_INNER_H
#define BACKEND_LOOP_INNER_H

#include "backend/loop.h"

/* A function that is no scan's, inside so many scans. */
bool loop_verify_nest(const LoopFunction *function, int scans, Diag *diag);
/* What it declares. */
bool loop_verify_declared(const LoopFunction *function, int scans, Diag *diag);

/* What is wrong with a call's symbol or buffers; NULL: nothing. */
const char *loop_call_fault(const LoopFunction *function, const LoopStatement *call);

#endif
