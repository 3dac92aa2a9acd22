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

/* The same of a Variant. */
bool variant_candidate(int variant, const Group *group, const PassContext *context, Schedule *out);
/* Scratch that a part of a reduction keeps its rows in. */
int64_t variant_rows_scratch(const Group *group, int64_t lanes);

#endif
