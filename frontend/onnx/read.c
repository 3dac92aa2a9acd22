#include "frontend/onnx/read.h"

#include "frontend/frontend.h"

#include <string.h>

/* What protobuf itself can hold. */
static const size_t largest_file = (size_t)2 << 30;

/* ---- memory: all in the arena ---- */

static void *allocate(void *arena, size_t size) { return arena_alloc(arena, size); }

static void release(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

static void *unpack(Arena *arena, const ProtobufCMessageDescriptor *kind, const unsigned char *bytes, size_t size)
{
    ProtobufCAllocator allocator = {allocate, release, arena};
    return protobuf_c_message_unpack(kind, &allocator, size, bytes);
}

/* ---- nesting, which protobuf-c's recursion does not limit ---- */

enum { DEEPEST = 100 };

typedef struct Wire {
    const unsigned char *at, *end;
} Wire;

static bool read_varint(Wire *wire, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 64 && wire->at < wire->end; shift += 7) {
        unsigned char byte = *wire->at++;
        *out |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return true;
    }
    return false;
}

static bool skip_bytes(Wire *wire, uint64_t count)
{
    if (count > (uint64_t)(wire->end - wire->at)) return false;
    wire->at += count;
    return true;
}

/* The next field: its number, and what it holds when that has a length. */
static bool next_field(Wire *wire, uint64_t *number, Wire *inner)
{
    uint64_t key, length;
    *inner = (Wire){NULL, NULL};
    if (!read_varint(wire, &key)) return false;
    *number = key >> 3;
    switch (key & 7) {
    case 0: return read_varint(wire, &length);
    case 1: return skip_bytes(wire, 8);
    case 2:
        if (!read_varint(wire, &length)) return false;
        *inner = (Wire){wire->at, wire->at};
        if (!skip_bytes(wire, length)) return false;
        inner->end = wire->at;
        return true;
    case 5: return skip_bytes(wire, 4);
    default: return false;
    }
}

static const ProtobufCMessageDescriptor *message_in(const ProtobufCMessageDescriptor *kind, uint64_t number)
{
    if (number > 1u << 20) return NULL;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(kind, (unsigned)number);
    return field && field->type == PROTOBUF_C_TYPE_MESSAGE ? field->descriptor : NULL;
}

/* Whether the wire holds what it says and messages in messages go no deeper than DEEPEST. */
static bool is_flat(const ProtobufCMessageDescriptor *kind, Wire wire)
{
    struct {
        const ProtobufCMessageDescriptor *kind;
        Wire wire;
    } stack[DEEPEST];
    int depth = 0;
    stack[depth].kind = kind;
    stack[depth].wire = wire;
    while (depth >= 0) {
        Wire *rest = &stack[depth].wire, inner;
        uint64_t number;
        if (rest->at == rest->end) {
            depth--;
            continue;
        }
        if (!next_field(rest, &number, &inner)) return false;
        const ProtobufCMessageDescriptor *message = inner.at ? message_in(stack[depth].kind, number) : NULL;
        if (!message) continue;
        if (++depth == DEEPEST) return false;
        stack[depth].kind = message;
        stack[depth].wire = inner;
    }
    return true;
}

/* ---- files ---- */

static void *parse(Arena *arena, const ProtobufCMessageDescriptor *kind, const unsigned char *bytes, size_t size,
                   const char *path, Diag *diag)
{
    void *message = is_flat(kind, (Wire){bytes, bytes + size}) ? unpack(arena, kind, bytes, size) : NULL;
    if (message) return message;
    diag_error(diag, E0511, (Span){.name = path}, "not an ONNX file, or damaged: its protocol buffers do not parse");
    diag_help(diag, "check that the download is complete, and not a pointer of Git LFS or a folder in an archive");
    return NULL;
}

const Onnx__ModelProto *onnx_parse_model(Arena *arena, const unsigned char *bytes, size_t size, const char *path,
                                         Diag *diag)
{
    const Onnx__ModelProto *model = parse(arena, &onnx__model_proto__descriptor, bytes, size, path, diag);
    if (!model || model->graph) return model;
    diag_error(diag, E0511, (Span){.name = path}, "the file holds no graph");
    diag_help(diag, "is it an ONNX model?");
    return NULL;
}

const Onnx__ModelProto *onnx_read_model(Arena *arena, const char *path, Diag *diag)
{
    const Source *file = source_read_at(arena, path, largest_file, (Span){.source = NULL}, diag);
    return file ? onnx_parse_model(arena, (const unsigned char *)file->text, file->length, path, diag) : NULL;
}

bool onnx_parse_tensor(Arena *arena, const unsigned char *bytes, size_t size, const char *path, Tensor *out, Diag *diag)
{
    const Onnx__TensorProto *from = parse(arena, &onnx__tensor_proto__descriptor, bytes, size, path, diag);
    return from && onnx_tensor(arena, from, (Span){.name = path}, out, diag);
}
