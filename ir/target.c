#include "ir/target_arch.h"

#include <string.h>

static const Architecture architectures[] = {
    [ARCH_X86_64] = {ARCH_X86_64,
                     "x86-64",
                     {"x86_64-", "amd64-"},
                     "-linux",
                     "x86-64",
                     64,
                     true,
                     true,
                     false,
                     ".lep.weights",
                     "gcc-x86-64-linux-gnu libc6-dev-amd64-cross",
                     "x86_64-linux-gnu-gcc",
                     true},
    [ARCH_AARCH64] = {ARCH_AARCH64,
                      "aarch64",
                      {"aarch64-", "arm64-"},
                      "-linux",
                      "armv8-a",
                      64,
                      true,
                      false,
                      false,
                      ".lep.weights",
                      "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
                      "aarch64-linux-gnu-gcc",
                      false},
    [ARCH_RISCV64] = {ARCH_RISCV64,
                      "riscv64",
                      {"riscv64-"},
                      "-linux",
                      "rv64gc",
                      64,
                      false,
                      false,
                      false,
                      ".lep.weights",
                      "gcc-riscv64-linux-gnu libc6-dev-riscv64-cross",
                      "riscv64-linux-gnu-gcc",
                      false},
    /* constants where every linker script puts what is only read: into flash */
    [ARCH_ARM] = {ARCH_ARM,
                  "Arm microcontrollers",
                  {"thumbv6m-", "thumbv7m-", "thumbv7em-", "thumbv8m.main-", "thumbv8.1m.main-"},
                  "-none-eabi",
                  "cortex-m4",
                  32,
                  false,
                  false,
                  true,
                  ".rodata.lep.weights",
                  "gcc-arm-none-eabi",
                  "arm-none-eabi-gcc",
                  false},
};

enum {
#define LEVEL(id, arch, triple, isa) LEVEL_##id = (isa), LEVEL_ARCH_##id = ARCH_##arch,
#define CPU(...)
#define CPU_AS(...)
#include "ir/target.def"
};
#define LEVEL(id, arch, triple, isa) static const char triple_##id[] = triple;
#define CPU(...)
#define CPU_AS(...)
#include "ir/target.def"

/* Macros, not functions: the rows of target_table are constant expressions. */
#define X86_BYTES(isa) ((isa)&ISA_512F && !((isa)&ISA_512VL && (isa)&ISA_PREFER_256) ? 64 : (isa)&ISA_AVX ? 32 : 16)
#define X86_INTEGER_BYTES(isa)                                                                                         \
    (X86_BYTES(isa) == 64 && (isa)&ISA_512BW ? 64 : (isa)&ISA_AVX2 && X86_BYTES(isa) >= 32 ? 32 : 16)
#define X86_DOT8(isa)                                                                                                  \
    (X86_BYTES(isa) == 64 ? (isa)&ISA_VNNI && (isa)&ISA_512BW && (isa)&ISA_512VL                                       \
                          : (isa)&ISA_AVXVNNI || ((isa)&ISA_VNNI && (isa)&ISA_512VL))
#define OTHER_BYTES(isa) ((isa) & (ISA_NEON | ISA_RVV | ISA_MVE) ? 16 : 4)
#define OTHER_REGISTERS(isa) ((isa)&ISA_MVE ? 8 : (isa) & (ISA_NEON | ISA_RVV | ISA_SCALAR_FMA) ? 32 : 8)

#define VECTOR_BYTES(arch, isa) ((int)(arch) == (int)ARCH_X86_64 ? X86_BYTES(isa) : OTHER_BYTES(isa))
#define INTEGER_BYTES(arch, isa) ((int)(arch) == (int)ARCH_X86_64 ? X86_INTEGER_BYTES(isa) : OTHER_BYTES(isa))
#define VECTOR_REGISTERS(arch, isa)                                                                                    \
    ((int)(arch) == (int)ARCH_X86_64 ? ((isa)&ISA_512F ? 32 : 16) : OTHER_REGISTERS(isa))
