/* Addresses, loads and stores. */
#include "backend/emitter.h"
#include "backend/object.h"

#include <assert.h>
#include <string.h>

static int64_t element_bytes(Dtype dtype) { return dtype_bits(dtype) / 8; }

LLVMTypeRef emit_type(const Emitter *e, Dtype dtype, int lanes)
{
    LLVMTypeRef type = dtype == F32    ? LLVMFloatTypeInContext(e->context)
                       : dtype == F64  ? LLVMDoubleTypeInContext(e->context)
                       : dtype == BOOL ? e->i1
                                       : LLVMIntTypeInContext(e->context, (unsigned)dtype_bits(dtype));
    return lanes == 1 ? type : LLVMVectorType(type, (unsigned)lanes);
}

/* As it lies in memory: a bool is a byte. */
static LLVMTypeRef memory_type(const Emitter *e, Dtype dtype, int lanes)
{
    return emit_type(e, dtype == BOOL ? U8 : dtype, lanes);
}

/* ---- addresses ---- */

int64_t emit_constant_index(const Body *b, const Affine *index)
{
    int64_t value = index->base;
    for (int i = 0; i < index->nterms; i++) {
        const Var *var = &b->vars[index->term[i].var->id];
        assert(var->constant);
        value += index->term[i].factor * var->known;
    }
    return value;
}

int emit_register_position(const Body *b, const LoopRegister *reg)
{
    int i = 0;
    while (b->function->registers[i] != reg) i++;
    return i;
}

LLVMValueRef emit_affine(Body *b, const Affine *index)
{
    Emitter *e = b->emitter;
    int64_t constant = index->base;
    LLVMValueRef sum = NULL;
    for (int i = 0; i < index->nterms; i++) {
        const Var *var = &b->vars[index->term[i].var->id];
        if (var->constant) {
            constant += index->term[i].factor * var->known;
            continue;
        }
        LLVMValueRef term = LLVMBuildNSWMul(e->builder, var->value, emit_int(e, index->term[i].factor), "");
        sum = sum ? LLVMBuildNSWAdd(e->builder, sum, term, "") : term;
    }
    LLVMValueRef base = emit_int(e, constant);
    return sum ? LLVMBuildNSWAdd(e->builder, sum, base, "") : base;
}

LLVMValueRef emit_plus_bytes(Emitter *e, LLVMValueRef pointer, LLVMValueRef bytes)
{
    return LLVMBuildGEP2(e->builder, e->i8, pointer, &bytes, 1, "");
}

static LLVMValueRef scratch(Emitter *e, const LoopBuffer *buffer)
{
    LLVMTypeRef type = LLVMArrayType2(memory_type(e, buffer->dtype, 1), (uint64_t)buffer->elements);
    LLVMValueRef memory = LLVMBuildAlloca(e->builder, type, "");
    LLVMSetAlignment(memory, (unsigned)(buffer->align > 64 ? buffer->align : 64));
    return memory;
}

static LLVMValueRef from_bases(Body *b, int64_t index)
{
    Emitter *e = b->emitter;
    LLVMValueRef slot = emit_int(e, index);
    slot = LLVMBuildInBoundsGEP2(e->builder, e->pointer, b->bases, &slot, 1, "");
    LLVMValueRef base = LLVMBuildLoad2(e->builder, e->pointer, slot, "");
    LLVMSetMetadata(base, LLVMGetMDKindIDInContext(e->context, "invariant.load", 14),
                    LLVMMetadataAsValue(e->context, LLVMMDNodeInContext2(e->context, NULL, 0)));
    return base;
}

/* Where the scratch of the part that runs here begins: parts are numbered by threads of their own. */
static LLVMValueRef part_scratch(Body *b)
{
    Emitter *e = b->emitter;
    LLVMValueRef offset = emit_int(e, b->function->scratch_offset);
    if (b->part) {
        LLVMValueRef own = LLVMBuildNSWMul(e->builder, b->part, emit_int(e, b->function->scratch), "");
        offset = LLVMBuildNSWAdd(e->builder, offset, own, "");
    }
    return emit_plus_bytes(e, from_bases(b, e->ninputs + e->noutputs), offset);
}

