/* Golden files, tests/golden/<area>/<case>.lep:
 *
 *     # passes: simplify,dce     the passes to run, by name; may be empty
 *     # cpu: cascadelake         for these, if it matters
 *     # loops: x86-64-v3         instead of both: the whole pipeline for that cpu, and its loop nests
 *     # threads: 2               for either: PassContext.threads
 *     # fast                     for either: PassContext.fast
 *     # small                    for either: PassContext.small
 *     # samples: 4               calibration data, so often all inputs as drawn from a seed of ours;
 *     #                          "4 constant": of one number each, "4 nan": with a NaN in each of f32
 *     lep 1 ...                  the input; its first deploy block is the policy that the passes are given
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
    const char *passes, *cpu, *loops, *threads, *fast, *small, *samples; /* the header's lines, or NULL */
    const Policy *policy;                                                /* what the text says, or NULL */
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
    c.cpu = header(&c, "# cpu:");
    c.threads = header(&c, "# threads:");
    c.fast = header(&c, "# fast");
    c.small = header(&c, "# small");
    c.samples = header(&c, "# samples:");
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

/* `deploys`: may be NULL. */
static Graph *read_graph(Arena *arena, const char *path, const char *text, Deploys *deploys, Diag *diag)
{
    const Ast *ast = ast_parse(arena, source_from_text(arena, path, text), diag);
    const ElaborateOptions options = {0};
    const Deploys read = ast ? deploy_read(arena, ast, diag) : (Deploys){0};
    Graph *graph = ast ? elaborate(arena, ast, &options, diag) : NULL;
    for (int i = 0; graph && i < read.count; i++) deploy_check(&read.at[i], graph, diag);
    if (deploys) *deploys = read;
    return diag->errors ? NULL : graph;
}

static bool prunes(const Case *c) { return c->policy && c->policy->nprune; }
static bool quantises(const Case *c) { return c->policy && c->policy->nquant; }
static bool is_reassociating(const Case *c) { return c->fast || (c->passes && strstr(c->passes, "scale")); }

/* Numbers of a seed: reals of -4 .. 4, integers of 0 .. 255. */
static void fill_random(Tensor *tensor, uint64_t *state)
{
    for (int64_t i = 0, n = type_elements(&tensor->type); i < n; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        double unit = (double)(*state >> 40) * 0x1p-24;
        tensor_set_real(tensor, i, dtype_is_float(tensor->type.dtype) ? unit * 8 - 4 : unit * 256);
    }
}

/* All inputs of the graph, `count` times. */
static Samples draw_samples(Arena *arena, const Graph *graph, int64_t count)
{
    Tensor *tensors = NULL;
    size_t used = 0, room = 0;
    uint64_t state = 7;
    Samples samples = {.count = count};
    for (int64_t i = 0; i < count || i == 0; i++)
        for (const Node *node = graph->first; node; node = node->next) {
            if (node->op != OP_input) continue;
            tensors = arena_grow(arena, tensors, used, &room, sizeof *tensors);
            tensors[used] = tensor_new(arena, node->types[0]);
            fill_random(&tensors[used++], &state);
            samples.ninputs += i == 0;
        }
    samples.tensors = tensors;
    return samples;
}

/* What "# samples:" says. */
static Samples calibration_of(const Case *c, const Graph *graph)
{
    char kind[16] = "";
    long count = 0;
    assert_true(sscanf(c->samples, "%ld %15s", &count, kind) >= 1);
    Samples samples = draw_samples(c->arena, graph, count);
    bool constant = !strcmp(kind, "constant"), nan = !strcmp(kind, "nan");
    assert_true(constant || nan || !*kind);
    for (int64_t i = 0; i < samples.count * samples.ninputs; i++) {
        Tensor tensor = samples.tensors[i]; /* whose elements are ours */
        for (int64_t k = 0; constant && k < type_elements(&tensor.type); k++) tensor_set_real(&tensor, k, 1);
        if (nan && tensor.type.dtype == F32) tensor_set_real(&tensor, 0, (double)NAN);
    }
    return samples;
}

