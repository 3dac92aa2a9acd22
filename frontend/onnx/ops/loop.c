/* A body that runs in turns: a scan of no tensor or, where its shapes depend on the turn, one copy of it for each. */
#include "frontend/onnx/body.h"
#include "ir/scan.h"

/* The body's inputs: the number of the turn, the condition, what is carried.  Its outputs: the condition for one more
 * turn, what is carried, what is gathered. */
enum { COUNTER, GO, CARRIED_IN, CARRIED_OUT = 1 };
enum { MOST_TURNS = 1 << 30, MOST_UNROLLED = 1 << 14 /* nodes */ };

typedef struct Loop {
    OnnxCall *c;
    OnnxBody body;
    int carried, gathered;
    Value trip, go; /* operands; no node where they are not given */
    int64_t turns;  /* at most; 0: not known */
    bool begins;    /* there is a first turn, as far as `go` says */
    Value *inputs;  /* of the body */
    OnnxValue *outputs;
    Value *results; /* what is carried at the end, then what is gathered */
    /* as a region */
    Node *scan;
    Value always, one; /* yes, 1 */
    Value first;       /* whether there is a first turn, no node where that is known */
    Node *counter;
    ScanAttrs attrs;
} Loop;

/* ---- operands ---- */

static const char *body_input(const Loop *l, int index) { return l->body.graph->input[index]->name; }

static bool is_one(OnnxCall *c, Value value, const char *what)
{
    if (!value.node || type_elements(value_type(value)) == 1) return true;
    return onnx_wrong(c, "expected one number as '%s', found %s", what, type_text(c->arena, value_type(value)));
}

static Value as_scalar(OnnxCall *c, Value value) { return onnx_reshape(c, value, 0, NULL); }

static void carry_operands(Loop *l)
{
    for (int i = 0; i < l->carried; i++) l->results[i] = onnx_operand(l->c, 2 + i);
}

static bool take_operands(Loop *l)
{
    OnnxCall *c = l->c;
    l->trip = onnx_operand(c, 0);
    l->go = onnx_operand(c, 1);
    if (!is_one(c, l->trip, "M") || !is_one(c, l->go, "cond")) return false;
    l->trip = as_scalar(c, l->trip);
    l->go = as_scalar(c, l->go);
    if (!onnx_body(c, "body", &l->body)) return false;
    l->carried = l->body.ninputs - CARRIED_IN;
    l->gathered = l->body.noutputs - CARRIED_OUT - l->carried;
    bool fits = l->carried >= 0 && l->gathered >= 0 && onnx_operands(c) <= 2 + l->carried &&
                (int)c->node->n_output <= l->carried + l->gathered;
    if (!fits) return onnx_wrong(c, "its operands, results and those of its body do not fit each other");
    l->inputs = ARENA_ARRAY(c->arena, Value, l->body.ninputs + 1);
    l->outputs = ARENA_ARRAY(c->arena, OnnxValue, l->body.noutputs + 1);
    l->results = ARENA_ARRAY(c->arena, Value, l->carried + l->gathered + 1);
    for (int i = 0; i < l->carried; i++)
        if (!onnx_has(c, 2 + i)) return onnx_wrong(c, "it carries %d values, but begins with %d", l->carried, i);
    carry_operands(l);
    return true;
}

/* What is known of how often it runs; no trip count and no condition is for ever. */
static void take_bounds(Loop *l)
{
    const Tensor *trip = l->trip.node ? onnx_constant(l->c, l->trip) : NULL;
    const Tensor *go = l->go.node ? onnx_constant(l->c, l->go) : NULL;
    int64_t turns = trip ? tensor_get(trip, 0).integer : 0;
    l->begins = !(trip && turns <= 0) && !(go && tensor_real(go, 0) == 0);
    l->turns = turns < MOST_TURNS ? turns : MOST_TURNS;
    if (go) l->go.node = NULL;
    if (trip) l->trip.node = NULL;
}

static bool wants_gathered(const Loop *l)
{
    for (int i = 0; i < l->gathered; i++)
        if (onnx_wants(l->c, l->carried + i)) return true;
    return false;
}

static bool give_back(Loop *l)
{
    for (int i = 0; i < l->carried + l->gathered; i++)
        if (onnx_wants(l->c, i) && !onnx_result(l->c, i, l->results[i])) return false;
    return true;
}

static Value bool_and(OnnxCall *c, Value a, Value b)
{
    return a.node && b.node ? onnx_make2(c, OP_logical_and, a, b) : a.node ? a : b;
}

static bool refuse_end(const Loop *l)
{
    return onnx_refuse(l->c, "", "give it a trip count, or a condition that ends it", "there is nothing that ends it");
}

