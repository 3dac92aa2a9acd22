/* One of two bodies. */
#include "ir/branch.h"

#include "frontend/onnx/body.h"

typedef struct Choice {
    OnnxCall *c;
    OnnxBody bodies[BRANCH_REGIONS];
    OnnxValue *outputs[BRANCH_REGIONS];
    int results; /* of the node, as many as are wanted or not */
} Choice;

/* ---- one that is known: no other needs to be supported, or to have the same shapes ---- */

static bool take_body(Choice *i, int region)
{
    OnnxCall *c = i->c;
    if (!onnx_body_import(c, &i->bodies[region], c->import->graph, "", NULL, i->outputs[region])) return false;
    for (int k = 0; k < i->results; k++)
        if (onnx_wants(c, k)) onnx_result_as(c, k, &i->outputs[region][k]);
    return true;
}

/* ---- at run time ---- */

static bool is_last_only(const OnnxValue *value) { return value->last.node && !value->plain.node; }

/* Where both bodies have channels last, so has the result. */
static bool result_is_last(const Choice *i, int k)
{
    const OnnxValue *yes = &i->outputs[BRANCH_THEN][k], *no = &i->outputs[BRANCH_ELSE][k];
    return is_last_only(yes) && is_last_only(no) && value_type(yes->last)->rank == value_type(no->last)->rank;
}

static bool import_bodies(Choice *i, Node *branch)
{
    bool good = true;
    for (int r = 0; r < BRANCH_REGIONS; r++) {
        Graph *region = graph_new_region(branch);
        const char *path = arena_printf(i->c->arena, "%s.%s", branch->name, branch_region_name(r));
        good = onnx_body_import(i->c, &i->bodies[r], region, path, NULL, i->outputs[r]) && good;
    }
    return good;
}

static void add_results(Choice *i, Node *branch)
{
    OnnxCall *c = i->c;
    for (int k = 0; k < i->results; k++) {
        if (!onnx_wants(c, k)) continue;
        bool last = result_is_last(i, k);
        for (int r = 0; r < BRANCH_REGIONS; r++) {
            Value value = onnx_body_value(c, branch->regions[r], &i->outputs[r][k], last);
            graph_add_result(branch->regions[r], (Result){.name = c->node->output[k], .value = value, .at = c->at});
        }
    }
}

static bool choose(Choice *i, Value condition)
{
    OnnxCall *c = i->c;
    const NodeSpec spec = {.op = OP_if,
                           .name = i->results > 1 ? onnx_step_name(c) : c->name,
                           .ninputs = 1,
                           .inputs = &condition,
                           .origin = origin_of(c->arena, c->at)};
    Value made = onnx_add(c, &spec);
    if (!made.node) return false;
    bool good = import_bodies(i, made.node);
    if (good) add_results(i, made.node);
    if (!good || !graph_infer(made.node, c->diag)) {
        graph_remove(c->import->graph, made.node);
        return false;
    }
    for (int k = 0; k < i->results; k++) {
        if (!onnx_wants(c, k)) continue;
        if (result_is_last(i, k))
            onnx_result_last(c, k, made);
        else
            onnx_result(c, k, made);
        made.slot++;
    }
    return true;
}

bool onnx_op_if(OnnxCall *c)
{
    Choice i = {.c = c, .results = (int)c->node->n_output};
    Value condition = onnx_operand(c, 0);
    const Tensor *known = onnx_constant(c, condition);
    if (type_elements(value_type(condition)) != 1)
        return onnx_wrong(c, "expected one bool, found %s", type_text(c->arena, value_type(condition)));
    if (!onnx_body(c, "then_branch", &i.bodies[BRANCH_THEN])) return false;
    if (!onnx_body(c, "else_branch", &i.bodies[BRANCH_ELSE])) return false;
    for (int r = 0; r < BRANCH_REGIONS; r++) {
        i.outputs[r] = ARENA_ARRAY(c->arena, OnnxValue, i.bodies[r].noutputs + 1);
        if (i.bodies[r].ninputs || i.bodies[r].noutputs != i.results)
            return onnx_wrong(c, "its bodies have no inputs, and an output for each of its results");
    }
    if (known) return take_body(&i, tensor_real(known, 0) != 0 ? BRANCH_THEN : BRANCH_ELSE);
    return choose(&i, condition);
}
