/* Control flow, memory, registers and pools of emitted code, on values computed here. */
#include "tests/support/guard.h"
#include "tests/support/nest.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Runs `check` for each level of x86-64 that this machine has, at -O0 and -O3. */
typedef void Check(Arena *arena, const char *cpu, int level);

static void everywhere(Check *check)
{
    const char *cpus[NEST_CPUS];
    int count = nest_cpus(cpus);
    if (count < NEST_CPUS) print_message("only %d of %d levels of x86-64 can be run here\n", count, NEST_CPUS);
    for (int i = 0; i < count; i++)
        for (int level = 0; level <= 3; level += 3) {
            Arena *arena = arena_new(NULL, NULL);
            check(arena, cpus[i], level);
            arena_free(arena);
        }
}

static float number(int i) { return (float)((i * 37 + 11) % 101 - 50) / 7; }

/* ---- control flow and registers ---- */

static void check_tile(Arena *arena, const char *cpu, int level)
{
    static const char text[] = "func f {\n"
                               "  buffer a: f32[60] input align 1\n  buffer w: f32[96] input 1 align 1\n"
                               "  buffer o: f32[96] output align 1 writable\n  register r: f32x8[6]\n"
                               "  for y in 0..2 {\n"
                               "    unroll p in 0..6 { r[p] = f32x8(0.5) }\n"
                               "    for k in 0..8 step 2 {\n"
                               "      unroll u in 0..2 {\n"
                               "        let b = w[8*k + 8*u : 8]\n"
                               "        unroll q in 0..6 {\n"
                               "          r[q] = add(mul(splat(a[24*y + 4*q + k + u], 8), b), r[q])\n"
                               "        }\n      }\n    }\n"
                               "    unroll z in 0..6 { o[48*y + 8*z : 8] = r[z] }\n"
                               "  }\n}\n";
    float a[60], w[96], o[96];
    for (int i = 0; i < 60; i++) a[i] = number(i);
    for (int i = 0; i < 96; i++) w[i] = number(i + 1000);
    Jit *jit = nest_load_text(arena, text, cpu, level);
    nest_step(jit, 0)((void *[]){a, w, o}, NULL);
    for (int i = 0; i < 96; i++) {
        float sum = 0.5f;
        for (int k = 0; k < 8; k++) {
            float product = a[24 * (i / 48) + 4 * (i / 8 % 6) + k] * w[8 * k + i % 8];
            sum = product + sum;
        }
        assert_memory_equal(&sum, &o[i], sizeof sum);
    }
    jit_free(jit);
}

static void a_register_tile_sums_in_order(void **state) { everywhere(check_tile); }

/* Registers assigned under a condition, inside loops, and by constants that unrolling makes of conditions. */
static void check_conditions(Arena *arena, const char *cpu, int level)
{
    static const char text[] = "func f {\n"
                               "  buffer o: i32[40] output align 1 writable\n  register r: i32[2]\n"
                               "  for i in 0..20 {\n"
                               "    r[0] = i32(-1)\n    r[1] = index(i32, 3*i)\n"
                               "    if i - 5 >= 0 and -i + 12 >= 0 {\n"
                               "      for j in 0..3 {\n"
                               "        r[0] = add(r[0], index(i32, i + j))\n"
                               "        if j - 1 >= 0 { r[1] = sub(r[1], i32(1)) }\n"
                               "      }\n    }\n"
                               "    unroll k in 0..2 { if k - 1 >= 0 { r[1] = mul(r[1], i32(2)) } }\n"
                               "    o[i] = r[0]\n    o[i + 20] = r[1]\n"
                               "  }\n}\n";
    int32_t o[40];
    Jit *jit = nest_load_text(arena, text, cpu, level);
    nest_step(jit, 0)((void *[]){o}, NULL);
    for (int i = 0; i < 20; i++) {
        bool inside = i >= 5 && i <= 12;
        assert_int_equal(o[i], inside ? -1 + 3 * i + 3 : -1);
        assert_int_equal(o[i + 20], 2 * (inside ? 3 * i - 2 : 3 * i));
    }
    jit_free(jit);
}

static void registers_meet_after_conditions(void **state) { everywhere(check_conditions); }

