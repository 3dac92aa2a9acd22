/* plan: a place for each value of the top level.  Reshapes share their source's
 * buffer, element-wise work runs in place where it can, the rest of the arena is
 * laid out by lifetime. */
#include "ir/packing_sparse.h"
#include "ir/strips.h"
#include "passes/layout.h"
#include "passes/lifetime.h"
#include "passes/parts.h"
#include "passes/pass.h"
#include "passes/schedule.h"

#include <assert.h>
#include <string.h>

typedef struct Planner {
    Graph *graph;
    Arena *scratch;
    NodeMap *packed; /* constants whose order is settled */
    Parts parts;
    Lifetimes lifetimes;
} Planner;

static Place *place_of(Value value) { return &value.node->places[value.slot]; }

/* What a value is a reshape of. */
static Value root_of(Value value)
{
    while (value.node && value.node->places && node_def(value.node)->kind == KIND_VIEW) value = value.node->inputs[0];
    return value;
}

static const Node *source_of(Value value) { return root_of(value).node; }

/* ---- strides, halos and panels ---- */

static void make_places(const Graph *graph, Node *node)
{
    node->places = ARENA_ARRAY(graph->arena, Place, node->nresults);
}

static void make_all_places(const Graph *graph)
{
    for (Node *node = graph->first; node; node = node->next) {
        make_places(graph, node);
        for (int i = 0; node_is_control(node) && i < node->nregions; i++) make_all_places(node->regions[i]);
    }
}

static void at_least(int64_t *value, int64_t low)
{
    if (*value < low) *value = low;
}

static bool refuse_ring(const Group *group, Diag *diag)
{
    diag_error(diag, E0605, node_span(group->anchor), "%s `%s` wants padding around `%s`, which has no room for it",
               node_def(group->anchor)->name, group->anchor->name, group->anchor->inputs[0].node->name);
    return diag_help(diag, "the pass `schedule` puts a copy between: go on from a dump of before it");
}

/* What a convolution reads around its input: the padding, as far as its last window goes. */
static bool add_halo(const Group *group, const Contraction *c, Diag *diag)
{
    const Window *w = &c->window;
    int64_t in[2] = {c->in_height, c->in_width}, out[2] = {c->out_height, c->out_width};
    for (int i = 0; i < 2; i++) {
        int64_t after = (out[i] - 1) * w->stride[i] + (w->kernel[i] - 1) * w->dilation[i] + 1 - in[i] - w->pad_begin[i];
        Value input = group->anchor->inputs[0];
        bool bounded = !dim_is_fixed(&value_type(input)->dim[1 + i]);
        if (bounded && after < w->pad_end[i]) after = w->pad_end[i]; /* at some size */
        if (w->pad_begin[i] <= 0 && after <= 0) continue;
        bool other = place_has_halo(place_of(input)) && place_of(input)->ring != c->pad_value;
        if (other || !schedule_may_have_ring(input.node->graph, input)) return refuse_ring(group, diag);
        place_of(input)->ring = c->pad_value;
        at_least(&place_of(input)->before[1 + i], w->pad_begin[i]);
        at_least(&place_of(input)->after[1 + i], after);
    }
    return true;
}

/* Bytes that a tile of dot products reads behind a run of inputs that its steps do not fill. */
static void add_slack(const Group *group)
{
    Value input = group->anchor->inputs[0];
    int64_t slack = schedule_slack(group, group->node->schedule->products);
    if (slack && schedule_may_have_slack(input.node->graph, input)) at_least(&source_of(input)->places->slack, slack);
}

/* A copy's name is not that which its elements were drawn for. */
static const ParamAttrs *copied_param(const Node *node, ParamAttrs *out)
{
    *out = *(const ParamAttrs *)node->attrs;
    if (!out->key) out->key = node->name;
    return out;
}

/* Nobody has said in which order a constant lies, or somebody has, and others may want the same. */
enum { FREE, SHARED };

