#include "ir/verify.h"

#include "ir/node_map.h"
#include "ir/op.h"
#include "ir/place.h"
#include "ir/strips.h"

#include <limits.h>
#include <string.h>

enum { PLACE_ALIGN = 64 };

/* A buffer and when it is in use, as positions of top-level nodes. */
typedef struct Buffer {
    Value value;
    const Place *place;
    int64_t bytes;
    int made, last;
    int port; /* which input or result it is, -1 none */
    bool used;
    bool next;    /* what a state becomes */
    bool scratch; /* no value's: the group's own while it runs */
} Buffer;

typedef struct PlanCheck {
    Arena *arena;
    Diag *diag;
    const Node *scan; /* or branch, whose region is checked; NULL: a model */
    NodeMap *first;   /* node -> index of the buffer of its slot 0 */
    Buffer *buffers;
    size_t count, capacity;
    int inputs;
    bool good;
} PlanCheck;

static void broken(PlanCheck *check, const Node *node, const char *what)
{
    check->good = diag_error(check->diag, E0605, node_span(node), "`%s` %s", node->name, what);
}

/* A view outside of a group is another name of its operand's buffer. */
static Buffer *buffer_of(PlanCheck *check, Value value)
{
    Value root = value_root(value);
    return &check->buffers[*node_map_find(check->first, root.node) + root.slot];
}

static void note_use(PlanCheck *check, Value value, int position)
{
    if (!node_map_find(check->first, value_root(value).node)) return; /* of a graph around this one */
    Buffer *buffer = buffer_of(check, value);
    buffer->used = true;
    if (position > buffer->last) buffer->last = position;
}

static bool same_buffer(const Place *a, const Place *b)
{
    return a->space == b->space && a->index == b->index && a->offset == b->offset &&
           memcmp(a->moves, b->moves, sizeof a->moves) == 0;
}

static bool is_dense(const Place *place, const Type *type)
{
    Place dense = {.space = place->space};
    place_set_strides(&dense, type);
    return !place->panel && !place->packing && !place_has_halo(place) &&
           memcmp(dense.stride, place->stride, (size_t)type->rank * sizeof *dense.stride) == 0;
}

static void check_alias(PlanCheck *check, const Node *node)
{
    const Buffer *root = buffer_of(check, value_of((Node *)node));
    if (!node->places || !root->place || !same_buffer(node->places, root->place))
        broken(check, node, "is a view of a value that lies elsewhere");
    else if (!is_dense(root->place, value_type(root->value)) || !is_dense(node->places, &node->types[0]))
        broken(check, node, "is a view of a value whose elements do not lie side by side");
}

static void add_buffer(PlanCheck *check, Buffer buffer)
{
    check->buffers = arena_grow(check->arena, check->buffers, check->count, &check->capacity, sizeof buffer);
    check->buffers[check->count++] = buffer;
}

/* What the parts of a group use while it runs is a buffer like others, of one position. */
static void add_scratch(PlanCheck *check, const Node *node, int position)
{
    const Schedule *s = node->schedule;
    if (!s || !s->scratch) return;
    Place *place = ARENA_NEW(check->arena, Place);
    *place = (Place){.space = SPACE_ARENA, .offset = s->scratch_offset};
    add_buffer(check, (Buffer){.value = {(Node *)node, 0},
                               .place = place,
                               .bytes = schedule_scratch(s),
                               .made = position,
                               .last = position,
                               .port = -1,
                               .scratch = true});
}

static void add_node(PlanCheck *check, const Node *node, int position)
{
    *node_map_cell(check->first, node) = (int64_t)check->count;
    for (int i = 0; i < node->nresults; i++) {
        const Place *place = node->places ? &node->places[i] : NULL;
        if (place && place->space == SPACE_NONE) place = NULL;
        if (place && !place_is_sane(place, &node->types[i])) {
            broken(check, node, "has a place with strides or sizes that no buffer has");
            place = NULL;
        }
        Buffer buffer = {.value = {(Node *)node, i}, .place = place, .made = position, .last = position, .port = -1};
        if (node->op == OP_input) buffer.port = check->inputs++;
        bool kept = node->op == OP_state || (check->scan && node->op == OP_input);
        if (kept) buffer.made = -1; /* from the run or the turn before */
        if (place) buffer.bytes = place_bytes(place, &node->types[i]);
        add_buffer(check, buffer);
    }
    add_scratch(check, node, position);
}

