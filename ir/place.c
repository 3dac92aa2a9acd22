#include "ir/packing_sparse.h"
#include "ir/schedule.h"

#include <string.h>

static const char *const names[] = {
    [SPACE_NONE] = "none",   [SPACE_INPUT] = "input", [SPACE_OUTPUT] = "output",   [SPACE_CONSTANT] = "constant",
    [SPACE_ARENA] = "arena", [SPACE_STATE] = "state", [SPACE_SCRATCH] = "scratch",
};

const char *space_name(Space space) { return names[space]; }

Space space_find(const char *name)
{
    for (int space = SPACE_INPUT; space <= SPACE_SCRATCH; space++)
        if (strcmp(names[space], name) == 0) return (Space)space;
    return SPACE_NONE;
}

static int64_t padded(const Place *place, const Type *type, int axis)
{
    return place->before[axis] + type->dim[axis].high + place->after[axis];
}

/* Elements of the last axis in one row of panels; all of it when there are none. */
static int64_t panel_width(const Place *place, const Type *type)
{
    return place->panel ? place->panel : padded(place, type, type->rank - 1);
}

void place_set_strides(Place *place, const Type *type)
{
    if (type->rank == 0) return;
    int64_t stride = panel_width(place, type);
    place->stride[type->rank - 1] = 1;
    for (int axis = type->rank - 2; axis >= 0; axis--) {
        place->stride[axis] = stride;
        stride *= padded(place, type, axis);
    }
}

bool place_has_halo(const Place *place)
{
    for (int axis = 0; axis < MAX_RANK; axis++)
        if (place->before[axis] || place->after[axis]) return true;
    return false;
}

enum { MAX_PANEL = 4096, MAX_SLACK = 64 };
static const int64_t limit = (int64_t)1 << 40;

static bool ring_is_sane(const Place *place, const Type *type)
{
    for (int axis = 0; axis < MAX_RANK; axis++) {
        int64_t most = axis < type->rank ? limit : 0;
        if (place->before[axis] < 0 || place->before[axis] > most) return false;
        if (place->after[axis] < 0 || place->after[axis] > most) return false;
    }
    return true;
}

static bool panel_is_sane(const Place *place, const Type *type)
{
    if (place->panel < 0 || place->panel > MAX_PANEL || type->rank == 0 || place_has_halo(place)) return false;
    Place dense = *place;
    place_set_strides(&dense, type);
    return memcmp(dense.stride, place->stride, (size_t)type->rank * sizeof *dense.stride) == 0;
}

/* From the smallest stride on, each steps over all that lies within. */
static bool strides_are_sane(const Place *place, const Type *type)
{
    int64_t span = 1;
    bool done[MAX_RANK] = {false};
    for (int count = 0; count < type->rank; count++) {
        int least = -1;
        for (int axis = 0; axis < type->rank; axis++)
            if (!done[axis] && (least < 0 || place->stride[axis] < place->stride[least])) least = axis;
        done[least] = true;
        int64_t stride = place->stride[least], size = padded(place, type, least);
        if (stride < 0 || stride > limit || size > limit) return false;
        if (size == 1) continue; /* never stepped */
        if (stride < span || stride > limit / size) return false;
        span += stride * (size - 1);
    }
    return span <= limit / 8;
}

/* Nothing lies there, in no order. */
static bool nothing_is_sane(const Place *place, const Type *type)
{
    Place dense = {.space = place->space};
    place_set_strides(&dense, type);
    bool plain = !place->panel && !place->packing && !place->slack && !place->part && !place_has_halo(place);
    return plain && memcmp(dense.stride, place->stride, sizeof dense.stride) == 0;
}

