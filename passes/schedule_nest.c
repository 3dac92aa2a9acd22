/* Schedules of nests of their own: lanes, what is held in registers and how constants are packed. */
#include "passes/schedule.h"

#include "ir/attention.h"
#include "ir/top.h"

enum { PANEL = 16, GATES = 4 };

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

static int64_t power_of_two_from(int64_t n)
{
    int64_t power = 1;
    while (power < n) power *= 2;
    return power;
}

static int64_t element_bytes(const Node *node) { return dtype_bits(node->types[0].dtype) / 8; }

/* All operands that the code would read packed are constants. */
static bool can_pack(const Node *node)
{
    for (int i = 0; i < node->ninputs; i++) {
        if (!node->inputs[i].node || !node_def(node)->packing(node, i)) continue;
        const Node *from = node->inputs[i].node;
        if (from->op != OP_param && from->op != OP_constant) return false;
    }
    return true;
}

/* Sums of rows x gates x vectors in registers, and beside them the weights of one step.  A single row is bound by the
 * latency of its sums or the stream of its weights: two vectors a gate hide both, where they fit. */
Schedule schedule_lstm_recurrence(const Group *group, const Target *target)
{
    const Node *node = group->anchor;
    const Type *state = &node->types[1], *all = &node->types[0];
    int64_t batch = state->dim[0].high, units = state->dim[1].high, steps = all->dim[all->rank - 2].high;
    int64_t narrow = power_of_two_from(units), sums = target->vector_registers / 2;
    Schedule s = {.lanes = target->vector_bytes / element_bytes(node), .tile_rows = 1, .tile_columns = 1, .unroll = 4};
    while (s.lanes > narrow) s.lanes /= 2;
    if (can_pack(node)) s.panel = narrow < PANEL ? narrow : PANEL;
    s.tile_vectors = batch == 1 && units >= 2 * s.lanes && 2 * GATES <= sums ? 2 : 1;
    if (target->vector_registers >= 32) sums += target->vector_registers / 4;
    s.tile_columns = larger(1, sums / (GATES * s.tile_vectors));
    if (s.tile_columns > batch) s.tile_columns = batch;
    while (s.unroll > 1 && units % s.unroll) s.unroll /= 2;
    double products = (double)(steps * batch * units * units * GATES);
    s.cost = products / (double)s.lanes / target->fma_per_cycle;
    return s;
}

static int64_t scratch_bytes(int64_t rows, const Schedule *s, int64_t bytes)
{
    return (rows * s->tile_vectors * s->lanes * bytes + 63) / 64 * 64;
}

/* Two vectors of queries, and keys or columns of values beside them as registers allow. */
Schedule schedule_attention(const Group *group, const Target *target)
{
    Attention a = attention_of(group->anchor);
    int64_t narrow = power_of_two_from(a.queries), bytes = element_bytes(group->anchor);
    Schedule s = {.lanes = target->vector_bytes / bytes, .tile_rows = 1, .tile_vectors = 2, .unroll = 2};
    while (s.lanes > narrow) s.lanes /= 2;
    if (s.lanes >= narrow || s.lanes == ATTENTION_BLOCK) s.tile_vectors = 1;
    s.tile_columns = target->vector_registers >= 32 ? 8 : 4;
    s.scratch = scratch_bytes(a.depth, &s, bytes) + scratch_bytes(ATTENTION_BLOCK, &s, bytes) +
                scratch_bytes(a.width, &s, bytes);
    double scores = (double)(a.batch * a.heads * a.queries) * (double)a.keys;
    s.cost = scores * (double)(a.depth + a.width) / (double)s.lanes / target->fma_per_cycle;
    return s;
}

enum { MOST_SELECTED = 16 };

/* A few are kept in registers, each lane's own, while all elements come by; more are sorted digit by digit, through
 * scratch.  Cycles: 3 for each kept vector a step, and what joins the lanes; 6 an element and digit. */
Schedule schedule_top_indices(const Group *group, const Target *target)
{
    Top t = top_of(group->anchor);
    int64_t lines = t.outer * t.inner, across = t.inner > 1 ? t.inner : t.size;
    Schedule s = {
        .lanes = target->vector_bytes * 8 / dtype_bits(t.key), .tile_rows = 1, .tile_columns = 1, .unroll = 1};
    s.tile_vectors = 1;
    while (s.lanes > power_of_two_from(across)) s.lanes /= 2;
    double steps = (double)t.size * (double)(t.k * lines) / (double)s.lanes;
    double selected = 3 * steps + (t.inner > 1 ? 0.0 : (double)(lines * t.k * (20 + t.k)));
    double sorted = (double)(lines * (t.digits + 1)) * (6 * (double)t.size + 2 * TOP_DIGITS);
    s.cost = selected;
    if (t.k <= MOST_SELECTED && selected <= sorted) return s;
    s.cost = sorted;
    s.lanes = 1;
    s.scratch = t.scratch;
    return s;
}

/* What a C function does is not known: its cost is that of touching each element once. */
Schedule schedule_external(const Group *group, const Target *target)
{
    (void)target;
    Schedule s = {.lanes = 1, .tile_rows = 1, .tile_columns = 1, .tile_vectors = 1, .unroll = 1};
    s.cost = (double)type_elements(&group->node->types[0]);
    return s;
}

static ScheduleNest *const nest_table[OP_COUNT] = {
#define NEST(op, bounds) [OP_##op] = schedule_##op,
#include "ir/nests.def"
};

Schedule schedule_nest(const Group *group, const Target *target)
{
    return nest_table[group->anchor->op](group, target);
}
