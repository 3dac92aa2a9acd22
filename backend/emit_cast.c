/* Casts between any two dtypes, bit for bit as the interpreter does them. */
#include "backend/emitter.h"

#include <assert.h>

typedef struct Cast {
    Emitter *e;
    LLVMBuilderRef b;
    int lanes;
} Cast;

static LLVMValueRef bits32(const Cast *c, uint32_t value)
{
    return emit_constant(c->e, U32, c->lanes, (Scalar){.integer = value});
}

static LLVMValueRef shifted(const Cast *c, LLVMValueRef x, unsigned by)
{
    return LLVMBuildLShr(c->b, x, bits32(c, by), "");
}

static LLVMValueRef cast_bits(const Cast *c, LLVMValueRef x, Dtype to)
{
    return LLVMBuildBitCast(c->b, x, emit_type(c->e, to, c->lanes), "");
}

/* ---- to 16-bit floats, by their bits: LLVM would call a library ---- */

/* x >> by, rounded to nearest even. */
static LLVMValueRef shift_round(const Cast *c, LLVMValueRef x, LLVMValueRef by)
{
    LLVMValueRef one = bits32(c, 1), quotient = LLVMBuildLShr(c->b, x, by, "");
    LLVMValueRef half = LLVMBuildLShr(c->b, LLVMBuildShl(c->b, one, by, ""), one, "");
    LLVMValueRef odd = LLVMBuildAnd(c->b, quotient, one, "");
    LLVMValueRef sum = LLVMBuildAdd(c->b, x, LLVMBuildAdd(c->b, LLVMBuildSub(c->b, half, one, ""), odd, ""), "");
    return LLVMBuildLShr(c->b, sum, by, "");
}

static LLVMValueRef above(const Cast *c, LLVMValueRef x, uint32_t limit)
{
    return LLVMBuildICmp(c->b, LLVMIntUGT, x, bits32(c, limit), "");
}

static LLVMValueRef bfloat_from_float(const Cast *c, LLVMValueRef value)
{
    LLVMValueRef x = cast_bits(c, value, U32), nan = LLVMBuildFCmp(c->b, LLVMRealUNO, value, value, "");
    LLVMValueRef quiet = LLVMBuildOr(c->b, shifted(c, x, 16), bits32(c, 0x40), "");
    LLVMValueRef rounded = shift_round(c, x, bits32(c, 16));
    LLVMValueRef bits = LLVMBuildSelect(c->b, nan, quiet, rounded, "");
    return LLVMBuildTrunc(c->b, bits, emit_type(c->e, BF16, c->lanes), "");
}

/* Cases as in f16_from_float of ir/tensor.c. */
static LLVMValueRef half_from_float(const Cast *c, LLVMValueRef value)
{
    LLVMBuilderRef b = c->b;
    LLVMValueRef x = cast_bits(c, value, U32), magnitude = LLVMBuildAnd(b, x, bits32(c, 0x7fffffff), "");
    LLVMValueRef normal = LLVMBuildSub(b, magnitude, bits32(c, 0x38000000), "");
    normal = shift_round(c, normal, bits32(c, 13));
    LLVMValueRef fraction =
        LLVMBuildOr(b, LLVMBuildAnd(b, magnitude, bits32(c, 0x7fffff), ""), bits32(c, 0x800000), "");
    LLVMValueRef by = LLVMBuildSub(b, bits32(c, 126), shifted(c, magnitude, 23), "");
    by = LLVMBuildAnd(b, by, bits32(c, 31), ""); /* out of range only where it is not chosen */
    LLVMValueRef result = shift_round(c, fraction, by);
    result = LLVMBuildSelect(b, above(c, magnitude, 0x32ffffff), result, bits32(c, 0), "");
    result = LLVMBuildSelect(b, above(c, magnitude, 0x387fffff), normal, result, "");
    result = LLVMBuildSelect(b, above(c, magnitude, 0x477fefff), bits32(c, 0x7c00), result, "");
    result = LLVMBuildSelect(b, above(c, magnitude, 0x7f800000), bits32(c, 0x7e00), result, "");
    LLVMValueRef sign = LLVMBuildAnd(b, shifted(c, x, 16), bits32(c, 0x8000), "");
    return LLVMBuildTrunc(b, LLVMBuildOr(b, sign, result, ""), emit_type(c->e, F16, c->lanes), "");
}

/* ---- to odd: the last bit says whether anything was cut off, so that the second rounding is as good as one ---- */

