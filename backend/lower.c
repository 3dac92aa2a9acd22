#include "backend/lower/nest.h"
#include "ir/bounded.h"
#include "ir/branch.h"

#include <assert.h>
#include <string.h>

static LowerGroup *const kind_table[] = {
    [KIND_MAP] = lower_map,       [KIND_REDUCE] = lower_reduce, [KIND_CONTRACT] = lower_contract,
    [KIND_WINDOW] = lower_window, [KIND_ROW] = lower_row,       [KIND_NEST] = lower_nest,
    [KIND_PIECES] = lower_pieces, [KIND_GROUP] = lower_strips,  [KIND_SCATTER] = lower_scatter,
    [KIND_PREFIX] = lower_prefix, [KIND_SIZE] = lower_size,
};

static LowerGroup *const nest_table[OP_COUNT] = {
#define NEST(op, bounds) [OP_##op] = lower_##op,
#include "ir/nests.def"
};

void lower_nest(Lowering *lowering) { nest_table[lowering->group.anchor->op](lowering); }

static LowerGroup *const variant_table[] = {
#define VARIANT(id, name, doc) lower_##name,
#include "ir/variants.def"
};

void lower_direct(Lowering *lowering) { kind_table[lowering->group.kind](lowering); }

/* ---- buffers ---- */

/* What moves by whole vectors stays aligned. */
static int64_t place_align(const Place *place, Dtype dtype)
{
    int64_t align = place->space == SPACE_INPUT || place->space == SPACE_OUTPUT ? 1 : 64;
    for (int i = 0; i < MAX_SCANS; i++)
        while (dtype_bytes(dtype, place->moves[i]) % align) align /= 2;
    return align;
}

const LoopBuffer *lower_buffer(Lowering *lowering, Value value)
{
    const Place *place = &value.node->places[value.slot];
    const Type *type = value_type(value);
    LoopFunction *f = lowering->builder.function;
    LoopBuffer like = {.name = value_name(lowering->builder.arena, value),
                       .dtype = type->dtype,
                       .space = place->space,
                       .index = place->index,
                       .offset = place->offset,
                       .elements = place_bytes(place, type) / dtype_bytes(type->dtype, 1),
                       .align = place_align(place, type->dtype),
                       .writable = value.node == lowering->group.node};
    memcpy(like.moves, place->moves, sizeof like.moves);
    assert(like.space != SPACE_NONE);
    /* a result in place of an operand, and reshapes, are the same memory: one buffer, so that nobody believes that
     * they are apart */
    for (int i = 0; i < f->nbuffers; i++) {
        LoopBuffer *known = f->buffers[i];
        if (known->space != like.space || known->index != like.index || known->offset != like.offset) continue;
        if (memcmp(known->moves, like.moves, sizeof like.moves) != 0) continue;
        assert(known->dtype == like.dtype && known->elements == like.elements);
        known->writable |= like.writable;
        return known;
    }
    return loop_buffer(&lowering->builder, &like);
}

Affine lower_address(Value value, const Affine *at)
{
    const Place *place = &value.node->places[value.slot];
    Affine index = affine(place_interior(place));
    for (int axis = 0; axis < value_type(value)->rank; axis++)
        index = affine_add(index, affine_scale(at[axis], place->stride[axis]));
    return index;
}

/* The ring of `axis` and of those inside it; `at` is where the axis begins, its ring included. */
static void fill_axis(Lowering *lowering, const LoopBuffer *buffer, int axis, Affine at)
{
    const Node *node = lowering->group.node;
    const Place *place = &node->places[0];
    const Extent size = lower_extent(lowering, &node->types[0].dim[axis]);
    int64_t stride = place->stride[axis], before = place->before[axis];
    Scalar ring = {.real = (double)place->ring, .integer = place->ring};
    LoopBuilder *b = &lowering->builder;
    if (before) loop_fill_scalar(b, buffer, at, before * stride, ring);
    Affine end = affine_plus(affine_scale(size.actual, stride), before * stride);
    if (place->after[axis]) loop_fill_scalar(b, buffer, affine_add(at, end), place->after[axis] * stride, ring);
    bool inner = false;
    for (int i = axis + 1; i < node->types[0].rank; i++) inner |= place->before[i] || place->after[i];
    if (!inner) return;
    PartScope scope = part_steps(b, NULL, "ring", &size, 1);
    at = affine_add(affine_plus(at, before * stride), affine_scale(scope.at, stride));
    fill_axis(lowering, buffer, axis + 1, at);
    part_range_end(b, &scope);
}

void lower_fill_ring(Lowering *lowering)
{
    Value result = value_of((Node *)lowering->group.node);
    const Place *place = &result.node->places[0];
    if (place_has_halo(place) && !place->part) fill_axis(lowering, lower_buffer(lowering, result), 0, affine(0));
}

