/* Casts of floats to integers in vectors, beside the interpreter's: in full range, and rounded into a clamped one. */
#include "tests/support/nest.h"

#include "ir/exprkernel.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 32 };

static const double special[COUNT] = {
    0,          -0.0,          0.5,           -0.5,  1.5,  2.5,   -1.5,     -2.5,      126.5, 127.5,  128.49,
    -128.5,     -129,          254.5,         255.5, 256,  32767, 32768,    65535,     65536, -32769, 2147483520,
    2147483648, -2147483648.0, -2147483904.0, 4e9,   1e30, -1e30, INFINITY, -INFINITY, NAN,   -1};

static void fill(Dtype dtype, void *out)
{
    for (int i = 0; i < COUNT; i++) {
        float single = (float)special[i];
        if (dtype == F32)
            memcpy((char *)out + 4 * i, &single, 4);
        else
            memcpy((char *)out + 8 * i, &special[i], 8);
    }
}

static void check_cast(Dtype from, Dtype to, int lanes, const char *cpu, int level)
{
    Arena *arena = arena_new(NULL, NULL);
    const char *text =
        arena_printf(arena,
                     "func f {\n  buffer x: %s[32] input align 1\n  buffer o: %s[32] output align 1 writable\n"
                     "  for i in 0..32 step %d { o[i : %d] = cast(%s, x[i : %d]) }\n}\n",
                     dtype_name(from), dtype_name(to), lanes, lanes, dtype_name(to), lanes);
    unsigned char in[8 * COUNT], out[8 * COUNT], expected[8 * COUNT];
    fill(from, in);
    Jit *jit = nest_load_text(arena, text, cpu, level);
    nest_step(jit, 0)((void *[]){in, out}, NULL);
    expr_kernel_cast(from, to)(expected, in, NULL, NULL, COUNT);
    assert_memory_equal(out, expected, COUNT * (size_t)dtype_bits(to) / 8);
    jit_free(jit);
    arena_free(arena);
}

static void casts_saturate(void **state)
{
    static const Dtype to[] = {I8, U8, I16, U16, I32, U32, I64};
    const char *cpus[NEST_CPUS];
    int count = nest_cpus(cpus);
    for (int c = 0; c < count; c++)
        for (int i = 0; i < 7; i++) {
            check_cast(F32, to[i], 4 << (i + c) % 3, cpus[c], 3);
            check_cast(F64, to[i], 2 << (i + c) % 3, cpus[c], i == 4 ? 0 : 3);
        }
}

/* cast(i32, min(max(rint(x), low), high)) as the interpreter's operations one by one. */
static int32_t rounded(float x, float low, float high)
{
    if (isnan(x)) return 0;
    float clamped = fminf(fmaxf(rintf(x), low), high);
    return (int32_t)clamped;
}

static void check_rounded(float low, float high, int lanes, const char *cpu)
{
    Arena *arena = arena_new(NULL, NULL);
    const char *text =
        arena_printf(arena,
                     "func f {\n  buffer x: f32[32] input align 1\n  buffer o: i32[32] output align 1 writable\n"
                     "  for i in 0..32 step %d { o[i : %d] = cast(i32, min(max(rint(x[i : %d]), f32x%d(%.1f)), "
                     "f32x%d(%.1f))) }\n}\n",
                     lanes, lanes, lanes, lanes, (double)low, lanes, (double)high);
    float in[COUNT];
    int32_t out[COUNT];
    fill(F32, in);
    Jit *jit = nest_load_text(arena, text, cpu, 3);
    nest_step(jit, 0)((void *[]){in, out}, NULL);
    for (int i = 0; i < COUNT; i++) assert_int_equal(out[i], rounded(in[i], low, high));
    jit_free(jit);
    arena_free(arena);
}

static void rounding_into_a_range_is_exact(void **state)
{
    static const float ranges[][2] = {{0, 255},   {-128, 127}, {-3, 252}, {5, 100},
                                      {-100, -5}, {-131, 0},   {0.5F, 3}, {-255, 0}};
    const char *cpus[NEST_CPUS];
    int count = nest_cpus(cpus);
    for (int c = 0; c < count; c++)
        for (int i = 0; i < 8; i++) {
            check_rounded(ranges[i][0], ranges[i][1], 16, cpus[c]);
            check_rounded(ranges[i][0], ranges[i][1], 2 << i % 3, cpus[c]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(casts_saturate),
        cmocka_unit_test(rounding_into_a_range_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
