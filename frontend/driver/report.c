#include "frontend/driver/report.h"

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
    sizes_print(&sizes, c->policy ? &c->policy->limit : NULL, stdout);
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

static const ReportKind report_table[] = {
    {"memory", print_memory, false, true},
    {"fusion", print_fusion, false, false},
    {"sparsity", print_sparsity, false, false},
    {"quant", print_quant, true, false},
};
static const size_t report_count = sizeof report_table / sizeof *report_table;

const ReportKind *report_find(const char *name)
{
    for (size_t i = 0; i < report_count; i++)
        if (!strcmp(report_table[i].name, name)) return &report_table[i];
    return NULL;
}

void report_keep(const ReportKind *report, Compilation *c)
{
    if (report && report->before_passes) c->as_read = graph_clone(c->arena, c->graph);
}

const char *report_names(Arena *arena)
{
    const char *text = report_table[0].name;
    for (size_t i = 1; i < report_count; i++)
        text = arena_printf(arena, "%s%s%s", text, i + 1 == report_count ? " or " : ", ", report_table[i].name);
    return text;
}