/* The base behind that of the arena; a block of external weights begins with a header. */
static LLVMValueRef far_weights(Body *b)
{
    Emitter *e = b->emitter;
    LLVMValueRef base = from_bases(b, e->ninputs + e->noutputs + WEIGHTS_BASE);
    return e->program->weights == WEIGHTS_EXTERNAL ? emit_plus_bytes(e, base, emit_int(e, WEIGHTS_HEADER)) : base;
}

/* LLVM is not to know what `pointer` is made of.  Else it adds the buffer's offset to that of each access, which then
 * is too large for the instruction: a register for each access, and most of them on the stack. */
static LLVMValueRef opaque(Emitter *e, LLVMValueRef pointer)
{
    LLVMTypeRef type = LLVMFunctionType(e->pointer, &e->pointer, 1, 0);
    LLVMValueRef nothing = LLVMGetInlineAsm(type, "", 0, "=r,0", 4, 0, 0, LLVMInlineAsmDialectATT, 0);
    return LLVMBuildCall2(e->builder, type, nothing, &pointer, 1, "");
}

/* Further by `bytes` for each turn of the scan that is `depth` deep. */
static LLVMValueRef moved(Body *b, LLVMValueRef base, int depth, int64_t bytes)
{
    Emitter *e = b->emitter;
    LLVMValueRef slot = emit_int(e, emit_turn_slot(e, depth));
    slot = LLVMBuildInBoundsGEP2(e->builder, e->pointer, b->bases, &slot, 1, "");
    LLVMValueRef turn = LLVMBuildLoad2(e->builder, e->index, slot, "");
    return emit_plus_bytes(e, base, LLVMBuildNSWMul(e->builder, turn, emit_int(e, bytes), ""));
}

static LLVMValueRef buffer_start(Body *b, const LoopBuffer *buffer)
{
    Emitter *e = b->emitter;
    int i = 0;
    while (b->function->buffers[i] != buffer) i++;
    if (b->buffers[i]) return b->buffers[i];
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
    LLVMPositionBuilderBefore(e->builder, LLVMGetBasicBlockTerminator(b->entry));
    LLVMValueRef base = NULL;
    if (buffer->space == SPACE_NONE) base = scratch(e, buffer);
    if (buffer->space == SPACE_CONSTANT) base = e->weights ? e->weights : far_weights(b);
    if (buffer->space == SPACE_INPUT) base = from_bases(b, buffer->index);
    if (buffer->space == SPACE_OUTPUT) base = from_bases(b, e->ninputs + buffer->index);
    if (buffer->space == SPACE_ARENA) base = from_bases(b, e->ninputs + e->noutputs);
    if (buffer->space == SPACE_STATE) base = from_bases(b, e->ninputs + e->noutputs + CONTEXT_BASE);
    if (buffer->space == SPACE_SCRATCH) base = part_scratch(b);
    if (buffer->space != SPACE_NONE && buffer->offset) base = emit_plus_bytes(e, base, emit_int(e, buffer->offset));
    for (int depth = 0; depth < MAX_SCANS; depth++)
        if (buffer->moves[depth]) base = moved(b, base, depth, buffer->moves[depth] * element_bytes(buffer->dtype));
    if (e->options->target->arch->bare && buffer->space != SPACE_NONE) base = opaque(e, base);
    LLVMPositionBuilderAtEnd(e->builder, here);
    return b->buffers[i] = base;
}

/* `parent` plus var * factor bytes, computed where the variable changes. */
static LLVMValueRef stepped(Body *b, Var *var, LLVMValueRef parent, int64_t factor)
{
    Emitter *e = b->emitter;
    for (size_t i = 0; i < var->naddresses; i++)
        if (var->addresses[i].parent == parent && var->addresses[i].factor == factor) return var->addresses[i].value;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
    LLVMPositionBuilderBefore(e->builder, LLVMGetBasicBlockTerminator(var->head));
    LLVMValueRef bytes = LLVMBuildNSWMul(e->builder, var->value, emit_int(e, factor), "");
    LLVMValueRef value = emit_plus_bytes(e, parent, bytes);
    LLVMPositionBuilderAtEnd(e->builder, here);
    var->addresses = arena_grow(e->arena, var->addresses, var->naddresses, &var->capacity, sizeof *var->addresses);
    var->addresses[var->naddresses++] = (Address){parent, value, factor};
    return value;
}

