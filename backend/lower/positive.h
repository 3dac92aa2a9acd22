/* What is known of the sign of values without running anything. */
#ifndef BACKEND_LOWER_POSITIVE_H
#define BACKEND_LOWER_POSITIVE_H

#include "ir/graph.h"

/* True when every element is certainly a number from +0 up, or NaN: what relu leaves.  Such floats are ordered as
 * their bits are, with every NaN above the numbers. */
bool value_is_positive(Value value);

#endif
