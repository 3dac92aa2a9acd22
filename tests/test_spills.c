/* A sum that leaves its register costs 15 to 57 %: no tile that the cost model picks spills a vector in an innermost
 * loop.  LLVM says so in the comments of its assembly; there is no other way to ask it. */
#include "backend/emit.h"
#include "backend/lower.h"
#include "frontend/frontend.h"
#include "passes/pass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char model[] = "lep 1\n"
                            "model tiles {\n"
                            "  weights seed: 7\n"
                            "  input x: f32[1, 28, 28, 8]\n"
                            "  a = conv2d(x, out: 64, kernel: 3, pad: same) |> relu\n"
                            "  b = conv2d(a, out: 64, kernel: 3, pad: same) |> relu |> max_pool(size: 2)\n"
                            "  c = conv2d(b, out: 128, kernel: 1) |> relu\n"
                            "  d = conv2d(c, out: 128, kernel: 3, groups: 128, pad: same)\n"
                            "  e = conv2d(d, out: 48, kernel: 5, stride: 2)\n"
                            "  f = conv2d(e, out: 48, kernel: 3, pad: same)\n"
                            "  g = relu(e + f)\n"
                            "  h = dense(flatten(g), out: 100) |> relu\n"
                            "  i = dense(h, out: 10)\n"
                            "  output y = softmax(i)\n"
                            "}\n";

/* 8-bit layers, whose tiles hold sums of i32 and are stored as bytes: of the sign that the target multiplies. */
#define BYTES(type)                                                                                                    \
    "lep 1\n"                                                                                                          \
    "model bytes {\n"                                                                                                  \
    "  weights seed: 7\n"                                                                                              \
    "  input x: " type "[1, 28, 28, 3]\n"                                                                              \
    "  a = requantize(conv2d(x, out: 64, kernel: 3, pad: same), 0.01, to: " type ")\n"                                 \
    "  b = requantize(conv2d(a, out: 64, kernel: 3), 0.001, to: " type ") |> max_pool(size: 2)\n"                      \
    "  c = requantize(conv2d(b, out: 128, kernel: 1), 0.001, to: i8)\n"                                                \
    "  d = requantize(conv2d(c, out: 48, kernel: 5, stride: 2), 0.001, to: " type ")\n"                                \
    "  g = requantize(conv2d(d, out: 48, kernel: 3, groups: 48), 0.001, to: " type ")\n"                               \
    "  e = requantize(dense(flatten(g), out: 100), 0.001, to: i8)\n"                                                   \
    "  output y = dequantize(dense(e, out: 10), 0.1)\n"                                                                \
    "}\n"

static const char *assembly_for(Arena *arena, const char *net, const char *cpu, bool fast)
{
    Diag diag = diag_new(arena);
    Target target;
    assert_true(target_select(cpu, "", "", arena, &target, &diag));
    PassContext context = {.target = &target, .fast = fast, .level = 3};
    EmitOptions options = {.target = &target, .level = 3};
    const Ast *ast = ast_parse(arena, source_from_text(arena, "tiles.lep", net), &diag);
    Graph *graph = ast ? elaborate(arena, ast, &(ElaborateOptions){0}, &diag) : NULL;
    LoopProgram program;
    Bytes text;
    assert_non_null(graph);
    assert_true(pass_pipeline(graph, &context, NULL, NULL, NULL, &diag));
    assert_true(lower_graph(graph, &target, &program, &diag));
    assert_true(emit_program(&program, &options, EMIT_ASSEMBLY, &text, &diag));
    return arena_copy_chars(arena, (const char *)text.data, text.size);
}

static bool contains(const char *line, const char *end, const char *word)
{
    const char *found = strstr(line, word);
    return found && found < end;
}

/* "32-byte Spill", "64-byte Folded Reload": a vector; those of 8 bytes are addresses. */
static bool is_vector_spill(const char *line, const char *end)
{
    /* vldr, vstr: of a microcontroller's floats; Unknown-size: of vectors of RISC-V */
    bool vector = contains(line, end, "16-byte ") || contains(line, end, "32-byte ") ||
                  contains(line, end, "64-byte ") || contains(line, end, "\tvldr\t") ||
                  contains(line, end, "\tvstr\t") || contains(line, end, "Unknown-size ");
    return vector && (contains(line, end, "Spill") || contains(line, end, "Reload"));
}

typedef struct Count {
    int loops, multiplying, spills;
} Count;

