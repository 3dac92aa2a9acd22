/* The module's outside: how functions are declared, and what a user calls. */
#include "backend/emitter.h"
#include "backend/object.h"
#include "ir/op.h"

#include <string.h>

/* As runtime/lep.h says it to users. */
enum { STATUS_OK = 0, STATUS_ARGUMENT = 1, STATUS_ALIGNMENT = 2, STATUS_WEIGHTS = 4, STATUS_SIZE = 5 };

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

static LLVMValueRef load_base(Emitter *e, LLVMValueRef bases, int index)
{
    LLVMValueRef slot = emit_int(e, index);
    slot = LLVMBuildInBoundsGEP2(e->builder, e->pointer, bases, &slot, 1, "");
    return LLVMBuildLoad2(e->builder, e->pointer, slot, "");
}

/* Memory of the caller that must be there, where vectors want it. */
static void check_block(Emitter *e, LLVMValueRef function, LLVMValueRef base)
{
    return_if(e, function, LLVMBuildIsNull(e->builder, base, ""), STATUS_ARGUMENT);
    LLVMValueRef low = LLVMBuildPtrToInt(e->builder, base, e->index, "");
    low = LLVMBuildAnd(e->builder, low, emit_int(e, ARENA_ALIGN - 1), "");
    return_if(e, function, LLVMBuildICmp(e->builder, LLVMIntNE, low, emit_int(e, 0), ""), STATUS_ALIGNMENT);
}

/* Ports without elements need no memory. */
static bool *find_empty_ports(const Emitter *e)
{
    const Graph *graph = e->program->graph;
    bool *empty = ARENA_ARRAY(e->arena, bool, e->ninputs + e->noutputs + 1);
    int port = 0;
    for (const Node *node = graph ? graph->first : NULL; node; node = node->next)
        if (node->op == OP_input) empty[port++] = type_is_empty(&node->types[0]);
    for (int i = 0; graph && i < e->noutputs; i++)
        empty[e->ninputs + i] = type_is_empty(value_type(graph->results[i].value));
    return empty;
}

/* A missing buffer, or an arena or a context that is not where vectors want it. */
static void check_bases(Emitter *e, LLVMValueRef function)
{
    int nports = e->ninputs + e->noutputs;
    const bool *empty = find_empty_ports(e);
    LLVMValueRef bases = LLVMGetParam(function, 0), missing = LLVMConstInt(e->i1, 0, 0);
    for (int i = 0; i < nports; i++)
        if (!empty[i])
            missing = LLVMBuildOr(e->builder, missing, LLVMBuildIsNull(e->builder, load_base(e, bases, i), ""), "");
    if (nports) return_if(e, function, missing, STATUS_ARGUMENT);
    if (e->program->arena_bytes) check_block(e, function, load_base(e, bases, nports));
    if (e->program->state_bytes) check_block(e, function, load_base(e, bases, nports + CONTEXT_BASE));
}

/* Sizes that memory was not planned for. */
static void check_sizes(Emitter *e, LLVMValueRef function)
{
    LLVMValueRef bases = LLVMGetParam(function, 0), wrong = LLVMConstInt(e->i1, 0, 0);
    if (!e->sizes) return;
    LLVMValueRef table = load_base(e, bases, e->ninputs + e->noutputs + SIZES_BASE);
    return_if(e, function, LLVMBuildIsNull(e->builder, table, ""), STATUS_ARGUMENT);
    for (int i = 0; i < e->sizes; i++) {
        const Dim *dim = &e->program->graph->dims[i];
        if (dim->computed) continue;
        LLVMValueRef at = emit_int(e, i);
        LLVMValueRef size =
            LLVMBuildLoad2(e->builder, e->i64, LLVMBuildGEP2(e->builder, e->i64, table, &at, 1, ""), "");
        LLVMValueRef low = LLVMConstInt(e->i64, (unsigned long long)dim->low, 0),
                     high = LLVMConstInt(e->i64, (unsigned long long)dim->high, 0);
        wrong = LLVMBuildOr(e->builder, wrong, LLVMBuildICmp(e->builder, LLVMIntSLT, size, low, ""), "");
        wrong = LLVMBuildOr(e->builder, wrong, LLVMBuildICmp(e->builder, LLVMIntSGT, size, high, ""), "");
    }
    return_if(e, function, wrong, STATUS_SIZE);
}

/* A block of external weights where vectors want it, that begins as one made for this code does. */
static void check_weights(Emitter *e, LLVMValueRef function)
{
    if (e->program->weights != WEIGHTS_EXTERNAL || !e->program->constant_bytes) return;
    LLVMValueRef base = load_base(e, LLVMGetParam(function, 0), e->ninputs + e->noutputs + WEIGHTS_BASE),
                 wrong = LLVMConstInt(e->i1, 0, 0);
    check_block(e, function, base);
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
    check_sizes(e, function);
    LLVMValueRef args[] = {LLVMGetParam(function, 0), LLVMGetParam(function, 1)};
    for (int i = 0; i < e->program->nsteps; i++) LLVMBuildCall2(e->builder, e->step_type, e->steps[i], args, 2, "");
    LLVMBuildRet(e->builder, LLVMConstInt(e->i32, STATUS_OK, 0));
    return function;
}

