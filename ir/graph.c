#include "ir/graph.h"

#include "ir/bounded.h"
#include "ir/branch.h"
#include "ir/count.h"
#include "ir/names.h"
#include "ir/scan.h"

#include <assert.h>
#include <string.h>

static const char *const stage_names[] = {
    [STAGE_ELABORATED] = "elaborated", [STAGE_CORE] = "core",           [STAGE_QUANTISED] = "quantised",
    [STAGE_GROUPED] = "grouped",       [STAGE_SCHEDULED] = "scheduled", [STAGE_PLANNED] = "planned",
};

const char *stage_name(Stage stage) { return stage_names[stage]; }

Stage stage_find(const char *name)
{
    int stage = 0;
    while (stage < STAGE_COUNT && strcmp(stage_names[stage], name) != 0) stage++;
    return (Stage)stage;
}

Graph *graph_new(Arena *arena, const char *name)
{
    Graph *graph = ARENA_NEW(arena, Graph);
    *graph = (Graph){.arena = arena, .name = name, .names = names_new(arena)};
    return graph;
}

Graph *graph_new_region(Node *owner)
{
    Graph *outer = owner->graph, *region = graph_new(outer->arena, NULL);
    region->parent = outer;
    region->owner = owner;
    region->stage = outer->stage;
    Graph **regions = ARENA_ARRAY(outer->arena, Graph *, owner->nregions + 1);
    if (owner->nregions) memcpy(regions, owner->regions, (size_t)owner->nregions * sizeof *regions);
    regions[owner->nregions++] = region;
    owner->regions = regions;
    return region;
}

/* ---- names ---- */

/* A name may hide that of the node that owns the region (a group is called as its result), but no other around it:
 * a dump would then not tell the two apart. */
static bool is_taken(const Graph *graph, const char *name)
{
    if (names_find(graph->names, name)) return true;
    for (; graph->parent; graph = graph->parent) {
        const Node *found = names_find(graph->parent->names, name);
        if (found && found != graph->owner) return true;
    }
    return false;
}

/* In regions inside: what comes to stand in front of them is seen there. */
static bool is_taken_within(const Graph *graph, const char *name)
{
    bool taken = false;
    for (const Node *node = graph->first; node && !taken; node = node->next)
        for (int i = 0; i < node->nregions && !taken; i++)
            taken = names_find(node->regions[i]->names, name) || is_taken_within(node->regions[i], name);
    return taken;
}

static const char *unique_name(Graph *graph, const char *wanted)
{
    const char *name = wanted;
    while (is_taken(graph, name))
        name = arena_printf(graph->arena, "%s.%d", wanted, names_next_suffix(graph->names, wanted));
    return name;
}

/* Of what goes out of a region, to the front of all others. */
static const char *outer_name(Graph *graph, const char *wanted)
{
    const char *name = wanted;
    while (is_taken(graph, name) || is_taken_within(graph, name))
        name = arena_printf(graph->arena, "%s.%d", wanted, names_next_suffix(graph->names, wanted));
    return name;
}

static bool stands_outside(const Node *node) { return node->op == OP_param || node->op == OP_constant; }

void graph_rename(Node *node, const char *name)
{
    names_drop(node->graph->names, node);
    node->name = stands_outside(node) ? outer_name(node->graph, name) : unique_name(node->graph, name);
    names_put(node->graph->names, node);
}

Node *graph_find(const Graph *graph, const char *name) { return names_find(graph->names, name); }

/* ---- the list ---- */

static void link_node(Graph *graph, Node *node, Node *before)
{
    assert(!before || before->graph == graph);
    node->graph = graph;
    node->next = before;
    node->previous = before ? before->previous : graph->last;
    if (node->previous)
        node->previous->next = node;
    else
        graph->first = node;
    if (before)
        before->previous = node;
    else
        graph->last = node;
}

static void unlink_node(Node *node)
{
    Graph *graph = node->graph;
    if (node->previous)
        node->previous->next = node->next;
    else
        graph->first = node->next;
    if (node->next)
        node->next->previous = node->previous;
    else
        graph->last = node->previous;
    node->previous = node->next = NULL;
}

void graph_remove(Graph *graph, Node *node)
{
    assert(node->graph == graph);
    names_drop(graph->names, node);
    unlink_node(node);
    count_forget(node);
    node->graph = NULL;
}

void graph_move(Graph *graph, Node *node, Node *before)
{
    if (node == before) return;
    Graph *from = node->graph;
    if (from != graph) names_drop(from->names, node);
    unlink_node(node);
    if (from != graph) node->name = node->nregions ? unique_name(graph, node->name) : outer_name(graph, node->name);
    link_node(graph, node, before);
    if (from != graph) names_put(graph->names, node);
    for (int i = 0; i < node->nregions; i++) node->regions[i]->parent = graph;
}

/* ---- nodes ---- */

Span node_span(const Node *node)
{
    Span at = node->origin.count ? node->origin.at[0] : (Span){0};
    if (!at.source && !at.name) at.name = node->name;
    return at;
}

static Span spec_span(const NodeSpec *spec)
{
    const Node node = {.name = spec->name, .origin = spec->origin};
    return node_span(&node);
}

static int least_operands(const OpDef *def)
{
    int least = 0;
    for (int i = 0; i < def->noperands; i++)
        if (!(def->operands[i].flags & OPERAND_OPTIONAL)) least = i + 1;
    return least;
}

