#include "ir/eval.h"

#include "ir/bounded.h"
#include "ir/branch.h"
#include "ir/count.h"
#include "ir/eval_kinds.h"
#include "ir/exprkernel.h"
#include "ir/node_map.h"

#include <assert.h>
#include <string.h>

/* What is known so far in a graph and in those around it: of each node its results, one Tensor a slot. */
typedef struct Scope {
    const struct Scope *outer;
    NodeMap *results;
    Arena *arena;
    int64_t *sizes; /* of the model's dims, as they are counted: -1 before; NULL: nothing is bounded */
} Scope;

static Scope scope_new(const Scope *outer, Arena *arena)
{
    return (Scope){
        .outer = outer, .results = node_map_new(arena), .arena = arena, .sizes = outer ? outer->sizes : NULL};
}

static Tensor *results_of(const Scope *scope, const Node *node)
{
    int64_t *cell = node_map_cell(scope->results, node);
    if (!*cell) *cell = (intptr_t)ARENA_ARRAY(scope->arena, Tensor, node->nresults);
    return (Tensor *)(intptr_t)*cell;
}

static Tensor value_in(const Scope *scope, Value value)
{
    if (!value.node) return (Tensor){.data = NULL};
    for (; scope; scope = scope->outer) {
        const int64_t *cell = node_map_find(scope->results, value.node);
        if (cell) return ((const Tensor *)(intptr_t)*cell)[value.slot];
    }
    assert(scope); /* made before it is used, says the verifier */
    return (Tensor){.data = NULL};
}

/* ---- one node ---- */

static KindEval *const kind_evals[] = {
    [KIND_MAP] = eval_map,           [KIND_VIEW] = eval_view,     [KIND_REDUCE] = eval_reduce,
    [KIND_IOTA] = eval_iota,         [KIND_INDEX] = eval_index,   [KIND_PIECES] = eval_pieces,
    [KIND_CONTRACT] = eval_contract, [KIND_WINDOW] = eval_window, [KIND_SCATTER] = eval_scatter,
    [KIND_PREFIX] = eval_prefix,     [KIND_COMPOSITE] = NULL,
};

/* Of a graph in which the node's operands are inputs. */
static void make_inputs(Graph *graph, const Node *node, Value *inputs, Diag *diag)
{
    for (int i = 0; i < node->ninputs; i++) {
        if (!node->inputs[i].node) continue;
        NodeSpec spec = {.op = OP_input, .name = "operand", .type = value_type(node->inputs[i])};
        inputs[i] = value_of(graph_add(graph, &spec, diag));
    }
}

Graph *node_expansion(const Node *node, Arena *arena)
{
    Diag diag = diag_new(arena);
    Graph *graph = graph_new(arena, node->name);
    count_share(graph, node->graph);
    Value *inputs = ARENA_ARRAY(arena, Value, node->ninputs), *made = ARENA_ARRAY(arena, Value, node->nresults);
    make_inputs(graph, node, inputs, &diag);
    NodeSpec spec = {
        .op = node->op, .name = node->name, .ninputs = node->ninputs, .inputs = inputs, .attrs = node->attrs};
    Node *whole = graph_add(graph, &spec, &diag);
    Maker maker = {.graph = graph, .node = whole, .at = whole, .diag = &diag};
    bool expanded = whole && node_def(node)->expand(&maker, made);
    assert(expanded && !diag.errors);
    (void)expanded;
    graph_remove(graph, whole);
    for (int i = 0; i < node->nresults; i++) graph_add_result(graph, (Result){.value = made[i]});
    return graph;
}

static void eval_expansion(const Node *node, const Tensor *operands, Tensor *results, Arena *arena)
{
    Arena *scratch = arena_child(arena);
    Tensor *given = ARENA_ARRAY(scratch, Tensor, node->ninputs);
    int count = 0;
    for (int i = 0; i < node->ninputs; i++)
        if (node->inputs[i].node) given[count++] = operands[i];
    graph_eval(node_expansion(node, scratch), given, results, arena);
    arena_free(scratch);
}

