/* Statements of loop nests to LLVM functions.  Registers are SSA values all the way: each loop carries what it
 * assigns in phis. */
#include "backend/emitter.h"

#include <assert.h>
#include <string.h>

static void emit_statements(Body *b, const LoopStatement *s);

/* ---- sizes ---- */

/* Where the dim's size lies in the table of the call. */
static LLVMValueRef size_slot(Emitter *e, LLVMValueRef bases, int dim)
{
    LLVMValueRef slot = emit_int(e, e->ninputs + e->noutputs + SIZES_BASE), at = emit_int(e, dim);
    slot = LLVMBuildInBoundsGEP2(e->builder, e->pointer, bases, &slot, 1, "");
    LLVMValueRef table = LLVMBuildLoad2(e->builder, e->pointer, slot, "");
    return LLVMBuildGEP2(e->builder, e->i64, table, &at, 1, "");
}

LLVMValueRef emit_size(Emitter *e, LLVMValueRef bases, int dim)
{
    LLVMValueRef size = LLVMBuildLoad2(e->builder, e->i64, size_slot(e, bases, dim), "");
    return LLVMBuildIntCast2(e->builder, size, e->index, 1, "");
}

static void emit_resize(Body *b, const LoopStatement *s)
{
    LLVMBuildStore(b->emitter->builder, emit_expr(b, s->value), size_slot(b->emitter, b->bases, s->dim));
}

/* A size is computed once, in front of everything; forms of it are positive, but what is divided may not be. */
static void emit_sizes(Body *b)
{
    Emitter *e = b->emitter;
    for (int i = 0; i < b->function->nsizes; i++) {
        const LoopSize *s = &b->function->sizes[i];
        LLVMValueRef size = emit_size(e, b->bases, s->dim);
        if (s->factor != 1) size = LLVMBuildNSWMul(e->builder, size, emit_int(e, s->factor), "");
        if (s->base) size = LLVMBuildNSWAdd(e->builder, size, emit_int(e, s->base), "");
        if (s->divisor != 1) size = LLVMBuildSDiv(e->builder, size, emit_int(e, s->divisor), "");
        b->vars[s->var->id] = (Var){.granularity = 1, .value = size, .head = b->entry};
    }
}

/* ---- functions ---- */

Body emit_body_new(Emitter *e, const LoopFunction *function, LLVMValueRef llvm)
{
    Body b = {.emitter = e, .function = function, .llvm = llvm, .bases = LLVMGetParam(llvm, 0)};
    b.buffers = ARENA_ARRAY(e->arena, LLVMValueRef, function->nbuffers);
    b.registers = ARENA_ARRAY(e->arena, LLVMValueRef *, function->nregisters);
    for (int i = 0; i < function->nregisters; i++)
        b.registers[i] = ARENA_ARRAY(e->arena, LLVMValueRef, function->registers[i]->count);
    b.lets = ARENA_ARRAY(e->arena, LLVMValueRef, function->nlets);
    b.lets_read = ARENA_ARRAY(e->arena, int, function->nlets);
    b.vars = ARENA_ARRAY(e->arena, Var, function->nvars);
    emit_debug_function(e, llvm, function);
    b.entry = LLVMAppendBasicBlockInContext(e->context, llvm, "");
    LLVMBasicBlockRef first = LLVMAppendBasicBlockInContext(e->context, llvm, "");
    LLVMPositionBuilderAtEnd(e->builder, b.entry);
    emit_sizes(&b);
    LLVMBuildBr(e->builder, first);
    LLVMPositionBuilderAtEnd(e->builder, first);
    return b;
}

/* ---- registers across blocks ---- */

static void mark_assigned(const Body *b, const LoopStatement *s, bool *assigned)
{
    for (; s; s = s->next) {
        if (s->kind == LOOP_ASSIGN || s->kind == LOOP_TRANSPOSE) assigned[emit_register_position(b, s->reg)] = true;
        mark_assigned(b, s->body, assigned);
    }
}

/* The elements that `s` may assign: where they are, and what they hold before. */
typedef struct Carried {
    size_t count;
    LLVMValueRef **at, *before;
} Carried;

