/* The shapes and attributes that tests/test_rules.c tries every rule with. */
#ifndef TESTS_RULE_FORMS_H
#define TESTS_RULE_FORMS_H

#include "ir/op.h"

/* Operators that need shapes of their own, with the shape of each operand. */
typedef struct Shapes {
    Op op;
    struct {
        int rank;
        int64_t dim[4];
    } operand[3];
    int64_t channels; /* of the result */
} Shapes;

static const Shapes shapes[] = {
    {OP_conv2d, {{4, {2, 5, 6, 4}}, {4, {3, 3, 4, 6}}, {1, {6}}}, 6},
    {OP_dense, {{2, {3, 4}}, {2, {4, 6}}, {1, {6}}}, 6},
    {OP_matmul, {{2, {3, 4}}, {2, {4, 6}}}, 6},
    {OP_max_pool, {{4, {2, 6, 6, 3}}}, 3},
    {OP_reshape, {{4, {2, 1, 2, 2}}}, 2},
    {OP_transpose, {{4, {2, 1, 2, 2}}}, 2},
    {OP_slice, {{4, {2, 1, 2, 2}}}, 2},
    {OP_broadcast, {{2, {3, 1}}}, 4},
    {OP_reduce_sum, {{3, {4, 3, 2}}}, 2},
    {OP_reduce_max, {{3, {4, 3, 2}}}, 2},
    {OP_reduce_min, {{3, {4, 3, 2}}}, 2},
    {OP_reduce_product, {{3, {4, 3, 2}}}, 2},
    {OP_take, {{2, {2, 2}}, {2, {4, 1}}, {2, {4, 1}}}, 2},
};
static const Shapes one_number = {OP_COUNT, {{0, {0}}}, 1}; /* what a pad fills with */
enum { SHAPED = sizeof shapes / sizeof *shapes };

static const Shapes *shapes_of(Op op)
{
    for (int i = 0; i < SHAPED; i++)
        if (shapes[i].op == op) return &shapes[i];
    return NULL;
}

static const Shapes *shapes_in(const Pattern *p)
{
    if (p->kind != PATTERN_OP) return NULL;
    const Shapes *found = shapes_of(p->op);
    for (int i = 0; !found && i < MAX_OPERANDS && p->in[i]; i++) found = shapes_in(p->in[i]);
    return found;
}

typedef struct Variant {
    Op op;
    const void *attrs;
} Variant;

#define INTS(...)                                                                                                      \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                                     \
    }
