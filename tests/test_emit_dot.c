/* Sums of products of narrow integers as machine code, beside 64-bit arithmetic here: every instruction that emit_dot
 * knows, numbers of lanes that none has, and the elements at which saturating instructions go wrong. */
#include "tests/support/nest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 256 };

typedef struct Elements {
    int64_t number[MOST];
    unsigned char bytes[2 * MOST]; /* as they lie in memory */
} Elements;

static void set_element(Elements *e, Dtype dtype, int i, int64_t number)
{
    int16_t wide = (int16_t)number;
    unsigned char narrow = (unsigned char)number;
    e->number[i] = number;
    if (dtype == I16)
        memcpy(e->bytes + 2 * i, &wide, 2);
    else
        e->bytes[i] = narrow;
}

static const int64_t low[] = {[U8] = 0, [I8] = -128, [I16] = -32768};
static const int64_t high[] = {[U8] = 255, [I8] = 127, [I16] = 32767};

/* 0: all highest; 1: all lowest; 2: one or the other; 3: anything. */
static Elements elements_of(Dtype dtype, int count, int fashion)
{
    Elements e = {{0}, {0}};
    for (int i = 0; i < count; i++) {
        bool up = fashion == 0 || (fashion == 2 && rand() % 2);
        int64_t number = up ? high[dtype] : low[dtype];
        if (fashion == 3) number = low[dtype] + rand() % (high[dtype] - low[dtype] + 1);
        set_element(&e, dtype, i, number);
    }
    return e;
}

typedef struct Dot {
    Dtype x, y;
    int lanes, products;
    bool spread; /* one group of products of x for every lane */
} Dot;

static const char *text_of(Arena *arena, const Dot *dot)
{
    int all = dot->lanes * dot->products, own = dot->spread ? dot->products : all;
    const char *x = arena_printf(arena, "x[0 : %d]", own);
    if (own < all) x = arena_printf(arena, "splat(%s, %d)", x, all);
    return arena_printf(arena,
                        "func f {\n  buffer x: %s[%d] input align 1\n  buffer y: %s[%d] input 1 align 1\n"
                        "  buffer s: i32[%d] input 2 align 1\n  buffer o: i32[%d] output align 1 writable\n"
                        "  o[0 : %d] = dot(s[0 : %d], %s, y[0 : %d])\n}\n",
                        dtype_name(dot->x), own, dtype_name(dot->y), all, dot->lanes, dot->lanes, dot->lanes,
                        dot->lanes, x, all);
}

static void compare(const Dot *dot, NestRun *run, int fashion)
{
    int all = dot->lanes * dot->products, own = dot->spread ? dot->products : all;
    Elements x = elements_of(dot->x, own, fashion % 4), y = elements_of(dot->y, all, fashion / 4);
    int32_t sum[MOST], out[MOST], start[] = {0, INT32_MAX, INT32_MIN, -12345};
    for (int i = 0; i < dot->lanes; i++) sum[i] = start[rand() % 4];
    run((void *[]){x.bytes, y.bytes, sum, out}, NULL);
    for (int i = 0; i < dot->lanes; i++) {
        int64_t exact = sum[i];
        for (int k = 0; k < dot->products; k++)
            exact += x.number[(dot->products * i + k) % own] * y.number[dot->products * i + k];
        assert_int_equal(out[i], (int32_t)(uint32_t)(uint64_t)exact);
    }
}

static void check_dot(const Dot *dot, const char *cpu, int level)
{
    Arena *arena = arena_new(NULL, NULL);
    Jit *jit = nest_load_text(arena, text_of(arena, dot), cpu, level);
    for (int fashion = 0; fashion < 16; fashion++) compare(dot, nest_step(jit, 0), fashion);
    jit_free(jit);
    arena_free(arena);
}