static Carried carried_by(const Body *b, const LoopStatement *s)
{
    Emitter *e = b->emitter;
    bool *assigned = ARENA_ARRAY(e->arena, bool, b->function->nregisters);
    Carried c = {0};
    size_t room = 0;
    mark_assigned(b, s, assigned);
    for (int i = 0; i < b->function->nregisters; i++)
        if (assigned[i]) room += (size_t)b->function->registers[i]->count;
    c.at = ARENA_ARRAY(e->arena, LLVMValueRef *, room);
    c.before = ARENA_ARRAY(e->arena, LLVMValueRef, room);
    for (int i = 0; i < b->function->nregisters; i++) {
        const LoopRegister *reg = b->function->registers[i];
        for (int k = 0; assigned[i] && k < reg->count; k++) {
            LLVMValueRef *at = &b->registers[i][k];
            c.at[c.count] = at;
            c.before[c.count++] = *at ? *at : LLVMGetPoison(emit_type(e, reg->dtype, reg->lanes));
        }
    }
    return c;
}

/* ---- loops ---- */

static LLVMBasicBlockRef new_block(const Body *b)
{
    return LLVMAppendBasicBlockInContext(b->emitter->context, b->llvm, "");
}

/* What we unroll is unrolled already. */
static void mark_loop(Emitter *e, LLVMValueRef branch)
{
    static const char text[] = "llvm.loop.unroll.disable";
    LLVMMetadataRef temporary = LLVMTemporaryMDNode(e->context, NULL, 0);
    LLVMMetadataRef string = LLVMMDStringInContext2(e->context, text, sizeof text - 1);
    LLVMMetadataRef items[] = {temporary, LLVMMDNodeInContext2(e->context, &string, 1)};
    LLVMMetadataRef node = LLVMMDNodeInContext2(e->context, items, 2);
    LLVMMetadataReplaceAllUsesWith(temporary, node);
    LLVMSetMetadata(branch, LLVMGetMDKindIDInContext(e->context, "llvm.loop", 9),
                    LLVMMetadataAsValue(e->context, node));
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

/* What divides every value of the variable. */
static int64_t granularity(const LoopStatement *s)
{
    int64_t divisor = s->first ? 1 : gcd(s->low, s->step);
    for (int i = 0; i < s->nfrom; i++) divisor = gcd(divisor, s->from[i].whole);
    return divisor;
}

/* The body for values from `low` below `high`, of which there is at least one: tested at the end. */
static void emit_loop(Body *b, const LoopStatement *s, LLVMValueRef low, LLVMValueRef high)
{
    Emitter *e = b->emitter;
    Carried carried = carried_by(b, s->body);
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder), head = new_block(b), body = new_block(b);
    LLVMBuildBr(e->builder, head);
    LLVMPositionBuilderAtEnd(e->builder, head);
    LLVMValueRef index = LLVMBuildPhi(e->builder, e->index, "");
    LLVMAddIncoming(index, &low, &before, 1);
    LLVMValueRef *phis = ARENA_ARRAY(e->arena, LLVMValueRef, carried.count);
    for (size_t i = 0; i < carried.count; i++) {
        *carried.at[i] = phis[i] = LLVMBuildPhi(e->builder, LLVMTypeOf(carried.before[i]), "");
        LLVMAddIncoming(phis[i], &carried.before[i], &before, 1);
    }
    LLVMBuildBr(e->builder, body);
    LLVMPositionBuilderAtEnd(e->builder, body);
    b->vars[s->var->id] = (Var){.granularity = granularity(s), .value = index, .head = head};
    emit_statements(b, s->body);

    LLVMBasicBlockRef last = LLVMGetInsertBlock(e->builder), after = new_block(b);
    LLVMValueRef next = LLVMBuildNSWAdd(e->builder, index, emit_int(e, s->step), "");
    LLVMAddIncoming(index, &next, &last, 1);
    for (size_t i = 0; i < carried.count; i++) LLVMAddIncoming(phis[i], carried.at[i], &last, 1);
    LLVMValueRef more = LLVMBuildICmp(e->builder, LLVMIntSLT, next, high, "");
    mark_loop(e, LLVMBuildCondBr(e->builder, more, head, after));
    LLVMPositionBuilderAtEnd(e->builder, after);
}

/* A branch around code that may not run.  Afterwards a register holds what that code assigned, or what it did before.
 */
typedef struct Guard {
    Carried carried;
    LLVMBasicBlockRef before, after;
} Guard;

static Guard open_guard(Body *b, LLVMValueRef condition, const LoopStatement *body)
{
    Emitter *e = b->emitter;
    Guard g = {carried_by(b, body), LLVMGetInsertBlock(e->builder), NULL};
    LLVMBasicBlockRef inside = new_block(b);
    g.after = new_block(b);
    LLVMBuildCondBr(e->builder, condition, inside, g.after);
    LLVMPositionBuilderAtEnd(e->builder, inside);
    return g;
}

