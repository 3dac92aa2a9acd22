#include "ir/place.h"

#include <string.h>

static const char *const names[] = {
    [SPACE_NONE] = "none",         [SPACE_INPUT] = "input", [SPACE_OUTPUT] = "output",
    [SPACE_CONSTANT] = "constant", [SPACE_ARENA] = "arena",
};

const char *space_name(Space space) { return names[space]; }

Space space_find(const char *name)
{
    for (int space = SPACE_INPUT; space <= SPACE_ARENA; space++)
        if (strcmp(names[space], name) == 0) return (Space)space;
    return SPACE_NONE;
}

static int64_t padded(const Place *place, const Type *type, int axis)
{
    return place->before[axis] + type->dim[axis].high + place->after[axis];
}

void place_set_strides(Place *place, const Type *type)
{
    int64_t stride = 1;
    if (place->panel) {
        stride = place->panel;
        place->stride[type->rank - 1] = 1;
        for (int axis = type->rank - 2; axis >= 0; axis--) {
            place->stride[axis] = stride;
            stride *= type->dim[axis].high;
        }
        return;
    }
    for (int axis = type->rank - 1; axis >= 0; axis--) {
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

int64_t place_bytes(const Place *place, const Type *type)
{
    int64_t last = 0; /* index of the buffer's last element */
    if (place->panel) {
        int64_t columns = type->dim[type->rank - 1].high;
        int64_t panels = (columns + place->panel - 1) / place->panel;
        return dtype_bytes(type->dtype, type_elements(type) / columns * panels * place->panel);
    }
    for (int axis = 0; axis < type->rank; axis++) last += place->stride[axis] * (padded(place, type, axis) - 1);
    return dtype_bytes(type->dtype, last + 1);
}

int64_t place_interior(const Place *place)
{
    int64_t index = 0;
    for (int axis = 0; axis < MAX_RANK; axis++) index += place->stride[axis] * place->before[axis];
    return index;
}