static void dots_are_exact_on(const char *cpu)
{
    static const Dtype pairs[][2] = {{U8, I8}, {I8, U8}, {I8, I8}, {U8, U8}, {I16, I16}};
    static const int lanes[] = {1, 2, 3, 4, 8, 16, 20, 32};
    for (int pair = 0; pair < 5; pair++)
        for (int i = 0; i < 8; i++) {
            Dot dot = {pairs[pair][0], pairs[pair][1], lanes[i], (pair + i) % 2 ? 4 : 2, i % 4 == 0};
            check_dot(&dot, cpu, 3);
            dot.products = 6 - dot.products;
            dot.spread = lanes[i] > 1 && !dot.spread;
            check_dot(&dot, cpu, i == 5 ? 0 : 3);
            dot = (Dot){pairs[pair][0], pairs[pair][1], lanes[i], 16, i % 2 == 1};
            if (lanes[i] <= 8) check_dot(&dot, cpu, 3);
        }
}

static void dots_are_exact(void **state)
{
    const char *cpus[NEST_CPUS];
    int count = nest_cpus(cpus);
    if (count < NEST_CPUS) print_message("only %d of %d levels of x86-64 can be run here\n", count, NEST_CPUS);
    srand(11);
    for (int i = 0; i < count; i++) dots_are_exact_on(cpus[i]);
}

/* What each level of the processor makes of 16 sums of 4 bytes: the instruction's name, and no other multiplication. */
static void the_best_instruction_is_chosen(void **state)
{
    static const struct {
        const char *cpu, *features, *makes;
    } rows[] = {
        {"", "", "pmaddwd"},
        {"x86-64-v3", "", "vpmaddwd\t%ymm"},
        {"x86-64-v4", "", "vpmaddwd\t%zmm"},
        {"x86-64-v4", "-avx512bw", "vpmaddwd\t%ymm"},
        {"cascadelake", "", "vpdpbusd"},
        {"cascadelake", "-avx512vl", "vpmaddwd\t%zmm"},
        {"cascadelake", "-avx512bw", "vpmaddwd\t%ymm"},
        {"cascadelake", "+prefer-256-bit", "vpdpbusd"},
        {"alderlake", "", "vpdpbusd"},
        {"alderlake", "-avxvnni", "vpmaddwd\t%ymm"},
        {"sandybridge", "", "vpmaddwd\t%xmm"},
        {"x86-64-v3", "+avx512vnni", "vpmaddwd"},
        {"x86-64-v3", "+avxvnni", "vpdpbusd"},
        {"alderlake", "+avx512f", "vpmaddwd"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena *arena = arena_new(NULL, NULL);
        const char *text =
            nest_assembly(arena, text_of(arena, &(Dot){U8, I8, 16, 4, true}), rows[i].cpu, rows[i].features);
        if (!strstr(text, rows[i].makes)) print_message("%s %s:\n%s", rows[i].cpu, rows[i].features, text);
        assert_non_null(strstr(text, rows[i].makes));
        assert_null(strstr(text, "maddubs"));
        assert_null(strstr(text, "mulld"));
        arena_free(arena);
    }
}

/* Other processors' instructions, which are named by their assembly alone; check_cross.sh and check_microcontroller.sh
 * run them. */
static void other_processors_have_theirs(void **state)
{
    static const struct {
        const char *cpu;
        Dot dot;
        const char *makes, *without;
    } rows[] = {
        {"cortex-m4", {I8, I8, 1, 4, false}, "smlad", "ldrsb"},
        {"cortex-m4", {U8, I8, 1, 4, false}, "uxtb16", "ldrsb"},
        {"cortex-m55", {I8, I8, 1, 16, false}, "vmlava.s8", "vmul"},
        {"cortex-m55", {U8, U8, 1, 16, false}, "vmlava.u8", "vmul"},
        {"raspberry-pi-5", {I8, I8, 4, 4, true}, "sdot", "mla"},
        {"raspberry-pi-4", {I8, I8, 8, 2, true}, "sadalp", "sshll"},
        {"raspberry-pi-4", {U8, U8, 4, 2, false}, "uadalp", "ushll"},
        {"raspberry-pi-4", {I8, I8, 3, 2, true}, "smull", "sshll"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena *arena = arena_new(NULL, NULL);
        const char *text = nest_assembly(arena, text_of(arena, &rows[i].dot), rows[i].cpu, "");
        bool good = strstr(text, rows[i].makes) && !strstr(text, rows[i].without);
        if (!good) print_message("%s:\n%s", rows[i].cpu, text);
        assert_true(good);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dots_are_exact),
        cmocka_unit_test(the_best_instruction_is_chosen),
        cmocka_unit_test(other_processors_have_theirs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
