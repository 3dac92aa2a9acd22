/* What each layer of a build takes. */
#ifndef DRIVER_LAYERS_H
#define DRIVER_LAYERS_H

#include "frontend/driver/compile.h"

typedef struct LayerSizes {
    const char *name;
    int64_t code;      /* bytes of its own instructions */
    int64_t constants; /* bytes of those that no layer before it reads: all layers' make no more than there are */
    int64_t arena;     /* bytes that it reads and writes there */
} LayerSizes;

/* Of a lowered and measured graph, program.nsteps of them in the order of a run. */
LayerSizes *layers_of(const Compilation *c, const Sizes *sizes);
/* For qsort: what takes most of flash first. */
int layers_by_size(const void *left, const void *right);
/* The table of all, the largest first. */
void layers_print(const Compilation *c, const Sizes *sizes, FILE *out);

#endif
