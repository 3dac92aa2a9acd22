/* Random graphs over the operator table: native code must give the bits of eval under strict; on the baseline, which
 * has no fused multiply-add, where none is asked for.  A failure is made smaller and written to LEPC_DIFF_OUT, default
 * TMPDIR; tests/differential/kept has those of the past.  Layers are also pruned, and made by --fp=fast, close to eval.
 *
 * - LEPC_DIFF_COUNT: how many graphs, default 25 (10 when LEPC_SAMPLED is set); of layers 48 (12), with bounded dims 40
 * (12)
 * - LEPC_DIFF_SEED: the first seed, default 1
 * - LEPC_DIFF_ONLY: one of the tests, as test_random_sizes; default all
 * - LEPC_DIFF_ALL: every graph on every cpu at -O0 and -O3; else one of these each
 */
#include "ir/schedule.h"
#include "passes/pass.h"
#include "tests/differential/program.h"
#include "tests/support/compile.h"

#include <glob.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 20, MOST_FAILURES = 5 };

static long setting(const char *name, long fallback)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : fallback;
}

static void report(Arena *arena, Program *program, Trial trial, long seed)
{
    fprintf(stderr, "seed %ld fails with %s; making it smaller\n", seed, trial_text(arena, &trial));
    program_reduce(program, &trial);
    const char *wrong = program_check(program, &trial, arena);
    const char *temporary = getenv("TMPDIR"), *folder = getenv("LEPC_DIFF_OUT");
    if (!folder) folder = temporary ? temporary : "/tmp";
    const char *name = arena_printf(arena, "differential_%ld", seed);
    const char *comment = arena_printf(arena, "seed %ld, %s\n%s", seed, trial_text(arena, &trial), wrong ? wrong : "");
    fprintf(stderr, "%s\n", comment);
    if (program_write(program, folder, name, comment)) fprintf(stderr, "written to %s/%s.lep\n", folder, name);
}

/* Optional passes to leave out: none in half of the draws. */
static unsigned draw_disabled(Random *r)
{
    if (random_percent(r, 50)) return 0;
    return (unsigned)random_bits(r) & (unsigned)random_bits(r);
}

/* Whether the graph of this seed is right in each trial; the first that is not is made smaller. */
static bool seed_is_right(long seed, const char *const *cpus, int ncpus, bool all)
{
    static const int levels[] = {0, 3};
    Arena *arena = arena_new(NULL, NULL);
    Random r = {(uint64_t)seed * 77 + 5};
    Program *program = program_draw(arena, (uint64_t)seed, SIZE);
    int chosen = random_below(&r, 2 * ncpus);
    bool right = true;
    for (int i = 0; right && i < 2 * ncpus; i++) {
        Trial trial = {.cpu = cpus[i / 2], .level = levels[i % 2], .disabled = draw_disabled(&r)};
        trial.text = random_percent(&r, 20);
        trial.quantise = random_percent(&r, 30);
        trial.small = trial.level == 3 && random_percent(&r, 30);
        if (random_percent(&r, 30)) trial.threads = 1 + (int)random_below(&r, 8);
        if (!all && i != chosen) continue;
        right = !program_check(program, &trial, arena);
        if (!right) report(arena, program, trial, seed);
    }
    arena_free(arena);
    return right;
}

static void test_random_graphs(void **state)
{
    (void)state;
    const char *cpus[1 + HOST_CPUS] = {"x86-64"};
    int ncpus = 1 + host_cpus(cpus + 1), failures = 0;
    bool all = setting("LEPC_DIFF_ALL", 0) != 0;
    long first = setting("LEPC_DIFF_SEED", 1), count = setting("LEPC_DIFF_COUNT", getenv("LEPC_SAMPLED") ? 10 : 25);
    for (long seed = first; seed < first + count && failures < MOST_FAILURES; seed++)
        failures += !seed_is_right(seed, cpus, ncpus, all);
    printf("%ld graphs, %d cpus%s, %d wrong\n", count, ncpus, all ? ", -O0 and -O3" : "", failures);
    assert_int_equal(failures, 0);
}