/* A table of zeros, as text alone has them: loops that run not once, and loads that go nowhere else. */
static void check_tables(Arena *arena, const char *cpu, int level)
{
    static const char text[] = "func f {\n  buffer x: f32[16] input align 1\n"
                               "  buffer t: i32[16] constant align 64 below 5\n"
                               "  buffer o: f32[8] output align 1 writable\n  register r: f32[2]\n"
                               "  let none = t[3]\n  for i in 0..4 {\n"
                               "    r[0] = x[i]\n    r[1] = f32(1)\n    let still = t[2*i + 1]\n"
                               "    for k in none to still {\n      r[0] = add(r[0], x[k])\n    }\n"
                               "    o[i] = r[0]\n    o[i + 4] = add(r[1], x[2*i at still])\n  }\n}\n";
    float x[16], o[8];
    for (int i = 0; i < 16; i++) x[i] = number(i);
    Jit *jit = nest_load_text(arena, text, cpu, level);
    nest_step(jit, 0)((void *[]){x, o}, NULL);
    for (int i = 0; i < 4; i++) {
        assert_true(o[i] == x[i]);
        assert_true(o[i + 4] == 1 + x[2 * i]);
    }
    jit_free(jit);
}

static void tables_of_zeros_move_nothing(void **state) { everywhere(check_tables); }

/* Halves of 8, 4, 2, 1: another order gives another sum of these. */
/* Squares of every width, through registers and back. */
static void check_transposes(Arena *arena, const char *cpu, int level)
{
    for (int n = 2; n <= 32; n *= 2) {
        int size = n * n;
        const char *text = arena_printf(arena,
                                        "func f { buffer x: i16[%d] input align 1 buffer y: i16[%d] output align 1 "
                                        "writable register square: i16x%d[%d] "
                                        "unroll i in 0..%d { square[i] = x[%d*i : %d] } transpose square "
                                        "unroll j in 0..%d { y[%d*j : %d] = square[j] } }",
                                        size, size, n, n, n, n, n, n, n, n);
        int16_t x[32 * 32], y[32 * 32];
        for (int i = 0; i < size; i++) x[i] = (int16_t)i;
        Jit *jit = nest_load_text(arena, text, cpu, level);
        void *bases[] = {x, y};
        nest_step(jit, 0)(bases, NULL);
        for (int i = 0; i < size; i++) assert_int_equal(y[i], x[i % n * n + i / n]);
        jit_free(jit);
    }
}

static void squares_are_transposed(void **state) { everywhere(check_transposes); }

static void check_fold(Arena *arena, const char *cpu, int level)
{
    static const char text[] =
        "func f {\n  buffer x: f32[16] input align 1\n  buffer o: f32[2] output align 1 writable\n"
        "  o[0] = fold(add, x[0 : 16])\n  o[1] = fold(max, x[0 : 4])\n}\n";
    float x[16], o[2], half[16];
    for (int i = 0; i < 16; i++) half[i] = x[i] = number(i) * powf(10, (float)(i % 5));
    Jit *jit = nest_load_text(arena, text, cpu, level);
    nest_step(jit, 0)((void *[]){x, o}, NULL);
    for (int n = 8; n >= 1; n /= 2)
        for (int i = 0; i < n; i++) half[i] = half[i] + half[i + n];
    assert_memory_equal(&o[0], &half[0], sizeof *o);
    assert_float_equal(o[1], fmaxf(fmaxf(x[0], x[1]), fmaxf(x[2], x[3])), 0);
    jit_free(jit);
}

static void folds_go_by_halves(void **state) { everywhere(check_fold); }

/* ---- memory ---- */

static const Dtype stored[] = {F32, F64, F16, I8, I32, U64, BOOL};

static LoopFunction *copier(Arena *arena, Dtype dtype, int lanes, int active, int stride)
{
    LoopFunction *f = loop_function_new(arena, "copy", (Origin){0});
    LoopBuilder b = loop_builder(arena, f);
    int64_t elements = (active - 1) * stride + 1;
    LoopBuffer *in = loop_buffer(&b, &(LoopBuffer){"in", dtype, SPACE_INPUT, 0, 0, elements, 1, false, 0, {0}});
    LoopBuffer *out = loop_buffer(&b, &(LoopBuffer){"out", dtype, SPACE_OUTPUT, 0, 0, elements, 1, true, 0, {0}});
    const LoopExpr *value = loop_load(&b, in, affine(0), lanes, stride, active);
    loop_store(&b, out, affine(0), value, stride, active);
    return f;
}

