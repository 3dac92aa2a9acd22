/* The kinds of `lepc report KIND MODEL` and --report=KIND, of which there may be several: memory,time. */
#ifndef DRIVER_REPORT_H
#define DRIVER_REPORT_H

#include "frontend/driver/compile.h"

enum {
#define REPORT(name, before_passes, limited, doc) REPORT_##name,
#include "frontend/driver/report.def"
    REPORT_COUNT
};

typedef bool ReportPrint(Compilation *c); /* of a lowered graph, on standard output */

typedef struct ReportKind {
    const char *name;
    ReportPrint *print;
    bool before_passes; /* and of what it was made of: c->as_read */
    bool limited;       /* shows what limits are of: status 4 when they are exceeded */
    const char *doc;
} ReportKind;

/* Those that were asked for, in the order of the table, each once. */
typedef struct Reports {
    int count;
    const ReportKind *at[REPORT_COUNT];
} Reports;

/* "memory,time", or what several flags said; E0801 for a name that there is not. */
bool reports_choose(Compilation *c, const TextList *names, Reports *out);
/* Before the passes: keeps what the reports want of the graph as it was read. */
void reports_keep(const Reports *reports, Compilation *c);
/* Of a lowered graph; several with their names above them. */
bool reports_print(const Reports *reports, Compilation *c);
/* Whether one of them shows what limits are of. */
bool reports_are_limited(const Reports *reports);
/* A line a kind, for `lepc report --help`. */
void reports_help(FILE *out);

/* Two of the kinds. */
bool report_size(Compilation *c, FILE *out);
bool report_time(Compilation *c, FILE *out);

#endif
