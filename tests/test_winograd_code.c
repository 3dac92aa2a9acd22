/* Winograd's variants from weights to machine code: transformed windows beside what the paper says in f64, parts that
 * run beside each other, and a planned dump that becomes the same object. */
#include "backend/emit.h"
#include "backend/lower.h"
#include "frontend/frontend.h"
#include "ir/packing.h"
#include "runtime/pool.h"
#include "tests/support/compile.h"
#include "tests/support/native.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- weights ---- */

/* G of F(2, 3) and F(4, 3), as A. Lavin and S. Gray print them. */
static const double g2[] = {1, 0, 0, .5, .5, .5, .5, -.5, .5, 0, 0, 1};
static const double g4[] = {1. / 4,  0,       0,      -1. / 6, -1. / 6,  -1. / 6, -1. / 6, 1. / 6, -1. / 6,
                            1. / 24, 1. / 12, 1. / 6, 1. / 24, -1. / 12, 1. / 6,  0,       0,      1};

/* Element (y, x) of G g G'. */
static double product(const double *g, const double *window, int64_t y, int64_t x)
{
    double row[3] = {0}, sum = 0;
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) row[i] += g[3 * y + k] * window[3 * k + i];
    for (int i = 0; i < 3; i++) sum += row[i] * g[3 * x + i];
    return sum;
}

/* What lies at [position, panel, ic, oc in the panel]: 0 behind the last channel. */
static double expected_at(const Tensor *weight, const double *g, int64_t inputs, int64_t position, int64_t ic,
                          int64_t oc)
{
    int64_t in = weight->type.dim[2].high, out = weight->type.dim[3].high;
    double window[9];
    if (oc >= out) return 0;
    for (int64_t i = 0; i < 9; i++) window[i] = tensor_real(weight, (i * in + ic) * out + oc);
    return product(g, window, position / inputs, position % inputs);
}

static void check_packing(int64_t in, int64_t out, int64_t panel, Packing packing)
{
    Arena *arena = arena_new(NULL, NULL);
    const double *g = packing == PACKING_WINOGRAD2 ? g2 : g4;
    int64_t inputs = packing == PACKING_WINOGRAD2 ? 4 : 6, panels = (out + panel - 1) / panel;
    const int64_t dims[] = {3, 3, in, out};
    Tensor weight = tensor_new(arena, type_tensor(F32, 4, dims));
    Place place = {.space = SPACE_CONSTANT, .panel = panel, .packing = (int)packing};
    const PackingDef *def = packing_of(&place);
    int64_t elements = inputs * inputs * panels * in * panel, at = 0;
    fill_tensor(&weight, (uint32_t)(in + out));
    assert_int_equal(def->bytes(&place, &weight.type), elements * (int64_t)sizeof(float));
    float *packed = ARENA_ARRAY(arena, float, elements);
    def->fill(&place, &weight, (unsigned char *)packed);
    for (int64_t position = 0; position < inputs * inputs; position++)
        for (int64_t first = 0; first < panels * panel; first += panel)
            for (int64_t ic = 0; ic < in; ic++)
                for (int64_t oc = first; oc < first + panel; oc++) {
                    double expected = expected_at(&weight, g, inputs, position, ic, oc);
                    double error = fabs((double)packed[at++] - expected);
                    assert_true(error <= ldexp(fabs(expected), -24) + 1e-14);
                }
    assert_int_equal(at, elements);
    arena_free(arena);
}

static void windows_are_transformed(void **state)
{
    static const int64_t sizes[][3] = {{1, 1, 1}, {3, 5, 8}, {5, 21, 16}, {17, 16, 16}, {2, 33, 8}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_packing(sizes[i][0], sizes[i][1], sizes[i][2], PACKING_WINOGRAD2);
        check_packing(sizes[i][0], sizes[i][1], sizes[i][2], PACKING_WINOGRAD4);
    }
}

/* ---- code ---- */

static const char model[] = "lep 1\n"
                            "model two {\n"
                            "  weights seed: 3\n"
                            "  input x: f32[1, 27, 25, 16]\n"
                            "  c = conv2d(x, out: 24, kernel: 3, pad: same) |> relu\n"
                            "  output y = conv2d(c, out: 32, kernel: 3) |> max_pool(size: 2)\n"
                            "}\n";