static LLVMValueRef float_to_odd(const Cast *c, LLVMValueRef value)
{
    LLVMBuilderRef b = c->b;
    LLVMTypeRef wide = emit_type(c->e, F64, c->lanes);
    LLVMValueRef near = LLVMBuildFPTrunc(b, value, emit_type(c->e, F32, c->lanes), "");
    LLVMValueRef back = LLVMBuildFPExt(b, near, wide, ""), bits = cast_bits(c, near, U32);
    LLVMValueRef sizes[2] = {back, value};
    for (int i = 0; i < 2; i++) sizes[i] = emit_intrinsic(c->e, "llvm.fabs", &wide, 1, &sizes[i], 1);
    LLVMValueRef over = LLVMBuildFCmp(b, LLVMRealOGT, sizes[0], sizes[1], "");
    LLVMValueRef odd = LLVMBuildSub(b, bits, LLVMBuildZExt(b, over, emit_type(c->e, U32, c->lanes), ""), "");
    odd = cast_bits(c, LLVMBuildOr(b, odd, bits32(c, 1), ""), F32);
    LLVMValueRef exact = LLVMBuildFCmp(b, LLVMRealUEQ, back, value, ""); /* NaN too */
    LLVMValueRef large = above(c, LLVMBuildAnd(b, bits, bits32(c, 0x7fffffff), ""), 0x7f7fffff);
    return LLVMBuildSelect(b, LLVMBuildOr(b, exact, large, ""), near, odd, "");
}

static LLVMValueRef wide_bits(const Cast *c, uint64_t value)
{
    return emit_constant(c->e, U64, c->lanes, (Scalar){.integer = (int64_t)value});
}

static LLVMValueRef double_to_odd(const Cast *c, LLVMValueRef magnitude)
{
    LLVMBuilderRef b = c->b;
    LLVMTypeRef wide = emit_type(c->e, F64, c->lanes);
    LLVMValueRef rest = LLVMBuildAnd(b, magnitude, wide_bits(c, 0x7ff), "");
    LLVMValueRef some = LLVMBuildICmp(b, LLVMIntNE, rest, wide_bits(c, 0), "");
    some = LLVMBuildZExt(b, some, emit_type(c->e, U64, c->lanes), "");
    LLVMValueRef high = LLVMBuildOr(b, LLVMBuildLShr(b, magnitude, wide_bits(c, 11), ""), some, "");
    LLVMValueRef scale = emit_constant(c->e, F64, c->lanes, (Scalar){.real = 2048.0});
    LLVMValueRef large = LLVMBuildFMul(b, LLVMBuildUIToFP(b, high, wide, ""), scale, "");
    LLVMValueRef fits = LLVMBuildICmp(b, LLVMIntULT, magnitude, wide_bits(c, (uint64_t)1 << 53), "");
    return LLVMBuildSelect(b, fits, LLVMBuildUIToFP(b, magnitude, wide, ""), large, "");
}

/* 32 bits do not fit an f32's 24: the same without f64, which small processors lack. */
static LLVMValueRef whole_to_odd(const Cast *c, Dtype from, LLVMValueRef value)
{
    LLVMBuilderRef b = c->b;
    LLVMTypeRef single = emit_type(c->e, F32, c->lanes), type = emit_type(c->e, U32, c->lanes);
    LLVMValueRef magnitude = value, some = LLVMBuildAnd(b, value, bits32(c, 0xff), "");
    some = LLVMBuildICmp(b, LLVMIntNE, some, bits32(c, 0), "");
    some = LLVMBuildShl(b, LLVMBuildZExt(b, some, type, ""), bits32(c, 8), "");
    LLVMValueRef high = LLVMBuildOr(b, LLVMBuildAnd(b, value, bits32(c, 0xffffff00), ""), some, "");
    if (from == I32) {
        LLVMValueRef args[] = {value, LLVMConstInt(c->e->i1, 0, 0)};
        magnitude = emit_intrinsic(c->e, "llvm.abs", &type, 1, args, 2);
    }
    LLVMValueRef fits = LLVMBuildICmp(b, LLVMIntULT, magnitude, bits32(c, 1U << 24), "");
    value = LLVMBuildSelect(b, fits, value, high, "");
    return from == I32 ? LLVMBuildSIToFP(b, value, single, "") : LLVMBuildUIToFP(b, value, single, "");
}

