/* Expressions of loop nests to LLVM values. */
#include "backend/emitter.h"

#include <assert.h>
#include <string.h>

/* As the element lies in memory: of floats that only casts compute with, too. */
static uint64_t element_bits(Dtype dtype, Scalar value)
{
    uint64_t bits = 0;
    Tensor element = {.type = type_scalar(dtype), .data = &bits};
    tensor_set(&element, 0, value);
    return bits;
}

LLVMValueRef emit_constant(const Emitter *e, Dtype dtype, int lanes, Scalar value)
{
    LLVMTypeRef type = emit_type(e, dtype, 1);
    LLVMValueRef scalar;
    if (dtype == F32 || dtype == F64)
        scalar = LLVMConstReal(type, value.real);
    else
        scalar = LLVMConstInt(type, (unsigned long long)element_bits(dtype, value), 0);
    if (lanes == 1) return scalar;
    LLVMValueRef *all = ARENA_ARRAY(e->arena, LLVMValueRef, lanes);
    for (int i = 0; i < lanes; i++) all[i] = scalar;
    return LLVMConstVector(all, (unsigned)lanes);
}

LLVMValueRef emit_intrinsic(Emitter *e, const char *name, LLVMTypeRef *overload, int noverload, LLVMValueRef *args,
                            int nargs)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    assert(id);
    LLVMValueRef function = LLVMGetIntrinsicDeclaration(e->module, id, overload, (size_t)noverload);
    return LLVMBuildCall2(e->builder, LLVMGlobalGetValueType(function), function, args, (unsigned)nargs, "");
}

LLVMValueRef emit_splat(Emitter *e, LLVMValueRef scalar, int lanes)
{
    if (lanes == 1) return scalar;
    LLVMValueRef none = LLVMGetPoison(LLVMVectorType(LLVMTypeOf(scalar), (unsigned)lanes));
    LLVMValueRef first = LLVMBuildInsertElement(e->builder, none, scalar, LLVMConstInt(e->i32, 0, 0), "");
    LLVMValueRef mask = LLVMConstNull(LLVMVectorType(e->i32, (unsigned)lanes));
    return LLVMBuildShuffleVector(e->builder, first, none, mask, "");
}

/* Some lanes again and again: as one integer where they make one, which a processor spreads as it loads it. */
static LLVMValueRef emit_repeat(Body *b, const LoopExpr *splat)
{
    Emitter *e = b->emitter;
    LLVMValueRef in = emit_expr(b, splat->in[0]);
    int from = splat->in[0]->lanes, bits = from * dtype_bits(splat->dtype);
    if (from == 1) return emit_splat(e, in, splat->lanes);
    if (splat->dtype != BOOL && (bits == 16 || bits == 32 || bits == 64)) {
        LLVMValueRef one = LLVMBuildBitCast(e->builder, in, LLVMIntTypeInContext(e->context, (unsigned)bits), "");
        LLVMValueRef all = emit_splat(e, one, splat->lanes / from);
        return LLVMBuildBitCast(e->builder, all, emit_type(e, splat->dtype, splat->lanes), "");
    }
    LLVMValueRef *lanes = ARENA_ARRAY(e->arena, LLVMValueRef, splat->lanes);
    for (int i = 0; i < splat->lanes; i++) lanes[i] = LLVMConstInt(e->i32, (unsigned long long)(i % from), 0);
    return LLVMBuildShuffleVector(e->builder, in, LLVMGetPoison(LLVMTypeOf(in)),
                                  LLVMConstVector(lanes, (unsigned)splat->lanes), "");
}

static LLVMValueRef emit_lane(Emitter *e, Dtype dtype, int lanes)
{
    LLVMValueRef *all = ARENA_ARRAY(e->arena, LLVMValueRef, lanes);
    for (int i = 0; i < lanes; i++) all[i] = emit_constant(e, dtype, 1, (Scalar){.real = (double)i, .integer = i});
    return lanes == 1 ? all[0] : LLVMConstVector(all, (unsigned)lanes);
}

static LLVMValueRef emit_index(Body *b, const LoopExpr *index)
{
    LLVMValueRef value = emit_affine(b, &index->index);
    Dtype type = b->emitter->options->target->arch->index_bits == 64 ? I64 : I32;
    return index->dtype == type ? value : emit_op(b->emitter, EXPR_CAST, type, index->dtype, 1, &value);
}

