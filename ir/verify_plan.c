#include "ir/verify.h"

#include "ir/node_map.h"
#include "ir/place.h"
#include "ir/schedule.h"

#include <limits.h>

/* A buffer and when it is in use, as positions of top-level nodes. */
typedef struct Buffer {
    Value value;
    const Place *place;
    int64_t bytes;
    int made, last;
    bool used;
} Buffer;

typedef struct PlanCheck {
    Arena *arena;
    Diag *diag;
    NodeMap *first; /* node -> index of the buffer of its slot 0 */
    Buffer *buffers;
    size_t count, capacity;
    bool good;
} PlanCheck;

static void broken(PlanCheck *check, const Node *node, const char *what)
{
    check->good = diag_error(check->diag, E0605, node_span(node), "`%s` %s", node->name, what);
}

/* A view outside of a group is another name of its operand's buffer. */
static Value root_of(Value value)
{
    while (node_def(value.node)->kind == KIND_VIEW) value = value.node->inputs[0];
    return value;
}

static Buffer *buffer_of(PlanCheck *check, Value value)
{
    Value root = root_of(value);
    return &check->buffers[*node_map_find(check->first, root.node) + root.slot];
}

static void note_use(PlanCheck *check, Value value, int position)
{
    Buffer *buffer = buffer_of(check, value);
    buffer->used = true;
    if (position > buffer->last) buffer->last = position;
}

static bool same_buffer(const Place *a, const Place *b)
{
    return a->space == b->space && a->index == b->index && a->offset == b->offset;
}

static void check_alias(PlanCheck *check, const Node *node)
{
    const Buffer *root = buffer_of(check, value_of((Node *)node));
    if (!node->places || !root->place || !same_buffer(node->places, root->place))
        broken(check, node, "is a view of a value that lies elsewhere");
    else if (place_has_halo(root->place))
        broken(check, node, "is a view of a value with a ring around it");
}

static void add_node(PlanCheck *check, const Node *node, int position)
{
    *node_map_cell(check->first, node) = (int64_t)check->count;
    for (int i = 0; i < node->nresults; i++) {
        const Place *place = node->places ? &node->places[i] : NULL;
        Buffer buffer = {.value = {(Node *)node, i}, .place = place, .made = position, .last = position};
        if (place) buffer.bytes = place_bytes(place, &node->types[i]);
        check->buffers = arena_grow(check->arena, check->buffers, check->count, &check->capacity, sizeof buffer);
        check->buffers[check->count++] = buffer;
    }
}

static void note_uses(PlanCheck *check, const Node *node, int position)
{
    if (node_def(node)->kind == KIND_VIEW) return; /* only what uses the view does */
    for (int i = 0; i < node->ninputs; i++)
        if (node->inputs[i].node) note_use(check, node->inputs[i], position);
    for (int i = 0; i < node->nregions; i++) {
        Value *captures;
        int count = graph_captures(node->regions[i], &captures);
        for (int k = 0; k < count; k++) note_use(check, captures[k], position);
    }
}

static void collect(PlanCheck *check, const Graph *graph)
{
    int position = 0;
    for (const Node *node = graph->first; node; node = node->next, position++) {
        add_node(check, node, position);
        if (node_def(node)->kind == KIND_VIEW) check_alias(check, node);
        note_uses(check, node, position);
    }
    for (int i = 0; i < graph->nresults; i++) {
        const Buffer *buffer = buffer_of(check, graph->results[i].value);
        note_use(check, graph->results[i].value, INT_MAX);
        if (!buffer->place || buffer->place->space != SPACE_OUTPUT || buffer->place->index != i)
            broken(check, buffer->value.node, "is a result, but does not lie in the caller's buffer for it");
    }
}

/* ---- places ---- */

/* A number that code has as an immediate needs no place. */
static bool is_number(const Node *node)
{
    double value;
    return node->data && tensor_is_splat(node->data, &value);
}

