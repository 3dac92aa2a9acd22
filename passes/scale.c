/* Scales and shifts by constants beside a contraction go into its weight and
 * bias: what is left of a batch norm, and a picture's division by 255.  New
 * weights are computed in double and rounded once. */
#include "ir/op.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

#include <math.h>

/* Operands of the contraction and the constant beside it, as the patterns below number them. */
enum { INPUT, WEIGHT, BIAS, FACTOR };

static const Value no_value = {NULL, 0};

/* The contraction of a match: the root, or the node under it. */
static const Node *contraction_of(const Match *match)
{
    return node_def(match->root)->kind == KIND_CONTRACT ? match->root : match->node[1];
}

/* A number, or one for each of `channels` along the last axis. */
static bool is_per_channel(const Tensor *tensor, int64_t channels)
{
    int64_t count = type_elements(&tensor->type);
    return count == 1 || (count == channels && tensor->type.dim[tensor->type.rank - 1].high == channels);
}

static double element_for(const Tensor *tensor, int64_t channel)
{
    return tensor_real(tensor, type_elements(&tensor->type) == 1 ? 0 : channel);
}

/* Weights are [..., input channels, output channels]; with groups, the input channels of one group. */
static int64_t output_channels(const Tensor *weight) { return weight->type.dim[weight->type.rank - 1].high; }
static int64_t group_channels(const Tensor *weight) { return weight->type.dim[weight->type.rank - 2].high; }

static Contraction describe(const Node *node)
{
    Contraction c;
    node_def(node)->contract(node, &c);
    return c;
}

/* A vector has no output channels, and one weight for each batch more than one set of them. */
static bool has_channels(const Tensor *weight, const Node *node)
{
    return weight->type.rank >= 2 && !describe(node).batched_weight;
}

/* Weights of 8 bits cannot take a factor. */
static bool is_real(const Match *match) { return dtype_is_float(match->root->types[0].dtype); }

/* One use only: else the contraction would be computed twice. */
static bool follows_alone(const Match *match)
{
    if (!is_real(match)) return false;
    const Node *node = contraction_of(match);
    const Tensor *weight = constant_elements(match->bound[WEIGHT]);
    return has_channels(weight, node) &&
           is_per_channel(constant_elements(match->bound[FACTOR]), output_channels(weight)) &&
           uses_only_user(match->uses, value_of((Node *)node)) == match->root;
}

/* The scaled or shifted operand of a contraction; a reshape may stand between them. */
static const Node *changed_operand(const Match *match)
{
    const Node *operand = match->root->inputs[0].node;
    return operand->op == OP_reshape ? operand->inputs[0].node : operand;
}

static bool precedes_alone(const Match *match)
{
    if (!is_real(match)) return false;
    const Node *changed = changed_operand(match), *reshaped = match->root->inputs[0].node;
    if (!has_channels(constant_elements(match->bound[WEIGHT]), match->root) ||
        !type_equal(value_type(match->bound[INPUT]), &changed->types[0]) ||
        uses_only_user(match->uses, match->root->inputs[0]) != match->root)
        return false;
    const Tensor *factor = constant_elements(match->bound[FACTOR]);
    const Type *type = &changed->types[0];
    if (changed == reshaped) return is_per_channel(factor, type->dim[type->rank - 1].high);
    return type_elements(&factor->type) == 1 && uses_only_user(match->uses, value_of((Node *)changed)) == reshaped;
}

/* A shift would have to reach the padding too. */
static bool precedes_unpadded(const Match *match)
{
    Window w = describe(contraction_of(match)).window;
    return !w.pad_begin[0] && !w.pad_begin[1] && !w.pad_end[0] && !w.pad_end[1] && precedes_alone(match);
}

static Value contraction_with(const Maker *m, const Node *like, Value input, Value weight, Value bias)
{
    Value in[] = {input, weight, bias};
    if (!input.node || !weight.node) return no_value;
    return make(m, like->op, like->attrs, bias.node ? 3 : 2, in);
}

/* The operand as it was before it was scaled or shifted. */
static Value plain_input(const Maker *m, const Match *match)
{
    const Node *operand = match->root->inputs[0].node;
    if (match->root != contraction_of(match) || operand->op != OP_reshape) return match->bound[INPUT];
    return make(m, OP_reshape, operand->attrs, 1, &match->bound[INPUT]);
}

