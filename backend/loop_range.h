/* What values an affine index takes: intervals of loop variables, tightened by the conditions around. */
#ifndef BACKEND_LOOP_RANGE_H
#define BACKEND_LOOP_RANGE_H

#include "backend/loop.h"

typedef struct Range {
    int64_t low, high; /* both included; saturated at the limits below */
} Range;

enum { MAX_CONDITIONS = 64 };

typedef struct Ranges {
    Range *vars; /* by id */
    int nconditions;
    const Affine *conditions[MAX_CONDITIONS]; /* each is >= 0 here */
} Ranges;

/* Every value lies inside; the ends are reached when no condition is in force. */
Range range_of(const Ranges *ranges, const Affine *index);

#endif
