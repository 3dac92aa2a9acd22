/* The arena of every example beside the most that its values need at one time, on a large and a small machine. */
#include <glob.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "frontend/frontend.h"
#include "passes/pass.h"
#include "passes/report_memory.h"

static const double percent = 5;

static const char *const machines[] = {"x86-64-v4", "cortex-m4"};

/* NULL for a text without a model, which is policy. */
static Graph *read_example(Arena *arena, const char *path, Diag *diag)
{
    const Source *source = source_read(arena, path, 1 << 20, diag);
    const Ast *ast = source ? ast_parse(arena, source, diag) : NULL;
    assert_non_null(ast);
    bool model = false;
    for (const AstTop *top = ast->tops; top; top = top->next) model = model || top->kind == AST_MODEL;
    if (!model) return NULL;
    Graph *graph = elaborate(arena, ast, &(ElaborateOptions){0}, diag);
    diag_print(diag, stderr, false);
    assert_non_null(graph);
    return graph;
}

/* How much of the arena is more than the peak, in percent; below 0 for a text without a model. */
static double waste(const char *path, const char *machine)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Graph *graph = read_example(arena, path, &diag);
    double more = -1;
    if (graph) {
        Target target;
        assert_true(target_select(machine, "", "", arena, &target, &diag));
        PassContext context = {.target = &target, .level = 3, .fast = true};
        bool planned = pass_pipeline(graph, &context, "plan", NULL, NULL, &diag);
        diag_print(&diag, stderr, false);
        assert_true(planned);
        MemoryTotals totals = memory_totals(graph);
        assert_true(totals.arena >= totals.live_peak);
        more = totals.live_peak ? 100.0 * (double)(totals.arena - totals.live_peak) / (double)totals.live_peak : 0;
        print_message("%-10s %-52s arena %9lld, %.1f %% more than the peak\n", machine, path, (long long)totals.arena,
                      more);
    }
    arena_free(arena);
    return more;
}

static void arenas_are_close_to_the_peak(void **state)
{
    glob_t found;
    int models = 0;
    assert_int_equal(glob("examples/*/*.lep", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        for (size_t k = 0; k < sizeof machines / sizeof *machines; k++) {
            double more = waste(found.gl_pathv[i], machines[k]);
            assert_true(more <= percent);
            models += more >= 0;
        }
    globfree(&found);
    assert_true(models >= 2 * 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(arenas_are_close_to_the_peak)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
