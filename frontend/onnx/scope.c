#include "frontend/onnx/import_state.h"

#include <string.h>

enum { FIRST_ROOM = 64 };

OnnxScope *onnx_scope_new(Arena *arena, OnnxScope *outer)
{
    OnnxScope *scope = ARENA_NEW(arena, OnnxScope);
    *scope = (OnnxScope){
        .arena = arena, .outer = outer, .at = ARENA_ARRAY(arena, OnnxValue, FIRST_ROOM), .room = FIRST_ROOM};
    return scope;
}

static OnnxValue *probe(OnnxValue *values, size_t room, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = name; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    size_t at = (size_t)(hash ^ hash >> 32) & (room - 1);
    while (values[at].name && strcmp(values[at].name, name) != 0) at = (at + 1) & (room - 1);
    return &values[at];
}

OnnxValue *onnx_scope_find(OnnxScope *scope, const char *name)
{
    for (const OnnxScope *at = scope; at; at = at->outer) {
        OnnxValue *value = probe(at->at, at->room, name);
        if (!value->name) continue;
        if (at == scope) return value;
        OnnxValue copy = *value;
        copy.outside = true;
        value = onnx_scope_put(scope, name);
        *value = copy;
        return value;
    }
    return NULL;
}

bool onnx_scope_makes(const OnnxScope *scope, const char *name)
{
    const OnnxValue *value = probe(scope->at, scope->room, name);
    return value->name && !value->outside;
}

OnnxValue *onnx_scope_put(OnnxScope *scope, const char *name)
{
    if (scope->used * 2 >= scope->room) {
        size_t room = scope->room * 2;
        OnnxValue *values = ARENA_ARRAY(scope->arena, OnnxValue, room);
        for (size_t i = 0; i < scope->room; i++)
            if (scope->at[i].name) *probe(values, room, scope->at[i].name) = scope->at[i];
        scope->at = values;
        scope->room = room;
    }
    OnnxValue *value = probe(scope->at, scope->room, name);
    scope->used += !value->name;
    value->name = name;
    return value;
}
