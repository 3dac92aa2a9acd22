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

typedef struct RoundRow {
    const char *arch, *intrinsic;
    int lanes;
    bool masked; /* takes what inactive lanes hold, a mask and a way of rounding too */
} RoundRow;

static const RoundRow rows[] = {
    {"x86_64", "llvm.x86.avx512.mask.cvtps2dq.512", 16, true},
    {"x86_64", "llvm.x86.avx.cvt.ps2dq.256", 8, false},
    {"x86_64", "llvm.x86.sse2.cvtps2dq", 4, false},
};

/* Rounded to nearest even, as an i32; every lane is a number that one holds. */
static LLVMValueRef to_nearest(Emitter *e, int lanes, LLVMValueRef value)
{
    const Target *target = e->options->target;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const RoundRow *row = &rows[i];
        bool has = !strncmp(target->triple, row->arch, strlen(row->arch)) && lanes * 4 <= target->vector_bytes;
        if (!has || row->lanes != lanes) continue;
        enum { AS_SET = 4 }; /* by the rounding mode in force, which is to nearest */
        LLVMTypeRef mask = LLVMIntTypeInContext(e->context, 16);
        LLVMValueRef args[] = {value, LLVMConstNull(emit_type(e, I32, lanes)), LLVMConstAllOnes(mask),
                               LLVMConstInt(e->i32, AS_SET, 0)};
        return emit_intrinsic(e, row->intrinsic, NULL, 0, args, row->masked ? 4 : 1);
    }
    LLVMValueRef rounded = emit_op(e, EXPR_RINT, F32, F32, lanes, &value);
    return LLVMBuildFPToSI(e->builder, rounded, emit_type(e, I32, lanes), "");
}

static bool is_op(const LoopExpr *e, ExprKind op) { return e->kind == LOOP_OP && e->op == op; }

/* A whole number that floats hold exactly. */
static bool is_bound(const LoopExpr *e)
{
    return e->kind == LOOP_CONST && fabs(e->value.real) <= 0x1p24 && rint(e->value.real) == e->value.real;
}

LLVMValueRef emit_rounded(Body *b, const LoopExpr *cast)
{
    Emitter *e = b->emitter;
    const LoopExpr *most = cast->in[0];
    if (cast->dtype != I32 || most->dtype != F32 || !is_op(most, EXPR_MIN) || !is_bound(most->in[1])) return NULL;
    const LoopExpr *least = most->in[0];
    if (!is_op(least, EXPR_MAX) || !is_bound(least->in[1]) || !is_op(least->in[0], EXPR_RINT)) return NULL;
    if (least->in[1]->value.real > 0 || most->in[1]->value.real < 0) return NULL; /* NaN becomes 0, outside of them */
    /* rounding keeps the order, so it may come last */
    int lanes = cast->lanes;
    LLVMValueRef x = emit_expr(b, least->in[0]->in[0]), zero = LLVMConstNull(LLVMTypeOf(x));
    LLVMValueRef low = real(e, F32, lanes, least->in[1]->value.real),
                 high = real(e, F32, lanes, most->in[1]->value.real);
    if (least->in[1]->value.real != 0) x = choose(e, LLVMRealORD, x, x, zero);
    x = choose(e, LLVMRealOGT, x, low, low);
    return to_nearest(e, lanes, choose(e, LLVMRealOLT, x, high, high));
}
