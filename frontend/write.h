/* A graph as a text that people read and change: the opposite of elaborating one.  Layers make their parameters,
 * values that are used once flow through chains, numbers stand where they are used; elements are in a file beside. */
#ifndef FRONTEND_WRITE_H
#define FRONTEND_WRITE_H

#include "ir/graph.h"

typedef struct Writing Writing;

/* Decides how a graph of stage elaborated will be written.  Changes the graph, not what it computes: nodes that
 * nothing uses go, parameters and constants move to where they are used, parameters of layers get the layer's name.
 * `weights` is what the text calls the file of elements. */
Writing *writing_new(Arena *arena, Graph *graph, const char *weights);
/* The text, which elaborates to that graph; `comment` is its second line, or NULL. */
void writing_text(Writing *w, const char *comment, FILE *out);
/* Whether the text needs the file of elements. */
bool writing_has_weights(const Writing *w);
/* That file: https://github.com/huggingface/safetensors, elements of less than a byte as U8.  In the order of the
 * text, 64-byte aligned. */
void writing_weights(const Writing *w, FILE *out);

#endif