static void close_guard(Body *b, const Guard *g)
{
    Emitter *e = b->emitter;
    LLVMBasicBlockRef last = LLVMGetInsertBlock(e->builder), before = g->before;
    LLVMBuildBr(e->builder, g->after);
    LLVMPositionBuilderAtEnd(e->builder, g->after);
    for (size_t i = 0; i < g->carried.count; i++) {
        LLVMValueRef outside = g->carried.before[i], inside = *g->carried.at[i] ? *g->carried.at[i] : outside;
        LLVMValueRef phi = LLVMBuildPhi(e->builder, LLVMTypeOf(outside), "");
        LLVMAddIncoming(phi, &outside, &before, 1);
        LLVMAddIncoming(phi, &inside, &last, 1);
        *g->carried.at[i] = phi;
    }
}

/* From one element of a table to another; they are not negative. */
static void emit_table_loop(Body *b, const LoopStatement *s)
{
    Emitter *e = b->emitter;
    LLVMValueRef low = emit_table_element(b, s->first), high = emit_table_element(b, s->limit);
    Guard guard = open_guard(b, LLVMBuildICmp(e->builder, LLVMIntSLT, low, high, ""), s->body);
    emit_loop(b, s, low, high);
    close_guard(b, &guard);
}

static LLVMValueRef emit_edge(Body *b, const LoopEdge *edge)
{
    Emitter *e = b->emitter;
    LLVMValueRef at = emit_affine(b, &edge->at);
    if (edge->whole == 1) return at;
    at = LLVMBuildSDiv(e->builder, at, emit_int(e, edge->whole), "");
    return LLVMBuildNSWMul(e->builder, at, emit_int(e, edge->whole), "");
}

/* Whole steps between edges that are known here. */
static void emit_size_loop(Body *b, const LoopStatement *s)
{
    Emitter *e = b->emitter;
    LLVMValueRef low = emit_int(e, s->low), high = emit_edge(b, &s->to[0]);
    for (int i = 0; i < s->nfrom; i++) {
        LLVMValueRef pair[] = {low, emit_edge(b, &s->from[i])};
        low = emit_intrinsic(e, "llvm.smax", &e->index, 1, pair, 2);
    }
    for (int i = 1; i < s->nto; i++) {
        LLVMValueRef pair[] = {high, emit_edge(b, &s->to[i])};
        high = emit_intrinsic(e, "llvm.smin", &e->index, 1, pair, 2);
    }
    high = LLVMBuildNSWSub(e->builder, high, emit_int(e, s->step - 1), "");
    Guard guard = open_guard(b, LLVMBuildICmp(e->builder, LLVMIntSLT, low, high, ""), s->body);
    emit_loop(b, s, low, high);
    close_guard(b, &guard);
}

static void emit_constant_steps(Body *b, const LoopStatement *s)
{
    for (int64_t i = s->low; i < s->high; i += s->step) {
        b->vars[s->var->id] = (Var){.constant = true, .known = i};
        emit_statements(b, s->body);
    }
}

/* ---- parallel loops: parts first .. last-1 as a function of its own ---- */

static LLVMValueRef emit_range(Emitter *e, const LoopFunction *function, const LoopStatement *s, const char *name)
{
    LLVMTypeRef parameters[] = {e->pointer, e->index, e->index};
    LLVMValueRef range = emit_new_function(e, name, LLVMFunctionType(e->nothing, parameters, 3, 0), false);
    Body inner = emit_body_new(e, function, range);
    inner.part = LLVMGetParam(range, 1); /* no other call has it as its first: scratch of that number is its own */
    LLVMValueRef ends[2];
    for (unsigned i = 0; i < 2; i++) {
        ends[i] = LLVMBuildNSWMul(e->builder, LLVMGetParam(range, i + 1), emit_int(e, s->step), "");
        ends[i] = LLVMBuildNSWAdd(e->builder, ends[i], emit_int(e, s->low), "");
    }
    emit_loop(&inner, s, ends[0], ends[1]);
    LLVMBuildRetVoid(e->builder);
    return range;
}

/* What a pool's threads get: the bases and the number of shares. */
static LLVMTypeRef share_type(const Emitter *e)
{
    LLVMTypeRef fields[] = {e->pointer, e->index};
    return LLVMStructTypeInContext(e->context, fields, 2, 0);
}

