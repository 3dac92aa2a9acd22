/* The formatter: what it writes, that comments stay, that formatting twice changes nothing. */
#include "frontend/frontend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *format(Arena *arena, const char *text)
{
    Diag diag = diag_new(arena);
    const Ast *ast = ast_parse(arena, source_from_text(arena, "test.lep", text), &diag);
    diag_print(&diag, stderr, false);
    assert_non_null(ast);
    char *out = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&out, &length);
    ast_format(ast, file);
    fclose(file);
    const char *copy = arena_copy_chars(arena, out, length);
    free(out);
    return copy;
}

static void expect(const char *text, const char *wanted)
{
    Arena *arena = arena_new(NULL, NULL);
    const char *once = format(arena, text);
    assert_string_equal(once, wanted);
    assert_string_equal(format(arena, once), wanted);
    arena_free(arena);
}

/* A model around statements, and what it must look like. */
static void expect_body(const char *body, const char *wanted)
{
    Arena *arena = arena_new(NULL, NULL);
    expect(arena_printf(arena, "lep 1\nmodel m {\n%s}\n", body),
           arena_printf(arena, "lep 1\nmodel m {\n%s}\n", wanted));
    arena_free(arena);
}

static void spaces_are_ours(void **state)
{
    (void)state;
    expect_body("x=f32( image )/255.0\n\n\n\ny :f32[ N,10 ]=  dense(x,out :10)|>relu\n",
                "  x = f32(image) / 255.0\n\n  y: f32[N, 10] = dense(x, out: 10) |> relu\n");
    expect_body("dim N=1 .. 64\nweights   \"w.safetensors\"   layout:keras\n",
                "  dim N = 1..64\n  weights \"w.safetensors\" layout: keras\n");
    expect_body("a = f(x,\n   k: [1,2],\n   e: 1x4, p: 75%)\n", "  a = f(x, k: [1, 2], e: 1x4, p: 75%)\n");
}

static void parentheses_only_where_needed(void **state)
{
    (void)state;
    expect_body("a = ((b + (c * d)))\n", "  a = b + c * d\n");
    expect_body("a = (b + c) * (d - (e - f))\n", "  a = (b + c) * (d - (e - f))\n");
    expect_body("a = (b - c) - d\n", "  a = b - c - d\n");
    expect_body("a = -(b + c) * -d\n", "  a = -(b + c) * -d\n");
    expect_body("a = (x |> f) + (y |> g)\n", "  a = (x |> f) + (y |> g)\n");
    expect_body("a = (when b then c else d) + 1\n", "  a = (when b then c else d) + 1\n");
    expect_body("a = when (b) then (c) else (d |> e)\n", "  a = when b then c else d |> e\n");
    expect_body("a = not (b and (c or d)) == e\n", "  a = not (b and (c or d)) == e\n");
    expect_body("a = (b == c) == d\n", "  a = (b == c) == d\n");
}

static void numbers_and_strings_stay_as_written(void **state)
{
    (void)state;
    expect_body("a = x * 1.50 + 1e-05 - inf\n", "  a = x * 1.50 + 1e-05 - inf\n");
    expect_body("a = f(\"two\\nlines\")\n", "  a = f(\"two\\nlines\")\n");
    expect_body("\"odd name/1:0\": f32[] = \"input\"\n\"plain\" = x\n",
                "  \"odd name/1:0\": f32[] = \"input\"\n  plain = x\n");
    expect_body("output \"output\" = x\n", "  output \"output\" = x\n");
}

static void comments_stay(void **state)
{
    (void)state;
    expect("# before\nlep 1 # version\n# a model\nmodel m { # its head\n# first\na = b # behind\n\n  # alone\n\nc = d\n"
           "# last\n} # end\n# after",
           "# before\nlep 1  # version\n# a model\nmodel m {  # its head\n  # first\n  a = b  # behind\n\n  # alone\n\n"
           "  c = d\n  # last\n}  # end\n# after\n");
    expect_body("a = f(x, # the first\n  y) # the second\n", "  # the first\n  a = f(x, y)  # the second\n");
}

static void long_chains_break_at_pipes(void **state)
{
    (void)state;
    expect_body(
        "a = conv2d(x, out: 64, kernel: 3, stride: 2, pad: same, bias: no) |> batch_norm(epsilon: 0.00001) |> relu "
        "|> max_pool(size: 2)\n",
        "  a = conv2d(x, out: 64, kernel: 3, stride: 2, pad: same, bias: no)\n"
        "      |> batch_norm(epsilon: 0.00001)\n      |> relu\n      |> max_pool(size: 2)\n");
}

