/* From an ONNX model to a graph of stage elaborated.  Values of four and more axes that come from convolutions stay in
 * the channels-last form in which they are computed; conversions stand only where an operator needs the other one. */
#ifndef FRONTEND_ONNX_IMPORT_H
#define FRONTEND_ONNX_IMPORT_H

#include "frontend/frontend.h"
#include "frontend/onnx/read.h"

/* An input whose elements are known when compiling: it is no input of the graph then. */
typedef struct OnnxFixed {
    const char *name;
    Tensor value;
} OnnxFixed;

typedef struct OnnxOptions {
    const DimBinding *dims; /* of symbolic dims; one without a name is called as its input and axis: "x.0" */
    int ndims;
    const OnnxFixed *fixed;
    int nfixed;
} OnnxOptions;

/* Something that could not be imported, for tables; each is an error in the Diag as well, as far as that keeps them. */
typedef struct OnnxGap {
    const char *node, *op; /* the node's name, or else its first result's; op "input", "initializer" of those */
    const char *attribute; /* or operand; "" when it is the operator as a whole */
    const char *why, *way_out;
    int64_t opset;
} OnnxGap;

typedef struct OnnxReport {
    int64_t opset;                           /* of the standard domain, 0 unknown */
    const char *producer, *producer_version; /* that the file names, or NULL */
    size_t ngaps, gaps_room;
    OnnxGap *gaps;
    /* Inputs whose values were asked for when compiling, as `fixed` would give them. */
    size_t nneeds, needs_room;
    const char **needs;
} OnnxReport;

/* NULL after errors, as many as there are.  `path` is what the model is called; report may be NULL. */
Graph *onnx_import(Arena *arena, const Onnx__ModelProto *model, const char *path, const OnnxOptions *options,
                   OnnxReport *report, Diag *diag);

#endif
