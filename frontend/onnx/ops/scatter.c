/* Writes at computed places. */
#include "frontend/onnx/call.h"

#include <string.h>

static bool meeting(OnnxCall *c, int *out)
{
    static const char *const words[] = {
        [MEET_NONE] = "none", [MEET_ADD] = "add", [MEET_MUL] = "mul", [MEET_MIN] = "min", [MEET_MAX] = "max"};
    const char *word = onnx_string(c, "reduction", "none");
    for (int i = MEET_NONE; i <= MEET_MAX; i++) {
        if (strcmp(word, words[i]) != 0) continue;
        *out = i;
        return true;
    }
    return onnx_wrong(c, "there is no reduction '%s'", word);
}

static bool import_scatter(OnnxCall *c, Op op, const void *attrs)
{
    Value operands[] = {onnx_operand(c, 0), onnx_operand(c, 1), onnx_operand(c, 2)};
    return onnx_result(c, 0, onnx_make(c, op, attrs, 3, operands));
}

bool onnx_op_scatter_elements(OnnxCall *c)
{
    ScatterAttrs attrs = {.axis = onnx_int(c, "axis", 0)};
    return meeting(c, &attrs.reduce) && import_scatter(c, OP_scatter_elements, &attrs);
}

bool onnx_op_scatter_nd(OnnxCall *c)
{
    ScatterNdAttrs attrs = {.reduce = MEET_NONE};
    return meeting(c, &attrs.reduce) && import_scatter(c, OP_scatter_nd, &attrs);
}

/* Coordinates along one axis that broadcast: [1, .., size, .., 1]. */
static Value coordinates(OnnxCall *c, int rank, int axis, int64_t size)
{
    IotaAttrs attrs = {.shape = {.count = rank}, .axis = axis, .to = I64};
    for (int i = 0; i < rank; i++) attrs.shape.at[i] = i == axis ? size : 1;
    return onnx_make(c, OP_iota, &attrs, 0, NULL);
}

/* Rows of each batch's cache from its own index on; behind the end they go on at the start, or are left out. */
bool onnx_op_tensor_scatter(OnnxCall *c)
{
    const Type *cache = onnx_operand_type(c, 0), *update = onnx_operand_type(c, 1);
    int axis;
    if (!onnx_axis(c, onnx_int(c, "axis", -2), cache->rank, &axis)) return false;
    bool circular = !strcmp(onnx_string(c, "mode", "linear"), "circular");
    if (axis == 0 || update->rank != cache->rank) return onnx_wrong(c, "the axis is not one of a batch's rows");
    PutAttrs attrs = {.from = {.count = cache->rank}};
    int64_t dims[MAX_RANK];
    for (int i = 0; i < cache->rank; i++) {
        attrs.from.at[i] = i == axis ? -1 : i;
        dims[i] = i == 0 ? update->dim[0].high : 1;
    }
    Value row = coordinates(c, cache->rank, axis, update->dim[axis].high);
    if (onnx_has(c, 2)) {
        Value first = onnx_reshape(c, onnx_cast(c, onnx_operand(c, 2), I64), cache->rank, dims);
        row = onnx_make2(c, OP_add, first, row);
    }
    Value size = onnx_number(c, I64, (double)cache->dim[axis].high);
    if (circular) row = onnx_make2(c, OP_mod, row, size);
    return onnx_result(c, 0, onnx_make(c, OP_put, &attrs, 3, (Value[]){onnx_operand(c, 0), onnx_operand(c, 1), row}));
}

/* The sizes that the window would have come from: (size - 1) * stride + kernel - pads. */
static bool unpooled_sizes(OnnxCall *c, const Type *type, IntList *out)
{
    IntList kernel, stride, pads;
    int spatial = type->rank - 2;
    if (!onnx_ints_of(c, "kernel_shape", spatial, 1, &kernel) || !onnx_ints_of(c, "strides", spatial, 1, &stride) ||
        !onnx_ints_of(c, "pads", 2 * spatial, 0, &pads))
        return false;
    out->count = type->rank;
    for (int i = 0; i < type->rank; i++) {
        out->at[i] = type->dim[i].high;
        if (i < 2) continue;
        int64_t most = (int64_t)1 << 30, steps, k = kernel.at[i - 2], s = stride.at[i - 2];
        if (k < 1 || s < 1 || k > most || s > most) return onnx_wrong(c, "a window of no size");
        if (__builtin_mul_overflow(out->at[i] - 1, s, &steps)) return onnx_wrong(c, "windows that are too far apart");
        int64_t ends[] = {pads.at[i - 2], pads.at[i - 2 + spatial]};
        if (ends[0] < 0 || ends[1] < 0 || ends[0] > most || ends[1] > most) return onnx_wrong(c, "pads of no size");
        out->at[i] = steps + k - ends[0] - ends[1];
    }
    return true;
}

static Value zeros(OnnxCall *c, Dtype dtype, int64_t count)
{
    return onnx_broadcast(c, onnx_number(c, dtype, 0), 1, &count);
}

/* Zeros behind, up to the sizes that were asked for. */
static Value padded_to(OnnxCall *c, Value a, const IntList *sizes)
{
    if (!a.node) return a;
    const Type *type = value_type(a);
    PadAttrs attrs = {.begin = {.count = sizes->count}, .end = {.count = sizes->count}, .mode = PAD_CONSTANT};
    bool some = false;
    for (int i = 0; i < sizes->count; i++) {
        attrs.end.at[i] = sizes->at[i] - type->dim[i].high;
        some |= attrs.end.at[i] != 0;
    }
    return some ? onnx_make(c, OP_pad, &attrs, 1, &a) : a;
}

/* Each element where MaxPool's flat index says that it came from. */
bool onnx_op_max_unpool(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    IntList sizes, wanted;
    if (type->rank < 3) return onnx_wrong(c, "windows over fewer than one axis");
    if (!unpooled_sizes(c, type, &sizes)) return false;
    wanted = sizes;
    if (onnx_has(c, 2) && !onnx_known_ints(c, 2, "output_shape", &wanted)) return false;
    if (wanted.count != sizes.count) return onnx_wrong(c, "an output_shape of %d axes", wanted.count);
    int64_t all = 1, count = type_elements(type);
    for (int i = 0; i < sizes.count; i++)
        if (sizes.at[i] < 1 || __builtin_mul_overflow(all, sizes.at[i], &all))
            return onnx_wrong(c, "windows that give no shape");
    PutAttrs attrs = {.from = {1, {-1}}};
    Value operands[] = {zeros(c, type->dtype, all), onnx_reshape(c, onnx_operand(c, 0), 1, &count),
                        onnx_reshape(c, onnx_operand(c, 1), 1, &count)};
    Value flat = onnx_make(c, OP_put, &attrs, 3, operands);
    return onnx_result(c, 0, padded_to(c, onnx_reshape(c, flat, sizes.count, sizes.at), &wanted));
}
