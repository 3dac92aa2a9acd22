/* Between tensors with strides of their own and those that are dense for the sizes of a call: loops over all axes but
 * the last, which is one run where its elements are neighbours. */
#include "backend/emitter.h"

typedef struct Pack {
    Body *body;
    const LoopStatement *statement;
    LLVMValueRef size[MAX_RANK], step[MAX_RANK]; /* coordinates, and bytes from one to the next in the dense buffer */
    int64_t bytes;                               /* of an element */
} Pack;

/* LLVM's own call for microcontrollers is one of a C library's __aeabi_mem.. functions; ours is memcpy, which is not to
 * be taken for LLVM's. */
static void call_memcpy(Emitter *e, LLVMValueRef to, LLVMValueRef from, LLVMValueRef bytes)
{
    LLVMTypeRef parameters[] = {e->pointer, e->pointer, e->index};
    LLVMTypeRef type = LLVMFunctionType(e->pointer, parameters, 3, 0);
    LLVMValueRef function = LLVMGetNamedFunction(e->module, "memcpy");
    if (!function) function = LLVMAddFunction(e->module, "memcpy", type);
    LLVMValueRef args[] = {to, from, bytes};
    LLVMValueRef call = LLVMBuildCall2(e->builder, type, function, args, 3, "");
    unsigned nobuiltin = LLVMGetEnumAttributeKindForName("nobuiltin", 9);
    LLVMAddCallSiteAttribute(call, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                             LLVMCreateEnumAttribute(e->context, nobuiltin, 0));
}

static void copy_run(const Pack *p, LLVMValueRef strided, LLVMValueRef dense, LLVMValueRef bytes)
{
    Emitter *e = p->body->emitter;
    bool pack = p->statement->kind == LOOP_PACK;
    LLVMValueRef to = pack ? dense : strided, from = pack ? strided : dense;
    if (e->options->target->arch->bare)
        call_memcpy(e, to, from, bytes);
    else
        LLVMBuildMemCpy(e->builder, to, 1, from, 1, bytes);
}

static LLVMBasicBlockRef new_block(const Pack *p)
{
    return LLVMAppendBasicBlockInContext(p->body->emitter->context, p->body->llvm, "");
}

/* What lies at all coordinates of `axis` and of those inside it. */
static void pack_axis(const Pack *p, int axis, LLVMValueRef strided, LLVMValueRef dense)
{
    Emitter *e = p->body->emitter;
    const LoopAxis *own = &p->statement->axes[axis];
    bool last = axis + 1 == p->statement->naxes;
    if (last && own->stride == 1) {
        copy_run(p, strided, dense, LLVMBuildNSWMul(e->builder, p->size[axis], emit_int(e, p->bytes), ""));
        return;
    }
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder), head = new_block(p), body = new_block(p);
    LLVMBasicBlockRef after = new_block(p);
    LLVMBuildBr(e->builder, head);
    LLVMPositionBuilderAtEnd(e->builder, head);
    LLVMValueRef at = LLVMBuildPhi(e->builder, e->index, ""), zero = emit_int(e, 0);
    LLVMAddIncoming(at, &zero, &before, 1);
    LLVMValueRef more = LLVMBuildICmp(e->builder, LLVMIntSLT, at, p->size[axis], "");
    LLVMBuildCondBr(e->builder, more, body, after);
    LLVMPositionBuilderAtEnd(e->builder, body);
    LLVMValueRef far = LLVMBuildNSWMul(e->builder, at, emit_int(e, own->stride * p->bytes), "");
    LLVMValueRef near = LLVMBuildNSWMul(e->builder, at, p->step[axis], "");
    far = emit_plus_bytes(e, strided, far);
    near = emit_plus_bytes(e, dense, near);
    if (last)
        copy_run(p, far, near, emit_int(e, p->bytes));
    else
        pack_axis(p, axis + 1, far, near);
    LLVMValueRef next = LLVMBuildNSWAdd(e->builder, at, emit_int(e, 1), "");
    LLVMBasicBlockRef end = LLVMGetInsertBlock(e->builder);
    LLVMAddIncoming(at, &next, &end, 1);
    LLVMBuildBr(e->builder, head);
    LLVMPositionBuilderAtEnd(e->builder, after);
}

void emit_pack(Body *b, const LoopStatement *pack)
{
    Emitter *e = b->emitter;
    const Affine first = {.base = 0};
    Pack p = {.body = b, .statement = pack, .bytes = dtype_bytes(pack->buffer->dtype, 1)};
    LLVMValueRef step = emit_int(e, p.bytes);
    for (int i = pack->naxes - 1; i >= 0; i--) {
        p.size[i] = emit_affine(b, &pack->axes[i].size);
        p.step[i] = step;
        step = LLVMBuildNSWMul(e->builder, step, p.size[i], "");
    }
    LLVMValueRef strided = emit_address(b, pack->buffer, &pack->index, NULL);
    pack_axis(&p, 0, strided, emit_address(b, pack->dense, &first, NULL));
}
