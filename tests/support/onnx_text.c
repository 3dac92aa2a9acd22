#include "tests/support/onnx_text.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct Reader {
    Arena *arena;
    const char *at;
    int line;
    Onnx__GraphProto *graph;
    Onnx__ModelProto *model;
} Reader;

/* ---- words ---- */

static _Noreturn void wrong(const Reader *r, const char *expected)
{
    print_error("ONNX text, line %d: expected %s, found '%.20s'\n", r->line, expected, r->at);
    fail();
    abort();
}

static void skip_blanks(Reader *r) { r->at += strspn(r->at, " "); }

static bool take(Reader *r, const char *word)
{
    skip_blanks(r);
    size_t length = strlen(word);
    if (strncmp(r->at, word, length) != 0) return false;
    if (isalpha((unsigned char)*word) && (isalnum((unsigned char)r->at[length]) || r->at[length] == '_')) return false;
    r->at += length;
    return true;
}

static void expect(Reader *r, const char *word)
{
    if (!take(r, word)) wrong(r, word);
}

/* Letters, digits and what else names of exporters hold. */
static char *name(Reader *r)
{
    skip_blanks(r);
    size_t length = 0;
    while (r->at[length] && !strchr(" ,()<>[]{}=\"\n#", r->at[length]) &&
           !(r->at[length] == ':' && r->at[length + 1] == ' '))
        length++;
    char *text = arena_copy_chars(r->arena, r->at, length);
    r->at += length;
    return text;
}

/* Grows a repeated field of pointers. */
static void *push(const Reader *r, void *list, size_t *count, void *item)
{
    void **grown = ARENA_ARRAY(r->arena, void *, *count + 1);
    if (*count) memcpy(grown, list, *count * sizeof *grown);
    grown[(*count)++] = item;
    return grown;
}

/* ---- types ---- */

static int32_t element_type(Reader *r)
{
    const char *word = name(r);
    for (int32_t i = 1; i < 32; i++)
        if (!strcmp(onnx_dtype_name(i), word)) return i;
    return (int32_t)strtol(word, NULL, 10); /* a number for what ONNX has not */
}

static bool is_number(const char *text)
{
    return isdigit((unsigned char)*text) || *text == '-' || !strncmp(text, "nan", 3);
}

static Onnx__TensorShapeProto__Dimension *dimension(Reader *r)
{
    Onnx__TensorShapeProto__Dimension *dim = ARENA_NEW(r->arena, Onnx__TensorShapeProto__Dimension);
    onnx__tensor_shape_proto__dimension__init(dim);
    char *text = name(r);
    if (is_number(text)) {
        dim->has_dim_value = true;
        dim->dim_value = strtoll(text, NULL, 10);
    } else if (strcmp(text, "?") != 0)
        dim->dim_param = strcmp(text, "??") ? text : text + 1;
    return dim;
}

static Onnx__TypeProto *type(Reader *r)
{
    Onnx__TypeProto *out = ARENA_NEW(r->arena, Onnx__TypeProto);
    onnx__type_proto__init(out);
    if (take(r, "sequence")) {
        out->sequence_type = ARENA_NEW(r->arena, Onnx__TypeProto__Sequence);
        onnx__type_proto__sequence__init(out->sequence_type);
        expect(r, "(");
        out->sequence_type->elem_type = type(r);
        expect(r, ")");
        return out;
    }
    Onnx__TypeProto__Tensor *tensor = out->tensor_type = ARENA_NEW(r->arena, Onnx__TypeProto__Tensor);
    onnx__type_proto__tensor__init(tensor);
    tensor->has_elem_type = true;
    tensor->elem_type = element_type(r);
    bool shaped = take(r, "["), unknown = shaped && take(r, "...");
    if (unknown) expect(r, "]");
    if (unknown) return out;
    tensor->shape = ARENA_NEW(r->arena, Onnx__TensorShapeProto);
    onnx__tensor_shape_proto__init(tensor->shape);
    while (shaped && !take(r, "]")) {
        tensor->shape->dim = push(r, tensor->shape->dim, &tensor->shape->n_dim, dimension(r));
        take(r, ",");
    }
    return out;
}

/* ---- tensors ---- */

static void put_number(Onnx__TensorProto *t, size_t index, const char *text)
{
    if (t->data_type == 1)
        t->float_data[index] = strtof(text, NULL);
    else if (t->data_type == 7)
        t->int64_data[index] = strtoll(text, NULL, 10);
    else
        t->int32_data[index] = (int32_t)strtol(text, NULL, 10);
}

static void make_room(const Reader *r, Onnx__TensorProto *t, size_t count)
{
    t->float_data = ARENA_ARRAY(r->arena, float, count + 1);
    t->int64_data = ARENA_ARRAY(r->arena, int64_t, count + 1);
    t->int32_data = ARENA_ARRAY(r->arena, int32_t, count + 1);
    if (t->data_type == 1)
        t->n_float_data = count;
    else if (t->data_type == 7)
        t->n_int64_data = count;
    else
        t->n_int32_data = count;
}

