/* Groups: each becomes one loop nest.
 *
 * A group is a cone with one result: every other member is used inside only, so
 * a group can always stand where its result stood.  Groups are found from the
 * results backwards; by then it is known of each value whether all its users
 * are in one group.  Legality is decided by kinds alone. */
#include "ir/schedule.h"
#include "passes/fusion.h"
#include "passes/pass.h"
#include "passes/uses.h"

enum { MOST_ROUNDS = 8 };

/* Which producers may join beside element-wise ones: none, reads at computed places, or views as well. */
typedef enum Reads { READ_PLAIN, READ_INDEXED, READ_VIEWED } Reads;

static bool may_join(OpKind kind, Reads reads)
{
    return kind == KIND_MAP || (kind == KIND_INDEX && reads >= READ_INDEXED) ||
           (kind == KIND_VIEW && reads >= READ_VIEWED);
}

/* What a view shows is computed at its places instead, where that is no more often. */
static void grow_under_view(Fusion *f, int g, int view)
{
    int p = fusion_operand(f, view, 0);
    if (p < 0 || !fusion_is_private(f, p, g) || fusion_kind(f, p) != KIND_MAP) return;
    if (type_elements(fusion_type(f, view)) <= type_elements(fusion_type(f, p))) fusion_join(f, p, g);
}

/* Draws in element-wise producers of the members from `from` on, each of its member's shape, and others as `reads`
 * says. What is read at computed places stays outside. */
static void grow_maps(Fusion *f, int g, int from, Reads reads)
{
    for (int m = from; m < f->count; m++) {
        int member = f->members[m];
        const Type *shape = fusion_type(f, member);
        if (fusion_kind(f, member) == KIND_VIEW) {
            grow_under_view(f, g, member);
            continue;
        }
        for (int i = fusion_kind(f, member) == KIND_INDEX; i < f->index->node[member]->ninputs; i++) {
            int p = fusion_operand(f, member, i);
            if (p < 0 || !fusion_is_private(f, p, g)) continue;
            OpKind kind = fusion_kind(f, p);
            if (kind == KIND_IOTA) fusion_join(f, p, g);
            if (!type_same_shape(fusion_type(f, p), shape)) continue;
            if (may_join(kind, reads)) fusion_join(f, p, g);
        }
    }
}

static bool is_plain_max_pool(const Node *node)
{
    Pooling pooling;
    node_def(node)->pool(node, &pooling);
    const Window *w = &pooling.window;
    bool plain = pooling.combiner == COMBINE_MAX && !pooling.mean && w->groups == 1;
    for (int axis = 0; axis < 2; axis++)
        plain = plain && w->kernel[axis] == w->stride[axis] && w->dilation[axis] == 1 && !w->pad_begin[axis] &&
                !w->pad_end[axis];
    return plain;
}

/* Is the contraction's result an image of pixels, so that a pooling can follow it? */
static bool is_image(const Node *node)
{
    Contraction c;
    node_def(node)->contract(node, &c);
    return contraction_is_image(&c, node);
}

static bool uses_member(const Fusion *f, int g, int member, int anchor)
{
    for (int i = 0; i < f->index->node[member]->ninputs; i++) {
        int p = fusion_operand(f, member, i);
        if (p == anchor || (p >= 0 && f->group[p] == g && f->depends[p])) return true;
    }
    return false;
}

static bool takes_contraction(Fusion *f, int pool);

/* Most work first; 0 is no anchor.  A pooling that draws in its contraction is one of those. */
static int rank_of_anchor(Fusion *f, int number)
{
    OpKind kind = fusion_kind(f, number);
    if (kind == KIND_CONTRACT) return 3;
    if (kind == KIND_REDUCE || kind == KIND_PIECES || kind == KIND_PREFIX) return 2;
    if (kind != KIND_WINDOW) return 0;
    return takes_contraction(f, number) ? 3 : 1;
}

