/* qdq: contractions between dequantize and quantize, as other tools write 8-bit networks, work on the stored numbers.
 *
 * A contraction of real numbers that are made of stored ones, x = s * (q - z), is the sums of the stored ones times
 * both scales: s_x * s_w * (sum of q_x * q_w - z_x * sum of q_w).  Integer sums are exact, so the result differs from
 * that of the real numbers by the rounding of their sums alone, which can move it across the boundary between two
 * stored numbers: at most one step of the quantize behind it.  Everything else between dequantize and quantize is
 * element-wise, a view or takes maxima, and computes the same bits either way: it becomes the epilogue of the sums. */
#include "ir/op.h"
#include "passes/pass.h"

enum {
    MOST_VIEWS = 8,
    MOST_PRODUCTS = 60000
}; /* 255 * 128 times that fits i32, with room for the zero point's share */

/* A real operand that views show of stored numbers. */
typedef struct Shown {
    const Node *dequantize;
    const Node *view[MOST_VIEWS]; /* outermost first */
    int views;
} Shown;

static bool is_number(Value value) { return type_elements(value_type(value)) == 1; }

static bool find_stored(Value value, Shown *out)
{
    const Node *node = value.node;
    for (out->views = 0; node_def(node)->kind == KIND_VIEW && node->ninputs == 1; node = node->inputs[0].node) {
        if (out->views == MOST_VIEWS) return false;
        out->view[out->views++] = node;
    }
    out->dequantize = node;
    if (node->op != OP_dequantize || node->types[0].dtype != F32) return false;
    Dtype dtype = value_type(node->inputs[0])->dtype;
    return dtype == I8 || dtype == U8;
}

static int64_t zero_of(const Shown *shown) { return ((const DequantizeAttrs *)shown->dequantize->attrs)->zero; }

/* The only axis of the scale that is longer than 1; -1 when there is none, -2 when there are several. */
static int axis_of_scale(const Shown *shown)
{
    Value scale = shown->dequantize->inputs[1];
    const Type *type = value_type(scale);
    int found = -1, missing = shown->dequantize->types[0].rank - type->rank;
    for (int axis = 0; axis < type->rank; axis++)
        if (type->dim[axis].high != 1) found = found == -1 ? missing + axis : -2;
    return found;
}

/* Which axis of what the views show is this one of what they are of; -1 when none is. */
static int axis_shown(const Shown *shown, int axis)
{
    for (int i = shown->views; i-- > 0 && axis >= 0;) {
        const Node *view = shown->view[i];
        IndexMap map;
        if (!node_def(view)->view(view, &map) || map.linear || map.offset[axis]) return -1;
        int next = -1;
        for (int r = 0; r < view->types[0].rank; r++)
            if (map.stride[axis][r]) next = next == -1 && map.stride[axis][r] == 1 ? r : -2;
        if (next < 0 || view->types[0].dim[next].high != value_type(view->inputs[0])->dim[axis].high) return -1;
        axis = next;
    }
    return axis;
}

static bool is_constant(Value value)
{
    const Node *node = value.node;
    while (node_def(node)->kind == KIND_VIEW) node = node->inputs[0].node;
    return node->op == OP_constant || node->op == OP_param || node_def(node)->kind == KIND_IOTA;
}

/* Weights are symmetric, known, and scaled as a whole or for each output channel, which is their last axis. */
static bool can_be_weight(const Shown *w, const Type *type)
{
    if (zero_of(w) || value_type(w->dequantize->inputs[0])->dtype != I8) return false;
    if (type->rank < 2 || !is_constant(w->dequantize->inputs[0]) || !is_constant(w->dequantize->inputs[1]))
        return false;
    int axis = axis_of_scale(w);
    return axis == -1 || (axis >= 0 && axis_shown(w, axis) == type->rank - 1);
}

static bool can_store(const Node *node, Shown *x, Shown *w)
{
    Contraction c;
    if (node_def(node)->kind != KIND_CONTRACT || node->types[0].dtype != F32) return false;
    if (!find_stored(node->inputs[0], x) || !find_stored(node->inputs[1], w)) return false;
    const Type *weight = value_type(node->inputs[1]);
    node_def(node)->contract(node, &c);
    int64_t products = type_elements(weight) / weight->dim[weight->rank - 1].high;
    return is_number(x->dequantize->inputs[1]) && can_be_weight(w, weight) && !c.batched_weight &&
           products <= MOST_PRODUCTS;
}

