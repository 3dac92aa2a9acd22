/* Convolutions: [N, C, ...] with weights [M, C / group, ...] there, channels last here. */
#include "frontend/onnx/window.h"

/* [M, C / group, ...] to [..., C / group, M]. */
static Value weights_last(OnnxCall *c, Value weight)
{
    int rank = value_type(weight)->rank;
    IntList permute = {.count = rank};
    for (int i = 0; i < rank; i++) permute.at[i] = i < rank - 2 ? i + 2 : rank - 1 - i;
    return onnx_transpose(c, weight, &permute);
}

static Value weights_as_image(OnnxCall *c, Value last)
{
    if (!last.node || value_type(last)->rank != 3) return last;
    const Type *type = value_type(last);
    return onnx_reshape(c, last, 4, (const int64_t[]){1, type->dim[0].high, type->dim[1].high, type->dim[2].high});
}

bool onnx_op_conv(OnnxCall *c)
{
    const Type *x = value_type(onnx_operand(c, 0)), *w = onnx_operand_type(c, 1);
    OnnxWindow window;
    int64_t kernel[MAX_RANK] = {0};
    if (x->rank != w->rank) return onnx_wrong(c, "the weights have other axes than the operand");
    for (int i = 2; i < w->rank; i++) kernel[i - 2] = w->dim[i].high;
    if (!onnx_window(c, x, kernel, &window)) return false;
    ConvAttrs attrs = {.groups = onnx_int(c, "group", 1)};
    if (window.axes > 2) return onnx_refuse(c, "X", "use convolutions over two axes", "a convolution over three axes");
    onnx_window_lists(&window, &attrs.kernel, &attrs.stride, &attrs.dilation, &attrs.pad);
    Value in[3] = {onnx_as_image(c, onnx_operand_last(c, 0)), weights_as_image(c, weights_last(c, onnx_operand(c, 1))),
                   onnx_operand(c, 2)};
    return onnx_result_last(c, 0, onnx_from_image(c, &window, onnx_make(c, OP_conv2d, &attrs, 3, in)));
}
