/* ONNX files as messages and tensors: hostile until proven otherwise. */
#ifndef FRONTEND_ONNX_READ_H
#define FRONTEND_ONNX_READ_H

#include "ir/diag.h"
#include "ir/tensor.h"

#include "onnx.pb-c.h"

/* A whole model file, in the arena; NULL after an error (E0501, E0105, E0511). */
const Onnx__ModelProto *onnx_read_model(Arena *arena, const char *path, Diag *diag);
/* The same of bytes; `path` is what messages call them. */
const Onnx__ModelProto *onnx_parse_model(Arena *arena, const unsigned char *bytes, size_t size, const char *path,
                                         Diag *diag);
/* One tensor in a file of its own, as the data of the official tests are. */
bool onnx_parse_tensor(Arena *arena, const unsigned char *bytes, size_t size, const char *path, Tensor *out,
                       Diag *diag);
/* The elements of a message; `at` is where it stands.  E0511 when they do not fill its dims, E0512 for strings, data in
 * other files, and dtypes or ranks that lepc has not. */
bool onnx_tensor(Arena *arena, const Onnx__TensorProto *from, Span at, Tensor *out, Diag *diag);
/* DTYPE_COUNT for what lepc has not. */
Dtype onnx_dtype(int32_t data_type);
/* "float16", as ONNX calls it. */
const char *onnx_dtype_name(int32_t data_type);

#endif
