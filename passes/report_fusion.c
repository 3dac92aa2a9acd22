#include "passes/report_fusion.h"

#include "ir/place.h"
#include "ir/schedule.h"
#include "ir/sweeps.h"
#include "passes/fusion.h"
#include "passes/group.h"

#include <inttypes.h>

typedef struct Totals {
    int groups, operators;
    int64_t moved, saved;
} Totals;

static bool is_computed_group(const Node *node) { return node_def(node)->kind == KIND_GROUP; }

static const Place *place_of(Value value) { return value.node->places ? &value.node->places[value.slot] : NULL; }

/* ---- bytes ---- */

/* A value inside would be written once, and read once by each operator that uses it. */
static int64_t bytes_saved(const Graph *body)
{
    int64_t bytes = 0;
    for (const Node *node = body->first; node; node = node->next) {
        for (int slot = 0; slot < node->nresults; slot++) {
            Value value = {(Node *)node, slot};
            if (!graph_is_result(body, value)) bytes += (1 + graph_uses(body, value)) * type_bytes(value_type(value));
        }
        if (is_computed_group(node)) bytes += bytes_saved(node->regions[0]);
    }
    return bytes;
}

/* ---- why not ---- */

static int groups_that_read(const Graph *graph, Value value)
{
    int groups = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        Value *captured;
        int count = node->nregions ? graph_captures(node->regions[0], &captured) : 0, reads = 0;
        for (int i = 0; i < count; i++) reads |= value_equal(captured[i], value);
        groups += reads;
    }
    return groups;
}

/* The operator inside that reads the value first, and as which operand. */
static const Node *reader_of(const Graph *body, Value value, int *operand)
{
    for (const Node *node = body->first; node; node = node->next) {
        for (int i = 0; i < node->ninputs; i++)
            if (value_equal(node->inputs[i], value)) {
                *operand = i;
                return node;
            }
        const Node *inner = is_computed_group(node) ? reader_of(node->regions[0], value, operand) : NULL;
        if (inner) return inner;
    }
    return NULL;
}

/* How the reader takes it from memory, whoever made it; NULL: as it would from registers. */
static const char *why_from_memory(const Node *reader, int operand)
{
    switch (node_def(reader)->kind) {
    case KIND_CONTRACT: return operand == 1 ? "weights are read in panels" : "a contraction reads each element often";
    case KIND_WINDOW: return "windows overlap: elements are read more than once";
    case KIND_INDEX: return operand == 0 ? "it is read at computed places" : NULL;
    case KIND_NEST: return "the operator has a nest of its own";
    case KIND_LOOP: return "it is read in turns";
    default: return NULL;
    }
}

static const char *why_from_anchor(Arena *arena, const Group *made, const Group *reads, const Node *reader)
{
    const Node *anchor = made->anchor;
    if (!anchor) return NULL;
    const char *misfit = made->kind == KIND_REDUCE ? fusion_row_misfit(anchor) : NULL;
    if (misfit) return arena_printf(arena, "%s makes it, and %s", node_def(anchor)->name, misfit);
    if (made->kind == KIND_REDUCE && reads->kind == KIND_REDUCE)
        return arena_printf(arena, "%s makes it, and its rows are others", node_def(anchor)->name);
    if (reads->anchor && reads->anchor != reader)
        return arena_printf(arena, "%s makes it, and its group has %s already", node_def(anchor)->name,
                            node_def(reads->anchor)->name);
    if (node_def(reader)->kind == KIND_MAP && type_same_shape(&made->node->types[0], &reader->types[0]))
        return arena_printf(arena, "%s makes it in an order of its own", node_def(anchor)->name);
    return arena_printf(arena, "%s makes it in another order or shape than %s reads it", node_def(anchor)->name,
                        node_def(reader)->name);
}

static const char *why_kept(Arena *arena, const Graph *graph, Value value)
{
    if (graph_is_result(graph, value)) return "the model gives it back";
    int groups = groups_that_read(graph, value);
    if (groups < 2) return NULL;
    return arena_printf(arena, "%d groups read it: kept, which costs less than computing it in each", groups);
}

