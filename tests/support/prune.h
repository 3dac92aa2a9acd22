/* "LAYER 80% 1x16" or "LAYER 2:4" as a row of a policy. */
#ifndef TESTS_SUPPORT_PRUNE_H
#define TESTS_SUPPORT_PRUNE_H

#include "ir/policy.h"

PruneRow prune_row(Arena *arena, const char *text);

#endif
