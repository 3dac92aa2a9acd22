/* --expect NAME=FILE.npy of `lepc compare`: what another framework says that a layer or an output is. */
#ifndef DRIVER_EXPECTED_H
#define DRIVER_EXPECTED_H

#include "frontend/driver/compile.h"

typedef struct Expected {
    const char *name;
    Tensor value;
    bool met; /* a value of that name was there */
} Expected;

typedef struct ExpectedList {
    int count;
    Expected at[MAX_OPTION_LIST];
    int64_t wrong; /* elements that are too far, of all */
} ExpectedList;

/* False after E0801 or what is wrong with a file. */
bool expected_read(Compilation *c, ExpectedList *out);
/* Prints a line when one of them is called so: an element may be off by 1e-3 of itself and 1e-5 of the largest.  With
 * channels first in the file and last in memory, as in ONNX models, axes are turned. */
void expected_judge(Compilation *c, ExpectedList *list, const char *name, const Tensor *found);
/* STATUS_FINE, STATUS_DIFFERS, or STATUS_USAGE after E0801 when nothing was called so. */
int expected_finish(Compilation *c, const ExpectedList *list);

#endif