/* void share(void *arg, int index): parts index * n / shares up to (index + 1) * n / shares. */
static LLVMValueRef emit_share(Emitter *e, LLVMValueRef range, int64_t parts, const char *name)
{
    LLVMBuilderRef builder = e->builder;
    LLVMTypeRef parameters[] = {e->pointer, e->i32}, type = share_type(e);
    LLVMValueRef share = emit_new_function(e, name, LLVMFunctionType(e->nothing, parameters, 2, 0), false);
    LLVMPositionBuilderAtEnd(builder, LLVMAppendBasicBlockInContext(e->context, share, ""));
    LLVMValueRef arg = LLVMGetParam(share, 0), args[3];
    args[0] = LLVMBuildLoad2(builder, e->pointer, arg, "");
    LLVMValueRef shares = LLVMBuildLoad2(builder, e->index, LLVMBuildStructGEP2(builder, type, arg, 1, ""), "");
    LLVMValueRef index = LLVMBuildIntCast2(builder, LLVMGetParam(share, 1), e->index, 1, "");
    for (int i = 0; i < 2; i++) {
        LLVMValueRef edge = LLVMBuildNSWAdd(builder, index, emit_int(e, i), "");
        edge = LLVMBuildNSWMul(builder, edge, emit_int(e, parts), "");
        args[i + 1] = LLVMBuildSDiv(builder, edge, shares, "");
    }
    LLVMBuildCall2(builder, LLVMGlobalGetValueType(range), range, args, 3, "");
    LLVMBuildRetVoid(builder);
    return share;
}

/* On the stack, in the entry block so that the frame has one size. */
static LLVMValueRef fixed_room(Body *b, LLVMTypeRef type)
{
    LLVMBuilderRef builder = b->emitter->builder;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(builder);
    LLVMMetadataRef place = LLVMGetCurrentDebugLocation2(builder);
    LLVMPositionBuilderBefore(builder, LLVMGetBasicBlockTerminator(b->entry));
    LLVMValueRef room = LLVMBuildAlloca(builder, type, "");
    LLVMPositionBuilderAtEnd(builder, here);
    LLVMSetCurrentDebugLocation2(builder, place);
    return room;
}

/* pool->run(pool->ctx, share, &{bases, n}, n), four shares a thread so that a slow one does not hold up the rest. */
static void emit_pool_run(Body *b, LLVMValueRef share, LLVMValueRef threads, int64_t parts)
{
    Emitter *e = b->emitter;
    LLVMBuilderRef builder = e->builder;
    LLVMTypeRef type = share_type(e), fields[] = {e->pointer, e->i32, e->pointer};
    LLVMTypeRef pool = LLVMStructTypeInContext(e->context, fields, 3, 0);
    LLVMTypeRef parameters[] = {e->pointer, e->pointer, e->pointer, e->i32};
    LLVMValueRef wanted[] = {
        LLVMBuildMul(builder, LLVMBuildIntCast2(builder, threads, e->index, 1, ""), emit_int(e, 4), ""),
        emit_int(e, parts)};
    LLVMValueRef shares = emit_intrinsic(e, "llvm.smin", &e->index, 1, wanted, 2);
    LLVMValueRef arg = fixed_room(b, type);
    LLVMBuildStore(builder, b->bases, arg);
    LLVMBuildStore(builder, shares, LLVMBuildStructGEP2(builder, type, arg, 1, ""));
    LLVMValueRef run = LLVMBuildStructGEP2(builder, pool, b->pool, 2, "");
    run = LLVMBuildLoad2(builder, e->pointer, run, "");
    LLVMValueRef args[] = {LLVMBuildLoad2(builder, e->pointer, b->pool, ""), share, arg,
                           LLVMBuildIntCast2(builder, shares, e->i32, 1, "")};
    LLVMBuildCall2(builder, LLVMFunctionType(e->nothing, parameters, 4, 0), run, args, 4, "");
}

