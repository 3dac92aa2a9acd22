/* Random graphs keep their meaning through the passes, up to groups, judged by the interpreter alone: so many more
 * graphs than with native code, and a failure is a pass's.
 *   LEPC_PASS_COUNT  how many graphs, default 1500 (60 when LEPC_SAMPLED is set)
 *   LEPC_PASS_SEED   the first seed, default 1 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ir/eval.h"
#include "passes/pass.h"
#include "tests/differential/program.h"

enum { SIZE = 16 };

static const PassContext contexts[] = {{.level = 0}, {.level = 3}};

static long setting(const char *name, long fallback)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : fallback;
}

/* The results after the passes are, bit by bit, those before. */
static bool keeps_meaning(const Program *program, const PassContext *context, Arena *arena)
{
    Diag diag = diag_new(arena);
    Graph *graph = program_build(program, arena, NULL, &diag);
    assert_non_null(graph);
    const Tensor *inputs = program_inputs(program, graph, arena);
    Tensor *want = ARENA_ARRAY(arena, Tensor, graph->nresults), *got = ARENA_ARRAY(arena, Tensor, graph->nresults);
    graph_eval(graph, inputs, want, arena);
    bool ok = pass_pipeline(graph, context, "fuse", NULL, NULL, &diag);
    diag_print(&diag, stderr, false);
    if (!ok) return false;
    graph_eval(graph, inputs, got, arena);
    for (int i = 0; i < graph->nresults; i++)
        if (!tensor_same_bits(&want[i], &got[i])) {
            graph_print(graph, stderr, (PrintOptions){false});
            return false;
        }
    return true;
}

static void random_graphs_keep_their_meaning(void **state)
{
    long first = setting("LEPC_PASS_SEED", 1), count = setting("LEPC_PASS_COUNT", getenv("LEPC_SAMPLED") ? 60 : 1500);
    int wrong = 0;
    for (long seed = first; seed < first + count; seed++) {
        Arena *arena = arena_new(NULL, NULL);
        const Program *program = program_draw(arena, (uint64_t)seed, SIZE);
        for (size_t i = 0; i < sizeof contexts / sizeof *contexts; i++) {
            if (keeps_meaning(program, &contexts[i], arena)) continue;
            print_message("seed %ld changes its meaning at -O%d\n", seed, contexts[i].level);
            wrong++;
        }
        arena_free(arena);
    }
    assert_int_equal(wrong, 0);
}

/* No operator in it makes a small difference a large one, as a jump or a pole does. */
static bool is_smooth(const Graph *graph)
{
    static const Op steep[] = {OP_cast,  OP_floor, OP_ceil, OP_round, OP_less,       OP_equal,
                               OP_where, OP_div,   OP_log,  OP_sqrt,  OP_batch_norm, OP_exp};
    for (const Node *n = graph->first; n; n = n->next)
        for (size_t i = 0; i < sizeof steep / sizeof *steep; i++)
            if (n->op == steep[i]) return false;
    return true;
}

/* Each element differs by no more than rounding in another order explains, measured at the largest. */
static bool is_close(const Tensor *want, const Tensor *got)
{
    double largest = 1e-3, bound = want->type.dtype == F64 ? 1e-10 : 1e-3;
    for (int64_t i = 0; i < type_elements(&want->type); i++) {
        double x = fabs(tensor_real(want, i));
        if (!isfinite(x) || x > 1e30) return true; /* overflow may come a step sooner or later */
        largest = fmax(largest, x);
    }
    for (int64_t i = 0; i < type_elements(&want->type); i++)
        if (!(fabs(tensor_real(want, i) - tensor_real(got, i)) <= bound * largest)) return false;
    return true;
}

/* The REASSOC rules come to an end, leave what verifies, and where the graph is smooth, mean the same. */
static bool keeps_meaning_roughly(const Program *program, Arena *arena)
{
    Diag diag = diag_new(arena);
    const PassContext fast = {.level = 3, .fast = true};
    Graph *graph = program_build(program, arena, NULL, &diag), *before = graph_clone(arena, graph);
    assert_true(pass_pipeline(graph, &fast, "fuse", NULL, NULL, &diag));
    if (!is_smooth(before)) return true;
    const Tensor *inputs = program_inputs(program, before, arena);
    Tensor *want = ARENA_ARRAY(arena, Tensor, graph->nresults), *got = ARENA_ARRAY(arena, Tensor, graph->nresults);
    graph_eval(before, inputs, want, arena);
    graph_eval(graph, inputs, got, arena);
    for (int i = 0; i < graph->nresults; i++) {
        Dtype dtype = want[i].type.dtype;
        if ((dtype == F32 || dtype == F64) && !is_close(&want[i], &got[i])) return false;
    }
    return true;
}

static void fast_passes_keep_meaning_roughly(void **state)
{
    long first = setting("LEPC_PASS_SEED", 1), count = setting("LEPC_PASS_COUNT", getenv("LEPC_SAMPLED") ? 60 : 1500);
    int wrong = 0;
    for (long seed = first; seed < first + count; seed++) {
        Arena *arena = arena_new(NULL, NULL);
        if (!keeps_meaning_roughly(program_draw(arena, (uint64_t)seed, SIZE), arena)) {
            print_message("seed %ld changes its meaning under fast\n", seed);
            wrong++;
        }
        arena_free(arena);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs_keep_their_meaning),
        cmocka_unit_test(fast_passes_keep_meaning_roughly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
