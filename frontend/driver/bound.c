/* A bound for every element, carried through a group as its values are: a running error analysis.  A contraction
 * of K terms adds (8 + sqrt K) eps (|b| + sum |x w|); other nodes pass errors on as their slope says. */
#include "frontend/driver/judge.h"

#include "ir/eval.h"
#include "ir/scan.h"
#include "ir/winograd.h"
#include "passes/pass.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

/* map_roundings: those of the longest elementary function of ours */
static const double eps = FLT_EPSILON / 2, map_roundings = 24;

Tensor judge_double(Arena *arena, const Type *type)
{
    Type wide = *type;
    wide.dtype = F64;
    return tensor_new(arena, wide);
}

static Tensor to_double(Arena *arena, const Tensor *from)
{
    Tensor out = judge_double(arena, &from->type);
    for (int64_t i = 0; i < type_elements(&from->type); i++) reals(&out)[i] = tensor_real(from, i);
    return out;
}

static Tensor *new_operands(const Judge *j, const Node *n) { return ARENA_ARRAY(j->arena, Tensor, n->ninputs + 1); }

/* A tensor from outside the group: weights, inputs, what earlier groups made. */
static const Tensor *outer_tensor(const Judge *judge, Value value)
{
    if (value.node->data) return value.node->data;
    const int64_t *cell = node_map_find(judge->known->tensors, value.node);
    assert(cell);
    return (const Tensor *)(intptr_t)*cell + value.slot;
}

/* ---- strict: the same bits ---- */

static const Tensor *strict_operand(const Judge *judge, Value value)
{
    const int64_t *cell = node_map_find(judge->inside, value.node);
    return cell ? (const Tensor *)(intptr_t)*cell + value.slot : outer_tensor(judge, value);
}

static void eval_strict(Judge *judge, const Node *node)
{
    Tensor *results = ARENA_ARRAY(judge->arena, Tensor, node->nresults), *operands = new_operands(judge, node);
    for (int i = 0; i < node->ninputs; i++)
        if (node->inputs[i].node) operands[i] = *strict_operand(judge, node->inputs[i]);
    if (node->data)
        results[0] = *node->data;
    else
        node_eval(node, operands, results, judge->arena);
    *node_map_cell(judge->inside, node) = (int64_t)(intptr_t)results;
}

/* ---- fast: within the bound ---- */

static Estimate exact(Arena *arena, const Tensor *tensor)
{
    return (Estimate){to_double(arena, tensor), judge_double(arena, &tensor->type)};
}

Estimate judge_estimate(const Judge *judge, Value value)
{
    const int64_t *cell = node_map_find(judge->inside, value.node);
    return cell ? ((const Estimate *)(intptr_t)*cell)[value.slot] : exact(judge->arena, outer_tensor(judge, value));
}

/* Operands in doubles to the dtypes that the node knows. */
static Tensor eval_typed(const Judge *judge, const Node *node, const Tensor *operands)
{
    Tensor *typed = new_operands(judge, node), out = {0};
    for (int i = 0; i < node->ninputs; i++) {
        if (!node->inputs[i].node) continue;
        typed[i] = tensor_new(judge->arena, *value_type(node->inputs[i]));
        for (int64_t e = 0; e < type_elements(&typed[i].type); e++)
            tensor_set_real(&typed[i], e, reals(&operands[i])[e]);
    }
    node_eval(node, typed, &out, judge->arena);
    return to_double(judge->arena, &out);
}

/* What is not f32 has no meaning in f64: integers, truth, narrow floats with their roundings. */
static Tensor eval_on(const Judge *judge, const Node *node, const Tensor *operands)
{
    bool single = node->types[0].dtype == F32;
    for (int i = 0; i < node->ninputs; i++)
        single &= !node->inputs[i].node || value_type(node->inputs[i])->dtype == F32;
    if (!single) return eval_typed(judge, node, operands);
    Tensor out = {0};
    node_eval_double(node, operands, &out, judge->arena);
    return out;
}

