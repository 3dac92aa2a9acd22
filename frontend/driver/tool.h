/* Programs that lepc calls. */
#ifndef DRIVER_TOOL_H
#define DRIVER_TOOL_H

#include "frontend/driver/compile.h"

enum {
    TOOL_MISSING = -1, /* there is no such program */
    TOOL_STOPPED = -2  /* it did not end by itself: reported as E0903, unless lepc was interrupted */
};

/* Runs argv[0], found by PATH, with our streams; --verbose shows the line.  Its exit status, or one of the above. */
int tool_run(Compilation *c, char **argv);

#endif
