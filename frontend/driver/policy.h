/* What a build shall be like: deploy blocks, and the flags that beat them. */
#ifndef DRIVER_POLICY_H
#define DRIVER_POLICY_H

#include "frontend/driver/compile.h"

/* Fills c->policies with those that --deploy and the flags ask for, at least one; every block of the text is checked.
 * E0801 for a name that is none. */
bool policies_read(Compilation *c);
/* After the graph: layers and inputs that policies name are there. */
bool policies_check(const Compilation *c);
/* --run-threads; 0 after E0801. */
int policy_threads(const Compilation *c);

/* The calibration data that the policy names, for the graph's inputs; E05xx.  No policy or data: no samples. */
bool samples_read(Compilation *c);

#endif
