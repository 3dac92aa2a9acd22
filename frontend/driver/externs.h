/* What a model calls of its user's: --extern. */
#ifndef DRIVER_EXTERNS_H
#define DRIVER_EXTERNS_H

#include "backend/jit.h"
#include "frontend/driver/compile.h"

/* E0608 when the graph calls a C function and no file was given that may have it. */
bool externs_are_given(const Compilation *c);
/* E0608 when the graph calls a C function, which the reference interpreter cannot; `what` needs that. */
bool externs_are_absent(const Compilation *c, const char *what);
/* The object in this process, with the files of --extern; NULL after an error. */
Jit *externs_load(const Compilation *c, const Bytes *object);

#endif
