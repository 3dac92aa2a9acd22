/* Parts of loop_verify; for backend/loop_verify.c and backend/loop_inner.c only. */
#ifndef BACKEND_LOOP_INNER_H
#define BACKEND_LOOP_INNER_H

#include "backend/loop.h"

/* A function that is no scan's, inside so many scans. */
bool loop_verify_nest(const LoopFunction *function, int scans, Diag *diag);

#endif