static Tensor absolute(Arena *arena, const Tensor *from)
{
    Tensor out = judge_double(arena, &from->type);
    for (int64_t i = 0; i < type_elements(&from->type); i++) reals(&out)[i] = fabs(reals(from)[i]);
    return out;
}

static Tensor sum_of(Arena *arena, const Tensor *a, double factor, const Tensor *b)
{
    Tensor out = judge_double(arena, &a->type);
    for (int64_t i = 0; i < type_elements(&a->type); i++) reals(&out)[i] = reals(a)[i] + factor * reals(b)[i];
    return out;
}

/* ---- Winograd ---- */

/* The largest element of each channel among a tile's inputs: `most` has room for the channels. */
static void largest_inputs(const Winograd *w, const Contraction *c, const Tensor *x, const int64_t at[3], double *most)
{
    for (int64_t ic = 0; ic < w->in_channels; ic++) most[ic] = 0;
    for (int64_t ky = 0; ky < w->inputs; ky++)
        for (int64_t kx = 0; kx < w->inputs; kx++) {
            int64_t row = at[1] * w->outputs + ky - c->window.pad_begin[0];
            int64_t column = at[2] * w->outputs + kx - c->window.pad_begin[1];
            if (row < 0 || row >= c->in_height || column < 0 || column >= c->in_width) continue;
            const double *pixel = reals(x) + ((at[0] * c->in_height + row) * c->in_width + column) * w->in_channels;
            for (int64_t ic = 0; ic < w->in_channels; ic++) most[ic] = fmax(most[ic], pixel[ic]);
        }
}

/* The transforms mix all that a tile reads, of each window all its weights: what rounding is measured by is the sum
 * over channels of a tile's largest input times all that the window weighs, and the bias.  Operands are sizes. */
static Tensor winograd_sizes(const Judge *judge, const Node *node, const Tensor *sizes, const Winograd *w)
{
    Contraction c;
    node_def(node)->contract(node, &c);
    Tensor out = judge_double(judge->arena, &node->types[0]);
    double *most = ARENA_ARRAY(judge->arena, double, w->in_channels);
    int64_t windows = w->in_channels * w->out_channels, pixels = c.batch * c.out_height * c.out_width;
    double *weights = ARENA_ARRAY(judge->arena, double, windows);
    for (int64_t i = 0; i < 9 * windows; i++) weights[i % windows] += reals(&sizes[1])[i];
    for (int64_t pixel = 0; pixel < pixels; pixel++) {
        int64_t x = pixel % c.out_width, y = pixel / c.out_width % c.out_height;
        const int64_t at[3] = {pixel / c.out_width / c.out_height, y / w->outputs, x / w->outputs};
        if (x % w->outputs == 0 || pixel == 0) largest_inputs(w, &c, &sizes[0], at, most);
        for (int64_t oc = 0; oc < w->out_channels; oc++) {
            double sum = c.bias >= 0 && sizes[c.bias].data ? reals(&sizes[c.bias])[oc] : 0;
            for (int64_t ic = 0; ic < w->in_channels; ic++) sum += most[ic] * weights[ic * w->out_channels + oc];
            reals(&out)[pixel * w->out_channels + oc] = sum;
        }
    }
    return out;
}

/* Sums of K products: rounding, and the operands' own errors against the other operand's size. */
static Tensor contract_error(const Judge *judge, const Node *node, const Estimate *in)
{
    Contraction c;
    node_def(node)->contract(node, &c);
    Tensor *sizes = new_operands(judge, node), *wider = new_operands(judge, node);
    for (int i = 0; i < node->ninputs; i++) {
        if (!node->inputs[i].node) continue;
        sizes[i] = absolute(judge->arena, &in[i].value);
        wider[i] = sum_of(judge->arena, &sizes[i], 1, &in[i].error);
    }
    Tensor size = eval_on(judge, node, sizes), wide = eval_on(judge, node, wider);
    double terms = (double)(c.window.kernel[0] * c.window.kernel[1] * c.in_channels / c.window.groups);
    Tensor grown = sum_of(judge->arena, &wide, -1, &size);
    if (!judge->winograd) return sum_of(judge->arena, &grown, (8 + sqrt(terms)) * eps, &wide);
    Winograd w = winograd_of(&judge->group, judge->winograd, 1, 1);
    wide = winograd_sizes(judge, node, wider, &w);
    return sum_of(judge->arena, &grown, winograd_errors(judge->winograd) * (8 + sqrt(terms)) * eps, &wide);
}

