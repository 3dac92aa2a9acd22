#include "ir/packing_sparse.h"

#include <assert.h>
#include <string.h>

enum { PART_ALIGN = 64, MOST_ABREAST = 64 };

static int64_t columns_of(const Type *type) { return type->dim[type->rank - 1].high; }
static int64_t rows_of(const Type *type) { return type_elements(type) / columns_of(type); }
static int64_t aligned(int64_t bytes) { return (bytes + PART_ALIGN - 1) / PART_ALIGN * PART_ALIGN; }
static int64_t panels_in(const Type *type, int64_t panel) { return (columns_of(type) + panel - 1) / panel; }

SparseParts sparse_parts(const Place *place, const Type *type)
{
    int64_t blocks = place->steps * place->abreast;
    SparseParts p = {.groups = (panels_in(type, place->panel) + place->abreast - 1) / place->abreast, .below = 1};
    for (int axis = 0; axis + 1 < type->rank; axis++) p.below += (type->dim[axis].high - 1) * place->reach[axis];
    p.offsets = aligned((p.groups + 1) * (int64_t)sizeof(int32_t));
    p.values = p.offsets + aligned(blocks * (int64_t)sizeof(int32_t));
    p.bytes = p.values + blocks * place->panel * (int64_t)sizeof(float);
    return p;
}

static bool reach_is_sane(const Place *place, const Type *type)
{
    int64_t farthest = 0;
    for (int axis = 0; axis < MAX_RANK; axis++) {
        int64_t span, most = axis + 1 < type->rank ? INT32_MAX : 0;
        if (place->reach[axis] < 0 || place->reach[axis] > most) return false;
        if (!most) continue;
        if (__builtin_mul_overflow(place->reach[axis], type->dim[axis].high - 1, &span)) return false;
        farthest += span < INT32_MAX ? span : INT32_MAX;
    }
    return farthest < INT32_MAX;
}

bool sparse_place_is_sane(const Place *place, const Type *type)
{
    if (type->dtype != F32 || type->rank < 2 || place->panel < 1 || place->abreast < 1) return false;
    if (place->abreast > MOST_ABREAST || !reach_is_sane(place, type)) return false;
    int64_t groups = (panels_in(type, place->panel) + place->abreast - 1) / place->abreast, most, bytes;
    if (__builtin_mul_overflow(groups, rows_of(type), &most)) return false;
    if (place->steps < 1 || place->steps > most || place->steps >= INT32_MAX) return false;
    return !__builtin_mul_overflow(place->steps, place->abreast * place->panel * 8, &bytes) && bytes <= INT64_C(1)
                                                                                                            << 40;
}

bool sparse_can_hold(Value weight)
{
    if (weight.node->op != OP_param && weight.node->op != OP_constant) return false;
    const Type *type = value_type(weight);
    return weight.node->data && type->dtype == F32 && (type->rank == 2 || type->rank == 4);
}

/* ---- counting ---- */

static bool is_zero(const Tensor *weight, int64_t row, int64_t first, int64_t panel)
{
    int64_t columns = columns_of(&weight->type), width = columns - first < panel ? columns - first : panel;
    const float *element = (const float *)weight->data + row * columns + first;
    for (int64_t i = 0; i < width; i++)
        if (element[i] != 0) return false;
    return true;
}

void sparse_count(const Tensor *weight, int64_t panel, int64_t *count)
{
    int64_t panels = panels_in(&weight->type, panel), rows = rows_of(&weight->type);
    memset(count, 0, (size_t)panels * sizeof *count);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t p = 0; p < panels; p++) count[p] += !is_zero(weight, row, p * panel, panel);
}

int64_t sparse_steps(const int64_t *count, int64_t panels, int64_t abreast)
{
    int64_t steps = 0;
    for (int64_t first = 0; first < panels; first += abreast) {
        int64_t most = 0;
        for (int64_t p = first; p < panels && p < first + abreast; p++) most = count[p] > most ? count[p] : most;
        steps += most;
    }
    return steps;
}

/* ---- places ---- */

static int64_t steps_of(const Node *weight, int64_t panel, int64_t abreast)
{
    Arena *scratch = arena_child(weight->graph->arena);
    int64_t panels = panels_in(&weight->types[0], panel), *count = ARENA_ARRAY(scratch, int64_t, panels);
    sparse_count(weight->data, panel, count);
    int64_t steps = sparse_steps(count, panels, abreast);
    arena_free(scratch);
    return steps;
}

