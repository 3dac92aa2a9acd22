/* What `lepc import` and `lepc dump` write of a graph, read back. */
#ifndef TESTS_SUPPORT_TEXTS_H
#define TESTS_SUPPORT_TEXTS_H

#include "passes/pass.h"

/* NULL when the text for people and the dumps, as imported and planned, each become the object that the graph itself
 * becomes; else what does not.  `model` is the
 * .onnx file that it was read from, or NULL. */
const char *texts_differ(const Graph *graph, const char *model, const PassContext *context);

#endif
