/* Any bytes are a model or diagnostics.  What parses is formatted once and for all, and means the same afterwards; what
 * elaborates prints as text that reads back as itself; what says that it is planned becomes loop nests and packed
 * constants, or a diagnostic. */
#include "backend/lower.h"
#include "backend/object.h"
#include "frontend/frontend.h"
#include "ir/op.h"
#include "ir/place.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void out_of_memory(void *context)
{
    (void)context;
    abort();
}

static const char *finish(Arena *arena, FILE *out, char **text, size_t *length)
{
    fclose(out);
    const char *copy = arena_copy_chars(arena, *text, *length);
    free(*text);
    return copy;
}

static const char *formatted(Arena *arena, const Ast *ast)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out) abort();
    ast_format(ast, out);
    return finish(arena, out, &text, &length);
}

static const char *printed(Arena *arena, const Graph *graph)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out) abort();
    graph_print(graph, out, (PrintOptions){.origins = false});
    return finish(arena, out, &text, &length);
}

static const Ast *parse(Arena *arena, const char *text, size_t length, Diag *diag)
{
    /* nothing is in the folder of this path, so no file of the machine is read */
    Source *source = ARENA_NEW(arena, Source);
    *source = (Source){.path = "nowhere/fuzz.lep", .text = text, .length = length};
    const Ast *ast = ast_parse(arena, source, diag);
    if ((ast == NULL) != (diag->errors > 0)) abort();
    return ast;
}

static bool elements_are_there(const Graph *graph)
{
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op == OP_param && !node->data) return false;
    return true;
}

/* What a dump says of places and schedules is enough to make code of it. */
static void lower(const Graph *graph, Arena *arena)
{
    enum { MOST_CONSTANTS = 1 << 22 };
    Diag diag = diag_new(arena);
    Target target;
    LoopProgram program;
    if (graph->stage != STAGE_PLANNED || !elements_are_there(graph)) return;
    if (!target_select("", "x86-64-v3", "", arena, &target, &diag)) abort();
    if (lower_graph(graph, &target, &program, &diag) != !diag.errors) abort();
    int64_t bytes = graph_space_bytes(graph, SPACE_CONSTANT);
    if (!diag.errors && bytes && bytes <= MOST_CONSTANTS) weights_fill(graph, arena_array(arena, (size_t)bytes, 1));
}

/* The text of the graph, NULL when there is none. */
static const char *meaning(Arena *arena, const Ast *ast)
{
    Diag diag = diag_new(arena);
    const ElaborateOptions options = {.weights_optional = true, .data_limit = 1 << 22};
    const Graph *graph = elaborate(arena, ast, &options, &diag);
    if ((graph == NULL) != (diag.errors > 0)) abort();
    if (!graph) return NULL;
    lower(graph, arena);
    return printed(arena, graph);
}

static void check_same(const char *a, const char *b)
{
    if (!a != !b || (a && strcmp(a, b) != 0)) abort();
}

static void check_text(Arena *arena, const char *text)
{
    Diag diag = diag_new(arena);
    const Ast *ast = parse(arena, text, strlen(text), &diag);
    if (!ast) abort();
    check_same(meaning(arena, ast), text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *arena = arena_new(out_of_memory, NULL);
    if (!arena) abort();
    Diag diag = diag_new(arena);
    const Ast *ast = parse(arena, arena_copy_chars(arena, (const char *)data, size), size, &diag);
    if (ast) {
        const char *once = formatted(arena, ast), *graph = meaning(arena, ast);
        const Ast *again = parse(arena, once, strlen(once), &diag);
        if (!again) abort();
        check_same(formatted(arena, again), once);
        check_same(meaning(arena, again), graph);
        /* elements in a pool file are not here */
        if (graph && !strstr(graph, "constant(pool: ")) check_text(arena, graph);
    }
    arena_free(arena);
    return 0;
}