static bool is_used_by_group_only(const Fusion *f, int number, int g)
{
    for (int u = f->index->first[number]; u < f->index->first[number + 1]; u++)
        if (f->group[f->index->user[u]] != g) return false;
    return true;
}

/* Could it rather be what another anchor's group does with its results? */
static bool follows_other_anchor(Fusion *f, int g, int member)
{
    for (int i = 0; i < f->index->node[member]->ninputs; i++) {
        int p = fusion_operand(f, member, i);
        if (p < 0 || f->group[p] == g || !is_used_by_group_only(f, p, g)) continue;
        if (rank_of_anchor(f, p) && type_same_shape(fusion_type(f, p), fusion_type(f, member))) return true;
    }
    return false;
}

/* May the member be computed beside the anchor's results, where they are?  It comes from memory then as what it is made
 * of, and is never written.  Around a contraction that is as often in the code as a tile has results: what takes long
 * is done before. */
static bool may_stand_beside(Fusion *f, int g, int member, int anchor)
{
    if (fusion_kind(f, member) != KIND_MAP || f->group[member] != g) return false;
    if (fusion_kind(f, anchor) == KIND_CONTRACT && node_map_cost(f->index->node[member]) > FUSION_MOST_BESIDE)
        return false;
    return is_used_by_group_only(f, member, g) && !follows_other_anchor(f, g, member);
}

/* Gives up the members from `from` on that neither need the anchor nor are cheap beside it: what they compute comes
 * before it. */
static void keep_dependents(Fusion *f, int g, int from, int anchor)
{
    fusion_sort(f, from);
    for (int m = from; m < f->count; m++) f->depends[f->members[m]] = uses_member(f, g, f->members[m], anchor);
    for (int m = f->count - 1; m >= from; m--) {
        int member = f->members[m];
        if (!f->depends[member] && !may_stand_beside(f, g, member, anchor)) f->group[member] = FUSION_FREE;
    }
    int kept = from;
    for (int m = from; m < f->count; m++)
        if (f->group[f->members[m]] == g) f->members[kept++] = f->members[m];
    f->count = kept;
}

/* Can the epilogue of a contraction read what the members read from outside? */
static bool operands_fit(const Fusion *f, int g, int anchor)
{
    if (fusion_kind(f, anchor) != KIND_CONTRACT) return true;
    for (int m = 0; m < f->count; m++)
        for (int i = 0; i < f->index->node[f->members[m]]->ninputs; i++) {
            Value value = f->index->node[f->members[m]]->inputs[i];
            int p = fusion_operand(f, f->members[m], i); /* none of what is around a body */
            bool outside = value.node && (p < 0 || f->group[p] != g);
            if (outside && !contraction_reads_beside(f->index->node[anchor], value_type(value))) return false;
        }
    return true;
}

/* The best anchor right under the members from `from` on, of two equals the later; -1 when there is none. */
static int find_anchor(Fusion *f, int g, int from, const Type *shape)
{
    int best = -1, best_rank = 0, end = f->count;
    for (int m = from; m < end; m++)
        for (int i = 0; i < f->index->node[f->members[m]]->ninputs; i++) {
            int p = fusion_operand(f, f->members[m], i);
            if (p < 0 || !fusion_is_private(f, p, g) || !type_same_shape(fusion_type(f, p), shape)) continue;
            int rank = rank_of_anchor(f, p);
            if (rank < best_rank || !rank || (rank == best_rank && p < best)) continue;
            best = p;
            best_rank = rank;
        }
    return best;
}

/* Draws the contraction before a plain max-pooling, with the maps between, into the pooling's group `g`. */
static bool absorb_contraction(Fusion *f, int g, int pool)
{
    int p = fusion_operand(f, pool, 0), from = f->count;
    if (p < 0 || !is_plain_max_pool(f->index->node[pool]) || !fusion_is_private(f, p, g)) return false;
    if (fusion_kind(f, p) == KIND_CONTRACT && is_image(f->index->node[p])) {
        fusion_join(f, p, g);
        return true;
    }
    if (fusion_kind(f, p) != KIND_MAP) return false;
    const Type *shape = fusion_type(f, p);
    fusion_join(f, p, g);
    grow_maps(f, g, from, READ_PLAIN);
    int anchor = find_anchor(f, g, from, shape);
    if (anchor < 0 || fusion_kind(f, anchor) != KIND_CONTRACT || !is_image(f->index->node[anchor])) {
        fusion_release(f, from);
        return false;
    }
    keep_dependents(f, g, from, anchor);
    fusion_join(f, anchor, g);
    return true;
}

