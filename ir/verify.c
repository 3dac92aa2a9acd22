#include "ir/verify.h"

#include "ir/bounded.h"
#include "ir/branch.h"
#include "ir/count.h"
#include "ir/node_map.h"
#include "ir/strips.h"

#include <string.h>

typedef struct Verifier {
    Arena *arena;
    Diag *diag;
    NodeMap *seen; /* nodes that stand before the one looked at */
    Stage stage;
} Verifier;

static bool broken(Verifier *v, const Node *node, const char *what, const char *detail)
{
    return diag_error(v->diag, E0605, node_span(node), "%s `%s` %s%s", node_def(node)->name, node->name, what, detail);
}

/* ---- order and names ---- */

static bool is_visible(const Graph *from, const Node *node)
{
    while (from && from != node->graph) from = from->parent;
    return from != NULL;
}

/* True when a node of `graph` that stands before hides a captured value of the same name: text could not tell them
 * apart. */
static bool is_hidden(const Verifier *v, const Graph *graph, const Node *node)
{
    for (; graph && graph != node->graph; graph = graph->parent) {
        const Node *inner = graph_find(graph, node->name);
        if (inner && inner != node && node_map_find(v->seen, inner)) return true;
    }
    return false;
}

static bool check_value(Verifier *v, const Graph *graph, const Node *user, Value value)
{
    const char *name = value.node->name;
    if (!node_map_find(v->seen, value.node)) return broken(v, user, "uses a value that comes later: ", name);
    if (!is_visible(graph, value.node)) return broken(v, user, "uses a value of another region: ", name);
    if (value.slot < 0 || value.slot >= value.node->nresults) return broken(v, user, "uses a missing result of ", name);
    if (is_hidden(v, graph, value.node)) return broken(v, user, "uses a value whose name is hidden: ", name);
    return true;
}

static bool check_operands(Verifier *v, const Graph *graph, const Node *node)
{
    const OpDef *def = node_def(node);
    bool good = true;
    for (int i = 0; i < node->ninputs; i++) {
        bool optional = i < def->noperands && def->operands[i].flags & OPERAND_OPTIONAL;
        if (node->inputs[i].node)
            good = check_value(v, graph, node, node->inputs[i]) && good;
        else if (!optional)
            good = broken(v, node, "lacks an operand", "");
    }
    return good;
}

static bool check_name(Verifier *v, const Graph *graph, const Node *node)
{
    if (node->graph != graph) return broken(v, node, "is listed in a graph that it is not of", "");
    return graph_find(graph, node->name) == node || broken(v, node, "does not have a name of its own", "");
}

/* ---- types ---- */

static bool check_type(Verifier *v, const Node *node, const Type *inferred, int slot)
{
    if (type_equal(inferred, &node->types[slot])) return true;
    return broken(v, node, "has another type than its rule gives: ",
                  arena_printf(v->diag->arena, "%s, not %s", type_text(v->diag->arena, inferred),
                               type_text(v->diag->arena, &node->types[slot])));
}

static bool check_data(Verifier *v, const Node *node)
{
    /* without elements a constant is the one number of its attributes */
    const ConstantAttrs *attrs = node->attrs;
    if (node->op == OP_constant && !node->data && attrs->pool) return broken(v, node, "has no elements", "");
    return !node->data || type_equal(&node->data->type, &node->types[0]) ||
           broken(v, node, "has elements of another type", "");
}

/* The region's first inputs are slices, then come the carried values, each of which becomes one result. */
static bool check_scan_ports(Verifier *v, const Node *scan)
{
    const Graph *region = scan->regions[0];
    int scanned = scan_scanned(scan), gathered = scan_gathered(scan);
    if (scan_input(scan, scan->ninputs) || !scan_input(scan, scan->ninputs - 1) ||
        region->nresults - gathered != scan_carried(scan))
        return broken(v, scan, "has other inputs or results than its body", "");
    bool good = true;
    for (int i = 0; i < scan->ninputs; i++) {
        const Node *input = scan_input(scan, i);
        const Type *given = value_type(scan->inputs[i]);
        Type slice = i < scanned ? scan_slice(given, ((const ScanAttrs *)scan->attrs)->axes.at[i]) : *given;
        good = check_type(v, input, &slice, 0) && good;
        if (i >= scanned && region->results[gathered + i - scanned].state != input)
            good = broken(v, input, "has no `next` where it should be", "");
    }
    for (int i = 0; i < gathered; i++)
        if (!region->results[i].name) good = broken(v, scan, "returns a value without a name", "");
    return good;
}

