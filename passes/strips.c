/* strips: a depthwise convolution and the contractions around it run strip by strip, so that what is between them stays
 * in the nearest cache and takes no room in the arena.  A depthwise kernel does so little with each input that the way
 * to it is most of its time; others hide theirs behind their products.  Chosen by predicted cycles, and where those are
 * equal for the memory. */
#include "passes/strips.h"
#include "passes/schedule.h"

static const double equal_costs = 1.01, strip_overhead = 40; /* cycles of a member's loops, a strip */

/* ---- costs ---- */

/* Cycles for bytes on their way from a level; the nearest one is in the tile's own cost. */
static double moving(const Target *t, double bytes, int level)
{
    return level ? bytes / t->cache_bytes_per_cycle[level] : 0;
}

static double value_bytes(const Group *group) { return (double)type_bytes(&group->node->types[0]); }

static double weight_bytes(const Group *group)
{
    return group->kind == KIND_MAP ? 0 : (double)type_bytes(value_type(group->anchor->inputs[1]));
}

/* Each by itself: what is between two members is written, and read, where all of it fits. */
static double cost_alone(const Strips *s, const Target *t)
{
    double cost = 0;
    for (int i = 0; i < s->count; i++) {
        cost += s->member[i].node->schedule->cost;
        if (i + 1 < s->count)
            cost += moving(t, 2 * value_bytes(&s->member[i]), target_level(t, value_bytes(&s->member[i])));
    }
    return cost;
}

/* One with its chosen tiles, beside those that the members have alone. */
typedef struct Candidate {
    Strips strips;
    Schedule tile[STRIP_MEMBERS];
    double cost;
} Candidate;

static TileProblem problem_of(const Group *group, const Target *target)
{
    const Schedule *alone = group->node->schedule;
    bool dots = alone->variant == VARIANT_DOT;
    TileProblem p = dots ? tile_problem_of_dots(group, target, alone->products) : tile_problem(group);
    if (dots)
        p.packed = true;
    else
        tile_problem_on(&p, target);
    return p;
}

/* Rows that lie one right behind the other, in scratch and in the result, are one line of pixels. */
static bool is_flat(const Strips *s, int i, bool dense)
{
    if (i == 0 || s->shape[i].window.kernel[0] * s->shape[i].window.kernel[1] != 1) return false;
    bool last = i + 1 == s->count;
    const StripValue *from = &s->value[i - 1], *to = last ? NULL : &s->value[i];
    return !from->left && !from->right && (last ? dense : !to->left && !to->right);
}

static void set_rows(TileProblem *p, int64_t rows, bool flat)
{
    p->images = 1;
    p->width = flat ? rows * p->width : p->width;
    p->height = flat ? 1 : rows;
}

/* Element-wise work has no tile, and vectors of products that are added at once have one for every size. */
static bool has_free_tile(const Group *group)
{
    return group->kind == KIND_CONTRACT && group->node->schedule->products <= 4;
}

static double cost_as_alone(const Group *group, int64_t step, Schedule *tile)
{
    const Dim *dim = group->node->types[0].dim;
    *tile = *group->node->schedule;
    tile->threads = 1;
    tile->split = SPLIT_OUTER;
    return tile->cost / (double)dim[0].high + strip_overhead * (double)((dim[1].high + step - 1) / step);
}

/* The cycles of a member for all its rows, `step` at a time, with the tile that is best for a whole strip. */
static double member_cost(const Group *group, const Target *target, int64_t step, bool flat, Schedule *tile)
{
    if (!has_free_tile(group)) return cost_as_alone(group, step, tile);
    TileProblem all = problem_of(group, target), p = all;
    set_rows(&p, step, flat);
    *tile = tile_choose(&p, target);
    tile->variant = group->node->schedule->variant;
    tile->products = group->node->schedule->products;
    tile->threads = 1;
    double cost = (double)(all.height / step) * (tile->cost + strip_overhead);
    if (all.height % step) {
        p = all;
        set_rows(&p, all.height % step, flat);
        cost += tile_cycles(&p, tile, target) + strip_overhead;
    }
    return cost;
}

static int64_t input_bytes(const Group *first)
{
    const Node *reader = first->kind == KIND_MAP ? first->body->first : first->anchor;
    return reader->ninputs ? type_bytes(value_type(reader->inputs[0])) : 0;
}

/* Bytes that one strip goes through: what is read and written streams past scratch in the same cache. */
static double strip_bytes(const Strips *s)
{
    double streams = value_bytes(&s->member[s->count - 1]) + (double)input_bytes(&s->member[0]);
    double bytes = (double)s->scratch;
    for (int i = 0; i < s->count; i++) bytes += weight_bytes(&s->member[i]);
    return bytes + streams / (double)(s->all * s->shape[0].batch);
}

