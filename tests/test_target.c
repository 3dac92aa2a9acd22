/* Targets: what is chosen, what features change, and what is refused. */
#include "ir/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    *state = arena_new(NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static Target selected(Arena *arena, const char *cpu, const char *features)
{
    Diag diag = diag_new(arena);
    Target target = {0};
    assert_true(target_select("x86_64-pc-linux-gnu", cpu, features, arena, &target, &diag));
    assert_int_equal(diag.errors, 0);
    return target;
}

static void rows_are_sane(void **state)
{
    for (int i = 0; i < target_count; i++) {
        const Target *row = &target_table[i];
        assert_true(row->vector_bytes == 4 || row->vector_bytes == 16 || row->vector_bytes == 32 ||
                    row->vector_bytes == 64);
        assert_true(row->integer_bytes <= row->vector_bytes);
        if (row->arch->id == ARCH_X86_64) assert_int_equal(row->vector_registers, row->vector_bytes == 64 ? 32 : 16);
        assert_true(row->vector_registers >= 8);
        assert_true(row->fma_per_cycle > 0 && row->fma_latency > 0 && row->loads_per_cycle > 0);
        assert_true(row->cache_bytes[0] < row->cache_bytes[1] || row->arch->bare);
        for (int k = 0; k < 3; k++) assert_true(row->cache_bytes_per_cycle[k] >= row->cache_bytes_per_cycle[k + 1]);
        for (int k = 0; k < i; k++) assert_string_not_equal(row->name, target_table[k].name);
    }
}

static void levels_widen_vectors(void **state)
{
    Target base = selected(*state, "", ""), v3 = selected(*state, "x86-64-v3", NULL),
           v4 = selected(*state, "x86-64-v4", "");
    assert_string_equal(base.cpu, "x86-64");
    assert_true(base.vector_bytes == 16 && base.vector_registers == 16 && base.has == FEATURE_PAIRS);
    const unsigned fma = FEATURE_PAIRS | FEATURE_FMA | FEATURE_FMA64 | FEATURE_ROUND;
    assert_true(v3.vector_bytes == 32 && v3.vector_registers == 16 && v3.has == fma);
    assert_true(v4.vector_bytes == 64 && v4.vector_registers == 32 && v4.has == (fma | FEATURE_MASKED | FEATURE_SCALE));
    assert_true(selected(*state, "znver4", "").has & FEATURE_DOTBF16);
}

static void features_are_laid_over(void **state)
{
    Target plus = selected(*state, "haswell", "+avx512f,+avx512vl");
    assert_true(plus.vector_bytes == 64 && plus.vector_registers == 32 && plus.has & FEATURE_MASKED);
    assert_string_equal(plus.features, "+avx512f,+avx512vl");
    Target minus = selected(*state, "znver5", "-avx512f");
    assert_true(minus.vector_bytes == 32 && minus.vector_registers == 16 && minus.has & FEATURE_FMA);
    assert_false(minus.has & (FEATURE_MASKED | FEATURE_DOTBF16));
    assert_int_equal(selected(*state, "x86-64-v4", "-fma").vector_bytes, 32);
    assert_false(selected(*state, "x86-64-v3", "-fma").has & FEATURE_FMA);
    assert_int_equal(selected(*state, "x86-64-v3", "-avx").vector_bytes, 16);
    assert_int_equal(selected(*state, "x86-64-v3", "+sse4.2,-xop,+avx512f,-avx512f").vector_bytes, 32);
    assert_int_equal(selected(*state, "skylake-avx512", "+prefer-256-bit").vector_bytes, 32);
    assert_int_equal(selected(*state, "znver4", "").fma_per_cycle, 1);
    assert_int_equal(selected(*state, "znver4", "-avx512f").fma_per_cycle, 2);
}

static void refuse(Arena *arena, const char *triple, const char *cpu, const char *features, const char *says)
{
    Diag diag = diag_new(arena);
    Target target;
    assert_false(target_select(triple, cpu, features, arena, &target, &diag));
    assert_int_equal(diag.first->code, E0701);
    assert_non_null(diag.first->help);
    bool found = strstr(diag.first->message, says) || strstr(diag.first->help, says);
    if (!found) fail_msg("`%s` (%s) does not say `%s`", diag.first->message, diag.first->help, says);
}

