/* Models whose sizes are known when they run: given by the caller (ir/bounded.h) or counted (ir/count.h).  Machine code
 * beside eval, for every size. */
#ifndef TESTS_SUPPORT_BOUNDED_H
#define TESTS_SUPPORT_BOUNDED_H

#include "ir/graph.h"

/* Fills an input; `variation` counts from 0, seeds differ from input to input. */
typedef void BoundedFill(Tensor *tensor, uint32_t seed, int variation);

/* The model's graph; what is wrong with it is said on stderr.  NULL after an error. */
Graph *bounded_parse(Arena *arena, const char *text, Diag *diag);
/* Compiles the model for processors that there are, for one thread and three; its loop nests print, parse and verify.
 * Runs it for every size of each dim that the caller gives - of several dims, for those along the diagonals - and each
 * of so many variations of the inputs, in buffers of those sizes alone.  Fails unless every run has the bits of eval's
 * results, has counted what eval counts, and touched nothing outside of its buffers. */
void bounded_check_filled(const char *text, int variations, BoundedFill *fill);
/* The same with one filling, that of fill_tensor. */
void bounded_check(const char *text);

#endif
