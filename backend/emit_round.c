/* Floats to integers in fewer instructions than llvm.fptosi.sat takes, which LLVM makes one lane at a time: by clamping
 * first to what the integers hold, after which the processor's own conversion is defined. */
#include "backend/emitter.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- any float to an integer of up to 32 bits ---- */

static LLVMValueRef real(Emitter *e, Dtype dtype, int lanes, double value)
{
    return emit_constant(e, dtype, lanes, (Scalar){.real = value});
}

static LLVMValueRef choose(Emitter *e, LLVMRealPredicate when, LLVMValueRef x, LLVMValueRef y, LLVMValueRef other)
{
    return LLVMBuildSelect(e->builder, LLVMBuildFCmp(e->builder, when, x, y, ""), x, other, "");
}

LLVMValueRef emit_saturated(Emitter *e, Dtype from, Dtype to, int lanes, LLVMValueRef value)
{
    int bits = dtype_bits(to) - (dtype_kind(to) == DTYPE_SIGNED);
    double end = ldexp(1, bits), low = dtype_kind(to) == DTYPE_SIGNED ? -end : 0;
    double high = from == F32 && bits > 24 ? end - ldexp(1, bits - 24) : end - 1; /* the last one below the end */
    LLVMTypeRef wide = emit_type(e, I32, lanes), type = emit_type(e, to, lanes);
    LLVMValueRef least = real(e, from, lanes, low), most = real(e, from, lanes, high);
    LLVMValueRef clamped = choose(e, LLVMRealORD, value, value, LLVMConstNull(LLVMTypeOf(value)));
    clamped = choose(e, LLVMRealOGT, clamped, least, least);
    clamped = choose(e, LLVMRealOLT, clamped, most, most);
    LLVMValueRef whole = LLVMBuildFPToSI(e->builder, clamped, wide, "");
    if (bits < 31) return LLVMBuildTrunc(e->builder, whole, type, "");
    LLVMValueRef over = LLVMBuildFCmp(e->builder, LLVMRealOGE, value, real(e, from, lanes, end), "");
    LLVMValueRef last = emit_constant(e, I32, lanes, (Scalar){.integer = INT32_MAX});
    return LLVMBuildSelect(e->builder, over, last, whole, "");
}

/* ---- cast(i32, min(max(rint(x), low), high)): what quantising ends with ---- */

/* How an intrinsic wants its operand. */
typedef enum RoundForm {
    ROUND_PLAIN,
    ROUND_MASKED, /* what inactive lanes hold, a mask and a way of rounding too */
    ROUND_SIGNED, /* that the result is signed, first; named after the types of both */
    ROUND_TYPED,  /* named after the types of both */
    ROUND_BITS    /* gives the bits of the integer as a float */
} RoundForm;

typedef struct RoundRow {
    const char *arch; /* what the target's triple begins with */
    unsigned needs;   /* FEATURE_ bits */
    const char *intrinsic;
    int lanes;
    RoundForm form;
    bool saturates; /* takes any number: those too large become the last i32, and NaN becomes 0 */
} RoundRow;

static const RoundRow rows[] = {
    {"x86_64", 0, "llvm.x86.avx512.mask.cvtps2dq.512", 16, ROUND_MASKED, false},
    {"x86_64", 0, "llvm.x86.avx.cvt.ps2dq.256", 8, ROUND_PLAIN, false},
    {"x86_64", 0, "llvm.x86.sse2.cvtps2dq", 4, ROUND_PLAIN, false},
    {"aarch64", 0, "llvm.aarch64.neon.fcvtns", 4, ROUND_TYPED, true},
    {"thumbv8.1m", FEATURE_VECTOR_SUM, "llvm.arm.mve.vcvtn", 4, ROUND_SIGNED, true},
    {"thumb", FEATURE_FMA, "llvm.arm.vcvtr", 1, ROUND_BITS, true},
};

static const RoundRow *find_row(const Target *target, int lanes)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const RoundRow *row = &rows[i];
        bool has = !strncmp(target->triple, row->arch, strlen(row->arch)) && (target->has & row->needs) == row->needs;
        if (has && row->lanes == lanes && lanes * 4 <= target->vector_bytes) return row;
    }
    return NULL;
}

static LLVMValueRef call_row(Emitter *e, const RoundRow *row, LLVMValueRef value)
{
    enum { AS_SET = 4 }; /* by the rounding mode in force, which is to nearest */
    LLVMTypeRef integers = emit_type(e, I32, row->lanes), overload[] = {integers, LLVMTypeOf(value)};
    LLVMTypeRef mask = LLVMIntTypeInContext(e->context, 16);
    LLVMValueRef masked[] = {value, LLVMConstNull(integers), LLVMConstAllOnes(mask), LLVMConstInt(e->i32, AS_SET, 0)};
    LLVMValueRef is_signed[] = {LLVMConstNull(e->i32), value};
    switch (row->form) {
    case ROUND_PLAIN: return emit_intrinsic(e, row->intrinsic, NULL, 0, &value, 1);
    case ROUND_MASKED: return emit_intrinsic(e, row->intrinsic, NULL, 0, masked, 4);
    case ROUND_SIGNED: return emit_intrinsic(e, row->intrinsic, overload, 2, is_signed, 2);
    case ROUND_TYPED: return emit_intrinsic(e, row->intrinsic, overload, 2, &value, 1);
    case ROUND_BITS: break;
    }
    LLVMValueRef bits = emit_intrinsic(e, row->intrinsic, overload + 1, 1, &value, 1);
    return LLVMBuildBitCast(e->builder, bits, integers, "");
}

