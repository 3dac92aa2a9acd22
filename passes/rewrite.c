#include "passes/rewrite.h"

#include <assert.h>
#include <math.h>

/* A rewrite that goes on longer than this goes round in a circle. */
enum { HITS_A_NODE = 100, HITS_AT_LEAST = 1000, MAX_MADE = 16 };

const Tensor *constant_elements(Value value)
{
    if (!value.node || (value.node->op != OP_constant && value.node->op != OP_param)) return NULL;
    return value.node->data;
}

/* Zero has a sign here: x - 0 is x, x - -0 is not. */
static bool is_number(Value value, double number)
{
    double all = 0;
    const Tensor *elements = value.node->op == OP_constant ? constant_elements(value) : NULL;
    return elements && tensor_is_splat(elements, &all) && all == number && !signbit(all) == !signbit(number);
}

static bool match_value(const Pattern *pattern, Value value, Match *match);

static bool bind(int index, Value value, Match *match)
{
    assert(index >= 0 && index < MAX_BINDINGS);
    if (match->bound[index].node) return value_equal(match->bound[index], value);
    match->bound[index] = value;
    return true;
}

static bool match_operands(const Pattern *pattern, const Node *node, bool swapped, Match *match)
{
    Match before = *match;
    for (int i = 0; i < node->ninputs; i++)
        if (!match_value(pattern->in[swapped ? 1 - i : i], node->inputs[i], match)) {
            *match = before;
            return false;
        }
    return true;
}

static bool match_op(const Pattern *pattern, Value value, Match *match)
{
    const Node *node = value.node;
    int noperands = 0;
    while (noperands < MAX_OPERANDS && pattern->in[noperands]) noperands++;
    if (node->op != pattern->op || value.slot || node->ninputs != noperands) return false;
    assert(match->nodes < MAX_BINDINGS);
    match->node[match->nodes++] = value.node;
    if (match_operands(pattern, node, false, match)) return true;
    if (pattern->commutes && match_operands(pattern, node, true, match)) return true;
    match->nodes--;
    return false;
}

static bool match_value(const Pattern *pattern, Value value, Match *match)
{
    if (!value.node) return false;
    switch (pattern->kind) {
    case PATTERN_VALUE: return bind(pattern->index, value, match);
    case PATTERN_CONSTANT: return constant_elements(value) && bind(pattern->index, value, match);
    case PATTERN_NUMBER: return is_number(value, pattern->number);
    case PATTERN_OP: return match_op(pattern, value, match);
    }
    return false;
}

static Value instance(const Maker *m, const Pattern *pattern, const Match *match)
{
    Value in[MAX_OPERANDS] = {{0}};
    int noperands = 0;
    if (pattern->kind == PATTERN_NUMBER) return make_number(m, match->root->types[0].dtype, pattern->number);
    if (pattern->kind != PATTERN_OP) return match->bound[pattern->index];
    for (; noperands < MAX_OPERANDS && pattern->in[noperands]; noperands++)
        in[noperands] = instance(m, pattern->in[noperands], match);
    return make(m, pattern->op, NULL, noperands, in);
}

/* Matched nodes that nothing needs any more go at once, users before what they use. */
static void drop_unused(Uses *uses, const Match *match)
{
    for (int i = 1; i < match->nodes; i++) {
        Node *node = match->node[i];
        if (node->graph && !uses_count(uses, value_of(node))) uses_remove(uses, node);
    }
}

/* A constant that stands where one stood that nothing needs any more goes by its name: the path of the weight. */
static void take_constants(Uses *uses, const Node *heir, const Match *match)
{
    for (int i = 0; i < heir->ninputs; i++)
        for (int k = 0; k < match->nodes; k++) {
            const Node *like = match->node[k];
            Node *constant = heir->inputs[i].node, *old = like->op == heir->op ? like->inputs[i].node : NULL;
            if (!constant || constant->op != OP_constant || !old || old == constant || !old->graph) continue;
            if (!constant_elements(value_of(old)) || uses_count(uses, value_of(old))) continue;
            uses_remove(uses, old);
            graph_rename(constant, old->name);
            constant->origin = origin_join(constant->graph->arena, old->origin, constant->origin);
        }
}

