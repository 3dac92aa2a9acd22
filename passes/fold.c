/* Computes what depends on constants only, once and for all.  The reference
 * interpreter does it, so the bits are those that the model would have computed. */
#include "ir/branch.h"
#include "ir/eval.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

enum { SMALL_BYTES = 4096, GROWTH = 2 };

/* What it says of itself is the same for all sizes of bounded dims. */
static bool is_fixed(const Node *node) { return attrs_are_fixed(&node_def(node)->attrs, node->attrs); }

/* Known, and made where it is used at no cost. */
static bool is_coordinate(Value value) { return node_def(value.node)->kind == KIND_IOTA && is_fixed(value.node); }

/* What a reduction takes together may be known without ever being kept: integers that a cast has widened, say. */
static bool is_passing(Value value)
{
    const Node *node = value.node;
    if (node_def(node)->kind != KIND_MAP || node->ninputs != 1 || !node->inputs[0].node) return false;
    return constant_elements(node->inputs[0]) && type_same_shape(&node->types[0], value_type(node->inputs[0]));
}

/* A size that is stored for a run is no constant, though it is always the same; nor is what is so long.  Not worth it:
 * what is much larger than what it is made of, as a broadcast. */
static bool is_foldable(const Node *node)
{
    const OpDef *def = node_def(node);
    if (def->kind == KIND_SIZE || !type_is_fixed(&node->types[0]) || !is_fixed(node)) return false;
    if (def->kind == KIND_SOURCE || def->kind == KIND_IOTA || node->nregions || node->nresults != 1) return false;
    if (node->op == OP_external) return false;
    int64_t bytes = 0;
    for (int i = 0; i < node->ninputs; i++) {
        if (!node->inputs[i].node || is_coordinate(node->inputs[i])) continue;
        bool passing = def->kind == KIND_REDUCE && is_passing(node->inputs[i]);
        if (!constant_elements(node->inputs[i]) && !passing) return false;
        bytes += type_bytes(value_type(node->inputs[i]));
    }
    int64_t result = type_bytes(&node->types[0]);
    return result <= SMALL_BYTES || result / GROWTH <= bytes;
}

static Tensor compute(const Node *node)
{
    Arena *arena = node->graph->arena;
    Tensor *operands = ARENA_ARRAY(arena, Tensor, node->ninputs + 1), result;
    for (int i = 0; i < node->ninputs; i++) {
        const Node *from = node->inputs[i].node;
        if (!from) continue;
        const Tensor *known = constant_elements(node->inputs[i]);
        if (known)
            operands[i] = *known;
        else
            node_eval(from, is_coordinate(node->inputs[i]) ? NULL : constant_elements(from->inputs[0]), &operands[i],
                      arena);
    }
    node_eval(node, operands, &result, arena);
    return result;
}

static bool fold_node(Node *node, Uses *uses, Diag *diag)
{
    Graph *graph = node->graph;
    Tensor result = compute(node);
    Maker maker = {.graph = graph, .node = node, .at = node, .diag = diag};
    Value folded = make_tensor(&maker, &result);
    if (!folded.node) return false;
    Origin origin = node->origin;
    for (int i = 0; i < node->ninputs; i++)
        if (node->inputs[i].node) origin = origin_join(graph->arena, origin, node->inputs[i].node->origin);
    folded.node->origin = origin;
    uses_enter(uses, folded.node);
    uses_replace(uses, value_of(node), folded);
    uses_remove(uses, node);
    graph_rename(folded.node, node->name);
    return true;
}

static bool fold_graph(Graph *graph, Uses *uses, Diag *diag)
{
    for (Node *node = graph->first, *next; node; node = next) {
        next = node->next;
        for (int r = 0; r < node->nregions; r++)
            if (!fold_graph(node->regions[r], uses, diag)) return false;
        if (is_foldable(node) && !fold_node(node, uses, diag)) return false;
    }
    return true;
}

/* ---- branches whose condition is known ---- */

/* Is the result made in the region, by a node that may go by its name? */
static bool may_rename(const Graph *region, int number)
{
    const Node *made = region->results[number].value.node;
    for (int i = 0; i < number; i++)
        if (region->results[i].value.node == made) return false;
    return made->graph == region && made->nresults == 1;
}

/* The body that runs moves to where the branch stood, and what it makes takes the names that the branch gave it. */
static void choose_body(Node *branch, const Tensor *condition)
{
    Graph *graph = branch->graph, *region = branch->regions[tensor_real(condition, 0) != 0 ? BRANCH_THEN : BRANCH_ELSE];
    const char **names = ARENA_ARRAY(graph->arena, const char *, region->nresults);
    for (int i = 0; i < region->nresults; i++)
        if (may_rename(region, i)) names[i] = value_name(graph->arena, (Value){branch, i});
    while (region->first) graph_move(graph, region->first, branch);
    for (int i = 0; i < region->nresults; i++) graph_replace(graph, (Value){branch, i}, region->results[i].value);
    graph_remove(graph, branch);
    for (int i = 0; i < region->nresults; i++)
        if (names[i]) graph_rename(region->results[i].value.node, names[i]);
}

static bool choose_bodies(Graph *graph)
{
    bool chosen = false;
    for (Node *node = graph->first, *next; node; node = next) {
        for (int r = 0; r < node->nregions; r++) chosen = choose_bodies(node->regions[r]) || chosen;
        next = node->next;
        if (node_def(node)->kind != KIND_BRANCH || !constant_elements(node->inputs[0])) continue;
        choose_body(node, constant_elements(node->inputs[0]));
        chosen = true;
    }
    return chosen;
}

bool pass_fold(Graph *graph, const PassContext *context, Diag *diag)
{
    (void)context;
    bool ok = true;
    do {
        Arena *scratch = arena_child(graph->arena);
        ok = fold_graph(graph, uses_new(scratch, graph), diag);
        arena_free(scratch);
    } while (ok && choose_bodies(graph));
    return ok;
}
