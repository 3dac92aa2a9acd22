/* Operands and results of a node that is being imported. */
#include "frontend/onnx/import_state.h"

#include "ir/eval.h"
#include "ir/scan.h"

#include <assert.h>
#include <string.h>

/* ---- forms of a value ---- */

static Value moved(OnnxCall *c, Value a, bool to_last)
{
    int rank = a.node ? value_type(a)->rank : 0;
    if (rank < 3) return a;
    IntList permute = {.count = rank};
    for (int i = 0; i < rank; i++)
        permute.at[i] = to_last ? (i == 0 ? 0 : i < rank - 1 ? i + 1 : 1) : (i == 0 ? 0 : i == 1 ? rank - 1 : i - 1);
    return onnx_transpose(c, a, &permute);
}

Value onnx_to_last(OnnxCall *c, Value a) { return moved(c, a, true); }
Value onnx_from_last(OnnxCall *c, Value a) { return moved(c, a, false); }

/* ---- operands ---- */

int onnx_operands(const OnnxCall *c) { return (int)c->node->n_input; }

bool onnx_has(const OnnxCall *c, int index) { return index < onnx_operands(c) && *c->node->input[index]; }

OnnxValue *onnx_value(const OnnxCall *c, int index)
{
    return onnx_has(c, index) ? onnx_scope_find(c->import->scope, c->node->input[index]) : NULL;
}

Value onnx_operand(OnnxCall *c, int index)
{
    OnnxValue *value = onnx_value(c, index);
    if (!value) return (Value){NULL, 0};
    if (!value->plain.node) value->plain = onnx_from_last(c, value->last);
    return value->plain;
}

const Type *onnx_operand_type(OnnxCall *c, int index) { return value_type(onnx_operand(c, index)); }

Dtype onnx_operand_dtype(OnnxCall *c, int index) { return onnx_operand_type(c, index)->dtype; }

Value onnx_operand_last(OnnxCall *c, int index)
{
    OnnxValue *value = onnx_value(c, index);
    if (!value) return onnx_operand(c, index);
    if (!value->last.node) value->last = onnx_to_last(c, value->plain);
    return value->last;
}

bool onnx_is_last(const OnnxCall *c, int index)
{
    const OnnxValue *value = onnx_value(c, index);
    return value && value->last.node && !value->plain.node;
}

/* ---- values that are known ---- */

enum { DEEPEST_CONSTANT = 2000 };

static const Tensor *known_value(OnnxImport *im, Value value, int depth);

/* Shapes take thousands of steps; a file of a few bytes may ask for as many as it likes. */
static const int64_t most_work = INT64_C(1) << 25, step_work = 256; /* a node is as dear as so many elements */

static int64_t bounded_product(int64_t a, int64_t b)
{
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) || product > most_work ? most_work : product;
}

static int64_t graph_work(const Graph *graph);

/* Of a composite: all that it is made of, which may step through its operands. */
static int64_t expansion_work(const Node *node)
{
    Arena *scratch = arena_child(node->graph->arena);
    int64_t work = graph_work(node_expansion(node, scratch));
    arena_free(scratch);
    return work;
}

/* Elements read and written, and products, of one run; never much more than most_work.  Turns of few elements take the
 * time that their nodes do. */
static int64_t node_work(const Node *node)
{
    Contraction contraction;
    int64_t work = step_work, products = 1;
    for (int i = 0; i < node->ninputs; i++)
        if (node->inputs[i].node) work += bounded_product(type_elements(value_type(node->inputs[i])), 1);
    if (node_def(node)->contract) {
        node_def(node)->contract(node, &contraction);
        products =
            bounded_product(contraction.window.kernel[0] * contraction.window.kernel[1], contraction.in_channels);
    }
    for (int i = 0; i < node->nresults; i++) work += bounded_product(type_elements(&node->types[i]), products);
    for (int i = 0; i < node->nregions; i++) work += graph_work(node->regions[i]);
    if (op_is_composite(node->op) && !node_is_empty(node) && work < most_work) work += expansion_work(node);
    bool loop = node_def(node)->kind == KIND_LOOP;
    int64_t turns = loop ? scan_turns(node) : 1;
    return turns ? bounded_product(work, turns) : most_work;
}

static int64_t graph_work(const Graph *graph)
{
    int64_t work = 1;
    for (const Node *node = graph->first; node && work < most_work; node = node->next) work += node_work(node);
    return work;
}

static bool may_compute(OnnxImport *im, const Node *node)
{
    if (im->work < most_work) im->work += node_work(node);
    im->overworked = im->overworked || im->work >= most_work;
    return im->work < most_work;
}