static void to_raw(Onnx__TensorProto *t)
{
    size_t size =
        t->n_float_data * sizeof(float) + t->n_int64_data * sizeof(int64_t) + t->n_int32_data * sizeof(int32_t);
    void *data = t->n_float_data ? (void *)t->float_data : t->n_int64_data ? (void *)t->int64_data : t->int32_data;
    t->has_raw_data = true;
    t->raw_data = (ProtobufCBinaryData){size, data};
    t->n_float_data = t->n_int64_data = t->n_int32_data = 0;
}

static Onnx__TensorProto *tensor(Reader *r, char *called)
{
    Onnx__TensorProto *t = ARENA_NEW(r->arena, Onnx__TensorProto);
    onnx__tensor_proto__init(t);
    t->name = called;
    t->has_data_type = true;
    t->data_type = element_type(r);
    size_t count = 1;
    if (take(r, "["))
        while (!take(r, "]")) {
            int64_t *dims = ARENA_ARRAY(r->arena, int64_t, t->n_dims + 1);
            if (t->n_dims) memcpy(dims, t->dims, t->n_dims * sizeof *dims);
            t->dims = dims;
            t->dims[t->n_dims++] = strtoll(name(r), NULL, 10);
            if (t->dims[t->n_dims - 1] > 0 && t->dims[t->n_dims - 1] < 4096) count *= (size_t)t->dims[t->n_dims - 1];
            take(r, ",");
        }
    make_room(r, t, count);
    const char *text = "0";
    take(r, "=");
    for (size_t i = 0; i < count; i++) {
        skip_blanks(r);
        if (is_number(r->at)) text = name(r);
        put_number(t, i, text);
    }
    if (take(r, "raw")) to_raw(t);
    return t;
}

/* ---- attributes ---- */

enum {
    ATTRIBUTE_FLOAT = 1,
    ATTRIBUTE_INT = 2,
    ATTRIBUTE_STRING = 3,
    ATTRIBUTE_TENSOR = 4,
    ATTRIBUTE_GRAPH = 5,
    ATTRIBUTE_FLOATS = 6,
    ATTRIBUTE_INTS = 7,
    ATTRIBUTE_STRINGS = 8
};

static void put_value(Reader *r, Onnx__AttributeProto *attr)
{
    const char *text = name(r);
    attr->has_type = true;
    if (strchr(text, '.')) {
        attr->type = ATTRIBUTE_FLOAT;
        attr->has_f = true;
        attr->f = strtof(text, NULL);
    } else {
        attr->type = ATTRIBUTE_INT;
        attr->has_i = true;
        attr->i = strtoll(text, NULL, 10);
    }
}

/* Of numbers with a point when the first has one. */
static void put_list(Reader *r, Onnx__AttributeProto *attr)
{
    size_t room = 1, count = 0;
    for (const char *c = r->at; *c && *c != ']'; c++) room += *c == ',';
    bool floats = memchr(r->at, '.', strcspn(r->at, ",]")) != NULL;
    attr->has_type = true;
    attr->type = floats ? ATTRIBUTE_FLOATS : ATTRIBUTE_INTS;
    attr->ints = ARENA_ARRAY(r->arena, int64_t, room);
    attr->floats = ARENA_ARRAY(r->arena, float, room);
    for (; !take(r, "]"); count++) {
        const char *text = name(r);
        attr->ints[count] = strtoll(text, NULL, 10);
        attr->floats[count] = strtof(text, NULL);
        take(r, ",");
    }
    *(floats ? &attr->n_floats : &attr->n_ints) = count;
}

/* Behind its first quote. */
static ProtobufCBinaryData quoted(Reader *r)
{
    size_t length = strcspn(r->at, "\"");
    ProtobufCBinaryData text = {length, (unsigned char *)arena_copy_chars(r->arena, r->at, length)};
    r->at += length;
    expect(r, "\"");
    return text;
}

static void put_string(Reader *r, Onnx__AttributeProto *attr)
{
    attr->has_type = attr->has_s = true;
    attr->type = ATTRIBUTE_STRING;
    attr->s = quoted(r);
}

static void put_strings(Reader *r, Onnx__AttributeProto *attr)
{
    size_t room = 1;
    for (const char *c = r->at; *c && *c != ']'; c++) room += *c == ',';
    attr->has_type = true;
    attr->type = ATTRIBUTE_STRINGS;
    attr->strings = ARENA_ARRAY(r->arena, ProtobufCBinaryData, room);
    do {
        attr->strings[attr->n_strings++] = quoted(r);
        take(r, ",");
    } while (take(r, "\""));
    expect(r, "]");
}

static void line(Reader *r);

