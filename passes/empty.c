#include "passes/empty.h"

#include "ir/eval.h"
#include "ir/ops/make.h"
#include "ir/scan.h"

#include <string.h>

static bool is_nothing(Value value) { return value.node && type_is_empty(value_type(value)); }

/* One number everywhere, whose elements are nowhere. */
static Value make_filled(const Maker *m, const Type *type, double value)
{
    ConstantAttrs attrs;
    attr_set_defaults(&op_constant.attrs, &attrs);
    attrs.value = value;
    NodeSpec spec = {.op = OP_constant,
                     .name = m->node->name,
                     .attrs = &attrs,
                     .type = type,
                     .origin = m->node->origin,
                     .before = m->at};
    return value_of(graph_add(m->graph, &spec, m->diag));
}

static Value make_broadcast(const Maker *m, Value x, const Type *type)
{
    BroadcastAttrs attrs = {.shape = {.count = type->rank}};
    for (int i = 0; i < type->rank; i++) attrs.shape.at[i] = type->dim[i].high;
    return make(m, OP_broadcast, &attrs, 1, &x);
}

/* ---- one node ---- */

bool empty_is_met(const Node *node)
{
    if (node_def(node)->kind == KIND_SOURCE || node->nregions) return false;
    return node_is_empty(node) || node_reads_nothing(node);
}

/* Combined over nothing: the identity, in every result, as the interpreter gives it. */
static Value combined_over_nothing(const Maker *m)
{
    Arena *arena = m->graph->arena;
    Tensor nothing = tensor_new(arena, *value_type(m->node->inputs[0])), all;
    node_eval(m->node, &nothing, &all, arena);
    Tensor one = {.type = type_scalar(all.type.dtype), .data = all.data};
    Value number = make_tensor(m, &one);
    return all.type.rank ? make_broadcast(m, number, &all.type) : number;
}

/* A sum of no products is its bias. */
static Value summed_over_nothing(const Maker *m)
{
    Contraction c = {.bias = -1};
    node_def(m->node)->contract(m->node, &c);
    const Type *type = &m->node->types[0];
    return c.bias < 0 ? make_filled(m, type, 0) : make_broadcast(m, m->node->inputs[c.bias], type);
}

/* The boxes that are some: of a row of operands what is left of it, else one number around nothing. */
static Value pieces_of_something(const Maker *m)
{
    const Node *node = m->node;
    const OpDef *def = node_def(node);
    Piece piece;
    if (def->operands[def->noperands - 1].flags & OPERAND_VARIADIC) {
        Value *some = ARENA_ARRAY(m->graph->arena, Value, node->ninputs);
        int count = 0;
        for (int i = 0; i < node->ninputs; i++)
            if (!is_nothing(node->inputs[i])) some[count++] = node->inputs[i];
        return count == 1 ? some[0] : make(m, node->op, node->attrs, count, some);
    }
    int around = -1;
    for (int64_t i = 0; def->piece(node, i, &piece); i++)
        if (piece.operand >= 0 && !is_nothing(node->inputs[piece.operand])) around = piece.operand;
    return around < 0 ? make_filled(m, &node->types[0], 0) : make_broadcast(m, node->inputs[around], &node->types[0]);
}

/* What a primitive with results makes of nothing. */
static Value made_of_nothing(const Maker *m)
{
    switch (node_def(m->node)->kind) {
    case KIND_REDUCE: return combined_over_nothing(m);
    case KIND_CONTRACT: return summed_over_nothing(m);
    case KIND_PIECES: return pieces_of_something(m);
    case KIND_SCATTER: return m->node->inputs[0];
    default: return (Value){NULL, 0}; /* node_check_nothing has refused it */
    }
}

static bool refuse_bounded(const Node *node, Diag *diag)
{
    diag_error(diag, E0308, node_span(node), "%s makes %s of a tensor without elements", node_def(node)->name,
               type_text(diag->arena, &node->types[0]));
    return diag_help(diag, "fix the dim, as in --dim N=4");
}

static void enter_since(Uses *uses, Node *since, Node *until)
{
    for (Node *n = until->previous; n != since; n = n->previous) uses_enter(uses, n);
}

bool empty_replace(Node *node, Uses *uses, bool *gone, Diag *diag)
{
    Maker maker = {.graph = node->graph, .node = node, .at = node, .diag = diag};
    bool whole = node_is_empty(node);
    *gone = whole || !op_is_composite(node->op);
    if (!*gone) return true;
    if (!whole && !type_is_fixed(&node->types[0])) return refuse_bounded(node, diag);
    Node *heir = NULL;
    for (int slot = 0; slot < node->nresults; slot++) {
        Node *since = node->previous;
        Value made = whole ? make_filled(&maker, &node->types[slot], 0) : made_of_nothing(&maker);
        if (!made.node) return false;
        enter_since(uses, since, node);
        uses_replace(uses, (Value){node, slot}, made);
        if (node->previous != since && node->nresults == 1) heir = made.node;
    }
    uses_remove(uses, node);
    if (heir) graph_rename(heir, node->name);
    return true;
}

/* ---- bodies ---- */