LLVMValueRef emit_address(Body *b, const LoopBuffer *buffer, const Affine *index, LLVMValueRef offset)
{
    int64_t size = element_bytes(buffer->dtype), constant = index->base;
    LLVMValueRef address = buffer_start(b, buffer);
    for (int i = 0; i < index->nterms; i++) {
        Var *var = &b->vars[index->term[i].var->id];
        if (var->constant)
            constant += index->term[i].factor * var->known;
        else
            address = stepped(b, var, address, index->term[i].factor * size);
    }
    if (offset) {
        LLVMValueRef bytes = LLVMBuildNSWMul(b->emitter->builder, offset, emit_int(b->emitter, size), "");
        address = emit_plus_bytes(b->emitter, address, bytes);
    }
    return constant ? emit_plus_bytes(b->emitter, address, emit_int(b->emitter, constant * size)) : address;
}

LLVMValueRef emit_table_element(Body *b, const LoopExpr *use)
{
    return LLVMBuildIntCast2(b->emitter->builder, b->lets[use->let->id], b->emitter->index, 0, "");
}

/* Bytes that the buffer's start is known to be a multiple of.  Where the processor cannot read just anywhere, a
 * user's buffer is aligned as C aligns its type. */
static int64_t start_alignment(const Body *b, const LoopBuffer *buffer)
{
    int64_t size = element_bytes(buffer->dtype), align = buffer->align > 0 ? buffer->align : 1;
    bool users = buffer->space == SPACE_INPUT || buffer->space == SPACE_OUTPUT;
    return users && !b->emitter->options->target->arch->unaligned && align < size ? size : align;
}

/* What divides every part of the address. */
unsigned emit_alignment(const Body *b, const LoopBuffer *buffer, const Affine *index)
{
    int64_t size = element_bytes(buffer->dtype), constant = index->base;
    uint64_t bits = (uint64_t)start_alignment(b, buffer) | 64;
    for (int i = 0; i < index->nterms; i++) {
        const Var *var = &b->vars[index->term[i].var->id];
        if (var->constant)
            constant += index->term[i].factor * var->known;
        else
            bits |= (uint64_t)(index->term[i].factor * var->granularity * size);
    }
    bits |= (uint64_t)(constant * size);
    return (unsigned)(bits & -bits);
}

/* ---- accesses ---- */

/* A run of elements at a constant distance from an access's first. */
typedef struct Access {
    Body *body;
    const LoopBuffer *buffer;
    Affine index;
    int lanes, active;
    LLVMValueRef offset; /* elements more, from a table, or NULL */
    const Affine *limit; /* lanes below it are in use, when not NULL */
} Access;

static LLVMValueRef access_address(const Access *a, const Affine *index)
{
    return emit_address(a->body, a->buffer, index, a->offset);
}

/* An offset may be any number of elements. */
static unsigned access_alignment(const Access *a, const Affine *index)
{
    unsigned known = emit_alignment(a->body, a->buffer, index), size = (unsigned)element_bytes(a->buffer->dtype);
    return a->offset && known > size ? size : known;
}

/* Weights of 8 bits on a microcontroller: its registers are too few to hold them from tile to tile, and LLVM, told that
 * they do not change, would keep them on the stack. */
static bool passes_through(const Access *a)
{
    return a->body->emitter->options->target->arch->bare && dtype_bits(a->buffer->dtype) == 8;
}

