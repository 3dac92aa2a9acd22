/* What values an affine index takes: intervals of loop variables, tightened by the conditions around. */
#ifndef BACKEND_LOOP_RANGE_H
#define BACKEND_LOOP_RANGE_H

#include "backend/loop.h"

typedef struct Range {
    int64_t low, high; /* both included; saturated at the limits below */
} Range;

enum { MAX_CONDITIONS = 64 }; /* more are left out, or refused */

typedef struct Ranges {
    Range *vars; /* by id */
    int nconditions;
    const Affine *conditions[MAX_CONDITIONS]; /* each is >= 0 here */
} Ranges;

/* The variables of a function's sizes, and how those of one dim go together. */
void ranges_add_sizes(Ranges *ranges, Arena *arena, const LoopFunction *function);
/* Inside of a loop that goes to edges no step goes beyond them: adds what that says, in `arena`. */
void ranges_add_edges(Ranges *ranges, Arena *arena, const LoopStatement *loop);
/* Every value lies inside; the ends are reached when no condition is in force. */
Range range_of(const Ranges *ranges, const Affine *index);

/* The last element that lanes below `limit` of an access at `index` touch, which may be before the first. */
typedef struct LoopAccessEnd {
    bool known; /* false: the numbers are too large to be added */
    Affine at;
} LoopAccessEnd;
LoopAccessEnd loop_access_end(const Affine *index, const Affine *limit, int64_t stride);
/* All elements that lanes `stride` apart touch, `active` of them, of which those below the limit when there is one. */
Range loop_access_range(const Ranges *ranges, const Affine *index, int active, int64_t stride, const Affine *limit);
/* What is wrong with a LOOP_PACK or LOOP_UNPACK whose indices and sizes are affine in what is there; NULL: nothing. */
const char *loop_pack_fault(const Ranges *ranges, const LoopStatement *pack);
/* The same of a LOOP_RESIZE, whose bounds steps behind it count on. */
const char *loop_resize_fault(const LoopFunction *function, const LoopStatement *resize);

#endif