/* Any dtype but the 16-bit floats as an f32 that rounds on to them as itself would. */
static LLVMValueRef as_odd_float(const Cast *c, Dtype from, LLVMValueRef value)
{
    if (from == F32 || (!dtype_is_float(from) && dtype_bits(from) <= 16))
        return emit_cast(c->e, from, F32, c->lanes, value);
    if (from == I32 || from == U32) return whole_to_odd(c, from, value);
    if (from == U64) return float_to_odd(c, double_to_odd(c, value));
    if (from != I64) return float_to_odd(c, emit_cast(c->e, from, F64, c->lanes, value));
    LLVMValueRef zero = wide_bits(c, 0), negative = LLVMBuildICmp(c->b, LLVMIntSLT, value, zero, "");
    LLVMValueRef magnitude = LLVMBuildSelect(c->b, negative, LLVMBuildNeg(c->b, value, ""), value, "");
    LLVMValueRef real = double_to_odd(c, magnitude);
    return float_to_odd(c, LLVMBuildSelect(c->b, negative, LLVMBuildFNeg(c->b, real, ""), real, ""));
}

/* ---- from 16-bit floats ---- */

static LLVMValueRef float_from_bfloat(const Cast *c, LLVMValueRef value)
{
    LLVMValueRef bits = LLVMBuildZExt(c->b, value, emit_type(c->e, U32, c->lanes), "");
    return cast_bits(c, LLVMBuildShl(c->b, bits, bits32(c, 16), ""), F32);
}

/* Exponent and fraction moved up and scaled: exact also for subnormal numbers. */
static LLVMValueRef float_from_half(const Cast *c, LLVMValueRef value)
{
    LLVMBuilderRef b = c->b;
    LLVMValueRef bits = LLVMBuildZExt(b, value, emit_type(c->e, U32, c->lanes), "");
    LLVMValueRef sign = LLVMBuildShl(b, LLVMBuildAnd(b, bits, bits32(c, 0x8000), ""), bits32(c, 16), "");
    LLVMValueRef magnitude = LLVMBuildAnd(b, bits, bits32(c, 0x7fff), "");
    LLVMValueRef moved = cast_bits(c, LLVMBuildShl(b, magnitude, bits32(c, 13), ""), F32);
    LLVMValueRef scale = emit_constant(c->e, F32, c->lanes, (Scalar){.real = 0x1p112});
    LLVMValueRef finite = cast_bits(c, LLVMBuildFMul(b, moved, scale, ""), U32);
    LLVMValueRef special = LLVMBuildOr(b, cast_bits(c, moved, U32), bits32(c, 0x7f800000), "");
    LLVMValueRef chosen = LLVMBuildSelect(b, above(c, magnitude, 0x7bff), special, finite, "");
    return cast_bits(c, LLVMBuildOr(b, sign, chosen, ""), F32);
}

/* ---- the rest ---- */

static LLVMValueRef from_float(const Cast *c, Dtype from, Dtype to, LLVMValueRef value)
{
    LLVMTypeRef overload[] = {emit_type(c->e, to, c->lanes), emit_type(c->e, from, c->lanes)};
    if (to == BOOL) return LLVMBuildFCmp(c->b, LLVMRealUNE, value, LLVMConstNull(overload[1]), "");
    if (to == F64) return LLVMBuildFPExt(c->b, value, overload[0], "");
    if (to == F32) return LLVMBuildFPTrunc(c->b, value, overload[0], "");
    bool is_signed = dtype_kind(to) == DTYPE_SIGNED;
    if (c->lanes > 1 && dtype_bits(to) <= (is_signed ? 32 : 16)) return emit_saturated(c->e, from, to, c->lanes, value);
    return emit_intrinsic(c->e, is_signed ? "llvm.fptosi.sat" : "llvm.fptoui.sat", overload, 2, &value, 1);
}

static LLVMValueRef from_integer(const Cast *c, Dtype from, Dtype to, LLVMValueRef value)
{
    LLVMTypeRef type = emit_type(c->e, to, c->lanes);
    bool is_signed = dtype_kind(from) == DTYPE_SIGNED;
    if (to == BOOL) return LLVMBuildICmp(c->b, LLVMIntNE, value, LLVMConstNull(LLVMTypeOf(value)), "");
    if (dtype_is_float(to))
        return is_signed ? LLVMBuildSIToFP(c->b, value, type, "") : LLVMBuildUIToFP(c->b, value, type, "");
    return LLVMBuildIntCast2(c->b, value, type, is_signed, "");
}

LLVMValueRef emit_cast(Emitter *e, Dtype from, Dtype to, int lanes, LLVMValueRef value)
{
    Cast c = {e, e->builder, lanes};
    if (from == to) return value;
    if (from == F16) return emit_cast(e, F32, to, lanes, float_from_half(&c, value));
    if (from == BF16) return emit_cast(e, F32, to, lanes, float_from_bfloat(&c, value));
    if (to == F16) return half_from_float(&c, as_odd_float(&c, from, value));
    if (to == BF16) return bfloat_from_float(&c, as_odd_float(&c, from, value));
    return dtype_is_float(from) ? from_float(&c, from, to, value) : from_integer(&c, from, to, value);
}
