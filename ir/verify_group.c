/* What a group may be made of: the forms that fusion makes and that code is made of, by kinds. */
#include "ir/verify.h"

#include "ir/node_map.h"
#include "ir/schedule.h"
#include "ir/sweeps.h"

typedef struct GroupCheck {
    Group group;
    NodeMap *depends; /* nodes that need the anchor */
    Diag *diag;
} GroupCheck;

static bool refuse(const GroupCheck *c, const Node *node, const char *what)
{
    return diag_error(c->diag, E0605, node_span(node), "%s `%s` %s", node_def(node)->name, node->name, what);
}

static bool is_anchor(const GroupCheck *c, const Node *node)
{
    return node == c->group.anchor || node == c->group.pool;
}

static bool needs_anchor(const GroupCheck *c, const Node *node)
{
    bool needs = is_anchor(c, node);
    for (int i = 0; i < node->ninputs; i++)
        needs |= node->inputs[i].node && node_map_find(c->depends, node->inputs[i].node);
    return needs;
}

/* Reshapes stand between groups; the other views read what is outside or element-wise. */
static bool check_view(const GroupCheck *c, const Node *node, bool after)
{
    IndexMap map = {.linear = false};
    if (after) return refuse(c, node, "reads what its group's anchor makes: it belongs into another group");
    if (node_def(node)->view(node, &map) && map.linear) return refuse(c, node, "belongs between groups");
    return true;
}

/* Element-wise work on what the anchor makes keeps its shape, and so does what is computed beside a contraction. */
static bool check_map(const GroupCheck *c, const Node *node, bool after)
{
    if (c->group.kind == KIND_REDUCE || (!after && c->group.kind != KIND_CONTRACT)) return true;
    for (int i = 0; i < node->ninputs; i++) {
        const Node *from = node->inputs[i].node;
        bool inside = from && from->graph == c->group.body;
        inside = inside && (c->group.kind == KIND_CONTRACT || node_map_find(c->depends, from));
        if (inside && !type_same_shape(&from->types[0], &node->types[0]))
            return refuse(c, node, "has another shape than what its group's anchor makes");
    }
    return true;
}

/* Windows side by side that cover the image: what a contraction can do before its sums leave the registers. */
static bool check_pool(const GroupCheck *c, const Node *node)
{
    Pooling pooling = {.mean = true};
    node_def(node)->pool(node, &pooling);
    const Window *w = &pooling.window;
    bool plain = pooling.combiner == COMBINE_MAX && !pooling.mean && node_map_find(c->depends, node->inputs[0].node);
    for (int i = 0; i < 2; i++)
        plain = plain && w->kernel[i] == w->stride[i] && w->dilation[i] == 1 && !w->pad_begin[i] && !w->pad_end[i];
    return plain || refuse(c, node, "cannot follow a contraction in its group");
}

/* Row operators and scatters are the end of their group. */
static bool check_last(const GroupCheck *c, const Node *node)
{
    if (c->group.kind == KIND_ROW && !node_is_whole(node))
        return refuse(c, node, "is of a form that has no code of its own");
    bool last = value_equal(c->group.body->results[0].value, value_of((Node *)node));
    return last || refuse(c, node, "is not the result of its group");
}

/* A nest of its own is alone in its group, which gives back all that it makes. */
static bool check_nest(const GroupCheck *c, const Node *node)
{
    const Graph *body = c->group.body;
    if (!node_is_whole(node)) return refuse(c, node, "is of a form that has no code of its own");
    bool alone = body->first == body->last && body->nresults == node->nresults;
    for (int slot = 0; alone && slot < body->nresults; slot++)
        alone = value_equal(body->results[slot].value, (Value){(Node *)node, slot});
    return alone || refuse(c, node, "is not all of its group");
}

