/* lepc import: a model of another format as a text, and its elements beside it. */
#include "frontend/driver/emit_kind.h"
#include "frontend/write.h"

#include <stdlib.h>
#include <string.h>

static const Span nowhere = {.name = "lepc"};

/* OUT.lep -> OUT.safetensors */
static const char *weights_beside(Arena *arena, const char *path)
{
    size_t length = strlen(path), tail = has_suffix(path, ".lep") ? 4 : has_suffix(path, ".onnx") ? 5 : 0;
    return arena_printf(arena, "%.*s.safetensors", (int)(length - tail), path);
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* "imported from squeezenet.onnx, opset 13, made by pytorch 1.9" */
static const char *source_text(const Compilation *c)
{
    const OnnxReport *report = &c->gaps;
    const char *text = arena_printf(c->arena, "imported from %s", file_name(c->options->model));
    if (report->opset) text = arena_printf(c->arena, "%s, opset %lld", text, (long long)report->opset);
    if (!report->producer || !*report->producer) return text;
    return arena_printf(c->arena, "%s, made by %s %s", text, report->producer, report->producer_version);
}

/* In the house's formatting. */
static bool write_model(Compilation *c, Writing *writing, const char *path)
{
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    if (!memory) arena_exhausted(c->arena);
    writing_text(writing, source_text(c), memory);
    if (fclose(memory)) arena_exhausted(c->arena);
    const char *kept = arena_copy_chars(c->arena, text, size);
    free(text);
    const Ast *ast = ast_parse(c->arena, source_from_text(c->arena, path, kept), c->diag);
    FILE *file = ast ? output_open(&c->driver->outputs, c->arena, path, c->diag) : NULL;
    if (!file) return false;
    ast_format(ast, file);
    return output_close(&c->driver->outputs, file, c->diag);
}

static bool write_elements(Compilation *c, const Writing *writing, const char *path)
{
    if (!writing_has_weights(writing)) return true;
    FILE *file = output_open(&c->driver->outputs, c->arena, path, c->diag);
    if (!file) return false;
    writing_weights(writing, file);
    return output_close(&c->driver->outputs, file, c->diag);
}

int command_import(Driver *driver)
{
    Compilation c = compilation_new(driver);
    const char *model = driver->options.model;
    const char *path = driver->options.output;
    if (!has_suffix(model, ".onnx")) {
        diag_error(c.diag, E0801, nowhere, "import: expected a model in a file .onnx, found '%s'", model);
        return STATUS_USAGE;
    }
    if (!path)
        path = arena_printf(c.arena, "%.*s.lep", (int)(strlen(file_name(model)) - strlen(".onnx")), file_name(model));
    if (!compile_import(&c, model)) return STATUS_INPUT;
    bool stream = output_is_stream(path); /* for reading only */
    const char *weights = weights_beside(c.arena, stream ? file_name(model) : path);
    Writing *writing = writing_new(c.arena, c.graph, file_name(weights));
    bool done = (stream || write_elements(&c, writing, weights)) && write_model(&c, writing, path);
    return done ? STATUS_FINE : STATUS_SYSTEM;
}