static bool refuse_rows(const Loop *l)
{
    return onnx_refuse(l->c, "", "give back what it carries, or let a trip count that is known end it",
                       "its scan outputs have as many rows as there are turns, which its condition says at run time");
}

/* ---- as a region ---- */

/* What the model has no name for: after the node and an input of its body. */
static Value called(Loop *l, const char *node, const char *input, const char *what, Value value)
{
    if (value.node) graph_rename(value.node, arena_printf(l->c->arena, "%s.%s.%s", node, input, what));
    return value;
}

/* Before the node itself, what it begins with: the counter, which may turn out to be of no use, and what is carried. */
static bool add_scan(Loop *l)
{
    OnnxCall *c = l->c;
    const char *name = onnx_step_name(c), *counter = body_input(l, COUNTER);
    Value zero = called(l, name, counter, "first", onnx_number(c, I64, 0));
    if (l->trip.node) l->first = onnx_make2(c, OP_less, onnx_cast(c, zero, value_type(l->trip)->dtype), l->trip);
    l->first = bool_and(c, l->first, l->go);
    l->always = called(l, name, body_input(l, GO), "always", onnx_number(c, BOOL, 1));
    l->one = called(l, name, counter, "step", onnx_number(c, I64, 1));
    l->inputs[COUNTER] = zero;
    l->inputs[GO] = l->always; /* a turn that runs was told so */
    for (int i = 0; i < l->carried; i++) l->inputs[CARRIED_IN + i] = l->results[i];
    Value *operands = ARENA_ARRAY(c->arena, Value, l->carried + 1);
    operands[0] = zero;
    for (int i = 0; i < l->carried; i++) operands[1 + i] = l->results[i];
    l->attrs.turns = 1; /* for now */
    const NodeSpec spec = {.op = OP_scan,
                           .name = name,
                           .ninputs = 1 + l->carried,
                           .inputs = operands,
                           .attrs = &l->attrs,
                           .origin = origin_of(c->arena, c->at)};
    l->scan = onnx_add(c, &spec).node;
    return l->scan != NULL;
}

static Node *add_input(Loop *l, const char *name, const Type *type, Node *before)
{
    OnnxCall *c = l->c;
    const NodeSpec spec = {.op = OP_input,
                           .name = arena_printf(c->arena, "%s.%s", l->scan->name, name),
                           .type = type,
                           .before = before,
                           .origin = origin_of(c->arena, c->at)};
    return graph_add(l->scan->regions[0], &spec, c->diag);
}

static bool import_region(Loop *l)
{
    OnnxCall *c = l->c;
    Graph *region = graph_new_region(l->scan);
    for (int i = 0; i < l->body.ninputs; i++) {
        if (i == GO) continue;
        Node *input = add_input(l, body_input(l, i), value_type(l->inputs[i]), NULL);
        if (!input) return false;
        l->inputs[i] = value_of(input);
    }
    l->counter = l->inputs[COUNTER].node;
    OnnxTurns turns = {c->import->turns, l->counter, l->trip, l->go};
    c->import->turns = &turns;
    bool good = onnx_body_import(c, &l->body, region, l->scan->name, l->inputs, l->outputs);
    c->import->turns = turns.outer;
    return good;
}

/* Nodes of the region's end. */
static Value in_region(Loop *l, Op op, Value a, Value b)
{
    Graph *graph = l->c->import->graph;
    l->c->import->graph = l->scan->regions[0];
    Value made = onnx_make2(l->c, op, a, b);
    l->c->import->graph = graph;
    return made;
}

static Value scalar_in_region(Loop *l, Value value)
{
    Graph *graph = l->c->import->graph;
    l->c->import->graph = l->scan->regions[0];
    Value scalar = as_scalar(l->c, value);
    l->c->import->graph = graph;
    return scalar;
}

/* `while`, where anything but the number of turns says how many there are: it is carried, and the first of what is. */
static bool find_end(Loop *l, Value next_counter, Value *next)
{
    OnnxCall *c = l->c;
    Value go = onnx_body_value(c, l->scan->regions[0], &l->outputs[0], false);
    if (!go.node || !is_one(c, go, "condition")) return false;
    const Tensor *known = onnx_constant(c, go);
    bool once = known && tensor_real(known, 0) == 0;
    if (once && !l->first.node) {
        l->turns = 1;
        return true;
    }
    if (known && !once) go.node = NULL;
    if (go.node) go = scalar_in_region(l, go);
    if (l->trip.node) {
        Value more = in_region(l, OP_less, next_counter, l->trip);
        go = go.node ? in_region(l, OP_logical_and, more, go) : more;
    }
    l->attrs.stops = go.node || l->first.node;
    *next = go;
    if (l->attrs.stops || l->turns) return true;
    return refuse_end(l);
}