bool lower_is_in_place(const Lowering *lowering, const Piece *piece)
{
    const Group *group = &lowering->group;
    if (piece->operand < 0 || !value_equal(group->body->results[0].value, value_of((Node *)group->anchor)))
        return false;
    Value operand = group->anchor->inputs[piece->operand];
    if (group_is_inside(group, operand) || !operand.node->places) return false;
    return place_holds_piece(group->node->places, piece, &operand.node->places[operand.slot], value_type(operand));
}

/* ---- values ---- */

const LoopExpr *lower_constant(LoopBuilder *b, Dtype dtype, Scalar value, int lanes)
{
    Expr *e = expr_new(b->arena);
    e->result = dtype_is_float(dtype) ? expr_real(e, dtype, value.real) : expr_integer(e, dtype, value.integer);
    return loop_expr(b, e, NULL, lanes);
}

const LoopExpr *lower_number(Lowering *lowering, Value value, int lanes)
{
    const Node *node = value.node;
    Scalar element;
    while (node_def(node)->kind == KIND_VIEW) node = node->inputs[0].node;
    if (!node_is_splat(node, &element)) return NULL;
    return lower_constant(&lowering->builder, node->types[0].dtype, element, lanes);
}

const LoopExpr *lower_cast(LoopBuilder *b, Dtype to, const LoopExpr *x)
{
    return x->dtype == to ? x : loop_op(b, EXPR_CAST, to, x, NULL, NULL);
}

const LoopExpr *lower_map_value(Lowering *lowering, const Node *node, const LoopExpr *const *args, int lanes)
{
    Expr *e = expr_new(lowering->builder.arena);
    int operands[8];
    assert(node->ninputs <= 8);
    for (int i = 0; i < node->ninputs; i++) operands[i] = expr_arg(e, i, value_type(node->inputs[i])->dtype);
    node_def(node)->map(node, e, operands);
    return loop_expr(&lowering->builder, e, args, lanes);
}

/* ---- the graph ---- */

static int count_steps(const Graph *graph)
{
    int steps = 0;
    for (const Node *node = graph->first; node; node = node->next) steps += node_is_step(node);
    return steps;
}

/* What lies in its box already is neither read nor written. */
static void leave_out_parts(Lowering *lowering)
{
    LoopFunction *f = lowering->builder.function;
    const Node *anchor = lowering->group.anchor;
    Piece piece;
    for (int64_t i = 0; node_def(anchor)->piece(anchor, i, &piece); i++) {
        if (!lower_is_in_place(lowering, &piece)) continue;
        f->bytes_read -= (double)type_bytes(value_type(anchor->inputs[piece.operand]));
        f->bytes_written -= (double)type_bytes(value_type(anchor->inputs[piece.operand]));
    }
}

static void count_traffic(Lowering *lowering)
{
    LoopFunction *f = lowering->builder.function;
    Value *captures;
    int count = graph_captures(lowering->group.body, &captures);
    for (int i = 0; i < count; i++) {
        const Place *place = &captures[i].node->places[captures[i].slot];
        if (place->space == SPACE_NONE) continue;
        const Type *type = value_type(captures[i]);
        f->bytes_read += (double)(place->part ? type_bytes(type) : place_bytes(place, type));
    }
    const Node *node = lowering->group.node;
    for (int slot = 0; slot < node->nresults; slot++) f->bytes_written += (double)type_bytes(&node->types[slot]);
    if (lowering->group.kind == KIND_PIECES) leave_out_parts(lowering);
}

static LoopFunction *lower_group(const Node *node, const Target *target, Arena *arena, Diag *diag)
{
    LoopFunction *function = loop_function_new(arena, node->name, node->origin);
    function->scratch = node->schedule->scratch;
    function->scratch_offset = node->schedule->scratch_offset;
    Lowering lowering = {.builder = loop_builder(arena, function),
                         .group = group_of(node),
                         .schedule = node->schedule,
                         .target = target,
                         .diag = diag};
    lower_declare_sizes(&lowering, lowering.group.body);
    variant_table[lowering.schedule->variant](&lowering);
    assert(function->parallel <= node->schedule->threads); /* what there is scratch for */
    count_traffic(&lowering);
    return function;
}

/* ---- scans and branches ---- */

typedef struct Beginning {
    const LoopBuffer *from, *to; /* from: NULL of one number */
    Scalar number;
} Beginning;