#define HAS(arch, isa)                                                                                                 \
    (((isa) & (ISA_FMA | ISA_NEON | ISA_SCALAR_FMA) ? FEATURE_FMA : 0u) | ((isa)&ISA_512F ? FEATURE_MASKED : 0u) |     \
     ((isa) & (ISA_FMA | ISA_NEON | ISA_FMA64) ? FEATURE_FMA64 : 0u) |                                                 \
     ((isa) & (ISA_FMA | ISA_NEON | ISA_ROUND) ? FEATURE_ROUND : 0u) |                                                 \
     (((int)(arch) == (int)ARCH_X86_64 && X86_DOT8(isa)) || (isa)&ISA_DOTPROD ? FEATURE_DOT8 : 0u) |                   \
     ((isa)&ISA_BF16 ? FEATURE_DOTBF16 : 0u) | ((isa)&ISA_DSP && !((isa)&ISA_MVE) ? FEATURE_DUAL_MAC : 0u) |           \
     ((isa)&ISA_512F && (isa)&ISA_512VL ? FEATURE_SCALE : 0u) | ((isa)&ISA_MVE ? FEATURE_VECTOR_SUM : 0u) |            \
     ((int)(arch) == (int)ARCH_X86_64 || (isa)&ISA_NEON ? FEATURE_PAIRS : 0u))

