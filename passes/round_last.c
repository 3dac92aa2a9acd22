/* max_pool(requantize(x)) is requantize(max_pool(x)) where the scales are not negative, for then every rule of rounding
 * keeps the order: a pooling in the registers of a convolution compares its sums, and rounds only the greatest. */
#include "passes/pass.h"
#include "passes/rewrite.h"

#include <math.h>

static bool is_ordered(Value scale)
{
    const Tensor *tensor = constant_elements(scale);
    for (int64_t i = 0; tensor && i < type_elements(&tensor->type); i++) {
        double number = tensor_real(tensor, i);
        if (!isfinite(number) || number < 0) return false;
    }
    return tensor != NULL;
}

/* Scales of every pixel apart would have to be pooled too. */
static bool is_per_channel(Value scale, const Type *x)
{
    const Type *type = value_type(scale);
    for (int axis = 0; axis + 1 < type->rank; axis++)
        if (type->dim[axis].high != 1) return false;
    return type->rank <= x->rank;
}

static bool keeps_order(const Node *requantize)
{
    const RequantizeAttrs *attrs = requantize->attrs;
    const Type *x = value_type(requantize->inputs[0]);
    if (attrs->rule == REQUANT_TFLITE) return false; /* its shifts to the left wrap */
    for (int i = 1; i < requantize->ninputs; i++)
        if (!is_ordered(requantize->inputs[i]) || !is_per_channel(requantize->inputs[i], x)) return false;
    if (attrs->rule != REQUANT_ONNX) return true;
    const Tensor *step = constant_elements(requantize->inputs[2]);
    for (int64_t i = 0; i < type_elements(&step->type); i++)
        if (!(tensor_real(step, i) > 0)) return false;
    return true;
}

/* Of windows side by side the sums never leave the registers; others are better compared as bytes. */
static bool joins_contraction(const Node *pool)
{
    const Node *sums = pool->inputs[0].node->inputs[0].node;
    Pooling pooling;
    node_def(pool)->pool(pool, &pooling);
    const Window *w = &pooling.window;
    bool joins = node_def(sums)->kind == KIND_CONTRACT;
    for (int i = 0; i < 2; i++)
        joins = joins && w->kernel[i] == w->stride[i] && w->pad_begin[i] == 0 && w->pad_end[i] == 0;
    return joins;
}

static bool round_after(Graph *graph, Uses *uses, Node *pool, Diag *diag)
{
    Node *requantize = pool->inputs[0].node;
    if (requantize->op != OP_requantize || uses_only_user(uses, value_of(requantize)) != pool) return true;
    if (!joins_contraction(pool) || !keeps_order(requantize)) return true;
    NodeSpec greatest = {.op = OP_max_pool,
                         .name = arena_printf(graph->arena, "%s.sums", pool->name),
                         .ninputs = 1,
                         .inputs = requantize->inputs,
                         .attrs = pool->attrs,
                         .origin = pool->origin,
                         .before = pool};
    Node *first = graph_add(graph, &greatest, diag);
    if (!first) return false;
    Value in[3] = {value_of(first)};
    for (int i = 1; i < requantize->ninputs; i++) in[i] = requantize->inputs[i];
    const char *name = pool->name;
    NodeSpec rounded = {.op = OP_requantize,
                        .name = name,
                        .ninputs = requantize->ninputs,
                        .inputs = in,
                        .attrs = requantize->attrs,
                        .origin = requantize->origin,
                        .before = pool};
    Node *last = graph_add(graph, &rounded, diag);
    if (!last) return false;
    uses_enter(uses, first);
    uses_enter(uses, last);
    uses_replace(uses, value_of(pool), value_of(last));
    uses_remove(uses, pool);
    uses_remove(uses, requantize);
    graph_rename(last, name);
    return true;
}

bool pass_round_last(Graph *graph, const PassContext *context, Diag *diag)
{
    (void)context;
    Arena *scratch = arena_child(graph->arena);
    Uses *uses = uses_new(scratch, graph);
    bool good = true;
    for (Node *node = graph->first, *next; good && node; node = next) {
        next = node->next;
        if (node->op == OP_max_pool) good = round_after(graph, uses, node, diag);
    }
    arena_free(scratch);
    return good;
}