/* Tries it and takes it back. */
static bool takes_contraction(Fusion *f, int pool)
{
    int before = f->count;
    fusion_join(f, pool, pool);
    bool takes = absorb_contraction(f, pool, pool);
    fusion_release(f, before);
    return takes;
}

/* Does the map make more bytes of what is stored in fewer? */
static bool is_widening(const Fusion *f, int number)
{
    int bits = dtype_bits(fusion_type(f, number)->dtype);
    for (int i = 0; i < f->index->node[number]->ninputs; i++) {
        const Type *type = value_type(f->index->node[number]->inputs[i]);
        if (type_same_shape(type, fusion_type(f, number)) && dtype_bits(type->dtype) >= bits) return false;
    }
    return true;
}

/* Could the members from `from` on, of group `g`, have an anchor in a group of their own? */
static bool could_have_anchor(Fusion *f, int g, int from)
{
    int root = f->members[from];
    for (int m = from; m < f->count; m++) f->group[f->members[m]] = root;
    bool could = find_anchor(f, root, from, fusion_type(f, root)) >= 0;
    for (int m = from; m < f->count; m++) f->group[f->members[m]] = g;
    return could;
}

/* Maps before an operand of an anchor, unless a contraction or the like can have them as its epilogue; of those a
 * reduction or a row takes the last, when it widens: what lies in memory between the two is narrower then.  Of boxes
 * and updates, index maps as well. */
static void absorb_prologue(Fusion *f, int g, int anchor, int i, OpKind kind)
{
    int p = fusion_operand(f, anchor, i), from = f->count;
    bool moves = kind == KIND_PIECES || kind == KIND_SCATTER, counts = kind == KIND_REDUCE || kind == KIND_PREFIX;
    Reads reads = moves ? READ_VIEWED : counts ? READ_INDEXED : READ_PLAIN;
    if (p < 0 || !fusion_is_private(f, p, g)) return;
    if (!may_join(fusion_kind(f, p), reads) && !(moves && fusion_kind(f, p) == KIND_IOTA)) return;
    fusion_join(f, p, g);
    grow_maps(f, g, from, reads);
    if (!could_have_anchor(f, g, from)) return;
    fusion_release(f, from);
    bool narrow = kind == KIND_REDUCE || kind == KIND_ROW || kind == KIND_PIECES;
    bool widens = narrow && fusion_kind(f, p) == KIND_MAP && is_widening(f, p);
    if (widens) fusion_join(f, p, g);
}

/* What is written over something stays a value of its own, whose memory the result can take. */
static void absorb_prologues(Fusion *f, int g, int anchor)
{
    OpKind kind = fusion_kind(f, anchor);
    for (int i = kind == KIND_SCATTER; i < f->index->node[anchor]->ninputs; i++)
        if (i == 0 || kind == KIND_PIECES || kind == KIND_SCATTER) absorb_prologue(f, g, anchor, i, kind);
}

/* What another anchor than a reduction can have as its epilogue belongs there. */
static bool follows_anchor(Fusion *f, int g)
{
    grow_maps(f, g, 0, READ_PLAIN);
    int anchor = find_anchor(f, g, 0, fusion_type(f, g));
    fusion_release(f, 0);
    fusion_join(f, g, g);
    return anchor >= 0 && fusion_kind(f, anchor) != KIND_REDUCE;
}

