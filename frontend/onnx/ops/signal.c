/* Fourier transforms, and the weights of mel bands. */
#include "ir/signal.h"
#include "frontend/onnx/call.h"

#include <math.h>

/* ---- transforms ---- */

/* Axis `axis` to the second last place, or from there back. */
static Value moved_axis(OnnxCall *c, Value x, int axis, bool back)
{
    if (!x.node) return x;
    int rank = value_type(x)->rank, place = rank - 2, order[MAX_RANK], count = 0;
    IntList permute = {.count = rank};
    for (int i = 0; i < rank; i++)
        if (i != axis) order[count++] = i;
    for (int i = rank - 1; i > place; i--) order[i] = order[i - 1];
    order[place] = axis;
    for (int i = 0; i < rank; i++) permute.at[back ? order[i] : i] = back ? i : order[i];
    return onnx_transpose(c, x, &permute);
}

/* Of pairs [..., N, 2], or of real numbers [..., N, 1]. */
static Value transformed(OnnxCall *c, Value x, const DftAttrs *said)
{
    if (!x.node) return x;
    DftAttrs attrs = *said;
    const Type *type = value_type(x);
    int64_t dims[MAX_RANK];
    attrs.complex = type->dim[type->rank - 1].high == 2;
    for (int i = 0; i < type->rank; i++) dims[i] = type->dim[i].high;
    if (!attrs.complex) x = onnx_reshape(c, x, type->rank - 1, dims);
    return onnx_make(c, OP_dft, &attrs, 1, &x);
}

static bool is_signal(OnnxCall *c, const Type *type)
{
    int64_t last = type->rank >= 2 ? type->dim[type->rank - 1].high : 0;
    for (int i = 0; i < type->rank; i++)
        if (!dim_is_fixed(&type->dim[i]))
            return onnx_refuse(c, "", "give the dim a fixed size with --dim", "axis %d has no fixed size", i);
    return last == 1 || last == 2 ||
           onnx_wrong(c, "%s has no last axis of 1 real number or 2 of a pair", type_text(c->arena, type));
}

bool onnx_op_dft(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    int64_t said = c->opset < 20 ? onnx_int(c, "axis", 1) : -2;
    int axis;
    DftAttrs attrs = {.onesided = onnx_int(c, "onesided", 0) != 0, .inverse = onnx_int(c, "inverse", 0) != 0};
    if (!is_signal(c, type)) return false;
    if (onnx_has(c, 1) && !onnx_known_int(c, 1, "dft_length", &attrs.size)) return false;
    if (onnx_has(c, 2) && !onnx_known_int(c, 2, "axis", &said)) return false;
    if (!onnx_axis(c, said, type->rank, &axis)) return false;
    if (axis == type->rank - 1) return onnx_wrong(c, "the last axis holds the parts of a number");
    Value x = moved_axis(c, onnx_operand(c, 0), axis, false);
    return onnx_result(c, 0, moved_axis(c, transformed(c, x, &attrs), axis, true));
}

/* Frames of a signal [batch, samples, parts] as [batch, frames, size, parts], each times the window. */
static Value windowed(OnnxCall *c, Value x, const FramesAttrs *frames)
{
    x = onnx_transpose(c, x, &(IntList){3, {0, 2, 1}});
    x = onnx_make(c, OP_frames, frames, 1, &x);
    if (onnx_has(c, 2)) x = onnx_make2(c, OP_mul, x, onnx_operand(c, 2));
    return onnx_transpose(c, x, &(IntList){4, {0, 2, 3, 1}});
}

bool onnx_op_stft(OnnxCall *c)
{
    const Type *type = onnx_operand_type(c, 0);
    FramesAttrs frames = {0};
    DftAttrs attrs = {.onesided = onnx_int(c, "onesided", 1) != 0};
    if (!onnx_known_int(c, 1, "frame_step", &frames.hop)) return false;
    if (onnx_has(c, 3) && !onnx_known_int(c, 3, "frame_length", &frames.size)) return false;
    Value x = onnx_operand(c, 0);
    if (type->rank == 2) x = onnx_reshape(c, x, 3, (const int64_t[]){type->dim[0].high, type->dim[1].high, 1});
    if (!x.node || !is_signal(c, value_type(x))) return false;
    if (value_type(x)->rank != 3) return onnx_wrong(c, "expected a signal [batch, samples, 1 or 2]");
    if (!frames.size) frames.size = value_type(x)->dim[1].high;
    if (!onnx_has(c, 3) && onnx_has(c, 2)) frames.size = onnx_operand_type(c, 2)->dim[0].high;
    if (frames.hop < 1) return onnx_wrong(c, "a frame_step of %lld", (long long)frames.hop);
    return onnx_result(c, 0, transformed(c, windowed(c, x, &frames), &attrs));
}

