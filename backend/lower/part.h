/* Parts of a nest that may run side by side: one axis, cut into runs of neighbours by the schedule.  Each result
 * element belongs to one part and is computed as it would be without parts, so that bits do not depend on them. */
#ifndef BACKEND_LOWER_PART_H
#define BACKEND_LOWER_PART_H

#include "backend/lower.h"

/* One axis; without a loop it is not cut, and all of it is one part. */
typedef struct Part {
    LoopScope scope;
    int64_t width, parts; /* coordinates of a part; 0: not cut */
    Affine first;         /* coordinate that the part at hand begins with */
} Part;

/* Opens a parallel loop over at most `parts` parts of an axis of `extent` coordinates, which is walked by `step`; a
 * part is whole steps.  It is the outermost loop of its function. */
Part part_open(LoopBuilder *b, int64_t extent, int64_t step, int64_t parts);
void part_close(LoopBuilder *b, const Part *part);

/* Those coordinates low, low + step, ... below high that are in the part at hand. */
typedef struct PartScope {
    LoopScope loop, condition;
    Affine at;
} PartScope;
/* `part` may be NULL or not cut: a plain loop, which a range of one step does not open. */
PartScope part_range(LoopBuilder *b, const Part *part, const char *name, int64_t low, int64_t high, int64_t step);
/* The whole steps 0, step, ... of an axis that are in the part at hand; where the axis is bounded as many as there are
 * when the code runs. */
PartScope part_steps(LoopBuilder *b, const Part *part, const char *name, const Extent *extent, int64_t step);
/* What whole steps of `whole` leave of a bounded axis, by narrower ones of `step`. */
PartScope part_rest(LoopBuilder *b, const Part *part, const char *name, const Extent *extent, int64_t whole,
                    int64_t step);
/* The one step that holds what whole steps leave, if anything is left. */
PartScope part_tail(LoopBuilder *b, const Part *part, const char *name, const Extent *extent, int64_t step);
/* Whether such a rest may be there. */
bool extent_leaves(const Extent *extent, int64_t whole);
void part_range_end(LoopBuilder *b, const PartScope *scope);

#endif