/* A constant in the order that this group's code reads it; one that another group reads in a different order, or one
 * that only this group can read, is made twice. */
static bool set_packing(Planner *p, Node *anchor, int operand, Diag *diag)
{
    Node *node = anchor->inputs[operand].node;
    if (node->op != OP_param && node->op != OP_constant) return true;
    Group group = group_of(anchor->graph->owner);
    Place wanted = {.panel = group_panel(&group, anchor, operand), .packing = group_packing(&group, anchor, operand)};
    int64_t *uses = node_map_cell(p->packed, node);
    bool same = node->places->panel == wanted.panel && node->places->packing == wanted.packing;
    if (*uses == FREE || (*uses == SHARED && same && wanted.packing != PACKING_SPARSE)) {
        *uses = SHARED;
        node->places->panel = wanted.panel;
        node->places->packing = wanted.packing;
        return true;
    }
    ParamAttrs named;
    NodeSpec again = {.op = node->op,
                      .name = node->name,
                      .attrs = node->op == OP_param ? copied_param(node, &named) : node->attrs,
                      .type = node->types,
                      .data = node->data,
                      .origin = node->origin,
                      .before = node->next};
    Node *copy = graph_add(node->graph, &again, diag);
    if (!copy) return false;
    make_places(p->graph, copy);
    anchor->inputs[operand] = value_of(copy);
    return set_packing(p, anchor, operand, diag);
}

static bool is_packed(const Group *group, const Node *node, int operand)
{
    return group_panel(group, node, operand) || group_packing(group, node, operand);
}

static bool set_packings(Planner *p, const Group *group, Diag *diag)
{
    for (int i = 0; group->anchor && i < group->anchor->ninputs; i++) {
        bool packs = is_packed(group, group->anchor, i) && group->anchor->inputs[i].node;
        if (packs && !set_packing(p, (Node *)group->anchor, i, diag)) return false;
    }
    return true;
}

/* Everybody else reads constants dense: those are marked first, so that packing makes copies of them. */
static void mark_dense(Planner *p, const Group *group)
{
    for (const Node *node = group->body->first; node; node = node->next)
        for (int i = 0; i < node->ninputs; i++) {
            const Node *from = source_of(node->inputs[i]);
            if (from && from->places && !is_packed(group, node, i)) *node_map_cell(p->packed, from) = SHARED;
        }
}

/* Weights without zeros know where their inputs are, so they come when those have strides. */
static void set_sparse_places(const Graph *graph)
{
    for (Node *node = graph->first; node; node = node->next) {
        for (int i = 0; node_is_control(node) && i < node->nregions; i++) set_sparse_places(node->regions[i]);
        if (node->op != OP_group || node->schedule->variant != VARIANT_SPARSE) continue;
        Group group = group_of(node);
        sparse_set_place(&group, place_of(group.anchor->inputs[1]));
    }
}

static bool is_in_strips(Value value)
{
    const Node *owner = value.node->graph->owner;
    return owner && node_def(owner)->kind == KIND_GROUP;
}

/* What the group reads around and behind its operands.  What lies in scratch has its room there. */
static bool make_room(const Group *group, Diag *diag)
{
    Contraction c = {.bias = -1};
    if (group->kind != KIND_CONTRACT || is_in_strips(group->anchor->inputs[0])) return true;
    node_def(group->anchor)->contract(group->anchor, &c);
    add_slack(group);
    return add_halo(group, &c, diag);
}

static void mark_scanned(Planner *p, const Node *scan)
{
    for (int i = 0; i < scan->ninputs; i++) *node_map_cell(p->packed, source_of(scan->inputs[i])) = SHARED;
}

/* Of every group, also those in bodies: first all that is read around and behind operands and plainly, then packings.
 */