static void copy_elements(Nest *nest, void *context)
{
    const Beginning *copy = context;
    const LoopExpr *value = copy->from
                                ? nest_load_at(nest, copy->from, nest->at[0], NULL, 1)
                                : lower_constant(&nest->lowering->builder, copy->to->dtype, copy->number, nest->lanes);
    nest_store_at(nest, copy->to, nest->at[0], NULL, value, 1);
}

/* Loops around what lower_extent_of_axes is of: it knows of the last bounded axis only, those before have at most one.
 */
static int open_perhaps_one(Lowering *lowering, const Type *type, PartScope *scopes)
{
    int last = type->rank - 1, count = 0;
    while (last > 0 && dim_is_fixed(&type->dim[last])) last--;
    for (int axis = 0; axis < last; axis++) {
        if (dim_is_fixed(&type->dim[axis])) continue;
        const Extent extent = lower_extent(lowering, &type->dim[axis]);
        scopes[count++] = part_steps(&lowering->builder, NULL, "i", &extent, 1);
    }
    return count;
}

/* As far as the call's sizes go: behind them the memory is the caller's.  What has gaps is none of the caller's. */
static void begin(Lowering *lowering, Beginning *copy, const Type *type)
{
    int64_t elements = type_elements(type), lanes = lowering->target->vector_bytes / 4;
    if (!copy->from && (type_is_fixed(type) || type_has_gaps(type))) {
        loop_fill_scalar(&lowering->builder, copy->to, affine(0), elements, copy->number);
        return;
    }
    const Extent extent = lower_extent_of_axes(lowering, type, 0, type->rank);
    while (lanes > elements) lanes /= 2;
    Nest nest = {.lowering = lowering, .rank = 1, .lanes = 1, .active = 1};
    PartScope scopes[MAX_RANK];
    int count = open_perhaps_one(lowering, type, scopes);
    nest_vectors(&nest, 0, &extent, lanes, copy_elements, copy);
    while (count > 0) part_range_end(&lowering->builder, &scopes[--count]);
}

/* What a carried value begins with goes to where it is kept. */
static LoopFunction *lower_beginning(const Node *scan, int operand, const Target *target, Arena *arena, Diag *diag)
{
    Value kept = {(Node *)scan, scan_gathered(scan) + operand - scan_scanned(scan)}, first = scan->inputs[operand];
    const char *name = arena_printf(arena, "%s.first", value_name(arena, kept));
    LoopFunction *function = loop_function_new(arena, name, scan->origin);
    Lowering lowering = {.builder = loop_builder(arena, function),
                         .group = {.node = scan},
                         .schedule = scan->schedule,
                         .target = target,
                         .diag = diag};
    const LoopExpr *number = lower_number(&lowering, first, 1);
    Beginning copy = {.to = lower_buffer(&lowering, kept)};
    if (number) copy.number = number->value;
    if (!number) copy.from = lower_buffer(&lowering, first);
    begin(&lowering, &copy, value_type(first));
    return function;
}

static bool lower_steps(const Graph *graph, const Target *target, LoopFunction **out, int *count, Diag *diag);

/* Results of turns that may not run are 0. */
static LoopFunction *lower_nothing(const Node *scan, int slot, const Target *target, Arena *arena, Diag *diag)
{
    Value gathered = {(Node *)scan, slot};
    const char *name = arena_printf(arena, "%s.zero", value_name(arena, gathered));
    LoopFunction *function = loop_function_new(arena, name, scan->origin);
    Lowering lowering = {.builder = loop_builder(arena, function),
                         .group = {.node = scan},
                         .schedule = scan->schedule,
                         .target = target,
                         .diag = diag};
    Beginning zeros = {.to = lower_buffer(&lowering, gathered)};
    begin(&lowering, &zeros, &scan->types[slot]);
    return function;
}

/* Adds up what functions from one number below another do when each runs so often. */
static void add_work(LoopFunction *sum, const LoopFunction *of, int from, int to, double times)
{
    for (int i = from; i < to; i++) {
        const LoopFunction *inner = of->inner[i];
        sum->multiply_adds += inner->multiply_adds * times;
        sum->bytes_read += inner->bytes_read * times;
        sum->bytes_written += inner->bytes_written * times;
        if (inner->parallel > sum->parallel) sum->parallel = inner->parallel;
    }
}

/* As many turns as the dim has when the code runs. */
static void lower_turns(Lowering *lowering, const Node *scan)
{
    const Dim *dim = scan_dim(scan);
    LoopSize size = {.dim = graph_dim(scan->graph, dim), .factor = 1, .divisor = 1, .low = dim->low, .high = dim->high};
    assert(size.dim >= 0);
    if (dim->factor) {
        size.factor = dim->factor;
        size.base = dim->base;
        size.divisor = dim->divisor;
    }
    loop_size(&lowering->builder, dim->name, &size);
}