static void check_place(PlanCheck *check, const Buffer *buffer)
{
    const Node *node = buffer->value.node;
    const Place *place = buffer->place;
    if (node_def(node)->kind == KIND_VIEW) return;
    if (!place || place->space == SPACE_NONE) {
        bool needed = buffer->used || node_def(node)->kind == KIND_GROUP;
        if (needed && !is_number(node)) broken(check, node, "is used, but has no place");
        return;
    }
    if (place->offset < 0 || place->offset % 64) broken(check, node, "does not lie at a multiple of 64 bytes");
    if (place->panel && place->space != SPACE_CONSTANT) broken(check, node, "is packed, but no constant");
}

/* ---- overlaps ---- */

/* Element-wise work after the group's anchor reads each element right before the result's takes its place; a softmax
 * reads a row whole before it writes it.  Whoever else reads `before` in the group must find it unharmed. */
static bool reads_before_writing(PlanCheck *check, const Group *group, const Buffer *before)
{
    bool after = !group->anchor;
    for (const Node *node = group->body->first; node; node = node->next) {
        OpKind kind = node_def(node)->kind;
        bool in_step = (after && kind == KIND_MAP) || kind == KIND_ROW;
        if (node == group->anchor) after = true;
        for (int i = 0; i < node->ninputs; i++) {
            Value value = node->inputs[i];
            if (!value.node || group_is_inside(group, value) || buffer_of(check, value) != before) continue;
            if (!in_step || !type_same_shape(value_type(value), &group->node->types[0])) return false;
        }
    }
    return true;
}

/* A group may write each element over the one that it has just read, for the last time. */
static bool is_in_place(PlanCheck *check, const Buffer *before, const Buffer *after)
{
    const Node *writer = after->value.node;
    if (node_def(writer)->kind != KIND_GROUP || before->last != after->made) return false;
    Group group = group_of(writer);
    return same_buffer(before->place, after->place) && before->bytes == after->bytes &&
           reads_before_writing(check, &group, before);
}

static bool in_memory(const Buffer *buffer, Space space) { return buffer->place && buffer->place->space == space; }

static bool bytes_overlap(const Buffer *a, const Buffer *b)
{
    return a->place->offset < b->place->offset + b->bytes && b->place->offset < a->place->offset + a->bytes;
}

static void check_arena_pair(PlanCheck *check, const Buffer *a, const Buffer *b)
{
    if (!bytes_overlap(a, b) || a->made > b->last || b->made > a->last) return;
    if (is_in_place(check, a, b) || is_in_place(check, b, a)) return;
    broken(check, b->value.node,
           arena_printf(check->diag->arena, "overlaps `%s` in the arena while both are in use", a->value.node->name));
}

static void check_constant_pair(PlanCheck *check, const Buffer *a, const Buffer *b)
{
    if (!bytes_overlap(a, b)) return;
    const Node *x = a->value.node, *y = b->value.node;
    bool same = same_buffer(a->place, b->place) && a->place->panel == b->place->panel && x->data && y->data &&
                tensor_identical(x->data, y->data);
    if (!same) broken(check, y, arena_printf(check->diag->arena, "overlaps `%s` among the constants", x->name));
}

static void check_pairs(PlanCheck *check)
{
    for (size_t i = 0; i < check->count; i++)
        for (size_t k = 0; k < i; k++) {
            const Buffer *a = &check->buffers[k], *b = &check->buffers[i];
            bool views = node_def(a->value.node)->kind == KIND_VIEW || node_def(b->value.node)->kind == KIND_VIEW;
            if (views) continue;
            if (in_memory(a, SPACE_ARENA) && in_memory(b, SPACE_ARENA)) check_arena_pair(check, a, b);
            if (in_memory(a, SPACE_CONSTANT) && in_memory(b, SPACE_CONSTANT)) check_constant_pair(check, a, b);
        }
}

bool verify_plan(const Graph *graph, Diag *diag)
{
    Arena *arena = arena_child(graph->arena);
    PlanCheck check = {.arena = arena, .diag = diag, .first = node_map_new(arena), .good = true};
    collect(&check, graph);
    for (size_t i = 0; i < check.count; i++) check_place(&check, &check.buffers[i]);
    if (check.good) check_pairs(&check);
    arena_free(arena);
    return check.good;
}
