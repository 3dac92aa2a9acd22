/* The module's outside: how functions are declared, and what a user calls. */
#include "backend/emitter.h"
#include "backend/object.h"

#include <string.h>

/* As runtime/lep.h says it to users. */
enum { STATUS_OK = 0, STATUS_ARGUMENT = 1, STATUS_ALIGNMENT = 2, STATUS_WEIGHTS = 4 };

enum { ARENA_ALIGN = 64 };

static void emit_add_attribute(Emitter *e, LLVMValueRef function, const char *name, const char *value)
{
    LLVMAttributeRef attribute;
    if (value)
        attribute = LLVMCreateStringAttribute(e->context, name, (unsigned)strlen(name), value, (unsigned)strlen(value));
    else
        attribute = LLVMCreateEnumAttribute(e->context, LLVMGetEnumAttributeKindForName(name, strlen(name)), 0);
    LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, attribute);
}

LLVMValueRef emit_new_function(Emitter *e, const char *name, LLVMTypeRef type, bool exported)
{
    LLVMValueRef function = LLVMAddFunction(e->module, name, type);
    emit_debug_leave(e);
    if (!exported) LLVMSetLinkage(function, LLVMInternalLinkage);
    emit_add_attribute(e, function, "nounwind", NULL);
    if (e->measure) emit_add_attribute(e, function, "warn-stack-size", "0");
    if (e->options->small) emit_add_attribute(e, function, "optsize", NULL);
    if (e->options->level == 0) {
        emit_add_attribute(e, function, "noinline", NULL);
        emit_add_attribute(e, function, "optnone", NULL);
    }
    /* some processors prefer half of their vectors; our tiles do not */
    if (e->options->target->vector_bytes >= 64) emit_add_attribute(e, function, "prefer-vector-width", "512");
    return function;
}

/* Returns `status` when `wrong` holds, else goes on. */
static void return_if(Emitter *e, LLVMValueRef function, LLVMValueRef wrong, int status)
{
    LLVMBasicBlockRef leave = LLVMAppendBasicBlockInContext(e->context, function, "");
    LLVMBasicBlockRef stay = LLVMAppendBasicBlockInContext(e->context, function, "");
    LLVMBuildCondBr(e->builder, wrong, leave, stay);
    LLVMPositionBuilderAtEnd(e->builder, leave);
    LLVMBuildRet(e->builder, LLVMConstInt(e->i32, (unsigned long long)status, 0));
    LLVMPositionBuilderAtEnd(e->builder, stay);
}

/* A missing buffer, or an arena that is not where vectors want it. */
static void check_bases(Emitter *e, LLVMValueRef function)
{
    int nports = e->ninputs + e->noutputs, nbases = nports + (e->program->arena_bytes > 0);
    LLVMValueRef missing = LLVMConstInt(e->i1, 0, 0), base = NULL;
    for (int i = 0; i < nbases; i++) {
        LLVMValueRef slot = emit_int(e, i);
        slot = LLVMBuildInBoundsGEP2(e->builder, e->pointer, LLVMGetParam(function, 0), &slot, 1, "");
        base = LLVMBuildLoad2(e->builder, e->pointer, slot, "");
        missing = LLVMBuildOr(e->builder, missing, LLVMBuildIsNull(e->builder, base, ""), "");
    }
    if (nbases == 0) return;
    return_if(e, function, missing, STATUS_ARGUMENT);
    if (nbases == nports) return;
    LLVMValueRef low = LLVMBuildPtrToInt(e->builder, base, e->index, "");
    low = LLVMBuildAnd(e->builder, low, emit_int(e, ARENA_ALIGN - 1), "");
    return_if(e, function, LLVMBuildICmp(e->builder, LLVMIntNE, low, emit_int(e, 0), ""), STATUS_ALIGNMENT);
}

static LLVMValueRef load_base(Emitter *e, LLVMValueRef function, int index)
{
    LLVMValueRef slot = emit_int(e, index);
    slot = LLVMBuildInBoundsGEP2(e->builder, e->pointer, LLVMGetParam(function, 0), &slot, 1, "");
    return LLVMBuildLoad2(e->builder, e->pointer, slot, "");
}