static void cost_strips(Candidate *c, const Target *t, bool dense)
{
    const Strips *s = &c->strips;
    int level = target_level(t, strip_bytes(s));
    c->cost = 0;
    for (int i = 0; i < s->count; i++) {
        c->cost += member_cost(&s->member[i], t, s->step[i], is_flat(s, i, dense), &c->tile[i]);
        c->cost += (double)(s->all - 1) * moving(t, weight_bytes(&s->member[i]), level);
    }
    for (int i = 0; i + 1 < s->count; i++) {
        double kept = (double)dtype_bytes(s->value[i].dtype, s->value[i].kept * strip_line(&s->value[i]));
        c->cost += moving(t, 2 * value_bytes(&s->member[i]), level);
        c->cost += (double)(s->all - 1) * 2 * kept / t->cache_bytes_per_cycle[level];
    }
    c->cost *= (double)s->shape[0].batch;
}

/* ---- candidates ---- */

static bool is_depthwise(const Group *group)
{
    Contraction c;
    if (group->kind != KIND_CONTRACT) return false;
    node_def(group->anchor)->contract(group->anchor, &c);
    return c.window.groups > 1 && c.window.groups == c.in_channels && c.in_channels == c.out_channels;
}

/* What one group alone reads from another through its first operand becomes its member. */
static bool producer_of(const Graph *graph, const Group *group, Group *out)
{
    if (group->kind != KIND_CONTRACT) return false;
    Value input = group->anchor->inputs[0];
    if (input.node->op != OP_group || input.node->graph != graph || graph_uses(graph, input) != 1) return false;
    *out = group_of(input.node);
    if (out->kind != KIND_CONTRACT && out->kind != KIND_MAP) return false;
    int variant = out->node->schedule->variant;
    return !out->node->schedule->fixed && (variant == VARIANT_DIRECT || variant == VARIANT_DOT);
}

/* Has the value a ring of zeros for somebody? */
static bool is_read_padded(const Graph *graph, Value value)
{
    for (const Node *node = leaf_first(graph); node; node = leaf_next(node)) {
        Contraction c;
        Group group = group_of(node);
        if (group.kind != KIND_CONTRACT || !value_equal(group.anchor->inputs[0], value)) continue;
        node_def(group.anchor)->contract(group.anchor, &c);
        const Window *w = &c.window;
        if (w->pad_begin[0] > 0 || w->pad_begin[1] > 0 || w->pad_end[0] > 0 || w->pad_end[1] > 0) return true;
    }
    return false;
}

static int64_t parts_of(const Group *members, int count)
{
    int64_t parts = 1;
    for (int i = 0; i < count; i++)
        if (members[i].node->schedule->threads > parts) parts = members[i].node->schedule->threads;
    return parts;
}

/* Whether the arena is smaller while strips run than while the members do, one after the other.  Strips have input and
 * result at once, which a member alone has of what is between them. */
static bool saves_memory(const Strips *s, int64_t parts)
{
    int64_t before = input_bytes(&s->member[0]), most = 0, first = before, last = 0;
    for (int i = 0; i < s->count; i++) {
        last = type_bytes(&s->member[i].node->types[0]);
        if (before + last > most) most = before + last;
        before = last;
    }
    return first + last + parts * s->scratch < most;
}

/* The rows a strip with the least cost; or where that is what the members cost alone, and on microcontrollers, the
 * fewest that make the arena smaller.  False when the members are better off alone. */
static bool choose_rows(const Graph *graph, const PassContext *context, const Group *members, int count,
                        Candidate *best)
{
    const char *why;
    if (!strips_fit(members, count, &why)) return false;
    int64_t parts = parts_of(members, count), height = members[count - 1].node->types[0].dim[1].high;
    bool dense = !is_read_padded(graph, value_of((Node *)members[count - 1].node)), any = false, found = false;
    Candidate small;
    for (int64_t rows = 1; 2 * rows <= height + 1; rows += rows < 8 ? 1 : rows / 4) {
        Candidate c = {.strips = strips_of(members, count, rows)};
        if (c.strips.all < 2 || c.strips.all < parts || !strips_may_part(&c.strips, parts)) continue;
        if (context->small && c.strips.whole < c.strips.all) continue; /* code for the last rows */
        cost_strips(&c, context->target, dense);
        double alone = cost_alone(&c.strips, context->target);
        if (!found && c.cost <= alone * equal_costs && saves_memory(&c.strips, parts)) {
            small = c;
            found = true;
        }
        if (context->target->arch->bare || c.cost * equal_costs > alone || (any && c.cost >= best->cost)) continue;
        *best = c;
        any = true;
    }
    if (!any && found) *best = small;
    return any || found;
}

