/* How good a classifier is, from what it said of rows whose classes are known. */
#ifndef DRIVER_METRICS_H
#define DRIVER_METRICS_H

#include "ir/arena.h"
#include "runtime/model.h"

#include <stdio.h>

/* How often class `right` was taken for class `said`: count[right * classes + said]. */
typedef struct Confusion {
    int64_t classes, rows;
    int64_t among_five; /* rows whose class was among the five best */
    int64_t *count;
} Confusion;

typedef struct Metric {
    const char *name;
    double (*value)(const Confusion *confusion); /* 0 to 1 */
    const char *doc;
} Metric;

/* Precision, recall and F1 are means over the classes that occur, each counted the same (macro averages). */
extern const Metric metric_table[];
extern const int metric_count;
const Metric *metric_find(const char *name); /* NULL when there is none */

Confusion confusion_new(Arena *arena, int64_t classes);
/* `row`: one row of the output, a number a class. */
void confusion_add(Confusion *confusion, int64_t right, const LepPort *port, const void *row);
/* Each class that occurs: rows, precision, recall, F1, and what it is mostly taken for. */
void confusion_print(const Confusion *confusion, const LepPort *port, FILE *out);

#endif
