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
        assert_true(row->vector_bytes == 16 || row->vector_bytes == 32 || row->vector_bytes == 64);
        assert_int_equal(row->vector_registers, row->vector_bytes == 64 ? 32 : 16);
        assert_true(row->fma_per_cycle > 0 && row->fma_latency > 0 && row->loads_per_cycle > 0);
        assert_true(row->cache_bytes[0] < row->cache_bytes[1]);
        for (int k = 0; k < 3; k++) assert_true(row->cache_bytes_per_cycle[k] >= row->cache_bytes_per_cycle[k + 1]);
        for (int k = 0; k < i; k++) assert_string_not_equal(row->name, target_table[k].name);
    }
}

static void levels_widen_vectors(void **state)
{
    Target base = selected(*state, "", ""), v3 = selected(*state, "x86-64-v3", NULL),
           v4 = selected(*state, "x86-64-v4", "");
    assert_string_equal(base.cpu, "x86-64");
    assert_true(base.vector_bytes == 16 && base.vector_registers == 16 && base.has == 0);
    assert_true(v3.vector_bytes == 32 && v3.vector_registers == 16 && v3.has == FEATURE_FMA);
    assert_true(v4.vector_bytes == 64 && v4.vector_registers == 32 && v4.has == (FEATURE_FMA | FEATURE_MASKED));
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
    refuse(*state, "x86_64-pc-linux-gnu", "cortex-a53", "", "lepc targets");
    refuse(*state, "aarch64-linux-gnu", "", "", "unknown target");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sane),
        cmocka_unit_test_setup_teardown(levels_widen_vectors, setup, teardown),
        cmocka_unit_test_setup_teardown(features_are_laid_over, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_unknown_is_refused_with_a_way_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cpu_may_stand_for_a_triple, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
