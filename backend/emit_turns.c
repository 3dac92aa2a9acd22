/* Scans: a function that calls others in turns. */
#include "backend/emitter.h"

#include <string.h>

enum { KEPT_BASES = 3 /* arena, weights, context: behind those of the ports */ };

int emit_turn_slot(const Emitter *e, int depth) { return e->ninputs + e->noutputs + KEPT_BASES + depth; }

static LLVMValueRef slot_at(Emitter *e, LLVMValueRef bases, LLVMTypeRef type, int slot)
{
    LLVMValueRef index = emit_int(e, slot);
    return LLVMBuildInBoundsGEP2(e->builder, type, bases, &index, 1, "");
}

/* The bases of the functions inside: a copy of those around, with room for the number of the turn. */
static LLVMValueRef copy_bases(Emitter *e, LLVMValueRef bases)
{
    int count = emit_turn_slot(e, e->scans);
    unsigned align = (unsigned)e->options->target->arch->index_bits / 8;
    LLVMTypeRef type = LLVMArrayType2(e->pointer, (uint64_t)count + 1);
    LLVMValueRef own = LLVMBuildAlloca(e->builder, type, "");
    LLVMBuildMemCpy(e->builder, own, align, bases, align, emit_int(e, (int64_t)count * align));
    return own;
}

static void emit_calls(Emitter *e, LLVMValueRef *steps, int from, int to, LLVMValueRef bases, LLVMValueRef pool)
{
    LLVMValueRef args[] = {bases, pool};
    for (int i = from; i < to; i++) LLVMBuildCall2(e->builder, e->step_type, steps[i], args, 2, "");
}

static LLVMValueRef *emit_inner(Emitter *e, const LoopFunction *function, const char *path)
{
    LLVMValueRef *steps = ARENA_ARRAY(e->arena, LLVMValueRef, function->ninner + 1);
    for (int i = 0; i < function->ninner; i++) {
        e->scans += i == function->nfirst;
        steps[i] = emit_step(e, function->inner[i], arena_printf(e->arena, "%s_%d", path, i));
    }
    e->scans -= function->ninner > function->nfirst;
    return steps;
}

LLVMValueRef emit_turns(Emitter *e, const LoopFunction *function, const char *path)
{
    LLVMValueRef *steps = emit_inner(e, function, path);
    LLVMValueRef llvm =
        emit_new_function(e, arena_printf(e->arena, "%s__step_%s", e->symbol, path), e->step_type, true);
    LLVMSetVisibility(llvm, LLVMHiddenVisibility);
    emit_debug_function(e, llvm, function);
    LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(e->context, llvm, "");
    LLVMBasicBlockRef loop = LLVMAppendBasicBlockInContext(e->context, llvm, "");
    LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(e->context, llvm, "");
    LLVMPositionBuilderAtEnd(e->builder, entry);
    LLVMValueRef bases = copy_bases(e, LLVMGetParam(llvm, 0)), pool = LLVMGetParam(llvm, 1);
    emit_calls(e, steps, 0, function->nfirst, bases, pool);
    LLVMBuildBr(e->builder, loop);
    LLVMPositionBuilderAtEnd(e->builder, loop);
    LLVMValueRef turn = LLVMBuildPhi(e->builder, e->index, ""), zero = emit_int(e, 0);
    LLVMBuildStore(e->builder, turn, slot_at(e, bases, e->pointer, emit_turn_slot(e, e->scans)));
    emit_calls(e, steps, function->nfirst, function->ninner, bases, pool);
    LLVMValueRef next = LLVMBuildNSWAdd(e->builder, turn, emit_int(e, 1), "");
    LLVMValueRef more = LLVMBuildICmp(e->builder, LLVMIntSLT, next, emit_int(e, function->turns), "");
    LLVMBuildCondBr(e->builder, more, loop, after);
    LLVMAddIncoming(turn, &zero, &entry, 1);
    LLVMAddIncoming(turn, &next, &loop, 1);
    LLVMPositionBuilderAtEnd(e->builder, after);
    LLVMBuildRetVoid(e->builder);
    return llvm;
}
