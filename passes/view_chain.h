/* Transposes, reshapes and broadcasts one behind the other, as at most one of each kind that moves elements. */
#ifndef PASSES_VIEW_CHAIN_H
#define PASSES_VIEW_CHAIN_H

#include "passes/rewrite.h"

/* The matched nodes are such views, each the only user of the next: do all sizes part into the same factors, and few
 * enough of them? */
bool view_chain_composes(const Match *match);
/* reshape(broadcast(reshape(transpose(reshape(x))))), or less where that does it. */
Value view_chain_compose(const Maker *m, const Match *match);

#endif