static LLVMValueRef load_run(const Access *a, int first, int count)
{
    Emitter *e = a->body->emitter;
    Affine index = affine_plus(a->index, first);
    LLVMTypeRef type = memory_type(e, a->buffer->dtype, count);
    LLVMValueRef load = LLVMBuildLoad2(e->builder, type, access_address(a, &index), "");
    LLVMSetAlignment(load, access_alignment(a, &index));
    if (a->buffer->space == SPACE_CONSTANT && !passes_through(a))
        LLVMSetMetadata(load, LLVMGetMDKindIDInContext(e->context, "invariant.load", 14),
                        LLVMMetadataAsValue(e->context, LLVMMDNodeInContext2(e->context, NULL, 0)));
    return load;
}

static void store_run(const Access *a, int first, LLVMValueRef value)
{
    Emitter *e = a->body->emitter;
    Affine index = affine_plus(a->index, first);
    LLVMValueRef store = LLVMBuildStore(e->builder, value, access_address(a, &index));
    LLVMSetAlignment(store, access_alignment(a, &index));
}

static LLVMValueRef lane_number(const Emitter *e, int lane)
{
    return LLVMConstInt(e->i32, (unsigned long long)lane, 0);
}

/* A shuffle whose lane i is `from[i]`; -1 leaves it undefined. */
static LLVMValueRef shuffle(Emitter *e, LLVMValueRef x, LLVMValueRef y, const int *from, int lanes)
{
    LLVMValueRef *mask = ARENA_ARRAY(e->arena, LLVMValueRef, lanes);
    for (int i = 0; i < lanes; i++) mask[i] = from[i] < 0 ? LLVMGetPoison(e->i32) : lane_number(e, from[i]);
    return LLVMBuildShuffleVector(e->builder, x, y, LLVMConstVector(mask, (unsigned)lanes), "");
}

/* Masks of byte and word lanes are an extension of their own, which the wide vectors bring along. */
static bool can_mask(const Emitter *e, Dtype dtype)
{
    const Target *target = e->options->target;
    return (target->has & FEATURE_MASKED) && (dtype_bits(dtype) >= 32 || target->vector_bytes >= 64);
}

/* Lanes whose number is below a limit that the code computes. */
static LLVMValueRef limit_mask(const Access *a)
{
    Emitter *e = a->body->emitter;
    LLVMValueRef *numbers = ARENA_ARRAY(e->arena, LLVMValueRef, a->lanes);
    LLVMValueRef pair[] = {emit_affine(a->body, a->limit), emit_int(e, a->lanes)};
    LLVMValueRef limit = emit_intrinsic(e, "llvm.smin", &e->index, 1, pair, 2);
    limit = LLVMBuildIntCast2(e->builder, limit, e->i32, 1, "");
    for (int i = 0; i < a->lanes; i++) numbers[i] = lane_number(e, i);
    LLVMValueRef lanes = LLVMConstVector(numbers, (unsigned)a->lanes);
    return LLVMBuildICmp(e->builder, LLVMIntSLT, lanes, emit_splat(e, limit, a->lanes), "");
}

static LLVMValueRef lane_mask(const Access *a)
{
    Emitter *e = a->body->emitter;
    if (a->limit) return limit_mask(a);
    LLVMValueRef *bits = ARENA_ARRAY(e->arena, LLVMValueRef, a->lanes);
    for (int i = 0; i < a->lanes; i++) bits[i] = LLVMConstInt(e->i1, i < a->active, 0);
    return LLVMConstVector(bits, (unsigned)a->lanes);
}

static LLVMValueRef load_masked(const Access *a)
{
    Emitter *e = a->body->emitter;
    LLVMTypeRef type = memory_type(e, a->buffer->dtype, a->lanes), overload[] = {type, e->pointer};
    LLVMValueRef args[] = {access_address(a, &a->index), lane_number(e, (int)access_alignment(a, &a->index)),
                           lane_mask(a), LLVMConstNull(type)};
    return emit_intrinsic(e, "llvm.masked.load", overload, 2, args, 4);
}