#define CONV(stride_, dilation_, groups_, mode_, ...)                                                                  \
    {                                                                                                                  \
        OP_conv2d, &(const ConvAttrs)                                                                                  \
        {                                                                                                              \
            .stride = INTS(stride_, stride_), .dilation = INTS(dilation_, dilation_), .groups = groups_, .pad = {      \
                mode_,                                                                                                 \
                INTS(__VA_ARGS__)                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }
#define POOL(size_, stride_, mode_, ...)                                                                               \
    {                                                                                                                  \
        OP_max_pool, &(const PoolAttrs)                                                                                \
        {                                                                                                              \
            .size = INTS(size_, size_), .stride = INTS(stride_, stride_), .pad = { mode_, INTS(__VA_ARGS__) }          \
        }                                                                                                              \
    }
#define CLAMP(low, high)                                                                                               \
    {                                                                                                                  \
        OP_clamp, &(const ClampAttrs) { low, high }                                                                    \
    }
#define LIST(op, Attrs, field, ...)                                                                                    \
    {                                                                                                                  \
        op, &(const Attrs) { .field = INTS(__VA_ARGS__) }                                                              \
    }
#define RESHAPE(...) LIST(OP_reshape, ReshapeAttrs, shape, __VA_ARGS__)
#define TRANSPOSE(...) LIST(OP_transpose, TransposeAttrs, permute, __VA_ARGS__)
#define BROADCAST(...) LIST(OP_broadcast, BroadcastAttrs, shape, __VA_ARGS__)
#define CAST(dtype)                                                                                                    \
    {                                                                                                                  \
        OP_cast, &(const CastAttrs) { .to = dtype }                                                                    \
    }

#define QUANTIZE(to_, zero_, low_, high_)                                                                              \
    {                                                                                                                  \
        OP_quantize, &(const QuantizeAttrs) { .to = to_, .zero = zero_, .low = low_, .high = high_ }                   \
    }
static const Variant variants[] = {
    QUANTIZE(I8, 0, -128, 255),
    QUANTIZE(I8, -7, -128, 127),
    QUANTIZE(I8, 0, 1, 255),
    QUANTIZE(U8, 0, -128, 255),
    QUANTIZE(U8, 101, 0, 255),
    QUANTIZE(U8, 101, 0, 254),
    {OP_dequantize, &(const DequantizeAttrs){.zero = 0}},
    {OP_dequantize, &(const DequantizeAttrs){.zero = -7}},
    {OP_dequantize, &(const DequantizeAttrs){.zero = 101}},
    CONV(1, 1, 1, PAD_VALID, 0),
    CONV(2, 1, 1, PAD_SAME, 0),
    CONV(1, 2, 1, PAD_EXPLICIT, 1, 0, 2, 1),
    CONV(1, 1, 2, PAD_SAME, 0),
    CONV(1, 1, 1, PAD_EXPLICIT, 1, 0, 0, 0),
    {OP_pad, &(const PadAttrs){INTS(0, 1, 2, 0), INTS(0, 0, 1, 0), 0}},
    {OP_pad, &(const PadAttrs){INTS(1, 1), INTS(0, 0, 3, 2), 0}},
    POOL(2, 2, PAD_VALID, 0),
    POOL(3, 2, PAD_SAME, 0),
    POOL(2, 1, PAD_EXPLICIT, 1, 1, 1, 1),
    CLAMP(-1, 1),
    CLAMP(0.5, 6),
    CLAMP(-3, -0.0),
    CLAMP(-0.0, 0.0),
    CLAMP(-INFINITY, 0.25),
    CLAMP(-5, -2),
    CLAMP(0, INFINITY),
    RESHAPE(4, 2),
    RESHAPE(8),
    RESHAPE(2, 1, 2, 2),
    TRANSPOSE(0, 1, 2, 3),
    TRANSPOSE(1, 0, 2, 3),
    TRANSPOSE(0, 2, 1, 3),
    TRANSPOSE(3, 1, 0, 2),
    TRANSPOSE(2, 1, 0, 3),
    TRANSPOSE(2, 3, 1, 0),
    BROADCAST(3, 1),
    BROADCAST(3, 4),
    BROADCAST(2, 3, 4),
    BROADCAST(8, 2),
    {OP_slice, &(const SliceAttrs){.begin = INTS(0, 0, 0, 0), .end = INTS(2, 1, 2, 2), .step = INTS(1, 1, 1, 1)}},
    {OP_slice, &(const SliceAttrs){.begin = INTS(0, 0, 1, 0), .end = INTS(2, 1, 2, 2), .step = INTS(1, 1, 1, 2)}},
    RESHAPE(4, 1, 2),
    LIST(OP_reduce_sum, ReduceAttrs, axes, 1),
    LIST(OP_reduce_sum, ReduceAttrs, axes, 0),
    LIST(OP_reduce_max, ReduceAttrs, axes, -2),
    LIST(OP_reduce_min, ReduceAttrs, axes, 1),
    LIST(OP_reduce_product, ReduceAttrs, axes, 1),
    LIST(OP_take, TakeAttrs, from, -1, 1),
    LIST(OP_take, TakeAttrs, from, -1, -1),
    CAST(F32),
    CAST(F64),
    CAST(F16),
    CAST(BF16),
    CAST(I8),
    CAST(I16),
    CAST(I32),
    CAST(I64),
    CAST(U8),
    CAST(U16),
    CAST(U32),
    CAST(U64),
    CAST(BOOL),
    CAST(F8E4M3FN),
    CAST(F8E5M2FNUZ),
    CAST(F8E8M0),
    CAST(F4E2M1),
    CAST(I4),
};
enum { VARIANTS = sizeof variants / sizeof *variants };

#endif
