/* Rules of stored numbers: what is taken elsewhere, or cut, or compared, is so as bytes. */
#ifndef PASSES_STORED_H
#define PASSES_STORED_H

#include "passes/rewrite.h"

/* Of quantize(dequantize(bound 0, bound 1), bound 2): are both on the same grid, so that it changes no byte? */
bool stored_grid_is_same(const Match *match);

extern const RuleSet stored_rules;

#endif