static bool shape_groups(Planner *p, const Graph *graph, bool packing, Diag *diag)
{
    for (Node *node = graph->first; node; node = node->next) {
        if (!node_is_control(node)) continue;
        mark_scanned(p, node);
        for (int i = 0; i < node->nregions; i++)
            if (!shape_groups(p, node->regions[i], packing, diag)) return false;
    }
    for (Node *node = leaf_first(graph); node; node = leaf_next(node)) {
        Group group = group_of(node);
        if (packing ? !set_packings(p, &group, diag) : !make_room(&group, diag)) return false;
        if (!packing) mark_dense(p, &group);
    }
    return true;
}

static void set_strides(const Graph *graph)
{
    for (Node *node = graph->first; node; node = node->next) {
        for (int slot = 0; slot < node->nresults; slot++) place_set_strides(&node->places[slot], &node->types[slot]);
        for (int i = 0; node_is_control(node) && i < node->nregions; i++) set_strides(node->regions[i]);
    }
}

static bool shape_places(Planner *p, Diag *diag)
{
    if (!shape_groups(p, p->graph, false, diag) || !shape_groups(p, p->graph, true, diag)) return false;
    p->parts = parts_choose(p->scratch, p->graph);
    set_strides(p->graph);
    set_sparse_places(p->graph);
    return true;
}

/* ---- in place ---- */

static bool same_layout(Value a, Value b)
{
    const Place *p = place_of(a), *q = place_of(b);
    const Type *s = value_type(a), *t = value_type(b);
    return s->dtype == t->dtype && type_same_shape(s, t) && p->slack == q->slack &&
           !memcmp(p->stride, q->stride, sizeof p->stride) && !memcmp(p->before, q->before, sizeof p->before) &&
           !memcmp(p->after, q->after, sizeof p->after);
}

/* A part is another name of some of its whole's elements. */
static bool reads_part_of(const Planner *p, const Group *group, Value whole)
{
    Value *captures;
    int count = graph_captures(group->body, &captures);
    for (int i = 0; i < count; i++) {
        if (!lifetimes_know(&p->lifetimes, captures[i])) continue;
        Value root = lifetimes_find(&p->lifetimes, captures[i])->root;
        if (!value_equal(root, whole) && value_equal(parts_root(&p->parts, root), whole)) return true;
    }
    return false;
}

/* Whether the group may write its result over `value`, and every other name of that buffer agrees. */
static bool can_take(const Planner *p, const Group *group, Value value)
{
    Value result = value_of((Node *)group->node);
    if (!lifetimes_know(&p->lifetimes, value)) return false; /* what is outside of a scan stays for the next turn */
    Storage *taken = lifetimes_find(&p->lifetimes, value), *own = lifetimes_find(&p->lifetimes, result);
    if (place_of(taken->root)->part || place_of(own->root)->part) return false;
    if (taken->space != SPACE_ARENA || own->space != SPACE_ARENA || taken->last != own->first) return false;
    if (!same_layout(value, result) || reads_part_of(p, group, taken->root)) return false;
    return lifetimes_in_step(&p->lifetimes, group, taken);
}

/* A part's memory is its whole's, which nobody may have before all parts are done with.  Wholes that are parts come
 * before theirs in the list. */
static void join_parts(Planner *p)
{
    for (size_t i = p->parts.count; i-- > 0;) {
        const PartOf *part = &p->parts.items[i];
        if (!lifetimes_know(&p->lifetimes, part->part)) continue;
        Storage *own = lifetimes_find(&p->lifetimes, part->part);
        Storage *whole = lifetimes_find(&p->lifetimes, part->whole);
        own->into = (int)(whole - p->lifetimes.storages);
        if (whole->last < own->last) whole->last = own->last;
    }
}

static void reuse_memory(Planner *p)
{
    for (Node *node = p->graph->first; node; node = node->next) {
        if (node->op != OP_group) continue;
        Group group = group_of(node);
        Value *captures;
        int count = graph_captures(group.body, &captures);
        for (int i = 0; i < count; i++) {
            if (!can_take(p, &group, captures[i])) continue;
            Storage *taken = lifetimes_find(&p->lifetimes, captures[i]);
            lifetimes_find(&p->lifetimes, value_of(node))->into = (int)(taken - p->lifetimes.storages);
            break;
        }
    }
}

