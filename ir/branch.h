/* A branch: one of two regions runs, as its condition says.
 *
 * operands  the condition, one bool
 * regions   what runs when it holds, and what runs otherwise; they have no inputs, and results of the same types in
 *           the same order, called alike where there are several
 * results   those of the region that ran
 *
 * The regions may use values of the graphs around them.  They have no params and constants of their own. */
#ifndef IR_BRANCH_H
#define IR_BRANCH_H

#include "ir/scan.h"

enum { BRANCH_THEN, BRANCH_ELSE, BRANCH_REGIONS };

/* "then" and "else". */
const char *branch_region_name(int region);
/* The condition is one bool, and not too much is around; E0301, E0302, E0105. */
bool branch_check(const Node *branch, Diag *diag);
/* Results from the regions', which must be alike; E0301, E0302, E0304. */
bool branch_infer(Node *branch, Diag *diag);

#endif