/* ---- bounded dims ---- */

enum { SIZED = 8, SIZED_GRAPHS = 40, SIZED_GRAPHS_SAMPLED = 12 };

static Trial draw_sized_trial(Random *r, const char *const *cpus, int ncpus)
{
    Trial trial = {.cpu = cpus[random_below(r, ncpus)], .level = random_percent(r, 50) ? 3 : 0};
    trial.disabled = draw_disabled(r);
    trial.text = random_percent(r, 20);
    if (random_percent(r, 30)) trial.threads = 1 + (int)random_below(r, 8);
    return trial;
}

/* One piece of code has at several sizes the bits of eval at each. */
static void test_random_sizes(void **state)
{
    (void)state;
    const char *cpus[1 + HOST_CPUS] = {"x86-64"};
    int ncpus = 1 + host_cpus(cpus + 1), failures = 0, bare = 0;
    long first = setting("LEPC_DIFF_SEED", 1);
    long count = setting("LEPC_DIFF_COUNT", getenv("LEPC_SAMPLED") ? SIZED_GRAPHS_SAMPLED : SIZED_GRAPHS);
    for (long seed = first; seed < first + count && failures < MOST_FAILURES; seed++) {
        Arena *arena = arena_new(NULL, NULL);
        Random r = {(uint64_t)seed * 53 + 7};
        Program *program = program_draw_sized(arena, (uint64_t)seed, SIZED);
        Trial trial = draw_sized_trial(&r, cpus, ncpus);
        const char *wrong = program_check(program, &trial, arena);
        bool refused = wrong && !strcmp(wrong, no_code);
        bare += refused;
        if (wrong && !refused) report(arena, program, trial, seed);
        failures += wrong && !refused;
        arena_free(arena);
    }
    printf("%ld graphs with bounded dims, %d without code, %d wrong\n", count, bare, failures);
    assert_int_equal(failures, 0);
}

/* ---- layers: every variant ---- */

enum { LAYER_GRAPHS = 48, LAYER_GRAPHS_SAMPLED = 12 };

static Trial draw_layer_trial(Random *r, const char *const *cpus, int ncpus)
{
    Trial trial = {.cpu = cpus[random_below(r, ncpus)], .level = random_percent(r, 50) ? 3 : 0};
    trial.fast = random_percent(r, 70);
    trial.prune = random_percent(r, 40);
    trial.quantise = !trial.fast && random_percent(r, 60);
    trial.small = trial.level == 3 && random_percent(r, 30);
    trial.text = random_percent(r, 10);
    trial.disabled = draw_disabled(r);
    if (random_percent(r, 30)) trial.threads = 1 + (int)random_below(r, 8);
    return trial;
}

/* As strict code of layers has the interpreter's bits, and fast code its numbers; each variant is among those run. */
static void test_random_layers(void **state)
{
    (void)state;
    const char *cpus[1 + HOST_CPUS] = {"x86-64"};
    int ncpus = 1 + host_cpus(cpus + 1), failures = 0;
    bool seen[VARIANT_COUNT] = {false}, sampled = getenv("LEPC_SAMPLED") != NULL;
    long first = setting("LEPC_DIFF_SEED", 1);
    long count = setting("LEPC_DIFF_COUNT", sampled ? LAYER_GRAPHS_SAMPLED : LAYER_GRAPHS);
    for (long seed = first; seed < first + count && failures < MOST_FAILURES; seed++) {
        Arena *arena = arena_new(NULL, NULL);
        Random r = {(uint64_t)seed * 91 + 3};
        Program *program = program_draw_layers(arena, (uint64_t)seed);
        Trial trial = draw_layer_trial(&r, cpus, ncpus);
        bool right = !program_check(program, &trial, arena);
        if (right)
            program_variants(program, &trial, seen);
        else
            report(arena, program, trial, seed);
        failures += !right;
        arena_free(arena);
    }
    assert_int_equal(failures, 0);
    bool enough = count >= LAYER_GRAPHS && ncpus > 2; /* AVX-512 included */
    for (int i = 0; i < VARIANT_COUNT && enough; i++)
        if (!seen[i]) fail_msg("no graph of %ld had code of the variant %s", count, variant_names[i]);
}

