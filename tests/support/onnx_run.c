#include "tests/support/onnx_run.h"

#include "frontend/onnx/import.h"
#include "ir/eval.h"
#include "ir/op.h"
#include "tests/support/native.h"
#include "tests/support/onnx_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MOST_PORTS = 8 };

static void no_memory(void *context)
{
    (void)context;
    abort();
}

Graph *onnx_run_import(Arena *arena, const char *text)
{
    Diag diag = diag_new(arena);
    size_t size;
    const unsigned char *bytes = onnx_text_pack(arena, text, &size);
    const Onnx__ModelProto *model = onnx_parse_model(arena, bytes, size, "m.onnx", &diag);
    assert_non_null(model);
    Graph *graph = onnx_import(arena, model, "m.onnx", NULL, NULL, &diag);
    if (!graph) diag_print(&diag, stderr, false);
    assert_non_null(graph);
    assert_true(graph_verify(graph, &diag));
    return graph;
}

static void gives(Arena *arena, const Graph *graph, const double *numbers)
{
    Tensor inputs[MOST_PORTS], results[MOST_PORTS];
    int ninputs = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_input) continue;
        inputs[ninputs] = tensor_new(arena, node->types[0]);
        for (int64_t i = 0; i < type_elements(&node->types[0]); i++) tensor_set_real(&inputs[ninputs], i, *numbers++);
        ninputs++;
    }
    graph_eval(graph, inputs, results, arena);
    for (int r = 0; r < graph->nresults; r++)
        for (int64_t i = 0; i < type_elements(&results[r].type); i++) {
            double wanted = *numbers++, found = tensor_real(&results[r], i);
            if (found != wanted)
                print_error("%s [%lld]: %g, expected %g\n", graph->results[r].name, (long long)i, found, wanted);
            assert_true(found == wanted);
        }
}

void onnx_run(const char *text, const double *numbers)
{
    Arena *arena = arena_new(no_memory, NULL);
    gives(arena, onnx_run_import(arena, text), numbers);
    arena_free(arena);
}

void onnx_run_native(const char *text)
{
    Arena *arena = arena_new(no_memory, NULL);
    const Graph *graph = onnx_run_import(arena, text);
    if (native_runs("x86-64-v3")) assert_true(native_agrees(graph, "x86-64-v3", 2));
    arena_free(arena);
}