/* Where argument `i` of run belongs among the bases: a context stands before the arena there, behind the weights here.
 */
static int base_of_argument(const Emitter *e, int i)
{
    int nports = e->ninputs + e->noutputs;
    if (!e->program->state_bytes || i < nports) return i;
    return i == nports ? nports + CONTEXT_BASE : i - 1;
}

/* Of the sizes: those that the caller gives, or those that he gets. */
static int count_sizes(const Emitter *e, bool computed)
{
    int count = 0;
    for (int i = 0; i < e->sizes; i++) count += e->program->graph->dims[i].computed == computed;
    return count;
}

static LLVMValueRef size_at(Emitter *e, LLVMValueRef table, int number)
{
    LLVMValueRef at = emit_int(e, number);
    return LLVMBuildInBoundsGEP2(e->builder, e->i64, table, &at, 1, "");
}

/* The first arguments, the sizes of bounded dims, in the table that steps read, where counted ones are nothing yet. */
static LLVMValueRef store_sizes(Emitter *e, LLVMValueRef run, LLVMValueRef bases)
{
    if (!e->sizes) return NULL;
    LLVMValueRef table = LLVMBuildAlloca(e->builder, LLVMArrayType2(e->i64, (uint64_t)e->sizes), "");
    unsigned argument = 0;
    for (int i = 0; i < e->sizes; i++) {
        bool computed = e->program->graph->dims[i].computed;
        LLVMValueRef size = computed ? LLVMConstInt(e->i64, 0, 0) : LLVMGetParam(run, argument++);
        LLVMBuildStore(e->builder, size, size_at(e, table, i));
    }
    LLVMValueRef slot = emit_int(e, e->ninputs + e->noutputs + SIZES_BASE);
    slot = LLVMBuildInBoundsGEP2(e->builder, e->pointer, bases, &slot, 1, "");
    LLVMBuildStore(e->builder, table, slot);
    return table;
}

/* What was counted goes where the arguments from `argument` on point, one for each, unless that is NULL. */
static void return_sizes(Emitter *e, LLVMValueRef run, LLVMValueRef table, unsigned argument)
{
    for (int i = 0; i < e->sizes; i++) {
        if (!e->program->graph->dims[i].computed) continue;
        LLVMValueRef to = LLVMGetParam(run, argument++);
        LLVMBasicBlockRef store = LLVMAppendBasicBlockInContext(e->context, run, "");
        LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(e->context, run, "");
        LLVMBuildCondBr(e->builder, LLVMBuildIsNull(e->builder, to, ""), after, store);
        LLVMPositionBuilderAtEnd(e->builder, store);
        LLVMValueRef size = LLVMBuildLoad2(e->builder, e->i64, size_at(e, table, i), "");
        LLVMSetAlignment(LLVMBuildStore(e->builder, size, to), 8);
        LLVMBuildBr(e->builder, after);
        LLVMPositionBuilderAtEnd(e->builder, after);
    }
}

/* int <symbol>_run(sizes..., inputs..., outputs..., counted sizes..., [context,] arena, [external weights,] pool) */
static LLVMValueRef emit_run(Emitter *e, LLVMValueRef adapter)
{
    int nports = e->ninputs + e->noutputs, sizes = count_sizes(e, false), counted = count_sizes(e, true);
    int nbases = nports + 1 + (e->program->state_bytes > 0) + (e->program->weights == WEIGHTS_EXTERNAL);
    int count = sizes + nbases + counted + 1;
    LLVMTypeRef *parameters = ARENA_ARRAY(e->arena, LLVMTypeRef, count);
    for (int i = 0; i < count; i++) parameters[i] = i < sizes ? e->i64 : e->pointer;
    LLVMTypeRef type = LLVMFunctionType(e->i32, parameters, (unsigned)count, 0);
    LLVMValueRef run = emit_new_function(e, arena_printf(e->arena, "%s_run", e->symbol), type, true);
    LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->context, run, ""));
    LLVMTypeRef array = LLVMArrayType2(e->pointer, (uint64_t)(nports + KEPT_BASES));
    LLVMValueRef bases = LLVMBuildAlloca(e->builder, array, ""), table = store_sizes(e, run, bases);
    for (int i = 0; i < nbases; i++) {
        LLVMValueRef slot = emit_int(e, base_of_argument(e, i));
        slot = LLVMBuildInBoundsGEP2(e->builder, e->pointer, bases, &slot, 1, "");
        LLVMBuildStore(e->builder, LLVMGetParam(run, (unsigned)(sizes + i + (i < nports ? 0 : counted))), slot);
    }
    if (e->weights_at) {
        LLVMValueRef slot = emit_int(e, nports + WEIGHTS_BASE);
        slot = LLVMBuildInBoundsGEP2(e->builder, e->pointer, bases, &slot, 1, "");
        LLVMBuildStore(e->builder, LLVMBuildLoad2(e->builder, e->pointer, e->weights_at, ""), slot);
    }
    LLVMValueRef args[] = {bases, LLVMGetParam(run, (unsigned)count - 1)};
    LLVMValueRef status = LLVMBuildCall2(e->builder, LLVMGlobalGetValueType(adapter), adapter, args, 2, "");
    return_sizes(e, run, table, (unsigned)(sizes + nports));
    LLVMBuildRet(e->builder, status);
    return run;
}

