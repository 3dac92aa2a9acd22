/* The kinds of `lepc report KIND MODEL` and --report=KIND. */
#ifndef DRIVER_REPORT_H
#define DRIVER_REPORT_H

#include "frontend/driver/compile.h"

typedef struct ReportKind {
    const char *name;
    bool (*print)(Compilation *c); /* of a lowered graph, on standard output */
} ReportKind;

/* NULL when there is none of that name. */
const ReportKind *report_find(const char *name);
/* "memory or sparsity" */
const char *report_names(Arena *arena);

#endif