/* ---- offsets ---- */

/* Constants lie in the order in which the groups first read them. */
static void place_constant(Planner *p, Value value, int64_t *offset)
{
    Storage *storage = lifetimes_find(&p->lifetimes, value);
    Place *place = place_of(storage->root);
    if (storage->space != SPACE_CONSTANT || !storage->read || place->space == SPACE_CONSTANT) return;
    place->space = SPACE_CONSTANT;
    place->offset = *offset;
    *offset = layout_align(*offset + place_bytes(place, value_type(storage->root)));
}

static void place_constants(Planner *p)
{
    int64_t offset = 0;
    for (Node *node = p->graph->first; node; node = node->next) {
        if (!node_is_step(node)) continue;
        Value *captures;
        int count = node_captures(node, &captures);
        for (int i = 0; i < node->ninputs; i++) place_constant(p, node->inputs[i], &offset);
        for (int i = 0; i < count; i++) place_constant(p, captures[i], &offset);
    }
}

static void needed_for(Block *block, const Storage *storage)
{
    if (block->first > storage->first) block->first = storage->first;
    if (block->last < storage->last) block->last = storage->last;
}

static void place_arena(Planner *p)
{
    const Lifetimes *l = &p->lifetimes;
    Block *blocks = ARENA_ARRAY(p->scratch, Block, l->count + l->steps);
    int *block_of = ARENA_ARRAY(p->scratch, int, l->count);
    int count = 0;
    for (int i = 0; i < l->count; i++) {
        const Storage *s = &l->storages[i];
        if (s->space != SPACE_ARENA || lifetimes_resolve(l, i) != i) continue;
        block_of[i] = count;
        blocks[count++] = (Block){s->first, s->last, place_bytes(place_of(s->root), value_type(s->root)), 0};
    }
    for (int i = 0; i < l->count; i++)
        if (l->storages[i].space == SPACE_ARENA)
            needed_for(&blocks[block_of[lifetimes_resolve(l, i)]], &l->storages[i]);
    int scratch = count;
    count += lifetimes_scratch(p->graph, blocks + count);
    layout_blocks(p->scratch, blocks, count);
    for (Node *node = p->graph->first; node; node = node->next)
        if (node->schedule && node->schedule->scratch) node->schedule->scratch_offset = blocks[scratch++].offset;
    for (int i = 0; i < l->count; i++) {
        if (l->storages[i].space != SPACE_ARENA) continue;
        Place *place = place_of(l->storages[i].root);
        place->space = SPACE_ARENA;
        place->offset = blocks[block_of[lifetimes_resolve(l, i)]].offset;
    }
}

static void place_ports(Planner *p)
{
    for (int i = 0; i < p->lifetimes.count; i++) {
        const Storage *s = &p->lifetimes.storages[i];
        if (s->space != SPACE_INPUT && s->space != SPACE_OUTPUT) continue;
        place_of(s->root)->space = s->space;
        place_of(s->root)->index = s->index;
    }
}

/* States lie one behind the other in the caller's context; what they become lies right there. */
static void place_states(Planner *p)
{
    int64_t offset = 0;
    for (Node *node = p->graph->first; node; node = node->next) {
        if (node->op != OP_state) continue;
        node->places->space = SPACE_STATE;
        node->places->offset = offset;
        offset = layout_align(offset + place_bytes(node->places, node->types));
    }
    for (int i = graph_outputs(p->graph); i < p->graph->nresults; i++) {
        const Result *next = &p->graph->results[i];
        Place *place = place_of(lifetimes_find(&p->lifetimes, next->value)->root);
        place->space = SPACE_STATE;
        place->offset = next->state->places->offset;
    }
}

