/* ONNX files: what is read, and what is refused and how. */
#include "frontend/onnx/import.h"
#include "ir/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants these first */
#include <cmocka.h>

typedef struct Fixture {
    Arena *arena;
    Diag diag;
    OnnxReport report;
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset, *opsets[1];
    Onnx__NodeProto nodes[4], *node_list[4];
    Onnx__ValueInfoProto ports[2], *inputs[1], *outputs[1];
    Onnx__TypeProto type;
    Onnx__TypeProto__Tensor tensor;
    Onnx__TensorShapeProto shape;
    Onnx__TensorShapeProto__Dimension dims[2], *dim_list[2];
} Fixture;

static void fail_memory(void *context)
{
    (void)context;
    abort();
}

static void set_ports(Fixture *f)
{
    for (int i = 0; i < 2; i++) {
        onnx__value_info_proto__init(&f->ports[i]);
        onnx__tensor_shape_proto__dimension__init(&f->dims[i]);
        f->dims[i].has_dim_value = true;
        f->dims[i].dim_value = 2 + i;
        f->dim_list[i] = &f->dims[i];
    }
    onnx__type_proto__init(&f->type);
    onnx__type_proto__tensor__init(&f->tensor);
    onnx__tensor_shape_proto__init(&f->shape);
    f->shape.dim = f->dim_list;
    f->shape.n_dim = 2;
    f->tensor.has_elem_type = true;
    f->tensor.elem_type = 1;
    f->tensor.shape = &f->shape;
    f->type.tensor_type = &f->tensor;
    f->ports[0].type = f->ports[1].type = &f->type;
}

static char *word(Fixture *f, const char *text) { return arena_copy_string(f->arena, text); }

/* x: f32[2, 3] in, y out, no nodes yet. */
static Fixture *model_new(void)
{
    Arena *arena = arena_new(fail_memory, NULL);
    Fixture *f = ARENA_NEW(arena, Fixture);
    *f = (Fixture){.arena = arena, .diag = diag_new(arena)};
    onnx__model_proto__init(&f->model);
    onnx__graph_proto__init(&f->graph);
    onnx__operator_set_id_proto__init(&f->opset);
    set_ports(f);
    f->ports[0].name = word(f, "x");
    f->ports[1].name = word(f, "y");
    f->opset.has_version = true;
    f->opset.version = 18;
    f->opsets[0] = &f->opset;
    f->inputs[0] = &f->ports[0];
    f->outputs[0] = &f->ports[1];
    f->graph.n_input = f->graph.n_output = 1;
    f->graph.input = f->inputs;
    f->graph.output = f->outputs;
    f->graph.node = f->node_list;
    f->model.opset_import = f->opsets;
    f->model.n_opset_import = 1;
    f->model.graph = &f->graph;
    return f;
}

static Onnx__NodeProto *add_node(Fixture *f, const char *op, const char *in, const char *out)
{
    Onnx__NodeProto *node = &f->nodes[f->graph.n_node];
    onnx__node_proto__init(node);
    f->node_list[f->graph.n_node++] = node;
    node->op_type = word(f, op);
    node->input = ARENA_NEW(f->arena, char *);
    node->output = ARENA_NEW(f->arena, char *);
    node->input[0] = word(f, in);
    node->output[0] = word(f, out);
    node->n_input = node->n_output = 1;
    return node;
}

static void add_axis(Fixture *f, Onnx__NodeProto *node, const char *name)
{
    Onnx__AttributeProto *attr = ARENA_NEW(f->arena, Onnx__AttributeProto);
    onnx__attribute_proto__init(attr);
    attr->name = word(f, name);
    attr->has_i = true;
    node->attribute = ARENA_NEW(f->arena, Onnx__AttributeProto *);
    node->attribute[0] = attr;
    node->n_attribute = 1;
}

static unsigned char *packed(Fixture *f, size_t *size)
{
    *size = onnx__model_proto__get_packed_size(&f->model);
    unsigned char *bytes = arena_alloc(f->arena, *size);
    onnx__model_proto__pack(&f->model, bytes);
    return bytes;
}

static Graph *import_bytes(Fixture *f, const unsigned char *bytes, size_t size)
{
    f->diag = diag_new(f->arena);
    const Onnx__ModelProto *model = onnx_parse_model(f->arena, bytes, size, "m.onnx", &f->diag);
    return model ? onnx_import(f->arena, model, "m.onnx", NULL, &f->report, &f->diag) : NULL;
}

static Graph *import_packed(Fixture *f)
{
    size_t size;
    const unsigned char *bytes = packed(f, &size);
    return import_bytes(f, bytes, size);
}

static void reads_what_was_written(void **state)
{
    Fixture *f = model_new();
    add_node(f, "Relu", "x", "h");
    add_node(f, "Transpose", "h", "y");
    Graph *graph = import_packed(f);
    assert_non_null(graph);
    assert_true(graph_verify(graph, &f->diag));
    assert_int_equal(graph->nresults, 1);
    assert_string_equal(graph->results[0].name, "y");
    assert_string_equal(type_text(f->arena, value_type(graph->results[0].value)), "f32[3, 2]");
    const Node *relu = graph_find(graph, "h");
    assert_non_null(relu);
    assert_int_equal(relu->op, OP_relu);
    assert_string_equal(relu->origin.at[0].name, "h (Relu)");
    arena_free(f->arena);
}

