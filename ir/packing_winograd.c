/* Windows [3, 3, ic, oc] as G g G' for Winograd's products, [position, oc / panel rounded up, ic, panel]: each position
 * is the matrix of one product, in the order that a tile reads it.  Computed in f64, rounded once. */
#include "ir/packing.h"
#include "ir/winograd.h"

enum { WINDOW = 3 };

/* What a dump may ask for; verify_panels refuses it afterwards. */
static bool is_window(const Place *place, const Type *type)
{
    return place->panel && type->dtype == F32 && type->rank == 4 && type->dim[0].high == WINDOW &&
           type->dim[1].high == WINDOW;
}

static int64_t bytes_for(const Place *place, const Type *type, int64_t outputs)
{
    int64_t plain = packing_plain_bytes(place, type), inputs = outputs + WINDOW - 1;
    return is_window(place, type) ? plain / (WINDOW * WINDOW) * inputs * inputs : plain;
}

int64_t packing_winograd2_bytes(const Place *place, const Type *type) { return bytes_for(place, type, 2); }
int64_t packing_winograd4_bytes(const Place *place, const Type *type) { return bytes_for(place, type, 4); }

/* Element (y, x) of G g G' for the window of input channel `ic` and output channel `oc`. */
static double transformed(const Tensor *tensor, int64_t outputs, int64_t y, int64_t x, int64_t ic, int64_t oc)
{
    const double(*g)[3] = winograd_window_matrix(outputs);
    int64_t channels[2] = {tensor->type.dim[2].high, tensor->type.dim[3].high};
    double sum = 0;
    for (int64_t ky = 0; ky < WINDOW; ky++)
        for (int64_t kx = 0; kx < WINDOW; kx++)
            sum +=
                g[y][ky] * g[x][kx] * tensor_real(tensor, ((ky * WINDOW + kx) * channels[0] + ic) * channels[1] + oc);
    return sum;
}

static void fill_for(const Place *place, const Tensor *tensor, unsigned char *to, int64_t outputs)
{
    float *element = (float *)(void *)to;
    int64_t in = tensor->type.dim[2].high, out = tensor->type.dim[3].high, inputs = outputs + WINDOW - 1;
    for (int64_t position = 0; position < inputs * inputs; position++)
        for (int64_t first = 0; first < out; first += place->panel)
            for (int64_t ic = 0; ic < in; ic++)
                for (int64_t oc = first; oc < first + place->panel; oc++, element++)
                    if (oc < out)
                        *element = (float)transformed(tensor, outputs, position / inputs, position % inputs, ic, oc);
}

void packing_winograd2_fill(const Place *place, const Tensor *tensor, unsigned char *to)
{
    fill_for(place, tensor, to, 2);
}

void packing_winograd4_fill(const Place *place, const Tensor *tensor, unsigned char *to)
{
    fill_for(place, tensor, to, 4);
}
