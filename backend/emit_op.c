/* The operations of ir/expr.def, bit for bit as the interpreter does them. */
#include "backend/emitter.h"

#include <assert.h>
#include <math.h>

/* An operation being emitted: `from` is the dtype of its operands, `type` LLVM's of one of them. */
typedef struct Operation {
    Emitter *e;
    Dtype from, to;
    int lanes;
    LLVMTypeRef type;
    DtypeKind kind; /* of `from` */
} Operation;

typedef LLVMValueRef EmitOp(const Operation *o, const LLVMValueRef *in);

static LLVMValueRef intrinsic(const Operation *o, const char *name, LLVMValueRef a, LLVMValueRef b)
{
    LLVMTypeRef overload = o->type;
    LLVMValueRef args[] = {a, b};
    return emit_intrinsic(o->e, name, &overload, 1, args, b ? 2 : 1);
}

static LLVMValueRef real(const Operation *o, double value)
{
    return emit_constant(o->e, o->from, o->lanes, (Scalar){.real = value});
}

static LLVMValueRef integer(const Operation *o, int64_t value)
{
    return emit_constant(o->e, o->from, o->lanes, (Scalar){.integer = value});
}

/* ---- arithmetic ---- */

static LLVMValueRef op_ADD(const Operation *o, const LLVMValueRef *in)
{
    LLVMBuilderRef b = o->e->builder;
    return o->kind == DTYPE_FLOAT ? LLVMBuildFAdd(b, in[0], in[1], "") : LLVMBuildAdd(b, in[0], in[1], "");
}

static LLVMValueRef op_SUB(const Operation *o, const LLVMValueRef *in)
{
    LLVMBuilderRef b = o->e->builder;
    return o->kind == DTYPE_FLOAT ? LLVMBuildFSub(b, in[0], in[1], "") : LLVMBuildSub(b, in[0], in[1], "");
}

static LLVMValueRef op_MUL(const Operation *o, const LLVMValueRef *in)
{
    LLVMBuilderRef b = o->e->builder;
    return o->kind == DTYPE_FLOAT ? LLVMBuildFMul(b, in[0], in[1], "") : LLVMBuildMul(b, in[0], in[1], "");
}

/* x / 0 is 0; the lowest value / -1 is itself, as 0 - x wraps: neither is left to LLVM, which leaves them undefined. */
static LLVMValueRef op_DIV(const Operation *o, const LLVMValueRef *in)
{
    LLVMBuilderRef b = o->e->builder;
    if (o->kind == DTYPE_FLOAT) return LLVMBuildFDiv(b, in[0], in[1], "");
    LLVMValueRef zero = integer(o, 0), one = integer(o, 1);
    LLVMValueRef none = LLVMBuildICmp(b, LLVMIntEQ, in[1], zero, "");
    LLVMValueRef divisor = LLVMBuildSelect(b, none, one, in[1], ""), quotient;
    if (o->kind == DTYPE_SIGNED) {
        LLVMValueRef minus = LLVMBuildICmp(b, LLVMIntEQ, in[1], integer(o, -1), "");
        divisor = LLVMBuildSelect(b, minus, one, divisor, "");
        quotient = LLVMBuildSDiv(b, in[0], divisor, "");
        quotient = LLVMBuildSelect(b, minus, LLVMBuildNeg(b, in[0], ""), quotient, "");
    } else {
        quotient = LLVMBuildUDiv(b, in[0], divisor, "");
    }
    return LLVMBuildSelect(b, none, zero, quotient, "");
}

static LLVMValueRef op_NEG(const Operation *o, const LLVMValueRef *in)
{
    LLVMBuilderRef b = o->e->builder;
    return o->kind == DTYPE_FLOAT ? LLVMBuildFNeg(b, in[0], "") : LLVMBuildNeg(b, in[0], "");
}

static LLVMValueRef op_ABS(const Operation *o, const LLVMValueRef *in)
{
    if (o->kind == DTYPE_FLOAT) return intrinsic(o, "llvm.fabs", in[0], NULL);
    if (o->kind != DTYPE_SIGNED) return in[0];
    return intrinsic(o, "llvm.abs", in[0], LLVMConstInt(o->e->i1, 0, 0)); /* the lowest value is itself */
}

