/* Runs an object in this process: the same bytes that `build` writes. */
#ifndef BACKEND_JIT_H
#define BACKEND_JIT_H

#include "backend/emit.h"

typedef struct Jit Jit;

Jit *jit_load(const Bytes *object, Diag *diag);
void *jit_symbol(Jit *jit, const char *name, Diag *diag);
void jit_free(Jit *jit);

#endif
