#include "backend/lower/part.h"

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

Part part_open(LoopBuilder *b, int64_t extent, int64_t step, int64_t parts)
{
    int64_t steps = divide_up(extent, step), each = divide_up(steps, parts > 0 ? parts : 1);
    Part part = {.parts = each ? divide_up(steps, each) : 0};
    if (part.parts < 2) return (Part){.width = 0};
    part.width = each * step;
    part.scope = loop_for(b, "part", 0, part.parts, 1, MODE_PARALLEL);
    part.first = affine_of(part.scope.var, part.width);
    return part;
}

void part_close(LoopBuilder *b, const Part *part)
{
    if (part->width) loop_end(b, part->scope);
}

/* The one coordinate `at`, in the part that it belongs to. */
static PartScope range_of_one(LoopBuilder *b, const Part *part, int64_t at)
{
    int64_t owner = at / part->width;
    Affine conditions[2];
    int count = 0;
    if (owner > 0) conditions[count++] = affine_plus(affine_of(part->scope.var, 1), -owner);
    if (owner < part->parts - 1) conditions[count++] = affine_plus(affine_of(part->scope.var, -1), owner);
    PartScope scope = {.at = affine_plus(part->first, at % part->width)};
    scope.condition = loop_if(b, count, conditions);
    return scope;
}

PartScope part_range(LoopBuilder *b, const Part *part, const char *name, int64_t low, int64_t high, int64_t step)
{
    PartScope scope = {.at = affine(0)};
    if (!part || !part->width) {
        scope.loop = loop_range(b, name, low, high, step, MODE_SERIAL);
        scope.at = scope.loop.at;
        return scope;
    }
    if (high - low <= step) return range_of_one(b, part, low);
    scope.loop = loop_range(b, name, 0, part->width, step, MODE_SERIAL);
    scope.at = affine_add(part->first, scope.loop.at);
    Affine conditions[2];
    int count = 0;
    if (low > 0) conditions[count++] = affine_plus(scope.at, -low);
    if (high < part->parts * part->width) conditions[count++] = affine_plus(affine_scale(scope.at, -1), high - step);
    if (count) scope.condition = loop_if(b, count, conditions);
    return scope;
}

bool extent_leaves(const Extent *extent, int64_t whole)
{
    bool leaves = extent->actual.base % whole != 0;
    for (int i = 0; i < extent->actual.nterms; i++) leaves |= extent->actual.term[i].factor % whole != 0;
    return leaves;
}

/* Steps of a bounded axis from the greatest multiple of `whole` on, 0: from its begin. */
static PartScope bounded_range(LoopBuilder *b, const Part *part, const char *name, const Extent *extent, int64_t whole,
                               int64_t step)
{
    bool cut = part && part->width;
    int64_t most = cut && part->width < extent->most ? part->width : extent->most;
    Affine first = cut ? part->first : affine(0);
    Affine end = affine_add(extent->actual, affine_scale(first, -1));
    LoopEdge from = {end, whole}, to = {end, 1}, edges[] = {to, {affine(most), 1}};
    PartScope scope = {.loop = loop_for_size(b, name, most, step, whole ? 1 : 0, &from, cut ? 2 : 1, edges)};
    scope.at = affine_add(first, scope.loop.at);
    return scope;
}

PartScope part_steps(LoopBuilder *b, const Part *part, const char *name, const Extent *extent, int64_t step)
{
    if (extent->bounded) return bounded_range(b, part, name, extent, 0, step);
    return part_range(b, part, name, 0, extent->most / step * step, step);
}

PartScope part_rest(LoopBuilder *b, const Part *part, const char *name, const Extent *extent, int64_t whole,
                    int64_t step)
{
    return bounded_range(b, part, name, extent, whole, step);
}

PartScope part_tail(LoopBuilder *b, const Part *part, const char *name, const Extent *extent, int64_t step)
{
    bool cut = part && part->width;
    int64_t most = cut ? part->width : extent->most + step - 1;
    Affine first = cut ? part->first : affine(0);
    Affine end = affine_add(extent->actual, affine_scale(first, -1));
    LoopEdge from = {end, step}, to[] = {{affine_plus(end, step - 1), 1}, {affine(most), 1}};
    PartScope scope = {.loop = loop_for_size(b, name, most, step, 1, &from, cut ? 2 : 1, to)};
    scope.at = affine_add(first, scope.loop.at);
    return scope;
}

void part_range_end(LoopBuilder *b, const PartScope *scope)
{
    if (scope->condition.outer) loop_end(b, scope->condition);
    if (scope->loop.outer) loop_end(b, scope->loop);
}