static void note_uses(PlanCheck *check, const Node *node, int position)
{
    if (node_def(node)->kind == KIND_VIEW) return; /* only what uses the view does */
    for (int i = 0; i < node->ninputs; i++)
        if (node->inputs[i].node) note_use(check, node->inputs[i], position);
    Value *captures;
    int count = node_captures(node, &captures);
    for (int i = 0; i < count; i++) note_use(check, captures[i], position);
}

/* The next value of a state lies where the state does. */
static void check_next(PlanCheck *check, Buffer *buffer, const Result *next)
{
    const Place *own = next->state->places;
    buffer->next = true;
    if (own && buffer->place && same_buffer(own, buffer->place) && own->space == SPACE_STATE) return;
    broken(check, buffer->value.node, "is what a state becomes, but does not lie where the state does");
}

/* A result of a region lies in what the scan or branch gives back. */
static void check_turn_result(PlanCheck *check, const Graph *region, Buffer *buffer, int number)
{
    Place wanted = body_result_place(check->scan, number);
    if (buffer->value.node->graph == region && buffer->place && place_equal(buffer->place, &wanted) &&
        node_is_step(buffer->value.node))
        return;
    broken(check, buffer->value.node, "is a result, but does not lie where that of its scan or branch is");
}

static void check_result(PlanCheck *check, const Graph *graph, int number)
{
    const Result *result = &graph->results[number];
    if (type_is_empty(value_type(result->value))) return; /* nobody writes or reads it */
    if (!node_map_find(check->first, value_root(result->value).node)) {
        broken(check, result->value.node, "is a result of a body that does not make it");
        return;
    }
    Buffer *buffer = buffer_of(check, result->value);
    buffer->port = number;
    note_use(check, result->value, INT_MAX);
    if (check->scan)
        check_turn_result(check, graph, buffer, number);
    else if (result->state)
        check_next(check, buffer, result);
    else if (!buffer->place || buffer->place->space != SPACE_OUTPUT || buffer->place->index != number)
        broken(check, buffer->value.node, "is a result, but does not lie in the caller's buffer for it");
}

/* What a scan reads slices of and gathers them in, and what a branch gives back, lies side by side. */
static void check_ports(PlanCheck *check, const Node *scan)
{
    for (int i = 0; i < scan->nresults; i++)
        if (!scan->places || !is_dense(&scan->places[i], &scan->types[i]))
            broken(check, scan, "gives back values that do not lie side by side");
    int read = node_def(scan)->kind == KIND_LOOP ? scan_scanned(scan) : scan->ninputs; /* others are copied first */
    for (int i = 0; i < read; i++) {
        Value value = scan->inputs[i];
        const Place *place = value.node->places ? &value.node->places[value.slot] : NULL;
        if (!place || place->space == SPACE_NONE || !is_dense(place, value_type(value)))
            broken(check, scan, "reads a value whose elements do not lie side by side");
    }
}

static void collect(PlanCheck *check, const Graph *graph)
{
    int position = 0;
    for (const Node *node = graph->first; node; node = node->next, position++) {
        add_node(check, node, position);
        if (node_def(node)->kind == KIND_VIEW) check_alias(check, node);
        if (node_is_control(node)) check_ports(check, node);
        note_uses(check, node, position);
    }
    for (int i = 0; i < graph->nresults; i++) check_result(check, graph, i);
}

/* ---- places ---- */

