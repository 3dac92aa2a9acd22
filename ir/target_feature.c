/* Features that --features= lays over a processor. */
#include "ir/target_arch.h"

#include <string.h>

typedef struct FeatureRow {
    Arch arch;
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
    {ARCH_X86_64, "avx", ISA_AVX, ALL_AVX2 | ISA_AVX | ISA_FMA},
    {ARCH_X86_64, "avx2", ISA_AVX | ISA_AVX2, ALL_AVX2},
    {ARCH_X86_64, "fma", ISA_AVX | ISA_FMA, ALL_512 | ISA_FMA},
    {ARCH_X86_64, "avx512f", BASE_512, ALL_512},
    {ARCH_X86_64, "evex512", 0, ALL_512},
    {ARCH_X86_64, "avx512vl", BASE_512 | ISA_512VL, ISA_512VL},
    {ARCH_X86_64, "avx512bw", BASE_512 | ISA_512BW, ISA_BF16 | ISA_512BW},
    {ARCH_X86_64, "avx512dq", BASE_512, 0},
    {ARCH_X86_64, "avx512cd", BASE_512, 0},
    {ARCH_X86_64, "avx512vnni", BASE_512 | ISA_VNNI, ISA_VNNI},
    {ARCH_X86_64, "avx512bf16", BASE_512 | ISA_512BW | ISA_BF16, ISA_BF16},
    {ARCH_X86_64, "avxvnni", ISA_AVX | ISA_AVX2 | ISA_AVXVNNI, ISA_AVXVNNI},
    {ARCH_X86_64, "prefer-256-bit", ISA_PREFER_256, ISA_PREFER_256},
#define FEATURE(name) {ARCH_X86_64, name, 0, 0},
#include "ir/x86_features.def"
    {ARCH_AARCH64, "dotprod", ISA_DOTPROD, ISA_DOTPROD},
#define FEATURE(name) {ARCH_AARCH64, name, 0, 0},
#include "ir/aarch64_features.def"
    {ARCH_RISCV64, "v", ISA_RVV, ISA_RVV},
#define FEATURE(name) {ARCH_RISCV64, name, 0, 0},
#include "ir/riscv_features.def"
#define FEATURE(name) {ARCH_ARM, name, 0, 0},
#include "ir/arm_features.def"
};
enum { FEATURE_ROWS = sizeof feature_rows / sizeof *feature_rows };

static bool refuse_feature(const Architecture *arch, const char *name, Diag *diag)
{
    const char *names[FEATURE_ROWS];
    size_t count = 0;
    for (size_t i = 0; i < FEATURE_ROWS; i++)
        if (feature_rows[i].arch == arch->id) names[count++] = feature_rows[i].name;
    const char *near = diag_nearest(name, names, count);
    diag_error(diag, E0701, (Span){0}, "unknown feature `%s` of %s", name, arch->name);
    if (near) return diag_help(diag, "did you mean `%s`?", near);
    static const char *const known[] = {
        [ARCH_X86_64] = "avx, avx2, fma, avx512f, avx512vl, avx512vnni, avx512bf16",
        [ARCH_AARCH64] = "dotprod",
        [ARCH_RISCV64] = "v",
        [ARCH_ARM] = "none: the core's name says all",
    };
    return diag_help(diag, "features that change the code: %s", known[arch->id]);
}

typedef struct FixedFeature {
    Arch arch;
    const char *text;
} FixedFeature;

/* Of the mode and the calling convention: LLVM's code would be wrong, or LLVM would end the process. */
static const FixedFeature fixed_features[] = {
    {ARCH_X86_64, "+64bit"},      {ARCH_X86_64, "+64bit-mode"}, {ARCH_X86_64, "+cmov"},
    {ARCH_X86_64, "+cx8"},        {ARCH_X86_64, "+sse"},        {ARCH_X86_64, "+sse2"},
    {ARCH_X86_64, "+x87"},        {ARCH_X86_64, "-16bit-mode"}, {ARCH_X86_64, "-32bit-mode"},
    {ARCH_X86_64, "-soft-float"}, {ARCH_RISCV64, "+m"},         {ARCH_RISCV64, "+a"},
    {ARCH_RISCV64, "+f"},         {ARCH_RISCV64, "+d"},         {ARCH_ARM, "+strict-align"},
};

static bool check_fixed(const Architecture *arch, const char *text, Diag *diag)
{
    for (size_t i = 0; i < sizeof fixed_features / sizeof *fixed_features; i++) {
        const char *fixed = fixed_features[i].text;
        if (fixed_features[i].arch != arch->id || strcmp(fixed + 1, text + 1) != 0 || *fixed == *text) continue;
        diag_error(diag, E0701, (Span){0}, "code for %s is always made with %s, found `%s`", arch->name, fixed, text);
        return diag_help(diag, "leave it out");
    }
    return true;
}

static bool apply_feature(const Architecture *arch, const char *text, unsigned *isa, Diag *diag)
{
    if (*text != '+' && *text != '-') {
        diag_error(diag, E0701, (Span){0}, "a feature starts with + or -, found `%s`", text);
        return diag_help(diag, "write a list as in --features=+avx2,+fma,-avx512f");
    }
    for (size_t i = 0; i < FEATURE_ROWS; i++) {
        if (feature_rows[i].arch != arch->id || strcmp(feature_rows[i].name, text + 1) != 0) continue;
        *isa = *text == '+' ? *isa | feature_rows[i].gives : *isa & ~feature_rows[i].takes;
        return check_fixed(arch, text, diag);
    }
    return refuse_feature(arch, text + 1, diag);
}

bool target_apply_features(const Architecture *arch, const char *list, unsigned *isa, Arena *arena, Diag *diag)
{
    bool good = true;
    while (*list) {
        size_t length = strcspn(list, ",");
        if (length) good = apply_feature(arch, arena_copy_chars(arena, list, length), isa, diag) && good;
        list += length + (list[length] == ',');
    }
    return good;
}
