#include "frontend/onnx/weights.h"

#include "frontend/onnx/read.h"
#include "frontend/weight_file.h"

bool onnx_is_param(const Tensor *initializer)
{
    return dtype_is_float(initializer->type.dtype) && type_elements(&initializer->type) > 1;
}

WeightFile *onnx_weights(Arena *arena, const char *path, Diag *diag)
{
    const Onnx__ModelProto *model = onnx_read_model(arena, path, diag);
    if (!model) return NULL;
    WeightFile *file = weight_file_new(arena);
    Diag unread = diag_new(arena); /* those that cannot be read are no parameters */
    for (size_t i = 0; i < model->graph->n_initializer; i++) {
        const Onnx__TensorProto *from = model->graph->initializer[i];
        Tensor tensor;
        if (!onnx_tensor(arena, from, (Span){.name = path}, &tensor, &unread) || !onnx_is_param(&tensor)) continue;
        weight_file_add(file, from->name ? from->name : "", &tensor);
    }
    return weight_file_finish(file, path, diag) ? file : NULL;
}
