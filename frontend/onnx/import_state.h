/* What an import knows while it runs; for frontend/onnx only. */
#ifndef FRONTEND_ONNX_IMPORT_STATE_H
#define FRONTEND_ONNX_IMPORT_STATE_H

#include "frontend/onnx/call.h"
#include "ir/node_map.h"

/* A value of the model: `plain` with the axes in its order, `last` with axis 1 moved to the end; either may be there,
 * and none after an error. */
typedef struct OnnxValue {
    const char *name;
    Value plain, last;
    bool empty; /* an input without elements, a dtype or an empty list: no node until one is asked for, in error */
    Dtype dtype;
} OnnxValue;

typedef struct OnnxScope {
    Arena *arena;
    OnnxValue *at;
    size_t room, used; /* room is a power of two */
} OnnxScope;

OnnxScope onnx_scope_new(Arena *arena);
/* NULL when there is none of that name. */
OnnxValue *onnx_scope_find(const OnnxScope *scope, const char *name);
/* Made when it is not there; valid until the next one is. */
OnnxValue *onnx_scope_put(OnnxScope *scope, const char *name);

struct OnnxImport {
    Arena *arena;
    Diag *diag;
    const Onnx__ModelProto *model;
    const char *path;
    const OnnxOptions *options;
    OnnxReport *report;
    Graph *graph;
    OnnxScope scope;
    NodeMap *known;  /* elements of nodes that were asked for: a const Tensor *, or this import when there are none */
    int64_t made;    /* bytes of constants that the file only says the size of */
    int64_t work;    /* elements read and written, and products, to know values */
    bool overworked; /* some value was not computed because of that */
};

/* For the table, if one is wanted. */
void onnx_add_gap(OnnxImport *im, const OnnxGap *gap);
/* The node's name, or else its first result's. */
const char *onnx_node_name(const OnnxCall *c);
/* The value of an operand's name in the scope, NULL for one that is left out. */
OnnxValue *onnx_value(const OnnxCall *c, int index);

#endif
