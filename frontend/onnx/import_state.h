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
    bool outside; /* a copy of one that is around the body */
} OnnxValue;

/* The names of a graph; those of a body see the ones of what is around. */
typedef struct OnnxScope OnnxScope;
struct OnnxScope {
    Arena *arena;
    OnnxScope *outer; /* NULL of the model */
    OnnxValue *at;
    size_t room, used; /* room is a power of two */
};

OnnxScope *onnx_scope_new(Arena *arena, OnnxScope *outer);
/* NULL when there is none of that name.  What is found outside is entered here as a copy: forms that a body makes of
 * it belong to that body. */
OnnxValue *onnx_scope_find(OnnxScope *scope, const char *name);
/* Whether that name is made here. */
bool onnx_scope_makes(const OnnxScope *scope, const char *name);
/* Made when it is not there; valid until the next one is. */
OnnxValue *onnx_scope_put(OnnxScope *scope, const char *name);

/* A loop whose body is being imported. */
typedef struct OnnxTurns OnnxTurns;
struct OnnxTurns {
    const OnnxTurns *outer;
    const Node *counter;
    Value count, go; /* what says how many there are, as far as it is not known */
};

struct OnnxImport {
    Arena *arena;
    Diag *diag;
    const Onnx__ModelProto *model;
    const char *path;
    const OnnxOptions *options;
    OnnxReport *report;
    Graph *graph; /* of the model or, in one of its bodies, that one's region */
    OnnxScope *scope;
    const char *prefix; /* of the names of nodes that are made: "y.then." in a body, else "" */
    const char *keys;   /* the same of the keys of parameters */
    const OnnxTurns *turns;
    size_t in_bodies;        /* nodes imported of bodies: each may be tried in several ways */
    const Diagnostic *noted; /* the last that note_gaps has seen */
    NodeMap *makers;         /* of each node the number of the call that made it */
    int64_t calls;
    NodeMap *known;  /* elements of nodes that were asked for: a const Tensor *, or this import when there are none */
    NodeMap *sizes;  /* what follows from bounded dims: an array of Dim, NULL where something else does */
    bool in_sizes;   /* these are asked for: what is not known then does not ask for them again, as deep as nodes go */
    int64_t made;    /* elements of constants that the file only says the size of */
    int64_t work;    /* elements read and written, and products, to know values */
    bool overworked; /* some value was not computed because of that */
};

/* What follows from bounded dims, and is the same for all sizes of theirs; NULL: it is not (frontend/onnx/sizes.c). */
const Tensor *onnx_fixed_sizes(OnnxImport *im, Value value);
/* For the table, if one is wanted. */
void onnx_add_gap(OnnxImport *im, const OnnxGap *gap);
/* The node's name, or else its first result's. */
const char *onnx_node_name(const OnnxCall *c);
/* One node, as errors say what they are. */
void onnx_import_node(OnnxImport *im, const Onnx__NodeProto *node);
/* Into the scope: one of the model, or of a body. */
void onnx_import_initializer(OnnxImport *im, const Onnx__TensorProto *from);
/* Result `index` is that value, in all its forms. */
void onnx_result_as(OnnxCall *c, int index, const OnnxValue *value);
/* A node of this call; no node after an error. */
Value onnx_add(OnnxCall *c, const NodeSpec *spec);
/* The value of an operand's name in the scope, NULL for one that is left out. */
OnnxValue *onnx_value(const OnnxCall *c, int index);

#endif