/* What a body makes for itself lies in the memory that its scan has for it. */
static void check_turn_space(PlanCheck *check, const Buffer *buffer)
{
    static const int64_t still[MAX_SCANS];
    const Node *node = buffer->value.node;
    const Place *place = buffer->place;
    const Schedule *frame = check->scan->schedule;
    if (node->op == OP_input) {
        Place wanted = scan_input_place(check->scan, buffer->port);
        if (!place_equal(place, &wanted)) broken(check, node, "does not lie where the scan's operand does");
        return;
    }
    if (buffer->port >= 0) return; /* a result, looked at before */
    bool inside = frame && place->space == SPACE_ARENA && place->offset >= frame->scratch_offset &&
                  buffer->bytes <= frame->scratch &&
                  place->offset - frame->scratch_offset <= frame->scratch - buffer->bytes;
    if (!inside) broken(check, node, "does not lie in the memory of its scan or branch");
    if (memcmp(place->moves, still, sizeof still) != 0) broken(check, node, "moves, but is of one turn");
}

/* Which memory is whose: inputs and constants are only read, results have a buffer of the caller each. */
static void check_space(PlanCheck *check, const Buffer *buffer)
{
    const Node *node = buffer->value.node;
    const Place *place = buffer->place;
    bool users = place->space == SPACE_INPUT || place->space == SPACE_OUTPUT;
    if (users && (place->offset || !is_dense(place, value_type(buffer->value))))
        broken(check, node, "does not fill the caller's buffer");
    if (node->op == OP_input && (place->space != SPACE_INPUT || place->index != buffer->port))
        broken(check, node, "is an input, but does not lie in the caller's buffer for it");
    if (node->op != OP_input && place->space == SPACE_INPUT) broken(check, node, "would be written into an input");
    bool kept = node->op == OP_state || buffer->next;
    if (kept != (place->space == SPACE_STATE)) broken(check, node, "lies in the context or is kept there, not both");
    if (kept && !is_dense(place, value_type(buffer->value)))
        broken(check, node, "is kept, but its elements do not lie side by side");
    bool known = node->op != OP_input && node->op != OP_state && node_def(node)->kind == KIND_SOURCE;
    if (known != (place->space == SPACE_CONSTANT)) broken(check, node, "lies among the constants or is one, not both");
    if (place->space == SPACE_OUTPUT && buffer->port != place->index)
        broken(check, node, "lies in the caller's buffer for another result");
}

static void check_place(PlanCheck *check, const Buffer *buffer)
{
    const Node *node = buffer->value.node;
    const Place *place = buffer->place;
    if (node_def(node)->kind == KIND_VIEW) return;
    if (!place) {
        Scalar number; /* one number is an immediate in the code */
        bool needed = buffer->used || node->op == OP_state || node_is_step(node);
        if (needed && !node_is_splat(node, &number)) broken(check, node, "is used, but has no place");
        return;
    }
    if (place->offset % PLACE_ALIGN)
        broken(check, node,
               buffer->scratch ? "has scratch that does not lie at a multiple of 64 bytes"
                               : "does not lie at a multiple of 64 bytes");
    if (buffer->scratch && check->scan) check_turn_space(check, buffer);
    if (buffer->scratch) return;
    if (place->part && (place->space != SPACE_ARENA || node->op != OP_group))
        broken(check, node, "is said to be a part of another value, which only a group's result in the arena can be");
    if (place->space == SPACE_SCRATCH) broken(check, node, "lies in scratch, which is no value's");
    if ((place->panel || place->packing) && place->space != SPACE_CONSTANT)
        broken(check, node, "is packed, but no constant");
    if (place->packing && !buffer->used) /* what reads it is held to its form by verify_panels */
        broken(check, node, "is packed, but nobody reads it");
    (check->scan ? check_turn_space : check_space)(check, buffer);
}

/* ---- overlaps ---- */

static bool same_layout(const Place *a, const Place *b)
{
    return memcmp(a->stride, b->stride, sizeof a->stride) == 0 && memcmp(a->before, b->before, sizeof a->before) == 0 &&
           memcmp(a->after, b->after, sizeof a->after) == 0;
}

/* Element by element of the group's result; a row operator has read all of its row before it writes there, and a
 * scatter writes over its first operand. */
static bool steps_with(const Buffer *written, const Node *reader, int number)
{
    OpKind kind = node_def(reader)->kind;
    Value operand = reader->inputs[number];
    return (kind == KIND_MAP || kind == KIND_ROW || kind == KIND_PREFIX || (kind == KIND_SCATTER && number == 0)) &&
           same_layout(&operand.node->places[operand.slot], written->place) &&
           type_same_shape(value_type(operand), value_type(written->value));
}

