/* Sliding windows as ONNX describes them, for convolutions and poolings. */
#ifndef FRONTEND_ONNX_WINDOW_H
#define FRONTEND_ONNX_WINDOW_H

#include "frontend/onnx/call.h"

enum { MAX_SPATIAL = 3 };

typedef struct OnnxWindow {
    int axes; /* spatial ones, 1 to 3 */
    int64_t in[MAX_SPATIAL], out[MAX_SPATIAL];
    int64_t kernel[MAX_SPATIAL], stride[MAX_SPATIAL], dilation[MAX_SPATIAL];
    int64_t begin[MAX_SPATIAL], end[MAX_SPATIAL]; /* padding: so much that the last window is inside */
    int64_t said_end[MAX_SPATIAL];                /* without what ceil_mode adds */
} OnnxWindow;

/* Reads kernel_shape, strides, dilations, pads, auto_pad and ceil_mode for an operand [N, C, ...] of that type;
 * `kernel` is what a weight says, or NULL. */
bool onnx_window(OnnxCall *c, const Type *x, const int64_t *kernel, OnnxWindow *out);
/* The same without auto_pad and ceil_mode, and without the number of windows. */
bool onnx_window_lists_of(OnnxCall *c, const Type *x, const int64_t *kernel, OnnxWindow *out);
/* The attributes of a window of one or two axes, as on an image [N, H, W, C]: one axis is the width. */
void onnx_window_lists(const OnnxWindow *window, IntList *kernel, IntList *stride, IntList *dilation, Pad *pad);
/* A value [N, W, C] or [N, H, W, C] as an image. */
Value onnx_as_image(OnnxCall *c, Value last);
/* An image back as [N, W, C] when the window has one axis. */
Value onnx_from_image(OnnxCall *c, const OnnxWindow *window, Value image);

#endif
