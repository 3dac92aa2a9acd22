/* Reads between elements: GridSample, AffineGrid, RoiAlign, deformable convolutions; and Col2Im, sums at fixed places.
 */
#include "frontend/onnx/ops/conv.h"
#include "ir/signal.h"

/* ---- grids ---- */

static int find_word(const char *word, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (!strcmp(word, words[i])) return i;
    return -1;
}

bool onnx_op_grid_sample(OnnxCall *c)
{
    static const char *const modes[] = {"nearest", "linear", "cubic", NULL}, *const old[] = {"", "bilinear", "bicubic"};
    static const char *const outside[] = {"zeros", "border", "reflection", NULL};
    const char *mode = onnx_string(c, "mode", "linear");
    GridSampleAttrs attrs = {.mode = find_word(mode, modes),
                             .outside = find_word(onnx_string(c, "padding_mode", "zeros"), outside),
                             .align_corners = onnx_int(c, "align_corners", 0) != 0};
    for (int i = 1; i < 3; i++)
        if (!strcmp(mode, old[i])) attrs.mode = i;
    if (attrs.mode < 0 || attrs.outside < 0) return onnx_wrong(c, "there is no such mode");
    if (onnx_operand_type(c, 0)->rank < 3) return onnx_wrong(c, "expected an operand [N, C, ...]");
    Value x = onnx_operand_last(c, 0), grid = onnx_operand(c, 1);
    return onnx_result_last(c, 0, onnx_make(c, OP_grid_sample, &attrs, 2, (Value[]){x, grid}));
}

bool onnx_op_affine_grid(OnnxCall *c)
{
    IntList size;
    AffineGridAttrs attrs = {.align_corners = onnx_int(c, "align_corners", 0) != 0};
    if (!onnx_known_ints(c, 1, "size", &size)) return false;
    for (int i = 2; i < size.count; i++) attrs.size.at[attrs.size.count++] = size.at[i];
    return onnx_result(c, 0, onnx_make(c, OP_affine_grid, &attrs, 1, (Value[]){onnx_operand(c, 0)}));
}

/* ---- regions ---- */

bool onnx_op_roi_align(OnnxCall *c)
{
    const char *place =
        c->opset < 16 ? "output_half_pixel" : onnx_string(c, "coordinate_transformation_mode", "half_pixel");
    int64_t height = onnx_int(c, "output_height", 1), width = onnx_int(c, "output_width", 1);
    RoiAlignAttrs attrs = {.size = {2, {height, width}},
                           .samples = onnx_int(c, "sampling_ratio", 0),
                           .scale = onnx_float(c, "spatial_scale", 1),
                           .half_pixel = !strcmp(place, "half_pixel"),
                           .most = !strcmp(onnx_string(c, "mode", "avg"), "max")};
    if (attrs.samples < 1 || attrs.samples > 16)
        return onnx_refuse(c, "sampling_ratio", "give it a number from 1 to 16",
                           "as many samples as each region is large, or too many");
    if (onnx_operand_type(c, 0)->rank != 4) return onnx_wrong(c, "expected an operand [N, C, H, W]");
    Value x = onnx_operand_last(c, 0), regions = onnx_operand(c, 1), batch = onnx_operand(c, 2);
    return onnx_result_last(c, 0, onnx_make(c, OP_roi_align, &attrs, 3, (Value[]){x, regions, batch}));
}

/* ---- deformable convolutions ---- */

/* Of the operand [N, C, H, W] and the offsets [N, groups * taps * 2, H', W']. */
typedef struct Deform {
    OnnxWindow window;
    int64_t batch, channels, groups, offset_groups, taps;
} Deform;

/* A constant [1, H', W', taps, 2]: where the taps would lie without offsets, one of the two numbers; it has only the
 * axes on which that depends. */
