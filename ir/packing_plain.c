/* Row-major with the place's strides, or in panels of its last axis. */
#include "ir/packing.h"

#include <string.h>

/* Whole panels, each a dense block of the axes before the last. */
static int64_t panels_bytes(const Place *place, const Type *type)
{
    int64_t channels = type->dim[type->rank - 1].high, panels = (channels + place->panel - 1) / place->panel;
    return dtype_bytes(type->dtype, type_elements(type) / channels * panels * place->panel);
}

int64_t packing_plain_bytes(const Place *place, const Type *type)
{
    if (place->panel && type->rank) return panels_bytes(place, type);
    int64_t last = 0; /* index of the buffer's last element */
    for (int axis = 0; axis < type->rank; axis++)
        last += place->stride[axis] * (place->before[axis] + type->dim[axis].high + place->after[axis] - 1);
    return dtype_bytes(type->dtype, last + 1) + place->slack;
}

/* [..., N] as [N / panel rounded up, ..., panel]; what the last panel has too many stays zero. */
static void put_panels(const Place *place, const Tensor *tensor, unsigned char *to)
{
    const Type *type = &tensor->type;
    const unsigned char *from = tensor->data;
    size_t size = (size_t)dtype_bits(type->dtype) / 8, panel = (size_t)place->panel;
    size_t columns = type->rank ? (size_t)type->dim[type->rank - 1].high : 1;
    size_t rows = (size_t)type_elements(type) / columns;
    for (size_t row = 0; row < rows; row++)
        for (size_t first = 0; first < columns; first += panel) {
            size_t count = columns - first < panel ? columns - first : panel;
            memcpy(to + (first * rows + row * panel) * size, from + (row * columns + first) * size, count * size);
        }
}

static void put_strided(const Place *place, const Tensor *tensor, unsigned char *to)
{
    const Type *type = &tensor->type;
    const unsigned char *from = tensor->data;
    size_t size = (size_t)dtype_bits(type->dtype) / 8;
    int64_t at[MAX_RANK] = {0}, count = type_elements(type);
    to += (size_t)place_interior(place) * size;
    for (int64_t i = 0; i < count; i++) {
        int64_t index = 0;
        for (int axis = 0; axis < type->rank; axis++) index += at[axis] * place->stride[axis];
        memcpy(to + (size_t)index * size, from + (size_t)i * size, size);
        for (int axis = type->rank - 1; axis >= 0 && ++at[axis] == type->dim[axis].high; axis--) at[axis] = 0;
    }
}

void packing_plain_fill(const Place *place, const Tensor *tensor, unsigned char *to)
{
    if (place->panel)
        put_panels(place, tensor, to);
    else
        put_strided(place, tensor, to);
}
