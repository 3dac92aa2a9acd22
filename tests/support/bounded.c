#include "tests/support/bounded.h"

#include "frontend/frontend.h"
#include "ir/bounded.h"
#include "ir/eval.h"
#include "runtime/pool.h"
#include "tests/support/compile.h"
#include "tests/support/guard.h"
#include "tests/support/native.h"
#include "tests/support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_PORTS = 24 };

Graph *bounded_parse(Arena *arena, const char *text, Diag *diag)
{
    const Source *source = source_from_text(arena, "bounded.lep", text);
    Ast *ast = ast_parse(arena, source, diag);
    Graph *graph = ast ? elaborate(arena, ast, NULL, diag) : NULL;
    if (diag->errors) diag_print(diag, stderr, false);
    return graph;
}

/* ---- one run ---- */

typedef struct Run {
    Guard guards[MOST_PORTS + 1];
    void *bases[MOST_PORTS + 4];
    int count;
} Run;

static void add_buffer(Run *run, size_t bytes, const void *data, bool at_end)
{
    assert_true(run->count < MOST_PORTS);
    Guard guard = guard_new(bytes, 0, at_end);
    if (data)
        memcpy(guard.data, data, bytes);
    else
        memset(guard.data, 0xff, bytes); /* NaN: nobody may count on zeros */
    run->guards[run->count] = guard;
    run->bases[run->count++] = guard.data;
}

static Tensor *draw_inputs(Arena *arena, const Graph *graph)
{
    Tensor *inputs = ARENA_ARRAY(arena, Tensor, MOST_PORTS);
    uint32_t count = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_input) continue;
        inputs[count] = tensor_new(arena, node->types[0]);
        fill_tensor(&inputs[count], 1 + count);
        count++;
    }
    return inputs;
}

static void check_sizes(const Graph *graph, const LepModel *model, int64_t *sizes, struct lep_pool *pool)
{
    Arena *arena = arena_child(graph->arena);
    Diag diag = diag_new(arena);
    const Graph *bound = graph_bind(arena, graph, sizes, &diag);
    assert_non_null(bound);
    Tensor *inputs = draw_inputs(arena, bound), *expected = ARENA_ARRAY(arena, Tensor, bound->nresults);
    graph_eval(bound, inputs, expected, arena);
    for (int at_end = 0; at_end < 2; at_end++) {
        Run run = {.count = 0};
        for (int64_t i = 0; i < model->ninputs; i++)
            add_buffer(&run, (size_t)type_bytes(&inputs[i].type), inputs[i].data, at_end);
        for (int64_t i = 0; i < model->noutputs; i++)
            add_buffer(&run, (size_t)type_bytes(&expected[i].type), NULL, at_end);
        add_buffer(&run, (size_t)(model->arena_bytes + 63) / 64 * 64, NULL, false);
        run.bases[run.count + 2] = sizes;
        assert_int_equal(model->run(run.bases, pool), LEP_OK);
        for (int64_t i = 0; i < model->noutputs; i++) {
            Tensor found = {expected[i].type, run.bases[model->ninputs + i]};
            if (!tensor_same_bits(&found, &expected[i]))
                fail_msg("%s: output %lld differs with %s = %lld, %s = %lld", graph->name, (long long)i,
                         graph->dims[0].name, (long long)sizes[0], graph->dims[graph->ndims - 1].name,
                         (long long)sizes[graph->ndims - 1]);
        }
        for (int i = 0; i < run.count; i++) {
            assert_true(guard_intact(&run.guards[i]));
            guard_free(&run.guards[i]);
        }
    }
    arena_free(arena);
}

/* Every size of each dim; of several dims, those along the diagonals. */
static void check_all_sizes(const Graph *graph, const LepModel *model, struct lep_pool *pool)
{
    int64_t sizes[MAX_DIMS], most = 0;
    for (int i = 0; i < graph->ndims; i++)
        if (graph->dims[i].high - graph->dims[i].low > most) most = graph->dims[i].high - graph->dims[i].low;
    for (int64_t step = 0; step <= most; step++)
        for (int down = 0; down < (graph->ndims > 1 ? 2 : 1); down++) {
            for (int i = 0; i < graph->ndims; i++) {
                int64_t range = graph->dims[i].high - graph->dims[i].low + 1, at = step % range;
                sizes[i] = graph->dims[i].low + (down && i ? range - 1 - at : at);
            }
            check_sizes(graph, model, sizes, pool);
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

void bounded_check(const char *text)
{
    const char *cpus[HOST_CPUS];
    int count = host_cpus(cpus);
    for (int i = 0; i < 2 * count && i < 4; i++) {
        Arena *arena = arena_new(NULL, NULL);
        Diag diag = diag_new(arena);
        Graph *graph = bounded_parse(arena, text, &diag);
        Target target;
        Compiled compiled;
        assert_non_null(graph);
        assert_true(target_select("", cpus[i / 2], "", arena, &target, &diag));
        PassContext context = {.target = &target, .level = 2, .threads = i % 2 ? 3 : 1};
        check_loops(graph, &context, arena, &diag);
        bool made = compiled_new(graph_clone(arena, graph), &context, arena, &compiled, &diag);
        if (!made) diag_print(&diag, stderr, false);
        assert_true(made);
        struct lep_pool *pool = i % 2 ? lep_pool_new(3) : NULL;
        check_all_sizes(graph, compiled.model, pool);
        lep_pool_free(pool);
        compiled_free(&compiled);
        arena_free(arena);
    }
}
