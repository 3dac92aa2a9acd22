#include "tests/support/bounded.h"

#include "frontend/frontend.h"
#include "ir/bounded.h"
#include "ir/eval.h"
#include "runtime/pool.h"
#include "tests/support/compile.h"
#include "tests/support/guard.h"
#include "tests/support/native.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_PORTS = 24, THREADS = 3, MOST_CPUS = 2 };

Graph *bounded_parse(Arena *arena, const char *text, Diag *diag)
{
    const Source *source = source_from_text(arena, "bounded.lep", text);
    Ast *ast = ast_parse(arena, source, diag);
    Graph *graph = ast ? elaborate(arena, ast, NULL, diag) : NULL;
    if (diag->errors) diag_print(diag, stderr, false);
    return graph;
}

/* ---- one run ---- */

typedef struct Sizes {
    const Graph *graph;
    const LepModel *model;
    struct lep_pool *pool;
    BoundedFill *fill;
    int variations;
} Sizes;

typedef struct Run {
    Guard guards[MOST_PORTS + 1];
    void *bases[MOST_PORTS + 4];
    int count;
} Run;

static void add_buffer(Run *run, size_t bytes, const void *data, bool at_end)
{
    Guard guard = guard_new(bytes, 0, at_end);
    assert_true(run->count <= MOST_PORTS);
    if (data && bytes)
        memcpy(guard.data, data, bytes);
    else
        memset(guard.data, 0xff, bytes); /* NaN: nobody may count on zeros */
    run->guards[run->count] = guard;
    run->bases[run->count++] = guard.data;
}

static Tensor *draw_inputs(const Sizes *s, Arena *arena, const Graph *graph, int variation)
{
    Tensor *inputs = ARENA_ARRAY(arena, Tensor, MOST_PORTS);
    uint32_t count = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_input) continue;
        assert_true(count < MOST_PORTS);
        inputs[count] = tensor_new(arena, node->types[0]);
        s->fill(&inputs[count], 1 + count, variation);
        count++;
    }
    return inputs;
}

static const char *sizes_text(const Graph *graph, Arena *arena, const int64_t *sizes)
{
    const char *text = "";
    for (int i = 0; i < graph->ndims; i++)
        text = arena_printf(arena, "%s%s%s = %lld", text, i ? ", " : "", graph->dims[i].name, (long long)sizes[i]);
    return text;
}

static void check_run(const Sizes *s, const Graph *bound, Run *run, const int64_t *given, const int64_t *sizes,
                      const Tensor *expected)
{
    const LepModel *model = s->model;
    const char *text = sizes_text(s->graph, bound->arena, sizes);
    int64_t found[MAX_DIMS];
    memcpy(found, given, sizeof found);
    run->bases[run->count + 2] = found;
    assert_int_equal(model->run(run->bases, s->pool), LEP_OK);
    if (memcmp(found, sizes, (size_t)s->graph->ndims * sizeof *found))
        fail_msg("%s: native has %s, eval %s", s->graph->name, sizes_text(s->graph, bound->arena, found), text);
    for (int64_t i = 0; i < model->noutputs; i++) {
        Tensor result = {expected[i].type, run->bases[model->ninputs + i]};
        if (!tensor_same_bits(&result, &expected[i]))
            fail_msg("%s: output %lld differs with %s", s->graph->name, (long long)i, text);
    }
    for (int i = 0; i < run->count; i++) {
        assert_true(guard_intact(&run->guards[i]));
        guard_free(&run->guards[i]);
    }
}

/* Outputs have room for the most that may be counted. */
static void check_sizes(const Sizes *s, const int64_t *given, int variation)
{
    const LepModel *model = s->model;
    Arena *arena = arena_child(s->graph->arena);
    Diag diag = diag_new(arena);
    int64_t sizes[MAX_DIMS];
    memcpy(sizes, given, sizeof sizes);
    const Graph *bound = graph_bind(arena, s->graph, given, &diag);
    assert_non_null(bound);
    Tensor *inputs = draw_inputs(s, arena, bound, variation), *expected = ARENA_ARRAY(arena, Tensor, bound->nresults);
    EvalStates states = {.sizes = sizes};
    graph_eval_step(bound, inputs, &states, expected, arena);
    for (int at_end = 0; at_end < 2; at_end++) {
        Run run = {.count = 0};
        for (int64_t i = 0; i < model->ninputs; i++)
            add_buffer(&run, (size_t)type_bytes(&inputs[i].type), inputs[i].data, at_end);
        for (int64_t i = 0; i < model->noutputs; i++)
            add_buffer(&run, (size_t)type_bytes(value_type(bound->results[i].value)), NULL, at_end);
        add_buffer(&run, (size_t)(model->arena_bytes + 63) / 64 * 64, NULL, false);
        check_run(s, bound, &run, given, sizes, expected);
    }
    arena_free(arena);
}