/* Copies `active` elements between buffers that end, or start, where nothing may be touched. */
static void run_copier(NestRun *run, Dtype dtype, int active, int stride, bool at_end)
{
    size_t size = (size_t)dtype_bits(dtype) / 8, bytes = (size_t)((active - 1) * stride + 1) * size;
    Guard in = guard_new(bytes, 0, at_end), out = guard_new(bytes, 0, at_end);
    for (size_t i = 0; i < bytes; i++) in.data[i] = (unsigned char)(dtype == BOOL ? i & 1 : i * 7 + 1);
    memset(out.data, 0xee, bytes);
    run((void *[]){in.data, out.data}, NULL);
    for (size_t i = 0; i < bytes; i++) {
        bool copied = (i / size) % (size_t)stride == 0;
        assert_int_equal(out.data[i], copied ? in.data[i] : 0xee);
    }
    assert_true(guard_intact(&in) && guard_intact(&out));
    guard_free(&in);
    guard_free(&out);
}

static void check_copies(Arena *arena, const char *cpu, int level)
{
    enum { LANES = 16, STRIDES = 2, NDTYPES = sizeof stored / sizeof *stored };
    LoopFunction *functions[NDTYPES * LANES * STRIDES];
    int n = 0;
    for (size_t d = 0; d < NDTYPES; d++)
        for (int active = 1; active <= LANES; active++)
            for (int stride = 1; stride <= STRIDES; stride++)
                functions[n++] = copier(arena, stored[d], LANES, active, stride);
    Jit *jit = nest_load(arena, functions, n, cpu, level);
    n = 0;
    for (size_t d = 0; d < NDTYPES; d++)
        for (int active = 1; active <= LANES; active++)
            for (int stride = 1; stride <= STRIDES; stride++, n++)
                for (int at_end = 0; at_end <= 1; at_end++)
                    run_copier(nest_step(jit, n), stored[d], active, stride, at_end);
    jit_free(jit);
}

static void active_lanes_alone_touch_memory(void **state) { everywhere(check_copies); }

/* Lanes that are not loaded are zeros, and one element can stand in all lanes. */
static void check_inactive(Arena *arena, const char *cpu, int level)
{
    static const char text[] =
        "func f {\n  buffer x: f32[5] input align 1\n  buffer o: f32[24] output align 1 writable\n"
        "  o[0 : 8] = x[0 : 8 active 5]\n  o[8 : 8] = x[4 : 8 stride 0]\n"
        "  o[16 : 8] = x[4 : 8 stride -2 active 3]\n}\n";
    float x[] = {1, 2, 3, 4, 5}, o[24];
    static const float expected[] = {1, 2, 3, 4, 5, 0, 0, 0, 5, 5, 5, 5, 5, 5, 5, 5, 5, 3, 1, 0, 0, 0, 0, 0};
    Jit *jit = nest_load_text(arena, text, cpu, level);
    nest_step(jit, 0)((void *[]){x, o}, NULL);
    assert_memory_equal(o, expected, sizeof o);
    jit_free(jit);
}

static void inactive_lanes_are_zero(void **state) { everywhere(check_inactive); }

static void check_fills(Arena *arena, const char *cpu, int level)
{
    static const char text[] =
        "func f {\n"
        "  buffer o: f32[300] output align 1 writable\n  buffer b: u8[300] output 1 align 1 writable\n"
        "  fill o[1] count 298 = f32(-inf)\n  fill b[0] count 3 = u8(7)\n"
        "  fill b[5] count 290 = u8(0)\n  fill b[295] count 4 = u8(255)\n}\n";
    float o[300] = {1};
    uint8_t b[300];
    memset(b, 9, sizeof b);
    o[299] = 2;
    Jit *jit = nest_load_text(arena, text, cpu, level);
    nest_step(jit, 0)((void *[]){o, b}, NULL);
    assert_true(o[0] == 1 && o[299] == 2);
    for (int i = 1; i < 299; i++) assert_true(o[i] == -(float)INFINITY);
    for (int i = 0; i < 300; i++) assert_int_equal(b[i], i < 3 ? 7 : i < 5 ? 9 : i < 295 ? 0 : i < 299 ? 255 : 9);
    jit_free(jit);
}

static void fills_stop_where_they_should(void **state) { everywhere(check_fills); }

/* ---- pools ---- */

typedef struct Calls {
    int count, shares;
} Calls;

/* Last share first, so that an order would show. */
static void run_backwards(void *ctx, void (*f)(void *arg, int index), void *arg, int n)
{
    Calls *calls = ctx;
    calls->count++;
    calls->shares = n;
    for (int i = n; i-- > 0;) f(arg, i);
}