void sparse_set_place(const Group *group, Place *place)
{
    const Schedule *s = group->node->schedule;
    Value input = group->anchor->inputs[0], weight = group->anchor->inputs[1];
    const Place *from = &input.node->places[input.slot];
    int rank = value_type(input)->rank;
    Contraction c;
    node_def(group->anchor)->contract(group->anchor, &c);
    assert(sparse_can_hold(weight) && rank >= 1);
    place->packing = PACKING_SPARSE;
    place->panel = s->panel;
    place->abreast = s->tile_vectors * s->lanes / s->panel;
    place->steps = steps_of(weight.node, place->panel, place->abreast);
    memset(place->reach, 0, sizeof place->reach);
    place->reach[value_type(weight)->rank - 2] = from->stride[rank - 1];
    if (value_type(weight)->rank != 4) return;
    place->reach[0] = from->stride[1] * c.window.dilation[0];
    place->reach[1] = from->stride[2] * c.window.dilation[1];
}

bool sparse_place_fits(const Group *group, const Place *place)
{
    Place wanted = *place;
    sparse_set_place(group, &wanted);
    return wanted.packing == place->packing && wanted.panel == place->panel && wanted.abreast == place->abreast &&
           wanted.steps == place->steps && !memcmp(wanted.reach, place->reach, sizeof wanted.reach);
}

/* ---- the packing ---- */

int64_t packing_sparse_bytes(const Place *place, const Type *type) { return sparse_parts(place, type).bytes; }

static int32_t offset_of(const Place *place, const Type *type, int64_t row)
{
    int64_t offset = 0;
    for (int axis = type->rank - 2; axis >= 0; axis--) {
        offset += row % type->dim[axis].high * place->reach[axis];
        row /= type->dim[axis].high;
    }
    return (int32_t)offset;
}

typedef struct Filler {
    const Place *place;
    const Tensor *tensor;
    int32_t *offsets;
    float *values;
} Filler;

/* The blocks of panel `p` in column `at` of the steps from `step` on; how many. */
static int64_t put_panel(const Filler *f, int64_t p, int64_t step, int64_t at)
{
    int64_t panel = f->place->panel, columns = columns_of(&f->tensor->type), first = p * panel, count = 0;
    size_t width = (size_t)(columns - first < panel ? columns - first : panel);
    for (int64_t row = 0; row < rows_of(&f->tensor->type); row++) {
        if (is_zero(f->tensor, row, first, panel)) continue;
        int64_t block = (step + count++) * f->place->abreast + at;
        f->offsets[block] = offset_of(f->place, &f->tensor->type, row);
        memcpy(f->values + block * panel, (const float *)f->tensor->data + row * columns + first,
               width * sizeof(float));
    }
    return count;
}

/* Steps in which a panel has nothing multiply what its first zero would. */
static void put_nothing(const Filler *f, int64_t p, int64_t from, int64_t to, int64_t at)
{
    int64_t row = 0, panel = f->place->panel;
    if (from == to) return;
    if (p < panels_in(&f->tensor->type, panel))
        while (!is_zero(f->tensor, row, p * panel, panel)) row++;
    for (int64_t step = from; step < to; step++)
        f->offsets[step * f->place->abreast + at] = offset_of(f->place, &f->tensor->type, row);
}

void packing_sparse_fill(const Place *place, const Tensor *tensor, unsigned char *to)
{
    const Type *type = &tensor->type;
    SparseParts parts = sparse_parts(place, type);
    Filler f = {place, tensor, (int32_t *)(void *)(to + parts.offsets), (float *)(void *)(to + parts.values)};
    int32_t *starts = (int32_t *)(void *)(to + parts.starts);
    int64_t step = 0, abreast = place->abreast, panels = panels_in(type, place->panel);
    for (int64_t g = 0; g < parts.groups; g++) {
        int64_t most = 0, count[MOST_ABREAST] = {0};
        starts[g] = (int32_t)step;
        for (int64_t a = 0; a < abreast && g * abreast + a < panels; a++) {
            count[a] = put_panel(&f, g * abreast + a, step, a);
            if (count[a] > most) most = count[a];
        }
        for (int64_t a = 0; a < abreast; a++) put_nothing(&f, g * abreast + a, step + count[a], step + most, a);
        step += most;
    }
    assert(step == place->steps);
    starts[parts.groups] = (int32_t)step;
}