/* How far the result moves when one operand moves by its error: each at a time, both ways. */
static Tensor map_error(const Judge *judge, const Node *node, const Estimate *in, const Tensor *value)
{
    Tensor out = judge_double(judge->arena, &value->type), *moved = new_operands(judge, node);
    int64_t count = type_elements(&value->type);
    for (int i = 0; i < node->ninputs; i++) moved[i] = in[i].value;
    for (int i = 0; i < node->ninputs; i++) {
        if (!node->inputs[i].node) continue;
        Tensor ends[2];
        for (int k = 0; k < 2; k++) {
            moved[i] = sum_of(judge->arena, &in[i].value, k ? 1 : -1, &in[i].error);
            ends[k] = eval_on(judge, node, moved);
        }
        moved[i] = in[i].value;
        for (int64_t e = 0; e < count; e++)
            reals(&out)[e] +=
                fmax(fabs(reals(&ends[0])[e] - reals(value)[e]), fabs(reals(&ends[1])[e] - reals(value)[e]));
    }
    for (int64_t e = 0; e < count; e++) reals(&out)[e] += map_roundings * eps * (fabs(reals(value)[e]) + FLT_MIN);
    return out;
}

/* Softmax and its kind: relative to the result, by the largest error of an operand element. */
static Tensor row_error(const Judge *judge, const Estimate *in, const Tensor *value)
{
    Tensor out = judge_double(judge->arena, &value->type);
    double worst = 0, most = -INFINITY, least = INFINITY;
    for (int64_t i = 0; i < type_elements(&in->error.type); i++) {
        worst = fmax(worst, reals(&in->error)[i]);
        most = fmax(most, reals(&in->value)[i]);
        least = fmin(least, reals(&in->value)[i]);
    }
    int rank = value->type.rank;
    double terms = rank ? (double)value->type.dim[rank - 1].high : 1;
    /* the difference to the largest is rounded before its exponential is taken */
    double relative = expm1(2 * (worst + (most - least) * eps)) + (8 + map_roundings + sqrt(terms)) * eps;
    for (int64_t i = 0; i < type_elements(&value->type); i++)
        reals(&out)[i] = relative * fabs(reals(value)[i]) + FLT_MIN;
    return out;
}

/* Elements that only moved bring their errors along; indices say where, not what. */
static Tensor moved_error(const Judge *judge, const Node *node, const Estimate *in)
{
    Tensor *errors = new_operands(judge, node);
    bool indexed = node_def(node)->kind == KIND_INDEX;
    for (int i = 0; i < node->ninputs; i++) errors[i] = indexed && i ? in[i].value : in[i].error;
    return eval_on(judge, node, errors);
}

/* How many elements become one, at most. */
static double terms_of(const Node *node)
{
    const Type *from = value_type(node->inputs[0]);
    Prefix prefix;
    if (node_def(node)->kind != KIND_PREFIX)
        return (double)type_elements(from) / (double)type_elements(&node->types[0]);
    node_def(node)->prefix(node, &prefix);
    return (double)from->dim[prefix.axis].high;
}

/* Of the largest or smallest: the largest error of those that it is taken of.  Of sums, means and products: how much
 * they grow with their operands' sizes, and rounding. */
static Tensor reduce_error(const Judge *judge, const Node *node, const Estimate *in)
{
    Combiner combiner = node_combiner(node);
    Tensor size = absolute(judge->arena, &in->value);
    if (combiner == COMBINE_MAX || combiner == COMBINE_MIN) {
        Tensor none = judge_double(judge->arena, &in->error.type);
        Tensor error = sum_of(judge->arena, &none, combiner == COMBINE_MAX ? 1 : -1, &in->error);
        Tensor out = eval_on(judge, node, &error);
        return absolute(judge->arena, &out);
    }
    Tensor wider = sum_of(judge->arena, &size, 1, &in->error);
    Tensor sizes = eval_on(judge, node, &size), wide = eval_on(judge, node, &wider);
    double terms = terms_of(node);
    Tensor grown = sum_of(judge->arena, &wide, -1, &sizes);
    return sum_of(judge->arena, &grown, (8 + sqrt(terms)) * eps, &wide);
}