static Value resting_places(OnnxCall *c, const Deform *d, int axis, Dtype dtype)
{
    const OnnxWindow *w = &d->window;
    const int64_t dims[] = {1, axis == 0 ? w->out[0] : 1, axis == 1 ? w->out[1] : 1, d->taps, 1};
    Tensor *tensor = ARENA_NEW(c->arena, Tensor);
    *tensor = tensor_new(c->arena, type_tensor(dtype, 5, dims));
    for (int64_t at = 0; at < w->out[axis]; at++)
        for (int64_t tap = 0; tap < d->taps; tap++) {
            int64_t k = axis == 0 ? tap / w->kernel[1] : tap % w->kernel[1];
            int64_t place = at * w->stride[axis] - w->begin[axis] + k * w->dilation[axis];
            tensor_set_real(tensor, at * d->taps + tap, (double)place);
        }
    return onnx_make_constant(c, tensor);
}

/* [N * offset groups, H', W', taps, 2], and the mask with one number in place of two. */
static Value by_tap(OnnxCall *c, const Deform *d, Value x, int64_t numbers)
{
    const OnnxWindow *w = &d->window;
    x = onnx_reshape(c, x, 5, (const int64_t[]){d->batch * d->offset_groups, d->taps, numbers, w->out[0], w->out[1]});
    return onnx_transpose(c, x, &(IntList){5, {0, 3, 4, 1, 2}});
}

static Value along_axis(OnnxCall *c, Value x, int axis, int64_t at)
{
    SliceAttrs attrs = {.begin.count = axis + 1, .end.count = axis + 1};
    if (!x.node) return x;
    for (int i = 0; i < axis; i++) attrs.end.at[i] = value_type(x)->dim[i].high;
    attrs.begin.at[axis] = at;
    attrs.end.at[axis] = at + 1;
    return onnx_make(c, OP_slice, &attrs, 1, &x);
}

static Value tap_places(OnnxCall *c, const Deform *d)
{
    Value offset = by_tap(c, d, onnx_operand(c, 2), 2), place[2];
    if (!offset.node) return offset;
    for (int axis = 0; axis < 2; axis++) {
        Value rest = resting_places(c, d, axis, value_type(offset)->dtype);
        place[axis] = onnx_make2(c, OP_add, along_axis(c, offset, 4, axis), rest);
    }
    return onnx_make(c, OP_concat, &(ConcatAttrs){.axis = 4}, 2, place);
}

/* What each tap reads, [N, H', W', group, taps, channels of the group]. */
static Value tap_columns(OnnxCall *c, const Deform *d)
{
    const OnnxWindow *w = &d->window;
    int64_t n = d->batch, of = d->offset_groups, each = d->channels / of;
    Value x = onnx_reshape(c, onnx_operand_last(c, 0), 5, (const int64_t[]){n, w->in[0], w->in[1], of, each});
    x = onnx_transpose(c, x, &(IntList){5, {0, 3, 1, 2, 4}});
    x = onnx_reshape(c, x, 4, (const int64_t[]){n * of, w->in[0], w->in[1], each});
    Value places = tap_places(c, d);
    Value read = onnx_make(c, OP_sample_at, &(SampleAttrs){.mode = RESIZE_LINEAR}, 2, (Value[]){x, places});
    if (onnx_has(c, 4)) read = onnx_make2(c, OP_mul, read, by_tap(c, d, onnx_operand(c, 4), 1));
    read = onnx_reshape(c, read, 6, (const int64_t[]){n, of, w->out[0], w->out[1], d->taps, each});
    read = onnx_transpose(c, read, &(IntList){6, {0, 2, 3, 4, 1, 5}});
    const int64_t split[] = {n, w->out[0], w->out[1], d->taps, d->groups, d->channels / d->groups};
    return onnx_transpose(c, onnx_reshape(c, read, 6, split), &(IntList){6, {0, 1, 2, 4, 3, 5}});
}

