/* The packed constants of a planned graph, byte for byte as code reads them. */
#include "backend/object.h"

#include "ir/op.h"
#include "ir/packing.h"

#include <assert.h>
#include <string.h>

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
        packing_of(place)->fill(place, &tensor, section + place->offset);
    }
}