static const Tensor *compute(OnnxImport *im, const Node *node, int depth)
{
    if (node->op == OP_input || node->op == OP_state || depth > DEEPEST_CONSTANT) return NULL;
    if (!attrs_are_fixed(&node_def(node)->attrs, node->attrs)) return NULL;
    Value *captures;
    int ncaptures = node_captures(node, &captures);
    Tensor *operands = ARENA_ARRAY(im->arena, Tensor, node->ninputs + ncaptures + 1);
    Tensor *results = ARENA_ARRAY(im->arena, Tensor, node->nresults);
    for (int i = 0; i < node->ninputs + ncaptures; i++) {
        Value value = i < node->ninputs ? node->inputs[i] : captures[i - node->ninputs];
        if (!value.node) continue;
        const Tensor *operand = known_value(im, value, depth + 1);
        if (!operand) return NULL;
        operands[i] = *operand;
    }
    if (!may_compute(im, node)) return NULL;
    node_eval(node, operands, results, im->arena);
    return results;
}

/* Those of an input without elements are known, too: its shape is all there is. */
static const Tensor *no_elements(OnnxImport *im, const Type *type)
{
    Tensor *tensor = ARENA_NEW(im->arena, Tensor);
    *tensor = tensor_new(im->arena, *type);
    return tensor;
}

static const Tensor *known_value(OnnxImport *im, Value value, int depth)
{
    if (value.node->data) return value.node->data;
    if (type_is_empty(value_type(value)) && type_is_fixed(value_type(value))) return no_elements(im, value_type(value));
    const int64_t *seen = node_map_find(im->known, value.node);
    const Tensor *results = seen ? (const Tensor *)(uintptr_t)*seen : compute(im, value.node, depth);
    if (!seen) *node_map_cell(im->known, value.node) = (int64_t)(uintptr_t)results;
    if (!results && !im->in_sizes && (results = onnx_fixed_sizes(im, value)))
        *node_map_cell(im->known, value.node) = (int64_t)(uintptr_t)results;
    return results ? &results[value.slot] : NULL;
}

const Tensor *onnx_constant(OnnxCall *c, Value value) { return known_value(c->import, value, 0); }

static void add_need(OnnxReport *report, Arena *arena, const char *name)
{
    if (!report) return;
    for (size_t i = 0; i < report->nneeds; i++)
        if (!strcmp(report->needs[i], name)) return;
    report->needs = arena_grow(arena, report->needs, report->nneeds, &report->needs_room, sizeof *report->needs);
    report->needs[report->nneeds++] = name;
}

/* What an input of a body is made of outside: of a counter, what says how many turns there are. */
static void outside_of(const OnnxImport *im, const Node *input, Value out[2])
{
    const Node *owner = input->graph->owner;
    out[0] = out[1] = (Value){NULL, 0};
    for (int i = 0; i < owner->ninputs; i++)
        if (scan_input(owner, i) == input) out[0] = owner->inputs[i];
    for (const OnnxTurns *turns = im->turns; turns; turns = turns->outer) {
        if (turns->counter != input) continue;
        out[0] = turns->count;
        out[1] = turns->go;
    }
}

static const char *inputs_of(OnnxImport *im, const Node *node, NodeMap *seen, int depth);

static const char *inputs_of_all(OnnxImport *im, const Value *values, int count, NodeMap *seen, int depth)
{
    const char *first = NULL;
    for (int i = 0; i < count; i++) {
        const char *found = values[i].node ? inputs_of(im, values[i].node, seen, depth + 1) : NULL;
        if (!first) first = found;
    }
    return first;
}

/* The inputs that a value depends on; marks nodes in `seen` so that each is walked once. */
static const char *inputs_of(OnnxImport *im, const Node *node, NodeMap *seen, int depth)
{
    Value outside[2], *captures;
    if (depth > DEEPEST_CONSTANT || node_map_find(seen, node)) return NULL;
    *node_map_cell(seen, node) = 1;
    if (node->op == OP_input && node->graph->owner) {
        outside_of(im, node, outside);
        return inputs_of_all(im, outside, 2, seen, depth);
    }
    if (node->op == OP_input) {
        add_need(im->report, im->arena, node->name);
        return node->name;
    }
    const char *first = inputs_of_all(im, node->inputs, node->ninputs, seen, depth);
    int ncaptures = node_captures(node, &captures);
    const char *captured = inputs_of_all(im, captures, ncaptures, seen, depth);
    return first ? first : captured;
}

const Tensor *onnx_known(OnnxCall *c, int index, const char *name)
{
    Value value = onnx_operand(c, index);
    if (!value.node) return NULL;
    const Tensor *tensor = onnx_constant(c, value);
    if (tensor) return tensor;
    const char *input = inputs_of(c->import, value.node, node_map_new(c->arena), 0);
    const char *way = input ? arena_printf(c->arena, "--fix %s=FILE.npy makes that input a part of the model", input)
                      : c->import->graph->ndims
                          ? "make it a constant of the model, or give what it follows from a fixed size with --dim"
                          : "make it a constant of the model";
    if (c->import->overworked)
        way = "the model takes too long to compute its own shapes: simplify it before, as onnxsim does";
    onnx_refuse(c, name, way, "the values of '%s' must be known when compiling", name);
    return NULL;
}