static Tensor error_of(const Judge *judge, const Node *node, const Estimate *in, const Tensor *value)
{
    switch (node_def(node)->kind) {
    case KIND_CONTRACT: return contract_error(judge, node, in);
    case KIND_IOTA: return judge_double(judge->arena, &value->type);
    case KIND_VIEW:
    case KIND_PIECES:
    case KIND_INDEX: return moved_error(judge, node, in);
    case KIND_REDUCE:
    case KIND_PREFIX:
    case KIND_WINDOW: return reduce_error(judge, node, in);
    case KIND_ROW: return row_error(judge, in, value);
    default: return map_error(judge, node, in, value);
    }
}

/* Floats narrower than f32 are computed in f32, then rounded. */
static void add_rounding(Estimate *out, Dtype dtype)
{
    double narrow = dtype == F16 ? 0x1p-11 : dtype == BF16 ? 0x1p-8 : 0;
    for (int64_t i = 0; narrow > 0 && i < type_elements(&out->value.type); i++)
        reals(&out->error)[i] += narrow * (fabs(reals(&out->value)[i]) + reals(&out->error)[i] + 0x1p-14);
}

static void eval_nest(Judge *judge, const Node *node);

void judge_node(Judge *judge, const Node *node)
{
    if (node_def(node)->kind == KIND_NEST && node_def(node)->expand) {
        eval_nest(judge, node);
        return;
    }
    Estimate *in = ARENA_ARRAY(judge->arena, Estimate, node->ninputs + 1), *out = ARENA_NEW(judge->arena, Estimate);
    Tensor *operands = new_operands(judge, node);
    for (int i = 0; i < node->ninputs; i++)
        if (node->inputs[i].node) {
            in[i] = judge_estimate(judge, node->inputs[i]);
            operands[i] = in[i].value;
        }
    if (node->data)
        *out = exact(judge->arena, node->data);
    else {
        out->value = eval_on(judge, node, operands);
        out->error = error_of(judge, node, in, &out->value);
        add_rounding(out, node->types[0].dtype);
    }
    *node_map_cell(judge->inside, node) = (int64_t)(intptr_t)out;
}

/* What a group inside gives back is called as the node that makes it, too. */
static void eval_nodes(Judge *judge, const Graph *body, bool strict)
{
    for (const Node *node = body->first; node; node = node->next)
        if (node->nregions) {
            eval_nodes(judge, node->regions[0], strict);
            int64_t made = *node_map_find(judge->inside, node->regions[0]->results[0].value.node);
            *node_map_cell(judge->inside, node) = made;
        } else if (strict) {
            eval_strict(judge, node);
        } else {
            judge_node(judge, node);
        }
}

static void eval_body(Judge *judge, const Graph *body, bool strict)
{
    judge->inside = node_map_new(judge->arena);
    eval_nodes(judge, body, strict);
}