static void bodies_are_indented(void **state)
{
    (void)state;
    expect("lep 1\nblock b(x:f32[N,C],n:int=1){\nreturn x\n}\nop twice(x)=x+x\n",
           "lep 1\nblock b(x: f32[N, C], n: int = 1) {\n  return x\n}\nop twice(x) = x + x\n");
    expect_body("a = repeat 3 as i (t = x) { f(t, n: i) }\n", "  a = repeat 3 as i (t = x) { f(t, n: i) }\n");
    expect_body("a = scan T as i (t = x, u = y) {\nb = f(t) # why\nreturn b,u } |> relu\n",
                "  a = scan T as i (t = x, u = y) {\n    b = f(t)  # why\n    return b, u\n  } |> relu\n");
    expect_body("group y @schedule(lanes: 8) @place(y, arena, stride: [4, 1]) {\nreturn y\n}\n",
                "  group y @schedule(lanes: 8) @place(y, arena, stride: [4, 1]) {\n    return y\n  }\n");
}

static void the_rest_of_the_language(void **state)
{
    (void)state;
    expect("lep 1 stage core\n\nmodel m \"a \\\"doc\\\"\" {\n  state h: f32[1, 64] = 0\n  next h = r.h\n}\n\ndeploy "
           "nano {\n"
           "target :\"cortex-m4\"\n  quantize: all to: int8(per: channel)\n  quantize: y to: f32\n"
           "  prune:     h sparsity: 75% block: 1x4, k sparsity: 50%\n"
           "  limit:     ram: 64KiB on \"board\" flash: 256KiB accuracy_drop: 0.5pt data: \"test/\"\n}\n",
           "lep 1 stage core\n\nmodel m \"a \\\"doc\\\"\" {\n  state h: f32[1, 64] = 0\n  next h = r.h\n}\n\ndeploy "
           "nano {\n"
           "  target: \"cortex-m4\"\n  quantize: all to: int8(per: channel)\n  quantize: y to: f32\n"
           "  prune: h sparsity: 75% block: 1x4, k sparsity: 50%\n"
           "  limit: ram: 64KiB on \"board\" flash: 256KiB accuracy_drop: 0.5pt data: \"test/\"\n}\n");
    expect_body("x.cast: f32[1] = cast(image, to: f32) @origin(\"a b.lep\":8:21:10, \"node\")\n"
                "r: (f32[1],f32[1]) = lstm(x, none)\n",
                "  x.cast: f32[1] = cast(image, to: f32) @origin(\"a b.lep\":8:21:10, \"node\")\n"
                "  r: (f32[1], f32[1]) = lstm(x, none)\n");
}

static void keywords_name_attributes_and_all_params_have_defaults(void **state)
{
    (void)state;
    expect_body("a = f(x, dim: nan, weights:2, input: x, output: y, preprocess: 1, state: 2, next: 3, group: 4)\n",
                "  a = f(x, dim: nan, weights: 2, input: x, output: y, preprocess: 1, state: 2, next: 3, group: 4)\n");
    expect_body("a = f(return: 1, repeat: 2, share: 3, scan: 4, or:5)\n",
                "  a = f(return: 1, repeat: 2, share: 3, scan: 4, or: 5)\n");
    expect_body("a = f(not: 6, on: 7, yes: 8, no: 9, inf: 1, nan: 2, none:3)\n",
                "  a = f(not: 6, on: 7, yes: 8, no: 9, inf: 1, nan: 2, none: 3)\n");
    expect("lep 1\n\nblock b(n: int=1, m: int =2) {\n  return n\n}\n",
           "lep 1\n\nblock b(n: int = 1, m: int = 2) {\n  return n\n}\n");
    expect("lep 1\n\ndeploy d {\n  k: a:1,b: 2\n}\n", "lep 1\n\ndeploy d {\n  k: a: 1, b: 2\n}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spaces_are_ours),
        cmocka_unit_test(parentheses_only_where_needed),
        cmocka_unit_test(numbers_and_strings_stay_as_written),
        cmocka_unit_test(comments_stay),
        cmocka_unit_test(long_chains_break_at_pipes),
        cmocka_unit_test(bodies_are_indented),
        cmocka_unit_test(the_rest_of_the_language),
        cmocka_unit_test(keywords_name_attributes_and_all_params_have_defaults),
    };
    return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
