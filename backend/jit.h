/* Runs an object in this process: the same bytes that `build` writes. */
#ifndef BACKEND_JIT_H
#define BACKEND_JIT_H

#include "backend/emit.h"

typedef struct Jit Jit;

Jit *jit_load(const Bytes *object, Diag *diag);
/* An object or a shared library (.so) whose symbols the object above may use; before the first
 * jit_symbol. */
bool jit_add_file(Jit *jit, const char *path, Diag *diag);
void *jit_symbol(Jit *jit, const char *name, Diag *diag);
void jit_free(Jit *jit);

#endif
