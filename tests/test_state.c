/* Models that keep something: native code beside the reference over a stream, under guard pages, and what reset says.
 */
#include "frontend/frontend.h"
#include "ir/eval.h"
#include "tests/support/compile.h"
#include "tests/support/guard.h"
#include "tests/support/native.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 7, MOST = 8 };

/* Gates, a state read whole by a product, two that change places, odd sizes, several dtypes, an unread state. */
static const char text[] = "lep 1\n"
                           "model keeps {\n"
                           "  input x: f32[3, 13]\n"
                           "  weights seed: 3\n"
                           "  state h: f32[3, 13] = 0\n"
                           "  state whole: f32[3, 13] = 0.5\n"
                           "  state a: f32[5] = 1.5\n"
                           "  state b: f32[5] = -2\n"
                           "  state n: i32[1] = 7\n"
                           "  state bytes: u8[3] = 1\n"
                           "  state unread: f32[3, 13] = 0\n"
                           "  z = sigmoid(dense(x, out: 13) + h)\n"
                           "  hn = z * h + (1.0 - z) * tanh(x)\n"
                           "  next h = hn\n"
                           "  wn = tanh(dense(whole, out: 13) + hn)\n"
                           "  next whole = wn\n"
                           "  next a = b + 0.25\n"
                           "  next b = a\n"
                           "  next n = n + 1\n"
                           "  next bytes = bytes + bytes\n"
                           "  next unread = x\n"
                           "  output y = wn + hn\n"
                           "  output last = a\n"
                           "  output count = n\n"
                           "  output doubled = bytes\n"
                           "}\n";

static Graph *parse(Arena *arena, Diag *diag)
{
    const Ast *ast = ast_parse(arena, source_from_text(arena, "keeps.lep", text), diag);
    const ElaborateOptions options = {0};
    Graph *graph = ast ? elaborate(arena, ast, &options, diag) : NULL;
    if (!graph) diag_print(diag, stderr, false);
    assert_non_null(graph);
    return graph;
}

static Tensor input_of(Arena *arena, const Graph *graph, int step)
{
    Tensor x = tensor_new(arena, graph->first->types[0]);
    fill_tensor(&x, 11u + (uint32_t)step);
    return x;
}

/* What one stream has: buffers that are exactly as large as they must be. */
typedef struct Stream {
    const LepModel *model;
    Guard guards[MOST + 3];
    void *bases[MOST + 3];
    int count;
} Stream;

static void add_buffer(Stream *s, int64_t bytes, bool at_end)
{
    s->guards[s->count] = guard_new((size_t)bytes, 0, at_end);
    s->bases[s->count] = s->guards[s->count].data;
    memset(s->bases[s->count++], 0xff, (size_t)bytes);
}

static Stream stream_new(const LepModel *model, bool at_end)
{
    Stream s = {.model = model};
    for (int64_t i = 0; i < model->ninputs; i++) add_buffer(&s, model->inputs[i].bytes, at_end);
    for (int64_t i = 0; i < model->noutputs; i++) add_buffer(&s, model->outputs[i].bytes, at_end);
    add_buffer(&s, (model->arena_bytes + 63) / 64 * 64, at_end);
    add_buffer(&s, 64, at_end); /* no weights of their own */
    add_buffer(&s, model->state_bytes, at_end);
    return s;
}

static void *context_of(const Stream *s) { return s->bases[s->count - 1]; }

static void stream_free(Stream *s)
{
    for (int i = 0; i < s->count; i++) {
        assert_true(guard_intact(&s->guards[i]));
        guard_free(&s->guards[i]);
    }
}

