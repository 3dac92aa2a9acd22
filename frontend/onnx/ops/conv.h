/* Convolutions of values in channels-last form, for floats and for stored numbers. */
#ifndef FRONTEND_ONNX_OPS_CONV_H
#define FRONTEND_ONNX_OPS_CONV_H

#include "frontend/onnx/window.h"

#include <string.h>

/* `x` [N, ..., C], `weight` [..., C / groups, M], `bias` [M] or no node; the result [N, ..., M]. */
Value onnx_convolve(OnnxCall *c, const OnnxWindow *w, int64_t groups, Value x, Value weight, Value bias);
/* Weights [M, C / groups, ...] as [..., C / groups, M]. */
Value onnx_kernel_last(OnnxCall *c, Value weight);
/* The window of a convolution of an operand [N, C, ...] with weights of that type, as the model has them. */
bool onnx_conv_window(OnnxCall *c, const Type *x, const Type *weight, OnnxWindow *out);

#endif
