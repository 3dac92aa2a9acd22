/* The packed constants of a planned graph, byte for byte as code reads them. */
#include "backend/object.h"

#include "ir/op.h"

#include <assert.h>
#include <string.h>

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

/* The elements of a param or constant; one of equal elements may have been left unsaid. */
static Tensor elements_of(const Node *node)
{
    if (node->data) return *node->data;
    assert(node->op == OP_constant);
    Tensor tensor = tensor_new(node->graph->arena, node->types[0]);
    const ConstantAttrs *attrs = node->attrs;
    for (int64_t i = 0; i < type_elements(&tensor.type); i++) tensor_set_real(&tensor, i, attrs->value);
    return tensor;
}

void weights_fill(const Graph *graph, unsigned char *section)
{
    for (const Node *node = graph->first; node; node = node->next) {
        bool source = node_def(node)->kind == KIND_SOURCE; /* not a reshape of one, which is the same bytes */
        if (!source || !node->places || node->places[0].space != SPACE_CONSTANT) continue;
        const Place *place = &node->places[0];
        Tensor tensor = elements_of(node);
        if (place->panel)
            put_panels(place, &tensor, section + place->offset);
        else
            put_strided(place, &tensor, section + place->offset);
    }
}
