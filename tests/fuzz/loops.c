/* Any bytes are loop nests or a diagnostic.  What parses prints as text that reads back as itself, and LLVM takes what
 * the verifier lets pass. */
#include "backend/emit.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EMIT_LIMIT = 4096 };

static void out_of_memory(void *context)
{
    (void)context;
    abort();
}

typedef struct Nests {
    LoopFunction **functions;
    int count;
} Nests;

static Nests parse(Arena *arena, const char *text, size_t length)
{
    Diag diag = diag_new(arena);
    Source *source = ARENA_NEW(arena, Source);
    *source = (Source){.path = "fuzz.loops", .text = text, .length = length};
    Nests nests = {NULL, 0};
    nests.functions = loop_parse(arena, source, &nests.count, &diag);
    if ((nests.functions == NULL) != (diag.errors > 0)) abort();
    return nests;
}

static const char *print(Arena *arena, const Nests *nests)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out) abort();
    for (int i = 0; i < nests->count; i++) loop_print(nests->functions[i], arena, out);
    fclose(out);
    const char *copy = arena_copy_chars(arena, text, length);
    free(text);
    return copy;
}

static void emit(Arena *arena, const Nests *nests)
{
    Diag diag = diag_new(arena);
    Target target;
    Bytes bytes;
    LoopProgram program = {.arena = arena, .nsteps = nests->count, .steps = nests->functions, .constant_bytes = 64};
    for (int i = 0; i < nests->count; i++)
        if (!loop_verify(nests->functions[i], &diag)) return;
    if (!target_select("", "x86-64-v3", "", arena, &target, &diag)) abort();
    EmitOptions options = {.target = &target};
    if (!emit_program(&program, &options, EMIT_LLVM, &bytes, &diag)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *arena = arena_new(out_of_memory, NULL);
    if (!arena) abort();
    Nests nests = parse(arena, arena_copy_chars(arena, (const char *)data, size), size);
    if (nests.functions) {
        const char *once = print(arena, &nests);
        Nests again = parse(arena, once, strlen(once));
        if (!again.functions || strcmp(print(arena, &again), once) != 0) abort();
        if (size < EMIT_LIMIT) emit(arena, &nests);
    }
    arena_free(arena);
    return 0;
}
