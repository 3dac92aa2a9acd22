#include "ir/target.h"

#include <string.h>

/* What of the instruction set changes the code that we write. */
enum {
    ISA_AVX = 1,
    ISA_AVX2 = 2,
    ISA_FMA = 4,
    ISA_512F = 8,
    ISA_512VL = 16,
    ISA_VNNI = 32,
    ISA_BF16 = 64,
    ISA_AVXVNNI = 128,
    ISA_PREFER_256 = 256,
    ISA_512BW = 512
};

enum {
#define LEVEL(id, isa) LEVEL_##id = (isa),
#define CPU(...)
#include "ir/target.def"
};

/* Macros, not functions: the rows of target_table are constant expressions. */
#define VECTOR_BYTES(isa) ((isa)&ISA_512F && !((isa)&ISA_512VL && (isa)&ISA_PREFER_256) ? 64 : (isa)&ISA_AVX ? 32 : 16)
#define INTEGER_BYTES(isa)                                                                                             \
    (VECTOR_BYTES(isa) == 64 && (isa)&ISA_512BW ? 64 : (isa)&ISA_AVX2 && VECTOR_BYTES(isa) >= 32 ? 32 : 16)
#define HAS_DOT8(isa)                                                                                                  \
    (VECTOR_BYTES(isa) == 64 ? (isa)&ISA_VNNI && (isa)&ISA_512BW && (isa)&ISA_512VL                                    \
                             : (isa)&ISA_AVXVNNI || ((isa)&ISA_VNNI && (isa)&ISA_512VL))
#define VECTOR_REGISTERS(isa) ((isa)&ISA_512F ? 32 : 16)
#define HAS(isa)                                                                                                       \
    (((isa)&ISA_FMA ? FEATURE_FMA : 0u) | ((isa)&ISA_512F ? FEATURE_MASKED : 0u) |                                     \
     (HAS_DOT8(isa) ? FEATURE_DOT8 : 0u) | ((isa)&ISA_BF16 ? FEATURE_DOTBF16 : 0u))

static const char default_triple[] = "x86_64-pc-linux-gnu";