/* Why there is no size for what is gathered. */
static bool refuse_gathered(Loop *l)
{
    OnnxCall *c = l->c;
    if (l->trip.node) return onnx_known(c, 0, "M") != NULL;
    if (l->go.node) return onnx_known(c, 1, "cond") != NULL;
    return refuse_rows(l);
}

static bool add_gathered(Loop *l)
{
    OnnxCall *c = l->c;
    Graph *region = l->scan->regions[0];
    if (!wants_gathered(l)) return true;
    if (l->attrs.stops) return refuse_gathered(l);
    for (int i = 0; i < l->gathered; i++) {
        if (!onnx_wants(c, l->carried + i)) continue;
        int output = CARRIED_OUT + l->carried + i;
        const char *name = onnx_slot_name(c, l->scan, l->body.graph->output[output]->name);
        Value value = onnx_body_value(c, region, &l->outputs[output], false);
        graph_add_result(region, (Result){.name = name, .value = value, .at = c->at});
    }
    return true;
}

static void add_next(Loop *l, const Node *input, Value value)
{
    graph_add_result(l->scan->regions[0], (Result){.value = value, .state = (Node *)input, .at = l->c->at});
}

/* The operands and what they become, in the same order: the condition, the counter, what is carried. */
static bool add_nexts(Loop *l, Value next_go, Value next_counter)
{
    OnnxCall *c = l->c;
    Graph *region = l->scan->regions[0];
    Value *operands = ARENA_ARRAY(c->arena, Value, l->carried + 2), zero = l->scan->inputs[0];
    const Type go = type_scalar(BOOL);
    int count = 0;
    if (l->attrs.stops) {
        operands[count++] = l->first.node ? l->first : l->always;
        add_next(l, add_input(l, "while", &go, region->first), next_go.node ? next_go : l->always);
    }
    if (next_counter.node) {
        operands[count++] = zero;
        add_next(l, l->counter, next_counter);
    } else
        graph_remove(region, l->counter);
    for (int i = 0; i < l->carried; i++) {
        operands[count++] = l->results[i];
        add_next(l, l->inputs[CARRIED_IN + i].node, onnx_body_value(c, region, &l->outputs[CARRIED_OUT + i], false));
    }
    graph_set_inputs(l->scan, count, operands);
    l->attrs.turns = l->turns;
    *(ScanAttrs *)l->scan->attrs = l->attrs;
    return graph_infer(l->scan, c->diag);
}

static bool finish_region(Loop *l)
{
    OnnxCall *c = l->c;
    Graph *region = l->scan->regions[0];
    Value next_counter = {NULL, 0}, next_go = {NULL, 0};
    bool counts = l->trip.node || !l->carried || graph_uses(region, value_of(l->counter));
    for (int i = 0; i < l->body.noutputs; i++) counts = counts || l->outputs[i].plain.node == l->counter;
    if (counts) next_counter = in_region(l, OP_add, value_of(l->counter), l->one);
    called(l, l->scan->name, body_input(l, COUNTER), "next", next_counter);
    if (!find_end(l, next_counter, &next_go) || !add_gathered(l) || !add_nexts(l, next_go, next_counter)) return false;
    int slot = 0, carried = l->scan->nresults - l->carried;
    for (int i = 0; i < l->gathered; i++)
        if (onnx_wants(c, l->carried + i)) l->results[l->carried + i] = (Value){l->scan, slot++};
    for (int i = 0; i < l->carried; i++) l->results[i] = (Value){l->scan, carried + i};
    return true;
}

static bool as_region(Loop *l)
{
    if (!add_scan(l)) return false;
    if (import_region(l) && finish_region(l)) return true;
    graph_remove(l->c->import->graph, l->scan);
    return false;
}

/* ---- turn by turn, where shapes or what must be known follow from its number ---- */

static bool import_turn(Loop *l, int64_t turn)
{
    OnnxCall *c = l->c;
    const char *path = arena_printf(c->arena, "%s.%lld", onnx_step_name(c), (long long)turn);
    l->inputs[COUNTER] = onnx_number(c, I64, (double)turn);
    l->inputs[GO] = onnx_number(c, BOOL, 1);
    for (int i = 0; i < l->carried; i++) l->inputs[CARRIED_IN + i] = l->results[i];
    if (!onnx_body_import(c, &l->body, c->import->graph, path, l->inputs, l->outputs)) return false;
    for (int i = 0; i < l->carried; i++)
        l->results[i] = onnx_body_value(c, c->import->graph, &l->outputs[CARRIED_OUT + i], false);
    return true;
}