/* Without the instruction llvm.fma is a call of the C library, so the product is rounded there. */
static LLVMValueRef op_FMA(const Operation *o, const LLVMValueRef *in)
{
    bool fused = o->e->options->target->has & (o->from == F64 ? FEATURE_FMA64 : FEATURE_FMA);
    LLVMTypeRef overload = o->type;
    LLVMValueRef args[] = {in[0], in[1], in[2]};
    return emit_intrinsic(o->e, fused ? "llvm.fma" : "llvm.fmuladd", &overload, 1, args, 3);
}

static LLVMValueRef op_SQRT(const Operation *o, const LLVMValueRef *in)
{
    return intrinsic(o, "llvm.sqrt", in[0], NULL);
}

/* ---- minimum and maximum ---- */

static LLVMValueRef choose(const Operation *o, LLVMRealPredicate when, LLVMValueRef x, LLVMValueRef y)
{
    LLVMBuilderRef b = o->e->builder;
    return LLVMBuildSelect(b, LLVMBuildFCmp(b, when, x, y, ""), y, x, "");
}

/* A constant that is no NaN, the same in all lanes. */
static bool is_number(LLVMValueRef value, double *number)
{
    LLVMBool lossy;
    if (!LLVMIsConstant(value)) return false;
    if (LLVMGetTypeKind(LLVMTypeOf(value)) == LLVMVectorTypeKind) {
        LLVMValueRef first = LLVMGetAggregateElement(value, 0);
        for (unsigned i = 1; i < LLVMGetVectorSize(LLVMTypeOf(value)); i++)
            if (LLVMGetAggregateElement(value, i) != first) return false;
        value = first;
    }
    if (!value || !LLVMIsAConstantFP(value)) return false;
    *number = LLVMConstRealGetDouble(value, &lossy);
    return !isnan(*number);
}

/* True of what relu left and of the larger of two such: a number from +0 up, or NaN.  Recognised by its shape. */
static bool is_positive(LLVMValueRef value)
{
    if (LLVMIsABitCastInst(value)) {
        LLVMValueRef call = LLVMGetOperand(value, 0);
        return LLVMIsACallInst(call) &&
               LLVMGetIntrinsicID(LLVMGetCalledValue(call)) == LLVMLookupIntrinsicID("llvm.umax", 9);
    }
    if (!LLVMIsAInstruction(value) || LLVMGetInstructionOpcode(value) != LLVMFAdd) return false;
    LLVMValueRef chosen = LLVMGetOperand(value, 0);
    if (!LLVMIsNull(LLVMGetOperand(value, 1)) || !LLVMIsASelectInst(chosen)) return false;
    LLVMValueRef compare = LLVMGetOperand(chosen, 0);
    return LLVMIsNull(LLVMGetOperand(chosen, 1)) && LLVMIsAFCmpInst(compare) &&
           LLVMGetFCmpPredicate(compare) == LLVMRealOLT && LLVMIsNull(LLVMGetOperand(compare, 1)) &&
           LLVMGetOperand(compare, 0) == LLVMGetOperand(chosen, 2);
}

/* Positive numbers are ordered as their bits, and every NaN is above them: one instruction, NaN passed on. */
static LLVMValueRef larger_of_positive(const Operation *o, const LLVMValueRef *in)
{
    Emitter *e = o->e;
    LLVMTypeRef bits = emit_type(e, o->from == F64 ? U64 : U32, o->lanes);
    LLVMValueRef args[2];
    for (int i = 0; i < 2; i++) args[i] = LLVMBuildBitCast(e->builder, in[i], bits, "");
    LLVMValueRef larger = emit_intrinsic(e, "llvm.umax", &bits, 1, args, 2);
    return LLVMBuildBitCast(e->builder, larger, o->type, "");
}

/* LLVM has no code for llvm.maximum where floats are software: NaN first, then the larger, then, of equals, the zero
 * of the right sign. */
static bool is_software(const Operation *o)
{
    const Target *target = o->e->options->target;
    return target->arch->bare && !(target->has & (o->from == F64 ? FEATURE_FMA64 : FEATURE_FMA));
}

