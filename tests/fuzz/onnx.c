/* Any bytes as an ONNX file: read and imported, or refused with diagnostics. */
#include "frontend/onnx/import.h"

#include <setjmp.h>
#include <stdint.h>

static void out_of_memory(void *context) { longjmp(*(jmp_buf *)context, 1); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    jmp_buf escape;
    Arena *arena = arena_new(out_of_memory, &escape);
    if (!arena) return 0;
    if (setjmp(escape) == 0) {
        Diag diag = diag_new(arena);
        OnnxReport report = {0};
        const Onnx__ModelProto *model = onnx_parse_model(arena, data, size, "fuzz.onnx", &diag);
        Graph *graph = model ? onnx_import(arena, model, "fuzz.onnx", NULL, &report, &diag) : NULL;
        if (!graph && !diag.errors) __builtin_trap(); /* nothing is refused without a word */
        if (graph && !graph_verify(graph, &diag)) __builtin_trap();
    }
    arena_free(arena);
    return 0;
}