/* Upper half onto lower half until one lane is left. */
static LLVMValueRef emit_fold(Body *b, const LoopExpr *fold)
{
    Emitter *e = b->emitter;
    LLVMValueRef value = emit_expr(b, fold->in[0]);
    LLVMValueRef *from = ARENA_ARRAY(e->arena, LLVMValueRef, fold->in[0]->lanes);
    for (int half = fold->in[0]->lanes / 2; half >= 1; half /= 2) {
        LLVMValueRef halves[2];
        for (int side = 0; side < 2; side++) {
            for (int i = 0; i < half; i++) from[i] = LLVMConstInt(e->i32, (unsigned long long)(side * half + i), 0);
            halves[side] = half == 1 ? LLVMBuildExtractElement(e->builder, value, from[0], "")
                                     : LLVMBuildShuffleVector(e->builder, value, LLVMGetPoison(LLVMTypeOf(value)),
                                                              LLVMConstVector(from, (unsigned)half), "");
        }
        value = emit_op(e, fold->op, fold->dtype, fold->dtype, half, halves);
    }
    return value;
}

static LLVMValueRef emit_register(Body *b, const LoopExpr *use)
{
    int64_t index = emit_constant_index(b, &use->index), count = use->lanes / use->reg->lanes;
    assert(index >= 0 && index + count <= use->reg->count);
    LLVMValueRef *value = b->registers[emit_register_position(b, use->reg)] + index;
    assert(value[0]);
    if (count == 1) return value[0];
    Emitter *e = b->emitter;
    LLVMValueRef whole = LLVMGetPoison(emit_type(e, use->dtype, use->lanes));
    for (int64_t i = 0; i < count; i++)
        whole = LLVMBuildInsertElement(e->builder, whole, value[i], LLVMConstInt(e->i32, (uint64_t)i, 0), "");
    return whole;
}

int emit_lanes_read(const Body *b, const LoopExpr *e)
{
    int most = e->lanes;
    if (e->kind == LOOP_LOAD && !e->limit) return e->active;
    if (e->kind == LOOP_LET) return b->lets_read[e->let->id];
    for (int i = 0; e->kind == LOOP_OP && i < expr_kind_arity(e->op); i++) {
        int read = e->in[i]->lanes == e->lanes ? emit_lanes_read(b, e->in[i]) : e->lanes;
        if (read < most) most = read;
    }
    return most;
}

/* LLVM 19 takes a lane for zero in which two zeros are divided (TargetLowering::SimplifyDemandedVectorElts), and then
 * leaves out what keeps its NaN from the sums: lanes that nothing is read for are divided by one. */
static LLVMValueRef emit_divisor(Body *b, const LoopExpr *e, LLVMValueRef value)
{
    Emitter *emitter = b->emitter;
    int read = emit_lanes_read(b, e);
    if (read >= e->lanes) return value;
    LLVMValueRef *bits = ARENA_ARRAY(emitter->arena, LLVMValueRef, e->lanes);
    for (int i = 0; i < e->lanes; i++) bits[i] = LLVMConstInt(LLVMInt1TypeInContext(emitter->context), i < read, 0);
    LLVMValueRef one = emit_constant(emitter, e->dtype, e->lanes, (Scalar){.real = 1});
    return LLVMBuildSelect(emitter->builder, LLVMConstVector(bits, (unsigned)e->lanes), value, one, "");
}

static LLVMValueRef emit_operation(Body *b, const LoopExpr *e)
{
    LLVMValueRef in[3] = {NULL, NULL, NULL}, rounded = e->op == EXPR_CAST ? emit_rounded(b, e) : NULL;
    if (!rounded && e->op == EXPR_CAST) rounded = emit_stored(b, e);
    if (rounded) return rounded;
    for (int i = 0; i < expr_kind_arity(e->op); i++) in[i] = emit_expr(b, e->in[i]);
    if (e->op == EXPR_DIV && dtype_is_float(e->dtype)) in[1] = emit_divisor(b, e->in[1], in[1]);
    return emit_op(b->emitter, e->op, e->in[e->op == EXPR_SELECT]->dtype, e->dtype, e->lanes, in);
}

LLVMValueRef emit_expr(Body *b, const LoopExpr *e)
{
    switch (e->kind) {
    case LOOP_CONST: return emit_constant(b->emitter, e->dtype, e->lanes, e->value);
    case LOOP_INDEX: return emit_index(b, e);
    case LOOP_LET: return b->lets[e->let->id];
    case LOOP_REGISTER: return emit_register(b, e);
    case LOOP_LOAD: return emit_load(b, e);
    case LOOP_OP: return emit_operation(b, e);
    case LOOP_SPLAT: return emit_repeat(b, e);
    case LOOP_LANE: return emit_lane(b->emitter, e->dtype, e->lanes);
    case LOOP_FOLD: return emit_fold(b, e);
    case LOOP_DOT: return emit_dot(b, e);
    }
    assert(false);
    return NULL;
}