static LLVMValueRef software_extreme(const Operation *o, const LLVMValueRef *in, bool largest)
{
    LLVMBuilderRef b = o->e->builder;
    LLVMTypeRef bits = emit_type(o->e, o->from == F64 ? U64 : U32, o->lanes);
    LLVMValueRef x = LLVMBuildBitCast(b, in[0], bits, ""), y = LLVMBuildBitCast(b, in[1], bits, "");
    LLVMValueRef equal = largest ? LLVMBuildAnd(b, x, y, "") : LLVMBuildOr(b, x, y, "");
    LLVMValueRef value = LLVMBuildBitCast(b, equal, o->type, "");
    for (int i = 0; i < 2; i++) {
        LLVMRealPredicate wins = largest ? LLVMRealOGT : LLVMRealOLT;
        value = LLVMBuildSelect(b, LLVMBuildFCmp(b, wins, in[i], in[1 - i], ""), in[i], value, "");
    }
    for (int i = 0; i < 2; i++)
        value = LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealUNO, in[i], in[i], ""), in[i], value, "");
    return value;
}

/* NaN is passed on and max(+0, -0) is +0.  llvm.maximum does that in six instructions; against a known number, one
 * comparison does, for `x < c ? c : x` keeps NaN and, equal, x.  For c = +0, where x may be -0, adding +0 makes it +0.
 */
static LLVMValueRef op_MAX(const Operation *o, const LLVMValueRef *in)
{
    double number;
    if (o->kind == DTYPE_SIGNED) return intrinsic(o, "llvm.smax", in[0], in[1]);
    if (o->kind != DTYPE_FLOAT) return intrinsic(o, "llvm.umax", in[0], in[1]);
    int c = is_number(in[0], &number) ? 0 : 1;
    if (is_number(in[c], &number)) {
        LLVMValueRef value = choose(o, LLVMRealOLT, in[1 - c], in[c]);
        bool zero = number == 0 && !signbit(number);
        return zero ? LLVMBuildFAdd(o->e->builder, value, real(o, 0), "") : value;
    }
    if (is_positive(in[0]) && is_positive(in[1])) return larger_of_positive(o, in);
    return is_software(o) ? software_extreme(o, in, true) : intrinsic(o, "llvm.maximum", in[0], in[1]);
}

static LLVMValueRef op_MIN(const Operation *o, const LLVMValueRef *in)
{
    double number;
    if (o->kind == DTYPE_SIGNED) return intrinsic(o, "llvm.smin", in[0], in[1]);
    if (o->kind != DTYPE_FLOAT) return intrinsic(o, "llvm.umin", in[0], in[1]);
    int c = is_number(in[0], &number) ? 0 : 1;
    /* min(+0, -0) is -0: what is equal to -0 may have to change, what is equal to +0 stays */
    if (is_number(in[c], &number) && !(number == 0 && signbit(number))) return choose(o, LLVMRealOGT, in[1 - c], in[c]);
    return is_software(o) ? software_extreme(o, in, false) : intrinsic(o, "llvm.minimum", in[0], in[1]);
}

/* ---- rounding ---- */

/* On x86-64 instructions for it came with SSE4.1; without, adding and taking away what has no room for a fraction
 * rounds. */
static bool has_rounding(const Operation *o)
{
    unsigned has = o->e->options->target->has;
    return has & FEATURE_ROUND && (o->from != F64 || has & FEATURE_FMA64);
}

static LLVMValueRef with_sign(const Operation *o, LLVMValueRef value, LLVMValueRef sign)
{
    return intrinsic(o, "llvm.copysign", value, sign);
}

static LLVMValueRef round_by_adding(const Operation *o, LLVMValueRef x)
{
    LLVMBuilderRef b = o->e->builder;
    LLVMValueRef large = real(o, o->from == F64 ? 0x1p52 : 0x1p23), magnitude = intrinsic(o, "llvm.fabs", x, NULL);
    LLVMValueRef rounded = LLVMBuildFSub(b, LLVMBuildFAdd(b, magnitude, large, ""), large, "");
    LLVMValueRef small = LLVMBuildFCmp(b, LLVMRealOLT, magnitude, large, "");
    return LLVMBuildSelect(b, small, with_sign(o, rounded, x), x, "");
}

static LLVMValueRef op_RINT(const Operation *o, const LLVMValueRef *in)
{
    return has_rounding(o) ? intrinsic(o, "llvm.rint", in[0], NULL) : round_by_adding(o, in[0]);
}