static void place_aliases(const Graph *graph)
{
    for (Node *node = graph->first; node; node = node->next) {
        if (node_def(node)->kind != KIND_VIEW) continue;
        const Place *from = place_of(node->inputs[0]);
        assert(!place_has_halo(from) && !from->panel);
        node->places->space = from->space;
        node->places->index = from->index;
        node->places->offset = from->offset;
        node->places->slack = from->slack;
        memcpy(node->places->moves, from->moves, sizeof from->moves);
    }
}

/* ---- scans and branches ---- */

static void plan_bodies(const Planner *outer, const Graph *graph);

/* What a turn makes for itself lies in one block, which is the scan's while it runs: offsets from its start.  The two
 * bodies of a branch never run both, so their blocks are one. */
static void plan_body(const Planner *outer, Node *owner, Graph *region)
{
    Planner p = {.graph = region, .scratch = outer->scratch, .parts = outer->parts};
    plan_bodies(&p, region);
    p.lifetimes = lifetimes_of(region, p.scratch);
    join_parts(&p);
    reuse_memory(&p);
    place_arena(&p);
    at_least(&owner->schedule->scratch, graph_space_bytes(region, SPACE_ARENA));
}

static void plan_bodies(const Planner *outer, const Graph *graph)
{
    for (Node *node = graph->first; node; node = node->next) {
        if (!node_is_control(node)) continue;
        node->schedule->scratch = 0;
        for (int i = 0; i < node->nregions; i++) plan_body(outer, node, node->regions[i]);
    }
}

static void move_into(const Graph *region, int64_t offset)
{
    for (Node *node = region->first; node; node = node->next) {
        for (int slot = 0; slot < node->nresults; slot++)
            if (node->places[slot].space == SPACE_ARENA) node->places[slot].offset += offset;
        if (node->schedule && node->schedule->scratch) node->schedule->scratch_offset += offset;
    }
}

static void settle_bodies(const Graph *graph);

static void settle_body(const Node *owner, const Graph *region)
{
    bool scan = node_def(owner)->kind == KIND_LOOP;
    move_into(region, owner->schedule->scratch_offset);
    for (int i = 0; scan && i < owner->ninputs; i++) *scan_input(owner, i)->places = scan_input_place(owner, i);
    for (int i = 0; i < region->nresults; i++) *place_of(region->results[i].value) = body_result_place(owner, i);
    place_aliases(region);
    settle_bodies(region);
}

/* Once it is settled where bodies have their memory, and what they read and give back: from the outermost in. */
static void settle_bodies(const Graph *graph)
{
    for (const Node *node = graph->first; node; node = node->next)
        for (int i = 0; node_is_control(node) && i < node->nregions; i++) settle_body(node, node->regions[i]);
}

static bool all_results_are_written(const Graph *graph, Diag *diag)
{
    for (const Node *node = graph->first; node; node = node->next)
        for (int i = 0; node_is_control(node) && i < node->nregions; i++)
            if (!all_results_are_written(node->regions[i], diag)) return false;
    return results_are_written(graph, diag);
}

bool pass_plan(Graph *graph, const PassContext *context, Diag *diag)
{
    (void)context;
    Arena *scratch = arena_child(graph->arena);
    Planner p = {.graph = graph, .scratch = scratch, .packed = node_map_new(scratch)};
    make_all_places(graph);
    bool fits = all_results_are_written(graph, diag) && shape_places(&p, diag);
    if (fits) {
        plan_bodies(&p, graph);
        p.lifetimes = lifetimes_of(graph, scratch);
        join_parts(&p);
        reuse_memory(&p);
        place_ports(&p);
        place_states(&p);
        place_constants(&p);
        place_arena(&p);
        place_aliases(graph);
        settle_bodies(graph);
        graph->stage = STAGE_PLANNED;
    }
    arena_free(scratch);
    return fits;
}