/* A group, a scan or a branch on its operands, then the values that its regions take from outside, in the order of
 * node_captures. */
static void eval_region(const Node *node, const Tensor *operands, Tensor *results, Arena *arena);

static void eval_constant(const Node *node, Tensor *out, Arena *arena)
{
    if (node->data) {
        *out = *node->data;
        return;
    }
    assert(node->op == OP_constant);
    double value = ((const ConstantAttrs *)node->attrs)->value;
    *out = tensor_new(arena, node->types[0]);
    for (int64_t i = 0, count = type_elements(&out->type); i < count; i++) tensor_set_real(out, i, value);
}

/* Of what a run counted nothing of: rules refuse that where it is known before, here it is zeros. */
static bool takes_from_nothing(const Node *node, Arena *arena)
{
    if (!node_reads_nothing(node) || node_is_step(node) || node_def(node)->kind == KIND_SOURCE) return false;
    Arena *scratch = arena_child(arena);
    Diag unheard = diag_new(scratch);
    bool fits = node_check_nothing(node, node->types, &unheard);
    arena_free(scratch);
    return !fits;
}

void node_eval(const Node *node, const Tensor *operands, Tensor *results, Arena *arena)
{
    const OpDef *def = node_def(node);
    if (def->kind == KIND_SOURCE)
        eval_constant(node, &results[0], arena);
    else if (node_is_step(node))
        eval_region(node, operands, results, arena);
    else if (node_is_empty(node) || takes_from_nothing(node, arena))
        for (int i = 0; i < node->nresults; i++) results[i] = tensor_new(arena, node->types[i]);
    else if (def->expand && !(def->eval && node_is_whole(node)))
        eval_expansion(node, operands, results, arena);
    else {
        for (int i = 0; i < node->nresults; i++) results[i] = tensor_new(arena, node->types[i]);
        if (def->eval) {
            def->eval(node, operands, results);
            return;
        }
        Arena *scratch = arena_child(arena);
        kind_evals[def->kind](node, operands, results, scratch);
        arena_free(scratch);
    }
}

/* ---- graphs ---- */

typedef struct Visitor {
    EvalVisit *visit;
    void *context;
} Visitor;

/* What comes from outside: a tensor for each input and each state. */
typedef struct Sources {
    const Tensor *inputs, *states;
} Sources;

static const Sources nothing;

static void eval_body(const Scope *scope, const Graph *graph, Sources from, const Visitor *visitor);

static void gather_results(const Scope *scope, const Graph *graph, Tensor *results)
{
    for (int i = 0; i < graph->nresults; i++) results[i] = value_in(scope, graph->results[i].value);
}

/* ---- scans ---- */

/* Copies slice `turn` of `whole` along the axis out of it, or into it. */
static void move_slice(const Tensor *whole, const Tensor *slice, int64_t axis, int64_t turn, bool out)
{
    int64_t step = scan_step(&whole->type, axis), turns = whole->type.dim[axis].high;
    if (type_is_empty(&slice->type)) return;
    size_t bytes = (size_t)dtype_bytes(whole->type.dtype, step);
    for (int64_t i = 0, outer = type_elements(&slice->type) / step; i < outer; i++) {
        char *in_whole = (char *)whole->data + (size_t)(i * turns + turn) * bytes;
        char *in_slice = (char *)slice->data + (size_t)i * bytes;
        memcpy(out ? in_slice : in_whole, out ? in_whole : in_slice, bytes);
    }
}

static Tensor copy_tensor(Arena *arena, const Tensor *from)
{
    Tensor copy = tensor_new(arena, from->type);
    memcpy(copy.data, from->data, (size_t)type_bytes(&from->type));
    return copy;
}