static LLVMValueRef round_towards(const Operation *o, LLVMValueRef x, LLVMRealPredicate wrong, double step)
{
    LLVMBuilderRef b = o->e->builder;
    LLVMValueRef near = round_by_adding(o, x), moved = LLVMBuildFAdd(b, near, real(o, step), "");
    LLVMValueRef rounded = LLVMBuildSelect(b, LLVMBuildFCmp(b, wrong, near, x, ""), moved, near, "");
    return with_sign(o, rounded, x);
}

static LLVMValueRef op_FLOOR(const Operation *o, const LLVMValueRef *in)
{
    return has_rounding(o) ? intrinsic(o, "llvm.floor", in[0], NULL) : round_towards(o, in[0], LLVMRealOGT, -1);
}

static LLVMValueRef op_CEIL(const Operation *o, const LLVMValueRef *in)
{
    return has_rounding(o) ? intrinsic(o, "llvm.ceil", in[0], NULL) : round_towards(o, in[0], LLVMRealOLT, 1);
}

/* ---- scaling ---- */

typedef struct ScaleRow {
    Dtype dtype;
    int lanes;
    const char *intrinsic;
    int mask_bits;
    bool rounds; /* takes the rounding mode, too */
} ScaleRow;

static const ScaleRow scale_rows[] = {
    {F32, 16, "llvm.x86.avx512.mask.scalef.ps.512", 16, true}, {F32, 8, "llvm.x86.avx512.mask.scalef.ps.256", 8, false},
    {F32, 4, "llvm.x86.avx512.mask.scalef.ps.128", 8, false},  {F64, 8, "llvm.x86.avx512.mask.scalef.pd.512", 8, true},
    {F64, 4, "llvm.x86.avx512.mask.scalef.pd.256", 8, false},  {F64, 2, "llvm.x86.avx512.mask.scalef.pd.128", 8, false},
};

static LLVMValueRef scale_by_row(const Operation *o, const ScaleRow *row, const LLVMValueRef *in)
{
    enum { CURRENT_MODE = 4 };
    Emitter *e = o->e;
    LLVMTypeRef mask = LLVMIntTypeInContext(e->context, (unsigned)row->mask_bits);
    LLVMValueRef args[] = {in[0], in[1], in[0], LLVMConstAllOnes(mask), LLVMConstInt(e->i32, CURRENT_MODE, 0)};
    return emit_intrinsic(e, row->intrinsic, NULL, 0, args, row->rounds ? 5 : 4);
}

static LLVMValueRef power_of_two(const Operation *o, Dtype bits, LLVMValueRef exponent)
{
    LLVMBuilderRef b = o->e->builder;
    bool wide = o->from == F64;
    LLVMValueRef bias = emit_constant(o->e, bits, o->lanes, (Scalar){.integer = wide ? 1023 : 127});
    LLVMValueRef fraction = emit_constant(o->e, bits, o->lanes, (Scalar){.integer = wide ? 52 : 23});
    LLVMValueRef power = LLVMBuildShl(b, LLVMBuildAdd(b, exponent, bias, ""), fraction, "");
    return LLVMBuildBitCast(b, power, o->type, "");
}

/* Two products, since 2^n alone need not be a normal number; the second rounds, once.  Of NaN any n will do. */
static LLVMValueRef scale_by_products(const Operation *o, const LLVMValueRef *in)
{
    LLVMBuilderRef b = o->e->builder;
    Dtype bits = o->from == F64 ? I64 : I32;
    LLVMTypeRef integers = emit_type(o->e, bits, o->lanes);
    LLVMValueRef n = LLVMBuildFreeze(b, LLVMBuildFPToSI(b, in[1], integers, ""), "");
    LLVMValueRef one = emit_constant(o->e, bits, o->lanes, (Scalar){.integer = 1});
    LLVMValueRef first = LLVMBuildAShr(b, n, one, ""), rest = LLVMBuildSub(b, n, first, "");
    LLVMValueRef scaled = LLVMBuildFMul(b, in[0], power_of_two(o, bits, first), "");
    return LLVMBuildFMul(b, scaled, power_of_two(o, bits, rest), "");
}