/* ---- bands ---- */

typedef struct Bands {
    int64_t bands, length, rate;
    double low, high;
} Bands;

static double mel_of(double hertz) { return 2595 * log10(1 + hertz / 700); }

/* The frequency, as an index, at which band `number` begins; the one before has its middle there. */
static int64_t edge(const Bands *b, int64_t number)
{
    double step = (mel_of(b->high) - mel_of(b->low)) / (double)(b->bands + 2);
    double hertz = 700 * (pow(10, ((double)number * step + mel_of(b->low)) / 2595) - 1);
    return (int64_t)floor((double)(b->length + 1) * hertz / (double)b->rate);
}

/* The triangle from `low` over `middle` to `high`, whose last index it leaves out. */
static double triangle(int64_t at, int64_t low, int64_t middle, int64_t high)
{
    if (at >= middle && at < high) return (double)(high - at) / (double)(high - middle);
    if (low == middle) return at == middle ? 1 : 0;
    return at >= low && at <= middle ? (double)(at - low) / (double)(middle - low) : 0;
}

static bool read_bands(OnnxCall *c, Bands *b)
{
    if (!onnx_known_int(c, 0, "num_mel_bins", &b->bands) || !onnx_known_int(c, 1, "dft_length", &b->length) ||
        !onnx_known_int(c, 2, "sample_rate", &b->rate))
        return false;
    if (!onnx_known_real(c, 3, "lower_edge_hertz", &b->low) || !onnx_known_real(c, 4, "upper_edge_hertz", &b->high))
        return false;
    bool sane = b->bands >= 1 && b->bands <= 1 << 16 && b->length >= 1 && b->length <= 1 << 20 && b->rate >= 1;
    return (sane && b->low >= 0 && b->low <= b->high && b->high <= (double)b->rate) ||
           onnx_wrong(c, "bands, lengths or frequencies are out of bounds");
}

bool onnx_op_mel_weights(OnnxCall *c)
{
    Bands b;
    const Onnx__AttributeProto *to = onnx_attr(c, "output_datatype");
    Dtype dtype = to ? onnx_dtype((int32_t)to->i) : F32;
    if (dtype == DTYPE_COUNT) return onnx_wrong(c, "there is no such dtype");
    if (!read_bands(c, &b)) return false;
    const int64_t dims[] = {b.length / 2 + 1, b.bands};
    Tensor *out = ARENA_NEW(c->arena, Tensor);
    *out = tensor_new(c->arena, type_tensor(dtype, 2, dims));
    for (int64_t band = 0; band < b.bands; band++) {
        int64_t low = edge(&b, band), middle = edge(&b, band + 1), high = edge(&b, band + 2);
        for (int64_t at = 0; at < dims[0]; at++)
            tensor_set_real(out, at * b.bands + band, triangle(at, low, middle, high));
    }
    return onnx_result(c, 0, onnx_make_constant(c, out));
}

/* ---- windows ---- */

static bool import_window(OnnxCall *c, WindowShape shape)
{
    WindowOpAttrs attrs = {.shape = (int)shape, .periodic = onnx_int(c, "periodic", 1) != 0};
    Dtype to = onnx_dtype((int32_t)onnx_int(c, "output_datatype", 1));
    if (to == DTYPE_COUNT) return onnx_wrong(c, "there is no such dtype");
    attrs.to = (int)(dtype_is_float(to) && !dtype_is_storage(to) ? to : F64);
    if (!onnx_known_int(c, 0, "size", &attrs.size)) return false;
    if (attrs.size < 0) return onnx_wrong(c, "a window of %lld elements", (long long)attrs.size);
    Tensor *nothing = ARENA_NEW(c->arena, Tensor);
    *nothing = tensor_new(c->arena, type_tensor(to, 1, &attrs.size));
    if (!attrs.size) return onnx_result(c, 0, onnx_make_constant(c, nothing));
    return onnx_result(c, 0, onnx_cast(c, onnx_make(c, OP_window, &attrs, 0, NULL), to));
}

bool onnx_op_hann_window(OnnxCall *c) { return import_window(c, WINDOW_HANN); }
bool onnx_op_hamming_window(OnnxCall *c) { return import_window(c, WINDOW_HAMMING); }
bool onnx_op_blackman_window(OnnxCall *c) { return import_window(c, WINDOW_BLACKMAN); }
