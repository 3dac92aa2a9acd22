/* The ways in which one group can become code.  A candidate says what its variant would do with the group and what it
 * would cost; pass_schedule takes the cheapest. */
#ifndef PASSES_VARIANTS_H
#define PASSES_VARIANTS_H

#include "ir/schedule.h"
#include "passes/pass.h"

/* False when the variant cannot do the group, or may not in this context (inexact ones are for --fp=fast). */
typedef bool VariantCandidate(const Group *group, const PassContext *context, Schedule *out);

#define VARIANT(id, name, doc) VariantCandidate variant_##name;
#include "ir/variants.def"

#endif
