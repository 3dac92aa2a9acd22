/* backend/info.c writes what runtime/model.h describes: every field of a loaded model, and the elements of its arrays,
 * have the values that they were made of. */
#include "frontend/frontend.h"
#include "ir/place.h"
#include "tests/support/compile.h"
#include "tests/support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char text[] = "lep 1\n"
                           "model told \"what it is\" {\n"
                           "  weights seed: 1\n"
                           "  input a: u8[1, 2, 3, 1, 2, 1, 1, 5]\n"
                           "  input b: f32[4, 7]\n"
                           "  state s: f32[4, 3] = 2.5\n"
                           "  d = dense(b, out: 3)\n"
                           "  t = d + s\n"
                           "  next s = t\n"
                           "  output first = relu(a)\n"
                           "  output second = t labels: \"names.txt\"\n"
                           "}\n";

static Graph *read_model(Arena *arena, Diag *diag)
{
    write_text("sub/names.txt", "one\ntwo\nthree\n");
    const Ast *ast = ast_parse(arena, source_from_text(arena, "sub/told.lep", text), diag);
    Graph *graph = ast ? elaborate(arena, ast, &(ElaborateOptions){0}, diag) : NULL;
    diag_print(diag, stderr, false);
    assert_non_null(graph);
    return graph;
}

static void check_ports(const LepModel *model)
{
    static const int64_t dims[] = {1, 2, 3, 1, 2, 1, 1, 5};
    const LepPort *a = &model->inputs[0], *b = &model->inputs[1], *second = &model->outputs[1];
    assert_string_equal(a->name, "a");
    assert_true(a->dtype == LEP_U8 && a->rank == LEP_MAX_RANK && a->bytes == 60 && !a->labels && !a->nlabels);
    assert_memory_equal(a->dim, dims, sizeof dims);
    assert_string_equal(b->name, "b");
    assert_true(b->dtype == LEP_F32 && b->rank == 2 && b->bytes == 112 && b->dim[0] == 4 && b->dim[1] == 7);
    assert_int_equal(b->dim[7], 0);
    assert_string_equal(model->outputs[0].name, "first");
    assert_int_equal(model->outputs[0].dtype, LEP_U8);
    assert_string_equal(second->name, "second");
    assert_int_equal(second->nlabels, 3);
    assert_string_equal(second->labels[0], "one");
    assert_string_equal(second->labels[2], "three");
}

static void check_steps(const LepModel *model)
{
    double adds = 0;
    bool from_text = false;
    assert_true(model->nsteps >= 2);
    for (int64_t i = 0; i < model->nsteps; i++) {
        const LepStep *step = &model->steps[i];
        assert_true(*step->name && step->run && step->bytes_read > 0 && step->bytes_written > 0);
        from_text = from_text || !strcmp(step->source, "told.lep:8");
        adds += step->multiply_adds;
    }
    assert_true(from_text && adds == 4 * 7 * 3);
}

static void check_run(const LepModel *model)
{
    uint8_t a[60] = {7}, first[60] = {0};
    float b[28] = {0}, second[12], *context = aligned_alloc(64, 64);
    void *arena = aligned_alloc(64, (size_t)(model->arena_bytes + 64) / 64 * 64);
    assert_int_equal(model->reset(context), LEP_OK);
    assert_true(context[0] == 2.5F && context[11] == 2.5F);
    void *bases[] = {a, b, first, second, arena, NULL, context};
    assert_int_equal(model->run(bases, NULL), LEP_OK);
    assert_true(first[0] == 7 && second[0] == context[0]);
    free(context);
    free(arena);
}

static void a_model_says_what_it_was_made_of(void **state)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Target target;
    Compiled compiled;
    (void)state;
    assert_true(target_select("", "x86-64", "", arena, &target, &diag));
    Graph *graph = read_model(arena, &diag);
    const PassContext context = {.target = &target, .level = 2};
    assert_true(compiled_new(graph, &context, arena, &compiled, &diag));
    const LepModel *model = compiled.model;
    assert_int_equal(model->version, LEP_MODEL_VERSION);
    assert_string_equal(model->name, "told");
    assert_string_equal(model->doc, "what it is");
    assert_string_equal(model->compiler, "lepc " LEPC_VERSION);
    assert_string_equal(model->target, "x86-64");
    assert_true(model->ninputs == 2 && model->noutputs == 2);
    check_ports(model);
    check_steps(model);
    assert_int_equal(model->arena_bytes, graph_space_bytes(graph, SPACE_ARENA));
    assert_int_equal(model->arena_align, 64);
    assert_int_equal(model->constant_bytes, graph_space_bytes(graph, SPACE_CONSTANT));
    assert_int_equal(model->state_bytes, graph_space_bytes(graph, SPACE_STATE));
    assert_int_equal(model->threads, 1);
    assert_true(!model->weights && !model->weights_file && !model->weights_hash);
    check_run(model);
    compiled_free(&compiled);
    arena_free(arena);
}

/* The numbers of dtypes are those of ir/dtype.def. */
static void dtypes_have_the_same_numbers(void **state)
{
    (void)state;
#define DTYPE(id, ...) assert_int_equal((int)id, (int)LEP_##id);
#include "ir/dtype.def"
}

static int enter_folder(void **state) { return folder_enter(state, "info") || system("mkdir sub"); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_says_what_it_was_made_of),
        cmocka_unit_test(dtypes_have_the_same_numbers),
    };
    return cmocka_run_group_tests(tests, enter_folder, folder_leave);
}
