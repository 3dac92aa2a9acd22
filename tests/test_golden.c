/* Golden files, tests/golden/<area>/<case>.lep:
 *
 *     # passes: simplify,dce     the passes to run, by name; may be empty
 *     # loops: x86-64-v3         instead: the whole pipeline for that cpu, and its loop nests
 *     # prune: c2 80% 1x16       a row of the policy that the passes are given, or: c2 2:4; fast, then
 *     # threads: 2               for either: PassContext.threads
 *     lep 1 ...                  the input
 *     # ----
 *     lep 1 ...                  what must come out, byte for byte: diagnostics, then the graph when there is one
 *
 * What came out must read back as itself and compute what the input computes.  GOLDEN_UPDATE=1 writes what came out
 * into the files instead of comparing; paths as arguments run only those. */
#include "backend/lower.h"
#include "frontend/deploy.h"
#include "ir/eval.h"
#include "ir/pool.h"
#include "passes/pass.h"
#include "tests/support/prune.h"

#include <glob.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char mark[] = "# ----\n";

typedef struct Case {
    Arena *arena;
    const char *path;
    const char *input, *expected;
    const char *passes, *loops, *prune, *threads; /* the header's lines, or NULL */
    char *output;
    size_t length;
} Case;

/* ---- the file ---- */

static const char *header(Case *c, const char *key)
{
    const char *line = c->input;
    size_t length = strlen(key);
    while (line && *line == '#' && strncmp(line, key, length) != 0) {
        line = strchr(line, '\n');
        line += line != NULL;
    }
    if (!line || *line != '#') return NULL;
    line += length + strspn(line + length, " ");
    return arena_copy_chars(c->arena, line, strcspn(line, "\n"));
}

static Case read_case(const char *path)
{
    Case c = {.arena = arena_new(NULL, NULL), .path = path};
    Diag diag = diag_new(c.arena);
    const Source *file = source_read(c.arena, path, 1 << 20, &diag);
    assert_non_null(file);
    const char *cut = strstr(file->text, mark);
    assert_non_null(cut);
    c.input = arena_copy_chars(c.arena, file->text, (size_t)(cut - file->text));
    c.expected = cut + strlen(mark);
    c.passes = header(&c, "# passes:");
    c.loops = header(&c, "# loops:");
    c.prune = header(&c, "# prune:");
    c.threads = header(&c, "# threads:");
    return c;
}

static void write_case(const Case *c)
{
    FILE *out = fopen(c->path, "wb");
    assert_non_null(out);
    fprintf(out, "%s%s%s", c->input, mark, c->output);
    assert_int_equal(fclose(out), 0);
}

/* ---- what a text becomes ---- */

static Graph *read_graph(Arena *arena, const char *path, const char *text, Diag *diag)
{
    const Ast *ast = ast_parse(arena, source_from_text(arena, path, text), diag);
    const ElaborateOptions options = {0};
    const Deploys deploys = ast ? deploy_read(arena, ast, diag) : (Deploys){0};
    Graph *graph = ast ? elaborate(arena, ast, &options, diag) : NULL;
    for (int i = 0; graph && i < deploys.count; i++) deploy_check(&deploys.at[i], graph, diag);
    return diag->errors ? NULL : graph;
}

static bool is_reassociating(const Case *c) { return c->prune || (c->passes && strstr(c->passes, "scale")); }

static bool run_passes(const Case *c, Graph *graph, Target *target, Diag *diag)
{
    const char *cpu = c->loops && *c->loops ? c->loops : "x86-64-v3";
    if (!target_select("", cpu, "", c->arena, target, diag)) return false;
    PruneRow row;
    if (c->prune) row = prune_row(c->arena, c->prune);
    const Policy policy = {.nprune = c->prune != NULL, .prune = &row};
    const PassContext context = {.target = target,
                                 .fast = is_reassociating(c),
                                 .level = 3,
                                 .threads = c->threads ? atoi(c->threads) : 1,
                                 .policy = &policy};
    if (c->loops) return pass_pipeline(graph, &context, NULL, NULL, NULL, diag);
    return !c->passes || !*c->passes || pass_list(graph, c->passes, &context, NULL, NULL, diag);
}

static const char *graph_text(Arena *arena, const Graph *graph, bool origins)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    graph_print(graph, out, (PrintOptions){.origins = origins});
    fclose(out);
    const char *copy = arena_copy_chars(arena, text, length);
    free(text);
    return copy;
}

/* ---- what it must be ---- */

/* The path that a dump of the graph is read under: where its pool is, beside the weights otherwise. */
static const char *dump_path(const Case *c, const Graph *graph, char *folder)
{
    Diag diag = diag_new(c->arena);
    if (!pool_name(pool_of(c->arena, graph))) return c->path;
    assert_non_null(mkdtemp(folder));
    assert_true(graph_write_pool(graph, folder, &diag));
    return arena_printf(c->arena, "%s/dump.lep", folder);
}

static void remove_pool(const Case *c, const Graph *graph, const char *path)
{
    const char *name = pool_name(pool_of(c->arena, graph));
    if (!name) return;
    const char *folder = arena_copy_chars(c->arena, path, strlen(path) - strlen("/dump.lep"));
    unlink(arena_printf(c->arena, "%s/%s", folder, name));
    rmdir(folder);
}

/* With and without origins, what was printed reads back as itself. */
static Graph *reads_back(const Case *c, const Graph *graph, const char *path)
{
    Graph *again = NULL;
    for (int origins = 0; origins < 2; origins++) {
        const char *text = graph_text(c->arena, graph, origins);
        Diag diag = diag_new(c->arena);
        again = read_graph(c->arena, path, text, &diag);
        if (diag.errors) diag_print(&diag, stderr, false);
        assert_non_null(again);
        assert_int_equal(diag.errors, 0);
        assert_string_equal(graph_text(c->arena, again, origins), text);
    }
    return again;
}