static const char *host_cpu(void)
{
    const char *cpus[HOST_CPUS];
    return host_cpus(cpus) ? cpus[0] : "x86-64";
}

/* The text as a graph, run through the passes up to `last`; all of them when NULL. */
static Graph *graph_for(Arena *arena, const char *text, const PassContext *context, const char *last, Diag *diag)
{
    const Ast *ast = ast_parse(arena, source_from_text(arena, "two.lep", text), diag);
    Graph *graph = ast ? elaborate(arena, ast, &(ElaborateOptions){0}, diag) : NULL;
    assert_non_null(graph);
    assert_true(pass_pipeline(graph, context, last, NULL, NULL, diag));
    return graph;
}

static int cut_strips(const Graph *graph, int threads, Split split)
{
    int count = 0;
    for (Node *node = graph->first; node; node = node->next) {
        if (!node->schedule || !node->schedule->strip_rows) continue;
        node->schedule->threads = threads;
        node->schedule->split = (int)split;
        count++;
    }
    return count;
}

/* What the model makes of the same input when its strips' rows, or their channels, are cut into so many parts. */
static Tensor run_with(Arena *arena, int parts, int threads, Split split)
{
    Diag diag = diag_new(arena);
    Target target;
    assert_true(target_select("", host_cpu(), "", arena, &target, &diag));
    PassContext context = {.target = &target, .fast = true, .level = 3};
    Graph *graph = graph_for(arena, model, &context, "schedule", &diag);
    assert_int_equal(cut_strips(graph, parts, split), 2);
    Tensor input = tensor_new(arena, graph->first->types[0]);
    Tensor result = tensor_new(arena, *value_type(graph->results[0].value));
    fill_tensor(&input, 5);
    Compiled compiled;
    assert_true(compiled_new(graph, &context, arena, &compiled, &diag));
    size_t bytes = ((size_t)compiled.model->arena_bytes + 63) / 64 * 64;
    void *memory = aligned_alloc(64, bytes);
    memset(memory, 0xff, bytes);
    void *bases[] = {input.data, result.data, memory};
    struct lep_pool *pool = threads ? lep_pool_new(threads) : NULL;
    assert_int_equal(compiled.model->run(bases, pool), LEP_OK);
    lep_pool_free(pool);
    free(memory);
    compiled_free(&compiled);
    return result;
}

static void parts_change_no_bit(void **state)
{
    static const int parts[] = {2, 3, 8};
    Arena *arena = arena_new(NULL, NULL);
    const Tensor expected = run_with(arena, 1, 0, SPLIT_ROWS);
    for (size_t i = 0; i < 2 * sizeof parts / sizeof *parts; i++) {
        int count = parts[i / 2];
        for (int threads = 0; threads <= count; threads += count) {
            const Tensor result = run_with(arena, count, threads, i % 2 ? SPLIT_CHANNELS : SPLIT_ROWS);
            assert_true(tensor_same_bits(&expected, &result));
        }
    }
    arena_free(arena);
}

static Bytes object_of(Arena *arena, const Graph *graph, const Target *target, Diag *diag)
{
    LoopProgram program = {.arena = arena};
    EmitOptions options = {.target = target, .level = 3};
    Bytes object;
    assert_true(lower_graph(graph, target, &program, diag));
    assert_true(emit_program(&program, &options, EMIT_OBJECT, &object, diag));
    return object;
}

static void planned_dumps_are_the_same_code(void **state)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Target target;
    assert_true(target_select("", "x86-64-v3", "", arena, &target, &diag));
    PassContext context = {.target = &target, .fast = true, .level = 3};
    Graph *graph = graph_for(arena, model, &context, NULL, &diag);
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    graph_print(graph, out, (PrintOptions){.origins = true});
    fclose(out);
    assert_non_null(strstr(text, "stage planned"));
    assert_non_null(strstr(text, "packing: winograd4"));
    const Graph *again = graph_for(arena, text, &context, NULL, &diag);
    const Bytes first = object_of(arena, graph, &target, &diag), second = object_of(arena, again, &target, &diag);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    free(text);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_transformed),
        cmocka_unit_test(parts_change_no_bit),
        cmocka_unit_test(planned_dumps_are_the_same_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
