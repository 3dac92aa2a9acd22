/* Where a build puts the weights: --weights, and what their size asks for. */
#ifndef DRIVER_WEIGHTS_H
#define DRIVER_WEIGHTS_H

#include "frontend/driver/compile.h"

/* --weights */
typedef enum WeightsStore {
    STORE_EMBEDDED, /* in what comes out; behind a program when there are many */
    STORE_EXTERNAL, /* in a file of their own beside it */
    STORE_APPENDED  /* behind a program; in objects and libraries */
} WeightsStore;

/* What the code becomes. */
typedef enum WeightsPlace { PLACE_OBJECT, PLACE_PROGRAM, PLACE_MEMORY } WeightsPlace;

/* Decides for the code that is emitted next. */
void weights_choose(Compilation *c, WeightsPlace place);
/* The file of external weights beside `path`, once; before the code, which holds its hash.  E0901. */
bool weights_write(Compilation *c, const char *path);
/* Puts them behind the linked program `program`, which will be called `path`. */
bool weights_append(Compilation *c, const char *program, const char *path);
/* The block for code that runs in this process; NULL when it has its weights. */
const void *weights_in_memory(Compilation *c);

#endif
