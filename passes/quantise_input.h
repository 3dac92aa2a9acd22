/* Inputs of 8 bits: what preprocessing makes of them has 256 values at most, known before any sample is seen. */
#ifndef PASSES_QUANTISE_INPUT_H
#define PASSES_QUANTISE_INPUT_H

#include "passes/quantise.h"

/* For a value that follows element by element from one 8-bit input: its grid, over all that it can be, goes to *grid.
 * True when the input's own numbers are those that would be stored on it, perhaps moved by 128 for the other
 * signedness: *out is that then, without arithmetic of floats.  Else *grid is left at scale 0, or is to be used. */
bool quantise_input(const Maker *m, Value value, Dtype to, Value *out, Grid *grid);

#endif