bool onnx_known_ints(OnnxCall *c, int index, const char *name, IntList *out)
{
    out->count = 0;
    const Tensor *tensor = onnx_known(c, index, name);
    if (!tensor) return false;
    int64_t count = type_elements(&tensor->type);
    if (dtype_is_float(tensor->type.dtype) || tensor->type.rank > 1)
        return onnx_wrong(c, "expected a list of integers as '%s', found %s", name, type_text(c->arena, &tensor->type));
    if (count > MAX_INTS)
        return onnx_refuse(c, name, "lepc has tensors of up to 8 axes", "'%s' has %lld numbers", name,
                           (long long)count);
    out->count = (int)count;
    for (int i = 0; i < out->count; i++) out->at[i] = tensor_get(tensor, i).integer;
    return true;
}

bool onnx_known_reals(OnnxCall *c, int index, const char *name, RealList *out)
{
    const OnnxValue *value = onnx_value(c, index);
    out->count = 0;
    if (!value) return true;
    const Tensor *tensor = onnx_known(c, index, name);
    if (!tensor) return false;
    int64_t count = type_elements(&tensor->type);
    if (!dtype_is_float(tensor->type.dtype) || tensor->type.rank > 1)
        return onnx_wrong(c, "expected a list of numbers as '%s', found %s", name, type_text(c->arena, &tensor->type));
    if (count > MAX_REALS)
        return onnx_refuse(c, name, "lepc has tensors of up to 8 axes", "'%s' has %lld numbers", name,
                           (long long)count);
    out->count = (int)count;
    for (int i = 0; i < out->count; i++) out->at[i] = tensor_real(tensor, i);
    return true;
}

bool onnx_known_int(OnnxCall *c, int index, const char *name, int64_t *out)
{
    IntList list;
    if (!onnx_known_ints(c, index, name, &list)) return false;
    if (list.count != 1) return onnx_wrong(c, "expected one number as '%s', found %d", name, list.count);
    *out = list.at[0];
    return true;
}

bool onnx_known_real(OnnxCall *c, int index, const char *name, double *out)
{
    const Tensor *tensor = onnx_known(c, index, name);
    if (!tensor) return false;
    if (type_elements(&tensor->type) != 1)
        return onnx_wrong(c, "expected one number as '%s', found %s", name, type_text(c->arena, &tensor->type));
    *out = tensor_real(tensor, 0);
    return true;
}

/* ---- results ---- */

bool onnx_wants(const OnnxCall *c, int index) { return index < (int)c->node->n_output && *c->node->output[index]; }

/* A node that this call has made takes the name of the result; one that was there before has one. */
static void take_name(OnnxCall *c, int index, Value value)
{
    const int64_t *maker = node_map_find(c->import->makers, value.node);
    const char *prefix = c->import->prefix, *name = c->node->output[index];
    if (maker && *maker == c->number && !value.slot && !node_is_step(value.node))
        graph_rename(value.node, arena_printf(c->arena, "%s%s", prefix, name));
}

static OnnxValue *put_result(OnnxCall *c, int index, Value value)
{
    if (!value.node || !onnx_wants(c, index)) return NULL;
    take_name(c, index, value);
    return onnx_scope_put(c->import->scope, c->node->output[index]);
}

bool onnx_result(OnnxCall *c, int index, Value value)
{
    OnnxValue *out = put_result(c, index, value);
    if (out) *out = (OnnxValue){.name = out->name, .plain = value};
    return value.node != NULL;
}

bool onnx_result_last(OnnxCall *c, int index, Value value)
{
    OnnxValue *out = put_result(c, index, value);
    if (out) *out = (OnnxValue){.name = out->name, .last = value};
    return value.node != NULL;
}

void onnx_result_as(OnnxCall *c, int index, const OnnxValue *value)
{
    OnnxValue *out = onnx_scope_put(c->import->scope, c->node->output[index]);
    const char *name = out->name;
    *out = *value;
    out->name = name;
    out->outside = false;
}

/* ---- errors ---- */

void onnx_add_gap(OnnxImport *im, const OnnxGap *gap)
{
    OnnxReport *report = im->report;
    if (!report) return;
    report->gaps = arena_grow(im->arena, report->gaps, report->ngaps, &report->gaps_room, sizeof *report->gaps);
    report->gaps[report->ngaps++] = *gap;
}

const char *onnx_node_name(const OnnxCall *c) { return c->node->name && *c->node->name ? c->node->name : c->name; }

bool onnx_refuse(OnnxCall *c, const char *attribute, const char *way_out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *why = arena_vprintf(c->arena, format, args);
    va_end(args);
    onnx_add_gap(c->import, &(OnnxGap){onnx_node_name(c), c->node->op_type, attribute, why, way_out, c->opset});
    const char *opset = c->opset ? arena_printf(c->arena, " (opset %lld)", (long long)c->opset) : "";
    diag_error(c->diag, E0512, c->at, "%s%s", why, opset);
    return diag_help(c->diag, "%s", way_out);
}

bool onnx_wrong(OnnxCall *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *why = arena_vprintf(c->arena, format, args);
    va_end(args);
    diag_error(c->diag, E0511, c->at, "%s", why);
    return diag_help(c->diag, "onnx.checker.check_model(model) finds more of this kind");
}
