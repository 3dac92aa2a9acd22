/* Sums of products of narrow integers, exact: by an instruction where the target has one that neither saturates nor
 * rounds, else by widening.
 *
 * A row says what one instruction does.  The operands of a dot are brought to a row in this order: cut or filled up to
 * its lanes; i8 by i8 for a row of u8 by i8, by adding 128; bytes widened to 16 bits; twice as many pairs as fours.
 * Without any row LLVM multiplies in 32 bits, of which it knows more patterns than we should. */
#include "backend/emitter.h"

#include <assert.h>
#include <string.h>

typedef struct DotRow {
    const char *arch; /* what the target's triple begins with */
    unsigned needs;   /* FEATURE_ bits */
    int lanes;        /* of the sums; 4 bytes each, no more than the target's integer_bytes */
    int products;     /* a lane */
    Dtype x, y;
    bool adds;       /* takes the sum so far as its first operand; else gives the products' alone */
    bool overloaded; /* on the types of the result and of the operands */
    const char *intrinsic;
} DotRow;

/* Wider ones first.  vpmaddubsw is not here: it saturates. */
static const DotRow rows[] = {
    {"x86_64", FEATURE_DOT8, 16, 4, U8, I8, true, false, "llvm.x86.avx512.vpdpbusd.512"},
    {"x86_64", FEATURE_DOT8, 8, 4, U8, I8, true, false, "llvm.x86.avx512.vpdpbusd.256"},
    {"x86_64", FEATURE_DOT8, 4, 4, U8, I8, true, false, "llvm.x86.avx512.vpdpbusd.128"},
    {"x86_64", 0, 16, 2, I16, I16, false, false, "llvm.x86.avx512.pmaddw.d.512"},
    {"x86_64", 0, 8, 2, I16, I16, false, false, "llvm.x86.avx2.pmadd.wd"},
    {"x86_64", 0, 4, 2, I16, I16, false, false, "llvm.x86.sse2.pmadd.wd"},
    {"aarch64", FEATURE_DOT8, 4, 4, I8, I8, true, true, "llvm.aarch64.neon.sdot"},
    {"aarch64", FEATURE_DOT8, 4, 4, U8, U8, true, true, "llvm.aarch64.neon.udot"},
};
enum { ROWS = sizeof rows / sizeof *rows };

/* A dot on its way to instructions; `products` operand lanes belong to each of `lanes` sums. */
typedef struct Dot {
    Emitter *e;
    int lanes, products;
    Dtype dx, dy;
    LLVMValueRef sum, x, y;
} Dot;

/* ---- lanes ---- */

/* Lane i of the result is lane first + i * step of `v`; zero behind its end. */
static LLVMValueRef pick(Emitter *e, LLVMValueRef v, int first, int step, int count)
{
    int room = (int)LLVMGetVectorSize(LLVMTypeOf(v));
    if (first == 0 && step == 1 && count == room) return v;
    LLVMValueRef *mask = ARENA_ARRAY(e->arena, LLVMValueRef, count);
    for (int i = 0; i < count; i++) {
        int from = first + i * step;
        mask[i] = LLVMConstInt(e->i32, (unsigned long long)(from < room ? from : room), 0);
    }
    return LLVMBuildShuffleVector(e->builder, v, LLVMConstNull(LLVMTypeOf(v)), LLVMConstVector(mask, (unsigned)count),
                                  "");
}

/* `part` laid over the lanes from `first` on of `whole`. */
static LLVMValueRef put(Emitter *e, LLVMValueRef whole, LLVMValueRef part, int first, int lanes)
{
    int width = (int)LLVMGetVectorSize(LLVMTypeOf(part));
    LLVMValueRef wide = pick(e, part, 0, 1, lanes), *mask = ARENA_ARRAY(e->arena, LLVMValueRef, lanes);
    for (int i = 0; i < lanes; i++) {
        bool ours = i >= first && i < first + width;
        mask[i] = LLVMConstInt(e->i32, (unsigned long long)(ours ? lanes + i - first : i), 0);
    }
    return LLVMBuildShuffleVector(e->builder, whole, wide, LLVMConstVector(mask, (unsigned)lanes), "");
}