static bool check_anchor(const GroupCheck *c, const Node *node)
{
    if (node == c->group.pool) return check_pool(c, node);
    if (c->group.kind == KIND_ROW || c->group.kind == KIND_SCATTER) return check_last(c, node);
    if (c->group.kind == KIND_NEST) return check_nest(c, node);
    if (c->group.kind == KIND_SIZE)
        return c->group.body->first == c->group.body->last || refuse(c, node, "is not all of its group");
    if (c->group.kind != KIND_CONTRACT) return true;
    for (int i = 0; i < node->ninputs; i++)
        if (node->inputs[i].node && group_is_inside(&c->group, node->inputs[i]))
            return refuse(c, node, "takes an operand from its own group");
    return true;
}

/* What is read at computed places is in memory; its indices are known before the anchor. */
static bool check_index(const GroupCheck *c, const Node *node, bool after)
{
    if (after) return refuse(c, node, "reads what its group's anchor makes: it belongs into another group");
    return !group_is_inside(&c->group, node->inputs[0]) || refuse(c, node, "reads at computed places of its own group");
}

/* Beside a contraction's results only element-wise work of the same shape is computed. */
static bool may_stand_beside(const GroupCheck *c, const Node *node)
{
    const Node *pool = c->group.pool;
    bool same = type_same_shape(&node->types[0], &c->group.anchor->types[0]) ||
                (pool && type_same_shape(&node->types[0], &pool->types[0]));
    return same && node_def(node)->kind == KIND_MAP;
}

static bool reads_beside(const GroupCheck *c, const Node *node)
{
    for (int i = 0; i < node->ninputs; i++) {
        Value value = node->inputs[i];
        if (!value.node || group_is_inside(&c->group, value)) continue;
        if (!contraction_reads_beside(c->group.anchor, value_type(value))) return false;
    }
    return true;
}

static bool check_member(const GroupCheck *c, const Node *node)
{
    bool after = node_map_find(c->depends, node) != NULL;
    if (node_def(node)->kind == KIND_INDEX) return check_index(c, node, after);
    if (is_anchor(c, node)) return check_anchor(c, node);
    if (c->group.kind == KIND_REDUCE && node_def(node)->kind == KIND_REDUCE) return true; /* check_sweeps */
    if (c->group.kind == KIND_CONTRACT && !after && !may_stand_beside(c, node))
        return refuse(c, node, "has nothing to do with its group's anchor");
    if (c->group.kind == KIND_CONTRACT && !reads_beside(c, node))
        return refuse(c, node, "reads what neither follows the rows of its group's anchor nor stands still");
    return node_def(node)->kind == KIND_VIEW ? check_view(c, node, after) : check_map(c, node, after);
}

static bool check_result(const GroupCheck *c, const Node *result)
{
    if (result->graph != c->group.body) return refuse(c, c->group.node, "gives back a value that it does not compute");
    if (!c->group.anchor || node_map_find(c->depends, result)) return true;
    return refuse(c, c->group.node, "gives back a value that has nothing to do with its anchor");
}

/* Reductions of the same rows, and what is made of them. */
static bool check_sweeps(const GroupCheck *c, Arena *arena)
{
    Sweeps sweeps;
    const char *why;
    if (sweeps_of(arena, &c->group, 1, &sweeps, &why)) return true;
    return diag_error(c->diag, E0605, node_span(c->group.node), "group `%s` goes over rows: %s", c->group.node->name,
                      why);
}

bool verify_group(const Node *node, Diag *diag)
{
    Arena *arena = arena_child(node->graph->arena);
    GroupCheck c = {.group = group_of(node), .depends = node_map_new(arena), .diag = diag};
    bool good = true;
    for (const Node *inner = c.group.body->first; good && inner; inner = inner->next) {
        if (needs_anchor(&c, inner)) *node_map_cell(c.depends, inner) = 1;
        good = check_member(&c, inner);
    }
    for (int i = 0; good && i < c.group.body->nresults; i++)
        good = check_result(&c, c.group.body->results[i].value.node);
    if (good && c.group.kind == KIND_REDUCE) good = check_sweeps(&c, arena);
    arena_free(arena);
    return good;
}
