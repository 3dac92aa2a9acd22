/* A scan: a region that runs once for each index of an axis, in order; of no tensor, so often as its attributes say.
 * One that stops does so before the first turn in which its first carried value does not hold: what that turn and those
 * after it would have given back is 0.
 *
 * operands  the scanned tensors, one each in attrs.axes, then what the carried values begin with
 * region    inputs in the same order: the slices of this turn, without the axis, then the carried values;
 *           results: one slice of each gathered result, then what each carried value becomes, its input in `state`
 * results   the gathered tensors, slice t at index t of the axis that the region's result says, then the carried
 *           values at the end
 *
 * The region may use values of the graphs around it.  It has no params and constants of its own. */
#ifndef IR_SCAN_H
#define IR_SCAN_H

#include "ir/op.h"

enum { MAX_SCANS = 4 /* inside one another */, MAX_NESTED = 16 /* of scans and branches together */ };

/* Operands that are scanned; the others are what carried values begin with. */
int scan_scanned(const Node *scan);
int scan_carried(const Node *scan);
/* Results that are gathered; the others are the carried values at the end. */
int scan_gathered(const Node *scan);
/* How often the region runs, at most; what has no bound scans nothing and has 0 turns. */
int64_t scan_turns(const Node *scan);
/* The dim that is scanned, whose size are the turns, at most when it is bounded; NULL: it scans no tensor. */
const Dim *scan_dim(const Node *scan);
bool scan_is_bounded(const Node *scan);
/* The type without / with `turns` at the axis. */
Type scan_slice(const Type *whole, int64_t axis);
Type scan_whole(const Type *slice, int64_t axis, int64_t turns);
/* Scans around a graph: 0 of a model's own; and scans and branches. */
int scan_depth(const Graph *graph);
int control_depth(const Graph *graph);
/* The number-th input of the region; NULL when there are fewer. */
Node *scan_input(const Node *scan, int number);
/* Elements from one index of the axis to the next, in a dense tensor. */
int64_t scan_step(const Type *whole, int64_t axis);
/* Axes and operands fit each other; E0304, E0305, E0306, E0404. */
bool scan_check(const Node *scan, Diag *diag);
/* Results from the region's, which must fit what is carried; E0301, E0305. */
bool scan_infer(Node *scan, Diag *diag);

#endif