/* Rounding lost nothing to overflow, nor all to underflow. */
static bool is_in_range(const Tensor *tensor)
{
    static const double least[] = {[F32] = 0x1p-126, [F64] = 0x1p-1022, [F16] = 0x1p-14, [BF16] = 0x1p-126};
    double largest = 0;
    for (int64_t i = 0, count = type_elements(&tensor->type); i < count; i++) {
        double element = fabs(tensor_real(tensor, i));
        if (!isfinite(element)) return false;
        if (element > largest) largest = element;
    }
    return !(largest > 0) || largest >= 1024 * least[tensor->type.dtype];
}

static Value make_in_range(const Maker *m, const Tensor *tensor)
{
    return is_in_range(tensor) ? make_tensor(m, tensor) : no_value;
}

/* Times the factor of its output channel. */
static Value scaled(const Maker *m, const Tensor *a, const Tensor *factor)
{
    Tensor out = tensor_new(m->graph->arena, a->type);
    int64_t channels = a->type.dim[a->type.rank - 1].high;
    for (int64_t i = 0, count = type_elements(&a->type); i < count; i++)
        tensor_set_real(&out, i, tensor_real(a, i) * element_for(factor, i % channels));
    return make_in_range(m, &out);
}

static Value scale_result(const Maker *m, const Match *match)
{
    const Tensor *factor = constant_elements(match->bound[FACTOR]);
    Value weight = scaled(m, constant_elements(match->bound[WEIGHT]), factor), bias = no_value;
    if (match->bound[BIAS].node) {
        bias = scaled(m, constant_elements(match->bound[BIAS]), factor);
        if (!bias.node) return no_value;
    }
    return contraction_with(m, contraction_of(match), match->bound[INPUT], weight, bias);
}

/* The bias that there is, or zeros. */
static Tensor bias_of(const Maker *m, const Match *match)
{
    const Tensor *weight = constant_elements(match->bound[WEIGHT]);
    if (match->bound[BIAS].node) return *constant_elements(match->bound[BIAS]);
    int64_t channels = output_channels(weight);
    return tensor_new(m->graph->arena, type_tensor(weight->type.dtype, 1, &channels));
}

static Value contraction_with_bias(const Maker *m, const Match *match, const Tensor *elements)
{
    const Node *node = contraction_of(match);
    Value bias = make_in_range(m, elements);
    if (!bias.node) return no_value;
    if (!match->bound[BIAS].node) graph_rename(bias.node, arena_printf(m->graph->arena, "%s.bias", node->name));
    return contraction_with(m, node, plain_input(m, match), match->bound[WEIGHT], bias);
}

static Value shift_result_by(const Maker *m, const Match *match, double sign)
{
    Tensor bias = bias_of(m, match), sum = tensor_new(m->graph->arena, bias.type);
    const Tensor *by = constant_elements(match->bound[FACTOR]);
    for (int64_t c = 0; c < type_elements(&bias.type); c++)
        tensor_set_real(&sum, c, tensor_real(&bias, c) + sign * element_for(by, c));
    return contraction_with_bias(m, match, &sum);
}

static Value add_to_result(const Maker *m, const Match *match) { return shift_result_by(m, match, 1); }
static Value subtract_from_result(const Maker *m, const Match *match) { return shift_result_by(m, match, -1); }

/* The input channel that element `i` of a weight multiplies. */
static int64_t input_channel(const Tensor *weight, int64_t i, int64_t groups)
{
    int64_t out = output_channels(weight), in = group_channels(weight);
    return i % out / (out / groups) * in + i / out % in;
}

static Value scale_input(const Maker *m, const Match *match)
{
    const Node *node = contraction_of(match);
    const Tensor *weight = constant_elements(match->bound[WEIGHT]);
    const Tensor *factor = constant_elements(match->bound[FACTOR]);
    int64_t groups = describe(node).window.groups;
    Tensor out = tensor_new(m->graph->arena, weight->type);
    for (int64_t i = 0, count = type_elements(&weight->type); i < count; i++)
        tensor_set_real(&out, i, tensor_real(weight, i) * element_for(factor, input_channel(weight, i, groups)));
    Value scaled_weight = make_in_range(m, &out); /* made first whatever the compiler does: the order is in the text */
    return contraction_with(m, node, plain_input(m, match), scaled_weight, match->bound[BIAS]);
}

