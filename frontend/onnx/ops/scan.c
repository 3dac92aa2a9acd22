/* A body for each index of an axis.  Since opset 9 as ours is; in opset 8 for each image of a batch, of which each may
 * have a length of its own. */
#include "ir/scan.h"
#include "ir/signal.h"

#include "frontend/onnx/body.h"

typedef struct Scan {
    OnnxCall *c;
    OnnxBody body;
    int states, scanned, gathered;
    Value *operands;                      /* states, then what is scanned, as in the body's inputs */
    int64_t *axes, *out_axes;             /* of what is scanned and gathered; those from -1 on count from behind */
    int64_t *directions, *out_directions; /* 1: from the end */
    Value length;                         /* turns that run, no node: all */
    Value *results;                       /* states, then what is gathered */
    Node *node;
    ScanAttrs attrs;
} Scan;

/* ---- operands ---- */

static bool read_list(Scan *s, const char *name, int count, int64_t **out)
{
    const Onnx__AttributeProto *attr = onnx_attr(s->c, name);
    *out = ARENA_ARRAY(s->c->arena, int64_t, count + 1);
    if (!attr) return true;
    if (attr->n_ints != (size_t)count)
        return onnx_wrong(s->c, "expected %d numbers in %s, found %zu", count, name, attr->n_ints);
    for (int i = 0; i < count; i++) (*out)[i] = attr->ints[i];
    return true;
}

/* `first`: operands in front of the states. */
static bool take_operands(Scan *s, int first)
{
    OnnxCall *c = s->c;
    int operands = onnx_operands(c) - first;
    int64_t scanned = onnx_int(c, "num_scan_inputs", 0);
    if (!onnx_body(c, "body", &s->body)) return false;
    s->scanned = scanned > 0 && scanned <= operands ? (int)scanned : 0;
    s->states = operands - s->scanned;
    s->gathered = s->body.noutputs - s->states;
    if (!s->scanned || s->gathered < 0 || s->body.ninputs != operands || (int)c->node->n_output > s->body.noutputs)
        return onnx_wrong(c, "its operands, results and those of its body do not fit each other");
    if (s->scanned > MAX_INTS)
        return onnx_refuse(c, "", "put some side by side in one tensor", "it scans %d tensors, more than %d",
                           s->scanned, MAX_INTS);
    s->operands = ARENA_ARRAY(c->arena, Value, operands + 1);
    s->results = ARENA_ARRAY(c->arena, Value, s->body.noutputs + 1);
    for (int i = 0; i < operands; i++) {
        if (!onnx_has(c, first + i)) return onnx_wrong(c, "its operand %d is missing", first + i);
        s->operands[i] = onnx_operand(c, first + i);
    }
    return true;
}

/* ---- the node ---- */

static Value reversed(OnnxCall *c, Value value, int64_t axis)
{
    ReverseAttrs attrs = {.axes = {.count = 1, .at = {axis}}};
    return onnx_make(c, OP_reverse, &attrs, 1, &value);
}

/* What is scanned in the order of turns. */
static bool take_scanned(Scan *s, Value *operands)
{
    OnnxCall *c = s->c;
    s->attrs.axes.count = s->scanned;
    for (int i = 0; i < s->scanned; i++) {
        int axis;
        Value value = s->operands[s->states + i];
        if (!onnx_axis(c, s->axes[i], value_type(value)->rank, &axis)) return false;
        s->attrs.axes.at[i] = axis;
        operands[i] = s->directions[i] ? reversed(c, value, axis) : value;
        if (!operands[i].node) return false;
    }
    return true;
}

static Value add_input(Scan *s, const char *name, const Type *type)
{
    const NodeSpec spec = {.op = OP_input,
                           .name = arena_printf(s->c->arena, "%s.%s", s->node->name, name),
                           .type = type,
                           .origin = origin_of(s->c->arena, s->c->at)};
    return (Value){graph_add(s->node->regions[0], &spec, s->c->diag), 0};
}

static void add_next(Scan *s, Value input, Value value)
{
    graph_add_result(s->node->regions[0], (Result){.value = value, .state = input.node, .at = s->c->at});
}

