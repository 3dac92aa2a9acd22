/* The cost model of the register tile, apart from the pass that uses it; and which values may carry a ring of zeros. */
#ifndef PASSES_SCHEDULE_H
#define PASSES_SCHEDULE_H

#include "ir/schedule.h"
#include "ir/target.h"

/* A contraction as the cost model sees it; extents are those that are computed, after pooling dropped the rest. */
typedef struct TileProblem {
    int64_t images, height, width; /* pixels; a window of the pooling divides height and width */
    int64_t pool_height, pool_width;
    int64_t groups, channels; /* output channels of a group */
    int64_t reduction;        /* products of one sum */
    int64_t run;              /* of them in the innermost loop */
    bool depthwise;           /* lanes read their own input channel */
    int64_t kernel[2], stride[2];
    bool packed;
    int64_t element_bytes; /* of a sum */
    int64_t step_bytes;    /* of weights, for one sum and step */
    bool integral;
    double instructions;  /* that a step takes for each vector of sums: 1, a fused multiply-add */
    double spreading;     /* and for each pixel, beyond the load */
    double widening;      /* and for each vector of weights, where pixels do not share that for nothing */
    bool microcontroller; /* integers on a core that issues one instruction at a time */
    bool by_scalar;       /* vectors are multiplied by general registers, nothing is spread */
    int64_t spare;        /* registers that those need, beyond what a fused multiply-add does */
} TileProblem;

TileProblem tile_problem(const Group *group);
/* What integers take on the target, when it is a microcontroller. */
void tile_problem_on(TileProblem *problem, const Target *target);
/* The same by steps of `products` at once, 8-bit operands that is. */
TileProblem tile_problem_of_dots(const Group *group, const Target *target, int64_t products);
/* Predicted cycles of the whole contraction with the schedule's tile. */
double tile_cycles(const TileProblem *problem, const Schedule *schedule, const Target *target);
/* The cheapest tile that fits the target's registers. */
Schedule tile_choose(const TileProblem *problem, const Target *target);

/* Gives the scan or branch a schedule, and a scan's body copies of slices that do not lie side by side. */
bool schedule_control(Node *node, Diag *diag);

/* Decides which groups run in parts side by side, at most `threads` at a time: those that save more than a fork and a
 * join cost, and none when all of them together do not pay for waking the threads. */
void schedule_threads(const Graph *graph, const Target *target, int threads);
/* The schedule of a group that has one of Winograd's, for so many parts: of rows of strips, its cost being that of all,
 * or of output channels, its cost being that of the largest part. */
Schedule winograd_in_parts(const Group *group, const Target *target, int threads, Split split);

/* Predicted cycles of one thread for a group of element-wise work or reductions: its elements by vectors, or their way
 * from the level of memory that so many stay in. */
double schedule_walk_cycles(const Group *group, const Target *target);
/* Predicted cycles of a step of a scheduled graph, all turns of a scan - one of a loop without a bound - and the
 * longer way of a choice: the costs that its schedule was chosen by.  Of one thread, of the bounds where dims are
 * bounded. */
double schedule_cycles(const Node *step, const Target *target);

/* Bytes that steps of `products` read behind the last run of a contraction's input. */
int64_t schedule_slack(const Group *group, int64_t products);
/* Can there be bytes behind the value that may be read?  Not behind the caller's buffers, nor constants. */
bool schedule_may_have_slack(const Graph *graph, Value value);
/* Products that the group's code would add at once, 1 when it makes no dot products. */
int64_t schedule_products(const Group *group, const Target *target);

/* Registers that are left for sums and weights of a tile. */
int64_t tile_registers(const TileProblem *problem, const Target *target, int64_t pixels, int64_t vectors);

/* What pass_schedule knew of a contraction's zeros. */
typedef struct SparseFacts {
    int64_t panel;          /* outputs of a block of one input */
    int64_t blocks, filled; /* of them all, and those that are not zero */
} SparseFacts;
/* False when the weights are not known or not of a kind whose zeros could be skipped. */
bool sparse_facts(const Group *group, const Target *target, SparseFacts *out);
/* The cheapest schedule of a nest of its own: one function an operator of ir/nests.def. */
typedef Schedule ScheduleNest(const Group *group, const Target *target);
ScheduleNest schedule_nest;
#define NEST(op, bounds) ScheduleNest schedule_##op;
#include "ir/nests.def"

/* Can a padded convolution read its zeros from the value's own buffer?  Not from the caller's, nor from one that has
 * another name or is read or written as a dense run. */
bool schedule_may_have_ring(const Graph *graph, Value value);

#endif