/* One turn: `given` are the region's inputs; carried ones among them become what they are in the turn after. */
static void eval_turn(const Scope *outer, const Node *scan, Tensor *given, Tensor *results, int64_t turn)
{
    const Graph *region = scan->regions[0];
    int scanned = scan_scanned(scan), gathered = scan_gathered(scan);
    Arena *scratch = arena_child(outer->arena);
    Scope inner = scope_new(outer, scratch);
    Tensor *made = ARENA_ARRAY(scratch, Tensor, region->nresults + 1);
    eval_body(&inner, region, (Sources){given, NULL}, NULL);
    gather_results(&inner, region, made);
    for (int i = 0; i < gathered; i++) move_slice(&results[i], &made[i], region->results[i].axis, turn, false);
    for (int i = gathered; i < region->nresults; i++) made[i] = copy_tensor(scratch, &made[i]); /* swapped, perhaps */
    for (int i = gathered; i < region->nresults; i++)
        memcpy(given[scanned + i - gathered].data, made[i].data, (size_t)type_bytes(&made[i].type));
    arena_free(scratch);
}

static void eval_scan(const Scope *scope, const Node *scan, const Tensor *operands, Tensor *results)
{
    int scanned = scan_scanned(scan), gathered = scan_gathered(scan);
    const ScanAttrs *attrs = scan->attrs;
    Tensor *given = ARENA_ARRAY(scope->arena, Tensor, scan->ninputs + 1);
    for (int i = 0; i < scanned; i++)
        given[i] = tensor_new(scope->arena, scan_slice(&operands[i].type, attrs->axes.at[i]));
    for (int i = 0; i < gathered; i++) results[i] = tensor_new(scope->arena, scan->types[i]);
    for (int i = scanned; i < scan->ninputs; i++)
        results[gathered + i - scanned] = given[i] = copy_tensor(scope->arena, &operands[i]);
    int64_t turns = scan_turns(scan);
    bool bounded = scan_is_bounded(scan);
    for (int64_t turn = 0; turn < turns || !bounded; turn++) {
        if (attrs->stops && tensor_real(&given[scanned], 0) == 0) break;
        for (int i = 0; i < scanned; i++) move_slice(&operands[i], &given[i], attrs->axes.at[i], turn, true);
        eval_turn(scope, scan, given, results, turn);
    }
}

/* The region of a group, or that of a branch which runs. */
static const Graph *chosen_region(const Node *node, const Tensor *operands)
{
    bool branch = node_def(node)->kind == KIND_BRANCH;
    return node->regions[branch && tensor_real(&operands[0], 0) == 0 ? BRANCH_ELSE : 0];
}

/* A dim is from now on as long as the node that counts it says, or what that has made. */
static void set_size(const Scope *scope, const Node *node, const Tensor *results)
{
    const Dim counted = {.name = node_count(node)};
    if (!scope->sizes || !counted.name) return;
    int64_t *size = &scope->sizes[graph_dim(node->graph, &counted)];
    if (*size < 0) *size = 0; /* of what was looked for in nothing, no type says a size */
    if (node_def(node)->kind == KIND_SIZE) *size = tensor_get(results, 0).integer;
    for (int slot = 0; slot < node->nresults; slot++)
        for (int axis = 0; axis < node->types[slot].rank; axis++) {
            const Dim *dim = &node->types[slot].dim[axis];
            if (dim->name && !dim->factor && !strcmp(dim->name, counted.name))
                *size = results[slot].type.dim[axis].high;
        }
}

static void eval_in_scope(const Scope *scope, const Node *node, Tensor *results)
{
    Tensor *operands = ARENA_ARRAY(scope->arena, Tensor, node->ninputs + 1);
    for (int i = 0; i < node->ninputs; i++) operands[i] = value_in(scope, node->inputs[i]);
    if (scope->sizes && node_is_bounded(node)) node = node_at(scope->arena, node, scope->sizes);
    if (!node_is_step(node)) {
        node_eval(node, operands, results, scope->arena);
    } else if (node_def(node)->kind == KIND_LOOP) {
        eval_scan(scope, node, operands, results);
    } else {
        const Graph *region = chosen_region(node, operands);
        Scope inner = scope_new(scope, scope->arena);
        eval_body(&inner, region, nothing, NULL);
        gather_results(&inner, region, results);
    }
}

