#include "frontend/onnx/body.h"

#include "frontend/onnx/weights.h"
#include "ir/scan.h"

#include <string.h>

/* ---- names ---- */

const char *onnx_step_name(const OnnxCall *c)
{
    bool named = c->node->name && *c->node->name;
    return named ? arena_printf(c->arena, "%s%s", c->import->prefix, c->node->name) : c->name;
}

static bool is_slot(const OnnxCall *c, const Node *scan, const char *name)
{
    const Graph *region = scan->regions[0];
    for (int i = 0; i < region->nresults; i++)
        if (region->results[i].name && !strcmp(region->results[i].name, name)) return true;
    for (int i = 0; scan_input(scan, i); i++)
        if (!strcmp(scan_input(scan, i)->name, arena_printf(c->arena, "%s.%s", scan->name, name))) return true;
    return false;
}

const char *onnx_slot_name(const OnnxCall *c, const Node *scan, const char *name)
{
    while (is_slot(c, scan, name)) name = arena_printf(c->arena, "%s.all", name);
    return name;
}

/* ---- bodies ---- */

bool onnx_body(OnnxCall *c, const char *attribute, OnnxBody *out)
{
    OnnxImport *im = c->import;
    const Onnx__AttributeProto *attr = onnx_attr(c, attribute);
    const Onnx__GraphProto *graph = attr ? attr->g : NULL;
    if (!graph) return onnx_wrong(c, "it has no graph '%s'", attribute);
    if (graph->n_sparse_initializer || graph->n_input > INT16_MAX || graph->n_output > INT16_MAX)
        return onnx_refuse(c, attribute, "save the model with dense initializers",
                           "'%s' has sparse initializers, or too many inputs", attribute);
    OnnxScope *outer = im->scope;
    const char *keys = im->keys, *prefix = im->prefix;
    int errors = im->diag->errors;
    *out = (OnnxBody){graph, onnx_scope_new(c->arena, outer), (int)graph->n_input, (int)graph->n_output};
    im->scope = out->scope;
    im->keys = im->prefix = onnx_body_keys(c->arena, keys, c->node, attribute);
    for (size_t i = 0; i < graph->n_initializer; i++) onnx_import_initializer(im, graph->initializer[i]);
    im->scope = outer;
    im->keys = keys;
    im->prefix = prefix;
    return im->diag->errors == errors;
}

static bool enter_inputs(OnnxCall *c, const OnnxBody *body, const Value *inputs)
{
    for (int i = 0; i < body->ninputs; i++) {
        const char *name = body->graph->input[i]->name;
        if (!name || onnx_scope_makes(c->import->scope, name))
            return onnx_wrong(c, "its body has an input without a name of its own");
        *onnx_scope_put(c->import->scope, name) = (OnnxValue){.name = name, .plain = inputs[i]};
    }
    return true;
}

static bool take_outputs(OnnxCall *c, const OnnxBody *body, OnnxValue *outputs)
{
    for (int i = 0; i < body->noutputs; i++) {
        const char *name = body->graph->output[i]->name;
        const OnnxValue *value = name ? onnx_scope_find(c->import->scope, name) : NULL;
        if (!value) return onnx_wrong(c, "nothing in its body makes the output '%s'", name ? name : "");
        outputs[i] = *value;
        if (!value->plain.node && !value->last.node) return false;
    }
    return true;
}

bool onnx_body_import(OnnxCall *c, const OnnxBody *body, Graph *into, const char *path, const Value *inputs,
                      OnnxValue *outputs)
{
    OnnxImport *im = c->import;
    Graph *graph = im->graph;
    OnnxScope *scope = im->scope;
    const char *prefix = im->prefix;
    int errors = im->diag->errors;
    im->in_bodies += body->graph->n_node;
    im->graph = into;
    im->scope = onnx_scope_new(c->arena, body->scope);
    if (*path) im->prefix = arena_printf(c->arena, "%s.", path);
    bool good = enter_inputs(c, body, inputs);
    for (size_t i = 0; good && i < body->graph->n_node; i++) onnx_import_node(im, body->graph->node[i]);
    good = good && im->diag->errors == errors && take_outputs(c, body, outputs);
    im->graph = graph;
    im->scope = scope;
    im->prefix = prefix;
    return good;
}

Value onnx_body_value(OnnxCall *c, Graph *into, OnnxValue *output, bool last)
{
    Graph *graph = c->import->graph;
    c->import->graph = into;
    if (last && !output->last.node) output->last = onnx_to_last(c, output->plain);
    if (!last && !output->plain.node) output->plain = onnx_from_last(c, output->last);
    c->import->graph = graph;
    return last ? output->last : output->plain;
}

/* ---- what is tried out ---- */

OnnxMark onnx_mark(const OnnxCall *c)
{
    const OnnxReport *report = c->import->report;
    return (OnnxMark){*c->diag, report ? report->ngaps : 0, report ? report->nneeds : 0, c->import->graph->last};
}

void onnx_rewind(OnnxCall *c, const OnnxMark *mark)
{
    OnnxReport *report = c->import->report;
    Graph *graph = c->import->graph;
    while (graph->last && graph->last != mark->last) graph_remove(graph, graph->last);
    diag_rewind(c->diag, &mark->diag);
    if (!report) return;
    report->ngaps = mark->ngaps;
    report->nneeds = mark->nneeds;
}
