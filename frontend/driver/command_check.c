/* lepc check and lepc report. */
#include "frontend/driver/report.h"

#include "ir/op.h"

#include <stddef.h>
#include <string.h>

/* Parameters as people count them: of the model's own text, before any pass. */
static int64_t count_parameters(const Graph *graph)
{
    int64_t count = 0;
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op == OP_param) count += type_elements(&node->types[0]);
    return count;
}

static void print_ports(const Compilation *c)
{
    for (const Node *node = c->graph->first; node; node = node->next)
        if (node->op == OP_input) printf("input      %s: %s\n", node->name, type_text(c->arena, &node->types[0]));
    for (const Node *node = c->graph->first; node; node = node->next)
        if (node->op == OP_state) printf("state      %s: %s\n", node->name, type_text(c->arena, &node->types[0]));
    for (int i = 0; i < graph_outputs(c->graph); i++)
        printf("output     %s: %s\n", c->graph->results[i].name,
               type_text(c->arena, value_type(c->graph->results[i].value)));
}

/* ---- what of an imported model is not supported ---- */

static int widest(const OnnxReport *report, size_t field, const char *title)
{
    size_t most = strlen(title);
    for (size_t i = 0; i < report->ngaps; i++) {
        const char *text = *(const char *const *)(const void *)((const char *)&report->gaps[i] + field);
        if (strlen(text) > most) most = strlen(text);
    }
    return most < 48 ? (int)most : 48;
}

/* Stands for the errors that the table has: those of what the file says wrongly stay. */
static void drop_listed(Diag *diag)
{
    Diagnostic **at = &diag->first;
    diag->last = NULL;
    while (*at) {
        Diagnostic *one = *at;
        bool listed = one->severity == SEVERITY_ERROR && one->code != E0511 && !one->at.source;
        if (listed)
            *at = one->next;
        else
            at = &(diag->last = one)->next;
        diag->errors -= listed;
    }
}

static void print_gaps(Compilation *c)
{
    const OnnxReport *report = &c->gaps;
    int node = widest(report, offsetof(OnnxGap, node), "node"), op = widest(report, offsetof(OnnxGap, op), "operator");
    int attribute = widest(report, offsetof(OnnxGap, attribute), "attribute");
    int why = widest(report, offsetof(OnnxGap, why), "what is not supported");
    if (!report->ngaps) return;
    printf("%-*s  %-*s  opset  %-*s  %-*s  way out\n", node, "node", op, "operator", attribute, "attribute", why,
           "what is not supported");
    for (size_t i = 0; i < report->ngaps; i++) {
        const OnnxGap *gap = &report->gaps[i];
        const char *opset = gap->opset ? arena_printf(c->arena, "%lld", (long long)gap->opset) : "-";
        printf("%-*s  %-*s  %5s  %-*s  %-*s  %s\n", node, gap->node, op, gap->op, opset, attribute, gap->attribute, why,
               gap->why, gap->way_out);
    }
    if (c->options->diagnostics == DIAGNOSTICS_JSON) return;
    drop_listed(c->diag);
    diag_error(c->diag, E0512, (Span){.name = c->options->model}, "%zu thing%s not supported", report->ngaps,
               report->ngaps == 1 ? " is" : "s are");
    diag_help(c->diag, "the table has a way out of each");
}

int command_check(Driver *driver)
{
    Compilation c = compilation_new(driver);
    if (!compile_load(&c, driver->options.model)) {
        print_gaps(&c);
        return STATUS_INPUT;
    }
    int64_t parameters = count_parameters(c.graph);
    if (!compile_passes(&c, NULL) || !compile_lower(&c)) return STATUS_INPUT;
    double adds = 0;
    for (int i = 0; i < c.program.nsteps; i++) adds += c.program.steps[i]->multiply_adds;
    printf("model      %s%s%s\n", c.graph->name, c.graph->doc ? ": " : "", c.graph->doc ? c.graph->doc : "");
    print_ports(&c);
    printf("parameters %lld\nMACs       %.0f\nlayers     %d\nfor        %s\n", (long long)parameters, adds,
           c.program.nsteps, c.target.name);
    return compile_sizes(&c) ? limits_check(&c, true) : STATUS_INPUT;
}

/* "memory,time" */
static bool read_kinds(Compilation *c, const char *text, Reports *out)
{
    TextList names = {.count = 0};
    while (*text && names.count < MAX_OPTION_LIST) {
        size_t length = strcspn(text, ",");
        names.at[names.count++] = arena_copy_chars(c->arena, text, length);
        text += length + (text[length] == ',');
    }
    return reports_choose(c, &names, out);
}

int command_report(Driver *driver)
{
    Compilation c = compilation_new(driver);
    Reports reports;
    if (!read_kinds(&c, driver->options.model, &reports)) return STATUS_USAGE;
    if (driver->options.arguments.count != 1) {
        diag_error(c.diag, E0801, (Span){.name = "lepc"}, "expected `lepc report KIND MODEL`, found %d models",
                   driver->options.arguments.count);
        return STATUS_USAGE;
    }
    if (!compile_load(&c, driver->options.arguments.at[0])) return STATUS_INPUT;
    reports_keep(&reports, &c);
    bool ok = compile_passes(&c, NULL) && compile_lower(&c);
    if (!ok || !reports_print(&reports, &c)) return STATUS_INPUT;
    return reports_are_limited(&reports) ? limits_check(&c, false) : STATUS_FINE;
}