/* Blocks that LLVM marks as innermost loops, up to the label after. */
static Count count_loops(const char *text)
{
    Count count = {0};
    bool inner = false, multiplies = false;
    int spills = 0;
    for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
        end = line + strcspn(line, "\n");
        bool label = *line != '\t' && *line != ' ' && contains(line, end, ":");
        if (label) {
            count.multiplying += inner && multiplies;
            count.spills += inner && multiplies ? spills : 0;
            inner = multiplies = false;
            spills = 0;
        }
        if (contains(line, end, "This Inner Loop Header")) {
            inner = true;
            count.loops++;
        }
        multiplies =
            multiplies || contains(line, end, "\tvfmadd") || contains(line, end, "\tmulps") ||
            contains(line, end, "\tfmla") || contains(line, end, "\tvfma.") || contains(line, end, "\tvfmacc") ||
            contains(line, end, "\tvpdpbusd") || contains(line, end, "pmaddwd\t") || contains(line, end, "\tsadalp") ||
            contains(line, end, "\tsdot") || contains(line, end, "\tsmlal") || contains(line, end, "\tmla\t") ||
            contains(line, end, "\tvwma") || contains(line, end, "\tvmlava") || contains(line, end, "\tvmla.") ||
            contains(line, end, "\tsmlad");
        spills += is_vector_spill(line, end);
    }
    return count;
}

static const char *const cpus[] = {"x86-64",         "x86-64-v2",   "x86-64-v3", "x86-64-v4", "haswell",   "znver5",
                                   "raspberry-pi-4", "neoverse-v1", "rv64gcv",   "cortex-m4", "cortex-m55"};
enum { WITH_WINOGRAD = 6 };

static void no_tile_spills_in_its_loop(void **state)
{
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++) {
        Arena *arena = arena_new(NULL, NULL);
        Count count = count_loops(assembly_for(arena, model, cpus[i], false));
        print_message("%s: %d innermost loops, %d of them tiles, %d spills\n", cpus[i], count.loops, count.multiplying,
                      count.spills);
        assert_true(count.multiplying >= 10);
        assert_int_equal(count.spills, 0);
        arena_free(arena);
    }
}

/* Nor do Winograd's products.  Its transforms are of registers all over: where a pooling wants two rows of results at
 * once, AVX2 is one or two short, once a vector of channels and not once a product. */
static void transforms_spill_next_to_nothing(void **state)
{
    enum { MOST = 12 };
    for (size_t i = 0; i < WITH_WINOGRAD; i++) {
        Arena *arena = arena_new(NULL, NULL);
        Count count = count_loops(assembly_for(arena, model, cpus[i], true));
        print_message("%s: %d loops multiply, %d spills\n", cpus[i], count.multiplying, count.spills);
        assert_true(count.multiplying >= 16);
        assert_in_range(count.spills, 0, MOST);
        arena_free(arena);
    }
}

static void a_spill_is_seen(void **state)
{
    static const char text[] = ".LBB0_1:   # =>This Inner Loop Header: Depth=1\n"
                               "\tvfmadd231ps\t%zmm1, %zmm2, %zmm3\n"
                               "\tvmovups\t%zmm3, -64(%rsp)   # 64-byte Spill\n"
                               "\tmovq\t%rax, -8(%rsp)   # 8-byte Spill\n"
                               ".LBB0_2:\n"
                               "\tvmovups\t-64(%rsp), %zmm3   # 64-byte Reload\n"
                               "f:\n";
    Count count = count_loops(text);
    assert_int_equal(count.multiplying, 1);
    assert_int_equal(count.spills, 1);
}

static void no_tile_of_bytes_spills_in_its_loop(void **state)
{
    static const char *const byte_cpus[] = {"x86-64",      "x86-64-v2", "x86-64-v3",      "x86-64-v4",
                                            "cascadelake", "alderlake", "raspberry-pi-4", "raspberry-pi-5",
                                            "rv64gcv",     "cortex-m4", "cortex-m55"};
    enum { WITH_SIGN = 6 }; /* from here on */
    for (size_t i = 0; i < sizeof byte_cpus / sizeof *byte_cpus; i++) {
        Arena *arena = arena_new(NULL, NULL);
        const char *net = i < WITH_SIGN ? BYTES("u8") : BYTES("i8");
        Count count = count_loops(assembly_for(arena, net, byte_cpus[i], true));
        print_message("%s: %d innermost loops, %d of them tiles of bytes, %d spills\n", byte_cpus[i], count.loops,
                      count.multiplying, count.spills);
        assert_true(count.multiplying >= 5);
        assert_int_equal(count.spills, 0);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_spill_is_seen),
        cmocka_unit_test(no_tile_spills_in_its_loop),
        cmocka_unit_test(no_tile_of_bytes_spills_in_its_loop),
        cmocka_unit_test(transforms_spill_next_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