/* ---- what is kept between runs ---- */

/* Stores `bits`, of an integer type, to `count` elements from `start` on. */
static void fill_elements(Emitter *e, LLVMValueRef function, LLVMValueRef start, LLVMValueRef bits, int64_t count)
{
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder);
    LLVMBasicBlockRef loop = LLVMAppendBasicBlockInContext(e->context, function, "");
    LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(e->context, function, "");
    LLVMBuildBr(e->builder, loop);
    LLVMPositionBuilderAtEnd(e->builder, loop);
    LLVMValueRef index = LLVMBuildPhi(e->builder, e->index, ""), zero = emit_int(e, 0);
    LLVMValueRef address = LLVMBuildInBoundsGEP2(e->builder, LLVMTypeOf(bits), start, &index, 1, "");
    LLVMBuildStore(e->builder, bits, address);
    LLVMValueRef next = LLVMBuildNSWAdd(e->builder, index, emit_int(e, 1), "");
    LLVMBuildCondBr(e->builder, LLVMBuildICmp(e->builder, LLVMIntSLT, next, emit_int(e, count), ""), loop, after);
    LLVMAddIncoming(index, &zero, &before, 1);
    LLVMAddIncoming(index, &next, &loop, 1);
    LLVMPositionBuilderAtEnd(e->builder, after);
}

/* The element that a reset writes, as an integer of its width. */
static LLVMValueRef first_element(Emitter *e, const Node *state)
{
    Tensor one = tensor_new(e->arena, type_scalar(state->types[0].dtype));
    tensor_set_real(&one, 0, ((const StateAttrs *)state->attrs)->value);
    const unsigned char *bytes = one.data;
    unsigned size = (unsigned)dtype_bytes(one.type.dtype, 1);
    unsigned long long bits = 0;
    for (unsigned i = 0; i < size; i++) bits |= (unsigned long long)bytes[i] << 8 * i;
    return LLVMConstInt(LLVMIntTypeInContext(e->context, 8 * size), bits, 0);
}

/* int <symbol>_reset(context) */
static LLVMValueRef emit_reset(Emitter *e)
{
    LLVMTypeRef type = LLVMFunctionType(e->i32, &e->pointer, 1, 0);
    LLVMValueRef reset = emit_new_function(e, arena_printf(e->arena, "%s_reset", e->symbol), type, true);
    LLVMValueRef context = LLVMGetParam(reset, 0);
    LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->context, reset, ""));
    check_block(e, reset, context);
    for (const Node *node = e->program->graph->first; node; node = node->next) {
        if (node->op != OP_state) continue;
        LLVMValueRef offset = emit_int(e, node->places[0].offset), bits = first_element(e, node);
        LLVMValueRef start = LLVMBuildInBoundsGEP2(e->builder, e->i8, context, &offset, 1, "");
        if (LLVMIsNull(bits))
            LLVMBuildMemSet(e->builder, start, LLVMConstInt(e->i8, 0, 0), emit_int(e, type_bytes(&node->types[0])), 64);
        else
            fill_elements(e, reset, start, bits, type_elements(&node->types[0]));
    }
    LLVMBuildRet(e->builder, LLVMConstInt(e->i32, STATUS_OK, 0));
    return reset;
}

static void add_versioned(Emitter *e, LLVMValueRef function, const char *name)
{
    const char *versioned = arena_printf(e->arena, "%s_%s_%08x", e->symbol, name, model_abi(e->program));
    LLVMAddAlias2(e->module, LLVMGlobalGetValueType(function), 0, function, versioned);
}

LLVMValueRef emit_entry(Emitter *e)
{
    LLVMValueRef adapter = emit_adapter(e), run = emit_run(e, adapter);
    /* the header calls the entry points by these names, so that the header of another model or version does not link */
    add_versioned(e, run, "run");
    if (e->program->state_bytes) {
        e->reset = emit_reset(e);
        add_versioned(e, e->reset, "reset");
    }
    return adapter;
}