static LoopFunction *lower_scan(const Node *scan, const Target *target, Arena *arena, Diag *diag)
{
    LoopFunction *function = loop_function_new(arena, scan->name, scan->origin);
    bool stops = ((const ScanAttrs *)scan->attrs)->stops;
    int steps = count_steps(scan->regions[0]), carried = scan_carried(scan), gathered = scan_gathered(scan);
    Lowering lowering = {.builder = loop_builder(arena, function), .group = {.node = NULL}, .diag = diag};
    if (stops) lower_buffer(&lowering, (Value){(Node *)scan, gathered});
    function->form = FORM_TURNS;
    function->turns = scan_turns(scan);
    if (scan_dim(scan) && !dim_is_fixed(scan_dim(scan))) lower_turns(&lowering, scan);
    function->nfirst = carried + (stops ? gathered : 0);
    function->inner = ARENA_ARRAY(arena, LoopFunction *, function->nfirst + steps);
    for (int i = 0; i < carried; i++)
        function->inner[i] = lower_beginning(scan, scan_scanned(scan) + i, target, arena, diag);
    for (int i = 0; stops && i < gathered; i++)
        function->inner[carried + i] = lower_nothing(scan, i, target, arena, diag);
    if (!lower_steps(scan->regions[0], target, function->inner + function->nfirst, &steps, diag)) return NULL;
    function->ninner = function->nfirst + steps;
    double times = function->turns ? (double)function->turns : 1;
    add_work(function, function, function->nfirst, function->ninner, times);
    return function;
}

/* What a run does is at most what the longer body does. */
static void take_larger(LoopFunction *branch)
{
    LoopFunction yes = {.parallel = 1}, no = {.parallel = 1};
    add_work(&yes, branch, 0, branch->nfirst, 1);
    add_work(&no, branch, branch->nfirst, branch->ninner, 1);
    branch->multiply_adds = yes.multiply_adds > no.multiply_adds ? yes.multiply_adds : no.multiply_adds;
    branch->bytes_read = yes.bytes_read > no.bytes_read ? yes.bytes_read : no.bytes_read;
    branch->bytes_written = yes.bytes_written > no.bytes_written ? yes.bytes_written : no.bytes_written;
    branch->parallel = yes.parallel > no.parallel ? yes.parallel : no.parallel;
}

static LoopFunction *lower_branch(const Node *branch, const Target *target, Arena *arena, Diag *diag)
{
    LoopFunction *function = loop_function_new(arena, branch->name, branch->origin);
    const Graph *yes = branch->regions[BRANCH_THEN], *no = branch->regions[BRANCH_ELSE];
    Lowering lowering = {.builder = loop_builder(arena, function), .group = {.node = branch}, .diag = diag};
    int steps = count_steps(yes), others = count_steps(no);
    function->form = FORM_BRANCH;
    lower_buffer(&lowering, branch->inputs[0]);
    function->inner = ARENA_ARRAY(arena, LoopFunction *, steps + others);
    if (!lower_steps(yes, target, function->inner, &function->nfirst, diag)) return NULL;
    if (!lower_steps(no, target, function->inner + steps, &others, diag)) return NULL;
    function->ninner = steps + others;
    take_larger(function);
    return function;
}

static LoopFunction *lower_step(const Node *node, const Target *target, Arena *arena, Diag *diag)
{
    if (node->op == OP_group) return lower_group(node, target, arena, diag);
    return (node_def(node)->kind == KIND_LOOP ? lower_scan : lower_branch)(node, target, arena, diag);
}

static bool lower_steps(const Graph *graph, const Target *target, LoopFunction **out, int *count, Diag *diag)
{
    *count = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        if (!node_is_step(node)) continue;
        LoopFunction *function = lower_step(node, target, graph->arena, diag);
        if (!function) return false;
        out[(*count)++] = function;
    }
    return true;
}

bool lower_graph(const Graph *graph, const Target *target, LoopProgram *out, Diag *diag)
{
    if (!lower_can_bound(graph, diag)) return false;
    *out = (LoopProgram){.arena = graph->arena,
                         .graph = graph,
                         .steps = ARENA_ARRAY(graph->arena, LoopFunction *, count_steps(graph)),
                         .arena_bytes = graph_space_bytes(graph, SPACE_ARENA),
                         .constant_bytes = graph_space_bytes(graph, SPACE_CONSTANT),
                         .state_bytes = graph_space_bytes(graph, SPACE_STATE)};
    int errors = diag->errors;
    if (!lower_steps(graph, target, out->steps, &out->nsteps, diag) || diag->errors != errors) return false;
    for (int i = 0; i < out->nsteps; i++)
        if (!loop_verify(out->steps[i], diag)) return false;
    return true;
}
