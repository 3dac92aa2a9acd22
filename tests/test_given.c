/* Written schedules are obeyed or refused: what is taken has the bits of the interpreter under strict, whatever was
 * drawn, and what a dump says gives the object that it was made of. */
#include "backend/emit.h"
#include "frontend/frontend.h"
#include "frontend/schedules.h"
#include "ir/eval.h"
#include "passes/strips.h"
#include "runtime/lep.h"
#include "tests/support/compile.h"
#include "tests/support/native.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char model_text[] = "lep 1\n"
                                 "model given {\n"
                                 "  weights seed: 3\n"
                                 "  input x: f32[2, 12, 10, 5]\n"
                                 "  c = conv2d(x, out: 20, kernel: 3, pad: same) |> relu |> max_pool(size: 2)\n"
                                 "  e = conv2d(c, out: 48, kernel: 1) |> relu\n"
                                 "  d = conv2d(e, out: 48, kernel: 3, groups: 48, pad: same) |> relu\n"
                                 "  p = conv2d(d, out: 20, kernel: 1) + c\n"
                                 "  h = dense(flatten(p), out: 17) |> relu\n"
                                 "  m = reduce_mean(p, axes: [1, 2])\n"
                                 "  w = max_pool(p, size: 3, stride: 1)\n"
                                 "  output y = softmax(h)\n"
                                 "  output z = tanh(m)\n"
                                 "  output v = w\n"
                                 "}\n";

static void expect_good(bool good, const Diag *diag)
{
    if (!good) diag_print(diag, stderr, false);
    assert_true(good);
}

static const Ast *parsed(Arena *arena, const char *name, const char *text, Diag *diag)
{
    const Ast *ast = ast_parse(arena, source_from_text(arena, name, text), diag);
    expect_good(ast != NULL, diag);
    return ast;
}

static Graph *model_of(Arena *arena, Diag *diag)
{
    Graph *graph =
        elaborate(arena, parsed(arena, "given.lep", model_text, diag), &(ElaborateOptions){.ndims = 0}, diag);
    expect_good(graph != NULL, diag);
    return graph;
}

/* ---- drawn ones ---- */

static int64_t between(uint64_t *seed, int64_t low, int64_t high)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return low + (int64_t)((*seed >> 33) % (uint64_t)(high - low + 1));
}

static Schedule draw(uint64_t *seed)
{
    static const int64_t panels[] = {0, 0, 1, 4, 8, 16, 32, 64, 12};
    Schedule s = {.variant = between(seed, 0, 2) ? VARIANT_DIRECT : (int)between(seed, 0, VARIANT_COUNT - 1),
                  .lanes = between(seed, 0, 19) ? (int64_t)1 << between(seed, 0, 6) : 3,
                  .tile_rows = between(seed, 0, 1) ? between(seed, 1, 2) : between(seed, 1, 12),
                  .tile_columns = between(seed, 1, 12),
                  .tile_vectors = between(seed, 1, 5),
                  .unroll = between(seed, 1, 11),
                  .panel = panels[between(seed, 0, 8)],
                  .products = between(seed, 0, 9) ? 1 : 4,
                  .prefetch = between(seed, 0, 1) ? 0 : 64 * between(seed, 0, 16),
                  .threads = 1};
    if (s.variant != VARIANT_DIRECT) s.strip_rows = s.strip_columns = between(seed, 0, 3);
    return s;
}

static const char *draw_group(const Graph *scheduled, uint64_t *seed)
{
    const char *names[32];
    int count = 0;
    for (const Node *node = scheduled->first; node; node = node->next)
        if (node->op == OP_group) names[count++] = node->name;
    return names[between(seed, 0, count - 1)];
}

static bool same_results(const Graph *graph, const LepModel *model, const Tensor *input, Arena *arena)
{
    Tensor expected[3];
    void *bases[5] = {input->data};
    bool same = true;
    graph_eval(graph, input, expected, arena);
    for (int i = 0; i < 3; i++) bases[1 + i] = tensor_new(arena, expected[i].type).data;
    bases[4] = aligned_alloc(64, (size_t)(model->arena_bytes + 63) / 64 * 64);
    assert_int_equal(model->run(bases, NULL), LEP_OK);
    for (int i = 0; i < 3; i++)
        same = tensor_same_bits(&(Tensor){.type = expected[i].type, .data = bases[1 + i]}, &expected[i]) && same;
    free(bases[4]);
    return same;
}

/* Whether the drawn schedule was taken. */
static bool try_drawn(const char *cpu, uint64_t seed)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Target target;
    Graph *read = model_of(arena, &diag), *chosen = graph_clone(arena, read), *graph = graph_clone(arena, read);
    expect_good(target_select("", cpu, "", arena, &target, &diag), &diag);
    PassContext context = {.target = &target, .level = 2};
    expect_good(pass_pipeline(chosen, &context, "schedule", NULL, NULL, &diag), &diag);
    GivenSchedule one = {.path = draw_group(chosen, &seed), .schedule = draw(&seed)};
    context.schedules = &(GivenSchedules){1, &one};
    bool taken = pass_pipeline(graph, &context, NULL, NULL, NULL, &diag);
    if (!taken) {
        assert_int_equal(diag.first->code, E0609);
        assert_non_null(strstr(diag.first->help, "@schedule(lanes: "));
    } else {
        Compiled compiled;
        Tensor input = tensor_new(arena, read->first->types[0]);
        fill_tensor(&input, (uint32_t)seed);
        expect_good(compiled_new(graph, &context, arena, &compiled, &diag), &diag);
        bool same = same_results(read, compiled.model, &input, arena);
        if (!same) graph_print(graph, stderr, (PrintOptions){.layer = one.path});
        compiled_free(&compiled);
        assert_true(same);
    }
    arena_free(arena);
    return taken;
}

