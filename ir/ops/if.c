#include "ir/branch.h"

#include <string.h>

static const Operand operands[] = {
    {"condition", 0, "one bool"},
};

const OpDef op_if = {
    .name = "if",
    .doc =
        "Runs one of two bodies: `y = if t > 0 { return a } else { return b }`. Both return values of the same types; "
        "several have names, `return low: a, high: b`, and are y.low and y.high. Only the body that the condition "
        "names is computed; `where` chooses element by element.",
    .kind = KIND_BRANCH,
    .noperands = 1,
    .operands = operands,
};

const char *branch_region_name(int region) { return region == BRANCH_THEN ? "then" : "else"; }

bool branch_check(const Node *branch, Diag *diag)
{
    if (branch->ninputs != 1 || !branch->inputs[0].node)
        return diag_error(diag, E0304, node_span(branch), "if: expected one condition");
    const Type *type = value_type(branch->inputs[0]);
    if (type->dtype != BOOL || !type_is_fixed(type) || type_elements(type) != 1) {
        diag_error(diag, type->dtype == BOOL ? E0301 : E0302, node_span(branch), "if: expected one bool, found %s",
                   type_text(diag->arena, type));
        return diag_help(diag, type->dtype == BOOL ? "where(condition, a, b) chooses element by element"
                                                   : "compare: if x > 0 { ... }");
    }
    if (control_depth(branch->graph) < MAX_NESTED) return true;
    diag_error(diag, E0105, node_span(branch), "if: expected at most %d scans and branches inside one another",
               MAX_NESTED);
    return diag_help(diag, "give what is inside a statement of its own, in front");
}

static bool check_names(const Node *branch, const Result *yes, const Result *no, Diag *diag)
{
    bool alike = yes->name && no->name ? !strcmp(yes->name, no->name) : !yes->name && !no->name;
    if (alike) return true;
    diag_error(diag, E0304, node_span(branch), "if: one body returns `%s` where the other returns `%s`",
               yes->name ? yes->name : "a value", no->name ? no->name : "a value");
    return diag_help(diag, "several values have the same names in both, as in return low: a, high: b");
}

static bool check_types(const Node *branch, const Result *yes, const Result *no, Diag *diag)
{
    const Type *a = value_type(yes->value), *b = value_type(no->value);
    if (type_equal(a, b)) return true;
    diag_error(diag, a->dtype == b->dtype ? E0301 : E0302, node_span(branch),
               "if: one body returns %s where the other returns %s", type_text(diag->arena, a),
               type_text(diag->arena, b));
    return diag_help(diag, "both return values of the same types");
}

bool branch_infer(Node *branch, Diag *diag)
{
    if (!branch_check(branch, diag)) return false;
    if (branch->nregions < BRANCH_REGIONS) return true;
    const Graph *yes = branch->regions[BRANCH_THEN], *no = branch->regions[BRANCH_ELSE];
    if (yes->nresults != no->nresults) {
        diag_error(diag, E0304, node_span(branch), "if: one body returns %d values where the other returns %d",
                   yes->nresults, no->nresults);
        return diag_help(diag, "both return values of the same types");
    }
    if (branch->nresults != yes->nresults) branch->types = ARENA_ARRAY(yes->arena, Type, yes->nresults);
    branch->nresults = yes->nresults;
    for (int i = 0; i < yes->nresults; i++) {
        const Result *a = &yes->results[i], *b = &no->results[i];
        if (!a->value.node || !b->value.node) return false;
        if (yes->nresults > 1 && !check_names(branch, a, b, diag)) return false;
        if (!check_types(branch, a, b, diag)) return false;
        branch->types[i] = *value_type(a->value);
    }
    return true;
}