/* The chain that ends with `last`, of up to three members, one of them depthwise. */
static bool find_strips(const Graph *graph, const PassContext *context, const Group *last, Candidate *best)
{
    Group member[STRIP_MEMBERS] = {[STRIP_MEMBERS - 1] = *last};
    Candidate c;
    double saved = 0;
    bool any = false, depthwise = is_depthwise(last);
    for (int first = STRIP_MEMBERS - 1; first > 0; first--) {
        if (!producer_of(graph, &member[first], &member[first - 1])) break;
        depthwise = depthwise || is_depthwise(&member[first - 1]);
        if (!depthwise || !choose_rows(graph, context, member + first - 1, STRIP_MEMBERS - first + 1, &c)) continue;
        double alone = cost_alone(&c.strips, context->target);
        if (any && alone - c.cost <= saved) continue;
        saved = alone - c.cost;
        *best = c;
        any = true;
    }
    return any;
}

/* ---- the group of groups ---- */

static Schedule *schedule_of(Arena *arena, const Candidate *c, int64_t parts)
{
    Schedule *schedule = ARENA_NEW(arena, Schedule);
    *schedule = (Schedule){.lanes = 1,
                           .tile_rows = 1,
                           .tile_columns = 1,
                           .tile_vectors = 1,
                           .unroll = 1,
                           .products = 1,
                           .strip_rows = c->strips.rows,
                           .scratch = c->strips.scratch,
                           .threads = parts,
                           .split = parts > 1 ? SPLIT_ROWS : SPLIT_OUTER,
                           .cost = c->cost};
    return schedule;
}

/* The members become the body of a new group, which has no schedule yet; NULL after an error. */
static Node *enclose(Graph *graph, const Group *members, int count, Diag *diag)
{
    Node *last = (Node *)members[count - 1].node;
    Node *strips = graph_add(graph, &(NodeSpec){.op = OP_group, .name = last->name, .before = last}, diag);
    if (!strips) return NULL;
    Graph *body = graph_new_region(strips);
    graph_replace(graph, value_of(last), value_of(strips));
    for (int i = 0; i < count; i++) {
        Node *node = (Node *)members[i].node;
        strips->origin = origin_join(graph->arena, strips->origin, node->origin);
        graph_move(body, node, NULL);
    }
    graph_add_result(body, (Result){.value = value_of(last)});
    graph_rename(strips, last->name);
    return graph_infer(strips, diag) ? strips : NULL;
}

bool strips_merge(Graph *graph, const Target *target, const Strips *s, Diag *diag)
{
    Candidate c = {.strips = *s};
    cost_strips(&c, target, !is_read_padded(graph, value_of((Node *)s->member[s->count - 1].node)));
    int64_t parts = parts_of(s->member, s->count);
    Node *strips = enclose(graph, s->member, s->count, diag);
    if (!strips) return false;
    for (int i = 0; i < s->count; i++) *s->member[i].node->schedule = c.tile[i];
    strips->schedule = schedule_of(graph->arena, &c, parts);
    return true;
}

Node *strips_merge_as(Graph *graph, const Group *members, int count, const Schedule *schedule, const char **why,
                      Diag *diag)
{
    if (!strips_fit(members, count, why)) return NULL;
    *why = "one does not read the one before alone";
    for (int i = 1; i < count; i++) {
        Value made = value_of((Node *)members[i - 1].node);
        if (members[i].kind != KIND_CONTRACT || !value_equal(members[i].anchor->inputs[0], made)) return NULL;
        if (graph_uses(graph, made) != 1) return NULL;
    }
    *why = "a strip is empty or larger than the image";
    if (schedule->strip_rows < 1 || schedule->strip_rows > members[count - 1].node->types[0].dim[1].high) return NULL;
    Strips sizes = strips_of(members, count, schedule->strip_rows);
    *why = NULL;
    Node *strips = enclose(graph, members, count, diag);
    if (!strips) return NULL;
    strips->schedule = ARENA_NEW(graph->arena, Schedule);
    *strips->schedule = *schedule;
    strips->schedule->scratch = sizes.scratch;
    return strips;
}

/* From the results backwards, so that a chain of three is found before one of two is made of it. */
bool pass_strips(Graph *graph, const PassContext *context, Diag *diag)
{
    Candidate best;
    if (!context->target->cache_bytes[0]) return true; /* without caches all of memory is as near, and code is dear */
    for (Node *node = graph->last, *previous; node; node = previous) {
        previous = node->previous;
        if (node->op != OP_group) continue;
        Group group = group_of(node);
        if (group.kind != KIND_CONTRACT) continue;
        int variant = node->schedule->variant;
        if (node->schedule->fixed || (variant != VARIANT_DIRECT && variant != VARIANT_DOT)) continue;
        if (!find_strips(graph, context, &group, &best)) continue;
        if (!strips_merge(graph, context->target, &best.strips, diag)) return false;
        previous = best.strips.member[0].node->graph->owner->previous;
    }
    return true;
}