/* The results are those that the bodies give. */
static bool check_body_types(Verifier *v, const Node *node)
{
    if (node->nresults != node->regions[0]->nresults) return broken(v, node, "has other results than its body", "");
    Node inferred = *node;
    inferred.types = ARENA_ARRAY(v->arena, Type, node->nresults);
    if (!graph_infer(&inferred, v->diag)) return false;
    bool good = true;
    for (int i = 0; i < node->nresults; i++) good = check_type(v, node, &inferred.types[i], i) && good;
    return good;
}

static bool check_scan(Verifier *v, const Node *scan)
{
    return scan_check(scan, v->diag) && check_scan_ports(v, scan) && check_body_types(v, scan);
}

/* Bodies that take nothing, keep nothing and give back something, by a name where there are several. */
static bool check_branch(Verifier *v, const Node *branch)
{
    if (!branch_check(branch, v->diag)) return false;
    for (int i = 0; i < branch->nregions; i++) {
        const Graph *region = branch->regions[i];
        bool sound = region->nresults > 0 && graph_outputs(region) == region->nresults;
        for (const Node *node = region->first; node; node = node->next) sound = sound && node->op != OP_input;
        for (int k = 0; k < region->nresults; k++) sound = sound && (region->nresults == 1 || region->results[k].name);
        if (!sound) return broken(v, branch, "has a body with inputs, without results or without their names", "");
    }
    return check_body_types(v, branch);
}

static bool check_types(Verifier *v, const Node *node)
{
    const OpDef *def = node_def(node);
    if (def->kind == KIND_SOURCE) return check_data(v, node);
    if (def->kind == KIND_LOOP) return check_scan(v, node);
    if (def->kind == KIND_BRANCH) return check_branch(v, node);
    if (def->kind == KIND_GROUP) {
        const Graph *body = node->regions[0];
        if (body->nresults != node->nresults) return broken(v, node, "has other results than its body returns", "");
        bool good = true;
        for (int i = 0; i < body->nresults; i++)
            good = check_type(v, node, value_type(body->results[i].value), i) && good;
        return good;
    }
    Type *inferred = ARENA_ARRAY(v->arena, Type, node->nresults);
    if (!node_infer(node, inferred, v->diag)) return false;
    bool good = true;
    for (int i = 0; i < node->nresults; i++) good = check_type(v, node, &inferred[i], i) && good;
    return good;
}

/* ---- stages ---- */

/* Groups come together in strips when they have schedules. */
static bool check_strips(Verifier *v, const Node *node)
{
    if (v->stage < STAGE_SCHEDULED || node->graph->owner)
        return broken(v, node, "is a group of groups before they are scheduled, or in another", "");
    if (!node->schedule) return broken(v, node, "has no schedule", "");
    return verify_schedule(node, v->diag) && verify_strips(node, v->diag);
}

/* One anchor at most; a pooling may follow a contraction, and reductions may go over the same rows. */
static bool check_group(Verifier *v, const Node *node)
{
    Group group = group_of(node);
    bool good = true;
    if (group.kind == KIND_GROUP) return check_strips(v, node);
    for (const Node *inner = group.body->first; inner; inner = inner->next) {
        OpKind kind = node_def(inner)->kind;
        bool rows = kind == KIND_REDUCE && group.kind == KIND_REDUCE;
        bool work = rows || kind == KIND_MAP || kind == KIND_VIEW || kind == KIND_IOTA || kind == KIND_INDEX;
        if (kind == KIND_SOURCE || kind == KIND_COMPOSITE || node_is_step(inner))
            good = broken(v, inner, "does not belong into a group", "");
        else if (!work && inner != group.anchor && inner != group.pool)
            good = broken(v, inner, "is a second anchor of its group", "");
    }
    if (!good || !verify_group(node, v->diag)) return false;
    if (v->stage < STAGE_SCHEDULED) return true;
    if (!node->schedule) return broken(v, node, "has no schedule", "");
    return verify_schedule(node, v->diag) && (v->stage < STAGE_PLANNED || verify_panels(node, v->diag));
}

/* Passes and code never meet what has no elements but as inputs, outputs and constants. */
static bool check_elements(const Node *node)
{
    bool source = node->op == OP_input ? !node->graph->owner : node->op == OP_param || node->op == OP_constant;
    bool nothing = node_reads_nothing(node);
    for (int i = 0; i < node->nresults; i++) nothing = nothing || type_is_empty(&node->types[i]);
    return source || !nothing;
}