static bool deform_of(OnnxCall *c, Deform *d)
{
    const Type *x = onnx_operand_type(c, 0), *weight = onnx_operand_type(c, 1), *offset = onnx_operand_type(c, 2);
    d->groups = onnx_int(c, "group", 1);
    d->offset_groups = onnx_int(c, "offset_group", 1);
    if (x->rank != 4) return onnx_refuse(c, "", "use pictures", "a deformable convolution of %d axes", x->rank);
    if (!onnx_conv_window(c, x, weight, &d->window)) return false;
    d->batch = x->dim[0].high;
    d->channels = x->dim[1].high;
    d->taps = d->window.kernel[0] * d->window.kernel[1];
    bool fits = d->groups >= 1 && d->offset_groups >= 1 && d->channels % d->groups == 0;
    fits = fits && d->channels % d->offset_groups == 0 && weight->dim[1].high == d->channels / d->groups;
    fits = fits && offset->rank == 4 && offset->dim[0].high == d->batch &&
           offset->dim[1].high == 2 * d->offset_groups * d->taps;
    for (int i = 0; i < 2; i++) fits = fits && offset->dim[2 + i].high == d->window.out[i];
    return fits || onnx_wrong(c, "offsets, weights and groups do not fit the operand");
}

/* Columns of taps, then a product: the convolution by a window of one element. */
bool onnx_op_deform_conv(OnnxCall *c)
{
    Deform d;
    if (!deform_of(c, &d)) return false;
    int64_t products = d.taps * (d.channels / d.groups), out = onnx_operand_type(c, 1)->dim[0].high;
    const int64_t columns[] = {d.batch, d.window.out[0], d.window.out[1], d.groups * products};
    Value x = onnx_reshape(c, tap_columns(c, &d), 4, columns);
    Value weight = onnx_kernel_last(c, onnx_operand(c, 1));
    weight = onnx_reshape(c, weight, 4, (const int64_t[]){1, 1, products, out});
    OnnxWindow one = {.axes = 2, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    for (int i = 0; i < 2; i++) one.in[i] = one.out[i] = d.window.out[i];
    Value bias = onnx_has(c, 3) ? onnx_operand(c, 3) : (Value){NULL, 0};
    return onnx_result_last(c, 0, onnx_convolve(c, &one, d.groups, x, weight, bias));
}

/* ---- columns to pictures ---- */

typedef struct Fold {
    int axes;
    int64_t batch, channels, image[MAX_SPATIAL], columns[MAX_SPATIAL];
    IntList block, dilation, pads, stride;
} Fold;

/* Which column of a kernel row puts something on each element of the picture's axis, [block, image]; -1: none. */
static int64_t column_of(const Fold *f, int axis, int64_t tap, int64_t at)
{
    int64_t from = at + f->pads.at[axis] - tap * f->dilation.at[axis];
    bool whole = from >= 0 && from % f->stride.at[axis] == 0 && from / f->stride.at[axis] < f->columns[axis];
    return whole ? from / f->stride.at[axis] : -1;
}

/* Constants of `rank` axes with the block's at `tap_axis`, the picture's at `image_axis`. */
static void fold_tables(OnnxCall *c, const Fold *f, int axis, const int64_t *dims, int rank, Value *out)
{
    Tensor *index = ARENA_NEW(c->arena, Tensor), *mask = ARENA_NEW(c->arena, Tensor);
    *index = tensor_new(c->arena, type_tensor(I64, rank, dims));
    *mask = tensor_new(c->arena, type_tensor(BOOL, rank, dims));
    for (int64_t tap = 0; tap < f->block.at[axis]; tap++)
        for (int64_t at = 0; at < f->image[axis]; at++) {
            int64_t column = column_of(f, axis, tap, at), i = tap * f->image[axis] + at;
            tensor_set(index, i, (Scalar){.integer = column < 0 ? 0 : column});
            tensor_set(mask, i, (Scalar){.integer = column >= 0});
        }
    out[0] = onnx_make_constant(c, index);
    out[1] = onnx_make_constant(c, mask);
}

/* x [N, C, blocks up to `axis`, then columns or picture]: the last of the blocks and its columns become the picture. */
static Value fold_axis(OnnxCall *c, const Fold *f, int axis, Value x)
{
    if (!x.node) return x;
    int rank = value_type(x)->rank, tap_axis = 2 + axis, image_axis = tap_axis + 1 + axis;
    int64_t dims[MAX_RANK];
    TakeAttrs take = {.from = {.count = rank}};
    for (int i = 0; i < rank; i++) {
        dims[i] = i == tap_axis ? f->block.at[axis] : i == image_axis ? f->image[axis] : 1;
        take.from.at[i] = i == image_axis ? -1 : i;
    }
    Value table[2];
    fold_tables(c, f, axis, dims, rank, table);
    Value read = onnx_make(c, OP_take, &take, 2, (Value[]){x, table[0]});
    Value zero = onnx_number(c, value_type(x)->dtype, 0);
    Value inside = onnx_make(c, OP_where, NULL, 3, (Value[]){table[1], read, zero});
    return onnx_make(c, OP_reduce_sum, &(ReduceAttrs){.axes = {1, {tap_axis}}}, 1, &inside);
}

static bool read_fold(OnnxCall *c, Fold *f)
{
    IntList image;
    if (!onnx_known_ints(c, 1, "image_shape", &image) || !onnx_known_ints(c, 2, "block_shape", &f->block)) return false;
    f->axes = image.count;
    if (f->axes < 1 || f->axes > MAX_SPATIAL || f->block.count != f->axes)
        return onnx_refuse(c, "image_shape", "use 1 to 3 axes", "pictures of %d axes", f->axes);
    if (!onnx_ints_of(c, "dilations", f->axes, 1, &f->dilation) ||
        !onnx_ints_of(c, "strides", f->axes, 1, &f->stride) || !onnx_ints_of(c, "pads", 2 * f->axes, 0, &f->pads))
        return false;
    const Type *x = onnx_operand_type(c, 0);
    int64_t taps = 1, columns = 1;
    for (int i = 0; i < f->axes; i++) {
        int64_t block = f->block.at[i], stride = f->stride.at[i], dilation = f->dilation.at[i], most = 1 << 24;
        bool sane = block >= 1 && stride >= 1 && dilation >= 1 && image.at[i] >= 1 && block <= most && stride <= most &&
                    dilation <= most && image.at[i] <= most;
        for (int end = 0; end < 2; end++)
            sane = sane && f->pads.at[i + end * f->axes] >= 0 && f->pads.at[i + end * f->axes] <= most;
        if (!sane) return onnx_wrong(c, "a size of axis %d is out of bounds", i);
        f->image[i] = image.at[i];
        int64_t reach = (block - 1) * dilation + 1, padded = image.at[i] + f->pads.at[i] + f->pads.at[i + f->axes];
        f->columns[i] = padded < reach ? 0 : (padded - reach) / stride + 1;
        taps *= block;
        columns *= f->columns[i];
    }
    bool fits = x->rank == 3 && x->dim[2].high == columns && x->dim[1].high % taps == 0;
    f->batch = x->dim[0].high;
    f->channels = fits ? x->dim[1].high / taps : 0;
    return fits || onnx_wrong(c, "the columns do not fill the picture");
}

bool onnx_op_col2im(OnnxCall *c)
{
    Fold f;
    if (!read_fold(c, &f)) return false;
    int64_t dims[MAX_RANK] = {f.batch, f.channels};
    for (int i = 0; i < f.axes; i++) {
        dims[2 + i] = f.block.at[i];
        dims[2 + f.axes + i] = f.columns[i];
    }
    Value x = onnx_reshape(c, onnx_operand(c, 0), 2 + 2 * f.axes, dims);
    for (int axis = f.axes - 1; axis >= 0; axis--) x = fold_axis(c, &f, axis, x);
    return onnx_result(c, 0, x);
}
