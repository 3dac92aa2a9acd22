/* Decides how each group becomes a loop nest. */
#include "passes/schedule.h"
#include "ir/bounded.h"
#include "ir/place.h"
#include "ir/strips.h"
#include "passes/given.h"
#include "passes/group.h"
#include "passes/lifetime.h"
#include "passes/variants.h"

#include <assert.h>

/* ---- inputs that want a ring of zeros ---- */

/* What padding reads goes to *value. */
static bool is_padded(const Group *group, int64_t *value)
{
    if (group->kind != KIND_CONTRACT) return false;
    Contraction c;
    node_def(group->anchor)->contract(group->anchor, &c);
    const Window *w = &c.window;
    *value = c.pad_value;
    return w->pad_begin[0] > 0 || w->pad_begin[1] > 0 || w->pad_end[0] > 0 || w->pad_end[1] > 0;
}

/* Does a padded convolution of an earlier group have another ring around the value? */
static bool has_other_ring(const Node *before, Value value, int64_t ring)
{
    for (const Node *node = before->previous; node; node = node->previous) {
        int64_t other;
        if (node->op != OP_group) continue;
        Group group = group_of(node);
        if (is_padded(&group, &other) && value_equal(group.anchor->inputs[0], value)) return other != ring;
    }
    return false;
}

static bool is_captured(const Node *node, Value value)
{
    Value *captured;
    int count = node_captures(node, &captured);
    for (int i = 0; i < count; i++)
        if (value_equal(captured[i], value)) return true;
    return false;
}

/* Weights are one dense run, and so is all that a contraction over lines of rows reads. */
static bool group_reads_dense(const Node *node, Value value)
{
    Group group = group_of(node);
    if (group.kind == KIND_NEST) return is_captured(node, value);
    if (group.kind != KIND_CONTRACT) return false;
    Contraction c;
    node_def(group.anchor)->contract(group.anchor, &c);
    if (value_equal(group.anchor->inputs[1], value)) return true;
    return !contraction_is_image(&c, group.anchor) && is_captured(node, value);
}

/* Does some reader take the value for one dense run: a reshape, a contraction or what runs inside a body? */
static bool is_read_dense(const Graph *graph, Value value)
{
    for (const Node *node = leaf_first(graph); node; node = leaf_next(node))
        if (group_reads_dense(node, value)) return true;
    for (const Node *node = graph->first; node; node = node->next) {
        if (node_is_control(node) && is_captured(node, value)) return true;
        for (int i = 0; i < node->ninputs; i++)
            if (value_equal(node->inputs[i], value)) return true;
    }
    return false;
}

/* Does the group write its result as one dense run: a product whose rows are no image, or a nest of its own? */
static bool is_written_dense(const Node *node)
{
    Group group = group_of(node);
    if (group.kind == KIND_NEST) return true;
    if (group.kind != KIND_CONTRACT) return false;
    Contraction c;
    node_def(group.anchor)->contract(group.anchor, &c);
    return !contraction_is_image(&c, group.anchor);
}

bool schedule_may_have_ring(const Graph *graph, Value value)
{
    if (value.node->op != OP_group || is_written_dense(value.node)) return false;
    graph = value.node->graph; /* a scan may stand between */
    for (int i = 0; i < graph->nresults; i++)
        if (value_equal(graph->results[i].value, value)) return false;
    return !is_read_dense(graph, value);
}

/* Does the group's code want its input elsewhere?  A padded convolution reads what is around it from its own buffer;
 * dot products read whole steps, and are slow where none may be read behind the last run. */
static bool wants_copy(const Graph *graph, const Node *node, const Target *target)
{
    Group group = group_of(node);
    int64_t ring;
    if (group.kind != KIND_CONTRACT) return false;
    Value input = group.anchor->inputs[0];
    if (is_padded(&group, &ring)) return !schedule_may_have_ring(graph, input) || has_other_ring(node, input, ring);
    bool reads_behind = schedule_slack(&group, schedule_products(&group, target)) > 0;
    return reads_behind && !schedule_may_have_slack(graph, input);
}

/* A value that cannot carry a ring or slack - the user's buffer, an alias, a value read as a dense run or with another
 * padding - is copied first, once for all that want the same. */
static bool add_copies(Graph *graph, const Target *target, Diag *diag)
{
    for (Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_group || !wants_copy(graph, node, target)) continue;
        Group group = group_of(node);
        int64_t ring = 0, other_ring = 0;
        bool padded = is_padded(&group, &ring);
        Value input = group.anchor->inputs[0];
        Node *copy = group_copy(graph, input, node, diag);
        if (!copy) return false;
        for (Node *reader = node; reader; reader = reader->next) {
            if (reader->op != OP_group) continue;
            Group other = group_of(reader);
            if (other.kind != KIND_CONTRACT || is_padded(&other, &other_ring) != padded || other_ring != ring) continue;
            if (value_equal(other.anchor->inputs[0], input)) ((Node *)other.anchor)->inputs[0] = value_of(copy);
        }
    }
    return true;
}

/* The caller's tensors are dense for the sizes of a call.  One that has gaps where memory is laid out for the bounds is
 * copied first, and the same of results last. */
