/* What `lepc report memory` says of code and stack is what is in the object. */
#include "backend/emit.h"
#include "backend/lower.h"
#include "backend/object.h"
#include "frontend/frontend.h"
#include "passes/pass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char model[] = "lep 1\n"
                            "model small {\n"
                            "  weights seed: 7\n"
                            "  input x: f32[1, 9, 9, 3]\n"
                            "  a = conv2d(x, out: 20, kernel: 3, pad: same) |> relu\n"
                            "  output y = softmax(dense(flatten(a), out: 5))\n"
                            "}\n";

static LoopProgram lowered(Arena *arena, const Target *target, Diag *diag)
{
    PassContext context = {.target = target, .level = 3};
    const Ast *ast = ast_parse(arena, source_from_text(arena, "small.lep", model), diag);
    Graph *graph = elaborate(arena, ast, &(ElaborateOptions){0}, diag);
    LoopProgram program;
    assert_non_null(graph);
    assert_true(pass_pipeline(graph, &context, NULL, NULL, NULL, diag));
    assert_true(lower_graph(graph, target, &program, diag));
    return program;
}

static void code_and_stack_are_measured(void **state)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Target target;
    assert_true(target_select("x86_64-unknown-linux-gnu", "x86-64-v3", "", arena, &target, &diag));
    LoopProgram program = lowered(arena, &target, &diag);
    EmitSizes sizes[2];
    for (int i = 0; i < 2; i++) {
        EmitOptions options = {.target = &target, .level = i ? 3 : 0};
        Bytes object, same;
        int64_t code, data;
        assert_true(emit_code(&program, &options, &same, &sizes[i], &diag));
        assert_true(emit_add_weights(&program, &options, &same, &diag));
        assert_true(emit_program(&program, &options, EMIT_OBJECT, &object, &diag));
        assert_int_equal(same.size, object.size);
        assert_memory_equal(same.data, object.data, object.size);
        assert_true(object_sizes(&object, &code, &data));
        assert_int_equal(code, sizes[i].code);
        assert_int_equal(data, sizes[i].data);
        assert_true(code + data + program.constant_bytes < (int64_t)object.size);
        assert_in_range(sizes[i].stack, 16, 1 << 20);
    }
    assert_true(sizes[0].stack > sizes[1].stack); /* -O0 keeps every value in its frame */
    assert_true(sizes[0].code > sizes[1].code);
    arena_free(arena);
}

static void what_is_no_object_has_no_sizes(void **state)
{
    unsigned char text[] = "this is not ELF at all, whatever its length may be: sixty-four bytes and more";
    int64_t code, data;
    assert_false(object_sizes(&(Bytes){text, sizeof text}, &code, &data));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_and_stack_are_measured),
        cmocka_unit_test(what_is_no_object_has_no_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
