#include "frontend/driver/metrics.h"

#include "runtime/runner/element.h"
#include "runtime/runner/results.h"

#include <string.h>

Confusion confusion_new(Arena *arena, int64_t classes)
{
    return (Confusion){.classes = classes, .count = ARENA_ARRAY(arena, int64_t, classes * classes)};
}

void confusion_add(Confusion *confusion, int64_t right, const LepPort *port, const void *row)
{
    int64_t best = row_best(port, row), better = 0;
    double own = element_value(port->dtype, row, (size_t)right);
    for (int64_t i = 0; i < confusion->classes; i++) {
        double value = element_value(port->dtype, row, (size_t)i);
        better += value > own || (value == own && i < right);
    }
    confusion->rows++;
    confusion->among_five += better < 5;
    confusion->count[right * confusion->classes + best]++;
}

/* ---- of one class ---- */

static int64_t hits(const Confusion *c, int64_t class) { return c->count[class * c->classes + class]; }

static int64_t occurs(const Confusion *c, int64_t class)
{
    int64_t sum = 0;
    for (int64_t said = 0; said < c->classes; said++) sum += c->count[class * c->classes + said];
    return sum;
}

static int64_t is_said(const Confusion *c, int64_t class)
{
    int64_t sum = 0;
    for (int64_t right = 0; right < c->classes; right++) sum += c->count[right * c->classes + class];
    return sum;
}

static double share(int64_t part, int64_t whole) { return whole ? (double)part / (double)whole : 0; }
static double recall_of(const Confusion *c, int64_t class) { return share(hits(c, class), occurs(c, class)); }
static double precision_of(const Confusion *c, int64_t class) { return share(hits(c, class), is_said(c, class)); }

static double f1_of(const Confusion *c, int64_t class)
{
    return share(2 * hits(c, class), occurs(c, class) + is_said(c, class));
}

/* ---- of all ---- */

static double mean(const Confusion *c, double (*of)(const Confusion *, int64_t))
{
    double sum = 0;
    int64_t classes = 0;
    for (int64_t i = 0; i < c->classes; i++) {
        if (!occurs(c, i)) continue;
        sum += of(c, i);
        classes++;
    }
    return classes ? sum / (double)classes : 0;
}

static double accuracy(const Confusion *c)
{
    int64_t right = 0;
    for (int64_t i = 0; i < c->classes; i++) right += hits(c, i);
    return share(right, c->rows);
}

static double top5(const Confusion *c) { return share(c->among_five, c->rows); }
static double precision(const Confusion *c) { return mean(c, precision_of); }
static double recall(const Confusion *c) { return mean(c, recall_of); }
static double f1(const Confusion *c) { return mean(c, f1_of); }

const Metric metric_table[] = {
    {"accuracy", accuracy, "rows whose best class is the right one"},
    {"top5", top5, "rows whose right class is among the five best"},
    {"precision", precision, "of the rows that are said to be of a class, those that are"},
    {"recall", recall, "of the rows of a class, those that are said to be"},
    {"f1", f1, "the harmonic mean of precision and recall"},
};
const int metric_count = sizeof metric_table / sizeof metric_table[0];

const Metric *metric_find(const char *name)
{
    for (int i = 0; i < metric_count; i++)
        if (strcmp(metric_table[i].name, name) == 0) return &metric_table[i];
    return NULL;
}

/* ---- the table ---- */

static void print_class(int64_t class, const LepPort *port, FILE *out)
{
    if (class < port->nlabels)
        fprintf(out, "%-20s", port->labels[class]);
    else
        fprintf(out, "%-20lld", (long long)class);
}

/* The class that `class` is most often taken for; itself when it never is. */
static int64_t mistaken_for(const Confusion *c, int64_t class)
{
    int64_t most = 0, found = class;
    for (int64_t said = 0; said < c->classes; said++) {
        int64_t count = c->count[class * c->classes + said];
        if (said == class || count <= most) continue;
        most = count;
        found = said;
    }
    return found;
}

void confusion_print(const Confusion *c, const LepPort *port, FILE *out)
{
    fprintf(out, "%-20s %8s %10s %8s %8s  %s\n", "class", "rows", "precision", "recall", "f1", "mostly mistaken for");
    for (int64_t i = 0; i < c->classes; i++) {
        if (!occurs(c, i)) continue;
        print_class(i, port, out);
        fprintf(out, " %8lld %9.2f%% %7.2f%% %7.2f%%", (long long)occurs(c, i), 100 * precision_of(c, i),
                100 * recall_of(c, i), 100 * f1_of(c, i));
        int64_t other = mistaken_for(c, i);
        if (other != i) {
            fputs("  ", out);
            print_class(other, port, out);
        }
        fputc('\n', out);
    }
}
