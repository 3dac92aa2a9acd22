/* Compilations from text to object share nothing: one after the other, and several at once, give the same bytes. */
#include "backend/emit.h"
#include "backend/lower.h"
#include "frontend/frontend.h"
#include "passes/pass.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MODELS = 3, THREADS = 4, ROUNDS = 3 };

static const char *const texts[MODELS] = {
    "lep 1\n"
    "model net {\n"
    "  weights seed: 5\n"
    "  input x: f32[1, 9, 9, 3]\n"
    "  c = conv2d(x, out: 8, kernel: 3, pad: same) |> relu |> max_pool(size: 2)\n"
    "  output y = dense(flatten(c), out: 5) |> softmax\n"
    "}\n",
    "lep 1\n"
    "block layer(x: f32[N, W], out: int) {\n"
    "  d = dense(x, out: out)\n"
    "  return tanh(batch_norm(d))\n"
    "}\n"
    "model perceptron {\n"
    "  weights seed: 6\n"
    "  input x: f32[2, 7]\n"
    "  h = repeat 3 as i (t = x) { layer(t, out: 11) }\n"
    "  output y = layer(h, out: 4)\n"
    "}\n",
    "lep 1\n"
    "model wrong {\n"
    "  input x: f32[2, 7]\n"
    "  output y = rleu(x)\n"
    "}\n",
};

/* What became of a text: an object, or what was said. */
typedef struct Outcome {
    char *bytes;
    size_t size;
} Outcome;

static bool compile(Arena *arena, const char *text, Bytes *object, Diag *diag)
{
    Target target;
    const Ast *ast = ast_parse(arena, source_from_text(arena, "text.lep", text), diag);
    Graph *graph = ast ? elaborate(arena, ast, &(ElaborateOptions){.ndims = 0}, diag) : NULL;
    if (!graph || !target_select("", "x86-64-v3", "", arena, &target, diag)) return false;
    PassContext context = {.target = &target, .fast = true, .level = 3};
    LoopProgram program = {.arena = arena};
    EmitOptions options = {.target = &target, .level = 3, .debug = true, .runner = true};
    return pass_pipeline(graph, &context, NULL, NULL, NULL, diag) && lower_graph(graph, &target, &program, diag) &&
           emit_program(&program, &options, EMIT_OBJECT, object, diag);
}

static Outcome outcome_of(const char *text)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Outcome outcome = {.bytes = NULL};
    Bytes object;
    FILE *out = open_memstream(&outcome.bytes, &outcome.size);
    if (compile(arena, text, &object, &diag))
        fwrite(object.data, 1, object.size, out);
    else
        diag_print(&diag, out, false);
    fclose(out);
    arena_free(arena);
    return outcome;
}

static bool same_again(const Outcome *expected, int model)
{
    Outcome again = outcome_of(texts[model]);
    bool same = again.size == expected->size && memcmp(again.bytes, expected->bytes, again.size) == 0;
    free(again.bytes);
    return same;
}

typedef struct Worker {
    pthread_t thread;
    const Outcome *expected;
    int first;
    int different;
} Worker;

static void *work(void *context)
{
    Worker *worker = context;
    for (int i = 0; i < ROUNDS * MODELS; i++) {
        int model = (worker->first + i) % MODELS;
        worker->different += !same_again(&worker->expected[model], model);
    }
    return NULL;
}

static void compilations_share_nothing(void **state)
{
    Outcome expected[MODELS];
    Worker workers[THREADS];
    for (int i = 0; i < MODELS; i++) {
        expected[i] = outcome_of(texts[i]);
        assert_true(same_again(&expected[i], i));
    }
    assert_memory_equal(expected[0].bytes,
                        "\x7f"
                        "ELF",
                        4);
    assert_memory_equal(expected[1].bytes,
                        "\x7f"
                        "ELF",
                        4);
    assert_non_null(strstr(expected[2].bytes, "did you mean relu?"));
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (Worker){.expected = expected, .first = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].different, 0);
    }
    for (int i = 0; i < MODELS; i++) free(expected[i].bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(compilations_share_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
