/* What is known of a processor, as data.  The cost model and the tile tables read
 * these rows and never the machine that lepc runs on. */
#ifndef IR_TARGET_H
#define IR_TARGET_H

#include "ir/diag.h"

#include <stdint.h>

enum {
    FEATURE_FMA = 1,    /* a fused multiply-add in hardware */
    FEATURE_MASKED = 2, /* masked loads and stores */
    FEATURE_DOT8 = 4,   /* u8 x i8 dot products of four (VNNI), at every width up to integer_bytes */
    FEATURE_DOTBF16 = 8
};

typedef struct Target {
    const char *name;     /* "x86-64-v3" */
    const char *triple;   /* for LLVM */
    const char *cpu;      /* LLVM's name */
    const char *features; /* LLVM's list, "+avx2,-..." */
    unsigned has;         /* FEATURE_ bits */
    int vector_bytes;
    int integer_bytes; /* of vectors of 8 and 16-bit integers: no more than vector_bytes */
    int vector_registers;
    int fma_per_cycle; /* vector multiply-adds issued a cycle */
    int fma_latency;
    int loads_per_cycle;          /* vector loads */
    int64_t cache_bytes[3];       /* L1 data, L2, share of L3 */
    int cache_bytes_per_cycle[4]; /* read from L1, L2, L3, memory */
    const char *doc;
} Target;

/* Rows of lepc targets. */
extern const Target target_table[];
extern const int target_count;

/* The row of a CPU name known to LLVM, such as "haswell" or "x86-64-v3"; "" is the baseline of the triple.
 * `features` of LLVM's form are laid over it; vector width follows them.  E0701 with what is known. */
bool target_select(const char *triple, const char *cpu, const char *features, Arena *arena, Target *out, Diag *diag);

#endif
