#include "frontend/driver/report.h"

#include "frontend/driver/layers.h"
#include "passes/report_fusion.h"
#include "passes/report_memory.h"
#include "passes/report_quant.h"
#include "passes/report_sparsity.h"

#include <string.h>

/* Sizes of code and stack first, then where every value lives. */
static bool print_memory(Compilation *c)
{
    Sizes sizes;
    if (!compile_measure(c, &sizes)) return false;
    sizes_print(c, &sizes, stdout);
    layers_print(c, &sizes, stdout);
    putchar('\n');
    report_memory(c->graph, stdout);
    return true;
}

static bool print_sparsity(Compilation *c)
{
    PassContext context = compile_context(c);
    report_sparsity(c->graph, &context, stdout);
    return true;
}

static bool print_quant(Compilation *c)
{
    PassContext context = compile_context(c);
    return pass_pipeline(c->as_read, &context, "dce", NULL, NULL, c->diag) &&
           report_quant(c->as_read, &context, stdout, c->diag);
}

static bool print_fusion(Compilation *c)
{
    report_fusion(c->graph, stdout);
    return true;
}

static bool print_size(Compilation *c) { return report_size(c, stdout); }
static bool print_time(Compilation *c) { return report_time(c, stdout); }

static const ReportKind report_table[REPORT_COUNT] = {
#define REPORT(name, before_passes, limited, doc) {#name, print_##name, before_passes, limited, doc},
#include "frontend/driver/report.def"
};

/* ---- which ---- */

static bool unknown_report(const Compilation *c, const char *name)
{
    const char *names[REPORT_COUNT], *all = report_table[0].name;
    for (int i = 0; i < REPORT_COUNT; i++) names[i] = report_table[i].name;
    for (int i = 1; i < REPORT_COUNT; i++)
        all = arena_printf(c->arena, "%s%s%s", all, i + 1 == REPORT_COUNT ? " or " : ", ", names[i]);
    const char *nearest = diag_nearest(name, names, REPORT_COUNT);
    diag_error(c->diag, E0801, (Span){.name = "lepc"}, "there is no report '%s': expected %s", name, all);
    return nearest ? diag_help(c->diag, "did you mean %s?", nearest) : false;
}

bool reports_choose(Compilation *c, const TextList *names, Reports *out)
{
    bool wanted[REPORT_COUNT] = {false};
    for (int i = 0; i < names->count; i++) {
        int kind = 0;
        while (kind < REPORT_COUNT && strcmp(report_table[kind].name, names->at[i]) != 0) kind++;
        if (kind == REPORT_COUNT) return unknown_report(c, names->at[i]);
        wanted[kind] = true;
    }
    out->count = 0;
    for (int kind = 0; kind < REPORT_COUNT; kind++)
        if (wanted[kind]) out->at[out->count++] = &report_table[kind];
    return true;
}

void reports_keep(const Reports *reports, Compilation *c)
{
    bool keeps = false;
    for (int i = 0; i < reports->count; i++) keeps = keeps || reports->at[i]->before_passes;
    if (keeps) c->as_read = graph_clone(c->arena, c->graph);
}

bool reports_print(const Reports *reports, Compilation *c)
{
    for (int i = 0; i < reports->count; i++) {
        if (reports->count > 1) printf("%s=== %s ===\n", i ? "\n" : "", reports->at[i]->name);
        if (!reports->at[i]->print(c)) return false;
    }
    return true;
}

bool reports_are_limited(const Reports *reports)
{
    bool limited = false;
    for (int i = 0; i < reports->count; i++) limited = limited || reports->at[i]->limited;
    return limited;
}

void reports_help(FILE *out)
{
    for (int i = 0; i < REPORT_COUNT; i++) fprintf(out, "  %-26s %s\n", report_table[i].name, report_table[i].doc);
}