static bool check_stage(Verifier *v, const Node *node)
{
    OpKind kind = node_def(node)->kind;
    if (kind == KIND_GROUP) return check_group(v, node);
    bool composite = kind == KIND_COMPOSITE || (op_is_composite(node->op) && !node_is_whole(node));
    if (v->stage >= STAGE_CORE && composite) return broken(v, node, "should have been expanded", "");
    if (v->stage >= STAGE_CORE && !check_elements(node)) return broken(v, node, "works with what has no elements", "");
    bool in_body = node->graph->owner && node_is_control(node->graph->owner);
    if (in_body && (node->op == OP_param || node->op == OP_constant))
        return broken(v, node, "belongs outside of the scan or branch", "");
    if (v->stage < STAGE_GROUPED || (node->graph->owner && !in_body)) return true;
    if (kind == KIND_SOURCE || node_is_control(node)) return true;
    if (node_is_alias(node) && node->inputs[0].node->graph == node->graph) return true;
    if (node_is_alias(node))
        return broken(v, node, "is a view of what is outside of the scan or branch, and belongs there", "");
    return broken(v, node, "stands outside of a group", "");
}

/* ---- all of it ---- */

static bool check_graph(Verifier *v, const Graph *graph);

/* What later checks take for granted is checked first. */
static bool check_node(Verifier *v, const Graph *graph, const Node *node)
{
    int regions = node_def(node)->kind == KIND_BRANCH ? BRANCH_REGIONS : node_is_step(node);
    if (node->nregions != regions) return broken(v, node, "has a wrong number of regions", "");
    bool good = check_name(v, graph, node) && check_operands(v, graph, node);
    for (int i = 0; good && i < node->nregions; i++) good = check_graph(v, node->regions[i]);
    return good && check_types(v, node) && check_stage(v, node);
}

/* ---- states ---- */

/* Each state becomes one value of its own type, and what states become stands behind the outputs. */
static bool check_states(Verifier *v, const Graph *graph)
{
    bool scan = graph->owner && node_def(graph->owner)->kind == KIND_LOOP;
    NodeMap *nexts = node_map_new(v->arena);
    int outputs = graph_outputs(graph);
    bool good = true;
    for (int i = outputs; i < graph->nresults; i++) {
        const Result *next = &graph->results[i];
        if (!next->state) return diag_error(v->diag, E0605, next->at, "output `%s` stands behind a `next`", next->name);
        if (next->state->op != (scan ? OP_input : OP_state) || next->state->graph != graph)
            return broken(v, next->state, "is no state of the model, but has a `next`", "");
        if (*node_map_cell(nexts, next->state)) good = broken(v, next->state, "has two values of `next`", "");
        *node_map_cell(nexts, next->state) = 1;
        if (next->value.node && !type_equal(value_type(next->value), &next->state->types[0]))
            good = broken(v, next->state,
                          "becomes a value of another type: ", type_text(v->diag->arena, value_type(next->value)));
    }
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op == OP_state && !node_map_find(nexts, node))
            good = broken(v, node, graph->owner ? "does not belong into a body" : "has no `next`", "");
    return good;
}

static bool check_result(Verifier *v, const Graph *graph, const Result *result)
{
    const Node *node = result->value.node;
    if (!node) return diag_error(v->diag, E0605, result->at, "result `%s` has no value", result->name);
    return check_value(v, graph, graph->owner ? graph->owner : node, result->value);
}

static bool check_graph(Verifier *v, const Graph *graph)
{
    bool good = true;
    for (const Node *node = graph->first; node; node = node->next) {
        good = check_node(v, graph, node) && good;
        *node_map_cell(v->seen, node) = 1;
    }
    for (int i = 0; i < graph->nresults; i++) good = check_result(v, graph, &graph->results[i]) && good;
    good = good && check_states(v, graph);
    return good;
}

bool graph_verify(const Graph *graph, Diag *diag)
{
    Arena *arena = arena_child(graph->arena);
    Verifier v = {.arena = arena, .diag = diag, .seen = node_map_new(arena), .stage = graph->stage};
    bool good = check_graph(&v, graph) && graph_check_counts(graph, diag);
    arena_free(arena);
    if (good && graph->stage == STAGE_PLANNED) good = verify_plan(graph, diag);
    return good;
}