/* ---- one instruction ---- */

static bool has_row(const Emitter *e, const DotRow *row)
{
    const Target *target = e->options->target;
    return !strncmp(target->triple, row->arch, strlen(row->arch)) && (target->has & row->needs) == row->needs &&
           row->lanes * 4 <= target->integer_bytes;
}

/* The widest row that the lanes fill, or the narrowest one. */
static const DotRow *find_row(const Emitter *e, int products, Dtype x, Dtype y, int lanes)
{
    const DotRow *found = NULL;
    for (int i = 0; i < ROWS; i++) {
        const DotRow *row = &rows[i];
        if (row->products != products || row->x != x || row->y != y || !has_row(e, row)) continue;
        if (!found || found->lanes > lanes) found = row;
    }
    return found;
}

static LLVMValueRef as_parameter(Emitter *e, LLVMTypeRef type, LLVMValueRef value)
{
    return LLVMTypeOf(value) == type ? value : LLVMBuildBitCast(e->builder, value, type, "");
}

static LLVMValueRef call_row(Emitter *e, const DotRow *row, LLVMValueRef sum, LLVMValueRef x, LLVMValueRef y)
{
    LLVMTypeRef overload[] = {LLVMTypeOf(sum), LLVMTypeOf(x)}, types[3];
    unsigned id = LLVMLookupIntrinsicID(row->intrinsic, strlen(row->intrinsic));
    assert(id);
    LLVMValueRef function = LLVMGetIntrinsicDeclaration(e->module, id, overload, row->overloaded ? 2 : 0);
    LLVMTypeRef type = LLVMGlobalGetValueType(function);
    LLVMGetParamTypes(type, types);
    LLVMValueRef args[3];
    unsigned count = 0;
    if (row->adds) args[count++] = sum;
    args[count] = as_parameter(e, types[count], x);
    count++;
    args[count] = as_parameter(e, types[count], y);
    count++;
    LLVMValueRef value = LLVMBuildCall2(e->builder, type, function, args, count, "");
    return row->adds ? value : LLVMBuildAdd(e->builder, sum, value, "");
}

/* The dot in pieces of the row's lanes; the last one may have lanes that nobody asked for. */
static LLVMValueRef by_row(const Dot *d, const DotRow *row)
{
    Emitter *e = d->e;
    if (row->lanes == d->lanes) return call_row(e, row, d->sum, d->x, d->y);
    LLVMValueRef whole = d->sum;
    for (int first = 0; first < d->lanes; first += row->lanes) {
        int left = d->lanes - first < row->lanes ? d->lanes - first : row->lanes, k = d->products;
        LLVMValueRef sum = pick(e, d->sum, first, 1, row->lanes);
        LLVMValueRef x = pick(e, d->x, first * k, 1, row->lanes * k), y = pick(e, d->y, first * k, 1, row->lanes * k);
        whole = put(e, whole, pick(e, call_row(e, row, sum, x, y), 0, 1, left), first, d->lanes);
    }
    return whole;
}

/* ---- other operands ---- */

/* x + 128 is a u8, and takes 128 times the sum of y too much. */
static LLVMValueRef by_offset(const Dot *d, const DotRow *row)
{
    Emitter *e = d->e;
    Scalar offset = {.integer = -128};
    LLVMValueRef all = emit_constant(e, I8, d->lanes * d->products, offset);
    Dot of_offset = *d, of_sum = *d;
    of_offset.sum = LLVMConstNull(LLVMTypeOf(d->sum));
    of_offset.x = all;
    of_sum.sum = LLVMBuildSub(e->builder, d->sum, by_row(&of_offset, row), "");
    of_sum.x = LLVMBuildXor(e->builder, d->x, all, "");
    return by_row(&of_sum, row);
}