static void step(const Stream *s, const Graph *graph, EvalStates *states, int number)
{
    Arena *arena = arena_child(graph->arena);
    Tensor x = input_of(arena, graph, number), *expected = ARENA_ARRAY(arena, Tensor, graph->nresults);
    memcpy(s->bases[0], x.data, (size_t)type_bytes(&x.type));
    graph_eval_step(graph, &x, states, expected, arena);
    assert_int_equal(s->model->run(s->bases, NULL), LEP_OK);
    for (int i = 0; i < graph_outputs(graph); i++) {
        Tensor found = {expected[i].type, s->bases[1 + i]};
        if (!tensor_same_bits(&found, &expected[i])) fail_msg("step %d: %s differs", number, graph->results[i].name);
    }
    arena_free(arena);
}

/* Two streams in turns, of which one begins again on the way. */
static void run_streams(const LepModel *model, const Graph *graph)
{
    Stream streams[2] = {stream_new(model, true), stream_new(model, false)};
    EvalStates states[2];
    for (int i = 0; i < 2; i++) {
        states[i] = eval_states_new(graph, graph->arena);
        assert_int_equal(model->reset(context_of(&streams[i])), LEP_OK);
    }
    for (int i = 0; i < STEPS; i++) {
        step(&streams[0], graph, &states[0], i);
        if (i % 2) step(&streams[1], graph, &states[1], 100 + i);
        if (i != 3) continue;
        states[0] = eval_states_new(graph, graph->arena);
        assert_int_equal(model->reset(context_of(&streams[0])), LEP_OK);
    }
    for (int i = 0; i < 2; i++) stream_free(&streams[i]);
}

static Compiled compile(Arena *arena, const char *cpu, int level)
{
    Diag diag = diag_new(arena);
    Target target;
    Compiled compiled;
    assert_true(target_select("", cpu, "", arena, &target, &diag));
    PassContext context = {.target = &target, .level = level};
    if (!compiled_new(parse(arena, &diag), &context, arena, &compiled, &diag)) {
        diag_print(&diag, stderr, false);
        fail();
    }
    return compiled;
}

static void test_streams_have_the_bits_of_the_reference(void **state)
{
    (void)state;
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    const Graph *graph = parse(arena, &diag);
    const char *cpus[HOST_CPUS];
    int count = host_cpus(cpus);
    for (int i = 0; i < count; i++)
        for (int level = 0; level <= 2; level += 2) {
            Compiled compiled = compile(arena, cpus[i], level);
            run_streams(compiled.model, graph);
            compiled_free(&compiled);
        }
    arena_free(arena);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    Arena *arena = arena_new(NULL, NULL);
    Compiled compiled = compile(arena, "", 1);
    const LepModel *model = compiled.model;
    Stream s = stream_new(model, true);
    void *context = context_of(&s);
    assert_int_equal(model->reset(NULL), LEP_ERROR_ARGUMENT);
    assert_int_equal(model->reset((char *)context + 4), LEP_ERROR_ALIGNMENT);
    assert_int_equal(model->reset(context), LEP_OK);
    s.bases[s.count - 1] = NULL;
    assert_int_equal(model->run(s.bases, NULL), LEP_ERROR_ARGUMENT);
    s.bases[s.count - 1] = (char *)context + 4;
    assert_int_equal(model->run(s.bases, NULL), LEP_ERROR_ALIGNMENT);
    stream_free(&s);
    compiled_free(&compiled);
    arena_free(arena);
}

static void test_clone_keeps_its_own_states(void **state)
{
    (void)state;
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    const Graph *graph = parse(arena, &diag), *copy = graph_clone(arena, graph);
    assert_int_equal(graph_outputs(copy), 4);
    assert_int_equal(copy->nresults, 11);
    for (int i = 4; i < copy->nresults; i++) {
        assert_ptr_equal(copy->results[i].state->graph, copy);
        assert_string_equal(copy->results[i].state->name, graph->results[i].state->name);
    }
    assert_true(graph_verify(copy, &diag));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_streams_have_the_bits_of_the_reference),
                                       cmocka_unit_test(test_what_is_refused),
                                       cmocka_unit_test(test_clone_keeps_its_own_states)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
