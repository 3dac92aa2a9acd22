#include "passes/parts.h"

#include "ir/strips.h"
#include "passes/schedule.h"

static Place *place_of(Value value) { return &value.node->places[value.slot]; }

static const PartOf *find(const Parts *parts, Value value)
{
    const int64_t *cell = node_map_find(parts->of, value.node);
    return cell && *cell ? &parts->items[*cell - 1] : NULL;
}

Value parts_root(const Parts *parts, Value value)
{
    for (const PartOf *part = find(parts, value); part; part = find(parts, value)) value = part->whole;
    return value;
}

static void add(Parts *parts, Value part, Value whole)
{
    parts->items = arena_grow(parts->arena, parts->items, parts->count, &parts->capacity, sizeof *parts->items);
    parts->items[parts->count++] = (PartOf){part, whole};
    *node_map_cell(parts->of, part.node) = (int64_t)parts->count;
}

/* Dot products along a kernel's row read pixels as neighbours, which those of a part are not. */
static bool is_read_in_runs(const Graph *graph, Value value)
{
    for (const Node *node = leaf_first(graph); node; node = leaf_next(node)) {
        Group group = group_of(node);
        if (group.kind != KIND_CONTRACT || !value_equal(group.anchor->inputs[0], value)) continue;
        Contraction c;
        node_def(group.anchor)->contract(group.anchor, &c);
        if (node->schedule->variant == VARIANT_DOT && contraction_has_row_runs(&c, group.anchor)) return true;
    }
    return false;
}

static bool runs_in_parts(const Node *group) { return group->schedule->threads > 1; }

/* Does the group read what lies in the buffer of `root`? */
static bool reads_buffer(const Parts *parts, const Node *group, Value root)
{
    if (!runs_in_parts(group)) return false;
    Value *captured;
    int count = graph_captures(group->regions[0], &captured);
    for (int i = 0; i < count; i++)
        if (value_equal(parts_root(parts, captured[i]), root)) return true;
    return false;
}

static bool captures(const Node *group, Value value)
{
    Value *captured;
    int count = graph_captures(group->regions[0], &captured);
    for (int i = 0; i < count; i++)
        if (value_equal(captured[i], value)) return true;
    return false;
}

/* A group that runs in parts reads nothing of the buffer that it writes: so no part reads what another writes. */
static bool is_read_by_neighbours(const Parts *parts, Value value, Value root)
{
    for (size_t i = 0; i < parts->count; i++) {
        const Node *writer = parts->items[i].part.node;
        if (!value_equal(parts_root(parts, parts->items[i].whole), root)) continue;
        if (runs_in_parts(writer) && captures(writer, value)) return true;
    }
    return false;
}

static bool may_be_part(const Parts *parts, Value value, Value whole)
{
    const Graph *graph = whole.node->graph;
    if (value.node->graph != graph || value.node->op != OP_group || find(parts, value)) return false;
    if (place_has_halo(place_of(value)) || place_of(value)->slack) return false;
    if (!schedule_may_have_ring(graph, value) || is_read_in_runs(graph, value)) return false;
    Value root = parts_root(parts, whole);
    return !reads_buffer(parts, value.node, root) && !is_read_by_neighbours(parts, value, root);
}

/* At every size: nothing that is bounded stands before it or beside it along its axis. */
static bool stands_still(const Piece *piece, const Type *type, const Type *whole)
{
    bool still = true;
    for (int axis = 0; axis < type->rank; axis++)
        if (!dim_is_fixed(&whole->dim[axis]))
            still = still && !piece->begin[axis] && dim_equal(&type->dim[axis], &whole->dim[axis]);
    return still;
}

/* It, or a view of it: its buffer is the caller's. */
static bool is_given_back(const Graph *graph, Value whole)
{
    for (int i = 0; i < graph->nresults; i++)
        if (value_equal(value_root(graph->results[i].value), whole)) return true;
    return false;
}

static void put_inside(const Piece *piece, Value value, Value whole)
{
    Place *inner = place_of(value), *outer = place_of(whole);
    const Type *own = value_type(value), *all = value_type(whole);
    inner->part = true;
    inner->slack = outer->slack;
    for (int axis = 0; axis < own->rank; axis++) {
        int64_t behind = all->dim[axis].high - piece->begin[axis] - own->dim[axis].high;
        inner->before[axis] = outer->before[axis] + piece->begin[axis];
        inner->after[axis] = outer->after[axis] + behind;
    }
}

static void choose_of(Parts *parts, Node *node)
{
    Group group = group_of(node);
    Value whole = value_of(node);
    if (group.kind != KIND_PIECES || is_given_back(node->graph, whole)) return;
    if (!value_equal(group.body->results[0].value, value_of((Node *)group.anchor))) return;
    Piece piece;
    for (int64_t i = 0; node_def(group.anchor)->piece(group.anchor, i, &piece); i++) {
        if (piece.operand < 0) continue;
        Value value = group.anchor->inputs[piece.operand];
        if (value_type(value)->rank != value_type(whole)->rank) continue; /* one number, which fills the box */
        if (!stands_still(&piece, value_type(value), value_type(whole))) continue;
        if (!piece_is_whole(&piece, value_type(value)) || !may_be_part(parts, value, whole)) continue;
        put_inside(&piece, value, whole);
        add(parts, value, whole);
    }
}

/* From the last on, so that it is known of each buffer whether it lies in another. */
static void choose(Parts *parts, const Graph *graph)
{
    for (Node *node = graph->last; node; node = node->previous) {
        for (int i = 0; node_is_control(node) && i < node->nregions; i++) choose(parts, node->regions[i]);
        if (node->op == OP_group) choose_of(parts, node);
    }
}

Parts parts_choose(Arena *arena, const Graph *graph)
{
    Parts parts = {.arena = arena, .of = node_map_new(arena)};
    choose(&parts, graph);
    return parts;
}
