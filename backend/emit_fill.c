/* Runs of one number. */
#include "backend/emitter.h"

/* Stores of `vector` from `address` on, one after the other, `count` of them. */
static void fill_loop(Body *b, LLVMValueRef address, LLVMValueRef vector, int64_t bytes, int64_t count, unsigned align)
{
    Emitter *e = b->emitter;
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder);
    LLVMBasicBlockRef head = LLVMAppendBasicBlockInContext(e->context, b->llvm, "");
    LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(e->context, b->llvm, "");
    LLVMBuildBr(e->builder, head);
    LLVMPositionBuilderAtEnd(e->builder, head);
    LLVMValueRef offset = LLVMBuildPhi(e->builder, e->index, ""), zero = emit_int(e, 0);
    LLVMSetAlignment(LLVMBuildStore(e->builder, vector, emit_plus_bytes(e, address, offset)), align);
    LLVMValueRef next = LLVMBuildNSWAdd(e->builder, offset, emit_int(e, bytes), "");
    LLVMValueRef more = LLVMBuildICmp(e->builder, LLVMIntULT, next, emit_int(e, bytes * count), "");
    LLVMBuildCondBr(e->builder, more, head, after);
    LLVMAddIncoming(offset, &zero, &before, 1);
    LLVMAddIncoming(offset, &next, &head, 1);
    LLVMPositionBuilderAtEnd(e->builder, after);
}

/* LLVM's own call for microcontrollers is one of a C library's __aeabi_mem.. functions; ours is memset, which is not to
 * be taken for LLVM's. */
static void call_memset(Emitter *e, LLVMValueRef address, int64_t bytes)
{
    LLVMTypeRef parameters[] = {e->pointer, e->i32, e->index};
    LLVMTypeRef type = LLVMFunctionType(e->pointer, parameters, 3, 0);
    LLVMValueRef function = LLVMGetNamedFunction(e->module, "memset");
    if (!function) function = LLVMAddFunction(e->module, "memset", type);
    LLVMValueRef args[] = {address, LLVMConstNull(e->i32), emit_int(e, bytes)};
    LLVMValueRef call = LLVMBuildCall2(e->builder, type, function, args, 3, "");
    unsigned nobuiltin = LLVMGetEnumAttributeKindForName("nobuiltin", 9);
    LLVMAddCallSiteAttribute(call, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                             LLVMCreateEnumAttribute(e->context, nobuiltin, 0));
}

static void fill_zeros(Emitter *e, LLVMValueRef address, int64_t bytes, unsigned align)
{
    bool few = bytes <= 8 * (align < 4 ? align : 4); /* written out */
    if (e->options->target->arch->bare && !few) {
        call_memset(e, address, bytes);
        return;
    }
    LLVMBuildMemSet(e->builder, address, LLVMConstNull(e->i8), emit_int(e, bytes), align);
}

static int64_t lanes_of(const Emitter *e, int64_t size)
{
    int64_t lanes = e->options->target->vector_bytes / size;
    return lanes > 0 ? lanes : 1;
}

void emit_fill(Body *b, const LoopStatement *fill)
{
    Emitter *e = b->emitter;
    Dtype stored = fill->buffer->dtype == BOOL ? U8 : fill->buffer->dtype;
    int64_t size = dtype_bits(stored) / 8, lanes = lanes_of(e, size), count = fill->count / lanes;
    LLVMValueRef address = emit_address(b, fill->buffer, &fill->index, NULL);
    LLVMValueRef value = emit_constant(e, stored, 1, fill->value->value);
    unsigned align = emit_alignment(b, fill->buffer, &fill->index);
    if (LLVMIsNull(value)) {
        fill_zeros(e, address, fill->count * size, align);
        return;
    }
    unsigned each = align < size * lanes ? align : (unsigned)(size * lanes);
    if (count)
        fill_loop(b, address, emit_constant(e, stored, (int)lanes, fill->value->value), size * lanes, count, each);
    for (int64_t i = count * lanes; i < fill->count; i++) {
        LLVMValueRef at = emit_plus_bytes(e, address, emit_int(e, i * size));
        LLVMSetAlignment(LLVMBuildStore(e->builder, value, at), align < size ? align : (unsigned)size);
    }
}