static void put_graph(Reader *r, Onnx__AttributeProto *attr)
{
    Onnx__GraphProto *outer = r->graph;
    attr->has_type = true;
    attr->type = ATTRIBUTE_GRAPH;
    attr->g = r->graph = ARENA_NEW(r->arena, Onnx__GraphProto);
    onnx__graph_proto__init(attr->g);
    expect(r, "{");
    while (!take(r, "}")) line(r);
    r->graph = outer;
}

static Onnx__AttributeProto *attribute(Reader *r)
{
    Onnx__AttributeProto *attr = ARENA_NEW(r->arena, Onnx__AttributeProto);
    onnx__attribute_proto__init(attr);
    attr->name = name(r);
    expect(r, ":");
    if (take(r, "tensor")) {
        attr->has_type = true;
        attr->type = ATTRIBUTE_TENSOR;
        attr->t = tensor(r, attr->name);
    } else if (take(r, "graph"))
        put_graph(r, attr);
    else if (take(r, "[\""))
        put_strings(r, attr);
    else if (take(r, "["))
        put_list(r, attr);
    else if (take(r, "\""))
        put_string(r, attr);
    else
        put_value(r, attr);
    return attr;
}

/* ---- lines ---- */

static void opset(Reader *r)
{
    Onnx__OperatorSetIdProto *set = ARENA_NEW(r->arena, Onnx__OperatorSetIdProto);
    onnx__operator_set_id_proto__init(set);
    set->has_version = true;
    set->version = strtoll(name(r), NULL, 10);
    if (take(r, "of")) set->domain = name(r);
    r->model->opset_import = push(r, r->model->opset_import, &r->model->n_opset_import, set);
}

static Onnx__ValueInfoProto *port(Reader *r)
{
    Onnx__ValueInfoProto *out = ARENA_NEW(r->arena, Onnx__ValueInfoProto);
    onnx__value_info_proto__init(out);
    out->name = name(r);
    expect(r, ":");
    out->type = type(r);
    return out;
}

static void node(Reader *r)
{
    Onnx__NodeProto *node = ARENA_NEW(r->arena, Onnx__NodeProto);
    onnx__node_proto__init(node);
    if (take(r, "@")) node->name = name(r);
    do node->output = push(r, node->output, &node->n_output, name(r));
    while (take(r, ","));
    expect(r, "=");
    node->op_type = name(r);
    char *colons = strstr(node->op_type, "::");
    if (colons) {
        node->domain = arena_copy_chars(r->arena, node->op_type, (size_t)(colons - node->op_type));
        node->op_type = colons + 2;
    }
    if (take(r, "<"))
        while (!take(r, ">")) {
            node->attribute = push(r, node->attribute, &node->n_attribute, attribute(r));
            take(r, ",");
        }
    expect(r, "(");
    bool more = !take(r, ")");
    while (more) {
        node->input = push(r, node->input, &node->n_input, name(r));
        more = take(r, ",");
        if (!more) expect(r, ")");
    }
    r->graph->node = push(r, r->graph->node, &r->graph->n_node, node);
}

static void line(Reader *r)
{
    Onnx__GraphProto *graph = r->graph;
    if (take(r, "opset"))
        opset(r);
    else if (take(r, "input"))
        graph->input = push(r, graph->input, &graph->n_input, port(r));
    else if (take(r, "output"))
        graph->output = push(r, graph->output, &graph->n_output, port(r));
    else if (take(r, "tensor")) {
        char *called = name(r);
        expect(r, ":");
        graph->initializer = push(r, graph->initializer, &graph->n_initializer, tensor(r, called));
    } else if (skip_blanks(r), !strchr("#}\n", *r->at))
        node(r);
    skip_blanks(r);
    if (*r->at == '#') r->at += strcspn(r->at, "\n");
    if (*r->at && *r->at != '\n' && *r->at != '}') wrong(r, "the end of the line");
    r->line += *r->at == '\n';
    r->at += *r->at == '\n';
}

unsigned char *onnx_text_pack(Arena *arena, const char *text, size_t *size)
{
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    onnx__model_proto__init(&model);
    onnx__graph_proto__init(&graph);
    model.graph = &graph;
    model.producer_name = arena_copy_string(arena, "test");
    Reader r = {.arena = arena, .at = text, .line = 1, .graph = &graph, .model = &model};
    while (*r.at) line(&r);
    *size = onnx__model_proto__get_packed_size(&model);
    unsigned char *bytes = arena_alloc(arena, *size + 1);
    onnx__model_proto__pack(&model, bytes);
    return bytes;
}

static void no_memory(void *context)
{
    (void)context;
    abort();
}

void onnx_text_write(const char *text, const char *path)
{
    Arena *arena = arena_new(no_memory, NULL);
    size_t size;
    const unsigned char *bytes = onnx_text_pack(arena, text, &size);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_true(fwrite(bytes, 1, size, out) == size);
    assert_int_equal(fclose(out), 0);
    arena_free(arena);
}
