/* Calls of C functions that are not the model's. */
#include "backend/emitter.h"

static LLVMValueRef emit_argument(Body *b, const LoopArgument *argument)
{
    Emitter *e = b->emitter;
    static const Affine start = {.base = 0};
    if (argument->buffer) return emit_address(b, argument->buffer, &start, NULL);
    if (argument->is_real) return LLVMConstReal(LLVMDoubleTypeInContext(e->context), argument->real);
    return LLVMConstInt(e->i64, (unsigned long long)argument->integer, 1);
}

void emit_call(Body *b, const LoopStatement *call)
{
    Emitter *e = b->emitter;
    LLVMValueRef *args = ARENA_ARRAY(e->arena, LLVMValueRef, call->narguments + 1);
    LLVMTypeRef *types = ARENA_ARRAY(e->arena, LLVMTypeRef, call->narguments + 1);
    for (int i = 0; i < call->narguments; i++) {
        args[i] = emit_argument(b, &call->arguments[i]);
        types[i] = LLVMTypeOf(args[i]);
    }
    LLVMTypeRef type = LLVMFunctionType(e->nothing, types, (unsigned)call->narguments, 0);
    LLVMValueRef function = LLVMGetNamedFunction(e->module, call->symbol);
    if (!function) function = LLVMAddFunction(e->module, call->symbol, type);
    LLVMBuildCall2(e->builder, type, function, args, (unsigned)call->narguments, "");
}
