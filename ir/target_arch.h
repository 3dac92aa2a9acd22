/* Instruction sets by architecture: what target.c and target_feature.c share. */
#ifndef IR_TARGET_ARCH_H
#define IR_TARGET_ARCH_H

#include "ir/target.h"

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
    ISA_512BW = 512,
    ISA_NEON = 1 << 10, /* and fused multiply-adds of scalars and doubles */
    ISA_DOTPROD = 1 << 11,
    ISA_RVV = 1 << 12,
    ISA_SCALAR_FMA = 1 << 13, /* of f32, outside vectors too */
    ISA_FMA64 = 1 << 14,
    ISA_ROUND = 1 << 15,
    ISA_DSP = 1 << 16,
    ISA_MVE = 1 << 17
};

/* Lays `list`, of LLVM's form, over `isa`.  E0701 for what is unknown, or would change mode or calling convention. */
bool target_apply_features(const Architecture *arch, const char *list, unsigned *isa, Arena *arena, Diag *diag);

#endif
