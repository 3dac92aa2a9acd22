#include "ir/scan.h"

#include <string.h>

enum { MOST_TURNS = 1 << 30 };

static const Operand operands[] = {
    {"operands", OPERAND_VARIADIC, "the tensors that are scanned, then what the carried values begin with"},
};

const OpDef op_scan = {
    .name = "scan",
    .doc =
        "Runs its body for each index of an axis in order: `r = scan x over 1 as xt (h = h0) { ...; next h = ...; "
        "return y }`. The body sees a slice of each scanned tensor and the carried values; `next` says what these "
        "become in the turn after. Results are the returned values of all turns, side by side along the axis of "
        "the first scanned tensor or the one that stands there, `return y over 0`, then the carried values at the end. "
        "`loop 10 as i (h = h0) while h > 0 { ... }` is a scan of no tensor.",
    .kind = KIND_LOOP,
    .noperands = 1,
    .operands = operands,
    .attrs = ATTRS(ScanAttrs, ATTR(ScanAttrs, axes, .kind = ATTR_INTS, .doc = "of each scanned tensor"),
                   ATTR(ScanAttrs, turns, .kind = ATTR_INT, .low = 0, .high = MOST_TURNS,
                        .doc = "at most, of a `loop`, which scans none; 0 is without a bound"),
                   ATTR(ScanAttrs, stops, .kind = ATTR_BOOL,
                        .doc = "before a turn in which the first carried value does not hold: `while`")),
};

/* ---- what it is made of ---- */

int scan_scanned(const Node *scan) { return ((const ScanAttrs *)scan->attrs)->axes.count; }
int scan_carried(const Node *scan) { return scan->ninputs - scan_scanned(scan); }
int scan_gathered(const Node *scan) { return graph_outputs(scan->regions[0]); }

static int64_t axis_of(const Node *scan, int operand) { return ((const ScanAttrs *)scan->attrs)->axes.at[operand]; }

int64_t scan_turns(const Node *scan)
{
    if (!scan_scanned(scan)) return ((const ScanAttrs *)scan->attrs)->turns;
    return value_type(scan->inputs[0])->dim[axis_of(scan, 0)].high;
}

const Dim *scan_dim(const Node *scan)
{
    return scan_scanned(scan) ? &value_type(scan->inputs[0])->dim[axis_of(scan, 0)] : NULL;
}

bool scan_is_bounded(const Node *scan) { return scan_scanned(scan) || scan_turns(scan); }

Type scan_slice(const Type *whole, int64_t axis)
{
    Type slice = *whole;
    slice.rank--;
    for (int64_t i = axis; i < slice.rank; i++) slice.dim[i] = whole->dim[i + 1];
    slice.dim[slice.rank] = (Dim){.low = 0};
    return slice;
}

Type scan_whole(const Type *slice, int64_t axis, int64_t turns)
{
    Type whole = *slice;
    whole.rank++;
    for (int64_t i = whole.rank - 1; i > axis; i--) whole.dim[i] = slice->dim[i - 1];
    whole.dim[axis] = dim_fixed(turns);
    return whole;
}

int64_t scan_step(const Type *whole, int64_t axis)
{
    int64_t step = 1;
    for (int64_t i = axis + 1; i < whole->rank; i++) step *= whole->dim[i].high;
    return step;
}

int scan_depth(const Graph *graph)
{
    int depth = 0;
    for (; graph; graph = graph->parent) depth += graph->owner && node_def(graph->owner)->kind == KIND_LOOP;
    return depth;
}

int control_depth(const Graph *graph)
{
    int depth = 0;
    for (; graph; graph = graph->parent) depth += graph->owner && node_is_control(graph->owner);
    return depth;
}

Node *scan_input(const Node *scan, int number)
{
    Node *node = scan->regions[0]->first;
    while (node && (node->op != OP_input || number-- > 0)) node = node->next;
    return node;
}

/* ---- what must hold ---- */

static bool check_axis(const Node *scan, int operand, Diag *diag)
{
    const Type *type = value_type(scan->inputs[operand]);
    int64_t axis = axis_of(scan, operand);
    if (axis < 0 || axis >= type->rank) {
        diag_error(diag, E0404, node_span(scan), "scan: there is no axis %lld of %s", (long long)axis,
                   type_text(diag->arena, type));
        return diag_help(diag,
                         type->rank ? "axes count from 0, or from the end as -1" : "a scalar has nothing to scan");
    }
    int64_t turns = scan_turns(scan);
    const Dim *first = scan_dim(scan);
    if (dim_equal(&type->dim[axis], first)) return true;
    diag_error(diag, E0301, node_span(scan), "scan: the first tensor has %lld turns, but axis %lld of %s has %lld",
               (long long)turns, (long long)axis, type_text(diag->arena, type), (long long)type->dim[axis].high);
    return diag_help(diag, "all that is scanned together has one size along its axis");
}