static void fill_random(Tensor *tensor, uint64_t *state)
{
    for (int64_t i = 0, n = type_elements(&tensor->type); i < n; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        double unit = (double)(*state >> 40) * 0x1p-24;
        tensor_set_real(tensor, i, dtype_is_float(tensor->type.dtype) ? unit * 8 - 4 : unit * 256);
    }
}

static void close_enough(const Tensor *a, const Tensor *b)
{
    double largest = 1e-30;
    assert_true(type_equal(&a->type, &b->type));
    for (int64_t i = 0, n = type_elements(&a->type); i < n; i++) largest = fmax(largest, fabs(tensor_real(a, i)));
    for (int64_t i = 0, n = type_elements(&a->type); i < n; i++)
        assert_true(fabs(tensor_real(a, i) - tensor_real(b, i)) <= 1e-5 * largest);
}

/* `after` computes what `before` computes. */
static void same_meaning(const Case *c, const Graph *before, const Graph *after)
{
    Arena *arena = arena_child(c->arena);
    Tensor *inputs = NULL;
    size_t count = 0, room = 0;
    uint64_t state = 7;
    for (const Node *node = before->first; node; node = node->next) {
        if (node->op != OP_input) continue;
        inputs = arena_grow(arena, inputs, count, &room, sizeof *inputs);
        inputs[count] = tensor_new(arena, node->types[0]);
        fill_random(&inputs[count++], &state);
    }
    Tensor *results[2];
    assert_int_equal(before->nresults, after->nresults);
    for (int i = 0; i < 2; i++) {
        results[i] = ARENA_ARRAY(arena, Tensor, before->nresults + 1);
        graph_eval(i ? after : before, inputs, results[i], arena);
    }
    for (int i = 0; i < before->nresults; i++) {
        if (is_reassociating(c))
            close_enough(&results[0][i], &results[1][i]);
        else
            assert_true(tensor_same_bits(&results[0][i], &results[1][i]));
    }
    arena_free(arena);
}

static void check_graph(const Case *c, const Graph *graph)
{
    char folder[] = "/tmp/golden.XXXXXX";
    Diag diag = diag_new(c->arena);
    const char *path = dump_path(c, graph, folder);
    const Graph *again = reads_back(c, graph, path);
    remove_pool(c, graph, path);
    const Graph *before = read_graph(c->arena, c->path, c->input, &diag);
    assert_non_null(before);
    same_meaning(c, c->prune ? graph : before, again); /* pruning is a change of meaning that was asked for */
}

/* ---- a case ---- */

/* What a program prints as reads back, by the loops' own grammar, as functions that are sound and print the same. */
static void loops_read_back(const Case *c, const LoopProgram *program, const char *text)
{
    Diag diag = diag_new(c->arena);
    int count = 0;
    LoopFunction **functions = loop_parse(c->arena, source_from_text(c->arena, c->path, text), &count, &diag);
    LoopProgram again = *program;
    again.steps = functions;
    again.nsteps = count;
    diag_print(&diag, stderr, false);
    assert_non_null(functions);
    for (int i = 0; i < count; i++) assert_true(loop_verify(functions[i], &diag));
    char *printed = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&printed, &length);
    loop_program_print(&again, out);
    fclose(out);
    assert_string_equal(printed, text);
    free(printed);
}

static void print_loops(const Case *c, const Graph *graph, const Target *target, FILE *out, Diag *diag)
{
    LoopProgram program;
    assert_true(lower_graph(graph, target, &program, diag));
    char *text = NULL;
    size_t length = 0;
    FILE *loops = open_memstream(&text, &length);
    loop_program_print(&program, loops);
    fclose(loops);
    loops_read_back(c, &program, text);
    fputs(text, out);
    free(text);
}

static Graph *produce(Case *c)
{
    Diag diag = diag_new(c->arena);
    Target target;
    FILE *out = open_memstream(&c->output, &c->length);
    Graph *graph = read_graph(c->arena, c->path, c->input, &diag);
    if (graph && !run_passes(c, graph, &target, &diag)) graph = NULL;
    diag_print(&diag, out, false);
    if (graph && c->loops)
        print_loops(c, graph, &target, out, &diag);
    else if (graph)
        graph_print(graph, out, (PrintOptions){.origins = false});
    fclose(out);
    return graph;
}

static void golden(void **state)
{
    Case c = read_case(*state);
    const Graph *graph = produce(&c);
    if (getenv("GOLDEN_UPDATE"))
        write_case(&c);
    else
        assert_string_equal(c.output, c.expected);
    if (graph) check_graph(&c, graph);
    /* a refused program says something */
    else
        assert_non_null(strstr(c.output, "error["));
    free(c.output);
    arena_free(c.arena);
}

static int run(size_t count, char **paths)
{
    struct CMUnitTest *tests = calloc(count, sizeof *tests);
    if (!tests) return 1;
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){.name = paths[i], .test_func = golden, .initial_state = paths[i]};
    int failed = _cmocka_run_group_tests("golden", tests, count, NULL, NULL);
    free(tests);
    return failed;
}

int main(int argc, char **argv)
{
    if (argc > 1) return run((size_t)argc - 1, argv + 1);
    glob_t found;
    if (glob("tests/golden/*/*.lep", 0, NULL, &found)) return 1;
    int failed = run(found.gl_pathc, found.gl_pathv);
    globfree(&found);
    return failed;
}