/* A block of external weights where vectors want it, that begins as one made for this code does. */
static void check_weights(Emitter *e, LLVMValueRef function)
{
    if (e->program->weights != WEIGHTS_EXTERNAL || !e->program->constant_bytes) return;
    LLVMValueRef base = load_base(e, function, e->ninputs + e->noutputs + 1), wrong = LLVMConstInt(e->i1, 0, 0);
    return_if(e, function, LLVMBuildIsNull(e->builder, base, ""), STATUS_ARGUMENT);
    LLVMValueRef low = LLVMBuildPtrToInt(e->builder, base, e->i64, "");
    low = LLVMBuildAnd(e->builder, low, emit_int(e, ARENA_ALIGN - 1), "");
    return_if(e, function, LLVMBuildICmp(e->builder, LLVMIntNE, low, emit_int(e, 0), ""), STATUS_ALIGNMENT);
    if (!e->program->weights_hash) return; /* they come with the code */
    const uint64_t words[] = {WEIGHTS_MAGIC, e->program->weights_hash};
    for (int i = 0; i < 2; i++) {
        LLVMValueRef at = emit_int(e, i);
        at = LLVMBuildInBoundsGEP2(e->builder, e->i64, base, &at, 1, "");
        LLVMValueRef word = LLVMBuildLoad2(e->builder, e->i64, at, "");
        LLVMValueRef wanted = LLVMConstInt(e->i64, words[i], 0);
        wrong = LLVMBuildOr(e->builder, wrong, LLVMBuildICmp(e->builder, LLVMIntNE, word, wanted, ""), "");
    }
    return_if(e, function, wrong, STATUS_WEIGHTS);
}

/* int <symbol>__run(bases, pool): checks, then every step in order. */
static LLVMValueRef emit_adapter(Emitter *e)
{
    LLVMTypeRef parameters[] = {e->pointer, e->pointer};
    LLVMTypeRef type = LLVMFunctionType(e->i32, parameters, 2, 0);
    LLVMValueRef function = emit_new_function(e, arena_printf(e->arena, "%s__run", e->symbol), type, false);
    LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->context, function, ""));
    check_bases(e, function);
    check_weights(e, function);
    LLVMValueRef args[] = {LLVMGetParam(function, 0), LLVMGetParam(function, 1)};
    for (int i = 0; i < e->program->nsteps; i++) LLVMBuildCall2(e->builder, e->step_type, e->steps[i], args, 2, "");
    LLVMBuildRet(e->builder, LLVMConstInt(e->i32, STATUS_OK, 0));
    return function;
}

/* int <symbol>_run(inputs..., outputs..., arena, [external weights,] pool) */
static LLVMValueRef emit_run(Emitter *e, LLVMValueRef adapter)
{
    int nbases = e->ninputs + e->noutputs + 1 + (e->program->weights == WEIGHTS_EXTERNAL);
    LLVMTypeRef *parameters = ARENA_ARRAY(e->arena, LLVMTypeRef, nbases + 1);
    for (int i = 0; i <= nbases; i++) parameters[i] = e->pointer;
    LLVMTypeRef type = LLVMFunctionType(e->i32, parameters, (unsigned)nbases + 1, 0);
    LLVMValueRef run = emit_new_function(e, arena_printf(e->arena, "%s_run", e->symbol), type, true);
    LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->context, run, ""));
    LLVMTypeRef array = LLVMArrayType2(e->pointer, (uint64_t)nbases + (e->weights_at != NULL));
    LLVMValueRef bases = LLVMBuildAlloca(e->builder, array, "");
    for (int i = 0; i < nbases; i++) {
        LLVMValueRef slot = emit_int(e, i);
        slot = LLVMBuildInBoundsGEP2(e->builder, e->pointer, bases, &slot, 1, "");
        LLVMBuildStore(e->builder, LLVMGetParam(run, (unsigned)i), slot);
    }
    if (e->weights_at) {
        LLVMValueRef slot = emit_int(e, nbases);
        slot = LLVMBuildInBoundsGEP2(e->builder, e->pointer, bases, &slot, 1, "");
        LLVMBuildStore(e->builder, LLVMBuildLoad2(e->builder, e->pointer, e->weights_at, ""), slot);
    }
    LLVMValueRef args[] = {bases, LLVMGetParam(run, (unsigned)nbases)};
    LLVMValueRef status = LLVMBuildCall2(e->builder, LLVMGlobalGetValueType(adapter), adapter, args, 2, "");
    LLVMBuildRet(e->builder, status);
    return run;
}

LLVMValueRef emit_entry(Emitter *e)
{
    LLVMValueRef adapter = emit_adapter(e), run = emit_run(e, adapter);
    /* the header calls the entry point by this name, so that the header of another model or version does not link */
    const char *versioned = arena_printf(e->arena, "%s_run_%08x", e->symbol, model_abi(e->program));
    LLVMAddAlias2(e->module, LLVMGlobalGetValueType(run), 0, run, versioned);
    return adapter;
}