bool place_is_sane(const Place *place, const Type *type)
{
    if (place->offset < 0 || place->offset > limit || place->index < 0 || !ring_is_sane(place, type)) return false;
    if (place->packing < 0 || place->packing >= PACKING_COUNT) return false;
    for (int i = 0; i < MAX_SCANS; i++)
        if (place->moves[i] < 0 || place->moves[i] > limit) return false;
    if (type_is_empty(type)) return nothing_is_sane(place, type);
    if (place->slack < 0 || place->slack > MAX_SLACK || (place->slack && place->space != SPACE_ARENA)) return false;
    if (place->packing == PACKING_SPARSE && !sparse_place_is_sane(place, type)) return false;
    return place->panel || place->packing ? panel_is_sane(place, type) : strides_are_sane(place, type);
}

int64_t place_bytes(const Place *place, const Type *type)
{
    return type_is_empty(type) ? 0 : packing_of(place)->bytes(place, type);
}

int64_t place_interior(const Place *place)
{
    int64_t index = 0;
    for (int axis = 0; axis < MAX_RANK; axis++) index += place->stride[axis] * place->before[axis];
    return index;
}

int64_t graph_space_bytes(const Graph *graph, Space space)
{
    int64_t bytes = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        const Schedule *s = space == SPACE_ARENA ? node->schedule : NULL;
        if (s && s->scratch && s->scratch_offset + schedule_scratch(s) > bytes)
            bytes = s->scratch_offset + schedule_scratch(s);
        for (int slot = 0; node->places && slot < node->nresults; slot++) {
            const Place *place = &node->places[slot];
            if (place->space != space) continue;
            int64_t end = place->offset + place_bytes(place, &node->types[slot]);
            if (end > bytes) bytes = end;
        }
    }
    return (bytes + 63) / 64 * 64;
}

/* ---- scans ---- */

Place place_slice(const Place *whole, const Type *type, int64_t axis, int depth)
{
    Place slice = *whole;
    Type sliced = scan_slice(type, axis);
    bool dense = true;
    for (int64_t i = 0; i < axis; i++) dense = dense && type->dim[i].high == 1;
    for (int64_t i = axis; i < MAX_RANK; i++) slice.stride[i] = i + 1 < MAX_RANK ? whole->stride[i + 1] : 0;
    if (dense) place_set_strides(&slice, &sliced);
    slice.moves[depth] = whole->stride[axis];
    slice.slack = 0;
    return slice;
}

Place scan_input_place(const Node *scan, int number)
{
    const ScanAttrs *attrs = scan->attrs;
    int scanned = scan_scanned(scan);
    if (number >= scanned) return scan->places[scan_gathered(scan) + number - scanned];
    Value whole = scan->inputs[number];
    return place_slice(&whole.node->places[whole.slot], value_type(whole), attrs->axes.at[number],
                       scan_depth(scan->graph));
}

Place body_result_place(const Node *node, int number)
{
    if (node_def(node)->kind != KIND_LOOP || number >= scan_gathered(node)) return node->places[number];
    return place_slice(&node->places[number], &node->types[number], node->regions[0]->results[number].axis,
                       scan_depth(node->graph));
}

static bool same_memory(const Place *a, const Place *b)
{
    return a->space == b->space && a->index == b->index && a->offset == b->offset &&
           !memcmp(a->moves, b->moves, sizeof a->moves) && !memcmp(a->stride, b->stride, sizeof a->stride);
}

bool place_holds_piece(const Place *whole, const Piece *piece, const Place *operand, const Type *type)
{
    if (!operand->part || !same_memory(whole, operand) || !piece_is_whole(piece, type)) return false;
    for (int axis = 0; axis < type->rank; axis++)
        if (operand->before[axis] != whole->before[axis] + piece->begin[axis]) return false;
    return true;
}

bool place_equal(const Place *a, const Place *b)
{
    return a->space == b->space && a->index == b->index && a->offset == b->offset && a->panel == b->panel &&
           a->part == b->part && a->packing == b->packing && a->ring == b->ring &&
           !memcmp(a->stride, b->stride, sizeof a->stride) && !memcmp(a->before, b->before, sizeof a->before) &&
           !memcmp(a->after, b->after, sizeof a->after) && !memcmp(a->moves, b->moves, sizeof a->moves);
}