static void store_masked(const Access *a, LLVMValueRef value)
{
    Emitter *e = a->body->emitter;
    LLVMTypeRef overload[] = {LLVMTypeOf(value), e->pointer};
    LLVMValueRef args[] = {value, access_address(a, &a->index), lane_number(e, (int)access_alignment(a, &a->index)),
                           lane_mask(a)};
    emit_intrinsic(e, "llvm.masked.store", overload, 2, args, 4);
}

/* The largest power of two that is not above `count`. */
static int part_of(int count)
{
    int part = 1;
    while (2 * part <= count) part *= 2;
    return part;
}

/* Some lanes without masks: runs of 8, 4, 2, 1 as they fit, laid into a vector of zeros. */
static LLVMValueRef load_parts(const Access *a)
{
    Emitter *e = a->body->emitter;
    LLVMValueRef whole = LLVMConstNull(memory_type(e, a->buffer->dtype, a->lanes));
    int *from = ARENA_ARRAY(e->arena, int, a->lanes);
    for (int first = 0, part; first < a->active; first += part) {
        part = part_of(a->active - first);
        LLVMValueRef run = load_run(a, first, part);
        if (part == 1) {
            whole = LLVMBuildInsertElement(e->builder, whole, run, lane_number(e, first), "");
            continue;
        }
        for (int i = 0; i < a->lanes; i++) from[i] = i < part ? i : -1;
        LLVMValueRef wide = shuffle(e, run, LLVMGetPoison(LLVMTypeOf(run)), from, a->lanes);
        for (int i = 0; i < a->lanes; i++) from[i] = i < first || i >= first + part ? i : a->lanes + i - first;
        whole = shuffle(e, whole, wide, from, a->lanes);
    }
    return whole;
}

static void store_parts(const Access *a, LLVMValueRef value)
{
    Emitter *e = a->body->emitter;
    int *from = ARENA_ARRAY(e->arena, int, a->lanes);
    for (int first = 0, part; first < a->active; first += part) {
        part = part_of(a->active - first);
        for (int i = 0; i < part; i++) from[i] = first + i;
        if (part == 1)
            store_run(a, first, LLVMBuildExtractElement(e->builder, value, lane_number(e, first), ""));
        else
            store_run(a, first, shuffle(e, value, LLVMGetPoison(LLVMTypeOf(value)), from, part));
    }
}

static LLVMValueRef load_strided(const Access *a, int64_t stride)
{
    Emitter *e = a->body->emitter;
    LLVMValueRef whole = LLVMConstNull(memory_type(e, a->buffer->dtype, a->lanes));
    for (int i = 0; i < a->active; i++) {
        Access one = *a;
        one.index = affine_plus(a->index, i * stride);
        whole = LLVMBuildInsertElement(e->builder, whole, load_run(&one, 0, 1), lane_number(e, i), "");
    }
    return whole;
}

/* An address a lane: where its own offset says, or none. */
static LLVMValueRef lane_addresses(const Access *a, const LoopExpr *offset, int64_t stride)
{
    Emitter *e = a->body->emitter;
    LLVMTypeRef wide = LLVMVectorType(e->index, (unsigned)a->lanes);
    LLVMValueRef *steps = ARENA_ARRAY(e->arena, LLVMValueRef, a->lanes);
    for (int i = 0; i < a->lanes; i++) steps[i] = emit_int(e, i * stride);
    LLVMValueRef offsets = LLVMConstVector(steps, (unsigned)a->lanes);
    if (offset) {
        LLVMValueRef own = LLVMBuildIntCast2(e->builder, a->body->lets[offset->let->id], wide, 0, "");
        offsets = stride ? LLVMBuildNSWAdd(e->builder, own, offsets, "") : own;
    }
    LLVMValueRef base = access_address(a, &a->index);
    return LLVMBuildGEP2(e->builder, memory_type(e, a->buffer->dtype, 1), base, &offsets, 1, "");
}

static LLVMValueRef lane_alignment(const Access *a)
{
    int64_t size = element_bytes(a->buffer->dtype), start = start_alignment(a->body, a->buffer);
    return lane_number(a->body->emitter, (int)(start < size ? start : size));
}

