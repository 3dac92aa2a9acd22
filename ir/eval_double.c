/* The meaning of a node in double precision, to judge results against: the same graph with f64 in place of f32. */
#include "ir/count.h"
#include "ir/eval.h"
#include "ir/eval_kinds.h"
#include "ir/node_map.h"
#include "ir/scan.h"

#include <assert.h>
#include <string.h>

typedef struct Retyper {
    Arena *arena;
    Graph *graph;
    NodeMap *values; /* node -> array of Value, one a slot */
    Diag diag;
} Retyper;

static Dtype twice(Dtype dtype) { return dtype == F32 ? F64 : dtype; }

static Type type_twice(const Type *type)
{
    Type out = *type;
    out.dtype = twice(type->dtype);
    return out;
}

static Value *slots(Retyper *r, const Node *node)
{
    int64_t *cell = node_map_cell(r->values, node);
    if (!*cell) *cell = (intptr_t)ARENA_ARRAY(r->arena, Value, node->nresults);
    return (Value *)(intptr_t)*cell;
}

static Value retyped(Retyper *r, Value value) { return value.node ? slots(r, value.node)[value.slot] : value; }

static void bind_input(Retyper *r, Value value)
{
    Type type = type_twice(value_type(value));
    NodeSpec spec = {.op = OP_input, .name = "operand", .type = &type};
    slots(r, value.node)[value.slot] = value_of(graph_add(r->graph, &spec, &r->diag));
}

static void *attrs_twice(Retyper *r, const Node *node)
{
    size_t size = node_def(node)->attrs.size;
    void *attrs = arena_alloc(r->arena, size + 1);
    if (size) memcpy(attrs, node->attrs, size);
    if (node->op == OP_cast) ((CastAttrs *)attrs)->to = (int)twice((Dtype)((CastAttrs *)attrs)->to);
    return attrs;
}

static void retype_node(Retyper *r, const Node *node);

static void retype_group(Retyper *r, const Node *node)
{
    const Graph *region = node->regions[0];
    for (const Node *inner = region->first; inner; inner = inner->next) retype_node(r, inner);
    for (int i = 0; i < region->nresults; i++) slots(r, node)[i] = retyped(r, region->results[i].value);
}

static void retype_region(Retyper *r, const Graph *region, Node *made)
{
    Graph *outer = r->graph;
    r->graph = graph_new_region(made);
    for (const Node *inner = region->first; inner; inner = inner->next) retype_node(r, inner);
    for (int i = 0; i < region->nresults; i++) {
        Result result = region->results[i];
        result.value = retyped(r, result.value);
        if (result.state) result.state = retyped(r, value_of(result.state)).node;
        graph_add_result(r->graph, result);
    }
    r->graph = outer;
}

static void retype_control(Retyper *r, const Node *node, Node *made)
{
    for (int i = 0; i < node->nregions; i++) retype_region(r, node->regions[i], made);
    bool inferred = graph_infer(made, &r->diag);
    assert(inferred);
    (void)inferred;
}

static void retype_node(Retyper *r, const Node *node)
{
    if (node_def(node)->kind == KIND_GROUP) {
        retype_group(r, node);
        return;
    }
    Value *inputs = ARENA_ARRAY(r->arena, Value, node->ninputs + 1);
    for (int i = 0; i < node->ninputs; i++) inputs[i] = retyped(r, node->inputs[i]);
    Type type = type_twice(&node->types[0]);
    NodeSpec spec = {
        .op = node->op, .name = node->name, .ninputs = node->ninputs, .inputs = inputs, .attrs = attrs_twice(r, node)};
    if (node_def(node)->kind == KIND_SOURCE) spec.type = &type;
    if (node->data) {
        Tensor *data = ARENA_NEW(r->arena, Tensor);
        *data = tensor_cast(r->arena, node->data, type.dtype);
        spec.data = data;
    }
    Node *made = graph_add(r->graph, &spec, &r->diag);
    assert(made); /* every rule that admits f32 admits f64 */
    if (node->nregions) retype_control(r, node, made);
    for (int i = 0; i < node->nresults; i++) slots(r, node)[i] = (Value){made, i};
}

void node_eval_double(const Node *node, const Tensor *operands, Tensor *results, Arena *arena)
{
    Arena *scratch = arena_child(arena);
    Retyper r = {.arena = scratch,
                 .graph = graph_new(scratch, node->name),
                 .values = node_map_new(scratch),
                 .diag = diag_new(scratch)};
    count_share(r.graph, node->graph);
    Value *operand_values = ARENA_ARRAY(scratch, Value, node->ninputs + 1), *captures = NULL;
    int count = node->ninputs, captured = node_captures(node, &captures);
    if (captured) operand_values = ARENA_ARRAY(scratch, Value, count + captured);
    if (count) memcpy(operand_values, node->inputs, (size_t)count * sizeof *operand_values);
    if (captured) memcpy(operand_values + count, captures, (size_t)captured * sizeof *captures);
    count += captured;
    Tensor *inputs = ARENA_ARRAY(scratch, Tensor, count + 1);
    int bound = 0;
    for (int i = 0; i < count; i++) {
        Value value = operand_values[i];
        /* an operand that stands twice is one input */
        if (!value.node || retyped(&r, value).node) continue;
        bind_input(&r, value);
        inputs[bound++] = operands[i];
    }
    retype_node(&r, node);
    for (int i = 0; i < node->nresults; i++) graph_add_result(r.graph, (Result){.value = slots(&r, node)[i]});
    graph_eval(r.graph, inputs, results, arena);
    arena_free(scratch);
}
