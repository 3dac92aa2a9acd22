/* Spectra as ears hear them: bands that are wider the higher they are, and what is left of them by cosines. */
#include "ir/ops/make.h"
#include "ir/signal.h"

#include <math.h>

enum { MOST_BANDS = 4096 };

/* O'Shaughnessy's formula, as HTK has it. */
static double mel_of(double hertz) { return 2595 * log10(1 + hertz / 700); }
static double hertz_of(double mel) { return 700 * (pow(10, mel / 2595) - 1); }

static bool infer_mel(const Node *node, Type *out, Diag *diag)
{
    const MelAttrs *attrs = node->attrs;
    *out = *operand_type(node, 0);
    if (!need_dtype(node, 0, ACCEPT_FLOATS, diag) || !need_fixed(node, 0, diag)) return false;
    double high = attrs->high > 0 ? attrs->high : attrs->rate / 2;
    bool fits = out->rank >= 1 && out->dim[out->rank - 1].high >= 2 && out->dim[out->rank - 1].high <= 1 << 22;
    fits = fits && attrs->bands >= 1 && attrs->bands <= MOST_BANDS && isfinite(attrs->rate) && attrs->rate > 0;
    if (fits && attrs->low >= 0 && attrs->low < high && high <= attrs->rate / 2) {
        out->dim[out->rank - 1] = dim_fixed(attrs->bands);
        return need_sane(node, out, diag);
    }
    diag_error(diag, E0404, node_span(node), "mel of %s: expected frequencies up to half of the rate, 0 <= low < high",
               operand_text(node, 0, diag->arena));
    return diag_help(diag, "write mel(spectrum(x, size: 512), bands: 40, rate: 16000.0)");
}

/* [frequencies, bands]: triangles over frequency, each from the middle of the band before to that of the next. */
static Value mel_table(const Maker *m, const MelAttrs *attrs, Dtype dtype, int64_t count)
{
    const int64_t dims[] = {count, attrs->bands};
    double high = mel_of(attrs->high > 0 ? attrs->high : attrs->rate / 2), low = mel_of(attrs->low);
    double *table = ARENA_ARRAY(m->graph->arena, double, count * attrs->bands);
    for (int64_t band = 0; band < attrs->bands; band++) {
        double edge[3];
        for (int i = 0; i < 3; i++)
            edge[i] = hertz_of(low + (high - low) * (double)(band + i) / (double)(attrs->bands + 1));
        for (int64_t k = 0; k < count; k++) {
            double hertz = attrs->rate / 2 * (double)k / (double)(count - 1);
            double rise = (hertz - edge[0]) / (edge[1] - edge[0]), fall = (edge[2] - hertz) / (edge[2] - edge[1]);
            table[k * attrs->bands + band] = fmax(0, fmin(rise, fall));
        }
    }
    return make_reals(m, dtype, 2, dims, table);
}

/* x [..., N] times a matrix [N, M]. */
static Value rows_times(const Maker *m, Value x, Value table)
{
    if (!x.node || !table.node) return (Value){NULL, 0};
    const Type *type = value_type(x);
    int64_t dims[MAX_RANK], rows[] = {1, type->dim[type->rank - 1].high};
    for (int i = 0; i < type->rank; i++) dims[i] = type->dim[i].high;
    for (int i = 0; i < type->rank - 1; i++) rows[0] *= dims[i];
    dims[type->rank - 1] = value_type(table)->dim[1].high;
    Value product = make_binary(m, OP_matmul, make_reshape(m, x, 2, rows), table);
    return make_reshape(m, product, type->rank, dims);
}

static bool expand_mel(const Maker *m, Value *out)
{
    const Type *x = operand_type(m->node, 0);
    Dtype dtype = x->dtype;
    Value table = mel_table(m, m->node->attrs, dtype, x->dim[x->rank - 1].high);
    out[0] = rows_times(m, m->node->inputs[0], table);
    return out[0].node != NULL;
}

const OpDef op_mel = {
    .name = "mel",
    .doc = "A spectrum in bands of equal width on the mel scale, 2595 log10(1 + f / 700): each is a sum weighed by a "
           "triangle over frequency.",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = (const Operand[]){{.name = "x", .doc = "[..., frequencies] from 0 to half of the rate"}},
    .attrs = ATTRS(MelAttrs,
                   ATTR(MelAttrs, bands, .kind = ATTR_INT, .flags = ATTR_REQUIRED, .low = 1, .high = MOST_BANDS,
                        .doc = "of the result"),
                   ATTR(MelAttrs, rate, .kind = ATTR_FLOAT, .flags = ATTR_REQUIRED, .doc = "samples a second"),
                   ATTR(MelAttrs, low, .kind = ATTR_FLOAT, .doc = "where the first band begins, in Hz"),
                   ATTR(MelAttrs, high, .kind = ATTR_FLOAT, .doc = "where the last one ends; 0: half of the rate")),
    .infer = infer_mel,
    .expand = expand_mel,
};

/* ---- dct ---- */

static bool infer_dct(const Node *node, Type *out, Diag *diag)
{
    const DctAttrs *attrs = node->attrs;
    *out = *operand_type(node, 0);
    if (!need_dtype(node, 0, ACCEPT_FLOATS, diag) || !need_fixed(node, 0, diag)) return false;
    int64_t size = out->rank ? out->dim[out->rank - 1].high : 0;
    if (size >= 1 && size <= MOST_BANDS && attrs->out >= 0 && attrs->out <= size) {
        if (attrs->out) out->dim[out->rank - 1] = dim_fixed(attrs->out);
        return true;
    }
    diag_error(diag, E0404, node_span(node), "dct: expected up to %d numbers and no more of the result, found %s",
               MOST_BANDS, operand_text(node, 0, diag->arena));
    return diag_help(diag, "write dct(x, out: 13)");
}

static bool expand_dct(const Maker *m, Value *out)
{
    const Type *x = operand_type(m->node, 0), *type = &m->node->types[0];
    const int64_t dims[] = {x->dim[x->rank - 1].high, type->dim[type->rank - 1].high};
    const double pi = 3.14159265358979323846, size = (double)dims[0];
    double *table = ARENA_ARRAY(m->graph->arena, double, dims[0] * dims[1]);
    for (int64_t n = 0; n < dims[0]; n++)
        for (int64_t k = 0; k < dims[1]; k++)
            table[n * dims[1] + k] = sqrt((k ? 2 : 1) / size) * cos(pi * (double)k * ((double)n + 0.5) / size);
    Value matrix = make_reals(m, type->dtype, 2, dims, table);
    out[0] = rows_times(m, m->node->inputs[0], matrix);
    return out[0].node != NULL;
}

const OpDef op_dct = {
    .name = "dct",
    .doc =
        "The cosine transform (type II, orthonormal) along the last axis: of log-mel spectra it makes cepstra (MFCC).",
    .kind = KIND_COMPOSITE,
    .noperands = 1,
    .operands = (const Operand[]){{.name = "x", .doc = "[..., N] of floats"}},
    .attrs = ATTRS(DctAttrs, ATTR(DctAttrs, out, .kind = ATTR_INT, .low = 0, .high = MOST_BANDS,
                                  .doc = "how many of the first are kept; 0: all")),
    .infer = infer_dct,
    .expand = expand_dct,
};