static void what_is_unknown_is_refused_with_a_way_out(void **state)
{
    refuse(*state, "x86_64-pc-linux-gnu", "haswel", "", "did you mean `haswell`");
    refuse(*state, "x86_64-pc-linux-gnu", "cortex-a53", "", "--target=cortex-a53 chooses both");
    refuse(*state, "aarch64-apple-darwin", "", "", "unknown target");
    refuse(*state, "aarch64-linux-gnu", "haswell", "", "CPU `haswell` is no aarch64 but x86-64");
    refuse(*state, "powerpc64le-linux-gnu", "", "", "Arm microcontrollers");
    refuse(*state, "raspbery-pi-4", "", "", "did you mean `raspberry-pi-4`");
    refuse(*state, "cortex-m5", "", "", "did you mean `cortex-m");
    refuse(*state, "cortex-m4", "", "+dotprod", "unknown feature `dotprod` of Arm microcontrollers");
    refuse(*state, "cortex-m4", "", "-strict-align", "always made with +strict-align");
    refuse(*state, "rv64gcv", "", "-d", "always made with +d");
    refuse(*state, "x86_64-apple-darwin", "", "", "unknown target");
    refuse(*state, "haswall", "", "", "did you mean `haswell`");
    refuse(*state, "", "haswell", "+avx512ff", "did you mean `avx512f`");
    refuse(*state, "", "haswell", "avx2", "starts with + or -");
    refuse(*state, "", "haswell", "-sse2", "always made with +sse2, found `-sse2`");
    refuse(*state, "", "haswell", "+soft-float", "always made with -soft-float");
}

static void a_cpu_may_stand_for_a_triple(void **state)
{
    Diag diag = diag_new(*state);
    Target target;
    assert_true(target_select("haswell", "", "", *state, &target, &diag));
    assert_string_equal(target.name, "haswell");
    assert_string_equal(target.triple, "x86_64-pc-linux-gnu");
    assert_true(target_select("x86_64-linux-gnu", NULL, NULL, *state, &target, &diag));
    assert_string_equal(target.triple, "x86_64-linux-gnu");
}

static Target named(Arena *arena, const char *name, const char *features)
{
    Diag diag = diag_new(arena);
    Target target = {0};
    assert_true(target_select(name, "", features, arena, &target, &diag));
    return target;
}

static void boards_and_other_processors_are_chosen_by_name(void **state)
{
    Target pi = named(*state, "raspberry-pi-4", "");
    assert_string_equal(pi.name, "cortex-a72");
    assert_true(pi.arch->id == ARCH_AARCH64 && pi.vector_bytes == 16 && pi.vector_registers == 32);
    assert_true(pi.has & FEATURE_FMA && !(pi.has & FEATURE_DOT8));
    assert_true(named(*state, "raspberry-pi-4", "+dotprod").has & FEATURE_DOT8);
    assert_string_equal(named(*state, "aarch64-linux-gnu", "").name, "armv8-a");
    Target v = named(*state, "rv64gcv", ""), scalar = named(*state, "rv64gcv", "-v");
    assert_true(v.vector_bytes == 16 && scalar.vector_bytes == 4 && scalar.has & FEATURE_FMA64);
    assert_string_equal(scalar.features, "+m,+a,+f,+d,+c,+v,-v");
    Target m4 = named(*state, "thumbv7em-none-eabihf", ""), m55 = named(*state, "cortex-m55", "");
    assert_string_equal(m4.name, "cortex-m4");
    assert_true(m4.arch->index_bits == 32 && !m4.arch->unaligned && m4.vector_bytes == 4);
    assert_true(m4.has == (FEATURE_FMA | FEATURE_DUAL_MAC));
    assert_string_equal(m4.triple, "thumbv7em-unknown-none-eabihf");
    assert_true(m55.vector_bytes == 16 && m55.vector_registers == 8 && m55.has & FEATURE_VECTOR_SUM);
    assert_string_equal(named(*state, "thumbv7em-none-eabi", "").name, "cortex-m4-soft");
    assert_false(named(*state, "cortex-m4-soft", "").has & FEATURE_FMA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sane),
        cmocka_unit_test_setup_teardown(levels_widen_vectors, setup, teardown),
        cmocka_unit_test_setup_teardown(features_are_laid_over, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_unknown_is_refused_with_a_way_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cpu_may_stand_for_a_triple, setup, teardown),
        cmocka_unit_test_setup_teardown(boards_and_other_processors_are_chosen_by_name, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