const Target target_table[] = {
#define LEVEL(...)
#define CPU(name_, level, fmas, latency, loads, l1, l2, l3, b1, b2, b3, b4, doc_)                                      \
    {.name = name_,                                                                                                    \
     .triple = default_triple,                                                                                         \
     .cpu = name_,                                                                                                     \
     .features = "",                                                                                                   \
     .has = HAS(LEVEL_##level),                                                                                        \
     .vector_bytes = VECTOR_BYTES(LEVEL_##level),                                                                      \
     .integer_bytes = INTEGER_BYTES(LEVEL_##level),                                                                    \
     .vector_registers = VECTOR_REGISTERS(LEVEL_##level),                                                              \
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
#include "ir/target.def"
};
static const char *const row_names[] = {
#define LEVEL(...)
#define CPU(name, ...) name,
#include "ir/target.def"
};

/* ---- features ---- */

typedef struct FeatureRow {
    const char *name;
    unsigned gives; /* what +name turns on: what it is built on too */
    unsigned takes; /* what -name turns off: what is built on it too */
} FeatureRow;

enum {
    ALL_512 = ISA_512F | ISA_512VL | ISA_512BW | ISA_VNNI | ISA_BF16,
    BASE_512 = ISA_AVX | ISA_AVX2 | ISA_FMA | ISA_512F,
    ALL_AVX2 = ALL_512 | ISA_AVX2 | ISA_AVXVNNI
};

static const FeatureRow feature_rows[] = {
    {"avx", ISA_AVX, ALL_AVX2 | ISA_AVX | ISA_FMA},
    {"avx2", ISA_AVX | ISA_AVX2, ALL_AVX2},
    {"fma", ISA_AVX | ISA_FMA, ALL_512 | ISA_FMA},
    {"avx512f", BASE_512, ALL_512},
    {"evex512", 0, ALL_512},
    {"avx512vl", BASE_512 | ISA_512VL, ISA_512VL},
    {"avx512bw", BASE_512 | ISA_512BW, ISA_BF16 | ISA_512BW},
    {"avx512dq", BASE_512, 0},
    {"avx512cd", BASE_512, 0},
    {"avx512vnni", BASE_512 | ISA_VNNI, ISA_VNNI},
    {"avx512bf16", BASE_512 | ISA_512BW | ISA_BF16, ISA_BF16},
    {"avxvnni", ISA_AVX | ISA_AVX2 | ISA_AVXVNNI, ISA_AVXVNNI},
    {"prefer-256-bit", ISA_PREFER_256, ISA_PREFER_256},
#define FEATURE(name) {name, 0, 0},
#include "ir/x86_features.def"
};
enum { FEATURE_ROWS = sizeof feature_rows / sizeof *feature_rows };

static bool refuse_feature(const char *name, Diag *diag)
{
    const char *names[FEATURE_ROWS];
    for (size_t i = 0; i < FEATURE_ROWS; i++) names[i] = feature_rows[i].name;
    const char *near = diag_nearest(name, names, FEATURE_ROWS);
    diag_error(diag, E0701, (Span){0}, "unknown feature `%s` of x86-64", name);
    if (near) return diag_help(diag, "did you mean `%s`?", near);
    return diag_help(diag, "features that change the code: avx, avx2, fma, avx512f, avx512vl, avx512vnni, avx512bf16");
}

/* Of the mode and the calling convention of x86-64: LLVM's code would be wrong, or LLVM would end the process. */
static const char *const fixed_features[] = {"+64bit", "+64bit-mode", "+cmov",       "+cx8",        "+sse",
                                             "+sse2",  "+x87",        "-16bit-mode", "-32bit-mode", "-soft-float"};

static bool check_fixed(const char *text, Diag *diag)
{
    for (size_t i = 0; i < sizeof fixed_features / sizeof *fixed_features; i++) {
        const char *fixed = fixed_features[i];
        if (strcmp(fixed + 1, text + 1) != 0 || *fixed == *text) continue;
        diag_error(diag, E0701, (Span){0}, "code for x86-64 is always made with %s, found `%s`", fixed, text);
        return diag_help(diag, "leave it out");
    }
    return true;
}

static bool apply_feature(const char *text, unsigned *isa, Diag *diag)
{
    if (*text != '+' && *text != '-') {
        diag_error(diag, E0701, (Span){0}, "a feature starts with + or -, found `%s`", text);
        return diag_help(diag, "write a list as in --features=+avx2,+fma,-avx512f");
    }
    for (size_t i = 0; i < FEATURE_ROWS; i++) {
        if (strcmp(feature_rows[i].name, text + 1) != 0) continue;
        *isa = *text == '+' ? *isa | feature_rows[i].gives : *isa & ~feature_rows[i].takes;
        return check_fixed(text, diag);
    }
    return refuse_feature(text + 1, diag);
}

static bool apply_features(const char *list, unsigned *isa, Arena *arena, Diag *diag)
{
    bool good = true;
    while (*list) {
        size_t length = strcspn(list, ",");
        if (length) good = apply_feature(arena_copy_chars(arena, list, length), isa, diag) && good;
        list += length + (list[length] == ',');
    }
    return good;
}

/* ---- selection ---- */

static int find_row(const char *name)
{
    int row = 0;
    while (row < target_count && strcmp(row_names[row], name) != 0) row++;
    return row;
}

static bool starts_with(const char *text, const char *start) { return strncmp(text, start, strlen(start)) == 0; }

/* x86-64 and ELF: what our own object writer makes. */
static bool check_triple(const char *triple, Diag *diag)
{
    bool arch = starts_with(triple, "x86_64-") || starts_with(triple, "amd64-");
    if (arch && strstr(triple, "-linux")) return true;
    const char *near = diag_nearest(triple, row_names, (size_t)target_count);
    diag_error(diag, E0701, (Span){0}, "unknown target `%s`: expected a triple such as %s, or a CPU's name", triple,
               default_triple);
    if (near) return diag_help(diag, "did you mean `%s`?", near);
    return diag_help(diag, "this version makes code for x86-64 Linux; `lepc targets` lists the CPUs");
}

static bool check_cpu(const char *cpu, int row, Diag *diag)
{
    if (row < target_count) return true;
    const char *near = diag_nearest(cpu, row_names, (size_t)target_count);
    diag_error(diag, E0701, (Span){0}, "unknown CPU `%s`", cpu);
    if (near) return diag_help(diag, "did you mean `%s`?", near);
    return diag_help(diag, "`lepc targets` lists the CPUs; x86-64-v3 runs on most since 2013, native is this one");
}

/* Cores that take the widest vectors in halves issue twice as many of the half. */
static void set_isa(Target *target, unsigned isa)
{
    int before = target->vector_bytes;
    target->has = HAS(isa);
    target->vector_bytes = VECTOR_BYTES(isa);
    target->integer_bytes = INTEGER_BYTES(isa);
    target->vector_registers = VECTOR_REGISTERS(isa);
    if (before != 64 || target->vector_bytes == 64) return;
    if (target->fma_per_cycle == 1) target->fma_per_cycle = 2;
    if (target->loads_per_cycle == 1) target->loads_per_cycle = 2;
}

bool target_select(const char *triple, const char *cpu, const char *features, Arena *arena, Target *out, Diag *diag)
{
    triple = triple && *triple ? triple : default_triple;
    cpu = cpu ? cpu : "";
    features = features ? features : "";
    if (find_row(triple) < target_count) { /* a preset: --target=haswell */
        cpu = *cpu ? cpu : triple;
        triple = default_triple;
    }
    if (!*cpu || strcmp(cpu, "generic") == 0) cpu = "x86-64";
    int row = find_row(cpu);
    bool good = check_triple(triple, diag);
    good = check_cpu(cpu, row, diag) && good;
    unsigned isa = row < target_count ? row_isa[row] : 0;
    good = apply_features(features, &isa, arena, diag) && good;
    if (!good) return false;
    *out = target_table[row];
    out->triple = arena_copy_string(arena, triple);
    out->features = arena_copy_string(arena, features);
    set_isa(out, isa);
    return true;
}
