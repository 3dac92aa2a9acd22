/* Small ONNX models, written down as text:
 *
 *     opset 18                                opset 1 of ai.example
 *     input x: float[1, batch, ?]             dims may have names, be unknown, or be called "?": ??
 *     output y: float[1, 4]
 *     tensor w: float[2, 2] = 1 0.5 2 -1      the last number repeats; `raw` behind it as bytes
 *     y = Relu(x)                             # a comment
 *     @scores a, b = Split<axis: 1, split: [2, 2], to: "f", of: tensor int64[2] = 1 1>(x, , w)
 *     z = ai.example::Norm<scales: [0.5, 1.0], words: ["f", "g"]>(x)
 *     r = If<then_branch: graph {             # lines of a graph of its own
 *       a = Relu(x)
 *       output a: float[2]
 *     }, else_branch: graph { ... }>(c)
 *
 * Elements are of float, int64 or what fits int32.  A type is ONNX's name of it; a rank may be unknown, float[...];
 * sequence(float) is a sequence. */
#ifndef TESTS_SUPPORT_ONNX_TEXT_H
#define TESTS_SUPPORT_ONNX_TEXT_H

#include "frontend/onnx/read.h"

/* The bytes of a .onnx file; ends the test with a message when the text is wrong. */
unsigned char *onnx_text_pack(Arena *arena, const char *text, size_t *size);
/* The same to a file. */
void onnx_text_write(const char *text, const char *path);

#endif
