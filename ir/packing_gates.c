/* The gates of a recurrence side by side: [..., 4 H] lies as [H / panel rounded up, ..., 4, panel], so that one step of
 * a sum reads the weights of all gates of the same units from neighbouring vectors.  What the last panel has too many
 * stays zero. */
#include "ir/packing.h"

#include <string.h>

enum { GATES = 4 };

typedef struct Gates {
    int64_t rows, units, panel;
} Gates;

/* A dump may say that anything is packed so: what is no run of gates counts as one row of its elements. */
static Gates gates_of(const Place *place, const Type *type)
{
    int64_t columns = type->rank ? type->dim[type->rank - 1].high : 1, panel = place->panel ? place->panel : 1;
    if (columns % GATES) return (Gates){1, 0, panel};
    return (Gates){type_elements(type) / columns, columns / GATES, panel};
}

int64_t packing_gates_bytes(const Place *place, const Type *type)
{
    Gates g = gates_of(place, type);
    if (!g.units) return packing_plain_bytes(place, type);
    return dtype_bytes(type->dtype, (g.units + g.panel - 1) / g.panel * g.rows * GATES * g.panel);
}

void packing_gates_fill(const Place *place, const Tensor *tensor, unsigned char *to)
{
    Gates g = gates_of(place, &tensor->type);
    size_t size = (size_t)dtype_bits(tensor->type.dtype) / 8;
    const unsigned char *from = tensor->data;
    for (int64_t unit = 0; unit < g.units; unit += g.panel) {
        int64_t count = g.units - unit < g.panel ? g.units - unit : g.panel;
        for (int64_t row = 0; row < g.rows; row++)
            for (int64_t gate = 0; gate < GATES; gate++) {
                int64_t at = unit * g.rows * GATES + (row * GATES + gate) * g.panel;
                int64_t source = (row * GATES + gate) * g.units + unit;
                memcpy(to + (size_t)at * size, from + (size_t)source * size, (size_t)count * size);
            }
    }
}