/* That of a matched node that is gone, when this one does the same for a value of the same type. */
static const char *name_of_like(const Node *node, const Match *match)
{
    for (int k = 1; k < match->nodes; k++) {
        const Node *like = match->node[k];
        if (!like->graph && like->op == node->op && type_equal(&like->types[0], &node->types[0])) return like->name;
    }
    return node->name;
}

/* What was made comes from all that was matched; the one in the root's place takes its name. */
static void inherit(Uses *uses, Node *const *made, int count, const Match *match, Node *heir)
{
    Arena *arena = heir->graph->arena;
    Origin origin = {0};
    for (int i = 0; i < match->nodes; i++) origin = origin_join(arena, origin, match->node[i]->origin);
    drop_unused(uses, match);
    for (int i = 0; i < count; i++) {
        made[i]->origin = origin;
        const char *name = made[i] == heir ? match->root->name : name_of_like(made[i], match);
        if (name != made[i]->name) graph_rename(made[i], name);
    }
    for (int i = 0; i < count; i++)
        if (made[i] == heir) take_constants(uses, heir, match);
}

static void drop_since(Graph *graph, Node *since, Node *until)
{
    for (Node *n = until->previous, *previous; n != since; n = previous) {
        previous = n->previous;
        graph_remove(graph, n);
    }
}

static bool apply(const Rule *rule, Uses *uses, Node *node, Diag *diag)
{
    Match match = {.uses = uses, .root = node};
    if (!match_value(rule->from, value_of(node), &match) || (rule->applies && !rule->applies(&match))) return false;
    Graph *graph = node->graph;
    Node *since = node->previous;
    Maker maker = {.graph = graph, .node = node, .at = node, .diag = diag};
    Value heir = rule->build ? rule->build(&maker, &match) : instance(&maker, rule->to, &match);
    /* Broadcasting: x * [1, 1] has another shape than x. */
    if (!heir.node || !type_equal(value_type(heir), &node->types[0])) {
        drop_since(graph, since, node);
        return false;
    }
    Node *made[MAX_MADE];
    int count = 0;
    for (Node *n = node->previous; n != since; n = n->previous) {
        assert(count < MAX_MADE);
        uses_enter(uses, n);
        made[count++] = n;
    }
    uses_replace(uses, value_of(node), heir);
    uses_remove(uses, node);
    inherit(uses, made, count, &match, heir.node);
    return true;
}

typedef struct Rewriting {
    RuleSet rules;
    Exactness allowed;
    Uses *uses;
    Diag *diag;
} Rewriting;

static bool apply_any(const Rewriting *w, Node *node)
{
    for (int r = 0; r < w->rules.count; r++) {
        const Rule *rule = &w->rules.rows[r];
        if (rule->exactness <= w->allowed && apply(rule, w->uses, node, w->diag)) return true;
    }
    return false;
}

static int sweep(const Rewriting *w, Graph *graph)
{
    int hits = 0;
    for (Node *node = graph->first, *next; node; node = next) {
        for (int r = 0; r < node->nregions; r++) hits += sweep(w, node->regions[r]);
        next = node->next; /* what a rule makes is for the next round */
        hits += apply_any(w, node);
    }
    return hits;
}

int rewrite(Graph *graph, RuleSet rules, Exactness allowed, Diag *diag)
{
    Arena *scratch = arena_child(graph->arena);
    const Rewriting w = {rules, allowed, uses_new(scratch, graph), diag};
    int errors = diag->errors, hits = 0, limit = HITS_AT_LEAST, round;
    for (const Node *n = graph->first; n; n = n->next) limit += HITS_A_NODE;
    do {
        round = sweep(&w, graph);
        hits += round;
        assert(hits < limit);
    } while (round && diag->errors == errors);
    arena_free(scratch);
    return diag->errors == errors ? hits : -1;
}