/* Rounded to nearest even, as an i32; every lane is a number that one holds. */
static LLVMValueRef to_nearest(Emitter *e, int lanes, LLVMValueRef value)
{
    const RoundRow *row = find_row(e->options->target, lanes);
    if (row) return call_row(e, row, value);
    LLVMValueRef rounded = emit_op(e, EXPR_RINT, F32, F32, lanes, &value);
    return LLVMBuildFPToSI(e->builder, rounded, emit_type(e, I32, lanes), "");
}

/* x of cast(i32, min(max(rint(x), low), high)) with low <= 0 <= high: NaN becomes 0, outside of no such bounds. */
typedef struct Rounded {
    const LoopExpr *x;
    double low, high;
} Rounded;

static bool is_op(const LoopExpr *e, ExprKind op) { return e->kind == LOOP_OP && e->op == op; }

/* A whole number that floats hold exactly. */
static bool is_bound(const LoopExpr *e)
{
    return e->kind == LOOP_CONST && fabs(e->value.real) <= 0x1p24 && rint(e->value.real) == e->value.real;
}

static bool is_rounded(const LoopExpr *cast, Rounded *out)
{
    if (!is_op(cast, EXPR_CAST)) return false;
    const LoopExpr *most = cast->in[0];
    if (cast->dtype != I32 || most->dtype != F32 || !is_op(most, EXPR_MIN) || !is_bound(most->in[1])) return false;
    const LoopExpr *least = most->in[0];
    if (!is_op(least, EXPR_MAX) || !is_bound(least->in[1]) || !is_op(least->in[0], EXPR_RINT)) return false;
    *out = (Rounded){least->in[0]->in[0], least->in[1]->value.real, most->in[1]->value.real};
    return out->low <= 0 && out->high >= 0;
}

static LLVMValueRef clamp_integers(Emitter *e, int lanes, LLVMValueRef value, double low, double high)
{
    LLVMTypeRef type = emit_type(e, I32, lanes);
    LLVMValueRef least[] = {value, emit_constant(e, I32, lanes, (Scalar){.integer = (int64_t)low})};
    LLVMValueRef most[] = {emit_intrinsic(e, "llvm.smax", &type, 1, least, 2),
                           emit_constant(e, I32, lanes, (Scalar){.integer = (int64_t)high})};
    return emit_intrinsic(e, "llvm.smin", &type, 1, most, 2);
}

LLVMValueRef emit_rounded(Body *b, const LoopExpr *cast)
{
    Emitter *e = b->emitter;
    Rounded r;
    if (!is_rounded(cast, &r)) return NULL;
    /* rounding keeps the order, so it may come first or last */
    int lanes = cast->lanes;
    const RoundRow *row = find_row(e->options->target, lanes);
    LLVMValueRef x = emit_expr(b, r.x), zero = LLVMConstNull(LLVMTypeOf(x));
    if (row && row->saturates) return clamp_integers(e, lanes, call_row(e, row, x), r.low, r.high);
    LLVMValueRef low = real(e, F32, lanes, r.low), high = real(e, F32, lanes, r.high);
    if (r.low != 0) x = choose(e, LLVMRealORD, x, x, zero);
    x = choose(e, LLVMRealOGT, x, low, low);
    return to_nearest(e, lanes, choose(e, LLVMRealOLT, x, high, high));
}

LLVMValueRef emit_stored(Body *b, const LoopExpr *cast)
{
    Emitter *e = b->emitter;
    Rounded r;
    const LoopExpr *sum = cast->in[0];
    if (cast->lanes != 1 || (cast->dtype != I8 && cast->dtype != U8) || !is_op(sum, EXPR_ADD)) return NULL;
    const RoundRow *row = find_row(e->options->target, 1);
    if (!row || !row->saturates || !is_rounded(sum->in[0], &r) || sum->in[1]->kind != LOOP_CONST) return NULL;
    int64_t zero = sum->in[1]->value.integer;
    LLVMValueRef args[] = {call_row(e, row, emit_expr(b, r.x)), emit_constant(e, I32, 1, (Scalar){.integer = zero})};
    LLVMValueRef moved = zero ? emit_intrinsic(e, "llvm.sadd.sat", &e->i32, 1, args, 2) : args[0];
    moved = clamp_integers(e, 1, moved, r.low + (double)zero, r.high + (double)zero);
    return emit_op(e, EXPR_CAST, I32, cast->dtype, 1, &moved);
}