/* A slice with an axis in front for the turns. */
static Value slice_of(Loop *l, OnnxValue *output)
{
    int64_t dims[MAX_RANK + 1] = {1};
    Value value = onnx_body_value(l->c, l->c->import->graph, output, false);
    const Type *type = value_type(value);
    for (int i = 0; i < type->rank; i++) dims[1 + i] = type->dim[i].high;
    return type->rank < MAX_RANK ? onnx_reshape(l->c, value, type->rank + 1, dims) : (Value){NULL, 0};
}

static bool join_slices(Loop *l, Value **slices, int turns)
{
    OnnxCall *c = l->c;
    for (int i = 0; i < l->gathered; i++) {
        if (!onnx_wants(c, l->carried + i)) continue;
        Value *joined = &l->results[l->carried + i];
        *joined = turns == 1 ? slices[i][0] : onnx_make(c, OP_concat, &(ConcatAttrs){0}, turns, slices[i]);
        if (!joined->node) return false;
    }
    return true;
}

static bool refuse_unknown_end(const Loop *l)
{
    if (wants_gathered(l)) return refuse_rows(l);
    return onnx_refuse(l->c, "", "let a trip count end it", "its shapes follow from the turns, whose end does not");
}

static bool refuse_turns(const Loop *l)
{
    if (!l->turns) return refuse_end(l);
    return onnx_refuse(l->c, "", "give it fewer turns",
                       "its shapes follow from the turns, of which there are too many");
}

/* Turns until the condition says no, which must be known of each. */
static bool unroll(Loop *l)
{
    OnnxCall *c = l->c;
    int most = MOST_UNROLLED / ((int)l->body.graph->n_node + 1), turn = 0;
    if (l->turns && l->turns < most) most = (int)l->turns;
    Value **slices = ARENA_ARRAY(c->arena, Value *, l->gathered + 1);
    for (int i = 0; i < l->gathered; i++) slices[i] = ARENA_ARRAY(c->arena, Value, most + 1);
    for (bool go = true; go; turn++) {
        if (turn == most) return turn == l->turns ? join_slices(l, slices, turn) : refuse_turns(l);
        if (!import_turn(l, turn)) return false;
        for (int i = 0; i < l->gathered; i++)
            if (onnx_wants(c, l->carried + i)) slices[i][turn] = slice_of(l, &l->outputs[CARRIED_OUT + l->carried + i]);
        const Tensor *more = onnx_constant(c, onnx_body_value(c, c->import->graph, &l->outputs[0], false));
        if (!more) return refuse_unknown_end(l);
        go = tensor_real(more, 0) != 0;
    }
    return join_slices(l, slices, turn);
}

/* Whether all that says how many turns there are is known, and they are not too many to try. */
static bool may_unroll(const Loop *l)
{
    size_t nodes = l->body.graph->n_node + 1;
    bool known = !l->trip.node && !l->go.node && (size_t)l->turns <= MOST_UNROLLED / nodes;
    return known && l->c->import->in_bodies < MOST_UNROLLED;
}

/* ---- none at all ---- */

/* What is gathered has no elements, of a shape that a turn says, which is forgotten. */
static bool no_turn(Loop *l)
{
    OnnxCall *c = l->c;
    OnnxMark mark = onnx_mark(c);
    if (!wants_gathered(l)) return true;
    if (!import_turn(l, 0)) return false;
    Tensor **gathered = ARENA_ARRAY(c->arena, Tensor *, l->gathered + 1);
    for (int i = 0; i < l->gathered; i++) {
        Value slice = slice_of(l, &l->outputs[CARRIED_OUT + l->carried + i]);
        if (!slice.node) return false;
        Type type = *value_type(slice);
        type.dim[0] = dim_fixed(0);
        gathered[i] = ARENA_NEW(c->arena, Tensor);
        *gathered[i] = tensor_new(c->arena, type);
    }
    onnx_rewind(c, &mark);
    carry_operands(l);
    for (int i = 0; i < l->gathered; i++) l->results[l->carried + i] = onnx_make_constant(c, gathered[i]);
    return true;
}

bool onnx_op_loop(OnnxCall *c)
{
    Loop l = {.c = c};
    if (!take_operands(&l)) return false;
    take_bounds(&l);
    if (!l.begins) return no_turn(&l) && give_back(&l);
    OnnxMark mark = onnx_mark(c);
    bool good = as_region(&l);
    if (!good && may_unroll(&l)) {
        onnx_rewind(c, &mark);
        carry_operands(&l);
        good = unroll(&l);
    }
    return good && give_back(&l);
}