/* One that has no end by itself asks its first carried value. */
static bool check_end(const Node *scan, Diag *diag)
{
    const ScanAttrs *attrs = scan->attrs;
    int scanned = scan_scanned(scan);
    bool bounded = scanned || (attrs->turns > 0 && attrs->turns <= MOST_TURNS);
    if (!attrs->stops && bounded) return true;
    if (!attrs->stops) {
        diag_error(diag, E0306, node_span(scan), "scan: there is nothing that ends it");
        return diag_help(diag, "write loop 10 as i (...), or loop (...) while x > 0");
    }
    const Type *type = scan->ninputs > scanned ? value_type(scan->inputs[scanned]) : NULL;
    if (type && type->dtype == BOOL && type_is_fixed(type) && type_elements(type) == 1) return true;
    diag_error(diag, type && type->dtype == BOOL ? E0301 : E0302, node_span(scan),
               "scan: `while` wants one bool, found %s", type ? type_text(diag->arena, type) : "none");
    return diag_help(diag, "compare, as in while error > 0.001");
}

bool scan_check(const Node *scan, Diag *diag)
{
    int scanned = scan_scanned(scan);
    if (!scan->ninputs || scanned > scan->ninputs)
        return diag_error(diag, E0304, node_span(scan), "scan: %d axes do not fit %d operands", scanned, scan->ninputs);
    for (int i = 0; i < scanned; i++)
        if (!check_axis(scan, i, diag)) return false;
    if (!check_end(scan, diag)) return false;
    if (scan_depth(scan->graph) < MAX_SCANS && control_depth(scan->graph) < MAX_NESTED) return true;
    diag_error(diag, E0105, node_span(scan), "scan: expected at most %d scans inside one another, %d with branches",
               MAX_SCANS, MAX_NESTED);
    return diag_help(diag, "a repeat inside writes its turns out");
}

/* "h" of the input "r.h" of scan r. */
static const char *plain_name(const Node *scan, const Node *input)
{
    size_t length = strlen(scan->name);
    bool inner = !strncmp(input->name, scan->name, length) && input->name[length] == '.';
    return inner ? input->name + length + 1 : input->name;
}

static bool infer_gathered(const Node *scan, const Result *result, Type *out, Diag *diag)
{
    if (!scan_is_bounded(scan)) {
        diag_error(diag, E0306, node_span(scan), "scan: `%s` of all turns has no size: there is no bound for them",
                   result->name);
        return diag_help(diag, "give one, as in loop 100 as i (...) while ..., or carry what is wanted");
    }
    const Type *slice = value_type(result->value);
    int64_t axis = result->axis;
    if (axis < 0 || axis > slice->rank || slice->rank >= MAX_RANK) {
        diag_error(diag, E0305, node_span(scan), "scan: results stand side by side along axis %lld, but `%s` is %s",
                   (long long)axis, result->name, type_text(diag->arena, slice));
        return diag_help(diag, "say along which, as in return %s over 0", result->name);
    }
    *out = scan_whole(slice, axis, scan_turns(scan));
    if (scan_dim(scan)) out->dim[axis] = *scan_dim(scan);
    if (type_is_sane(out)) return true;
    return diag_error(diag, E0305, node_span(scan), "scan: `%s` of all turns would be %s, which is too large",
                      result->name, type_text(diag->arena, out));
}

static bool infer_carried(const Node *scan, const Result *next, Type *out, Diag *diag)
{
    *out = next->state->types[0];
    const Type *found = value_type(next->value);
    if (type_equal(out, found)) return true;
    diag_error(diag, found->dtype == out->dtype ? E0301 : E0302, node_span(scan), "scan: `%s` is %s, but becomes %s",
               plain_name(scan, next->state), type_text(diag->arena, out), type_text(diag->arena, found));
    return diag_help(diag, "a carried value has one type: correct what it begins with, or its next");
}

bool scan_infer(Node *scan, Diag *diag)
{
    if (!scan_check(scan, diag)) return false;
    if (!scan->nregions) return true;
    const Graph *region = scan->regions[0];
    int outputs = graph_outputs(region);
    if (scan->nresults != region->nresults) scan->types = ARENA_ARRAY(region->arena, Type, region->nresults);
    scan->nresults = region->nresults;
    for (int i = 0; i < region->nresults; i++) {
        const Result *result = &region->results[i];
        if (!result->value.node) return false;
        if (i < outputs ? !infer_gathered(scan, result, &scan->types[i], diag)
                        : !infer_carried(scan, result, &scan->types[i], diag))
            return false;
    }
    return true;
}
