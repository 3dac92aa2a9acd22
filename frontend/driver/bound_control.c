/* The error analysis of scans and branches: body by body, turn by turn. */
#include "frontend/driver/judge.h"
#include "ir/branch.h"

#include <math.h>

/* ---- scans: turn by turn, so that what one adds to the error is carried into the next ---- */

static void judge_turn(Judge *judge, const Graph *region);

/* Slice `turn` along the axis out of `whole`, or into it. */
static void move_slice(const Tensor *whole, const Tensor *slice, int64_t axis, int64_t turn, bool out)
{
    int64_t step = scan_step(&whole->type, axis), turns = whole->type.dim[axis].high;
    for (int64_t i = 0; i < type_elements(&slice->type); i++) {
        double *in_whole = &reals(whole)[(i / step * turns + turn) * step + i % step];
        *(out ? &reals(slice)[i] : in_whole) = *(out ? in_whole : &reals(slice)[i]);
    }
}

static Estimate sliced(Judge *judge, const Estimate *whole, int64_t axis, int64_t turn)
{
    Type type = scan_slice(&whole->value.type, axis);
    Estimate slice = {judge_double(judge->arena, &type), judge_double(judge->arena, &type)};
    move_slice(&whole->value, &slice.value, axis, turn, true);
    move_slice(&whole->error, &slice.error, axis, turn, true);
    return slice;
}

/* When rounding may turn the condition, anything may come out. */
static void doubt(Judge *judge, Estimate *out)
{
    out->error = judge_double(judge->arena, &out->value.type);
    for (int64_t i = 0; i < type_elements(&out->value.type); i++) reals(&out->error)[i] = INFINITY;
}

static void eval_scan(Judge *judge, const Node *scan)
{
    const ScanAttrs *attrs = scan->attrs;
    const Graph *region = scan->regions[0];
    int scanned = scan_scanned(scan), gathered = scan_gathered(scan);
    Estimate *in = ARENA_ARRAY(judge->arena, Estimate, scan->ninputs),
             *out = ARENA_ARRAY(judge->arena, Estimate, scan->nresults),
             *given = ARENA_ARRAY(judge->arena, Estimate, scan->ninputs);
    for (int i = 0; i < scan->ninputs; i++) in[i] = judge_estimate(judge, scan->inputs[i]);
    for (int i = scanned; i < scan->ninputs; i++) given[i] = out[gathered + i - scanned] = in[i];
    for (int i = 0; i < gathered; i++)
        out[i] = (Estimate){judge_double(judge->arena, &scan->types[i]), judge_double(judge->arena, &scan->types[i])};
    for (int i = 0; i < scan->ninputs; i++)
        *node_map_cell(judge->inside, scan_input(scan, i)) = (int64_t)(intptr_t)&given[i];
    int64_t turns = scan_turns(scan);
    bool doubtful = false;
    for (int64_t turn = 0; turn < turns || !turns; turn++) {
        if (attrs->stops) doubtful = doubtful || reals(&given[scanned].error)[0] >= 0.5;
        if (attrs->stops && reals(&given[scanned].value)[0] == 0) break;
        for (int i = 0; i < scanned; i++) given[i] = sliced(judge, &in[i], attrs->axes.at[i], turn);
        judge_turn(judge, region);
        for (int i = 0; i < gathered; i++) {
            Estimate made = judge_estimate(judge, region->results[i].value);
            move_slice(&out[i].value, &made.value, region->results[i].axis, turn, false);
            move_slice(&out[i].error, &made.error, region->results[i].axis, turn, false);
        }
        for (int i = gathered; i < scan->nresults; i++) out[i] = judge_estimate(judge, region->results[i].value);
        for (int i = gathered; i < scan->nresults; i++) given[scanned + i - gathered] = out[i];
    }
    for (int i = 0; doubtful && i < scan->nresults; i++) doubt(judge, &out[i]);
    *node_map_cell(judge->inside, scan) = (int64_t)(intptr_t)out;
}

static void eval_branch(Judge *judge, const Node *branch)
{
    Estimate condition = judge_estimate(judge, branch->inputs[0]);
    const Graph *region = branch->regions[reals(&condition.value)[0] != 0 ? BRANCH_THEN : BRANCH_ELSE];
    Estimate *out = ARENA_ARRAY(judge->arena, Estimate, branch->nresults);
    judge_turn(judge, region);
    for (int i = 0; i < branch->nresults; i++) {
        out[i] = judge_estimate(judge, region->results[i].value);
        if (reals(&condition.error)[0] >= 0.5) doubt(judge, &out[i]);
    }
    *node_map_cell(judge->inside, branch) = (int64_t)(intptr_t)out;
}

static void judge_turn(Judge *judge, const Graph *region)
{
    for (const Node *node = region->first; node; node = node->next) {
        if (node_is_control(node))
            judge_control(judge, node);
        else if (node_def(node)->kind == KIND_GROUP)
            judge_group(judge, node);
        else if (node->op != OP_input)
            judge_node(judge, node);
    }
}

void judge_control(Judge *judge, const Node *node)
{
    (node_def(node)->kind == KIND_LOOP ? eval_scan : eval_branch)(judge, node);
}