const Target target_table[] = {
#define LEVEL(...)
#define CPU(name, ...) CPU_AS(name, name, "", __VA_ARGS__)
#define CPU_AS(name_, llvm, features_, level, fmas, latency, loads, l1, l2, l3, b1, b2, b3, b4, doc_)                  \
    {.name = name_,                                                                                                    \
     .arch = &architectures[LEVEL_ARCH_##level],                                                                       \
     .triple = triple_##level,                                                                                         \
     .cpu = llvm,                                                                                                      \
     .features = features_,                                                                                            \
     .has = HAS(LEVEL_ARCH_##level, LEVEL_##level),                                                                    \
     .vector_bytes = VECTOR_BYTES(LEVEL_ARCH_##level, LEVEL_##level),                                                  \
     .integer_bytes = INTEGER_BYTES(LEVEL_ARCH_##level, LEVEL_##level),                                                \
     .vector_registers = VECTOR_REGISTERS(LEVEL_ARCH_##level, LEVEL_##level),                                          \
     .fma_per_cycle = fmas,                                                                                            \
     .fma_latency = latency,                                                                                           \
     .loads_per_cycle = loads,                                                                                         \
     .cache_bytes = {(l1)*1024, (l2)*1024, (l3)*1024},                                                                 \
     .cache_bytes_per_cycle = {b1, b2, b3, b4},                                                                        \
     .doc = doc_},
#include "ir/target.def"
};
const int target_count = (int)(sizeof target_table / sizeof *target_table);

/* Beside target_table, row by row. */
static const unsigned row_isa[] = {
#define LEVEL(...)
#define CPU(name, level, ...) LEVEL_##level,
#define CPU_AS(name, llvm, features, level, ...) LEVEL_##level,
#include "ir/target.def"
};

const TargetPreset target_presets[] = {
#define PRESET(name, cpu, features, doc) {name, cpu, features, doc},
#include "ir/target_presets.def"
};
const int target_preset_count = (int)(sizeof target_presets / sizeof *target_presets);

const MemoryRegion target_regions[] = {
#define REGION(board, name, writable, kib, doc) {board, name, writable, (int64_t)(kib)*1024, doc},
#include "ir/target_regions.def"
};
const int target_region_count = (int)(sizeof target_regions / sizeof *target_regions);

/* What --target= and --cpu= may name; rows first. */
static const char *const names[] = {
#define LEVEL(...)
#define CPU(name, ...) name,
#define CPU_AS(name, ...) name,
#include "ir/target.def"
#define PRESET(name, ...) name,
#include "ir/target_presets.def"
};
enum { NAMES = sizeof names / sizeof *names };

/* ---- selection ---- */

/* target_count when there is none. */
static int find_row(const char *name)
{
    int row = 0;
    while (row < target_count && strcmp(target_table[row].name, name) != 0) row++;
    return row;
}

static const TargetPreset *find_preset(const char *name)
{
    for (int i = 0; i < target_preset_count; i++)
        if (!strcmp(target_presets[i].name, name)) return &target_presets[i];
    return NULL;
}

static bool starts_with(const char *text, const char *start) { return strncmp(text, start, strlen(start)) == 0; }

/* ELF systems: what our own object writer makes. */
static const Architecture *find_architecture(const char *triple)
{
    for (size_t i = 0; i < ARCH_COUNT; i++)
        for (const char *const *start = architectures[i].starts; *start; start++)
            if (starts_with(triple, *start) && strstr(triple, architectures[i].system)) return &architectures[i];
    return NULL;
}

/* "aarch64" is its baseline, as "aarch64-linux-gnu" is: index of that row, or target_count. */
static int find_architecture_row(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < ARCH_COUNT; i++)
        for (const char *const *start = architectures[i].starts; *start && !architectures[i].bare; start++)
            if (strlen(*start) == length + 1 && starts_with(*start, name)) return find_row(architectures[i].baseline);
    return target_count;
}

static const Architecture *check_triple(const char *triple, Diag *diag)
{
    const Architecture *arch = find_architecture(triple);
    if (arch) return arch;
    const char *near = diag_nearest(triple, names, NAMES);
    diag_error(diag, E0701, (Span){0},
               "unknown target `%s`: expected a triple such as %s, or the name of a CPU or board", triple,
               target_table[0].triple);
    if (near)
        diag_help(diag, "did you mean `%s`?", near);
    else
        diag_help(diag, "this version makes code for x86-64, aarch64 and riscv64 Linux and Arm microcontrollers; "
                        "`lepc targets` lists the CPUs");
    return NULL;
}

/* "thumbv7em-none-eabihf" is "thumbv7em-unknown-none-eabihf": the instruction set and the calling convention say all.
 */
static bool is_same_bare(const char *a, const char *b)
{
    size_t length = strcspn(a, "-");
    const char *end_a = strrchr(a, '-'), *end_b = strrchr(b, '-');
    return !strncmp(a, b, length + 1) && end_a && end_b && !strcmp(end_a, end_b);
}

/* The architecture's; of a microcontroller's triple the first core that has it. */
static int baseline_of(const Architecture *arch, const char *triple)
{
    for (int i = 0; arch->bare && i < target_count; i++)
        if (is_same_bare(target_table[i].triple, triple)) return i;
    return find_row(arch->baseline);
}

static bool check_cpu(const char *cpu, int row, const Architecture *arch, Diag *diag)
{
    if (row >= target_count) {
        const char *near = diag_nearest(cpu, names, NAMES);
        diag_error(diag, E0701, (Span){0}, "unknown CPU `%s`", cpu);
        if (near) return diag_help(diag, "did you mean `%s`?", near);
        return diag_help(diag, "`lepc targets` lists the CPUs; x86-64-v3 runs on most since 2013, native is this one");
    }
    if (!arch || target_table[row].arch == arch) return true;
    diag_error(diag, E0701, (Span){0}, "CPU `%s` is no %s but %s", cpu, arch->name, target_table[row].arch->name);
    return diag_help(diag, "--target=%s chooses both; `lepc targets` lists the CPUs", cpu);
}

/* Cores that take the widest vectors in halves issue twice as many of the half. */
static void set_isa(Target *target, unsigned isa)
{
    int before = target->vector_bytes;
    Arch arch = target->arch->id;
    target->has = HAS(arch, isa);
    target->vector_bytes = VECTOR_BYTES(arch, isa);
    target->integer_bytes = INTEGER_BYTES(arch, isa);
    target->vector_registers = VECTOR_REGISTERS(arch, isa);
    if (before != 64 || target->vector_bytes == 64) return;
    if (target->fma_per_cycle == 1) target->fma_per_cycle = 2;
    if (target->loads_per_cycle == 1) target->loads_per_cycle = 2;
}

static const char *join_features(Arena *arena, const char *first, const char *second)
{
    return arena_printf(arena, "%s%s%s", first, *first && *second ? "," : "", second);
}

static const char *or_empty(const char *text) { return text ? text : ""; }

bool target_select(const char *triple, const char *cpu, const char *features, Arena *arena, Target *out, Diag *diag)
{
    cpu = or_empty(cpu);
    features = or_empty(features);
    triple = triple && *triple ? triple : target_table[0].triple;
    const TargetPreset *preset = find_preset(triple);
    if (preset) features = join_features(arena, preset->features, features);
    int named = find_row(preset ? preset->cpu : triple);
    if (named == target_count) named = find_architecture_row(triple);
    if (named < target_count) { /* --target=haswell */
        cpu = *cpu ? cpu : target_table[named].name;
        triple = target_table[named].triple;
    }
    const Architecture *arch = check_triple(triple, diag);
    bool baseline = !*cpu || strcmp(cpu, "generic") == 0;
    int row = !baseline ? find_row(cpu) : arch ? baseline_of(arch, triple) : target_count;
    bool good = (baseline || check_cpu(cpu, row, arch, diag)) && arch;
    unsigned isa = row < target_count ? row_isa[row] : 0;
    if (arch) good = target_apply_features(arch, features, &isa, arena, diag) && good;
    if (!good) return false;
    *out = target_table[row];
    if (!arch->bare) out->triple = arena_copy_string(arena, triple); /* bare ones name the core's own */
    out->features = join_features(arena, out->features, features);
    set_isa(out, isa);
    out->board = preset ? preset->name : NULL;
    return true;
}

int target_level(const Target *target, double bytes)
{
    int level = 0;
    while (level < 3 && bytes > (double)target->cache_bytes[level] * 0.75) level++;
    return level;
}