static void eval_body(const Scope *scope, const Graph *graph, Sources from, const Visitor *visitor)
{
    for (const Node *node = graph->first; node; node = node->next) {
        Tensor *results = results_of(scope, node);
        if (node->op == OP_input)
            *results = *from.inputs++;
        else if (node->op == OP_state)
            *results = *from.states++;
        else
            eval_in_scope(scope, node, results);
        set_size(scope, node, results);
        if (visitor && visitor->visit) visitor->visit(visitor->context, node, results);
    }
}

/* Results outlive the scratch arena that they were made in. */
static void keep_results(const Scope *scope, const Graph *graph, Tensor *results, Arena *arena)
{
    for (int i = 0; i < graph->nresults; i++) {
        Tensor made = value_in(scope, graph->results[i].value);
        results[i] = copy_tensor(arena, &made);
    }
}

static void eval_region(const Node *node, const Tensor *operands, Tensor *results, Arena *arena)
{
    Arena *scratch = arena_child(arena);
    Value *captures;
    int count = node_captures(node, &captures);
    Scope outer = scope_new(NULL, scratch), inner = scope_new(&outer, scratch);
    for (int i = 0; i < count; i++)
        results_of(&outer, captures[i].node)[captures[i].slot] = operands[node->ninputs + i];
    if (node_def(node)->kind == KIND_LOOP) {
        Tensor *made = ARENA_ARRAY(scratch, Tensor, node->nresults + 1);
        eval_scan(&outer, node, operands, made);
        for (int i = 0; i < node->nresults; i++) results[i] = copy_tensor(arena, &made[i]);
    } else {
        const Graph *region = chosen_region(node, operands);
        eval_body(&inner, region, nothing, NULL);
        keep_results(&inner, region, results, arena);
    }
    arena_free(scratch);
}

/* ---- states ---- */

void eval_state_reset(const Node *state, Tensor *out)
{
    const StateAttrs *attrs = state->attrs;
    for (int64_t i = 0; i < type_elements(&out->type); i++) tensor_set_real(out, i, attrs->value);
}

EvalStates eval_states_new(const Graph *graph, Arena *arena)
{
    EvalStates states = {.count = 0};
    for (const Node *node = graph->first; node; node = node->next) states.count += node->op == OP_state;
    states.at = ARENA_ARRAY(arena, Tensor, states.count);
    int count = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_state) continue;
        states.at[count] = tensor_new(arena, node->types[0]);
        eval_state_reset(node, &states.at[count++]);
    }
    return states;
}

static void eval_run(const Graph *graph, const Tensor *inputs, const EvalStates *states, Tensor *results, Arena *arena,
                     const Visitor *visitor)
{
    Arena *scratch = arena_child(arena);
    Scope scope = scope_new(NULL, scratch);
    EvalStates fresh = {.count = 0};
    if (!states) fresh = eval_states_new(graph, scratch);
    if (graph->ndims) scope.sizes = ARENA_ARRAY(scratch, int64_t, graph->ndims);
    for (int i = 0; i < graph->ndims; i++) scope.sizes[i] = -1;
    eval_body(&scope, graph, (Sources){inputs, states ? states->at : fresh.at}, visitor);
    keep_results(&scope, graph, results, arena);
    for (int i = 0; states && states->sizes && i < graph->ndims; i++)
        if (scope.sizes[i] >= 0) states->sizes[i] = scope.sizes[i];
    arena_free(scratch);
}

void graph_eval_step(const Graph *graph, const Tensor *inputs, EvalStates *states, Tensor *results, Arena *arena)
{
    eval_run(graph, inputs, states, results, arena, NULL);
    int number = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_state) continue;
        for (int i = 0; i < graph->nresults; i++)
            if (graph->results[i].state == node)
                memcpy(states->at[number].data, results[i].data, (size_t)type_bytes(&node->types[0]));
        number++;
    }
}

void graph_eval_visit(const Graph *graph, const Tensor *inputs, Tensor *results, Arena *arena, EvalVisit *visit,
                      void *context)
{
    Visitor visitor = {visit, context};
    eval_run(graph, inputs, NULL, results, arena, &visitor);
}

void graph_eval(const Graph *graph, const Tensor *inputs, Tensor *results, Arena *arena)
{
    graph_eval_visit(graph, inputs, results, arena, NULL, NULL);
}