static void emit_parallel(Body *b, const LoopStatement *s)
{
    Emitter *e = b->emitter;
    LLVMBuilderRef builder = e->builder;
    int64_t parts = (s->high - s->low) / s->step;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(builder);
    LLVMMetadataRef place = LLVMGetCurrentDebugLocation2(builder);
    size_t length;
    const char *step = LLVMGetValueName2(b->llvm, &length);
    LLVMValueRef range = emit_range(e, b->function, s, arena_printf(e->arena, "%s_range_%s", step, s->var->name));
    LLVMValueRef share = emit_share(e, range, parts, arena_printf(e->arena, "%s_share_%s", step, s->var->name));
    LLVMSetCurrentDebugLocation2(builder, place);
    LLVMBasicBlockRef ask = new_block(b), many = new_block(b), one = new_block(b), after = new_block(b);

    LLVMPositionBuilderAtEnd(builder, here);
    LLVMBuildCondBr(builder, LLVMBuildIsNull(builder, b->pool, ""), one, ask);
    LLVMPositionBuilderAtEnd(builder, ask);
    LLVMValueRef slot = emit_int(e, e->options->target->arch->index_bits / 8);
    slot = LLVMBuildInBoundsGEP2(builder, e->i8, b->pool, &slot, 1, "");
    LLVMValueRef threads = LLVMBuildLoad2(builder, e->i32, slot, "");
    LLVMValueRef several = LLVMBuildICmp(builder, LLVMIntSGT, threads, LLVMConstInt(e->i32, 1, 0), "");
    LLVMBuildCondBr(builder, several, many, one);
    LLVMPositionBuilderAtEnd(builder, many);
    emit_pool_run(b, share, threads, parts);
    LLVMBuildBr(builder, after);
    LLVMPositionBuilderAtEnd(builder, one);
    LLVMValueRef args[] = {b->bases, emit_int(e, 0), emit_int(e, parts)};
    LLVMBuildCall2(builder, LLVMGlobalGetValueType(range), range, args, 3, "");
    LLVMBuildBr(builder, after);
    LLVMPositionBuilderAtEnd(builder, after);
}

/* ---- the other statements ---- */

static void emit_if(Body *b, const LoopStatement *s)
{
    Emitter *e = b->emitter;
    LLVMValueRef condition = LLVMConstInt(e->i1, 1, 0);
    for (int i = 0; i < s->nconditions; i++) {
        LLVMValueRef value = emit_affine(b, &s->conditions[i]);
        LLVMValueRef holds = LLVMBuildICmp(e->builder, LLVMIntSGE, value, emit_int(e, 0), "");
        condition = LLVMBuildAnd(e->builder, condition, holds, "");
    }
    if (LLVMIsConstant(condition)) {
        if (!LLVMIsNull(condition)) emit_statements(b, s->body);
        return;
    }
    Guard guard = open_guard(b, condition, s->body);
    emit_statements(b, s->body);
    close_guard(b, &guard);
}

static void emit_for(Body *b, const LoopStatement *s)
{
    Emitter *e = b->emitter;
    if (s->first)
        emit_table_loop(b, s);
    else if (s->nto)
        emit_size_loop(b, s);
    else if (s->mode == MODE_UNROLL || s->high - s->low == s->step)
        emit_constant_steps(b, s);
    else if (s->mode == MODE_PARALLEL)
        emit_parallel(b, s);
    else
        emit_loop(b, s, emit_int(e, s->low), emit_int(e, s->high));
}

static void emit_assign(Body *b, const LoopStatement *s)
{
    int64_t index = emit_constant_index(b, &s->index);
    assert(index >= 0 && index < s->reg->count);
    b->registers[emit_register_position(b, s->reg)][index] = emit_expr(b, s->value);
}

static void emit_statement(Body *b, const LoopStatement *s)
{
    switch (s->kind) {
    case LOOP_FOR: emit_for(b, s); break;
    case LOOP_IF: emit_if(b, s); break;
    case LOOP_BIND:
        b->lets[s->let->id] = emit_expr(b, s->let->value);
        b->lets_read[s->let->id] = emit_lanes_read(b, s->let->value);
        break;
    case LOOP_ASSIGN: emit_assign(b, s); break;
    case LOOP_TRANSPOSE: emit_transpose(b, s); break;
    case LOOP_STORE: emit_store(b, s, emit_expr(b, s->value)); break;
    case LOOP_FILL: emit_fill(b, s); break;
    case LOOP_PACK:
    case LOOP_UNPACK: emit_pack(b, s); break;
    case LOOP_CALL: emit_call(b, s); break;
    case LOOP_RESIZE: emit_resize(b, s); break;
    case LOOP_PREFETCH: emit_prefetch(b, s); break;
    }
}

static void emit_statements(Body *b, const LoopStatement *s)
{
    for (; s; s = s->next) emit_statement(b, s);
}

LLVMValueRef emit_step(Emitter *e, const LoopFunction *function, const char *path)
{
    if (function->form != FORM_NEST) return emit_inner(e, function, path);
    const char *name = arena_printf(e->arena, "%s__step_%s", e->symbol, path);
    LLVMValueRef step = emit_new_function(e, name, e->step_type, true);
    LLVMSetVisibility(step, LLVMHiddenVisibility);
    Body b = emit_body_new(e, function, step);
    b.pool = LLVMGetParam(step, 1);
    emit_statements(&b, function->body);
    LLVMBuildRetVoid(e->builder);
    return step;
}