/* Inputs in the order of the operands: slices, the length's, states. */
static void add_inputs(Scan *s, Value *inputs, Value ends[2])
{
    Value *operands = s->node->inputs;
    for (int i = 0; i < s->scanned; i++) {
        Type slice = scan_slice(value_type(operands[i]), s->attrs.axes.at[i]);
        inputs[s->states + i] = add_input(s, s->body.graph->input[s->states + i]->name, &slice);
    }
    for (int i = 0; s->length.node && i < 2; i++)
        ends[i] = add_input(s, i ? "turn" : "while", value_type(operands[s->scanned + i]));
    for (int i = 0; i < s->states; i++)
        inputs[i] = add_input(s, s->body.graph->input[i]->name, value_type(s->operands[i]));
}

static void add_gathered(Scan *s, OnnxValue *outputs)
{
    Graph *region = s->node->regions[0];
    for (int i = 0; i < s->gathered; i++) {
        const char *name = onnx_slot_name(s->c, s->node, s->body.graph->output[s->states + i]->name);
        Value value = onnx_body_value(s->c, region, &outputs[s->states + i], false);
        int64_t axis = s->out_axes[i] < 0 ? s->out_axes[i] + value_type(value)->rank + 1 : s->out_axes[i];
        graph_add_result(region, (Result){.name = name, .value = value, .axis = axis, .at = s->c->at});
    }
}

static void add_nexts(Scan *s, const Value *inputs, OnnxValue *outputs, const Value ends[2])
{
    OnnxCall *c = s->c;
    Graph *region = s->node->regions[0], *graph = c->import->graph;
    if (s->length.node) {
        c->import->graph = region;
        Value one = onnx_number(c, value_type(ends[1])->dtype, 1), next = onnx_make2(c, OP_add, ends[1], one);
        add_next(s, ends[0], onnx_make2(c, OP_less, next, s->length));
        add_next(s, ends[1], next);
        c->import->graph = graph;
    }
    for (int i = 0; i < s->states; i++) add_next(s, inputs[i], onnx_body_value(c, region, &outputs[i], false));
}

static bool import_region(Scan *s)
{
    OnnxCall *c = s->c;
    Graph *region = graph_new_region(s->node);
    Value *inputs = ARENA_ARRAY(c->arena, Value, s->body.ninputs + 1), ends[2];
    OnnxValue *outputs = ARENA_ARRAY(c->arena, OnnxValue, s->body.noutputs + 1);
    add_inputs(s, inputs, ends);
    if (!onnx_body_import(c, &s->body, region, s->node->name, inputs, outputs)) return false;
    add_gathered(s, outputs);
    add_nexts(s, inputs, outputs, ends);
    return graph_infer(s->node, c->diag);
}

static bool take_results(Scan *s)
{
    for (int i = 0; i < s->states; i++) s->results[i] = (Value){s->node, s->node->nresults - s->states + i};
    for (int i = 0; i < s->gathered; i++) {
        Value *result = &s->results[s->states + i];
        *result = (Value){s->node, i};
        if (s->out_directions[i]) *result = reversed(s->c, *result, s->node->regions[0]->results[i].axis);
        if (!result->node) return false;
    }
    return true;
}

/* In the graph where the import is, of the operands and lists that are there. */
static bool add_scan(Scan *s, const char *name)
{
    OnnxCall *c = s->c;
    int count = s->scanned;
    Value *operands = ARENA_ARRAY(c->arena, Value, s->scanned + s->states + 2);
    if (!take_scanned(s, operands)) return false;
    if (s->length.node) {
        Value zero = onnx_number(c, value_type(s->length)->dtype, 0);
        operands[count++] = onnx_make2(c, OP_less, zero, s->length);
        operands[count++] = zero;
    }
    s->attrs.stops = s->length.node != NULL;
    for (int i = 0; i < s->states; i++) operands[count++] = s->operands[i];
    const NodeSpec spec = {.op = OP_scan,
                           .name = name,
                           .ninputs = count,
                           .inputs = operands,
                           .attrs = &s->attrs,
                           .origin = origin_of(c->arena, c->at)};
    s->node = onnx_add(c, &spec).node;
    if (s->node && import_region(s)) return take_results(s);
    if (s->node) graph_remove(c->import->graph, s->node);
    return false;
}

static bool give_back(Scan *s)
{
    for (int i = 0; i < s->body.noutputs; i++)
        if (onnx_wants(s->c, i) && !onnx_result(s->c, i, s->results[i])) return false;
    return true;
}

