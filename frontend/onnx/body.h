/* Graphs that are attributes of a node: the bodies of If, Loop and Scan. */
#ifndef FRONTEND_ONNX_BODY_H
#define FRONTEND_ONNX_BODY_H

#include "frontend/onnx/import_state.h"

typedef struct OnnxBody {
    const Onnx__GraphProto *graph;
    OnnxScope *scope; /* of its initializers */
    int ninputs, noutputs;
} OnnxBody;

/* The graph in that attribute and what it has of its own, which is made here, once; false after an error. */
bool onnx_body(OnnxCall *c, const char *attribute, OnnxBody *out);
/* Imports its nodes at the end of `into`, that of the call or a region, called behind `path` ("" in the call's own
 * graph).  `inputs` has a value for each input of the body, `outputs` room for each output: in whatever form each is.
 * False after an error. */
bool onnx_body_import(OnnxCall *c, const OnnxBody *body, Graph *into, const char *path, const Value *inputs,
                      OnnxValue *outputs);
/* An output as one value, channels last or not, converted at the end of `into` if need be. */
Value onnx_body_value(OnnxCall *c, Graph *into, OnnxValue *output, bool last);
/* What the node of several results that this call makes is called: as the model's node, or its first result. */
const char *onnx_step_name(const OnnxCall *c);

/* A name for a gathered result of the scan whose region has its inputs and some results: `name`, or longer. */
const char *onnx_slot_name(const OnnxCall *c, const Node *scan, const char *name);

/* ---- what is tried out ---- */

typedef struct OnnxMark {
    Diag diag;
    size_t ngaps, nneeds;
    Node *last;
} OnnxMark;

OnnxMark onnx_mark(const OnnxCall *c);
/* Forgets errors, gaps and nodes of the call's graph that came behind the mark. */
void onnx_rewind(OnnxCall *c, const OnnxMark *mark);

#endif