/* ---- the same in integers ---- */

static Value show(const Maker *m, const Shown *shown)
{
    Value value = shown->dequantize->inputs[0];
    for (int i = shown->views; value.node && i-- > 0;)
        value = make(m, shown->view[i]->op, shown->view[i]->attrs, 1, &value);
    return value;
}

/* What the zero point of x adds to each sum, taken off: it is known where the weights are. */
static Value less_zero(const Maker *m, Value weight, int64_t zero)
{
    ReduceAttrs all = {.axes.count = value_type(weight)->rank - 1};
    for (int i = 0; i < all.axes.count; i++) all.axes.at[i] = i;
    CastAttrs wide = {.to = I32};
    Value cast = make(m, OP_cast, &wide, 1, &weight), sums = make(m, OP_reduce_sum, &all, 1, &cast);
    Value factor = make_number(m, I32, (double)-zero);
    return make_binary(m, OP_mul, sums, factor);
}

static bool is_padded(const Pad *pad)
{
    bool padded = pad->mode == PAD_SAME;
    for (int i = 0; pad->mode == PAD_EXPLICIT && i < pad->sizes.count; i++) padded |= pad->sizes.at[i] > 0;
    return padded;
}

static Value make_sums(const Maker *m, const Node *node, const Shown *x, const Shown *w)
{
    int64_t zero = zero_of(x);
    Value in[3] = {show(m, x), show(m, w), {NULL, 0}};
    if (!in[0].node || !in[1].node) return in[2];
    if (zero) in[2] = less_zero(m, in[1], zero);
    if (node->op != OP_conv2d) return make(m, OP_dense, NULL, zero ? 3 : 2, in);
    ConvAttrs attrs = *(const ConvAttrs *)node->attrs;
    attrs.pad_value = is_padded(&attrs.pad) ? zero : 0;
    return make(m, OP_conv2d, &attrs, zero ? 3 : 2, in);
}

/* Both scales as one, a number or one for each output channel. */
static Value make_scale(const Maker *m, const Shown *x, const Shown *w)
{
    Value of_x = x->dequantize->inputs[1], of_w = w->dequantize->inputs[1];
    ReshapeAttrs line = {.shape = {.count = 1}};
    line.shape.at[0] = type_elements(value_type(of_w));
    ReshapeAttrs number = {.shape = {.count = 0}};
    of_x = make(m, OP_reshape, &number, 1, &of_x);
    of_w = make(m, OP_reshape, line.shape.at[0] == 1 ? &number : &line, 1, &of_w);
    return make_binary(m, OP_mul, of_x, of_w);
}

static bool store(Graph *graph, Node *node, const Shown *x, const Shown *w, Diag *diag)
{
    Maker m = {.graph = graph, .node = node, .at = node, .diag = diag};
    Contraction c;
    node_def(node)->contract(node, &c);
    Value sums = make_sums(&m, node, x, w), scale = make_scale(&m, x, w);
    Value real = make(&m, OP_dequantize, NULL, 2, (Value[]){sums, scale});
    bool biased = c.bias >= 0 && c.bias < node->ninputs && node->inputs[c.bias].node;
    if (biased) real = make_binary(&m, OP_add, real, node->inputs[c.bias]);
    if (!real.node) return false;
    const char *name = node->name;
    graph_replace(graph, value_of(node), real);
    graph_remove(graph, node);
    graph_rename(real.node, name);
    return true;
}

bool pass_qdq(Graph *graph, const PassContext *context, Diag *diag)
{
    if (!context->fast) return true;
    for (Node *node = graph->first, *next; node; node = next) {
        Shown x, w;
        next = node->next;
        for (int r = 0; r < node->nregions; r++)
            if (!pass_qdq(node->regions[r], context, diag)) return false;
        if (can_store(node, &x, &w) && !store(graph, node, &x, &w, diag)) return false;
    }
    return true;
}
