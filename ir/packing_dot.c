/* Weights for dot products of bytes: [.., K, N] as [N / panel rounded up][.., K / products rounded
 * up][panel][products], so that a vector holds the `products` weights of each channel that one instruction multiplies
 * and adds.  K is a run of inputs that are neighbours in memory: the input channels, or a whole row of a kernel
 * [height, width, channels, N]. What fills up a run, and the last panel, is zeros: the bytes of input behind the run do
 * not matter. */
#include "ir/packing.h"

#include <string.h>

typedef struct Runs {
    int64_t count, length, steps; /* steps: groups of `products` that cover one */
    int64_t channels, panels;
} Runs;

/* False for what has no such runs: it is written down plainly. */
static bool runs_of(const Place *place, const Type *type, int64_t products, bool rows, Runs *out)
{
    if (place->panel <= 0 || dtype_bits(type->dtype) != 8 || type->rank < (rows ? 4 : 2)) return false;
    int last = type->rank - 1;
    out->channels = type->dim[last].high;
    out->panels = (out->channels + place->panel - 1) / place->panel;
    out->length = type->dim[last - 1].high * (rows ? type->dim[last - 2].high : 1);
    out->count = type_elements(type) / out->channels / out->length;
    out->steps = (out->length + products - 1) / products;
    return true;
}

static int64_t dot_bytes(const Place *place, const Type *type, int64_t products, bool rows)
{
    Runs r;
    if (!runs_of(place, type, products, rows, &r)) return packing_plain_bytes(place, type);
    return r.panels * r.count * r.steps * place->panel * products;
}

static void dot_fill(const Place *place, const Tensor *tensor, unsigned char *to, int64_t products, bool rows)
{
    Runs r;
    if (!runs_of(place, &tensor->type, products, rows, &r)) {
        packing_plain_fill(place, tensor, to);
        return;
    }
    const unsigned char *from = tensor->data;
    for (int64_t run = 0; run < r.count; run++)
        for (int64_t k = 0; k < r.length; k++)
            for (int64_t n = 0; n < r.channels; n++) {
                int64_t step = (n / place->panel * r.count + run) * r.steps + k / products;
                int64_t at = (step * place->panel + n % place->panel) * products + k % products;
                to[at] = from[(run * r.length + k) * r.channels + n];
            }
}

#define DOT(name, products, rows)                                                                                      \
    int64_t name##_bytes(const Place *place, const Type *type) { return dot_bytes(place, type, products, rows); }      \
    void name##_fill(const Place *place, const Tensor *tensor, unsigned char *to)                                      \
    {                                                                                                                  \
        dot_fill(place, tensor, to, products, rows);                                                                   \
    }
DOT(packing_dot2, 2, false)
DOT(packing_dot4, 4, false)
DOT(packing_dot2_rows, 2, true)
DOT(packing_dot4_rows, 4, true)
DOT(packing_dot16, 16, false)
DOT(packing_dot16_rows, 16, true)