static void drawn_schedules_have_the_same_bits(void **state)
{
    const char *cpus[HOST_CPUS];
    int ncpus = host_cpus(cpus), count = getenv("LEPC_SAMPLED") ? 20 : 120, taken = 0;
    for (int number = 0; number < count && ncpus; number++)
        taken += try_drawn(cpus[number % ncpus], (uint64_t)number * 7919 + 11);
    assert_true(taken * 4 > (ncpus ? count : 0));
}

/* ---- from a dump ---- */

static Bytes object_of(Graph *graph, const PassContext *context, Arena *arena, Diag *diag)
{
    LoopProgram program = {.arena = arena};
    EmitOptions options = {.target = context->target, .level = 2};
    Bytes object = {.size = 0};
    expect_good(pass_pipeline(graph, context, NULL, NULL, NULL, diag), diag);
    expect_good(lower_graph(graph, context->target, &program, diag), diag);
    expect_good(emit_program(&program, &options, EMIT_OBJECT, &object, diag), diag);
    return object;
}

static GivenSchedules read_text(Arena *arena, const char *text, Diag *diag)
{
    GivenSchedules found;
    expect_good(schedules_read(arena, parsed(arena, "schedules.lep", text, diag), &found, diag), diag);
    return found;
}

static void a_dump_gives_the_same_object(void **state)
{
    for (int threads = 1; threads <= 4; threads += 3) {
        Arena *arena = arena_new(NULL, NULL);
        Diag diag = diag_new(arena);
        Target target;
        expect_good(target_select("", "x86-64-v3", "", arena, &target, &diag), &diag);
        PassContext context = {.target = &target, .level = 2, .fast = true, .threads = threads};
        Graph *read = model_of(arena, &diag), *first = graph_clone(arena, read), *second = graph_clone(arena, read);
        Bytes before = object_of(first, &context, arena, &diag);
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        graph_print(first, out, (PrintOptions){.origins = false});
        fclose(out);
        GivenSchedules given = read_text(arena, text, &diag);
        int strips = 0;
        for (int i = 0; i < given.count; i++) strips += given.at[i].nmembers > 1;
        assert_true(strips > 0);
        context.schedules = &given;
        context.disabled = (const char *const[]){"strips", NULL}; /* what is written is made, whoever is left out */
        Bytes after = object_of(second, &context, arena, &diag);
        assert_int_equal(before.size, after.size);
        assert_memory_equal(before.data, after.data, before.size);
        free(text);
        arena_free(arena);
    }
}

/* ---- refused ---- */

static void refused(const char *text, DiagCode code, const char *says)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Target target;
    GivenSchedules given;
    expect_good(target_select("", "x86-64-v3", "", arena, &target, &diag), &diag);
    PassContext context = {.target = &target, .level = 2, .threads = 2, .schedules = &given};
    const Ast *ast = parsed(arena, "s.lep", arena_printf(arena, "lep 1\nmodel m {\n%s\n}\n", text), &diag);
    bool done = schedules_read(arena, ast, &given, &diag) &&
                pass_pipeline(model_of(arena, &diag), &context, NULL, NULL, NULL, &diag);
    assert_false(done);
    const Diagnostic *first = diag.first;
    if (first->code != code || !strstr(arena_printf(arena, "%s; %s", first->message, first->help), says)) {
        diag_print(&diag, stderr, false);
        fail_msg("expected '%s' of %s", says, text);
    }
    assert_true(first->at.name || first->at.line >= 3);
    arena_free(arena);
}

static void what_does_not_fit_is_refused(void **state)
{
    refused("group cc @schedule(lanes: 8) {}", E0609, "did you mean c?");
    refused("group c @schedule(lanes: 8) {}", E0609, "the tile is no multiple of the pooling window");
    refused("group p @schedule(variant: winograd2) {}", E0609, "cannot be of variant winograd2 here");
    refused("group c @schedule(variant: winograd2) {}", E0609, "it could be @schedule(lanes: 8"); /* not strict */
    refused("group y @schedule(reciprocal: yes) {}", E0609, "--fp=fast");
    refused("group p @schedule(threads: 3) {}", E0609, "--run-threads");
    refused("group p @schedule(lanes: 3) {}", E0609, "no power of two");
    refused("group p @schedule(lanes: 8) {}\n group p @schedule(lanes: 8) {}", E0405, "stands here already");
    refused("group p @schedule(lanes: relu(p)) {}", E0402, "a number");
    refused("group p @schedule(lane: 8) {}", E0401, "did you mean lanes?");
    refused("x = 1", E0609, "no group with a @schedule");
    static const char d[] = "group d @schedule(lanes: 8) {}", p[] = "group p @schedule(lanes: 8) {}";
    static const char h[] = "group h @schedule(lanes: 8) {}";
    char text[256];
    snprintf(text, sizeof text, "group p @schedule(strip_rows: 99) { %s\n %s }", d, p);
    refused(text, E0609, "a strip is empty or larger than the image");
    snprintf(text, sizeof text, "group p @schedule(strip_rows: 2, threads: 3) { %s\n %s }", d, p);
    refused(text, E0609, "--run-threads");
    snprintf(text, sizeof text, "group h @schedule(strip_rows: 2) { %s\n %s }", d, h);
    refused(text, E0609, "strips `h`: ");
    snprintf(text, sizeof text, "group q @schedule(strip_rows: 2) { %s\n group q @schedule(lanes: 1) {} }", d);
    refused(text, E0609, "there is no group `q`");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drawn_schedules_have_the_same_bits),
        cmocka_unit_test(a_dump_gives_the_same_object),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
