/* Small ONNX models from text to results. */
#ifndef TESTS_SUPPORT_ONNX_RUN_H
#define TESTS_SUPPORT_ONNX_RUN_H

#include "ir/graph.h"

/* The model of a text as tests/support/onnx_text.h has it; ends the test when it is refused. */
Graph *onnx_run_import(Arena *arena, const char *text);
/* `numbers`: the elements of all inputs in turn, then what those of all results must be, as the interpreter has them.
 */
void onnx_run(const char *text, const double *numbers);
/* And machine code has the same bits on drawn inputs. */
void onnx_run_native(const char *text);

#define ONNX_RUN(text, ...) onnx_run(text, (const double[]){__VA_ARGS__})

#endif