static bool add_port_copies(Graph *graph, Diag *diag)
{
    for (Node *node = graph->first; node; node = node->next) {
        Value input = value_of(node);
        if (node->op != OP_input || !type_has_gaps(&node->types[0]) || !graph_uses(graph, input)) continue;
        Node *copy = group_copy(graph, input, node->next, diag);
        if (!copy) return false;
        graph_replace(graph, input, value_of(copy));
        copy->regions[0]->first->inputs[0] = input;
    }
    for (int i = 0; i < graph_outputs(graph); i++) {
        Result *result = &graph->results[i];
        if (!type_has_gaps(value_type(result->value))) continue;
        Node *copy = group_copy(graph, result->value, NULL, diag);
        if (!copy) return false;
        result->value = value_of(copy);
    }
    return true;
}

/* ---- schedules ---- */

static int wider(int bits, Dtype dtype)
{
    int own = dtype_is_float(dtype) && dtype_bits(dtype) < 32 ? 32 : dtype_bits(dtype); /* computed in f32 */
    return own > bits ? own : bits;
}

/* Bits of the widest element that computing the node takes. */
static int widest_of_node(const Node *node, int bits, Arena *scratch)
{
    int args[8];
    bits = wider(bits, node->types[0].dtype);
    for (int i = 0; i < node->ninputs; i++) bits = wider(bits, value_type(node->inputs[i])->dtype);
    if (node_def(node)->kind == KIND_IOTA) return wider(bits, I32); /* what it counts in */
    if (node_def(node)->kind != KIND_MAP || node->ninputs > 8) return bits;
    Expr *e = expr_new(scratch);
    for (int i = 0; i < node->ninputs; i++) args[i] = expr_arg(e, i, value_type(node->inputs[i])->dtype);
    node_def(node)->map(node, e, args);
    for (size_t i = 0; i < e->count; i++) bits = wider(bits, e->ops[i].dtype);
    return bits;
}

/* Vectors are as long as the target's when their elements are 32 bits; of narrow integers alone there are more. */
static int64_t lanes_for(const Group *group, const Target *target)
{
    int64_t lanes = target->vector_bytes / 4;
    if (group->kind != KIND_MAP && group->kind != KIND_WINDOW && group->kind != KIND_PIECES) return lanes;
    Arena *scratch = arena_child(group->body->arena);
    int bits = 8;
    for (const Node *node = group->body->first; node; node = node->next) bits = widest_of_node(node, bits, scratch);
    arena_free(scratch);
    return bits < 32 && target->integer_bytes * 8 / bits > lanes ? target->integer_bytes * 8 / bits : lanes;
}

bool variant_direct(const Group *group, const PassContext *context, Schedule *out)
{
    const Target *target = context->target;
    if (group->kind == KIND_CONTRACT) {
        TileProblem problem = tile_problem(group);
        tile_problem_on(&problem, target);
        *out = tile_choose(&problem, target);
        return true;
    }
    if (group->kind == KIND_NEST) {
        *out = schedule_nest(group, target);
        return true;
    }
    const Type *type = &group->node->types[0];
    int64_t elements = type_elements(type), lanes = lanes_for(group, target);
    while (lanes > 1 && lanes > elements) lanes /= 2;
    /* one division more for a row, and none for each of its vectors: short rows keep theirs, and eval's bits */
    bool reciprocal = group->kind == KIND_ROW && context->fast && dtype_bits(type->dtype) >= 32 &&
                      type->dim[type->rank - 1].high >= 64;
    *out = (Schedule){.lanes = lanes,
                      .tile_rows = 1,
                      .tile_columns = 1,
                      .tile_vectors = 1,
                      .unroll = 1,
                      .reciprocal = reciprocal,
                      .scratch = group->kind == KIND_REDUCE ? variant_rows_scratch(group, lanes) : 0,
                      .cost = (double)elements / (double)lanes};
    return true;
}

/* The cheapest variant that can do the group; the direct one always can. */
static Schedule schedule_group(const Group *group, const PassContext *context)
{
    Schedule best = {.variant = VARIANT_COUNT}, candidate;
    for (int variant = 0; variant < VARIANT_COUNT; variant++) {
        if (!variant_candidate(variant, group, context, &candidate)) continue;
        if (best.variant == VARIANT_COUNT || candidate.cost < best.cost) best = candidate;
    }
    return best;
}

/* fuse makes no other; the text of a dump may. */
static bool has_one_result(const Node *node, Diag *diag)
{
    Group group = group_of(node);
    if (node->nresults == 1 || group.kind == KIND_NEST) return true;
    diag_error(diag, E0605, node_span(node), "group `%s` gives back %d values: code is made of groups of one result",
               node->name, node->nresults);
    return diag_help(diag, "write a group for each");
}

bool pass_schedule(Graph *graph, const PassContext *context, Diag *diag)
{
    bool sound = true;
    for (Node *node = graph->first; node; node = node->next) {
        if (!node_is_control(node)) continue;
        if (!schedule_control(node, diag)) return false;
        for (int i = 0; i < node->nregions; i++)
            if (!pass_schedule(node->regions[i], context, diag)) return false;
    }
    if (!graph->parent && !add_port_copies(graph, diag)) return false;
    if (!add_copies(graph, context->target, diag) || !settle_states(graph, diag)) return false;
    for (Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_group) continue;
        if (!has_one_result(node, diag)) return false;
        Group group = group_of(node);
        node->schedule = ARENA_NEW(graph->arena, Schedule);
        *node->schedule = schedule_group(&group, context);
        sound = given_apply(node, context, diag) && sound;
    }
    schedule_threads(graph, context->target, context->threads);
    if (!sound || (!graph->parent && !given_strips(graph, context, diag))) return false;
    graph->stage = STAGE_SCHEDULED;
    return true;
}
