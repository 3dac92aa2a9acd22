/* The initializers of an ONNX file as a file of weights: what dumps of an imported model name. */
#ifndef FRONTEND_ONNX_WEIGHTS_H
#define FRONTEND_ONNX_WEIGHTS_H

#include "frontend/onnx/read.h"
#include "frontend/weights.h"

/* Tensors of floats are parameters; numbers and integers say what to do. */
bool onnx_is_param(const Tensor *initializer);
/* What stands before the names of those of the graph in that attribute of a node: "y.then_branch." behind `outer`, that
 * of what is around. */
const char *onnx_body_keys(Arena *arena, const char *outer, const Onnx__NodeProto *node, const char *attribute);
/* Those initializers that the importer makes parameters of, by name; NULL after an error (those of onnx_read_model,
 * and E0504 when two are called alike). */
WeightFile *onnx_weights(Arena *arena, const char *path, Diag *diag);

#endif
