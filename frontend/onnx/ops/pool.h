#ifndef FRONTEND_ONNX_OPS_POOL_H
#define FRONTEND_ONNX_OPS_POOL_H

#include "frontend/onnx/window.h"

/* MaxPool's Indices: where in the flattened [N, C, ...] each window's greatest element is, the first of equal ones; the
 * operand and the pooling's result, and this one, are in channels-last form.  I64. */
Value onnx_pool_places(OnnxCall *c, const OnnxWindow *w, Value last, Value greatest);

#endif
