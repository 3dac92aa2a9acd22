/* Square blocks of registers, transposed by exchanging blocks of 1, 2, 4 ... lanes between pairs of them
 * (J. O. Eklundh, A Fast Computer Method for Matrix Transposing, 1972): log2 n shuffles a register. */
#include "backend/emitter.h"

/* Which lanes of x, then y, side by side, make the upper or the lower one of an exchanged pair. */
static LLVMValueRef exchange_mask(Emitter *e, int lanes, int step, bool lower)
{
    LLVMValueRef *mask = ARENA_ARRAY(e->arena, LLVMValueRef, lanes);
    for (int lane = 0; lane < lanes; lane++) {
        int from = lower ? lane + (lane & step ? lanes : step) : lane + (lane & step ? lanes - step : 0);
        mask[lane] = LLVMConstInt(e->i32, (unsigned long long)from, 0);
    }
    return LLVMConstVector(mask, (unsigned)lanes);
}

void emit_transpose(Body *b, const LoopStatement *transpose)
{
    Emitter *e = b->emitter;
    LLVMValueRef *rows = b->registers[emit_register_position(b, transpose->reg)];
    int lanes = transpose->reg->lanes;
    for (int step = 1; step < lanes; step *= 2) {
        LLVMValueRef upper = exchange_mask(e, lanes, step, false), lower = exchange_mask(e, lanes, step, true);
        for (int i = 0; i < lanes; i++) {
            if (i & step) continue;
            LLVMValueRef x = rows[i], y = rows[i + step];
            rows[i] = LLVMBuildShuffleVector(e->builder, x, y, upper, "");
            rows[i + step] = LLVMBuildShuffleVector(e->builder, x, y, lower, "");
        }
    }
}