static void says_all_that_is_unsupported(void **state)
{
    Fixture *f = model_new();
    add_node(f, "NoSuchOperator", "x", "a");
    add_node(f, "Relu", "a", "b"); /* nothing is wrong with it but its operand */
    add_axis(f, add_node(f, "Relu", "x", "c"), "strange");
    add_node(f, "Relu", "missing", "y");
    assert_null(import_packed(f));
    assert_int_equal(f->diag.errors, 3);
    assert_int_equal(f->report.ngaps, 2);
    assert_string_equal(f->report.gaps[0].op, "NoSuchOperator");
    assert_string_equal(f->report.gaps[1].attribute, "strange");
    assert_string_equal(f->report.gaps[1].node, "c");
    arena_free(f->arena);
}

static void names_the_dims_that_it_needs(void **state)
{
    Fixture *f = model_new();
    add_node(f, "Relu", "x", "y");
    f->dims[0].has_dim_value = false;
    f->dims[0].dim_param = word(f, "batch");
    assert_null(import_packed(f));
    assert_non_null(strstr(f->diag.first->help, "--dim 'batch=1'"));
    arena_free(f->arena);
}

/* With bounds the dim stays open, and what regroups axes leaves it so. */
static void takes_bounds_for_symbolic_dims(void **state)
{
    Fixture *f = model_new();
    add_node(f, "Relu", "x", "h");
    add_node(f, "Flatten", "h", "y");
    f->dims[0].has_dim_value = false;
    f->dims[0].dim_param = word(f, "batch/size");
    size_t size;
    const unsigned char *bytes = packed(f, &size);
    f->diag = diag_new(f->arena);
    const DimBinding bounds = {"batch/size", 1, 64};
    const OnnxOptions options = {.dims = &bounds, .ndims = 1};
    const Onnx__ModelProto *model = onnx_parse_model(f->arena, bytes, size, "m.onnx", &f->diag);
    Graph *graph = onnx_import(f->arena, model, "m.onnx", &options, &f->report, &f->diag);
    assert_non_null(graph);
    assert_true(graph_verify(graph, &f->diag));
    assert_int_equal(graph->ndims, 1);
    assert_int_equal(graph->dims[0].high, 64);
    assert_string_equal(type_text(f->arena, value_type(graph->results[0].value)), "f32[batch_size, 3]");
    arena_free(f->arena);
}

/* Cut anywhere, or with any byte another: refused with a word, or a graph that holds. */
static void survives_damage(void **state)
{
    Fixture *f = model_new();
    add_node(f, "Relu", "x", "h");
    add_node(f, "Softmax", "h", "y");
    size_t size;
    const unsigned char *bytes = packed(f, &size);
    for (size_t i = 0; i < size; i++) {
        Graph *graph = import_bytes(f, bytes, i);
        assert_true(graph || f->diag.errors);
    }
    unsigned char *copy = arena_alloc(f->arena, size);
    for (size_t i = 0; i < size; i++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy(copy, bytes, size);
            copy[i] ^= (unsigned char)(1 << bit);
            Graph *graph = import_bytes(f, copy, size);
            assert_true(graph ? graph_verify(graph, &f->diag) : f->diag.errors > 0);
        }
    arena_free(f->arena);
}

/* A type in a type in a type: protobuf-c would recurse as deep. */
static void refuses_deep_nesting(void **state)
{
    enum { DEPTH = 20000 };
    Fixture *f = model_new();
    size_t room = 12 * DEPTH, at = room;
    unsigned char *bytes = arena_alloc(f->arena, room);
    for (int i = 0; i < DEPTH; i++) { /* from the inside out: field 6 of an attribute, 5 of a node, 1 of a graph */
        static const unsigned char keys[] = {5 << 3 | 2, 1 << 3 | 2, 6 << 3 | 2};
        size_t length = room - at;
        if (length > 2000000) break;
        bytes[--at] = (unsigned char)(length >> 14 & 127);
        bytes[--at] = (unsigned char)((length >> 7 & 127) | 128);
        bytes[--at] = (unsigned char)((length & 127) | 128);
        bytes[--at] = keys[i % 3];
    }
    Graph *graph = import_bytes(f, bytes + at, room - at);
    assert_null(graph);
    assert_int_equal(f->diag.first->code, E0511);
    arena_free(f->arena);
}

static void refuses_tensors_that_lie(void **state)
{
    Fixture *f = model_new();
    Onnx__TensorProto tensor;
    Tensor out;
    onnx__tensor_proto__init(&tensor);
    tensor.has_data_type = true;
    tensor.data_type = 1;
    int64_t dims[] = {1 << 20, 1 << 15};
    float few[] = {1, 2};
    tensor.dims = dims;
    tensor.n_dims = 2;
    tensor.float_data = few;
    tensor.n_float_data = 2;
    assert_false(onnx_tensor(f->arena, &tensor, (Span){.name = "t"}, &out, &f->diag));
    assert_int_equal(f->diag.last->code, E0511);
    dims[0] = -1;
    assert_false(onnx_tensor(f->arena, &tensor, (Span){.name = "t"}, &out, &f->diag));
    dims[0] = 1;
    dims[1] = 2;
    assert_true(onnx_tensor(f->arena, &tensor, (Span){.name = "t"}, &out, &f->diag));
    assert_true(tensor_real(&out, 1) == 2);
    tensor.data_type = 999;
    assert_false(onnx_tensor(f->arena, &tensor, (Span){.name = "t"}, &out, &f->diag));
    arena_free(f->arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written),
        cmocka_unit_test(says_all_that_is_unsupported),
        cmocka_unit_test(names_the_dims_that_it_needs),
        cmocka_unit_test(takes_bounds_for_symbolic_dims),
        cmocka_unit_test(survives_damage),
        cmocka_unit_test(refuses_deep_nesting),
        cmocka_unit_test(refuses_tensors_that_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