static bool is_variadic(const OpDef *def)
{
    return def->noperands > 0 && def->operands[def->noperands - 1].flags & OPERAND_VARIADIC;
}

static bool may_be_absent(const OpDef *def, int operand)
{
    return operand < def->noperands && def->operands[operand].flags & OPERAND_OPTIONAL;
}

static const char *expected_operands(Arena *arena, const OpDef *def)
{
    int least = least_operands(def), most = def->noperands;
    if (is_variadic(def)) return arena_printf(arena, "%d or more operands", least);
    if (least == most) return arena_printf(arena, "%d operand%s", most, most == 1 ? "" : "s");
    return arena_printf(arena, "%d to %d operands", least, most);
}

static bool check_operands(const OpDef *def, const NodeSpec *spec, int count, Diag *diag)
{
    bool fits = count >= least_operands(def) && (count <= def->noperands || is_variadic(def));
    if (!fits) {
        diag_error(diag, E0304, spec_span(spec), "%s takes %s, found %d", def->name,
                   expected_operands(diag->arena, def), count);
        return diag_help(diag, "write %s", op_signature(diag->arena, def));
    }
    for (int i = 0; i < count; i++) {
        if (spec->inputs[i].node || may_be_absent(def, i)) continue;
        diag_error(diag, E0304, spec_span(spec), "%s needs operand %d, %s; found none", def->name, i + 1,
                   def->operands[i < def->noperands ? i : def->noperands - 1].name);
        return diag_help(diag, "write %s", op_signature(diag->arena, def));
    }
    return true;
}

/* Absent operands at the end are not counted, but there is room to read them. */
void graph_set_inputs(Node *node, int count, const Value *inputs)
{
    const OpDef *def = node_def(node);
    while (count > 0 && !inputs[count - 1].node) count--;
    int room = count > def->noperands ? count : def->noperands;
    node->inputs = ARENA_ARRAY(node->graph->arena, Value, room + 1);
    node->ninputs = count;
    if (count) memcpy(node->inputs, inputs, (size_t)count * sizeof *node->inputs);
}

static void set_attrs(Node *node, const OpDef *def, const NodeSpec *spec, Arena *arena)
{
    node->attrs = arena_alloc(arena, def->attrs.size + 1);
    if (spec->attrs)
        memcpy(node->attrs, spec->attrs, def->attrs.size);
    else
        attr_set_defaults(&def->attrs, node->attrs);
}

static void set_types(Node *node, const OpDef *def, const NodeSpec *spec, Arena *arena)
{
    node->nresults = def->nresults ? def->nresults : 1;
    if (node_is_step(node) && !spec->type) node->nresults = 0;
    node->types = ARENA_ARRAY(arena, Type, node->nresults);
    assert(!spec->type || node->nresults == 1);
    if (spec->type) node->types[0] = *spec->type;
}

/* Where what never changes stands: before the outermost scan or branch. */
static Graph *outside_of_control(Graph *graph, Node **before)
{
    while (graph->owner && node_is_control(graph->owner)) {
        *before = graph->owner;
        graph = graph->owner->graph;
    }
    return graph;
}

Node *graph_add(Graph *graph, const NodeSpec *spec, Diag *diag)
{
    const OpDef *def = op_table[spec->op];
    Node *node = ARENA_NEW(graph->arena, Node);
    *node = (Node){.op = spec->op, .name = spec->name, .graph = graph, .data = spec->data, .origin = spec->origin};
    graph_set_inputs(node, spec->ninputs, spec->inputs);
    if (!check_operands(def, spec, node->ninputs, diag)) return NULL;
    set_attrs(node, def, spec, graph->arena);
    set_types(node, def, spec, graph->arena);
    assert(def->kind != KIND_SOURCE || spec->type);
    count_name(node);
    if (!graph_infer(node, diag)) return NULL;
    count_declare(node);
    node->name = unique_name(graph, arena_copy_string(graph->arena, spec->name));
    Node *before = spec->before;
    if (stands_outside(node)) {
        const Graph *inner = graph;
        graph = outside_of_control(graph, &before);
        if (graph != inner) node->name = outer_name(graph, node->name);
    }
    link_node(graph, node, before);
    names_put(graph->names, node);
    return node;
}

/* The types of a group are those of what its region returns. */
static bool infer_region(Node *node)
{
    if (!node->nregions) return true;
    const Graph *region = node->regions[0];
    if (node->nresults != region->nresults) node->types = ARENA_ARRAY(region->arena, Type, region->nresults);
    node->nresults = region->nresults;
    for (int i = 0; i < region->nresults; i++) node->types[i] = *value_type(region->results[i].value);
    return true;
}

bool graph_infer(Node *node, Diag *diag)
{
    const OpDef *def = node_def(node);
    if (def->kind == KIND_GROUP) return infer_region(node);
    if (def->kind == KIND_LOOP) return scan_infer(node, diag);
    if (def->kind == KIND_BRANCH) return branch_infer(node, diag);
    if (def->kind == KIND_SOURCE) return true; /* its type was declared */
    return node_infer(node, node->types, diag);
}

int graph_outputs(const Graph *graph)
{
    int count = 0;
    while (count < graph->nresults && !graph->results[count].state) count++;
    return count;
}

void graph_add_result(Graph *graph, Result result)
{
    Result *results = ARENA_ARRAY(graph->arena, Result, graph->nresults + 1);
    if (graph->nresults) memcpy(results, graph->results, (size_t)graph->nresults * sizeof *results);
    results[graph->nresults++] = result;
    graph->results = results;
}