/* Whether `node` reads the buffer; *good turns false when it does so out of step. */
static bool reads_buffer(const Buffer *read, const Buffer *written, const Node *node, bool *good)
{
    bool reads = false;
    for (int i = 0; i < node->ninputs; i++) {
        Value operand = node->inputs[i];
        if (!operand.node || operand.node->graph == node->graph) continue;
        if (!value_equal(value_root(operand), read->value)) continue;
        *good = *good && steps_with(written, node, i);
        reads = true;
    }
    return reads;
}

/* A group may write over what it reads for the last time, when from the first reader on each element of the result
 * depends on no other element of that buffer than its own, or its own row. */
static bool is_in_place(const Buffer *read, const Buffer *written)
{
    const Node *writer = written->value.node;
    if (read->scratch || written->scratch) return false;
    if (writer->nregions && group_is_strips(writer)) return false;
    if (node_def(writer)->kind != KIND_GROUP || read->last != written->made) return false;
    if (!same_buffer(read->place, written->place) || read->bytes != written->bytes) return false;
    bool reading = false, good = true;
    for (const Node *node = writer->regions[0]->first; good && node; node = node->next) {
        bool reads = reads_buffer(read, written, node, &good);
        bool in_step = node_def(node)->kind == KIND_MAP || (reads && !reading);
        reading = reading || reads;
        if (reading) good = good && in_step && type_same_shape(&node->types[0], value_type(written->value));
    }
    return good;
}

static bool in_memory(const Buffer *buffer, Space space) { return buffer->place && buffer->place->space == space; }

static bool bytes_overlap(const Buffer *a, const Buffer *b)
{
    return a->place->offset < b->place->offset + b->bytes && b->place->offset < a->place->offset + a->bytes;
}

/* Values in one buffer whose boxes are apart along some axis. */
static bool lie_beside(const Buffer *a, const Buffer *b)
{
    const Type *s = value_type(a->value), *t = value_type(b->value);
    if (!a->place->part || !b->place->part || a->scratch || b->scratch) return false;
    if (s->dtype != t->dtype || s->rank != t->rank || a->bytes != b->bytes) return false;
    if (!same_buffer(a->place, b->place) || memcmp(a->place->stride, b->place->stride, sizeof a->place->stride) != 0)
        return false;
    for (int axis = 0; axis < s->rank; axis++) {
        int64_t from = a->place->before[axis], other = b->place->before[axis];
        if (from + s->dim[axis].high <= other || other + t->dim[axis].high <= from) return true;
    }
    return false;
}

/* Is the value one that `whole` is made of, which lies in its box already, or in that of one of those? */
static bool lies_inside(const Buffer *part, const Node *whole)
{
    if (whole->op != OP_group || !whole->places || !part->place->part) return false;
    Group group = group_of(whole);
    if (group.kind != KIND_PIECES || group.body->results[0].value.node != group.anchor) return false;
    Piece piece;
    for (int64_t i = 0; node_def(group.anchor)->piece(group.anchor, i, &piece); i++) {
        if (piece.operand < 0) continue;
        Value operand = group.anchor->inputs[piece.operand];
        if (operand.node->graph != whole->graph || !operand.node->places) continue;
        const Place *place = &operand.node->places[operand.slot];
        if (!place_holds_piece(whole->places, &piece, place, value_type(operand))) continue;
        if (value_equal(operand, part->value) || lies_inside(part, operand.node)) return true;
    }
    return false;
}

static void check_arena_pair(PlanCheck *check, const Buffer *a, const Buffer *b)
{
    if (!bytes_overlap(a, b) || a->made > b->last || b->made > a->last) return;
    if (is_in_place(a, b) || is_in_place(b, a) || lie_beside(a, b)) return;
    if (lies_inside(a, b->value.node) || lies_inside(b, a->value.node)) return;
    broken(check, b->value.node,
           arena_printf(check->diag->arena, "%soverlaps %s`%s` in the %s while both are in use",
                        b->scratch ? "has scratch that " : "", a->scratch ? "the scratch of " : "", a->value.node->name,
                        a->place->space == SPACE_ARENA ? "arena" : "context"));
}