/* Inactive lanes are zeros. */
static LLVMValueRef load_gathered(const Access *a, const LoopExpr *offset, int64_t stride)
{
    Emitter *e = a->body->emitter;
    LLVMTypeRef type = memory_type(e, a->buffer->dtype, a->lanes);
    LLVMValueRef args[] = {lane_addresses(a, offset, stride), lane_alignment(a), lane_mask(a), LLVMConstNull(type)};
    LLVMTypeRef overload[] = {type, LLVMTypeOf(args[0])};
    return emit_intrinsic(e, "llvm.masked.gather", overload, 2, args, 4);
}

static void store_scattered(const Access *a, const LoopExpr *offset, int64_t stride, LLVMValueRef value)
{
    Emitter *e = a->body->emitter;
    LLVMValueRef args[] = {value, lane_addresses(a, offset, stride), lane_alignment(a), lane_mask(a)};
    LLVMTypeRef overload[] = {LLVMTypeOf(value), LLVMTypeOf(args[1])};
    emit_intrinsic(e, "llvm.masked.scatter", overload, 2, args, 4);
}

LLVMValueRef emit_load(Body *b, const LoopExpr *load)
{
    Emitter *e = b->emitter;
    Access a = {b, load->buffer, load->index, load->lanes, load->active, NULL, load->limit};
    bool own = load->offset && load->offset->lanes > 1, gathered = own || (load->limit && load->stride != 1);
    if (load->offset && !own) a.offset = emit_table_element(b, load->offset);
    LLVMValueRef value;
    if (gathered)
        value = load_gathered(&a, own ? load->offset : NULL, load->stride);
    else if (load->limit)
        value = load_masked(&a);
    else if (load->lanes == 1)
        value = load_run(&a, 0, 1);
    else if (load->stride == 0 && load->active == load->lanes)
        value = emit_splat(e, load_run(&a, 0, 1), load->lanes);
    else if (load->stride != 1)
        value = load_strided(&a, load->stride);
    else if (load->active == load->lanes)
        value = load_run(&a, 0, load->lanes);
    else
        value = can_mask(e, load->dtype) ? load_masked(&a) : load_parts(&a);
    if (load->dtype != BOOL) return value;
    return LLVMBuildICmp(e->builder, LLVMIntNE, value, LLVMConstNull(LLVMTypeOf(value)), "");
}

void emit_store(Body *b, const LoopStatement *store, LLVMValueRef value)
{
    Emitter *e = b->emitter;
    int lanes = store->value->lanes;
    Access a = {b, store->buffer, store->index, lanes, store->active, NULL, store->lane_limit};
    bool own = store->offset && store->offset->lanes > 1, scattered = own || (store->lane_limit && store->stride != 1);
    if (store->offset && !own) a.offset = emit_table_element(b, store->offset);
    if (store->buffer->dtype == BOOL) value = LLVMBuildZExt(e->builder, value, memory_type(e, BOOL, lanes), "");
    if (scattered) {
        store_scattered(&a, own ? store->offset : NULL, store->stride, value);
    } else if (store->lane_limit) {
        store_masked(&a, value);
    } else if (lanes == 1) {
        store_run(&a, 0, value);
    } else if (store->stride != 1) {
        for (int i = 0; i < store->active; i++) {
            Access one = a;
            one.index = affine_plus(a.index, i * store->stride);
            store_run(&one, 0, LLVMBuildExtractElement(e->builder, value, lane_number(e, i), ""));
        }
    } else if (store->active == lanes) {
        store_run(&a, 0, value);
    } else if (can_mask(e, store->buffer->dtype)) {
        store_masked(&a, value);
    } else {
        store_parts(&a, value);
    }
}

void emit_prefetch(Body *b, const LoopStatement *prefetch)
{
    Emitter *e = b->emitter;
    /* to be read, of high locality, data */
    LLVMValueRef args[] = {emit_address(b, prefetch->buffer, &prefetch->index, NULL), lane_number(e, 0),
                           lane_number(e, 3), lane_number(e, 1)};
    emit_intrinsic(e, "llvm.prefetch", &e->pointer, 1, args, 4);
}
