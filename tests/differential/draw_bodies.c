/* Scans and branches of random programs: bodies that are programs of their own. */
#include "ir/branch.h"
#include "tests/differential/draw.h"

#include <string.h>

/* ---- scans ---- */

enum { MOST_TURNS = 9, MOST_SCANNED_ELEMENTS = 3000 };

/* One element of a value, compared with a number; -1 when there is none that can be. */
static int compare_element(Drawer *d)
{
    Step slice = {.op = OP_slice, .ninputs = 1, .inputs = {draw_value(d)}};
    SliceAttrs *attrs = slice.attrs = arena_alloc(d->program->arena, sizeof *attrs);
    Type type = *draw_type_of(d, slice.inputs[0]);
    attr_set_defaults(&op_table[OP_slice]->attrs, attrs);
    if (type_is_empty(&type)) return -1;
    attrs->begin.count = attrs->end.count = type.rank;
    for (int i = 0; i < type.rank; i++) {
        attrs->begin.at[i] = random_below(&d->random, (int)type.dim[i].high);
        attrs->end.at[i] = attrs->begin.at[i] + 1;
    }
    if (type.rank > MAX_INTS || d->program->count > MOST_STEPS - 8 || !draw_add(d, &slice)) return -1;
    int element = d->program->count - 1, number = draw_source(d, OP_constant, type_scalar(type.dtype), RANGE_USUAL);
    Step less = {.op = OP_less, .ninputs = 2, .inputs = {element, number}};
    less.attrs = arena_alloc(d->program->arena, op_table[OP_less]->attrs.size + 1);
    return number >= 0 && draw_add(d, &less) ? d->program->count - 1 : -1;
}

static int draw_condition(Drawer *d)
{
    int start = random_below(&d->random, d->program->count);
    for (int i = 0; i < d->program->count; i++) {
        int k = (start + i) % d->program->count;
        const Type *type = draw_type_of(d, k);
        if (type->dtype == BOOL && type_elements(type) == 1) return k;
    }
    if (random_percent(&d->random, 60)) return compare_element(d);
    Op op = d->graph->owner || random_percent(&d->random, 20) ? OP_constant : OP_input;
    return draw_source(d, op, type_scalar(BOOL), RANGE_USUAL);
}

/* What the scan is of and what it carries: values of the program so far. */
static bool draw_scan_operands(Drawer *d, Step *step)
{
    Random *r = &d->random;
    ScanAttrs *attrs = step->attrs;
    int scanned = random_percent(r, 75) ? 1 : 2, carried = random_below(r, 3);
    int64_t turns = 0;
    for (int attempt = 0; attempt < 20 && step->ninputs < scanned; attempt++) {
        int value = draw_value(d);
        const Type *type = draw_type_of(d, value);
        int axis = type->rank ? random_below(r, type->rank) : 0;
        bool fits = type->rank && type->dim[axis].high <= MOST_TURNS && type_elements(type) <= MOST_SCANNED_ELEMENTS;
        if (!fits || (turns && type->dim[axis].high != turns)) continue;
        turns = type->dim[axis].high;
        attrs->axes.at[attrs->axes.count++] = axis;
        step->inputs[step->ninputs++] = value;
    }
    if (attrs->axes.count && random_percent(r, 25)) {
        int condition = draw_condition(d);
        attrs->stops = condition >= 0;
        if (attrs->stops) step->inputs[step->ninputs++] = condition;
    }
    for (int i = 0; i < carried; i++) {
        int value = draw_value(d);
        if (type_elements(draw_type_of(d, value)) <= MOST_SCANNED_ELEMENTS) step->inputs[step->ninputs++] = value;
    }
    return attrs->axes.count > 0;
}

static void add_outer(Drawer *body, const Drawer *outer, int value)
{
    Program *program = body->program;
    body->nodes[program->count] = outer->nodes[value];
    program->steps[program->count++] = (Step){.op = (Op)OP_OUTER, .ninputs = 1, .inputs = {value}};
}

static void add_some_outer(Drawer *body, const Drawer *outer)
{
    for (int i = random_below(&body->random, 3); i > 0; i--) { /* the last is what has the body */
        int value = random_below(&body->random, outer->program->count - 1);
        if (outer->sized || type_is_fixed(draw_type_of(outer, value))) add_outer(body, outer, value);
    }
}

/* Inputs for the operands, and now and then a value of the program around. */
static void begin_body(Drawer *body, const Drawer *outer, const Step *step)
{
    const ScanAttrs *attrs = step->attrs;
    for (int i = 0; i < step->ninputs; i++) {
        Type type = *draw_type_of(outer, step->inputs[i]);
        if (i < attrs->axes.count) type = scan_slice(&type, attrs->axes.at[i]);
        draw_source(body, OP_input, type, RANGE_USUAL);
    }
    add_some_outer(body, outer);
}