static void check_constant_pair(PlanCheck *check, const Buffer *a, const Buffer *b)
{
    if (!bytes_overlap(a, b)) return;
    const Node *x = a->value.node, *y = b->value.node;
    const Place *p = a->place, *q = b->place;
    bool same = same_buffer(p, q) && p->panel == q->panel && p->packing == q->packing && p->abreast == q->abreast &&
                !memcmp(p->reach, q->reach, sizeof p->reach) && x->data && y->data &&
                tensor_identical(x->data, y->data);
    if (!same) broken(check, y, arena_printf(check->diag->arena, "overlaps `%s` among the constants", x->name));
}

/* Of a scan's region: apart from all that is its own, says the check of the graph around it. */
static bool is_port(const Buffer *buffer) { return buffer->port >= 0; }

static bool same_buffer_of(const Buffer *a, const Buffer *b)
{
    return a->place && b->place && same_buffer(a->place, b->place);
}

static void check_pairs(PlanCheck *check)
{
    for (size_t i = 0; i < check->count; i++)
        for (size_t k = 0; k < i; k++) {
            const Buffer *a = &check->buffers[k], *b = &check->buffers[i];
            bool views = node_def(a->value.node)->kind == KIND_VIEW || node_def(b->value.node)->kind == KIND_VIEW;
            if (views) continue;
            bool arena = in_memory(a, SPACE_ARENA) && in_memory(b, SPACE_ARENA);
            if (check->scan && (is_port(a) || is_port(b))) arena = false;
            if (arena || (in_memory(a, SPACE_STATE) && in_memory(b, SPACE_STATE))) check_arena_pair(check, a, b);
            bool carried = a->value.node->op == OP_input && b->value.node->op != OP_input;
            if (check->scan && carried && same_buffer_of(a, b)) check_arena_pair(check, a, b);
            if (!check->scan && in_memory(a, SPACE_CONSTANT) && in_memory(b, SPACE_CONSTANT))
                check_constant_pair(check, a, b);
        }
}

/* No plan needs more than all buffers one behind the other: a dump that says so would only make a huge file. */
static void check_extent(PlanCheck *check, Space space)
{
    const Buffer *farthest = NULL;
    int64_t total = 0, end = 0;
    for (size_t i = 0; i < check->count; i++) {
        const Buffer *buffer = &check->buffers[i];
        if (!in_memory(buffer, space) || node_def(buffer->value.node)->kind == KIND_VIEW) continue;
        total += (buffer->bytes + PLACE_ALIGN - 1) / PLACE_ALIGN * PLACE_ALIGN;
        if (buffer->place->offset + buffer->bytes <= end) continue;
        end = buffer->place->offset + buffer->bytes;
        farthest = buffer;
    }
    if (end > total)
        broken(check, farthest->value.node,
               farthest->scratch ? "has scratch that lies behind all that values need"
                                 : "lies behind all that values need");
}

static bool check_plan(const Graph *graph, const Node *scan, Diag *diag)
{
    Arena *arena = arena_child(graph->arena);
    PlanCheck check = {.arena = arena, .diag = diag, .scan = scan, .first = node_map_new(arena), .good = true};
    collect(&check, graph);
    for (size_t i = 0; i < check.count; i++) check_place(&check, &check.buffers[i]);
    if (check.good && !scan) check_extent(&check, SPACE_ARENA);
    if (check.good && !scan) check_extent(&check, SPACE_CONSTANT);
    if (check.good && !scan) check_extent(&check, SPACE_STATE);
    if (check.good) check_pairs(&check);
    arena_free(arena);
    bool good = check.good;
    for (const Node *node = graph->first; check.good && node; node = node->next)
        for (int i = 0; node_is_control(node) && i < node->nregions; i++)
            good = check_plan(node->regions[i], node, diag) && good;
    return good;
}

bool verify_plan(const Graph *graph, Diag *diag) { return check_plan(graph, NULL, diag); }