static LLVMValueRef widened(const Dot *d, Dtype from, Dtype to, LLVMValueRef value)
{
    return emit_cast(d->e, from, to, d->lanes * d->products, value);
}

/* The sum over each lane's products, which are as many vectors of every `products`-th lane. */
static LLVMValueRef add_neighbours(const Dot *d, LLVMValueRef products, int count)
{
    LLVMValueRef sum = d->sum;
    for (int i = 0; i < count; i++)
        sum = LLVMBuildAdd(d->e->builder, sum, pick(d->e, products, i, count, d->lanes), "");
    return sum;
}

static LLVMValueRef by_pairs(Dot d, const DotRow *row)
{
    d.x = widened(&d, d.dx, I16, d.x);
    d.y = widened(&d, d.dy, I16, d.y);
    if (d.products == 2) return by_row(&d, row);
    Dot pairs = d;
    pairs.lanes = d.lanes * d.products / 2;
    pairs.products = 2;
    pairs.sum = LLVMConstNull(emit_type(d.e, I32, pairs.lanes));
    return add_neighbours(&d, by_row(&pairs, row), d.products / 2);
}

static LLVMValueRef by_multiplying(const Dot *d)
{
    LLVMValueRef x = widened(d, d->dx, I32, d->x), y = widened(d, d->dy, I32, d->y);
    return add_neighbours(d, LLVMBuildMul(d->e->builder, x, y, ""), d->products);
}

static bool has_long_pairs(const Dot *d)
{
    const Target *target = d->e->options->target;
    return target->arch->id == ARCH_AARCH64 && d->products == 2 && d->dx == d->dy && d->dx != I16;
}

/* Eight bytes by eight as 16 bits, which hold any such product, and their neighbours added to four sums. */
static LLVMValueRef by_long_pairs(const Dot *d)
{
    Emitter *e = d->e;
    bool is_signed = d->dx == I8;
    LLVMTypeRef product = emit_type(e, I16, 8), types[] = {emit_type(e, I32, 4), product};
    LLVMValueRef whole = d->sum;
    for (int first = 0; first < d->lanes; first += 4) {
        int left = d->lanes - first < 4 ? d->lanes - first : 4;
        LLVMValueRef args[] = {pick(e, d->x, first * 2, 1, 8), pick(e, d->y, first * 2, 1, 8)};
        const char *multiply = is_signed ? "llvm.aarch64.neon.smull" : "llvm.aarch64.neon.umull";
        const char *add = is_signed ? "llvm.aarch64.neon.saddlp" : "llvm.aarch64.neon.uaddlp";
        LLVMValueRef products = emit_intrinsic(e, multiply, &product, 1, args, 2);
        LLVMValueRef pairs = emit_intrinsic(e, add, types, 2, &products, 1);
        LLVMValueRef sum = LLVMBuildAdd(e->builder, pick(e, d->sum, first, 1, 4), pairs, "");
        whole = left == d->lanes ? pick(e, sum, 0, 1, left) : put(e, whole, pick(e, sum, 0, 1, left), first, d->lanes);
    }
    return whole;
}

/* Bytes 0 and 2, or after a rotation 1 and 3, of a word as two 16-bit numbers. */
static LLVMValueRef every_other_byte(Emitter *e, LLVMValueRef word, Dtype dtype, int first)
{
    LLVMValueRef turn[] = {word, word, LLVMConstInt(e->i32, 8, 0)};
    if (first) word = emit_intrinsic(e, "llvm.fshr", &e->i32, 1, turn, 3);
    return emit_intrinsic(e, dtype == I8 ? "llvm.arm.sxtb16" : "llvm.arm.uxtb16", NULL, 0, &word, 1);
}

