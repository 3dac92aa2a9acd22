/* Scans and branches: functions that call others. */
#include "backend/emitter.h"

#include <string.h>

int emit_turn_slot(const Emitter *e, int depth) { return e->ninputs + e->noutputs + KEPT_BASES + depth; }

static LLVMValueRef slot_at(Emitter *e, LLVMValueRef bases, LLVMTypeRef type, int slot)
{
    LLVMValueRef index = emit_int(e, slot);
    return LLVMBuildInBoundsGEP2(e->builder, type, bases, &index, 1, "");
}

/* The bases of the functions inside: a copy of those around, with room for the number of the turn. */
static LLVMValueRef copy_bases(Emitter *e, const Body *body)
{
    int count = emit_turn_slot(e, e->scans), known = count;
    if (e->scans == 0 && !e->sizes) known--; /* no table of them */
    unsigned align = (unsigned)e->options->target->arch->index_bits / 8;
    LLVMTypeRef type = LLVMArrayType2(e->pointer, (uint64_t)count + 1);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
    LLVMPositionBuilderBefore(e->builder, LLVMGetBasicBlockTerminator(body->entry)); /* there frames have one size */
    LLVMValueRef own = LLVMBuildAlloca(e->builder, type, "");
    LLVMPositionBuilderAtEnd(e->builder, here);
    LLVMBuildMemCpy(e->builder, own, align, body->bases, align, emit_int(e, (int64_t)known * align));
    return own;
}

/* The functions inside, which a call of emit_calls runs from one number below another. */
typedef struct Inner {
    Body body;
    LLVMValueRef *steps, bases;
} Inner;

static void emit_calls(Inner *inner, int from, int to)
{
    Emitter *e = inner->body.emitter;
    LLVMValueRef args[] = {inner->bases, inner->body.pool};
    for (int i = from; i < to; i++) LLVMBuildCall2(e->builder, e->step_type, inner->steps[i], args, 2, "");
}

static LLVMValueRef *emit_steps(Emitter *e, const LoopFunction *function, const char *path)
{
    LLVMValueRef *steps = ARENA_ARRAY(e->arena, LLVMValueRef, function->ninner + 1);
    bool turns = function->form == FORM_TURNS;
    int around = e->scans;
    for (int i = 0; i < function->ninner; i++) {
        e->scans = around + (turns && i >= function->nfirst);
        steps[i] = emit_step(e, function->inner[i], arena_printf(e->arena, "%s_%d", path, i));
    }
    e->scans = around;
    return steps;
}

static LLVMBasicBlockRef new_block(const Inner *inner)
{
    return LLVMAppendBasicBlockInContext(inner->body.emitter->context, inner->body.llvm, "");
}

/* The function's one buffer, as it is now: where its address is computed is not where it is read. */
static LLVMValueRef emit_condition(Inner *inner)
{
    LoopExpr load = {.kind = LOOP_LOAD,
                     .dtype = BOOL,
                     .lanes = 1,
                     .buffer = inner->body.function->buffers[0],
                     .stride = 1,
                     .active = 1};
    return emit_load(&inner->body, &load);
}

static void emit_turns(Inner *inner)
{
    Emitter *e = inner->body.emitter;
    const LoopFunction *f = inner->body.function;
    LLVMBasicBlockRef ask = new_block(inner), turn = new_block(inner), after = new_block(inner);
    inner->bases = copy_bases(e, &inner->body);
    emit_calls(inner, 0, f->nfirst);
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder);
    LLVMBuildBr(e->builder, ask);
    LLVMPositionBuilderAtEnd(e->builder, ask);
    LLVMValueRef number = LLVMBuildPhi(e->builder, e->index, ""), zero = emit_int(e, 0);
    LLVMValueRef more = LLVMConstInt(e->i1, 1, 0);
    LLVMValueRef turns = f->nsizes ? inner->body.vars[f->sizes[0].var->id].value : emit_int(e, f->turns);
    if (f->turns) more = LLVMBuildICmp(e->builder, LLVMIntSLT, number, turns, "");
    if (f->nbuffers) more = LLVMBuildAnd(e->builder, more, emit_condition(inner), "");
    LLVMBuildCondBr(e->builder, more, turn, after);
    LLVMPositionBuilderAtEnd(e->builder, turn);
    LLVMBuildStore(e->builder, number, slot_at(e, inner->bases, e->pointer, emit_turn_slot(e, e->scans)));
    emit_calls(inner, f->nfirst, f->ninner);
    LLVMValueRef next = LLVMBuildAdd(e->builder, number, emit_int(e, 1), ""); /* there may be no bound */
    LLVMBuildBr(e->builder, ask);
    LLVMAddIncoming(number, &zero, &before, 1);
    LLVMAddIncoming(number, &next, &turn, 1);
    LLVMPositionBuilderAtEnd(e->builder, after);
}

static void emit_branch(Inner *inner)
{
    Emitter *e = inner->body.emitter;
    const LoopFunction *f = inner->body.function;
    LLVMBasicBlockRef yes = new_block(inner), no = new_block(inner), after = new_block(inner);
    inner->bases = inner->body.bases;
    LLVMBuildCondBr(e->builder, emit_condition(inner), yes, no);
    LLVMPositionBuilderAtEnd(e->builder, yes);
    emit_calls(inner, 0, f->nfirst);
    LLVMBuildBr(e->builder, after);
    LLVMPositionBuilderAtEnd(e->builder, no);
    emit_calls(inner, f->nfirst, f->ninner);
    LLVMBuildBr(e->builder, after);
    LLVMPositionBuilderAtEnd(e->builder, after);
}

LLVMValueRef emit_inner(Emitter *e, const LoopFunction *function, const char *path)
{
    Inner inner = {.steps = emit_steps(e, function, path)};
    LLVMValueRef llvm =
        emit_new_function(e, arena_printf(e->arena, "%s__step_%s", e->symbol, path), e->step_type, true);
    LLVMSetVisibility(llvm, LLVMHiddenVisibility);
    inner.body = emit_body_new(e, function, llvm);
    inner.body.pool = LLVMGetParam(llvm, 1);
    (function->form == FORM_TURNS ? emit_turns : emit_branch)(&inner);
    LLVMBuildRetVoid(e->builder);
    return llvm;
}