static bool run_passes(const Case *c, Graph *graph, Target *target, Diag *diag)
{
    const char *cpu = c->cpu ? c->cpu : c->loops && *c->loops ? c->loops : "x86-64-v3";
    if (!target_select(cpu, "", "", c->arena, target, diag)) return false; /* a row's name says its triple too */
    Samples samples;
    if (c->samples) samples = calibration_of(c, graph);
    const PassContext context = {.target = target,
                                 .fast = is_reassociating(c),
                                 .small = c->small,
                                 .level = 3,
                                 .threads = c->threads ? atoi(c->threads) : 1,
                                 .policy = c->policy,
                                 .samples = c->samples ? &samples : NULL};
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
        again = read_graph(c->arena, path, text, NULL, &diag);
        if (diag.errors) diag_print(&diag, stderr, false);
        assert_non_null(again);
        assert_int_equal(diag.errors, 0);
        assert_string_equal(graph_text(c->arena, again, origins), text);
    }
    return again;
}

/* Differences of at most `bound`, of the largest. */
static void close_enough(const Tensor *a, const Tensor *b, double bound)
{
    double largest = 1e-30;
    assert_true(type_equal(&a->type, &b->type));
    for (int64_t i = 0, n = type_elements(&a->type); i < n; i++) largest = fmax(largest, fabs(tensor_real(a, i)));
    for (int64_t i = 0, n = type_elements(&a->type); i < n; i++)
        assert_true(fabs(tensor_real(a, i) - tensor_real(b, i)) <= bound * largest);
}

/* `after` computes what `before` computes; `bound` 0: with the same bits. */
static void same_meaning(const Case *c, const Graph *before, const Graph *after, double bound)
{
    Arena *arena = arena_child(c->arena);
    const Samples inputs = draw_samples(arena, before, 1);
    Tensor *results[2];
    assert_int_equal(before->nresults, after->nresults);
    for (int i = 0; i < 2; i++) {
        results[i] = ARENA_ARRAY(arena, Tensor, before->nresults + 1);
        graph_eval(i ? after : before, inputs.tensors, results[i], arena);
    }
    for (int i = 0; i < before->nresults; i++) {
        if (bound > 0)
            close_enough(&results[0][i], &results[1][i], bound);
        else
            assert_true(tensor_same_bits(&results[0][i], &results[1][i]));
    }
    arena_free(arena);
}

/* What was printed means what was made, and that what was read: all but pruned models, which were to change. */
static void check_graph(const Case *c, const Graph *graph)
{
    char folder[] = "/tmp/golden.XXXXXX";
    Diag diag = diag_new(c->arena);
    const char *path = dump_path(c, graph, folder);
    const Graph *again = reads_back(c, graph, path);
    remove_pool(c, graph, path);
    const Graph *before = read_graph(c->arena, c->path, c->input, NULL, &diag);
    assert_non_null(before);
    same_meaning(c, graph, again, 0);
    if (!prunes(c)) same_meaning(c, before, again, quantises(c) ? 0.05 : is_reassociating(c) ? 1e-5 : 0);
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

static bool print_loops(const Case *c, const Graph *graph, const Target *target, FILE *out, Diag *diag)
{
    LoopProgram program;
    if (!lower_graph(graph, target, &program, diag)) return false;
    char *text = NULL;
    size_t length = 0;
    FILE *loops = open_memstream(&text, &length);
    loop_program_print(&program, loops);
    fclose(loops);
    loops_read_back(c, &program, text);
    fputs(text, out);
    free(text);
    return true;
}

static Graph *produce(Case *c)
{
    Diag diag = diag_new(c->arena);
    Target target;
    FILE *out = open_memstream(&c->output, &c->length);
    Deploys deploys;
    Graph *graph = read_graph(c->arena, c->path, c->input, &deploys, &diag);
    if (deploys.count) c->policy = &deploys.at[0];
    if (graph && !run_passes(c, graph, &target, &diag)) graph = NULL;
    if (graph && c->loops && !print_loops(c, graph, &target, out, &diag)) graph = NULL;
    diag_print(&diag, out, false);
    if (graph && !c->loops) graph_print(graph, out, (PrintOptions){.origins = false});
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