/* Reductions one behind the other, what is between them, and maps before. */
static bool absorb_rows(Fusion *f, int g)
{
    Type type;
    if (fusion_kind(f, g) == KIND_MAP && follows_anchor(f, g)) return false;
    if (!fusion_absorb_rows(f, g, &type)) return false;
    int end = f->count;
    for (int m = 0; m < end; m++)
        for (int i = 0; i < f->index->node[f->members[m]]->ninputs; i++) {
            int p = fusion_operand(f, f->members[m], i);
            bool elements = p >= 0 && type_same_shape(fusion_type(f, p), &type);
            if (elements) absorb_prologue(f, g, f->members[m], i, KIND_REDUCE);
        }
    return true;
}

static void absorb_anchor(Fusion *f, int g)
{
    const Type *shape = fusion_type(f, g);
    grow_maps(f, g, 0, READ_PLAIN);
    int anchor = find_anchor(f, g, 0, shape);
    if (anchor < 0 || !operands_fit(f, g, anchor)) {
        grow_maps(f, g, 0, READ_VIEWED);
        return;
    }
    keep_dependents(f, g, 0, anchor);
    fusion_join(f, anchor, g);
    OpKind kind = fusion_kind(f, anchor);
    if (kind == KIND_REDUCE || kind == KIND_PIECES || kind == KIND_PREFIX) absorb_prologues(f, g, anchor);
    if (kind == KIND_WINDOW) absorb_contraction(f, g, anchor);
}

static void form_group(Fusion *f, int result)
{
    OpKind kind = fusion_kind(f, result);
    f->count = 0;
    fusion_join(f, result, result);
    if ((kind == KIND_MAP || kind == KIND_REDUCE) && absorb_rows(f, result)) return;
    if (kind == KIND_MAP) absorb_anchor(f, result);
    if (kind == KIND_INDEX || kind == KIND_VIEW) grow_maps(f, result, 0, READ_VIEWED);
    if (kind == KIND_WINDOW) absorb_contraction(f, result, result);
    if (kind == KIND_REDUCE || kind == KIND_ROW || kind == KIND_PIECES || kind == KIND_SCATTER || kind == KIND_PREFIX)
        absorb_prologues(f, result, result);
}

/* The group's node, made before its result when the first member comes by. */
static Node *group_node(Graph *graph, Node **groups, const Node *result, int number, Diag *diag)
{
    if (groups[number]) return groups[number];
    NodeSpec spec = {.op = OP_group, .name = result->name, .type = &result->types[0], .origin = result->origin};
    spec.before = (Node *)result;
    groups[number] = graph_add(graph, &spec, diag);
    if (groups[number]) graph_new_region(groups[number]);
    return groups[number];
}

static bool build_groups(Graph *graph, const Fusion *f, Arena *scratch, Diag *diag)
{
    Node **groups = ARENA_ARRAY(scratch, Node *, f->index->count + 1);
    Uses *uses = uses_new(scratch, graph);
    for (int i = 0; i < f->index->count; i++) {
        Node *node = f->index->node[i];
        if (f->group[i] < 0) continue;
        Node *group = group_node(graph, groups, f->index->node[f->group[i]], f->group[i], diag);
        if (!group) return false;
        group->origin = origin_join(graph->arena, node->origin, group->origin);
        graph_move(group->regions[0], node, NULL);
        if (f->group[i] != i) continue;
        for (int slot = 0; slot < node->nresults; slot++)
            graph_add_result(group->regions[0], (Result){.value = {node, slot}});
        if (!graph_infer(group, diag)) return false;
        for (int slot = 0; slot < node->nresults; slot++) uses_replace(uses, (Value){node, slot}, (Value){group, slot});
        graph_rename(group, node->name);
    }
    return true;
}

/* Coordinates cost nothing where they are used: every user has its own, which it can draw into its group. */
static bool separate_coordinates(Graph *graph, Diag *diag)
{
    for (Node *node = graph->first; node; node = node->next)
        for (int i = 0; i < node->ninputs; i++) {
            const Node *from = node->inputs[i].node;
            if (!from || node_def(from)->kind != KIND_IOTA || graph_uses(graph, node->inputs[i]) < 2) continue;
            NodeSpec spec = {
                .op = from->op, .name = from->name, .attrs = from->attrs, .origin = from->origin, .before = node};
            Node *own = graph_add(graph, &spec, diag);
            if (!own) return false;
            node->inputs[i] = value_of(own);
        }
    return true;
}

