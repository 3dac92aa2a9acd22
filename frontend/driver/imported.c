/* Models of other formats: what stands in the place of a text. */
#include "frontend/driver/compile.h"
#include "frontend/onnx/import.h"
#include "frontend/weights.h"

#include <string.h>

static const size_t largest_value = (size_t)1 << 30;

static const Span nowhere = {.name = "lepc"};

/* --fix NAME=FILE, where FILE is .npy or a tensor as ONNX writes it (.pb). */
static bool read_fixed(Compilation *c, const char *text, OnnxFixed *out)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1]) {
        diag_error(c->diag, E0801, nowhere, "--fix: expected NAME=FILE, found '%s'", text);
        return diag_help(c->diag, "as in --fix shape=shape.npy");
    }
    const char *path = equals + 1;
    const Source *file = source_read_at(c->arena, path, largest_value, nowhere, c->diag);
    if (!file) return false;
    const unsigned char *bytes = (const unsigned char *)file->text;
    out->name = arena_copy_chars(c->arena, text, (size_t)(equals - text));
    if (has_suffix(path, ".pb")) return onnx_parse_tensor(c->arena, bytes, file->length, path, &out->value, c->diag);
    return npy_parse(c->arena, bytes, file->length, path, &out->value, c->diag);
}

bool compile_import(Compilation *c, const char *path)
{
    const TextList *fix = &c->options->fix;
    OnnxFixed *fixed = ARENA_ARRAY(c->arena, OnnxFixed, fix->count + 1);
    for (int i = 0; i < fix->count; i++)
        if (!read_fixed(c, fix->at[i], &fixed[i])) return false;
    OnnxOptions options = {
        .dims = c->options->dims.at, .ndims = c->options->dims.count, .fixed = fixed, .nfixed = fix->count};
    const Onnx__ModelProto *model = onnx_read_model(c->arena, path, c->diag);
    if (!model) return false;
    c->graph = onnx_import(c->arena, model, path, &options, &c->gaps, c->diag);
    return c->graph != NULL;
}
