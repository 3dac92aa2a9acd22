/* What is known of a processor, as data.  The cost model and the tile tables read
 * these rows and never the machine that lepc runs on. */
#ifndef IR_TARGET_H
#define IR_TARGET_H

#include "ir/diag.h"

#include <stdint.h>

enum {
    FEATURE_FMA = 1,    /* a fused multiply-add of f32 in hardware */
    FEATURE_MASKED = 2, /* masked loads and stores */
    FEATURE_DOT8 = 4,   /* dot products of four bytes, at every width up to integer_bytes: u8 x i8 on x86-64 (VNNI),
                           i8 x i8 and u8 x u8 on aarch64 (sdot, udot) */
    FEATURE_DOTBF16 = 8,
    FEATURE_FMA64 = 16,       /* a fused multiply-add of f64 */
    FEATURE_ROUND = 32,       /* rounding to whole numbers in one instruction */
    FEATURE_DUAL_MAC = 64,    /* two products of 16 bits added in one instruction (Arm's DSP extension) */
    FEATURE_VECTOR_SUM = 128, /* products of whole vectors added to one scalar in one instruction (MVE) */
    FEATURE_SCALE = 512,      /* x * 2^n in one instruction (AVX-512's scalef), at every width */
    FEATURE_PAIRS = 256       /* products of neighbours added in pairs: of 16 bits (pmaddwd), or of bytes (sadalp) */
};

typedef enum Arch { ARCH_X86_64, ARCH_AARCH64, ARCH_RISCV64, ARCH_ARM, ARCH_COUNT } Arch;

/* What all processors of an architecture have in common. */
typedef struct Architecture {
    Arch id;
    const char *name;      /* "x86-64" */
    const char *starts[6]; /* of its triples, NULL-ended */
    const char *system;    /* that its triples hold: "-linux" */
    const char *baseline;  /* the row for no CPU's name */
    int index_bits;        /* of addresses and the indices that code counts with */
    bool unaligned;        /* reads and writes at any address; else a port must be aligned as its C type */
    bool memory_operands;  /* a multiply-add reads an operand from memory, spread over its lanes */
    bool bare;             /* no operating system: code at a fixed place, no binaries of ours */
    const char *constants; /* section of the weights */
    const char *packages;  /* Debian's, to link for it elsewhere */
    const char *linker;    /* of those: a C compiler's driver */
    bool dots_unsigned;    /* dot products of bytes are of u8 by i8, else of i8 by i8 */
} Architecture;

/* A memory of a board. */
typedef struct MemoryRegion {
    const char *board; /* a preset's name */
    const char *name;
    bool writable; /* else it holds code and constants only */
    int64_t bytes;
    const char *doc;
} MemoryRegion;

typedef struct Target {
    const char *name; /* "x86-64-v3" */
    const Architecture *arch;
    const char *triple;   /* for LLVM */
    const char *cpu;      /* LLVM's name */
    const char *features; /* LLVM's list, "+avx2,-..." */
    unsigned has;         /* FEATURE_ bits */
    int vector_bytes;     /* 4: no vectors */
    int integer_bytes;    /* of vectors of 8 and 16-bit integers: no more than vector_bytes */
    int vector_registers;
    int fma_per_cycle; /* vector multiply-adds issued a cycle */
    int fma_latency;
    int loads_per_cycle;          /* vector loads */
    int64_t cache_bytes[3];       /* L1 data, L2, share of L3; 0: none */
    int cache_bytes_per_cycle[4]; /* read from L1, L2, L3, memory */
    const char *board;            /* the preset that was named, or NULL */
    const char *doc;
} Target;

/* Boards and devices by name. */
typedef struct TargetPreset {
    const char *name, *cpu, *features, *doc;
} TargetPreset;

/* Rows of lepc targets. */
extern const Target target_table[];
extern const int target_count;
extern const TargetPreset target_presets[];
extern const int target_preset_count;
extern const MemoryRegion target_regions[];
extern const int target_region_count;

/* `triple` is a triple of LLVM's form, a row's name or a preset's; `cpu` a row's name, "" the baseline of the triple.
 * `features` of LLVM's form are laid over it; vector width follows them.  E0701 with what is known. */
bool target_select(const char *triple, const char *cpu, const char *features, Arena *arena, Target *out, Diag *diag);

/* The cache level, from 0 on, that so many bytes stay in beside what else is used; 3 is memory. */
int target_level(const Target *target, double bytes);

#endif
