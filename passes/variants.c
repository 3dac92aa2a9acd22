#include "passes/variants.h"

#include "ir/sweeps.h"

#include <assert.h>

static VariantCandidate *const variant_table[VARIANT_COUNT] = {
#define VARIANT(id, name, doc) variant_##name,
#include "ir/variants.def"
};

bool variant_candidate(int variant, const Group *group, const PassContext *context, Schedule *out)
{
    if (!variant_table[variant](group, context, out)) return false;
    out->variant = variant;
    if (!out->threads) out->threads = 1;
    if (!out->products) out->products = 1;
    return true;
}

int64_t variant_rows_scratch(const Group *group, int64_t lanes)
{
    Arena *scratch = arena_child(group->body->arena);
    Sweeps sweeps;
    const char *why;
    bool good = sweeps_of(scratch, group, lanes, &sweeps, &why);
    assert(good);
    arena_free(scratch);
    return good ? sweeps.scratch : 0;
}