/* What stands for a value without elements, outside of what made it. */
static Value constant_for(Node *made, int slot, Diag *diag)
{
    Maker maker = {.graph = made->graph, .node = made, .at = made, .diag = diag};
    return make_filled(&maker, &made->types[slot], 0);
}

/* Slot `slot` of the node is gone: what follows moves up.  In regions, result `slot` of each goes with it. */
static bool drop_slot(Node *node, int slot, Diag *diag)
{
    Graph *graph = node->graph;
    Value constant = constant_for(node, slot, diag);
    if (!constant.node) return false;
    graph_replace(graph, (Value){node, slot}, constant);
    for (int i = slot + 1; i < node->nresults; i++) {
        graph_replace(graph, (Value){node, i}, (Value){node, i - 1});
        node->types[i - 1] = node->types[i];
    }
    node->nresults--;
    for (int r = 0; r < node->nregions; r++) {
        Graph *region = node->regions[r];
        for (int i = slot + 1; i < region->nresults; i++) region->results[i - 1] = region->results[i];
        region->nresults--;
    }
    return true;
}

static void drop_operand(Node *scan, int number)
{
    ScanAttrs *attrs = scan->attrs;
    Node *input = scan_input(scan, number);
    for (int i = number + 1; i < scan->ninputs; i++) scan->inputs[i - 1] = scan->inputs[i];
    scan->ninputs--;
    for (int i = number + 1; i < attrs->axes.count; i++) attrs->axes.at[i - 1] = attrs->axes.at[i];
    attrs->axes.count -= number < attrs->axes.count;
    graph_remove(input->graph, input);
}

/* The only tensor that is scanned says how many turns there are: one without elements becomes zeros, one a turn. */
static bool keep_turns(Node *scan, Diag *diag)
{
    ScanAttrs *attrs = scan->attrs;
    Maker maker = {.graph = scan->graph, .node = scan, .at = scan, .diag = diag};
    const Dim dim = *scan_dim(scan);
    Type turns = type_tensor(U8, 1, (const int64_t[]){dim.high}), zero = type_scalar(U8);
    Value zeros = make_filled(&maker, dim_is_fixed(&dim) ? &turns : &zero, 0);
    if (!dim_is_fixed(&dim)) zeros = make_broadcast_to(&maker, zeros, 1, &dim);
    if (!zeros.node) return false;
    scan->inputs[0] = zeros;
    attrs->axes.at[0] = 0;
    scan_input(scan, 0)->types[0] = scan_slice(value_type(zeros), 0);
    return true;
}

static bool leave_scan(Node *scan, Diag *diag)
{
    for (int i = scan->ninputs - 1; i >= 0; i--) {
        int scanned = scan_scanned(scan);
        if (!is_nothing(scan->inputs[i])) continue;
        if (i >= scanned && !drop_slot(scan, scan_gathered(scan) + i - scanned, diag)) return false;
        if (i >= scanned || scanned > 1)
            drop_operand(scan, i);
        else if (!keep_turns(scan, diag))
            return false;
    }
    return true;
}

/* A scan without a turn: what is gathered has no elements, what is carried stays what it was. */
static bool never_turns(Node *scan, Diag *diag)
{
    int gathered = scan_gathered(scan), scanned = scan_scanned(scan);
    for (int slot = 0; slot < scan->nresults; slot++) {
        Value instead = slot < gathered ? constant_for(scan, slot, diag) : scan->inputs[scanned + slot - gathered];
        if (!instead.node) return false;
        graph_replace(scan->graph, (Value){scan, slot}, instead);
    }
    graph_remove(scan->graph, scan);
    return true;
}

static bool leave_control(Node *node, Diag *diag)
{
    bool scan = node_def(node)->kind == KIND_LOOP;
    if (scan && scan_is_bounded(node) && !scan_turns(node)) return never_turns(node, diag);
    if (scan && !leave_scan(node, diag)) return false;
    for (int slot = node->nresults - 1; slot >= 0; slot--)
        if (type_is_empty(&node->types[slot]) && !drop_slot(node, slot, diag)) return false;
    if (node->nresults) return true;
    graph_remove(node->graph, node);
    return true;
}

/* A state without elements keeps nothing. */
static bool leave_state(Graph *graph, Node *state, Diag *diag)
{
    Value constant = constant_for(state, 0, diag);
    if (!constant.node) return false;
    graph_replace(graph, value_of(state), constant);
    int kept = 0;
    for (int i = 0; i < graph->nresults; i++)
        if (graph->results[i].state != state) graph->results[kept++] = graph->results[i];
    graph->nresults = kept;
    graph_remove(graph, state);
    return true;
}

bool empty_leave_regions(Graph *graph, Diag *diag)
{
    for (Node *node = graph->first, *next; node; node = next) {
        next = node->next;
        for (int r = 0; r < node->nregions; r++)
            if (!empty_leave_regions(node->regions[r], diag)) return false;
        if (node_is_control(node) && !leave_control(node, diag)) return false;
        if (node->op == OP_state && type_is_empty(node->types) && !leave_state(graph, node, diag)) return false;
    }
    return true;
}
