/* The kinds of `lepc report KIND MODEL` and --report=KIND. */
#ifndef DRIVER_REPORT_H
#define DRIVER_REPORT_H

#include "frontend/driver/compile.h"

typedef struct ReportKind {
    const char *name;
    bool (*print)(Compilation *c); /* of a lowered graph, on standard output */
    bool before_passes;            /* and of what it was made of: c->as_read */
    bool limited;                  /* shows what limits are of: status 4 when they are exceeded */
} ReportKind;

/* NULL when there is none of that name. */
const ReportKind *report_find(const char *name);
/* Before the passes: keeps what the report wants of the graph as it was read.  No report: nothing. */
void report_keep(const ReportKind *report, Compilation *c);
/* "memory, fusion, sparsity or quant" */
const char *report_names(Arena *arena);

#endif