static Fusion find_groups(Graph *graph, Arena *scratch, bool *again)
{
    Fusion f = {.index = node_index(scratch, graph)};
    int count = f.index->count;
    f.group = ARENA_ARRAY(scratch, int, count + 1);
    f.depends = ARENA_ARRAY(scratch, bool, count + 1);
    f.members = ARENA_ARRAY(scratch, int, count + 1);
    for (int i = 0; i < count; i++) f.group[i] = FUSION_FREE;
    for (int i = count - 1; i >= 0; i--) {
        if (f.group[i] != FUSION_FREE || !fusion_is_computed(f.index->node[i])) continue;
        bool repeat = again && fusion_is_cheaper_again(&f, i);
        if (repeat)
            f.group[i] = FUSION_AGAIN;
        else
            form_group(&f, i);
        if (repeat) *again = true;
    }
    return f;
}

/* Groups, and what is computed in several of them found with these; then the groups of what that makes. */
static bool fuse_graph(Graph *graph, Arena *scratch, Diag *diag)
{
    for (int round = 0; round < MOST_ROUNDS; round++) {
        bool again = false;
        Fusion f = find_groups(graph, scratch, &again);
        if (!again) return build_groups(graph, &f, scratch, diag);
        for (int i = 0; i < f.index->count; i++)
            if (f.group[i] == FUSION_AGAIN && !fusion_repeat(graph, &f, i, diag)) return false;
    }
    Fusion f = find_groups(graph, scratch, NULL);
    return build_groups(graph, &f, scratch, diag);
}

/* What the value is another name of the memory of. */
static Value memory_of(Value value)
{
    while (node_is_alias(value.node)) value = value.node->inputs[0];
    return value;
}

/* Every output must be written by a group of its own, if there is anything to write; that of a model may have another
 * name there. */
static bool needs_copy(const Graph *graph, int result)
{
    Value value = graph->results[result].value, memory = memory_of(value);
    if (type_is_empty(value_type(value))) return false;
    for (int r = 0; r < result; r++)
        if (value_equal(memory_of(graph->results[r].value), memory)) return true;
    bool renamed = !graph->owner && !graph->results[result].state && type_is_fixed(value_type(memory));
    if (!renamed) memory = value;
    return memory.node->graph != graph || (!fusion_is_computed(memory.node) && !node_is_step(memory.node));
}

static bool isolate_results(Graph *graph, Diag *diag)
{
    for (int r = 0; r < graph->nresults; r++) {
        if (!needs_copy(graph, r)) continue;
        Result *result = &graph->results[r];
        NodeSpec spec = {.op = OP_copy, .ninputs = 1, .inputs = &result->value, .origin = result->value.node->origin};
        const char *name = result->name ? result->name : result->state ? result->state->name : graph->owner->name;
        spec.name = arena_printf(graph->arena, "%s.copy", name);
        Node *copy = graph_add(graph, &spec, diag);
        if (!copy) return false;
        result->value = value_of(copy);
    }
    return true;
}

bool pass_fuse(Graph *graph, const PassContext *context, Diag *diag)
{
    /* A group without a use would be computed for nothing and has no place to go. */
    if (!pass_hoist(graph, context, diag) || !pass_dce(graph, context, diag)) return false;
    if (!isolate_results(graph, diag) || !separate_coordinates(graph, diag)) return false;
    for (Node *node = graph->first; node; node = node->next)
        for (int i = 0; node_is_control(node) && i < node->nregions; i++)
            if (!pass_fuse(node->regions[i], context, diag)) return false;
    Arena *scratch = arena_child(graph->arena);
    bool ok = fuse_graph(graph, scratch, diag);
    arena_free(scratch);
    return ok;
}
