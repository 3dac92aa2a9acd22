/* What of flash is what: each byte of the object that is loaded, once. */
#include "backend/object.h"
#include "frontend/driver/layers.h"
#include "frontend/driver/report.h"

#include <stdlib.h>

static void print_sections(const Compilation *c, FILE *out)
{
    ObjectPart *parts = NULL;
    size_t count = object_parts(c->arena, &c->code, &parts);
    static const char *const places[] = {[WEIGHTS_FAR] = OBJECT_FAR_WEIGHTS, [WEIGHTS_EXTERNAL] = "(beside the code)"};
    const char *place = c->program.weights == WEIGHTS_NEAR ? c->target.arch->constants : places[c->program.weights];
    fprintf(out, "\n%-24s %12s\n", "section", "bytes");
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%-24s %12lld  %s\n", parts[i].name, (long long)parts[i].bytes,
                parts[i].code ? "code" : "tables of the code");
    if (c->program.constant_bytes)
        fprintf(out, "%-24s %12lld  constants\n", place, (long long)c->program.constant_bytes);
}

static void print_row(const char *name, int64_t constants, int64_t code, int64_t flash, FILE *out)
{
    int64_t bytes = constants + code;
    fprintf(out, "%-24s %12lld %12lld %12lld %6.1f %%\n", name, (long long)constants, (long long)code, (long long)bytes,
            flash ? 100 * (double)bytes / (double)flash : 0);
}

/* What is left is of no layer: the function that calls them all, tables, and what lies between constants. */
static void print_layers(const Compilation *c, const Sizes *sizes, FILE *out)
{
    LayerSizes *rows = layers_of(c, sizes);
    int64_t code = sizes->emitted.code, constants = sizes->constants;
    qsort(rows, (size_t)c->program.nsteps, sizeof *rows, layers_by_size);
    fprintf(out, "\n%-24s %12s %12s %12s %8s\n", "layer", "constants", "code", "flash", "of all");
    for (int i = 0; i < c->program.nsteps; i++) {
        print_row(rows[i].name, rows[i].constants, rows[i].code, sizes->flash, out);
        code -= rows[i].code;
        constants -= rows[i].constants;
    }
    print_row("(entry, alignment)", constants, code, sizes->flash, out);
    print_row("(tables)", 0, sizes->emitted.data, sizes->flash, out);
    print_row("all", sizes->constants, sizes->emitted.code + sizes->emitted.data, sizes->flash, out);
}

bool report_size(Compilation *c, FILE *out)
{
    Sizes sizes;
    if (!compile_measure(c, &sizes)) return false;
    sizes_print(c, &sizes, out);
    print_sections(c, out);
    print_layers(c, &sizes, out);
    return true;
}