/* Four products of bytes a lane by the two of each smlad. */
static LLVMValueRef by_dual_products(const Dot *d)
{
    Emitter *e = d->e;
    LLVMValueRef sums = d->sum;
    for (int lane = 0; lane < d->lanes; lane++) {
        LLVMValueRef number = LLVMConstInt(e->i32, (unsigned long long)lane, 0);
        LLVMValueRef x = LLVMBuildBitCast(e->builder, pick(e, d->x, lane * 4, 1, 4), e->i32, "");
        LLVMValueRef y = LLVMBuildBitCast(e->builder, pick(e, d->y, lane * 4, 1, 4), e->i32, "");
        LLVMValueRef sum = LLVMBuildExtractElement(e->builder, sums, number, "");
        for (int first = 0; first < 2; first++) {
            LLVMValueRef args[] = {every_other_byte(e, x, d->dx, first), every_other_byte(e, y, d->dy, first), sum};
            sum = emit_intrinsic(e, "llvm.arm.smlad", NULL, 0, args, 3);
        }
        sums = LLVMBuildInsertElement(e->builder, sums, sum, number, "");
    }
    return sums;
}

/* Sixteen products of bytes of one sign, added to one number. */
static bool has_vector_sum(const Dot *d)
{
    const Target *target = d->e->options->target;
    bool has = target->arch->id == ARCH_ARM && target->has & FEATURE_VECTOR_SUM;
    return has && d->lanes == 1 && d->products == 16 && d->dx == d->dy && d->dx != I16;
}

static LLVMValueRef by_vector_sum(const Dot *d)
{
    Emitter *e = d->e;
    LLVMValueRef none = LLVMConstNull(e->i32); /* neither subtracted nor crosswise */
    LLVMValueRef args[] = {LLVMConstInt(e->i32, d->dx == U8, 0), none, none, d->sum, d->x, d->y};
    LLVMTypeRef type = LLVMTypeOf(d->x);
    return emit_intrinsic(e, "llvm.arm.mve.vmldava", &type, 1, args, 6);
}

static LLVMValueRef emit_lanes(Dot d)
{
    const Emitter *e = d.e;
    if (e->options->target->has & FEATURE_DUAL_MAC && d.products == 4) return by_dual_products(&d);
    if (has_long_pairs(&d)) return by_long_pairs(&d);
    const DotRow *row = find_row(e, d.products, d.dx, d.dy, d.lanes);
    if (row) return by_row(&d, row);
    row = find_row(e, d.products, d.dy, d.dx, d.lanes);
    if (row) return by_row(&(Dot){d.e, d.lanes, d.products, d.dy, d.dx, d.sum, d.y, d.x}, row);
    row = find_row(e, d.products, U8, I8, d.lanes);
    if (row && d.dx == I8 && d.dy == I8) return by_offset(&d, row);
    row = find_row(e, 2, I16, I16, d.lanes * d.products / 2);
    return row ? by_pairs(d, row) : by_multiplying(&d);
}

LLVMValueRef emit_dot(Body *b, const LoopExpr *dot)
{
    Emitter *e = b->emitter;
    Dot d = {.e = e,
             .lanes = dot->lanes,
             .products = dot->in[1]->lanes / dot->lanes,
             .dx = dot->in[1]->dtype,
             .dy = dot->in[2]->dtype,
             .sum = emit_expr(b, dot->in[0]),
             .x = emit_expr(b, dot->in[1]),
             .y = emit_expr(b, dot->in[2])};
    if (d.lanes > 1) return emit_lanes(d);
    if (has_vector_sum(&d)) return by_vector_sum(&d);
    d.sum = LLVMBuildInsertElement(e->builder, LLVMConstNull(LLVMVectorType(e->i32, 1)), d.sum,
                                   LLVMConstInt(e->i32, 0, 0), "");
    return LLVMBuildExtractElement(e->builder, emit_lanes(d), LLVMConstInt(e->i32, 0, 0), "");
}
