/* Models with bounded dims: one piece of code beside eval on the graph of each size. */
#ifndef TESTS_SUPPORT_BOUNDED_H
#define TESTS_SUPPORT_BOUNDED_H

#include "ir/graph.h"

/* The graph of a text; NULL after errors, which are printed. */
Graph *bounded_parse(Arena *arena, const char *text, Diag *diag);
/* Compiles the model for two processors, with and without threads, and runs it at every size of each dim (of several
 * dims, those along the diagonals) on buffers that are dense for it: the bits are those of eval on the graph of that
 * size, and nothing outside is touched. */
void bounded_check(const char *text);

#endif
