#include "frontend/onnx/weights.h"

#include "frontend/onnx/read.h"
#include "frontend/weight_file.h"

bool onnx_is_param(const Tensor *initializer)
{
    return dtype_is_float(initializer->type.dtype) && type_elements(&initializer->type) > 1;
}

const char *onnx_body_keys(Arena *arena, const char *outer, const Onnx__NodeProto *node, const char *attribute)
{
    return arena_printf(arena, "%s%s.%s.", outer, node->n_output ? node->output[0] : "", attribute);
}

static void add_graph(Arena *arena, WeightFile *file, const Onnx__GraphProto *graph, const char *keys);

static void add_bodies(Arena *arena, WeightFile *file, const Onnx__NodeProto *node, const char *keys)
{
    for (size_t i = 0; i < node->n_attribute; i++) {
        const Onnx__AttributeProto *attr = node->attribute[i];
        if (attr->g && attr->name) add_graph(arena, file, attr->g, onnx_body_keys(arena, keys, node, attr->name));
    }
}

/* And of the bodies in it, as deep as onnx_read_model lets them nest. */
static void add_graph(Arena *arena, WeightFile *file, const Onnx__GraphProto *graph, const char *keys)
{
    Diag unread = diag_new(arena); /* those that cannot be read are no parameters */
    for (size_t i = 0; i < graph->n_initializer; i++) {
        const Onnx__TensorProto *from = graph->initializer[i];
        Tensor tensor;
        if (!onnx_tensor(arena, from, (Span){.name = from->name}, &tensor, &unread) || !onnx_is_param(&tensor))
            continue;
        weight_file_add(file, arena_printf(arena, "%s%s", keys, from->name ? from->name : ""), &tensor);
    }
    for (size_t i = 0; i < graph->n_node; i++) add_bodies(arena, file, graph->node[i], keys);
}

WeightFile *onnx_weights(Arena *arena, const char *path, Diag *diag)
{
    const Onnx__ModelProto *model = onnx_read_model(arena, path, diag);
    if (!model) return NULL;
    WeightFile *file = weight_file_new(arena);
    add_graph(arena, file, model->graph, "");
    return weight_file_finish(file, path, diag) ? file : NULL;
}