static void check_pool(Arena *arena, const char *cpu, int level)
{
    static const char text[] = "func f {\n"
                               "  buffer o: i32[104] output align 1 writable\n"
                               "  buffer s: i32[4] stack align 4 writable\n"
                               "  o[103] = i32(1)\n"
                               "  parallel y in 3..42 step 3 {\n"
                               "    s[1] = index(i32, y)\n"
                               "    for x in 0..2 { o[2*y + x] = add(o[2*y + x], s[1]) }\n"
                               "  }\n"
                               "  o[102] = i32(2)\n}\n";
    Jit *jit = nest_load_text(arena, text, cpu, level);
    static const int threads[] = {0, 1, 2, 3, 64};
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        Calls calls = {0};
        struct lep_pool pool = {&calls, threads[t], run_backwards};
        int32_t o[104] = {0};
        nest_step(jit, 0)((void *[]){o}, t ? &pool : NULL);
        for (int i = 0; i < 102; i++) {
            int y = i / 2;
            assert_int_equal(o[i], y >= 3 && y < 42 && y % 3 == 0 ? y : 0);
        }
        assert_true(o[103] == 1 && o[102] == 2);
        assert_int_equal(calls.count, threads[t] > 1);
        if (calls.count) assert_int_equal(calls.shares, threads[t] * 4 < 13 ? threads[t] * 4 : 13);
    }
    jit_free(jit);
}

static void a_pool_runs_every_part_once(void **state) { everywhere(check_pool); }

/* ---- the compiler around it ---- */

static void *compile_in_a_thread(void *failed)
{
    for (int i = 0; i < 5; i++) {
        Arena *arena = arena_new(NULL, NULL);
        check_fold(arena, "", 3);
        arena_free(arena);
    }
    *(bool *)failed = false;
    return NULL;
}

static void two_threads_compile_side_by_side(void **state)
{
    pthread_t threads[2];
    bool failed[2] = {true, true};
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, compile_in_a_thread, &failed[i]), 0);
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_false(failed[0] || failed[1]);
}

static Bytes emit_once(Arena *arena, const char *triple, EmitKind kind, Diag *diag)
{
    Target target = target_table[0];
    target.triple = triple;
    LoopFunction *f = copier(arena, F32, 16, 16, 1);
    LoopProgram program = {.arena = arena, .nsteps = 1, .steps = &f};
    EmitOptions options = {.target = &target, .level = 3};
    Bytes bytes = {0};
    emit_program(&program, &options, kind, &bytes, diag);
    return bytes;
}

static void the_same_program_gives_the_same_bytes(void **state)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    for (int kind = EMIT_OBJECT; kind <= EMIT_LLVM; kind++) {
        Bytes a = emit_once(arena, "x86_64-pc-linux-gnu", (EmitKind)kind, &diag);
        Bytes b = emit_once(arena, "x86_64-pc-linux-gnu", (EmitKind)kind, &diag);
        assert_true(a.size > 0 && a.size == b.size);
        assert_memory_equal(a.data, b.data, a.size);
    }
    arena_free(arena);
}

static void an_unknown_machine_is_a_diagnostic(void **state)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    assert_int_equal(emit_once(arena, "pdp11-dec-unix", EMIT_OBJECT, &diag).size, 0);
    assert_int_equal(diag.errors, 1);
    assert_int_equal(diag.first->code, E0904);
    arena_free(arena);
}

static void constants_beyond_two_gigabytes_are_refused(void **state)
{
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Target target;
    assert_true(target_select("", "", "", arena, &target, &diag));
    LoopProgram program = {.arena = arena, .constant_bytes = (int64_t)1 << 31};
    Bytes bytes;
    assert_false(emit_program(&program, &(EmitOptions){.target = &target}, EMIT_OBJECT, &bytes, &diag));
    assert_int_equal(diag.first->code, E0703);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_register_tile_sums_in_order),
        cmocka_unit_test(registers_meet_after_conditions),
        cmocka_unit_test(tables_of_zeros_move_nothing),
        cmocka_unit_test(squares_are_transposed),
        cmocka_unit_test(folds_go_by_halves),
        cmocka_unit_test(active_lanes_alone_touch_memory),
        cmocka_unit_test(inactive_lanes_are_zero),
        cmocka_unit_test(fills_stop_where_they_should),
        cmocka_unit_test(a_pool_runs_every_part_once),
        cmocka_unit_test(two_threads_compile_side_by_side),
        cmocka_unit_test(the_same_program_gives_the_same_bytes),
        cmocka_unit_test(an_unknown_machine_is_a_diagnostic),
        cmocka_unit_test(constants_beyond_two_gigabytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
