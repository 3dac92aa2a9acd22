/* A bound for every element, carried through a group as its values are: a running error analysis.  A contraction
 * of K terms adds (8 + sqrt K) eps (|b| + sum |x w|); other nodes pass errors on as their slope says. */
#include "frontend/driver/bound.h"

#include "ir/eval.h"
#include "ir/op.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

/* A value in f64 and how far f32 arithmetic may be from it. */
typedef struct Estimate {
    Tensor value, error;
} Estimate;

typedef struct Judge {
    Arena *arena;
    const Known *known;
    NodeMap *inside; /* of Estimate *, or Tensor * when strict */
} Judge;

/* map_roundings: those of the longest elementary function of ours */
static const double eps = FLT_EPSILON / 2, map_roundings = 24;
enum { MAX_IN = 16 };

static Tensor new_double(Arena *arena, const Type *type)
{
    Type wide = *type;
    wide.dtype = F64;
    wide.quant = NULL;
    return tensor_new(arena, wide);
}

static double *reals(const Tensor *tensor) { return tensor->data; }

static Tensor to_double(Arena *arena, const Tensor *from)
{
    Tensor out = new_double(arena, &from->type);
    for (int64_t i = 0; i < type_elements(&from->type); i++) reals(&out)[i] = tensor_real(from, i);
    return out;
}

/* A tensor from outside the group: weights, inputs, what earlier groups made. */
static const Tensor *outer_tensor(const Judge *judge, Value value)
{
    if (value.node->data) return value.node->data;
    const int64_t *cell = node_map_find(judge->known->tensors, value.node);
    assert(cell);
    return (const Tensor *)(intptr_t)*cell;
}

/* ---- strict: the same bits ---- */

static const Tensor *strict_operand(const Judge *judge, Value value)
{
    const int64_t *cell = node_map_find(judge->inside, value.node);
    return cell ? (const Tensor *)(intptr_t)*cell + value.slot : outer_tensor(judge, value);
}

static void eval_strict(Judge *judge, const Node *node)
{
    Tensor *results = ARENA_ARRAY(judge->arena, Tensor, node->nresults), operands[MAX_IN] = {0};
    assert(node->ninputs <= MAX_IN);
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
    return (Estimate){to_double(arena, tensor), new_double(arena, &tensor->type)};
}

static Estimate estimate_of(const Judge *judge, Value value)
{
    const int64_t *cell = node_map_find(judge->inside, value.node);
    return cell ? *(const Estimate *)(intptr_t)*cell : exact(judge->arena, outer_tensor(judge, value));
}

static Tensor eval_on(const Judge *judge, const Node *node, const Tensor *operands)
{
    Tensor out = {0};
    node_eval_double(node, operands, &out, judge->arena);
    return out;
}

static Tensor absolute(Arena *arena, const Tensor *from)
{
    Tensor out = new_double(arena, &from->type);
    for (int64_t i = 0; i < type_elements(&from->type); i++) reals(&out)[i] = fabs(reals(from)[i]);
    return out;
}

static Tensor sum_of(Arena *arena, const Tensor *a, double factor, const Tensor *b)
{
    Tensor out = new_double(arena, &a->type);
    for (int64_t i = 0; i < type_elements(&a->type); i++) reals(&out)[i] = reals(a)[i] + factor * reals(b)[i];
    return out;
}

/* Sums of K products: rounding, and the operands' own errors against the other operand's size. */
static Tensor contract_error(const Judge *judge, const Node *node, const Estimate *in)
{
    Contraction c;
    node_def(node)->contract(node, &c);
    Tensor sizes[MAX_IN] = {0}, wider[MAX_IN] = {0};
    for (int i = 0; i < node->ninputs; i++) {
        if (!node->inputs[i].node) continue;
        sizes[i] = absolute(judge->arena, &in[i].value);
        wider[i] = sum_of(judge->arena, &sizes[i], 1, &in[i].error);
    }
    Tensor size = eval_on(judge, node, sizes), wide = eval_on(judge, node, wider);
    double terms = (double)(c.window.kernel[0] * c.window.kernel[1] * c.in_channels / c.window.groups) + 1;
    Tensor grown = sum_of(judge->arena, &wide, -1, &size);
    return sum_of(judge->arena, &grown, (8 + sqrt(terms)) * eps, &wide);
}

/* How far the result moves when one operand moves by its error: each at a time, both ways. */
static Tensor map_error(const Judge *judge, const Node *node, const Estimate *in, const Tensor *value)
{
    Tensor out = new_double(judge->arena, &value->type), moved[MAX_IN] = {0};
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
    Tensor out = new_double(judge->arena, &value->type);
    double worst = 0;
    for (int64_t i = 0; i < type_elements(&in->error.type); i++) worst = fmax(worst, reals(&in->error)[i]);
    int rank = value->type.rank;
    double terms = rank ? (double)value->type.dim[rank - 1].high : 1;
    for (int64_t i = 0; i < type_elements(&value->type); i++)
        reals(&out)[i] = (expm1(2 * worst) + (8 + map_roundings + sqrt(terms)) * eps) * fabs(reals(value)[i]) + FLT_MIN;
    return out;
}

/* Sums, largest and means: errors add up at most as sizes do. */
static Tensor reduce_error(const Judge *judge, const Node *node, const Estimate *in)
{
    Tensor size = absolute(judge->arena, &in->value), error = eval_on(judge, node, &in->error);
    Tensor sizes = eval_on(judge, node, &size);
    double terms = (double)type_elements(&in->value.type) / (double)type_elements(&sizes.type);
    return sum_of(judge->arena, &error, (8 + sqrt(terms)) * eps, &sizes);
}

static Tensor error_of(const Judge *judge, const Node *node, const Estimate *in, const Tensor *value)
{
    switch (node_def(node)->kind) {
    case KIND_CONTRACT: return contract_error(judge, node, in);
    case KIND_VIEW: return eval_on(judge, node, &in->error);
    case KIND_REDUCE:
    case KIND_WINDOW: return reduce_error(judge, node, in);
    case KIND_ROW: return row_error(judge, in, value);
    default: return map_error(judge, node, in, value);
    }
}

static void eval_fast(Judge *judge, const Node *node)
{
    Estimate in[MAX_IN] = {0}, *out = ARENA_NEW(judge->arena, Estimate);
    Tensor operands[MAX_IN] = {0};
    assert(node->ninputs <= MAX_IN);
    for (int i = 0; i < node->ninputs; i++)
        if (node->inputs[i].node) {
            in[i] = estimate_of(judge, node->inputs[i]);
            operands[i] = in[i].value;
        }
    if (node->data)
        *out = exact(judge->arena, node->data);
    else {
        out->value = eval_on(judge, node, operands);
        out->error = error_of(judge, node, in, &out->value);
    }
    *node_map_cell(judge->inside, node) = (int64_t)(intptr_t)out;
}

Judgement judge_group(const Node *group, const Known *known, bool strict, Arena *arena)
{
    Judge judge = {.arena = arena, .known = known, .inside = node_map_new(arena)};
    const Graph *body = group->regions[0];
    strict = strict || !dtype_is_float(group->types[0].dtype);
    for (const Node *node = body->first; node; node = node->next)
        if (strict)
            eval_strict(&judge, node);
        else
            eval_fast(&judge, node);
    Value result = body->results[0].value;
    if (strict) return (Judgement){.expected = *strict_operand(&judge, result)};
    Estimate estimate = estimate_of(&judge, result);
    return (Judgement){.expected = estimate.value, .bound = estimate.error};
}