/* A nest of its own means its expansion, which is judged node by node: what its code does is at least as exact. */
static void eval_nest(Judge *judge, const Node *node)
{
    Diag diag = diag_new(judge->arena);
    Graph *graph = graph_new(judge->arena, node->name);
    Value *inputs = ARENA_ARRAY(judge->arena, Value, node->ninputs + 1);
    for (int i = 0; i < node->ninputs; i++) {
        if (!node->inputs[i].node) continue;
        NodeSpec spec = {.op = OP_input, .name = "operand", .type = value_type(node->inputs[i])};
        inputs[i] = value_of(graph_add(graph, &spec, &diag));
        Estimate *given = ARENA_NEW(judge->arena, Estimate);
        *given = judge_estimate(judge, node->inputs[i]);
        *node_map_cell(judge->inside, inputs[i].node) = (int64_t)(intptr_t)given;
    }
    NodeSpec spec = {
        .op = node->op, .name = node->name, .ninputs = node->ninputs, .inputs = inputs, .attrs = node->attrs};
    Node *whole = graph_add(graph, &spec, &diag);
    Maker maker = {.graph = graph, .node = whole, .at = whole, .diag = &diag};
    Value *made = ARENA_ARRAY(judge->arena, Value, node->nresults);
    bool expanded = whole && node_def(node)->expand(&maker, made);
    assert(expanded && !diag.errors);
    (void)expanded;
    for (int i = 0; i < node->nresults; i++) graph_add_result(graph, (Result){.value = made[i]});
    graph_remove(graph, whole);
    bool primitive = pass_expand(graph, &(PassContext){.level = 0}, &diag);
    assert(primitive);
    (void)primitive;
    for (const Node *inner = graph->first; inner; inner = inner->next)
        if (inner->op != OP_input) judge_node(judge, inner);
    Estimate *out = ARENA_ARRAY(judge->arena, Estimate, node->nresults);
    for (int i = 0; i < node->nresults; i++) out[i] = judge_estimate(judge, graph->results[i].value);
    *node_map_cell(judge->inside, node) = (int64_t)(intptr_t)out;
}

void judge_group(Judge *judge, const Node *group)
{
    const Graph *body = group->regions[0];
    Estimate *out = ARENA_ARRAY(judge->arena, Estimate, group->nresults);
    judge->group = group_of(group);
    judge->winograd = group->schedule ? winograd_outputs(group->schedule->variant) : 0;
    for (const Node *node = body->first; node; node = node->next) judge_node(judge, node);
    for (int i = 0; i < group->nresults; i++) out[i] = judge_estimate(judge, body->results[i].value);
    *node_map_cell(judge->inside, group) = (int64_t)(intptr_t)out;
}

/* ---- steps ---- */

/* The bits of a scan or branch. */
static Tensor control_exact(const Judge *judge, const Node *scan, int slot)
{
    Value *captures = NULL;
    int captured = node_captures(scan, &captures);
    Tensor *operands = ARENA_ARRAY(judge->arena, Tensor, scan->ninputs + captured),
           *results = ARENA_ARRAY(judge->arena, Tensor, scan->nresults);
    for (int i = 0; i < scan->ninputs; i++) operands[i] = *outer_tensor(judge, scan->inputs[i]);
    for (int i = 0; i < captured; i++) operands[scan->ninputs + i] = *outer_tensor(judge, captures[i]);
    node_eval(scan, operands, results, judge->arena);
    return results[slot];
}

static Judgement judge_step_of_control(Judge *judge, const Node *scan, int slot, bool strict)
{
    Judgement out = {.exact = {.data = NULL}};
    if (strict || scan->types[slot].dtype != F32) out.exact = control_exact(judge, scan, slot);
    if (strict) return out;
    judge->inside = node_map_new(judge->arena);
    judge_control(judge, scan);
    Estimate estimate = judge_estimate(judge, (Value){(Node *)(uintptr_t)scan, slot});
    out.expected = estimate.value;
    out.bound = estimate.error;
    return out;
}

Judgement judge_step(const Node *group, int slot, const Known *known, bool strict, Arena *arena)
{
    Judge judge = {.arena = arena, .known = known};
    if (node_is_control(group)) return judge_step_of_control(&judge, group, slot, strict);
    judge.group = group_of(group);
    if (group->schedule) judge.winograd = winograd_outputs(group->schedule->variant);
    const Graph *body = group->regions[0];
    Value result = body->results[slot].value;
    Judgement out = {.exact = {.data = NULL}};
    bool nest = node_def(result.node)->kind == KIND_NEST, row = node_def(result.node)->kind == KIND_ROW;
    if (strict || nest || row || group->types[slot].dtype != F32) {
        eval_body(&judge, body, true);
        out.exact = *strict_operand(&judge, result);
    }
    if (strict) return out;
    eval_body(&judge, body, false);
    Estimate estimate = judge_estimate(&judge, result);
    out.expected = estimate.value;
    out.bound = estimate.error;
    return out;
}