static Value shift_input_by(const Maker *m, const Match *match, double sign)
{
    const Node *node = contraction_of(match);
    const Tensor *weight = constant_elements(match->bound[WEIGHT]), *by = constant_elements(match->bound[FACTOR]);
    int64_t groups = describe(node).window.groups, channels = output_channels(weight);
    Tensor bias = bias_of(m, match), sum = tensor_new(m->graph->arena, bias.type);
    double *exact = ARENA_ARRAY(m->graph->arena, double, channels);
    for (int64_t i = 0, count = type_elements(&weight->type); i < count; i++)
        exact[i % channels] += tensor_real(weight, i) * element_for(by, input_channel(weight, i, groups));
    for (int64_t c = 0; c < channels; c++) tensor_set_real(&sum, c, tensor_real(&bias, c) + sign * exact[c]);
    return contraction_with_bias(m, match, &sum);
}

static Value add_to_input(const Maker *m, const Match *match) { return shift_input_by(m, match, 1); }
static Value subtract_from_input(const Maker *m, const Match *match) { return shift_input_by(m, match, -1); }

/* x W + c is what dense computes. */
static bool is_plain_matmul(const Match *match)
{
    const Tensor *weight = constant_elements(match->bound[WEIGHT]);
    return weight->type.rank == 2 && follows_alone(match);
}

static Value dense_from_matmul(const Maker *m, const Match *match)
{
    Tensor zeros = bias_of(m, match), bias = tensor_new(m->graph->arena, zeros.type);
    const Tensor *by = constant_elements(match->bound[FACTOR]);
    for (int64_t c = 0; c < type_elements(&bias.type); c++) tensor_set_real(&bias, c, element_for(by, c));
    Value in[] = {match->bound[INPUT], match->bound[WEIGHT], make_tensor(m, &bias)};
    return make(m, OP_dense, NULL, 3, in);
}

#define W KNOWN(WEIGHT)
#define B KNOWN(BIAS)
#define C KNOWN(FACTOR)

#define ROW(name, from, build, applies)                                                                                \
    {                                                                                                                  \
        name, REASSOC, from, NULL, build, applies                                                                      \
    }

#define AFTER(op, ...)                                                                                                 \
    ROW(#op "-mul", EITHER(mul, MATCH(op, X, __VA_ARGS__), C), scale_result, follows_alone),                           \
        ROW(#op "-add", EITHER(add, MATCH(op, X, __VA_ARGS__), C), add_to_result, follows_alone),                      \
        ROW(#op "-sub", MATCH(sub, MATCH(op, X, __VA_ARGS__), C), subtract_from_result, follows_alone)

#define SCALED(op, name, operand, ...) ROW(name "-" #op, MATCH(op, operand, __VA_ARGS__), scale_input, precedes_alone)
#define SHIFTED(op, name, operand, build, ...)                                                                         \
    ROW(name "-" #op, MATCH(op, operand, __VA_ARGS__), build, precedes_unpadded)

#define MUL EITHER(mul, X, C)
#define ADD EITHER(add, X, C)
#define SUB MATCH(sub, X, C)
#define BEFORE(op, ...)                                                                                                \
    SCALED(op, "mul", MUL, __VA_ARGS__), SCALED(op, "mul-reshape", MATCH(reshape, MUL), __VA_ARGS__),                  \
        SHIFTED(op, "add", ADD, add_to_input, __VA_ARGS__), SHIFTED(op, "sub", SUB, subtract_from_input, __VA_ARGS__), \
        SHIFTED(op, "add-reshape", MATCH(reshape, ADD), add_to_input, __VA_ARGS__),                                    \
        SHIFTED(op, "sub-reshape", MATCH(reshape, SUB), subtract_from_input, __VA_ARGS__)

static const Rule rows[] = {
    AFTER(conv2d, W),
    AFTER(conv2d, W, B),
    AFTER(dense, W),
    AFTER(dense, W, B),
    ROW("matmul-mul", EITHER(mul, MATCH(matmul, X, W), C), scale_result, follows_alone),
    ROW("matmul-add", EITHER(add, MATCH(matmul, X, W), C), dense_from_matmul, is_plain_matmul),
    BEFORE(conv2d, W),
    BEFORE(conv2d, W, B),
    BEFORE(dense, W),
    BEFORE(dense, W, B),
    SCALED(matmul, "mul", MUL, W),
    SCALED(matmul, "mul-reshape", MATCH(reshape, MUL), W),
};
const RuleSet scale_rules = {rows, (int)(sizeof rows / sizeof *rows)};

/* These change what is rounded when: for fast only.  One shift may wait for another to be folded away. */
bool pass_scale(Graph *graph, const PassContext *context, Diag *diag)
{
    return !context->fast || rewrite(graph, scale_rules, REASSOC, diag) >= 0;
}