static const char *why_not(Arena *arena, const Node *node, Value value)
{
    int operand = 0;
    const Node *reader = reader_of(node->regions[0], value, &operand);
    const Place *place = place_of(value);
    if (place && place->part && group_of(node).kind == KIND_PIECES) return "written into its box: not copied";
    if (!is_computed_group(value.node)) return "what runs in turns, or by choice, makes it";
    const char *why = reader ? why_from_memory(reader, operand) : NULL;
    if (!why) why = why_kept(arena, node->graph, value);
    Group made = group_of(value.node), reads = group_of(node);
    if (!why && reader) why = why_from_anchor(arena, &made, &reads, reader);
    if (why) return why;
    if (reader && !type_same_shape(value_type(value), &reader->types[0]))
        return "it is broadcast: computed once, not for each element";
    return "it takes too many operations beside a tile of sums";
}

/* ---- the report ---- */

static int print_members(const Graph *body, FILE *out)
{
    int count = 0;
    for (const Node *node = body->first; node; node = node->next) {
        if (is_computed_group(node)) {
            fputs(" [", out);
            count += print_members(node->regions[0], out);
            fputs(" ]", out);
            continue;
        }
        fprintf(out, " %s", node_def(node)->name);
        count++;
    }
    return count;
}

static int count_bits(unsigned bits)
{
    int count = 0;
    for (; bits; bits &= bits - 1) count++;
    return count;
}

static void print_inside(Arena *arena, const Group *group, FILE *out)
{
    Sweeps sweeps;
    const char *why;
    const Graph *body = group->body;
    bool rows = group->kind == KIND_REDUCE && sweeps_of(arena, group, group->node->schedule->lanes, &sweeps, &why);
    for (const Node *node = body->first; node; node = node->next) {
        Value value = value_of((Node *)node);
        if (graph_is_result(body, value)) continue;
        const SweepValue *swept = rows ? sweeps_find(&sweeps, node) : NULL;
        const char *where = is_computed_group(node) || (swept && swept->kept) ? "in scratch" : "in registers";
        fprintf(out, "    %-12s %s, %" PRId64 " bytes", where, value_name(arena, value), type_bytes(value_type(value)));
        int times = swept && !swept->kept && swept->form != SWEEP_ROW ? count_bits(swept->wanted) : 1;
        if (times > 1)
            fprintf(out, ", computed in each of %d sweeps\n", times);
        else
            fputs(graph_uses(body, value) > 1 ? ", used more than once\n" : "\n", out);
    }
}

static void print_boundaries(Arena *arena, const Node *node, FILE *out)
{
    Value *captured;
    int count = graph_captures(node->regions[0], &captured);
    for (int i = 0; i < count; i++) {
        Value value = value_root(captured[i]);
        OpKind kind = node_def(value.node)->kind;
        if (kind == KIND_SOURCE || value.node->graph != node->graph) continue;
        bool renamed = !value_equal(value, captured[i]);
        fprintf(out, "    reads        %s, %" PRId64 " bytes: %s\n", value_name(arena, value),
                type_bytes(value_type(value)),
                renamed ? "a reshape between, another name for the same memory" : why_not(arena, node, value));
    }
}

static void print_graph(Arena *arena, const Graph *graph, Totals *totals, FILE *out)
{
    for (const Node *node = graph->first; node; node = node->next) {
        for (int i = 0; node_is_control(node) && i < node->nregions; i++)
            print_graph(arena, node->regions[i], totals, out);
        if (node->op != OP_group) continue;
        int64_t moved = group_bytes(node), saved = bytes_saved(node->regions[0]);
        fprintf(out, "%s:", node->name);
        totals->operators += print_members(node->regions[0], out);
        fprintf(out, "; moves %" PRId64 " bytes, saves %" PRId64 "\n", moved, saved);
        Group group = group_of(node);
        print_inside(arena, &group, out);
        print_boundaries(arena, node, out);
        totals->groups++;
        totals->moved += moved;
        totals->saved += saved;
    }
}

void report_fusion(const Graph *graph, FILE *out)
{
    Arena *arena = arena_child(graph->arena);
    Totals totals = {0};
    print_graph(arena, graph, &totals, out);
    fprintf(out, "%d operators in %d groups; %" PRId64 " bytes moved, %" PRId64 " saved by fusion\n", totals.operators,
            totals.groups, totals.moved, totals.saved);
    arena_free(arena);
}
