/* What a model keeps: where the next value of a state is written. */
#include "passes/group.h"
#include "passes/lifetime.h"

/* Does the node, where it reads the value, read just the element that it writes?  A prefix has read it by then,
 * a scatter writes over its first operand. */
static bool steps_over(const Group *group, const Node *node, Value value)
{
    OpKind kind = node_def(node)->kind;
    if (kind == KIND_MAP || (node == group->anchor && (kind == KIND_ROW || kind == KIND_PREFIX))) return true;
    if (node != group->anchor || kind != KIND_SCATTER) return false;
    for (int i = 1; i < node->ninputs; i++)
        if (value_equal(node->inputs[i], value)) return false;
    return true;
}

bool group_reads_in_step(const Group *group, Value value)
{
    const Type *result = &group->node->types[0];
    bool after = !group->anchor;
    for (const Node *node = group->body->first; node; node = node->next) {
        bool reads = false;
        for (int i = 0; i < node->ninputs; i++) reads |= value_equal(node->inputs[i], value);
        if (node == group->anchor) after = true;
        if (reads && !(after && steps_over(group, node, value))) return false;
        if (after && node != group->anchor && node_def(node)->kind != KIND_MAP) return false;
        if (after && !type_same_shape(&node->types[0], result)) return false;
    }
    return true;
}

bool lifetimes_in_step(const Lifetimes *lifetimes, const Group *group, const Storage *taken)
{
    Value *captures;
    int count = graph_captures(group->body, &captures);
    for (int i = 0; i < count; i++)
        if (lifetimes_know(lifetimes, captures[i]) && lifetimes_find(lifetimes, captures[i]) == taken &&
            !(type_same_shape(value_type(captures[i]), &group->node->types[0]) &&
              group_reads_in_step(group, captures[i])))
            return false;
    return true;
}

/* What a value is a reshape of. */
bool results_are_written(const Graph *graph, Diag *diag)
{
    for (int i = 0; i < graph->nresults; i++) {
        const Result *result = &graph->results[i];
        Value source = value_root(result->value);
        if (type_is_empty(value_type(result->value))) continue; /* nobody writes it */
        bool own = node_is_step(source.node) && source.node->graph == graph;
        for (int k = 0; k < i; k++) own = own && !value_equal(value_root(graph->results[k].value), source);
        if (own) continue;
        diag_error(diag, E0605, result->at, "result `%s` is not written by a group of its own", result->name);
        return diag_help(diag, "the pass `fuse` puts a copy between: go on from a dump of before it");
    }
    return true;
}

/* Nobody reads the state after its next value is written, nor while, but for the element that is about to be. */
static bool can_be_written_over(const Lifetimes *lifetimes, const Result *next)
{
    const Storage *state = lifetimes_find(lifetimes, value_of(next->state));
    const Storage *written = lifetimes_find(lifetimes, next->value);
    if (state->last != written->first) return state->last < written->first;
    if (written->root.node->op != OP_group) return false; /* a scan begins with copies of what it carries */
    Group group = group_of(written->root.node);
    return group.node->nresults == 1 && lifetimes_in_step(lifetimes, &group, state);
}

bool settle_states(Graph *graph, Diag *diag)
{
    int outputs = graph_outputs(graph);
    if (outputs == graph->nresults) return true;
    if (!results_are_written(graph, diag)) return false;
    Arena *scratch = arena_child(graph->arena);
    Lifetimes lifetimes = lifetimes_of(graph, scratch);
    bool good = true;
    for (int i = outputs; good && i < graph->nresults; i++) {
        Result *next = &graph->results[i];
        if (can_be_written_over(&lifetimes, next)) continue;
        Node *copy = group_copy(graph, next->value, NULL, diag);
        good = copy != NULL;
        if (good) next->value = value_of(copy);
    }
    arena_free(scratch);
    return good;
}