static void check_kept(const char *path, const char *cpu)
{
    static const int levels[] = {0, 3};
    Arena *arena = arena_new(NULL, NULL);
    for (uint64_t i = 0; i < 4; i++) {
        Trial trial = {.cpu = cpu, .level = levels[i % 2], .text = i == 3};
        const char *wrong = file_check(path, i, &trial, arena);
        if (wrong) fail_msg("%s, %s: %s", path, trial_text(arena, &trial), wrong);
    }
    arena_free(arena);
}

static void test_kept_graphs(void **state)
{
    (void)state;
    const char *cpus[1 + HOST_CPUS] = {"x86-64"};
    int ncpus = 1 + host_cpus(cpus + 1);
    glob_t found = {0};
    if (glob("tests/differential/kept/*.lep", 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            for (int k = 0; k < ncpus; k++) check_kept(found.gl_pathv[i], cpus[k]);
    globfree(&found);
}

/* Sources, groups, functions that nobody has written and what names a dim are not for drawing. */
static const char *first_unseen(const bool *seen)
{
    for (int op = 0; op < OP_COUNT; op++) {
        OpKind kind = op_table[op]->kind;
        bool sized = op == OP_define_size || op == OP_shorten || op == OP_external;
        if (kind != KIND_SOURCE && kind != KIND_GROUP && !sized && !seen[op]) return op_table[op]->name;
    }
    return NULL;
}

/* The generator reaches every operator that is not a source, or it tests less than it says. */
static void test_every_operator_is_drawn(void **state)
{
    (void)state;
    bool seen[OP_COUNT] = {false};
    for (uint64_t seed = 1; seed <= 6000 && first_unseen(seen); seed++) {
        Arena *arena = arena_new(NULL, NULL);
        const Program *program = program_draw(arena, seed, SIZE);
        for (int i = 0; i < program->count; i++) seen[program->steps[i].op] = true;
        arena_free(arena);
    }
    if (first_unseen(seen)) fail_msg("%s is never drawn", first_unseen(seen));
}

/* What is inside of these is not made smaller. */
static bool has_bodies(const Program *program)
{
    for (int i = 0; i < program->count; i++)
        if (program->steps[i].body) return true;
    return false;
}

/* A failure that hangs on one operator is reduced to it, with one element. */
static void test_reducer(void **state)
{
    (void)state;
    Arena *arena = arena_new(NULL, NULL);
    Trial trial = {.cpu = "x86-64", .text = true, .disabled = 2, .spoilt = "softmax"};
    Program *program = NULL;
    bool fails = false;
    for (uint64_t seed = 1; !fails; seed++) {
        program = program_draw(arena, seed, SIZE);
        program_prune(program); /* as each change is */
        fails = program->count > 12 && !has_bodies(program) && program_check(program, &trial, arena);
    }
    program_reduce(program, &trial);
    assert_int_equal(program->count, 2);
    assert_int_equal(program->steps[0].op, OP_input);
    assert_int_equal(program->steps[1].op, OP_softmax);
    assert_int_equal(type_elements(&program->steps[0].type), 1);
    assert_false(trial.text || trial.disabled);
    assert_string_equal(program_check(program, &trial, arena), "spoilt");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_operator_is_drawn),
        cmocka_unit_test(test_reducer),
        cmocka_unit_test(test_kept_graphs),
        cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_random_sizes),
        cmocka_unit_test(test_random_layers),
    };
    cmocka_set_test_filter(getenv("LEPC_DIFF_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