static int64_t range_of(const Dim *dim) { return dim->computed ? 1 : dim->high - dim->low + 1; }

static void check_all_sizes(const Sizes *s)
{
    const Graph *graph = s->graph;
    int64_t sizes[MAX_DIMS] = {0}, most = 1;
    int given = 0;
    for (int i = 0; i < graph->ndims; i++) {
        given += !graph->dims[i].computed;
        if (range_of(&graph->dims[i]) > most) most = range_of(&graph->dims[i]);
    }
    for (int64_t step = 0; step < most; step++)
        for (int down = 0; down < (given > 1 ? 2 : 1); down++) {
            for (int i = 0; i < graph->ndims; i++) {
                int64_t range = range_of(&graph->dims[i]), at = step % range;
                sizes[i] = graph->dims[i].computed ? -1 : graph->dims[i].low + (down && i ? range - 1 - at : at);
            }
            for (int variation = 0; variation < s->variations; variation++) check_sizes(s, sizes, variation);
        }
}

/* ---- a model, on the processors that there are ---- */

static void check_text(const LoopProgram *program, Arena *arena)
{
    for (int i = 0; i < program->nsteps; i++) {
        char *texts[2];
        size_t size;
        LoopFunction *step = program->steps[i];
        for (int k = 0; k < 2; k++) {
            FILE *out = open_memstream(&texts[k], &size);
            loop_print(step, arena, out);
            fclose(out);
            int count;
            Diag diag = diag_new(arena);
            LoopFunction **parsed = loop_parse(arena, source_from_text(arena, "loops", texts[k]), &count, &diag);
            assert_non_null(parsed);
            step = parsed[0];
            assert_true(loop_verify(step, &diag));
        }
        assert_string_equal(texts[0], texts[1]);
        free(texts[0]);
        free(texts[1]);
    }
}

static void check_loops(const Graph *graph, const PassContext *context, Arena *arena, Diag *diag)
{
    LoopProgram program = {.arena = arena};
    Graph *planned = graph_clone(arena, graph);
    assert_true(pass_pipeline(planned, context, NULL, NULL, NULL, diag));
    bool lowered = lower_graph(planned, context->target, &program, diag);
    if (!lowered) diag_print(diag, stderr, false);
    assert_true(lowered);
    check_text(&program, arena);
}

static void check_compiled(Sizes *s, const char *text, const char *cpu, int threads)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Graph *graph = bounded_parse(arena, text, &diag);
    Target target;
    Compiled compiled;
    assert_non_null(graph);
    assert_true(target_select("", cpu, "", arena, &target, &diag));
    PassContext context = {.target = &target, .level = 2, .threads = threads};
    check_loops(graph, &context, arena, &diag);
    bool made = compiled_new(graph_clone(arena, graph), &context, arena, &compiled, &diag);
    if (!made) diag_print(&diag, stderr, false);
    assert_true(made);
    s->graph = graph;
    s->model = compiled.model;
    s->pool = threads > 1 ? lep_pool_new(threads) : NULL;
    check_all_sizes(s);
    lep_pool_free(s->pool);
    compiled_free(&compiled);
    arena_free(arena);
}

void bounded_check_filled(const char *text, int variations, BoundedFill *fill)
{
    Sizes s = {.fill = fill, .variations = variations};
    const char *cpus[HOST_CPUS];
    int count = host_cpus(cpus);
    for (int i = 0; i < count && i < MOST_CPUS; i++) {
        check_compiled(&s, text, cpus[i], 1);
        check_compiled(&s, text, cpus[i], THREADS);
    }
}

static void fill_usual(Tensor *tensor, uint32_t seed, int variation)
{
    (void)variation;
    fill_tensor(tensor, seed);
}

void bounded_check(const char *text) { bounded_check_filled(text, 1, fill_usual); }