static LLVMValueRef op_SCALE(const Operation *o, const LLVMValueRef *in)
{
    const Target *target = o->e->options->target;
    for (size_t i = 0; i < sizeof scale_rows / sizeof *scale_rows; i++) {
        const ScaleRow *row = &scale_rows[i];
        bool fits = row->dtype == o->from && row->lanes == o->lanes;
        if (fits && target->has & FEATURE_SCALE && row->lanes * dtype_bits(row->dtype) / 8 <= target->vector_bytes)
            return scale_by_row(o, row, in);
    }
    return scale_by_products(o, in);
}

/* ---- bits ---- */

static LLVMValueRef op_AND(const Operation *o, const LLVMValueRef *in)
{
    return LLVMBuildAnd(o->e->builder, in[0], in[1], "");
}

static LLVMValueRef op_OR(const Operation *o, const LLVMValueRef *in)
{
    return LLVMBuildOr(o->e->builder, in[0], in[1], "");
}

static LLVMValueRef op_XOR(const Operation *o, const LLVMValueRef *in)
{
    return LLVMBuildXor(o->e->builder, in[0], in[1], "");
}

/* Shifts go by the distance modulo the width. */
static LLVMValueRef distance(const Operation *o, LLVMValueRef by)
{
    return LLVMBuildAnd(o->e->builder, by, integer(o, dtype_bits(o->from) - 1), "");
}

static LLVMValueRef op_SHL(const Operation *o, const LLVMValueRef *in)
{
    return LLVMBuildShl(o->e->builder, in[0], distance(o, in[1]), "");
}

static LLVMValueRef op_SHR(const Operation *o, const LLVMValueRef *in)
{
    LLVMValueRef by = distance(o, in[1]);
    return o->kind == DTYPE_SIGNED ? LLVMBuildAShr(o->e->builder, in[0], by, "")
                                   : LLVMBuildLShr(o->e->builder, in[0], by, "");
}

/* ---- comparisons, choice, conversion ---- */

static LLVMValueRef compare(const Operation *o, const LLVMValueRef *in, LLVMRealPredicate of_reals,
                            LLVMIntPredicate of_signed, LLVMIntPredicate of_unsigned)
{
    LLVMBuilderRef b = o->e->builder;
    if (o->kind == DTYPE_FLOAT) return LLVMBuildFCmp(b, of_reals, in[0], in[1], "");
    return LLVMBuildICmp(b, o->kind == DTYPE_SIGNED ? of_signed : of_unsigned, in[0], in[1], "");
}

static LLVMValueRef op_EQ(const Operation *o, const LLVMValueRef *in)
{
    return compare(o, in, LLVMRealOEQ, LLVMIntEQ, LLVMIntEQ);
}

static LLVMValueRef op_NE(const Operation *o, const LLVMValueRef *in)
{
    return compare(o, in, LLVMRealUNE, LLVMIntNE, LLVMIntNE);
}

static LLVMValueRef op_LT(const Operation *o, const LLVMValueRef *in)
{
    return compare(o, in, LLVMRealOLT, LLVMIntSLT, LLVMIntULT);
}

static LLVMValueRef op_LE(const Operation *o, const LLVMValueRef *in)
{
    return compare(o, in, LLVMRealOLE, LLVMIntSLE, LLVMIntULE);
}

static LLVMValueRef op_SELECT(const Operation *o, const LLVMValueRef *in)
{
    return LLVMBuildSelect(o->e->builder, in[0], in[1], in[2], "");
}

static LLVMValueRef op_CAST(const Operation *o, const LLVMValueRef *in)
{
    return emit_cast(o->e, o->from, o->to, o->lanes, in[0]);
}

static LLVMValueRef op_BITCAST(const Operation *o, const LLVMValueRef *in)
{
    return LLVMBuildBitCast(o->e->builder, in[0], emit_type(o->e, o->to, o->lanes), "");
}

/* Arguments and constants are no operations. */
#define op_ARG NULL
#define op_CONST NULL

static EmitOp *const ops[EXPR_KIND_COUNT] = {
#define EXPR(id, name, arity) [EXPR_##id] = op_##id,
#include "ir/expr.def"
};

LLVMValueRef emit_op(Emitter *e, ExprKind op, Dtype from, Dtype to, int lanes, const LLVMValueRef *in)
{
    assert(ops[op]);
    Operation o = {e, from, to, lanes, emit_type(e, from, lanes), dtype_kind(from)};
    return ops[op](&o, in);
}
