#include "tests/support/texts.h"

#include "backend/emit.h"
#include "backend/lower.h"
#include "frontend/frontend.h"
#include "frontend/write.h"
#include "ir/pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder that holds what the texts name. */
typedef struct Folder {
    Arena *arena;
    const char *path;
    const PassContext *context;
} Folder;

static const char *inside(const Folder *folder, const char *name)
{
    return arena_printf(folder->arena, "%s/%s", folder->path, name);
}

static const char *first_error(const Diag *diag)
{
    const Diagnostic *first = diag->first;
    while (first && first->severity != SEVERITY_ERROR) first = first->next;
    return first ? first->message : "an error without a word";
}

static bool object_of(const Folder *folder, Graph *graph, Bytes *out, Diag *diag)
{
    LoopProgram program = {.arena = folder->arena};
    EmitOptions options = {.target = folder->context->target, .level = folder->context->level};
    return pass_pipeline(graph, folder->context, NULL, NULL, NULL, diag) &&
           lower_graph(graph, folder->context->target, &program, diag) &&
           emit_program(&program, &options, EMIT_OBJECT, out, diag);
}

static const char *differs(const Folder *folder, const char *what, const char *text, const Bytes *wanted)
{
    Diag diag = diag_new(folder->arena);
    Bytes object;
    const Ast *ast = ast_parse(folder->arena, source_from_text(folder->arena, inside(folder, "text.lep"), text), &diag);
    Graph *graph = ast ? elaborate(folder->arena, ast, NULL, &diag) : NULL;
    if (!graph || !object_of(folder, graph, &object, &diag))
        return arena_printf(folder->arena, "%s: %s", what, first_error(&diag));
    if (object.size == wanted->size && !memcmp(object.data, wanted->data, object.size)) return NULL;
    return arena_printf(folder->arena, "%s: another object", what);
}

static FILE *text_open(char **text, size_t *size)
{
    FILE *out = open_memstream(text, size);
    if (!out) abort();
    return out;
}

static const char *text_close(const Folder *folder, FILE *out, char **text)
{
    if (fclose(out)) abort();
    const char *kept = arena_copy_string(folder->arena, *text);
    free(*text);
    return kept;
}

static const char *dump_differs(const Folder *folder, const char *what, const Graph *graph, const Bytes *wanted)
{
    Diag diag = diag_new(folder->arena);
    char *text;
    size_t size;
    FILE *out = text_open(&text, &size);
    if (!graph_write_pool(graph, folder->path, &diag)) return first_error(&diag);
    graph_print(graph, out, (PrintOptions){.origins = true});
    const char *dump = text_close(folder, out, &text), *wrong = differs(folder, what, dump, wanted);
    const char *name = pool_name(pool_of(folder->arena, graph));
    if (name) unlink(inside(folder, name));
    return wrong;
}

static const char *writing_differs(const Folder *folder, const Graph *graph, const Bytes *wanted)
{
    const char *path = inside(folder, "text.safetensors");
    char *text;
    size_t size;
    Writing *writing = writing_new(folder->arena, graph_clone(folder->arena, graph), "text.safetensors");
    FILE *weights = writing_has_weights(writing) ? fopen(path, "wb") : NULL;
    if (weights) writing_weights(writing, weights);
    if (weights && fclose(weights)) return "weights cannot be written";
    FILE *out = text_open(&text, &size);
    writing_text(writing, "imported", out);
    const char *wrong = differs(folder, "text", text_close(folder, out, &text), wanted);
    if (weights) unlink(path);
    return wrong;
}

static const char *all_differ(const Folder *folder, const Graph *graph)
{
    Diag diag = diag_new(folder->arena);
    Graph *planned = graph_clone(folder->arena, graph);
    Bytes object;
    if (!object_of(folder, planned, &object, &diag)) return first_error(&diag);
    const char *wrong = writing_differs(folder, graph, &object);
    if (!wrong) wrong = dump_differs(folder, "dump", graph, &object);
    return wrong ? wrong : dump_differs(folder, "planned dump", planned, &object);
}

static bool copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb"), *out = in ? fopen(to, "wb") : NULL;
    char buffer[1 << 14];
    for (size_t n; out && (n = fread(buffer, 1, sizeof buffer, in));) fwrite(buffer, 1, n, out);
    if (in) fclose(in);
    return out && fclose(out) == 0;
}

const char *texts_differ(const Graph *graph, const char *model, const PassContext *context)
{
    const char *temporary = getenv("TMPDIR"), *slash = model ? strrchr(model, '/') : NULL;
    char *path = arena_printf(graph->arena, "%s/lepc-XXXXXX", temporary && *temporary ? temporary : "/tmp");
    if (!mkdtemp(path)) return "no folder for texts";
    Folder folder = {graph->arena, path, context};
    const char *copy = model ? inside(&folder, slash ? slash + 1 : model) : NULL;
    const char *wrong = copy && !copy_file(model, copy) ? "the model cannot be copied" : all_differ(&folder, graph);
    if (copy) unlink(copy);
    rmdir(path);
    return wrong;
}
