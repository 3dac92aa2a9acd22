/* What a step of a run is predicted to take: the costs that the schedule chose by, and estimates of the steps that had
 * nothing to choose. */
#include "ir/scan.h"
#include "passes/group.h"
#include "passes/schedule.h"

/* How often a group of reductions goes over its rows, or combines an element. */
static double sweeps_over(const Group *group)
{
    const Type *from = value_type(group->anchor->inputs[0]);
    double sweeps = type_same_shape(from, &group->node->types[0]);
    for (const Node *node = group->body->first; node; node = node->next) sweeps += node_def(node)->kind == KIND_REDUCE;
    return sweeps;
}

double schedule_walk_cycles(const Group *group, const Target *target)
{
    double elements = (double)type_elements(&group->node->types[0]), taps = 1;
    if (group->kind == KIND_REDUCE) taps = sweeps_over(group);
    if (group->kind == KIND_REDUCE || group->kind == KIND_ROW)
        elements = (double)type_elements(value_type(group->anchor->inputs[0]));
    if (group->kind == KIND_ROW) taps = 16; /* an exponential, and three sweeps */
    if (group->kind == KIND_WINDOW) {
        Pooling pooling = {.mean = false};
        node_def(group->anchor)->pool(group->anchor, &pooling);
        taps = (double)(pooling.window.kernel[0] * pooling.window.kernel[1]);
    }
    double bytes = (double)group_bytes(group->node), cycles = elements * taps / (double)group->node->schedule->lanes;
    int rate = target->cache_bytes_per_cycle[target_level(target, bytes)];
    double moving = rate ? bytes / rate : 0;
    return cycles > moving ? cycles : moving;
}

static double cycles_of_body(const Graph *body, const Target *target)
{
    double cycles = 0;
    for (const Node *node = body->first; node; node = node->next)
        if (node_is_step(node)) cycles += schedule_cycles(node, target);
    return cycles;
}

double schedule_cycles(const Node *step, const Target *target)
{
    OpKind kind = node_def(step)->kind;
    if (kind == KIND_LOOP) {
        int64_t turns = scan_turns(step);
        return (double)(turns > 0 ? turns : 1) * cycles_of_body(step->regions[0], target);
    }
    if (kind != KIND_GROUP) { /* of the graphs of a choice the longer one runs */
        double most = 0;
        for (int i = 0; i < step->nregions; i++) {
            double cycles = cycles_of_body(step->regions[i], target);
            if (cycles > most) most = cycles;
        }
        return most;
    }
    Group group = group_of(step);
    bool chosen = group.kind == KIND_CONTRACT || group.kind == KIND_GROUP || group.kind == KIND_NEST;
    return chosen && step->schedule->cost > 0 ? step->schedule->cost : schedule_walk_cycles(&group, target);
}