bool onnx_op_scan(OnnxCall *c)
{
    Scan s = {.c = c};
    if (!take_operands(&s, 0)) return false;
    if (!read_list(&s, "scan_input_axes", s.scanned, &s.axes)) return false;
    if (!read_list(&s, "scan_input_directions", s.scanned, &s.directions)) return false;
    if (!read_list(&s, "scan_output_axes", s.gathered, &s.out_axes)) return false;
    if (!read_list(&s, "scan_output_directions", s.gathered, &s.out_directions)) return false;
    return add_scan(&s, onnx_step_name(c)) && give_back(&s);
}

/* ---- of a batch ---- */

/* Without the axis in front, or with one. */
static Value of_one(OnnxCall *c, Value value, bool back)
{
    const Type *type = value_type(value);
    int64_t dims[MAX_RANK + 1] = {1};
    if (back && type->rank == MAX_RANK) return (Value){NULL, 0};
    for (int i = 0; i < type->rank; i++) dims[i + back] = type->dim[i].high;
    return onnx_reshape(c, value, back ? type->rank + 1 : type->rank - 1, back ? dims : dims + 1);
}

static bool scan_one(Scan *s)
{
    for (int i = 0; i < s->body.ninputs; i++) s->operands[i] = of_one(s->c, s->operands[i], false);
    if (s->length.node) s->length = of_one(s->c, s->length, false);
    if (!add_scan(s, onnx_step_name(s->c))) return false;
    for (int i = 0; i < s->body.noutputs; i++) s->results[i] = of_one(s->c, s->results[i], true);
    return give_back(s);
}

/* A scan over the batch around the other. */
static Node *add_batch(Scan *s)
{
    OnnxCall *c = s->c;
    int count = s->body.ninputs;
    Value *operands = ARENA_ARRAY(c->arena, Value, count + 1);
    for (int i = 0; i < count; i++) operands[i] = s->operands[i];
    if (s->length.node) operands[count++] = s->length;
    ScanAttrs attrs = {.axes = {.count = count}};
    const NodeSpec spec = {.op = OP_scan,
                           .name = onnx_step_name(c),
                           .ninputs = count,
                           .inputs = operands,
                           .attrs = &attrs,
                           .origin = origin_of(c->arena, c->at)};
    if (count > MAX_INTS) {
        onnx_refuse(c, "", "convert the model to opset 9", "a batch of %d tensors, more than %d", count, MAX_INTS);
        return NULL;
    }
    return onnx_add(c, &spec).node;
}

static bool fill_batch(Scan *s, Node *batch)
{
    OnnxCall *c = s->c;
    Graph *region = graph_new_region(batch), *graph = c->import->graph;
    s->node = batch;
    for (int i = 0; i < batch->ninputs; i++) {
        Type slice = scan_slice(value_type(batch->inputs[i]), 0);
        const char *name = i < s->body.ninputs ? s->body.graph->input[i]->name : "length";
        *(i < s->body.ninputs ? &s->operands[i] : &s->length) = add_input(s, name, &slice);
    }
    c->import->graph = region;
    bool good = add_scan(s, arena_printf(c->arena, "%s.one", batch->name));
    c->import->graph = graph;
    for (int i = 0; good && i < s->body.noutputs; i++) {
        const char *name = onnx_slot_name(c, batch, s->body.graph->output[i]->name);
        graph_add_result(region, (Result){.name = name, .value = s->results[i], .at = c->at});
        s->results[i] = (Value){batch, i};
    }
    return good && graph_infer(batch, c->diag);
}

static bool scan_batch(Scan *s)
{
    Node *batch = add_batch(s);
    if (batch && fill_batch(s, batch)) return give_back(s);
    if (batch) graph_remove(s->c->import->graph, batch);
    return false;
}

bool onnx_op_scan_batch(OnnxCall *c)
{
    Scan s = {.c = c};
    if (!take_operands(&s, 1) || !read_list(&s, "directions", s.scanned, &s.directions)) return false;
    s.length = onnx_operand(c, 0);
    s.axes = ARENA_ARRAY(c->arena, int64_t, s.scanned + 1);
    s.out_axes = ARENA_ARRAY(c->arena, int64_t, s.gathered + 1);
    s.out_directions = s.out_axes;
    for (int i = 0; i < s.body.ninputs; i++)
        if (!value_type(s.operands[i])->rank) return onnx_wrong(c, "its operand %d has no batch", 1 + i);
    for (int i = 0; s.length.node && i < s.scanned; i++)
        if (s.directions[i])
            return onnx_refuse(c, "directions", "convert the model to opset 9", "lengths of what is read from behind");
    return value_type(s.operands[0])->dim[0].high == 1 ? scan_one(&s) : scan_batch(&s);
}
