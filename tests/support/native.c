#include "tests/support/native.h"

#include "ir/eval.h"
#include "tests/support/compile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants these first */
#include <cmocka.h>

/* ---- making graphs ---- */

static void stop_test(const Diag *diag)
{
    diag_print(diag, stderr, false);
    abort();
}

Sketch sketch_new(Arena *arena, const char *name)
{
    Diag *diag = ARENA_NEW(arena, Diag);
    *diag = diag_new(arena);
    return (Sketch){arena, diag, graph_new(arena, name)};
}

static Value add(Sketch *s, const NodeSpec *spec)
{
    Node *node = graph_add(s->graph, spec, s->diag);
    if (!node) stop_test(s->diag);
    return value_of(node);
}

Value sketch_input(Sketch *s, Dtype dtype, int rank, const int64_t *dims)
{
    Type type = type_tensor(dtype, rank, dims);
    return add(s, &(NodeSpec){.op = OP_input, .name = "input", .type = &type});
}

static Value add_data(Sketch *s, Op op, const char *name, const Tensor *data)
{
    return add(s, &(NodeSpec){.op = op, .name = name, .type = &data->type, .data = data});
}

Value sketch_param(Sketch *s, Dtype dtype, int rank, const int64_t *dims)
{
    Tensor *data = ARENA_NEW(s->arena, Tensor);
    *data = tensor_new(s->arena, type_tensor(dtype, rank, dims));
    uint32_t seed = 7;
    for (const Node *node = s->graph->first; node; node = node->next) seed = seed * 31 + 5;
    fill_tensor(data, seed);
    return add_data(s, OP_param, "param", data);
}

Value sketch_number(Sketch *s, Dtype dtype, double value)
{
    Tensor *data = ARENA_NEW(s->arena, Tensor);
    *data = tensor_new(s->arena, type_scalar(dtype));
    tensor_set_real(data, 0, value);
    ConstantAttrs attrs = {.value = value};
    return add(s, &(NodeSpec){.op = OP_constant, .name = "number", .type = &data->type, .data = data, .attrs = &attrs});
}

Value sketch_op(Sketch *s, Op op, const void *attrs, int ninputs, const Value *inputs)
{
    NodeSpec spec = {.op = op, .name = op_table[op]->name, .ninputs = ninputs, .inputs = inputs, .attrs = attrs};
    return add(s, &spec);
}

void sketch_output(Sketch *s, Value value)
{
    const char *name = arena_printf(s->arena, "output%d", s->graph->nresults);
    graph_add_result(s->graph, (Result){.name = name, .value = value});
}

void fill_tensor(Tensor *tensor, uint32_t seed)
{
    int64_t count = type_elements(&tensor->type);
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        double value = (double)(int32_t)(seed >> 8 & 0xffff) / 16384.0 - 2.0;
        if (!dtype_is_float(tensor->type.dtype)) value = (double)(seed >> 24 & 63);
        if (seed >> 29 == 0) value = seed >> 28 & 1 ? -0.0 : 0.0;
        tensor_set_real(tensor, i, value);
    }
}

/* ---- compiling and running ---- */

bool native_runs(const char *cpu)
{
    if (!strcmp(cpu, "x86-64-v4")) return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (!strcmp(cpu, "x86-64-v3")) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return true;
}

static Compiled compile(Arena *arena, Graph *graph, const char *cpu, int level, Diag *diag)
{
    Target target;
    Compiled compiled;
    if (!target_select("", cpu, "", arena, &target, diag)) stop_test(diag);
    PassContext context = {.target = &target, .level = level};
    if (!compiled_new(graph, &context, arena, &compiled, diag)) stop_test(diag);
    return compiled;
}

static void run_model(const LepModel *model, const Tensor *inputs, const Tensor *results)
{
    void *bases[64];
    int n = 0;
    for (int64_t i = 0; i < model->ninputs; i++) bases[n++] = inputs[i].data;
    for (int64_t i = 0; i < model->noutputs; i++) bases[n++] = results[i].data;
    size_t bytes = (size_t)model->arena_bytes + 64;
    void *arena = aligned_alloc(64, (bytes + 63) / 64 * 64);
    memset(arena, 0xff, bytes); /* NaN: nobody may count on zeros */
    bases[n] = arena;
    if (model->run(bases, NULL) != LEP_OK) abort();
    free(arena);
}

static bool same_results(const Graph *graph, const Tensor *native, const Tensor *expected)
{
    for (int r = 0; r < graph->nresults; r++) {
        if (tensor_same_bits(&native[r], &expected[r])) continue;
        int64_t count = type_elements(&native[r].type);
        int64_t shown = 0;
        for (int64_t i = 0; i < count && shown < 5; i++) {
            double got = tensor_real(&native[r], i), wanted = tensor_real(&expected[r], i);
            if (!memcmp(&got, &wanted, sizeof got)) continue;
            fprintf(stderr, "%s[%lld]: native %.9g, eval %.9g\n", graph->results[r].name, (long long)i, got, wanted);
            shown++;
        }
        return false;
    }
    return true;
}

bool native_agrees(const Graph *graph, const char *cpu, int level)
{
    Arena *arena = arena_child(graph->arena);
    Diag diag = diag_new(arena);
    Tensor inputs[32], *native = ARENA_ARRAY(arena, Tensor, graph->nresults);
    Tensor *expected = ARENA_ARRAY(arena, Tensor, graph->nresults);
    uint32_t ninputs = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_input) continue;
        inputs[ninputs] = tensor_new(arena, node->types[0]);
        fill_tensor(&inputs[ninputs], 1 + ninputs);
        ninputs++;
    }
    for (int r = 0; r < graph->nresults; r++) native[r] = tensor_new(arena, *value_type(graph->results[r].value));
    graph_eval(graph, inputs, expected, arena);
    Graph *copy = graph_clone(arena, graph);
    Compiled compiled = compile(arena, copy, cpu, level, &diag);
    run_model(compiled.model, inputs, native);
    bool same = same_results(graph, native, expected);
    if (!same) {
        fprintf(stderr, "for %s at -O%d:\n", cpu, level);
        graph_print(copy, stderr, (PrintOptions){0});
    }
    compiled_free(&compiled);
    arena_free(arena);
    return same;
}

void sketch_check(const Sketch *s)
{
    static const char *const cpus[] = {"x86-64-v3", "x86-64-v4"};
    for (int i = 0; i < 2; i++) {
        if (!native_runs(cpus[i])) continue;
        assert_true(native_agrees(s->graph, cpus[i], 0));
        assert_true(native_agrees(s->graph, cpus[i], 2));
    }
}
