/* Random graphs keep their meaning through the passes, up to groups, judged by the interpreter alone: so many more
 * graphs than with native code, and a failure is a pass's.
 *   LEPC_PASS_COUNT  how many graphs, default 400 (60 when LEPC_SAMPLED is set)
 *   LEPC_PASS_SEED   the first seed, default 1 */
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
    const Tensor *inputs = program_inputs(program, arena);
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
    long first = setting("LEPC_PASS_SEED", 1), count = setting("LEPC_PASS_COUNT", getenv("LEPC_SAMPLED") ? 60 : 400);
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

/* The REASSOC rules must come to an end too, and each pass leave a graph that verifies; their numbers are the matter
 * of test_rules. */
static void fast_passes_come_to_an_end(void **state)
{
    long first = setting("LEPC_PASS_SEED", 1), count = setting("LEPC_PASS_COUNT", getenv("LEPC_SAMPLED") ? 60 : 400);
    for (long seed = first; seed < first + count; seed++) {
        Arena *arena = arena_new(NULL, NULL);
        Diag diag = diag_new(arena);
        Graph *graph = program_build(program_draw(arena, (uint64_t)seed, SIZE), arena, NULL, &diag);
        const PassContext fast = {.level = 3, .fast = true};
        assert_true(pass_pipeline(graph, &fast, "fuse", NULL, NULL, &diag));
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs_keep_their_meaning),
        cmocka_unit_test(fast_passes_come_to_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