/* Slots other than the first are not for bodies: they are what the program gives back. */
static void end_body(Drawer *body, Step *step)
{
    Program *program = body->program;
    int scanned = ((const ScanAttrs *)step->attrs)->axes.count, results = 0;
    for (int i = step->ninputs; i < program->count; i++) {
        bool source = (int)program->steps[i].op != OP_OUTER && op_table[program->steps[i].op]->kind == KIND_SOURCE;
        program->steps[i].is_result = !source && random_percent(&body->random, 40);
        results += program->steps[i].is_result;
        program->steps[i].axis = random_below(&body->random, draw_type_of(body, i)->rank + 1);
    }
    if (!results) program->steps[program->count - 1].is_result = true;
    for (int i = scanned; i < step->ninputs; i++) {
        int next = random_percent(&body->random, 85) ? draw_same(body, i) : -1;
        step->nexts[i] = next < 0 ? i : next;
    }
}

static Drawer body_new(Drawer *d, Node *owner)
{
    Drawer body = {.random = {random_bits(&d->random)},
                   .program = ARENA_NEW(d->program->arena, Program),
                   .scratch = d->scratch,
                   .graph = graph_new_region(owner),
                   .diag = d->diag,
                   .sized = d->sized};
    body.program->arena = d->program->arena;
    body.program->ndims = d->program->ndims;
    memcpy(body.program->dims, d->program->dims, sizeof d->program->dims);
    return body;
}

static void draw_steps(Drawer *body, int wanted)
{
    for (; wanted > 0; wanted--) {
        Op op = draw_op(&body->random);
        bool control = op_table[op]->kind == KIND_LOOP || op_table[op]->kind == KIND_BRANCH;
        bool deep = control && control_depth(body->graph) >= 2;
        for (int attempt = 0; !deep && attempt < ATTEMPTS && !draw_try(body, op); attempt++) continue;
    }
}

static bool draw_body(Drawer *d, Step *step, Node *scan)
{
    Drawer body = body_new(d, scan);
    begin_body(&body, d, step);
    draw_steps(&body, 1 + random_below(&body.random, 5));
    if (body.program->count == 0) return false;
    end_body(&body, step);
    step->body = body.program;
    for (int i = 0; i < body.program->count; i++)
        if (body.program->steps[i].is_result)
            graph_add_result(
                body.graph,
                (Result){.name = "y", .value = {(Node *)body.nodes[i], 0}, .axis = body.program->steps[i].axis});
    for (int i = ((const ScanAttrs *)step->attrs)->axes.count; i < step->ninputs; i++)
        graph_add_result(body.graph,
                         (Result){.value = {(Node *)body.nodes[step->nexts[i]], 0}, .state = (Node *)body.nodes[i]});
    return graph_infer(scan, &d->diag);
}

/* A scan over a value, with a body of its own. */
bool draw_scan(Drawer *d)
{
    d->bounded = false;
    Step step = {.op = OP_scan, .attrs = arena_alloc(d->program->arena, sizeof(ScanAttrs))};
    *(ScanAttrs *)step.attrs = (ScanAttrs){.axes = {.count = 0}};
    if (!draw_scan_operands(d, &step) || !draw_add(d, &step)) return false;
    int number = d->program->count - 1;
    Node *scan = (Node *)d->nodes[number];
    bool fits = draw_body(d, &step, scan);
    for (int slot = 0; fits && slot < scan->nresults; slot++) fits = type_elements(&scan->types[slot]) <= MOST_ELEMENTS;
    d->program->steps[number] = step;
    if (fits) return true;
    graph_remove(d->graph, scan);
    d->program->count--;
    return false;
}

/* ---- branches ---- */

/* A body that gives back values of the types of `like`, which it knows. */
static Program *draw_choice(Drawer *d, Node *branch, int nlike, const int *like)
{
    Drawer body = body_new(d, branch);
    Program *program = body.program;
    for (int i = 0; i < nlike; i++) add_outer(&body, d, like[i]);
    add_some_outer(&body, d);
    draw_steps(&body, random_below(&body.random, 5));
    program->ngiven = nlike;
    for (int i = 0; i < nlike; i++) {
        int same = random_percent(&body.random, 85) ? draw_same(&body, i) : -1;
        program->given[i] = same < 0 ? i : same;
        Value value = value_of((Node *)body.nodes[program->given[i]]);
        graph_add_result(body.graph, (Result){.name = arena_printf(d->scratch, "y%d", i), .value = value});
    }
    return program;
}

bool draw_branch(Drawer *d)
{
    d->bounded = false;
    int condition = draw_condition(d), like[2], nlike = random_percent(&d->random, 70) ? 1 : 2;
    if (condition < 0) return false;
    for (int i = 0; i < nlike; i++) like[i] = draw_value(d);
    Step step = {.op = OP_if, .ninputs = 1, .inputs = {condition}, .attrs = arena_alloc(d->program->arena, 1)};
    if (!draw_add(d, &step)) return false;
    int number = d->program->count - 1;
    Node *branch = (Node *)d->nodes[number];
    step.body = draw_choice(d, branch, nlike, like);
    step.otherwise = draw_choice(d, branch, nlike, like);
    d->program->steps[number] = step;
    return graph_infer(branch, &d->diag);
}
